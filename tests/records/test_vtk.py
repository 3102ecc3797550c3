"""VTK image data: our own files, every variant of other writers, and damage."""

import base64
import lzma
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from records import RecordError, sample
from records.vtk import is_vti, read_vti, write_vti
from tests.records.volumes import a_volume, varying

SATURATIONS = {"none": None, "one": 1.2e6 * 8 / 33, "field": varying()}


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_round_trip_is_exact(saturation: str, tmp_path: Path) -> None:
    record = a_volume(saturation=SATURATIONS[saturation])
    write_vti(record, tmp_path / "file.vti")
    assert read_vti(tmp_path / "file.vti").identical(record)
    assert [path.name for path in tmp_path.iterdir()] == ["file.vti"]


def test_file_is_xml_with_the_arrays_in_order(tmp_path: Path) -> None:
    """Decoded here by hand, after the format's description: blocks behind a header of their own."""
    record = a_volume(saturation=4.9e5)
    write_vti(record, tmp_path / "file.vti")
    root = ElementTree.fromstring((tmp_path / "file.vti").read_bytes())
    image = root.find("ImageData")
    assert image is not None
    assert image.get("WholeExtent") == "0 7 0 5 0 3"
    spacing, origin = (np.array([float(w) for w in str(image.get(key)).split()]) for key in ("Spacing", "Origin"))
    np.testing.assert_allclose(spacing, (1e-9, 2e-9, 3e-9))
    # The first cell of VTK begins at the origin: its centre is the sample's first coordinate.
    np.testing.assert_allclose(origin + spacing / 2, [record[axis].values[0] for axis in "xyz"])
    text = str(root.findtext("AppendedData"))
    arrays = {str(array.get("Name")): array for array in root.iter("DataArray")}
    assert list(arrays) == ["m", "magnet", "Ms"]
    code = text[1 + int(str(arrays["m"].get("offset"))) :]
    header = np.frombuffer(base64.b64decode(code[:44]), "<u8")
    assert header[0] == 1
    values = np.frombuffer(zlib.decompress(base64.b64decode(code[44 : 44 + 4 * -(-int(header[3]) // 3)])), "<f4")
    np.testing.assert_array_equal(values.reshape(3, 5, 7, 3), np.moveaxis(record["magnetization"].values, 0, -1))


def foreign(content: str, *, order: str = "LittleEndian", more: str = "", spacing: str = "1e-9 2e-9 3e-9") -> str:
    return (
        f'<?xml version="1.0"?>\n<VTKFile type="ImageData" version="1.0" byte_order="{order}"{more}>\n'
        f'<ImageData WholeExtent="0 2 0 2 0 1" Origin="0 0 0" Spacing="{spacing}">\n'
        f'<Piece Extent="0 2 0 2 0 1"><CellData>{content}</CellData></Piece></ImageData>'
    )


VECTORS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1], [0, 0, 0]], float)
ARRAY = '<DataArray type="{kind}" Name="magnetization" NumberOfComponents="3" format="{form}"{rest}>{text}</DataArray>'


def expect_the_vectors(record: xr.Dataset) -> None:
    m = record["magnetization"].values
    assert m[:, 0, 0, 0].tolist() == [1, 0, 0]  # x varies fastest
    assert m[:, 0, 0, 1].tolist() == [0, 1, 0]
    assert m[:, 0, 1, 0].tolist() == [0, 0, -1]
    assert record["magnet"].values[0].tolist() == [[1, 1], [1, 0]]
    assert sample.voxel_size(record) == pytest.approx((3e-9, 2e-9, 1e-9))
    assert record["x"].values.tolist() == pytest.approx([-1e-9, 0])
    assert record.attrs["origin"] == "file"


def read(content: str | bytes, folder: Path) -> xr.Dataset:
    path = folder / "file.vti"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_vti(path)


def refused(content: str | bytes, folder: Path) -> str:
    with pytest.raises(RecordError) as caught:
        read(content, folder)
    line = str(caught.value)
    assert "\n" not in line
    assert "file.vti: " in line
    return line


@pytest.mark.parametrize("kind", ["Float32", "Float64", "Int8"])
def test_text(kind: str, tmp_path: Path) -> None:
    text = " ".join(f"{value:g}" for value in VECTORS.ravel())
    expect_the_vectors(
        read(foreign(ARRAY.format(kind=kind, form="ascii", rest="", text=text)) + "</VTKFile>", tmp_path)
    )


@pytest.mark.parametrize("header", ["UInt32", "UInt64", ""])
@pytest.mark.parametrize("order", ["LittleEndian", "BigEndian"])
@pytest.mark.parametrize("compressor", ["", "ZLib", "LZMA"])
@pytest.mark.parametrize("form", ["binary", "base64", "raw"])
def test_binary(form: str, compressor: str, order: str, header: str, tmp_path: Path) -> None:
    mark = ">" if order == "BigEndian" else "<"
    data = VECTORS.astype(f"{mark}f8").tobytes()
    unsigned = f"{mark}u8" if header == "UInt64" else f"{mark}u4"
    if compressor:
        # Two whole blocks and a shorter one.
        blocks = [data[start : start + 40] for start in range(0, len(data), 40)]
        packed = [zlib.compress(block) if compressor == "ZLib" else lzma.compress(block) for block in blocks]
        head = np.array([len(blocks), 40, len(data) % 40, *map(len, packed)], unsigned).tobytes()
        body = b"".join(packed)
        coded = base64.b64encode(head) + base64.b64encode(body)
    else:
        head, body = np.array([len(data)], unsigned).tobytes(), data
        coded = base64.b64encode(head + body)
    more = f' header_type="{header}"' if header else ""
    more += f' compressor="vtk{compressor}DataCompressor"' if compressor else ""
    inline = form == "binary"
    array = ARRAY.format(
        kind="Float64",
        form="binary" if inline else "appended",
        rest="" if inline else ' offset="3"',
        text=f"\n {coded.decode()}\n" if inline else "",
    )
    start = foreign(array, order=order, more=more)
    if inline:
        expect_the_vectors(read(start + "</VTKFile>", tmp_path))
        return
    appended = b"xyz" + (coded if form == "base64" else head + body)
    tail = b"\n  </AppendedData>\n</VTKFile>\n"
    expect_the_vectors(read(f'{start}<AppendedData encoding="{form}">\n  _'.encode() + appended + tail, tmp_path))


def ascii_file(text: str = "1 0 0 0 1 0 0 0 -1 0 0 0", **changes: Any) -> str:
    return foreign(ARRAY.format(kind="Float64", form="ascii", rest="", text=text), **changes) + "</VTKFile>"


def test_lengths_in_ampere_per_metre_are_kept(tmp_path: Path) -> None:
    record = read(ascii_file("3e5 0 0 0 4e5 0 0 0 -5e5 0 0 0"), tmp_path)
    expect_the_vectors(record)
    np.testing.assert_allclose(record["saturation_magnetization"].values[0], [[3e5, 4e5], [5e5, 0]])
    assert "saturation_magnetization" not in read(ascii_file("0.5 0 0 0 2 0 0 0 -1 0 0 0"), tmp_path)


def test_values_at_points_make_a_cell_each(tmp_path: Path) -> None:
    content = ascii_file().replace("CellData", "PointData").replace('"0 2 0 2 0 1"', '"1 2 3 4 0 0"')
    expect_the_vectors(read(content, tmp_path))


def test_the_vectors_among_other_arrays(tmp_path: Path) -> None:
    other = '<DataArray type="Float32" Name="energy" format="ascii">1 2 3 4</DataArray>'
    three = ARRAY.format(kind="Float32", form="ascii", rest="", text="1 0 0 " * 4).replace("magnetization", "field")
    content = ascii_file()
    expect_the_vectors(read(content.replace("<CellData>", f"<CellData>{other}{three}"), tmp_path))
    unnamed = content.replace('"magnetization"', '"B"')
    expect_the_vectors(read(unnamed.replace("<CellData>", f"<CellData>{other}"), tmp_path))
    assert "2 arrays of 3 components" in refused(unnamed.replace("<CellData>", f"<CellData>{three}"), tmp_path)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (('type="ImageData"', 'type="PolyData"'), "VTK file of 'PolyData'; expected 'ImageData'"),
        (("1e-9 2e-9 3e-9", "1 2 3"), "Spacing '1 2 3'; expected metres"),
        (("1e-9 2e-9 3e-9", "1e-9 two 3e-9"), "expected 3 numbers"),
        (("1e-9 2e-9 3e-9", "1e-9 nan 3e-9"), "expected 3 numbers"),
        (("1e-9 2e-9 3e-9", "-1e-9 2e-9 3e-9"), "expected metres"),
        (('WholeExtent="0 2 0 2 0 1"', 'WholeExtent="0 3 0 2 0 1"'), "expected the whole"),
        (("0 2 0 2 0 1", "0 2 0 -2 0 1"), "expected whole numbers that rise"),
        (("0 2 0 2 0 1", "0 3 0 2 0 1"), "12 numbers; expected 18"),
        (("0 2 0 2 0 1", "0 2e9 0 2e9 0 2e9"), "expected whole numbers that rise"),
        (('NumberOfComponents="3"', 'NumberOfComponents="1"'), "expected a magnetization of 3 components"),
        (('NumberOfComponents="3"', 'NumberOfComponents="x"'), "expected a number"),
        (('type="Float64"', 'type="Complex"'), "expected one of"),
        (('format="ascii"', 'format="utf8"'), "format 'utf8'"),
        (('format="ascii"', 'format="appended" offset="0"'), "data appended to the file are missing"),
        (("0 1 0", "0 nan 0"), "1 of 12 values are not finite"),
        (("0 1 0", "0 one 0"), "array 'magnetization': could not convert"),
        (("1 0 0 0 1 0 0 0 -1", "0 0 0 0 0 0 0 0 0"), "all vectors are 0"),
        (("</CellData>", ""), "damaged or truncated XML"),
        (("<?xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><?xml"), "no XML file of VTK"),
        (("\n<VTKFile", "\n<!DOCTYPE a [<!ENTITY b 'c'>]><VTKFile"), "declarations of its own"),
        (("<VTKFile", "<Folder"), "no XML file of VTK"),
    ],
)
def test_foreign_and_damaged(change: tuple[str, str], line: str, tmp_path: Path) -> None:
    assert line in refused(ascii_file().replace(*change), tmp_path)


def test_more_than_one_piece(tmp_path: Path) -> None:
    content = ascii_file()
    piece = content[content.index("<Piece") : content.index("</ImageData>")]
    assert "2 pieces of image data; expected 1" in refused(content.replace(piece, piece + piece), tmp_path)


def test_truncated_anywhere(tmp_path: Path) -> None:
    write_vti(a_volume(saturation=4e5), tmp_path / "whole.vti")
    whole = (tmp_path / "whole.vti").read_bytes()
    for size in range(0, len(whole) - 1, 131):
        assert any(word in refused(whole[:size], tmp_path) for word in ("truncated", "no XML"))


def test_raw_data_cut_short_and_changed(tmp_path: Path) -> None:
    array = ARRAY.format(kind="Float64", form="appended", rest=' offset="0"', text="")
    start = f'{foreign(array)}<AppendedData encoding="raw">_'.encode()
    tail = b"</AppendedData></VTKFile>"
    data = VECTORS.astype("<f8").tobytes()
    size = np.array([len(data)], "<u4").tobytes()
    expect_the_vectors(read(start + size + data + tail, tmp_path))
    assert "truncated: 90 bytes; expected 96" in refused(start + size + data[:-6] + tail, tmp_path)
    assert "no end of the appended data" in refused(start + size + data, tmp_path)
    large = np.array([2**31], "<u4").tobytes()
    assert "2147483648 bytes announced; expected up to 96" in refused(start + large + data + tail, tmp_path)


def test_blocks_that_inflate_to_something_else(tmp_path: Path) -> None:
    def coded(content: bytes, announced: int) -> str:
        packed = zlib.compress(content)
        head = np.array([1, announced, 0, len(packed)], "<u4").tobytes()
        return (base64.b64encode(head) + base64.b64encode(packed)).decode()

    def file(text: str, more: str = ' compressor="vtkZLibDataCompressor"') -> str:
        return foreign(ARRAY.format(kind="Float64", form="binary", rest="", text=text), more=more) + "</VTKFile>"

    data = VECTORS.tobytes()
    expect_the_vectors(read(file(coded(data, 96)), tmp_path))
    assert "expected 96" in refused(file(coded(bytes(10**6), 96)), tmp_path)
    assert "bytes announced; expected up to 96" in refused(file(coded(bytes(10**6), 10**6)), tmp_path)
    assert "array 'magnetization'" in refused(file(coded(data, 96).replace("A", "B")), tmp_path)
    lz4 = ' compressor="vtkLZ4DataCompressor"'
    assert "compressed by 'vtkLZ4DataCompressor'" in refused(file(coded(data, 96), lz4), tmp_path)


def test_note_of_another_grid_is_left(tmp_path: Path) -> None:
    """Whoever crops our file keeps its field data: they are those of the whole."""
    write_vti(a_volume(shape=(1, 2, 3)), tmp_path / "small.vti")
    root = ElementTree.fromstring((tmp_path / "small.vti").read_bytes())
    for element in root.iter():
        for key in ("Extent", "WholeExtent"):
            if key in element.attrib:
                element.set(key, "0 2 0 3 0 1")
    record = read(ElementTree.tostring(root), tmp_path)
    assert (record.attrs["origin"], record["magnet"].shape) == ("file", (1, 3, 2))


def test_writer_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"Sample\.record"):
        write_vti(xr.Dataset(), tmp_path / "file.vti")
    assert not list(tmp_path.iterdir())


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone\.vti: No such file"):
        read_vti(tmp_path / "gone.vti")
    assert not is_vti(b"<html></html>")
