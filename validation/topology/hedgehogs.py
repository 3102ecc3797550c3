"""Hedgehogs (Bloch points): where a magnetization has no direction, one row each.

- `find_hedgehogs`: the charged cells of a volume, with places finer than a voxel; or the published search;
- `low_passed`: a magnetization smoothed inside its magnet;
- `checked_voxel_size`: a voxel size that can be meant, or one line that says why not.
"""

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from validation.matching import checked_length
from validation.topology.charge import cell_charges
from validation.topology.lattices import magnet_lattice, spin_lattice
from validation.topology.maxima import density_maxima
from validation.topology.neighbourhoods import AROUND, border_distances, neighbourhoods
from validation.topology.zeros import CELL_ERROR, zeros_of_cells

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]
VoxelSize = float | tuple[float, float, float]

METHODS = ("cells", "maxima")

# Standard deviation, in periods, of the Gaussian that lets half of the amplitude of a period pass.
_HALF_AMPLITUDE = math.sqrt(math.log(2) / 2) / math.pi
_CHUNK = 4096


def find_hedgehogs(
    m: ArrayLike,
    *,
    voxel_size: VoxelSize,
    magnet: ArrayLike | None = None,
    method: str = "cells",
    low_pass: float | None = None,
    subvoxel: bool = True,
) -> xr.Dataset:
    """Find the hedgehogs of a magnetization.

    "cells" lists every cell, a cube of eight neighbouring spins, whose charge is not zero: no hedgehog between the
    spins is missed, however close to another, unless both lie in one cell. "maxima" is the published search, see
    `density_maxima`.

    Parameters
    ----------
    m : (3, nz, ny, nx) array
        Spins, component (x, y, z). Only directions count; but lengths are weights for `low_pass`.
    voxel_size : float or tuple of float
        Metres, one or (z, y, x).
    magnet : (nz, ny, nx) array, optional
        Fill fraction; a cell counts if all eight corners are at least half filled. Default: where m is not zero.
    method : str
        "cells" or "maxima".
    low_pass : float, optional
        Full period, metres, of which half the amplitude passes: vectors inside the magnet are smoothed first. Removes
        the false charges of noise, and true pairs that are closer than about this period.
    subvoxel : bool
        Whether to look for the zero inside of each cell (`zeros_of_cells`); else places are the middles of cells, or
        the voxels of the maxima.

    Returns
    -------
    Dataset
        By `hedgehog`, in the order of the array:

        - `position` (hedgehog, axis): (z, y, x), m from index ``n//2``;
        - `position_error`: one standard deviation in all, m, if noise is independent from voxel to voxel; noise that
          was smoothed is not, and moves hedgehogs by more;
        - `charge`: whole number. A cell of charge 2 is one row;
        - `border_distance`: m, to the surface through the outermost spins of the magnet, where cells stop counting;
        - `at_border`: whether the cell touches that surface, so that the hedgehog is within a voxel of it. Such charges
          are better listed apart: a missing layer of spins would have made or removed them;
        - `cell` (hedgehog, axis): index of the cell, that of its corner of lowest indices. A maximum names the first
          cell of its sign among the eight around it, and takes its place.

        Attributes: `method`, `low_pass` (m, 0 for none), `subvoxel`.

    Raises
    ------
    ValueError
        On impossible sizes, shapes that do not fit, fewer than two spins along an axis, spins of the magnet that are
        zero or not finite, or an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; allowed: {', '.join(map(repr, METHODS))}")
    sizes = checked_voxel_size(voxel_size)
    spins = spin_lattice(m)
    if min(spins.shape[1:]) < 2:
        raise ValueError(f"m is of shape {spins.shape}; allowed: at least two spins along each axis, for cells")
    solid = magnet_lattice(spins, magnet)
    if low_pass is not None:
        spins = low_passed(spins, solid, sizes, low_pass)
    charges = cell_charges(spins, magnet=solid)
    if method == "cells":
        cells = np.argwhere(charges)
        charge = charges[tuple(cells.T)].astype(np.int64)
        voxels = None
    else:
        voxels, charge = density_maxima(spins, solid, charges)
        cells = _cells_of(voxels, charge, charges)
    place, error, at_border = _places(spins, solid, cells, charges, subvoxel)
    if voxels is not None and not subvoxel:
        place = voxels.astype(np.float64)
    each, both, metres = "hedgehog", ("hedgehog", "axis"), {"units": "m"}
    return xr.Dataset(
        {
            "position": (both, (place - np.array(solid.shape) // 2) * sizes, metres),
            "position_error": (each, np.linalg.norm(error * sizes, axis=1), metres),
            "charge": (each, charge, {"units": "1"}),
            "border_distance": (each, border_distances(solid, place, sizes), metres),
            "at_border": (each, at_border),
            "cell": (both, cells, {"units": "1"}),
        },
        coords={"axis": list("zyx")},
        attrs={"method": method, "low_pass": float(low_pass or 0.0), "subvoxel": int(subvoxel)},
    )


def checked_voxel_size(voxel_size: VoxelSize) -> Floats:
    """Return the voxel size as (z, y, x), metres.

    Raises
    ------
    ValueError
        If it is neither one length nor three, or no size of a voxel in metres.
    """
    sizes = np.asarray(voxel_size, np.float64)
    if sizes.shape not in ((), (3,)):
        raise ValueError(f"voxel_size is {voxel_size!r}; allowed: one length in m, or three (z, y, x)")
    return np.array([checked_length("voxel_size", float(size)) for size in np.broadcast_to(sizes, (3,))])


def low_passed(m: Array, solid: Bools, sizes: Floats, period: float) -> Array:
    """Return a magnetization smoothed by a Gaussian inside its magnet; half the amplitude of `period` passes.

    Vectors outside of the magnet do not count. Lengths are not made one again: near a hedgehog they fall to zero, as
    those of a smooth field do.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
    solid : (nz, ny, nx) bool array
    sizes : (3,) float64 array
        Voxel size (z, y, x), m.
    period : float
        m.

    Raises
    ------
    ValueError
        If the period is not between two voxels and the size of the array.
    """
    least, most = 2 * float(sizes.min()), float((sizes * solid.shape).max())
    if not least <= period <= most:
        raise ValueError(f"low_pass is {period!r} m; allowed: two voxels, {least:.4g} m, to the array, {most:.4g} m")
    result = np.where(solid, m, 0)
    for component in result:
        ndimage.gaussian_filter(component, _HALF_AMPLITUDE * period / sizes, output=component, mode="constant")
    return np.where(solid, result, 0)


def _cells_of(voxels: Indices, charge: Indices, charges: NDArray[np.int8]) -> Indices:
    """Return for each voxel the first of the eight cells around it whose charge has its sign."""
    around = voxels[:, None, :] - 1 + AROUND
    same = np.sign(charges[tuple(np.moveaxis(around, -1, 0))]) == np.sign(charge)[:, None]
    first = np.argmax(same, axis=1) if len(voxels) else np.empty(0, np.int64)
    return np.asarray(around[np.arange(len(voxels)), first], np.int64)


def _places(
    m: Array, solid: Bools, cells: Indices, charges: NDArray[np.int8], subvoxel: bool
) -> tuple[Floats, Floats, Bools]:
    """Return places in voxels from the first spin, errors along each axis, and whether each cell touches the border."""
    place = np.full(cells.shape, 0.5)
    error = np.full(cells.shape, CELL_ERROR)
    at_border = np.zeros(len(cells), bool)
    for first in range(0, len(cells), _CHUNK):
        part = slice(first, first + _CHUNK)
        spins, use = neighbourhoods(m, solid, cells[part] - 1, 4)
        at_border[part] = ~np.all(use, axis=(1, 2, 3))
        if subvoxel:
            place[part], error[part] = zeros_of_cells(spins, use, charges[tuple(cells[part].T)])
    return place + cells, error, at_border
