"""A wave through many slices with our own line transforms, where `numerics.line_fft` has the lengths.

- `LaneSteps`: transmissions and free space one after the other; `fits`: whether a field is of such lengths.

A field lies in *strips* while it is multiplied: sixteen neighbouring columns after the other, element y of a strip the
pixels of its row y. Between the transforms along y and x it lies in *rows*, likewise; its spectrum is not reordered.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics.lanes import LANES, Emitter, Pair, aligned, emitted, transposed
from numerics.line_fft import (
    LAST,
    PAIR,
    forward16,
    forward_passes,
    inverse16,
    inverse_passes,
    line,
    read_neighbours,
    sizes,
    spectrum_order,
    transform,
    write_neighbours,
)

Array = NDArray[Any]


def fits(shape: tuple[int, int]) -> bool:
    """Return whether fields of `shape` have lengths of `numerics.line_fft`."""
    return all(n in sizes() for n in shape)


class LaneSteps:
    """Ways through free space, ready to be gone.

    Parameters
    ----------
    shape : tuple of int
        Of the fields, (y, x).
    transfers : mapping
        Name to transfer function, unshifted complex64 of `shape`.
    """

    def __init__(self, shape: tuple[int, int], transfers: Mapping[int, Array]) -> None:
        self._shape = shape
        self._plan = (*line(shape[0]), *line(shape[1]))
        self._packed = {name: _packed(transfer) for name, transfer in transfers.items()}

    def through(self, field: Array, path: Iterable[tuple[Array, int, int, int | None]]) -> None:
        """Take a field, (ny, nx) complex64, through a path of slices, in place.

        Each stretch is a transmission (height, width), the place (y, x) of its first pixel in the field, and the name
        of the way behind it, or None.
        """
        strips, rows = aligned((2 * field.size,)), aligned((2 * field.size,))
        flat = field.view(np.float32).reshape(-1)
        ny, nx = self._shape
        _to_strips(flat, strips, ny, nx)
        for part, y, x, name in path:
            height, width = part.shape
            _multiply(strips, part.reshape(-1).view(np.float32), height, width, y, x, ny, nx)
            if name is not None:
                _step(strips, rows, self._packed[name], *self._plan, ny, nx)
        _from_strips(strips, flat, ny, nx)


def _packed(transfer: Array) -> Array:
    """Return a transfer function as rows in the order of the transforms, for transforms without factors."""
    ny, nx = transfer.shape
    ordered = transfer[np.ix_(spectrum_order(ny), spectrum_order(nx))] / (ny * nx)
    rows = ordered.reshape(ny // LANES, LANES, nx).swapaxes(1, 2)
    out = aligned((2 * transfer.size,))
    out[:] = np.stack([rows.real, rows.imag], axis=2).reshape(-1)
    return out


def _transposed(values: list[Pair]) -> list[Pair]:
    real, imaginary = (transposed([value[part] for value in values]) for part in (0, 1))
    return [Pair(a, b) for a, b in zip(real, imaginary, strict=True)]


@emitted
def _turn_to_rows(emitter: Emitter, strip: Any, at: Any, rows: Any, to: Any) -> None:
    """Finish sixteen neighbours along y and write them as sixteen neighbours along x."""
    write_neighbours(rows, to, _transposed(transform(read_neighbours(strip, at))))


@emitted
def _turn_to_strip(emitter: Emitter, rows: Any, at: Any, strip: Any, to: Any) -> None:
    """Undo `_turn_to_rows`, but for a factor."""
    write_neighbours(strip, to, transform(_transposed(read_neighbours(rows, at)), inverse=True))


@emitted
def _times(emitter: Emitter, rows: Any, at: Any, factors: Any) -> None:
    rows.write_pair(at, rows.read_pair(at).times(factors.read_pair(at)))


@emitted
def _times_complex(emitter: Emitter, strip: Any, at: Any, part: Any, place: Any) -> None:
    strip.write_pair(at, strip.read_pair(at).times(part.read_complex(place)))


@emitted
def _read(emitter: Emitter, image: Any, place: Any, strip: Any, at: Any) -> None:
    strip.write_pair(at, image.read_complex(place))


@emitted
def _write(emitter: Emitter, strip: Any, at: Any, image: Any, place: Any) -> None:
    image.write_complex(place, strip.read_pair(at))


@njit(cache=True, nogil=True, error_model="numpy")
def _to_strips(image: Array, strips: Array, ny: int, nx: int) -> None:
    for c in range(nx // LANES):
        for y in range(ny):
            _read(image, 2 * (nx * y + LANES * c), strips, PAIR * (ny * c + y))


@njit(cache=True, nogil=True, error_model="numpy")
def _from_strips(strips: Array, image: Array, ny: int, nx: int) -> None:
    for c in range(nx // LANES):
        for y in range(ny):
            _write(strips, PAIR * (ny * c + y), image, 2 * (nx * y + LANES * c))


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(strips: Array, part: Array, height: int, width: int, y: int, x: int, ny: int, nx: int) -> None:
    """Multiply by a box whose first pixel lies at (y, x), where the two overlap."""
    for c in range(max(0, x // LANES), min(nx // LANES, -(-(x + width) // LANES))):
        begin, end = max(0, x - LANES * c), min(LANES, x + width - LANES * c)
        for row in range(max(0, -y), min(height, ny - y)):
            at = PAIR * (ny * c + y + row)
            place = 2 * (row * width + LANES * c - x)
            if end - begin == LANES:
                _times_complex(strips, at, part, place)
                continue
            for lane in range(begin, end):
                a, b = strips[at + lane], strips[at + LANES + lane]
                real, imaginary = part[place + 2 * lane], part[place + 2 * lane + 1]
                strips[at + lane] = a * real - b * imaginary
                strips[at + LANES + lane] = a * imaginary + b * real


@njit(cache=True, nogil=True, error_model="numpy")
def _step(  # type: ignore[no-untyped-def]
    strips, rows, transfer, radices_y, factors_y, radices_x, factors_x, ny, nx
):
    """Propagate a field in strips; `rows` is scratch."""
    for c in range(nx // LANES):
        strip = PAIR * ny * c
        forward_passes(strips, strip, ny, radices_y, factors_y, 0)
        for g in range(ny // LAST):
            _turn_to_rows(strips, strip + PAIR * LAST * g, rows, PAIR * (nx * g + LANES * c))
    for first in range(0, 2 * ny * nx, PAIR * nx):
        forward_passes(rows, first, nx, radices_x, factors_x, 0)
        for place in range(first, first + PAIR * nx, PAIR * LAST):
            forward16(rows, place)
            for element in range(place, place + PAIR * LAST, PAIR):
                _times(rows, element, transfer)
            inverse16(rows, place)
        inverse_passes(rows, first, nx, radices_x, factors_x)
    for c in range(nx // LANES):
        strip = PAIR * ny * c
        for g in range(ny // LAST):
            _turn_to_strip(rows, PAIR * (nx * g + LANES * c), strips, strip + PAIR * LAST * g)
        inverse_passes(strips, strip, ny, radices_y, factors_y)
