"""Domain walls: energy and width of theory, and a wall held at the boundary of two materials."""

import numpy as np
import pytest

from simulators.micromagnetics import Material, Mesh, Problem, minimise

EXCHANGE, ANISOTROPY = 30e-12, 520e3
WIDTH = np.sqrt(EXCHANGE / ANISOTROPY)
ENERGY = 4 * np.sqrt(EXCHANGE * ANISOTROPY)


def positions(n, h):
    return (np.arange(n) - (n - 1) / 2) * h


def bloch(h, length):
    """Relax a wall in an open chain; return the energy per area and the positions and spins."""
    n = round(length / h)
    problem = Problem(Mesh((1, 1, n), (h, h, h)), Material(580e3, EXCHANGE, anisotropy=ANISOTROPY), demag=False)
    x = positions(n, h)
    start = np.stack([0 * x, np.exp(-((x / 15e-9) ** 2)), np.clip(-x / 15e-9, -1, 1)])[:, None, None]
    result = minimise(problem, start, torque=1e-8)
    assert result.status == "converged"
    return result.energies.total / h**2, x, result.m[:, 0, 0]


def fitted_width(x, m_z):
    """Return delta of m_z = tanh(-x/delta) from the part that is steep."""
    steep = np.abs(m_z) < 0.8
    return -1 / np.polyfit(x[steep], np.arctanh(m_z[steep]), 1)[0]


def test_bloch_wall_has_its_energy_and_width() -> None:
    """Chapter, E6: sigma = 4 sqrt(AK) = 15.80 mJ/m2 within 1e-3, delta = sqrt(A/K) = 7.596 nm within 1 %."""
    assert pytest.approx(15.80e-3, abs=5e-6) == ENERGY
    assert pytest.approx(7.596e-9, abs=1e-12) == WIDTH
    energy, x, m = bloch(1e-9, 100e-9)
    assert energy == pytest.approx(ENERGY, rel=1e-3)
    assert fitted_width(x, m[2]) == pytest.approx(WIDTH, rel=0.01)
    assert np.abs(m[0]).max() < 1e-6
    assert m[1].max() > 0.99


def test_error_of_the_wall_falls_four_times_at_half_the_cell() -> None:
    # Long enough that what the ends cut off does not show.
    errors = [bloch(h, 240e-9) for h in (4e-9, 2e-9, 1e-9)]
    energies = [abs(energy / ENERGY - 1) for energy, _, _ in errors]
    widths = [abs(fitted_width(x, m[2]) / WIDTH - 1) for _, x, m in errors]
    for found in (energies, widths):
        assert found[0] / found[1] == pytest.approx(4, rel=0.1)
        assert found[1] / found[2] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("dmi", [2e-3, -2e-3, 0.5e-3])
def test_dmi_lowers_the_wall_energy_by_pi_d(dmi) -> None:
    """sigma = 4 sqrt(AK) - pi |D|: two walls in a chain that repeats, which has no edges."""
    h, n = 0.5e-9, 400
    material = Material(580e3, EXCHANGE, anisotropy=ANISOTROPY, dmi=dmi)
    problem = Problem(Mesh((1, 1, n), (h, h, h), (False, True)), material, demag=False)
    x = positions(n, h)
    up_to_down, down_to_up = (x + 50e-9) / WIDTH, (x - 50e-9) / WIDTH
    m_z = -np.tanh(up_to_down) * np.where(x < 0, 1, 0) + np.tanh(down_to_up) * np.where(x >= 0, 1, 0)
    m_x = np.sign(dmi) * (-1 / np.cosh(up_to_down) + 1 / np.cosh(down_to_up))
    result = minimise(problem, np.stack([m_x, 0.1 * np.abs(m_x), m_z])[:, None, None], torque=1e-7)
    assert result.status == "converged"
    expected = ENERGY - np.pi * abs(dmi)
    assert result.energies.total / (2 * h**2) == pytest.approx(expected, rel=1e-3)
    # At rest a wall of this kind has the width of a plain one.
    half = slice(0, n // 2)
    assert fitted_width(x[half] + 50e-9, result.m[2, 0, 0, half]) == pytest.approx(WIDTH, rel=0.01)


# Pinning at a phase boundary.

SOFT, HARD = (2.5e-12, 1e5, 0.25), (1e-11, 1e6, 1.0)  # A in J/m, K in J/m3, J in T


def kronmueller_goll():
    """Return the pinning field, T: H. Kronmueller, D. Goll, Physica B 319, 122 (2002).

    Parameters of P. Heistracher et al., J. Magn. Magn. Mater. 548, 168875 (2022), who give 1.568 T.
    """
    e_a, e_k, e_j = (soft / hard for soft, hard in zip(SOFT, HARD, strict=True))
    return 2 * 4e-7 * np.pi * HARD[1] / HARD[2] * (1 - e_k * e_a) / (1 + np.sqrt(e_j * e_a)) ** 2


def passes(field, start, h):
    """Return whether the wall has gone through the hard half under `field`, T, and the state."""
    n = start.shape[-1]
    soft = np.arange(n) < n // 2

    def mixed(a, b):
        return np.where(soft, a, b).reshape(1, 1, n)

    material = Material(
        mixed(SOFT[2], HARD[2]) / (4e-7 * np.pi), mixed(SOFT[0], HARD[0]), anisotropy=mixed(SOFT[1], HARD[1])
    )
    problem = Problem(Mesh((1, 1, n), (h, h, h)), material, field=(0, 0, field), demag=False)
    result = minimise(problem, start, torque=1e-5)
    assert result.status == "converged"
    return result.m[2, 0, 0, -5] > 0, result.m


def test_wall_breaks_through_a_phase_boundary_at_the_field_of_theory() -> None:
    """Chapter, E11: 1.568 T within 1 %; up in the soft half, down in the hard one, the field up."""
    assert kronmueller_goll() == pytest.approx(1.568, abs=1e-3)
    h, n = 0.5e-9, 160
    x = positions(n, h) + 10e-9
    start = np.stack([1 / np.cosh(x / 5e-9), 0 * x, -np.tanh(x / 5e-9)])[:, None, None]
    low, high = 1.2, 2.0
    through, held = passes(low, start, h)
    assert not through
    assert passes(high, held, h)[0]
    while high - low > 0.004:
        middle = (low + high) / 2
        through, m = passes(middle, held, h)
        if through:
            high = middle
        else:
            low, held = middle, m
    assert (low + high) / 2 == pytest.approx(kronmueller_goll(), rel=0.01)
