"""The demagnetising field as a convolution: padded real transforms that skip what is zero.

- `DemagOperator`: field of a magnetization.

Rows (x) are transformed from real to half spectra, then columns (y), then stacks (z), each padded on the fly inside a
block that stays in cache, multiplied by the tensor's spectra there and cropped on the way back.
"""

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from numerics import fourier
from numerics.threads import threads as threads_in_use
from numerics.threads import use_threads
from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics.demag_tensor import padded_shape, tensor_spectra
from simulators.micromagnetics.mesh import Mesh

Array = NDArray[Any]
Rows = Callable[[int, int], Array]
Store = Callable[[int, int, Array], None]

_WIDTH = 16
"""Columns in a block. A constant, so that the compiler sees that components do not overlap, and vectorises."""
_FAST = {"contract", "arcp", "nsz", "reassoc"}


class DemagOperator:
    """Field of a magnetization on a mesh, ``B = -mu0 N * M``.

    Parameters
    ----------
    mesh : Mesh
    dtype : float32 or float64
    threads : int, optional
        As many as the process uses, if left out. No result depends on it.

    Attributes
    ----------
    mesh : Mesh
    lengths : tuple of int
        Of the transforms, (z, y, x).
    """

    def __init__(self, mesh: Mesh, *, dtype: DTypeLike = np.float64, threads: int | None = None) -> None:
        self.mesh = mesh
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self.lengths = padded_shape(mesh.shape, mesh.periodic)
        self._complex = np.dtype(np.complex64 if self.dtype == np.float32 else np.complex128)
        self._half = self.lengths[2] // 2 + 1
        self._spectra = self._shared_out(tensor_spectra(mesh.shape, mesh.cell, mesh.periodic))
        nz, ny, _ = mesh.shape
        self._field = np.empty((nz, ny, 3, self._half), self._complex)
        # Columns need a room of their own only where stacks follow them.
        self._columns = self._field if nz == 1 else np.empty((nz, self.lengths[1], 3, self._half), self._complex)
        self._rooms = threading.local()

    def _shared_out(self, spectra: Array) -> list[Array]:
        """Return the spectra as arrays (z, y, component, x), one for each block of columns, in the order of reading."""
        # One layer has no xz and yz; not to read them is a third less.
        used = spectra[:4] if self.mesh.shape[0] == 1 else spectra
        scaled = np.moveaxis(-VACUUM_PERMEABILITY * used, 0, 2)
        firsts = range(0, self._half, _WIDTH)
        return [np.ascontiguousarray(scaled[..., first : first + _WIDTH], dtype=self.dtype) for first in firsts]

    def apply(self, moment: Array, out: Array) -> None:
        """Write the field of `moment` into `out`.

        Parameters
        ----------
        moment : (3, nz, ny, nx) array
            Magnetization, A/m.
        out : (3, nz, ny, nx) array
            Changed: mu0 H, T.

        Raises
        ------
        ValueError
            If a shape or a dtype is not the operator's.
        """
        for name, values in (("moment", moment), ("out", out)):
            if values.shape != (3, *self.mesh.shape) or values.dtype != self.dtype:
                allowed = f"{(3, *self.mesh.shape)} {self.dtype}"
                raise ValueError(f"{name} is {values.shape} {values.dtype}; allowed: {allowed}")
        given = moment.reshape(3, -1, self.mesh.shape[2])
        taken = out.reshape(given.shape)

        def store(first: int, last: int, rows: Array) -> None:
            taken[:, first:last] = rows

        with use_threads(self.threads or threads_in_use()):
            self.convolve(lambda first, last: given[:, first:last], store)

    def convolve(self, rows: Rows, store: Store) -> None:
        """Convolve what `rows` gives and hand the field to `store`, both block by block, on any thread.

        Parameters
        ----------
        rows : callable
            Of (first, last): rows of the magnetization, (3, last - first, nx); rows count y within z.
        store : callable
            Of (first, last, field): takes these rows of the field; may change the array it is given.
        """
        nz, ny, nx = self.mesh.shape
        field = self._field.reshape(nz * ny, 3, self._half).transpose(1, 0, 2)
        size = fourier.block_size(3 * self.lengths[2], self.dtype.itemsize)

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
        ny, length = self.mesh.shape[1], self.lengths[1]

        def work(index: int, _: int) -> None:
            part = self._field[:, :, :, index * _WIDTH : (index + 1) * _WIDTH]
            block = self._padded(part, 1, length)
            self._multiply(block, index, 0)
            fourier.transform_axis(block, 1, inverse=True)
            part[...] = block[:, :ny]

        fourier.in_blocks(work, len(self._spectra), 1)

    def _multiply_stacks(self) -> None:
        (nz, ny, _), (depth, length, _) = self.mesh.shape, self.lengths
        layers = _how_many(length, self._complex)
        rows, octant = _how_many(depth, self._complex), length // 2 + 1

        def down(index: int, _: int) -> None:
            part = self._piece(index, layers)
            self._columns[part] = self._padded(self._field[part], 1, length)

        def multiply(index: int, _: int) -> None:
            along, column = divmod(index, len(self._spectra))
            first, last = along * rows, min((along + 1) * rows, octant)
            # Mirror images of these rows read the same part of the tensor, now in cache.
            for low, high in ((first, last), (max(length - last + 1, octant), min(length - first + 1, length))):
                if low < high:
                    columns = slice(column * _WIDTH, (column + 1) * _WIDTH)
                    part = self._columns[:, low:high, :, columns]
                    block = self._padded(part, 0, depth)
                    self._multiply(block, column, low)
                    fourier.transform_axis(block, 0, inverse=True)
                    part[...] = block[:nz]

        def up(index: int, _: int) -> None:
            part = self._piece(index, layers)
            block = self._padded(self._columns[part], 1, length, inverse=True)
            self._field[part] = block[:, :ny]

        pieces = len(self._spectra)
        fourier.in_blocks(down, -(-nz // layers) * pieces, 1)
        fourier.in_blocks(multiply, -(-octant // rows) * pieces, 1)
        fourier.in_blocks(up, -(-nz // layers) * pieces, 1)

    def _multiply(self, block: Array, column: int, first_y: int) -> None:
        spectra = self._spectra[column]
        pairs = block.reshape(-1).view(self.dtype)
        _multiply(pairs, spectra.reshape(-1), block.shape[1], spectra.shape, self.lengths[1], first_y)

    def _piece(self, index: int, layers: int) -> tuple[slice, ...]:
        """Return the block `index` of `layers` layers and a few columns."""
        along, column = divmod(index, len(self._spectra))
        whole = slice(None)
        return (
            slice(along * layers, (along + 1) * layers),
            whole,
            whole,
            slice(column * _WIDTH, (column + 1) * _WIDTH),
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
    return max(1, fourier.block_size(3 * length, dtype.itemsize) // _WIDTH)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _multiply(block, spectra, columns, octant, length_y, first_y):  # type: ignore[no-untyped-def]
    """Multiply a block by the tensor's octant; frequencies beyond the octant are its mirror images.

    `block` is flat, of pairs of real numbers (z, y, component, x), with `columns` in y from `first_y` of `length_y`;
    `spectra` is flat too, (z, y, component, x) of the shape `octant`. Views of rows would cost more than the products.
    """
    many_z, many_y, components, width = octant
    depth = block.size // (columns * 6 * width)
    one = spectra.dtype.type(1)
    for z in range(depth):
        back_z = z >= many_z
        at_z = depth - z if back_z else z
        sign_z = -one if back_z else one
        for j in range(columns):
            y = first_y + j
            back_y = y >= many_y
            at_y = length_y - y if back_y else y
            sign_y = -one if back_y else one
            at_block = (z * columns + j) * 6 * width
            at_tensor = (at_z * many_y + at_y) * components * width
            if components == 4 and width == _WIDTH:
                _multiply_layer(block, at_block, spectra, at_tensor, _WIDTH, sign_y)
            elif components == 4:
                _multiply_layer(block, at_block, spectra, at_tensor, width, sign_y)
            elif width == _WIDTH:
                _multiply_row(block, at_block, spectra, at_tensor, _WIDTH, sign_y, sign_z)
            else:
                _multiply_row(block, at_block, spectra, at_tensor, width, sign_y, sign_z)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _multiply_layer(block, o, spectra, t, width, sign_y):  # type: ignore[no-untyped-def]
    for i in range(width):
        xx, yy, zz = spectra[t + i], spectra[t + width + i], spectra[t + 2 * width + i]
        xy = sign_y * spectra[t + 3 * width + i]
        at_x, at_y, at_z = o + 2 * i, o + 2 * width + 2 * i, o + 4 * width + 2 * i
        a, b, c = block[at_x], block[at_y], block[at_z]
        d, e, f = block[at_x + 1], block[at_y + 1], block[at_z + 1]
        block[at_x] = xx * a + xy * b
        block[at_x + 1] = xx * d + xy * e
        block[at_y] = xy * a + yy * b
        block[at_y + 1] = xy * d + yy * e
        block[at_z] = zz * c
        block[at_z + 1] = zz * f


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _multiply_row(block, o, spectra, t, width, sign_y, sign_z):  # type: ignore[no-untyped-def]
    sign_yz = sign_y * sign_z
    for i in range(width):
        xx, yy, zz = spectra[t + i], spectra[t + width + i], spectra[t + 2 * width + i]
        xy = sign_y * spectra[t + 3 * width + i]
        xz = sign_z * spectra[t + 4 * width + i]
        yz = sign_yz * spectra[t + 5 * width + i]
        at_x, at_y, at_z = o + 2 * i, o + 2 * width + 2 * i, o + 4 * width + 2 * i
        a, b, c = block[at_x], block[at_y], block[at_z]
        d, e, f = block[at_x + 1], block[at_y + 1], block[at_z + 1]
        block[at_x] = xx * a + xy * b + xz * c
        block[at_x + 1] = xx * d + xy * e + xz * f
        block[at_y] = xy * a + yy * b + yz * c
        block[at_y + 1] = xy * d + yy * e + yz * f
        block[at_z] = xz * a + yz * b + zz * c
        block[at_z + 1] = xz * d + yz * e + zz * f
