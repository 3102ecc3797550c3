"""What a batch of frames adds up to.

- `Sums`: numerators and weights of object and probe;
- `MOMENTS`: the columns of what a frame says about its own position and flux.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MOMENTS = ("y_slope", "y_weight", "x_slope", "x_weight", "flux_slope", "flux_weight")
"""Columns of the moments: slope over weight is the step that lowers the frame's error most."""


@dataclass
class Sums:
    """Sums over the frames of a batch, changed in place by the kernels.

    Attributes
    ----------
    object_numerator : (Y, X) complex64 array
        Sum of ``conj(P) chi``, chi the change that the data ask of the exit wave.
    object_weight : (Y, X) float32 array
        Sum of ``|P|²``.
    probe_numerator : (modes, ny, nx) complex64 array
        Sum of ``conj(O) chi``.
    probe_weight : (ny, nx) float32 array
        Sum of ``|O|²``.
    """

    object_numerator: Array
    object_weight: Array
    probe_numerator: Array
    probe_weight: Array

    @classmethod
    def zeros(cls, object_shape: tuple[int, int], probe_shape: tuple[int, int, int]) -> Self:
        """Return empty sums."""
        return cls(
            np.zeros(object_shape, np.complex64),
            np.zeros(object_shape, np.float32),
            np.zeros(probe_shape, np.complex64),
            np.zeros(probe_shape[1:], np.float32),
        )

    def clear(self) -> None:
        """Set everything to zero."""
        for array in (self.object_numerator, self.object_weight, self.probe_numerator, self.probe_weight):
            array.fill(0)
