"""From what the steps found to the record `Reconstruction` of kind ``"projections"``.

- `assembled`: volumes, poses, the number that each step left, flags, and what the method was told.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from reconstructors.tomography import flags
from reconstructors.tomography.coverage import fourier_coverage
from reconstructors.tomography.geometry import nominal_geometry
from reconstructors.tomography.pipeline import Volumes
from reconstructors.tomography.poses import NOMINAL, Poses
from reconstructors.tomography.preparation import Prepared
from reconstructors.tomography.texture import compare_series
from records import projections_reconstruction
from records.checks import variable

Array = NDArray[Any]


def assembled(
    measurement: xr.Dataset,
    prepared: Prepared,
    poses: Poses,
    volumes: Volumes,
    *,
    name: str,
    parameters: Any,
    knowledge: Sequence[str],
) -> xr.Dataset:
    """Return the record of a run.

    Its variables beyond the record's are (projection): ``nominal_tilt``, ``nominal_in_plane`` and
    ``nominal_series`` say which projections the poses belong to, ``replaced`` how much of the magnetic
    image was taken to be wrong; of methods that take lengths from the fill the ``blur`` that was taken off it, voxels,
    0 for none; and of `vector+` the ``exchange`` that it ended with, ``exchange_fine`` (1 or 0) saying on which grid.
    """
    solution, used = volumes.solution, poses.used
    rotation = nominal_geometry(in_plane=prepared.in_plane, tilt=prepared.tilt).rotations
    rotation[used] = poses.geometry.rotations
    coverage = fourier_coverage(poses.geometry.rotations, shape=poses.shape, diameter=_thickness(volumes.fill))
    fits = compare_series(
        solution.term, solution.m, volumes.fill, prepared.series[used], count=int(prepared.series.max()) + 1
    )
    results: dict[str, Any] = {
        "magnetization": solution.m,
        "fill": volumes.fill,
        "charge": volumes.charge,
        "voxel_size": float(measurement["pixel_size"]),
        "rotation": rotation,
        "shift": _spread_out(poses.geometry.shifts, used),
        "used": used.astype(np.int8),
        "residual": _spread_out(_residuals(volumes), used),
        "history": np.array(solution.history),
        "noise": volumes.noise,
        "operator_norm": solution.operator_norm,
        "step": solution.step if np.isfinite(solution.step) else None,
        "pair_shift": prepared.pair_shift,
        "background_range": prepared.background_range,
        "mass_drift": prepared.mass_drift,
        "series_residual": fits.residual,
        "coverage": coverage["least"].values,
    }
    record = projections_reconstruction.make(
        method=name,
        results=results,
        flags=flags.of_run(prepared, poses, volumes, coverage=coverage, changed=fits.worst),
        knowledge=knowledge,
        parameters=_plain(parameters),
        gauge=poses.found,
    )
    own = (prepared.tilt, prepared.in_plane, prepared.series.astype(np.float64), _spread_out(_replaced(volumes), used))
    units = ("rad", "rad", "1", "1")
    more = {
        key: variable(("projection",), values, unit, np.float64)
        for key, values, unit in zip((*NOMINAL, "replaced"), own, units, strict=True)
    }
    if volumes.blur is not None:
        more["blur"] = variable((), volumes.blur, "1", np.float64)
    if solution.exchange is not None:
        chosen = zip(("exchange", "exchange_fine"), solution.exchange, strict=True)
        more |= {key: variable((), float(value), "1", np.float64) for key, value in chosen}
    return record.assign(more)


def _residuals(volumes: Volumes) -> Array:
    """Return the misfit of each projection."""
    return _relative(volumes, volumes.term.data - volumes.term.forward(volumes.solution.m))


def _replaced(volumes: Volumes) -> Array:
    """Return how far the data that were explained are from those given, of each projection."""
    return _relative(volumes, volumes.term.data - volumes.solution.term.data)


def _relative(volumes: Volumes, images: Array) -> Array:
    """Return the weighted norm of images over that of the data; over the mean of all where its own data are 0."""
    term = volumes.term
    left, whole = (np.sum(term.weighted(each**2), axis=(1, 2), dtype=np.float64) for each in (images, term.data))
    return np.asarray(np.sqrt(left / np.where(whole > 0, whole, whole.mean())))


def _spread_out(values: Array, used: NDArray[np.bool_]) -> Array:
    """Return values of the used projections among zeros for the others."""
    result = np.zeros((used.size, *values.shape[1:]))
    result[used] = values
    return result


def _thickness(fill: Array) -> float:
    """Return the shortest side of the magnet, voxels."""
    sides = [np.ptp(np.flatnonzero((fill > 0).any(axis=tuple({0, 1, 2} - {axis})))) + 1 for axis in range(3)]
    return float(min(sides))


def _plain(value: Any) -> Any:
    """Return parameters in JSON types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
