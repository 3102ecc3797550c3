"""Two lists of hedgehogs, on any lattices, beside each other.

- `match_hedgehogs`, `HedgehogMatch`: who is whose partner, sign by sign, each unit of charge once;
- `binomial_error`: of a share of a few.

`charge_fidelity` does this for two magnetizations on one lattice and in one magnet.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.matching import Matching, match_points

Array = NDArray[Any]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class HedgehogMatch:
    """Partners among units of charge.

    Attributes
    ----------
    matching : Matching
        Over the units of both lists; a hedgehog of charge 2 stands in it twice.
    found_row, true_row : (units,) int64 arrays
        The hedgehog that each unit is of.
    found_inside, true_inside : (units,) bool arrays
        Whether it is not at the border.
    """

    matching: Matching
    found_row: NDArray[np.int64]
    true_row: NDArray[np.int64]
    found_inside: Bools
    true_inside: Bools

    def recall(self, *, border: bool = False) -> tuple[int, int]:
        """Return how many true units have a partner, and of how many; those at the border only with `border`.

        Charges at the border serve as partners in either case: one layer of spins makes or removes them, or moves them
        there.
        """
        counted = self.true_inside | border
        return int(np.count_nonzero(counted[self.matching.truth_index])), int(np.count_nonzero(counted))

    def precision(self, *, border: bool = False) -> tuple[int, int]:
        """Return the same of the units found."""
        counted = self.found_inside | border
        return int(np.count_nonzero(counted[self.matching.found_index])), int(np.count_nonzero(counted))

    def distances(self, *, border: bool = False) -> Array:
        """Return the distances of the partners of the true units that count, metres."""
        return np.asarray(self.matching.distance[(self.true_inside | border)[self.matching.truth_index]])

    def partners(self, count: int, *, of_truth: bool = False) -> tuple[NDArray[np.int64], Array]:
        """Return the partner's row for each of `count` hedgehogs, -1 for none, and the distance, NaN for none."""
        first, second = self.found_row[self.matching.found_index], self.true_row[self.matching.truth_index]
        own, other = (second, first) if of_truth else (first, second)
        row, distance = np.full(count, -1), np.full(count, math.nan)
        row[own], distance[own] = other, self.matching.distance
        return row, distance


def match_hedgehogs(found: xr.Dataset, truth: xr.Dataset, *, radius: float) -> HedgehogMatch:
    """Pair hedgehogs with true ones of the same sign.

    Parameters
    ----------
    found, truth : Dataset
        As of `find_hedgehogs`; the lattices may differ.
    radius : float
        Largest distance of partners, metres.

    Raises
    ------
    ValueError
        As `match_points`.
    """
    rows = [np.repeat(np.arange(h.sizes["hedgehog"]), np.abs(h["charge"].values)) for h in (found, truth)]
    places, signs, inside = (
        [values[row] for values, row in zip(lists, rows, strict=True)]
        for lists in (
            [h["position"].values for h in (found, truth)],
            [np.sign(h["charge"].values) for h in (found, truth)],
            [~h["at_border"].values for h in (found, truth)],
        )
    )
    matching = match_points(places[0], places[1], radius=radius, labels=(signs[0], signs[1]))
    return HedgehogMatch(matching, rows[0], rows[1], inside[0], inside[1])


def binomial_error(hits: int, count: int) -> float | None:
    """Return half the 68 % interval of a share (Wilson's, so that none of one and one of one are not certain).

    None without anything to count.
    """
    if count < 1:
        return None
    share = hits / count
    return math.sqrt(share * (1 - share) / count + 0.25 / count**2) / (1 + 1 / count)
