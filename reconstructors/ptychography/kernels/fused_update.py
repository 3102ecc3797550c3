"""The update of rPIE from the sums of a batch, sixteen pixels at a time.

- `update`: changes a field by its numerator over its regularised weight, inside of a box, and clears the sums there.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics.lanes import LANES, Emitter, emitted

Array = NDArray[Any]


def update(
    field: Array, numerator: Array, weight: Array, *, alpha: float, length: float, box: tuple[slice, slice]
) -> None:
    """Change `field` in place: ``field += length numerator / ((1 - alpha) weight + alpha max weight)``.

    Parameters
    ----------
    field, numerator : (..., Y, X) complex64 arrays
        Contiguous; `numerator` is cleared inside of the box.
    weight : (Y, X) float32 array
        Contiguous; zero outside of the box, and cleared inside.
    alpha, length : float
    box : pair of slices
        Rows and columns.

    Raises
    ------
    ValueError
        If the box is not inside of the field.
    """
    (rows, columns), (height, width) = box, weight.shape
    if rows.start < 0 or columns.start < 0 or rows.stop > height or columns.stop > width:
        found = f"{rows.start} to {rows.stop}, {columns.start} to {columns.stop}"
        raise ValueError(f"box is {found}; allowed: {weight.shape}")
    bounds = (rows.start, rows.stop, columns.start, columns.stop)
    _update(_flat(field), _flat(numerator), _flat(weight), width, bounds, alpha, length)


def _flat(array: Array) -> Array:
    if not array.flags.c_contiguous or array.dtype not in (np.complex64, np.float32):
        raise ValueError(f"an array of {array.dtype} is not contiguous or not single; allowed: state and sums as made")
    return array.view(np.float32).reshape(-1)


@njit(cache=True, nogil=True, error_model="numpy")
def _update(
    field: Array, numerator: Array, weight: Array, width: int, bounds: tuple[int, ...], alpha: float, length: float
) -> None:
    top, bottom, left, right = bounds
    greatest = _greatest(weight, width, bounds)
    if not greatest > 0:
        return
    own, share, stride = np.float32(1 - alpha), np.float32(alpha * greatest), np.float32(length)
    whole = left + (right - left) // LANES * LANES
    for y in range(top, bottom):
        for layer in range(0, field.size // 2, weight.size):
            for x in range(y * width + left, y * width + whole, LANES):
                _step(field, numerator, 2 * (layer + x), weight, x, own, share, stride)
            for x in range(y * width + whole, y * width + right):
                factor = stride / (own * weight[x] + share)
                for part in range(2 * (layer + x), 2 * (layer + x) + 2):
                    field[part] += factor * numerator[part]
                    numerator[part] = 0
        weight[y * width + left : y * width + right] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _greatest(weight: Array, width: int, bounds: tuple[int, ...]) -> float:
    top, bottom, left, right = bounds
    whole = left + (right - left) // LANES * LANES
    lanes = np.zeros(LANES, np.float32)
    for y in range(top, bottom):
        for x in range(y * width + left, y * width + whole, LANES):
            _raise(lanes, weight, x)
        for x in range(y * width + whole, y * width + right):
            lanes[0] = max(lanes[0], weight[x])
    return float(lanes.max())


@emitted
def _raise(emitter: Emitter, lanes: Any, weight: Any, at: Any) -> None:
    """Take the larger of sixteen numbers each."""
    lanes.write(emitter.origin, weight.read(at).maximum(lanes.read(emitter.origin)))


@emitted
def _step(
    emitter: Emitter, field: Any, numerator: Any, place: Any, weight: Any, at: Any, own: Any, share: Any, stride: Any
) -> None:
    """Change sixteen pixels and clear their numerators."""
    factor = stride / weight.read(at).times_plus(own, share)
    field.add_complex(place, numerator.read_complex(place).scaled(factor))
    for half in (place, numerator.after(place, LANES)):
        numerator.write(half, emitter.constant(0.0))
