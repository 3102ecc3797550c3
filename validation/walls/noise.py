"""Averages along a wall, and what is left of the noise in them.

- `averaged`: each profile with its neighbours of the same wall;
- `noise_of_averages`: realisations of the noise of such averages, from the image itself.

The noise is the difference of averages a little further apart on the wall than they are long. It has the colour that
the image's noise has; nothing is assumed about it but that it is the same along all walls. Averages that touch share
coloured noise, which their difference would hide; hence the gap between them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.walls.contours import WallProfiles

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Points (about one per px) between averages that are compared: noise correlated over more is underestimated.
_GAP = 5
# Differences beyond so many standard deviations are no noise but walls of two kinds, as at a defect.
_OUTLIER = 4.0
_ONE_SIGMA = math.erf(math.sqrt(0.5))


def averaged(found: WallProfiles, count: int) -> tuple[Floats, Integers]:
    """Average each profile with its neighbours to `count` of them, fewer at the ends of a run.

    Returns
    -------
    profiles : (n, samples) float64 array
    number : (n,) int array
        How many profiles each is the average of.
    """
    index, start, length, closed = _places(found)
    below, above = (count - 1) // 2, count // 2 + 1
    short = closed & (length < count)
    low = np.where(closed, np.where(short, start, index - below), np.maximum(index - below, start))
    high = np.where(closed, np.where(short, start + length, index + above), np.minimum(index + above, start + length))
    total = np.zeros((index.size + 1, found.position.size))
    np.cumsum(found.values, axis=0, out=total[1:])
    result = total[np.minimum(high, start + length)]
    result -= total[np.maximum(low, start)]
    # What a closed run continues with beyond its last point, or before its first.
    for over, first, last in (
        (high > start + length, start, high - length),
        (low < start, low + length, start + length),
    ):
        result[over] += total[last[over]] - total[first[over]]
    result /= (high - low)[:, None]
    return result, np.asarray(high - low, np.int64)


def noise_of_averages(found: WallProfiles, count: int, response: Floats) -> Floats:
    """Return realisations (m, samples) of the noise of an average of `count` profiles; m may be 0.

    `response` (samples,) is what noise does to the fitted width: by it, differences that are no noise are told.
    """
    profiles, number = averaged(found, count)
    index, start, length, closed = _places(found)
    lag = count + _GAP
    partner = np.where(closed, start + (index - start + lag) % np.maximum(length, 1), index + lag)
    # On a closed run, the other way round must not be shorter.
    exists = np.where(closed, length >= 2 * lag, index + lag < start + length) & (number == count)
    first, second = index[exists], partner[exists]
    full = number[second] == count
    differences = profiles[second[full]]
    differences -= profiles[first[full]]
    differences /= math.sqrt(2.0)
    del profiles
    if len(differences) == 0:
        return np.asarray(differences)
    effect = np.abs(differences @ response)
    return np.asarray(differences[effect <= _OUTLIER * np.quantile(effect, _ONE_SIGMA)])


def _places(found: WallProfiles) -> tuple[Any, ...]:
    """Return each point's index, and of its run the start, the length and whether it is closed."""
    length = np.bincount(found.run, minlength=found.closed.size)
    start = np.cumsum(length) - length
    run = found.run
    return np.arange(run.size), start[run], length[run], found.closed[run]
