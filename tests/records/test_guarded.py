"""HDF5 never learns of a full disk: it reads back what the disk did not take, and the caller gets the error."""

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from records.guarded import GuardedFile, guarded


@pytest.fixture
def filling(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        if offset + len(data) > 20_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)


def test_hdf5_closes_a_sound_file_and_the_error_is_raised(tmp_path: Path, filling: None) -> None:
    noise = np.random.default_rng(0).integers(0, 2**16, (40, 32, 32), np.uint16)

    def fill() -> None:
        with guarded(tmp_path / "full.h5") as raw, h5py.File(raw, "w") as file:
            data = file.create_dataset("data", noise.shape, noise.dtype, chunks=(1, 32, 32), compression="gzip")
            data[:] = noise
            np.testing.assert_array_equal(data[:], noise)  # HDF5 sees all of it

    with pytest.raises(OSError, match=r"full\.h5") as caught:
        fill()
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_a_whole_file_is_one_that_hdf5_reads_alone(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(70, 50))
    with guarded(tmp_path / "whole.h5") as raw, h5py.File(raw, "w") as file:
        file.create_dataset("a", data=values, chunks=(7, 50), compression="gzip")
        file["a"][3] = 0.0
    with h5py.File(tmp_path / "whole.h5") as file:
        np.testing.assert_array_equal(file["a"][4:], values[4:])
        assert not file["a"][3].any()


def test_reads_join_file_and_memory(tmp_path: Path, filling: None) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")
    file = GuardedFile(tmp_path / "file")
    file.seek(20_000)
    file.write(memoryview(b"xyz"))
    file.seek(4)
    file.write(memoryview(b"EF"))
    file.seek(2)
    assert file.read(5) == b"cdEF\x00"
    file.seek(-2, os.SEEK_END)
    assert (file.tell(), file.read(3)) == (20_001, b"yz\x00")
    with pytest.raises(OSError, match="No space"):
        file.check()
    file.close()
    assert (tmp_path / "file").read_bytes() == b"abcdef"
