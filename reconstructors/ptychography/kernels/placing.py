"""Where the frames of a batch lie on the object's pixels.

- `reach`: the box of object pixels that they lie on;
- `corners`: the whole pixels; `factors`: what is left, a shift and a defocus of the probe, as separable factors on its
  spectrum.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]

_WHOLE = 1e-6  # pixel


def reach(corners: Array, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns that frames of `shape` at `corners` (frames, 2) lie on."""
    (top, left), (bottom, right) = corners.min(0).tolist(), corners.max(0).tolist()
    return slice(top, bottom + shape[0]), slice(left, right + shape[1])


def corners(positions: Array, object_shape: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Return the nearest whole first pixel (frames, 2) int64 of each frame, inside of the object."""
    nearest = np.rint(positions).astype(np.int64)
    return np.clip(nearest, 0, np.array(object_shape) - np.array(shape))


def factors(
    positions: Array, whole: Array, shape: tuple[int, int], *, defocus: Array, wavelength: float, pixel_size: float
) -> tuple[Array, Array] | None:
    """Return the factors (frames, ny) and (frames, nx) complex64 on the probe's unshifted spectrum.

    A shift by a part of a pixel and the Fresnel propagation by `defocus`, m; None where neither is needed.
    """
    rest = positions - whole
    if np.abs(rest).max(initial=0.0) < _WHOLE and not np.any(defocus):
        return None
    phases = []
    for axis, n in enumerate(shape):
        f = fourier.unshifted_frequencies(n, 1.0)[None, :]
        shift = -2 * np.pi * f * rest[:, axis, None]
        lens = -np.pi * wavelength * defocus[:, None] * (f / pixel_size) ** 2
        phases.append(np.exp(1j * (shift + lens)).astype(np.complex64))
    return phases[0], phases[1]
