"""The generalised extreme-value distribution of nearest-neighbour distances.

``F(d) = exp(-(1 + xi (d - mu)/scale)^(-1/xi))``; scipy's `genextreme` has the shape ``c = -xi``. mu is near the most
frequent distance.

- `fit_extreme_value`: maximum likelihood with bootstrap intervals, an `ExtremeValueFit`;
- `maximum_likelihood`: many samples at once; `bound_notes`: which of them stopped at a bound of the shape.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Interval = tuple[float, float]

FEWEST = 10
"""Distances from which a fit of three parameters is made."""

_STEPS = 100
_DIFFERENCE = 1e-6
_CONVERGED = 1e-10  # gain of log likelihood that a step promises
_UNDAMPED = 1e-3  # of the curvature; what a step damped more than this promises says nothing
_FLATTEST = 1e-6  # curvature, of the largest
# Where the shape is nearly zero, (log(1 + xi z)/xi - z)/xi loses its digits; its series does not.
_SERIES = 1e-4
# The likelihood has no maximum for shapes below -1; beyond 2 nothing has a mean or variance.
_SHAPES = (-0.95, 2.0)
_AT_BOUND = 1e-9
_LEVELS = (0.025, 0.975)
# Kolmogorov's distance times sqrt(n) to its own fit, which one sample in a thousand exceeds at n = 10 to 1000.
_MISFIT = 1.2


@dataclass(frozen=True, eq=False)
class ExtremeValueFit:
    """Fit of a generalised extreme-value distribution.

    Attributes
    ----------
    mu, scale : float
        Metres.
    shape : float
        xi, from -0.95 to 2; below 0 there is a longest distance, above 0 a heavy tail.
    mu_error, scale_error, shape_error : float
        Standard deviations of the bootstrap.
    mu_interval, scale_interval, shape_interval : tuple of float
        95 % intervals, percentiles of the bootstrap.
    count : int
        Number of distances.
    draws : int
        Bootstrap samples whose fit converged.
    log_likelihood : float
    notes : tuple of str
        Whether the fit, or too much of the bootstrap for its interval, is at a bound of the shape: mu is then the best
        one with that shape, which few distances do not determine. Whether the distances do not follow the fit.
    """

    mu: float
    scale: float
    shape: float
    mu_error: float
    scale_error: float
    shape_error: float
    mu_interval: Interval
    scale_interval: Interval
    shape_interval: Interval
    count: int
    draws: int
    log_likelihood: float
    notes: tuple[str, ...] = ()

    @property
    def distribution(self) -> Any:
        """The fitted distribution, frozen, of `scipy.stats`; in metres."""
        from scipy.stats import genextreme  # takes half a second to import

        return genextreme(-self.shape, loc=self.mu, scale=self.scale)


def fit_extreme_value(distances: ArrayLike, *, rng: np.random.Generator, draws: int = 1000) -> ExtremeValueFit:
    """Fit a generalised extreme-value distribution to distances.

    Parameters
    ----------
    distances : (n,) array
        Metres, at least ten. Taken as independent: in a list that holds every mutual pair twice the intervals are too
        narrow by up to ``sqrt(2)``.
    rng : numpy.random.Generator
    draws : int
        Bootstrap samples.

    Raises
    ------
    ValueError
        On fewer than ten distances, any that is not positive, distances that are all equal, or no draws.
    """
    values = checked_distances(distances)
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: from 2")
    best, likelihood, converged = maximum_likelihood(values[None])
    if not converged[0]:
        raise ValueError(f"distances of mean {values.mean():.4g} m have no extreme-value fit; allowed: one peak")
    samples = values[rng.integers(values.size, size=(draws, values.size))]
    samples = samples[np.ptp(samples, axis=1) > 0]
    redrawn, _, good = maximum_likelihood(samples, start=best)
    redrawn = redrawn[good]
    if len(redrawn) < draws / 2:
        raise ValueError(f"distances have {np.unique(values).size} values; allowed: enough for bootstrap fits")
    mu, scale, shape = (float(value) for value in best[0])
    mu_error, scale_error, shape_error = (float(value) for value in redrawn.std(axis=0, ddof=1))
    intervals = [(float(a), float(b)) for a, b in np.quantile(redrawn, _LEVELS, axis=0).T]
    return ExtremeValueFit(
        mu=mu,
        scale=scale,
        shape=shape,
        mu_error=mu_error,
        scale_error=scale_error,
        shape_error=shape_error,
        mu_interval=intervals[0],
        scale_interval=intervals[1],
        shape_interval=intervals[2],
        count=values.size,
        draws=len(redrawn),
        log_likelihood=float(likelihood[0]),
        notes=(
            *bound_notes("the fit", best[:, 2]),
            *bound_notes("the bootstrap", redrawn[:, 2]),
            *_misfit_notes(values, best),
        ),
    )


def bound_notes(name: str, shapes: Floats) -> tuple[str, ...]:
    """Return a note for each bound of xi that holds more of `shapes` (n,) than lie outside of an interval's end."""
    shares = {bound: float(np.mean(np.abs(shapes - bound) < _AT_BOUND)) for bound in _SHAPES}
    return tuple(
        f"{name} is at the shape bound, xi = {bound:g}"
        + ("" if shapes.size == 1 else f", in {share:.0%} of {shapes.size}")
        for bound, share in shares.items()
        if share > _LEVELS[0]
    )


def _misfit_notes(values: Floats, p: Floats) -> tuple[str, ...]:
    """Return a note if the distances do not follow the distribution of these parameters (1, 3)."""
    t = _reduced(np.sort(values)[None], np.stack([p[:, 0], np.log(p[:, 1]), p[:, 2]], axis=1))[2][0]
    share = np.exp(-np.exp(-t))
    rank = np.arange(values.size + 1) / values.size
    distance = float(max(np.max(rank[1:] - share), np.max(share - rank[:-1])))
    limit = _MISFIT / math.sqrt(values.size)
    if distance <= limit:
        return ()
    return (f"the distances do not follow the fit: {distance:.2f} apart, of {limit:.2f} that chance allows",)


def checked_distances(distances: ArrayLike) -> Floats:
    """Return distances that can be fitted.

    Raises
    ------
    ValueError
        In one line, if they cannot.
    """
    values = np.asarray(distances, np.float64)
    if values.ndim != 1 or values.size < FEWEST:
        raise ValueError(f"distances is of shape {values.shape}; allowed: (n,), n from {FEWEST}")
    wrong = values[~(np.isfinite(values) & (values > 0))]
    if wrong.size:
        raise ValueError(f"distances is {wrong[0]} somewhere; allowed: positive numbers")
    if not np.ptp(values) > 1e-9 * values.max():
        raise ValueError(f"distances is {values[0]} everywhere; allowed: distances that differ")
    return values


def maximum_likelihood(samples: Floats, *, start: Floats | None = None) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Fit many samples of one size at once; a thousand take as long as ten by `genextreme.fit`, with the same result.

    Newton's method, with a damping that grows where a step would lower the likelihood; where the likelihood is not
    concave, its curvature counts with the other sign. Where it still rises at a bound of the shape, mu and scale are
    the best ones with that shape.

    Parameters
    ----------
    samples : (draws, n) float64 array
    start : (1, 3) or (draws, 3) array, optional
        mu, scale, xi to start from; default by moments, with xi = 0.

    Returns
    -------
    parameters : (draws, 3) float64 array
        mu, scale, xi.
    log_likelihood : (draws,) float64 array
    converged : (draws,) bool array
        Whether a step that was hardly damped promised nothing more.
    """
    unit = samples.std(axis=1)
    middle = samples.mean(axis=1)
    x = (samples - middle[:, None]) / unit[:, None]
    # In units of each sample: mu, log scale, xi.
    p = np.tile([-0.45, np.log(0.78), 0.0], (len(x), 1))
    if start is not None:
        p = np.stack([(start[:, 0] - middle) / unit, np.log(start[:, 1] / unit), np.full(len(x), start[:, 2])], axis=1)
        refused = ~np.isfinite(_log_likelihood(x, p))
        p[refused] = [-0.45, np.log(0.78), 0.0]
    value, damping = _log_likelihood(x, p), np.full(len(x), 1e-3)
    converged, rows = np.zeros(len(x), bool), np.arange(len(x))
    for _ in range(_STEPS):
        step, gain = _steps(x[rows], p[rows], damping[rows])
        trial = p[rows] + step
        found = _log_likelihood(x[rows], trial)
        better = found >= value[rows]
        # Rounding may make the last step a worse one.
        done = (damping[rows] <= _UNDAMPED) & (gain < _CONVERGED) & (found >= value[rows] - _CONVERGED)
        p[rows[better]], value[rows[better]] = trial[better], found[better]
        damping[rows] = np.where(better, np.maximum(damping[rows] / 4, 1e-9), damping[rows] * 8)
        converged[rows[done]] = True
        rows = rows[~done]
        if not len(rows):
            break
    return _in_metres(p, middle, unit), value - x.shape[1] * np.log(unit), converged


def _in_metres(p: Floats, middle: Floats, unit: Floats) -> Floats:
    return np.stack([middle + unit * p[:, 0], unit * np.exp(p[:, 1]), p[:, 2]], axis=1)


def _reduced(x: Floats, p: Floats) -> tuple[Floats, Floats, Floats]:
    """Return z, y = 1 + xi z and t = log(y)/xi, which is z for xi = 0; NaN beyond the distribution's end."""
    xi = p[:, 2:]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        z = (x - p[:, :1]) * np.exp(-p[:, 1:2])
        y = 1 + xi * z
        small = np.abs(xi * z) < _SERIES
        t = np.where(small, z * (1 - xi * z / 2 + (xi * z) ** 2 / 3), np.log(y) / np.where(xi == 0, 1.0, xi))
    return z, y, t


def _log_likelihood(x: Floats, p: Floats) -> Floats:
    _, _, t = _reduced(x, p)
    with np.errstate(over="ignore", invalid="ignore"):
        total = -x.shape[1] * p[:, 1] - np.sum((1 + p[:, 2:]) * t + np.exp(-t), axis=1)
    allowed = (p[:, 2] >= _SHAPES[0]) & (p[:, 2] <= _SHAPES[1]) & np.isfinite(total)
    return np.where(allowed, total, -np.inf)


def _steps(x: Floats, p: Floats, damping: Floats) -> tuple[Floats, Floats]:
    """Return damped Newton steps that leave no bound of the shape, and the gain that each promises."""
    slope, curvature, outer = _derivatives(x, p)
    information = _positive(curvature, outer)
    step = _solved(information, slope, damping)
    room = np.clip(step[:, 2], *(bound - p[:, 2] for bound in _SHAPES))
    # A step that would leave ends on the bound; mu and scale go where they are best there.
    out = np.flatnonzero(room != step[:, 2])
    slope_there = slope[out, :2] - information[out, :2, 2] * room[out, None]
    information_there = _positive(curvature[out, :2, :2], outer[out, :2, :2])
    step[out, :2], step[out, 2] = _solved(information_there, slope_there, damping[out]), room[out]
    return step, np.einsum("ni,ni->n", step, slope)


def _derivatives(x: Floats, p: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the slope of the log likelihood, minus its curvature, and the outer product of the scores."""
    scores = _scores(x, p)
    slope = scores.sum(axis=1)
    ahead = [_scores(x, p + _DIFFERENCE * direction).sum(axis=1) for direction in np.eye(3)]
    curvature = (slope[:, None] - np.stack(ahead, axis=1)) / _DIFFERENCE
    curvature = (curvature + np.swapaxes(curvature, 1, 2)) / 2
    return slope, curvature, np.swapaxes(scores, 1, 2) @ scores


def _positive(curvature: Floats, outer: Floats) -> Floats:
    """Return the curvature, its signs turned where the likelihood is not concave; `outer` where it is not finite."""
    finite = np.all(np.isfinite(curvature), axis=(1, 2))
    size, axes = np.linalg.eigh(np.where(finite[:, None, None], curvature, outer))
    size = np.maximum(np.abs(size), _FLATTEST * np.abs(size).max(axis=1, keepdims=True))
    return np.asarray((axes * size[:, None, :]) @ np.swapaxes(axes, 1, 2))


def _solved(information: Floats, slope: Floats, damping: Floats) -> Floats:
    diagonal = np.einsum("nii->ni", information)
    damped = information + np.eye(slope.shape[1]) * (damping[:, None] * diagonal + 1e-12)[:, None, :]
    return np.asarray(np.linalg.solve(damped, slope[..., None])[..., 0])


def _scores(x: Floats, p: Floats) -> Floats:
    """Return the derivatives of each distance's log likelihood by mu, log scale and xi: (draws, n, 3)."""
    z, y, t = _reduced(x, p)
    xi = p[:, 2:]
    weight = 1 + xi - np.exp(-t)
    small = np.abs(xi * z) < _SERIES
    by_shape = np.where(small, z * z * (-0.5 + 2 / 3 * xi * z), (z / y - t) / np.where(xi == 0, 1.0, xi))
    return np.stack([weight / y * np.exp(-p[:, 1:2]), weight * z / y - 1, -t - weight * by_shape], axis=-1)
