"""``truespin measure walls``: the width of the domain walls of an image.

- `measure`: reads, finds the walls, fits them; `Options`: what may be chosen.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records.array_files import ArrayFile, read_array
from scenarios.configuration import InputError
from scenarios.measure_options import count, nanometres, transfer
from scenarios.measure_result import Notes, Result, columns, document, mask_window, source, told_pixel
from validation import MeanWallWidth, mean_wall_width, wall_width_map
from validation.walls.fits import fit_profiles
from validation.walls.model import LARGEST, SMALLEST, WallModel
from validation.walls.transfers import Transfer

if TYPE_CHECKING:
    from rich.console import RenderableType

Array = NDArray[Any]

_REACH: Final = 30e-9
"""Of a profile on either side of a wall, m."""
_FINEST: Final = 1e-10
"""Of pixels, m; profiles of more samples than that are no image of a wall."""
_UNDETERMINED: Final = 0.3
"""Share of ill-conditioned points up to which the median is told, as in `validation.local_wall_width`."""
_POINTS: Final = ("y", "x", "normal_y", "normal_x", "run", "delta", "delta_error", "centre", "ill_conditioned")


@dataclass(frozen=True)
class Options:
    """What may be chosen.

    Attributes
    ----------
    pixel : str, optional
        Size of a pixel with its unit; needed where the file says none.
    transfer : tuple of str
        As in `scenarios.measure_options.transfer`: what the image was seen through, undone by the fit.
    mask : str, optional
        File that is not 0 where walls may lie.
    layer : int, optional
        Layer or page of a volume.
    average, draws, seed : int
        As in `validation.wall_width_map`.
    """

    pixel: str | None = None
    transfer: tuple[str, ...] = ()
    mask: str | None = None
    layer: int | None = None
    average: int = 7
    draws: int = 0
    seed: int = 0


def measure(name: str, options: Options) -> Result:
    """Fit the walls of an image.

    Parameters
    ----------
    name : str
        File as `records.array_files.read_array` takes it.
    options : Options

    Raises
    ------
    ValueError
        In one line, on a file without walls or options that are not allowed.
    """
    count("average", options.average, least=1, most=1000)
    count("draws", options.draws, least=0, most=10_000)
    count("seed", options.seed, least=0, most=2**63 - 1)
    note = Notes()
    file = read_array(name)
    image, own = _image(file, options.layer)
    pixel = _square(told_pixel(options.pixel, own, 2, name="pixel", note=note), image.shape)
    mask = None if options.mask is None else read_array(options.mask)
    inside = None if mask is None else mask_window(mask, image.shape, note) > 0
    through = transfer(options.transfer, pixel_size=pixel)
    widths = wall_width_map(
        image,
        pixel_size=pixel,
        transfer=through,
        average=options.average,
        draws=options.draws,
        rng=np.random.default_rng(options.seed),
        mask=inside,
    )
    mean = mean_wall_width(image, pixel_size=pixel, transfer=through, mask=inside)
    if not widths.sizes["point"] or not math.isfinite(mean.delta):
        raise InputError(
            f"{name}: no domain wall with {_REACH * 1e9:.0f} nm of domain on both sides; "
            "allowed: an image with walls between two levels"
        )
    _check_determined(name, mean, through)
    _remark(widths, mean, pixel, options, note)
    inputs = [
        source(each, role=role, shape=each.array.shape, dtype=str(each.array.dtype))
        for role, each in (("image", file), ("mask", mask))
        if each is not None
    ]
    content = document("walls", inputs=inputs, conventions=_conventions(options, pixel))
    content["results"] = _results(widths, mean)
    content["profile"] = {"position_m": mean.position, "mean": mean.profile, "fitted": mean.fitted}
    content["points"] = {key: widths[key].values for key in _POINTS} | {"ill_conditioned": _ill_conditioned(widths)}
    content["notes"] = note.texts
    return Result(content, table(content), lambda suffix: _draw(content, image, suffix))


def _image(file: ArrayFile, layer: int | None) -> tuple[Array, tuple[float, ...] | None]:
    """Return the image as floating-point numbers, and the size of its pixels where the file says it."""
    array, own = file.array, file.voxel_size
    if array.dtype.kind == "c":
        raise InputError(f"{file.name} is complex; allowed: a real image, such as that of m_z")
    if array.ndim == 3:
        if layer is None:
            raise InputError(f"{file.name}: {array.shape[0]} layers; allowed: one of them, --layer 0 and so on")
        count("layer", layer, least=0, most=array.shape[0] - 1)
        array, own = array[layer], None if own is None else own[1:]
    elif layer is not None:
        raise InputError(f"layer is {layer}, but {file.name} has shape {array.shape}; allowed: with a volume only")
    if array.ndim != 2:
        raise InputError(f"{file.name}: shape {file.array.shape}; allowed: an image")
    image = array.astype(np.float64)
    if not np.ptp(image) > 1e-12 * np.abs(image).max():
        raise InputError(f"{file.name}: every value is {image.flat[0]:.6g}; allowed: an image that varies")
    return image, own


def _square(pixel: tuple[float, ...], shape: tuple[int, ...]) -> float:
    if max(pixel) - min(pixel) > 1e-6 * max(pixel):
        raise InputError(f"pixel is {pixel} m; allowed: square pixels, one length")
    if not _FINEST <= pixel[0] <= _REACH / 2:
        raise InputError(
            f"pixel is {nanometres(pixel[0])} nm; allowed: from 0.1 to 15 nm, for profiles reach 30 nm to either side"
        )
    if min(shape) * pixel[0] <= 2 * _REACH:
        raise InputError(
            f"pixel is {nanometres(pixel[0])} nm, so that the image is {nanometres(min(shape) * pixel[0])} nm wide; "
            "allowed: more than 60 nm, for profiles reach 30 nm to either side"
        )
    return pixel[0]


def _check_determined(name: str, mean: MeanWallWidth, through: Transfer | None) -> None:
    """Refuse a mean width that its profile does not determine, by the rule for local ones."""
    fit = fit_profiles(mean.position, mean.profile[None], model=WallModel(through, 2 * _REACH), gains=False)
    if fit.ill_conditioned(np.array([mean.error]))[0]:
        instead = "; or a transfer that the image was seen through" if through is not None else ""
        raise InputError(
            f"{name}: the mean profile of what looks like walls fits delta {nanometres(mean.delta)} ± "
            f"{nanometres(mean.error, 2)} nm, which it does not determine; allowed: walls between two levels, of delta "
            f"within {nanometres(SMALLEST)} to {nanometres(LARGEST)} nm and known to 30 %{instead}"
        )


def _ill_conditioned(widths: xr.Dataset) -> NDArray[np.bool_]:
    """Return where delta is not determined. Where only its error is unknown, it may well be."""
    delta, error = widths["delta"].values, widths["delta_error"].values
    inside = (delta > SMALLEST * 1.001) & (delta < LARGEST * 0.999)
    return np.asarray(widths["ill_conditioned"].values & ~(np.isnan(error) & inside))


def _remark(widths: xr.Dataset, mean: MeanWallWidth, pixel: float, options: Options, note: Notes) -> None:
    points, bad = widths.sizes["point"], int(_ill_conditioned(widths).sum())
    if bad:
        untold = ", and too many for a local median" if bad > _UNDETERMINED * points else ""
        note(f"{bad} of {points} points are ill-conditioned: left out of the picture{untold}")
    unknown = int(np.isnan(widths["delta_error"].values).sum())
    if unknown:
        note(f"{unknown} of {points} points have no error: their walls are too short for --average to tell the noise")
    if not options.transfer:
        note("no transfer function was undone: a half period of 2 (3) delta widens walls by 13 (49) per cent")
    if mean.delta < pixel / 2:
        note(f"delta is under half a pixel of {nanometres(pixel)} nm: the sampling limits it")
    if mean.delta > _REACH / 2:
        note(f"delta is over half of the {nanometres(_REACH)} nm that profiles reach: noise reads such walls narrow")


def _conventions(options: Options, pixel: float) -> dict[str, Any]:
    return {
        "pixel_size_m": pixel,
        "model": "A tanh((x - x0)/delta) + C; the full Kittel width is pi delta",
        "transfer": list(options.transfer),
        "half_window_m": _REACH,
        "average": options.average,
        "draws": options.draws,
        "seed": options.seed,
        "layer": options.layer,
        "mask": options.mask,
        "origin": "y = x = 0 is the centre of the pixel at index n//2",
    }


def _results(widths: xr.Dataset, mean: MeanWallWidth) -> dict[str, Any]:
    bad, local = _ill_conditioned(widths), widths["delta"].values
    # Narrow walls are flagged before wide ones are: without the flagged points the median would be wide.
    told = np.count_nonzero(bad) <= _UNDETERMINED * bad.size
    quantiles = np.quantile(local, [0.16, 0.5, 0.84]) if told else np.full(3, math.nan)
    errors = widths["delta_error"].values[~bad]
    errors = errors[np.isfinite(errors)]
    return {
        "delta_m": mean.delta,
        "delta_error_m": mean.error,
        "kittel_width_m": math.pi * mean.delta,
        "kittel_width_error_m": math.pi * mean.error,
        "local_median_m": quantiles[1],
        "local_16_percent_m": quantiles[0],
        "local_84_percent_m": quantiles[2],
        "local_error_median_m": float(np.median(errors)) if told and errors.size else math.nan,
        "length_m": mean.length,
        "points": int(bad.size),
        "ill_conditioned": int(np.count_nonzero(bad)),
        "without_error": int(np.isnan(widths["delta_error"].values).sum()),
    }


def table(content: dict[str, Any]) -> "RenderableType":
    """Return the table of a document of this module."""
    found, given = content["results"], content["conventions"]
    spread = f"{nanometres(found['local_16_percent_m'])} to {nanometres(found['local_84_percent_m'])}"
    rows = [
        ("delta", "mean profile of all walls", nanometres(found["delta_m"]), nanometres(found["delta_error_m"], 2)),
        (
            "pi delta",
            "full Kittel width",
            nanometres(found["kittel_width_m"]),
            nanometres(found["kittel_width_error_m"], 2),
        ),
        (
            "local delta",
            f"median; 68 % within {spread}",
            nanometres(found["local_median_m"]),
            nanometres(found["local_error_median_m"], 2),
        ),
        ("length", f"of wall; {found['points']} points", nanometres(found["length_m"]), ""),
    ]
    through = ", ".join(given["transfer"]) or "none"
    title = f"domain walls, pixel {nanometres(given['pixel_size_m'])} nm, transfer undone: {through}"
    return columns(title, ("", "", "nm", "error"), rows)


def _draw(content: dict[str, Any], image: Array, suffix: str) -> bytes:
    from reports.figure_measure import draw_walls

    return draw_walls(content, image, suffix=suffix)
