"""The width of the walls near given places, as to tell kinds of pinning sites by it.

- `local_wall_width`: median of delta around points, with an error that knows how far neighbours share their noise.
"""

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from numerics import fourier
from validation.walls.checks import is_number, is_whole

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

_NEEDED = ("y", "x", "run", "delta", "delta_error", "ill_conditioned")
_ONE_SIGMA = math.erf(math.sqrt(0.5))
# Lags (points) beyond the average over which noise may be shared, and how many pairs a correlation needs.
_BEYOND, _PAIRS = 8, 50
_AT_ONCE = 20
# Share of the points near a place whose delta may be undetermined: the median is then still one of the others.
_UNDETERMINED = 0.3


def local_wall_width(
    widths: xr.Dataset, points: ArrayLike, *, radius: float, rng: np.random.Generator, draws: int = 200
) -> xr.Dataset:
    """Return the median delta of the walls around points.

    Parameters
    ----------
    widths : Dataset
        From `wall_width_map`. Ill-conditioned points count as all others: narrow walls are flagged before wide ones
        are, so that without them the median would be wide.
    points : (n, 2) or (n, 3) array
        Places (y, x) or (z, y, x) in metres, in the frame of `widths`; z is not used.
    radius : float
        Metres.
    rng : numpy.random.Generator
    draws : int
        Redraws of the noise for the errors.

    Returns
    -------
    Dataset
        By `point`: `delta` (m; NaN without wall points, or where more than 30 % of them are ill-conditioned),
        `delta_error` (m, one standard deviation of the noise of that median), `spread` (m, half of what the middle 68 %
        of the points span: noise and true change together), `count` (wall points; neighbours share profiles, so they
        are no independent ones), `ill_conditioned` (their share that is; NaN without points).

    Raises
    ------
    ValueError
        On a data set that is no width map, points that are not finite or of another shape, a radius that is not above
        0 or larger than all walls together, fewer than two draws, or an `rng` that is none.

    Notes
    -----
    Within a defect's radius there is hardly more than one stretch of wall whose noise is independent, too few to be
    resampled. The noise of all points is drawn anew instead, each with its own error, and correlated along the wall as
    the differences of neighbours in the whole map say, at least as the averages that share profiles must be.
    """
    missing = [name for name in _NEEDED if name not in widths]
    if missing:
        raise ValueError(f"widths is without {', '.join(missing)}; allowed: a Dataset of wall_width_map")
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}; allowed: a numpy.random.Generator")
    places = _checked_points(points)
    wall = np.stack([widths[name].values for name in ("y", "x")], axis=1)
    extent = float(np.hypot(*np.ptp(wall, axis=0))) if len(wall) else math.inf
    usable = is_number(radius) and 0 < radius <= max(extent, 1e-9)
    if not usable or not is_whole(draws) or draws < 2:
        raise ValueError(
            f"radius is {radius!r} m, draws {draws!r}; allowed: above 0 to {extent:.3g} m, and from 2 draws"
        )
    delta, error, run = (widths[name].values for name in ("delta", "delta_error", "run"))
    doubtful = widths["ill_conditioned"].values.astype(bool)
    groups = cKDTree(wall).query_ball_point(places, radius) if len(wall) else [[] for _ in places]
    near = [np.array(sorted(group), np.int64) for group in groups]
    share = np.array([doubtful[g].mean() if g.size else math.nan for g in near], np.float64)
    told = [g if part <= _UNDETERMINED else g[:0] for g, part in zip(near, share, strict=True)]
    good = np.flatnonzero(~doubtful)
    shared = _correlation(good, run[good], delta[good], error[good], int(widths.attrs.get("average", 1)))
    values = {
        "delta": [np.median(delta[g]) if g.size else math.nan for g in told],
        "delta_error": _noise_of_medians(told, _known(error, delta, doubtful), shared, rng, draws),
        "spread": [_half_span(delta[g]) for g in told],
    }
    result = {name: ("point", np.asarray(v, np.float64), {"units": "m"}) for name, v in values.items()}
    counts = {"count": ("point", np.array([g.size for g in near], np.int64)), "ill_conditioned": ("point", share)}
    return xr.Dataset({**result, **counts})


def _known(error: Floats, delta: Floats, doubtful: Booleans) -> Floats:
    """Return the errors, where delta is undetermined at least the usual delta: it may be anything."""
    usual = float(np.median(delta[~doubtful])) if not doubtful.all() else 0.0
    return np.where(doubtful, np.fmax(error, usual), error)


def _correlation(index: Integers, run: Integers, delta: Floats, error: Floats, average: int) -> Floats:
    """Return the correlation of the noise of two points of a run by their lag, from 0 to where it has faded.

    Differences between neighbours tell it, robustly: the steps at a defect are few. True change only lowers it; points
    that share profiles have the correlation of a sliding mean at least.
    """
    last = average + _BEYOND
    shared = np.zeros(last + 1)
    shared[0] = 1.0
    for lag in range(1, min(last, max(index.size - 1, 0)) + 1):
        shared[lag] = max(1 - lag / average, 0.0)
        pairs = (run[lag:] == run[:-lag]) & (index[lag:] - index[:-lag] == lag)
        if pairs.sum() >= _PAIRS:
            step = (delta[lag:] - delta[:-lag])[pairs] / np.hypot(error[lag:], error[:-lag])[pairs]
            shared[lag] = max(shared[lag], 1 - float(np.quantile(np.abs(step), _ONE_SIGMA)) ** 2)
    return shared


def _noise_of_medians(
    near: list[Integers], error: Floats, shared: Floats, rng: np.random.Generator, draws: int
) -> Floats:
    count = error.size + shared.size
    ring = np.zeros((1, count))
    ring[0, : shared.size] = shared
    ring[0, count - shared.size + 1 :] = shared[:0:-1]
    spectrum = fourier.rfftn(ring, axes=(1,)).real * math.sqrt(count)
    filter_ = np.sqrt(np.maximum(spectrum, 0.0))
    medians = []
    for first in range(0, draws, _AT_ONCE):
        white = rng.standard_normal((min(_AT_ONCE, draws - first), count))
        noise = fourier.irfftn(fourier.rfftn(white, axes=(1,)) * filter_, (count,), axes=(1,))[:, : error.size] * error
        medians.append([np.median(noise[:, g], axis=1) if g.size else np.full(len(white), np.nan) for g in near])
    drawn = np.concatenate([np.reshape(m, (len(near), -1)) for m in medians], axis=1)
    return np.asarray(np.sqrt(np.mean(drawn**2, axis=1)))


def _half_span(values: Floats) -> float:
    if values.size == 0:
        return math.nan
    low, high = np.quantile(values, [(1 - _ONE_SIGMA) / 2, (1 + _ONE_SIGMA) / 2])
    return float(high - low) / 2


def _checked_points(points: ArrayLike) -> Floats:
    places: Any = np.asarray(points, np.float64)
    if places.ndim != 2 or places.shape[1] not in (2, 3) or not np.all(np.isfinite(places)):
        raise ValueError(f"points has shape {places.shape}; allowed: (n, 2) or (n, 3), finite, in metres")
    return np.asarray(places[:, -2:], np.float64)
