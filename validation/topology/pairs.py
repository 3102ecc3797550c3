"""How far hedgehogs are from their nearest neighbours, beside what chance would give.

- `pair_distances`: nearest neighbours of the other or of the same sign;
- `random_null`, `RandomNull`: the same number of charges at random in the same magnet, fitted the same way.

The fit is `extreme_value.fit_extreme_value`. A mu says something about forces between hedgehogs only if it lies outside
of the null's interval: 100 charges of either sign at random in a block of 1000 x 1000 x 150 nm have mu near 60 nm.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from validation.matching import checked_points
from validation.topology.extreme_value import FEWEST, bound_notes, maximum_likelihood
from validation.topology.hedgehogs import VoxelSize, checked_voxel_size
from validation.topology.lattices import HALF_FILLED, fill_lattice, whole_cells

Array = NDArray[Any]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

KINDS = ("opposite", "plus", "minus")


@dataclass(frozen=True, eq=False)
class RandomNull:
    """What complete spatial randomness gives.

    Attributes
    ----------
    mu : float
        Median of `mu_draws`, metres.
    mu_interval : tuple of float
        95 % of the draws.
    mu_draws, scale_draws, shape_draws : (draws,) float64 arrays
        Parameters of each draw's fit, in the order of the draws; metres, and none for the shape. Those of a sample
        without a fit are left out.
    median_distance : float
        Median of all draws' distances, metres.
    kind : str
    mutual : bool
    counts : tuple of int
        Charges +1 and -1.
    notes : tuple of str
        Whether too many of the fits for the interval are at a bound of the shape.
    """

    mu: float
    mu_interval: tuple[float, float]
    mu_draws: Floats
    scale_draws: Floats
    shape_draws: Floats
    median_distance: float
    kind: str
    mutual: bool
    counts: tuple[int, int]
    notes: tuple[str, ...] = ()

    def share_below(self, mu: float) -> float:
        """Return the share of draws whose mu, metres, is not larger: the chance of so close neighbours."""
        return float(np.mean(self.mu_draws <= mu))


def pair_distances(positions: ArrayLike, charges: ArrayLike, *, kind: str, mutual: bool = False) -> xr.Dataset:
    """Return the distance from each charge to its nearest neighbour.

    Parameters
    ----------
    positions : (n, 3) array
        (z, y, x), metres.
    charges : (n,) array
        Whole numbers other than zero; their signs count, and a charge of 2 is one charge.
    kind : str
        "opposite": from every charge to the nearest of the other sign; "plus", "minus": from every charge of that sign
        to the nearest other one of it.
    mutual : bool
        Only pairs that are each other's nearest, each once. Otherwise such a pair counts twice, once from each end.

    Returns
    -------
    Dataset
        By `pair`, in the order of `first`: `first` and `second` (rows of `positions`), `distance` (m), `mutual`. Empty
        where there is no partner.

    Raises
    ------
    ValueError
        On an unknown kind, points that are not finite or not in metres, or charges that do not fit or are no whole
        numbers above or below zero.
    """
    _check_kind(kind)
    points = checked_points("positions", positions, dimensions=(3,))
    signs = _signs(charges, len(points))
    plus, minus = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
    if kind == "opposite":
        ends = [_nearest(points, plus, minus), _nearest(points, minus, plus)]
        first, second = (np.concatenate(column) for column in zip(*ends, strict=True))
    else:
        first, second = _nearest_alike(points, plus if kind == "plus" else minus)
    order = np.argsort(first)
    first, second = first[order], second[order]
    partner = np.full(len(points), -1)
    partner[first] = second
    each_other = partner[second] == first
    if mutual:
        once = each_other & (first < second)
        first, second, each_other = first[once], second[once], each_other[once]
    distance = np.linalg.norm(points[first] - points[second], axis=1)
    return xr.Dataset(
        {
            "first": ("pair", first, {"units": "1"}),
            "second": ("pair", second, {"units": "1"}),
            "distance": ("pair", distance, {"units": "m"}),
            "mutual": ("pair", each_other),
        },
        attrs={"kind": kind},
    )


def random_null(
    counts: tuple[int, int],
    magnet: ArrayLike,
    *,
    voxel_size: VoxelSize,
    kind: str,
    rng: np.random.Generator,
    draws: int = 200,
    mutual: bool = False,
) -> RandomNull:
    """Draw charges at random in a magnet, each place as likely as any other, and fit their distances.

    Places lie in the cells that count, where `find_hedgehogs` could find a charge, and know nothing of each other.

    Parameters
    ----------
    counts : tuple of int
        Charges +1 and -1.
    magnet : (nz, ny, nx) array
        Fill fraction.
    voxel_size : float or tuple of float
        Metres, one or (z, y, x).
    kind, mutual
        As for `pair_distances`.
    rng : numpy.random.Generator
    draws : int

    Raises
    ------
    ValueError
        On an unknown kind, impossible sizes, a magnet without a cell, too few charges for a fit, or no draws.
    """
    _check_kind(kind)
    sizes = checked_voxel_size(voxel_size)
    plus, minus = _counts(counts, kind)
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: from 2")
    fill = np.asarray(magnet)
    if fill.ndim != 3:
        raise ValueError(f"magnet is of shape {fill.shape}; allowed: (nz, ny, nx)")
    counted = whole_cells(fill_lattice(fill, fill.shape) >= HALF_FILLED)
    ends = np.cumsum(np.count_nonzero(counted, axis=2))
    if not counted.any():
        raise ValueError("magnet has no cell of eight half-filled corners; allowed: one at least")
    charges = np.repeat([1, -1], [plus, minus])
    fits, distances = [], []
    for _ in range(draws):
        cells = _cells_of_rank(rng.integers(ends[-1], size=len(charges)), counted, ends)
        places = (cells + rng.random((len(charges), 3))) * sizes
        found = pair_distances(places, charges, kind=kind, mutual=mutual)["distance"].values
        distances.append(found)
        if len(found) >= FEWEST:
            parameters, _, converged = maximum_likelihood(found[None])
            fits.append(parameters[converged])
    fitted = np.concatenate([np.empty((0, 3)), *fits])
    if len(fitted) < draws / 2:
        raise ValueError(f"counts is {counts}; allowed: enough for {FEWEST} pairs and a fit in every other draw")
    mu, scale, shape = fitted.T
    low, high = np.quantile(mu, (0.025, 0.975))
    return RandomNull(
        mu=float(np.median(mu)),
        mu_interval=(float(low), float(high)),
        mu_draws=mu,
        scale_draws=scale,
        shape_draws=shape,
        median_distance=float(np.median(np.concatenate(distances))),
        kind=kind,
        mutual=mutual,
        counts=(plus, minus),
        notes=bound_notes("the null", shape),
    )


def _cells_of_rank(rank: Indices, counted: NDArray[np.bool_], ends: Indices) -> Indices:
    """Return the indices (n, 3) of the cells of these ranks among those that count, in the order of the array.

    `ends` holds the rank after the last cell of every row (z, y): a list of all cells takes 24 bytes for each.
    """
    _, rows, length = counted.shape
    row = np.searchsorted(ends, rank, side="right")
    left = ends[row] - rank
    # The last of `left` cells that count, from the end of the row.
    passed = np.cumsum(counted.reshape(-1, length)[row, ::-1], axis=1)
    x = length - 1 - np.argmax(passed >= left[:, None], axis=1)
    return np.stack([row // rows, row % rows, x], axis=1)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed: {', '.join(map(repr, KINDS))}")


def _counts(counts: tuple[int, int], kind: str) -> tuple[int, int]:
    if len(counts) != 2 or any(count != int(count) or count < 0 for count in counts):
        raise ValueError(f"counts is {counts}; allowed: two whole numbers, of charges +1 and -1")
    plus, minus = (int(count) for count in counts)
    pairs = {"plus": plus, "minus": minus, "opposite": plus + minus if plus and minus else 0}[kind]
    if pairs < FEWEST:
        raise ValueError(f"counts is {counts}; allowed: at least {FEWEST} charges with a partner of kind {kind!r}")
    return plus, minus


def _signs(charges: ArrayLike, count: int) -> Indices:
    values = np.asarray(charges)
    if values.shape != (count,):
        raise ValueError(f"charges is of shape {values.shape}; allowed: ({count},), one for each position")
    wrong = values[~np.isfinite(values) | (values == 0) | (values != np.round(values))] if count else values[:0]
    if wrong.size:
        raise ValueError(f"charges is {wrong[0]} somewhere; allowed: whole numbers other than 0")
    return np.sign(values).astype(np.int64)


def _nearest(points: Floats, from_rows: Indices, to_rows: Indices) -> tuple[Indices, Indices]:
    if not len(from_rows) or not len(to_rows):
        return from_rows[:0], to_rows[:0]
    return from_rows, to_rows[cKDTree(points[to_rows]).query(points[from_rows])[1]]


def _nearest_alike(points: Floats, rows: Indices) -> tuple[Indices, Indices]:
    if len(rows) < 2:
        return rows[:0], rows[:0]
    near = cKDTree(points[rows]).query(points[rows], 2)[1]
    # Two charges at one place may each be given as the other's own.
    other = np.where(near[:, 0] == np.arange(len(rows)), near[:, 1], near[:, 0])
    return rows, rows[other]
