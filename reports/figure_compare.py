"""Figure 3: truth beside estimate beside difference for each method, and a closer look at the middle.

Contents: :func:`draw`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.metrics import number
from reports.panels import Window, magnetization_panel, round_length, scale_bar
from reports.results import Case, Results
from reports.style import INK, letter, new_figure

_DIFFERENCE_LIMIT = 0.5
_ZOOM = 0.28
_VEIL = (0.906, 0.918, 0.933, 0.72)


def draw(results: Results) -> Figure | None:
    """Draw one row per method: truth, estimate, difference, and the middle of the estimate enlarged.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    gallery = results.gallery()
    cases = list(results.compared().values())
    cases += [gallery[method] for method in ("ceiling", "floor") if method in gallery]
    if not cases:
        return None
    figure = new_figure(11.4, 0.45 + 2.72 * len(cases))
    axes = figure.subplots(len(cases), 4, squeeze=False)
    signed: Any = None
    difference: Any = None
    for row, case in enumerate(cases):
        signed, difference = _row(axes[row], case, results, last=row == len(cases) - 1)
    bars = figure.colorbar(signed, ax=axes[:, :2], location="bottom", shrink=0.5, aspect=36, pad=0.012)
    bars.set_ticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    bars.set_label("$m_z$")
    bars.outline.set_linewidth(0.5)
    bars = figure.colorbar(difference, ax=axes[:, 2:], location="bottom", shrink=0.5, aspect=36, pad=0.012)
    bars.set_label("difference of $m_z$")
    bars.outline.set_linewidth(0.5)
    return figure


def _row(axes: Any, case: Case, results: Results, *, last: bool) -> tuple[Any, Any]:
    scored = case.scored
    window = Window.of(scored)
    shown = magnetization_panel(axes[0], window, scored["truth_m_z"])
    magnetization_panel(axes[1], window, scored["m_z"], outer=False)
    difference = magnetization_panel(axes[2], window, scored["difference"], limit=_DIFFERENCE_LIMIT, outer=False)
    if "score_mask" in scored:
        mask = np.asarray(scored["score_mask"].values, dtype=float)
        _veil(axes[2], window, mask > 0.5)
        axes[2].contour(
            mask, levels=[0.5], extent=window.extent, colors=INK, linewidths=0.7, linestyles="dotted", origin="lower"
        )
    _enlarged(axes, window, case)
    for panel in axes:
        if not last:
            panel.set_xlabel("")
    for panel, title in zip(axes, _titles(case, results), strict=True):
        letter(panel, "", title)
    return shown, difference


def _veil(axes: Any, window: Window, scored: np.ndarray) -> None:
    """Pale what is not scored: the edge of the hole is out of focus there."""
    veil = np.zeros((*scored.shape, 4), dtype=np.float32)
    veil[~scored & ~window.dark] = _VEIL
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(veil, extent=window.extent, aspect="equal")
    axes.set(xlim=limits[0], ylim=limits[1])


def _enlarged(axes: Any, window: Window, case: Case) -> None:
    """Draw the middle of the estimate again, with the truth's walls as a line."""
    panel = axes[3]
    left, right = axes[1].get_xlim()
    half = _ZOOM * (right - left) / 2
    magnetization_panel(panel, window, case.scored["m_z"], outer=False)
    for patch in (*panel.patches, *panel.texts):
        patch.remove()
    truth = window.lit(case.scored["truth_m_z"])
    if np.nanmin(truth) < 0 < np.nanmax(truth):
        panel.contour(truth, levels=[0.0], extent=window.extent, colors=INK, linewidths=0.9, origin="lower")
    panel.set_xlim(-half, half)
    panel.set_ylim(-half, half)
    panel.tick_params(labelleft=True)
    length = round_length(2 * half)
    scale_bar(panel, length, f"{length:g} nm")
    axes[1].add_patch(Rectangle((-half, -half), 2 * half, 2 * half, fill=False, edgecolor=INK, linewidth=0.9))


def _titles(case: Case, results: Results) -> tuple[str, str, str, str]:
    half, contrast = (results.value(case, metric) for metric in ("frc_truth.half_period", "contrast"))
    periods = f"\u2003{number(half * 1e9, 1)} / {number(half * 2e9, 1)} nm" if np.isfinite(half) else ""
    ratio = f"\u2003contrast {number(contrast, 2)}" if np.isfinite(contrast) else ""
    return "truth", f"{case.method}{periods}", f"{case.method} \u2212 truth{ratio}", f"{case.method}, enlarged"
