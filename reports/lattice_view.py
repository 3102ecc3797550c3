"""A lattice with its hedgehogs from fixed sides: the magnet as a translucent surface, charges as balls.

Contents: :func:`draw_side` (along an axis, with ticks in nm), :func:`draw_askew` (in a box, from above the front
edge), :func:`draw_nickel` (the magnet alone), :func:`mark_keys` (legend); :data:`MISSED`, :data:`SPURIOUS`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from scipy.ndimage import gaussian_filter

from reports.ray_casting import Balls, Surface, View, cast
from reports.style import INK
from reports.superlattice_scored import Grid3, Hedgehogs
from reports.volume_view import NEGATIVE, POSITIVE, draw_volume

MISSED: Final = "#1b8a4b"
"""Ring round a true hedgehog that was not found."""
SPURIOUS: Final = INK
"""Cross on a hedgehog that is not there in truth."""

SIDES: Final = {
    0: (View(0.0, np.pi / 2), (2, 1)),
    1: (View(0.0, 0.0), (2, 0)),
    2: (View(np.pi / 2, 0.0), (1, 0)),
}
"""By the array's axis that one looks along: the view, and the axes across and up."""

_NICKEL: Final = "#8fa3b5"
_SMOOTHING: Final = 0.6  # voxels; takes the stairs off the surface
_PIXELS: Final = 420
_BALL: Final = 0.017  # of the longest edge


def draw_side(axes: Any, fill: np.ndarray, grid: Grid3, marks: Hedgehogs, normal: int) -> None:
    """Draw the volume as seen along an axis.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    fill : ndarray, shape (z, y, x)
        Fill fraction of the magnet.
    grid : Grid3
    marks : Hedgehogs
    normal : int
        The array's axis that one looks along: 0 from above, 1 from the front, 2 from the right.
    """
    view, (across, up) = SIDES[normal]
    frame = grid.extent(across, up)
    balls = _balls(marks, _radius(grid))
    picture = cast(_nickel(fill, grid, normal), balls, view, frame=frame, pixels=_PIXELS)
    axes.imshow(picture, extent=frame, interpolation="antialiased")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.6)
    axes.set_xlim(*frame[:2])
    axes.set_ylim(*frame[2:])
    axes.set_aspect("equal")
    _overlay(axes, marks, view)
    axes.set_xlabel(f"${'zyx'[across]}$ (nm)")
    axes.set_ylabel(f"${'zyx'[up]}$ (nm)")


def draw_askew(axes: Any, m: np.ndarray, fill: np.ndarray, grid: Grid3, marks: Hedgehogs) -> None:
    """Draw the volume in a box, seen from above its front edge.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Its own axes are taken away.
    m : ndarray, shape (3, z, y, x)
    fill : ndarray, shape (z, y, x)
    grid : Grid3
    marks : Hedgehogs
    """
    charges = [
        {"z": z, "y": y, "x": x, "q": int(q)}
        for (z, y, x), q in zip(marks.found.tolist(), marks.found_charge.tolist(), strict=True)
    ]
    draw_volume(axes, m, fill, grid.places, charges)
    _overlay(axes, marks, View())


def draw_nickel(axes: Any, fill: np.ndarray, grid: Grid3, view: View) -> tuple[float, float, float, float]:
    """Draw the magnet alone, and return the frame of the picture.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    fill : ndarray, shape (z, y, x)
    grid : Grid3
    view : View

    Returns
    -------
    tuple of float
        Left, right, bottom, top, nm.
    """
    corners = np.array(list(np.ndindex(2, 2, 2))) * (grid.high - grid.low) + grid.low
    flat = view.project(corners[:, ::-1])[:, :2]
    (left, bottom), (right, top) = flat.min(axis=0), flat.max(axis=0)
    frame = (float(left), float(right), float(bottom), float(top))
    axes.imshow(
        cast(_nickel(fill, grid, 1), None, view, frame=frame, pixels=_PIXELS),
        extent=frame,
        interpolation="antialiased",
    )
    return frame


def mark_keys() -> list[Line2D]:
    """Give the entries of a legend of all marks."""
    ring: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 7.0}
    return [
        Line2D([], [], color=POSITIVE, label="hedgehog", **ring),
        Line2D([], [], color=NEGATIVE, label="anti-hedgehog", **ring),
        Line2D(
            [],
            [],
            markerfacecolor="none",
            markeredgecolor=MISSED,
            markeredgewidth=1.5,
            label="missed, of either sign",
            **ring,
        ),
        Line2D([], [], marker="x", linestyle="none", color=SPURIOUS, markersize=5.5, label="not there in truth"),
    ]


def _radius(grid: Grid3) -> float:
    return max(_BALL * float((grid.high - grid.low).max()), 0.8 * float(grid.steps.min()))


def _nickel(fill: np.ndarray, grid: Grid3, normal: int) -> Surface:
    level = 2 * gaussian_filter(fill.astype(np.float32), _SMOOTHING) - 1
    crossings = float((np.diff(level > 0, axis=normal) != 0).sum(axis=normal).mean())
    colour = np.broadcast_to(np.array(to_rgb(_NICKEL), np.float32)[:, None, None, None], (3, *fill.shape))
    return Surface(
        level=np.ascontiguousarray(level, np.float32),
        colour=np.ascontiguousarray(colour),
        weight=np.ones(fill.shape, np.float32),
        origin=np.array([p[0] for p in reversed(grid.places)]),
        step=grid.steps[::-1].copy(),
        opacity=float(np.clip(0.45 / max(crossings, 1.0), 0.04, 0.2)),
        closed=True,
    )


def _balls(marks: Hedgehogs, radius: float) -> Balls | None:
    if not len(marks.found):
        return None
    colours = np.array([to_rgb(POSITIVE if q > 0 else NEGATIVE) for q in marks.found_charge])
    return Balls(marks.found[:, ::-1], colours, radius)


def _overlay(axes: Any, marks: Hedgehogs, view: View) -> None:
    """Ring what was missed and cross what is not there, in front of everything."""
    missed = view.project(marks.true[marks.missed][:, ::-1])
    false = view.project(marks.found[marks.false][:, ::-1])
    axes.plot(
        missed[:, 0], missed[:, 1], "o", markersize=7.0, markerfacecolor="none", markeredgecolor=MISSED,
        markeredgewidth=1.4, zorder=6,
    )  # fmt: skip
    for colour, width, size in (("white", 3.0, 7.0), (SPURIOUS, 1.3, 6.0)):
        axes.plot(false[:, 0], false[:, 1], "x", markersize=size, color=colour, markeredgewidth=width, zorder=7)
