"""The demagnetising field as a convolution with the tensor between cells.

- `DemagOperator`: field of a magnetization.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from numerics.threads import threads as threads_in_use
from numerics.threads import use_threads
from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics.convolution import WIDTH, Convolution
from simulators.micromagnetics.demag_tensor import padded_shape, tensor_spectra
from simulators.micromagnetics.mesh import Mesh

Array = NDArray[Any]

_FAST = {"contract", "arcp", "nsz", "reassoc"}


class DemagOperator(Convolution):
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
    """

    def __init__(self, mesh: Mesh, *, dtype: DTypeLike = np.float64, threads: int | None = None) -> None:
        super().__init__(mesh.shape, padded_shape(mesh.shape, mesh.periodic), dtype=dtype)
        self.mesh = mesh
        self.threads = threads
        self._spectra = self._shared_out(tensor_spectra(mesh.shape, mesh.cell, mesh.periodic))

    def _shared_out(self, spectra: Array) -> list[Array]:
        """Return the spectra as arrays (z, y, component, x), one for each block of columns, in the order of reading."""
        # One layer has no xz and yz; not to read them is a third less.
        used = spectra[:4] if self.shape[0] == 1 else spectra
        parts = (used[..., first : first + WIDTH] for first in range(0, self._half, WIDTH))
        return [np.ascontiguousarray(np.moveaxis(-VACUUM_PERMEABILITY * part, 0, 2), self.dtype) for part in parts]

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
            if values.shape != (3, *self.shape) or values.dtype != self.dtype:
                allowed = f"{(3, *self.shape)} {self.dtype}"
                raise ValueError(f"{name} is {values.shape} {values.dtype}; allowed: {allowed}")
        given = moment.reshape(3, -1, self.shape[2])
        taken = out.reshape(given.shape)

        def store(first: int, last: int, rows: Array) -> None:
            taken[:, first:last] = rows

        with use_threads(self.threads or threads_in_use()):
            self.convolve(lambda first, last: given[:, first:last], store)

    def multiply(self, block: Array, column: int, first_y: int) -> None:
        """Multiply a block of spectra by those of the tensor, in place."""
        spectra = self._spectra[column]
        pairs = block.reshape(-1).view(self.dtype)
        _multiply(pairs, spectra.reshape(-1), block.shape[1], spectra.shape, self.lengths[1], first_y)


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
            if components == 4 and width == WIDTH:
                _multiply_layer(block, at_block, spectra, at_tensor, WIDTH, sign_y)
            elif components == 4:
                _multiply_layer(block, at_block, spectra, at_tensor, width, sign_y)
            elif width == WIDTH:
                _multiply_row(block, at_block, spectra, at_tensor, WIDTH, sign_y, sign_z)
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
