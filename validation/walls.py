"""The width delta of domain walls, ``m_z = A tanh((x - x0)/delta) + C``; the full Kittel width is pi delta.

- `fit_wall_width`, `WallFit`: one profile;
- `wall_width_map`: delta along every wall of an image;
- `mean_wall_width`, `MeanWallWidth`: one number with its error for an image;
- `HardCutoff`, `GaussianTransfer`, `PixelBox`, `ThickFilm`, `Combined`: transfer functions for a forward fit.

A finite resolution widens walls: a hard cut at a half period of 10 nm by 13 %, at 15 nm by 49 % for delta = 5.1 nm.
The forward fit undoes a *known* transfer function, at 1.4-2.3 times the scatter. Where the transfer function is soft
and much wider than the wall the fit is ill-conditioned, and says so. Noise biases fits to single profiles low: profiles
are averaged along the wall first.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.contours import WallProfiles, resampled, wall_profiles
from validation.transfers import Combined, GaussianTransfer, HardCutoff, PixelBox, ThickFilm, Transfer
from validation.wall_model import LARGEST, SMALLEST, ProfileFits, WallModel, fit_profiles

__all__ = [
    "Combined",
    "GaussianTransfer",
    "HardCutoff",
    "MeanWallWidth",
    "PixelBox",
    "ThickFilm",
    "WallFit",
    "fit_wall_width",
    "mean_wall_width",
    "wall_width_map",
]

Array = NDArray[Any]
Floats = NDArray[np.float64]

# A fit whose relative error of delta is larger than this is called ill-conditioned.
_ILL_CONDITIONED = 0.3
# Points (about one per px) averaged before the local fits of a mean, and groups of them left out in turn for its error.
_SEGMENT = 10
_GROUPS = 20


@dataclass(frozen=True)
class WallFit:
    """Fit of one wall profile.

    Attributes
    ----------
    delta, delta_error, centre : float
        In metres; `delta_error` is one standard deviation.
    amplitude, offset : float
        In the profile's unit.
    residual : float
        Root mean square of the misfit over the degrees of freedom.
    position, fitted : float64 arrays
        Positions used (m) and the fitted profile there.
    forward : bool
        Whether a transfer function was undone.
    ill_conditioned : bool
        Whether delta is not determined: an error above 30 %, a width at a limit, or no convergence.
    """

    delta: float
    delta_error: float
    centre: float
    amplitude: float
    offset: float
    residual: float
    position: Floats
    fitted: Floats
    forward: bool
    ill_conditioned: bool

    @property
    def kittel_width(self) -> float:
        """Return the full width pi delta in metres."""
        return math.pi * self.delta


@dataclass(frozen=True)
class MeanWallWidth:
    """Width of the mean profile of all walls of an image.

    Attributes
    ----------
    delta, error : float
        Fit to the mean profile, each segment centred first; jackknife standard error (m). NaN without walls.
    median : float
        Median of the segments' own fits, metres.
    length : float
        Length of wall used, metres.
    position, profile, fitted : float64 arrays
        Position (m), mean profile and its fit.
    """

    delta: float
    error: float
    median: float
    length: float
    position: Floats
    profile: Floats
    fitted: Floats


def fit_wall_width(
    position: Floats,
    profile: Array,
    *,
    transfer: Transfer | None = None,
    noise: float | None = None,
    half_window: float = 30e-9,
) -> WallFit:
    """Fit the width of a wall to one profile.

    Parameters
    ----------
    position : (n,) array
        Metres, increasing, zero near the wall.
    profile : (n,) real array
    transfer : callable, optional
        M(f), f in cycles/m: fit a wall seen through it instead of a bare tanh.
    noise : float, optional
        Standard deviation of independent noise per sample; default estimated from the residual.
    half_window : float
        Positions beyond are not used, metres.

    Raises
    ------
    ValueError
        With fewer than six finite samples in the window, or positions that do not increase.
    """
    x, values = np.asarray(position, np.float64), np.asarray(profile, np.float64)
    if x.ndim != 1 or x.shape != values.shape or np.any(np.diff(x) <= 0):
        raise ValueError(f"position {x.shape} and profile {values.shape}; allowed: one length, positions increasing")
    use = (np.abs(x) <= half_window * (1 + 1e-9)) & np.isfinite(values)
    if use.sum() < 6:
        raise ValueError(f"profile has {use.sum()} finite samples within {half_window!r} m; allowed: from 6")
    x, values = x[use], values[use]
    fits = fit_profiles(x, values[None], model=WallModel(transfer, 2 * half_window))
    variance = (fits.residual[0] if noise is None else noise) ** 2
    error = float(fits.delta_error(variance * np.eye(x.size))[0])
    return WallFit(
        delta=float(fits.delta[0]),
        delta_error=error,
        centre=float(fits.centre[0]),
        amplitude=float(fits.amplitude[0]),
        offset=float(fits.offset[0]),
        residual=float(fits.residual[0]),
        position=x,
        fitted=fits.fitted[0],
        forward=transfer is not None,
        ill_conditioned=bool(_ill_conditioned(fits, np.array([error]))[0]),
    )


def wall_width_map(
    image: Array,
    *,
    pixel_size: float,
    transfer: Transfer | None = None,
    average: int = 7,
    draws: int = 0,
    rng: np.random.Generator | None = None,
    mask: Array | None = None,
) -> xr.Dataset:
    """Fit delta along every domain wall of an image.

    Each point's profile is averaged with its neighbours along the wall, then fitted within 30 nm.

    Parameters
    ----------
    image : (ny, nx) real array
    pixel_size : float
        In metres.
    transfer : callable, optional
        M(f) to undo.
    average : int
        Number of neighbouring profiles (about one per px) that are averaged.
    draws : int
        Redraws for the errors: the fitted profile plus noise taken from another point, whole, so that it stays
        correlated as it is. 0 takes the linear response to the covariance of that noise instead. The noise is the
        difference of neighbouring averages that share no profile: true changes of delta along the wall count as noise.
    rng : numpy.random.Generator, optional
        Needed for draws.
    mask : (ny, nx) bool array, optional
        Where profiles may lie.

    Returns
    -------
    Dataset
        By `point`: `y`, `x` (m, from index ``n//2``), `normal_y`, `normal_x`, `run`, `delta`, `delta_error`, `centre`
        (m), `amplitude`, `offset`, `ill_conditioned`.

    Raises
    ------
    ValueError
        On a bad image, an average under one, or draws without `rng`.
    """
    if average < 1:
        raise ValueError(f"average is {average}; allowed: from 1")
    if draws and rng is None:
        raise ValueError(f"draws is {draws} without rng; allowed: 0, or a numpy.random.Generator as rng")
    found = wall_profiles(image, pixel_size=pixel_size, mask=mask)
    profiles = _averaged(found, average)
    model = WallModel(transfer, 2 * max(30e-9, float(found.position[-1])))
    fits = fit_profiles(found.position, profiles, model=model)
    noise = _noise(found, profiles, average)
    if len(noise) == 0:
        error = np.full(len(profiles), np.nan)
    elif draws and rng is not None:
        picked = (noise[rng.integers(len(noise), size=len(profiles))] for _ in range(draws))
        redrawn = [fit_profiles(found.position, fits.fitted + n, model=model).delta for n in picked]
        error = np.sqrt(np.mean((np.array(redrawn) - fits.delta) ** 2, axis=0))
    else:
        error = fits.delta_error(noise.T @ noise / len(noise))
    origin = np.array([n // 2 for n in image.shape])
    place = (found.point + found.normal * (fits.centre / pixel_size)[:, None] - origin) * pixel_size
    metres = {"y": place[:, 0], "x": place[:, 1], "delta": fits.delta, "delta_error": error, "centre": fits.centre}
    plain = {
        "normal_y": found.normal[:, 0],
        "normal_x": found.normal[:, 1],
        "run": found.run,
        "amplitude": fits.amplitude,
        "offset": fits.offset,
        "ill_conditioned": _ill_conditioned(fits, error),
    }
    variables = {name: ("point", values, {"units": "m"}) for name, values in metres.items()}
    return xr.Dataset(variables | {name: ("point", values, {}) for name, values in plain.items()})


def mean_wall_width(
    image: Array,
    *,
    pixel_size: float,
    transfer: Transfer | None = None,
    mask: Array | None = None,
    half_window: float = 30e-9,
) -> MeanWallWidth:
    """Fit one delta to all domain walls of an image.

    Segments of ten points are fitted for their centres; all profiles, each moved to its segment's centre, are averaged
    and fitted again. Averages have little noise to bias them (noise of a fifth of the contrast: 1.5 % low), and no wall
    is chosen by its width.

    Parameters
    ----------
    image : (ny, nx) real array
    pixel_size : float
        In metres.
    transfer : callable, optional
        M(f) to undo.
    mask : (ny, nx) bool array, optional
        Where profiles may lie.
    half_window : float
        Reach on either side of a wall, metres; must not touch the next wall.

    Raises
    ------
    ValueError
        On a bad image or window.
    """
    found = wall_profiles(image, pixel_size=pixel_size, mask=mask, half_window=half_window)
    number = _segments(found.run)
    segments = int(number[-1]) + 1 if number.size else 0
    nothing = np.full(found.position.size, np.nan)
    if segments < 2:
        return MeanWallWidth(math.nan, math.nan, math.nan, 0.0, found.position, nothing, nothing)
    weight = np.bincount(number).astype(np.float64)
    model = WallModel(transfer, 2 * half_window)
    local = fit_profiles(found.position, _by_segment(found.values, number) / weight[:, None], model=model)
    near = local.converged & (np.abs(local.centre) < half_window / 3)
    centred = resampled(found, image, pixel_size=pixel_size, centre=np.where(near, local.centre, 0.0)[number])
    sums = _by_segment(centred.values, number)
    groups = min(_GROUPS, segments)
    group = np.arange(segments) * groups // segments
    left_out = [group != g for g in range(groups)]
    means = [sums[keep].sum(axis=0) / weight[keep].sum() for keep in (np.ones(segments, bool), *left_out)]
    fits = fit_profiles(found.position, np.array(means), model=model)
    scatter = fits.delta[1:] - fits.delta[1:].mean()
    return MeanWallWidth(
        delta=float(fits.delta[0]),
        error=float(np.sqrt((groups - 1) / groups * np.sum(scatter**2))),
        median=float(np.median(local.delta)),
        length=float(number.size * pixel_size),
        position=found.position,
        profile=means[0],
        fitted=fits.fitted[0],
    )


def _averaged(found: WallProfiles, average: int) -> Floats:
    """Average each profile with its neighbours of the same run; windows are cut at a run's ends."""
    count = len(found.run)
    edges = np.flatnonzero(np.diff(found.run, prepend=-1)) if count else np.empty(0, int)
    first = edges[found.run] if count else edges
    last = np.append(edges[1:], count)[found.run] if count else edges
    index = np.arange(count)
    low = np.maximum(index - (average - 1) // 2, first)
    high = np.minimum(index + average // 2 + 1, last)
    total = np.concatenate([np.zeros((1, found.position.size)), np.cumsum(found.values, axis=0)])
    return np.asarray((total[high] - total[low]) / np.maximum(high - low, 1)[:, None])


def _noise(found: WallProfiles, profiles: Floats, average: int) -> Floats:
    """Return realisations of the noise of an averaged profile: differences of neighbours that share no profile."""
    if len(profiles) <= average:
        return np.empty((0, found.position.size))
    pairs = found.run[average:] == found.run[:-average]
    return np.asarray((profiles[average:] - profiles[:-average])[pairs] / math.sqrt(2.0))


def _segments(run: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each point's stretch of about ten points; a run shorter than ten is one stretch."""
    if run.size == 0:
        return run
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    lengths = np.diff(np.append(starts, run.size))
    pieces = np.maximum(lengths // _SEGMENT, 1)
    within = (np.arange(run.size) - starts[run]) * pieces[run] // lengths[run]
    return np.asarray(np.concatenate([[0], np.cumsum(pieces)[:-1]])[run] + within, np.int64)


def _by_segment(values: Floats, number: NDArray[np.int64]) -> Floats:
    return np.add.reduceat(values, np.flatnonzero(np.diff(number, prepend=-1)), axis=0)


def _ill_conditioned(fits: ProfileFits, error: Floats) -> NDArray[np.bool_]:
    at_limit = (fits.delta <= SMALLEST * 1.001) | (fits.delta >= LARGEST * 0.999)
    at_limit |= ~(np.abs(fits.amplitude) > 1e-12)
    return np.asarray(~fits.converged | at_limit | ~(error < _ILL_CONDITIONED * fits.delta))
