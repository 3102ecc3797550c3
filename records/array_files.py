"""Arrays in anybody's files, for measuring them.

- `read_array`, `ArrayFile`: an image, a volume or a mask from NumPy's ``.npy`` and ``.npz``, HDF5, TIFF, or one
  component of a magnetization in OVF or VTK;
- `split_name`: ``FILE:KEY`` into the file and the key of what is in it; `kind_of`: the format of a file;
- `whole_array`: the array of a file with all its axes.

Vector fields are read by `records.field_files`.

The format is told by the content, never by the name. Nothing is unpickled.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from records import sample, sample_files
from records.checks import one_line
from records.errors import RecordError

Array = NDArray[Any]
Sizes = tuple[float, ...]

FORMATS: Final = "npy, npz, HDF5, TIFF, OVF, VTK image data"
"""That can be read."""

_MAGIC: Final = {
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
_NUMBERS: Final = "fiubc"
"""Kinds of numpy's types that are numbers."""
_COMPONENTS: Final = ("x", "y", "z")
_LISTED: Final = 8
_LARGEST: Final = 1e60
"""Of a whole array, and one over it the smallest largest value: beyond, products of four values over- or underflow."""


@dataclass(frozen=True)
class ArrayFile:
    """An array of numbers and where it comes from.

    Attributes
    ----------
    name : str
        As it was asked for, key included.
    path : Path
    key : str
        What in the file, as found; empty where a file holds one array only.
    format : str
        One of `FORMATS`.
    array : ndarray
        Of bool, integer, float or complex numbers in the machine's byte order, all finite; axes of length 1 are gone.
    voxel_size : tuple of float, optional
        Metres along the axes of the array; None where the format does not say.
    """

    name: str
    path: Path
    key: str
    format: str
    array: Array
    voxel_size: Sizes | None = None


def split_name(name: str) -> tuple[Path, str]:
    """Return the file and the key of ``FILE`` or ``FILE:KEY``; the key is empty where none is given.

    Raises
    ------
    RecordError
        If there is no such file.
    """
    places = [len(name), *(index for index, letter in enumerate(name) if letter == ":")]
    for place in places:
        path = Path(name[:place])
        if name[:place] and path.is_file():
            return path, name[place:].lstrip(":")
    what = "a folder" if Path(name).is_dir() else "no such file"
    raise RecordError(f"{name}: {what}; expected a file ({FORMATS})")


def read_array(name: str) -> ArrayFile:
    """Read one array of numbers.

    Parameters
    ----------
    name : str
        ``FILE`` or ``FILE:KEY``. The key is the array's name in npz, the path of the dataset in HDF5, and the component
        (x, y or z) of a magnetization in OVF or VTK. None is needed where npz or HDF5 hold one array of two axes or
        more, whatever else they hold. The pages of a TIFF are the first axis; it may be compressed by deflate only,
        unless imagecodecs is installed.

    Returns
    -------
    ArrayFile

    Raises
    ------
    RecordError
        In one line: the file, what was found and what is expected.
    """
    path, key = split_name(name)
    kind = kind_of(path, name)
    if kind in _READERS:
        found = whole_array(name)
        return replace(found, array=found.array.squeeze())
    record = sample_files.read_sample(path)
    if key not in _COMPONENTS:
        raise RecordError(f"{name}: vectors of three components; expected {path}:x, {path}:y or {path}:z")
    array = record["magnetization"].values[_COMPONENTS.index(key)]
    spacing = [size for size, n in zip(sample.voxel_size(record), array.shape, strict=True) if n > 1]
    return ArrayFile(name, path, key, kind, _numbers(array, name).squeeze(), tuple(spacing))


def whole_array(name: str) -> ArrayFile:
    """Read an array of npy, npz, HDF5 or TIFF as `read_array` does, with all its axes.

    Raises
    ------
    RecordError
        As `read_array`; also for other formats.
    """
    path, key = split_name(name)
    kind = kind_of(path, name)
    if kind not in _READERS:
        raise RecordError(f"{name}: {kind}; expected one of {', '.join(_READERS)}")
    found, array = _guarded(kind, path, key, name)
    return ArrayFile(name, path, found, kind, _numbers(array, name))


def kind_of(path: Path, name: str) -> str:
    """Tell the format of a file, one of `FORMATS`, by its first bytes; `name` is for the message.

    Raises
    ------
    RecordError
        If it cannot be read or is none of them.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(4096)
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected a file ({FORMATS})") from error
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    found = sample_files.format_of(start)
    if found is None:
        raise RecordError(f"{name}: {'empty' if not start else 'unknown format'}; expected one of {FORMATS}")
    return found


def _guarded(kind: str, path: Path, key: str, name: str) -> tuple[str, Array]:
    try:
        return _READERS[kind](path, key, name)
    except RecordError:
        raise
    except Exception as error:  # the readers raise many sorts on damaged files
        raise RecordError(f"{name}: cannot be read as {kind}: {one_line(error)}") from error


def _npy(path: Path, key: str, name: str) -> tuple[str, Array]:
    if key:
        raise RecordError(f"{name}: npy holds one array and no key {key!r}; expected {path}")
    with path.open("rb") as stream:
        try:
            return "", np.load(stream, allow_pickle=False)
        except ValueError as error:
            _refuse_objects(error, name)
            raise


def _npz(path: Path, key: str, name: str) -> tuple[str, Array]:
    with np.load(path, allow_pickle=False) as archive:
        members = list(archive.files)
        # A single one is refused for what it is.
        images = members if len(members) == 1 else [each for each in members if _axes(archive, each) >= 2]
        found = key or _only(images, path, name)
        if found not in members:
            raise RecordError(f"{name}: no array {found!r}; expected one of {_listed(members)}")
        try:
            array = archive[found]
        except ValueError as error:
            _refuse_objects(error, name)
            raise
    if not isinstance(array, np.ndarray):
        raise RecordError(f"{name}: {found!r} in this archive is no array; expected npz, or another format")
    return found, array


def _axes(archive: np.lib.npyio.NpzFile, member: str) -> int:
    """Return the number of axes of an array of numbers in npz, 0 for anything else; only its header is read."""
    assert archive.zip is not None
    place = member if member in archive.zip.namelist() else f"{member}.npy"
    with archive.zip.open(place) as stream:
        if stream.read(6) != b"\x93NUMPY":
            return 0
    with archive.zip.open(place) as stream:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:  # names of fields in any script: no numbers
            return 0
        shape, _, dtype = read(stream)
    return len(shape) if dtype.kind in _NUMBERS else 0


def _refuse_objects(error: ValueError, name: str) -> None:
    if "allow_pickle" in str(error):
        raise RecordError(f"{name}: an array of Python objects, which could run code; expected numbers") from None


def _hdf5(path: Path, key: str, name: str) -> tuple[str, Array]:
    with h5py.File(path, "r") as file:
        shapes = _datasets(file)
        found = key or _only([each for each, axes in shapes.items() if axes >= 2], path, name)
        item = file.get(found)
        if not isinstance(item, h5py.Dataset):
            what = "a group" if isinstance(item, h5py.Group) else "no dataset"
            raise RecordError(f"{name}: {what} at {found!r}; expected one of {_listed(list(shapes))}")
        if item.shape is None:
            raise RecordError(f"{name}: an empty dataset; expected numbers")
        return found, np.asarray(item[()])


def _datasets(file: h5py.File) -> Mapping[str, int]:
    """Return the number of axes of every dataset of numbers."""
    found: dict[str, int] = {}

    def visit(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None and item.dtype.kind in _NUMBERS:
            found[f"/{place}"] = len(item.shape)

    file.visititems(visit)
    return found


def _tiff(path: Path, key: str, name: str) -> tuple[str, Array]:
    import tifffile

    if key:
        raise RecordError(f"{name}: TIFF holds no key {key!r}; expected {path}")
    with _silent("tifffile"), tifffile.TiffFile(path) as file:
        if not file.series:
            raise RecordError(f"{name}: no image; expected a TIFF with one")
        first = file.series[0]
        if "S" in first.axes or file.pages.first.photometric in (2, 3, 5, 6):  # RGB, palette, CMYK, YCbCr
            raise RecordError(
                f"{name}: a colour picture (axes {first.axes}), whose values are no measured signal; "
                "expected one number a pixel"
            )
        if len(file.series) > 1:
            raise RecordError(f"{name}: {len(file.series)} images of different sizes; expected one size of page")
        return "", _decoded(first, name)


def _decoded(series: Any, name: str) -> Array:
    """Return the values of a TIFF; `tifffile` undoes few compressions by itself."""
    try:
        return np.asarray(series.asarray())
    except (KeyError, ValueError) as error:
        if "imagecodecs" not in str(error):
            raise
        packed = series.keyframe.compression.name
        raise RecordError(f"{name}: compressed as {packed}; expected an uncompressed TIFF, or deflate") from error


@contextlib.contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Keep a library from printing its remarks; what matters of them is raised."""
    found = logging.getLogger(logger)
    level = found.level
    found.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        found.setLevel(level)


_READERS: Final[Mapping[str, Callable[[Path, str, str], tuple[str, Array]]]] = {
    "npy": _npy,
    "npz": _npz,
    "HDF5": _hdf5,
    "TIFF": _tiff,
}


def _only(names: Sequence[str], path: Path, name: str) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        raise RecordError(f"{name}: holds no array; expected one of two axes or more")
    raise RecordError(f"{name}: holds {len(names)} arrays; expected one of {_listed([f'{path}:{n}' for n in names])}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown or "none"


def _numbers(array: Array, name: str) -> Array:
    """Return `array` in the machine's byte order; refuse what is no finite number."""
    if array.dtype.kind not in _NUMBERS:
        what = f"fields {array.dtype.names}" if array.dtype.names else f"dtype {array.dtype}"
        raise RecordError(f"{name}: {what}; expected numbers")
    if array.size == 0:
        raise RecordError(f"{name}: shape {array.shape}; expected at least one value")
    if array.dtype.kind in "fc":
        bad = array.size - int(np.count_nonzero(np.isfinite(array)))
        if bad:
            raise RecordError(f"{name}: {bad} of {array.size} values are not finite; expected finite numbers")
        largest = float(np.abs(array).max())
        if largest and not 1 / _LARGEST <= largest <= _LARGEST:
            raise RecordError(
                f"{name}: the largest value is {largest:.3g}; expected 0, or one between {1 / _LARGEST:g} and "
                f"{_LARGEST:g}"
            )
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
