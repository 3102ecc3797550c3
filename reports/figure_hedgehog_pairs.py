"""The figures of a study of pairs: how many come back as two, and what a pair looks like.

Contents: :func:`draw_curves`, :func:`draw_pairs`; :func:`curve_label`, the words for a curve.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from reports.direction_colours import direction_colours
from reports.style import INK, MUTED, letter, new_figure

NANO: Final = 1e9

_SOURCES: Final = {
    "truth": ("truth at the voxel", INK, "o"),
    "projections": ("projections", "#1f5fbf", "s"),
    "frames": ("frames of photons", "#d0661a", "D"),
}
_SHADES: Final = ("#1f5fbf", "#1b8a6b", "#8e4ec6", "#0f7f9c")
_LEAST_COLUMNS: Final = 3
_MOST_COLUMNS: Final = 4
_BACKGROUND: Final = 0.93
_SAME: Final = 1e-12  # m
_PLUS, _MINUS = "#c0392b", "#1f5fbf"


def curve_label(study: xr.Dataset, index: int) -> str:
    """Give the words for a curve.

    Parameters
    ----------
    study : Dataset
        Content of ``study.nc``.
    index : int
        Of the curve; -1 is the sample itself.

    Returns
    -------
    str
    """
    if index < 0:
        return "sample"
    source, photons = str(study["source"].values[index]), float(study["photons"].values[index])
    name = _SOURCES[source][0]
    if not photons:
        return name
    exponent = math.floor(math.log10(photons) + 1e-9)
    front = photons / 10**exponent
    power = f"$10^{{{exponent}}}$" if abs(front - 1) < 1e-6 else f"{front:g}\u00b7$10^{{{exponent}}}$"
    return f"{name}, {power} per {'frame' if source == 'frames' else 'pixel'}"


def draw_curves(study: xr.Dataset) -> Figure | None:
    """Draw the share of pairs recovered against separation, its fits, and where they come to the share asked for.

    Parameters
    ----------
    study : Dataset
        Content of ``study.nc``.

    Returns
    -------
    Figure
    """
    figure = new_figure(11.4, 4.8)
    shares, reached = figure.subplots(1, 2, width_ratios=[2.1, 1.0])
    wanted, count = float(study.attrs["success"]), study.sizes["curve"]
    separations = NANO * study["tested_separation"].values
    for index in range(count):
        _curve(shares, study, index, separations)
    shares.axhline(100 * wanted, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    shares.axvline(NANO * float(study.attrs["pixel_size"]), color=MUTED, linewidth=0.9, linestyle=(0, (1.5, 2)))
    shares.set_xscale("log")
    ticks = [
        tick for tick in (5, 7.5, 10, 15, 20, 30, 40) if 0.9 * separations.min() <= tick <= 1.1 * separations.max()
    ]
    if len(ticks) < 2:
        ticks = np.unique(separations).tolist()
    shares.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    shares.minorticks_off()
    shares.set_ylim(-4, 106)
    shares.set_xlabel("separation of the pair (nm)")
    shares.set_ylabel("pairs recovered (%)")
    figure.legend(*shares.get_legend_handles_labels(), loc="outside lower center", ncols=3)  # inside it hid points
    letter(shares, "a", "pairs told apart")
    _reaches(reached, study, wanted)
    return figure


def _style(study: xr.Dataset, index: int) -> tuple[str, str]:
    """Return colour and marker of a curve: noise levels of one source differ in colour."""
    source = str(study["source"].values[index])
    _, colour, marker = _SOURCES[source]
    if source == "projections":
        same = [i for i, name in enumerate(study["source"].values) if str(name) == source]
        colour = _SHADES[same.index(index) % len(_SHADES)]
    return colour, marker


def _curve(axes: Any, study: xr.Dataset, index: int, separations: np.ndarray) -> None:
    own = study["tested_curve"].values == index
    colour, marker = _style(study, index)
    hits, counts = (study[f"tested_{name}"].values[own] for name in ("hits", "count"))
    share = hits / counts
    ends = np.stack([share - study["tested_low"].values[own], study["tested_high"].values[own] - share])
    axes.errorbar(
        separations[own], 100 * share, yerr=100 * np.maximum(ends, 0), fmt=marker, color=colour, markersize=5,
        elinewidth=1.0, capsize=2.0, label=curve_label(study, index), zorder=4,
    )  # fmt: skip
    centre, width, lapse = (float(study[name].values[index]) for name in ("centre", "width", "lapse"))
    if math.isnan(centre):
        return
    line = np.geomspace(separations[own].min(), separations[own].max(), 400)
    chance = (1 - lapse) / (1 + np.exp(-np.clip(np.log(line / NANO / centre) / width, -500, 500)))
    axes.plot(line, 100 * chance, color=colour, linewidth=1.6, alpha=0.8)


def _reaches(axes: Any, study: xr.Dataset, wanted: float) -> None:
    """Draw the separation at which each curve comes to the share asked for, with its interval."""
    labels, longest = [], NANO * float(study["tested_separation"].max())
    for index in range(study.sizes["curve"]):
        value, low, high = NANO * study["reach"].values[index]
        colour, marker = _style(study, index)
        y = -index
        labels.append(curve_label(study, index).replace(", ", ",\n"))
        right = min(high, 1.12 * longest)
        if math.isfinite(value):
            axes.plot([max(low, 0), right], [y, y], color=colour, linewidth=1.6)
            axes.plot(value, y, marker, color=colour, markersize=7)
            axes.annotate(f"{value:.1f}", (value, y), (0, 8), textcoords="offset points", ha="center", fontsize=8)
        else:
            axes.text(0.98, y, _not_valued(low, high), transform=axes.get_yaxis_transform(), ha="right", fontsize=8)
    axes.set_yticks([-i for i in range(len(labels))], labels)
    axes.set_ylim(-len(labels) + 0.4, 0.6)
    axes.set_xlim(0, 1.15 * longest)
    axes.set_xlabel("separation (nm)")
    letter(axes, "b", f"{100 * wanted:g} % told apart")


def _not_valued(low: float, high: float) -> str:
    if math.isinf(high):
        return f"not up to {low:.3g} nm"
    if math.isfinite(high):
        return f"from {high:g} nm, the least tried"
    return "one separation"


def draw_pairs(study: xr.Dataset) -> Figure | None:
    """Draw the same pair in a plane through both hedgehogs, at a few separations: sample, truth and estimates.

    Parameters
    ----------
    study : Dataset
        Content of ``study.nc``.

    Returns
    -------
    Figure or None
        None without slices.
    """
    if "slice" not in study:
        return None
    curves = sorted(set(study["slice_curve"].values.tolist()))
    columns = _columns(study)
    figure = new_figure(11.4, 0.6 + 1.4 * len(curves))
    grid = figure.subplots(len(curves), len(columns), squeeze=False, sharex=True, sharey=True)
    for row, curve in zip(grid, curves, strict=True):
        for axes, separation in zip(row, columns, strict=True):
            _picture(axes, study, curve, separation)
        row[0].set_ylabel(curve_label(study, curve).replace(", ", ",\n"), fontsize=8)
    for axes, separation in zip(grid[0], columns, strict=True):
        axes.set_title(f"{separation * NANO:g} nm")
    for axes in grid[-1]:
        axes.set_xlabel("along the pair (nm)")
    return figure


def _columns(study: xr.Dataset) -> list[float]:
    """Choose separations: those that most curves have, spread over their range."""
    found: dict[float, set[int]] = {}
    for separation, curve in zip(study["slice_separation"].values, study["slice_curve"].values, strict=True):
        found.setdefault(round(float(separation), 12), set()).add(int(curve))
    most = max(len(curves) for curves in found.values())
    shared = sorted(separation for separation, curves in found.items() if len(curves) == most)
    if len(shared) < _LEAST_COLUMNS:
        shared = sorted(found)
    chosen = np.unique(np.round(np.linspace(0, len(shared) - 1, _MOST_COLUMNS)).astype(int))
    return [shared[index] for index in chosen]


def _picture(axes: Any, study: xr.Dataset, curve: int, separation: float) -> None:
    axes.set_aspect("equal")
    same = (np.abs(study["slice_separation"].values - separation) < _SAME) & (study["slice_curve"].values == curve)
    if not same.any():
        axes.set_axis_off()
        return
    index = int(np.flatnonzero(same)[0])
    m = study["slice"].values[index].astype(float)
    across, along = (NANO * study[name].values for name in ("across", "along"))
    colours = direction_colours(m)
    colours[~m.any(axis=0)] = _BACKGROUND
    edges = (along[0] - 0.5, along[-1] + 0.5, across[0] - 0.5, across[-1] + 0.5)
    axes.imshow(colours, extent=edges, origin="lower", interpolation="antialiased", rasterized=True)
    step = 4
    part = (slice(len(across) // 2 % step, None, step), slice(len(along) // 2 % step, None, step))
    axes.quiver(
        along[part[1]], across[part[0]], m[2][part], m[0][part], pivot="mid", color=INK, scale=26, width=0.004,
        headwidth=4, alpha=0.75,
    )  # fmt: skip
    for sign, colour in ((1, _PLUS), (-1, _MINUS)):
        place = sign * separation * NANO / 2
        axes.plot(place, 0, "o", markersize=6, markerfacecolor="none", markeredgecolor="white", markeredgewidth=2.6)
        axes.plot(place, 0, "o", markersize=6, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.4)
    if curve < 0:
        return
    whole, plus, minus = study["slice_charges"].values[index]
    right = bool(study["slice_recovered"].values[index])
    said = (
        "told apart" if right else f"{plus:+d}, {minus:+d}, both {whole:+d}".replace("+0", "0").replace("-", "\u2212")
    )
    axes.text(
        0.02, 0.04, said, transform=axes.transAxes, fontsize=7.5, color=INK,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip
