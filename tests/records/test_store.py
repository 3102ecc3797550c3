"""The store round-trips every record and never leaves anything half-written."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import records
from records import RecordError, store
from tests.records.builders import a_measurement, a_reconstruction, a_sample, a_truth

BUILDERS: list[Callable[[], xr.Dataset]] = [a_sample, a_measurement, a_truth, a_reconstruction]


@pytest.mark.parametrize("build", BUILDERS)
def test_round_trip(build: Callable[[], xr.Dataset], tmp_path: Path) -> None:
    dataset = build()
    store.save(dataset, tmp_path / "record.nc")
    back = store.load(tmp_path / "record.nc", record=dataset.attrs["record"])
    xr.testing.assert_identical(back, dataset)
    for name in dataset.variables:
        assert back[name].dtype == dataset[name].dtype
    assert type(back.attrs["schema"]) is int
    store.save(back, tmp_path / "again.nc")
    assert (tmp_path / "again.nc").read_bytes() == (tmp_path / "record.nc").read_bytes()


def test_every_kind_of_value(tmp_path: Path) -> None:
    values = {
        "complex64": np.array([1 + 2j, np.nan], np.complex64),
        "complex128": np.array([1 + 2j, 3], np.complex128),
        "bool": np.array([True, False]),
        "uint32": np.array([0, 2**32 - 1], np.uint32),
        "int8": np.array([-128, 127], np.int8),
        "float32": np.array([np.nan, np.inf], np.float32),
        "text": np.array(["a", "δ"]),
    }
    dataset = xr.Dataset({name: ("part", array, {"units": "s"}) for name, array in values.items()})
    dataset["empty"] = xr.DataArray(np.zeros((0, 3)), dims=("none", "three"))
    dataset.attrs = {"record": "scored", "seed": 3, "fraction": 0.5, "method": "plain"}
    store.save(dataset, tmp_path / "any.nc")
    back = store.load(tmp_path / "any.nc")
    xr.testing.assert_identical(back, dataset)
    assert {name: back[name].dtype.kind for name in values} == {
        name: array.dtype.kind for name, array in values.items()
    }


def test_frames_are_compressed_chunks(tmp_path: Path) -> None:
    store.save(a_measurement(n=64), tmp_path / "large.nc")
    with h5py.File(tmp_path / "large.nc") as file:
        counts = file["counts"]
        assert counts.chunks == (1, 1, 64, 64)
        assert (counts.compression, counts.compression_opts, counts.shuffle) == ("gzip", 4, True)
        assert "_FillValue" not in file["dark"].attrs


def test_no_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    store.save(a_truth(), tmp_path / "truth.nc")
    store.load(tmp_path / "truth.nc")
    assert not [str(warning.message) for warning in recwarn]


def test_folders_are_made_and_modes_are_usual(tmp_path: Path) -> None:
    store.write_text(tmp_path / "a" / "b" / "text.txt", "δ\n")
    assert (tmp_path / "a" / "b" / "text.txt").read_text(encoding="utf-8") == "δ\n"
    mask = os.umask(0o022)
    os.umask(mask)
    assert (tmp_path / "a" / "b" / "text.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def full_disk(handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupted(handle: int) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("failure", "raised"), [(full_disk, OSError), (interrupted, KeyboardInterrupt)])
@pytest.mark.parametrize("there_before", [True, False])
def test_failure_leaves_the_old_file_and_nothing_else(
    failure: Callable[[int], None],
    raised: type[BaseException],
    there_before: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "record.nc"
    if there_before:
        store.save(a_sample(seed=1), target)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(os, "fsync", failure)
    with pytest.raises(raised) as caught:
        store.save(a_sample(seed=2), target)
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(target)
    with pytest.raises(raised):
        store.write_text(target, "new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_failed_rename_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        store.write_text(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_unwritable_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    real = os.open

    # Permissions do not hold for every user that runs tests.
    def denied(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT and str(folder) in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(PermissionError) as caught:
        store.save(a_sample(), folder / "record.nc")
    assert "\n" not in str(caught.value)
    assert "closed" in str(caught.value)
    assert not list(folder.iterdir())


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        store.write_text(tmp_path / "file" / "text", "")


def test_values_that_cannot_be_stored(tmp_path: Path) -> None:
    for dataset in (xr.Dataset(attrs={"none": None}), xr.Dataset({"a": ("x", np.array([object()], dtype=object))})):
        with pytest.raises(RecordError, match="cannot be stored") as caught:
            store.save(dataset, tmp_path / "bad.nc")
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 7, 100, 3000])
def test_truncated(size: int, tmp_path: Path) -> None:
    path = tmp_path / "short.nc"
    store.save(a_truth(), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RecordError, match=r"short\.nc: cannot be read as netCDF4") as caught:
        store.load(path)
    assert "\n" not in str(caught.value)


def test_missing_and_wrong(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone\.nc: no such file"):
        store.load(tmp_path / "gone.nc")
    with pytest.raises(RecordError, match="a folder; expected a netCDF4 file"):
        store.load(tmp_path)
    store.save(a_sample(), tmp_path / "sample.nc")
    with pytest.raises(RecordError, match="holds record 'sample'; expected 'truth'"):
        store.load(tmp_path / "sample.nc", record="truth")


def test_load_checks_the_record_that_is_expected(tmp_path: Path) -> None:
    store.save(a_measurement().assign(m_z=1.0), tmp_path / "bad.nc")
    with pytest.raises(RecordError, match=r"bad\.nc: Measurement\.m_z: unknown variable"):
        store.load(tmp_path / "bad.nc", record="measurement")
    with pytest.raises(RecordError, match="unknown variable"):
        records.check(store.load(tmp_path / "bad.nc"))
