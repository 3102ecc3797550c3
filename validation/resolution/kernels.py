"""Kernels of the correlation by rings: one pass over a block, on the calling thread, sums in float64.

- `gather_moments`: what the mean, and the checks, of a block need;
- `centre`: subtract the mean and apply the window;
- `add_samples`: product and powers of two spectra, summed by ring.

Values come as pairs of their parts, ``(n, 1)`` if real and ``(n, 2)`` if complex, so that one kernel serves both. Each
call adds to sums of its own; who calls it adds those up in a fixed order, so bytes do not depend on threads.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from validation.resolution.binning import TIE

Array = NDArray[Any]

# Sums may be reordered, in the same way each time; not-a-number and infinity stay what they are.
_FAST = {"contract", "arcp", "nsz", "reassoc"}

# Places in the result of `gather_moments`: weights, two weighted parts, weighted distance, zero unless not finite.
WEIGHT, SUMS, DISTANCE, BROKEN, PLACES = 0, 1, 3, 4, 5

# Columns of the sums of `add_samples`.
REAL, IMAGINARY, POWER_A, POWER_B, COUNT, COLUMNS = 0, 1, 2, 3, 4, 5


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def gather_moments(values: Array, window: Array, origin: Array, result: Array) -> None:
    """Write what the mean of `values` (n, parts) under `window` (n,) needs to `result` (PLACES,).

    All is taken from `origin` (parts,), one of the values: a constant block has no distance from it, exactly.
    """
    result[:] = 0.0
    for part in range(values.shape[1]):
        start = origin[part]
        weights, total, distance, broken = 0.0, 0.0, 0.0, 0.0
        for i in range(values.shape[0]):
            away = values[i, part] - start
            weights += window[i]
            total += window[i] * away
            distance += window[i] * abs(away)
            broken += 0.0 * away
        result[WEIGHT] = weights
        result[SUMS + part] = total
        result[DISTANCE] += distance
        result[BROKEN] += broken


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def centre(values: Array, window: Array, mean: Array, out: Array) -> None:
    """Write ``(values - mean) window`` to `out`; `mean` is (parts,)."""
    for i in range(values.shape[0]):
        for part in range(values.shape[1]):
            out[i, part] = (values[i, part] - mean[part]) * window[i]


@njit(cache=True, nogil=True, error_model="numpy")
def add_samples(a: Array, b: Array, rows: Array, columns: Array, step: float, cone: float, sums: Array) -> None:
    """Add ``A conj(B)``, ``|A|^2``, ``|B|^2`` and the count of samples to the ring of each.

    Parameters
    ----------
    a, b : (n, m) complex arrays
        The spectra, all axes but the first made one.
    rows, columns : (2, n) and (3, m) float64 arrays
        What first axis and others contribute to the squared frequency and to the component along the cone's axis;
        weights of the columns.
    step : float
        From ring to ring.
    cone : float
        Squared cosine of the half angle about the axis; below 0 to take all samples.
    sums : (rings + 1, COLUMNS) float64 array
        The last row takes what lies beyond the last ring or outside the cone.
    """
    last = sums.shape[0] - 1
    for i in range(a.shape[0]):
        row_squared, row_along = rows[0, i], rows[1, i]
        for j in range(a.shape[1]):
            squared = row_squared + columns[0, j]
            along = row_along + columns[1, j]
            ring = min(int(math.sqrt(squared) / step + (0.5 + TIE)), last)
            if along * along < cone * squared:
                ring = last
            weight = columns[2, j]
            ar, ai = np.float64(a[i, j].real), np.float64(a[i, j].imag)
            br, bi = np.float64(b[i, j].real), np.float64(b[i, j].imag)
            sums[ring, REAL] += weight * (ar * br + ai * bi)
            sums[ring, IMAGINARY] += weight * (ai * br - ar * bi)
            sums[ring, POWER_A] += weight * (ar * ar + ai * ai)
            sums[ring, POWER_B] += weight * (br * br + bi * bi)
            sums[ring, COUNT] += weight
