"""The two controls of a ptychographic table.

- `floor`: no object at all; `ceiling`: the truth itself, in the gauge of a method that knows its probe from the frames;
- `mean_photons`: of a frame, from the data.
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

_BLOCK = 64


def mean_photons(measurement: "xr.Dataset", truth: "xr.Dataset") -> float:
    """Return the photons of the mean good frame of the first helicity on valid pixels, from a few frames at a time.

    Which frames went wrong is known from the truth; of half a scan, all count.
    """
    import numpy as np

    valid, dark = measurement["valid"].values, measurement["dark"].values
    whole = truth.sizes["position"] == measurement.sizes["position"]
    good = truth["fault"].values[0] == 0 if whole else np.ones(measurement.sizes["position"], bool)
    if "used" in measurement:
        good &= measurement["used"].values[0]
    sums = []
    for first in range(0, measurement.sizes["position"], _BLOCK):
        part = slice(first, first + _BLOCK)
        raw = measurement["counts"].isel(helicity=0, position=part).values.astype(np.float64)
        sums.append((raw - dark)[:, valid].sum(1))
    return float(np.mean(np.concatenate(sums)[good])) / float(measurement["gain"])


def floor(measurement: "xr.Dataset", truth: "xr.Dataset") -> "xr.Dataset":
    """Give an object that is not there, and the probe that the optics promise.

    Parameters
    ----------
    measurement, truth : Dataset
        Of the truth, only where its pixels are.

    Returns
    -------
    Dataset
        The record `Reconstruction`.
    """
    import numpy as np

    shape = truth["object"].shape
    return _record("floor", measurement, truth, np.ones(shape, np.complex64), np.zeros(shape[1:], np.float32), 1.0)


def ceiling(measurement: "xr.Dataset", truth: "xr.Dataset") -> "xr.Dataset":
    """Give the true object, probe, positions and faults, in the gauge of a probe known from the mean frame.

    The object is that of the projection approximation: what is lost by it in a thick sample shows in no row of this
    control.

    Parameters
    ----------
    measurement, truth : Dataset

    Returns
    -------
    Dataset
        The record `Reconstruction`.
    """
    from scenarios.ptychography_frame import power_gauge

    factor = power_gauge(truth, photons=mean_photons(measurement, truth))
    magnetic = truth["magnetic"].values if "magnetic" in truth else None
    return _record("ceiling", measurement, truth, factor * truth["object"].values, magnetic, factor)


def _record(
    name: str, measurement: "xr.Dataset", truth: "xr.Dataset", object_: "object", magnetic: "object", factor: float
) -> "xr.Dataset":
    import numpy as np

    from optics.units import wavelength
    from records import ptychography_reconstruction

    known = name == "ceiling"
    places = truth if known else measurement
    probe = truth["probe"].values
    stacked = probe if probe.ndim == 4 else np.repeat(probe[None], truth.sizes["helicity"], axis=0)
    if not known:
        power = math.sqrt(mean_photons(measurement, truth))
        flat = np.zeros_like(stacked[:, :1])
        flat[..., flat.shape[-2] // 2, flat.shape[-1] // 2] = power
        stacked, factor = flat, 1.0
    return ptychography_reconstruction.make(
        method=name,
        results={
            "object": np.asarray(object_),
            "probe": stacked / factor,
            "pixel_size": float(truth["x"][1] - truth["x"][0]),
            "wavelength": wavelength(float(measurement["energy"])),
            "position_y": places["position_y"].values,
            "position_x": places["position_x"].values,
            "corrupt": truth["fault"].values if known else None,
            "magnetic": None if magnetic is None else np.asarray(magnetic),
        },
        coordinates=(truth["y"].values, truth["x"].values),
        helicity=[int(h) for h in truth["helicity"].values],
        knowledge=("truth",) if known else (),
    )
