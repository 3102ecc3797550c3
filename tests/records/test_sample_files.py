"""A sample in any of its formats."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from records import RecordError, sample, store
from records.describe import describe
from records.sample_files import SUFFIXES, checked_suffix, read_sample, write_sample
from tests.records.builders import a_truth
from tests.records.volumes import FEATURES, a_volume, varying


def moments(record: xr.Dataset) -> np.ndarray:
    return np.asarray(
        record["magnetization"].values * (record["saturation_magnetization"] * record["magnet"]).values, np.float64
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 4, 1), (4, 2, 6)])
def test_round_trip_with_voids(suffix: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    record = a_volume(saturation=1.2e6 * 8 / 33, shape=shape)
    write_sample(record, tmp_path / f"file{suffix}")
    back = read_sample(tmp_path / f"file{suffix}")
    np.testing.assert_allclose(back["magnetization"].values, record["magnetization"].values, atol=3e-7)
    np.testing.assert_allclose(back["magnet"].values, record["magnet"].values, atol=3e-7)
    np.testing.assert_array_equal(back["magnet"].values > 0, record["magnet"].values > 0)
    assert float(back["saturation_magnetization"]) == float(record["saturation_magnetization"])
    assert sample.voxel_size(back) == sample.voxel_size(record)
    for axis in "zyx":
        np.testing.assert_allclose(back[axis].values, record[axis].values, rtol=1e-12, atol=1e-24)
    assert back.attrs["origin"] == "quenched"
    assert json.loads(back.attrs["features"]) == FEATURES


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("partly", [True, False])
def test_round_trip_with_varying_saturation(suffix: str, partly: bool, tmp_path: Path) -> None:
    record = a_volume(partly=partly, saturation=varying())
    write_sample(record, tmp_path / f"file{suffix}")
    back = read_sample(tmp_path / f"file{suffix}")
    np.testing.assert_allclose(moments(back), moments(record), rtol=1e-6, atol=0.1)
    np.testing.assert_array_equal(back["magnet"].values > 0, record["magnet"].values > 0)
    if suffix != ".ovf" or not partly:
        inside = record["magnet"].values > 0
        found = back["saturation_magnetization"].values[inside]
        np.testing.assert_allclose(found, record["saturation_magnetization"].values[inside], rtol=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_formats_are_told_by_the_content(suffix: str, tmp_path: Path) -> None:
    record = a_volume(saturation=4e5)
    write_sample(record, tmp_path / f"file{suffix}")
    (tmp_path / f"file{suffix}").rename(tmp_path / "anything")
    assert read_sample(tmp_path / "anything").attrs == record.attrs
    lines = dict(describe(tmp_path / "anything"))
    assert lines["cells (z, y, x)"] == "3 x 5 x 7"
    assert lines["origin"] == "quenched"
    assert not any("\n" in text for text in lines.values())


def test_note_in_an_ovf_file_of_other_cells_or_damaged_is_left(tmp_path: Path) -> None:
    write_sample(a_volume(saturation=4e5, partly=False), tmp_path / "file.ovf")
    content = (tmp_path / "file.ovf").read_bytes()
    for old, new in (
        (b'"cells":[3,5,7]', b'"cells":[3,5,8]'),
        (b'{"cells"', b'"cells"'),
        (b'"features"', b'"feature"'),
    ):
        assert old in content
        (tmp_path / "file.ovf").write_bytes(content.replace(old, new))
        back = read_sample(tmp_path / "file.ovf")
        assert back.attrs["origin"] == "file"
        assert float(back["saturation_magnetization"]) == pytest.approx(4e5)


def test_note_of_a_weaker_material_than_found_is_left(tmp_path: Path) -> None:
    """Whoever scales our file keeps its descriptions: no cell is more than full."""
    write_sample(a_volume(saturation=4e5), tmp_path / "file.ovf")
    content = (tmp_path / "file.ovf").read_bytes()
    (tmp_path / "file.ovf").write_bytes(content.replace(b'"saturation":400000.0', b'"saturation":300000.0'))
    back = read_sample(tmp_path / "file.ovf")
    assert set(np.unique(back["magnet"].values)) == {0, 1}
    assert back["saturation_magnetization"].ndim == 3


def test_lines_of_an_ovf_header_are_short(tmp_path: Path) -> None:
    """Programs read them into buffers of a fixed size."""
    write_sample(a_volume(saturation=4e5), tmp_path / "file.ovf")
    head = (tmp_path / "file.ovf").read_bytes().split(b"# Begin: Data")[0]
    assert len(json.dumps(FEATURES)) > 2000
    assert max(map(len, head.splitlines())) < 1000


def test_what_cannot_be_read(tmp_path: Path) -> None:
    store.save(a_truth(), tmp_path / "truth.nc")
    (tmp_path / "notes").write_text("no magnetization")
    for name, line in (("truth.nc", "holds record 'truth'; expected 'sample'"), ("notes", "unknown format")):
        with pytest.raises(RecordError, match=line) as caught:
            read_sample(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(RecordError, match="No such file"):
        read_sample(tmp_path / "gone")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"suffix '\.vtk'; expected one of \.ovf, \.nc, \.vti"):
        write_sample(a_volume(), tmp_path / "file.vtk")
    for suffix in SUFFIXES:
        with pytest.raises(RecordError, match=r"Sample\.record"):
            write_sample(xr.Dataset(), tmp_path / f"file{suffix}")
    assert not list(tmp_path.iterdir())
    assert checked_suffix("A.OVF") == ".ovf"


def test_features_too_long_for_a_header_are_named(tmp_path: Path) -> None:
    features = {"charges": [1, 2], "sites": list(range(20_000)), "wall_width": 5e-9}
    record = a_volume(saturation=4e5)
    record.attrs["features"] = json.dumps(features)
    for suffix, kept in ((".ovf", {"charges": [1, 2], "wall_width": 5e-9, "left_out": ["sites"]}), (".vti", features)):
        write_sample(record, tmp_path / f"file{suffix}")
        assert json.loads(read_sample(tmp_path / f"file{suffix}").attrs["features"]) == kept
    assert (tmp_path / "file.ovf").read_bytes().index(b"# Begin: Data") < 34_000
