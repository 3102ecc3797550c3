"""Vector fields in anybody's files, as a `Sample`.

- `read_field`, `Field`: OVF, VTK, the netCDF4 of a `Sample`, or an array (3, z, y, x) of any format of
  `records.array_files`, with the lengths that the vectors had before they were made unit vectors.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import ovf, sample, sample_files
from records.array_files import kind_of, split_name, whole_array
from records.errors import RecordError
from records.vectors import Note, sample_of_vectors

Array = NDArray[Any]

_ALIKE: Final = 1e-3
"""Relative spread of lengths that is rounding."""


@dataclass(frozen=True)
class Field:
    """A vector field as a `Sample`, with the lengths its vectors had.

    Attributes
    ----------
    name : str
        As it was asked for, key included.
    path : Path
    key : str
        What in the file; empty where it holds one field only.
    format : str
    record : Dataset
        The record `Sample`: unit vectors in the magnet.
    lengths : tuple of float, optional
        Least, median and largest length of the vectors in the magnet, as the file has them; None where they are not
        known, or are those of the saturation magnetization in `record`.
    short : int
        Number of vectors shorter than half of the median: their direction may be noise.
    """

    name: str
    path: Path
    key: str
    format: str
    record: xr.Dataset
    lengths: tuple[float, float, float] | None
    short: int

    @property
    def alike(self) -> bool:
        """Whether all lengths are the same, or those of a known saturation magnetization."""
        if self.lengths is None:
            return "saturation_magnetization" in self.record
        least, median, largest = self.lengths
        return largest - least <= _ALIKE * median


def read_field(name: str, *, voxel_size: tuple[float, ...] | None = None, magnet: Array | None = None) -> Field:
    """Read a vector field.

    Parameters
    ----------
    name : str
        A file, or ``FILE:KEY`` of an array (3, z, y, x), components (x, y, z), as in `records.array_files.read_array`.
    voxel_size : tuple of float, optional
        One length in m or one along each of (z, y, x), in place of what the file says. Needed where it says none.
    magnet : (nz, ny, nx) array, optional
        Fill fraction from 0 to 1; default 1 wherever a vector is not zero.

    Returns
    -------
    Field

    Raises
    ------
    RecordError
        In one line: the file, what was found and what is expected.
    """
    path, key = split_name(name)
    kind = kind_of(path, name)
    if kind in ("OVF", "VTK") or (kind == "HDF5" and not key and _is_sample(path)):
        if key:
            raise RecordError(f"{name}: all three components are needed; expected {path}")
        record = sample_files.read_sample(path)
        lengths = _lengths_in(path, kind, record)
    else:
        found = whole_array(name)
        if voxel_size is None:
            raise RecordError(f"{name}: {kind} does not say how large a voxel is; expected --voxel, such as 5nm")
        key, vectors = found.key, _vectors(found.array, name)
        record, lengths = _made(vectors, name), np.linalg.norm(vectors, axis=0)
    if voxel_size is not None or magnet is not None:
        record = _changed(record, name, voxel_size, magnet)
    if lengths is None:
        return Field(name, path, key, kind, record, None, 0)
    inside = lengths[record["magnet"].values > 0]
    median = float(np.median(inside))
    extremes = float(inside.min()), median, float(inside.max())
    return Field(name, path, key, kind, record, extremes, int(np.count_nonzero(inside < median / 2)))


def _is_sample(path: Path) -> bool:
    with contextlib.suppress(Exception), h5py.File(path, "r") as file:
        return bool(file.attrs.get("record") == "sample")
    return False


def _lengths_in(path: Path, kind: str, record: xr.Dataset) -> Array | None:
    """Return the lengths of the vectors in the file where a `Sample` has not kept them."""
    if "saturation_magnetization" in record:
        return None
    if kind == "OVF":
        return np.asarray(np.linalg.norm(ovf.read_vectors(path)[1], axis=0))
    return np.asarray(record["magnet"].values > 0, np.float64) if kind == "HDF5" else None


def _vectors(array: Array, name: str) -> Array:
    if array.ndim == 4 and array.shape[0] != 3 and array.shape[-1] == 3:
        raise RecordError(f"{name}: shape {array.shape}, components last; expected them first, (3, z, y, x)")
    if array.ndim != 4 or array.shape[0] != 3:
        raise RecordError(f"{name}: shape {array.shape}; expected vectors as (3, z, y, x), components (x, y, z)")
    if array.dtype.kind == "c":
        raise RecordError(f"{name}: complex vectors; expected real ones")
    return np.asarray(array, np.float64)


def _made(vectors: Array, name: str) -> xr.Dataset:
    try:
        return sample_of_vectors(vectors, voxel_size=(1.0, 1.0, 1.0), ampere_per_metre=0.0, note=Note())
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from error


def _changed(record: xr.Dataset, name: str, voxel_size: tuple[float, ...] | None, magnet: Array | None) -> xr.Dataset:
    """Return a `Sample` with another cell size, or with less magnet."""
    inside = record["magnet"].values
    if magnet is not None:
        if magnet.shape != inside.shape:
            raise RecordError(f"magnet has shape {magnet.shape}; expected that of {name}, {inside.shape}")
        inside = np.minimum(inside, magnet)
    if not np.any(inside > 0):
        raise RecordError(f"magnet leaves nothing of {name}; expected cells in which its vectors are not 0")
    z, y, x = sample.voxel_size(record) if voxel_size is None else np.broadcast_to(voxel_size, 3).tolist()
    moments = record.get("saturation_magnetization")
    return sample.make(
        magnetization=np.where(inside > 0, record["magnetization"].values, 0),
        voxel_size=(z, y, x),
        magnet=inside,
        saturation_magnetization=None if moments is None else moments.values,
        origin=record.attrs["origin"],
    )
