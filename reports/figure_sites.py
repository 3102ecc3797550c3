"""The pinning sites of all field states: where they were found, how wide the walls are there.

Contents: :func:`draw_states` (images and truth of every state with found and true sites), :func:`draw_walls` (the local
width across every wall of the state with most of them); :class:`Sites`, :func:`read_sites` and :func:`mark`, which
`reports.figure_site_kinds` uses too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import Normal, withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.metrics import number
from reports.panels import NANO, Window, colour_bar, magnetization_panel
from reports.series import SeriesResults, point_text
from reports.style import INK, MUTED, letter, new_figure, sequential

VERY_WIDE = 20.0
"""nm; delta from which a site is of the third class, and the end of the colour scale."""

_CIRCLES: dict[str, tuple[str, Any, str]] = {
    "raised DMI": (INK, "-", "\u03b4 as elsewhere: raised DMI"),
    "lowered anisotropy": (INK, (0, (3.2, 1.6)), "larger: lowered anisotropy"),
    "over 20 nm": (INK, (0, (1.0, 1.1)), "over 20 nm"),
    "undecided": (MUTED, "-", "undecided"),
}
TRUE_KINDS: dict[str, tuple[str, str]] = {"raised DMI": ("^", "#3ddc97"), "lowered anisotropy": ("v", "#ffc61a")}
NO_SITE = ("x", "#a33b3b")
"""Marks and colours of the true kinds, and of what is none."""
_RING = 1.6  # radius of a circle over that of a site, which stays visible inside
_BINS = 40


@dataclass(frozen=True)
class Sites:
    """The pooled record of one method, ready to be drawn: places are (n, 2) x, y in nm of the panels."""

    pooled: xr.Dataset
    window: Window
    found: np.ndarray
    true: np.ndarray
    radius: float

    @classmethod
    def of(cls, pooled: xr.Dataset, diameter: float) -> Sites:
        """Read a pooled record; `diameter` of the sites in nm."""
        window = Window.of(pooled.assign(visible=pooled["mask"].astype(float)))
        found, true = (places(pooled, prefix) for prefix in ("found", "true"))
        return cls(pooled, window, found, true, diameter / 2)

    @property
    def names(self) -> list[str]:
        """Names of the states."""
        return [point_text({"state": str(name)}) for name in np.atleast_1d(self.pooled.attrs["states"])]

    def kinds(self, prefix: str) -> list[str]:
        """Give the kinds of the sites, ``"found"`` or ``"true"``."""
        return [str(kind) for kind in self.pooled[f"{prefix}_kind"].values]


def places(pooled: xr.Dataset, prefix: str) -> np.ndarray:
    """Give points of a pooled record as (n, 2) x, y in nm from the middle of its window."""
    columns = []
    for axis in "xy":
        window = pooled[f"w{axis}"].values
        columns.append((pooled[f"{prefix}_{axis}"].values - (window[0] + window[-1]) / 2) * NANO)
    return np.stack(columns, axis=1).astype(float)


def read_sites(results: SeriesResults) -> Sites | None:
    """Read the sites of the leading method, None where the states were not looked at together.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Sites or None
    """
    case = results.shown
    if case is None or "images" not in case.scored:
        return None
    return Sites.of(case.scored, float(results.table("sites").get("diameter_nm", 30.0)))


def draw_states(results: SeriesResults) -> Figure | None:
    """Draw every state with the sites found in all of them, above the truth with the sites that are there.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where the states were not looked at together.
    """
    sites = read_sites(results)
    if sites is None:
        return None
    names = sites.names
    figure = new_figure(11.4, 1.0 + 2 * 10.6 / max(len(names), 3))
    axes = figure.subplots(2, len(names), squeeze=False)
    for column, name in enumerate(names):
        outer = column == 0
        for row, (variable, whose) in enumerate((("images", results.lead), ("truths", "truth"))):
            panel = axes[row, column]
            shown = magnetization_panel(panel, sites.window, sites.pooled[variable].values[column], outer=outer)
            letter(panel, chr(ord("a") + column) if not row else "", f"{name}, {whose}")
        _circles(axes[0, column], sites)
        _marks(axes[1, column], sites)
        axes[0, column].set_xlabel("")
    for row in (0, 1):
        colour_bar(figure, shown, axes[row, -1], "$m_z$")
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4, columnspacing=1.6)
    return figure


def _circles(axes: Any, sites: Sites) -> None:
    """Ring the sites that were found, the line by their kind."""
    for (x, y), kind in zip(sites.found, sites.kinds("found"), strict=True):
        colour, dash, _ = _CIRCLES.get(kind, _CIRCLES["undecided"])
        ring = Circle((x, y), _RING * sites.radius, fill=False, edgecolor=colour, linestyle=dash, linewidth=1.5)
        ring.set_path_effects([withStroke(linewidth=3.2, foreground="white", alpha=0.8)])
        axes.add_patch(ring)


def _marks(axes: Any, sites: Sites) -> None:
    """Mark the true sites by their kind: filled where an image can show them."""
    visible, inside = (np.asarray(sites.pooled[f"true_{name}"].values, bool) for name in ("visible", "inside"))
    for place, kind, seen, shown in zip(sites.true, sites.kinds("true"), visible, inside, strict=True):
        if not shown:
            continue
        marker, colour = TRUE_KINDS.get(kind, NO_SITE)
        axes.plot(*place, **mark(marker, colour, filled=bool(seen)))


def mark(marker: str, colour: str, *, filled: bool, size: float = 6.5) -> dict[str, Any]:
    """Give the look of a site's mark as arguments of matplotlib.

    Parameters
    ----------
    marker, colour : str
    filled : bool
    size : float
        Points.

    Returns
    -------
    dict
    """
    dark = withStroke(linewidth=2.2, foreground=INK)
    return {
        "marker": marker,
        "markersize": size if filled else 1.25 * size,
        "color": colour,
        "fillstyle": "full" if filled else "none",
        "markeredgecolor": INK if filled and marker != "x" else colour,
        "markeredgewidth": 0.7 if filled and marker != "x" else 1.2,
        "path_effects": [] if filled else [dark, Normal()],
        "linestyle": "none",
    }


def _legend() -> list[Line2D]:
    rings = [
        Line2D([], [], color=colour, linestyle=dash, linewidth=1.4, label=f"found, {text}")
        for colour, dash, text in _CIRCLES.values()
    ]
    marks = [
        Line2D([], [], label=f"true, {kind}{'' if filled else ', too faint to see'}", **mark(*look, filled=filled))
        for kind, look in TRUE_KINDS.items()
        for filled in (True, False)
    ]
    # Columns are filled downwards: one kind of ring beside one of marks.
    return [each for pair in zip(rings, marks, strict=True) for each in pair]


def draw_walls(results: SeriesResults) -> Figure | None:
    """Draw delta across the walls of the state with most of them, in image and truth, and its distribution.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where no wall was measured.
    """
    sites = read_sites(results)
    if sites is None or not sites.pooled.sizes.get("wall_point"):
        return None
    figure = new_figure(11.4, 3.6)
    panels = figure.subplots(1, 3)
    state = _richest(sites)
    for panel, variable, delta, mark, whose in (
        (panels[0], "images", "wall_delta", "a", results.lead),
        (panels[1], "truths", "wall_truth", "b", "truth"),
    ):
        image = sites.pooled[variable].values[state]
        magnetization_panel(panel, sites.window, image, limit=1.6, outer=mark == "a", colours=sequential("gray"))
        lines = _across(panel, sites, delta, state)
        letter(panel, mark, f"{sites.names[state]}, {whose}")
    _circles(panels[0], sites)
    _marks(panels[1], sites)
    colour_bar(figure, lines, panels[1], "local wall width \u03b4 (nm)").set_ticks(np.arange(0.0, VERY_WIDE + 1, 5.0))
    _distribution(panels[2], sites, results)
    letter(panels[2], "c", "all states")
    return figure


def _richest(sites: Sites) -> int:
    """Give the state with most measured points of wall, the last of equals: a saturated one shows none."""
    counts = np.bincount(sites.pooled["wall_state"].values[_measured(sites.pooled)], minlength=len(sites.names))
    return int(len(counts) - 1 - np.argmax(counts[::-1]))


def _across(axes: Any, sites: Sites, variable: str, state: int) -> LineCollection:
    """Draw a line across the wall at each of its points, delta to either side and coloured by delta."""
    pooled = sites.pooled
    delta = pooled[variable].values * NANO
    good = _measured(pooled) & np.isfinite(delta) & (pooled["wall_state"].values == state)
    centre = places(pooled, "wall")[good]
    normal = np.stack([pooled["wall_normal_x"].values, pooled["wall_normal_y"].values], axis=1)[good]
    reach = normal * delta[good, None]
    lines = LineCollection(list(np.stack([centre - reach, centre + reach], axis=1)), cmap="turbo", linewidths=1.5)
    lines.set_array(delta[good])
    lines.set_clim(0.0, VERY_WIDE)
    axes.add_collection(lines, autolim=False)
    return lines


def _measured(pooled: xr.Dataset) -> np.ndarray:
    return np.asarray(np.isfinite(pooled["wall_delta"].values) & ~pooled["wall_ill_conditioned"].values.astype(bool))


def _distribution(axes: Any, sites: Sites, results: SeriesResults) -> None:
    """Draw how delta is distributed along the walls of all states, in the image and in the truth."""
    pooled = sites.pooled
    compared = np.isfinite(pooled["wall_delta"].values) & np.isfinite(pooled["wall_truth"].values)
    edges = np.linspace(0.0, VERY_WIDE, _BINS + 1)
    for variable, colour, label in (("wall_truth", INK, "truth"), ("wall_delta", "#1f5fbf", results.lead)):
        delta = pooled[variable].values[compared] * NANO
        if not delta.size:
            continue
        median = float(np.median(delta))
        counts, _ = np.histogram(np.clip(delta, edges[0], edges[-1]), edges)
        text = f"{label}\u2002median {number(median, 2)}"
        axes.stairs(100.0 * counts / delta.size, edges, color=colour, linewidth=1.5, label=text)
        axes.axvline(median, color=colour, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel("local wall width \u03b4 (nm); last bin: all wider")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("share of the wall (%)")
    axes.legend(loc="upper right")
    axes.set_box_aspect(1.0)
