"""How the sample stood in each projection: rotations and shifts, and rigid transforms of them.

- `rotations`: from the angles of the stage to matrices; `beam_directions`: what of them a magnetization sees;
- `Geometry`: all projections of a measurement; `nominal_geometry`: as the experimenter wrote it down;
- `RigidTransform`: the motion of a series against the common frame; `small_rotation`: a matrix from a rotation vector.

A rotation takes the sample's (x, y, z) to the beam's (u, v, w): its rows are the detector's x axis, its y axis and the
direction of the beam, all in the sample's frame. Volumes and images are never resampled: a transform changes
rotations and shifts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[Any]
Floats = NDArray[np.float64]

_ORTHOGONAL = 1e-6


def rotations(*, in_plane: ArrayLike, tilt: ArrayLike) -> Floats:
    """Return ``R_x(tilt) R_z(in_plane)``, right-handed: (n, 3, 3), from the sample's axes to the beam's.

    Parameters
    ----------
    in_plane, tilt : (n,) arrays
        rad.

    Raises
    ------
    ValueError
        If their numbers differ, or an angle is not finite or beyond a half turn (in_plane: a whole one).
    """
    turned, tilted = np.atleast_1d(np.asarray(in_plane, float)), np.atleast_1d(np.asarray(tilt, float))
    if turned.shape != tilted.shape or turned.ndim != 1:
        raise ValueError(f"in_plane has shape {turned.shape} and tilt {tilted.shape}; allowed: one value a projection")
    for name, values, limit in (("in_plane", turned, 2 * np.pi), ("tilt", tilted, np.pi)):
        if not np.all(np.abs(values) <= limit + 1e-9):
            worst = values[np.argmax(np.where(np.isfinite(values), np.abs(values), np.inf))]
            raise ValueError(f"{name} is {worst:g} rad; allowed: up to {limit:.4f} either way")
    about_x, about_z = Rotation.from_euler("x", tilted[:, None]), Rotation.from_euler("z", turned[:, None])
    return np.asarray((about_x * about_z).as_matrix())


def beam_directions(rotation: Array) -> Floats:
    """Return the beam's direction in the sample's frame, ``(n, 3)`` components (x, y, z): the last rows."""
    return np.asarray(rotation[..., 2, :], np.float64)


def small_rotation(vector: ArrayLike) -> Floats:
    """Return the rotation by ``|vector|`` rad about `vector`, (..., 3) to (..., 3, 3)."""
    return np.asarray(Rotation.from_rotvec(np.asarray(vector, float)).as_matrix())


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """``x' = G x + t``: from the frame of a series to the common one.

    Attributes
    ----------
    rotation : (3, 3) float64 array
        G, on (x, y, z).
    shift : (3,) float64 array
        t, voxels (x, y, z).
    """

    rotation: Floats
    shift: Floats


@dataclass(frozen=True, eq=False)
class Geometry:
    """Poses of all projections.

    Attributes
    ----------
    rotations : (n, 3, 3) float64 array
        From the sample's (x, y, z) to the beam's (u, v, w).
    shifts : (n, 2) float64 array
        Where the sample's origin lies against index ``n//2`` of the image, px (y, x).

    Raises
    ------
    ValueError
        If the numbers differ, or a matrix is no rotation.
    """

    rotations: Floats
    shifts: Floats

    def __post_init__(self) -> None:
        n = len(self.rotations)
        if self.rotations.shape != (n, 3, 3) or self.shifts.shape != (n, 2):
            raise ValueError(
                f"rotations and shifts have shapes {self.rotations.shape} and {self.shifts.shape}; "
                "allowed: (n, 3, 3) and (n, 2)"
            )
        off = np.abs(self.rotations @ np.swapaxes(self.rotations, 1, 2) - np.eye(3)).max(initial=0.0)
        if not off <= _ORTHOGONAL or not np.all(np.isfinite(self.shifts)):
            raise ValueError(f"rotations are orthogonal to {off:.2g}; allowed: {_ORTHOGONAL:g}, and finite shifts")
        if n and not np.linalg.det(self.rotations).min() > 0:
            raise ValueError("rotations have a mirror among them; allowed: determinants of 1")

    def __len__(self) -> int:
        return len(self.rotations)

    def of(self, chosen: ArrayLike) -> "Geometry":
        """Return the projections `chosen`, an index array or a mask."""
        index = np.asarray(chosen)
        return Geometry(self.rotations[index], self.shifts[index])

    def moved(self, transform: RigidTransform) -> "Geometry":
        """Return the same projections of a sample that is described in the frame after `transform`.

        ``R' = R G^T`` and ``shift' = shift - (R G^T t)_(v, u)``.
        """
        turned = self.rotations @ transform.rotation.T
        along = turned @ transform.shift
        return Geometry(turned, self.shifts - along[:, [1, 0]])


def nominal_geometry(*, in_plane: ArrayLike, tilt: ArrayLike) -> Geometry:
    """Return the geometry of the angles as written down, without shifts; errors as of `rotations`."""
    matrices = rotations(in_plane=in_plane, tilt=tilt)
    return Geometry(matrices, np.zeros((len(matrices), 2)))
