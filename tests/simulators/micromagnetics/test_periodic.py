"""Samples that repeat in the plane: exact series, exact spectra, and the middle of large open samples."""

import itertools

import numpy as np
import pytest

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import Material, Mesh, Problem, demag_tensor
from tests.simulators.micromagnetics.states import coarse, evaluated, random_spins

SATURATION = 1e6
ENERGY = VACUUM_PERMEABILITY * SATURATION**2 / 2
MATERIAL = Material(SATURATION, 1e-11)


def film(shape, cell, periodic=(True, True), dtype=np.float64):
    with coarse():
        return Problem(Mesh(shape, cell, periodic), MATERIAL, dtype=dtype)


def kooy_enz(ratio):
    """Return e_d/(mu0 Ms^2/2) of stripes of zero wall width, period over thickness `ratio`.

    C. Kooy, U. Enz, Philips Res. Rep. 15, 7 (1960), with mu = 1 and no net moment; the sum of 1/n^3 is 7 zeta(3)/8.
    """
    n = np.arange(1, 4001, 2.0)
    zeta = 1.2020569031595942
    return 4 * ratio / np.pi**3 * (7 / 8 * zeta - np.sum(np.exp(-2 * np.pi * n / ratio) / n**3))


@pytest.mark.parametrize("along", ["y", "x"])
@pytest.mark.parametrize(("ratio", "cells"), [(0.2, 8), (1.0, 8), (1.0, 20), (5.0, 16), (5.0, 32)])
def test_stripes_have_the_energy_of_the_series(ratio, cells, along) -> None:
    thickness = 20e-9
    h = ratio * thickness / cells
    shape, cell = ((1, 1, cells), (thickness, h, h)) if along == "x" else ((1, cells, 1), (thickness, h, h))
    m = np.zeros((3, *shape))
    m[2] = np.where(np.arange(cells) < cells // 2, 1.0, -1.0).reshape(shape)
    problem = film(shape, cell)
    energies, _ = evaluated(problem, m)
    found = energies.demag / (problem.mesh.volume * problem.mesh.cells) / ENERGY
    assert found == pytest.approx(kooy_enz(ratio), rel=1e-8)


@pytest.mark.parametrize("layers", [2, 5])
def test_stripes_in_layers_have_the_same_energy(layers) -> None:
    cells, thickness = 16, 30e-9
    shape, h = (layers, 2, cells), 40e-9 / cells
    m = np.zeros((3, *shape))
    m[2] = np.where(np.arange(cells) < cells // 2, 1.0, -1.0)
    problem = film(shape, (thickness / layers, h, h))
    energies, _ = evaluated(problem, m)
    found = energies.demag / (problem.mesh.volume * problem.mesh.cells) / ENERGY
    assert found == pytest.approx(kooy_enz(40 / 30), rel=1e-8)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 9), (1, 4, 33), (3, 5, 4), (2, 1, 7)])
def test_uniform_film_has_factors_one_and_nothing(shape) -> None:
    """N_zz = 1, N_xx = N_yy = 0."""
    problem = film(shape, (3e-9, 2e-9, 1.5e-9))
    full = ENERGY * problem.mesh.volume * problem.mesh.cells
    for component, factor in enumerate((0, 0, 1)):
        m = np.zeros((3, *shape))
        m[component] = 1
        energies, field = evaluated(problem, m)
        assert energies.demag / full == pytest.approx(factor, abs=1e-12)
        expected = -factor * VACUUM_PERMEABILITY * SATURATION * m
        assert np.abs(field - expected).max() < 1e-12 * VACUUM_PERMEABILITY * SATURATION


@pytest.mark.parametrize("cell", [(2e-9, 2e-9, 2e-9), (49.5e-9, 2e-9, 2e-9), (5e-9, 1e-9, 3e-9)])
def test_tensor_itself_sums_to_a_uniform_film(cell) -> None:
    for shape in ((2, 3, 8), (1, 7, 4)):
        sums = demag_tensor(shape, cell, periodic=(True, True))[:, 0].sum(axis=(1, 2))
        assert sums[:3] == pytest.approx([0, 0, 1], abs=1e-9)


def spectrum_between_layers(mesh, distance):
    """Return the exact N (6, y, x) over the plane's frequencies, between layers `distance` layers apart, from 1.

    A film of thickness t and wave vector k: the potential of its charges outside falls as exp(-k z). A cell is a
    rectangle, so that each frequency has aliases, weighted by its spectrum squared; high ones do not reach far.
    """
    (dz, dy, dx), (_, ny, nx) = mesh.cell, mesh.shape
    many = 60
    ky = 2 * np.pi * (np.fft.fftfreq(ny)[:, None] + np.arange(-many, many + 1)) / dy
    kx = 2 * np.pi * (np.fft.fftfreq(nx)[:, None] + np.arange(-many, many + 1)) / dx
    ky, kx = ky[:, None, :, None], kx[None, :, None, :]
    k = np.hypot(ky, kx)
    safe = np.where(k > 0, k, 1)
    d = distance * dz
    fall = (np.exp(-k * (d - dz)) - 2 * np.exp(-k * d) + np.exp(-k * (d + dz))) / (2 * safe * dz)
    weight = (np.sinc(ky * dy / (2 * np.pi)) * np.sinc(kx * dx / (2 * np.pi))) ** 2 * fall
    parts = [kx**2 / safe**2, ky**2 / safe**2, -1.0 + 0 * k, kx * ky / safe**2, kx / safe, ky / safe]
    return np.stack([np.sum(weight * part, axis=(2, 3)) for part in parts])


@pytest.mark.parametrize(("shape", "cell"), [((4, 6, 8), (2e-9, 2e-9, 2e-9)), ((3, 5, 4), (3e-9, 1e-9, 2e-9))])
def test_tensor_between_layers_has_the_exact_spectrum(shape, cell) -> None:
    tensor = demag_tensor(shape, cell, periodic=(True, True))
    mesh = Mesh(shape, cell, (True, True))
    for distance in range(2, shape[0]):
        expected = spectrum_between_layers(mesh, distance)
        spectra = np.fft.fft2(tensor[:, distance])
        # xz and yz are odd: their spectra are imaginary. Where half a period is a frequency, an odd one is nought.
        found = np.concatenate([spectra[:4].real, -spectra[4:].imag])
        for component, axes in ((3, (0, 1)), (4, (1,)), (5, (0,))):
            for axis in axes:
                if shape[axis + 1] % 2 == 0:
                    nyquist = [slice(None), slice(None)]
                    nyquist[axis] = shape[axis + 1] // 2
                    expected[(component, *nyquist)] = 0
        assert np.abs(np.abs(found[4:]) - np.abs(expected[4:])).max() < 1e-8
        assert np.abs(found[:4] - expected[:4]).max() < 1e-8


def infinite_prism(ratio):
    """Return the factor along c of an infinitely long prism of cross-section a x c, `ratio` = c/a.

    W. F. Brown, Magnetostatic Principles in Ferromagnetism (1962); 1/2 for a square, 1 for a film.
    """
    p = ratio
    return ((1 - p * p) / (2 * p) * np.log(1 + p * p) + p * np.log(p) + 2 * np.arctan(1 / p)) / np.pi


@pytest.mark.parametrize("shape", [(4, 4, 1), (3, 7, 2), (2, 5, 6), (1, 1, 9)])
@pytest.mark.parametrize("along", ["y", "x"])
def test_infinite_bars_have_their_exact_factors(shape, along) -> None:
    """One direction repeats, the other is open."""
    nz, across, n = shape
    width, height = across * 2e-9, nz * 3e-9
    mesh_shape, periodic = ((nz, across, n), (False, True)) if along == "x" else ((nz, n, across), (True, False))
    problem = film(mesh_shape, (3e-9, 2e-9, 2e-9), periodic)
    full = ENERGY * problem.mesh.volume * problem.mesh.cells
    factor = infinite_prism(height / width)
    expected = {"x": (0, 1 - factor, factor), "y": (1 - factor, 0, factor)}[along]
    for component in range(3):
        m = np.zeros((3, *mesh_shape))
        m[component] = 1
        energies, _ = evaluated(problem, m)
        assert energies.demag / full == pytest.approx(expected[component], abs=1e-9)


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, True)])
def test_repeating_sample_is_the_middle_of_a_large_open_one(periodic) -> None:
    """No net moment and many copies: their edges are far, and fall off."""
    rng = np.random.default_rng(8)
    shape, cell = (2, 4, 5), (3e-9, 2e-9, 1.5e-9)
    m = random_spins(rng, *shape)
    # The opposite copy beside it takes away moments.
    m = np.concatenate([m, -m], axis=3 if periodic[1] else 2)
    shape = m.shape[1:]
    _, expected = evaluated(film(shape, cell, periodic), m)
    errors = []
    for copies in (5, 11):
        tiles = (1, 1, copies if periodic[0] else 1, copies if periodic[1] else 1)
        many = np.tile(m, tiles)
        _, field = evaluated(film(many.shape[1:], cell, (False, False)), many)
        middle = tuple(slice(n * (t // 2), n * (t // 2 + 1)) for n, t in zip(shape, tiles[1:], strict=True))
        errors.append(np.abs(field[:, *middle] - expected)[:, :, 1:-1, 1:-1].max() / np.abs(expected).max())
    assert errors[1] < 2e-3
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize("periodic", list(itertools.product((False, True), repeat=2)))
def test_shifts_along_a_repeating_direction_change_nothing(periodic) -> None:
    rng = np.random.default_rng(3)
    shape = (3, 6, 7)
    m = random_spins(rng, *shape)
    with coarse():
        material = Material(SATURATION, 1e-11, anisotropy=2e5, dmi=2e-3)
        problem = Problem(Mesh(shape, (2e-9, 3e-9, 2e-9), periodic), material, field=(0.1, 0.2, 0.3))
    energies, field = evaluated(problem, m)
    for axis, wraps in zip((2, 3), periodic, strict=True):
        moved, shifted = evaluated(problem, np.roll(m, 2, axis))
        same = all(
            getattr(moved, name) == pytest.approx(value, rel=1e-11, abs=1e-24) for name, value in vars(energies).items()
        )
        assert same is wraps
        assert np.allclose(shifted, np.roll(field, 2, axis), rtol=0, atol=1e-11 * np.abs(field).max()) is wraps
