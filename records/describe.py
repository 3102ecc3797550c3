"""What is in a file, for people.

- `kind_of_file`: ``"OVF"``, ``"VTK"``, ``"HDF5"`` or ``"JSON"``, told by the content, never by the name;
- `describe`: pairs of a name and what it holds, for any file that can be read; `describe_sample`: the same for a
  `Sample` in memory.
"""

import os
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr

from records import check, ovf, sample, sample_files, scorecard, store, vtk
from records.checks import one_line
from records.describe_projections import describe_projections, describe_stacks
from records.describe_ptychography import describe_cxi, describe_frames, looks_like_cxi
from records.errors import RecordError
from records.projection_files import looks_like_projections

_LISTED: Final = 200
"""Datasets of a foreign file that are listed."""

Lines = list[tuple[str, str]]


def kind_of_file(path: str | os.PathLike[str]) -> str:
    """Tell what a file is by its first bytes: ``"OVF"``, ``"VTK"``, ``"HDF5"`` or ``"JSON"``.

    Raises
    ------
    RecordError
        If it cannot be read or is none of them.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected a file to describe") from error
    kind = "JSON" if start.lstrip()[:1] == b"{" else sample_files.format_of(start)
    if kind is None:
        raise RecordError(f"{name}: unknown format; expected OVF, VTK, netCDF4/HDF5 (CXI too) or a scorecard in JSON")
    return kind


def describe(path: str | os.PathLike[str]) -> Lines:
    """Describe a file: a record, a magnetization (OVF, VTK), a scorecard, or the datasets of any HDF5 file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    list of (str, str)
        Names and what they hold, in the order to print.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    name = os.fspath(path)
    kind = kind_of_file(path)
    if kind == "OVF":
        return _ovf(path)
    if kind == "VTK":
        return [("file", "VTK image data"), *_described(vtk.read_vti(path))]
    if kind == "JSON":
        return _scorecard(path)
    try:
        with h5py.File(path, "r") as file:
            if "record" not in file.attrs:
                return [*_foreign(path, file), *_datasets(file)]
            scan = [file.attrs.get(name) for name in ("record", "kind")] == ["measurement", "ptychography"]
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise RecordError(f"{name}: damaged HDF5 file: {one_line(error)}") from error
    if scan:
        return describe_frames(path)
    return [("file", "netCDF4 of truespin"), *_record(store.load(path))]


def _ovf(path: str | os.PathLike[str]) -> Lines:
    record = ovf.read_ovf(path)
    header = ovf.read_header(Path(path).read_bytes())
    return [
        ("file", f"OVF {header.version}.0, {header.representation}"),
        ("title", header.title or "none"),
        ("values", "without a unit" if header.unit in ("", "1") else f"in {header.unit}"),
        *_described(record),
    ]


def _described(record: xr.Dataset) -> Lines:
    """Describe a sample, and where it comes from where it is not a file."""
    mean = record["magnetization"].values[:, record["magnet"].values > 0].mean(axis=1, dtype=np.float64)
    lines = [*describe_sample(record), ("mean m (x, y, z)", ", ".join(f"{value:+.4f}" for value in mean))]
    if record.attrs["origin"] != "file":
        lines += [(key, _short(str(record.attrs[key]))) for key in ("origin", "features")]
    return lines


def describe_sample(record: xr.Dataset) -> Lines:
    """Describe the cells, the size and the material of a `Sample`."""
    sizes = sample.voxel_size(record)
    shape = record["magnet"].shape
    inside = record["magnet"].values > 0
    lines = [
        ("cells (z, y, x)", " x ".join(str(n) for n in shape)),
        ("cell size (z, y, x)", " x ".join(f"{size * 1e9:.4g}" for size in sizes) + " nm"),
        ("extent (z, y, x)", " x ".join(f"{n * d * 1e9:.4g}" for n, d in zip(shape, sizes, strict=True)) + " nm"),
        ("magnet", f"{inside.mean():.1%} of the cells"),
    ]
    if "saturation_magnetization" in record:
        moments = np.broadcast_to(record["saturation_magnetization"].values, shape)[inside]
        low, high = float(moments.min()), float(moments.max())
        lines.append(("saturation", f"{low:.6g} A/m" if low == high else f"{low:.6g} to {high:.6g} A/m"))
    return lines


def _scorecard(path: str | os.PathLike[str]) -> Lines:
    card = scorecard.load(path)
    states = [status.state for status in card.status]
    lines = [
        ("file", "scorecard of truespin"),
        ("scenarios", _joined({row.scenario for row in card.rows})),
        ("profiles", _joined({row.profile for row in card.rows})),
        ("methods", _joined({row.method for row in card.rows})),
        ("seeds", _joined({row.seed for row in card.rows})),
        ("draws", _joined({row.draw for row in card.rows})),
        ("rows", str(len(card.rows))),
        ("cells", ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "none"),
    ]
    return [*lines, ("metrics", _joined({row.metric for row in card.rows}))]


def _joined(values: set[Any]) -> str:
    return ", ".join(str(value) for value in sorted(values)) or "none"


def _record(dataset: xr.Dataset) -> Lines:
    name = str(dataset.attrs.get("record"))
    lines = [("record", name)]
    try:
        check(dataset)
    except RecordError as error:
        # A file of the scoring is no record that passes between rooms, hence has no check.
        if not str(error).startswith("record:"):
            lines.append(("check", f"not sound: {error}"))
    else:
        lines.append(("check", "sound"))
    if lines[-1][1] == "sound" and name == "sample":
        lines += describe_sample(dataset)
    if lines[-1][1] == "sound" and dataset.attrs.get("kind") == "projections":
        lines += describe_projections(dataset)
    for key, value in dataset.attrs.items():
        if key not in ("record", "schema"):
            lines.append((str(key), _short(str(value))))
    return lines + [(str(key), _variable(array)) for key, array in dataset.variables.items()]


def _variable(array: xr.Variable) -> str:
    units = str(array.attrs.get("units", ""))
    unit = "" if units in ("", "1") else f" {units}"
    if array.ndim == 0:
        value = array.values.item()
        return f"{value:.6g}{unit}" if isinstance(value, float) else f"{value}{unit}"
    sizes = ", ".join(f"{dim} {size}" for dim, size in array.sizes.items())
    text = f"({sizes}) {array.dtype}{unit}"
    if array.dtype.kind in "fiu" and array.size:
        text += f", {array.values.min():.6g} to {array.values.max():.6g}"
    if array.dtype.kind == "U" and array.size <= 4:
        text += ": " + ", ".join(str(value) for value in array.values.ravel())
    return text


def _foreign(path: str | os.PathLike[str], file: h5py.File) -> Lines:
    """Describe an HDF5 file of other software: as CXI, where it says so or holds frames where CXI has them."""
    if looks_like_cxi(file):
        return describe_cxi(path)
    return describe_stacks(path) if looks_like_projections(file) else [("file", "HDF5")]


def _datasets(file: h5py.File) -> Lines:
    lines: Lines = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            lines.append((name, _dataset(item)))

    file.visititems(visit)
    if len(lines) > _LISTED:
        lines[_LISTED:] = [("...", f"{len(lines) - _LISTED} more")]
    return lines


def _dataset(item: Any) -> str:
    if item.shape == () and item.dtype.kind in "fiu":
        return f"{item[()]:.6g}"
    if item.shape == () and h5py.check_string_dtype(item.dtype) is not None:
        return _short(item.asstr(errors="replace")[()])
    shape = "empty" if item.shape is None else " x ".join(str(n) for n in item.shape) or "scalar"
    return f"{shape} {item.dtype}"


def _short(text: str, length: int = 100) -> str:
    line = one_line(text)
    return line if len(line) <= length else line[: length - 3] + "..."
