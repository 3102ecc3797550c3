"""An area damaged by laser pulses, in the field in which its domains formed and after it.

Contents: :func:`draw`. Counterpart of HAPRE, Optica 11, 234 (2024), Fig. 3a-c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from reports.metrics import number
from reports.panels import Window, colour_bar, magnetization_panel
from reports.results import Spread
from reports.series import SeriesResults
from reports.style import INK, letter, method_style, new_figure

_RATIOS = (
    ("damage.period_ratio", "domain period,\ninside / beside"),
    ("damage.contrast_ratio", "contrast,\ninside / beside"),
    ("damage.growth", "reversed share inside,\nafter / in the field"),
)


def draw(results: SeriesResults) -> Figure | None:
    """Draw the damaged area in each state, image beside truth, and the ratios that are measured there.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where no damaged area was imaged.
    """
    case = results.shown
    if case is None or "damaged_images" not in case.scored:
        return None
    pooled = case.scored
    names = [str(name).removeprefix("damaged, ") for name in pooled["damaged_name"].values]
    window = _window(pooled)
    columns = 2 * len(names)
    figure = new_figure(11.4, 0.45 + 10.4 / (columns + 1))
    grid = figure.add_gridspec(1, columns + 1)
    shown: Any = None
    for column in range(columns):
        state, truth = divmod(column, 2)
        panel = figure.add_subplot(grid[column])
        images = pooled["damaged_truths" if truth else "damaged_images"].values
        shown = magnetization_panel(panel, window, images[state], outer=column == 0)
        panel.contour(
            np.asarray(pooled["damaged_area"].values, float),
            levels=[0.5],
            extent=window.extent,
            colors=INK,
            linewidths=1.2,
            linestyles="dashed",
            origin="lower",
        )
        letter(panel, "" if truth else chr(ord("a") + state), "truth" if truth else names[state])
    colour_bar(figure, shown, panel, "$m_z$")
    ratios = figure.add_subplot(grid[columns])
    _ratios(ratios, results)
    letter(ratios, chr(ord("a") + len(names)), "ratios")
    return figure


def _window(pooled: xr.Dataset) -> Window:
    """Read the window of the damaged states, which has its own axes."""
    own = {"damaged_mask": "visible", "dy": "wy", "dx": "wx"}
    return Window.of(pooled[["damaged_mask"]].rename(own).astype(float))


def _ratios(axes: Any, results: SeriesResults) -> None:
    """Draw each ratio of the truth as a tick and of each method as a dot with its spread over seeds and draws."""
    pool = results.pool
    rows = [(metric, label) for metric, label in _RATIOS if _finite(pool.spread(results.lead, metric))]
    methods = results.tried
    for place, (metric, _) in enumerate(rows):
        truth = results.truth(metric)
        if truth is not None and truth.count:
            axes.plot([truth.mean] * 2, [place - 0.3, place + 0.3], color=INK, linewidth=1.8)
        for index, method in enumerate(methods):
            spread = pool.spread(method, metric)
            if spread is None or not spread.count:
                continue
            height = place + 0.16 * (index - (len(methods) - 1) / 2)
            error = spread.deviation if np.isfinite(spread.deviation) else None
            colour = method_style(method, pool.methods).colour
            axes.errorbar(spread.mean, height, xerr=error, fmt="o", color=colour, markersize=5, elinewidth=1.2)
            if method == results.lead:
                text = number(spread.mean, 2)
                axes.annotate(
                    text,
                    (spread.mean, height),
                    (5, 3),
                    textcoords="offset points",
                    va="bottom",
                    fontsize=8,
                )
    axes.axvline(1.0, color="#d5dbe1", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(rows)), labels=[label for _, label in rows], fontsize=7.5)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.6)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("ratio; line: truth")
    axes.set_box_aspect(1.0)


def _finite(spread: Spread | None) -> bool:
    return spread is not None and spread.count > 0
