"""Refinement of poses: exact derivatives, what must not matter, and target accuracy on exact line integrals."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from numerics.threads import use_threads
from reconstructors.tomography.geometry import Geometry, RigidTransform, small_rotation
from reconstructors.tomography.projector import plan_projector, project
from reconstructors.tomography.refinement import (
    LARGEST_SHIFT,
    LARGEST_TURN,
    fitted_motion,
    reconstructed,
    refine,
    refine_geometry,
)
from tests.reconstructors.tomography.tomography_phantoms import (
    DEGREE,
    disturbed,
    exact_projections,
    fill,
    noisy,
    published_geometry,
    slab,
)

BOX, FRAME = (36, 64, 64), (64, 64)  # twice as thick as the slab


def turns(geometry, other):
    """Return the rotation vectors (n, 3), rad, about the beam's axes from `other` to `geometry`."""
    return Rotation.from_matrix(geometry.rotations @ np.swapaxes(other.rotations, 1, 2)).as_rotvec()


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def errors(geometry, true):
    """Return the rms error of the shifts, px, and of the turns per axis, degrees, after the best common motion."""
    moved = geometry.moved(fitted_motion(geometry, true))
    return rms(moved.shifts - true.shifts), rms(turns(moved, true)) / DEGREE


@pytest.fixture(scope="module")
def few():
    """Return a volume, some poses of it, others a little off, and the images in these."""
    rng = np.random.default_rng(4)
    volume = fill(slab(rng, edges=(18, 18, 10), radius=3.0), (32, 32, 32))
    right = published_geometry(in_plane=(0, 120), step=31)
    off = disturbed(right, rng=rng, shift=0.1, angle=0.1 * DEGREE)
    return volume, right, off, project(volume, plan_projector(volume.shape, off, detector=(32, 32)))


def test_steps_converge_quadratically_on_data_of_the_same_model(few):
    volume, geometry, off, images = few
    left = []
    for _ in range(4):
        geometry = refine_geometry(images, geometry, volume=volume, smooth=0.0)
        left.append(max(np.abs(geometry.shifts - off.shifts).max(), np.abs(turns(geometry, off)).max()))
    assert left[0] < 0.05
    assert left[1] < left[0] / 5
    assert left[3] < 1e-4


def test_the_kinds_are_refined_apart(few):
    volume, geometry, _, images = few
    shifts = refine_geometry(images, geometry, volume=volume, what=("shift",))
    assert np.array_equal(shifts.rotations, geometry.rotations)
    assert np.abs(shifts.shifts - geometry.shifts).max() > 0.05
    angles = refine_geometry(images, geometry, volume=volume, what=("angle",))
    assert np.array_equal(angles.shifts, geometry.shifts)
    assert np.abs(turns(angles, geometry)).max() > 0.05 * DEGREE


def test_an_offset_of_each_image_does_not_matter(few):
    volume, geometry, _, images = few
    offsets = np.linspace(-1, 1, len(images), dtype=np.float32)[:, None, None]
    one = refine_geometry(images, geometry, volume=volume, smooth=1.0)
    other = refine_geometry(images + offsets, geometry, volume=volume, smooth=1.0)
    # The weights of the pixels see it, the system does not.
    assert rms(one.shifts - other.shifts) < 0.02
    assert rms(turns(one, other)) < 0.03 * DEGREE


def test_pixels_without_weight_do_not_matter(few):
    volume, geometry, off, images = few
    weights = np.ones_like(images)
    weights[:, :, 20:23] = 0
    spoilt = np.where(weights > 0, images, np.float32(50))
    for smooth in (0.0, 1.0, None):
        one = refine_geometry(spoilt, geometry, volume=volume, weights=weights, smooth=smooth)
        other = refine_geometry(images, geometry, volume=volume, weights=weights, smooth=smooth)
        assert np.array_equal(one.shifts, other.shifts)
        assert np.array_equal(one.rotations, other.rotations)
    again = refine_geometry(spoilt, one, volume=volume, weights=weights, smooth=0.0)
    assert rms(again.shifts - off.shifts) < 0.02


def test_a_step_is_clipped(few):
    volume, geometry, _, images = few
    far = disturbed(geometry, rng=np.random.default_rng(1), shift=5.0, angle=6 * DEGREE)
    step = refine_geometry(images, far, volume=volume, smooth=2.0)
    lengths = np.linalg.norm(step.shifts - far.shifts, axis=1)
    angles = np.linalg.norm(turns(step, far), axis=1)
    assert lengths.max() == pytest.approx(LARGEST_SHIFT, abs=1e-9)
    assert angles.max() == pytest.approx(LARGEST_TURN, abs=1e-9)


def test_turns_are_drawn_to_the_nominal_angles_by_their_spread(few):
    volume, _, off, _ = few
    blank = np.random.default_rng(2).normal(scale=1e4, size=(len(off), 32, 32)).astype(np.float32)
    step = refine_geometry(blank, off, volume=volume, what=("angle",), nominal=few[1])
    free = refine_geometry(blank, off, volume=volume, what=("angle",))
    assert rms(turns(step, few[1])) < 1.5 * DEGREE
    assert rms(turns(free, off)) < 1.5 * DEGREE
    assert rms(turns(step, free)) > 0.01 * DEGREE


def test_the_step_does_not_depend_on_threads(few):
    volume, geometry, _, images = few
    with use_threads(1):
        one = refine_geometry(images, geometry, volume=volume)
    with use_threads(2):
        two = refine_geometry(images, geometry, volume=volume)
    assert np.array_equal(one.shifts, two.shifts)
    assert np.array_equal(one.rotations, two.rotations)


def test_the_rigid_motion_between_geometries():
    geometry = disturbed(published_geometry(step=20), rng=np.random.default_rng(7), shift=2.0, angle=DEGREE)
    motion = RigidTransform(small_rotation([0.02, -0.03, 0.05]), np.array([3.0, -1.0, 2.0]))
    found = fitted_motion(geometry, geometry.moved(motion))
    assert np.allclose(found.rotation, motion.rotation, atol=1e-12)
    assert np.allclose(found.shift, motion.shift, atol=1e-10)


def test_impossible_input_is_named(few):
    volume, geometry, _, images = few
    with pytest.raises(ValueError, match=r"what is \('tilt',\); allowed: shift, angle"):
        refine_geometry(images, geometry, volume=volume, what=("tilt",))
    with pytest.raises(ValueError, match=r"images have shape .*; allowed: \(10, y, x\)"):
        refine_geometry(images[1:], geometry, volume=volume)
    with pytest.raises(ValueError, match=r"weights have shape .*; allowed"):
        refine_geometry(images, geometry, volume=volume, weights=np.ones(3))
    with pytest.raises(ValueError, match=r"volume has shape .*; allowed"):
        refine_geometry(images, geometry, volume=volume[0])
    with pytest.raises(ValueError, match=r"rounds is 0; allowed"):
        refine(images, geometry=geometry, shape=BOX, rounds=0)


def measured(seed, *, shift, angle, noise=0.01):
    """Return the slab's true volume, true geometry, geometry as written down, and noisy exact projections."""
    rng = np.random.default_rng(seed)
    sample, nominal = slab(rng), published_geometry()
    true = disturbed(nominal, rng=rng, shift=shift, angle=angle * DEGREE)
    return (
        fill(sample, BOX),
        true,
        nominal,
        noisy(exact_projections(sample, true, detector=FRAME), rng=rng, relative=noise),
    )


def error_of_volume(images, geometry, truth):
    plan = plan_projector(BOX, geometry, detector=FRAME)
    volume = np.zeros(BOX, np.float32)
    for _ in range(2):
        volume = reconstructed(images, plan, volume, None)
    return np.linalg.norm(volume - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_poses_come_back_from_three_pixels_and_a_degree(seed):
    truth, true, nominal, images = measured(seed, shift=3.0, angle=1.0)
    found = refine(images, geometry=nominal, shape=BOX)
    shift, angle = errors(found.geometry, true)
    assert shift <= 0.05
    assert angle <= 0.4
    back = found.geometry.moved(fitted_motion(found.geometry, true))
    assert error_of_volume(images, back, truth) <= 1.05 * error_of_volume(images, true, truth)
    rest = fitted_motion(found.geometry, nominal)
    assert np.allclose(rest.rotation, np.eye(3), atol=1e-9)
    assert np.allclose(rest.shift, 0, atol=1e-6)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_true_poses_stay(seed):
    _, true, _, images = measured(seed, shift=0.0, angle=0.0)
    found = refine(images, geometry=true, shape=BOX).geometry
    assert rms(found.shifts - true.shifts) <= 0.02
    assert rms(turns(found, true)) <= 0.1 * DEGREE


def test_shifts_alone_with_dead_rows_of_the_detector():
    _, true, nominal, images = measured(5, shift=1.0, angle=0.0)
    weights = np.ones_like(images)
    weights[:, 20:24, :] = 0
    images = np.where(weights > 0, images, np.float32(0))
    found = refine(images, geometry=nominal, shape=BOX, weights=weights, what=("shift",))
    assert found.geometry.shifts.shape == true.shifts.shape
    assert errors(Geometry(true.rotations, found.geometry.shifts), true)[0] <= 0.05
