"""Pictures of ``truespin measure``: each drawn from the document that is stored, and from what was measured.

Contents: :func:`draw_frc` (correlation, thresholds, crossings), :func:`draw_walls` (local width across every wall, its
distribution, the mean profile), :func:`names`, :func:`edges` and :func:`encode`, which other pictures
share. Hedgehogs are drawn by `reports.figure_measure_hedgehogs`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from reports.metrics import number
from reports.panels import NANO, colour_bar, frequency_axis, image_panel
from reports.style import INK, MUTED, context, letter, new_figure, sequential, to_png, to_svg

_THRESHOLDS = {
    "half-bit": ("#0f7f9c", (0, (5, 2))),
    "1-bit": ("#d0661a", "-"),
    "1/7": ("#8e4ec6", (0, (3, 1.5))),
    "0.5": ("#5b6b1e", (0, (1.5, 1.5))),
    "3-sigma": ("#a33b3b", (0, (6, 2, 1.5, 2))),
}
_MOST = 900  # pixels a side that a panel can show
_BINS = 40
_COARSE = 150e-9  # m; half periods above have no ticks on the upper axis


def encode(figure: Figure, suffix: str) -> bytes:
    """Encode a figure in the format of a suffix, ``.png`` or ``.svg``.

    Raises
    ------
    ValueError
        If it is another one.
    """
    if suffix not in (".png", ".svg"):
        raise ValueError(f"suffix is {suffix!r}; allowed: .png, .svg")
    with warnings.catch_warnings():
        # Names may be in a script that the font lacks; a box stands for each letter then.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        return to_png(figure) if suffix == ".png" else to_svg(figure)


def draw_frc(document: Mapping[str, Any], *, suffix: str = ".png") -> bytes:
    """Draw a correlation curve with all its thresholds, and where it crosses them.

    Parameters
    ----------
    document : mapping
        As ``truespin measure frc`` stores it.
    suffix : str
        ``.png`` or ``.svg``.

    Returns
    -------
    bytes
    """
    curve, given = document["curve"], document["conventions"]
    frequency = np.asarray(curve["frequency_per_m"], float) * 1e-6
    correlation = np.array([np.nan if value is None else value for value in curve["correlation"]], float)
    with context():
        figure = new_figure(7.6, 4.5)
        axes = figure.subplots()
        axes.axhline(0.0, color="#d5dbe1", linewidth=0.7, zorder=0)
        axes.plot(frequency, correlation, color=INK, linewidth=1.5, marker=".", markersize=4, label="correlation")
        for row in document["results"]:
            _threshold(axes, frequency, np.asarray(curve["thresholds"][row["criterion"]], float), row)
        axes.set_ylim(min(-0.08, 1.1 * float(np.nanmin(correlation))), 1.05)
        axes.set_ylabel("ring correlation" if given["dimensions"] == 2 else "shell correlation")
        if 0.5 / frequency[-1] * 1e-6 < _COARSE:
            frequency_axis(axes, float(frequency[-1]))
        else:
            axes.set_xlim(0.0, float(frequency[-1]))
            axes.set_xlabel("spatial frequency (1/\u00b5m)")
        title = f"half / full period (nm), {given['data_set']} data sets"
        axes.legend(title=title, title_fontsize=8, alignment="left", loc="upper left", bbox_to_anchor=(1.01, 1.0))
        figure.suptitle(names(document), x=0.01, ha="left", fontsize=9.5)
        return encode(figure, suffix)


def _threshold(axes: Any, frequency: np.ndarray, level: np.ndarray, row: Mapping[str, Any]) -> None:
    colour, dash = _THRESHOLDS[row["criterion"]]
    half, full, crossing = (_value(row, key) for key in ("half_period_m", "full_period_m", "frequency_per_m"))
    label = f"{row['criterion']}\u2002{number(half * NANO, 2)} / {number(full * NANO, 2)}"
    label += "" if row["crossed"] else ", limited by sampling"
    label += ", below it from the first ring on" if row["below_from_start"] else ""
    shown = level <= 1.2
    width = 2.0 if row["headline"] else 1.0
    axes.plot(frequency[shown], level[shown], color=colour, linestyle=dash, linewidth=width, label=label)
    if not (row["crossed"] and np.isfinite(crossing)):
        return
    place = crossing * 1e-6
    height = float(np.interp(place, frequency, level))
    size = 7 if row["headline"] else 5
    axes.plot(place, height, "o", color=colour, markersize=size, markeredgecolor="white", zorder=5)
    if row["headline"]:
        axes.axvline(place, color=colour, linewidth=0.8, alpha=0.6)
        low, high = (np.nan if each is None else each for each in row["half_period_interval_m"])
        if np.isfinite(low) and np.isfinite(high):
            axes.axvspan(0.5e-6 / high, 0.5e-6 / low, color=colour, alpha=0.13, linewidth=0)


def _value(row: Mapping[str, Any], key: str) -> float:
    return float("nan") if row[key] is None else float(row[key])


def names(document: Mapping[str, Any]) -> str:
    """Return the names of the files that were measured, for a picture; a question mark for what is no letter."""
    found = [PurePath(each["name"]).name + (f":{each['key']}" if each["key"] else "") for each in document["inputs"]]
    # Without the backslash, what is between two dollars would be set as a formula.
    return ", ".join(found).encode("utf-8", "replace").decode().replace("$", r"\$")


def edges(n: int, step: float) -> tuple[float, float]:
    """Return the outer edges of `n` cells of size `step`, the middle of cell ``n//2`` at zero."""
    return (-(n // 2) - 0.5) * step, (n - n // 2 - 0.5) * step


def draw_walls(document: Mapping[str, Any], image: np.ndarray, *, suffix: str = ".png") -> bytes:
    """Draw the local width of every wall as a line across it, its distribution, and the mean profile.

    A line is as long as the wall is wide, pi delta, and lies along the normal.

    Parameters
    ----------
    document : mapping
        As ``truespin measure walls`` stores it.
    image : ndarray, shape (y, x)
        What was measured.
    suffix : str
        ``.png`` or ``.svg``.

    Returns
    -------
    bytes
    """
    with context():
        ratio = image.shape[0] / image.shape[1]
        figure = new_figure(11.4, min(6.5, max(3.4, 4.9 * ratio + 0.7)))
        grid = figure.add_gridspec(2, 2, width_ratios=[1.5, 1.0])
        walls = figure.add_subplot(grid[:, 0])
        _lines(figure, walls, document, image)
        layer = document["conventions"].get("layer")
        letter(walls, "a", names(document) + ("" if layer is None else f", layer {layer}"))
        widths = figure.add_subplot(grid[0, 1])
        _widths(widths, document)
        letter(widths, "b", "local width")
        profile = figure.add_subplot(grid[1, 1])
        _profile(profile, document)
        letter(profile, "c", "mean profile of all walls")
        return encode(figure, suffix)


def _points(document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {key: np.asarray(values) for key, values in document["points"].items()}


def _good(document: Mapping[str, Any]) -> dict[str, np.ndarray]:
    points = _points(document)
    return {key: values[~points["ill_conditioned"].astype(bool)] for key, values in points.items()}


def _limits(delta: np.ndarray) -> tuple[float, float]:
    """Return the widths at the ends of the colour map, nm: 96 per cent, and at least a quarter around the median."""
    if not delta.size:
        return 0.0, 1.0
    low, middle, high = np.quantile(delta, [0.02, 0.5, 0.98])
    return float(min(low, 0.75 * middle)), float(max(high, 1.25 * middle))


def _lines(figure: Figure, axes: Any, document: Mapping[str, Any], image: np.ndarray) -> None:
    pixel = document["conventions"]["pixel_size_m"] * NANO
    ny, nx = image.shape
    extent = (*edges(nx, pixel), *edges(ny, pixel))
    thin = max(1, -(-max(image.shape) // _MOST))
    low, high = np.quantile(image, [0.01, 0.99])
    image_panel(axes, image[::thin, ::thin], extent, limits=(float(low), float(high)), colours=sequential("gray"))
    axes.images[0].set_alpha(0.55)
    points = _good(document)
    delta = points["delta"] * NANO
    centre = np.stack([points["x"], points["y"]], axis=1) * NANO
    reach = np.stack([points["normal_x"], points["normal_y"]], axis=1) * (0.5 * np.pi * delta)[:, None]
    ends = np.stack([centre - reach, centre + reach], axis=1)
    lines = LineCollection(list(ends), cmap="viridis", linewidths=1.6)
    lines.set_array(delta)
    lines.set_clim(*_limits(delta))
    axes.add_collection(lines)
    axes.set_xlim(*extent[:2])
    axes.set_ylim(*extent[2:])
    axes.set_xlabel("$x$ (nm)")
    axes.set_ylabel("$y$ (nm)")
    colour_bar(figure, lines, axes, "local wall width \u03b4 (nm); lines are \u03c0\u03b4 long")


def _widths(axes: Any, document: Mapping[str, Any]) -> None:
    found = document["results"]
    delta, good = (each["delta"] * NANO for each in (_points(document), _good(document)))
    median = _value(found, "local_median_m") * NANO
    mean, error = _value(found, "delta_m") * NANO, _value(found, "delta_error_m") * NANO
    usual = median if np.isfinite(median) else mean
    widest = max(1.6 * usual, 1.1 * float(np.quantile(good, 0.98)) if good.size else 0.0)
    bins = np.linspace(0.0, widest, _BINS + 1)
    counts, _ = np.histogram(np.clip(delta, bins[0], bins[-1]), bins)
    axes.stairs(100.0 * counts / max(delta.size, 1), bins, color="#1f5fbf", fill=True, alpha=0.35)
    text = f"mean profile\u2002{number(mean, 2)} \u00b1 {number(error, 2)}"
    axes.axvline(mean, color=INK, linewidth=1.3, label=text)
    if np.isfinite(median):
        dash = (0, (4, 3))
        axes.axvline(median, color=MUTED, linewidth=1.0, linestyle=dash, label=f"median\u2002{number(median, 2)}")
    axes.set_xlim(bins[0], bins[-1])
    axes.set_xlabel("local wall width \u03b4 (nm); last bin: all wider")
    axes.set_ylabel("share of the wall (%)")
    axes.legend(loc="upper left")


def _profile(axes: Any, document: Mapping[str, Any]) -> None:
    profile = document["profile"]
    position = np.asarray(profile["position_m"], float) * NANO
    axes.plot(position, profile["mean"], ".", color="#1f5fbf", markersize=4.5)
    fit = "tanh" if not document["conventions"]["transfer"] else "tanh seen through the transfer"
    delta = number(_value(document["results"], "delta_m") * NANO, 2)
    axes.plot(position, profile["fitted"], color=INK, linewidth=1.1, label=f"{fit}, \u03b4 {delta} nm")
    axes.axvline(0.0, color="#d5dbe1", linewidth=0.7, zorder=0)
    axes.set_xlim(float(position[0]), float(position[-1]))
    axes.set_xlabel("distance from the wall (nm)")
    axes.set_ylabel("image")
    axes.legend(loc="upper left")
