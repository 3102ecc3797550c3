"""Pictures of ``truespin measure hedgehogs``.

Contents: :func:`draw_hedgehogs` (three projections over the magnet, and a table), :func:`draw_layers` (the charge of
each layer beside its m_z).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D

from reports.figure_measure import edges, encode, names
from reports.metrics import MINUS
from reports.panels import NANO, colour_bar, image_panel
from reports.style import INK, MUTED, SIGNED, context, letter, new_figure
from reports.volume_view import NEGATIVE, POSITIVE

_FILLED = 0.5
_ROWS = 18  # of the table that is drawn
_SHADE = LinearSegmentedColormap.from_list("truespin_magnet", ["white", "#cfd7e0"])
# Inches: of the picture, of the projections, at the sides, between panels; the least side of a panel.
_PAGE, _VIEW, _SIDE, _GAP, _LEAST = 11.4, 5.6, 0.72, 0.14, 0.55


def draw_hedgehogs(document: Mapping[str, Any], magnet: np.ndarray, *, suffix: str = ".png") -> bytes:
    """Draw the places of all hedgehogs along the three axes over the magnet's outline, and the first as a table.

    Parameters
    ----------
    document : mapping
        As ``truespin measure hedgehogs`` stores it.
    magnet : ndarray, shape (z, y, x)
        Fill fraction.
    suffix : str
        ``.png`` or ``.svg``.

    Returns
    -------
    bytes
    """
    sizes = np.array(document["conventions"]["voxel_size_m"]) * NANO
    lengths = sizes * magnet.shape
    with context():
        inches = _inches(lengths)
        depth, height, width = inches
        figure = new_figure(_PAGE, height + depth + _GAP + 1.35)
        figure.set_layout_engine("none")
        base = 0.62
        left = _SIDE + max(0.0, _VIEW - width - depth - _GAP) / 2
        views = (
            ((2, 1), (left, base + depth + _GAP, width, height)),
            ((2, 0), (left, base, width, depth)),
            ((0, 1), (left + width + _GAP, base + depth + _GAP, depth, height)),
        )
        for (across, up), place in views:
            axes = figure.add_axes(_share(figure, place))
            _view(axes, document, magnet, sizes, (across, up))
            axes.tick_params(labelbottom=(across, up) != (2, 1), labelleft=across == 2)
            axes.set_xlabel("" if (across, up) == (2, 1) else f"${'zyx'[across]}$ (nm)")
            axes.set_ylabel(f"${'zyx'[up]}$ (nm)" if across == 2 else "")
        _table(figure, document)
        top = 1 - 0.2 / figure.get_figheight()
        figure.text(0.012, top, _heading(document), fontsize=10, va="center", color=INK)
        return encode(figure, suffix)


def _inches(lengths: np.ndarray) -> tuple[float, float, float]:
    """Return the sides of the views (z, y, x) in inches; a thin magnet is drawn thicker than it is."""
    scale = _VIEW / float(lengths[0] + max(lengths[1], lengths[2]))
    depth, height, width = (max(_LEAST, float(scale * each)) for each in lengths)
    return depth, height, width


def _share(figure: Any, place: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    across, up = figure.get_size_inches()
    return place[0] / across, place[1] / up, place[2] / across, place[3] / up


def _heading(document: Mapping[str, Any]) -> str:
    found = document["results"]
    words = f"{found['hedgehogs']} hedgehogs: {found['plus']} positive, {found['minus']} negative"
    method, low_pass = document["conventions"]["method"], document["conventions"]["low_pass"]
    smoothed = f", low-pass {low_pass}" if low_pass else ""
    return f"{names(document)}\u2003{words}\u2003({method}{smoothed})"


def _view(
    axes: Any, document: Mapping[str, Any], magnet: np.ndarray, sizes: np.ndarray, plane: tuple[int, int]
) -> None:
    """Draw one projection: the depth of the magnet as a shade, its outline, the hedgehogs, hollow at the border."""
    across, up = plane
    normal = 3 - across - up
    inside = magnet >= _FILLED
    shade, any_inside = inside.mean(axis=normal), inside.any(axis=normal)
    if up > across:
        shade, any_inside = shade.T, any_inside.T
    extent = [edge for axis in (across, up) for edge in edges(magnet.shape[axis], sizes[axis])]
    image_panel(axes, shade, extent, limits=(0.0, 1.0), colours=_SHADE)
    axes.set_aspect("auto")
    outline = np.pad(any_inside.astype(float), 1)
    places = [(np.arange(-1, magnet.shape[axis] + 1) - magnet.shape[axis] // 2) * sizes[axis] for axis in (across, up)]
    axes.contour(*places, outline, levels=[0.5], colors=[MUTED], linewidths=0.8)
    axes.set_xlim(*extent[:2])
    axes.set_ylim(*extent[2:])
    rows = document["hedgehogs"]
    size = 6.5 if len(rows) < 40 else 4.5
    for row in rows:
        colour = POSITIVE if row["charge"] > 0 else NEGATIVE
        face = "white" if row["at_border"] else colour
        place = [row[f"{'zyx'[axis]}_m"] * NANO for axis in plane]
        axes.plot(*place, "o", markersize=size, markerfacecolor=face, markeredgecolor=colour, alpha=0.85)


def _table(figure: Any, document: Mapping[str, Any]) -> None:
    """Write the first hedgehogs as a table on the right."""
    axes = figure.add_axes((0.645, 0.03, 0.345, 0.9))
    axes.set_axis_off()
    marks = [
        Line2D([], [], marker="o", linestyle="none", color=colour, markerfacecolor=face, label=text)
        for colour, face, text in (
            (POSITIVE, POSITIVE, "positive"),
            (NEGATIVE, NEGATIVE, "negative"),
            (MUTED, "white", "within a voxel of the border"),
        )
    ]
    axes.legend(
        handles=marks,
        loc="upper left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=3,
        handletextpad=0.1,
        columnspacing=0.9,
        borderpad=0.1,
    )
    rows = document["hedgehogs"]
    if not rows:
        axes.text(0.0, 0.86, "none found", color=MUTED, va="top")
        return
    step, top = 0.2 / figure.get_figheight(), 1 - 0.42 / figure.get_figheight()
    columns = (("q", 0.06), ("z (nm)", 0.27), ("y (nm)", 0.48), ("x (nm)", 0.69), ("\u00b1 (nm)", 0.87))
    for text, place in columns:
        axes.text(place, top, text, fontsize=8, color=MUTED, ha="right", va="top")
    listed = min(_ROWS, int(0.8 / step) - 2)
    for line, row in enumerate(rows[:listed]):
        height = top - (line + 1) * step
        lengths = (f"{_nanometres(row[key]):.2f}" for key in ("z_m", "y_m", "x_m", "error_m"))
        cells = [text.replace("-", MINUS) for text in (f"{row['charge']:+d}", *lengths)]
        colour = POSITIVE if row["charge"] > 0 else NEGATIVE
        for (_, place), text in zip(columns, cells, strict=True):
            axes.text(place, height, text, fontsize=8, color=colour if place < 0.1 else INK, ha="right", va="top")
    if len(rows) > listed:
        text = f"and {len(rows) - listed} more"
        axes.text(0.0, top - (listed + 1) * step, text, fontsize=8, color=MUTED, va="top")


def _nanometres(value: float | None) -> float:
    return float("nan") if value is None else value * NANO


def draw_layers(document: Mapping[str, Any], m: np.ndarray, magnet: np.ndarray, *, suffix: str = ".png") -> bytes:
    """Draw m_z of the middle layer, and the charge of every layer.

    Parameters
    ----------
    document : mapping
        As ``truespin measure hedgehogs --layers`` stores it.
    m : ndarray, shape (3, z, y, x)
        Unit vectors.
    magnet : ndarray, shape (z, y, x)
        Fill fraction.
    suffix : str
        ``.png`` or ``.svg``.

    Returns
    -------
    bytes
    """
    sizes = np.array(document["conventions"]["voxel_size_m"]) * NANO
    nz, ny, nx = magnet.shape
    middle = nz // 2
    with context():
        figure = new_figure(5.4 if nz == 1 else 9.6, 4.0)
        image, *rest = figure.subplots(1, 1 if nz == 1 else 2, squeeze=False)[0]
        extent = [
            step * size for n, size in ((nx, sizes[2]), (ny, sizes[1])) for step in (-(n // 2) - 0.5, n - n // 2 - 0.5)
        ]
        values = np.where(magnet[middle] >= _FILLED, m[2, middle], np.nan)
        shown = image_panel(image, values, extent, limits=(-1.0, 1.0), colours=SIGNED)
        colour_bar(figure, shown, image, "$m_z$")
        image.set_xlabel("$x$ (nm)")
        image.set_ylabel("$y$ (nm)")
        rows = document["results"]
        if rest:
            letter(image, "a", f"layer {middle} of {nz}, {names(document)}")
            _charges(rest[0], rows)
        else:
            letter(image, "", f"{names(document)}\u2003charge {rows[0]['charge']:+.4f}")
        return encode(figure, suffix)


def _charges(axes: Any, rows: list[Mapping[str, Any]]) -> None:
    layers, charges = ([row[key] for row in rows] for key in ("layer", "charge"))
    axes.plot(layers, charges, "o-", color=INK, markersize=4, linewidth=1.0)
    axes.axhline(0.0, color="#d5dbe1", linewidth=0.7, zorder=0)
    axes.set_ylim(min(-1.1, 1.1 * min(charges)), max(1.1, 1.1 * max(charges)))
    axes.set_xlabel("layer along $z$")
    axes.set_ylabel("charge of the layer")
    axes.locator_params(axis="x", integer=True)
    letter(axes, "b", "charge of every layer")
