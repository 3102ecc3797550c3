"""Topological charge of magnetizations.

- `cell_charges`: of every cell of a volume, by counting or by solid angles;
- `layer_charges`: of every layer of a volume, the skyrmion number of a tube's slices;
- `slice_charge`: of one slice.

A hedgehog m = r/|r| has the charge +1, its reverse -1; a skyrmion with its core down in an up film has -1.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics import fourier
from validation.topology.charge_kernels import count_cells
from validation.topology.lattices import HALF_FILLED, fill_lattice, magnet_lattice, spin_lattice
from validation.topology.solid_angle_kernels import block_flux, sheet_flux, unit_spins

Array = NDArray[Any]
Floats = NDArray[np.float64]

_PLANES = 16  # lattice planes in one block of the threads
FEW_PLANES = 4  # where a block holds float64 copies of its spins
# 1 where the turn from the second to the first of the other axes is counter-clockwise seen from the tip of this one.
_SIGNS = {"z": 1.0, "y": -1.0, "x": 1.0}
_METHODS = ("degree", "solid-angle")


def cell_charges(m: ArrayLike, *, magnet: ArrayLike | None = None, method: str = "degree") -> NDArray[np.int8]:
    """Return the topological charge of every cell, the cube of eight neighbouring spins.

    Each face of a cell is split by the diagonal from its corner of lowest to that of highest indices, the same for both
    its cells, so that the charges of any set of cells add up to the flux through its surface. The twelve triangles of a
    cell cover the sphere a whole number of times.

    Parameters
    ----------
    m : (3, nz, ny, nx) real array
        Spins, component (x, y, z); lengths do not matter.
    magnet : (nz, ny, nx) array, optional
        Fill fraction from 0 to 1, or boolean; a cell whose corners are not all at least half filled has charge 0, and
        `m` may be anything outside. Default: where `m` is not zero.
    method : {"degree", "solid-angle"}
        "degree" counts the triangles that hold one direction, "solid-angle" adds up their solid angles; the integers
        are the same, the first is many times faster.

    Returns
    -------
    (nz-1, ny-1, nx-1) int8 array

    Raises
    ------
    ValueError
        On another shape, type or method; if `magnet` is no fill fraction or nowhere half filled; or if a spin of the
        magnet is zero or not finite.

    Notes
    -----
    Where spins do not say how the sphere is covered (two opposite neighbours, or three of a great circle), both methods
    decide by one rule for all cells that share the spins: the charges stay whole and their sum rule exact. The laws
    under rotation and reflection hold only up to such decisions.

    References
    ----------
    Berg and Luescher, Nucl. Phys. B 190, 412 (1981), doi 10.1016/0550-3213(81)90568-X.
    """
    if method not in _METHODS:
        raise ValueError(f"method is {method!r}; allowed: {', '.join(map(repr, _METHODS))}")
    spins = spin_lattice(m)
    return _by_degree(spins, magnet) if method == "degree" else _by_solid_angle(spins, magnet)


def layer_charges(m: ArrayLike, *, axis: str = "z", magnet: ArrayLike | None = None) -> Floats:
    """Return the topological charge of every layer of spins normal to an axis.

    Parameters
    ----------
    m : (3, nz, ny, nx) real array
        Spins, component (x, y, z); lengths do not matter.
    axis : {"z", "y", "x"}
        Normal of the layers; the charge is the flux along it over 4 pi.
    magnet : (nz, ny, nx) array, optional
        As for `cell_charges`; a layer without magnet has charge 0.

    Returns
    -------
    (n,) float64 array
        One charge per layer, n = nz, ny or nx; whole if the spins along the layer's border are all alike. Two layers
        differ by the charges of the cells between them and the flux through the sides.

    Raises
    ------
    ValueError
        As `cell_charges`, or on another axis.
    """
    _check_axis(axis)
    spins = spin_lattice(m)
    along = "zyx".index(axis)
    _check_faces(tuple(n for other, n in enumerate(spins.shape[1:]) if other != along))
    solid = magnet_lattice(spins, magnet)
    layers, masks = np.moveaxis(spins, along + 1, 0), np.moveaxis(solid, along, 0)
    charges = np.zeros(len(layers))

    def change(first: int, last: int) -> None:
        for index in range(first, last):
            charges[index] = _sheet_charge(layers[index], masks[index], axis)

    fourier.in_blocks(change, len(layers), FEW_PLANES)
    return charges


def slice_charge(m: ArrayLike, *, axis: str = "z", magnet: ArrayLike | None = None) -> float:
    """Return the topological charge of one slice of spins, its skyrmion number.

    Parameters
    ----------
    m : (3, n, l) real array
        Spins, component (x, y, z), on a plane whose axes are in array order: (y, x), (z, x) or (z, y).
    axis : {"z", "y", "x"}
        Normal of the slice.
    magnet : (n, l) array, optional
        As for `cell_charges`.

    Returns
    -------
    float
        Flux along the axis over 4 pi; whole if the spins along the border are all alike.

    Raises
    ------
    ValueError
        As `layer_charges`.
    """
    _check_axis(axis)
    spins = spin_lattice(m, dimensions=2)
    _check_faces(spins.shape[1:])
    return _sheet_charge(spins, magnet_lattice(spins, magnet), axis)


def _check_axis(axis: str) -> None:
    if axis not in _SIGNS:
        raise ValueError(f"axis is {axis!r}; allowed: {', '.join(map(repr, _SIGNS))}")


def _check_faces(shape: tuple[int, ...]) -> None:
    if min(shape) < 2:
        raise ValueError(f"m has layers of shape {shape}; allowed: at least two spins along either axis")


def _sheet_charge(m: Array, solid: Array, axis: str) -> float:
    flux = np.zeros(tuple(n - 1 for n in solid.shape))
    sheet_flux(unit_spins(m), np.ascontiguousarray(solid), _SIGNS[axis], flux)
    return float(flux.sum())


def _by_degree(m: Array, magnet: ArrayLike | None) -> NDArray[np.int8]:
    fill = None if magnet is None else fill_lattice(magnet, m.shape[1:])
    charges = np.zeros(tuple(n - 1 for n in m.shape[1:]), np.int8)
    points, wrong = [], []

    def change(first: int, last: int) -> None:
        solid = np.empty((0, 0, 0), bool) if fill is None else fill[first : last + 1] >= HALF_FILLED
        found, bad = count_cells(m, solid, first, last, charges)
        points.append(found)
        wrong.append(bad)

    fourier.in_blocks(change, charges.shape[0], _PLANES)
    if any(wrong) or not any(points):
        magnet_lattice(m, magnet)  # raises
    return charges


def _by_solid_angle(m: Array, magnet: ArrayLike | None) -> NDArray[np.int8]:
    solid = magnet_lattice(m, magnet)
    charges = np.zeros(tuple(n - 1 for n in m.shape[1:]), np.int8)

    def change(first: int, last: int) -> None:
        charges[first:last] = np.rint(flux_of_planes(m, solid, first, last)[3])

    fourier.in_blocks(change, charges.shape[0], FEW_PLANES)
    return charges


def flux_of_planes(m: Array, solid: Array, first: int, last: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the fluxes through the faces of the cells of planes `first` to `last`, and what flows out of each cell.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
    solid : (nz, ny, nx) bool array
        Points that count; a face or cell with another corner carries nothing.
    first, last : int
        Planes of cells.

    Returns
    -------
    tuple of float64 arrays
        Through faces normal to z (n+1, ny-1, nx-1), y (n, ny, nx-1) and x (n, ny-1, nx), towards higher indices and in
        units of 4 pi; out of cells (n, ny-1, nx-1).
    """
    (ny, nx), n = solid.shape[1:], last - first
    shapes = ((n + 1, ny - 1, nx - 1), (n, ny, nx - 1), (n, ny - 1, nx), (n, ny - 1, nx - 1))
    z, y, x, out = (np.zeros(shape) for shape in shapes)
    block_flux(unit_spins(m[:, first : last + 1]), solid[first : last + 1], z, y, x, out)
    return z, y, x, out
