"""Poses by complex images: derivatives, what says nothing, and turns found again."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reconstructors.tomography.composition import Materials
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.explained import VolumeParameters
from reconstructors.tomography.geometry import Geometry, nominal_geometry, small_rotation
from reconstructors.tomography.methods import METHODS, solve
from reconstructors.tomography.pose_equations import wave_equations
from reconstructors.tomography.poses import PoseParameters
from reconstructors.tomography.refinement import best_step, fitted_motion, stepped
from reconstructors.tomography.vector_plus import VectorPlusParameters
from reconstructors.tomography.wave_refinement import refine_by_waves
from reconstructors.tomography.waves import plan_waves, project_index
from tests.reconstructors.tomography.wave_builders import SCALARS, SIZE, angles, thick_sample, wave_measurement

BENT = 0.9
MATERIALS = Materials(
    (SCALARS["beta_magnet"], SCALARS["delta_magnet"]), (SCALARS["beta_matrix"], SCALARS["delta_matrix"])
)


def index():
    """Return absorption and delay of the block."""
    fill, matrix, _ = thick_sample()
    parts = ((SCALARS[f"{part}_magnet"], SCALARS[f"{part}_matrix"]) for part in ("beta", "delta"))
    return np.stack([magnet * fill + rest * matrix for magnet, rest in parts]).astype(np.float32)


def nominal(tilts=5):
    return nominal_geometry(**{name: value for name, value in angles(tilts).items() if name != "series"})


def off(geometry, *, turn, shift=0.0, seed=5):
    rng = np.random.default_rng(seed)
    n = len(geometry)
    turned = small_rotation(rng.normal(0, np.deg2rad(turn), (n, 3))) @ geometry.rotations
    return Geometry(turned, geometry.shifts + rng.normal(0, 1, (n, 2)) * shift)


def planned(geometry):
    return plan_waves((20, 20, 20), geometry, detector=(SIZE, SIZE), curvature=BENT)


def wrong_by(geometry, true):
    """Return the rms error of shifts, px, and turns, degrees, after the best common motion."""
    moved = geometry.moved(fitted_motion(geometry, true))
    turns = Rotation.from_matrix(moved.rotations @ np.swapaxes(true.rotations, 1, 2)).as_rotvec()
    return np.sqrt(np.mean((moved.shifts - true.shifts) ** 2)), np.rad2deg(np.sqrt(np.mean(turns**2)))


def test_steps_towards_waves_of_a_known_volume_end_at_their_poses():
    true, now = off(nominal(), turn=0.4, shift=0.2), nominal()
    images = project_index(index(), planned(true))
    before = wrong_by(now, true)
    for _ in range(8):
        term = DataTerm(planned(now), images, components=2)
        now = stepped(
            now, best_step(wave_equations(term, index(), smooth=0.0), now, what=("shift", "angle"), nominal=now)
        )
    after = wrong_by(now, true)
    assert after[0] < 0.02 * before[0]
    assert after[1] < 0.02 * before[1]


def test_a_part_without_weight_says_nothing():
    true = off(nominal(), turn=0.4)
    term = DataTerm(planned(nominal()), project_index(index(), planned(true)), components=2)
    weights = np.ones(term.data.shape, np.float32)
    weights[3, SIZE:], weights[4] = 0, 0
    spoilt = np.where(weights > 0, term.data, 7).astype(np.float32)
    one = wave_equations(replace(term, weights=weights), index(), smooth=1.0)
    other = wave_equations(replace(term, data=spoilt, weights=weights), index(), smooth=1.0)
    assert np.array_equal(one.matrices, other.matrices)
    assert np.array_equal(one.right, other.right)
    assert not one.matrices[4].any()
    whole = wave_equations(term, index(), smooth=1.0)
    assert 0 < np.trace(one.matrices[3]) < np.trace(whole.matrices[3])
    assert np.allclose(one.matrices[:3], whole.matrices[:3])


def test_without_turns_there_is_no_moment():
    term = DataTerm(planned(nominal()), project_index(index(), planned(off(nominal(), turn=0.2))), components=2)
    system = wave_equations(term, index(), smooth=1.0, turns=False)
    assert not system.matrices[:, 2:4].any()
    assert system.matrices[:, :2, :2].any()


def test_turns_are_found_with_the_volume():
    true, start = off(nominal(9), turn=0.5, shift=0.1), nominal(9)
    images = project_index(index(), planned(true))
    images += np.random.default_rng(1).normal(0, 0.02 * images.std(), images.shape).astype(np.float32)
    found, volume = refine_by_waves(
        lambda geometry: DataTerm(planned(geometry), images, components=2),
        start,
        materials=MATERIALS,
        rounds=8,
        rng=np.random.default_rng(0),
    )
    before, after = wrong_by(start, true), wrong_by(found, true)
    assert after[0] < 0.3 * before[0]
    assert after[1] < 0.3 * before[1]
    assert fitted_motion(found, start).shift == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(volume - index()) < 0.5 * np.linalg.norm(index())


@pytest.fixture(scope="module")
def of_waves():
    """Return the rotations that the method finds with so many rounds of waves."""
    quick = VectorPlusParameters(start_steps=1, exchange=(0.1,), fine_exchange=(), steps=1)

    def found(**changes):
        poses = replace(PoseParameters(rounds=1, joint_rounds=1, wave_rounds=3), **changes)
        volumes = VolumeParameters(waves=True, charge_steps=10)
        parameters = replace(METHODS["vector+"], recipe=quick, poses=poses, volumes=volumes)
        result = solve(
            wave_measurement(noise=0.01), name="vector+", parameters=parameters, rng=np.random.default_rng(0)
        )
        return Geometry(result["rotation"].values, result["shift"].values)

    return found


def test_the_method_refines_by_waves_after_line_integrals(of_waves):
    by_lines, by_waves = of_waves(wave_rounds=0), of_waves(wave_rounds=4)
    assert wrong_by(by_waves, nominal())[1] < 0.6 * wrong_by(by_lines, nominal())[1]


def test_poses_that_are_known_are_left_alone(of_waves):
    assert np.allclose(of_waves(refine=False).rotations, nominal().rotations)
    shifts_only = of_waves(angles=False)  # but for those of whole series
    for start in (0, 5, 10):
        own, wanted = (g.rotations[start : start + 5] @ g.rotations[start].T for g in (shifts_only, nominal()))
        assert np.allclose(own, wanted, atol=1e-6)
