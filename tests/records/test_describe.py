"""Descriptions of files, told by their content."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from records import RecordError, cxi, frames, scorecard, store
from records.describe import describe, kind_of_file
from records.ovf import write_ovf
from tests.records.builders import a_measurement, a_reconstruction, a_sample, a_truth
from tests.records.foreign_cxi import foreign_file
from tests.records.ptychography_builders import a_full_node, a_node
from tests.records.ptychography_builders import a_reconstruction as a_scan_reconstruction
from tests.records.ptychography_builders import a_truth as a_scan_truth


def test_ovf_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.nc"
    write_ovf(a_sample(saturation_magnetization=8e5), path)
    assert kind_of_file(path) == "OVF"
    lines = dict(describe(path))
    assert lines["file"] == "OVF 2.0, binary 4"
    assert lines["cells (z, y, x)"] == "2 x 3 x 4"
    assert lines["cell size (z, y, x)"] == "3 x 2 x 1 nm"
    assert lines["saturation"] == "800000 A/m"


@pytest.mark.parametrize("dataset", [a_sample(), a_measurement(), a_truth(), a_reconstruction()])
def test_records(dataset: xr.Dataset, tmp_path: Path) -> None:
    store.save(dataset, tmp_path / "file.dat")
    lines = dict(describe(tmp_path / "file.dat"))
    assert lines["record"] == dataset.attrs["record"]
    assert lines["check"] == "sound"
    assert set(map(str, dataset.variables)) <= set(lines)
    assert not any("\n" in text for text in lines.values())


def test_units_and_ranges(tmp_path: Path) -> None:
    store.save(a_measurement(), tmp_path / "m.nc")
    lines = dict(describe(tmp_path / "m.nc"))
    assert lines["energy"] == "778 eV"
    assert lines["counts"].startswith("(helicity 2, exposure 4, y 8, x 8) uint32 ADU, ")


def test_a_record_that_is_not_sound_is_described(tmp_path: Path) -> None:
    store.save(a_measurement().assign(m_z=1.0), tmp_path / "m.nc")
    assert dict(describe(tmp_path / "m.nc"))["check"].startswith("not sound: Measurement.m_z: unknown variable")


def test_a_file_of_the_scoring(tmp_path: Path) -> None:
    store.save(xr.Dataset({"frc": ("frequency", [1.0, 0.5])}, attrs={"record": "scored", "seed": 1}), tmp_path / "s.nc")
    lines = dict(describe(tmp_path / "s.nc"))
    assert (lines["record"], lines["seed"], lines["frc"]) == ("scored", "1", "(frequency 2) float64, 0.5 to 1")


def test_scorecard(tmp_path: Path) -> None:
    row = scorecard.Row(
        scenario="domain-walls", profile="quick", seed=1, draw=0, method="fth", metric="contrast", value=1.0
    )
    status = scorecard.Status(scenario="domain-walls", profile="quick", seed=1, draw=0, method="fth", state="done")
    scorecard.save(scorecard.Scorecard(rows=(row,), status=(status,)), tmp_path / "card")
    lines = dict(describe(tmp_path / "card"))
    assert (lines["methods"], lines["cells"], lines["metrics"]) == ("fth", "1 done", "contrast")


def test_foreign_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "scan.cxi", "w") as file:
        file["entry_1/data"] = np.zeros((5, 4, 3), np.int16)
        file["entry_1/energy"] = 1.25
        file["entry_1/name"] = "a\nsample"
        file["entry_1/nothing"] = h5py.Empty("f")
    lines = dict(describe(tmp_path / "scan.cxi"))
    assert lines == {
        "file": "HDF5",
        "entry_1/data": "5 x 4 x 3 int16",
        "entry_1/energy": "1.25",
        "entry_1/name": "a sample",
        "entry_1/nothing": "empty float32",
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"plain text", b"\x89HDF\r\n\x1a\nrest", b"{}", b"# OOMMF OVF 2.0\n# Begin: Header\n", b"\x00" * 600],
)
def test_bad_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        describe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_truncated_hdf5(tmp_path: Path) -> None:
    store.save(a_truth(), tmp_path / "t.nc")
    (tmp_path / "t.nc").write_bytes((tmp_path / "t.nc").read_bytes()[:4000])
    with pytest.raises(RecordError, match="damaged HDF5 file"):
        describe(tmp_path / "t.nc")


def test_missing_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(RecordError, match="expected a file to describe"):
            describe(path)


FOREIGN = os.environ.get("TRUESPIN_FOREIGN_FILES", "")


@pytest.mark.skipif(not (FOREIGN and Path(FOREIGN).is_dir()), reason="TRUESPIN_FOREIGN_FILES is no folder")
def test_files_of_other_software() -> None:
    for path in (*(Path(FOREIGN) / "ovf").glob("*.o*"), *(Path(FOREIGN) / "cxi").glob("*.cxi")):
        assert len(describe(path)) > 5


def test_ptychography_is_described_without_its_frames(tmp_path: Path) -> None:
    frames.write_nodes([a_full_node(), a_node()], tmp_path / "scan.nc")
    cxi.write_nodes([a_full_node(), a_node()], tmp_path / "scan.cxi")
    for name, file in (("scan.nc", "netCDF4 of truespin"), ("scan.cxi", "CXI")):
        lines = dict(describe(tmp_path / name))
        assert (lines["file"], lines["check"], lines["projections"]) == (file, "sound", "2")
        assert lines["frames"] == "2 x 12 of 16 x 16 uint16"
        assert lines["frames left out"] == str(int((~a_full_node()["used"]).sum()))
        assert lines["energy"] == "852.76 eV"
        assert (lines["object pixel"], lines["monitor"]) == ("454.3 nm", "for each frame")


def test_cxi_that_is_not_sound_and_images(tmp_path: Path) -> None:
    bad = foreign_file(tmp_path, {"entry_1/instrument_1/source_1/energy": 800.0})
    lines = dict(describe(bad))
    assert lines["check"].startswith(f"not sound: {bad}: entry_1/instrument_1/source_1/energy: holds 800")
    assert lines["cxi_version"] == "160"
    cxi.write_reconstruction(a_scan_reconstruction(), tmp_path / "images.cxi")
    lines = dict(describe(tmp_path / "images.cxi"))
    assert (lines["record"], lines["object"]) == ("reconstruction", "20 x 24 pixels of 5 nm")
    store.save(a_scan_truth(), tmp_path / "truth.nc")
    assert dict(describe(tmp_path / "truth.nc"))["check"] == "sound"
