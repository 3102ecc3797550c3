"""Which side of a mesh is outside.

- `outward`: the same facets, all counter-clockwise seen from outside;
- `net_edges`: the edge of an oriented mesh, empty where it is closed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def outward(from_centre: Floats, faces: Integers) -> Integers:
    """Turn all facets of a mesh outwards.

    Facets that share an edge are turned to the same side of the surface. A connected part is then turned so that the
    volume between it and the centre is positive; of a closed part this is the volume inside, wherever the centre.

    Parameters
    ----------
    from_centre : (n, 3) float64 array
        Vertices (z, y, x) from the centre.
    faces : (facets, 3) int array

    Returns
    -------
    (facets, 3) int64 array
        In the order of `faces`; facets that looked inwards have two corners exchanged.

    Raises
    ------
    ValueError
        If the surface has only one side.
    """
    part, flipped = _sides(faces)
    a, b, c = (from_centre[faces[:, corner], ::-1] for corner in range(3))
    volume = np.einsum("fc,fc->f", a, np.cross(b, c)) * np.where(flipped, -1, 1)
    flipped ^= (np.bincount(part, volume) < 0)[part]
    return np.where(flipped[:, None], faces[:, ::-1], faces)


def net_edges(faces: Integers) -> Integers:
    """Return for every edge of a mesh how often it is passed upwards less downwards; all zero if it is closed."""
    number, upwards = _edges(faces)
    return np.bincount(number, upwards).astype(np.int64)


def _edges(faces: Integers) -> tuple[Integers, Integers]:
    """Return number and direction (1, -1) of the 3 facets edges: ab of all facets, then bc, then ca."""
    first = faces.T.ravel()
    second = faces[:, [1, 2, 0]].T.ravel()
    low, high = np.minimum(first, second), np.maximum(first, second)
    _, number = np.unique(low * (int(high.max()) + 1) + high, return_inverse=True)
    return number, np.where(first < second, 1, -1)


def _sides(faces: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the connected part of every facet, and whether it must be turned to agree with its part's first facet."""
    count = len(faces)
    number, upwards = _edges(faces)
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    # Where three or more facets meet there is no one side to carry over.
    pairs = starts[np.diff(np.append(starts, len(order))) == 2]
    left, right = order[pairs], order[pairs + 1]
    agree = upwards[left] != upwards[right]
    left, right = left % count, right % count
    # Every facet stands for two nodes, one per side; edges of the mesh join the sides that are one.
    ends = (np.concatenate([left, left + count]), np.concatenate([right, right + count]))
    other = (np.concatenate([left, left + count]), np.concatenate([right + count, right]))
    both = np.concatenate([agree, agree])
    rows, columns = (np.where(both, same, crossed) for same, crossed in zip(ends, other, strict=True))
    side = _components(rows, columns, 2 * count)
    if np.any(side[:count] == side[count:]):
        raise ValueError("faces form a surface with one side only; allowed: surfaces with two")
    part = _components(left, right, count)
    _, representative = np.unique(part, return_index=True)
    return part, side[:count] != side[representative][part]


def _components(rows: Any, columns: Any, nodes: int) -> Integers:
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
