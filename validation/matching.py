"""Which of the things found are which of the true ones.

- `match_points`: the best pairing of two lists of points within a radius, a `Matching`;
- `checked_points`, `checked_length`: points and lengths that can be meant, or one line that says why not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

# A length in metres outside of these was given in another unit: no microscope has such pixels.
_SHORTEST, _LONGEST = 1e-12, 1e-3
# So were coordinates in metres beyond these: from the origin of a stage, and from one point of a sample to another.
_FURTHEST, _WIDEST = 1.0, 1e-2
# Two points exactly a radius apart are within it, however their coordinates are rounded.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairing of points found with true points.

    Attributes
    ----------
    found_index, truth_index : (n,) int64 arrays
        Rows of the matched pairs, in the order of `found_index`.
    distance : (n,) float64 array
        Between the two points of each pair, metres.
    spurious, missed : int64 arrays
        Rows of `found`, and of `truth`, without a partner.
    recall : float
        Share of the true points that were found; NaN if there is no true point.
    precision : float
        Share of the found points that are true; NaN if nothing was found.
    f1 : float
        Harmonic mean of the two, ``2 n/(number found + number true)``: 0 if only one list is empty, NaN if both are.
    mean_error, rms_error : float
        Of `distance`, metres; NaN without a match.
    """

    found_index: Indices
    truth_index: Indices
    distance: Floats
    spurious: Indices
    missed: Indices
    recall: float
    precision: float
    f1: float
    mean_error: float
    rms_error: float


def match_points(
    found: ArrayLike,
    truth: ArrayLike,
    *,
    radius: float,
    labels: tuple[Sequence[Any] | Array, Sequence[Any] | Array] | None = None,
) -> Matching:
    """Pair found points with true points: as many pairs as possible, then the least sum of distances.

    Each point has at most one partner, at most `radius` away and of the same label. The Hungarian method is exact; it
    runs on each group of points that can meet, so that long lists take no matrix of their full size.

    Parameters
    ----------
    found, truth : (n, 3) or (n, 2) arrays
        Axis order (z, y, x) or (y, x), metres; an empty list may have any shape of size 0.
    radius : float
        Metres.
    labels : tuple of two sequences, optional
        Labels of `found` and of `truth`, such as charges or kinds.

    Raises
    ------
    ValueError
        On points that are not finite, not in metres or of different dimensions, labels of another length, or an
        impossible radius.

    References
    ----------
    Crouse, IEEE Trans. Aerosp. Electron. Syst. 52, 1679 (2016), doi 10.1109/TAES.2016.140952: the assignment used.
    """
    reach = checked_length("radius", radius)
    points, true_points = checked_points("found", found), checked_points("truth", truth)
    if len(points) and len(true_points) and points.shape[1] != true_points.shape[1]:
        raise ValueError(f"found is {points.shape} and truth {true_points.shape}; allowed: as many coordinates")
    rows, columns, distance = _candidates(points, true_points, reach, labels)
    pairs = _assign(rows, columns, distance / reach, (len(points), len(true_points)))
    rows, columns, distance = rows[pairs], columns[pairs], distance[pairs]
    order = np.argsort(rows)
    return _matching(rows[order], columns[order], distance[order], (len(points), len(true_points)))


def checked_points(name: str, points: ArrayLike, *, dimensions: Sequence[int] = (2, 3)) -> Floats:
    """Return points as an (n, dimensions) float64 array.

    Raises
    ------
    ValueError
        In one line, if they are of another shape, not finite, or too far apart to be points of a sample in metres.
    """
    values = np.asarray(points, np.float64)
    if values.size == 0:
        return np.empty((0, dimensions[-1]))
    if values.ndim != 2 or values.shape[1] not in dimensions:
        raise ValueError(f"{name} is of shape {values.shape}; allowed: (n, {' or '.join(map(str, dimensions))})")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is {values[~np.isfinite(values)][0]} somewhere; allowed: finite coordinates in m")
    furthest, widest = float(np.abs(values).max()), float(np.ptp(values, axis=0).max())
    if furthest > _FURTHEST:
        raise ValueError(f"{name} is {furthest:g} m from the origin; allowed: coordinates in m, up to {_FURTHEST:g} m")
    if widest > _WIDEST:
        raise ValueError(f"{name} is {widest:g} m wide; allowed: coordinates in m, up to {_WIDEST:g} m apart")
    return values


def checked_length(name: str, length: float) -> float:
    """Return a length in metres.

    Raises
    ------
    ValueError
        In one line, if it is no length of a microscopic thing in metres.
    """
    value = float(length)
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError(f"{name} is {length!r} m; allowed: {_SHORTEST:g} m to {_LONGEST:g} m")
    return value


def _candidates(
    points: Floats, true_points: Floats, radius: float, labels: tuple[Any, Any] | None
) -> tuple[Indices, Indices, Floats]:
    """Return rows, columns and distances of all pairs that may be matched."""
    same = _labels(labels, len(points), len(true_points))
    if not len(points) or not len(true_points):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    near = cKDTree(points).sparse_distance_matrix(cKDTree(true_points), radius * (1 + _ROUNDING), output_type="ndarray")
    rows, columns, distance = near["i"].astype(np.int64), near["j"].astype(np.int64), near["v"]
    if same is not None:
        keep = same[0][rows] == same[1][columns]
        rows, columns, distance = rows[keep], columns[keep], distance[keep]
    return rows, columns, distance


def _labels(labels: tuple[Any, Any] | None, found: int, true: int) -> tuple[Array, Array] | None:
    if labels is None:
        return None
    if len(labels) != 2:
        raise ValueError(f"labels has {len(labels)} entries; allowed: two sequences, of found and of truth")
    first, second = (np.asarray(values) for values in labels)
    for name, values, count in (("found", first, found), ("truth", second, true)):
        if values.shape != (count,):
            raise ValueError(f"labels of {name} are of shape {values.shape}; allowed: ({count},), one for each point")
    return first, second


def _assign(rows: Indices, columns: Indices, cost: Floats, shape: tuple[int, int]) -> Indices:
    """Return which of the candidate pairs are matched, group by group."""
    chosen: list[Indices] = []
    if not len(rows):
        return np.empty(0, np.int64)
    size = sum(shape)
    graph = coo_array((np.ones(len(rows)), (rows, columns + shape[0])), shape=(size, size))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        first, row = np.unique(rows[members], return_inverse=True)
        second, column = np.unique(columns[members], return_inverse=True)
        # A pair left out costs more than all distances together: the number of pairs comes first.
        matrix = np.full((len(first), len(second)), min(len(first), len(second)) + 1.0)
        number = np.full(matrix.shape, -1)
        matrix[row, column], number[row, column] = cost[members], members
        picked = number[linear_sum_assignment(matrix)]
        chosen.append(picked[picked >= 0])
    return np.concatenate(chosen)


def _matching(rows: Indices, columns: Indices, distance: Floats, counts: tuple[int, int]) -> Matching:
    found, true = counts
    matched = len(rows)
    return Matching(
        found_index=rows,
        truth_index=columns,
        distance=distance,
        spurious=np.setdiff1d(np.arange(found), rows),
        missed=np.setdiff1d(np.arange(true), columns),
        recall=matched / true if true else math.nan,
        precision=matched / found if found else math.nan,
        f1=2 * matched / (found + true) if found + true else math.nan,
        mean_error=float(distance.mean()) if matched else math.nan,
        rms_error=math.sqrt(float(np.mean(distance**2))) if matched else math.nan,
    )
