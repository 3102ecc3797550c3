"""The look of every figure: colours, fonts, axes, and the way a figure becomes bytes.

Contents: :func:`method_style` (colour and dash of a method's line), :data:`SIGNED` (a perceptually balanced diverging
map), :func:`oklab_to_srgb`, :func:`sequential`, :func:`context` (matplotlib settings), :func:`new_figure`,
:func:`letter`, and the encoders :func:`to_svg` and :func:`to_png`. Panels are drawn by `reports.panels`.

Encoders write no date and no version of any library, and identifiers come from a fixed salt, so the same data give the
same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

INK = "#1d2733"
"""Text, axes and the truth."""
MUTED = "#6b7683"
"""Secondary text and guide lines."""
FONT_STACK = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

_FIXED_STYLES = {
    "truth": (INK, "-"),
    "ceiling": ("#7a8794", (0, (5, 2))),
    "floor": ("#aab4be", (0, (1.5, 1.5))),
    "fth": ("#1b8a6b", "-"),
    "hapre": ("#d0661a", "-"),
    "hapre+": ("#1f5fbf", "-"),
    "epie": ("#8a6d1f", "-"),
    "rpie": ("#d0661a", "-"),
    "dm": ("#1b8a6b", "-"),
    "lsqml": ("#8e4ec6", "-"),
    "rpie+": ("#1f5fbf", "-"),
    "cgls": ("#8a6d1f", "-"),
    "resire": ("#d0661a", "-"),
    "ball": ("#1b8a6b", "-"),
    "vector+": ("#1f5fbf", "-"),
    "transverse": ("#8e4ec6", (0, (5, 2))),
    "projection-ceiling": ("#c2378a", (0, (5, 2))),
    "integral-ceiling": ("#0f7f9c", (0, (5, 2))),
}
_FURTHER_COLOURS = ("#8e4ec6", "#c2378a", "#8a6d1f", "#0f7f9c", "#5b6b1e", "#a33b3b")


@dataclass(frozen=True)
class LineStyle:
    """How one method's line is drawn."""

    colour: str
    dash: Any
    width: float


def method_style(method: str, methods: Sequence[str] = ()) -> LineStyle:
    """Give the line style of a method; the same name always looks the same within one page.

    Parameters
    ----------
    method : str
        Method name, or ``"truth"``.
    methods : sequence of str, optional
        All methods of the page in their order: it decides the colours of names without a fixed one.

    Returns
    -------
    LineStyle
    """
    known = _known(method, methods)
    if known is not None:
        colour, dash = _FIXED_STYLES[known]
        return LineStyle(colour, dash, 1.4 if known in ("ceiling", "floor") else 1.9)
    others = [name for name in methods if _known(name, methods) is None]
    taken = {_FIXED_STYLES[fixed][0] for name in methods if (fixed := _known(name, methods)) is not None}
    free = [colour for colour in _FURTHER_COLOURS if colour not in taken] or _FURTHER_COLOURS
    position = others.index(method) if method in others else 0
    return LineStyle(free[position % len(free)], "-", 1.9)


def _known(method: str, methods: Sequence[str]) -> str | None:
    """Return the name whose style a method has: its own, or its last part's where no other chain ends in that."""
    if method in _FIXED_STYLES:
        return method
    last = method.rpartition("/")[2]
    alone = sum(name.rpartition("/")[2] == last for name in methods) <= 1
    return last if alone and last in _FIXED_STYLES else None


def oklab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Convert OKLab colours (n, 3) to sRGB in 0..1 (B. Ottosson, "A perceptual color space", 2020)."""
    to_cone = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    linear = np.clip((lab @ to_cone.T) ** 3 @ to_rgb.T, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(srgb, 0.0, 1.0))


def _balanced_map(steps: int = 257) -> ListedColormap:
    """Make a blue - near white - red map whose lightness falls alike on both sides of zero."""
    value = np.linspace(-1.0, 1.0, steps)
    strength = np.abs(value)
    lightness = 0.97 - 0.57 * strength**1.1
    chroma = 0.165 * np.sin(0.5 * np.pi * np.minimum(1.0, strength * 1.25)) * (1.0 - 0.12 * strength)
    hue = np.radians(np.where(value < 0, 258.0 - 6 * strength, 30.0 - 4 * strength))
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    return ListedColormap(oklab_to_srgb(lab), name="truespin_signed")


SIGNED = _balanced_map().with_extremes(bad="#e7eaee")
"""Diverging map for signed data; use it with symmetric limits."""


def sequential(name: str) -> Any:
    """Give a perceptually uniform sequential map with a calm colour for missing values.

    Parameters
    ----------
    name : str
        A matplotlib colour map, for example ``"magma"``.

    Returns
    -------
    matplotlib.colors.Colormap
    """
    return matplotlib.colormaps[name].with_extremes(bad="#dfe3e8")


def context() -> AbstractContextManager[None]:
    """Give the matplotlib settings of every figure as a context.

    Returns
    -------
    context manager
    """
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "truespin",
            "svg.image_inline": True,
            "font.family": ["DejaVu Sans"],
            "font.size": 9.0,
            "axes.labelsize": 9.0,
            "axes.titlesize": 9.5,
            "axes.titlelocation": "left",
            "axes.titlepad": 6.0,
            "axes.edgecolor": "#9aa5b1",
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": "#55606c",
            "ytick.color": "#55606c",
            "xtick.labelsize": 8.0,
            "ytick.labelsize": 8.0,
            "xtick.major.size": 3.0,
            "ytick.major.size": 3.0,
            "legend.frameon": True,
            "legend.fontsize": 8.0,
            "text.color": INK,
            "mathtext.fontset": "dejavusans",
            "mathtext.default": "it",
            "legend.framealpha": 0.88,
            "legend.edgecolor": "white",
            "legend.borderpad": 0.3,
            "image.interpolation": "none",
            "image.origin": "lower",
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
        }
    )


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure with automatic layout, outside of any global state.

    Parameters
    ----------
    width, height : float
        Size in inches; 11.4 inches fill the page.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return Figure(figsize=(width, height), layout="constrained")


def letter(axes: Any, mark: str, title: str) -> None:
    """Head a panel with its letter and a short title.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    mark : str
        The letter; may be empty.
    title : str
        What the panel shows.
    """
    axes.set_title(f"{mark}\u2003{title}" if mark else title)


def to_svg(figure: Figure) -> bytes:
    """Encode a figure as SVG with the reader's own fonts and no date.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    bytes
    """
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    text = re.sub(r"'?DejaVu Sans'?(?:, [^;\"]*?sans-serif)?", FONT_STACK.replace("\\", ""), text)
    text = re.sub(r"<!DOCTYPE[^>]*>\s*", "", text)
    return text.encode("utf-8")


def to_png(figure: Figure, dpi: int = 160) -> bytes:
    """Encode a figure as PNG without software or date entries.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    dpi : int
        Pixels per inch.

    Returns
    -------
    bytes
    """
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None, "Creation Time": None})
    return stream.getvalue()
