"""What lies around a few places of a lattice, and how far these are from where the magnet ends.

- `neighbourhoods`: unit spins of small cubes;
- `AROUND`: the corners of a cell;
- `border_distances`: from places to the nearest cell that does not count.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from validation.topology.lattices import whole_cells

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

AROUND = np.indices((2, 2, 2)).reshape(3, 8).T
"""Indices (8, 3) of a cell's corners from the lowest."""

# Cells looked at first for the nearest: a cell's middle may be nearer than that of the cell whose face is nearest.
_NEAREST = 16


def neighbourhoods(m: Array, solid: Bools, first: Array, size: int) -> tuple[Floats, Bools]:
    """Return cubes of spins as unit vectors, and which of them are magnet.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
    solid : (nz, ny, nx) bool array
    first : (n, 3) int array
        Indices (z, y, x) of the lowest corner of each cube; cubes may reach out of the lattice.
    size : int
        Spins along each edge.

    Returns
    -------
    spins : (n, size, size, size, 3) float64 array
        Zero outside of the magnet.
    use : (n, size, size, size) bool array
    """
    index = first[:, None, None, None, :] + np.moveaxis(np.indices((size,) * 3), 0, -1)
    shape = np.array(solid.shape)
    inside = np.all((index >= 0) & (index < shape), axis=-1)
    z, y, x = np.moveaxis(np.clip(index, 0, shape - 1), -1, 0)
    use = inside & solid[z, y, x]
    spins = np.moveaxis(m[:, z, y, x], 0, -1).astype(np.float64)
    # In two steps: squares of tiny or huge vectors would vanish or overflow.
    for length in (np.abs(spins).max(axis=-1), None):
        norm = np.sqrt(np.einsum("...c,...c->...", spins, spins)) if length is None else length
        spins = spins / np.where(use & (norm > 0), norm, 1.0)[..., None]
    return np.where(use[..., None], spins, 0.0), use


def border_distances(solid: Bools, place: Floats, sizes: Floats) -> Floats:
    """Return the distance from places to where cells stop counting: the surface through the outermost spins.

    Parameters
    ----------
    solid : (nz, ny, nx) bool array
        The magnet; a cell counts if its eight corners are magnet.
    place : (n, 3) float64 array
        (z, y, x) in voxels from the first spin.
    sizes : (3,) float64 array
        Voxel size (z, y, x), metres.

    Returns
    -------
    (n,) float64 array
        Metres; 0 for a place in a cell that does not count.
    """
    if not len(place):
        return np.empty(0)
    counted = whole_cells(solid)
    edge = np.minimum(place, np.array(counted.shape) - place) * sizes
    distance = np.maximum(edge.min(axis=1), 0.0)
    outside = np.argwhere(~counted & _beside(counted))
    if not len(outside):
        return np.asarray(distance)
    tree, near = cKDTree((outside + 0.5) * sizes), min(_NEAREST, len(outside))
    reach, rows = (found.reshape(-1, near) for found in tree.query(place * sizes, near))
    distance = np.minimum(distance, _to_cells(outside[rows], place[:, None, :], sizes).min(axis=1))
    # A cell whose face is nearer still has its middle within half a diagonal of that face.
    furthest = distance + np.linalg.norm(sizes) / 2
    for point in np.flatnonzero((reach[:, -1] < furthest) & (near < len(outside))):
        others = outside[tree.query_ball_point(place[point] * sizes, furthest[point])]
        distance[point] = min(distance[point], _to_cells(others, place[point], sizes).min(initial=np.inf))
    return np.asarray(distance)


def _to_cells(cells: Array, place: Floats, sizes: Floats) -> Floats:
    """Return the distances from places to the nearest points of cells, all (..., 3) in voxels."""
    return np.asarray(np.linalg.norm(np.maximum(np.abs(cells + 0.5 - place) - 0.5, 0.0) * sizes, axis=-1))


def _beside(counted: Bools) -> Bools:
    """Return which cells have a face in common with a cell that counts."""
    result = np.zeros(counted.shape, bool)
    for axis in range(3):
        here, there = np.moveaxis(result, axis, 0), np.moveaxis(counted, axis, 0)
        here[1:] |= there[:-1]
        here[:-1] |= there[1:]
    return result
