"""The pattern of one frame on a far detector with pixels of finite width.

- `FarField`: collects the modes' exit waves, gives the photons per pixel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from simulators.beamline.slice_kernels import add_intensity, pixel_means

Array = NDArray[Any]


class FarField:
    """Intensity of one frame at half the steps of the exit waves' transform.

    Parameters
    ----------
    m : int
        Samples of the exit waves a side.
    n : int
        Detector pixels a side.
    multiple : int
        Samples of the exit waves' transform per detector pixel.
    """

    def __init__(self, m: int, n: int, multiple: int) -> None:
        self._step = 2 * multiple
        self._m, self._n, self._scale = m, n, float(multiple**2)
        # from half a pixel before the first to half a pixel beyond the last
        self._count = n * self._step + 1
        self._fine = np.zeros((self._count, self._count), np.float32)
        self._tilt = np.exp(-1j * np.pi * np.arange(m) / m).astype(np.complex64)

    def add(self, field: Array, scratch: Array) -> None:
        """Add the pattern of an exit wave; destroys both arrays."""
        half = self._spectrum(field, scratch, axis=1)
        add_intensity(self._spectrum(half, np.empty_like(half), axis=0), self._fine)

    def write(self, frame: Array) -> None:
        """Write the means over the pixels, by Simpson's rule, to `frame`; a sum over all angles keeps the photons."""
        weights = np.full(self._step + 1, 2.0)
        weights[1::2] = 4.0
        weights[[0, -1]] = 1.0
        pixel_means(self._fine, weights / weights.sum(), self._step, self._scale, frame)

    def _spectrum(self, field: Array, scratch: Array, *, axis: int) -> Array:
        """Transform one axis at whole and, after a tilt, at half samples, as far as the detector's pixels reach."""
        index = np.arange(self._count) - (self._n // 2) * self._step - self._step // 2
        np.multiply(field, self._tilt[:, None] if axis == 0 else self._tilt, out=scratch)
        shape = list(field.shape)
        shape[axis] = self._count
        result = np.empty(shape, np.complex64)
        for part, array in enumerate((field, scratch)):
            fourier.transform_axis(array, axis)
            chosen = np.flatnonzero(index % 2 == part)
            into = (chosen, slice(None)) if axis == 0 else (slice(None), chosen)
            result[into] = np.take(array, (index[chosen] // 2) % self._m, axis=axis)
        return result
