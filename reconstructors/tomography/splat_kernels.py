"""Inner loops of the splat: where a row of voxels falls on the detector, spreading onto it and gathering from it.

- `row_spans`: which part of each row of voxels is not zero;
- `spread`: add voxels to one image; `gather`: its adjoint, one plane of voxels from all images.

Images have a rim of one pixel, which takes the part of a voxel that lies outside, and behind it a waste area for voxels
out of view, zero for the adjoint. Both loops take places and shares from one function, so they match to the last bit.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(cache=True, nogil=True)
def row_spans(volumes: Array, spans: Array) -> None:
    """Write where each row is not zero in all `volumes` (m, z, y, x): the first index, and the one after the last."""
    m, nz, ny, nx = volumes.shape
    for z in range(nz):
        for y in range(ny):
            first, last = nx, 0
            for c in range(m):
                a, b = 0, nx
                while a < first and volumes[c, z, y, a] == 0:
                    a += 1
                while b > last and volumes[c, z, y, b - 1] == 0:
                    b -= 1
                first, last = min(first, a), max(last, b)
            spans[z, y, 0], spans[z, y, 1] = first, last


@njit(cache=True, nogil=True, inline="always")
def _locate(
    row: Array, step: Array, limits: Array, ramp: Array, first: int, last: int, places: Array, v: Array, u: Array
) -> None:
    """Write the flat index of the pixel below each voxel of a row, and the parts (y, x) of a pixel beyond it.

    `row` and `step` (y, x) are counted from the first pixel of the rim; the last pixels of the rim are the `limits`.
    """
    v0, u0, dv, du, top, right = row[0], row[1], step[0], step[1], limits[0], limits[1]
    width = np.int32(right) + np.int32(1)
    waste = width * (np.int32(top) + np.int32(1))
    zero = v0 - v0
    for x in range(first, last):
        at_v, at_u = v0 + ramp[x] * dv, u0 + ramp[x] * du
        inside = (at_v >= zero) & (at_v < top) & (at_u >= zero) & (at_u < right)
        safe_v, safe_u = (at_v, at_u) if inside else (zero, zero)
        below_v, below_u = np.int32(safe_v), np.int32(safe_u)
        places[x] = below_v * width + below_u if inside else waste
        v[x], u[x] = safe_v - row.dtype.type(below_v), safe_u - row.dtype.type(below_u)


@njit(cache=True, nogil=True, error_model="numpy")
def spread(
    volumes: Array, spans: Array, weights: Array, pose: Array, parts: Array, limits: Array, ramp: Array, corners: Array
) -> None:
    """Add ``sum_m weights[m] volumes[m]`` to one image, kept as four.

    Parameters
    ----------
    volumes : (m, z, y, x) array
    spans : (z, y, 2) int array
        Of `row_spans`.
    weights : (m,) array
        Already divided by the number of parts.
    pose : (4, 2) float64 array
        Pixel (y, x), from the rim's first one, of voxel (0, 0, 0), and its steps per voxel along z, y, x.
    parts : (p, 2) float64 array
        Pixels (y, x) of the parts of a voxel against its centre.
    limits : (2,) array
        Last pixel (y, x) of the rim.
    ramp : (x,) array
        0, 1, 2, ...
    corners : flat array
        Four numbers of each pixel, with the rim and one pixel of waste: the shares of voxels in the pixel below them,
        and in its neighbours along x, y and both; apart, for a core waits where it adds to one number twice in a row.
    """
    m, nz, ny, nx = volumes.shape
    places, v, u, values = np.empty(nx, np.int32), np.empty_like(ramp), np.empty_like(ramp), np.empty_like(ramp)
    row, step = np.empty(2, ramp.dtype), np.empty(2, ramp.dtype)
    step[0], step[1] = pose[3, 0], pose[3, 1]
    for z in range(nz):
        for y in range(ny):
            first, last = spans[z, y, 0], spans[z, y, 1]
            if first >= last:
                continue
            for x in range(first, last):
                values[x] = weights[0] * volumes[0, z, y, x]
            for c in range(1, m):
                for x in range(first, last):
                    values[x] += weights[c] * volumes[c, z, y, x]
            for part in range(len(parts)):
                for axis in range(2):
                    row[axis] = pose[0, axis] + z * pose[1, axis] + y * pose[2, axis] + parts[part, axis]
                _locate(row, step, limits, ramp, first, last, places, v, u)
                for x in range(first, last):
                    k, above = 4 * places[x], v[x] * values[x]
                    below = values[x] - above
                    beyond, right = u[x] * below, u[x] * above
                    corners[k] += below - beyond
                    corners[k + 1] += beyond
                    corners[k + 2] += above - right
                    corners[k + 3] += right


@njit(cache=True, nogil=True, error_model="numpy")
def gather(
    images: Array, weights: Array, poses: Array, parts: Array, limits: Array, ramp: Array, z: int, plane: Array
) -> None:
    """Add the adjoint of `spread` over all `images` (n, pixels) to one `plane` z of the volumes, (m, y, x).

    `weights` (n, m), `poses` (n, 4, 2) and `parts` (n, p, 2) are those of all images.
    """
    m, ny, nx = plane.shape
    width = np.int32(limits[1]) + np.int32(1)
    places, v, u, values = np.empty(nx, np.int32), np.empty_like(ramp), np.empty_like(ramp), np.empty_like(ramp)
    row, step = np.empty(2, ramp.dtype), np.empty(2, ramp.dtype)
    for y in range(ny):
        for i in range(len(images)):
            image, pose = images[i], poses[i]
            step[0], step[1] = pose[3, 0], pose[3, 1]
            values[:] = 0
            for part in range(parts.shape[1]):
                for axis in range(2):
                    row[axis] = pose[0, axis] + z * pose[1, axis] + y * pose[2, axis] + parts[i, part, axis]
                _locate(row, step, limits, ramp, 0, nx, places, v, u)
                for x in range(nx):
                    k = places[x]
                    below = image[k] + u[x] * (image[k + 1] - image[k])
                    above = image[k + width] + u[x] * (image[k + width + 1] - image[k + width])
                    values[x] += below + v[x] * (above - below)
            for c in range(m):
                for x in range(nx):
                    plane[c, y, x] += weights[i, c] * values[x]
