"""Interfacial DMI: its sign, its bonds between materials, its open edges, and the two standard problems."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.micromagnetics import LBFGS, BarzilaiBorwein, Material, Mesh, Problem, minimise
from tests.simulators.micromagnetics.states import coarse, evaluated, random_spins

# D. Cortes-Ortuno et al., New J. Phys. 20, 113015 (2018): the standard problem's material.
COBALT = Material(0.86e6, 13e-12, anisotropy=0.4e6, dmi=3e-3)
METHODS = [LBFGS(), BarzilaiBorwein()]


def chain(material, n, h, **kinds):
    return Problem(Mesh((1, 1, n), (h, h, h), kinds.get("periodic", (False, False))), material, demag=False)


def disc(dmi=3e-3, n=50, h=2e-9):
    """Return the disc of the standard problem: cells whose centres lie inside the circle."""
    at = (np.arange(n) - (n - 1) / 2) * h
    y, x = np.meshgrid(at, at, indexing="ij")
    inside = np.hypot(x, y) <= n * h / 2
    material = Material(np.where(inside, 0.86e6, 0.0)[None], 13e-12, anisotropy=0.4e6, dmi=dmi)
    return Problem(Mesh((1, n, n), (2e-9, h, h)), material, demag=False), x, y


def skyrmion(x, y, radius, *, core, sense):
    """Return a skyrmion with its core along `core`, radial component of the sign of `sense` in its wall."""
    r = np.hypot(x, y)
    theta = 2 * np.arctan2(np.sinh(radius / 6e-9), np.sinh(r / 6e-9))
    m_z = -core * np.cos(theta)
    side = sense * np.sin(theta)
    return np.stack([side * x / np.maximum(r, 1e-12), side * y / np.maximum(r, 1e-12), m_z])[:, None]


def relaxed(problem, m, **options):
    result = minimise(problem, m, **{"torque": 1e-7, **options})
    assert result.status == "converged", result.status
    assert result.torque < options.get("torque", 1e-7)
    return result


# The sign, three ways (chapter, section 2): D > 0 favours up, left, down along +x.


@pytest.mark.parametrize("along", ["y", "x"])
@pytest.mark.parametrize("dmi", [1e-3, -1e-3])
def test_wall_from_up_to_down_turns_through_the_left(dmi, along) -> None:
    n, h = 100, 1e-9
    shape = (1, 1, n) if along == "x" else (1, n, 1)
    material = Material(0.86e6, 13e-12, anisotropy=0.4e6, dmi=dmi)
    problem = Problem(Mesh(shape, (h, h, h)), material, demag=False)
    position = ((np.arange(n) - (n - 1) / 2) * h).reshape(shape)
    # A Bloch wall, which prefers neither side but for a slight lean the wrong way.
    side = 1 / np.cosh(position / 5.7e-9)
    lean = 0.05 * np.sign(dmi) * side
    across = 0 if along == "x" else 1
    m = np.stack([0 * side, 0 * side, -np.tanh(position / 5.7e-9)])
    m[across], m[1 - across] = lean, side
    found = relaxed(problem, m, torque=1e-4).m.reshape(3, n)
    middle = found[across, n // 2 - 1 : n // 2 + 1].mean()
    assert middle * np.sign(dmi) < -0.95
    assert found[2, 20] > 0.9
    assert found[2, -20] < -0.9


def test_core_down_skyrmion_points_outwards() -> None:
    problem, x, y = disc()
    r = np.maximum(np.hypot(x, y), 1e-12)
    energies = {}
    for sense in (1, -1):
        m = skyrmion(x, y, 20e-9, core=-1, sense=sense)
        energies[sense] = evaluated(problem, m)[0].dmi
    assert energies[1] < 0 < energies[-1]
    found = relaxed(problem, skyrmion(x, y, 20e-9, core=-1, sense=1), torque=1e-4).m[:, 0]
    assert found[2, 25, 25] < -0.9
    radial = (found[0] * x + found[1] * y) / r
    wall = np.abs(found[2]) < 0.5
    assert radial[wall & (r < 40e-9)].min() > 0.5


def test_up_strip_leans_to_its_middle() -> None:
    found = relaxed(chain(COBALT, 100, 1e-9), np.ones((3, 1, 1, 100)) * [[[[0.0]]], [[[0.0]]], [[[1.0]]]])
    assert found.m[2].min() > 0
    assert found.m[0, 0, 0, 0] > 0.3
    assert found.m[0, 0, 0, -1] < -0.3


# Bonds between materials.


@given(
    st.floats(-5e-3, 5e-3),
    st.floats(-5e-3, 5e-3),
    st.floats(1e-12, 3e-11),
    st.floats(1e-12, 3e-11),
    st.sampled_from(["y", "x"]),
)
def test_bond_weighs_each_d_with_the_other_stiffness(d_1, d_2, a_1, a_2, along) -> None:
    """D_ij = (D_i A_j + D_j A_i)/(A_i + A_j); energy (V/h) D_ij (m_z,i m_x,j - m_x,i m_z,j)."""
    shape = (1, 1, 2) if along == "x" else (1, 2, 1)
    h = 2e-9
    material = Material(6e5, np.reshape([a_1, a_2], shape), dmi=np.reshape([d_1, d_2], shape))
    with coarse():
        problem = Problem(Mesh(shape, (3e-9, h, h)), material, demag=False)
    m = np.zeros((3, 2))
    m[2, 0] = 1
    m[0 if along == "x" else 1, 1] = 1
    energies, _ = evaluated(problem, m.reshape(3, *shape))
    bond = (d_1 * a_2 + d_2 * a_1) / (a_1 + a_2)
    assert energies.dmi == pytest.approx(3e-9 * h * bond, rel=1e-10, abs=1e-12 * 3e-9 * h * 5e-3)


@given(st.floats(1e-5, 5e-3), st.floats(1e-12, 3e-11), st.floats(1e-12, 3e-11))
def test_bond_between_opposite_signs_is_finite(d, a_1, a_2) -> None:
    """D_i = -D_j: D_i (A_j - A_i)/(A_i + A_j), nought for equal A; the harmonic mean has a pole there."""
    h = 2e-9
    for stiffness in ((a_1, a_2), (a_1, a_1)):
        with coarse():
            material = Material(6e5, np.reshape(stiffness, (1, 1, 2)), dmi=np.reshape([d, -d], (1, 1, 2)))
            problem = Problem(Mesh((1, 1, 2), (h, h, h)), material, demag=False)
        m = np.zeros((3, 1, 1, 2))
        m[2, 0, 0, 0] = m[0, 0, 0, 1] = 1
        energies, field = evaluated(problem, m)
        first, second = stiffness
        expected = d * (second - first) / (first + second)
        assert energies.dmi == pytest.approx(h * h * expected, rel=1e-9, abs=1e-12 * h * h * d)
        assert np.isfinite(field).all()
        if first == second:
            assert energies.dmi == 0


@given(st.integers(0, 2**32 - 1))
def test_regions_of_opposite_d_are_mirror_images(seed) -> None:
    """x -> -x turns the sign of bonds along x, m_y -> -m_y that of bonds along y: both make up for D -> -D."""
    rng = np.random.default_rng(seed)
    shape, h = (2, 3, 8), 2e-9
    dmi = np.where(np.arange(8) < 4, 2e-3, -2e-3) * np.ones(shape)
    problem = Problem(Mesh(shape, (h, h, h)), Material(6e5, 1e-11, dmi=dmi), demag=False)
    m = random_spins(rng, *shape)
    mirrored = m[..., ::-1].copy()
    mirrored[1] *= -1
    energies, field = evaluated(problem, m)
    others, reflected = evaluated(problem, mirrored)
    expected = field[..., ::-1].copy()
    expected[1] *= -1
    assert others.dmi == pytest.approx(energies.dmi, rel=1e-10, abs=1e-30)
    assert np.abs(reflected - expected).max() < 1e-12 * np.abs(field).max()


# The standard problem in one dimension.


def edge_profile(x, width):
    """Return m_x, m_z of the strip's left half by S. Rohart, A. Thiaville, PRB 88, 184422 (2013).

    sin theta_edge = D/(2 sqrt(AK)) = 0.6578, delta = 5.701 nm, m_z(edge) = 0.7532.
    """
    delta = np.sqrt(13e-12 / 0.4e6)
    edge = np.sqrt(1 - (3e-3 / (2 * np.sqrt(13e-12 * 0.4e6))) ** 2)
    shift = delta * np.arctanh(edge)
    left = np.minimum(x, width - x)
    side = np.where(x < width / 2, 1.0, -1.0)
    return side / np.cosh((left + shift) / delta), np.tanh((left + shift) / delta)


def strip_error(h):
    n = round(100e-9 / h)
    start = np.zeros((3, 1, 1, n))
    start[2] = 1
    found = relaxed(chain(COBALT, n, h), start).m[:, 0, 0]
    m_x, m_z = edge_profile((np.arange(n) + 0.5) * h, 100e-9)
    assert np.abs(found[1]).max() < 1e-9
    assert np.sign(found[0, 0]) == 1
    assert np.sign(found[0, -1]) == -1
    return max(np.abs(found[0] - m_x).max(), np.abs(found[2] - m_z).max())


def test_strip_has_the_closed_form_at_its_edges() -> None:
    """Chapter, E9: within 5e-3 at cell centres, and closer at half the cell."""
    assert edge_profile(np.zeros(1), 100e-9)[1] == pytest.approx(0.7532, abs=1e-4)
    coarse_error, fine_error = strip_error(1e-9), strip_error(0.5e-9)
    assert coarse_error < 5e-3
    assert fine_error < 0.35 * coarse_error


# The standard problem in two dimensions.


@pytest.mark.parametrize("method", METHODS, ids=["lbfgs", "barzilai-borwein"])
def test_skyrmion_in_a_disc(method) -> None:
    """Chapter, E10: OOMMF 21.8682, Fidimag 21.8683 nm, both with open edges (Cortes-Ortuno et al. 2018)."""
    problem, x, y = disc()
    result = relaxed(problem, skyrmion(x, y, 20e-9, core=1, sense=-1), method=method)
    profile = result.m[2, 0, 25]
    at = x[25] * 1e9
    assert y[25, 0] == pytest.approx(1e-9)
    right = np.flatnonzero((profile[:-1] > 0) & (profile[1:] <= 0) & (at[:-1] > 0))
    assert len(right) == 1
    i = right[0]
    crossing = at[i] + (at[i + 1] - at[i]) * profile[i] / (profile[i] - profile[i + 1])
    assert crossing == pytest.approx(21.868, abs=0.005)
    assert profile[-1] == pytest.approx(-0.8407, abs=2e-4)
    assert profile == pytest.approx(profile[::-1], abs=1e-4)
