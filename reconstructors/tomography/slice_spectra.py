"""Spectra of volumes on slices, and the adjoint: fused in single precision, with the library for higher accuracy.

- `FusedSpectra`: all volumes at once between the nodes of a `SliceGrid`; `plan_fused`;
- `LibrarySpectra`: one non-uniform transform for each volume; `plan_library`;
- `slice_points`: where a slice runs; `box_shapes`: the transform of a voxel that is a box, there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.nonuniform import NonuniformPlan, plan_points
from reconstructors.tomography.slice_grid import SliceGrid, plan_grid
from reconstructors.tomography.slice_kernels import add_slices, first_planes, read_slice

Array = NDArray[Any]

TOGETHER = (1, 3)
"""Numbers of volumes that are read at once."""
_POINTS = 4_000_000
"""Of one non-uniform transform of the library: bounds the memory that values take."""
_THICKNESS = 8
"""Planes of points that one thread adds; more than the rows of a kernel, so that every second layer is on its own."""


class Spectra(Protocol):
    """What evaluates the spectra of volumes on slices."""

    def read(self, volumes: Array, weights: Array, use: Callable[[int, Array], None]) -> None:
        """Call ``use(i, slice)`` with ``sum_m weights[i, m]`` times the spectrum of ``volumes[m]``, on any thread."""
        ...

    def spread(self, slices: Array, weights: Array) -> Array:
        """Apply the real adjoint of `read`: (n, v, u) to (m, z, y, x)."""
        ...


@dataclass(frozen=True, eq=False)
class FusedSpectra:
    """Spectra of one volume or three between the nodes of a grid.

    Attributes
    ----------
    grid : SliceGrid
    rotations : (n, 3, 3) array
    curvature : float
        Of the slices, along the beam; 0 for flat ones.
    f_v, f_u : arrays
        Frequencies of the slices, cycles per voxel.
    planes : (n, v, u) uint16 array
        First plane of nodes of each point.
    layers : tuple of (int, (n, v) bool array)
        First planes of points that are added together, and which rows have such points.
    """

    grid: SliceGrid
    rotations: Array
    curvature: float
    f_v: Array
    f_u: Array
    planes: Array
    layers: tuple[tuple[int, Array], ...]

    def read(self, volumes: Array, weights: Array, use: Callable[[int, Array], None]) -> None:
        """Call ``use(i, slice)`` with ``sum_m weights[i, m]`` times the spectrum of ``volumes[m]``, on any thread."""
        spectrum, kernel, wide = self.grid.spectrum(volumes), self.grid.kernel(), self.grid.wide(len(volumes))
        directions = self.grid.directions(weights)
        directions = directions[:, : directions.shape[1] // 2] + directions[:, directions.shape[1] // 2 :]

        def project(first: int, last: int) -> None:
            for i in range(first, last):
                out = np.empty((len(self.f_v), len(self.f_u)), np.complex64)
                read_slice(
                    spectrum, self.grid.sizes, self.rotations[i], self.curvature, self.f_v, self.f_u, self.planes[i],
                    kernel, wide, directions[i], out,
                )  # fmt: skip
                use(i, out)

        fourier.in_blocks(project, len(self.rotations), 1)

    def spread(self, slices: Array, weights: Array) -> Array:
        """Apply the real adjoint of `read`: (n, v, u) to (m, z, y, x)."""
        count = weights.shape[1]
        spectrum, kernel, wide = self.grid.empty(count), self.grid.kernel(), self.grid.wide(count)
        directions = self.grid.directions(weights)

        def collect(layers: tuple[tuple[int, Array], ...]) -> Callable[[int, int], None]:
            def change(first: int, last: int) -> None:
                for low, rows in layers[first:last]:
                    add_slices(
                        spectrum, self.grid.sizes, self.rotations, self.curvature, self.f_v, self.f_u, self.planes,
                        kernel, wide, directions, slices, rows, low, low + _THICKNESS,
                    )  # fmt: skip

            return change

        for layers in (self.layers[::2], self.layers[1::2]):
            fourier.in_blocks(collect(layers), len(layers), 1)
        return self.grid.adjoint(spectrum)


def plan_fused(
    shape: tuple[int, int, int], rotations: Array, f_v: Array, f_u: Array, *, accuracy: float, curvature: float = 0.0
) -> FusedSpectra | None:
    """Plan slices in single precision; None where that does not reach the accuracy."""
    grid = plan_grid(shape, accuracy)
    if grid is None:
        return None
    planes = np.empty((len(rotations), len(f_v), len(f_u)), np.uint16)
    for turn, own in zip(rotations, planes, strict=True):
        first_planes(turn, curvature, f_v, f_u, grid.sizes[0], own)
    lows = range(0, int(grid.sizes[0]) + 1, _THICKNESS)
    layers = tuple((low, ((planes >= low) & (planes < low + _THICKNESS)).any(-1)) for low in lows)
    return FusedSpectra(grid, np.ascontiguousarray(rotations), curvature, f_v, f_u, planes, layers)


@dataclass(frozen=True, eq=False)
class LibrarySpectra:
    """Spectra of volumes, one after the other, by the library.

    Attributes
    ----------
    slices : tuple of int
        Shape (v, u) of one.
    blocks : tuple of (slice, NonuniformPlan)
        Projections that are evaluated together.
    inside : (n, v, u) bool array
        Where slices lie in the volumes' band.
    """

    slices: tuple[int, int]
    blocks: tuple[tuple[slice, NonuniformPlan], ...]
    inside: Array

    def read(self, volumes: Array, weights: Array, use: Callable[[int, Array], None]) -> None:
        """Call ``use(i, slice)`` with ``sum_m weights[i, m]`` times the spectrum of ``volumes[m]``, on any thread."""
        for block, plan in self.blocks:
            values = plan.evaluate(volumes.astype(plan.dtype)).reshape(len(volumes), -1, *self.slices)
            start, shares = block.start, weights[block].astype(volumes.dtype)

            def finish(
                first: int, last: int, values: Array = values, start: int = start, shares: Array = shares
            ) -> None:
                for i in range(first, last):
                    use(start + i, np.tensordot(shares[i], values[:, i], 1) * self.inside[start + i])

            fourier.in_blocks(finish, values.shape[1], 1)

    def spread(self, slices: Array, weights: Array) -> Array:
        """Apply the real adjoint of `read`: (n, v, u) to (m, z, y, x)."""
        real = slices.real.dtype
        volumes = np.zeros((weights.shape[1], *self.blocks[0][1].shape), real)
        for block, plan in self.blocks:
            own = slices[block] * self.inside[block]
            values = weights[block].T.astype(real)[:, :, None, None] * own
            volumes += plan.spread(values.reshape(len(values), -1)).real
        return volumes


def plan_library(
    shape: tuple[int, int, int],
    rotations: Array,
    f_v: Array,
    f_u: Array,
    *,
    accuracy: float,
    dtype: Any,
    curvature: float = 0.0,
) -> LibrarySpectra:
    """Plan slices for `dtype`, complex64 or complex128, at any accuracy."""
    per_block = max(1, _POINTS // (len(f_v) * len(f_u)))
    inside = np.empty((len(rotations), len(f_v), len(f_u)), np.bool_)
    blocks = []
    for first in range(0, len(rotations), per_block):
        block = slice(first, min(first + per_block, len(rotations)))
        k = np.stack([slice_points(turn, f_v, f_u, curvature)[::-1] for turn in rotations[block]], axis=1)
        inside[block] = (np.abs(k) <= 0.5 + 1e-9).all(0)
        points = (2 * np.pi * k).reshape(3, -1)
        blocks.append((block, plan_points(shape, points, dtype=dtype, accuracy=accuracy)))
    return LibrarySpectra((len(f_v), len(f_u)), tuple(blocks), inside)


def slice_points(turn: Array, f_v: Array, f_u: Array, curvature: float) -> Array:
    """Return the frequencies of a slice along the sample's axes (x, y, z), (3, v, u)."""
    f_w = -0.5 * curvature * (f_u**2 + f_v[:, None] ** 2)
    return np.stack([turn[0, j] * f_u + turn[1, j] * f_v[:, None] + turn[2, j] * f_w for j in range(3)])


def box_shapes(rotations: Array, f_v: Array, f_u: Array, *, curvature: float = 0.0, dtype: Any) -> Array:
    """Return the transform of a voxel of constant value on slices, (n, v, u): a sinc along each of its axes."""
    shapes = np.empty((len(rotations), len(f_v), len(f_u)), dtype)
    for turn, own in zip(rotations, shapes, strict=True):
        own[...] = np.prod(np.sinc(slice_points(turn, f_v, f_u, curvature)), axis=0)
    return shapes
