"""Resolution and wall width against the photons.

Contents: :func:`draw_curves` (both against the dose, all methods), :func:`draw_patches` (the same patch at every dose)
and :func:`draw_correlations` (the correlation with the truth by dose).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.metrics import number, plain
from reports.panels import (
    NANO,
    Window,
    colour_bar,
    frequency_axis,
    magnetization_panel,
    panel_grid,
    round_length,
    scale_bar,
)
from reports.results import CONTROLS, Case
from reports.series import SeriesResults
from reports.style import INK, letter, method_style, new_figure, sequential

_TRUTH, _HALVES = "frc_truth.half_period", "frc_halves.half_period"
_ZOOM = 0.36
_HIGH = 3.0  # times the worst resolution of a method; what lies above is named, not drawn
_WIDEST = 4.0  # of a wall's width over the truth's, what the axis shows at most
_TICKS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 500)


def draw_curves(results: SeriesResults) -> Figure | None:
    """Draw resolution and wall width of every method against the photons, with their spread over seeds and draws.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where no dose has a resolution.
    """
    if not any(np.isfinite(_series(results, method, _TRUTH)[1]).any() for method in results.pool.methods):
        return None
    figure = new_figure(11.4, 3.9)
    resolution, width = figure.subplots(1, 2)
    _resolutions(resolution, results)
    letter(resolution, "a", "resolution")
    _widths(width, results)
    letter(width, "b", "wall width")
    handles, labels = resolution.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    return figure


def _series(results: SeriesResults, method: str, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give doses, means and standard deviations of a length (nm) of a method."""
    dose = np.array([float(point["photons"]) for point in results.points])
    return dose, *results.along(method, metric, NANO)


def _line(axes: Any, results: SeriesResults, method: str, metric: str, **look: Any) -> None:
    dose, mean, deviation = _series(results, method, metric)
    shown = np.isfinite(mean)
    if not shown.any():
        return
    style = method_style(method, results.pool.methods)
    control = method in CONTROLS
    given = {
        "color": style.colour,
        "linestyle": style.dash,
        "linewidth": style.width,
        "marker": "" if control else "o",
        "markersize": 5,
    }
    line = {**given, **look}
    axes.errorbar(dose[shown], mean[shown], yerr=deviation[shown] if deviation.any() else None, elinewidth=1.0, **line)


def _resolutions(axes: Any, results: SeriesResults) -> None:
    highest = _highest(results)
    for method in results.pool.methods:
        lowest = np.nanmin(_series(results, method, _TRUTH)[1], initial=np.inf)
        if method in results.tried or lowest <= _HIGH * highest:
            _line(axes, results, method, _TRUTH, label=method)
        elif np.isfinite(lowest):
            axes.plot([], [], " ", label=f"{method}: {number(lowest, 0)} nm")
    for method in results.tried:
        look = {"linestyle": (0, (2, 1.5)), "markerfacecolor": "white", "linewidth": 1.2}
        _line(axes, results, method, _HALVES, label=f"{method}, half sets", **look)
    edge = _edge(results)
    if np.isfinite(edge):
        axes.axhline(edge, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
        text = f"edge of the band, {number(edge, 1)} nm"
        _below(axes, edge, text)
    axes.set_yscale("log")
    _lengths(axes)
    _dose_axis(axes, results)
    axes.set_ylabel("half period (nm)")


def _highest(results: SeriesResults) -> float:
    """Give the worst resolution of the methods that are no controls, nm; infinite without any."""
    found = [_series(results, method, _TRUTH)[1] for method in results.tried]
    values = np.concatenate(found) if found else np.empty(0)
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else np.inf


def _below(axes: Any, height: float, text: str) -> None:
    """Write under a line at `height`, clear of what lies on it."""
    place = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "fontsize": 8}
    axes.annotate(text, (0.02, height), (0, -6), ha="left", va="top", **place)


def _lengths(axes: Any) -> None:
    """Put ticks at round lengths on a logarithmic axis."""
    low, high = axes.get_ylim()
    low, high = 0.7 * low, 1.1 * high
    axes.set_yticks([tick for tick in _TICKS if low <= tick <= high])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_ylim(low, high)


def _dose_axis(axes: Any, results: SeriesResults) -> None:
    axes.set_xscale("log")
    dose = [float(point["photons"]) for point in results.points]
    axes.set_xticks(dose, labels=[plain(value) for value in dose])
    axes.minorticks_off()
    axes.set_xlabel("detected photons per helicity")


def _edge(results: SeriesResults) -> float:
    """Give the half period at the edge of the detector's band, nm."""
    case = results.shown
    return float(0.5 / case.scored["frequency"].values[-1]) * NANO if case is not None else np.nan


def _widths(axes: Any, results: SeriesResults) -> None:
    for method in results.pool.methods:
        if method != "floor":
            _line(axes, results, method, "wall_width")
    _, truth, _ = _series(results, "truth", "wall_width")
    finite = truth[np.isfinite(truth)]
    if finite.size:
        right = float(finite.mean())
        axes.axhline(right, color=INK, linewidth=1.3)
        text = f"truth, {number(right, 2)} nm"
        _below(axes, right, text)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.8 * right), min(_WIDEST * right, max(high, 1.3 * right)))
    _dose_axis(axes, results)
    axes.set_ylabel("wall width \u03b4 (nm)")


def draw_patches(results: SeriesResults) -> Figure | None:
    """Draw the same patch of every method's image at every dose, beside the truth.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where no method has images of several doses.
    """
    cases = _cases(results)
    if not cases:
        return None
    doses = [float(point["photons"]) for point in results.points]
    count = len(doses) + 1
    figure = new_figure(11.4, 0.75 + len(cases) * 10.9 / count)
    axes = figure.subplots(len(cases), count, squeeze=False)
    for place, (row, case) in enumerate(zip(axes, cases, strict=True)):
        own = dict(zip(case.scored["photons"].values.tolist(), case.scored["images"].values, strict=True))
        window = Window.of(case.scored.assign(visible=case.scored["score_mask"].astype(float)))
        for panel, dose in zip(row, doses, strict=False):
            if dose in own:
                shown = _patch(panel, window, own[dose])
            else:
                panel.set_axis_off()
            letter(panel, "", "" if place else plain(dose))
        _patch(row[-1], window, case.scored["truth_m_z"].values)
        letter(row[-1], "", "" if place else "truth")
        row[0].set_ylabel(case.method)
        colour_bar(figure, shown, row[-1], "$m_z$")
    return figure


def _patch(axes: Any, window: Window, image: np.ndarray) -> Any:
    """Draw the middle of an image without axes."""
    shown = magnetization_panel(axes, window, image, outer=False)
    for part in (*axes.patches, *axes.texts):
        part.remove()
    left, right = axes.get_xlim()
    half = _ZOOM * (right - left) / 2
    axes.set(xlim=(-half, half), ylim=(-half, half), xticks=[], yticks=[], xlabel="")
    length = round_length(2 * half)
    scale_bar(axes, length, f"{length:g} nm")
    return shown


def _cases(results: SeriesResults) -> list[Case]:
    """Give the cases of the figures that are no controls."""
    return list(results.pool.compared().values())


def draw_correlations(results: SeriesResults) -> Figure | None:
    """Draw the correlation with the truth at every dose, a panel for each method.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where no method has curves.
    """
    cases = _cases(results)
    if not cases:
        return None
    columns = min(3, len(cases))
    rows = -(-len(cases) // columns)
    figure = new_figure(11.4 if columns > 1 else 7.6, 0.3 + 3.6 * rows)
    axes = panel_grid(figure, rows, columns, len(cases))
    doses = np.array([float(point["photons"]) for point in results.points])
    colour = _shades(doses)
    for index, (panel, case) in enumerate(zip(axes, cases, strict=False)):
        _correlations(panel, case, colour)
        letter(panel, chr(ord("a") + index) if len(cases) > 1 else "", case.method)
    handles = [Line2D([], [], color=colour(dose), linewidth=1.8, label=plain(dose)) for dose in doses]
    handles.append(Line2D([], [], color=INK, linewidth=1.0, linestyle=(0, (4, 3)), label="1-bit threshold"))
    figure.legend(handles=handles, loc="outside right upper", title="photons", alignment="left")
    return figure


def _shades(doses: np.ndarray) -> Callable[[float], Any]:
    """Give a colour for each dose: dark to light from few to many photons."""
    colours = sequential("viridis")
    last = max(len(doses) - 1, 1)
    return lambda dose: colours(0.9 * float(np.searchsorted(doses, dose)) / last)


def _correlations(axes: Any, case: Case, colour: Callable[[float], Any]) -> None:
    scored = case.scored
    frequency = scored["frequency"].values * 1e-6
    threshold = scored["threshold_1bit"].values
    axes.plot(frequency, threshold, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    for dose, curve, half in zip(
        scored["photons"].values, scored["frc_truth"].values, scored[_TRUTH].values, strict=True
    ):
        axes.plot(frequency, curve, color=colour(float(dose)), linewidth=1.5)
        crossing = 0.5e-6 / half if half > 0 else np.nan
        if np.isfinite(crossing):
            height = float(np.interp(crossing, frequency, threshold))
            axes.plot(crossing, height, "o", color=colour(float(dose)), markeredgecolor="white", markersize=6, zorder=5)
    axes.axhline(0.0, color="#d5dbe1", linewidth=0.7, zorder=0)
    axes.set_ylim(-0.12, 1.05)
    axes.set_ylabel("ring correlation with the truth")
    frequency_axis(axes, float(frequency[-1]))
