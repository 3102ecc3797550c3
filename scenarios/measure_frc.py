"""``truespin measure frc``: Fourier ring or shell correlation of two arrays.

- `measure`: reads, correlates, crosses every threshold; `Options`: what may be chosen.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from records.array_files import ArrayFile, read_array
from scenarios.configuration import InputError, choose
from scenarios.measure_options import count, length, nanometres
from scenarios.measure_result import Notes, Result, columns, document, mask_window, source, told_pixel
from validation import CorrelationCurve, Resolution, fourier_ring_correlation, resolution, threshold_curve
from validation.resolution.thresholds import CRITERIA

if TYPE_CHECKING:
    from rich.console import RenderableType

Array = NDArray[Any]

HEADLINE: Final = {2: "1-bit", 3: "1/7"}
"""Criterion by the number of dimensions where none is asked for."""

_SMOOTHING: Final = 1.5
_LEAST: Final = 16
"""Pixels along an axis, and to its power under a window; fewer make too few rings to judge."""
_FEW: Final = 128
"""Pixels; below, crossings are biased."""
_SMALL: Final = 0.1
"""Share of the field under which no crossing has been checked."""
_HARD: Final = 0.5
"""Step of a window between neighbours above which its edge is hard."""
_FEW_DRAWS, _MOST_DRAWS = 20, 100_000
"""Redraws; fewer give an interval that may be without its own value."""
_JUMP: Final = 4.0
"""Step from border to opposite border over the step between neighbours, from which borders correlate by themselves."""


@dataclass(frozen=True)
class Options:
    """What may be chosen.

    Attributes
    ----------
    pixel : str, optional
        Size of a pixel with its unit, one or one per axis; needed where the files say none.
    mask : str, optional
        File of a window from 0 to 1.
    taper : str, optional
        Width, with its unit, over which the borders are faded out as a raised cosine.
    criterion : str, optional
        Of the headline.
    data_set, n_convention : str
        As in `validation.threshold_curve`.
    draws, seed : int
        Redraws for the intervals, 0 or from 20, and where their random numbers start.
    """

    pixel: str | None = None
    mask: str | None = None
    taper: str | None = None
    criterion: str | None = None
    data_set: str = "half"
    n_convention: str = "full"
    draws: int = 400
    seed: int = 0


def measure(a: str, b: str, options: Options) -> Result:
    """Correlate two arrays and read their resolution.

    Parameters
    ----------
    a, b : str
        Files as `records.array_files.read_array` takes them.
    options : Options

    Raises
    ------
    ValueError
        In one line, on files that cannot be compared or options that are not allowed.
    """
    _check(options)
    note = Notes()
    first, second = read_array(a), read_array(b)
    _check_pair(first, second)
    dimensions = first.array.ndim
    pixel = told_pixel(options.pixel, _common_pixel(first, second), dimensions, name="pixel", note=note)
    mask = None if options.mask is None else read_array(options.mask)
    masked = None if mask is None else mask_window(mask, first.array.shape, note)
    window = _window(masked, options.taper, first.array.shape, pixel)
    for file in (first, second):
        _check_varies(file, window)
    if window is not None:
        _check_window(window, note)
    _remark(first, second, window, note)
    curve = fourier_ring_correlation(first.array, second.array, pixel_size=pixel, mask=window)
    found = _resolutions(curve, options)
    headline = options.criterion or HEADLINE[dimensions]
    if not math.isfinite(found[headline].frequency):
        raise InputError(f"{a} and {b} have no ring to judge by {headline}; allowed: arrays that vary at every scale")
    inputs = [
        source(file, role=role, shape=file.array.shape, dtype=str(file.array.dtype))
        for role, file in (("a", first), ("b", second), ("mask", mask))
        if file is not None
    ]
    content = document("frc", inputs=inputs, conventions=_conventions(options, pixel, dimensions, headline, curve))
    content["curve"] = _curve(curve, options)
    content["results"] = [_row(each, headline) for each in found.values()]
    for each in _said(curve, found[headline], content["curve"]["thresholds"][headline]):
        note(each)
    content["notes"] = note.texts
    return Result(content, table(content), lambda suffix: _draw(content, suffix))


def _check(options: Options) -> None:
    if options.criterion is not None:
        choose("criterion", options.criterion, CRITERIA)
    choose("data-set", options.data_set, ("half", "full"))
    choose("n-convention", options.n_convention, ("full", "hermitian"))
    if options.draws and not _FEW_DRAWS <= options.draws <= _MOST_DRAWS:
        raise InputError(f"draws is {options.draws}; allowed: 0 for no interval, or from {_FEW_DRAWS} to {_MOST_DRAWS}")
    count("seed", options.seed, least=0, most=2**63 - 1)


def _check_pair(first: ArrayFile, second: ArrayFile) -> None:
    for file in (first, second):
        if file.array.ndim not in (2, 3):
            raise InputError(f"{file.name}: shape {file.array.shape}; allowed: an image or a volume")
        if min(file.array.shape) < _LEAST:
            raise InputError(f"{file.name}: shape {file.array.shape}; allowed: from {_LEAST} px along each axis")
    if first.array.shape != second.array.shape:
        raise InputError(
            f"{second.name} has shape {second.array.shape}; allowed: that of {first.name}, {first.array.shape}"
        )


def _common_pixel(first: ArrayFile, second: ArrayFile) -> tuple[float, ...] | None:
    one, other = first.voxel_size, second.voxel_size
    if one is not None and other is not None and not np.allclose(one, other, rtol=1e-3, atol=0):
        raise InputError(f"{second.name} has pixels of {other} m; allowed: those of {first.name}, {one} m")
    return one if one is not None else other


def _window(mask: Array | None, taper: str | None, shape: tuple[int, ...], pixel: tuple[float, ...]) -> Array | None:
    """Return the mask times a raised cosine along every border."""
    if taper is None:
        return mask
    width = length("taper", taper)
    window = np.ones(shape) if mask is None else mask
    sizes = np.broadcast_to(pixel, len(shape))
    for axis, (n, size) in enumerate(zip(shape, sizes, strict=True)):
        if not size <= width <= n * size / 2:
            raise InputError(f"taper is {taper}; allowed: from a pixel to half of the image, {n * size / 2:.3g} m")
        depth = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) * size
        edge = 0.5 - 0.5 * np.cos(np.pi * np.minimum(depth / width, 1))
        window = window * edge.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return window


def _check_window(window: Array, note: Notes) -> None:
    """Refuse a window that leaves too little, and remark on one of which no crossing has been checked."""
    left = float(window.sum() ** 2 / np.square(window).sum())
    least = _LEAST**window.ndim
    if left < least:
        raise InputError(
            f"mask and taper leave {left:.4g} px of {window.size}; allowed: from {least}, {_LEAST} along each axis"
        )
    if left < _SMALL * window.size:
        share = 100 * left / window.size
        note(f"mask and taper leave {share:.2g} % of the field: the crossing may be biased below {100 * _SMALL:.0f} %")
    if any(np.abs(np.diff(window, axis=axis)).max() > _HARD * window.max() for axis in range(window.ndim)):
        note("the mask has a hard edge, and such edges correlate by themselves: use a soft one")


def _check_varies(file: ArrayFile, window: Array | None) -> None:
    values = file.array if window is None else file.array[window > 0]
    numbers = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    if not np.abs(numbers - numbers.flat[0]).max() > 1e-12 * np.abs(numbers).max():
        where = "" if window is None else " inside the mask"
        raise InputError(f"{file.name}: every value{where} is {numbers.flat[0]:.6g}; allowed: an array that varies")


def _remark(first: ArrayFile, second: ArrayFile, window: Array | None, note: Notes) -> None:
    if np.array_equal(first.array, second.array):
        note("both arrays are the same, so their correlation is 1 and says nothing")
    shape = first.array.shape
    if min(shape) < _FEW:
        note(f"fewer than {_FEW} px along an axis ({min(shape)}): the crossing is biased by some per cent")
    if window is None and any(_jumps(file.array) for file in (first, second)):
        note("opposite borders do not meet, and such edges correlate by themselves: use --taper or a soft --mask")


def _jumps(array: Array) -> bool:
    """Tell whether the periodic continuation has steps that the image has not."""
    values = array if array.dtype.kind in "fc" else array.astype(np.float64)
    for axis in range(array.ndim):
        if array.shape[axis] < 2:
            continue
        inner = float(np.abs(np.diff(values, axis=axis)).mean(dtype=np.float64))
        seam = np.take(values, 0, axis) - np.take(values, -1, axis)
        if float(np.abs(seam).mean(dtype=np.float64)) > _JUMP * inner:
            return True
    return False


def _resolutions(curve: CorrelationCurve, options: Options) -> dict[str, Resolution]:
    return {
        criterion: resolution(
            curve,
            criterion=criterion,
            data_set=options.data_set,
            n_convention=options.n_convention,
            smoothing=_SMOOTHING,
            draws=options.draws,
            rng=np.random.default_rng(options.seed),
        )
        for criterion in CRITERIA
    }


def _conventions(
    options: Options, pixel: tuple[float, ...], dimensions: int, headline: str, curve: CorrelationCurve
) -> dict[str, Any]:
    return {
        "pixel_size_m": list(np.broadcast_to(pixel, dimensions)),
        "dimensions": dimensions,
        "complex": curve.is_complex,
        "criterion": headline,
        "data_set": options.data_set,
        "n_convention": options.n_convention,
        "crossing": "first crossing from ring 3 on, of the curve smoothed by a Gaussian",
        "smoothing_rings": _SMOOTHING,
        "mean_removed": True,
        "mask": options.mask,
        "mask_fraction": curve.mask_fraction,
        "taper": options.taper,
        "interval": "68 %, redraws of the rings" if options.draws else "none",
        "draws": options.draws,
        "seed": options.seed,
    }


def _said(curve: CorrelationCurve, found: Resolution, threshold: Array) -> tuple[str, ...]:
    """Return the notes of a crossing; where nothing is in common but one array is the other's negative, that."""
    ring = int(np.abs(curve.frequency - found.frequency).argmin())
    if found.below_from_start and curve.correlation[ring] < -threshold[ring]:
        return (f"the correlation is negative, {curve.correlation[ring]:.3g} at the first ring: opposite contrast",)
    return found.notes


def _row(found: Resolution, headline: str) -> dict[str, Any]:
    low, high = found.interval
    return {
        "criterion": found.criterion,
        "data_set": found.data_set,
        "n_convention": found.n_convention,
        "headline": found.criterion == headline,
        "frequency_per_m": found.frequency,
        "half_period_m": found.half_period,
        "half_period_interval_m": [low, high],
        "full_period_m": found.full_period,
        "full_period_interval_m": [2 * low, 2 * high],
        "crossed": found.crossed,
        "below_from_start": found.below_from_start,
        "notes": list(found.notes),
    }


def _curve(curve: CorrelationCurve, options: Options) -> dict[str, Any]:
    thresholds = {
        kind: threshold_curve(curve.count, kind=kind, data_set=options.data_set, n_convention=options.n_convention)
        for kind in CRITERIA
    }
    return {
        "frequency_per_m": curve.frequency,
        "correlation": curve.correlation,
        "imaginary": curve.imaginary,
        "count": curve.count,
        "thresholds": thresholds,
    }


def table(content: dict[str, Any]) -> "RenderableType":
    """Return the table of the criteria of a document of this module."""
    rows = []
    for row in content["results"]:
        half, full = (_interval(row[f"{name}_period_m"], row[f"{name}_period_interval_m"]) for name in ("half", "full"))
        state = "" if row["crossed"] else "limited by sampling"
        state = "below it from the first ring on" if row["below_from_start"] else state
        rows.append(("*" if row["headline"] else "", row["criterion"], half, full, state))
    given = content["conventions"]
    sizes = given["pixel_size_m"]
    pixel = " x ".join(nanometres(size) for size in (sizes if len(set(sizes)) > 1 else sizes[:1]))
    title = (
        f"{'ring' if given['dimensions'] == 2 else 'shell'} correlation, pixel {pixel} nm, {given['data_set']} data "
        f"sets, n {given['n_convention']}; * headline"
    )
    return columns(title, ("", "criterion", "half period (nm)", "full period (nm)", ""), rows)


def _interval(value: float, interval: list[float]) -> str:
    shown = nanometres(value)
    if not all(map(math.isfinite, interval)):
        return shown
    return f"{shown} ({nanometres(interval[0])} to {nanometres(interval[1])})"


def _draw(content: dict[str, Any], suffix: str) -> bytes:
    from reports.figure_measure import draw_frc

    return draw_frc(content, suffix=suffix)
