"""A sample seen from outside, with axes in nm.

- `draw_volume`: its surface or the surface between up and down, its hedgehogs as balls, a box with ticks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from scipy.ndimage import gaussian_filter

from reports.direction_colours import direction_colours
from reports.panels import round_length
from reports.ray_casting import Balls, Surface, View, cast
from reports.style import INK, MUTED, SIGNED

POSITIVE, NEGATIVE = "#c8202f", "#1f5fbf"
"""Of hedgehogs of charge above and below zero."""

_NEUTRAL = "#93a4b8"
_SOLID = 0.97  # filled share of the array from which on its faces hide everything
_SMOOTHING = 0.6  # cells; takes the stairs off a surface
_PIXELS = 640
_BALL = 0.016  # of the diagonal of the box; a hundred balls are half as large


def draw_volume(
    axes: Any, m: np.ndarray, magnet: np.ndarray, places: tuple[np.ndarray, ...], charges: list[dict[str, Any]]
) -> str:
    """Draw a volume and say in a few words what is shown.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw; its own axes are taken away.
    m : ndarray, shape (3, z, y, x)
        Unit vectors.
    magnet : ndarray, shape (z, y, x)
        Fill fraction.
    places : tuple of ndarray
        Cell centres z, y, x, nm.
    charges : list of dict
        ``z``, ``y``, ``x`` in nm and ``q``.

    Returns
    -------
    str
        Heading of the panel.
    """
    step = np.array([np.ptp(p) / (p.size - 1) if p.size > 1 else 1.0 for p in reversed(places)])
    origin = np.array([p[0] for p in reversed(places)], dtype=float)
    shape = np.array(magnet.shape[::-1])
    low, high = origin - step / 2, origin + (shape - 0.5) * step
    surface, heading = _surface(m, magnet, origin, step, bool(charges))
    balls = _balls(charges, _BALL * float(np.linalg.norm(high - low)), float(step.min()))
    view = View()
    corners = view.project(np.array(list(np.ndindex(2, 2, 2))) * (high - low) + low)[:, :2]
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
    edge = 0.01 * (right - left)
    frame = (left - edge, right + edge, bottom - edge, top + edge)
    axes.imshow(
        cast(surface, balls, view, frame=frame, pixels=_PIXELS), extent=frame, zorder=2, interpolation="antialiased"
    )
    _box(axes, view, low, high)
    margin = 0.17 * max(right - left, top - bottom)
    axes.set_xlim(left - margin, right + 0.6 * margin)
    axes.set_ylim(bottom - margin, top + 0.25 * margin)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return heading


def _surface(
    m: np.ndarray, magnet: np.ndarray, origin: np.ndarray, step: np.ndarray, charged: bool
) -> tuple[Surface, str]:
    inside = magnet > 0.5
    height = m[2]
    if inside.mean() > _SOLID and height.min() < -0.3 and height.max() > 0.3:
        colour, level, closed = direction_colours(m), height, False
        opacity, heading = 0.78 if charged else 0.94, "where $m_z$ = 0, coloured by the in-plane angle"
    else:
        level, closed = 2 * gaussian_filter(magnet.astype(np.float32), _SMOOTHING) - 1, True
        opacity, heading = 1.0, "surface of the magnet, coloured by $m_z$"
        if charged:
            colour = np.broadcast_to(to_rgb(_NEUTRAL), (*magnet.shape, 3))
            opacity, heading = _clear(level), "the magnet and its hedgehogs, + red, \u2212 blue"
        elif np.abs(height).max() < 0.5:
            colour, heading = direction_colours(m), "surface of the magnet, coloured by the in-plane angle"
        else:
            colour = SIGNED((height + 1) / 2)[..., :3]
    return Surface(
        level=np.ascontiguousarray(level, np.float32),
        colour=np.ascontiguousarray(np.moveaxis(colour, -1, 0), np.float32),
        weight=np.ascontiguousarray(magnet, np.float32),
        origin=origin,
        step=step,
        opacity=min(opacity, 0.999),
        closed=closed,
    ), heading


def _clear(level: np.ndarray) -> float:
    """Return an opacity through which one sees the middle: the less, the more surfaces lie in the way."""
    crossings = max(float((np.diff(level > 0, axis=axis) != 0).sum(axis=axis).mean()) for axis in range(3))
    return float(np.clip(0.5 / max(crossings, 1.0), 0.07, 0.2))


def _balls(charges: list[dict[str, Any]], radius: float, cell: float) -> Balls | None:
    if not charges:
        return None
    centres = np.array([[charge["x"], charge["y"], charge["z"]] for charge in charges], dtype=float)
    colours = np.array([to_rgb(POSITIVE if charge["q"] > 0 else NEGATIVE) for charge in charges])
    return Balls(centres, colours, max(radius * max(0.6, len(charges) ** -0.12), 0.75 * cell))


def _box(axes: Any, view: View, low: np.ndarray, high: np.ndarray) -> None:
    """Draw the twelve edges, the three behind everything below it, and ticks along three of the others."""
    ends = np.array([low, high])
    hidden = (0, 1, 0)  # the corner that no ray meets first: x low, y high, z low
    for axis in range(3):
        for first, second in np.ndindex(2, 2):
            corner = np.insert([first, second], axis, 0)
            behind = all(corner[other] == hidden[other] for other in range(3) if other != axis)
            pair = np.array([[ends[corner[c] if c != axis else side, c] for c in range(3)] for side in (0, 1)])
            flat = view.project(pair)
            axes.plot(flat[:, 0], flat[:, 1], color=MUTED, linewidth=0.7, alpha=0.55, zorder=1 if behind else 3)
    # x along the lower front, y along the lower right, z along the left.
    for axis, start, outward in ((0, (0, 0, 0), (0, -1, 0)), (1, (1, 0, 0), (1, 0, 0)), (2, (0, 0, 0), (-1, 0, 0))):
        _ticks(axes, view, ends, axis, start, np.array(outward, float))


def _ticks(
    axes: Any, view: View, ends: np.ndarray, axis: int, start: tuple[int, int, int], outward: np.ndarray
) -> None:
    length = float(np.ptp(ends[:, axis]))
    size = float(np.linalg.norm(ends[1] - ends[0]))
    spacing = round_length(2 * length)
    values = np.arange(np.ceil(ends[0, axis] / spacing), np.floor(ends[1, axis] / spacing) + 1) * spacing
    corner = np.array([ends[start[c], c] for c in range(3)])
    away = view.project(outward)[:2]
    away /= np.linalg.norm(away)
    for value in values:
        point = corner.copy()
        point[axis] = value
        u, v = view.project(point)[:2]
        axes.plot(
            [u, u + 0.014 * size * away[0]], [v, v + 0.014 * size * away[1]], color=MUTED, linewidth=0.7, zorder=3
        )
        axes.text(
            u + 0.045 * size * away[0],
            v + 0.045 * size * away[1],
            f"{value + 0.0:g}".replace("-", "\u2212"),
            fontsize=7,
            color=INK,
            ha="center",
            va="center",
            zorder=4,
        )
    middle = corner.copy()
    middle[axis] = ends[:, axis].mean()
    u, v = view.project(middle)[:2]
    axes.text(
        u + 0.125 * size * away[0],
        v + 0.125 * size * away[1],
        f"${'xyz'[axis]}$ (nm)",
        fontsize=8,
        color=INK,
        ha="center",
        va="center",
        zorder=4,
    )
