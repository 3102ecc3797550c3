"""From a flat detector to a uniform grid of spatial frequencies on the Ewald sphere.

- `to_sphere`: the mapping, by band-limited interpolation.

References
----------
Section 2.4 of the holography chapter: a detector point lies at ``z (s_x, s_y)/sqrt(1 - s²)`` with ``s = lambda f``;
photons per pixel fall as cos⁵ of the angle against the squared spectrum of the exit wave.
"""

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]

_STEPS = 1024
_ATTENUATION = 55.0  # dB, of what a tap table lets through beyond the sampling limit
_MOST_HALF_TAPS = 20
_MISSING = 0.1  # share of a pixel's weight that may fall on pixels without data


def to_sphere(
    image: Array, valid: NDArray[np.bool_], *, distance: float, pitch: float, fill: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Map a flat detector's `image` onto the uniform grid of its paraxial frequencies.

    The interpolation is a sinc windowed by a Kaiser function, as long as the data ask for: fringes between the object
    and the farthest reference hole come close to the sampling limit, where a spline would wipe them out. Where more
    than a tenth of a pixel's weight would fall on pixels without data, it is not covered.

    Parameters
    ----------
    image : (n, n) float32
        Photons per pixel, optical axis at ``n//2``.
    valid : (n, n) bool
    distance, pitch : float
        m.
    fill : float
        Finest fringes over the sampling limit: the largest extent of the mask over half the field, below 1.

    Returns
    -------
    tuple of array
        Image (n, n) float32, divided by cos⁵ of the angle; bool mask of the pixels that the detector covers.
    """
    n = image.shape[0]
    table = _kernel_table(fill)
    out = np.zeros((n, n), np.float32)
    covered = np.zeros((n, n), np.bool_)
    # One pixel of the uniform grid is one pixel of the detector on the axis: sin(angle) = pitch/distance.
    _interpolate(np.ascontiguousarray(image, np.float32), valid, pitch / distance, table, out, covered)
    return out, covered


def _kernel_table(fill: float) -> Array:
    """Return the taps for each fraction of a pixel, (steps + 1, taps) float32, each row of sum one.

    Length and shape by Kaiser's formulas for a transition from `fill` to its mirror image at the sampling limit.
    """
    width = 2.285 * 2 * np.pi * max(1 - fill, 0.05)
    half = int(np.clip(np.ceil((_ATTENUATION - 8) / width / 2), 3, _MOST_HALF_TAPS))
    shape = 0.1102 * (_ATTENUATION - 8.7)
    fraction = np.arange(_STEPS + 1)[:, None] / _STEPS
    distance = np.arange(1 - half, half + 1)[None, :] - fraction
    window = np.i0(shape * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None))) / np.i0(shape)
    taps = np.sinc(distance) * window
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


@njit(cache=True, parallel=True)
def _interpolate(image: Array, valid: Array, sine: float, table: Array, out: Array, covered: Array) -> None:
    n = image.shape[0]
    half = n // 2
    taps = table.shape[1]
    for iy in prange(n):
        sy = (iy - half) * sine
        for ix in range(n):
            sx = (ix - half) * sine
            cosine2 = 1 - sy * sy - sx * sx
            if cosine2 <= 0:
                continue
            cosine = math.sqrt(cosine2)
            y = (iy - half) / cosine + half
            x = (ix - half) / cosine + half
            y0 = math.floor(y)
            x0 = math.floor(x)
            ny = round(y)
            nx = round(x)
            if ny < 0 or nx < 0 or ny >= n or nx >= n or not valid[ny, nx]:
                continue
            row = table[round((y - y0) * (table.shape[0] - 1))]
            column = table[round((x - x0) * (table.shape[0] - 1))]
            total = np.float32(0)
            missing = np.float32(0)
            for a in range(taps):
                jy = y0 + 1 - taps // 2 + a
                for b in range(taps):
                    jx = x0 + 1 - taps // 2 + b
                    tap = row[a] * column[b]
                    if jy < 0 or jy >= n or jx < 0 or jx >= n or not valid[jy, jx]:
                        missing += abs(tap)
                    else:
                        total += tap * image[jy, jx]
            if missing < _MISSING:
                out[iy, ix] = total / cosine**5
                covered[iy, ix] = True
