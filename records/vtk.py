"""VTK image data (``.vti``), the volumes of ParaView.

- `write_vti`: a `Sample` with the cell arrays ``m`` (3 components), ``magnet`` and ``Ms``, in metres;
- `read_vti`: that, or another program's image data with one array of 3 components, as a `Sample`;
- `is_vti`: told by the content.

The format: VTK User's Guide, chapter "VTK file formats", XML. Cells run x fastest, so C-ordered (z, y, x) is the file's
order. Decoding of the arrays is in `records.vtk_arrays`.
"""

import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import sample
from records.checks import one_line
from records.errors import RecordError
from records.store import write_bytes
from records.vectors import UNIT_LENGTH, Note, note, of_note, sample_of_vectors, uniform_or_field
from records.vtk_arrays import Appended, decode, encode

_VECTORS: Final = ("m", "magnetization", "M", "Magnetization")
_NOTE: Final = "truespin"
_CELL: Final = (1e-12, 1e-3)
"""m; other cell sizes are in another unit."""
_LARGEST: Final = 2**32
"""Cells a file may announce; more is a damaged header."""

Element = ElementTree.Element


@dataclass(frozen=True)
class _Image:
    """One piece of image data: where its values lie and how they are told apart."""

    root: Element
    appended: Appended
    values: Element
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]


def is_vti(start: bytes) -> bool:
    """Tell whether a file that begins with `start` is an XML file of VTK, of any kind of data."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith(b"<VTKFile") or (text.startswith(b"<?xml") and b"<VTKFile" in text)


def write_vti(record: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a `Sample` as image data, compressed, whole or not at all.

    Raises
    ------
    RecordError
        If the record is no `Sample`.
    OSError
        If the file cannot be written.
    """
    sample.check(record)
    nz, ny, nx = record["magnet"].shape
    sizes = sample.voxel_size(record)
    first = [float(record[axis].values[0]) - size / 2 for axis, size in zip("zyx", sizes, strict=True)]
    extent = f"0 {nx} 0 {ny} 0 {nz}"
    root = ElementTree.Element(
        "VTKFile",
        type="ImageData",
        version="1.0",
        byte_order="LittleEndian",
        header_type="UInt64",
        compressor="vtkZLibDataCompressor",
    )
    origin, spacing = (" ".join(repr(value) for value in reversed(values)) for values in (first, sizes))
    image = ElementTree.SubElement(root, "ImageData", WholeExtent=extent, Origin=origin, Spacing=spacing)
    content = bytearray()
    text = np.frombuffer(note(record).encode() + b"\0", np.uint8)
    fields = ElementTree.SubElement(image, "FieldData")
    _append(fields, content, text, tag="Array", type="String", Name=_NOTE, NumberOfTuples="1")
    cells = ElementTree.SubElement(ElementTree.SubElement(image, "Piece", Extent=extent), "CellData", Vectors="m")
    for name, values in _arrays(record).items():
        kind = f"Float{8 * values.itemsize}"
        _append(cells, content, values, type=kind, Name=name, NumberOfComponents=str(values.size // (nz * ny * nx)))
    ElementTree.SubElement(root, "AppendedData", encoding="base64").text = "_" + content.decode("ascii")
    write_bytes(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _arrays(record: xr.Dataset) -> dict[str, NDArray[Any]]:
    """Return the cell arrays as they lie in the file: little-endian, components last."""
    arrays = {"m": np.moveaxis(record["magnetization"].values, 0, -1), "magnet": record["magnet"].values}
    if "saturation_magnetization" in record:
        arrays["Ms"] = np.broadcast_to(record["saturation_magnetization"].values, arrays["magnet"].shape)
    return {name: np.ascontiguousarray(values, values.dtype.newbyteorder("<")) for name, values in arrays.items()}


def _append(
    parent: Element, content: bytearray, values: NDArray[Any], *, tag: str = "DataArray", **attributes: str
) -> None:
    ElementTree.SubElement(parent, tag, attributes, format="appended", offset=str(len(content)))
    content += encode(values.tobytes())


def read_vti(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a magnetization as a `Sample`, centred on the origin.

    Of another program's file the array ``m`` or ``magnetization`` is read, or the only one with 3 components; its
    vectors are made unit vectors, those of length zero are void, and lengths above 10 are taken as A/m. Values at
    points make one cell each. Lengths of the file are metres.

    Parameters
    ----------
    path : path
        One piece of image data in XML: text, base64 or raw, plain or compressed by zlib or LZMA.

    Returns
    -------
    Dataset
        The record `Sample`, of origin ``"file"`` where the file does not say.

    Raises
    ------
    RecordError
        In one line: the file, what was found and what is expected.
    """
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected a VTK file of image data (.vti)") from error
    try:
        return _sample(_image(content))
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from error


def _image(content: bytes) -> _Image:
    root, appended = _parsed(content)
    kind = root.get("type")
    if root.tag != "VTKFile" or kind != "ImageData":
        raise RecordError(f"VTK file of {kind or root.tag!r}; expected 'ImageData'")
    image = root.find("ImageData")
    pieces = [] if image is None else image.findall("Piece")
    if image is None or len(pieces) != 1:
        raise RecordError(f"{len(pieces)} pieces of image data; expected 1")
    extent = _numbers(image, "WholeExtent", 6)
    if _numbers(pieces[0], "Extent", 6) != extent:
        raise RecordError(f"Extent {pieces[0].get('Extent')!r}; expected the whole, {image.get('WholeExtent')!r}")
    if image.get("Direction") is not None and _numbers(image, "Direction", 9) != [1, 0, 0, 0, 1, 0, 0, 0, 1]:
        raise RecordError(f"Direction {image.get('Direction')!r}; expected axes along x, y and z")
    spacing = _numbers(image, "Spacing", 3)
    if not all(_CELL[0] <= size <= _CELL[1] for size in spacing):
        raise RecordError(f"Spacing {image.get('Spacing')!r}; expected metres, {_CELL[0]:g} to {_CELL[1]:g}")
    steps = [extent[2 * axis + 1] - extent[2 * axis] for axis in (2, 1, 0)]
    if any(step < 0 or step != int(step) for step in steps) or np.prod([step + 1 for step in steps]) > _LARGEST:
        raise RecordError(f"WholeExtent {image.get('WholeExtent')!r}; expected whole numbers that rise")
    values, shape = _values_of(pieces[0], [int(step) for step in steps])
    return _Image(root, appended, values, shape, (spacing[2], spacing[1], spacing[0]))


def _parsed(content: bytes) -> tuple[Element, Appended]:
    """Return the XML and the appended data, which need not be XML."""
    if not is_vti(content[:4096]):
        raise RecordError("no XML file of VTK; expected '<VTKFile type=\"ImageData\">' at its start")
    match = re.search(rb'<AppendedData\s+encoding\s*=\s*["\']raw["\']\s*>\s*_', content)
    raw = None
    if match:
        end = content.rfind(b"</AppendedData>")
        if end < match.end():
            raise RecordError("truncated: no end of the appended data")
        raw = content[match.end() : end]
        content = content[: match.start()] + content[end + len(b"</AppendedData>") :]
    if b"<!" in content[:4096].replace(b"<!--", b""):
        raise RecordError("XML with declarations of its own; expected plain data")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise RecordError(f"damaged or truncated XML: {one_line(error)}") from None
    text = root.findtext("AppendedData")
    plain = None if text is None else text.strip().removeprefix("_").encode("utf-8", "replace")
    return root, Appended(raw if raw is not None else plain, raw is not None)


def _numbers(element: Element, key: str, count: int) -> list[float]:
    text = element.get(key, {"Spacing": "1 1 1"}.get(key, ""))
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise RecordError(f"{key} {text!r}; expected {count} numbers")
    return numbers


def _values_of(piece: Element, steps: list[int]) -> tuple[Element, tuple[int, int, int]]:
    """Return where the vectors lie, in cells or at points, and how many there are (z, y, x)."""
    cells, points = piece.find("CellData"), piece.find("PointData")
    if cells is not None and any(_components(array) == 3 for array in cells.iter("DataArray")):
        return cells, (max(steps[0], 1), max(steps[1], 1), max(steps[2], 1))
    if points is not None and any(_components(array) == 3 for array in points.iter("DataArray")):
        return points, (steps[0] + 1, steps[1] + 1, steps[2] + 1)
    found = [array.get("Name", "") for array in piece.iter("DataArray")]
    raise RecordError(f"arrays {found}; expected a magnetization of 3 components")


def _components(array: Element) -> int:
    try:
        return int(array.get("NumberOfComponents", "1"))
    except ValueError:
        raise RecordError(f"NumberOfComponents {array.get('NumberOfComponents')!r}; expected a number") from None


def _sample(image: _Image) -> xr.Dataset:
    arrays = {array.get("Name", ""): array for array in image.values.iter("DataArray")}
    threes = [name for name, array in arrays.items() if _components(array) == 3]
    name = next((name for name in _VECTORS if name in threes), threes[0])
    if name not in _VECTORS and len(threes) > 1:
        raise RecordError(f"{len(threes)} arrays of 3 components, {threes}; expected one, or one named 'm'")
    vectors = np.moveaxis(_cells(image, arrays[name], 3).reshape(*image.shape, 3), -1, 0)
    told = _note(image) or Note(features={"format": "VTK image data", "title": name})
    scalars = {key: arrays[key] for key in ("magnet", "Ms") if key in arrays and _components(arrays[key]) == 1}
    if "magnet" not in scalars:
        lengths = float(np.abs(vectors).max())
        unit = 1.0 if lengths > UNIT_LENGTH else 0.0
        vectors = np.ascontiguousarray(vectors, np.float64)
        return sample_of_vectors(vectors, voxel_size=image.voxel_size, ampere_per_metre=unit, note=told)
    magnet = _cells(image, scalars["magnet"], 1).reshape(image.shape)
    moments = None
    if "Ms" in scalars:
        moments = _cells(image, scalars["Ms"], 1).reshape(image.shape)
        moments = uniform_or_field(moments, magnet > 0) if magnet.any() else moments
    return sample.make(
        magnetization=vectors,
        voxel_size=image.voxel_size,
        magnet=magnet,
        saturation_magnetization=moments if told.saturation is None else told.saturation,
        origin=told.origin,
        features=told.features,
    )


def _cells(image: _Image, array: Element, components: int) -> NDArray[Any]:
    count = components * int(np.prod(image.shape))
    values = decode(array, image.root, image.appended, count=count)
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise RecordError(f"array {array.get('Name')!r}: {bad} of {count} values are not finite")
    return values


def _note(image: _Image) -> Note | None:
    for array in image.root.iter("Array"):
        if array.get("Name") == _NOTE and array.get("type") == "String":
            text = decode(array, image.root, image.appended, count=None)
            return of_note(text.tobytes().rstrip(b"\0").decode("utf-8", "replace"), image.shape)
    return None
