"""One picture of a vector reconstruction without a truth: cuts, hedgehogs from three sides, fit of every projection.

Contents: :func:`draw`, :func:`picture`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.direction_colours import colour_wheel, direction_colours
from reports.lattice_view import SIDES, draw_side
from reports.panels import NANO, image_panel
from reports.style import MUTED, context, letter, method_style, new_figure, to_png, to_svg
from reports.superlattice_scored import Grid3, Hedgehogs
from reports.volume_view import NEGATIVE, POSITIVE

_EMPTY: Final = np.array([0.906, 0.918, 0.933])
_LEAST: Final = 0.1  # fill of what is shown
_RIM: Final = 2  # voxels around it
# Inches: of the page, at its left, between groups, panels, graphs; above a group, below it; of the graphs.
_PAGE, _LEFT, _BETWEEN, _GAP, _APART, _HEAD, _FOOT, _GRAPH = 11.4, 0.62, 1.4, 0.64, 0.95, 0.42, 0.55, 1.75
_TALLEST: Final = 4.2  # inches, of a group


def picture(found: xr.Dataset, measured: xr.Dataset, charges: xr.Dataset, *, suffix: str = ".png") -> bytes:
    """Encode the picture of `draw`, the same bytes for the same data.

    Parameters
    ----------
    found, measured, charges : Dataset
        As for `draw`.
    suffix : str
        ``.png`` or ``.svg``.

    Returns
    -------
    bytes
    """
    with context():
        figure = draw(found, measured, charges)
        return to_svg(figure) if suffix == ".svg" else to_png(figure)


def draw(found: xr.Dataset, measured: xr.Dataset, charges: xr.Dataset) -> Figure:
    """Draw the middle cuts of m, the hedgehogs from three sides, and residual, shift and misfit below.

    Parameters
    ----------
    found : Dataset
        The record `Reconstruction` of kind ``"projections"``.
    measured : Dataset
        The `Measurement` that it was made of.
    charges : Dataset
        Its hedgehogs: ``position`` (hedgehog, axis), m; ``charge``; ``at_border``.

    Returns
    -------
    Figure
    """
    fill = found["fill"].values
    shown = _shown(fill)
    places = [NANO * found[axis].values[part] for axis, part in zip("zyx", shown, strict=True)]
    grid = Grid3((places[0], places[1], places[2]))
    group = _Group(grid)
    figure = new_figure(_PAGE, _HEAD + group.height + _FOOT + _HEAD + _GRAPH + _FOOT)
    figure.set_layout_engine("none")
    top = figure.get_figheight() - _HEAD
    m = found["magnetization"].values[(slice(None), *shown)]
    cuts = group.panels(figure, _LEFT, top)
    for normal, axes in cuts.items():
        _cut(axes, m, grid, normal)
    letter(cuts[0], "a", f"{found.attrs['method']}\u2003m in the middle cuts")
    wheel = _place(figure, _LEFT + group.width + 0.12, top - 0.95, 0.62, 0.62)
    colour_wheel(wheel)
    views = group.panels(figure, _LEFT + group.width + _BETWEEN, top)
    for normal, axes in views.items():
        _view(axes, fill[shown], grid, charges, normal)
    letter(views[0], "b", _counts(charges))
    _legend(figure)
    _graphs(figure, found, measured)
    return figure


def _shown(fill: np.ndarray) -> tuple[slice, slice, slice]:
    """Return the box of what is filled, with a rim; all where nothing is."""
    inside = fill >= _LEAST
    parts = []
    for axis in range(3):
        filled = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        n = fill.shape[axis]
        low, high = (filled[0] - _RIM, filled[-1] + _RIM + 1) if filled.size else (0, n)
        parts.append(slice(max(int(low), 0), min(int(high), n)))
    return parts[0], parts[1], parts[2]


class _Group:
    """Three panels on one scale: from above; at its right from the front, and below that from the side."""

    def __init__(self, grid: Grid3) -> None:
        self.sizes = grid.high - grid.low
        z, y, x = self.sizes
        room = (_PAGE - _LEFT - _BETWEEN - 0.15) / 2 - _GAP
        tall = max(y, 2 * z)
        self.scale = min(room / (x + max(x, y)), _TALLEST / tall)
        # Axes need room for their labels, however thin the sample is.
        self.height = max(self.scale * y, 2 * self.scale * z + _GAP)
        self.width = self.scale * (x + max(x, y)) + _GAP

    def panels(self, figure: Figure, left: float, top: float) -> dict[int, Any]:
        """Return axes by the array's axis that one looks along."""
        z, y, x = self.scale * self.sizes
        right = left + x + _GAP
        return {
            0: _place(figure, left, top - y, x, y),
            1: _place(figure, right, top - z, x, z),
            2: _place(figure, right, top - 2 * z - _GAP, y, z),
        }


def _cut(axes: Any, m: np.ndarray, grid: Grid3, normal: int) -> None:
    """Draw the directions of m in the middle across one axis, paler where m is short."""
    _, (across, up) = SIDES[normal]
    cut = np.take(m, m.shape[1 + normal] // 2, axis=1 + normal)
    length = np.linalg.norm(cut, axis=0)
    share = np.clip(length, 0.0, 1.0)[..., None]
    colours = share * direction_colours(cut / np.maximum(length, 1e-9)) + (1 - share) * _EMPTY
    image_panel(axes, colours, grid.extent(across, up), limits=(0.0, 1.0), colours=None)
    axes.set_xlabel(f"${'zyx'[across]}$ (nm)")
    axes.set_ylabel(f"${'zyx'[up]}$ (nm)")


def _view(axes: Any, fill: np.ndarray, grid: Grid3, charges: xr.Dataset, normal: int) -> None:
    """Draw the hedgehogs in the magnet as seen along one axis; those at the border hollow."""
    border = charges["at_border"].values.astype(bool)
    inner = charges.isel(hedgehog=~border)
    marks = xr.Dataset(
        {
            "hedgehog_position": inner["position"],
            "hedgehog_charge": inner["charge"],
            # Nobody knows the true ones: none is crossed out.
            "hedgehog_matched": ("hedgehog", np.ones(inner.sizes["hedgehog"], bool)),
        }
    )
    draw_side(axes, fill, grid, Hedgehogs.of(marks), normal)
    view, _ = SIDES[normal]
    outer = charges.isel(hedgehog=border)
    flat = view.project(NANO * outer["position"].values[:, ::-1])
    for point, q in zip(flat, outer["charge"].values, strict=True):
        colour = POSITIVE if q > 0 else NEGATIVE
        axes.plot(point[0], point[1], "o", markersize=4.0, markerfacecolor="none", markeredgecolor=colour, zorder=5)


def _counts(charges: xr.Dataset) -> str:
    inside = charges["charge"].values[~charges["at_border"].values.astype(bool)]
    border = charges.sizes["hedgehog"] - inside.size
    more = f", {border} at the border" if border else ""
    return f"{np.count_nonzero(inside > 0)} positive, {np.count_nonzero(inside < 0)} negative hedgehogs{more}"


def _legend(figure: Figure) -> None:
    marks = (
        (POSITIVE, POSITIVE, "positive"),
        (NEGATIVE, NEGATIVE, "negative"),
        (MUTED, "none", "within a voxel of the border"),
    )
    handles = [
        Line2D([], [], marker="o", linestyle="none", markersize=5, color=colour, markerfacecolor=face, label=text)
        for colour, face, text in marks
    ]
    figure.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(0.995, (_GRAPH + _FOOT + _HEAD - 0.12) / figure.get_figheight()),
        ncols=3,
        handletextpad=0.1,
        columnspacing=0.9,
        fontsize=8.0,
    )


def _graphs(figure: Figure, found: xr.Dataset, measured: xr.Dataset) -> None:
    """Draw what there is of residual, shifts and misfit, side by side."""
    plan: list[tuple[str, Callable[[Any], None]]] = []
    if "residual" in found:
        plan.append(("residual of each projection", lambda axes: _residuals(axes, found, measured)))
    plan.append(("shift of each projection", lambda axes: _shifts(axes, found, measured)))
    if "history" in found:
        plan.append(("misfit of each step", lambda axes: _history(axes, found)))
    width = (_PAGE - _LEFT - 0.15 - _APART * (len(plan) - 1)) / len(plan)
    for index, (title, paint) in enumerate(plan):
        axes = _place(figure, _LEFT + index * (width + _APART), _FOOT, width, _GRAPH)
        paint(axes)
        letter(axes, "cde"[index], title)


def _residuals(axes: Any, found: xr.Dataset, measured: xr.Dataset) -> None:
    values = found["residual"].values
    for label, chosen in _series(measured).items():
        _points(axes, found, measured, values, chosen, label)
    used = found["used"].values.astype(bool)
    axes.set_ylim(0.0, max(1.35 * float(np.max(values[used], initial=0.0)), 1e-9))
    axes.set_ylabel("relative residual")
    axes.legend(ncols=4, loc="upper center", fontsize=7.5, handletextpad=0.1, columnspacing=0.8)


def _shifts(axes: Any, found: xr.Dataset, measured: xr.Dataset) -> None:
    values = found["shift"].values
    for chosen in _series(measured).values():
        style = _style(measured, chosen)
        tilt = np.degrees(measured["tilt"].values[chosen])
        axes.plot(tilt, values[chosen, 0], "^", markersize=3.6, color=style)
        axes.plot(tilt, values[chosen, 1], ">", markersize=3.6, color=style, markerfacecolor="none")
    axes.axhline(0.0, color=MUTED, linewidth=0.6, zorder=0)
    reach = max(1.5 * float(np.abs(values).max()), 0.1)
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("tilt (\u00b0)")
    axes.set_ylabel("shift (px)")
    marks = [
        Line2D([], [], marker=mark, markerfacecolor=face, color=MUTED, linestyle="none", markersize=4, label=text)
        for mark, face, text in (("^", MUTED, "along $y$"), (">", "none", "along $x$"))
    ]
    axes.legend(handles=marks, ncols=2, loc="upper center", fontsize=7.5, handletextpad=0.1)


def _history(axes: Any, found: xr.Dataset) -> None:
    values = np.asarray(found["history"].values, float)
    axes.plot(np.arange(1, values.size + 1), values, color=method_style(found.attrs["method"]).colour, linewidth=1.5)
    if "noise" in found:
        axes.axhline(float(found["noise"]), color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
        axes.annotate(
            "noise", (0.98, float(found["noise"])), xycoords=("axes fraction", "data"), fontsize=7.5, color=MUTED,
            ha="right", va="bottom",
        )  # fmt: skip
    if np.any(values > 0):
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("relative misfit")


def _points(
    axes: Any, found: xr.Dataset, measured: xr.Dataset, values: np.ndarray, chosen: np.ndarray, label: str
) -> None:
    """Draw a value of each projection of a series over its tilt; a cross for one that was left out."""
    tilt, used = np.degrees(measured["tilt"].values), found["used"].values.astype(bool)
    colour = _style(measured, chosen)
    axes.plot(tilt[chosen & used], values[chosen & used], "o", markersize=3.2, color=colour, label=label)
    axes.plot(tilt[chosen & ~used], values[chosen & ~used], "x", markersize=4.5, color=colour)
    axes.set_xlabel("tilt (\u00b0)")


def _series(measured: xr.Dataset) -> dict[str, np.ndarray]:
    """Return the projections of each series by its number and in-plane angle."""
    series, turns = measured["series"].values, np.degrees(measured["in_plane"].values)
    names = {int(label): turns[series == label] for label in np.unique(series)}
    one = {label: f"{turn[0]:.4g}\u00b0" if np.ptp(turn) < 0.5 else f"series {label}" for label, turn in names.items()}
    return {f"{one[label]}": series == label for label in names}


def _style(measured: xr.Dataset, chosen: np.ndarray) -> str:
    labels = [str(label) for label in np.unique(measured["series"].values)]
    return method_style(str(measured["series"].values[chosen][0]), labels).colour


def _place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Any:
    """Add axes at a place in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))
