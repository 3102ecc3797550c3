"""What was found of the geometry of the projections, and what the reconstructions leave of each.

Contents: :func:`draw`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.panels import panel_grid
from reports.results import Case, Results
from reports.style import MUTED, letter, method_style, new_figure
from reports.superlattice_scored import leading, show

_SERIES: Final = ("#d0661a", "#1b8a6b", "#1f5fbf", "#8e4ec6", "#c2378a", "#8a6d1f")
_COLUMNS: Final = 3
_GAP: Final = 5.0  # degrees between two series, more than between two projections of one
_NOTHING: Final = 1e-6


def draw(results: Results) -> Figure | None:
    """Draw the errors of shifts and angles, residual and mass of every projection, and how solvers converged.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing of it is stored.
    """
    case = leading(results)
    if case is None:
        return None
    plan: list[tuple[str, Callable[[Any], None]]] = []
    if "tilt" in case.scored:
        plan += _by_tilt(case)
    told = [one for one in show(results).values() if "history" in one.scored]
    if told:
        plan.append(("error of each iteration", lambda axes: _histories(axes, told, results)))
    if not plan:
        return None
    rows = -(-len(plan) // _COLUMNS)
    figure = new_figure(11.4 if len(plan) > 1 else 6.0, 2.8 * rows + 0.3)
    panels = panel_grid(figure, rows, min(_COLUMNS, len(plan)), len(plan))
    for axes, mark, (title, paint) in zip(panels, "abcdefgh", plan, strict=False):
        paint(axes)
        letter(axes, mark, title)
    if "tilt" in case.scored:
        keys = [
            Line2D([], [], marker="o", linestyle="none", markersize=4, color=colour, label=f"{angle:.0f}\u00b0")
            for angle, colour in zip(_groups(case)[1], cycle(_SERIES), strict=False)
        ]
        keys.append(Line2D([], [], marker="x", linestyle="none", markersize=5, color=MUTED, label="left out"))
        title = f"{case.method}: in-plane angle of the series"
        figure.legend(handles=keys, title=title, loc="outside lower center", ncols=len(keys))
    return figure


def _by_tilt(case: Case) -> list[tuple[str, Callable[[Any], None]]]:
    scored = case.scored
    plan: list[tuple[str, Callable[[Any], None]]] = []
    if "shift_error" in scored:
        for axis, words in enumerate(("along y", "along x")):
            values = scored["shift_error"].values[:, axis]
            plan.append((f"shifts {words}, found less true", _points(case, values, "px", signed=True)))
    if "angle_error" in scored:
        values = np.degrees(scored["angle_error"].values)
        plan.append(("angles, error that is left", _points(case, values, "\u00b0")))
    for variable, words, unit, signed in (
        ("residual", "residual of each projection", "relative", False),
        ("mass_drift", "mass over tilt", "relative change", True),
        ("background_range", "background taken away", "optical density", False),
    ):
        if variable in scored:
            plan.append((words, _points(case, scored[variable].values, unit, signed=signed)))
    return plan


def _points(case: Case, values: np.ndarray, unit: str, *, signed: bool = False) -> Callable[[Any], None]:
    """Return what draws a value of each projection over its tilt, a colour for each series."""
    tilt = np.degrees(case.scored["tilt"].values)
    used = case.scored["used"].values.astype(bool) if "used" in case.scored else np.ones(tilt.size, bool)
    group, angles = _groups(case)

    def paint(axes: Any) -> None:
        for index, colour in zip(range(len(angles)), cycle(_SERIES), strict=False):
            for kept, mark, size in ((used, "o", 3.2), (~used, "x", 4.5)):
                chosen = (group == index) & kept
                axes.plot(tilt[chosen], values[chosen], mark, markersize=size, color=colour)
        if signed:
            axes.axhline(0.0, color=MUTED, linewidth=0.6, zorder=0)
            axes.margins(y=0.1)
        else:
            largest = float(np.nanmax(np.abs(values), initial=0.0))
            axes.set_ylim(0.0, 1.1 * largest if largest > _NOTHING else 1.0)
        axes.set_xlabel("tilt (\u00b0)")
        axes.set_ylabel(unit)

    return paint


def _groups(case: Case) -> tuple[np.ndarray, list[float]]:
    """Return the series of every projection, told apart by gaps of the in-plane angle, and the angles in degrees."""
    if "in_plane" not in case.scored:
        return np.zeros(case.scored["tilt"].size, int), [0.0]
    angle = np.degrees(case.scored["in_plane"].values) % 360.0
    order = np.argsort(angle, kind="stable")
    gaps = np.diff(angle[order], append=angle[order[0]] + 360.0)
    first = int(np.argmax(gaps)) + 1  # beyond the widest gap no series goes on
    order = np.roll(order, -first)
    number = np.concatenate([[0], np.cumsum(np.roll(gaps, -first)[:-1] > _GAP)])
    group = np.empty(angle.size, int)
    group[order] = number
    turns = [np.exp(1j * np.radians(angle[group == index])).mean() for index in range(int(number[-1]) + 1)]
    middles = np.round(np.degrees(np.angle(turns))) % 360.0
    rank = np.argsort(middles, kind="stable")
    return np.argsort(rank, kind="stable")[group], [float(middle) for middle in middles[rank]]


def _histories(axes: Any, cases: list[Case], results: Results) -> None:
    for case in cases:
        style = method_style(case.method, results.methods)
        values = np.asarray(case.scored["history"].values, float)
        axes.plot(np.arange(1, values.size + 1), values, color=style.colour, linewidth=1.5, label=case.method)
    axes.set_yscale("log")
    axes.set_xlabel("iteration")
    axes.set_ylabel("relative error")
    axes.legend(fontsize=7.5)
