"""Parts that several figures share: images with their axes, colour bars, scale bars and frequency axes.

Contents: :func:`panel_grid`, :func:`image_panel`, :func:`signed_limit`, :func:`colour_bar`, :func:`scale_bar`,
:func:`round_length`, :func:`period_axis`, :func:`frequency_axis`, :class:`Window` (the window round the object hole,
ready to be drawn) and :func:`magnetization_panel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.patches import Rectangle

from reports.style import INK, SIGNED

NANO = 1e9


def panel_grid(figure: Any, rows: int, columns: int, count: int) -> np.ndarray:
    """Divide a figure into rows and columns of which the first panels are used; the spare ones stay empty.

    Parameters
    ----------
    figure : Figure or SubFigure
    rows, columns : int
    count : int
        Panels that are used.

    Returns
    -------
    array of matplotlib.axes.Axes
        Row by row.
    """
    panels = np.asarray(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in panels[count:]:
        spare.set_visible(False)
    return panels


def signed_limit(values: np.ndarray) -> float:
    """Give the end of a signed colour map that shows nearly all values.

    Parameters
    ----------
    values : array

    Returns
    -------
    float
    """
    return max(float(np.percentile(np.abs(values), 99.5)), 1e-6)


def image_panel(
    axes: Any, values: np.ndarray, extent: Sequence[float], *, limits: tuple[float, float], colours: Any
) -> Any:
    """Draw an image with equal scales and a thin frame.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    values : ndarray, shape (y, x)
        Image; NaN is drawn in the colour for missing values.
    extent : sequence of four floats
        Left, right, bottom, top edge in the units of the axes.
    limits : tuple of float
        Values at the ends of the colour map.
    colours : matplotlib.colors.Colormap
        Colour map.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    shown = axes.imshow(values, extent=tuple(extent), vmin=limits[0], vmax=limits[1], cmap=colours, aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.6)
    return shown


def colour_bar(figure: Any, shown: Any, axes: Any, label: str) -> Any:
    """Put a slim colour bar with its label on the right of a panel, as tall as the panel.

    Parameters
    ----------
    figure : Figure or SubFigure
    shown : matplotlib.cm.ScalarMappable
    axes : matplotlib.axes.Axes
    label : str
        Quantity and unit.

    Returns
    -------
    matplotlib.colorbar.Colorbar
    """
    bar = figure.colorbar(shown, cax=axes.inset_axes((1.035, 0.0, 0.035, 1.0)))
    bar.outline.set_linewidth(0.5)
    bar.set_label(label)
    return bar


def scale_bar(axes: Any, length: float, text: str, *, colour: str = INK, back: str = "white") -> None:
    """Draw a scale bar in the lower left corner.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        An image panel.
    length : float
        Length in data units.
    text : str
        What is written over it.
    colour, back : str
        Colour of the bar and of the plate behind it.
    """
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    width, height = right - left, top - bottom
    x, y = left + 0.045 * width, bottom + 0.045 * height
    plate = max(length, 0.2 * width) + 0.04 * width
    axes.add_patch(
        Rectangle((x - 0.02 * width, y - 0.02 * height), plate, 0.125 * height, color=back, alpha=0.82, linewidth=0)
    )
    axes.add_patch(Rectangle((x, y), length, 0.018 * height, color=colour, linewidth=0))
    axes.text(x, y + 0.03 * height, text, fontsize=7.5, color=colour, va="bottom", ha="left")


def round_length(extent: float) -> float:
    """Choose a round length near a quarter of an extent, for a scale bar.

    Parameters
    ----------
    extent : float
        Width of a panel, any unit.

    Returns
    -------
    float
        1, 2 or 5 times a power of ten.
    """
    if not extent > 0:
        return 1.0
    target = extent / 4.0
    power = 10.0 ** np.floor(np.log10(target))
    return float(max(step * power for step in (1, 2, 5) if step * power <= target * 1.0001))


def period_axis(axes: Any) -> None:
    """Add a second frequency axis on top that reads as half period in nm (the lower one is in 1/um).

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        A panel whose x axis is spatial frequency in 1/um.
    """
    limit = axes.get_xlim()[1]
    shortest = 500.0 / limit
    ticks = [period for period in (200, 100, 50, 30, 20, 15, 10, 8, 6, 5, 4, 3, 2) if period >= shortest]
    positions: list[float] = []
    labels: list[str] = []
    for period in ticks:
        position = 500.0 / period
        if position > 0.03 * limit and (not positions or position - positions[-1] > 0.07 * limit):
            positions.append(position)
            labels.append(f"{period:g}")
    top = axes.secondary_xaxis("top")
    top.set_xticks(positions, labels=labels)
    top.set_xlabel("half period (nm)", fontsize=8.0, labelpad=4)
    top.spines["top"].set_visible(True)
    top.spines["top"].set_linewidth(0.8)


def frequency_axis(axes: Any, limit: float) -> None:
    """Label an axis as spatial frequency in 1/um and as half period on top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    limit : float
        Largest frequency, 1/um.
    """
    axes.set_xlim(0.0, limit)
    axes.set_xlabel("spatial frequency (1/\u00b5m)")
    period_axis(axes)


@dataclass(frozen=True)
class Window:
    """The window round the object hole: its edges in nm and where there is light.

    Attributes
    ----------
    extent : tuple of float
        Left, right, bottom, top edge in nm.
    dark : ndarray of bool, shape (y, x)
        Where the mask is opaque.
    """

    extent: tuple[float, float, float, float]
    dark: np.ndarray

    @classmethod
    def of(cls, scored: xr.Dataset) -> Window:
        """Read the window of a scored reconstruction, centred on the hole."""
        edges: list[float] = []
        for name in ("wx", "wy"):
            values = np.asarray(scored[name].values, dtype=float) * NANO
            half = (values[1] - values[0]) / 2 if values.size > 1 else 0.5
            middle = (values[0] + values[-1]) / 2
            edges += [values[0] - half - middle, values[-1] + half - middle]
        lit = scored["visible"].values if "visible" in scored else scored["truth_m_z"].values != 0
        return cls((edges[0], edges[1], edges[2], edges[3]), np.asarray(lit) < 0.05)

    def lit(self, image: Any) -> np.ndarray:
        """Give an image with NaN where the mask is opaque."""
        return np.where(self.dark, np.nan, np.asarray(image, dtype=float))

    def around(self, axes: Any, margin: float = 0.06) -> None:
        """Zoom the axes to the hole."""
        rows, columns = np.nonzero(~self.dark)
        if not rows.size:
            return
        left, right, bottom, top = self.extent
        height, width = self.dark.shape
        dx, dy = (right - left) / width, (top - bottom) / height
        pad = margin * (right - left) / 2
        axes.set_xlim(max(left, left + columns.min() * dx - pad), min(right, left + (columns.max() + 1) * dx + pad))
        axes.set_ylim(max(bottom, bottom + rows.min() * dy - pad), min(top, bottom + (rows.max() + 1) * dy + pad))


def magnetization_panel(
    axes: Any, window: Window, image: Any, *, limit: float = 1.0, outer: bool = True, colours: Any = SIGNED
) -> Any:
    """Draw a signed image in the object hole with axes in nm and a scale bar.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    window : Window
    image : array_like, shape (y, x)
    limit : float
        The colour map runs from ``-limit`` to ``limit``.
    outer : bool
        Whether the y axis is labelled.
    colours : str or Colormap

    Returns
    -------
    matplotlib.image.AxesImage
    """
    shown = image_panel(axes, window.lit(image), window.extent, limits=(-limit, limit), colours=colours)
    window.around(axes)
    left, right = axes.get_xlim()
    length = round_length(right - left)
    scale_bar(axes, length, f"{length:g} nm")
    axes.set_xlabel("$x$ (nm)")
    if outer:
        axes.set_ylabel("$y$ (nm)")
    else:
        axes.tick_params(labelleft=False)
    return shown
