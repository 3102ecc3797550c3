"""muMAG standard problems 3 and 4, and states of them that OOMMF and mumax3 wrote."""

import os
from pathlib import Path

import numpy as np
import pytest

from optics.units import VACUUM_PERMEABILITY
from records.ovf import read_ovf
from simulators.micromagnetics import Material, Mesh, Problem, minimise
from tests.simulators.micromagnetics.states import coarse, evaluated

FOREIGN = Path(os.environ.get("TRUESPIN_FOREIGN_FILES", "")) / "ovf"
needs_foreign_files = pytest.mark.skipif(
    not (os.environ.get("TRUESPIN_FOREIGN_FILES") and FOREIGN.is_dir()),
    reason="TRUESPIN_FOREIGN_FILES does not point to a folder with ovf/ files of other software",
)

SATURATION, STIFFNESS = 1e6, 1e-11
DENSITY = VACUUM_PERMEABILITY * SATURATION**2 / 2
LENGTH = np.sqrt(STIFFNESS / DENSITY)
TERMS = ("exchange", "anisotropy", "demag")


def cube(n, side, dtype=np.float64):
    """Return problem 3: a cube of `side` exchange lengths, its easy axis along z."""
    h = side * LENGTH / n
    material = Material(SATURATION, STIFFNESS, anisotropy=0.1 * DENSITY)
    with coarse():
        return Problem(Mesh((n, n, n), (h, h, h)), material, dtype=dtype)


def flower(n):
    at = (np.arange(n) + 0.5) / n - 0.5
    z, y, x = np.meshgrid(at, at, at, indexing="ij")
    return np.stack([0.3 * x * z, 0.3 * y * z, np.ones_like(x)])


def vortex(n):
    """Return a vortex whose core lies across the easy axis, along y."""
    at = (np.arange(n) + 0.5) / n - 0.5
    z, _, x = np.meshgrid(at, at, at, indexing="ij")
    r = np.hypot(x, z)
    core = np.exp(-((r / 0.15) ** 2))
    return np.stack([z / r * (1 - core), core, -x / r * (1 - core)])


def reduced(problem, energies):
    """Return the terms in units of Km V."""
    scale = DENSITY * problem.mesh.volume * problem.mesh.cells
    return np.array([getattr(energies, name) for name in TERMS]) / scale


def crossing(n, sides):
    """Return the side at which flower and vortex cost the same, the terms at the first side, and the states there."""
    differences, terms, states = [], {}, {"flower": flower(n), "vortex": vortex(n)}
    for side in sides:
        problem = cube(n, side)
        totals = {}
        for name, m in states.items():
            result = minimise(problem, m, torque=1e-4)
            assert result.status == "converged"
            found = reduced(problem, result.energies)
            totals[name] = found.sum()
            terms.setdefault(name, found)
            # The next side is close: its states are those of this one, a little relaxed.
            states[name] = result.m
        differences.append(totals["flower"] - totals["vortex"])
    slope = (differences[1] - differences[0]) / (sides[1] - sides[0])
    return sides[0] - differences[0] / slope, terms, states


def test_flower_and_vortex_cross_at_the_published_side() -> None:
    """Chapter, E7; muMAG 3: 8.47 l_ex. N = 32: 8.465 +- 0.005, with the terms at 8.47."""
    side, terms, states = crossing(32, (8.47, 8.46))
    assert side == pytest.approx(8.465, abs=0.005)
    assert terms["flower"] == pytest.approx([0.01767, 0.00560, 0.27948], abs=2e-5)
    assert terms["vortex"] == pytest.approx([0.17233, 0.05205, 0.07816], abs=2e-5)
    assert terms["flower"].sum() == pytest.approx(0.30275, abs=2e-5)
    assert terms["vortex"].sum() == pytest.approx(0.30254, abs=2e-5)
    # muMAG 3 reports <m_z> of the flower as 0.971 and <m_y> of the vortex as 0.35.
    assert states["flower"].mean(axis=(1, 2, 3)) == pytest.approx([0, 0, 0.971], abs=1e-3)
    assert states["vortex"].mean(axis=(1, 2, 3)) == pytest.approx([0, 0.351, 0], abs=2e-3)


def test_coarse_cubes_cross_where_other_codes_do() -> None:
    """Chapter, E7: 8.444 at N = 16."""
    assert crossing(16, (8.45, 8.44))[0] == pytest.approx(8.444, abs=2e-3)


def test_single_precision_gives_the_same_vortex() -> None:
    totals = []
    for dtype in (np.float64, np.float32):
        problem = cube(12, 8.47, dtype)
        result = minimise(problem, vortex(12), torque=1e-3)
        assert result.status == "converged"
        assert result.m.dtype == dtype
        totals.append(reduced(problem, result.energies))
    assert totals[1] == pytest.approx(totals[0], abs=2e-5)
    assert totals[1].sum() == pytest.approx(totals[0].sum(), rel=2e-6)


def permalloy(ny, nx, dtype=np.float64):
    """Return the film of problem 4, 500 x 125 x 3 nm."""
    material = Material(8e5, 13e-12)
    return Problem(Mesh((1, ny, nx), (3e-9, 125e-9 / ny, 500e-9 / nx)), material, dtype=dtype)


def s_state(problem):
    """Relax to the S state from a film magnetised along its length, with a lean."""
    start = np.ones((3, *problem.mesh.shape)) * np.reshape([1, 0.1, 0], (3, 1, 1, 1))
    result = minimise(problem, start, torque=1e-6)
    assert result.status == "converged"
    return result


@pytest.mark.parametrize(
    ("ny", "nx", "expected", "tolerance"),
    [(32, 128, (0.96697, 0.12527, 0), 4e-5), (50, 200, (0.96672, 0.12575, 0), 2e-5)],
)
def test_s_state(ny, nx, expected, tolerance) -> None:
    """Chapter, E8: mumax3 has (0.9669684, 0.1252733, 0) on 128 x 32 x 1."""
    result = s_state(permalloy(ny, nx))
    assert result.m.mean(axis=(1, 2, 3)) == pytest.approx(expected, abs=tolerance)
    assert result.energies.exchange > 0
    assert result.energies.anisotropy == result.energies.dmi == result.energies.zeeman == 0


@needs_foreign_files
class TestForeign:
    """States that OOMMF and mumax3 wrote."""

    def test_vortex_of_oommf_is_at_rest_here_too(self) -> None:
        """OOMMF's example stdprob3.mif: 32 cells a side of 100 nm, Km = 1e6 J/m3, side 8.47 l_ex, easy axis z."""
        m = read_ovf(FOREIGN / "oommf-ovf1-txt.omf")["magnetization"].values
        saturation, length = np.sqrt(2e6 / VACUUM_PERMEABILITY), 100e-9 / 8.47
        material = Material(saturation, 1e6 * length**2, anisotropy=1e5)
        problem = Problem(Mesh((32, 32, 32), (3.125e-9,) * 3), material)
        result = minimise(problem, m, torque=1.5e-5)
        assert result.status == "converged"
        assert result.evaluations == 1
        found = np.array([getattr(result.energies, name) for name in TERMS]) / (1e6 * 100e-9**3)
        assert found == pytest.approx([0.17232, 0.05205, 0.07817], abs=1e-5)
        # Where the cube is a hundredth of l_ex larger, it is not.
        other = Material(saturation, 1e6 * (100e-9 / 8.48) ** 2, anisotropy=1e5)
        assert minimise(Problem(problem.mesh, other), m, limit=1).torque > 5e-4

    def test_other_vortex_of_oommf_relaxes_with_little_change(self) -> None:
        """A state of the solver's prototype that does not name its parameters: those of problem 3 fit."""
        m = read_ovf(FOREIGN / "stdprob3v-reg.omf")["magnetization"].values
        n = m.shape[1]
        core = int(np.argmax(np.abs(m.mean(axis=(1, 2, 3)))))
        mesh = cube(n, 8.47).mesh
        gains = []
        # One of the two axes across the core is the easy one.
        for axis in {0, 1, 2} - {core}:
            with coarse():
                material = Material(SATURATION, STIFFNESS, anisotropy=0.1 * DENSITY, axis=np.eye(3)[axis])
                problem = Problem(mesh, material)
            before = reduced(problem, evaluated(problem, m)[0])
            result = minimise(problem, m, torque=1e-4)
            assert result.status == "converged"
            after = reduced(problem, result.energies)
            cosines = np.clip((result.m * problem.unit_vectors(m)).sum(axis=0), -1, 1)
            gains.append((before.sum() - after.sum(), np.degrees(np.arccos(cosines)).mean(), *after))
        gain, turned, *after = min(gains)
        assert 0 <= gain < 0.01 * sum(after)
        assert turned < 5
        # A coarser cube of 15 cells: within a hundredth of the 32.
        assert after == pytest.approx([0.1723, 0.0520, 0.0782], abs=0.003)

    def test_film_of_mumax_relaxes_to_the_s_state(self) -> None:
        """The start of mumax3's standard problem 4, (1, 0.1, 0), from which it reports (0.9669684, 0.1252733, 0)."""
        record = read_ovf(FOREIGN / "mumax-bin4-linux.ovf")
        m = record["magnetization"].values
        problem = permalloy(32, 128)
        assert m.shape[1:] == problem.mesh.shape
        assert record["voxel_size"].values == pytest.approx(problem.mesh.cell, rel=1e-6)
        result = minimise(problem, m, torque=1e-6)
        assert result.status == "converged"
        assert result.m.mean(axis=(1, 2, 3)) == pytest.approx((0.9669684, 0.1252733, 0), abs=4e-5)
