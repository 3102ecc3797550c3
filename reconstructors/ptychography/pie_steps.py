"""The update of rPIE from the sums of a batch.

- `step`: change a field by its numerator over its regularised weight, inside of a box, and clear the sums there;
- `reach`: the box of object pixels that frames lie on.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


def reach(corners: Array, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns that frames of `shape` at `corners` (frames, 2) lie on."""
    (top, left), (bottom, right) = corners.min(0).tolist(), corners.max(0).tolist()
    return slice(top, bottom + shape[0]), slice(left, right + shape[1])


def step(
    field: Array, numerator: Array, weight: Array, *, alpha: float, length: float, box: tuple[slice, slice]
) -> None:
    """Change `field` in place: ``field += length numerator / ((1 - alpha) weight + alpha max weight)``.

    Parameters
    ----------
    field, numerator : (..., Y, X) complex64 arrays
    weight : (Y, X) float32 array
        Cleared inside of the box, like `numerator`; zero outside.
    alpha, length : float
    box : pair of slices
    """
    rows, columns = box
    _step(
        field.reshape(-1, *field.shape[-2:]).view(np.float32),
        numerator.reshape(-1, *field.shape[-2:]).view(np.float32),
        weight,
        (rows.start, rows.stop, columns.start, columns.stop),
        alpha,
        length,
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "ninf", "contract"})
def _step(
    field: Array, numerator: Array, weight: Array, box: tuple[int, int, int, int], alpha: float, length: float
) -> None:
    top, bottom, left, right = box
    share, own, stride = np.float32(alpha), np.float32(1 - alpha), np.float32(length)
    greatest = np.float32(0)
    for y in range(top, bottom):
        for x in range(left, right):
            greatest = max(greatest, weight[y, x])
    if greatest <= 0:
        return
    for y in range(top, bottom):
        for x in range(left, right):
            weight[y, x] = stride / (own * weight[y, x] + share * greatest)
        for layer in range(len(field)):
            for x in range(left, right):
                factor = weight[y, x]
                field[layer, y, 2 * x] += factor * numerator[layer, y, 2 * x]
                field[layer, y, 2 * x + 1] += factor * numerator[layer, y, 2 * x + 1]
                numerator[layer, y, 2 * x] = 0
                numerator[layer, y, 2 * x + 1] = 0
        for x in range(left, right):
            weight[y, x] = 0
