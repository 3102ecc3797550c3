"""Everything that a report shows of one scored holographic reconstruction, as one data set.

- `Curves`: what the scoring computed on the way;
- `pictures`: the record ``scored``.

==========================================  ===================  ======================================================
variable                                    dims                 holds
==========================================  ===================  ======================================================
``m_z``, ``truth_m_z``, ``difference``      (wy, wx)             window round the hole, in the truth's frame
``visible``, ``score_mask``                 (wy, wx)             the hole's transmission; where was scored
``amplitude``, ``phase``                    (wy, wx)             of the exit wave of helicity +
``frc_truth``, ``frc_halves``, ...          (frequency)          correlations, their thresholds ``threshold_1bit`` and
                                                                 ``threshold_half_bit``; ``frc_expected`` by the halves
``psd``, ``psd_truth``                      (frequency)          power spectral density of m_z, m^2
``heterodyne_with``, ``_without``, ...      (field_frequency)    and ``heterodyne_truth_with``, ``_without``
``prtf``                                    (field_frequency)    phase retrieval transfer function
``profile_mean``, ``_fit``, ``_truth``      (profile_position)   mean wall profile
``wall_delta``, ``wall_y``, ``wall_x``      (wall_point)         local wall width, m, with ``wall_delta_error``
``pattern``, ``dichroic_pattern``           (py, px)             log10 photons; difference of the helicities, photons
``coherence_kernel``, ``history``           as given             copied from the reconstruction
==========================================  ===================  ======================================================
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.holography_frame import Frame

Array = NDArray[Any]

_PATTERN_SIZE = 512
# Photons that a logarithmic pattern shows as its floor.
_FAINTEST = 1e-3


@dataclass(frozen=True)
class Curves:
    """Curves and profiles of one scoring."""

    truth: validation.CorrelationCurve
    wall: validation.MeanWallWidth
    wall_truth: validation.MeanWallWidth
    halves: validation.CorrelationCurve | None = None
    transfer: validation.TransferCurve | None = None
    heterodyne: xr.Dataset | None = None
    heterodyne_truth: xr.Dataset | None = None

    def with_halves(self, curve: validation.CorrelationCurve) -> Self:
        """Return a copy with the correlation of the halves."""
        return replace(self, halves=curve)

    def with_transfer(self, curve: validation.TransferCurve) -> Self:
        """Return a copy with the phase retrieval transfer function."""
        return replace(self, transfer=curve)

    def with_heterodyne(self, curve: xr.Dataset, truth: xr.Dataset) -> Self:
        """Return a copy with the heterodyne terms of the reconstruction and the truth."""
        return replace(self, heterodyne=curve, heterodyne_truth=truth)


def pictures(frame: Frame, curves: Curves, reconstruction: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Collect the record ``scored`` of a reconstruction in its frame."""
    size = truth["m_z"].shape
    coordinates = {
        name: (name, frame.coordinate(axis, size[axis]), {"units": "m"}) for axis, name in enumerate(("wy", "wx"))
    }
    attributes = {
        "record": "scored",
        "schema": 1,
        "method": str(reconstruction.attrs.get("method", "")),
        "pixel_size": frame.pixel_size,
        "shift": list(frame.shift),
    }
    parts = {
        **_images(frame, reconstruction),
        **_correlations(frame, curves),
        **_field_curves(curves),
        **_walls(frame, curves, size),
        **_patterns(reconstruction),
    }
    scored = xr.Dataset(parts, coords=coordinates, attrs=attributes)
    for name in ("coherence_kernel", "history"):
        if name in reconstruction:
            scored[name] = reconstruction[name]
    return scored


def _images(frame: Frame, reconstruction: xr.Dataset) -> dict[str, Any]:
    dims = ("wy", "wx")
    images: dict[str, Any] = {
        "m_z": (dims, frame.image.astype(np.float32)),
        "truth_m_z": (dims, frame.truth.astype(np.float32)),
        "difference": (dims, (frame.image - frame.truth).astype(np.float32)),
        "visible": (dims, frame.visible.astype(np.float32)),
        "score_mask": (dims, frame.mask),
    }
    if "exit_wave" in reconstruction:
        wave = frame.bring(reconstruction["exit_wave"].values[0])
        images["amplitude"] = (dims, np.abs(wave).astype(np.float32))
        images["phase"] = (dims, np.angle(wave).astype(np.float32), {"units": "rad"})
    return images


def _correlations(frame: Frame, curves: Curves) -> dict[str, Any]:
    dim = "frequency"
    parts: dict[str, Any] = {
        dim: (dim, curves.truth.frequency, {"units": "1/m"}),
        "frc_truth": (dim, curves.truth.correlation),
        "threshold_1bit": (dim, validation.threshold_curve(curves.truth.count, kind="1-bit")),
        "threshold_half_bit": (dim, validation.threshold_curve(curves.truth.count, kind="half-bit")),
    }
    if curves.halves is not None:
        parts["frc_halves"] = (dim, curves.halves.correlation)
        parts["frc_expected"] = (dim, validation.expected_truth_correlation(curves.halves.correlation))
    for name, image in (("psd", frame.image), ("psd_truth", frame.truth)):
        density = validation.power_spectral_density(image, pixel_size=frame.pixel_size, mask=frame.soft)
        parts[name] = (dim, density.mean, {"units": "m2"})
    return parts


def _field_curves(curves: Curves) -> dict[str, Any]:
    dim = "field_frequency"
    parts: dict[str, Any] = {}
    if curves.transfer is not None:
        parts[dim] = (dim, curves.transfer.frequency, {"units": "1/m"})
        parts["prtf"] = (dim, curves.transfer.transfer, {"floor": curves.transfer.floor})
    if curves.heterodyne is not None and "map_with" in curves.heterodyne:
        everywhere = np.ones(curves.heterodyne["map_with"].shape, np.bool_)
        for name in ("with", "without"):
            term = _binned(np.abs(curves.heterodyne[f"map_{name}"].values), everywhere)
            parts[f"heterodyne_map_{name}"] = (("py", "px"), term.astype(np.float32), {"units": "photon"})
    for prefix, curve in (("heterodyne_", curves.heterodyne), ("heterodyne_truth_", curves.heterodyne_truth)):
        if curve is not None:
            parts[dim] = (dim, curve["frequency"].values, {"units": "1/m"})
            for name in ("with", "without"):
                parts[prefix + name] = (dim, curve[f"heterodyne_{name}"].values, {"units": "photon"})
    return parts


def _walls(frame: Frame, curves: Curves, size: tuple[int, ...]) -> dict[str, Any]:
    dim = "profile_position"
    parts: dict[str, Any] = {
        dim: (dim, curves.wall.position, {"units": "m"}),
        "profile_mean": (dim, curves.wall.profile, {"delta": curves.wall.delta}),
        "profile_fit": (dim, curves.wall.fitted),
        "profile_truth": (dim, curves.wall_truth.profile, {"delta": curves.wall_truth.delta}),
    }
    local = validation.wall_width_map(frame.image, pixel_size=frame.pixel_size, mask=frame.mask)
    for axis, name in enumerate(("y", "x")):
        centre = frame.coordinate(axis, size[axis])[frame.truth.shape[axis] // 2]
        parts[f"wall_{name}"] = ("wall_point", local[name].values + centre, {"units": "m"})
    for name in ("delta", "delta_error"):
        parts[f"wall_{name}"] = ("wall_point", local[name].values, {"units": "m"})
    return parts


def _patterns(reconstruction: xr.Dataset) -> dict[str, Any]:
    if "intensity" not in reconstruction:
        return {}
    plus, minus = reconstruction["intensity"].values
    valid = reconstruction["valid"].values if "valid" in reconstruction else np.ones(plus.shape, bool)
    total, difference = (_binned(image, valid) for image in ((plus + minus) / 2, plus - minus))
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log10(np.maximum(total, _FAINTEST))
    return {
        "pattern": (("py", "px"), logarithm.astype(np.float32)),
        "dichroic_pattern": (("py", "px"), difference.astype(np.float32), {"units": "photon"}),
    }


def _binned(image: Array, valid: Array) -> Array:
    """Average the valid pixels of blocks so that no side exceeds 512; NaN where none is valid."""
    factor = max(1, math.ceil(max(image.shape) / _PATTERN_SIZE))
    rows, columns = (n // factor for n in image.shape)
    cut = (slice(0, rows * factor), slice(0, columns * factor))
    blocks = (rows, factor, columns, factor)
    total = np.where(valid, image, 0)[cut].reshape(blocks).sum(axis=(1, 3), dtype=np.float64)
    count = valid[cut].reshape(blocks).sum(axis=(1, 3))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / count)
