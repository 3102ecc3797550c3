"""A film behind a mask, and what a good and a bad method would make of it; no simulator involved."""

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr

from optics.propagation import propagate
from optics.units import wavelength
from records import reconstruction as reconstruction_record
from records import truth as truth_record
from scenarios.holography_frame import focused_magnetization
from tests.validation.labyrinths import disc, labyrinth

PIXEL, ENERGY, FOCUS = 5.3e-9, 778.0, -1.0e-6
BETA_M_T, DELTA_M_T = 1.85e-3 * 12e-9, 0.4e-3 * 12e-9


@dataclass
class Case:
    truth: xr.Dataset
    measurement: xr.Dataset
    waves: np.ndarray
    support: np.ndarray


def make_case(*, size=320, hole=300e-9, delta=5.1e-9, seed=1):
    """Return a truth, the scalars of a measurement, the true exit waves and the nominal support."""
    rng = np.random.default_rng(seed)
    length = wavelength(ENERGY)
    k = 2 * np.pi / length
    m_z = labyrinth(size, pixel=PIXEL, delta=delta, rng=rng)
    film = np.stack([0.58 * np.exp(-sign * k * (BETA_M_T + 1j * DELTA_M_T) * m_z) for sign in (1, -1)])
    radius = hole / PIXEL
    mask = disc(size, radius, edge=0.5)
    exit_wave = propagate(film, -FOCUS, wavelength=length, pixel_size=PIXEL) * mask
    references = np.zeros((size, size))
    for y, x in ((-120, 60), (110, 90), (20, -125)):
        references += disc(size, 5, edge=0.5, centre=(y, x))
    reference_part = references > 0.01
    exit_wave = 100 * (exit_wave + 1.5 * references)
    truth = truth_record.make(
        images={
            "m_z": m_z * disc(size, radius * 1.2),
            "visible": np.clip(mask, 0, 1),
            "reference_part": reference_part,
        },
        exit_wave=exit_wave,
        pixel_size=PIXEL,
        coherence_length=(3.3e-6, 3.0e-6),
        shift=(0.0, 0.0),
        scalars={
            "visibility": 0.9,
            "reference_distance": 1.5e-6,
            "focus": FOCUS,
            "wall_width": delta,
            "beta_m_t": BETA_M_T,
            "delta_m_t": DELTA_M_T,
            "polarization": 1.0,
            "film_thickness": 47e-9,
        },
        setup={},
    )
    scalars = {"energy": ENERGY, "polarization": 1.0, "beta_m_t": BETA_M_T, "film_thickness": 47e-9}
    measurement = xr.Dataset({name: ((), value) for name, value in scalars.items()})
    return Case(truth, measurement, exit_wave.astype(np.complex64), disc(size, radius + 1.5) > 0)


def reconstruct(case, *, noise=0.0, defocus=0.0, scale=1.0, phase=0.7, shift=(0, 0), seed=0, extras=None):
    """Return what a method would give: noisy waves, moved, read at its own focus."""
    rng = np.random.default_rng(seed)
    waves = case.waves * np.exp(1j * phase)
    level = noise * np.abs(waves[0][case.support]).mean()
    waves = waves + level * (rng.standard_normal(waves.shape) + 1j * rng.standard_normal(waves.shape)) / np.sqrt(2)
    waves = np.roll(waves, shift, axis=(1, 2))
    support = np.roll(case.support, shift, axis=(0, 1))
    focus = FOCUS + defocus
    length = wavelength(ENERGY)
    m_z = focused_magnetization(waves, distance=focus, pixel_size=PIXEL, wavelength=length, strength=BETA_M_T)
    results = {
        "m_z": scale * m_z * support,
        "object_support": support,
        "pixel_size": PIXEL,
        "wavelength": length,
        "exit_wave": waves,
        "focus": focus,
        "visibility": 0.91,
        "coherence_length": (3.2e-6, 3.1e-6),
        "intensity": np.ones(waves.shape, np.float32),
        "valid": np.ones(support.shape, bool),
        "history": np.geomspace(1, 1e-3, 20),
        **(extras or {}),
    }
    return reconstruction_record.make(method="synthetic", results=results, flags={"missing_centre": (False, 1.1)})


def metrics(scored):
    return json.loads(scored.attrs["metrics"])
