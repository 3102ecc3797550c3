"""Everything that a report shows of one scored ptychographic reconstruction, as one data set.

- `Curves`: what the scoring computed on the way; `pictures`: the record ``scored``.

==================================================  ======================  ============================================
variable                                            dims                    holds
==================================================  ======================  ============================================
``object``, ``truth_object``                        (wy, wx)                complex64, first helicity, in the truth's
                                                                            frame and gauge
``magnetic``, ``truth_magnetic``                    (wy, wx)                half the difference of optical densities
``score_mask``                                      (wy, wx)                where was scored
``probe``, ``truth_probe``                          (mode, py, px)          complex64, orthogonal modes, power falling
``probe_power``, ``truth_probe_power``              (mode)                  their shares
``position_y``, ``position_x``                      (helicity, position)    m; with ``truth_`` and ``nominal_`` the true
                                                                            and the given ones
``frame_error``, ``corrupt``, ``fault``, ``flux``   (helicity, position)    Fourier error, frames left out, true faults
``frc_truth``, ``frc_halves``, ``frc_magnetic``     (frequency)             with ``threshold_1bit``
``history``                                         (helicity, iteration)   Fourier error of the epochs
==================================================  ======================  ============================================
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.ptychography_frame import Frame

Array = NDArray[Any]


@dataclass(frozen=True)
class Curves:
    """Correlation curves of one scoring."""

    truth: validation.CorrelationCurve
    halves: validation.CorrelationCurve | None = None
    magnetic: validation.CorrelationCurve | None = None


def pictures(
    frame: Frame,
    found: Array,
    wanted: Array,
    magnetic: tuple[Array, Array] | None,
    curves: Curves,
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    measurement: xr.Dataset,
    factor: float,
) -> xr.Dataset:
    """Collect the record ``scored`` of a reconstruction in its frame."""
    plane = ("wy", "wx")
    parts: dict[str, Any] = {
        "object": (plane, found.astype(np.complex64)),
        "truth_object": (plane, wanted.astype(np.complex64)),
        "score_mask": (plane, frame.mask),
        **_curves(curves),
        **_probes(reconstruction, truth, factor),
        **_scan(reconstruction, truth, measurement),
    }
    if magnetic is not None:
        parts["magnetic"] = (plane, magnetic[0].astype(np.float32))
        parts["truth_magnetic"] = (plane, magnetic[1].astype(np.float32))
    coordinates = {"wy": ("wy", frame.y, {"units": "m"}), "wx": ("wx", frame.x, {"units": "m"})}
    attributes = {
        "record": "scored",
        "schema": 1,
        "method": str(reconstruction.attrs.get("method", "")),
        "pixel_size": frame.pixel_size,
    }
    return xr.Dataset(parts, coords=coordinates, attrs=attributes)


def _curves(curves: Curves) -> dict[str, Any]:
    frequency = curves.truth.frequency
    parts = {
        "frequency": ("frequency", frequency, {"units": "1/m"}),
        "frc_truth": ("frequency", curves.truth.correlation),
        "threshold_1bit": ("frequency", validation.threshold_curve(curves.truth.count, kind="1-bit")),
    }
    for name, curve in (("frc_halves", curves.halves), ("frc_magnetic", curves.magnetic)):
        if curve is not None:
            parts[name] = ("frequency", curve.correlation)
    return parts


def _probes(reconstruction: xr.Dataset, truth: xr.Dataset, factor: float) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name, dim, record, scale in (
        ("probe", "mode", reconstruction, 1.0),
        ("truth_probe", "true_mode", truth, factor),
    ):
        if "probe" not in record:
            continue
        values = record["probe"].values
        modes, shares = _orthogonal((values[0] if values.ndim == 4 else values) / scale)
        parts[name] = ((dim, "py", "px"), modes)
        parts[f"{name}_power"] = (dim, shares)
    return parts


def _orthogonal(probe: Array) -> tuple[Array, Array]:
    flat = probe.reshape(len(probe), -1).astype(np.complex128)
    _, powers, modes = np.linalg.svd(flat, full_matrices=False)
    shares = powers**2 / max(float((powers**2).sum()), 1e-300)
    return (powers[:, None] * modes).reshape(probe.shape).astype(np.complex64), shares


def _scan(reconstruction: xr.Dataset, truth: xr.Dataset, measurement: xr.Dataset) -> dict[str, Any]:
    dims = ("helicity", "position")
    parts: dict[str, Any] = {"fault": (dims, truth["fault"].values)}
    for axis in ("y", "x"):
        name = f"position_{axis}"
        parts[f"truth_{name}"] = (dims, truth[name].values, {"units": "m"})
        parts[f"nominal_{name}"] = (dims, measurement[name].values, {"units": "m"})
        if name in reconstruction:
            parts[name] = (dims, reconstruction[name].values, {"units": "m"})
    for name in ("frame_error", "corrupt", "flux"):
        if name in reconstruction:
            parts[name] = (dims, reconstruction[name].values)
    if "history" in reconstruction:
        parts["history"] = (("helicity", "iteration"), reconstruction["history"].values)
    return parts
