"""From numbers of successes to the separation at which a share of the pairs is recovered.

- `wilson`: interval of a share;
- `fit`, `Logistic`: monotone curves through shares;
- `reach`, `Reach`: the separation at which the curve comes to a share, with its interval.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Array = NDArray[Any]
Floats = NDArray[np.float64]

_Z = 1.959963984540054  # of a two-sided interval of 95 %
_HALF = 0.5  # counts that Jeffreys' prior adds to either outcome
_NARROWEST = 0.05  # width of the logistic over the least ratio between separations (ln): below, none can be told
_CENTRES, _WIDTHS = 24, 24  # of the curves tried: between two separations, and in all
_LAPSES = np.concatenate([[0.0], np.geomspace(0.002, 0.9, 18)])
_TINY = 1e-9  # of a probability


@dataclass(frozen=True)
class Logistic:
    """``(1 - lapse)/(1 + (separation/centre)^(-1/width))``: a logistic of the logarithm of the separation.

    In the separation itself its tail is too short: at 1e4 photons per pixel, a hundred pairs at each of 8 separations,
    the deviance is 15 then, and 9 as it is.
    The lapse is what noise spoils at any separation; without it a single failure far away would widen the whole curve.

    Attributes
    ----------
    centre : float
        m.
    width : float
        Of the logarithm.
    lapse : float
    """

    centre: float
    width: float
    lapse: float

    def __call__(self, separation: Array) -> Floats:
        """Return the probability of success."""
        return np.asarray((1 - self.lapse) * expit(np.log(np.asarray(separation, float) / self.centre) / self.width))

    def inverse(self, share: float) -> float:
        """Return the separation at which the probability is `share`, m; infinite where it stays below."""
        most = 1 - self.lapse
        return self.centre * math.exp(self.width * float(logit(share / most))) if share < most else math.inf


@dataclass(frozen=True)
class Reach:
    """A separation with its interval, m; NaN where it is not reached, an end infinite where that is open.

    Attributes
    ----------
    value, low, high : float
    note : str
        Why there is no value; empty where there is one.
    """

    value: float
    low: float
    high: float
    note: str = ""


def wilson(hits: Array, counts: Array) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of shares (Wilson 1927)."""
    n = np.asarray(counts, float)
    share = np.asarray(hits, float) / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def fit(separation: Array, share: Array, counts: Array) -> list[Logistic]:
    """Fit logistics that rise with the separation, by the largest likelihood.

    All curves of a grid are tried: no start decides, and thousands of redraws take no time.

    Parameters
    ----------
    separation : (n,) array
        m, rising from above 0, two at least.
    share : (draws, n) array
        Of the successes.
    counts : (n,) array
        Of how many.

    Returns
    -------
    list of Logistic
        One for each draw.

    Raises
    ------
    ValueError
        If fewer than two separations are given, or they do not rise.
    """
    s, n, p = (np.asarray(values, float) for values in (separation, counts, share))
    if s.size < 2 or not (s[0] > 0 and np.diff(s).min() > 0):
        raise ValueError(f"separation is {s.tolist()} m; allowed: two or more, rising from above 0")
    s = np.log(s)
    between = [np.linspace(low, high, _CENTRES, endpoint=False) for low, high in itertools.pairwise(s)]
    widths = np.geomspace(_NARROWEST * np.diff(s).min(), s[-1] - s[0], _WIDTHS)
    grids = np.meshgrid(np.concatenate([*between, s[-1:]]), widths, _LAPSES, indexing="ij")
    centre, width, lapse = (grid.ravel() for grid in grids)
    chance = (1 - lapse[:, None]) * expit((s - centre[:, None]) / width[:, None])
    chance = np.clip(chance, _TINY, 1 - _TINY)
    failed = np.log1p(-chance)
    likelihood = (p * n) @ (np.log(chance) - failed).T + failed @ n
    best = np.argmax(likelihood, axis=1)
    return [Logistic(float(np.exp(centre[i])), float(width[i]), float(lapse[i])) for i in best]


def reach(
    separation: Array, hits: Array, counts: Array, *, share: float, draws: int, rng: np.random.Generator
) -> Reach:
    """Find the separation at which `share` of the pairs is recovered.

    The value is the fit's. Its interval of 95 % is that of redrawn successes (Jeffreys' posterior of each share). Where
    nothing was tried between failure and success, no fit knows where it turns: the interval covers the step between
    those separations.

    Parameters
    ----------
    separation, hits, counts : (n,) arrays
        Separations in m, rising; successes, and of how many.
    share : float
    draws : int
    rng : numpy.random.Generator
    """
    s, k, n = (np.asarray(values, float) for values in (separation, hits, counts))
    if s.size < 2:
        return Reach(math.nan, math.nan, math.nan, "one separation only")
    best = fit(s, (k / n)[None], n)[0]
    redrawn = rng.beta(k + _HALF, n - k + _HALF, size=(draws, s.size))
    points = np.array([curve.inverse(share) for curve in fit(s, redrawn, n)])
    low, high = (float(end) for end in np.quantile(points, (0.025, 0.975), method="nearest"))
    enough = k / n >= share
    last = len(s) - int(np.argmin(enough[::-1])) if not enough.all() else 0  # from here on, all have enough
    if last == len(s):
        tried = f"{k[-1]:g} of {n[-1]:g} at {s[-1] * 1e9:.4g} nm"
        return Reach(math.nan, s[-1], math.inf, f"not reached: {tried}")
    if last == 0:
        return Reach(math.nan, -math.inf, s[0], f"reached at every separation, from {s[0] * 1e9:.4g} nm")
    low, high = min(low, float(s[last - 1])), max(high, float(s[last]))
    value = best.inverse(share)
    if math.isinf(value):  # single points have enough by chance
        tried = f"{k[-1]:g} of {n[-1]:g} at {s[-1] * 1e9:.4g} nm"
        return Reach(math.nan, low, math.inf, f"the curve ends at {1 - best.lapse:.1%}, with {tried}")
    return Reach(float(np.clip(value, low, high)), low, high)
