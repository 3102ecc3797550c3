"""OVF: files of our own writer, written by hand, damaged, and by other software."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from records import RecordError, sample
from records.ovf import REPRESENTATIONS, read_header, read_ovf, write_ovf
from tests.records.builders import a_sample

FOREIGN = Path(os.environ.get("TRUESPIN_FOREIGN_FILES", "")) / "ovf"
needs_foreign_files = pytest.mark.skipif(
    not (os.environ.get("TRUESPIN_FOREIGN_FILES") and FOREIGN.is_dir()),
    reason="TRUESPIN_FOREIGN_FILES does not point to a folder with ovf/ files of other software",
)

HEADER = """# OOMMF OVF 2.0
# Segment count: 1
# Begin: Segment
# Begin: Header
# Title: by hand
# meshtype: rectangular
# meshunit: nm
# xmin: 0
# ymin: 0
# zmin: 0
# xmax: 4
# ymax: 6
# zmax: 5
# xbase: 1
# ybase: 1.5
# zbase: 2.5
# xnodes: 2
# ynodes: 2
# znodes: 1
# xstepsize: 2
# ystepsize: 3
# zstepsize: 5
# valuedim: 3
# valuelabels: m_x m_y m_z
# valueunits: 1 1 1
# End: Header
"""
ROWS = "1 0 0\n0 1 0\n0 0 -1\n0 0 0\n"
TEXT = f"{HEADER}# Begin: Data Text\n{ROWS}# End: Data Text\n# End: Segment\n"
OLD = HEADER.replace("OOMMF OVF 2.0", "OOMMF: rectangular mesh v1.0").replace(
    "# valuedim: 3\n# valuelabels: m_x m_y m_z\n# valueunits: 1 1 1\n",
    "# valueunit: A/m\n# valuemultiplier: 8e5\n",
)


def binary(width: int, order: str, check: float, numbers: list[float], header: str = HEADER) -> bytes:
    stream = struct.pack(f"{order}{len(numbers) + 1}{'f' if width == 4 else 'd'}", check, *numbers)
    return f"{header}# Begin: Data Binary {width}\n".encode() + stream + f"\n# End: Data Binary {width}\n".encode()


NUMBERS = [1.0, 0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 0]


def read(content: str | bytes, folder: Path) -> xr.Dataset:
    path = folder / "file.ovf"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_ovf(path)


def refused(content: str | bytes, folder: Path) -> str:
    with pytest.raises(RecordError) as caught:
        read(content, folder)
    line = str(caught.value)
    assert "\n" not in line
    assert "file.ovf: " in line
    return line


def expect_the_file_by_hand(record: xr.Dataset) -> None:
    m = record["magnetization"].values
    assert m.shape == (3, 1, 2, 2)
    assert m[:, 0, 0, 0].tolist() == [1, 0, 0]  # x varies fastest
    assert m[:, 0, 0, 1].tolist() == [0, 1, 0]
    assert m[:, 0, 1, 0].tolist() == [0, 0, -1]
    assert record["magnet"].values[0].tolist() == [[1, 1], [1, 0]]
    assert sample.voxel_size(record) == pytest.approx((5e-9, 3e-9, 2e-9))
    assert record["x"].values.tolist() == pytest.approx([-2e-9, 0])


def test_text_by_hand(tmp_path: Path) -> None:
    record = read(TEXT, tmp_path)
    expect_the_file_by_hand(record)
    assert "saturation_magnetization" not in record
    assert record.attrs["origin"] == "file"


@pytest.mark.parametrize(("width", "check"), [(4, 1234567.0), (8, 123456789012345.0)])
def test_binary_by_hand(width: int, check: float, tmp_path: Path) -> None:
    expect_the_file_by_hand(read(binary(width, "<", check, NUMBERS), tmp_path))
    old = read(binary(width, ">", check, NUMBERS, OLD), tmp_path)
    expect_the_file_by_hand(old)
    assert float(old["saturation_magnetization"]) == pytest.approx(8e5)


def test_letter_case_comments_and_line_ends(tmp_path: Path) -> None:
    head, body = TEXT.split("# Begin: Data Text\n")
    for header in (head.upper(), head.lower(), head.title(), head.replace("\n", "\r\n")):
        expect_the_file_by_hand(read(f"{header}# BEGIN: data TEXT\n{body}", tmp_path))
    commented = TEXT.replace("# meshunit", "## a comment: here\n#meshunit").replace("1 0 0\n", "1 0 0 ## first\n", 1)
    expect_the_file_by_hand(read(commented, tmp_path))
    expect_the_file_by_hand(read(TEXT.replace(ROWS, ROWS.replace("\n", " ") + "\n"), tmp_path))


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1e-9), ("um", 1e-6), ("m", 1.0), ("UM", 1e-6)])
def test_mesh_units(unit: str, factor: float, tmp_path: Path) -> None:
    record = read(TEXT.replace("meshunit: nm", f"meshunit: {unit}"), tmp_path)
    assert sample.voxel_size(record) == pytest.approx((5 * factor, 3 * factor, 2 * factor))


@pytest.mark.parametrize("units", ["A/m A/m A/m", "{A/m} {A/m} {A/m}", "A/m"])
def test_lengths_in_ampere_per_metre_are_kept(units: str, tmp_path: Path) -> None:
    text = TEXT.replace("valueunits: 1 1 1", f"valueunits: {units}").replace(
        ROWS, "3e5 0 0\n0 4e5 0\n0 0 -5e5\n0 0 0\n"
    )
    record = read(text, tmp_path)
    expect_the_file_by_hand(record)
    np.testing.assert_allclose(record["saturation_magnetization"].values[0], [[3e5, 4e5], [5e5, 0]])


def test_unit_vectors_under_a_wrong_label(tmp_path: Path) -> None:
    record = read(TEXT.replace("valueunits: 1 1 1", "valueunits: A/m A/m A/m"), tmp_path)
    expect_the_file_by_hand(record)
    assert "saturation_magnetization" not in record


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("valuedim: 3", "valuedim: 1"), "valuedim 1; expected 3 components"),
        (("valuedim: 3\n", ""), "valuedim 'missing'"),
        (("rectangular", "irregular"), "meshtype 'irregular'; expected 'rectangular'"),
        (("meshunit: nm", "meshunit: mile"), "meshunit 'mile'; expected one of"),
        (("xnodes: 2", "xnodes: 0"), "expected whole numbers from 1"),
        (("xnodes: 2", "xnodes: 2.5"), "expected whole numbers from 1"),
        (("xnodes: 2", "xnodes: 1e12"), "expected whole numbers from 1"),
        (("xnodes: 2", "xnodes: two"), "xnodes 'two'; expected a number"),
        (("xnodes: 2", "xnodes: 3"), "12 numbers; expected 18"),
        (("xstepsize: 2", "xstepsize: -2"), "expected positive numbers"),
        (("xstepsize: 2", "xstepsize: nan"), "xstepsize nan; expected a finite number"),
        (("valueunits: 1 1 1", "valueunits: T T T"), "values in 'T'; expected a magnetization"),
        (("valueunits: 1 1 1", "valueunits: 1 1 T"), "expected one unit for all components"),
        (("Segment count: 1", "Segment count: 2"), "2 segments; expected 1"),
        (("Data Text", "Data Binary 16"), "data in 'binary 16'"),
        (("0 1 0", "0 nan 0"), "1 of 12 values are not finite"),
        (("0 1 0", "0 one 0"), "text that is no number"),
        (("0 1 0\n", ""), "9 numbers; expected 12"),
        ((ROWS, "0 0 0\n" * 4), "all vectors are 0"),
        (("# OOMMF OVF 2.0", "# something else"), "not an OVF file; expected '# OOMMF OVF 2.0'"),
    ],
)
def test_bad_text(change: tuple[str, str], line: str, tmp_path: Path) -> None:
    assert line in refused(TEXT.replace(*change, 1), tmp_path)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_truncated_anywhere(representation: str, tmp_path: Path) -> None:
    write_ovf(a_sample(), tmp_path / "whole.ovf", representation=representation)
    whole = (tmp_path / "whole.ovf").read_bytes()
    ends = whole.rindex(b"# End: Data")
    for size in [0, 1, 10, 100, 300, *range(whole.index(b"# Begin: Data"), ends, 7)]:
        assert any(
            word in refused(whole[:size], tmp_path) for word in ("truncated", "not an OVF", "ends inside", "no end")
        )


def test_bad_binary(tmp_path: Path) -> None:
    assert "check value" in refused(binary(4, "<", 1234568.0, NUMBERS), tmp_path)
    assert "check value" in refused(binary(8, ">", 123456789012345.0, NUMBERS), tmp_path)
    assert "no end of data" in refused(binary(4, "<", 1234567.0, [*NUMBERS, 1.0]), tmp_path)
    assert "not finite" in refused(binary(4, "<", 1234567.0, [np.nan, *NUMBERS[1:]]), tmp_path)


def test_missing_folder_and_noise(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone\.ovf: No such file"):
        read_ovf(tmp_path / "gone.ovf")
    with pytest.raises(RecordError, match="expected an OVF file"):
        read_ovf(tmp_path)
    assert "not an OVF file" in refused(np.random.default_rng(0).bytes(4000), tmp_path)


@given(
    vectors=arrays(np.float32, (3, 2, 3, 4), elements=st.floats(-1, 1, width=32)),
    moments=st.one_of(st.none(), st.floats(1e3, 5e6)),
    sizes=st.tuples(*[st.floats(1e-10, 1e-6)] * 3),
    representation=st.sampled_from(REPRESENTATIONS),
)
def test_round_trip(
    vectors: np.ndarray,
    moments: float | None,
    sizes: tuple[float, float, float],
    representation: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    vectors = vectors.astype(np.float64)
    vectors[:, 0, 0, 0] = (0.6, 0, 0.8)
    length = np.linalg.norm(vectors, axis=0)
    vectors = np.where(length > 1e-3, vectors / np.maximum(length, 1e-3), 0)
    record = sample.make(magnetization=vectors, voxel_size=sizes, saturation_magnetization=moments)
    path = tmp_path_factory.mktemp("ovf") / "file.ovf"
    write_ovf(record, path, representation=representation)
    back = read_ovf(path)
    np.testing.assert_allclose(back["magnetization"].values, record["magnetization"].values, atol=3e-7)
    np.testing.assert_array_equal(back["magnet"].values, record["magnet"].values)
    for axis in "zyx":
        np.testing.assert_allclose(back[axis].values, record[axis].values, rtol=1e-12)
    assert sample.voxel_size(back) == sample.voxel_size(record)
    if moments is None:
        assert "saturation_magnetization" not in back
    else:
        inside = record["magnet"].values > 0
        found = np.broadcast_to(back["saturation_magnetization"].values, inside.shape)[inside]
        np.testing.assert_allclose(found, moments, rtol=1e-6)


def test_writer_refuses(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="representation is 'binary 2'; allowed"):
        write_ovf(a_sample(), tmp_path / "file.ovf", representation="binary 2")
    with pytest.raises(RecordError, match=r"Sample\.record"):
        write_ovf(xr.Dataset(), tmp_path / "file.ovf")
    assert not list(tmp_path.iterdir())


EXPECTED = {
    "mumax-bin4-linux.ovf": ((1, 32, 128), (3e-9, 3.90625e-9, 3.90625e-9), None, (2, "binary 4")),
    "oommf-ovf1-bin4.omf": ((32, 32, 32), (3.125e-9,) * 3, 1261566.261, (1, "binary 4")),
    "oommf-ovf1-txt.omf": ((32, 32, 32), (3.125e-9,) * 3, 1261566.261, (1, "text")),
    "oommf-ovf2-bin8.omf": ((5, 5, 5), (1e-9,) * 3, 8e6, (2, "binary 8")),
    "oommf-ovf2-txt.omf": ((5, 5, 5), (1e-9,) * 3, 8e6, (2, "text")),
    "skyrmion.omf": ((1, 20, 20), (5e-9,) * 3, 1.1e6, (2, "text")),
    "stdprob3v-reg.omf": ((15, 15, 15), (3e-9,) * 3, None, (1, "binary 4")),
}


@needs_foreign_files
class TestForeignFiles:
    def test_every_file_is_expected(self) -> None:
        assert {path.name for path in FOREIGN.iterdir() if path.suffix != ".txt"} <= set(EXPECTED)

    @pytest.mark.parametrize("name", EXPECTED)
    def test_reads(self, name: str) -> None:
        shape, sizes, moments, form = EXPECTED[name]
        record = read_ovf(FOREIGN / name)
        assert record["magnet"].shape == shape
        assert sample.voxel_size(record) == pytest.approx(sizes)
        if moments is None:
            assert "saturation_magnetization" not in record
        else:
            assert float(record["saturation_magnetization"]) == pytest.approx(moments)
        header = read_header((FOREIGN / name).read_bytes())
        assert (header.version, header.representation) == form

    @pytest.mark.parametrize(
        ("first", "second"),
        [("oommf-ovf1-bin4.omf", "oommf-ovf1-txt.omf"), ("oommf-ovf2-bin8.omf", "oommf-ovf2-txt.omf")],
    )
    def test_same_state_in_two_forms(self, first: str, second: str) -> None:
        a, b = (read_ovf(FOREIGN / name)["magnetization"].values for name in (first, second))
        np.testing.assert_allclose(a, b, atol=1e-6)

    def test_skyrmion_has_its_core_at_the_centre(self) -> None:
        m_z = read_ovf(FOREIGN / "skyrmion.omf")["magnetization"].values[2, 0]
        assert m_z[9:11, 9:11].min() > 0.7
        assert max(m_z[0].max(), m_z[-1].max(), m_z[:, 0].max(), m_z[:, -1].max()) < 0

    def test_film_of_mumax_lies_along_x(self) -> None:
        m = read_ovf(FOREIGN / "mumax-bin4-linux.ovf")["magnetization"].values
        np.testing.assert_allclose(m.mean(axis=(1, 2, 3)), (0.99503, 0.09950, 0), atol=1e-4)

    @pytest.mark.parametrize("name", EXPECTED)
    def test_rewritten_without_loss(self, name: str, tmp_path: Path) -> None:
        record = read_ovf(FOREIGN / name)
        write_ovf(record, tmp_path / name, representation="binary 8")
        back = read_ovf(tmp_path / name)
        np.testing.assert_allclose(back["magnetization"].values, record["magnetization"].values, atol=1e-6)
