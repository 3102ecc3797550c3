"""How a sample truly stood in each projection of a tilt series.

- `TrueGeometry`: rotations and shifts; `true_geometry` draws it;
- `small_rotation`: the matrix of a rotation vector.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from numerics.streams import stream
from simulators.beamline.tilted_slices import rotation
from simulators.experiments.tilt_series_setups import TiltSeriesSetup, series_of

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class TrueGeometry:
    """Rotations and shifts of all projections.

    Attributes
    ----------
    rotation : (projection, 3, 3) float64 array
        From the sample's axes (x, y, z) to the beam's.
    shift : (helicity, projection, 2) float64 array
        Where the sample's origin lies in the image, (y, x) in px from index ``n//2``; helicity +1 and -1.
    misorientation : (projection, 3) float64 array
        Vectors, rad, of the rotations about the beam's axes (x, y, z) that lead from the nominal pose to `rotation`.
    series : (projection,) int64 array
    """

    rotation: Array
    shift: Array
    misorientation: Array
    series: Array


def true_geometry(setup: TiltSeriesSetup, *, seed: int) -> TrueGeometry:
    """Draw the errors of the geometry.

    Parameters
    ----------
    setup : TiltSeriesSetup
    seed : int
        Of the optics.

    Returns
    -------
    TrueGeometry

    Notes
    -----
    A true rotation is ``E Rx(tilt) Rz(in_plane) G``: E the projection's own small rotation, G that of its series'
    remounting, which also moves the sample by t, and so the image by ``(R t)_v, (R t)_u``.
    """
    errors, poses = setup.geometry, setup.poses
    series = series_of(poses)
    mounts = int(series.max()) + 1

    def drawn(name: str, *shape: int) -> Array:
        return stream(seed, "optics", "tilt series", name).standard_normal(shape)

    turns, moves = drawn("remount angle", mounts, 3), drawn("remount shift", mounts, 3)
    turns[0] = moves[0] = 0
    turns, moves = errors.remount_angle * turns, errors.remount_shift * moves
    angles = errors.angle * drawn("angle", len(poses), 3)
    rotations, off = np.empty((len(poses), 3, 3)), np.zeros((len(poses), 3))
    for index, pose in enumerate(poses):
        own, mount = angles[index], turns[series[index]]
        stage = rotation(pose.tilt, pose.in_plane_angle)
        rotations[index] = small_rotation(own) @ stage @ small_rotation(mount)
        if own.any() or mount.any():
            off[index] = Rotation.from_matrix(rotations[index] @ stage.T).as_rotvec()
    shift = errors.shift * drawn("shift", len(poses), 2)
    shift += np.einsum("pij,pj->pi", rotations, moves[series])[:, [1, 0]]
    between = errors.helicity_shift * drawn("helicity shift", len(poses), 2)
    return TrueGeometry(rotations, np.stack([shift, shift + between]), off, series)


def small_rotation(vector: Array) -> Array:
    """Return the matrix, (3, 3), of the rotation about `vector`, (x, y, z), by its length in rad."""
    return np.asarray(Rotation.from_rotvec(vector).as_matrix())
