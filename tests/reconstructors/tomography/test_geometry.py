"""Poses: signs worked by hand, rigid transforms, refusals."""

import numpy as np
import pytest

from reconstructors.tomography.geometry import (
    Geometry,
    RigidTransform,
    beam_directions,
    nominal_geometry,
    rotations,
    small_rotation,
)

ROOT = 0.8660254037844386
DIRECTIONS = {  # (tilt, in-plane) in degrees: the beam (x, y, z) in the sample
    (0, 0): (0.0, 0.0, 1.0),
    (0, 90): (0.0, 0.0, 1.0),
    (30, 0): (0.0, 0.5, ROOT),
    (30, 90): (0.5, 0.0, ROOT),
    (-60, 0): (0.0, -ROOT, 0.5),
    (-60, 90): (-ROOT, 0.0, 0.5),
}


def matrix(tilt, in_plane):
    return rotations(in_plane=np.deg2rad([in_plane]), tilt=np.deg2rad([tilt]))[0]


@pytest.mark.parametrize("angles", DIRECTIONS)
def test_beam_directions_by_hand(angles):
    assert beam_directions(matrix(*angles)) == pytest.approx(DIRECTIONS[angles], abs=1e-15)


def test_rotation_by_hand():
    # a quarter turn about z takes x to y and y to -x; a tilt by 30 degrees about x then lifts y towards z
    wanted = [[0, -1, 0], [ROOT, 0, -0.5], [0.5, 0, ROOT]]
    np.testing.assert_allclose(matrix(30, 90), wanted, atol=1e-15)


def test_rotations_are_proper():
    turned = rotations(in_plane=np.linspace(-6, 6, 9), tilt=np.linspace(-3, 3, 9))
    np.testing.assert_allclose(np.linalg.det(turned), 1, atol=1e-14)


def test_small_rotation_turns_right_handed():
    np.testing.assert_allclose(small_rotation([0, 0, 0.1]) @ [1, 0, 0], [np.cos(0.1), np.sin(0.1), 0], atol=1e-15)


def test_a_moved_geometry_sees_the_moved_sample():
    geometry = Geometry(rotations(in_plane=[0.3, 1.0], tilt=[0.5, -0.4]), np.array([[0.1, 0.2], [-3.0, 2.0]]))
    transform = RigidTransform(small_rotation([0.2, -0.5, 0.9]), np.array([1.0, 2.0, -3.0]))
    moved, point = geometry.moved(transform), np.array([4.0, -5.0, 6.0])
    before = (geometry.rotations @ point)[:, [1, 0]] + geometry.shifts
    after = (moved.rotations @ (transform.rotation @ point + transform.shift))[:, [1, 0]] + moved.shifts
    np.testing.assert_allclose(after, before, atol=1e-12)


def test_chosen_projections():
    geometry = nominal_geometry(in_plane=[0.1, 0.2, 0.3], tilt=[0.0, 0.1, 0.2])
    assert len(geometry) == 3
    for chosen in ([0, 2], np.array([True, False, True])):
        np.testing.assert_array_equal(geometry.of(chosen).rotations, geometry.rotations[[0, 2]])


@pytest.mark.parametrize(
    ("angles", "message"),
    [
        (([0.0, 1.0], [0.0]), r"in_plane has shape \(2,\) and tilt \(1,\)"),
        (([0.0], [62.0]), "tilt is 62 rad; allowed: up to 3.1416 either way"),
        (([-7.0], [0.0]), "in_plane is -7 rad; allowed: up to 6.2832 either way"),
        (([0.0], [np.nan]), "tilt is nan rad"),
    ],
)
def test_impossible_angles_are_refused(angles, message):
    with pytest.raises(ValueError, match=message) as caught:
        nominal_geometry(in_plane=angles[0], tilt=angles[1])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("matrices", "shifts"),
    [
        (np.eye(3)[None], np.zeros((2, 2))),
        (np.eye(3)[None] * 1.1, np.zeros((1, 2))),
        (np.eye(3)[None], np.full((1, 2), np.nan)),
    ],
)
def test_impossible_geometries_are_refused(matrices, shifts):
    with pytest.raises(ValueError, match=r"^rotations .*; allowed: .*$"):
        Geometry(matrices, shifts)
