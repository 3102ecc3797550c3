"""Cuts through the middle of the volumes: directions of m, errors of m, fill of the magnet.

Contents: :func:`draw_directions`, :func:`draw_differences`, :func:`draw_fill`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.direction_colours import colour_wheel, direction_colours
from reports.metrics import number
from reports.panels import image_panel, signed_limit
from reports.results import Results
from reports.style import SIGNED, new_figure, sequential
from reports.superlattice_scored import Grid3, show

_BACK = np.array([0.906, 0.918, 0.933])
# Inches: of the page, at the left of a group and above it, between cuts, below a row; of the legend; of a group.
_PAGE, _SIDE, _HEAD, _GAP, _FOOT, _LEGEND, _TALLEST = 11.4, 0.5, 0.34, 0.07, 0.5, 1.0, 4.2

Paint = Callable[[Any, np.ndarray, Sequence[float]], Any]
"""Draws a cut into axes, to an extent."""

Panel = tuple[str, np.ndarray, Paint]
"""Heading, volume (..., z, y, x), and how a cut of it is drawn."""


def draw_directions(results: Results) -> Figure | None:
    """Draw the direction of m in the middle cuts of the truth and of every method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    cases = show(results)
    if not cases:
        return None
    first = next(iter(cases.values())).scored
    truth = first.get("true_magnetization")
    panels: list[Panel] = [] if truth is None else [("truth", truth.values, _directions)]
    for method, case in cases.items():
        error = results.value(case, "vector.error")
        text = f"{method}\u2003error {number(error, 3)}" if np.isfinite(error) else method
        panels.append((text, case.scored["magnetization"].values, _directions))
    return _gallery(panels, Grid3.of(first), wheel=True)


def draw_differences(results: Results) -> Figure | None:
    """Draw the length of the difference from the true m in the middle cuts of every method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no difference is stored.
    """
    cases = {method: case for method, case in show(results).items() if "difference" in case.scored}
    if not cases:
        return None
    paint = _mapped((0.0, 1.0), sequential("magma"))
    panels: list[Panel] = [
        (method, np.linalg.norm(case.scored["difference"].values, axis=0), paint) for method, case in cases.items()
    ]
    return _gallery(panels, Grid3.of(next(iter(cases.values())).scored), label="|\u0394m|")


def draw_fill(results: Results) -> Figure | None:
    """Draw the fill of the magnet in the middle cuts, first in truth, then each method's difference from it.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    cases = show(results)
    first = next((case.scored for case in cases.values()), None)
    if first is None or "true_fill" not in first:
        return None
    truth = first["true_fill"].values
    errors = {method: case.scored["fill"].values - truth for method, case in cases.items()}
    limit = max(0.02, *(signed_limit(error) for error in errors.values()))
    panels: list[Panel] = [("truth: black is full", truth, _mapped((0.0, 1.0), "Greys"))]
    panels += [(f"{method}, less truth", error, _mapped((-limit, limit), SIGNED)) for method, error in errors.items()]
    return _gallery(panels, Grid3.of(first), label="fill less true fill")


def _directions(axes: Any, cut: np.ndarray, extent: Sequence[float]) -> Any:
    length = np.linalg.norm(cut, axis=0)
    share = np.clip(length, 0.0, 1.0)[..., None]
    colours = direction_colours(cut / np.maximum(length, 1e-9))
    return image_panel(axes, share * colours + (1 - share) * _BACK, extent, limits=(0.0, 1.0), colours=None)


def _mapped(limits: tuple[float, float], colours: Any) -> Paint:
    return lambda axes, cut, extent: image_panel(axes, cut, extent, limits=limits, colours=colours)


def _gallery(panels: Sequence[Panel], grid: Grid3, *, label: str = "", wheel: bool = False) -> Figure:
    """Draw a group of three cuts for every volume: xy, xz below it, zy at its right; a legend at the far right."""
    columns = 4 if len(panels) in (4, 7, 8) or len(panels) > 9 else 3
    rows = -(-len(panels) // columns)
    nz, ny, nx = grid.high - grid.low
    scale = min(((_PAGE - _LEGEND) / columns - _SIDE - _GAP) / (nx + nz), _TALLEST / (ny + nz))
    width, height = scale * (nx + nz) + _GAP, scale * (ny + nz) + _GAP
    figure = new_figure(_PAGE, max(rows * (height + _HEAD + _FOOT) + 0.05, 2.2))
    figure.set_layout_engine("none")
    shown: Any = None
    for position, (title, volume, paint) in enumerate(panels):
        row, column = divmod(position, columns)
        left = _SIDE + column * (_SIDE + width)
        top = figure.get_figheight() - row * (height + _HEAD + _FOOT) - _HEAD
        shown = _group(figure, grid, volume, paint, (left, top, scale))
        figure.text(left / _PAGE, (top + 0.09) / figure.get_figheight(), title, fontsize=9.5)
    right, base = _SIDE + min(columns, len(panels)) * (_SIDE + width) - 0.4, figure.get_figheight() - _HEAD
    if wheel:
        colour_wheel(_place(figure, right, base - 0.95, 0.66, 0.66))
    else:
        bar = figure.colorbar(shown, cax=_place(figure, right + 0.08, base - 1.4, 0.12, 1.4))
        bar.outline.set_linewidth(0.5)
        bar.set_label(label)
    return figure


def _group(figure: Figure, grid: Grid3, volume: np.ndarray, paint: Paint, at: tuple[float, float, float]) -> Any:
    left, top, scale = at
    nz, ny, nx = scale * (grid.high - grid.low)
    middle = [n // 2 for n in volume.shape[-3:]]
    front = _place(figure, left, top - ny, nx, ny)
    below = _place(figure, left, top - ny - _GAP - nz, nx, nz)
    beside = _place(figure, left + nx + _GAP, top - ny, nz, ny)
    shown: Any = None
    for axes, normal, across, up in ((front, 0, 2, 1), (below, 1, 2, 0), (beside, 2, 0, 1)):
        cut = np.take(volume, middle[normal], axis=volume.ndim - 3 + normal)
        cut = np.swapaxes(cut, -1, -2) if normal == 2 else cut
        shown = paint(axes, cut, grid.extent(across, up))
        axes.tick_params(labelsize=7.0)
        axes.locator_params(axis="x", nbins=4 if across == 2 else 2)
        axes.locator_params(axis="y", nbins=4 if up == 1 else 2)
    front.tick_params(labelbottom=False)
    beside.tick_params(labelleft=False)
    below.set_xlabel("$x$ (nm)", labelpad=1.0)
    below.set_ylabel("$z$", labelpad=0.0)
    beside.set_xlabel("$z$ (nm)", labelpad=1.0)
    front.set_ylabel("$y$", labelpad=0.0)
    return shown


def _place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Any:
    """Add axes at a place in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))
