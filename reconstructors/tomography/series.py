"""Several series of one sample in one frame: the rigid motion of each remount.

- `register_series`: the transform of every series to the frame of the first;
- `composed`, `inverse`: of rigid transforms;
- `rigid_step`: the systems of many images as one, of a single body;
- `volume_shift`: where one volume lies against another, by their correlation.

Every series misses its own wedge. A direction that only one of two series measured must not count: the volume of one is
projected along the beams of the other, and what it does not hold has no gradient there. The last steps take the volume
from all series together, which has no wedge.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.tomography.geometry import Geometry, RigidTransform, small_rotation
from reconstructors.tomography.pose_equations import NormalEquations, normal_equations
from reconstructors.tomography.projector import plan_projector, project
from reconstructors.tomography.refinement import reconstructed

Array = NDArray[Any]
Floats = NDArray[np.float64]

_COARSE = (3.0, 3.0, 2.0, 1.0, 1.0)
"""Low-passes, px, of the steps against the first series alone."""
_ROUNDS = 12
_STRIDE = 1.5
"""Of joint steps: about a third of an error has gone into the volume that they are compared with."""
_SMALL_TURN, _SMALL_SHIFT = float(np.deg2rad(0.005)), 0.002
"""Joint steps, rad and px, that end the search."""


def register_series(
    volumes: Sequence[Array],
    geometries: Sequence[Geometry],
    *,
    images: Sequence[Array] | None = None,
    weights: Sequence[Array] | None = None,
) -> tuple[RigidTransform, ...]:
    """Return the motion of each series to the frame of the first.

    Parameters
    ----------
    volumes : sequence of (z, y, x) arrays
        Of each series alone, of one shape, each in the frame of its own geometry.
    geometries : sequence of Geometry
        With the in-plane angles as written down, so that only a few degrees and voxels are left to find.
    images : sequence of (n, y, x) arrays, optional
        What the volumes were reconstructed from. Without them, reprojections of the volumes, on a detector as wide as
        the volume, take their place: noise and errors of the volumes are then in them twice.
    weights : sequence of (n, y, x) arrays, optional
        Of the pixels of `images`, see `reconstructors.tomography.refinement.refine_geometry`.

    Returns
    -------
    tuple of RigidTransform
        The first is the identity; ``geometry.moved(transform)`` is the geometry in the common frame.

    Raises
    ------
    ValueError
        If numbers or shapes differ.
    """
    _check(volumes, geometries, images, weights)
    shown = _reprojected(volumes, geometries) if images is None else list(images)
    first = volumes[0]
    found = [RigidTransform(np.eye(3), np.zeros(3))]
    for index in range(1, len(volumes)):
        geometry, views, weight = geometries[index], shown[index], None if weights is None else weights[index]
        motion = RigidTransform(np.eye(3), volume_shift(volumes[index], first))
        for smooth in _COARSE:
            plan = plan_projector(first.shape, geometry.moved(motion), detector=views.shape[1:])
            system = normal_equations(views, plan, volume=first, weights=weight, smooth=smooth)
            motion = composed(rigid_step(system, plan.geometry), motion)
        found.append(motion)
    if len(found) > 1:
        found = _jointly(shown, geometries, found, shape=first.shape, weights=weights)
    return tuple(found)


def _jointly(
    images: Sequence[Array],
    geometries: Sequence[Geometry],
    motions: list[RigidTransform],
    *,
    shape: tuple[int, int, int],
    weights: Sequence[Array] | None,
) -> list[RigidTransform]:
    """Refine the motions against the volume of all series, in rounds."""
    views = np.concatenate(images)
    weight = None if weights is None else np.concatenate(weights)
    ends = np.cumsum([0, *(len(geometry) for geometry in geometries)])
    volume = np.zeros(shape, np.float32)
    for _ in range(_ROUNDS):
        moved = [geometry.moved(motion) for geometry, motion in zip(geometries, motions, strict=True)]
        whole = Geometry(np.concatenate([g.rotations for g in moved]), np.concatenate([g.shifts for g in moved]))
        plan = plan_projector(shape, whole, detector=views.shape[1:])
        volume = reconstructed(views, plan, volume, weight)
        system = normal_equations(views, plan, volume=volume, weights=weight)
        steps = [
            rigid_step(system.of(slice(a, b)), own, stride=_STRIDE)
            for a, b, own in zip(ends[:-1], ends[1:], moved, strict=True)
        ]
        back = inverse(steps[0])
        steps = [composed(back, step) for step in steps]
        motions = [motions[0], *(composed(*pair) for pair in zip(steps[1:], motions[1:], strict=True))]
        turn = max(float(np.linalg.norm(step.rotation - np.eye(3))) / np.sqrt(2) for step in steps)
        if turn < _SMALL_TURN and max(float(np.linalg.norm(step.shift)) for step in steps) < _SMALL_SHIFT:
            break
    return motions


def composed(second: RigidTransform, first: RigidTransform) -> RigidTransform:
    """Return the motion `first`, then `second`."""
    return RigidTransform(second.rotation @ first.rotation, second.rotation @ first.shift + second.shift)


def inverse(transform: RigidTransform) -> RigidTransform:
    """Return the motion back."""
    return RigidTransform(transform.rotation.T, -transform.rotation.T @ transform.shift)


def rigid_step(system: NormalEquations, geometry: Geometry, *, stride: float = 1.0) -> RigidTransform:
    """Return the motion of the sample that brings all images of `geometry` closest together, times `stride`.

    Notes
    -----
    A motion by the rotation vector g and the shift t turns image i by ``-R_i g`` about the beam's axes and shifts it by
    ``-(R_i t)_(v, u)``.
    """
    chain = np.zeros((len(geometry), 5, 6))
    chain[:, :2, 3:] = -geometry.rotations[:, [1, 0]]
    chain[:, 2:, :3] = -geometry.rotations
    matrix = np.einsum("nai,nab,nbj->ij", chain, system.matrices, chain)
    right = np.einsum("nai,na->i", chain, system.right)
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    step = stride * np.linalg.lstsq(matrix / np.outer(scale, scale), right / scale, rcond=1e-10)[0] / scale
    return RigidTransform(small_rotation(step[:3]), step[3:])


def volume_shift(volume: Array, reference: Array) -> Floats:
    """Return by how many whole voxels (x, y, z) to move `volume` onto `reference`: the peak of their correlation."""
    correlation = fourier.irfftn(np.conj(fourier.rfftn(volume)) * fourier.rfftn(reference), volume.shape)
    peak = np.unravel_index(int(np.argmax(correlation)), volume.shape)
    return np.array([(p + n // 2) % n - n // 2 for p, n in zip(peak, volume.shape, strict=True)][::-1], np.float64)


def _reprojected(volumes: Sequence[Array], geometries: Sequence[Geometry]) -> list[Array]:
    width = max(volumes[0].shape)
    shape = (volumes[0].shape[0], volumes[0].shape[1], volumes[0].shape[2])
    return [
        project(volume, plan_projector(shape, geometry, detector=(width, width)))
        for volume, geometry in zip(volumes, geometries, strict=True)
    ]


def _check(
    volumes: Sequence[Array],
    geometries: Sequence[Geometry],
    images: Sequence[Array] | None,
    weights: Sequence[Array] | None,
) -> None:
    if not volumes or len(geometries) != len(volumes):
        raise ValueError(f"geometries are {len(geometries)}; allowed: one for each of {len(volumes)} volumes, from 1")
    for name, stacks in (("images", images), ("weights", weights)):
        if stacks is None:
            continue
        found, wanted = [len(stack) for stack in stacks], [len(geometry) for geometry in geometries]
        if found != wanted or len({stack.shape[1:] for stack in stacks}) > 1:
            raise ValueError(f"{name} has stacks of {found}; allowed: {wanted}, all of one frame")
    if len({volume.shape for volume in volumes}) > 1 or volumes[0].ndim != 3:
        raise ValueError(f"volumes have shapes {[volume.shape for volume in volumes]}; allowed: one (z, y, x)")
    if weights is not None and images is None:
        raise ValueError("weights are given without images; allowed: both or neither")
