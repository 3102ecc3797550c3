"""Topological charges of a magnetization: what is found, not what was asked for.

- `cell_charges`: charge of every cube of eight spins;
- `charge_list`: those that are not zero, with their place, site and distance to the surface;
- `layer_charges`: flux through each layer, the skyrmion number of a tube;
- `flux_balance`: flux through the outer surface and out of the voids, a `FluxBalance` of `VoidFlux`.

Charges are solid angles over 4 pi (`solid_angle`). A hedgehog m = r/|r| has the charge +1, its reverse -1; a skyrmion
with its core down in an up film has the layer charge -1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from simulators.samples.solid_angle import cube_charges, face_fluxes, magnetic_corners

Array = NDArray[Any]

BETWEEN = "between"
"""Where a charge lies that is in no hole of the lattice."""

_NECK = "neck"

_INTEGER = 1e-6  # how far a closed surface's sum of fluxes may be from its integer by rounding


def cell_charges(m: Array, *, magnet: ArrayLike | None = None) -> NDArray[np.int8]:
    """Return the topological charge of every cube of eight neighbouring spins.

    The solid angles of the twelve triangles of a cube add up to a whole number of spheres. Each face is split by the
    diagonal from its corner of lowest indices to that of highest indices, so that its two cubes agree on it. Where
    neighbours are exactly antipodal their geodesic is chosen by a rule, so that the charge is whole there too.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
        Spins, component (x, y, z); lengths do not matter.
    magnet : (nz, ny, nx) array, optional
        Fill fraction; a cube counts only if all its corners are at least half filled. Default: where m is not zero.

    Returns
    -------
    (nz-1, ny-1, nx-1) int8 array

    Raises
    ------
    ValueError
        If shapes do not fit or a spin of the magnet is zero or not finite.

    References
    ----------
    Berg and Luescher, Nucl. Phys. B 190, 412 (1981), doi 10.1016/0550-3213(81)90568-X.
    """
    return cube_charges(m, magnetic_corners(m, magnet))


def layer_charges(m: Array, *, magnet: ArrayLike | None = None) -> Array:
    """Return the flux through each layer of spins along +z, in units of 4 pi; whole if the layer's border is uniform.

    Parameters
    ----------
    m, magnet : arrays
        As for `cell_charges`.

    Returns
    -------
    (nz,) float64 array
    """
    return np.asarray(face_fluxes(m, magnetic_corners(m, magnet))[0].sum(axis=(1, 2)))


def charge_list(
    m: Array,
    magnet: ArrayLike | None,
    voxel_size: float | tuple[float, float, float],
    sites: Mapping[str, Sequence[Any]] | None = None,
) -> list[dict[str, Any]]:
    """List the charges with their places, in the order of the array.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
    magnet : (nz, ny, nx) array or None
        As for `cell_charges`.
    voxel_size : float or tuple of float
        Cell size in m, one or (z, y, x).
    sites : mapping of sequences, optional
        Table of a lattice's holes, one column per key: ``kind`` (text), ``z``, ``y``, ``x`` and ``radius`` in m, as
        `lattice_sites.Sites.columns` gives. Rows of the kind ``"neck"`` are no holes.

    Returns
    -------
    list of dict
        ``z``, ``y``, ``x`` (m, the cube's centre, index ``n//2`` the origin), ``q``, and ``surface``: the distance in
        voxels from the cube to the surface, 1 if one of its corners is the magnet's or the array's last. With `sites`
        also ``site``, the row of the nearest hole in which the charge lies or None, and ``kind``, that hole's or
        ``"between"``.

    Raises
    ------
    ValueError
        As `cell_charges`, or if a length is not positive.
    """
    solid = magnetic_corners(m, magnet)
    charges = cube_charges(m, solid)
    index = np.argwhere(charges)
    if not len(index):
        return []
    sizes = _sizes(voxel_size)
    places = (index + 0.5 - np.array(solid.shape) // 2) * sizes
    depth = _depths(solid, index)
    found = [
        {"z": z, "y": y, "x": x, "q": int(q), "surface": float(voxels)}
        for (z, y, x), q, voxels in zip(places.tolist(), charges[tuple(index.T)], depth, strict=True)
    ]
    if sites is not None:
        for charge, row in zip(found, _nearest_holes(places, sites), strict=True):
            charge |= {"site": row, "kind": BETWEEN if row is None else sites["kind"][row]}
    return found


def _sizes(voxel_size: float | tuple[float, float, float]) -> Array:
    sizes = np.asarray(voxel_size, np.float64)
    if sizes.shape not in ((), (3,)) or not np.all(sizes > 0):
        raise ValueError(f"voxel_size is {voxel_size}; allowed: one positive length in m or three (z, y, x)")
    return np.broadcast_to(sizes, (3,))


def _depths(solid: NDArray[np.bool_], index: Array) -> Array:
    """Return the least distance in voxels of the eight corners of cubes to what is not magnet, outside included."""
    depth = ndimage.distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1, 1:-1]
    corners = index[:, None, :] + np.indices((2, 2, 2)).reshape(3, 8).T
    return np.asarray(depth[tuple(np.moveaxis(corners, -1, 0))].min(axis=1))


def _nearest_holes(places: Array, sites: Mapping[str, Sequence[Any]]) -> list[int | None]:
    """Return for every place the row of the nearest hole that reaches it."""
    holes = np.flatnonzero([kind != _NECK for kind in sites["kind"]])
    centres = np.stack([np.asarray(sites[axis], np.float64)[holes] for axis in "zyx"], axis=-1)
    radii = np.asarray(sites["radius"], np.float64)[holes]
    found: list[int | None] = []
    for place in places:
        distance = np.linalg.norm(centres - place, axis=1)
        reached = np.flatnonzero(distance <= radii)
        found.append(int(holes[reached[np.argmin(distance[reached])]]) if len(reached) else None)
    return found


@dataclass(frozen=True)
class VoidFlux:
    """Flux out of one void: the charge of whatever one fills it with.

    Parameters
    ----------
    label : int
        Number of the void, from 1.
    z, y, x : float
        Mean of its cubes' centres, m.
    flux : float
        In units of 4 pi, out of the void; whole if it is closed.
    closed : bool
        Whether magnet surrounds it on all sides.
    """

    label: int
    z: float
    y: float
    x: float
    flux: float
    closed: bool


@dataclass(frozen=True)
class FluxBalance:
    """Where the flux of a magnetization begins and ends: ``outer = positive - negative + sum of the voids'``.

    Parameters
    ----------
    positive, negative : int
        Sums of the charges of either sign inside the magnet.
    outer : float
        Flux out through the outer surface, in units of 4 pi; whole if all voids are closed.
    voids : tuple of VoidFlux
    """

    positive: int
    negative: int
    outer: float
    voids: tuple[VoidFlux, ...]


def flux_balance(
    m: Array,
    magnet: ArrayLike | None = None,
    *,
    voxel_size: float | tuple[float, float, float],
    labels: ArrayLike | None = None,
) -> FluxBalance:
    """Add up the flux through the outer surface and through the surface of every void.

    Parameters
    ----------
    m, magnet : arrays
        As for `cell_charges`.
    voxel_size : float or tuple of float
        Cell size in m, one or (z, y, x).
    labels : (nz, ny, nx) int array, optional
        Number of the void at every point outside of the magnet, from 1; 0 is the outside. Default: connected voids
        that do not reach the border of the array. Voids that touch, such as spheres of a packing, are told apart only
        by labels; their fluxes are those of open surfaces.

    Returns
    -------
    FluxBalance

    Raises
    ------
    ValueError
        If shapes do not fit, labels are negative, or a spin of the magnet is zero or not finite.
    """
    solid = magnetic_corners(m, magnet)
    charges = cube_charges(m, solid).astype(np.int64)
    counted = _over_corners(np.minimum, solid)
    regions = np.pad(_regions(counted, labels, solid.shape), 1)
    inside = np.pad(counted, 1)
    count = int(regions.max()) + 1
    received, is_open = np.zeros(count), np.zeros(count, bool)
    for axis, flux in enumerate(face_fluxes(m, solid)):
        _receive(received, is_open, flux, inside, regions, axis)
    lengths = _sizes(voxel_size)
    voids = []
    present = np.flatnonzero(np.bincount(regions.ravel(), minlength=count)[1:]) + 1
    centres = ndimage.center_of_mass(regions > 0, regions, present)
    for label, centre in zip(present.tolist(), centres, strict=True):
        z, y, x = ((np.array(centre) - 0.5 - np.array(solid.shape) // 2) * lengths).tolist()
        flux = float(-received[label]) if is_open[label] else _whole(-received[label])
        voids.append(VoidFlux(label, z, y, x, flux, closed=not is_open[label]))
    outer = float(received[0]) if any(not void.closed for void in voids) else _whole(received[0])
    return FluxBalance(int(charges[charges > 0].sum()), int(-charges[charges < 0].sum()), outer, tuple(voids))


def _over_corners(reduce: np.ufunc, values: Array) -> Array:
    """Reduce the eight corners of every cube to one value."""
    for axis in range(3):
        low, high = (np.take(values, np.arange(start, values.shape[axis] - 1 + start), axis) for start in (0, 1))
        values = reduce(low, high)
    return values


def _regions(counted: Array, labels: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """Return the number of the void of every cube, 0 for cubes that count and for the outside."""
    if labels is None:
        parts, _ = ndimage.label(np.pad(~counted, 1, constant_values=True))
        # The padding connects all that reaches the border, as part 1.
        return np.asarray(np.maximum(parts[1:-1, 1:-1, 1:-1] - 1, 0))
    numbers = np.asarray(labels)
    if numbers.shape != shape or numbers.dtype.kind not in "iu" or numbers.min() < 0:
        raise ValueError(f"labels are {numbers.dtype} of shape {numbers.shape}; allowed: integers from 0, {shape}")
    return np.where(counted, 0, _over_corners(np.maximum, numbers))


def _receive(received: Array, is_open: Array, flux: Array, inside: Array, regions: Array, axis: int) -> None:
    """Add to `received`, by region, what flows in from counted cubes across faces normal to `axis`; mark open voids.

    `inside` and `regions` have a border of one cube around the lattice.
    """
    length = inside.shape[axis] - 1
    core = tuple(slice(None) if other == axis else slice(1, -1) for other in range(3))
    low, high = (
        tuple(slice(start, start + length) if other == axis else core[other] for other in range(3)) for start in (0, 1)
    )
    faces = flux[tuple(slice(None) if other == axis else slice(0, -1) for other in range(3))]
    for source, target, sign in ((low, high, 1), (high, low, -1)):
        leaves = inside[source] & ~inside[target]
        received += sign * np.bincount(regions[target][leaves], faces[leaves], minlength=len(received))
    meet = ~inside[low] & ~inside[high] & (regions[low] != regions[high])
    is_open[regions[low][meet]] = True
    is_open[regions[high][meet]] = True


def _whole(flux: float) -> float:
    """Return the integer that the flux through a closed surface is but for rounding."""
    whole = round(float(flux))
    if abs(flux - whole) > _INTEGER:
        raise ArithmeticError(f"flux through a closed surface is {flux}; it must be whole")
    return float(whole)
