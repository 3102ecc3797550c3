"""Registration of remounted series: target accuracy, both ways round, and the algebra of motions."""

import numpy as np
import pytest

from reconstructors.tomography.geometry import RigidTransform, small_rotation
from reconstructors.tomography.pose_equations import normal_equations
from reconstructors.tomography.projector import plan_projector, project
from reconstructors.tomography.refinement import reconstructed
from reconstructors.tomography.series import composed, inverse, register_series, rigid_step, volume_shift
from tests.reconstructors.tomography.tomography_phantoms import (
    DEGREE,
    exact_projections,
    fill,
    noisy,
    off_by,
    published_geometry,
    slab,
)

STILL = RigidTransform(np.eye(3), np.zeros(3))


def remount(rng, side):
    """Return a motion by 3 degrees in the plane, 2 degrees out of it and up to 4 voxels along each axis."""
    tilt = rng.normal(size=2)
    tilt *= 2 * DEGREE / np.linalg.norm(tilt)
    turn = small_rotation([0, 0, side * 3 * DEGREE]) @ small_rotation([*tilt, 0])
    return RigidTransform(turn, rng.uniform(-4, 4, 3))


def series(seed, in_planes, *, size=64, **kind):
    """Return motions, geometries, noisy exact images, and the volume of each series alone."""
    rng = np.random.default_rng(seed)
    sample, box, frame = slab(rng, **kind), (size // 2 + 4, size, size), (size, size)
    motions = [remount(rng, (-1) ** index) if in_plane else STILL for index, in_plane in enumerate(in_planes)]
    geometries = [published_geometry(in_plane=(in_plane,)) for in_plane in in_planes]
    images, volumes = [], []
    for motion, geometry in zip(motions, geometries, strict=True):
        views = noisy(exact_projections(sample, geometry.moved(motion), detector=frame), rng=rng)
        volume = np.zeros(box, np.float32)
        for _ in range(3):
            volume = reconstructed(views, plan_projector(box, geometry, detector=frame), volume, None)
        images.append(views)
        volumes.append(volume)
    return motions, geometries, images, volumes


def worst(found, motions):
    """Return the worst angle, degrees, and distance, voxels, to the true motions to the first series."""
    wanted = [composed(inverse(motions[0]), motion) for motion in motions]
    off = np.array([off_by(one, other) for one, other in zip(found, wanted, strict=True)])
    return off[:, 0].max() / DEGREE, off[:, 1].max()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_remounts_are_found(seed):
    motions, geometries, images, volumes = series(seed, (0, 120, 240))
    found = register_series(volumes, geometries, images=images)
    assert np.array_equal(found[0].rotation, np.eye(3))
    assert not np.any(found[0].shift)
    angle, distance = worst(found, motions)
    assert angle <= 0.1
    assert distance <= 0.1


@pytest.mark.parametrize("with_images", [True, False])
def test_any_series_may_be_the_first(with_images):
    motions, geometries, images, volumes = series(2, (120, 0), size=48, edges=(28, 28, 14), constant=11.0, radius=3.5)
    found = register_series(volumes, geometries, images=images if with_images else None)
    angle, distance = worst(found, motions)
    assert angle <= 0.1
    assert distance <= 0.1


def test_motions_compose():
    rng = np.random.default_rng(3)
    one, two = remount(rng, 1), remount(rng, -1)
    geometry = published_geometry(step=31)
    there, at_once = geometry.moved(one).moved(two), geometry.moved(composed(two, one))
    assert np.allclose(there.rotations, at_once.rotations, atol=1e-12)
    assert np.allclose(there.shifts, at_once.shifts, atol=1e-12)
    angle, distance = off_by(composed(inverse(one), one), STILL)
    assert angle < 1e-7
    assert distance < 1e-12


def test_a_rigid_step_finds_a_small_motion_of_all_images():
    rng = np.random.default_rng(5)
    volume = fill(slab(rng, edges=(18, 18, 10), radius=3.0), (32, 32, 32))
    motion = RigidTransform(small_rotation(np.array([0.1, -0.2, 0.15]) * DEGREE), np.array([0.1, -0.05, 0.08]))
    geometry = published_geometry(in_plane=(0,), step=31)
    images = project(volume, plan_projector(volume.shape, geometry.moved(motion), detector=(32, 32)))
    plan = plan_projector(volume.shape, geometry, detector=(32, 32))
    first = rigid_step(normal_equations(images, plan, volume=volume, smooth=0.5), geometry)
    moved = geometry.moved(first)
    plan = plan_projector(volume.shape, moved, detector=(32, 32))
    second = rigid_step(normal_equations(images, plan, volume=volume, smooth=0.5), moved)
    left = [off_by(step, motion) for step in (first, composed(second, first))]
    assert left[0][0] < 0.05 * DEGREE
    assert left[1][0] < left[0][0] / 5
    assert left[1][1] < 0.002


def test_the_correlation_gives_whole_shifts():
    volume = fill(slab(np.random.default_rng(6), edges=(14, 16, 8), radius=2.0), (24, 31, 32))
    moved = np.roll(volume, (3, -2, 4), axis=(0, 1, 2))
    assert volume_shift(volume, moved).tolist() == [4, -2, 3]


def test_impossible_input_is_named():
    volume, geometry = np.ones((4, 4, 4), np.float32), published_geometry(in_plane=(0,), step=62)
    images = np.ones((3, 4, 4), np.float32)
    with pytest.raises(ValueError, match="geometries are 1; allowed: one for each of 2 volumes"):
        register_series([volume, volume], [geometry])
    with pytest.raises(ValueError, match=r"images has stacks of \[2\]; allowed: \[3\]"):
        register_series([volume], [geometry], images=[images[1:]])
    with pytest.raises(ValueError, match="volumes have shapes"):
        register_series([volume, volume[1:]], [geometry, geometry])
    with pytest.raises(ValueError, match="weights are given without images"):
        register_series([volume], [geometry], weights=[images])
