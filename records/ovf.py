"""OVF, the magnetization files of OOMMF, mumax3 and Ubermag.

- `read_ovf`: OVF 1.0 and 2.0 (text, binary 4, binary 8) on a rectangular mesh, as a `Sample`;
- `read_vectors`: header and vectors as they are; `write_ovf`: a `Sample` as OVF 2.0.

The format: OOMMF User's Guide, chapter "Vector field file format"; x varies fastest. Binary data are big-endian in OVF
1.0 and little-endian in 2.0, and begin with a check value.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import sample
from records.checks import one_line
from records.errors import RecordError
from records.store import write_bytes
from records.vectors import Note, note, of_note, sample_of_vectors

METRES: Final = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9, "a": 1e-10, "pm": 1e-12}
"""Mesh units that are understood, in lower case."""

CHECK_VALUES: Final = {4: 1234567.0, 8: 123456789012345.0}
"""What binary data of 4 and 8 bytes a number begin with."""

REPRESENTATIONS: Final = ("binary 4", "binary 8", "text")

_MOMENTS: Final = {"a/m": 1.0, "ka/m": 1e3, "ma/m": 1e6}
_UNITLESS: Final = ("", "1", "none", "unknown")
_NOTE: Final = "truespin:"
"""What the descriptions begin with that hold the note of our own files."""
_NOTE_LENGTH: Final = 32_000
"""Characters of the note; other readers expect a short header."""
_LINE: Final = 900
"""Characters of the note in one line; other readers have buffers for lines."""
_LARGEST: Final = 2**34
"""Numbers a file may announce; more is a damaged header."""


@dataclass(frozen=True)
class Header:
    """What an OVF file says of itself.

    Parameters
    ----------
    version : int
        1 or 2.
    representation : str
        ``"text"``, ``"binary 4"`` or ``"binary 8"``.
    shape : tuple of int
        Cells (z, y, x).
    voxel_size : tuple of float
        (z, y, x) in m.
    unit : str
        Unit of the values as written; empty where none is.
    multiplier : float
        Factor from numbers to values (OVF 1.0).
    title : str
        For people.
    note : str
        What `records.vectors.note` wrote; empty in files of other software.
    """

    version: int
    representation: str
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]
    unit: str
    multiplier: float
    title: str
    note: str = ""


def read_ovf(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a magnetization as a `Sample`, centred on the origin.

    Values in A/m become unit vectors, their lengths the saturation magnetization; values without a unit are made unit
    vectors. Cells of length zero are void. Values in A/m of length about 1 are taken for unit vectors under a wrong
    label.

    Parameters
    ----------
    path : path
        A file of OVF 1.0 or 2.0 with three components on a rectangular mesh.

    Returns
    -------
    Dataset
        The record `Sample` of origin ``"file"``; a file of `write_ovf` keeps the sample's own origin and features.

    Raises
    ------
    RecordError
        In one line: the file, what was found and what is expected.
    """
    header, vectors = read_vectors(path)
    try:
        return _sample(header, vectors)
    except RecordError as error:
        raise RecordError(f"{os.fspath(path)}: {error}") from error


def read_vectors(path: str | os.PathLike[str]) -> tuple[Header, NDArray[np.float64]]:
    """Read the header and the vectors (component, z, y, x) of a file as they are, lengths and all.

    Raises
    ------
    RecordError
        In one line: the file, what was found and what is expected.
    """
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected an OVF file") from error
    try:
        header, body = _parse(content)
        return header, _values(header, body) * header.multiplier
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from error


def read_header(content: bytes) -> Header:
    """Read the header from the beginning of a file.

    Raises
    ------
    RecordError
        If it is not the header of a file that `read_ovf` could read.
    """
    return _parse(content)[0]


def is_ovf(start: bytes) -> bool:
    """Tell whether a file that begins with `start` says it is OVF."""
    first = start[:200].split(b"\n")[0].lower()
    return first.startswith(b"#") and b"oommf" in first and (b"ovf" in first or b"mesh" in first)


def _parse(content: bytes) -> tuple[Header, memoryview]:
    """Return the header and what follows the line that begins the data."""
    if not is_ovf(content):
        raise RecordError(
            "not an OVF file; expected '# OOMMF OVF 2.0' or '# OOMMF: rectangular mesh v1.0' at its start"
        )
    version = 2 if b"2.0" in content[:200].split(b"\n")[0] else 1
    keys: dict[str, str] = {}
    noted = ""
    position = 0
    while True:
        end = content.find(b"\n", position)
        if end < 0:
            raise RecordError("ends inside the header; expected '# Begin: Data'")
        line = content[position:end].decode("utf-8", "replace").strip()
        position = end + 1
        if line.startswith("##"):
            continue
        key, _, value = line.lstrip("# ").partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "begin" and value.lower().startswith("data"):
            return replace(_header(version, value.lower(), keys), note=noted), memoryview(content)[position:]
        if key == "desc" and value.startswith(_NOTE):
            noted += value.removeprefix(_NOTE).strip()
        keys.setdefault(key, value)


def _header(version: int, data: str, keys: dict[str, str]) -> Header:
    representation = " ".join(data.split()[1:])
    if representation not in REPRESENTATIONS:
        raise RecordError(f"data in {representation!r}; expected one of {REPRESENTATIONS}")
    mesh = keys.get("meshtype", "").lower()
    if mesh != "rectangular":
        raise RecordError(f"meshtype {mesh!r}; expected 'rectangular'")
    if keys.get("segment count", "1") != "1":
        raise RecordError(f"{keys['segment count']} segments; expected 1")
    components = _number(keys, "valuedim") if version == 2 else 3
    if components != 3:
        raise RecordError(f"valuedim {components:g}; expected 3 components")
    metres = keys.get("meshunit", "").lower()
    if metres not in METRES:
        raise RecordError(f"meshunit {metres!r}; expected one of {sorted(METRES)}")
    nodes = [_number(keys, f"{axis}nodes") for axis in "zyx"]
    if any(n < 1 or n != int(n) for n in nodes) or 3 * np.prod(nodes) > _LARGEST:
        raise RecordError(f"nodes (z, y, x) {[f'{n:g}' for n in nodes]}; expected whole numbers from 1")
    sizes = [_number(keys, f"{axis}stepsize") * METRES[metres] for axis in "zyx"]
    if any(size <= 0 for size in sizes):
        raise RecordError(f"step sizes (z, y, x) {sizes} m; expected positive numbers")
    nz, ny, nx = (int(n) for n in nodes)
    unit = keys.get("valueunit", "") if version == 1 else _common_unit(keys.get("valueunits", ""))
    multiplier = _number(keys, "valuemultiplier") if version == 1 and "valuemultiplier" in keys else 1.0
    if multiplier == 0:
        raise RecordError("valuemultiplier 0; expected another number")
    title = keys.get("title", "")
    return Header(version, representation, (nz, ny, nx), (sizes[0], sizes[1], sizes[2]), unit, multiplier, title)


def _number(keys: dict[str, str], key: str) -> float:
    try:
        value = float(keys[key])
    except (KeyError, ValueError):
        raise RecordError(f"{key} {keys.get(key, 'missing')!r}; expected a number") from None
    if not np.isfinite(value):
        raise RecordError(f"{key} {value}; expected a finite number")
    return value


def _common_unit(text: str) -> str:
    units = {unit.strip("{}\"'") for unit in text.split()}
    if len(units) > 1:
        raise RecordError(f"valueunits {text!r}; expected one unit for all components")
    return units.pop() if units else ""


def _values(header: Header, body: memoryview) -> NDArray[np.float64]:
    """Return the numbers as (3, z, y, x)."""
    count = 3 * int(np.prod(header.shape))
    numbers = _text(body, count) if header.representation == "text" else _binary(header, body, count)
    bad = count - int(np.count_nonzero(np.isfinite(numbers)))
    if bad:
        raise RecordError(f"{bad} of {count} values are not finite; expected finite numbers")
    return np.ascontiguousarray(np.moveaxis(numbers.reshape(*header.shape, 3), -1, 0), dtype=np.float64)


def _binary(header: Header, body: memoryview, count: int) -> NDArray[Any]:
    width = int(header.representation[-1])
    dtype = np.dtype(f"{'>' if header.version == 1 else '<'}f{width}")
    needed = (count + 1) * width
    if len(body) < needed:
        raise RecordError(f"truncated: {len(body)} bytes of data; expected {needed}")
    numbers = np.frombuffer(body, dtype, count + 1)
    if numbers[0] != CHECK_VALUES[width]:
        raise RecordError(f"check value {numbers[0]:.10g}; expected {CHECK_VALUES[width]:.0f}")
    _expect_end(bytes(body[needed : needed + 64]))
    return numbers[1:]


def _expect_end(rest: bytes) -> None:
    if not rest.lstrip().lower().startswith(b"# end"):
        raise RecordError("no end of data after the last number; expected '# End: Data'")


def _text(body: memoryview, count: int) -> NDArray[np.float64]:
    text = bytes(body)
    words: list[bytes] = []
    for line in text.splitlines():
        if line.lstrip().lower().startswith(b"# end"):
            break
        words += line.split(b"#")[0].split()
    else:
        raise RecordError(f"truncated: {len(words)} numbers and no end of data; expected {count}")
    if len(words) != count:
        raise RecordError(f"{len(words)} numbers; expected {count}")
    try:
        return np.array(words).astype(np.float64)
    except ValueError as error:
        raise RecordError(f"text that is no number: {one_line(error)}; expected {count} numbers") from error


def _sample(header: Header, vectors: NDArray[np.float64]) -> xr.Dataset:
    unit = header.unit.lower()
    if unit not in _MOMENTS and unit not in _UNITLESS:
        raise RecordError(f"values in {header.unit!r}; expected a magnetization in A/m or without a unit")
    file = Note("file", {"format": f"OVF {header.version}.0", "title": header.title})
    return sample_of_vectors(
        vectors,
        voxel_size=header.voxel_size,
        ampere_per_metre=_MOMENTS.get(unit, 0.0),
        note=of_note(header.note, header.shape) or file,
    )


def write_ovf(record: xr.Dataset, path: str | os.PathLike[str], *, representation: str = "binary 4") -> None:
    """Write a `Sample` as OVF 2.0, whole or not at all.

    With a saturation magnetization the values are those of the cells in A/m (vector times saturation times fill
    fraction), without one they are the unit vectors. Origin and features go into descriptions (``Desc``), which other
    software passes over; features that are too long for a header are left out. Where the saturation magnetization
    varies, a reader cannot tell it from the fill fraction: only their product is kept.

    Parameters
    ----------
    record : Dataset
        A `Sample`.
    path : path
        File to write.
    representation : str
        ``"binary 4"``, ``"binary 8"`` or ``"text"``.

    Raises
    ------
    RecordError
        If the record is no `Sample` or the representation unknown.
    OSError
        If the file cannot be written.
    """
    if representation not in REPRESENTATIONS:
        raise RecordError(f"representation is {representation!r}; allowed: {REPRESENTATIONS}")
    sample.check(record)
    vectors = record["magnetization"].values.astype(np.float64)
    unit = "1"
    if "saturation_magnetization" in record:
        vectors = vectors * record["saturation_magnetization"].values * record["magnet"].values
        unit = "A/m"
    numbers = np.moveaxis(vectors, 0, -1).reshape(-1, 3)
    head = "".join(f"# {line}\n" for line in (*_header_lines(record, unit), f"Begin: Data {representation.title()}"))
    tail = f"# End: Data {representation.title()}\n# End: Segment\n"
    if representation == "text":
        body = "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in numbers.tolist()).encode()
    else:
        width = int(representation[-1])
        stream = np.concatenate([[CHECK_VALUES[width]], numbers.ravel()])
        body = stream.astype(f"<f{width}").tobytes() + b"\n"
    write_bytes(path, head.encode() + body + tail.encode())


def _header_lines(record: xr.Dataset, unit: str) -> list[str]:
    lines = ["OOMMF OVF 2.0", "Segment count: 1", "Begin: Segment", "Begin: Header", "Title: magnetization"]
    lines += ["meshtype: rectangular", "meshunit: m"]
    for axis, size in zip("zyx", sample.voxel_size(record), strict=True):
        n = record.sizes[axis]
        first = float(record[axis].values[0])
        lines += [f"{axis}base: {first!r}", f"{axis}stepsize: {size!r}", f"{axis}nodes: {n}"]
        lines += [f"{axis}min: {first - size / 2!r}", f"{axis}max: {first + (n - 0.5) * size!r}"]
    text = note(record, largest=_NOTE_LENGTH)
    lines += [f"Desc: {_NOTE} {text[start : start + _LINE]}" for start in range(0, len(text), _LINE)]
    return [
        *lines,
        "valuedim: 3",
        "valuelabels: m_x m_y m_z" if unit == "1" else "valuelabels: M_x M_y M_z",
        f"valueunits: {unit} {unit} {unit}",
        "End: Header",
    ]
