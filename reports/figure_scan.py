"""The scan of a ptychographic reconstruction: positions, frames that were left out, flux.

Contents: :func:`draw`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from reports.panels import NANO
from reports.results import Case, Results
from reports.style import INK, MUTED, letter, new_figure

_NOTHING = 1e-3  # nm
_FOUND, _MISSED, _FALSE = "#1b8a6b", "#c2378a", "#d0661a"


def draw(results: Results) -> Figure | None:
    """Draw the errors of the positions, the frames' errors with those left out, and the flux, of the leading method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no method stored positions.
    """
    case = _case(results)
    if case is None:
        return None
    scored = case.scored
    flux = "flux" in scored and bool(np.ptp(scored["flux"].values) > 0)
    figure = new_figure(11.4, 3.9)
    panels = figure.subplots(1, 3 if flux else 2, squeeze=False)[0]
    _positions(panels[0], scored)
    letter(panels[0], "a", f"positions, {case.method}")
    _frames(figure, panels[1], scored)
    letter(panels[1], "b", "frames")
    if flux:
        panels[2].plot(scored["flux"].values[0], ".", markersize=3, color=_FOUND, label=case.method)
        panels[2].set_xlabel("frame")
        panels[2].set_ylabel("incident flux, relative")
        letter(panels[2], "c", "flux as found")
    return figure


def _case(results: Results) -> Case | None:
    gallery = {method: case for method, case in results.compared().items() if "position_y" in case.scored}
    return gallery.get(results.lead) or next(reversed(gallery.values()), None) if gallery else None


def _places(scored: xr.Dataset, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    y, x = (NANO * scored[f"{prefix}position_{axis}"].values[0] for axis in ("y", "x"))
    return y, x


def _positions(axes: Any, scored: xr.Dataset) -> None:
    """Draw what was told and what was found as arrows from the true places, enlarged."""
    true, told, found = (_places(scored, prefix) for prefix in ("truth_", "nominal_", ""))
    away = {"as given": (told, MUTED), "as found": (found, _FOUND)}
    offsets = {}
    for name, (places, _) in away.items():
        dy, dx = places[0] - true[0], places[1] - true[1]
        offsets[name] = (dy - np.median(dy), dx - np.median(dx))
    largest = max(float(np.percentile(np.hypot(*offset), 95)) for offset in offsets.values())
    if largest < _NOTHING:
        axes.plot(true[1], true[0], ".", markersize=3, color=MUTED)
        axes.set_aspect("equal")
        axes.set_xlabel("$x$ (nm)")
        axes.set_ylabel("$y$ (nm)")
        axes.text(0.02, 0.98, "as given; no error", transform=axes.transAxes, va="top", fontsize=8, color=INK)
        return
    spacing = _spacing(true)
    gain = 0.6 * spacing / largest
    for name, (_, colour) in away.items():
        dy, dx = offsets[name]
        rms = float(np.sqrt(np.mean(dy**2 + dx**2)))
        axes.quiver(
            true[1],
            true[0],
            gain * dx,
            gain * dy,
            angles="xy",
            scale_units="xy",
            scale=1.0,
            width=0.003,
            color=colour,
            label=f"{name}: {rms:.2f} nm rms",
        )
    axes.set_aspect("equal")
    axes.set_xlabel("$x$ (nm)")
    axes.set_ylabel("$y$ (nm)")
    axes.legend(loc="upper right", title=f"errors \u00d7 {gain:.3g}", title_fontsize=8)


def _spacing(places: tuple[np.ndarray, np.ndarray]) -> float:
    y, x = places
    return float(np.sqrt(max(np.ptp(y), 1.0) * max(np.ptp(x), 1.0) / max(len(y), 1)))


def _frames(figure: Any, axes: Any, scored: xr.Dataset) -> None:
    """Draw the error of every frame at its place, and which were left out, rightly or not."""
    y, x = _places(scored, "truth_")
    fault = scored["fault"].values[0] != 0
    corrupt = scored["corrupt"].values[0] != 0 if "corrupt" in scored else np.zeros_like(fault)
    if "frame_error" in scored:
        error = np.where(corrupt, np.nan, scored["frame_error"].values[0])
        shown = axes.scatter(x, y, c=error, s=14, cmap="cividis", marker="s", linewidths=0)
        figure.colorbar(shown, ax=axes, shrink=0.8, label="error of the frame")
    for which, colour, label in (
        (corrupt & fault, _FOUND, "corrupt, left out"),
        (fault & ~corrupt, _MISSED, "corrupt, missed"),
        (corrupt & ~fault, _FALSE, "good, left out"),
    ):
        if which.any():
            axes.plot(
                x[which],
                y[which],
                "o",
                markerfacecolor="none",
                color=colour,
                markersize=7,
                label=f"{label}: {which.sum()}",
            )
    axes.set_aspect("equal")
    axes.set_xlabel("$x$ (nm)")
    if fault.any() or corrupt.any():
        axes.legend(loc="upper right")
    else:
        axes.text(0.02, 0.98, "no corrupt frame", transform=axes.transAxes, va="top", fontsize=8, color=INK)
