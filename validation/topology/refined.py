"""A lattice of spins made finer, so that cells are small beside the holes that hold the hedgehogs.

- `refined_lattice`, `RefinedLattice`: directions carried a little beyond the surface, interpolated, and cut again.

A cell of eight spins counts if all of them are magnet, so that a layer of half a voxel to a whole one is lost at every
surface. In holes of two voxels' radius that is most of the magnet; on the finer lattice the layer is thinner by
the factor.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.interpolate import make_interp_spline

from validation.topology.lattices import HALF_FILLED, fill_lattice, spin_lattice

Array = NDArray[Any]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_ORDERS = (1, 3)
_NEAR = ndimage.generate_binary_structure(3, 3)
_LEAST = 1e-6  # of a sum of neighbours, to have a direction


class RefinedLattice(NamedTuple):
    """Unit vectors on a finer lattice.

    Attributes
    ----------
    m : (3, nz, ny, nx) float32 array
        Unit vectors in the magnet, 0 outside.
    fill : (nz, ny, nx) float32 array
        Interpolated fill fraction, 0..1.
    magnet : (nz, ny, nx) bool array
        Where that is one half or more, and there is a direction.
    """

    m: Floats
    fill: Floats
    magnet: Bools


def refined_lattice(
    m: ArrayLike, fill: ArrayLike, *, factor: int, least_fill: float = 0.3, reach: int = 2, order: int = 3
) -> RefinedLattice:
    """Interpolate a magnetization weighted by its fill to voxels finer by a whole number.

    ``m/fill``, the mean of the spins in the filled part of a voxel, is carried on from voxels that hold enough of them
    to their neighbours, interpolated, and made of unit length. Its own length is no error but a weight: near a hedgehog
    the mean over a voxel is short as a smooth field is, and its zero stays where it was.

    Parameters
    ----------
    m : (3, nz, ny, nx) array
        Component (x, y, z), weighted by the fill.
    fill : (nz, ny, nx) array
        Fill fraction, 0..1.
    factor : int
        Fine voxels along the edge of one.
    least_fill : float
        Voxels with less are not trusted: their directions come from their neighbours.
    reach : int
        Voxels beyond those to which directions are carried on.
    order : int
        Of the interpolating splines, 1 or 3.

    Returns
    -------
    RefinedLattice
        On ``factor`` times as many voxels along each axis. Index ``n//2`` is the same place on both lattices.

    Raises
    ------
    ValueError
        On shapes that do not fit, a fill that is not from 0 to 1, vectors that are not finite, or parameters out of
        range.

    Notes
    -----
    Nothing is found twice: the charge of a refined cube is that of its surface. What is left of a voxel's mean, less
    than a voxel apart, cannot come back.
    """
    spins = spin_lattice(m)
    share = fill_lattice(fill, spins.shape[1:]).astype(np.float32)
    _check(spins, factor, least_fill, reach, order)
    known = (share >= least_fill) & np.any(spins != 0, axis=0)
    weighted = spins / np.maximum(share, least_fill)
    length = np.sqrt(np.einsum("c...,c...->...", weighted, weighted))
    directions = _carried_on(np.where(known, weighted / np.maximum(length, 1.0), 0).astype(np.float32), known, reach)
    fine_fill, fine = share, directions
    for axis in range(3):
        matrix = _interpolation(share.shape[axis], factor, order)
        fine_fill = _along(matrix, fine_fill, axis)
        fine = _along(matrix, fine, axis + 1)
    fine_fill = np.clip(fine_fill, 0, 1)
    length = np.sqrt(np.einsum("c...,c...->...", fine, fine))
    magnet = (fine_fill >= HALF_FILLED) & (length > _LEAST)
    return RefinedLattice(np.where(magnet, fine / np.maximum(length, _LEAST), 0), fine_fill, magnet)


def _interpolation(n: int, factor: int, order: int) -> Floats:
    """Return the matrix (factor n, n) of splines through the values of a row; beyond its ends they stay."""
    places = np.arange(n, dtype=np.float64)
    wanted = np.clip((np.arange(factor * n) - factor * n // 2) / factor + n // 2, 0, n - 1)
    degree = min(order, 2 * ((n - 1) // 2) + 1, n - 1) if n > 1 else 0
    if degree == 0:
        return np.ones((factor * n, 1), np.float32)
    degree = degree if degree % 2 else degree - 1
    return np.asarray(make_interp_spline(places, np.eye(n), k=degree)(wanted), np.float32)


def _along(matrix: Floats, values: Floats, axis: int) -> Floats:
    return np.ascontiguousarray(np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis))


def _carried_on(vectors: Floats, known: Bools, reach: int) -> Floats:
    """Return vectors with those of the neighbours' mean in up to `reach` layers of voxels beyond the known ones."""
    found, done = vectors.copy(), known.copy()
    for _ in range(reach):
        rim = ndimage.binary_dilation(done, _NEAR) & ~done
        where = np.argwhere(rim)
        padded = np.pad(found, ((0, 0), (1, 1), (1, 1), (1, 1)))
        count = np.pad(done, 1)
        total, number = np.zeros((3, len(where)), np.float32), np.zeros(len(where), np.float32)
        for offset in np.ndindex(3, 3, 3):
            place = tuple((where + offset).T)
            weight = np.float32(1.0 / max(1, sum(abs(o - 1) for o in offset)))
            total += weight * padded[(slice(None), *place)]
            number += weight * count[place]
        found[:, *where.T] = total / number
        done |= rim
    return found


def _check(spins: Array, factor: int, least_fill: float, reach: int, order: int) -> None:
    if not np.isfinite(spins).all():
        raise ValueError("m is not finite somewhere; allowed: finite vectors")
    if factor < 1 or factor != int(factor):
        raise ValueError(f"factor is {factor!r}; allowed: whole numbers from 1")
    if not 0 < least_fill <= 1:
        raise ValueError(f"least_fill is {least_fill!r}; allowed: above 0, up to 1")
    if reach < 0 or reach != int(reach):
        raise ValueError(f"reach is {reach!r} voxels; allowed: whole numbers from 0")
    if order not in _ORDERS:
        raise ValueError(f"order is {order!r}; allowed: {_ORDERS}")
