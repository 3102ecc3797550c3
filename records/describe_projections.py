"""What is in a record of kind ``"projections"``, for people.

- `describe_projections`: a measurement, a truth or a reconstruction, checked before;
- `describe_stacks`: an HDF5 file of other software whose datasets have the names of projections: its measurement, else
  what it lacks.
"""

import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import projections
from records.errors import RecordError
from records.projection_files import read_projections
from records.projections_volume import GRID

Lines = list[tuple[str, str]]

_NANO: Final = 1e9
_SHOWN: Final = 6
"""Series of which each in-plane angle is told."""


def describe_projections(record: xr.Dataset) -> Lines:
    """Describe a sound record, by its attribute ``record``."""
    return _OF_RECORD[str(record.attrs["record"])](record)


def describe_stacks(path: str | os.PathLike[str]) -> Lines:
    """Describe a file of other software as far as `records.projection_files.read_projections` understands it."""
    lines = [("file", "HDF5 with projections")]
    try:
        found = read_projections(path)
    except RecordError as error:
        return [*lines, ("check", f"not sound: {error}")]
    return [*lines, ("record", "measurement"), ("check", "sound"), *_measurement(found)]


def _measurement(record: xr.Dataset) -> Lines:
    ny, nx = record.sizes["y"], record.sizes["x"]
    pixel = float(record["pixel_size"]) * _NANO
    lines = [
        ("images", f"2 x {record.sizes['projection']} of {ny} x {nx} pixels of {pixel:.4g} nm"),
        ("view (y, x)", f"{ny * pixel:.4g} x {nx * pixel:.4g} nm"),
        *_series(record),
        ("optical density", _range(record["optical_density"].values)),
    ]
    if "valid" in record:
        lines.append(("valid pixels", f"{record['valid'].values.mean():.2%}"))
    if "box" in record:
        lines.append(("sample (z, y, x)", _lengths(record["box"].values)))
    return lines


def _series(record: xr.Dataset) -> Lines:
    """Describe the tilts and in-plane angles of each series."""
    counts = projections.images_per_series(record)
    lines = [("series", f"{len(counts)} of {_joined(sorted(set(counts.values())))} projections")]
    for label in range(min(len(counts), _SHOWN)):
        inside = record["series"].values == label
        tilt, in_plane = (np.degrees(record[name].values[inside]) for name in ("tilt", "in_plane"))
        lines.append((f"series {label}", f"tilt {_angles(tilt)}, in plane {_angles(in_plane)}"))
    if len(counts) > _SHOWN:
        lines.append(("...", f"{len(counts) - _SHOWN} more series"))
    return lines


def _truth(record: xr.Dataset) -> Lines:
    changed = np.flatnonzero(record["changed"].values).tolist()
    fine = " x ".join(str(n) for n in record["fine_magnet"].shape)
    return [
        *_volume(record),
        ("fine grid (z, y, x)", f"{fine} voxels of {float(record['fine_voxel_size']) * _NANO:.4g} nm"),
        ("projections", str(record.sizes["projection"])),
        ("changed series", _joined(changed) or "none"),
    ]


def _reconstruction(record: xr.Dataset) -> Lines:
    used = record["used"].values
    lines = [
        *_volume(record),
        ("projections", f"{int(used.sum())} of {used.size} used"),
        ("shift", f"up to {np.abs(record['shift'].values).max():.4g} px"),
    ]
    if "flag" in record:
        raised = [str(name) for name in record["flag_name"].values[record["flag"].values > 0]]
        lines.append(("flags", ", ".join(raised) or "none raised"))
    return lines


def _volume(record: xr.Dataset) -> Lines:
    size = float(record["voxel_size"])
    shape = [record.sizes[dim] for dim in GRID]
    fill = record["fill"].values
    length = np.linalg.norm(record["magnetization"].values, axis=0)
    inside = fill > 0.5
    mean = f"{length[inside].mean(dtype=np.float64):.4f}" if inside.any() else "no magnet"
    return [
        ("voxels (z, y, x)", f"{' x '.join(str(n) for n in shape)} of {size * _NANO:.4g} nm"),
        ("extent (z, y, x)", _lengths(np.array(shape) * size)),
        ("magnet", f"{fill.mean(dtype=np.float64):.1%} of the volume"),
        ("mean |m| where the fill is above 1/2", mean),
    ]


_OF_RECORD: Final[dict[str, Callable[[xr.Dataset], Lines]]] = {
    "measurement": _measurement,
    "truth": _truth,
    "reconstruction": _reconstruction,
}


def _lengths(sizes: NDArray[Any]) -> str:
    return " x ".join(f"{size * _NANO:.4g}" for size in sizes) + " nm"


def _range(values: NDArray[Any]) -> str:
    return f"{values.min():.4g} to {values.max():.4g}"


def _angles(degrees: NDArray[np.float64]) -> str:
    low, high = degrees.min(), degrees.max()
    text = f"{low:.4g}" if high - low < 1e-6 else f"{low:.4g} to {high:.4g}"
    return f"{text} degrees"


def _joined(values: list[int]) -> str:
    return ", ".join(str(value) for value in values)
