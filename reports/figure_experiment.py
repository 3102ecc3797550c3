"""Figure 1: what the detector saw, what each method makes of it, and the coherence that it finds.

Contents: :func:`draw_patterns` (the data and the coherence found in them), :func:`draw_images` (m_z of every method).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from reports.metrics import describe, number, superscript
from reports.panels import Window, colour_bar, image_panel, magnetization_panel, panel_grid
from reports.results import CONTROLS, Results
from reports.style import INK, SIGNED, letter, method_style, new_figure, sequential

_COHERENCE = ("visibility", "coherence_length.x", "coherence_length.y")


def draw_patterns(results: Results) -> Figure | None:
    """Draw the diffraction pattern, its difference between the helicities, and the coherence found in it.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no method stored its prepared data.
    """
    case = next((c for c in _preferred(results) if "pattern" in c.scored and "dichroic_pattern" in c.scored), None)
    if case is None:
        return None
    coherent = [metric for metric in _COHERENCE if _methods_with(results, metric)]
    kernel = next((c for c in _preferred(results) if "coherence_kernel" in c.scored), None)
    beside = bool(coherent or kernel)
    figure = new_figure(11.4, 3.7 if beside else 4.8)
    places = figure.add_gridspec(1, 2 + beside, width_ratios=[1.0, 1.0, 0.95] if beside else [1.0, 1.0])
    _pattern(figure, figure.add_subplot(places[0]), case.scored)
    _difference(figure, figure.add_subplot(places[1]), case.scored)
    if beside:
        _coherence(figure, places[2], results, coherent, kernel.scored if kernel else None)
    return figure


def draw_images(results: Results) -> Figure | None:
    """Draw m_z of the truth and of every method at its own scale.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    gallery = results.compared() or results.gallery()
    if not gallery:
        return None
    columns = min(4, len(gallery) + 1)
    rows = math.ceil((len(gallery) + 1) / columns)
    figure = new_figure(11.4, 0.35 + rows * 11.0 / columns)
    first = next(iter(gallery.values())).scored
    shown = None
    images: list[tuple[str, xr.Dataset, str]] = [(m, c.scored, "m_z") for m, c in gallery.items()]
    images.append(("truth", first, "truth_m_z"))
    axes = panel_grid(figure, rows, columns, len(images))
    for position, (name, scored, variable) in enumerate(images):
        window = Window.of(scored)
        shown = magnetization_panel(axes[position], window, scored[variable], outer=position % columns == 0)
        letter(axes[position], chr(ord("d") + position) if len(images) < 20 else "", name)
    for last in range(columns - 1, len(images) + columns - 1, columns):
        colour_bar(figure, shown, axes[min(last, len(images) - 1)], "$m_z$")
    return figure


def _preferred(results: Results) -> list[Any]:
    gallery = results.gallery()
    order = [results.lead, *gallery]
    return [gallery[method] for method in dict.fromkeys(order) if method in gallery]


def _methods_with(results: Results, metric: str) -> list[str]:
    found = {method: results.spread(method, metric) for method in results.methods if method not in CONTROLS}
    return [method for method, spread in found.items() if spread is not None and spread.count]


def _extent(scored: xr.Dataset) -> tuple[float, float, float, float]:
    """Give the edges of the patterns in 1/um: they reach to half a cycle per reconstruction pixel."""
    edge = 0.5 / float(scored.attrs["pixel_size"]) * 1e-6
    return (-edge, edge, -edge, edge)


def _pattern(figure: Figure, axes: Any, scored: xr.Dataset) -> None:
    values = np.asarray(scored["pattern"].values, dtype=float)
    finite = values[np.isfinite(values)]
    top = float(np.ceil(finite.max())) if finite.size else 1.0
    bottom = float(np.floor(np.percentile(finite, 1.0))) if finite.size else 0.0
    colours = sequential("magma")
    shown = image_panel(axes, values, _extent(scored), limits=(max(bottom, -2.0), top), colours=colours)
    _label(axes)
    letter(axes, "a", "photons, mean of both helicities")
    colour_bar(figure, shown, axes, "log\u2081\u2080 photons per pixel")


def _difference(figure: Figure, axes: Any, scored: xr.Dataset) -> None:
    values = np.asarray(scored["dichroic_pattern"].values, dtype=float)
    size = np.abs(values[np.isfinite(values)])
    top = float(np.percentile(size, 99.9)) if size.size and size.max() > 0 else 1.0
    top = 10.0 ** math.ceil(math.log10(top)) if top > 0 else 1.0
    # Linear up to the typical noise, logarithmic beyond: the term spans many decades.
    linear = max(top * 1e-5, float(np.percentile(size, 60)) if size.size else 0.0)
    linear = 10.0 ** math.ceil(math.log10(linear))
    linear = min(linear, top / 10)
    shown = axes.imshow(
        values,
        extent=_extent(scored),
        norm=SymLogNorm(linthresh=linear, vmin=-top, vmax=top),
        cmap=SIGNED,
        aspect="equal",
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.6)
    _label(axes)
    letter(axes, "b", "difference of the helicities")
    bar = colour_bar(figure, shown, axes, "$I_+ - I_-$ (photons per pixel)")
    decades = [10.0**p for p in range(round(math.log10(linear)), round(math.log10(top)) + 1)]
    step = max(1, math.ceil(len(decades) / 3))
    ticks = decades[::-1][::step]
    bar.set_ticks(
        [-t for t in ticks] + [0.0] + ticks[::-1],
        labels=[_power(-t) for t in ticks] + ["0"] + [_power(t) for t in ticks[::-1]],
    )
    bar.minorticks_off()


def _power(value: float) -> str:
    if 0.01 <= abs(value) < 1e4:
        return number(value, 2 if abs(value) < 0.1 else 1 if abs(value) < 1 else 0)
    mantissa, _, power = f"{value:.0e}".partition("e")
    return number(float(mantissa), 0).replace("1", "") + "10" + superscript(int(power))


def _label(axes: Any) -> None:
    axes.set_xlabel("$f_x$ (1/\u00b5m)")
    axes.set_ylabel("$f_y$ (1/\u00b5m)")


def _coherence(figure: Figure, place: Any, results: Results, metrics: list[str], kernel: xr.Dataset | None) -> None:
    """Draw every cell's estimate as a dot beside the truth, and the blur of the pattern where it was estimated."""
    count = len(metrics) + (kernel is not None)
    heights = [1.0] * len(metrics) + ([2.6] if kernel is not None else [])
    inner = place.subgridspec(count, 1, height_ratios=heights)
    panels = [figure.add_subplot(inner[position]) for position in range(count)]
    for position, metric in enumerate(metrics):
        _dots(panels[position], results, metric)
        letter(panels[position], "c" if position == 0 else "", _title(metric))
    if kernel is not None:
        _kernel(figure, panels[-1], kernel)
        letter(panels[-1], "" if metrics else "c", f"blur kernel, {kernel.attrs.get('method', '')}")


def _title(metric: str) -> str:
    if metric == "visibility":
        return "visibility at the references"
    return f"coherence length along {metric[-1]} ({describe(metric).unit})"


def _dots(axes: Any, results: Results, metric: str) -> None:
    shown = describe(metric)
    methods = _methods_with(results, metric)
    for level, method in enumerate(reversed(methods)):
        rows = [r for r in results.scorecard.rows if r.method == method and r.metric == metric and r.value is not None]
        values = [float(row.value) * shown.scale for row in rows if row.value is not None]
        axes.plot(
            values, [level] * len(values), "o", color=method_style(method, results.methods).colour, markersize=5.5
        )
    truth = results.truth(metric)
    if truth is not None and truth.count:
        axes.axvline(truth.mean * shown.scale, color=INK, linewidth=1.2)
        axes.margins(x=0.25)
    axes.set_yticks(range(len(methods)), labels=list(reversed(methods)))
    axes.set_ylim(-0.6, len(methods) - 0.4)
    axes.grid(axis="x", color="#e4e8ec", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.locator_params(axis="x", nbins=4)


def _kernel(figure: Figure, axes: Any, scored: xr.Dataset) -> None:
    values = np.asarray(scored["coherence_kernel"].values, dtype=float)
    centre = [n // 2 for n in values.shape]
    reach = min(5, *centre)
    cut = values[tuple(slice(c - reach, c + reach + 1) for c in centre)]
    edge = reach + 0.5
    top = float(np.abs(cut).max()) or 1.0
    shown = image_panel(axes, cut, (-edge, edge, -edge, edge), limits=(0.0, top), colours=sequential("viridis"))
    axes.set_xlabel("$k_x$ (detector pixels)")
    axes.set_ylabel("$k_y$ (px)")
    axes.set_xticks([-reach, 0, reach])
    axes.set_yticks([-reach, 0, reach])
    axes.set_anchor("W")
    colour_bar(figure, shown, axes, "share")
