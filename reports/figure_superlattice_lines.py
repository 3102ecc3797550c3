"""Emergent field lines of pairs of hedgehogs.

Contents: :func:`draw`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from reports.metrics import number
from reports.panels import NANO, round_length, scale_bar
from reports.results import Results
from reports.style import letter, new_figure
from reports.superlattice_scored import leading
from reports.volume_view import NEGATIVE, POSITIVE

_COLUMNS: Final = 3
_JOINED, _OTHER = "#d0661a", "#8592a0"
_THINNED: Final = 3
"""Of so many stored points of a line one is drawn."""
_NEAR: Final = 1.0  # voxels from a hedgehog to the end of a line that belongs to it


def draw(results: Results) -> Figure | None:
    """Draw the field lines of a few pairs of the truth and of the leading method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no line is stored.
    """
    case = leading(results)
    if case is None:
        return None
    scored = case.scored
    rows = [(name, prefix) for name, prefix in (("truth", "true_"), (case.method, "")) if _stored(scored, prefix)]
    if not rows:
        return None
    pairs = {prefix: np.asarray(scored[f"{prefix}line_hedgehogs"].values, int).reshape(-1, 2) for _, prefix in rows}
    shown = [(name, prefix, index) for name, prefix in rows for index in range(len(pairs[prefix]))]
    lines = sum(-(-len(each) // _COLUMNS) for each in pairs.values())
    figure = new_figure(11.4, 2.95 * lines)
    panels = np.asarray(figure.subplots(lines, _COLUMNS, squeeze=False))
    for axes in panels.ravel():
        axes.set_axis_off()
    marks, line = iter("abcdefghijklmnopqrstuvwxyz"), -1
    for name, prefix, index in shown:
        line += index % _COLUMNS == 0
        axes = panels[line, index % _COLUMNS]
        letter(axes, next(marks), f"{name}: {_pair(axes, scored, prefix, index, pairs[prefix][index])}")
    return figure


def _stored(scored: xr.Dataset, prefix: str) -> bool:
    names = ("line_position", "line_number", "line_pair", "line_hedgehogs", "hedgehog_position", "hedgehog_charge")
    return all(f"{prefix}{name}" in scored and scored[f"{prefix}{name}"].size for name in names)


def _pair(axes: Any, scored: xr.Dataset, prefix: str, index: int, rows: np.ndarray) -> str:
    """Draw a pair from a side on which it lies across, near lines dark, and return its heading."""
    ends = scored[f"{prefix}hedgehog_position"].values[rows] * NANO
    charges = scored[f"{prefix}hedgehog_charge"].values[rows]
    across, up, towards = _sides(ends[1] - ends[0])
    middle = ends.mean(axis=0)
    apart = float(np.linalg.norm(ends[1] - ends[0]))
    reach = max(1.25 * apart, 12.0)
    basis = np.stack([across, up, towards])
    position = (np.asarray(scored[f"{prefix}line_position"].values, float) * NANO - middle) @ basis.T
    number_of = scored[f"{prefix}line_number"].values
    places = (ends - middle) @ basis.T
    everyone = (scored[f"{prefix}hedgehog_position"].values * NANO - middle) @ basis.T
    limit = _NEAR * float(scored.attrs.get("voxel_size", 5e-9)) * NANO
    for line in np.flatnonzero(scored[f"{prefix}line_pair"].values == index):
        points = position[number_of == line]
        if len(points) < 2:
            continue
        joins = [_end_at(point, everyone, limit) for point in points[[0, -1]]] == rows.tolist()
        thinned = np.concatenate([points[:-1:_THINNED], points[-1:]])
        _line(axes, thinned, _JOINED if joins else _OTHER, reach)
    for place, charge in zip(places, charges, strict=True):
        colour = POSITIVE if charge > 0 else NEGATIVE
        axes.plot(*place[:2], "o", markersize=11, color=colour, markeredgecolor="white", markeredgewidth=1.0, zorder=5)
        sign = "+" if charge > 0 else "\u2212"
        axes.text(*place[:2], sign, color="white", fontsize=9, ha="center", va="center_baseline", zorder=6)
    axes.set_xlim(-1.15 * reach, 1.15 * reach)
    axes.set_ylim(-0.8 * reach, 0.8 * reach)
    axes.set_aspect("equal")
    length = round_length(2 * reach)
    scale_bar(axes, length, f"{length:g} nm")
    return _heading(scored, prefix, index, apart)


def _end_at(point: np.ndarray, places: np.ndarray, limit: float) -> int:
    """Return the row of the hedgehog at which a line ends, -1 where none is near."""
    away = np.linalg.norm(places - point, axis=1)
    return int(away.argmin()) if away.min() < limit else -1


def _heading(scored: xr.Dataset, prefix: str, index: int, apart: float) -> str:
    share = scored.get(f"{prefix}line_share")
    text = f"{number(apart, 1)} nm apart"
    if share is not None and index < share.size and np.isfinite(share.values[index]):
        text += f", {100 * float(share.values[index]):.0f} % shared"
    return text


def _sides(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors (z, y, x) along a direction, up as far as that allows, and towards the viewer."""
    across = direction / np.linalg.norm(direction)
    vertical = np.array([1.0, 0.0, 0.0]) if abs(across[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    up = vertical - (vertical @ across) * across
    up /= np.linalg.norm(up)
    return across, up, np.cross(across[::-1], up[::-1])[::-1]


def _line(axes: Any, points: np.ndarray, colour: str, reach: float) -> None:
    """Draw a line in pieces, paler where it is farther away, with an arrow in its middle."""
    pieces = np.stack([points[:-1, :2], points[1:, :2]], axis=1)
    depth = np.clip((points[:-1, 2] + reach) / (2 * reach), 0.0, 1.0)
    tint = np.array(to_rgb(colour))
    shade = 0.25 + 0.75 * depth[:, None]
    axes.add_collection(LineCollection(list(pieces), colors=shade * tint + (1 - shade), linewidths=1.0, zorder=3))
    inside = np.flatnonzero((np.abs(points[:-1, 0]) < reach) & (np.abs(points[:-1, 1]) < 0.7 * reach))
    if inside.size > 3:
        at = int(inside[inside.size // 2])
        axes.annotate(
            "", points[at + 1, :2], points[at, :2], zorder=4,
            arrowprops={"arrowstyle": "-|>", "color": tuple(shade[at] * tint + (1 - shade[at])), "lw": 0.8},
        )  # fmt: skip
