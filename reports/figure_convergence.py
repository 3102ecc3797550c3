"""How a ptychographic reconstruction converged, and how fine it is.

Contents: :func:`draw`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.panels import frequency_axis
from reports.results import CONTROLS, Case, Results
from reports.style import INK, letter, method_style, new_figure

_MICRO = 1e-6


def draw(results: Results) -> Figure | None:
    """Draw the error of each epoch and the ring correlations of every method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    cases = list(results.gallery().values())
    if not cases:
        return None
    told = [case for case in cases if "history" in case.scored]
    magnetic = [case for case in cases if "frc_magnetic" in case.scored]
    count = 1 + bool(told) + bool(magnetic)
    figure = new_figure(11.4, 3.5)
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    marks = iter("abc")
    if told:
        axes = panels.pop(0)
        _histories(axes, told, results)
        letter(axes, next(marks), "Fourier error")
    _correlations(panels[0], cases, results, ("frc_truth", "frc_halves"))
    letter(panels[0], next(marks), "object")
    if magnetic:
        _correlations(panels[1], magnetic, results, ("frc_magnetic",))
        letter(panels[1], next(marks), "magnetic image")
    return figure


def _histories(axes: Any, cases: Sequence[Case], results: Results) -> None:
    for case in cases:
        style = method_style(case.method, results.methods)
        values = case.scored["history"].values[0]
        epochs = np.arange(1, len(values) + 1)
        axes.plot(epochs, values, color=style.colour, linewidth=1.5, label=case.method)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("rms amplitude error / rms amplitude")
    axes.legend()


def _correlations(axes: Any, cases: Sequence[Case], results: Results, names: tuple[str, ...]) -> None:
    limit = 0.0
    for case in cases:
        style = method_style(case.method, results.methods)
        frequency = _MICRO * case.scored["frequency"].values
        limit = max(limit, float(frequency[-1]))
        for name, dash in zip(names, (style.dash, ":"), strict=False):
            if name in case.scored and np.isfinite(case.scored[name].values).any():
                label = case.method if name == names[0] else None
                look = {"color": style.colour, "linestyle": dash, "linewidth": 1.4, "label": label}
                axes.plot(frequency, case.scored[name].values, **look)
    methods = [case for case in cases if case.method not in CONTROLS] or list(cases)
    threshold = methods[0].scored["threshold_1bit"].values
    axes.plot(_MICRO * methods[0].scored["frequency"].values, threshold, color=INK, linewidth=0.8, label="1-bit")
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel("ring correlation" if len(names) == 1 else "ring correlation (dotted: halves)")
    frequency_axis(axes, limit)
    axes.legend(loc="lower left")
