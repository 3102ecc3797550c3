"""Figure 2, part one: the heterodyne term and how fine the images are.

Contents: :func:`draw`. Panels appear where their curves were stored: maps of the heterodyne term, its radial averages,
Fourier ring correlation with the truth and between half sets, phase retrieval transfer function, power spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.metrics import number
from reports.panels import colour_bar, frequency_axis, image_panel, panel_grid
from reports.results import CONTROLS, Case, Results
from reports.style import INK, MUTED, letter, method_style, new_figure, sequential

_MICRO = 1e-6
_FLOOR = math.exp(-1.0)
_Panel = Callable[[Any, Results], str]
_THRESHOLDS: dict[str, tuple[str, Any]] = {
    "threshold_1bit": ("1-bit threshold", (0, (4, 2))),
    "threshold_half_bit": ("half-bit threshold", (0, (1, 1.5))),
}


def draw(results: Results) -> Figure | None:
    """Draw the heterodyne term, the correlations and the spectra of the shown cell.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no curve was stored.
    """
    panels = [panel for panel, variable in _PANELS if _having(results, variable)]
    maps = _lead(results, "heterodyne_map_with") if _having(results, "heterodyne_map_with") else None
    if not panels:
        return None
    columns = 3 if len(panels) > 4 else 2
    rows = math.ceil(len(panels) / columns)
    height = rows * (3.6 if columns == 2 else 3.3)
    figure = new_figure(11.4, height + (4.4 if maps else 0.0))
    lower: Any = figure
    if maps:
        halves: Any = figure.subfigures(2, 1, height_ratios=[4.4, height])
        lower = halves[1]
        _maps(halves[0], maps)
    axes = panel_grid(lower, rows, columns, len(panels))
    for position, panel in enumerate(panels):
        title = panel(axes[position], results)
        letter(axes[position], chr(ord("c" if maps else "a") + position), title)
    _common_legend(lower, results)
    return figure


def _common_legend(part: Any, results: Results) -> None:
    """Explain the colours of all panels in one line below them."""
    names = [*results.gallery(), "truth"]
    styles = [method_style(name, results.methods) for name in names]
    handles = [Line2D([], [], color=s.colour, linestyle=s.dash, linewidth=s.width) for s in styles]
    for name, dash in _THRESHOLDS.values():
        handles.append(Line2D([], [], color=MUTED, linestyle=dash, linewidth=1.1))
        names.append(name)
    part.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, handlelength=2.4)


def _having(results: Results, variable: str) -> list[Case]:
    return [case for case in results.gallery().values() if variable in case.scored]


def _curve(case: Case, variable: str) -> tuple[np.ndarray, np.ndarray]:
    """Give a curve over frequency in 1/um."""
    array = case.scored[variable]
    frequency = np.asarray(case.scored[str(array.dims[0])].values, dtype=float) * _MICRO
    return frequency, np.asarray(array.values, dtype=float)


def _lead(results: Results, variable: str) -> Case:
    cases = _having(results, variable)
    return next((case for case in cases if case.method == results.lead), cases[-1])


def _maps(part: Any, case: Case) -> None:
    """Draw the absolute heterodyne term with and without the references, on one logarithmic scale."""
    axes = part.subplots(1, 2)
    images = [np.abs(np.asarray(case.scored[f"heterodyne_map_{name}"].values, dtype=float)) for name in _WITH]
    top = math.ceil(math.log10(max(float(np.nanmax(image)) for image in images) or 1.0))
    edge = 0.5 / float(case.scored.attrs["pixel_size"]) * _MICRO
    shown = None
    for position, (name, image) in enumerate(zip(_WITH, images, strict=True)):
        with np.errstate(divide="ignore"):
            values = np.log10(np.maximum(image, 10.0 ** (top - 7)))
        limits = (top - 6.0, float(top))
        panel = axes[position]
        shown = image_panel(panel, values, (-edge, edge, -edge, edge), limits=limits, colours=sequential("magma"))
        panel.set_xlabel("$f_x$ (1/\u00b5m)")
        panel.set_ylabel("$f_y$ (1/\u00b5m)")
        letter(panel, "ab"[position], f"heterodyne term {name} references, {case.method}")
    colour_bar(part, shown, axes[1], "log\u2081\u2080 |2 Re(\u03a8c* \u03a8m)| (photons)")


_WITH = ("with", "without")


def _heterodyne(axes: Any, results: Results) -> str:
    case = _lead(results, "heterodyne_with")
    style = method_style(case.method, results.methods)
    for name, dash in zip(_WITH, ("-", (0, (4, 2))), strict=True):
        frequency, values = _curve(case, f"heterodyne_{name}")
        axes.plot(frequency, values, color=style.colour, linestyle=dash, linewidth=1.8, label=f"{name} references")
        if f"heterodyne_truth_{name}" in case.scored:
            truth = _curve(case, f"heterodyne_truth_{name}")
            axes.plot(*truth, color=INK, linestyle=dash, linewidth=1.0)
    axes.set_yscale("log")
    axes.set_ylabel("ring mean of |2 Re(\u03a8c* \u03a8m)| (photons)")
    frequency_axis(axes, float(frequency[-1]))
    axes.legend(title=f"{case.method}; thin: truth", title_fontsize=8, alignment="left", loc="upper right")
    gain, truth_gain = (results.value(case, f"heterodyne_gain{end}") for end in ("", ".truth"))
    if math.isfinite(gain):
        text = f"gain at the edge {number(gain, 1)}"
        text += f"\n(truth {number(truth_gain, 1)})" if math.isfinite(truth_gain) else ""
        axes.text(0.03, 0.05, text, transform=axes.transAxes, fontsize=8.5, color=INK)
    return "heterodyne term, radial average"


def _correlation_axes(axes: Any, limit: float) -> None:
    axes.set_ylim(-0.12, 1.06)
    axes.axhline(0.0, color="#c9d0d7", linewidth=0.8, zorder=0)
    axes.set_ylabel("correlation")
    frequency_axis(axes, limit)


def _frc(axes: Any, results: Results, variable: str) -> None:
    """Draw a correlation of every method with both thresholds and the stored crossings."""
    cases = _having(results, variable)
    limit = max(float(_curve(case, variable)[0][-1]) for case in cases)
    for name, (_, dash) in _THRESHOLDS.items():
        if name in cases[0].scored:
            axes.plot(*_curve(cases[0], name), color=MUTED, linestyle=dash, linewidth=1.1)
    for case in cases:
        style = method_style(case.method, results.methods)
        half = results.value(case, f"{variable}.half_period")
        known = math.isfinite(half) and case.method not in CONTROLS
        label = f"{case.method}\u2002{number(half * 1e9, 2)} / {number(half * 2e9, 2)}" if known else None
        frequency, values = _curve(case, variable)
        axes.plot(frequency, values, color=style.colour, linestyle=style.dash, linewidth=style.width, label=label)
        if known:
            crossing = 0.5 / half * _MICRO
            height = float(np.interp(crossing, frequency, values))
            axes.plot(crossing, height, "o", color=style.colour, markersize=6, markeredgecolor="white", zorder=5)
    _correlation_axes(axes, limit)
    _period_legend(axes)


def _period_legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(title="half / full period (nm)", title_fontsize=8, alignment="left", loc="lower left", fontsize=7.5)


def _frc_truth(axes: Any, results: Results) -> str:
    _frc(axes, results, "frc_truth")
    return "correlation with the truth"


def _frc_halves(axes: Any, results: Results) -> str:
    _frc(axes, results, "frc_halves")
    return "correlation of two half sets"


def _prtf(axes: Any, results: Results) -> str:
    limit = 0.0
    for case in _having(results, "prtf"):
        style = method_style(case.method, results.methods)
        frequency, values = _curve(case, "prtf")
        half = results.value(case, "prtf.half_period")
        label = f"{case.method}\u2002{number(half * 1e9, 2)} / {number(half * 2e9, 2)}" if math.isfinite(half) else None
        axes.plot(frequency, values, color=style.colour, linestyle=style.dash, linewidth=style.width, label=label)
        limit = max(limit, float(frequency[-1]))
    axes.axhline(_FLOOR, color=MUTED, linestyle=(0, (4, 2)), linewidth=1.1)
    axes.text(0.99 * limit, _FLOOR + 0.02, "1/e", color=MUTED, fontsize=8, ha="right")
    _correlation_axes(axes, limit)
    axes.set_ylabel("PRTF")
    _period_legend(axes)
    return "phase retrieval transfer function"


def _spectrum(axes: Any, results: Results) -> str:
    limit = 0.0
    cases = _having(results, "psd")
    for case in cases:
        style = method_style(case.method, results.methods)
        frequency, values = _curve(case, "psd")
        axes.plot(frequency, values * 1e18, color=style.colour, linestyle=style.dash, linewidth=style.width)
        limit = max(limit, float(frequency[-1]))
    if "psd_truth" in cases[0].scored:
        frequency, values = _curve(cases[0], "psd_truth")
        axes.plot(frequency, values * 1e18, color=INK, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_ylabel("power of $m_z$ (nm\u00b2)")
    frequency_axis(axes, limit)
    return "power spectrum of $m_z$"


_PANELS: tuple[tuple[_Panel, str], ...] = (
    (_heterodyne, "heterodyne_with"),
    (_frc_truth, "frc_truth"),
    (_frc_halves, "frc_halves"),
    (_prtf, "prtf"),
    (_spectrum, "psd"),
)
