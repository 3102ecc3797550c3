"""A probe against defocus: its image and the phase of its pupil, before and after a constraint.

Contents: :class:`ProbeView`; :func:`draw`, one column for each probe; :func:`draw_tilts`, the defocus that each pupil
holds over the tilts of a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.figure_probe import complex_image
from reports.style import INK, MUTED, letter, method_style, new_figure

_MICRO = 1e6
_ROOM = 1.25  # of the pupil round its bright part
_BESIDE = 1.2  # degrees between the rows of one tilt


@dataclass(frozen=True)
class ProbeView:
    """What a column shows.

    Attributes
    ----------
    title : str
    probe : (ny, nx) complex array
        Its centre at index ``n//2``.
    unwrapped, smooth : (ny, nx) arrays
        Phase of its pupil, rad, zero frequency in the centre; the former NaN where the pupil is dark.
    """

    title: str
    probe: np.ndarray
    unwrapped: np.ndarray
    smooth: np.ndarray


def draw(views: Sequence[ProbeView], *, pixel_size: float) -> Figure:
    """Draw probes, the phase of their pupils less its smooth part, and that phase over the radius.

    Parameters
    ----------
    views : sequence of ProbeView
    pixel_size : float
        Of the probes, m.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Without a probe.
    """
    if not views:
        raise ValueError("views is empty; allowed: one probe or more")
    figure = new_figure(0.6 + 2.4 * len(views), 6.9)
    panels = figure.subplots(3, len(views), squeeze=False, sharey="row")
    rest = [view.unwrapped - view.smooth for view in views]
    limit = max(float(np.nanmax(np.abs(one))) for one in rest)
    shown: Any = None
    for column, view in enumerate(views):
        _image(panels[0, column], view)
        letter(panels[0, column], "", view.title)
        shown = _roughness(panels[1, column], rest[column], limit)
        _radial(panels[2, column], view, pixel_size)
    panels[2, 0].set_ylabel("phase of the pupil (rad)")
    bar = figure.colorbar(shown, ax=panels[1, :], shrink=0.8, aspect=16, pad=0.02)
    bar.set_label("phase less smooth part (rad)")
    bar.outline.set_linewidth(0.5)
    return figure


def draw_tilts(tilts: Sequence[float], defocus: Mapping[str, Sequence[float]], true: Sequence[float]) -> Figure:
    """Draw the defocus that the pupils of a tilt series hold.

    Parameters
    ----------
    tilts : sequence of float
        rad.
    defocus : mapping of str to sequence of float
        Of each row by its name, one for each tilt, m.
    true : sequence of float
        m.

    Returns
    -------
    Figure
    """
    figure = new_figure(6.8, 3.4)
    axes = figure.subplots()
    degrees = np.rad2deg(np.asarray(tilts))
    axes.plot(degrees, _MICRO * np.asarray(true), "-", color=INK, label="truth")
    for index, (name, values) in enumerate(defocus.items()):
        style = method_style(name, tuple(defocus))
        beside = degrees + _BESIDE * (index - (len(defocus) - 1) / 2)
        axes.plot(beside, _MICRO * np.asarray(values), "o", markersize=4, color=style.colour, label=name)
    axes.set_xlabel("tilt (degrees)")
    axes.set_ylabel("defocus of the probe (\u00b5m)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _image(axes: Any, view: ProbeView) -> None:
    turn = np.exp(-1j * np.angle(np.sum(view.probe * np.abs(view.probe))))
    axes.imshow(complex_image(view.probe * turn), origin="lower")
    axes.set_xticks([])
    axes.set_yticks([])


def _roughness(axes: Any, rest: np.ndarray, limit: float) -> Any:
    """Draw the pupil near its bright part."""
    y, x = np.nonzero(np.isfinite(rest))
    middle = [n // 2 for n in rest.shape]
    half = int(np.ceil(_ROOM * max(np.abs(y - middle[0]).max(), np.abs(x - middle[1]).max()))) + 1
    rows, columns = (slice(max(m - half, 0), m + half + 1) for m in middle)
    shown = axes.imshow(rest[rows, columns], origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_xticks([])
    axes.set_yticks([])
    return shown


def _radial(axes: Any, view: ProbeView, pixel_size: float) -> None:
    f_y, f_x = ((np.arange(n) - n // 2) / (n * pixel_size) for n in view.unwrapped.shape)
    bright = np.isfinite(view.unwrapped)
    radius = np.hypot(f_y[:, None], f_x)[bright] / _MICRO
    order = np.argsort(radius)
    level = view.smooth[bright].mean()
    axes.plot(radius[order], (view.smooth[bright] - level)[order], ".", markersize=2, color=MUTED, label="smooth part")
    axes.plot(radius, view.unwrapped[bright] - level, ".", markersize=3, color="#d0661a", label="phase")
    axes.set_xlabel("frequency (1/\u00b5m)")
