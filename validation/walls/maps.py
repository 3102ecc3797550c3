"""The width of the walls of an image, point by point.

- `wall_width_map`: place, direction, delta and its error along every wall.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from validation.walls.centres import centred_profiles
from validation.walls.checks import is_whole
from validation.walls.contours import WallProfiles
from validation.walls.fits import ProfileFits, fit_profiles
from validation.walls.model import WallModel
from validation.walls.noise import averaged, noise_of_averages
from validation.walls.transfers import Transfer

Array = NDArray[Any]
Floats = NDArray[np.float64]

_HALF_WINDOW = 30e-9


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

    Each point's profile is averaged with its neighbours along the wall and fitted within 30 nm: once for the centre
    line, and again with all profiles moved onto it.

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
        Redraws for the errors: the fitted profile plus noise taken from elsewhere on the walls, whole, so that it stays
        correlated as it is; widened by Student's factor, so that one standard error covers 68 % with few draws too.
        0 takes the linear response to the covariance of that noise instead. The noise is the difference of averages
        some way apart: small true changes of delta along the wall count as noise, rare large ones do not.
    rng : numpy.random.Generator, optional
        Needed for draws.
    mask : (ny, nx) bool array, optional
        Where profiles may lie.

    Returns
    -------
    Dataset
        By `point`: `y`, `x` (m, from index ``n//2``, on the centre line), `normal_y`, `normal_x` (towards larger
        values), `run` (number of the uninterrupted stretch of wall), `along` (m, from the run's first point), `delta`,
        `delta_error`, `centre` (m, of the last fit), `amplitude`, `offset`, `ill_conditioned`. By `run_number`:
        `closed`. Neighbours share profiles: errors are correlated over `average` points and more, see attribute
        `average`. A line across the wall as wide as delta: from (y, x) - delta/2 normal to (y, x) + delta/2 normal.
        Without walls there are no points; where a wall is too short to tell noise, `delta_error` is NaN.

    Raises
    ------
    ValueError
        On a bad image, pixel or mask, an average that is no integer from one, or draws without `rng`.

    Notes
    -----
    Errors are those of noise. What a transfer function does to neighbouring walls and bends is not undone: at a half
    period of 15 nm, domains of 75 nm let noise-free local widths of 5.1 nm scatter by 0.75 nm, at 10 nm by 0.07 nm.
    """
    if not is_whole(average) or average < 1:
        raise ValueError(f"average is {average!r}; allowed: integers from 1")
    if not is_whole(draws) or draws < 0 or (draws and not isinstance(rng, np.random.Generator)):
        raise ValueError(
            f"draws is {draws!r}, rng is {rng!r}; allowed: 0, or more with a numpy.random.Generator as rng"
        )
    model = WallModel(transfer, 2 * _HALF_WINDOW)
    found = centred_profiles(
        image, pixel_size=pixel_size, model=model, average=average, half_window=_HALF_WINDOW, mask=mask
    )
    profiles, number = averaged(found, average)
    fits = fit_profiles(found.position, profiles, model=model, width_only=True)
    del profiles
    error = _linear_errors(found, fits, number)
    if draws and rng is not None:
        error = np.where(np.isfinite(error), _redrawn_errors(found, fits, number, model, draws, rng), np.nan)
    result = _dataset(found, fits, error, pixel_size, np.array([n // 2 for n in np.shape(image)]))
    return result.assign_attrs(average=average, pixel_size=pixel_size, level=found.level)


def _noise(
    found: WallProfiles, fits: ProfileFits, number: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yield the points that average as many profiles, fewer at a run's ends, and realisations of their noise."""
    response = np.median(fits.gain[:, 0], axis=0) if number.size else np.empty(0)
    for count in np.unique(number):
        drawn = noise_of_averages(found, int(count), response)
        if len(drawn):
            yield np.flatnonzero(number == count), drawn


def _linear_errors(found: WallProfiles, fits: ProfileFits, number: NDArray[np.int64]) -> Floats:
    error = np.full(number.size, np.nan)
    for here, drawn in _noise(found, fits, number):
        error[here] = fits.delta_error(drawn.T @ drawn / len(drawn))[here]
    return error


def _redrawn_errors(
    found: WallProfiles,
    fits: ProfileFits,
    number: NDArray[np.int64],
    model: WallModel,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    noise = list(_noise(found, fits, number))
    square = np.zeros(number.size)
    for _ in range(draws):
        profiles = fits.fitted.copy()
        for here, drawn in noise:
            profiles[here] += drawn[rng.integers(len(drawn), size=here.size)]
        square += (fit_profiles(found.position, profiles, model=model, start=fits, gains=False).delta - fits.delta) ** 2
    student = float(special.stdtrit(draws, special.ndtr(1.0)))
    return np.asarray(student * np.sqrt(square / draws))


def _dataset(
    found: WallProfiles, fits: ProfileFits, error: Floats, pixel_size: float, origin: NDArray[np.int64]
) -> xr.Dataset:
    place = found.point * pixel_size + found.normal * fits.centre[:, None]
    step = np.concatenate([np.zeros(min(len(place), 1)), np.hypot(*np.diff(place, axis=0).T)])
    total = np.cumsum(step)
    starts = np.flatnonzero(np.diff(found.run, prepend=-1))
    place = place - origin * pixel_size
    metres = {"y": place[:, 0], "x": place[:, 1], "along": total - total[starts][found.run]}
    metres |= {"delta": fits.delta, "delta_error": error, "centre": fits.centre}
    plain = {
        "normal_y": found.normal[:, 0],
        "normal_x": found.normal[:, 1],
        "run": found.run,
        "amplitude": fits.amplitude,
        "offset": fits.offset,
        "ill_conditioned": fits.ill_conditioned(error),
    }
    variables: dict[str, Any] = {name: ("point", values, {"units": "m"}) for name, values in metres.items()}
    variables |= {name: ("point", values) for name, values in plain.items()}
    return xr.Dataset(variables | {"closed": ("run_number", found.closed)})
