"""One picture of a ptychographic reconstruction without a truth: amplitude, phase, probe, magnetic image.

Contents: :func:`draw`, :func:`save`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from records import store
from reports.figure_probe import complex_image
from reports.panels import NANO, colour_bar, image_panel, round_length, scale_bar
from reports.style import SIGNED, context, letter, new_figure, sequential, to_png, to_svg


def draw(found: xr.Dataset) -> Figure:
    """Draw amplitude and phase of the object, the probe and, of two helicities, the magnetic image.

    Parameters
    ----------
    found : Dataset
        The record `Reconstruction` of kind ``"ptychography"``.

    Returns
    -------
    Figure
    """
    scanned = _scanned(found)
    wave = found["object"].values[0]
    magnetic = "magnetic" in found
    figure = new_figure(11.4, 3.1 if magnetic else 3.7)
    panels = figure.subplots(1, 4 if magnetic else 3, squeeze=False)[0]
    inside = _without_ramp(wave[scanned])
    amplitude, phase = np.abs(inside), np.angle(inside * np.conj(inside.mean()))
    extent = _extent(found, scanned)
    limits = tuple(float(v) for v in np.percentile(amplitude, (0.5, 99.5)))
    shown = image_panel(panels[0], amplitude, extent, limits=(limits[0], limits[1]), colours=sequential("gray"))
    _finish(figure, panels[0], shown, extent, "amplitude")
    reach = max(float(np.percentile(np.abs(phase), 99.5)), 1e-3)
    shown = image_panel(panels[1], phase, extent, limits=(-reach, reach), colours=sequential("twilight_shifted"))
    _finish(figure, panels[1], shown, extent, "phase (rad)")
    panels[2].imshow(complex_image(found["probe"].values[0, 0]), origin="lower")
    panels[2].set_xticks([])
    panels[2].set_yticks([])
    letter(panels[2], "", "probe, mode 1: lightness amplitude, hue phase")
    if magnetic:
        image = found["magnetic"].values[scanned]
        reach = max(float(np.percentile(np.abs(image), 99.0)), 1e-6)
        shown = image_panel(panels[3], image, extent, limits=(-reach, reach), colours=SIGNED)
        _finish(figure, panels[3], shown, extent, "half OD difference")
    return figure


def save(found: xr.Dataset, path: Path) -> None:
    """Write the picture as PNG or SVG, as the name says, whole or not at all.

    Parameters
    ----------
    found : Dataset
        The record `Reconstruction` of kind ``"ptychography"``.
    path : Path

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with context():
        figure = draw(found)
        store.write_bytes(path, to_svg(figure) if path.suffix == ".svg" else to_png(figure))


def _without_ramp(wave: np.ndarray) -> np.ndarray:
    """Return a wave without the mean slope of its phase, which no frame tells."""
    ny, nx = wave.shape
    slope_y = np.angle(np.sum(wave[1:] * np.conj(wave[:-1])))
    slope_x = np.angle(np.sum(wave[:, 1:] * np.conj(wave[:, :-1])))
    ramp = slope_y * np.arange(ny)[:, None] + slope_x * np.arange(nx)[None, :]
    return np.asarray(wave * np.exp(-1j * ramp))


def _scanned(found: xr.Dataset) -> tuple[slice, slice]:
    """Return the box of the probe's centres, or all where that is empty."""
    sides = []
    for dim in ("y", "x"):
        places, axis = found[f"position_{dim}"].values, found[dim].values
        first, last = np.searchsorted(axis, (np.nanmin(places), np.nanmax(places)))
        sides.append(slice(int(first), int(last)) if last - first >= 8 else slice(0, len(axis)))
    return sides[0], sides[1]


def _extent(found: xr.Dataset, box: tuple[slice, slice]) -> tuple[float, float, float, float]:
    y, x = NANO * found["y"].values[box[0]], NANO * found["x"].values[box[1]]
    half = NANO * float(found["pixel_size"]) / 2
    return x[0] - half, x[-1] + half, y[0] - half, y[-1] + half


def _finish(figure: Figure, axes: object, shown: object, extent: tuple[float, float, float, float], label: str) -> None:
    width = round_length(extent[1] - extent[0])
    text = f"{width / 1000:g} \u00b5m" if width >= 1000 else f"{width:g} nm"
    scale_bar(axes, width, text)
    axes.tick_params(labelleft=False, labelbottom=False, length=0)  # type: ignore[attr-defined]
    letter(axes, "", label)
    colour_bar(figure, shown, axes, "")
