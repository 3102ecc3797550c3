"""The truth of a ptychographic projection, at the sampling of the reconstruction.

- `object_shape`: the view that holds all frames of a scan;
- `ideal_truth`: the record `Truth` of one photon per frame, a steady flux and no fault;
- `detected_truth`: the same as it was detected.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from optics.grids import positions, samples_for
from optics.units import wavenumber
from records import ptychography_truth as truth
from records.checks import json_text
from simulators.beamline.faults import KINDS
from simulators.beamline.tilted_slices import TiltedSlices, Volume, slice_turned, transmission
from simulators.experiments.ptychography_setups import PtychographySetup

Array = NDArray[Any]

_RIM = 8  # pixels round the frames


def object_shape(places: Array, setup: PtychographySetup) -> tuple[int, int]:
    """Return the pixels (y, x) of a view round the sample's origin that holds frames at `places`, (..., 2) in m."""
    field = setup.detector.n * setup.window * setup.pixel
    reach = np.abs(places).reshape(-1, 2).max(axis=0)
    y, x = (samples_for(2 * float(part) + field + 2 * _RIM * setup.pixel, setup.pixel) for part in reach)
    return y, x


def ideal_truth(
    slices: TiltedSlices,
    magnet: Volume,
    modes: Array,
    places: Array,
    setup: PtychographySetup,
    *,
    features: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Assemble the `Truth` of one photon per frame, a steady flux and no fault.

    Parameters
    ----------
    slices : TiltedSlices
        Of the sample on the fine grid.
    magnet : Volume
        As of `magnet_volume`.
    modes : (helicity, mode, m, m) array
        Of the probe on the fine grid.
    places : (helicity, position, 2) array
        True positions (y, x), m.
    setup : PtychographySetup
    features : mapping, optional
        What is known of the sample.
    """
    shape = tuple(n // setup.oversampling for n in slices.shape)
    frames = places.shape[:2]
    probe = _probe(modes, setup)
    notes: dict[str, Mapping[str, Any]] = {
        "setup": plain(asdict(setup)),
        "fault_kinds": {str(number): name for name, number in KINDS.items()},
    }
    if features is not None:
        notes["features"] = features
    return truth.make(
        object_=fourier.fourier_resample(transmission(slices), (shape[0], shape[1])),
        probe=probe[0] if all(np.array_equal(probe[0], other) for other in probe) else probe,
        coordinates=(positions(shape[0], setup.pixel), positions(shape[1], setup.pixel)),
        frames={
            "position_y": places[..., 0],
            "position_x": places[..., 1],
            "flux": np.ones(frames),
            "fault": np.zeros(frames, np.int8),
            "defocus": setup.optics.defocus + _film_height(places, setup) + _own_defocus(setup)[:, None],
        },
        images={"magnet": _magnet_share(magnet, slices, setup)},
        notes=notes,
        helicity=setup.helicities,
    )


def _film_height(places: Array, setup: PtychographySetup) -> Array:
    """Return the height along the beam, m, of the sample's plane z = 0 at places (..., 2)."""
    turn = setup.turn
    return np.asarray(-(places[..., 0] * turn[1, 2] + places[..., 1] * turn[0, 2]) / turn[2, 2])


def _own_defocus(setup: PtychographySetup) -> Array:
    return np.array([setup.difference.defocus if helicity < 0 else 0.0 for helicity in setup.helicities])


def _probe(modes: Array, setup: PtychographySetup) -> Array:
    """Return the modes at the reconstruction's pixel in a frame's field, their photons kept."""
    n, m = setup.detector.n, modes.shape[-1] // setup.oversampling
    coarse = fourier.fourier_resample(modes, (m, m)) * np.float32(setup.oversampling)
    first = m // 2 - n // 2
    return np.ascontiguousarray(coarse[..., first : first + n, first : first + n])


def magnet_volume(sample: xr.Dataset, volume: Volume) -> Volume:
    """Return a volume whose absorption counts the magnet: a column all magnet, not tilted, weakens a wave by 1/e."""
    fill = np.asarray(sample["magnet"].values, np.float32)
    height = fill.shape[0] * volume.voxel_size[0]
    weight = np.float32(1 / (wavenumber(volume.energy) * height))
    return Volume(
        np.zeros_like(fill), fill * weight, None, 0.0, 0.0, volume.voxel_size, volume.energy, periodic=volume.periodic
    )


def _magnet_share(magnet: Volume, slices: TiltedSlices, setup: PtychographySetup) -> Array:
    column = slice_turned(
        magnet,
        setup.turn,
        pixel_size=setup.fine_pixel,
        shape=slices.shape,
        slice_thickness=np.inf,
        helicities=(1,),
    )
    share = -np.log(np.abs(transmission(column)[0])) * np.float32(setup.turn[2, 2])
    shape = (slices.shape[0] // setup.oversampling, slices.shape[1] // setup.oversampling)
    return np.asarray(np.clip(fourier.fourier_resample(share, shape), 0, 1), np.float32)


def detected_truth(
    ideal: xr.Dataset, setup: PtychographySetup, *, flux: Array, fault: Array, light: Array
) -> xr.Dataset:
    """Return the truth of a detected projection.

    Parameters
    ----------
    ideal : Dataset
        From `ideal_truth`.
    setup : PtychographySetup
        Its photons, flux, faults, background and detector may differ from those `ideal` was made with.
    flux, fault : (helicity, position) arrays
        Relative flux of every frame, jumps included; kind of every frame.
    light : (n, n) array
        Background of a frame of mean flux, photons.
    """
    made = ideal.copy()
    photons = setup.photons * setup.exposure
    made["probe"] = ideal["probe"].copy(data=(ideal["probe"].values * np.sqrt(photons)).astype(np.complex64))
    made["flux"] = ideal["flux"].copy(data=flux.astype(np.float64))
    made["fault"] = ideal["fault"].copy(data=fault.astype(np.int8))
    units = truth.IMAGES["background"].units
    made["background"] = (truth.IMAGES["background"].dims[0], light.astype(np.float32), {"units": units})
    made.attrs["setup"] = json_text(plain(asdict(setup)))
    truth.check(made)
    return made


def plain(value: Any) -> Any:
    """Return nested values that fit into JSON: infinity as text."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
