"""Scores of a ptychographic sweep against what is swept.

Contents: :func:`draw_curves` (errors and resolutions of every method), :func:`draw_images` (the image at every point).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from reports.metrics import describe, plain, words
from reports.panels import colour_bar, panel_grid, signed_limit
from reports.results import CONTROLS
from reports.series import SeriesResults, point_text
from reports.style import SIGNED, letter, method_style, new_figure

_PANELS: Final = (
    ("nrmse", "object error"),
    ("frc_truth.half_period", "half period of the object (nm)"),
    ("magnetic.nrmse", "error of the magnetic image"),
    ("magnetic.frc_truth.half_period", "half period, magnetic (nm)"),
    ("faults.recall", "recall of corrupt frames"),
    ("faults.precision", "precision of corrupt frames"),
)
_MOST_IMAGES = 8


def draw_curves(results: SeriesResults) -> Figure | None:
    """Draw errors and resolutions of every method at every point, with their spread over seeds and draws.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where no point has a score.
    """
    shown = [(metric, label) for metric, label in _PANELS if _any(results, metric)]
    if not shown:
        return None
    rows = -(-len(shown) // 3)
    figure = new_figure(11.4, 0.4 + 3.1 * rows)
    panels = panel_grid(figure, rows, min(3, len(shown)), len(shown))
    for index, (metric, label) in enumerate(shown):
        _curves(panels[index], results, metric)
        panels[index].set_ylabel(label)
        letter(panels[index], "abcdef"[index], "")
    panels[0].legend()
    return figure


def draw_images(results: SeriesResults) -> Figure | None:
    """Draw the leading method's image at every point on one scale.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where the leading method has no result.
    """
    case = results.shown
    if case is None or "images" not in case.scored:
        return None
    images = case.scored["images"].values[:_MOST_IMAGES]
    limit = signed_limit(images[-1])
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(11.4, 0.35 + rows * 10.8 / max(columns, 3))
    panels = panel_grid(figure, rows, columns, len(images))
    for axes, image, point in zip(panels, images, results.points, strict=False):
        drawn = axes.imshow(image, cmap=SIGNED, vmin=-limit, vmax=limit)
        axes.set_xticks([])
        axes.set_yticks([])
        letter(axes, "", point_text(point))
    colour_bar(figure, drawn, panels[min(columns, len(images)) - 1], "half OD difference")
    return figure


def _any(results: SeriesResults, metric: str) -> bool:
    return any(np.isfinite(_values(results, method, metric)[0]).any() for method in results.tried)


def _values(results: SeriesResults, method: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    return results.along(method, metric, describe(metric).scale)


def _curves(axes: Any, results: SeriesResults, metric: str) -> None:
    names = list(dict.fromkeys(name for point in results.points for name in point))
    single = len(names) == 1
    where = np.array([float(point[names[0]]) if single else index for index, point in enumerate(results.points)])
    for method in results.pool.methods:
        means, deviations = _values(results, method, metric)
        finite = np.isfinite(means)
        if not finite.any() or method in CONTROLS:
            continue
        style = method_style(method, results.pool.methods)
        errors = deviations[finite] if deviations.any() else None
        axes.errorbar(where[finite], means[finite], yerr=errors, marker="o", color=style.colour, label=method)
    if single and names[0] == "photons":
        axes.set_xscale("log")
    if single:
        axes.set_xticks(where, labels=[plain(value) for value in where])
        axes.set_xlabel(words(names[0]))
    else:
        axes.set_xticks(where, labels=[point_text(point) for point in results.points], rotation=30, ha="right")
    axes.minorticks_off()
    if metric.startswith("faults."):
        axes.set_ylim(-0.05, 1.05)
    else:
        axes.set_ylim(bottom=0)
