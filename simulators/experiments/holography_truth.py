"""The truth of a holography experiment, at the sampling of the reconstruction.

- `make_truth`: the record `Truth`;
- `true_m_z`: the column mean of m_z, band-limited.
"""

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from optics.coherence import mutual_coherence
from optics.grids import positions
from records import truth
from simulators.beamline.mask import Drawing
from simulators.beamline.references import fill
from simulators.experiments.exit_waves import Window, film_of, spectrum
from simulators.experiments.setups import HolographySetup

Array = NDArray[Any]

_COHERENT = 1.0  # m; stands for an infinite coherence length, which no file could hold in JSON
_RIM = 40e-9  # over which the truth is led to zero beyond the hole, m


def make_truth(
    sample: xr.Dataset,
    setup: HolographySetup,
    *,
    windows: list[Window],
    made: Drawing,
    nominal: Drawing,
    lengths: tuple[float, float],
    shift: tuple[float, float],
) -> xr.Dataset:
    """Assemble the `Truth`.

    Parameters
    ----------
    sample : Dataset
    setup : HolographySetup
    windows : list of Window
        Of the central energy, the object's first.
    made, nominal : Drawing
        The mask as made and as drawn.
    lengths : tuple of float
        Coherence lengths (y, x), m.
    shift : tuple of float
        Common shift (y, x) of the mask, m.
    """
    film = film_of(setup)
    delta_m, beta_m = film.magnetic_index(setup.source.energy)
    distance = nominal.reference_distance
    along = [mutual_coherence(distance, 0, length=lengths), mutual_coherence(0, distance, length=lengths)]
    scalars = {
        "visibility": float(np.sqrt(along[0] * along[1])),
        "reference_distance": distance,
        "focus": setup.focus,
        "beta_m_t": beta_m * film.magnetic_thickness,
        "delta_m_t": delta_m * film.magnetic_thickness,
        "polarization": setup.source.polarization,
        "film_thickness": film.extent,
    }
    features = json.loads(sample.attrs["features"])
    if features.get("wall_width"):
        scalars["wall_width"] = float(features["wall_width"])
    n = setup.detector.n
    hole = made.object_hole
    visible = fill(
        (n, n),
        radius=hole.diameter / 2,
        centre=(hole.y, hole.x),
        edge_width=setup.mask.edge_width,
        pixel_size=setup.pixel,
    )
    exit_wave = np.zeros((2, n, n), np.complex64)
    for window in windows:
        exit_wave += _image(window, setup)
    return truth.make(
        images={
            "m_z": true_m_z(sample, windows[0].offset, setup),
            "visible": visible,
            "reference_part": _reference_part(windows[1:], visible, setup),
        },
        exit_wave=exit_wave,
        pixel_size=setup.pixel,
        coherence_length=(min(lengths[0], _COHERENT), min(lengths[1], _COHERENT)),
        shift=shift,
        scalars=scalars,
        setup=_plain(asdict(setup)) | {"holes": [asdict(hole) for hole in made.holes]},
        sample_origin=(windows[0].offset[0] * setup.fine_pixel, windows[0].offset[1] * setup.fine_pixel),
        features=features,
    )


def true_m_z(sample: xr.Dataset, offset: tuple[int, int], setup: HolographySetup) -> Array:
    """Return the column mean of m_z on the reconstruction's grid, (n, n) float32.

    The mean over the column is weighted by the magnet's fill. Outside of the hole and a little beyond it is led to
    zero; then the fine grid's band is cropped to the reconstruction's.
    """
    m_z = np.asarray((sample["magnetization"].sel(component="z") * sample["magnet"]).mean("z").values, np.float64)
    step = setup.fine_pixel
    radius = np.hypot(positions(m_z.shape[0], step)[:, None], positions(m_z.shape[1], step)[None, :])
    end = min(m_z.shape) // 2 * step - step
    start = max(end - _RIM, setup.mask.hole_diameter / 2 + 20e-9)
    m_z *= np.cos(0.5 * np.pi * np.clip((radius - start) / (end - start), 0, 1)) ** 2
    image = _image(Window(m_z[None].astype(np.complex64), offset), setup)[0].real
    return np.asarray(image, dtype=np.float32)


def _image(window: Window, setup: HolographySetup) -> Array:
    """Return a window band-limited to the reconstruction's grid, (1 or 2, n, n) complex64."""
    return fourier.centred_ifft2(spectrum(window, setup, kept=setup.detector.n)).astype(np.complex64)


def _reference_part(windows: list[Window], visible: Array, setup: HolographySetup) -> Array:
    coordinate = positions(setup.detector.n, setup.pixel)
    part = np.zeros(visible.shape, bool)
    for window in windows:
        half = window.wave.shape[-1] / 2 * setup.fine_pixel
        inside = [np.abs(coordinate - place * setup.fine_pixel) < half for place in window.offset]
        part |= inside[0][:, None] & inside[1][None, :]
    return np.asarray(part & (visible < 1e-3))


def _plain(value: Any) -> Any:
    """Return nested values that fit into JSON: infinity as text."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
