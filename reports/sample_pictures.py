"""The picture of a sample: what is in it, at first sight.

- `sample_picture`: PNG bytes; of a film its m_z, the directions of its spins and a profile through its middle, of a
  volume three cuts of both and a view from outside (`reports.volume_view`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from records import sample
from reports.direction_colours import colour_wheel, direction_colours
from reports.panels import NANO, colour_bar, image_panel, round_length, scale_bar
from reports.style import INK, MUTED, SIGNED, context, letter, new_figure, to_png
from reports.volume_view import NEGATIVE, POSITIVE, draw_volume

LARGEST = 400_000
"""Bytes that a picture should not exceed."""

DEFECT = "#f2b01e"
"""Outline of a defect."""

_RESOLUTIONS = (160, 130, 105, 85)
_MOST = 900  # cells a side that a panel can show

# Inches: of the picture; at the left of a group of cuts; above and below it; between cuts; least size of a legend
# and most of a group (width, height).
_PAGE, _SIDE, _HEAD, _FOOT, _GAP, _LEGEND, _GROUP = 11.4, 0.66, 0.62, 0.55, 0.12, (0.95, 1.3), (3.1, 4.3)


@dataclass(frozen=True)
class _Cuts:
    """A sample ready to be drawn: arrays (z, y, x), lengths in nm.

    Charges are hedgehogs, virtual ones around voids too; defects are (y, x, radius).
    """

    m: np.ndarray
    magnet: np.ndarray
    places: tuple[np.ndarray, ...]
    steps: tuple[float, float, float]
    charges: list[dict[str, Any]]
    defects: list[tuple[float, float, float]]

    @classmethod
    def of(cls, record: xr.Dataset) -> _Cuts:
        """Read a `Sample`."""
        places = tuple(np.asarray(record[axis].values, float) * NANO for axis in "zyx")
        z, y, x = (size * NANO for size in sample.voxel_size(record))
        features = json.loads(record.attrs["features"])
        charges = [
            {**{axis: each[axis] * NANO for axis in "zyx"}, "q": each[key], "virtual": name == "voids"}
            for name, key in (("charges", "q"), ("voids", "requested"))
            for each in _tables(features, name, "z", "y", "x", key)
            if each[key] != 0
        ]
        defects = [
            (each["centre"][0] * NANO, each["centre"][1] * NANO, each["radius"] * NANO)
            for each in _tables(features, "defects", "centre", "radius")
        ]
        return cls(record["magnetization"].values, record["magnet"].values, places, (z, y, x), charges, defects)

    @property
    def middle(self) -> tuple[int, int, int]:
        """Index of the middle (z, y, x)."""
        z, y, x = (n // 2 for n in self.magnet.shape)
        return z, y, x

    def extent(self, across: int, up: int) -> tuple[float, float, float, float]:
        """Return left, right, bottom, top edge of a cut whose axes are the array's axes `across` and `up`."""
        edges: list[float] = []
        for axis in (across, up):
            half = self.steps[axis] / 2
            edges += [self.places[axis][0] - half, self.places[axis][-1] + half]
        return edges[0], edges[1], edges[2], edges[3]

    def cut(self, normal: int) -> tuple[np.ndarray, np.ndarray]:
        """Return spins (3, up, across) and fill (up, across) of the middle cut; the one along x has z across."""
        index = self.middle[normal]
        m, magnet = np.take(self.m, index, normal + 1), np.take(self.magnet, index, normal)
        thin = [slice(None, None, -(-n // _MOST)) for n in magnet.shape]
        m, magnet = m[:, thin[0], thin[1]], magnet[thin[0], thin[1]]
        return (m.transpose(0, 2, 1), magnet.T) if normal == 2 else (m, magnet)


def _tables(features: dict[str, Any], name: str, *keys: str) -> list[dict[str, Any]]:
    """Return the entries of a feature that have all `keys`."""
    listed = features.get(name)
    return [each for each in listed if isinstance(each, dict) and set(keys) <= set(each)] if listed else []


def sample_picture(record: xr.Dataset, *, title: str = "") -> bytes:
    """Draw a sample.

    Parameters
    ----------
    record : Dataset
        The record `Sample`.
    title : str
        Heading; may be empty.

    Returns
    -------
    bytes
        PNG.
    """
    cuts = _Cuts.of(record)
    with context():
        figure = _film(cuts) if cuts.magnet.shape[0] == 1 else _volume(cuts)
        heading = f"{title}\u2003{_in_words(cuts)}" if title else _in_words(cuts)
        figure.suptitle(heading, x=0.006, ha="left", fontsize=10.5, color=INK)
        for dpi in _RESOLUTIONS:
            png = to_png(figure, dpi)
            if len(png) <= LARGEST:
                break
    return png


def _in_words(cuts: _Cuts) -> str:
    nz, ny, nx = cuts.magnet.shape
    dz, dy, dx = cuts.steps
    size = f"{nx * dx:.4g} \u00d7 {ny * dy:.4g} \u00d7 {nz * dz:.4g} nm"
    words = f"{size}, cells {dx:.3g} \u00d7 {dy:.3g} \u00d7 {dz:.3g} nm (x, y, z)"
    if cuts.defects:
        words += f", {len(cuts.defects)} defects"
    for name, virtual in (("hedgehogs", False), ("virtual ones", True)):
        signs = [charge["q"] > 0 for charge in cuts.charges if charge["virtual"] is virtual]
        if signs:
            words += f", {name}: {sum(signs)} positive, {len(signs) - sum(signs)} negative"
    return words


def _film(cuts: _Cuts) -> Figure:
    left, right, bottom, top = cuts.extent(2, 1)
    height = 3.05 * min(1.6, max(0.5, (top - bottom) / (right - left)))
    figure = new_figure(_PAGE, height + 0.75)
    panels = figure.subplots(1, 3)
    m, magnet = cuts.cut(0)
    shown = _map(panels[0], m, magnet, (left, right, bottom, top))
    colour_bar(figure, shown, panels[0], "$m_z$")
    letter(panels[0], "a", "out of plane")
    _directions(panels[1], m, magnet, (left, right, bottom, top))
    colour_wheel(panels[1].inset_axes((1.03, 0.68, 0.27, 0.32)))
    letter(panels[1], "b", "direction")
    _axes_names(panels[0], "x", "y")
    _axes_names(panels[1], "x", "")
    for axes in panels[:2]:
        for y, x, radius in cuts.defects:
            axes.add_patch(Circle((x, y), radius, fill=False, edgecolor=DEFECT, linewidth=1.2))
        length = round_length(right - left)
        scale_bar(axes, length, f"{length:g} nm")
    _profile(panels[2], cuts)
    letter(panels[2], "c", "middle row")
    return figure


def _volume(cuts: _Cuts) -> Figure:
    scale, width, height = _scale(cuts)
    figure = new_figure(_PAGE, height + _HEAD + _FOOT)
    figure.set_layout_engine("none")
    _group(figure, cuts, "a", "out of plane, cuts through the middle", (_SIDE, scale), hued=False)
    _group(figure, cuts, "b", "direction, cuts through the middle", (2 * _SIDE + width, scale), hued=True)
    left = 2 * (_SIDE + width) + 0.25
    axes = _place(figure, left, 0.05, _PAGE - left - 0.05, height + _FOOT)
    heading = draw_volume(axes, cuts.m, cuts.magnet, cuts.places, cuts.charges)
    axes.set_anchor("C")
    figure.text((left + 0.3) / _PAGE, 1 - (_HEAD - 0.08) / figure.get_figheight(), f"c\u2003{heading}", fontsize=9.5)
    return figure


def _scale(cuts: _Cuts) -> tuple[float, float, float]:
    """Return inches per nm of the cuts, and the width and height of a group of them with its legend."""
    nz, ny, nx = (n * d for n, d in zip(cuts.magnet.shape, cuts.steps, strict=True))

    def fitting(side: float, room: float, legend: float) -> float:
        scale = (room - _GAP) / (side + nz)
        return scale if scale * nz >= legend else (room - _GAP - legend) / side

    scale = min(fitting(nx, _GROUP[0], _LEGEND[0]), fitting(ny, _GROUP[1], _LEGEND[1]))
    across, up = (max(scale * nz, legend) for legend in _LEGEND)
    return scale, scale * nx + _GAP + across, scale * ny + _GAP + up


def _group(figure: Figure, cuts: _Cuts, mark: str, title: str, at: tuple[float, float], *, hued: bool) -> None:
    """Draw the xy cut, the xz cut below it and the zy cut at its right to one scale, and the legend in the corner."""
    left, scale = at
    nz, ny, nx = (scale * n * d for n, d in zip(cuts.magnet.shape, cuts.steps, strict=True))
    base = figure.get_figheight() - _HEAD - ny
    layout = (
        (0, 2, 1, _place(figure, left, base, nx, ny)),
        (1, 2, 0, _place(figure, left, base - _GAP - nz, nx, nz)),
        (2, 0, 1, _place(figure, left + nx + _GAP, base, nz, ny)),
    )
    shown: Any = None
    for normal, across, up, axes in layout:
        shown = (_directions if hued else _map)(axes, *cuts.cut(normal), cuts.extent(across, up))
        axes.locator_params(axis="x", nbins=max(1, min(5, int(2.2 * (nz if across == 0 else nx)))))
        axes.locator_params(axis="y", nbins=max(1, min(5, int(2.2 * (nz if up == 0 else ny)))))
        for charge in cuts.charges:
            _mark(axes, cuts, charge, normal, across, up)
    (*_, front), (*_, below), (*_, beside) = layout
    _axes_names(front, "", "y")
    _axes_names(below, "x", "z")
    _axes_names(beside, "z", "")
    front.tick_params(labelbottom=False)
    beside.tick_params(labelleft=False)
    letter(front, mark, title)
    side = max(nz, _LEGEND[0])
    size = min(side, 1.0)
    top = base - _GAP - 0.55
    if hued:
        colour_wheel(_place(figure, left + nx + _GAP + (side - size) / 2, top - size + 0.1, size - 0.1, size - 0.1))
        return
    bar = figure.colorbar(
        shown, cax=_place(figure, left + nx + _GAP + 0.06, top, side - 0.12, 0.13), orientation="horizontal"
    )
    bar.outline.set_linewidth(0.5)
    bar.set_label("$m_z$")
    bar.set_ticks([-1, 0, 1])


def _place(figure: Figure, left: float, bottom: float, width: float, height: float) -> Any:
    """Add axes at a place in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def _mark(axes: Any, cuts: _Cuts, charge: dict[str, Any], normal: int, across: int, up: int) -> None:
    """Ring a hedgehog that lies within a cell of the cut."""
    plane = cuts.places[normal][cuts.middle[normal]]
    if abs(charge["zyx"[normal]] - plane) <= cuts.steps[normal]:
        colour = POSITIVE if charge["q"] > 0 else NEGATIVE
        place = charge["zyx"[across]], charge["zyx"[up]]
        axes.plot(*place, "o", markersize=5, markerfacecolor=colour, markeredgecolor="white", markeredgewidth=0.9)


def _map(axes: Any, m: np.ndarray, magnet: np.ndarray, extent: tuple[float, float, float, float]) -> Any:
    values = np.where(magnet > 0, m[2], np.nan)
    return image_panel(axes, values, extent, limits=(-1.0, 1.0), colours=SIGNED)


def _directions(axes: Any, m: np.ndarray, magnet: np.ndarray, extent: tuple[float, float, float, float]) -> Any:
    colours = np.where(magnet[..., None] > 0, direction_colours(m), SIGNED.get_bad()[:3])
    return image_panel(axes, colours, extent, limits=(0.0, 1.0), colours=None)


def _axes_names(axes: Any, across: str, up: str) -> None:
    if across:
        axes.set_xlabel(f"${across}$ (nm)")
    if up:
        axes.set_ylabel(f"${up}$ (nm)")


def _profile(axes: Any, cuts: _Cuts) -> None:
    _, row, _ = cuts.middle
    inside = cuts.magnet[0, row] > 0
    for component, (name, colour) in enumerate((("x", "#d0661a"), ("y", "#1b8a6b"), ("z", INK))):
        values = np.where(inside, cuts.m[component, 0, row], np.nan)
        axes.plot(cuts.places[2], values, color=colour, linewidth=1.7 if name == "z" else 1.2, label=f"$m_{name}$")
    axes.axhline(0.0, color=MUTED, linewidth=0.6, alpha=0.6)
    axes.set_ylim(-1.06, 1.06)
    axes.set_xlim(*cuts.extent(2, 1)[:2])
    axes.set_xlabel("$x$ (nm)")
    left, right, bottom, top = cuts.extent(2, 1)
    axes.set_box_aspect((top - bottom) / (right - left))
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.02, 0.985), ncols=3, handlelength=1.1, columnspacing=0.9, borderpad=0.1
    )
