"""Voids as virtual hedgehogs: the charge that a void would hold if it were filled.

- `virtual_hedgehogs`: charge, covered share and place of every void of a magnet.
"""

import itertools
import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from validation.topology.charge import cell_charges
from validation.topology.hedgehogs import VoxelSize, checked_voxel_size
from validation.topology.lattices import fill_lattice, magnet_lattice, spin_lattice
from validation.topology.surface import directions, sphere_through, triangle_shares
from validation.topology.void_surfaces import FACETS, VoidSurfaces, at_border, touching_voids, void_surfaces

Array = NDArray[Any]
Floats = NDArray[np.float64]

_ROUNDING = 1e-9  # so that a charge of 0.9 reaches a threshold of 0.9
# The surface of a spherical void is this far from its sphere, root mean square: a staircase of voxels, in the longest
# edge of a voxel, and at any size in the radius.
_STAIRCASE, _ROUND = 0.5, 0.1
_DRIFT = 0.5  # radii from the mean of the voxels: beyond, the surface is a part of something larger


def virtual_hedgehogs(
    m: ArrayLike,
    magnet: ArrayLike,
    *,
    voxel_size: VoxelSize,
    threshold: float = 0.9,
    h: float = 0.7,
    minimum_coverage: float = 0.0,
) -> xr.Dataset:
    """Return the charge of every void of a magnet, and call those virtual hedgehogs whose charge is large.

    A void that spins surround on all sides has a whole charge, that of whatever fills it: the sum over all cells that
    touch it, here with one filling of many. Where voids overlap or a neck leads outside, each has an open surface: the
    solid angles of its facets' spins over 4 pi, the normals out of the void. That is no whole number, and reaches 0.9
    without the void being closed: `covered`, the share of all directions from the centre in which there is magnet,
    must be read with it. A radial texture has exactly that charge.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
        Spins, component (x, y, z); lengths do not matter.
    magnet : (nz, ny, nx) array
        Fill fraction from 0 to 1, or boolean; points at least half filled are magnet.
    voxel_size : float or tuple of float
        Metres, one number or (z, y, x).
    threshold : float
        Least magnitude of the charge of a virtual hedgehog.
    h : float
        Voids are told apart where the neck between them is narrower, in radius, than the smaller of them by this many
        voxels (of the shortest edge).
    minimum_coverage : float
        Least covered share of a virtual hedgehog.

    Returns
    -------
    Dataset
        By `void`: `position (void, axis)` (m, index ``n//2`` the origin) and `radius` (m) of the sphere nearest to its
        surface, or the mean of its voxels and NaN where the surface is no sphere, `charge`, `covered` as seen from
        there, `facets`, `volume` (m3), `closed` (spins on all sides: the charge is exact), `at_border` (the void
        reaches the border of the array: cut off, or the outside of the magnet), `virtual` (charge and coverage are
        large enough, and the void is not at the border).

    Raises
    ------
    ValueError
        On shapes that do not fit, a magnet without spins somewhere, or parameters out of range.
    """
    _check_limits(threshold, h, minimum_coverage)
    sizes = checked_voxel_size(voxel_size)
    spins = spin_lattice(m)
    fill = fill_lattice(magnet, spins.shape[1:])
    solid = magnet_lattice(spins, fill)
    regions = touching_voids(solid)
    found = void_surfaces(spins, fill, regions, aspect=sizes / sizes.min(), h=h)
    alone = np.bincount(found.region, minlength=int(regions.max()) + 1) == 1
    closed = (alone & ~at_border(regions))[found.region]
    whole = _region_charges(spins, solid, regions)[found.region]
    count = len(found.centre)
    centre, radius = _centres(found, sizes)
    charge, covered = _patches(found, centre, sizes)
    charge, covered = np.where(closed, whole, charge), np.where(closed, 1.0, covered)
    large = (np.abs(charge) >= threshold - _ROUNDING) & (covered >= minimum_coverage - _ROUNDING)
    place = (centre - np.array(spins.shape[1:]) // 2) * sizes
    variables: dict[str, Any] = {
        "position": (("void", "axis"), place, {"units": "m"}),
        "charge": ("void", charge),
        "covered": ("void", covered),
        "radius": ("void", radius * float(sizes.min()), {"units": "m"}),
        "facets": ("void", np.bincount(found.void, minlength=count)),
        "volume": ("void", found.voxels * float(np.prod(sizes)), {"units": "m3"}),
        "closed": ("void", closed),
        "at_border": ("void", found.at_border),
        "virtual": ("void", large & ~found.at_border),
    }
    limits = {"threshold": float(threshold), "h": float(h), "minimum_coverage": float(minimum_coverage)}
    return xr.Dataset(variables, coords={"axis": list("zyx")}, attrs=limits)


def _region_charges(m: Array, solid: NDArray[np.bool_], regions: NDArray[np.integer[Any]]) -> Floats:
    """Return by region the charge of all cells that touch it, each filled with one spin."""
    filled = np.where(solid, m, np.asarray((0.0, 0.0, 1.0), m.dtype)[:, None, None, None])
    charges = cell_charges(filled)
    touched = regions
    for axis in range(3):
        touched = np.maximum(*(np.take(touched, np.arange(s, touched.shape[axis] - 1 + s), axis) for s in (0, 1)))
    return np.bincount(touched.ravel(), charges.ravel(), minlength=int(regions.max()) + 1)


def _centres(found: VoidSurfaces, sizes: Floats) -> tuple[Floats, Floats]:
    """Return the centre of every void in voxels, and its radius in edges of the shortest, NaN for what is no sphere.

    The mean of a void's voxels drifts towards its openings; the centre of its surface, where that is part of a sphere,
    does not.
    """
    aspect = sizes / sizes.min()
    centre, radius = found.centre.copy(), np.full(len(found.centre), np.nan)
    order = np.argsort(found.void, kind="stable")
    ends = np.searchsorted(found.void[order], np.arange(len(centre) + 1))
    for void, (first, last) in enumerate(itertools.pairwise(ends)):
        points = found.vertices[np.unique(found.faces[order[first:last]])] * aspect
        try:
            middle, reach = sphere_through(points)
        except ValueError:
            continue  # a flat surface
        away = np.linalg.norm(points - middle, axis=1) - reach
        drift = float(np.linalg.norm(middle - centre[void] * aspect))
        off = math.sqrt(float(np.mean(away**2)))
        if off <= min(_STAIRCASE * aspect.max(), _ROUND * reach) and drift <= _DRIFT * reach:
            centre[void], radius[void] = middle / aspect, reach
    return centre, radius


def _patches(found: VoidSurfaces, centre: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Return charge and covered share of the open surface of every void."""
    shares = np.empty((2, len(found.faces)))
    for first in range(0, len(found.faces), FACETS):
        part = slice(first, first + FACETS)
        corners, middle = found.faces[part].T, centre[found.void[part]]
        shares[0, part] = triangle_shares(*(found.spins[corner] for corner in corners))
        rays = (directions((found.vertices[corner] - middle) * sizes) for corner in corners)
        shares[1, part] = triangle_shares(*rays)
    charge, covered = (np.bincount(found.void, share, minlength=len(centre)) for share in shares)
    return charge, covered


def _check_limits(threshold: float, h: float, minimum_coverage: float) -> None:
    if not (np.isfinite(threshold) and threshold > 0):
        raise ValueError(f"threshold is {threshold!r}; allowed: a finite charge above 0")
    if not (np.isfinite(h) and h > 0):
        raise ValueError(f"h is {h!r} voxels; allowed: a finite height above 0")
    if not 0 <= minimum_coverage <= 1:
        raise ValueError(f"minimum_coverage is {minimum_coverage!r}; allowed: from 0 to 1")
