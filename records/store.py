"""Files of the records, written whole or not at all.

- `save`, `load`: a dataset as netCDF4/HDF5, compressed, chunked by frame; complex numbers and truth values round-trip;
- `write_bytes`, `write_text`, `whole`: any file, with the same promise.

A file is written under a temporary name beside its own, flushed to the disk and renamed. After a failure the old file
is still there and the temporary one is not. Equal datasets give equal bytes.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import records
from records.checks import one_line
from records.errors import RecordError

_LARGE = 4096
"""Values from which compression is worth its header."""


def save(dataset: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write `dataset` as netCDF4 with frames (the last two axes) as compressed chunks.

    Complex numbers are stored as pairs ``r``, ``i`` and truth values as an enumeration, as h5py does.

    Raises
    ------
    RecordError
        If a value cannot be stored.
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    encoding = {str(name): _encoding(array) for name, array in dataset.variables.items()}
    try:
        # Serialised in memory: HDF5 cannot be trusted to recover from a disk that fills up while it writes.
        content = dataset.to_netcdf(None, engine="h5netcdf", encoding=encoding, invalid_netcdf=True)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{os.fspath(path)}: cannot be stored: {one_line(error)}") from error
    with content as image:
        write_bytes(path, image)


def _encoding(array: xr.Variable) -> dict[str, Any]:
    encoding: dict[str, Any] = {"_FillValue": None} if array.dtype.kind in "fc" else {}
    if array.size >= _LARGE and array.dtype.kind in "fciub":
        frame = (1,) * max(array.ndim - 2, 0) + array.shape[-2:]
        encoding |= {"zlib": True, "complevel": 4, "shuffle": True, "chunksizes": frame}
    return encoding


def load(path: str | os.PathLike[str], *, record: str | None = None) -> xr.Dataset:
    """Read a dataset into memory and close the file.

    Parameters
    ----------
    path : path
        File written by `save`.
    record : str, optional
        The record that is expected, such as ``"measurement"``; it is checked then.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise RecordError(f"{name}: {'a folder' if Path(path).is_dir() else 'no such file'}; expected a netCDF4 file")
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf", decode_times=False, mask_and_scale=False)
    except Exception as error:  # h5py and xarray raise many sorts on damaged files
        raise RecordError(f"{name}: cannot be read as netCDF4: {one_line(error)}") from error
    dataset.encoding = {}
    for key in dataset.variables:
        dataset[key].encoding = {}
    dataset.attrs = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in dataset.attrs.items()
    }
    if record is not None:
        found = dataset.attrs.get("record")
        if found != record:
            raise RecordError(f"{name}: holds record {found!r}; expected {record!r}")
        try:
            records.check(dataset)
        except RecordError as error:
            raise RecordError(f"{name}: {error}") from error
    return dataset


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Write `content`, whole or not at all; missing folders are made.

    Raises
    ------
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    with whole(path) as temporary, temporary.open("wb") as file:
        file.write(content)


@contextlib.contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty temporary file to fill; it takes the name `path` when the block ends well, else it is removed.

    Missing folders are made. The file is flushed to the disk before it gets its name, and lies beside it until then:
    ``.NAME.*.part``, the only thing that a killed process may leave.

    Raises
    ------
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync_file(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except BaseException as error:  # an interrupt leaves nothing behind either
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename is None:  # a full disk is told without a name
            error.filename = os.fspath(path)
        raise
    _sync_folder(target.parent)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the new name lasting, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
