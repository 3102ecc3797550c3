"""Bring a volume into the frame of a reference: shift, and on request rotation between frames.

- `register_volume`: a `Registration` whose `shift` is (z, y, x) in voxels and whose `rotation` is a rotation vector;
  `apply_registration` gives it to other volumes of the same grid, such as the magnetization after the charge.

The shift is that of the highest masked correlation, the orientation of a few candidates (`orientation`) the one
that then correlates best; both are refined together by least squares, coarse to fine.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from validation.registration import alignment
from validation.registration.gauge import Registration, apply_registration
from validation.registration.orientation import likely_rotations
from validation.resolution.binning import Size, sizes

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Voxels per side at which orientations are compared, and the most that a fit looks at.
_COARSE_SIDE, _MOST_VOXELS = 32, 2**21
_EQUAL_MATCHES, _WORTH_REFINING = 0.97, 0.6
_MOST_STEPS = 12
_SMALL_CHANGE = 1e-5
# A refinement may go this many voxels and radians from where it started, no farther.
_FARTHEST, _FARTHEST_TURN = 2.0, 0.35
# In one step it goes no farther than derivatives mean something; its end may correlate worse than its start by this
# share of the correlation that is missing: noise biases the start, not the end.
_LONGEST_STEP, _LONGEST_TURN, _SLACK = 0.4, 0.15, 0.01
_SHORTEST_SIDE = 4
_SLAB = 2**13  # voxels
_TOLERANCE = math.radians(1.0)


@dataclass(frozen=True)
class _Pose:
    """Rotation (x, y, z) about index ``n//2``, then a shift (z, y, x) in metres."""

    rotation: Floats
    shift: Floats


@dataclass(frozen=True)
class _Level:
    """Two volumes with leading components, a mask and its strides, at one spacing (metres)."""

    volume: Floats
    reference: Floats
    mask: Floats
    stride: tuple[int, ...]
    spacing: Floats
    is_turned: bool

    def at(self, pose: _Pose) -> tuple[Floats, Floats]:
        """Return the moved volume, and the mask without what came from outside."""
        shift = pose.shift / self.spacing
        if not self.is_turned:
            return alignment.moved(self.volume, tuple(shift)), self.mask
        volume = self.volume if len(self.volume) == 3 else self.volume[0]
        moved = alignment.turned(volume, pose.rotation, shift=shift, spacing=self.spacing)
        inside = alignment.turned(np.ones(self.mask.shape), pose.rotation, shift=shift, spacing=self.spacing) > 0.5
        return moved.reshape(self.volume.shape), self.mask * inside

    def correlation(self, pose: _Pose) -> float:
        """Return the normalised correlation, over all components, of the moved volume with the reference."""
        return self.match(*self.at(pose))

    def match(self, moved: Floats, weight: Floats) -> float:
        """Return the normalised correlation of what `at` returned with the reference."""
        total, sums = float(weight.sum(dtype=np.float64)), np.zeros(3)
        for a, b in zip(moved, self.reference, strict=True):
            parts = np.zeros(5)
            for layers in _slabs(weight.shape):
                w, u, v = (x[layers].astype(np.float64, copy=False) for x in (weight, a, b))
                wu, wv = w * u, w * v
                parts += wu.sum(), wv.sum(), np.vdot(wu, u), np.vdot(wv, v), np.vdot(wu, v)
            first, second = parts[:2] / total
            sums += parts[2:] - total * np.array([first**2, second**2, first * second])
        norm = math.sqrt(max(sums[0], 0.0) * max(sums[1], 0.0))
        return float(sums[2] / norm) if norm > 0 else -1.0


def register_volume(
    volume: Array,
    reference: Array,
    *,
    voxel_size: Size,
    rotation: bool | float = False,
    mask: Array | None = None,
    bound: float | None = None,
) -> Registration:
    """Find the rigid motion that brings `volume` into the frame of `reference`.

    Nothing else is removed: no scale, no sign, no offset. A vector field turns as a whole, its components with its
    positions: ``R m(R^-1 (r - s))``. With a rotation the volume is interpolated once by cubic splines and is zero where
    nothing is known; a shift alone is band-limited and cyclic. Volumes of more than 2^21 voxels are compared at a
    coarser spacing, and moved at their own.

    Parameters
    ----------
    volume, reference : real (z, y, x) scalars or (3, z, y, x) vectors
    voxel_size : float or sequence
        In metres, one number or one per axis (z, y, x).
    rotation : bool or float
        Whether a rotation may be removed too: False, True for any, or its largest angle in radian.
    mask : (z, y, x) array, optional
        Weight from 0 to 1 on the reference's grid.
    bound : float, optional
        Largest whole shift in voxels, to which the refinement may add two; default a quarter of the shortest side. Of
        nearly equal matches the nearest is taken, and of nearly equal orientations the least turned, so that a lattice
        does not lock one period off: give a bound below half its period where nothing else tells its cells apart.

    Returns
    -------
    Registration
        `shift` in voxels and `rotation` as a vector along (x, y, z) in radian, right-handed, about index ``n//2`` and
        before the shift.

    Raises
    ------
    ValueError
        On shapes that differ or are no volumes, values that are complex, not finite or all alike under the mask, an
        empty mask, an impossible voxel size, angle or bound.
    """
    spacing = sizes(voxel_size, 3, name="voxel_size")
    first, second, weight = _checked(volume, reference, mask)
    limit = _checked_limit(rotation)
    reach = min(weight.shape) / 4 if bound is None else float(bound)
    if not 0 < reach < math.inf:
        raise ValueError(f"bound is {bound!r} voxels; allowed: above 0")
    levels = _levels(first, second, weight, spacing, is_turned=limit > 0)
    del weight
    pose = _start(levels[0], reach, limit)
    for level in levels:
        pose = _refined(level, pose)
    x, y, z = (float(v) for v in Rotation.from_matrix(pose.rotation).as_rotvec())
    found = Registration(
        volume,
        shift=tuple(float(s) for s in pose.shift / np.asarray(spacing)),
        rotation=(x, y, z) if limit > 0 else None,
        voxel_size=spacing,
        correlation=levels[-1].correlation(pose),
        removed=("shift", "rotation") if limit > 0 else ("shift",),
    )
    return replace(found, image=apply_registration(volume, found))


def _levels(
    volume: Array, reference: Array, mask: Floats, spacing: tuple[float, ...], *, is_turned: bool
) -> list[_Level]:
    """Return the volumes at rising resolution; for a shift alone, which needs no start, at the finest only."""
    steps = [min(spacing)]
    while (
        np.prod([n / s for n, s in zip(mask.shape, _strides(spacing, mask.shape, steps[0]), strict=True)])
        > _MOST_VOXELS
    ):
        steps[0] *= 2
    extent = max(n * d for n, d in zip(mask.shape, spacing, strict=True))
    while is_turned and extent / steps[-1] > _COARSE_SIDE * math.sqrt(2):
        steps.append(2 * steps[-1])
    kind = np.result_type(volume, reference)
    kind = kind if kind == np.float32 else np.dtype(np.float64)
    levels = []
    for step in reversed(steps):
        stride = _strides(spacing, mask.shape, step)
        parts = [_thinned(values.reshape(-1, *mask.shape), stride, kind) for values in (volume, reference, mask)]
        levels.append(_Level(parts[0], parts[1], parts[2][0], stride, np.asarray(spacing) * stride, is_turned))
    return levels


def _strides(spacing: tuple[float, ...], shape: tuple[int, ...], step: float) -> tuple[int, ...]:
    return tuple(max(1, min(round(step / d), n // _SHORTEST_SIDE)) for d, n in zip(spacing, shape, strict=True))


def _thinned(values: Array, stride: tuple[int, ...], kind: np.dtype[Any]) -> Array:
    """Return every `stride`-th voxel of smoothed components, index ``n//2`` among them; it stays at ``n//2``."""
    if max(stride) == 1:
        return np.asarray(values, kind)
    sigma = [0.5 * s if s > 1 else 0.0 for s in stride]
    first = [(n // 2) % s for n, s in zip(values.shape[1:], stride, strict=True)]
    kept = tuple(slice(f, None, s) for f, s in zip(first, stride, strict=True))
    return np.stack([ndimage.gaussian_filter(np.asarray(v, kind), sigma)[kept] for v in values])


def _start(level: _Level, bound: float, limit: float) -> _Pose:
    """Return the pose to refine: of orientations that match nearly as well as the best, the least turned."""
    still, height = _shifted(level, np.eye(3), bound)
    if limit <= 0:
        return still
    rotations = likely_rotations(level.volume, level.reference, tuple(level.spacing), limit)
    found = [(still, height), *(_shifted(level, r, bound) for r in rotations)]
    likely = [pose for pose, h in found if h >= _WORTH_REFINING * max(h for _, h in found)]
    poses = [pose for pose in (_refined(level, p) for p in likely) if _angle(pose.rotation) <= limit + _TOLERANCE]
    heights = [level.correlation(pose) for pose in poses]
    good = [pose for pose, h in zip(poses, heights, strict=True) if h >= _EQUAL_MATCHES * max(heights)]
    return min(good, key=lambda pose: _angle(pose.rotation)) if good else still


def _shifted(level: _Level, rotation: Floats, bound: float) -> tuple[_Pose, float]:
    """Return the whole shift of the highest correlation at one orientation, and that correlation."""
    moved, _ = level.at(_Pose(rotation, np.zeros(3)))
    surface = alignment.correlation_surface(moved, level.reference, level.mask, remove_mean=True)
    displacement, height = alignment.bounded_peak(surface.real, bound, stride=level.stride)
    return _Pose(rotation, -np.asarray(displacement) * level.spacing), height


def _refined(level: _Level, start: _Pose) -> _Pose:
    """Refine shift and rotation by least squares; scale and constants float, they are not removed."""
    pose, least = start, -math.inf
    for _ in range(_MOST_STEPS):
        moved, weight = level.at(pose)
        if pose is start:
            match = level.match(moved, weight)
            least = match - _SLACK * (1 - match)
        step, change = _least_squares(moved, level.reference, weight, level.spacing, is_turned=level.is_turned)
        del moved, weight
        pose = _stepped(pose, step, level.spacing, is_turned=level.is_turned)
        moves = (pose.shift - start.shift) / level.spacing
        if not np.abs(moves).max() <= _FARTHEST or _angle(pose.rotation @ start.rotation.T) > _FARTHEST_TURN:
            return start
        if change < _SMALL_CHANGE:
            break
    return pose if level.correlation(pose) >= least else start


def _stepped(pose: _Pose, step: Floats, spacing: Floats, *, is_turned: bool) -> _Pose:
    """Return the pose after a shift (z, y, x; metres) and turn (x, y, z; radian), shortened where they are too long."""
    length = max(np.abs(step[:3] / spacing).max() / _LONGEST_STEP, np.linalg.norm(step[3:]) / _LONGEST_TURN)
    step = step / max(float(length), 1.0)
    turn = Rotation.from_rotvec(step[3:]).as_matrix() if is_turned else np.eye(3)
    return _Pose(turn @ pose.rotation, turn[::-1, ::-1] @ pose.shift + step[:3])


def _least_squares(
    moved: Floats, reference: Floats, weight: Floats, spacing: Floats, *, is_turned: bool
) -> tuple[Floats, float]:
    """Return the small shift (z, y, x; metres) and turn (x, y, z; radian) still missing, and their largest effect.

    Products with the clean reference's derivatives, as in `alignment.gauge_step`.
    """
    count = len(reference)
    first = 1 + count
    total = first + (6 if is_turned else 3)
    matrix, target, size = np.zeros((total, total)), np.zeros(total), np.zeros((2, total))
    for c in range(count):
        gradients = [_gradient(v[c], spacing) for v in (moved, reference)]
        for layers in _slabs(weight.shape):
            inside = weight[layers] > 0
            w = weight[layers][inside].astype(np.float64, copy=False)
            r = _positions(layers.start, inside, weight.shape[0], spacing) if is_turned else None
            columns, rows = (
                _columns(
                    v[:, layers][:, inside].astype(np.float64, copy=False),
                    np.stack([g[layers][inside] for g in gradient], dtype=np.float64),
                    c,
                    r,
                )
                for v, gradient in zip((moved, reference), gradients, strict=True)
            )
            size += [(v**2) @ w for v in (columns, rows)]
            rows *= w
            matrix += rows @ columns.T
            target += rows @ reference[c, layers][inside]
    scale = np.sqrt(np.maximum(size, np.finfo(np.float64).tiny))
    fit = np.linalg.lstsq(matrix / np.outer(scale[1], scale[0]), target / scale[1], rcond=1e-10)[0]
    effect = fit / (fit[0] or 1.0)
    return effect[first:] * scale[0, 0] / scale[0, first:], float(np.abs(effect[first:]).max())


def _columns(values: Floats, gradient: Floats, c: int, positions: Floats | None) -> Floats:
    """Return what scale, constants, shift (z, y, x) and, at `positions`, turn (x, y, z) change in component `c`."""
    constants = np.zeros_like(values)
    constants[c] = 1.0
    columns = [values[c : c + 1], constants, -gradient]
    if positions is not None:
        # about each axis k: (e_k x m)_c - ((r x grad) m_c)_k
        (x, y, z), (gz, gy, gx) = positions, gradient
        turn = np.stack([z * gy - y * gz, x * gz - z * gx, y * gx - x * gy])
        if len(values) == 3:
            turn[(c + 1) % 3] += values[(c + 2) % 3]
            turn[(c + 2) % 3] -= values[(c + 1) % 3]
        columns.append(turn)
    return np.concatenate(columns)


def _slabs(shape: tuple[int, ...]) -> list[slice]:
    depth = max(1, _SLAB // (shape[1] * shape[2]))
    return [slice(z, z + depth) for z in range(0, shape[0], depth)]


def _positions(first: int, inside: Array, depth: int, spacing: Floats) -> Floats:
    """Return the positions (x, y, z), metres, of what is inside of layers from `first` on."""
    z, y, x = np.nonzero(inside)
    z = z + first - depth // 2
    return np.stack([(x - inside.shape[2] // 2) * spacing[2], (y - inside.shape[1] // 2) * spacing[1], z * spacing[0]])


def _gradient(values: Floats, spacing: Floats) -> list[Floats]:
    """Return the derivatives along (z, y, x), per metre."""
    return [alignment.derivative(values, axis, float(d)) for axis, d in enumerate(spacing)]


def _angle(rotation: Floats) -> float:
    return float(Rotation.from_matrix(rotation).magnitude())


def _checked(volume: Array, reference: Array, mask: Array | None) -> tuple[Array, Array, Floats]:
    if volume.shape != reference.shape or not (volume.ndim == 3 or (volume.ndim == 4 and volume.shape[0] == 3)):
        raise ValueError(
            f"volume and reference have shapes {volume.shape}, {reference.shape}; "
            "allowed: one of (z, y, x) or (3, z, y, x)"
        )
    shape = volume.shape[-3:]
    if min(shape) < _SHORTEST_SIDE:
        raise ValueError(f"volume has shape {volume.shape}; allowed: at least {_SHORTEST_SIDE} voxels a side")
    if mask is not None and np.iscomplexobj(mask):
        raise ValueError("mask is complex; allowed: real weights from 0")
    weight = np.ones(shape) if mask is None else np.asarray(mask, np.float64)
    if weight.shape != shape or not weight.min() >= 0 or not 0 < weight.sum() < math.inf:
        raise ValueError(f"mask of shape {weight.shape}; allowed: shape {shape}, from 0, not empty")
    for name, values in (("volume", volume), ("reference", reference)):
        if np.iscomplexobj(values):
            raise ValueError(f"{name} is complex; allowed: real numbers")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
        seen = values[..., weight > 0] if name == "reference" else values.reshape(*values.shape[:-3], -1)
        if not np.ptp(seen, axis=-1).any():
            raise ValueError(f"{name} is the same everywhere under the mask; allowed: anything to register")
    return volume, reference, weight


def _checked_limit(rotation: bool | float) -> float:
    limit = math.pi * bool(rotation) if isinstance(rotation, bool | np.bool_) else float(rotation)
    if not 0 <= limit <= math.pi:
        raise ValueError(f"rotation is {rotation!r}; allowed: False, True or a largest angle up to pi")
    return limit
