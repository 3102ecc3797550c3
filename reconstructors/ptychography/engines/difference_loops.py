"""Element-wise passes over exit waves, for `difference_map`.

- `turned`: reflected at what they agree on; `advance`: one iteration of the waves, and how far the projections differ.

Waves are (frames, modes, ny, nx) complex64. Loops over frames run on all threads; every sum has one order.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(cache=True, parallel=True, error_model="numpy")
def turned(agreed: Array, waves: Array) -> Array:
    """Return ``2 agreed - waves``."""
    out = np.empty_like(waves)
    frames, modes, ny, nx = waves.shape
    for j in prange(frames):
        for mode in range(modes):
            for y in range(ny):
                for x in range(nx):
                    out[j, mode, y, x] = np.float32(2) * agreed[j, mode, y, x] - waves[j, mode, y, x]
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def advance(
    waves: Array, agreed: Array, reflected: Array, change: Array, share: Array, rule: tuple[np.float32, np.float32]
) -> Array:
    """Change the waves in place and return, for each frame, the squared distance of the two projections.

    With ``difference = reflected + share change - agreed`` and ``rule = (kept, step)`` they become
    ``kept waves + step difference + (1 - kept) agreed``.
    """
    frames, modes, ny, nx = waves.shape
    kept, step = rule
    apart = np.zeros(frames)
    for j in prange(frames):
        part = share[j]
        total = 0.0
        for mode in range(modes):
            for y in range(ny):
                for x in range(nx):
                    here = agreed[j, mode, y, x]
                    difference = reflected[j, mode, y, x] + part * change[j, mode, y, x] - here
                    total += difference.real * difference.real + difference.imag * difference.imag
                    old = waves[j, mode, y, x]
                    waves[j, mode, y, x] = kept * old + step * difference + (np.float32(1) - kept) * here
        apart[j] = total
    return apart
