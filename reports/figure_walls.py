"""Figure 2, part two: the domain wall, its mean profile and its width along the walls.

Contents: :func:`draw`, and :func:`profile_panel`, which the overview uses too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.metrics import number
from reports.panels import NANO, Window, colour_bar, magnetization_panel
from reports.results import CONTROLS, Case, Results
from reports.style import INK, letter, method_style, new_figure, sequential

_BINS = 40


def draw(results: Results) -> Figure | None:
    """Draw the walls on the leading method's image, the mean profiles with their fits, and the local widths.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no profile was stored.
    """
    cases = [case for method, case in results.gallery().items() if _shown(method) and "profile_mean" in case.scored]
    if not cases:
        return None
    lead = next((case for case in cases if case.method == results.lead), cases[-1])
    mapped = "wall_delta" in lead.scored and lead.scored["wall_delta"].size > 0
    figure = new_figure(11.4, 3.9)
    panels = figure.subplots(1, 3 if mapped else 2, width_ratios=[1.0, 1.15, 0.95] if mapped else [1.0, 1.2])
    if mapped:
        _wall_map(figure, panels[0], lead, results)
    else:
        colour_bar(
            figure, magnetization_panel(panels[0], Window.of(lead.scored), lead.scored["m_z"]), panels[0], "$m_z$"
        )
    letter(panels[0], "a", f"walls, {lead.method}")
    profile_panel(panels[1], cases, results)
    letter(panels[1], "b", "mean wall profile")
    if mapped:
        _widths(panels[2], cases, results)
        letter(panels[2], "c", "width along the walls")
    return figure


def _shown(method: str) -> bool:
    return method not in CONTROLS or method == "ceiling"


def profile_panel(axes: Any, cases: Sequence[Case], results: Results, *, legend: bool = True) -> None:
    """Draw mean wall profiles as dots, their tanh fits as lines, and the truth's.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    cases : sequence of Case
        Cases with profiles.
    results : Results
    legend : bool
        Whether the widths are printed in a legend.
    """
    first = cases[0].scored
    truth = results.truth("wall_width")
    if "profile_truth" in first:
        delta = float(first["profile_truth"].attrs.get("delta", truth.mean if truth else np.nan)) * NANO
        axes.plot(
            _position(cases[0]),
            first["profile_truth"],
            color=INK,
            linewidth=1.4,
            label=f"truth\u2002{number(delta, 2)}",
        )
    for case in cases:
        style = method_style(case.method, results.methods)
        position = _position(case)
        delta = float(case.scored["profile_mean"].attrs.get("delta", np.nan)) * NANO
        label = f"{case.method}\u2002{number(delta, 2)}"
        mean = case.scored["profile_mean"].values
        if case.method in CONTROLS:
            axes.plot(position, mean, color=style.colour, linestyle=style.dash, linewidth=style.width, label=label)
            continue
        axes.plot(position, mean, ".", color=style.colour, markersize=4.5, label=label)
        if "profile_fit" in case.scored:
            axes.plot(position, case.scored["profile_fit"], color=style.colour, linewidth=1.1)
    reach = min(40.0, float(np.abs(_position(cases[0])).max()))
    axes.set_xlim(-reach, reach)
    axes.set_xlabel("distance from the wall (nm)")
    axes.set_ylabel("$m_z$")
    axes.axhline(0.0, color="#d5dbe1", linewidth=0.7, zorder=0)
    axes.axvline(0.0, color="#d5dbe1", linewidth=0.7, zorder=0)
    if legend:
        axes.legend(title="\u03b4 (nm)", title_fontsize=8, alignment="left", loc="upper left")


def _position(case: Case) -> np.ndarray:
    return np.asarray(case.scored["profile_position"].values, dtype=float) * NANO


def _wall_map(figure: Figure, axes: Any, case: Case, results: Results) -> None:
    scored = case.scored
    window = Window.of(scored)
    magnetization_panel(axes, window, scored["m_z"])
    axes.images[0].set_alpha(0.45)
    offset = [float(scored[name].values[0] + scored[name].values[-1]) / 2 for name in ("wx", "wy")]
    width = np.asarray(scored["wall_delta"].values, dtype=float) * NANO
    centre = results.truth("wall_width")
    middle = centre.mean * NANO if centre is not None and centre.count else float(np.nanmedian(width))
    shown = axes.scatter(
        (scored["wall_x"].values - offset[0]) * NANO,
        (scored["wall_y"].values - offset[1]) * NANO,
        c=width,
        s=7,
        cmap=sequential("viridis"),
        vmin=0.5 * middle,
        vmax=1.5 * middle,
        linewidths=0,
    )
    bar = colour_bar(figure, shown, axes, "local wall width \u03b4 (nm)")
    bar.ax.axhline(middle, color="white", linewidth=1.6)


def _widths(axes: Any, cases: Sequence[Case], results: Results) -> None:
    """Draw histograms of the local widths."""
    mapped = [case for case in cases if "wall_delta" in case.scored and case.scored["wall_delta"].size]
    truth = results.truth("wall_width")
    middle = truth.mean * NANO if truth is not None and truth.count else 5.0
    edges = np.linspace(0.0, 3.0 * middle, _BINS + 1)
    for case in mapped:
        style = method_style(case.method, results.methods)
        values = np.asarray(case.scored["wall_delta"].values, dtype=float) * NANO
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(
            100.0 * counts / values.size,
            edges,
            color=style.colour,
            linestyle=style.dash,
            linewidth=1.5,
            label=case.method,
        )
    axes.axvline(middle, color=INK, linewidth=1.2, label=f"truth\u2002{number(middle, 2)}")
    axes.set_xlabel("local wall width \u03b4 (nm)")
    axes.set_ylabel("share of the wall (%)")
    axes.set_xlim(edges[0], edges[-1])
    axes.legend()
