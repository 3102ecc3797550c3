"""The demagnetising tensor of a mesh, open or repeating in the plane.

- `demag_tensor`: the octant of displacements from 0;
- `tensor_spectra`: its real spectra, as the convolution needs them; `padded_shape`: the lengths it works on.

Periodic directions sum over images, `periodic_images`.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from simulators.micromagnetics.cell_pairs import pair_tensors
from simulators.micromagnetics.periodic_images import periodic_tensors

Array = NDArray[Any]
Shape = tuple[int, int, int]
Cell = tuple[float, float, float]

# Axes (z, y, x) along which a component is odd: xx, yy, zz, xy, xz, yz.
ODD_AXES = ((), (), (), (1, 2), (0, 2), (0, 1))


_KEPT = 2**17  # cells of the meshes whose spectra are kept


def demag_tensor(shape: Shape, cell: Cell, *, periodic: tuple[bool, bool] = (False, False)) -> Array:
    """Return the demagnetising tensor N between cells, ``H = -N M``.

    Parameters
    ----------
    shape : tuple of int
        Cells (nz, ny, nx).
    cell : tuple of float
        Cell sizes (dz, dy, dx), m.
    periodic : tuple of bool
        Whether the sample repeats along (y, x).

    Returns
    -------
    (6, nz, ny, nx) float64 array
        Components xx, yy, zz, xy, xz, yz at displacements of (z, y, x) cells from 0.

    References
    ----------
    A. J. Newell, W. Williams, D. J. Dunlop, J. Geophys. Res. 98, 9551 (1993), doi:10.1029/93JB00694.
    """
    if not any(periodic):
        return _open(shape, cell)
    # Mirror images are equal, so displacements up to half a period are enough.
    half = tuple(n // 2 + 1 if wraps else n for n, wraps in zip(shape, (False, *periodic), strict=True))
    part = periodic_tensors(_offsets((half[0], half[1], half[2])), shape, cell, periodic)
    tensor = part.T.reshape(6, *half)
    for axis, wraps in ((1, periodic[0]), (2, periodic[1])):
        if wraps:
            tensor = _mirrored(tensor, axis, shape[axis])
    return np.ascontiguousarray(tensor)


def _offsets(shape: Shape) -> Array:
    return np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)


def _open(shape: Shape, cell: Cell) -> Array:
    """Return the octant layer by layer: displacements of all cells at once would take more room than the tensor."""
    layer = _offsets((1, shape[1], shape[2])) * np.array(cell)
    result = np.empty((6, *shape))
    for z in range(shape[0]):
        result[:, z] = pair_tensors(layer + np.array([z * cell[0], 0, 0]), cell).T.reshape(6, *shape[1:])
    return result


def _mirrored(tensor: Array, axis: int, n: int) -> Array:
    """Fill displacements beyond half a period from their mirror images."""
    index = np.arange(n)
    result = np.take(tensor, np.minimum(index, n - index), axis=axis + 1)
    whole = slice(None)
    beyond = [whole, whole, whole]
    beyond[axis] = slice(n // 2 + 1, None)
    for component, odd in enumerate(ODD_AXES):
        if axis in odd:
            result[component][tuple(beyond)] *= -1
    return result


def padded_shape(shape: Shape, periodic: tuple[bool, bool]) -> Shape:
    """Return the lengths (z, y, x) of the transforms: open directions hold every displacement of either sign."""
    z, y, x = (
        n if wraps or n == 1 else _even_size(2 * n - 1) for n, wraps in zip(shape, (False, *periodic), strict=True)
    )
    return z, y, x


def _even_size(n: int) -> int:
    size = fourier.good_size(n)
    while size % 2:
        size = fourier.good_size(size + 1)
    return size


def tensor_spectra(shape: Shape, cell: Cell, periodic: tuple[bool, bool]) -> Array:
    """Return the spectra of the tensor, all real: components xy, xz, yz are odd in two directions.

    Those of the last few small meshes are kept: a sweep asks for the same ones again and again.

    Returns
    -------
    (6, mz, my, mx) float64 array
        Frequencies from 0 to the highest along each axis; plain sums over the padded lengths.
    """
    if math.prod(shape) > _KEPT:
        return _spectra(shape, cell, periodic)
    return _kept_spectra(shape, cell, periodic)


@lru_cache(maxsize=4)
def _kept_spectra(shape: Shape, cell: Cell, periodic: tuple[bool, bool]) -> Array:
    found = _spectra(shape, cell, periodic)
    found.flags.writeable = False
    return found


def _spectra(shape: Shape, cell: Cell, periodic: tuple[bool, bool]) -> Array:
    tensor = demag_tensor(shape, cell, periodic=periodic)
    lengths = padded_shape(shape, periodic)
    half = tuple(length // 2 + 1 for length in lengths)
    result = np.empty((6, *half))
    for index, odd in enumerate(ODD_AXES):
        component = tensor[index]
        for axis in (2, 1, 0):
            transform = fourier.odd_spectrum if axis in odd else fourier.even_spectrum
            component = transform(component, lengths[axis], axis)
        # Two odd directions give i squared.
        result[index] = -component if odd else component
    if all(periodic):
        _set_uniform(result)
    return result


def _set_uniform(spectra: Array) -> None:
    """Make uniform layers exact: N_zz = 1 in the layer itself, all else 0."""
    spectra[:, :, 0, 0] = 0.0
    spectra[2, :, 0, 0] = 1.0
