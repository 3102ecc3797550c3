"""Where a scan puts the probe, in the order of time, and how far off it really is.

- `raster`, `spiral`: nominal positions;
- `scan_lines`: any positions sorted as a raster visits them;
- `position_errors`: what a stage adds to them.

Positions are (frames, 2) float64, (y, x) in m, with the middle of the scan at zero.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def raster(
    rows: int,
    columns: int,
    *,
    step: float,
    jitter: float = 0.0,
    distribution: str = "uniform",
    serpentine: bool = False,
    rng: np.random.Generator | None = None,
) -> Array:
    """Return a raster, line by line along x, first line at the least y.

    Parameters
    ----------
    rows, columns : int
    step : float
        m.
    jitter : float
        Breaks the raster's period: half width of a uniform distribution, or rms of a Gaussian one, per axis, m.
    distribution : str
        ``"uniform"`` or ``"gaussian"``.
    serpentine : bool
        Every second line backwards; else each line starts at the least x.
    rng : numpy.random.Generator
        Needed for a jitter.

    Raises
    ------
    ValueError
        If a value is impossible.
    """
    for name, count in (("rows", rows), ("columns", columns)):
        if count < 1:
            raise ValueError(f"{name} is {count}; allowed: from 1")
    _check_length("step", step, least=np.finfo(float).tiny)
    y, x = (step * (np.arange(count) - (count - 1) / 2) for count in (rows, columns))
    places = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    if serpentine:
        places[1::2] = places[1::2, ::-1]
    flat = places.reshape(-1, 2)
    return flat + _jitter(flat.shape, jitter, distribution, rng)


def spiral(count: int, *, step: float) -> Array:
    """Return a Fermat spiral of `count` positions, one per ``step²``, from the middle outwards.

    See X. Huang et al., *Opt. Express* **22**, 12634 (2014).
    """
    if count < 1:
        raise ValueError(f"count is {count}; allowed: from 1")
    _check_length("step", step, least=np.finfo(float).tiny)
    number = np.arange(count)
    radius, angle = step / np.sqrt(np.pi) * np.sqrt(number), _GOLDEN_ANGLE * number
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=-1)


def scan_lines(positions: Array, *, line: float, serpentine: bool = False) -> Array:
    """Return the order, (frames,) int, in which lines of height `line`, m, along x visit `positions`."""
    _check_length("line", line, least=np.finfo(float).tiny)
    row = np.floor((positions[:, 0] - positions[:, 0].min()) / line + 1e-9).astype(np.int64)
    sense = np.where(serpentine & (row % 2 == 1), -1.0, 1.0)
    return np.lexsort((sense * positions[:, 1], row))


def position_errors(
    positions: Array,
    *,
    rng: np.random.Generator,
    jitter: float = 0.0,
    drift: float = 0.0,
    backlash: float = 0.0,
    affine: Array | None = None,
) -> Array:
    """Return true minus nominal positions, (frames, 2) float64 in m.

    Parameters
    ----------
    positions : (frames, 2) array
        Nominal, in the order of time, m.
    rng : numpy.random.Generator
    jitter : float
        rms per axis of an independent Gaussian error, m.
    drift : float
        rms per axis of a random walk at the last frame, m; it starts at zero.
    backlash : float
        Play of either axis, m: half of it stays behind the direction of the last move.
    affine : (2, 2) array, optional
        True over nominal coordinates (y, x): scale, rotation and shear of the stage, about the scan's zero.

    Raises
    ------
    ValueError
        If a length is negative or `affine` is no 2 x 2 matrix.
    """
    for name, length in (("jitter", jitter), ("drift", drift), ("backlash", backlash)):
        _check_length(name, length, least=0.0)
    places = np.asarray(positions, np.float64)
    errors = jitter * rng.standard_normal(places.shape)
    walk = np.cumsum(rng.standard_normal(places.shape), axis=0)
    errors += drift / np.sqrt(max(len(places) - 1, 1)) * (walk - walk[:1])
    errors -= backlash / 2 * _last_direction(places)
    if affine is not None:
        matrix = np.asarray(affine, np.float64)
        if matrix.shape != (2, 2) or not np.all(np.isfinite(matrix)):
            raise ValueError(f"affine has shape {matrix.shape}; allowed: (2, 2), finite")
        errors += places @ (matrix - np.eye(2)).T
    return np.asarray(errors)


def _last_direction(places: Array) -> Array:
    """Return the sign of the last move of either axis before each frame; 0 until the first move."""
    moves = np.sign(np.diff(places, axis=0, prepend=places[:1]))
    last = np.maximum.accumulate(np.where(moves != 0, np.arange(len(places))[:, None], 0), axis=0)
    return np.take_along_axis(moves, last, axis=0)


def _jitter(shape: tuple[int, ...], width: float, distribution: str, rng: np.random.Generator | None) -> Array:
    _check_length("jitter", width, least=0.0)
    if distribution not in ("uniform", "gaussian"):
        raise ValueError(f"distribution is {distribution!r}; allowed: uniform, gaussian")
    if width == 0:
        return np.zeros(shape)
    if rng is None:
        raise ValueError("rng is None; allowed with a jitter: a numpy Generator")
    if distribution == "uniform":
        return rng.uniform(-width, width, shape)
    return width * rng.standard_normal(shape)


def _check_length(name: str, length: float, *, least: float) -> None:
    if not (np.isfinite(length) and length >= least):
        raise ValueError(f"{name} is {length} m; allowed: {'above' if least > 0 else 'from'} 0")
