"""A grid twice finer than the pixels, for edges that cross voxels.

- `finer_projector`: projections of a volume on the fine grid onto the pixels of the data;
- `finer_fill`: where the magnet lies inside partly filled voxels; `finer_field`, `coarser`: fields between the grids.

The spectrum of a sharp edge does not end at the pixel's Nyquist frequency: what lies beyond it is folded into the data,
and a volume on the data's own grid cannot tell it from texture.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.projector import Engine, Projector, plan_projector
from reconstructors.tomography.waves import WaveSlices, plan_waves

Array = NDArray[Any]

_SHARPNESS = 4.0
_BALANCE = 30
"""Rounds in which the edge is moved until each voxel holds its share."""


@dataclass(frozen=True, eq=False)
class Binned:
    """An engine on the fine grid whose pixels are averaged two by two; lengths in coarse voxels."""

    fine: Engine

    def forward(self, volumes: Array, weights: Array) -> Array:
        """Return the images (n, y, x) of fine volumes (m, 2z, 2y, 2x)."""
        images = self.fine.forward(volumes, weights)
        even, odd = images[:, 0::2], images[:, 1::2]
        rows = even + odd
        return np.ascontiguousarray((rows[:, :, 0::2] + rows[:, :, 1::2]) / rows.dtype.type(8))

    def adjoint(self, images: Array, weights: Array) -> Array:
        """Apply the adjoint of `forward`."""
        spread = np.repeat(np.repeat(images / images.dtype.type(8), 2, axis=1), 2, axis=2)
        return self.fine.adjoint(spread, weights)


def finer_projector(plan: Projector, *, fill: Array) -> Projector:
    """Return the projector of volumes twice finer, onto the same pixels.

    Parameters
    ----------
    plan : Projector
        Of flat slices, or of waves: their curvature is twice as large in voxels of half the size.
    fill : (z, y, x) array
        Where the volumes are not 0: bounds the shadow, and with it the padding that slices need.
    """
    waves = plan.engine if isinstance(plan.engine, WaveSlices) else None
    pixels = plan.detector if waves is None else waves.curved.detector
    geometry, detector = plan.geometry, (2 * pixels[0], 2 * pixels[1])
    shape = (2 * plan.shape[0], 2 * plan.shape[1], 2 * plan.shape[2])
    # index n//2 of either fine grid lies a quarter of a coarse step before that of the coarse one, if n is even
    odd = np.array([n % 2 for n in plan.shape])[::-1]
    offset = geometry.rotations @ (odd - 0.5)
    pixel = 0.5 - np.array([n % 2 for n in pixels])
    shifts = 2 * geometry.shifts + pixel + offset[:, [1, 0]]
    sites = np.argwhere(fill > 0)
    shadow = 2 * float(np.linalg.norm(np.ptp(sites, axis=0) + 1)) + 2 * float(np.abs(shifts).max(initial=0))
    padding = min(max(1.1, (1 + shadow / min(detector)) / 2), 2.0)
    own: dict[str, Any] = {"detector": detector, "footprint": "box", "padding": padding, "dtype": plan.dtype}
    moved = Geometry(geometry.rotations, shifts)
    if waves is None:
        fine = plan_projector(shape, moved, **own)
    else:
        fine = plan_waves(shape, moved, curvature=2 * waves.curvature, **own)
    return Projector(shape, plan.detector, geometry, Binned(fine.engine), plan.dtype)


def finer_field(field: Array) -> Array:
    """Interpolate (..., z, y, x) linearly onto the fine grid."""
    for axis in range(field.ndim - 3, field.ndim):
        before = np.concatenate([np.take(field, [0], axis), np.take(field, range(field.shape[axis] - 1), axis)], axis)
        after = np.concatenate([np.take(field, range(1, field.shape[axis]), axis), np.take(field, [-1], axis)], axis)
        both = np.stack([0.75 * field + 0.25 * before, 0.75 * field + 0.25 * after], axis + 1)
        field = both.reshape(*field.shape[:axis], 2 * field.shape[axis], *field.shape[axis + 1 :])
    return np.ascontiguousarray(field)


def coarser(field: Array) -> Array:
    """Return the means of (..., 2z, 2y, 2x) over blocks of eight."""
    depth, height, width = (n // 2 for n in field.shape[-3:])
    blocks = field.reshape(*field.shape[:-3], depth, 2, height, 2, width, 2)
    return np.asarray(blocks.mean((-5, -3, -1), dtype=field.dtype))


def finer_fill(fill: Array) -> Array:
    """Return the fill of the fine grid, with edges as sharp as that grid allows; each voxel keeps its share.

    The edge is the level of the interpolated fill at which the voxel holds what it should.
    """
    slope = _SHARPNESS * (finer_field(fill.astype(np.float32)) - np.float32(0.5)) + np.float32(0.5)
    level = np.zeros_like(fill, np.float32)
    fine = np.clip(slope, 0, 1)
    for _ in range(_BALANCE):
        level += fill - coarser(fine)
        fine = np.clip(slope + np.repeat(np.repeat(np.repeat(level, 2, 0), 2, 1), 2, 2), 0, 1)
    return np.asarray(fine * np.repeat(np.repeat(np.repeat(fill > 0, 2, 0), 2, 1), 2, 2))
