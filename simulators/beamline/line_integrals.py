"""Straight lines through a volume: what a detector sees if light neither bends nor spreads.

- `line_integrals`: integrals along the beam, mean over the pixels of an image, for any rotation of the sample;
- `integrals_through`: the compiled loop.

Voxels are boxes along the sample's own z and are interpolated between neighbours in its film plane, as in
`simulators.beamline.tilted_slices`, of which these integrals are the limit of one slice.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

_STEEPEST = float(np.cos(np.deg2rad(80)))
_SLACK = 1e-9
_INSIDE = 1e-6  # of a voxel: how far a point stays from the last sample of the padded volume


def line_integrals(
    values: Array,
    *,
    rotation: Array,
    voxel_size: tuple[float, float, float],
    pixel_size: float,
    shape: tuple[int, int],
    shift: tuple[float, float] = (0.0, 0.0),
    rays: int = 3,
) -> Array:
    """Integrate a volume along the beam.

    Parameters
    ----------
    values : (z, y, x) array
        Of the voxels; 0 beyond. Index ``n//2`` is the origin.
    rotation : (3, 3) array
        From the sample's axes to the beam's, components (x, y, z).
    voxel_size : tuple of float
        (z, y, x), m.
    pixel_size : float
        m.
    shape : tuple of int
        Pixels (y, x) of the image.
    shift : tuple of float
        Where the sample's origin lies in the image, (y, x) in pixels from index ``n//2``.
    rays : int
        Rays along the edge of a pixel, over which the mean is taken.

    Returns
    -------
    (y, x) float32 array
        In the unit of `values` times m.

    Raises
    ------
    ValueError
        If the matrix is no rotation, or the beam is more than 80 degrees off the sample's z.

    Notes
    -----
    A ray is walked layer by layer along the sample's z, in steps of half a voxel across or less.
    """
    turn = np.asarray(rotation, np.float64)
    if turn.shape != (3, 3) or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-9):
        raise ValueError(f"rotation is {turn.tolist()}; allowed: a (3, 3) rotation matrix")
    if not turn[2, 2] >= _STEEPEST:
        angle = float(np.rad2deg(np.arccos(np.clip(turn[2, 2], -1, 1))))
        raise ValueError(f"beam is {angle:.4g} degrees off the sample's z; allowed: up to 80 degrees")
    if rays < 1:
        raise ValueError(f"rays is {rays}; allowed: from 1")
    sizes = np.array(voxel_size, np.float64)
    slope = turn[2, :2][::-1] / turn[2, 2] * sizes[0] / sizes[1:]  # voxels along y, x per layer
    steps = max(1, int(np.ceil(2 * np.abs(slope).max() - _SLACK)))
    middle = np.array(values.shape) // 2
    # where a ray from the image crosses the plane of the sample's origin: (y, x) in voxels per pixel along v, u
    plane = np.array([[turn[1, 1], turn[0, 1]], [turn[1, 0], turn[0, 0]]])
    plane -= np.outer(turn[2, :2][::-1], [turn[1, 2], turn[0, 2]]) / turn[2, 2]
    cross = plane * (pixel_size / sizes[1:, None])
    padded = np.pad(np.asarray(values, np.float32), ((0, 0), (1, 1), (1, 1)))
    first = -(np.array(shape) // 2) - np.asarray(shift, np.float64)
    start = middle[1:] + 1 - slope * middle[0]
    out = np.empty(shape, np.float32)
    length = sizes[0] / float(turn[2, 2]) / (steps * rays * rays)
    integrals_through(padded, cross, start, slope, first, steps, rays, length, out)
    return out


@njit(cache=True, nogil=True, fastmath=True)
def integrals_through(  # type: ignore[no-untyped-def]
    values, cross, start, slope, first, steps, rays, length, out
):
    """Write the mean over each pixel's rays of the sum over all layers, times `length`, into `out`.

    `values` has a rim of zeros along y and x. `cross` maps pixels (v, u) to voxels (y, x) in the plane of the origin,
    `start` is the voxel of the first layer on the axis, `slope` the way from layer to layer, `first` the first pixel.
    """
    nz, ny, nx = values.shape
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            total = 0.0
            for part in range(rays * rays):
                v = first[0] + row + (part // rays + 0.5) / rays - 0.5
                u = first[1] + column + (part % rays + 0.5) / rays - 0.5
                y0 = start[0] + cross[0, 0] * v + cross[0, 1] * u
                x0 = start[1] + cross[1, 0] * v + cross[1, 1] * u
                low, high = _inside(y0, slope[0], ny, -0.5, nz - 0.5)
                low, high = _inside(x0, slope[1], nx, low, high)
                begin = max(0, int(np.ceil((low + 0.5) * steps - 0.5)))
                end = min(nz * steps, int(np.floor((high + 0.5) * steps - 0.5)) + 1)
                line = np.float32(0)
                for i in range(begin, end):
                    depth = (i + 0.5) / steps - 0.5
                    y = y0 + slope[0] * depth
                    x = x0 + slope[1] * depth
                    j = int(y)
                    k = int(x)
                    fy = np.float32(y - j)
                    fx = np.float32(x - k)
                    z = i // steps
                    near = values[z, j, k] + fx * (values[z, j, k + 1] - values[z, j, k])
                    far = values[z, j + 1, k] + fx * (values[z, j + 1, k + 1] - values[z, j + 1, k])
                    line += near + fy * (far - near)
                total += float(line)
            out[row, column] = total * length


@njit(cache=True, nogil=True)
def _inside(place, slope, count, low, high):  # type: ignore[no-untyped-def]
    """Return the range of depths, within `low` to `high`, at which ``place + slope depth`` is within an axis."""
    last = count - 1 - _INSIDE
    if abs(slope) < 1e-9:
        return (low, high) if 0 <= place <= last else (low, low - 1)
    a = -place / slope
    b = (last - place) / slope
    return max(low, min(a, b)), min(high, max(a, b))
