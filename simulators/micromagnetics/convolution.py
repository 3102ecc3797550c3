"""Convolutions on a mesh: padded real transforms that skip what is zero.

- `Convolution`: rows (x) are transformed from real to half spectra, then columns (y), then stacks (z), each padded on
  the fly inside a block that stays in cache, multiplied there and cropped on the way back.
"""

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numerics import fourier

Array = NDArray[Any]
Shape = tuple[int, int, int]
Rows = Callable[[int, int], Array]
Store = Callable[[int, int, Array], None]

WIDTH = 16
"""Columns in a block. A constant, so that the compiler sees that components do not overlap, and vectorises."""


class Convolution:
    """Base of what multiplies the spectra of a vector field: a subclass has `multiply`.

    Parameters
    ----------
    shape : tuple of int
        Cells (nz, ny, nx).
    lengths : tuple of int
        Of the transforms, (z, y, x); longer than the shape where zeros are to be added.
    dtype : float32 or float64

    Attributes
    ----------
    shape, lengths : tuple of int
    dtype : dtype
    blocks : int
        Number of blocks of `WIDTH` columns; the last may be narrower.
    """

    def __init__(self, shape: Shape, lengths: Shape, *, dtype: DTypeLike) -> None:
        self.shape, self.lengths = shape, lengths
        self.dtype = np.dtype(dtype)
        self._complex = np.dtype(np.complex64 if self.dtype == np.float32 else np.complex128)
        self._half = lengths[2] // 2 + 1
        self.blocks = -(-self._half // WIDTH)
        self._field = np.empty((shape[0], shape[1], 3, self._half), self._complex)
        # Columns need a room of their own only where stacks follow them.
        self._columns = self._field if shape[0] == 1 else np.empty((shape[0], lengths[1], 3, self._half), self._complex)
        self._rooms = threading.local()

    def multiply(self, block: Array, column: int, first_y: int) -> None:
        """Multiply a block of spectra in place, on any thread.

        Parameters
        ----------
        block : (z, y, 3, width) complex array
            All frequencies of z, and those of y from `first_y`.
        column : int
            Which block of columns.
        first_y : int
        """
        raise NotImplementedError

    def convolve(self, rows: Rows, store: Store) -> None:
        """Convolve what `rows` gives and hand the field to `store`, both block by block, on any thread.

        Parameters
        ----------
        rows : callable
            Of (first, last): rows of the magnetization, (3, last - first, nx); rows count y within z.
        store : callable
            Of (first, last, field): takes these rows of the field; may change the array it is given.
        """
        nz, ny, nx = self.shape
        field = self._field.reshape(nz * ny, 3, self._half).transpose(1, 0, 2)
        # Equal blocks: a film has but a few, and threads would wait for each other.
        most = fourier.block_size(3 * self.lengths[2], self.dtype.itemsize)
        size = -(-nz * ny // -(-nz * ny // most))

        def forward(first: int, last: int) -> None:
            field[:, first:last] = fourier.rfft_rows(rows(first, last), self.lengths[2])

        def back(first: int, last: int) -> None:
            store(first, last, fourier.irfft_rows(field[:, first:last], self.lengths[2])[..., :nx])

        fourier.in_blocks(forward, nz * ny, size)
        if nz == 1:
            self._multiply_columns()
        else:
            self._multiply_stacks()
        fourier.in_blocks(back, nz * ny, size)

    def _multiply_columns(self) -> None:
        ny, length = self.shape[1], self.lengths[1]

        def work(index: int, _: int) -> None:
            part = self._field[:, :, :, index * WIDTH : (index + 1) * WIDTH]
            block = self._padded(part, 1, length)
            self.multiply(block, index, 0)
            fourier.transform_axis(block, 1, inverse=True)
            part[...] = block[:, :ny]

        fourier.in_blocks(work, self.blocks, 1)

    def _multiply_stacks(self) -> None:
        (nz, ny, _), (depth, length, _) = self.shape, self.lengths
        layers = _how_many(length, self._complex)
        rows, octant = _how_many(depth, self._complex), length // 2 + 1

        def down(index: int, _: int) -> None:
            part = self._piece(index, layers)
            self._columns[part] = self._padded(self._field[part], 1, length)

        def multiply(index: int, _: int) -> None:
            along, column = divmod(index, self.blocks)
            first, last = along * rows, min((along + 1) * rows, octant)
            # Mirror images of these rows read the same part of the tensor, now in cache.
            for low, high in ((first, last), (max(length - last + 1, octant), min(length - first + 1, length))):
                if low < high:
                    columns = slice(column * WIDTH, (column + 1) * WIDTH)
                    part = self._columns[:, low:high, :, columns]
                    block = self._padded(part, 0, depth)
                    self.multiply(block, column, low)
                    fourier.transform_axis(block, 0, inverse=True)
                    part[...] = block[:nz]

        def up(index: int, _: int) -> None:
            part = self._piece(index, layers)
            block = self._padded(self._columns[part], 1, length, inverse=True)
            self._field[part] = block[:, :ny]

        pieces = self.blocks
        fourier.in_blocks(down, -(-nz // layers) * pieces, 1)
        fourier.in_blocks(multiply, -(-octant // rows) * pieces, 1)
        fourier.in_blocks(up, -(-nz // layers) * pieces, 1)

    def _piece(self, index: int, layers: int) -> tuple[slice, ...]:
        """Return the block `index` of `layers` layers and a few columns."""
        along, column = divmod(index, self.blocks)
        whole = slice(None)
        return (
            slice(along * layers, (along + 1) * layers),
            whole,
            whole,
            slice(column * WIDTH, (column + 1) * WIDTH),
        )

    def _padded(self, part: Array, axis: int, length: int, *, inverse: bool = False) -> Array:
        """Return the transform of `part` along `axis`, padded with zeros to `length`, in the thread's own memory.

        Fresh pages for each block would cost as much as its transform.
        """
        shape = list(part.shape)
        n, shape[axis] = shape[axis], length
        size = math.prod(shape)
        room = getattr(self._rooms, "memory", None)
        if room is None or room.size < size:
            room = self._rooms.memory = np.empty(size, self._complex)
        block = np.asarray(room[:size].reshape(shape))
        turned = block.swapaxes(0, axis)
        turned[:n] = part.swapaxes(0, axis)
        turned[n:] = 0
        fourier.transform_axis(block, axis, inverse=inverse)
        return block


def _how_many(length: int, dtype: np.dtype[Any]) -> int:
    """Return how many lines of blocks of columns, `length` long, fill a block."""
    return max(1, fourier.block_size(3 * length, dtype.itemsize) // WIDTH)
