"""Fused element-wise kernels of phase retrieval: one pass over a block that sits in cache, on the calling thread.

A kernel takes either whole arrays and a range of columns, or a block of rows; `mix_outside` and `keep_inside` take
whole complex arrays and deal out the blocks. Fields come as pairs of real numbers, ``(y, 2 x)``: see `pairs`; that,
rows taken before their loop and numbers selected after they are computed are what lets the compiler vectorise them, ten
times faster. A measured amplitude below zero stands for a pixel that is not valid. Blocks do not depend on the number
of threads, and neither do sums: each kernel returns that of its own block.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics import fourier

Field = NDArray[Any]
Pairs = NDArray[Any]
Real = NDArray[Any]
Mask = NDArray[np.bool_]
Scalar = float | np.floating[Any]

# Sums may be reordered, in the same way each time; not-a-number and infinity stay what they are.
_FAST = {"contract", "arcp", "nsz", "reassoc"}
_TINY = 1e-18
"""Magnitudes below this count as it: a value of zero stays zero, one whose square underflows stays finite."""


def pairs(field: Field) -> Pairs:
    """Return a contiguous complex field (y, x) as real pairs (y, 2 x), a view."""
    return field.view(field.real.dtype)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def coherent_magnitudes(field: Pairs, amplitude: Real, first: int, last: int) -> float:
    """Give columns of `field` the measured `amplitude`, in place; return the sum of squared differences."""
    zero, one, tiny = np.float32(0), np.float32(1), np.float32(_TINY)
    total = 0.0
    for iy in range(amplitude.shape[0]):
        values, measured = field[iy, 2 * first : 2 * last], amplitude[iy, first:last]
        row = zero * field[0, 0]
        for ix in range(measured.size):
            real, imaginary, wanted = values[2 * ix], values[2 * ix + 1], measured[ix]
            valid = wanted >= zero
            magnitude = np.sqrt(real * real + imaginary * imaginary)
            difference = magnitude - wanted if valid else zero
            row += difference * difference
            factor = wanted / max(magnitude, tiny)
            factor = factor if valid else one
            values[2 * ix] = real * factor
            values[2 * ix + 1] = imaginary * factor
        total += row
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def intensity(field: Pairs, out: Real, first: int, last: int) -> None:
    """Write ``|field|**2`` into columns of `out`."""
    for iy in range(out.shape[0]):
        values, row = field[iy, 2 * first : 2 * last], out[iy, first:last]
        for ix in range(row.size):
            row[ix] = values[2 * ix] * values[2 * ix] + values[2 * ix + 1] * values[2 * ix + 1]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def blurred_magnitudes(field: Pairs, model: Real, amplitude: Real, floor: float) -> float:
    """Multiply rows of `field` by measured over modelled amplitude, in place; return the sum of squared differences.

    The modelled intensity is never taken below `floor` times the field's own plus `floor`: a blur by less than a pixel
    has negative lobes, and a guess outside of the support can make the model vanish or turn negative. `floor` must have
    the precision of the field, and the model, which needs more for its blur, is cut to that here.
    """
    zero, one = np.float32(0), np.float32(1)
    total = 0.0
    for iy in range(amplitude.shape[0]):
        row = zero * field[0, 0]
        for ix in range(amplitude.shape[1]):
            real, imaginary, wanted = field[iy, 2 * ix], field[iy, 2 * ix + 1], amplitude[iy, ix]
            valid = wanted >= zero
            own = real * real + imaginary * imaginary
            modelled = np.sqrt(max(field.dtype.type(model[iy, ix]), floor * (own + one)))
            difference = modelled - wanted if valid else zero
            row += difference * difference
            factor = wanted / modelled
            factor = factor if valid else one
            field[iy, 2 * ix] = real * factor
            field[iy, 2 * ix + 1] = imaginary * factor
        total += row
    return total


def mix_outside(field: Field, projected: Field, support: Mask, old: Scalar, new: Scalar) -> None:
    """Write `projected` inside of the support and ``old * field + new * projected`` outside into `field`, all threads.

    ``old, new`` are ``0, 0`` for error reduction, ``1, -b`` for hybrid input-output, ``b, 1 - 2 b`` for RAAR.
    """
    # Factors of the field's own precision: a double would take the whole kernel to double.
    real = field.real.dtype.type
    a, b, weights = pairs(field), pairs(projected), (real(old), real(new))

    def mix(first: int, last: int) -> None:
        _mix(a[first:last], b[first:last], support[first:last], *weights)

    fourier.in_blocks(mix, field.shape[0], fourier.block_size(field.shape[1], field.itemsize))


def keep_inside(field: Field, projected: Field, support: Mask) -> None:
    """Write `projected` inside of the support and zero outside into `field`, on all threads: error reduction."""
    mix_outside(field, projected, support, 0.0, 0.0)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _mix(field: Pairs, projected: Pairs, support: Mask, old: float, new: float) -> None:
    for iy in range(support.shape[0]):
        for ix in range(support.shape[1]):
            inside = support[iy, ix]
            a = field.dtype.type(0) if inside else old
            b = field.dtype.type(1) if inside else new
            field[iy, 2 * ix] = a * field[iy, 2 * ix] + b * projected[iy, 2 * ix]
            field[iy, 2 * ix + 1] = a * field[iy, 2 * ix + 1] + b * projected[iy, 2 * ix + 1]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def ramped(field: Pairs, factor: Pairs, out: Pairs, add: bool) -> None:
    """Write rows of `field` times the complex `factor` of each column into `out`, or add them to it."""
    # Chosen, not multiplied by zero: `out` may hold anything, not-a-number too.
    zero = field.dtype.type(0)
    for iy in range(field.shape[0]):
        for ix in range(factor.size // 2):
            real, imaginary = field[iy, 2 * ix], field[iy, 2 * ix + 1]
            a, b = factor[2 * ix], factor[2 * ix + 1]
            out[iy, 2 * ix] = (out[iy, 2 * ix] if add else zero) + (a * real - b * imaginary)
            out[iy, 2 * ix + 1] = (out[iy, 2 * ix + 1] if add else zero) + (a * imaginary + b * real)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def tilt_columns(field: Pairs, factor: Pairs, out: Pairs, first: int) -> None:
    """Write the columns of `field` from `first` on, times the complex `factor` of each row, into the block `out`."""
    for iy in range(out.shape[0]):
        a, b = factor[2 * iy], factor[2 * iy + 1]
        values, row = field[iy, 2 * first : 2 * first + out.shape[1]], out[iy]
        for ix in range(row.size // 2):
            real, imaginary = values[2 * ix], values[2 * ix + 1]
            row[2 * ix] = a * real - b * imaginary
            row[2 * ix + 1] = a * imaginary + b * real


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def untilt_columns(block: Pairs, factor: Pairs, out: Pairs, first: int, add: bool) -> None:
    """Write `block` times the conjugate `factor` of each row into the columns of `out` from `first` on, or add it."""
    zero = block.dtype.type(0)
    for iy in range(block.shape[0]):
        a, b = factor[2 * iy], factor[2 * iy + 1]
        values, row = block[iy], out[iy, 2 * first : 2 * first + block.shape[1]]
        for ix in range(values.size // 2):
            real, imaginary = values[2 * ix], values[2 * ix + 1]
            row[2 * ix] = (row[2 * ix] if add else zero) + (a * real + b * imaginary)
            row[2 * ix + 1] = (row[2 * ix + 1] if add else zero) + (a * imaginary - b * real)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def add_intensity(field: Pairs, row: Real) -> None:
    """Add ``|field|**2`` of one row to `row`."""
    for ix in range(row.size):
        row[ix] += field[2 * ix] * field[2 * ix] + field[2 * ix + 1] * field[2 * ix + 1]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def mean_intensity(blocks: Pairs, out: Real, first: int) -> None:
    """Write the sum of ``|block|**2`` over the first axis of `blocks` into the columns of `out` from `first` on."""
    for iy in range(blocks.shape[1]):
        row = out[iy, first : first + blocks.shape[2] // 2]
        row[:] = 0
        for tilt in range(blocks.shape[0]):
            add_intensity(blocks[tilt, iy], row)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def shared_magnitudes(blocks: Pairs, amplitude: Real, first: int) -> float:
    """Multiply all `blocks` by measured over modelled amplitude, their root sum of squares, in place.

    The blocks hold the columns of the pattern from `first` on; return the sum of squared differences.
    """
    zero, one, tiny = np.float32(0), np.float32(1), np.float32(_TINY)
    total = 0.0
    factor = np.empty(blocks.shape[2] // 2, blocks.dtype)
    for iy in range(blocks.shape[1]):
        measured = amplitude[iy, first : first + factor.size]
        row = zero * blocks[0, 0, 0]
        factor[:] = 0
        for tilt in range(blocks.shape[0]):
            add_intensity(blocks[tilt, iy], factor)
        for ix in range(factor.size):
            wanted = measured[ix]
            valid = wanted >= zero
            modelled = np.sqrt(factor[ix])
            difference = modelled - wanted if valid else zero
            row += difference * difference
            ratio = wanted / max(modelled, tiny)
            factor[ix] = ratio if valid else one
        for tilt in range(blocks.shape[0]):
            values = blocks[tilt, iy]
            for ix in range(factor.size):
                values[2 * ix] *= factor[ix]
                values[2 * ix + 1] *= factor[ix]
        total += row
    return total
