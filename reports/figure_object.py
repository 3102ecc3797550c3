"""Images of a ptychographic reconstruction: amplitude, phase, what is magnetic, and how far each is off.

Contents: :func:`draw_overview` (truth beside the leading method), :func:`draw_objects` (every method),
:func:`draw_magnetic`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from reports.metrics import number
from reports.panels import NANO, colour_bar, image_panel, round_length, scale_bar, signed_limit
from reports.results import Case, Results
from reports.style import SIGNED, letter, new_figure, sequential

_GREY, _PHASE, _ERROR = "gray", "twilight_shifted", "magma"
_MOST = 5  # columns, the truth's among them
_LEAST_PHASE = 0.05  # rad, of the colours: at an absorption edge the phase of a magnet may vanish


def draw_overview(results: Results) -> Figure | None:
    """Draw phase and magnetic image of the truth and of the leading method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    case = results.gallery().get(results.lead)
    if case is None:
        return None
    scored, magnetic = case.scored, "magnetic" in case.scored
    figure = new_figure(11.4 if magnetic else 6.0, 3.05)
    panels = figure.subplots(1, 4 if magnetic else 2, squeeze=False)[0]
    limit = _phase_limit(scored)
    for axes, name, title in ((panels[0], "truth_object", "truth"), (panels[1], "object", case.method)):
        shown = _panel(axes, scored, _phase(scored[name].values), (-limit, limit), _PHASE)
        letter(axes, "", f"phase, {title}")
    colour_bar(figure, shown, panels[1], "phase (rad)")
    if magnetic:
        limit = signed_limit(scored["truth_magnetic"].values[_mask(scored)])
        for axes, name, title in (
            (panels[2], "truth_magnetic", "truth"),
            (panels[3], "magnetic", _headed(case, results)),
        ):
            shown = _panel(axes, scored, scored[name].values, (-limit, limit), SIGNED)
            letter(axes, "", f"magnetic, {title}")
        colour_bar(figure, shown, panels[3], "half OD difference")
    return figure


def draw_objects(results: Results) -> Figure | None:
    """Draw amplitude, phase and error of the object as each method gives it, beside the truth.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    cases = _shown(results)
    if not cases:
        return None
    first = cases[0].scored
    truth = first["truth_object"].values
    amplitude = np.abs(truth)[_mask(first)]
    low, high = (float(v) for v in np.percentile(amplitude, (0.5, 99.5)))
    limit = _phase_limit(first)
    worst = 0.25 * float(np.sqrt(np.mean(amplitude**2)))
    rows: tuple[tuple[str, Callable[[Any], Any], tuple[float, float], str], ...] = (
        ("amplitude", np.abs, (low, high), _GREY),
        ("phase (rad)", _phase, (-limit, limit), _PHASE),
        ("|error|", lambda values: np.abs(values - truth), (0.0, worst), _ERROR),
    )
    columns = len(cases) + 1
    figure = new_figure(11.4, 0.4 + 3 * 10.6 / max(columns, 3))
    panels = figure.subplots(3, columns, squeeze=False)
    for row, (label, picture, limits, colours) in enumerate(rows):
        for column, (name, scored, variable) in enumerate(_columns(cases, "object")):
            axes = panels[row, column]
            if row == 2 and column == 0:
                axes.set_visible(False)
                continue
            shown = _panel(axes, scored, picture(scored[variable].values), limits, colours, outer=column == 0)
            letter(axes, "", name if row == 0 else "")
        colour_bar(figure, shown, panels[row, -1], label)
    return figure


def draw_magnetic(results: Results) -> Figure | None:
    """Draw the magnetic image as each method gives it, and its difference from the truth.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where there are no two helicities.
    """
    cases = [case for case in _shown(results) if "magnetic" in case.scored]
    if not cases:
        return None
    first = cases[0].scored
    truth = first["truth_magnetic"].values
    limit = signed_limit(truth[_mask(first)])
    columns = len(cases) + 1
    figure = new_figure(11.4, 0.4 + 2 * 10.6 / max(columns, 3))
    panels = figure.subplots(2, columns, squeeze=False)
    for column, (name, scored, variable) in enumerate(_columns(cases, "magnetic")):
        values = scored[variable].values
        shown = _panel(panels[0, column], scored, values, (-limit, limit), SIGNED, outer=column == 0)
        letter(panels[0, column], "", name if column == 0 else _headed(cases[column - 1], results))
        if column == 0:
            panels[1, 0].set_visible(False)
            continue
        _panel(panels[1, column], scored, values - truth, (-limit, limit), SIGNED, outer=column == 1)
        letter(panels[1, column], "", "difference")
    for row in range(2):
        colour_bar(figure, shown, panels[row, -1], "half OD difference")
    return figure


def _shown(results: Results) -> list[Case]:
    gallery = results.gallery()
    methods = list((results.compared() or gallery).values())
    lead = gallery.get(results.lead)
    kept = methods[: _MOST - 1]
    if lead is not None and lead not in kept and lead in methods:
        kept[-1] = lead
    return kept


def _columns(cases: list[Case], variable: str) -> list[tuple[str, xr.Dataset, str]]:
    return [("truth", cases[0].scored, f"truth_{variable}"), *((case.method, case.scored, variable) for case in cases)]


def _headed(case: Case, results: Results) -> str:
    half = results.value(case, "magnetic.frc_truth.half_period")
    return case.method if half != half else f"{case.method}\u2003{number(half * 1e9, 1)} nm"


def _mask(scored: xr.Dataset) -> np.ndarray:
    return np.asarray(scored["score_mask"].values, dtype=bool)


def _phase(values: Any) -> np.ndarray:
    """Return the phase against that of the mean."""
    return np.asarray(np.angle(values * np.conj(np.mean(values))))


def _phase_limit(scored: xr.Dataset) -> float:
    """Return the limit of the colours: that of the truth, unless it has next to no phase."""
    return max(signed_limit(_phase(scored["truth_object"].values)[_mask(scored)]), _LEAST_PHASE)


def _panel(
    axes: Any,
    scored: xr.Dataset,
    values: np.ndarray,
    limits: tuple[float, float],
    colours: Any,
    *,
    outer: bool = True,
) -> Any:
    """Draw the scored box of an image with a scale bar."""
    mask = _mask(scored)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.asarray(values)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = scored["wy"].values[rows] * NANO, scored["wx"].values[columns] * NANO
    half = (x[1] - x[0]) / 2 if len(x) > 1 else 0.5
    extent = (x[0] - half, x[-1] + half, y[0] - half, y[-1] + half)
    chosen = sequential(colours) if isinstance(colours, str) else colours
    shown = image_panel(axes, box, extent, limits=limits, colours=chosen)
    length = round_length(extent[1] - extent[0])
    scale_bar(axes, length, f"{length:g} nm")
    axes.tick_params(labelleft=False, labelbottom=False, length=0)
    if outer:
        axes.set_ylabel("")
    return shown
