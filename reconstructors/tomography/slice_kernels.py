"""Loops over the points of slices through a fine spectrum: reading it there, and the adjoint.

The spectrum of real volumes has nodes with x from 0 on; a point with negative x is read, conjugate, at the opposite
one. Rims repeat the nodes beyond the ends of the period.

With a curvature c a slice is bent along the beam, to ``u r1 + v r2 - c/2 (u² + v²) r3``; 0 is a flat one.

- `first_planes`: the first plane of nodes of every point; `OUT` where it lies outside the volumes' band;
- `read_slice`: all volumes at the points of one slice, times their weights, summed; `add_slices`: its adjoint, for
  points in a few planes; `mirror`: the rims along x from the opposite nodes; `unmirror`: its adjoint.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from reconstructors.tomography.slice_steps import add1, add3, along_line, read1, read3

Array = NDArray[Any]

RIM = 2
"""Nodes before the period, and one less than behind it."""
OUT = np.uint16(65535)
_BELOW = 1.5
"""How far below a point its second node begins: half the kernel's width less one."""
_BAND = 0.5 + 1e-9
"""Cycles per sample."""


@njit(cache=True, nogil=True, inline="always")
def _first(k: float, size: int) -> tuple[int, float]:
    """Return the first node of a point at `k` cycles per sample, counted with the rim, and its place beyond it."""
    at = k * size
    if at < 0:
        at += size
    if at >= size:
        at -= size
    at -= _BELOW
    node = int(np.floor(at))
    return node + RIM, at - node


@njit(cache=True, nogil=True, inline="always")
def _along(turn: Array, curvature: float, v: float, u: float, axis: int) -> float:
    """Return a point's frequency along one of the sample's axes (x, y, z)."""
    w = -0.5 * curvature * (u * u + v * v)
    return u * turn[0, axis] + v * turn[1, axis] + w * turn[2, axis]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def first_planes(turn: Array, curvature: float, f_v: Array, f_u: Array, size: int, planes: Array) -> None:
    """Write the first plane of the points of one slice to `planes` (v, u)."""
    for v in range(len(f_v)):
        for u in range(len(f_u)):
            kx = _along(turn, curvature, f_v[v], f_u[u], 0)
            ky = _along(turn, curvature, f_v[v], f_u[u], 1)
            kz = _along(turn, curvature, f_v[v], f_u[u], 2)
            if abs(kx) > _BAND or abs(ky) > _BAND or abs(kz) > _BAND:
                planes[v, u] = OUT
            else:
                planes[v, u] = _first(-kz if kx < 0 else kz, size)[0]


@njit(cache=True, nogil=True, inline="always")
def _point(
    turn: Array, curvature: float, v: float, u: float, sizes: Array, starts: Array, parts: Array
) -> bool:  # fmt: skip
    """Write the first nodes (z, y, x) of a point and its places beyond them; return if it was turned round."""
    kx = _along(turn, curvature, v, u, 0)
    sign = -1.0 if kx < 0 else 1.0
    for axis in range(2):
        k = sign * _along(turn, curvature, v, u, 2 - axis)
        starts[axis], parts[axis] = _first(k, sizes[axis])
    at = sign * kx * sizes[2] - _BELOW
    node = int(np.floor(at))
    starts[2], parts[2] = node + RIM, at - node
    return sign < 0


@njit(cache=True, nogil=True, error_model="numpy")
def read_slice(
    grid: Array, sizes: Array, turn: Array, curvature: float, f_v: Array, f_u: Array, planes: Array, kernel: Array,
    wide: Array, directions: Array, out: Array,
) -> None:  # fmt: skip
    """Write the spectrum on one slice to `out` (v, u).

    Parameters
    ----------
    grid : (z, y, x, m) complex64 array
        With its rims; m is 1 or 3.
    sizes : (3,) int array
        Nodes of a period, (z, y, x).
    turn : (3, 3) array
        The rotation.
    curvature : float
        Of the slice, voxels.
    f_v, f_u : arrays
        Frequencies of the slice, cycles per sample.
    planes : (v, u) uint16 array
        Of `first_planes`.
    kernel, wide : float32 arrays
        Coefficients of the weights along y and z, and along x for the numbers of a row.
    directions : float32 array
        The volumes' weights for the numbers of a row.
    out : (v, u) complex64 array
    """
    line = 2 * grid.shape[2] * grid.shape[3]
    plane, step, three = line * grid.shape[1], 2 * grid.shape[3], grid.shape[3] == 3
    weights, result = np.empty(32, np.float32), np.empty(16, np.float32)
    starts, parts = np.empty(3, np.int64), np.empty(3)
    for v in range(len(f_v)):
        for u in range(len(f_u)):
            if planes[v, u] == OUT:
                out[v, u] = 0
                continue
            turned = _point(turn, curvature, f_v[v], f_u[u], sizes, starts, parts)
            along_line(kernel, np.float32(parts[1]), weights, 0)
            along_line(kernel, np.float32(parts[0]), weights, 16)
            place = starts[0] * plane + starts[1] * line + starts[2] * step
            t = np.float32(parts[2])
            if three:
                read3(grid, place, plane, line, weights, wide, t, directions, result)
            else:
                read1(grid, place, plane, line, weights, wide, t, directions, result)
            out[v, u] = complex(result[0], -result[1] if turned else result[1])


@njit(cache=True, nogil=True, error_model="numpy")
def add_slices(
    grid: Array, sizes: Array, turns: Array, curvature: float, f_v: Array, f_u: Array, planes: Array, kernel: Array,
    wide: Array, directions: Array, slices: Array, rows: Array, low: int, high: int,
) -> None:  # fmt: skip
    """Apply the adjoint of `read_slice` to those points of all `slices` whose first plane is in ``low ... high - 1``.

    `slices` and `planes` are (n, v, u), `turns` (n, 3, 3), `directions` (n, numbers); `rows` (n, v) tells which rows
    have such points.
    """
    line = 2 * grid.shape[2] * grid.shape[3]
    plane, step, three = line * grid.shape[1], 2 * grid.shape[3], grid.shape[3] == 3
    weights = np.empty(32, np.float32)
    starts, parts = np.empty(3, np.int64), np.empty(3)
    for i in range(len(slices)):
        for v in range(len(f_v)):
            if not rows[i, v]:
                continue
            for u in range(len(f_u)):
                if planes[i, v, u] < low or planes[i, v, u] >= high:
                    continue
                turned = _point(turns[i], curvature, f_v[v], f_u[u], sizes, starts, parts)
                along_line(kernel, np.float32(parts[1]), weights, 0)
                along_line(kernel, np.float32(parts[0]), weights, 16)
                place = starts[0] * plane + starts[1] * line + starts[2] * step
                t, value = np.float32(parts[2]), slices[i, v, u]
                im = -value.imag if turned else value.imag
                if three:
                    add3(grid, place, plane, line, weights, wide, t, directions[i], value.real, im)
                else:
                    add1(grid, place, plane, line, weights, wide, t, directions[i], value.real, im)


@njit(cache=True, nogil=True)
def mirror(grid: Array, sizes: Array, z: int) -> None:
    """Fill the rims along x of plane z (counted without rims), for all y of the period."""
    nz, ny, nx = sizes[0], sizes[1], sizes[2]
    for y in range(ny):
        there = grid[RIM + (nz - z) % nz, RIM + (ny - y) % ny]
        here = grid[RIM + z, RIM + y]
        for c in range(grid.shape[3]):
            for x in range(1, RIM + 1):
                here[RIM - x, c] = there[RIM + x, c].conjugate()
                here[RIM + nx // 2 + x, c] = there[RIM + nx // 2 - x, c].conjugate()


@njit(cache=True, nogil=True)
def unmirror(grid: Array, sizes: Array, z: int) -> None:
    """Add what lies in the rims along x to the opposite nodes of plane z, and halve those that stand for two."""
    nz, ny, nx = sizes[0], sizes[1], sizes[2]
    for y in range(ny):
        there = grid[RIM + (nz - z) % nz, RIM + (ny - y) % ny]
        here = grid[RIM + z, RIM + y]
        for c in range(grid.shape[3]):
            for x in range(1, RIM + 1):
                here[RIM + x, c] += there[RIM - x, c].conjugate()
                here[RIM + nx // 2 - x, c] += there[RIM + nx // 2 + x, c].conjugate()
            for x in range(1, nx // 2):
                here[RIM + x, c] *= np.float32(0.5)
