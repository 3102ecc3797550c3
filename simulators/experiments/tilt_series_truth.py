"""The truth of a tilt series: the sample at the scored voxel, and how it stood.

- `volume_mean`: a fine volume averaged over coarse voxels, both with the origin at index ``n//2``;
- `scored_shape`: the coarse voxels that hold a sample;
- `series_truth_of`: the record `Truth` of kind "projections".
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import projections_truth
from records import sample as sample_record
from simulators.beamline.tilted_slices import Volume
from simulators.experiments.projection_images import TrueErrors
from simulators.experiments.ptychography_truth import plain
from simulators.experiments.tilt_series_geometry import TrueGeometry
from simulators.experiments.tilt_series_setups import TiltSeriesSetup

Array = NDArray[Any]

_RIM = 1  # coarse voxels round the sample
_SLACK = 1e-9


def volume_mean(
    values: Array, *, shape: tuple[int, int, int], voxel_size: tuple[float, float, float], coarse: float
) -> Array:
    """Average a volume of boxes over coarse boxes.

    Parameters
    ----------
    values : (..., z, y, x) array
        Index ``n//2`` of each axis is the origin; 0 beyond.
    shape : tuple of int
        Coarse voxels (z, y, x).
    voxel_size : tuple of float
        Of the fine ones, (z, y, x) in m.
    coarse : float
        Of the coarse ones, m.

    Returns
    -------
    (..., Z, Y, X) float32 array
        Each fine voxel counts by the share of its box in the coarse one: by (1/4, 1/2, 1/4) of a row of three where
        there are two per coarse voxel, for both have a voxel centred on the origin.
    """
    mean = np.asarray(values, np.float32)
    for axis, (n, size) in enumerate(zip(shape, voxel_size, strict=True)):
        weights = _overlaps(n, mean.shape[axis - 3], size / coarse).astype(np.float32)
        mean = np.moveaxis(np.tensordot(weights, mean, axes=(1, mean.ndim + axis - 3)), 0, axis - 3)
    return np.ascontiguousarray(mean)


def _overlaps(coarse: int, fine: int, ratio: float) -> Array:
    """Return the share of each coarse voxel, rows, that each fine one covers; `ratio` is fine over coarse."""
    centre = (np.arange(fine) - fine // 2) * ratio
    box = (np.arange(coarse) - coarse // 2)[:, None]
    low, high = np.maximum(centre - ratio / 2, box - 0.5), np.minimum(centre + ratio / 2, box + 0.5)
    return np.asarray(np.maximum(high - low, 0))


def scored_shape(fill: Array, *, voxel_size: tuple[float, float, float], coarse: float) -> tuple[int, int, int]:
    """Return the coarse voxels (z, y, x) that hold all that is filled, and a rim of one; odd, so even about zero."""
    counts = []
    for axis, size in enumerate(voxel_size):
        line = np.flatnonzero(fill.any(axis=tuple({0, 1, 2} - {axis}))) - fill.shape[axis] // 2
        reach = (max(-int(line[0]), int(line[-1])) + 0.5) * size / coarse
        counts.append(2 * (math.ceil(reach - 0.5 - _SLACK) + _RIM) + 1)
    z, y, x = counts
    return z, y, x


def series_truth_of(
    sample: xr.Dataset,
    volume: Volume,
    setup: TiltSeriesSetup,
    *,
    geometry: TrueGeometry,
    errors: TrueErrors,
    images: Array | None = None,
    notes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Assemble the `Truth` of a tilt series.

    Parameters
    ----------
    sample : Dataset
        `Sample` that all series but a changed one saw.
    volume : Volume
        What light sees of it.
    setup : TiltSeriesSetup
    geometry : TrueGeometry
        ``shift`` of the truth is that of helicity +1.
    errors : TrueErrors
    images : (2, projection, n, n) array, optional
        Optical densities without noise, flux and background.
    notes : mapping, optional
        More of what was set up.

    Returns
    -------
    Dataset
    """
    sizes, coarse = sample_record.voxel_size(sample), setup.image.pixel
    magnet, spins = sample["magnet"].values, sample["magnetization"].values
    occupied = (magnet > 0) | (volume.beta != 0)
    shape = setup.volume or scored_shape(occupied, voxel_size=sizes, coarse=coarse)
    parts = {"magnetization": spins * magnet, "fill": magnet, "charge": volume.beta}
    means = {name: volume_mean(part, shape=shape, voxel_size=sizes, coarse=coarse) for name, part in parts.items()}
    means["fill"] = np.clip(means["fill"], 0, 1)
    changed = np.arange(int(geometry.series.max()) + 1) == setup.changed.series
    projections: dict[str, Array] = {
        "rotation": geometry.rotation,
        "shift": geometry.shift[0],
        "flux": errors.flux,
    }
    if images is not None:
        projections["optical_density"] = images
    drawn = {"helicity_shift": geometry.shift[1] - geometry.shift[0], "background": errors.background}
    known = plain(asdict(setup)) | {name: np.round(values, 9).tolist() for name, values in drawn.items()}
    return projections_truth.make(
        volumes=means | {"fine_magnetization": spins, "fine_magnet": magnet},
        voxel_size=coarse,
        fine_voxel_size=sizes[0],
        projections=projections,
        changed=changed.astype(np.int8),
        notes={"setup": known | dict(notes or {}), "features": json.loads(sample.attrs["features"])},
    )
