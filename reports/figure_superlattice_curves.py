"""How fine a vector volume is: shell correlations of the charge, of each component, in cones, and the signal's power.

Contents: :func:`draw_charge` (charge, cones, power), :func:`draw_components` (m_x, m_y, m_z).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from reports.panels import frequency_axis
from reports.results import CONTROLS, Case, Results
from reports.style import INK, MUTED, letter, method_style, new_figure
from reports.superlattice_scored import leading, show

_MICRO: Final = 1e-6
_SEVENTH: Final = 1 / 7
_LEAST_SIGNAL: Final = 0.01  # of the noise, which is not known better
AXIS_COLOURS: Final = {"x": "#d0661a", "y": "#1b8a6b", "z": "#1f5fbf"}


def draw_charge(results: Results) -> Figure | None:
    """Draw the correlations of the charge, those in cones of the leading method, and the power of the signal.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no curve is stored.
    """
    cases, lead = show(results), leading(results)
    charge = [case for case in cases.values() if _has(case, "fsc_truth", "fsc")]
    cones = lead if lead is not None and _has(lead, "fsc_truth_cone", "fsc_cone") else None
    power = next((case for case in cases.values() if "signal_density" in case.scored), None)
    count = bool(charge) + (cones is not None) + (power is not None)
    if not count:
        return None
    figure = new_figure(11.4 if count > 1 else 6.0, 4.2)
    panels, marks = iter(figure.subplots(1, count, squeeze=False)[0]), iter("abc")
    if charge:
        axes = next(panels)
        letter(axes, next(marks), "charge")
        _methods(axes, charge, results, ("fsc_truth", "fsc"), None)
        axes.set_ylabel("shell correlation (dotted: halves)")
        _methods_legend(figure, axes)
    if cones is not None:
        axes = next(panels)
        letter(axes, next(marks), f"{cones.method}, in cones")
        _cones(axes, cones)
    if power is not None:
        axes = next(panels)
        letter(axes, next(marks), "power of the magnetic signal")
        _power(axes, power)
    return figure


def draw_components(results: Results) -> Figure | None:
    """Draw the correlation of every component of the magnetization with the truth, and of halves.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no curve is stored.
    """
    cases = [case for case in show(results).values() if _has(case, "fsc_truth_component", "fsc_component")]
    if not cases:
        return None
    figure = new_figure(11.4, 4.2)
    panels = figure.subplots(1, 3, sharey=True)
    for index, (axes, mark) in enumerate(zip(panels, "abc", strict=True)):
        _methods(axes, cases, results, ("fsc_truth_component", "fsc_component"), index)
        letter(axes, mark, f"$m_{'xyz'[index]}$")
    panels[0].set_ylabel("shell correlation (dotted: halves)")
    _methods_legend(figure, panels[0])
    return figure


def _has(case: Case, *names: str) -> bool:
    return any(name in case.scored and np.isfinite(case.scored[name].values).any() for name in names)


def _methods(axes: Any, cases: Sequence[Case], results: Results, names: tuple[str, str], index: int | None) -> None:
    limit = 0.0
    for case in cases:
        style = method_style(case.method, results.methods)
        frequency = _MICRO * case.scored["frequency"].values
        limit = max(limit, float(frequency[-1]))
        label: str | None = case.method
        for name, dash in zip(names, (style.dash, ":"), strict=True):
            if not _has(case, name) or (dash == ":" and case.method in CONTROLS):
                continue
            values = case.scored[name].values
            line = values if index is None else values[index]
            axes.plot(frequency, line, color=style.colour, linestyle=dash, linewidth=1.4, label=label)
            label = None
    _threshold(axes, limit)


def _methods_legend(figure: Any, axes: Any) -> None:
    """Name the methods below all panels: curves fill every corner of theirs."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5), fontsize=7.5, frameon=False)


def _threshold(axes: Any, limit: float) -> None:
    axes.axhline(_SEVENTH, color=INK, linewidth=0.8)
    axes.text(0.012 * limit, _SEVENTH + 0.012, "1/7", fontsize=7.5, color=INK, va="bottom")
    axes.set_ylim(-0.05, 1.05)
    frequency_axis(axes, limit)


def _cones(axes: Any, case: Case) -> None:
    frequency = _MICRO * case.scored["frequency"].values
    for index, (name, colour) in enumerate(AXIS_COLOURS.items()):
        label: str | None = f"about {name}"
        for variable, dash in (("fsc_truth_cone", "-"), ("fsc_cone", ":")):
            if _has(case, variable):
                line = case.scored[variable].values[index]
                axes.plot(frequency, line, color=colour, linestyle=dash, linewidth=1.4, label=label)
                label = None
    _threshold(axes, float(frequency[-1]))
    axes.legend(loc="lower left", bbox_to_anchor=(0.01, 0.225), fontsize=7.5)


def _power(axes: Any, case: Case) -> None:
    """Draw what the difference has above its noise, and the noise; the mean of images was taken away."""
    frequency = _MICRO * case.scored["signal_frequency"].values
    of_frames = case.scored["signal_density"].attrs["units"] == "photon2"
    power, noise = ((1 if of_frames else 1e18) * case.scored[f"{name}_density"].values for name in ("signal", "noise"))
    signal = np.where(power - noise > _LEAST_SIGNAL * noise, power - noise, np.nan)
    for values, label, colour in ((signal, "signal", "#1f5fbf"), (noise, "noise", MUTED)):
        axes.plot(frequency[1:], values[1:], color=colour, linewidth=1.4, label=label)
    axes.set_yscale("log")
    axes.set_ylabel("photons\u00b2 per pixel and frame" if of_frames else "power density (nm\u00b2)")
    frequency_axis(axes, float(frequency[-1]))
    axes.legend(loc="upper right", fontsize=7.5)
