"""Error bars: whether stated ones are right, and ones of any statistic by resampling.

- `Calibration`, `calibration`: z-scores of estimates whose truth is known, their coverage, a verdict;
- `Interval`, `bootstrap`: interval of a statistic by resampling, in blocks where neighbours are correlated;
- `checked_generator`: a random generator, or one line that says what is none.

Resampling in circular blocks: Politis & Romano, in LePage & Billard (eds), Exploring the Limits of Bootstrap, Wiley
(1992), pp. 263-270.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Share of a normal distribution within one standard deviation, 68.27 %."""

_MEAN_LIMIT = 0.2
_STD_LIMITS = (0.8, 1.25)
_COVERAGE_LIMITS = (0.60, 0.76)
_ENOUGH = 200
_CERTAIN = 2.0  # standard errors beyond a limit that make a verdict


@dataclass(frozen=True)
class Calibration:
    """How estimates scatter around the truth in units of their stated error, ``z = (estimate - truth)/sigma``.

    Attributes
    ----------
    count : int
        Estimates.
    mean, std, coverage : float
        Of z; coverage is the share of ``|z| <= 1``, 0.683 if normal and right.
    mean_error, std_error, coverage_error : float
        Their own standard errors.
    verdict : str
        "calibrated"; or what is wrong beyond twice its standard error, of "biased", "error bars too short", "error bars
        too long", joined by a comma; or "undecided": too few estimates, or a limit within twice the standard error.
    """

    count: int
    mean: float
    std: float
    coverage: float
    mean_error: float
    std_error: float
    coverage_error: float
    verdict: str

    @property
    def calibrated(self) -> bool:
        """Whether the verdict is "calibrated"."""
        return self.verdict == "calibrated"


@dataclass(frozen=True)
class Interval:
    """A statistic with what resampling says about it.

    Attributes
    ----------
    estimate : float or array
        The statistic of the values themselves.
    low, high : float or array
        Ends of the 68 % interval (percentiles of the draws).
    error : float or array
        Standard deviation of the draws.
    draws : (draws, ...) float64 array
        The statistic of each draw, NaN rows left out.
    failed : int
        Draws whose statistic was not finite.
    """

    estimate: Any
    low: Any
    high: Any
    error: Any
    draws: Floats
    failed: int = 0

    def at(self, level: float) -> tuple[Any, Any]:
        """Return both ends of the interval that holds the share `level` of the draws.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level!r}; allowed: between 0 and 1")
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


def calibration(estimate: ArrayLike, sigma: ArrayLike, truth: ArrayLike) -> Calibration:
    """Judge stated errors against the truth.

    Right are ``|mean| < 0.2``, std from 0.8 to 1.25 and a coverage from 0.60 to 0.76, of 200 estimates or more.

    Parameters
    ----------
    estimate, sigma : (n,) arrays
        Independent estimates and their stated standard errors.
    truth : float or (n,) array
        In the unit of `estimate`.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        On fewer than two estimates, shapes that differ, values that are complex or not finite, or a sigma that is not
        positive.
    """
    values = _finite(estimate, "estimate")
    errors, target = (_broadcast(v, name, values.shape) for v, name in ((sigma, "sigma"), (truth, "truth")))
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"estimate has shape {values.shape}; allowed: (n,) with n from 2")
    if not np.all(errors > 0):
        raise ValueError(f"sigma is {errors.min():g} at least once; allowed: above 0")
    z = (values - target) / errors
    n = z.size
    mean, std = float(z.mean()), float(z.std(ddof=1))
    within = int(np.count_nonzero(np.abs(z) <= 1))
    coverage = within / n
    # Agresti and Coull's share, so that a coverage of 0 or 1 is not taken for exact.
    share = (within + 2) / (n + 4)
    coverage_error = math.sqrt(share * (1 - share) / n)
    mean_error, std_error = std / math.sqrt(n), _std_error(z, std)
    verdict = _verdict(n, (mean, mean_error), (std, std_error), (coverage, coverage_error))
    return Calibration(n, mean, std, coverage, mean_error, std_error, coverage_error, verdict)


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[Floats], Any],
    *,
    rng: np.random.Generator,
    draws: int = 1000,
    block: int | None = None,
) -> Interval:
    """Estimate the interval of a statistic by drawing the values again with replacement.

    Parameters
    ----------
    values : (n, ...) array
        Resampled along the first axis.
    statistic : callable
        Takes values as given, returns a number or an array of fixed shape.
    rng : numpy.random.Generator
    draws : int
    block : int, optional
        Draw runs of so many neighbours, the series closed to a ring: for values that are correlated over less than
        `block`. Error bars of single draws are too short there.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        On fewer than two values, values that are complex or not finite, fewer than two draws, a block of less than one
        or more than half of the values, an `rng` that is none, or a statistic that is complex, or not finite on the
        values or on more than half of the draws.
    """
    data = _finite(values, "values")
    checked_generator(rng)
    n = data.shape[0] if data.ndim else 0
    if n < 2:
        raise ValueError(f"values has shape {data.shape}; allowed: from 2 values")
    if draws < 2:
        raise ValueError(f"draws is {draws!r}; allowed: from 2")
    if block is not None and not 1 <= block <= n // 2:
        raise ValueError(f"block is {block!r}; allowed: 1 to {n // 2}, half of the values")
    estimate = _real(statistic(data), "statistic")
    if not np.all(np.isfinite(estimate)):
        raise ValueError(f"statistic is {estimate} of the values themselves; allowed: finite numbers")
    found = np.stack([_real(statistic(data[_indices(n, block or 1, rng)]), "statistic") for _ in range(draws)])
    good = np.isfinite(found).reshape(draws, -1).all(axis=1)
    failed = draws - int(good.sum())
    if failed > draws // 2:
        raise ValueError(f"statistic is not finite in {failed} of {draws} draws; allowed: up to half of them")
    kept = found[good]
    low, high = np.quantile(kept, [(1 - ONE_SIGMA) / 2, (1 + ONE_SIGMA) / 2], axis=0)
    return Interval(estimate[()], low, high, kept.std(axis=0, ddof=1), kept, failed)


def checked_generator(rng: Any) -> np.random.Generator:
    """Return `rng` if it is a random generator.

    Raises
    ------
    ValueError
        In one line, if it is none: a seed alone, or the module of random numbers, cannot be told where it stands.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}; allowed: a numpy.random.Generator")
    return rng


def _indices(n: int, block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    starts = rng.integers(0, n, size=-(-n // block))
    return np.asarray((starts[:, None] + np.arange(block)).ravel()[:n] % n)


def _std_error(z: Floats, std: float) -> float:
    # From the fourth moment, since heavy tails make a standard deviation uncertain.
    if std == 0:
        return 0.0
    fourth = float(np.mean((z - z.mean()) ** 4)) / std**4
    return std * math.sqrt(max(fourth - 1.0, 1.0 / z.size) / (4 * z.size))


def _verdict(n: int, mean: tuple[float, float], std: tuple[float, float], coverage: tuple[float, float]) -> str:
    beyond = {
        "biased": [(abs(mean[0]) - _MEAN_LIMIT, mean[1])],
        "error bars too short": [(std[0] - _STD_LIMITS[1], std[1]), (_COVERAGE_LIMITS[0] - coverage[0], coverage[1])],
        "error bars too long": [(_STD_LIMITS[0] - std[0], std[1]), (coverage[0] - _COVERAGE_LIMITS[1], coverage[1])],
    }
    wrong = [name for name, limits in beyond.items() if any(away > _CERTAIN * error for away, error in limits)]
    if wrong:
        return ", ".join(wrong)
    inside = all(away <= 0 for limits in beyond.values() for away, _ in limits)
    return "calibrated" if inside and n >= _ENOUGH else "undecided"


def _finite(values: ArrayLike, name: str) -> Floats:
    data = _real(values, name)
    if not np.all(np.isfinite(data)):
        raise ValueError(f"{name} holds {data[~np.isfinite(data)].flat[0]}; allowed: finite numbers")
    return data


def _real(values: ArrayLike, name: str) -> Floats:
    if np.iscomplexobj(values):
        raise ValueError(f"{name} is complex; allowed: real numbers")
    return np.asarray(values, np.float64)


def _broadcast(values: ArrayLike, name: str, shape: tuple[int, ...]) -> Floats:
    data = _finite(values, name)
    if data.ndim and data.shape != shape:
        raise ValueError(f"{name} has shape {data.shape}; allowed: one number, or {shape} as estimate")
    return np.broadcast_to(data, shape)
