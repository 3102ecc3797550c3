"""What is in a file of ptychographic measurements, for people.

- `describe_frames`: a file of `records.frames`;
- `looks_like_cxi`, `describe_cxi`: a CXI file of anybody: its measurements, else its reconstruction, else why it is
  neither.

Frames are not read, but for those of a CXI file that may hold NaN or fractions.
"""

import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import xarray as xr

from records import cxi, frames, ptychography
from records.cxi_entry import find
from records.cxi_facts import DATA
from records.errors import RecordError

Lines = list[tuple[str, str]]

_NANO: Final = 1e9


def describe_frames(path: str | os.PathLike[str]) -> Lines:
    """Describe a file of one or more projections.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    lines = [("file", "netCDF4 of truespin"), ("record", "measurement")]
    try:
        return lines + _measurement(path, frames.count_projections, frames.open_node)
    except RecordError as error:
        return [*lines, ("check", f"not sound: {error}")]


def looks_like_cxi(file: Any) -> bool:
    """Return whether an HDF5 file says that it is CXI, or has an entry with frames where CXI has them."""
    named = [name for name in file if name.lower().startswith("entry")]
    return "cxi_version" in file or any(find(file[name], *DATA) is not None for name in named)


def describe_cxi(path: str | os.PathLike[str]) -> Lines:
    """Describe the measurements of a CXI file, or its reconstruction where it has no frames."""
    lines = [("file", "CXI")]
    try:
        return lines + _measurement(path, cxi.count_projections, cxi.open_node)
    except RecordError as error:
        reason = str(error)
    try:
        found = cxi.read_reconstruction(path)
    except RecordError:
        return [*lines, ("check", f"not sound: {reason}")]
    return [*lines, ("record", "reconstruction"), ("check", "sound"), *_reconstruction(found)]


def _measurement(
    path: str | os.PathLike[str],
    count: Callable[[str | os.PathLike[str]], int],
    opened: Callable[[str | os.PathLike[str], int], xr.Dataset],
) -> Lines:
    """Describe the first projection, and count the others."""
    projections = count(path)
    with opened(path, 0) as node:
        lines = [("check", "sound"), ("projections", str(projections)), *describe_node(node)]
    return lines if projections == 1 else [*lines, ("shown", "projection 0")]


def describe_node(node: xr.Dataset) -> Lines:
    """Describe one projection: its frames, scan, optics and detector."""
    helicities, positions, n = (node.sizes[dim] for dim in ("helicity", "position", "y"))
    pixel = ptychography.pixel_size(node)
    used = node["used"].values if "used" in node else np.ones((helicities, positions), dtype=bool)
    extent = [float(np.ptp(node[name].values[used])) for name in ("position_y", "position_x")]
    lines = [
        ("title", str(node.attrs["title"])),
        ("propagation", str(node.attrs["propagation"]).replace("_", " ")),
        ("helicities", ", ".join(f"{sign:+d}" for sign in node["helicity"].values)),
        ("frames", f"{helicities} x {positions} of {n} x {n} {node['counts'].dtype}"),
        ("frames left out", f"{int(used.size - used.sum())}"),
        ("valid pixels", f"{node['valid'].values.mean():.2%}"),
        ("scan (y, x)", " x ".join(f"{side * _NANO:.4g}" for side in extent) + " nm"),
        ("object pixel", f"{pixel * _NANO:.4g} nm"),
        ("window", f"{n * pixel * _NANO:.4g} nm"),
    ]
    scalars = [name for name in ptychography.SCALARS if name in node]
    lines += [(name, _with_unit(float(node[name]), node[name].attrs["units"])) for name in scalars]
    return lines + [(name, "for each frame") for name in ("monitor", "exposure_time") if name in node]


def _reconstruction(record: xr.Dataset) -> Lines:
    modes, ny, nx = record.sizes["mode"], record.sizes["y"], record.sizes["x"]
    return [
        ("method", str(record.attrs["method"])),
        ("helicities", ", ".join(f"{sign:+d}" for sign in record["helicity"].values)),
        ("object", f"{ny} x {nx} pixels of {float(record['pixel_size']) * _NANO:.4g} nm"),
        ("probe", f"{modes} modes of {record.sizes['py']} x {record.sizes['px']}"),
        ("positions", str(record.sizes["position"])),
        ("images", ", ".join(name for name in ("charge", "magnetic") if name in record) or "none"),
    ]


def _with_unit(value: float, units: str) -> str:
    return f"{value:.6g}" + ("" if units in ("", "1") else f" {units}")
