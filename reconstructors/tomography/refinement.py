"""Refinement of poses by reprojection: shifts and turns that make the projections of a volume fit the images.

- `refine_geometry`: one Gauss-Newton step of all images against a given volume;
- `best_step`, `stepped`, `rms_step`: what the least squares of one round say, and where that leads;
- `fitted_motion`: the rigid motion that brings one geometry closest to another: what no refinement can find;
- `refine`: the outer loop: reconstruct (`reconstructed`), reproject, step; `Refinement`, `Round`: what it returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from numerics.iterate import run
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.geometry import Geometry, RigidTransform, small_rotation
from reconstructors.tomography.pose_equations import NormalEquations, normal_equations
from reconstructors.tomography.projector import Projector, plan_projector, project
from reconstructors.tomography.solvers import ConjugateGradient

Array = NDArray[Any]
Floats = NDArray[np.float64]

KINDS = ("shift", "angle")
LARGEST_SHIFT, LARGEST_TURN = 2.0, float(np.deg2rad(1.7))
"""Of one step: px, rad."""
SPREAD = float(np.deg2rad(1.0))
"""Standard deviation of the angles about what was written down, rad."""
_ITERATIONS = 8
_COARSEST, _FINE = 3.0, 0.25
"""Low-pass of the first round, px; below the second the residual's own spectrum takes its place."""
_ANGLES_FROM = 1.5
"""Low-pass, px, from which down turns are refined too."""
_LAST_TURN, _LAST_SHIFT = float(np.deg2rad(0.1)), 0.004
"""Rms step, rad and px, that ends the refinement of either kind."""


@dataclass(frozen=True, eq=False)
class Round:
    """Rms steps of one round, px and rad, and the low-pass it ran under, px (0: whitened)."""

    shift: float
    turn: float
    smooth: float


@dataclass(frozen=True, eq=False)
class Refinement:
    """What `refine` found: the geometry, the volume that it was last compared with, and every round."""

    geometry: Geometry
    volume: Array
    history: tuple[Round, ...]


def refine_geometry(
    images: Array,
    geometry: Geometry,
    *,
    volume: Array,
    what: Sequence[str] = KINDS,
    weights: Array | None = None,
    smooth: float | None = None,
    nominal: Geometry | None = None,
) -> Geometry:
    """Take one reprojection step of all poses towards `images`.

    Parameters
    ----------
    images : (n, y, x) array
        Line integrals, voxels times the unit of `volume`.
    geometry : Geometry
        Where to start from.
    volume : (z, y, x) array
    what : sequence of {"shift", "angle"}
        Kinds of unknowns that are refined.
    weights : (n, y, x) array, optional
        One over the variance of each pixel, on any scale; 0 leaves a pixel out.
    smooth : float, optional
        Gaussian low-pass of images and reprojections, standard deviation in px. Without it, frequencies count by the
        inverse of their power in the residual.
    nominal : Geometry, optional
        Angles as written down, to which turns are drawn by their spread of a degree; default `geometry`.

    Returns
    -------
    Geometry
        At most 2 px and 1.7 degrees from `geometry`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a kind is unknown.
    """
    _check_kinds(what)
    plan = plan_projector(_box(volume), geometry, detector=_frame(images, geometry, weights))
    system = normal_equations(images, plan, volume=volume, weights=weights, smooth=smooth, turns=KINDS[1] in what)
    return stepped(geometry, best_step(system, geometry, what=what, nominal=nominal or geometry))


def best_step(system: NormalEquations, geometry: Geometry, *, what: Sequence[str], nominal: Geometry) -> Floats:
    """Return the steps (n, 5) that solve the systems, none longer than allowed, with turns drawn to those of `nominal`.

    Parameters
    ----------
    system : NormalEquations
        At `geometry`.
    geometry, nominal : Geometry
    what : sequence of {"shift", "angle"}
        The other unknowns stay as they are.
    """
    matrices, right = system.matrices.copy(), system.right.copy()
    turned = Rotation.from_matrix(geometry.rotations @ np.swapaxes(nominal.rotations, 1, 2)).as_rotvec()
    pull = system.variance / SPREAD**2
    matrices[:, range(2, 5), range(2, 5)] += pull[:, None]
    right[:, 2:] -= pull[:, None] * turned
    used = [index for index in range(5) if KINDS[0 if index < 2 else 1] in what]
    step = np.zeros((len(geometry), 5))
    for index, (matrix, side) in enumerate(zip(matrices[:, used][:, :, used], right[:, used], strict=True)):
        step[index, used] = np.linalg.lstsq(matrix, side, rcond=1e-10)[0]
    for part, largest in ((slice(0, 2), LARGEST_SHIFT), (slice(2, 5), LARGEST_TURN)):
        length = np.linalg.norm(step[:, part], axis=1, keepdims=True)
        step[:, part] *= np.minimum(1.0, largest / np.maximum(length, np.finfo(float).tiny))
    return step


def stepped(geometry: Geometry, step: Floats) -> Geometry:
    """Return the geometry after steps (n, 5): shifts (y, x), px, and turns about the beam's own axes, rad."""
    return Geometry(small_rotation(step[:, 2:]) @ geometry.rotations, geometry.shifts + step[:, :2])


def rms_step(step: Floats) -> tuple[float, float]:
    """Return the rms of the shifts, px, and of the turns, rad, of steps (n, 5)."""
    shift, turn = (float(np.sqrt(np.mean(np.square(step[:, part])))) for part in (slice(0, 2), slice(2, 5)))
    return shift, turn


def fitted_motion(geometry: Geometry, reference: Geometry) -> RigidTransform:
    """Return the transform after which `geometry` is closest to `reference` in least squares.

    Images fix the poses up to this one motion of the sample.
    """
    left, _, right = np.linalg.svd(np.einsum("nij,nik->jk", reference.rotations, geometry.rotations))
    turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    along = (geometry.rotations @ turn.T)[:, [1, 0], :].reshape(-1, 3)
    shift = np.linalg.lstsq(along, (geometry.shifts - reference.shifts).reshape(-1), rcond=None)[0]
    return RigidTransform(np.asarray(turn), np.asarray(shift))


def refine(
    images: Array,
    *,
    geometry: Geometry,
    shape: tuple[int, int, int],
    weights: Array | None = None,
    rounds: int = 12,
    what: Sequence[str] = KINDS,
) -> Refinement:
    """Refine poses together with the volume: reconstruct, reproject, step, again.

    Parameters
    ----------
    images, weights
        As of `refine_geometry`.
    geometry : Geometry
        Angles as written down, and shifts as far as they are known; a few px may be wrong.
    shape : tuple of int
        Of the volume (z, y, x).
    rounds : int
        At most so many.
    what : sequence of {"shift", "angle"}

    Returns
    -------
    Refinement
        With no rigid motion against `geometry` as a whole.

    Raises
    ------
    ValueError
        As of `refine_geometry`.

    Notes
    -----
    Each round adds 8 steps of conjugate gradients, then cuts negative values. Images are low-passed by twice the last
    rms step of the shifts, from 3 px; the volume starts anew while they are, since it has taken in the wrong shifts.
    Angles come best after a few rounds and then drift: they rest after the first round that turns them by less than
    0.1 degrees rms, where what is left is the error of the model; shifts go on.
    """
    detector = _frame(images, geometry, weights)
    _check_kinds(what)
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; allowed: from 1")
    now, smooth, history = geometry, _COARSEST if KINDS[0] in what else 0.0, list[Round]()
    left, volume = list(what), np.zeros(shape, np.float32)
    for _ in range(rounds):
        plan = plan_projector(shape, now, detector=detector)
        volume = reconstructed(images, plan, np.zeros_like(volume) if smooth > _ANGLES_FROM else volume, weights)
        kinds = [kind for kind in left if kind == KINDS[0] or smooth <= _ANGLES_FROM]
        turns = KINDS[1] in kinds
        system = normal_equations(images, plan, volume=volume, weights=weights, smooth=smooth or None, turns=turns)
        step = best_step(system, now, what=kinds, nominal=geometry)
        now = stepped(now, step)
        now = now.moved(fitted_motion(now, geometry))
        shift, turn = rms_step(step)
        history.append(Round(shift, turn, smooth))
        if KINDS[1] in kinds and turn < _LAST_TURN:
            left.remove(KINDS[1])
        if KINDS[1] not in left and shift < _LAST_SHIFT:
            break
        smooth = min(smooth, 2 * shift) if 2 * shift >= _FINE else 0.0
    return Refinement(now, volume, tuple(history))


def reconstructed(images: Array, plan: Projector, volume: Array, weights: Array | None) -> Array:
    """Return `volume` after 8 steps of conjugate gradients towards `images`, cut below 0."""
    term = DataTerm(plan, images.astype(np.float32, copy=False) - project(volume, plan), weights, components=1)
    solver = ConjugateGradient(np.ones(plan.shape, np.float32))
    state, _ = run(solver, solver.init(term), steps=_ITERATIONS)
    return np.asarray(np.maximum(volume + state.x[0], 0))


def _check_kinds(what: Sequence[str]) -> None:
    if not what or any(kind not in KINDS for kind in what):
        raise ValueError(f"what is {tuple(what)}; allowed: {', '.join(KINDS)}, at least one of them")


def _box(volume: Array) -> tuple[int, int, int]:
    if volume.ndim != 3:
        raise ValueError(f"volume has shape {volume.shape}; allowed: (z, y, x)")
    return volume.shape[0], volume.shape[1], volume.shape[2]


def _frame(images: Array, geometry: Geometry, weights: Array | None) -> tuple[int, int]:
    """Check images and weights; return the detector's shape."""
    if images.ndim != 3 or len(images) != len(geometry):
        raise ValueError(f"images have shape {images.shape}; allowed: ({len(geometry)}, y, x), as many as poses")
    if weights is not None and weights.shape != images.shape:
        raise ValueError(f"weights have shape {weights.shape}; allowed: {images.shape}, that of images")
    return images.shape[1], images.shape[2]
