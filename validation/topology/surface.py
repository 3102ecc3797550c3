"""The charge of a surface: how often its spins wrap the sphere.

- `surface_charge`, `SurfaceCharge`: of any closed surface or open patch, given as a mesh of triangles;
- `triangle_shares`: solid angles of triangles of unit vectors, over 4 pi;
- `spins_at`: the spins at any points; `unit_spins`: those of points of the lattice;
- `sphere_through`: the sphere nearest to points of a surface.

The charge of a closed surface is a whole number; that of an open patch is not, and says little without the share of all
directions that the patch covers as seen from its centre: a radial texture has exactly that share as its charge. Points
are (n, 3) in the order (z, y, x), metres, index ``n//2`` of the array at `origin`.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from validation.topology.hedgehogs import VoxelSize, checked_voxel_size
from validation.topology.lattices import spin_lattice
from validation.topology.orientation import net_edges, outward
from validation.topology.solid_angle_kernels import half_solid_angle

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CANCELLED = 1e-9  # a mean of unit vectors shorter than this has no direction


@dataclass(frozen=True)
class SurfaceCharge:
    """Charge of a surface.

    Attributes
    ----------
    charge : float
        Sum of the facets' solid angles over 4 pi, outwards; whole if the surface is closed.
    per_facet : (facets,) float64 array
        The terms of the sum, in the order of the faces.
    covered : float
        Share of all directions that the surface covers as seen from the centre; parts that face the centre with their
        outer side count negative. 1 for a closed surface round the centre.
    centre : tuple of float
        (z, y, x), metres.
    closed : bool
        Whether the surface has no edge.
    """

    charge: float
    per_facet: Floats
    covered: float
    centre: tuple[float, float, float]
    closed: bool


def surface_charge(
    m: Array,
    vertices: ArrayLike,
    faces: ArrayLike,
    *,
    voxel_size: VoxelSize,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    centre: ArrayLike | None = None,
) -> SurfaceCharge:
    """Return the topological charge of a surface in a magnetization.

    Spins are interpolated trilinearly and made unit vectors at the vertices; each triangle adds the solid angle of its
    three spins. Facets that share an edge are turned to one side; each connected part then looks away from the centre,
    a closed part out of what it encloses. A part level with the centre keeps the orientation of its faces.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
        Spins, component (x, y, z); lengths do not matter, zeros are no spins.
    vertices : (n, 3) array
        (z, y, x), metres, inside of the array.
    faces : (facets, 3) int array
        Vertices of the triangles, in either sense of rotation.
    voxel_size : float or tuple of float
        Metres, one number or (z, y, x).
    origin : tuple of float
        Position (z, y, x) of the voxel of index ``n//2``, metres.
    centre : (3,) array, optional
        From where the covered share is seen, (z, y, x), metres. Default: that of the sphere nearest to the vertices.

    Raises
    ------
    ValueError
        On shapes that do not fit, values that are not finite, a vertex outside of the array or without spins around it,
        a one-sided surface, or a flat surface without a centre.

    References
    ----------
    A. van Oosterom and J. Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983), doi 10.1109/TBME.1983.325207 (the solid
    angle); B. Berg and M. Luescher, Nucl. Phys. B 190, 412 (1981), doi 10.1016/0550-3213(81)90568-X (its sum).
    """
    points, triangles = checked_mesh(vertices, faces)
    spins = spins_at(m, points, voxel_size=voxel_size, origin=origin)
    middle = sphere_through(points[np.unique(triangles)])[0] if centre is None else checked_point(centre, "centre")
    from_centre = points - middle
    turned = outward(from_centre, triangles)
    per_facet = triangle_shares(*(spins[turned[:, corner]] for corner in range(3)))
    covered = float(triangle_shares(*(directions(from_centre[turned[:, corner]]) for corner in range(3))).sum())
    z, y, x = middle.tolist()
    return SurfaceCharge(
        charge=float(per_facet.sum()),
        per_facet=per_facet,
        covered=covered,
        centre=(z, y, x),
        closed=not net_edges(turned).any(),
    )


def triangle_shares(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return the solid angles of the spherical triangles of three unit vectors each, over 4 pi.

    Positive where a, b, c run counter-clockwise seen from outside. Opposite corners are joined by the same way in all
    triangles that share them, so that a closed surface has a whole charge then too.

    Parameters
    ----------
    a, b, c : (n, 3) float64 arrays
        Unit vectors, component (x, y, z).

    Returns
    -------
    (n,) float64 array
    """
    shares = np.empty(len(a))
    a, b, c = (np.ascontiguousarray(corner) for corner in (a, b, c))
    _fill_shares(a, b, c, shares)
    return shares


def directions(from_centre: Floats) -> Floats:
    """Return unit vectors (n, 3), component (x, y, z), of vectors (z, y, x); zero for zero."""
    return _unit(from_centre[:, ::-1])


def spins_at(
    m: Array, points: Floats, *, voxel_size: VoxelSize, origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Floats:
    """Return the spins at points, interpolated trilinearly between unit vectors and made unit vectors again.

    Points of the lattice without a spin are left out of the mean.

    Parameters
    ----------
    m, voxel_size, origin
        As for `surface_charge`.
    points : (n, 3) array
        (z, y, x), metres.

    Returns
    -------
    (n, 3) float64 array
        Component (x, y, z).

    Raises
    ------
    ValueError
        If a point is outside of the array, has no spin around it, or if spins around it are not finite or cancel.
    """
    spins = spin_lattice(m)
    shape = spins.shape[1:]
    centre = np.array(shape) // 2
    index = (points - checked_point(origin, "origin")) / checked_voxel_size(voxel_size) + centre
    last = np.array(shape) - 1
    beyond = np.any((index < -1e-6) | (index > last + 1e-6), axis=1)
    if beyond.any():
        raise ValueError(f"vertices hold {points[beyond][0].tolist()} m; allowed: inside of the array {shape}")
    index = np.clip(index, 0, last)
    low = np.minimum(index.astype(np.int64), np.maximum(last - 1, 0))
    share = index - low
    total = np.zeros((len(points), 3))
    for corner in product((0, 1), repeat=3):
        weight = np.prod(np.where(corner, share, 1 - share), axis=1)
        total += weight[:, None] * unit_spins(spins, np.minimum(low + corner, last))
    length = np.linalg.norm(total, axis=1)
    if not np.all(length > _CANCELLED):
        worst = points[~(length > _CANCELLED)][0].tolist()
        raise ValueError(f"m has no direction at the vertex {worst} m; allowed: finite spins around every vertex")
    return np.asarray(total / length[:, None])


def unit_spins(m: Array, index: Integers) -> Floats:
    """Return the spins (n, 3) of points (n, 3) of the lattice as float64 unit vectors, zero where there is no spin."""
    return _unit(m[:, index[:, 0], index[:, 1], index[:, 2]].T.astype(np.float64))


def sphere_through(points: Floats) -> tuple[Floats, float]:
    """Return centre and radius of the sphere that is nearest to points of a surface, in their unit.

    Least squares of ``|p|^2 - 2 c.p - (r^2 - c^2)``: exact for points of a sphere, from however small a part of it.

    Raises
    ------
    ValueError
        If the points lie in one plane.
    """
    mean = points.mean(axis=0)
    scale = float(np.abs(points - mean).max()) or 1.0
    scaled = (points - mean) / scale
    system = np.column_stack([2 * scaled, np.ones(len(points))])
    solution, _, rank, _ = np.linalg.lstsq(system, np.sum(scaled**2, axis=1), rcond=1e-9)
    if rank < 4:
        raise ValueError("centre is None for a flat surface; allowed: a point (z, y, x) in m")
    radius = float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))
    return mean + scale * solution[:3], scale * radius


def checked_mesh(vertices: ArrayLike, faces: ArrayLike) -> tuple[Floats, Integers]:
    """Return a mesh as float64 (n, 3) and int64 (facets, 3).

    Raises
    ------
    ValueError
        If shapes or kinds are wrong, values are not finite, or faces name vertices that are not there.
    """
    points, triangles = np.asarray(vertices, np.float64), np.asarray(faces)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise ValueError(f"vertices is of shape {points.shape}; allowed: (n, 3), finite, metres")
    if triangles.ndim != 2 or triangles.shape[1:] != (3,) or triangles.dtype.kind not in "iu" or not len(triangles):
        raise ValueError(f"faces is {triangles.dtype} of shape {triangles.shape}; allowed: integers (facets, 3), some")
    if triangles.min() < 0 or triangles.max() >= len(points):
        worst = triangles.min() if triangles.min() < 0 else triangles.max()
        raise ValueError(f"faces holds {worst}; allowed: numbers of the {len(points)} vertices, from 0")
    return points, triangles.astype(np.int64)


def checked_point(point: ArrayLike, name: str) -> Floats:
    """Return a point (z, y, x) as float64.

    Raises
    ------
    ValueError
        If it is not three finite numbers.
    """
    checked = np.asarray(point, np.float64)
    if checked.shape != (3,) or not np.isfinite(checked).all():
        raise ValueError(f"{name} is {point!r}; allowed: three finite numbers (z, y, x) in m")
    return checked


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length != 0))


@njit(nogil=True, cache=True)
def _fill_shares(a, b, c, shares):  # type: ignore[no-untyped-def]
    for facet in range(len(shares)):
        shares[facet] = half_solid_angle(a[facet], b[facet], c[facet]) / (2 * math.pi)
