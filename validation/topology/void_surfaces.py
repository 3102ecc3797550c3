"""The surfaces between the voids of a magnet and its spins.

- `void_surfaces`, `VoidSurfaces`: a mesh of all of them, its spins, and the void of every facet;
- `touching_voids`: which points without magnet no cell can tell apart.

Voids that overlap, as spheres of a packing do, are told apart by a watershed of the distance to the magnet. A facet is
given to the basin found half a basin's inner radius behind it: near the neck between two spheres the nearest voxel is
often the other sphere's.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, segmentation

from numerics import fourier
from validation.topology.basin_kernels import rebuild
from validation.topology.void_surface_kernels import vertex_spins

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

FACETS = 1 << 14
"""How many are treated at a time: their corners and normals take more memory than the mesh."""

_CLEAR = 1e-3  # distance of every fill fraction from the level of the mesh: no slivers, and each voxel on its own side
_LEVEL = 0.5
_SMOOTHING = 1.0  # voxels, of the fill fraction whose gradient is the normal of a staircase
_INWARDS = 0.5  # of the inner radius of a basin
_VERTICES = 4096  # in one block of the threads
_TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class VoidSurfaces:
    """Mesh of all surfaces between voids and magnet.

    Attributes
    ----------
    vertices : (n, 3) float64 array
        (z, y, x) in voxels, from index 0 of the array.
    faces : (facets, 3) int64 array
        Counter-clockwise seen from the magnet: normals lead out of the voids.
    spins : (n, 3) float64 array
        Unit vectors at the vertices, component (x, y, z).
    void : (facets,) int64 array
        Number of the void behind each facet, from 0.
    centre : (voids, 3) float64 array
        Mean of the voxels of each void, in voxels.
    voxels : (voids,) int64 array
        Their number.
    region : (voids,) int64 array
        Number of the region, as of `touching_voids`, that each void is part of.
    at_border : (voids,) bool array
        Whether the void reaches the border of the array.
    """

    vertices: Floats
    faces: Integers
    spins: Floats
    void: Integers
    centre: Floats
    voxels: Integers
    region: Integers
    at_border: NDArray[np.bool_]


class _Basins(NamedTuple):
    """Basins of the distance to the magnet, from 1: of every point, and for every basin."""

    label: Integers
    depth: Floats
    region: Integers
    at_border: NDArray[np.bool_]


def touching_voids(solid: NDArray[np.bool_]) -> Integers:
    """Give the regions of points that are not `solid` numbers from 1; 0 in the magnet.

    Two points that any cell has in common, across a corner too, are of one region: every cell then touches one region
    at most, and between two regions there is a closed surface of spins.
    """
    return np.asarray(ndimage.label(~solid, _TOUCHING)[0])


def void_surfaces(m: Array, fill: Array, regions: Integers, *, aspect: Floats, h: float) -> VoidSurfaces:
    """Return the surfaces of all voids.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
        Spins, component (x, y, z); used in the magnet only.
    fill : (nz, ny, nx) array
        Fill fraction.
    regions : (nz, ny, nx) int array
        As of `touching_voids`, with points at least half filled as magnet.
    aspect : (3,) array
        Edges of a voxel over its shortest.
    h : float
        How deep a neck is at least, in edges of the voxel: the radius of the smaller of two overlapping voids less
        that of their neck.
    """
    basins = _basins(regions, aspect, h)
    vertices, faces = _mesh(fill, regions == 0)
    if not len(faces):
        none = np.empty(0, np.int64)
        return VoidSurfaces(vertices, faces, np.empty((0, 3)), none, np.empty((0, 3)), none, none, none.astype(bool))
    spins, outer = _vertex_spins(m, regions == 0, vertices)
    smooth = ndimage.gaussian_filter(np.asarray(fill, np.float32), _SMOOTHING, mode="nearest")
    label = np.empty(len(faces), basins.label.dtype)
    for first in range(0, len(faces), FACETS):
        part = faces[first : first + FACETS]
        nearest = basins.label[tuple(outer[part[:, 0]].T)]
        label[first : first + FACETS] = _behind(vertices[part].mean(axis=1), nearest, smooth, basins, aspect)
    present, void = np.unique(label, return_inverse=True)
    centre = np.array(ndimage.center_of_mass(basins.label > 0, basins.label, present))
    voxels = np.bincount(basins.label.ravel())[present]
    return VoidSurfaces(vertices, faces, spins, void, centre, voxels, basins.region[present], basins.at_border[present])


def at_border(label: Integers) -> NDArray[np.bool_]:
    """Return for every label of an array, from 0, whether it occurs on one of the array's six sides."""
    result = np.zeros(int(label.max()) + 1, bool)
    for axis in range(3):
        result[np.take(label, (0, -1), axis)] = True
    return result


def _basins(regions: Integers, aspect: Floats, h: float) -> _Basins:
    void = regions > 0
    # Without any magnet there is no distance to it.
    depth = np.asarray(ndimage.distance_transform_edt(void, sampling=aspect), np.float64)
    peaks, count = ndimage.label(_is_peak(depth, h), _TOUCHING)
    # A region shallower than h is a basin of its own.
    shallow = np.setdiff1d(regions[void], regions[(peaks > 0) & void])
    number = np.zeros(int(regions.max()) + 1, np.int32)
    number[shallow] = count + 1 + np.arange(len(shallow))
    flood: Any = segmentation.watershed
    label = np.asarray(flood(-depth, np.where(peaks > 0, peaks, number[regions]), connectivity=3, mask=void))
    largest, region = np.zeros(int(label.max()) + 1), np.zeros(int(label.max()) + 1, np.int64)
    np.maximum.at(largest, label.ravel(), depth.ravel())
    region[label.ravel()] = regions.ravel()
    return _Basins(label, largest, region, at_border(label))


def _is_peak(depth: Floats, h: float) -> NDArray[np.bool_]:
    """Return the places from which every way to a higher one leads down by `h` (`skimage.morphology.h_maxima`)."""
    if h > np.ptp(depth):
        return np.zeros(depth.shape, bool)
    # Rounding errors more than h, so that h itself is found again.
    level = depth - h - 2 * np.finfo(depth.dtype).resolution * depth
    rebuild(level, depth)
    return np.asarray(depth - level >= h)


def _mesh(fill: Array, solid: NDArray[np.bool_]) -> tuple[Floats, Integers]:
    """Return the surface of fill one half; normals lead into the magnet."""
    if solid.all() or not solid.any() or min(solid.shape) < 2:
        return np.empty((0, 3)), np.empty((0, 3), np.int64)
    share = np.where(solid, np.clip(fill, _LEVEL + _CLEAR, 1), np.clip(fill, 0, _LEVEL - _CLEAR)).astype(np.float32)
    polygonize: Any = measure.marching_cubes
    vertices, faces, _, _ = polygonize(share, _LEVEL, gradient_direction="ascent")
    return np.asarray(vertices, np.float64), np.asarray(faces, np.int64)


def _vertex_spins(m: Array, solid: NDArray[np.bool_], vertices: Floats) -> tuple[Floats, Integers]:
    """Return the spins at the vertices, and the nearest points (n, 3) of the lattice outside of the magnet."""
    spins, outside = np.empty((len(vertices), 3)), np.empty((len(vertices), 3), np.int32)

    def change(first: int, last: int) -> None:
        vertex_spins(m, solid, vertices[first:last], spins[first:last], outside[first:last])

    fourier.in_blocks(change, len(vertices), _VERTICES)
    return spins, outside


def _behind(centroids: Floats, nearest: Integers, smooth: Array, basins: _Basins, aspect: Floats) -> Integers:
    """Return the basin behind each facet by half the inner radius of the basin of its `nearest` voxel.

    Behind is down the gradient of the `smooth` fill fraction.
    """
    normal = np.empty_like(centroids)
    for axis, away in enumerate(np.eye(3)):
        ahead, behind = (
            ndimage.map_coordinates(smooth, (centroids + side * away).T, order=1, mode="nearest") for side in (1, -1)
        )
        normal[:, axis] = (ahead - behind) / aspect[axis]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    places = np.rint(centroids - _INWARDS * basins.depth[nearest][:, None] * normal / aspect).astype(np.int64)
    found = basins.label[tuple(np.clip(places, 0, np.array(smooth.shape) - 1).T)]
    return np.where((found > 0) & (basins.region[found] == basins.region[nearest]), found, nearest)
