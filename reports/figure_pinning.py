"""The figures of a pinning map.

Contents: :func:`draw_map` (m_z at the defect's centre over Keff and D with contours of the wall width, its spread, and
states of some points) and :func:`draw_lines` (m_z along the two lines through the star, the width of walls).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.patheffects as effects
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from reports.panels import NANO, colour_bar, image_panel, round_length, scale_bar
from reports.style import INK, MUTED, SIGNED, letter, new_figure, sequential

_KILO, _MILLI = 1e-3, 1e3
_CONTOURS = (4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0)
_LIGHT = "#b9f5c8"
_X_LABEL, _Y_LABEL = "$D$ in the defect (mJ/m\u00b2)", "$K_\\mathrm{eff}$ in the defect (kJ/m\u00b3)"


def draw_map(study: xr.Dataset) -> Figure | None:
    """Draw the map, its spread, and the states of four points.

    Parameters
    ----------
    study : Dataset
        Content of ``study.nc``.

    Returns
    -------
    Figure or None
        None where no point of the map is done.
    """
    if "median" not in study:
        return None
    figure = new_figure(11.4, 8.2)
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.55, 1.0])
    upper, lower = halves
    axes, spread = upper.subplots(1, 2, width_ratios=[1.0, 1.0])
    examples = _examples(study)
    shown = _mesh(axes, study, study["median"].values, SIGNED, (-1.0, 1.0))
    _contours(axes, study)
    _mark(axes, study, examples)
    colour_bar(upper, shown, axes, "median $m_z$ at the centre")
    letter(axes, "a", "what the defect keeps")
    largest = float(np.nanmax(study["spread"].values))
    shown = _mesh(spread, study, study["spread"].values, sequential("viridis"), (0.0, max(largest, 1e-6)))
    _mark(spread, study, [], colour="white")
    colour_bar(upper, shown, spread, "standard deviation of $m_z$ over the starts")
    letter(spread, "b", "how much it depends on the random start")
    panels = lower.subplots(1, len(examples), squeeze=False)[0]
    for position, (mark, at) in enumerate(examples):
        shown = _state(panels[position], study, mark, at)
    colour_bar(lower, shown, panels[-1], "$m_z$")
    return figure


def _nearest(study: xr.Dataset) -> tuple[int, int]:
    row = int(np.argmin(np.abs(study["keff"].values - study.attrs["star_keff"])))
    return row, int(np.argmin(np.abs(study["dmi"].values - study.attrs["star_dmi"])))


def _examples(study: xr.Dataset) -> list[tuple[str, tuple[int, int]]]:
    """Choose the star, a lowered Keff, a raised D and both: the first points with m_z clearly lowered.

    One in between up and down is preferred: there the texture differs most from a reversed domain.
    """
    row, column = _nearest(study)
    median = study["median"].values

    def first(line: np.ndarray, order: Sequence[int]) -> int:
        between = [index for index in order if abs(line[index]) < 0.8]
        lowered = [index for index in order if line[index] < 0.8]
        return next(iter(between or lowered), order[-1])

    low = first(median[:, column], list(range(row, -1, -1)))
    high = first(median[row], list(range(column, median.shape[1])))
    middle = (column + high + 1) // 2
    both = first(median[:, middle], list(range(row, -1, -1)))
    return [("c", (row, column)), ("d", (low, column)), ("e", (row, high)), ("f", (both, middle))]


def _edges(centres: np.ndarray) -> np.ndarray:
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(([2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]))


def _mesh(axes: Any, study: xr.Dataset, values: np.ndarray, colours: Any, limits: tuple[float, float]) -> Any:
    shown = axes.pcolormesh(
        _edges(study["dmi"].values * _MILLI),
        _edges(study["keff"].values * _KILO),
        np.ma.masked_invalid(values),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,
    )
    axes.set_xlabel(_X_LABEL)
    axes.set_ylabel(_Y_LABEL)
    return shown


def _contours(axes: Any, study: xr.Dataset) -> None:
    """Draw lines of equal measured wall width, where a uniform film of that material has walls."""
    if "wall_width" not in study:
        return
    width = study["wall_width"].values * NANO
    if np.isfinite(width).sum() < 4:
        return
    levels = [level for level in _CONTOURS if np.nanmin(width) < level < np.nanmax(width)]
    if not levels:
        return
    lines = axes.contour(
        study["wall_dmi"].values * _MILLI,
        study["wall_keff"].values * _KILO,
        np.ma.masked_invalid(width),
        levels=levels,
        colors=_LIGHT,
        linewidths=1.2,
    )
    dark = [effects.withStroke(linewidth=2.4, foreground=INK)]
    lines.set_path_effects(dark)
    for label in axes.clabel(lines, fmt="\u03b4 %g nm", fontsize=7.5):
        label.set_path_effects(dark)


def _mark(axes: Any, study: xr.Dataset, examples: Sequence[tuple[str, tuple[int, int]]], colour: str = INK) -> None:
    dmi, keff = study.attrs["star_dmi"] * _MILLI, study.attrs["star_keff"] * _KILO
    axes.plot(dmi, keff, marker="*", markersize=17, color="white", markeredgecolor=INK, markeredgewidth=1.0)
    axes.axhline(0.0, color=colour, linewidth=0.7, linestyle=(0, (4, 3)), alpha=0.6)
    for mark, (row, column) in examples[1:]:
        text = axes.text(
            float(study["dmi"][column]) * _MILLI,
            float(study["keff"][row]) * _KILO,
            mark,
            ha="center",
            va="center",
            fontweight="bold",
        )
        text.set_path_effects([effects.withStroke(linewidth=2.6, foreground="white")])


def _state(axes: Any, study: xr.Dataset, mark: str, at: tuple[int, int]) -> Any:
    image = study["m_z"].values[at]
    cell = float(study.attrs["cell_size"]) * NANO
    ny, nx = image.shape
    extent = [(edge - n // 2 - 0.5) * cell for n in (nx, ny) for edge in (0, n)]
    shown = image_panel(axes, image, extent, limits=(-1.0, 1.0), colours=SIGNED)
    radius = float(study.attrs["diameter"]) * NANO / 2
    axes.add_patch(Circle((0.0, 0.0), radius, fill=False, edgecolor=INK, linewidth=1.1, linestyle=(0, (3, 2))))
    reach = min(2.6 * radius, -extent[0])
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    length = round_length(2 * reach)
    scale_bar(axes, length, f"{length:g} nm")
    axes.set_xticks([])
    axes.set_yticks([])
    values = (
        f"{float(study['keff'][at[0]]) * _KILO:.0f} kJ/m\u00b3, {float(study['dmi'][at[1]]) * _MILLI:.2f} mJ/m\u00b2"
    )
    letter(axes, mark, ("the star: " if mark == "c" else "") + values.replace("-", "\u2212"))
    return shown


def draw_lines(study: xr.Dataset) -> Figure | None:
    """Draw m_z of every start along the two lines through the star, and the measured width of walls.

    Parameters
    ----------
    study : Dataset

    Returns
    -------
    Figure or None
        None where no point of the map is done.
    """
    if "median" not in study:
        return None
    figure = new_figure(11.4, 3.7)
    walls = "wall_width" in study
    panels = figure.subplots(1, 3 if walls else 2)
    row, column = _nearest(study)
    lines = (
        ("a", "keff", study["centre"].values[:, column], _KILO, _Y_LABEL, "the film's $D$", "star_keff"),
        ("b", "dmi", study["centre"].values[row], _MILLI, _X_LABEL, "the film's $K_\\mathrm{eff}$", "star_dmi"),
    )
    for axes, (mark, name, centre, scale, label, title, star) in zip(panels, lines, strict=False):
        place = study[name].values * scale
        axes.plot(np.repeat(place, centre.shape[1]), centre.ravel(), ".", color=MUTED, markersize=5, label="each start")
        axes.plot(place, np.median(centre, axis=1), color="#1f5fbf", linewidth=1.7, label="median")
        axes.plot(place, centre.mean(axis=1), color="#d0661a", linewidth=1.3, label="mean")
        axes.axvline(study.attrs[star] * scale, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_ylim(-1.08, 1.08)
        axes.set_xlabel(label)
        axes.set_ylabel("$m_z$ at the centre")
        axes.legend(loc="lower right" if name == "keff" else "lower left")
        letter(axes, mark, title)
    if walls:
        _wall_panel(panels[2], study)
    return figure


def _wall_panel(axes: Any, study: xr.Dataset) -> None:
    keff = study["wall_keff"].values
    width, dmi = study["wall_width"].values * NANO, study["wall_dmi"].values * _MILLI
    colours = sequential("viridis")
    for column, value in enumerate(dmi):
        shade = colours(0.9 * column / max(len(dmi) - 1, 1))
        first_or_last = column in (0, len(dmi) - 1)
        axes.plot(
            keff * _KILO,
            width[:, column],
            "o-",
            color=shade,
            markersize=3.5,
            linewidth=1.1,
            label=f"$D$ {value:.2g} mJ/m\u00b2" if first_or_last else None,
        )
    axes.plot(
        keff * _KILO, study["wall_width_formula"].values * NANO, color=INK, linewidth=1.3, label="\u221a($A$/$K_u$)"
    )
    axes.axvline(study.attrs["star_keff"] * _KILO, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_xlabel("$K_\\mathrm{eff}$ of a uniform film (kJ/m\u00b3)")
    axes.set_ylabel("wall width \u03b4 (nm)")
    axes.legend(loc="upper right")
    letter(axes, "c", "wall width")
