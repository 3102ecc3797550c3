"""Energies of given states against closed forms and the numbers that independent codes agree on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import Material, Mesh, Problem, effective_field
from tests.simulators.micromagnetics.states import (
    coarse,
    evaluated,
    multilayer,
    nickel,
    random_problem,
    random_spins,
    smooth_state,
)

# Chapter micromagnetics, E1 and E2: two codes of other authors agree with them, exchange to 1e-15, demag to 5e-10.
FILM = {
    "exchange": 2.4212914002e-17,
    "anisotropy": 1.2469029172e-15,
    "demag": 2.2124893295e-16,
    "dmi": 9.6171308154e-20,
}
BLOCK = {
    "exchange": 3.0903282169e-16,
    "anisotropy": 1.5487994500e-16,
    "demag": 1.8242372746e-16,
    "dmi": 1.1413276104e-19,
}
FILM_MESH = Mesh((1, 256, 256), (49.5e-9, 2e-9, 2e-9))
BLOCK_MESH = Mesh((64, 96, 96), (2e-9, 2e-9, 2e-9))
CASES = [(FILM_MESH, multilayer(), FILM), (BLOCK_MESH, nickel(), BLOCK)]


@pytest.mark.parametrize(("mesh", "material", "expected"), CASES, ids=["film", "block"])
def test_smooth_state_has_the_published_energies(mesh, material, expected) -> None:
    m = smooth_state(mesh.shape)
    double, field = evaluated(Problem(mesh, material), m)
    single, rough = evaluated(Problem(mesh, material, dtype=np.float32), m)
    for name, value in expected.items():
        assert getattr(double, name) == pytest.approx(value, rel=1e-8), name
        assert getattr(single, name) == pytest.approx(getattr(double, name), rel=1e-6), name
    assert double.zeeman == 0
    assert rough.dtype == np.float32
    assert np.abs(rough - field).max() < 3e-6 * np.abs(field).max()


def test_multilayer_is_the_one_of_the_chapter() -> None:
    assert multilayer().anisotropy == pytest.approx(146377.64838, rel=1e-9)


wave_numbers = st.integers(1, 5)


@given(wave_numbers, st.integers(6, 20), st.sampled_from(["y", "x"]), st.integers(1, 3))
def test_spiral_has_the_discrete_exchange_density(k: int, n: int, along: str, layers: int) -> None:
    """2A (1 - cos kh)/h^2, exact for the sum over bonds (chapter, section 2)."""
    h = 1.5e-9
    shape, cell = ((layers, 3, n), (2e-9, 1e-9, h)) if along == "x" else ((layers, n, 3), (2e-9, h, 1e-9))
    problem = Problem(Mesh(shape, cell, (True, True)), Material(5e5, 1e-11), demag=False)
    angle = 2 * np.pi * k * np.arange(n) / n
    angle = np.broadcast_to(angle if along == "x" else angle[:, None], shape)
    energies, _ = evaluated(problem, np.stack([np.cos(angle), np.sin(angle), 0 * angle]))
    density = energies.exchange / (problem.mesh.volume * problem.mesh.cells)
    assert density == pytest.approx(2 * 1e-11 * (1 - np.cos(2 * np.pi * k / n)) / h**2, rel=1e-12)


@given(wave_numbers, st.integers(11, 20), st.sampled_from(["y", "x"]), st.sampled_from([2e-3, -2e-3]))
def test_cycloid_has_the_discrete_dmi_density(k: int, n: int, along: str, dmi: float) -> None:
    """D sin(kh)/h, exact for the sum over bonds: positive D pays for (sin kx, 0, cos kx) (chapter, section 2)."""
    h = 1.5e-9
    shape, cell = ((2, 3, n), (2e-9, 1e-9, h)) if along == "x" else ((2, n, 3), (2e-9, h, 1e-9))
    problem = Problem(Mesh(shape, cell, (True, True)), Material(5e5, 1e-11, dmi=dmi), demag=False)
    angle = 2 * np.pi * k * np.arange(n) / n
    angle = np.broadcast_to(angle if along == "x" else angle[:, None], shape)
    turned = [np.sin(angle), 0 * angle, np.cos(angle)] if along == "x" else [0 * angle, np.sin(angle), np.cos(angle)]
    energies, _ = evaluated(problem, np.stack(turned))
    density = energies.dmi / (problem.mesh.volume * problem.mesh.cells)
    assert density == pytest.approx(dmi * np.sin(2 * np.pi * k / n) / h, rel=1e-12)


def test_open_chain_has_no_bond_at_its_ends() -> None:
    """A chain of n spins has n - 1 bonds; the same chain that repeats has n."""
    n, h = 7, 1e-9
    angle = np.arange(n) * 0.4
    m = np.stack([np.sin(angle), 0 * angle, np.cos(angle)])[:, None, None, :]
    bond = 2e-11 * (1 - np.cos(0.4)) / h**2 * h**3
    material = Material(5e5, 1e-11, dmi=1e-3)
    open_, _ = evaluated(Problem(Mesh((1, 1, n), (h, h, h)), material, demag=False), m)
    assert open_.exchange == pytest.approx((n - 1) * bond, rel=1e-12)
    assert open_.dmi == pytest.approx((n - 1) * 1e-3 * h**2 * np.sin(0.4), rel=1e-12)
    wrapped, _ = evaluated(Problem(Mesh((1, 1, n), (h, h, h), (False, True)), material, demag=False), m)
    closing = 2e-11 * (1 - np.cos(0.4 * (n - 1))) / h**2 * h**3
    assert wrapped.exchange == pytest.approx((n - 1) * bond + closing, rel=1e-12)


def test_bond_between_materials_is_the_harmonic_mean() -> None:
    """Two cells, (V/h^2) A_ij |m_i - m_j|^2 with A_ij = 2 A_i A_j/(A_i + A_j); a void neighbour has no bond."""
    h = 2e-9
    stiffness = np.array([1e-11, 3e-11, 5e-11]).reshape(1, 1, 3)
    saturation = np.array([5e5, 8e5, 0.0]).reshape(1, 1, 3)
    problem = Problem(Mesh((1, 1, 3), (h, h, h)), Material(saturation, stiffness), demag=False)
    m = np.zeros((3, 1, 1, 3))
    m[0, 0, 0, 0] = m[1, 0, 0, 1] = m[2, 0, 0, 2] = 1
    energies, field = evaluated(problem, m)
    assert energies.exchange == pytest.approx(h * 1.5e-11 * 2, rel=1e-12)
    # (2/Ms_i) A_ij (m_j - m_i)/h^2
    assert field[:, 0, 0, 0] == pytest.approx(2 / 5e5 * 1.5e-11 / h**2 * np.array([-1, 1, 0]), rel=1e-12)
    assert field[:, 0, 0, 1] == pytest.approx(2 / 8e5 * 1.5e-11 / h**2 * np.array([1, -1, 0]), rel=1e-12)
    assert not field[:, 0, 0, 2].any()


def test_uniform_states_have_plain_energies() -> None:
    """Zeeman -Ms V m.B, anisotropy Ku V (1 - (m.u)^2), no exchange and no DMI."""
    problem = Problem(
        Mesh((2, 3, 4), (1e-9, 2e-9, 3e-9)),
        Material(8e5, 1e-11, anisotropy=3e5, axis=(0, 3, 4), dmi=1e-3),
        field=(0.1, -0.2, 0.3),
        demag=False,
    )
    m = np.ones((3, 2, 3, 4)) * np.array([2.0, 1.0, 2.0]).reshape(3, 1, 1, 1) / 3
    volume = 24 * 6e-27
    energies, _ = evaluated(problem, m)
    assert energies.zeeman == pytest.approx(-8e5 * volume * (0.2 - 0.2 + 0.6) / 3, rel=1e-12)
    assert energies.anisotropy == pytest.approx(3e5 * volume * (1 - (11 / 15) ** 2), rel=1e-12)
    assert abs(energies.exchange) < 1e-12 * energies.anisotropy
    assert abs(energies.dmi) < 1e-12 * energies.anisotropy
    assert energies.total == pytest.approx(energies.zeeman + energies.anisotropy, rel=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_a_turned_sample_has_turned_fields(seed: int) -> None:
    """A quarter turn of everything about z changes no energy: no axis is favoured by a loop."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, shape=(3, 5, 4))
    m = random_spins(rng, 3, 5, 4)

    def turned(values, vector):
        moved = np.rot90(values, 1, axes=(-1, -2))
        return np.stack([-moved[1], moved[0], moved[2]]) if vector else moved

    mesh, material = problem.mesh, problem.material
    dz, dy, dx = mesh.cell
    with coarse():
        other = Problem(
            Mesh((3, 4, 5), (dz, dx, dy)),
            Material(
                *(turned(getattr(material, name), False) for name in ("saturation", "exchange")),
                anisotropy=turned(material.anisotropy, False),
                axis=turned(
                    np.broadcast_to(material.axis.reshape(3, *material.axis.shape[1:] or (1, 1, 1)), m.shape), True
                ),
                dmi=turned(material.dmi, False),
            ),
            field=turned(
                np.broadcast_to(problem.field.reshape(3, *problem.field.shape[1:] or (1, 1, 1)), m.shape), True
            ),
        )
    energies, field = evaluated(problem, m)
    others, moved = evaluated(other, turned(m, True))
    for name, value in vars(energies).items():
        assert getattr(others, name) == pytest.approx(value, rel=1e-10, abs=1e-12 * abs(energies.exchange)), name
    assert np.allclose(moved, turned(field, True), rtol=1e-10, atol=1e-10 * np.abs(field).max())


def test_arrays_that_do_not_fit_are_refused() -> None:
    problem = Problem(Mesh((1, 2, 3), (1e-9,) * 3), Material(5e5, 1e-11), demag=False)
    m = problem.unit_vectors(np.ones((3, 1, 2, 3)))
    for bad, out in ((m[:, :, :, :2], m), (m.astype(np.float32), m), (m, m[..., ::-1]), (m, m.swapaxes(2, 3))):
        with pytest.raises(ValueError, match=r"^(m|out) is .*; allowed: contiguous \(3, 1, 2, 3\) float64$"):
            effective_field(problem, bad, out)


def test_cube_has_a_third_of_the_magnetostatic_energy() -> None:
    """(mu0/2) Ms^2 V/3, exact for a cube that is uniformly magnetised."""
    problem = Problem(Mesh((4, 4, 4), (2e-9,) * 3), Material(8e5, 1e-11))
    energies, _ = evaluated(problem, np.ones((3, 4, 4, 4)))
    assert energies.demag == pytest.approx(VACUUM_PERMEABILITY / 2 * 8e5**2 * (8e-9) ** 3 / 3, rel=1e-10)
