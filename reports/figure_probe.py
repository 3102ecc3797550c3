"""The probe of a ptychographic reconstruction: its modes beside the true ones.

Contents: :func:`draw`; :func:`complex_image`, a complex field as brightness and hue.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.results import Results
from reports.style import letter, new_figure, oklab_to_srgb

_MOST_MODES, _MOST_ROWS = 4, 4


def draw(results: Results) -> Figure | None:
    """Draw the modes of the true probe and of every method's: brightness is amplitude, hue is phase.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no method stored a probe.
    """
    cases = [case for case in results.compared().values() if "probe" in case.scored]
    if not cases:
        return None
    cases = cases[-(_MOST_ROWS - 1) :]
    rows = [("truth", cases[0].scored, "truth_probe"), *((case.method, case.scored, "probe") for case in cases)]
    modes = min(_MOST_MODES, max(len(scored[name]) for _, scored, name in rows))
    alone = modes == 1
    across, down = (len(rows), 1) if alone else (modes, len(rows))
    size = min(2.6, 11.0 / max(across, 3))
    figure = new_figure(11.4 if not alone else min(11.4, 0.4 + 2.7 * across), 0.35 + (size + 0.25) * down)
    panels = figure.subplots(down, across, squeeze=False)
    for row, (title, scored, name) in enumerate(rows):
        shares = scored[f"{name}_power"].values
        for mode in range(modes):
            axes = panels[0, row] if alone else panels[row, mode]
            if mode >= len(shares):
                axes.set_visible(False)
                continue
            _panel(axes, scored[name].values[mode])
            letter(axes, "", f"{title}{'' if alone else f', mode {mode + 1}: {100 * shares[mode]:.1f} %'}")
    return figure


def complex_image(field: Any) -> np.ndarray:
    """Turn a complex field into colours: amplitude as lightness, phase as hue.

    Parameters
    ----------
    field : (ny, nx) complex array

    Returns
    -------
    (ny, nx, 3) array
        sRGB in 0..1.
    """
    amplitude = np.abs(field)
    strength = np.clip(amplitude / max(float(np.percentile(amplitude, 99.8)), 1e-30), 0, 1)
    angle = np.angle(field)
    lightness = 0.08 + 0.72 * strength
    chroma = 0.15 * np.sqrt(strength)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    return oklab_to_srgb(lab.reshape(-1, 3)).reshape(*field.shape, 3)


def _panel(axes: Any, field: np.ndarray) -> None:
    turn = np.exp(-1j * np.angle(np.sum(field * np.abs(field)))) if np.any(field) else 1.0
    axes.imshow(complex_image(_cropped(field * turn)), origin="lower")
    axes.set_xticks([])
    axes.set_yticks([])


def _cropped(field: np.ndarray) -> np.ndarray:
    """Return the middle that holds nearly all of the power, and some room."""
    power = np.abs(field) ** 2
    n = field.shape[-1]
    y, x = np.indices(power.shape) - n // 2
    reach = math.sqrt(float((power * (y**2 + x**2)).sum() / max(float(power.sum()), 1e-300)))
    half = int(min(n // 2, max(8, math.ceil(2.5 * reach))))
    middle = slice(n // 2 - half, n // 2 + half)
    return np.asarray(field[middle, middle])
