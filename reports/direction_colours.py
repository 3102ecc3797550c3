"""Colours of directions: hue for the angle in the plane, light for up, dark for down.

- `direction_colours`: of unit vectors; the hues are even steps at one lightness in the perceptual space OKLab;
- `colour_wheel`: the legend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.style import INK
from reports.style import oklab_to_srgb as oklab_to_srgb

_LIGHT, _MIDDLE, _DARK = 0.985, 0.735, 0.20
_CHROMA = 0.125
_START = np.radians(25.0)
"""Hue of +x, a red."""


def direction_colours(m: np.ndarray) -> np.ndarray:
    """Give the colours of directions.

    Parameters
    ----------
    m : ndarray, shape (3, ...)
        Unit vectors, component (x, y, z).

    Returns
    -------
    ndarray, shape (..., 3)
        sRGB, 0..1.
    """
    return _colours(np.arctan2(m[1], m[0]), np.clip(m[2], -1.0, 1.0))


def _colours(angle: np.ndarray, height: np.ndarray) -> np.ndarray:
    # Light follows the angle above the plane, so that a wall's edges are as clear as its middle.
    rise = np.arcsin(height) / (np.pi / 2)
    lightness = np.where(rise > 0, _MIDDLE + rise * (_LIGHT - _MIDDLE), _MIDDLE + rise * (_MIDDLE - _DARK))
    chroma = _CHROMA * np.cos(rise * np.pi / 2)
    lab = np.stack([lightness, chroma * np.cos(angle + _START), chroma * np.sin(angle + _START)], axis=-1)
    return oklab_to_srgb(lab)


def colour_wheel(axes: Any) -> None:
    """Draw the colours of all directions as a disc: up in its middle, down on its rim, the angle as seen from +z.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Small and square; its frame is taken away.
    """
    size = 241
    place = np.linspace(-1.06, 1.06, size)
    x, y = np.meshgrid(place, place)
    radius = np.hypot(x, y)
    height = np.cos(np.pi * np.minimum(radius, 1.0))
    colours = np.ones((size, size, 4))
    colours[..., :3] = _colours(np.arctan2(y, x), height)
    colours[..., 3] = np.clip((1.0 - radius) * size / 3.0, 0.0, 1.0)
    axes.imshow(colours, extent=(-1.06, 1.06, -1.06, 1.06), origin="lower", interpolation="antialiased")
    axes.set_axis_off()
    for text, where in (("+x", (1.12, 0.0)), ("+y", (0.0, 1.16))):
        align = {"ha": "left", "va": "center"} if text == "+x" else {"ha": "center", "va": "bottom"}
        axes.text(*where, text, fontsize=7.5, color=INK, **align)
    axes.text(0.0, 0.0, "up", fontsize=6.5, color=INK, ha="center", va="center")
    axes.text(0.0, -1.12, "rim: down", fontsize=6.5, color=INK, ha="center", va="top")
