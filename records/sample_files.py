"""Samples in files of any format that we know.

- `read_sample`: OVF, netCDF of truespin or VTK image data, told by the content;
- `write_sample`: the format is that of the suffix;
- `SUFFIXES`, `checked_suffix`: the formats that can be written.

What each keeps: ``.nc`` and ``.vti`` (for ParaView) everything; ``.ovf`` (for OOMMF, mumax3 and Ubermag) the vectors
and their lengths, with origin and features in the header's descriptions.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import xarray as xr

from records import ovf, sample, store, vtk
from records.errors import RecordError

_HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"


def _write_netcdf(record: xr.Dataset, path: str | os.PathLike[str]) -> None:
    sample.check(record)
    store.save(record, path)


_WRITERS: Final[Mapping[str, Callable[[xr.Dataset, str | os.PathLike[str]], None]]] = {
    ".ovf": ovf.write_ovf,
    ".nc": _write_netcdf,
    ".vti": vtk.write_vti,
}
SUFFIXES: Final = tuple(_WRITERS)
"""Of the formats that can be written."""


def format_of(start: bytes) -> str | None:
    """Tell ``"OVF"``, ``"HDF5"`` or ``"VTK"`` by the first bytes of a file; None where it is none of them."""
    if ovf.is_ovf(start):
        return "OVF"
    if start.startswith(_HDF5_SIGNATURE):
        return "HDF5"
    return "VTK" if vtk.is_vti(start) else None


def read_sample(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a `Sample` from a file of any name.

    Raises
    ------
    RecordError
        In one line: the file, what was found and what is expected.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected a file with a magnetization") from error
    kind = format_of(start)
    if kind is None:
        raise RecordError(f"{name}: unknown format; expected OVF, VTK image data or a sample of truespin in netCDF4")
    if kind == "HDF5":
        return store.load(path, record="sample")
    return ovf.read_ovf(path) if kind == "OVF" else vtk.read_vti(path)


def checked_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of `path` in lower case.

    Raises
    ------
    RecordError
        If no format goes by it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise RecordError(f"{os.fspath(path)}: suffix {suffix!r}; expected one of {', '.join(SUFFIXES)}")
    return suffix


def write_sample(record: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a `Sample` in the format of the suffix of `path`, whole or not at all.

    Raises
    ------
    RecordError
        If the suffix is unknown or the record is no `Sample`.
    OSError
        If the file cannot be written.
    """
    _WRITERS[checked_suffix(path)](record, path)
