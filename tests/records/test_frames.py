"""Files written frame by frame: the same bytes however they are made, whole or not at all, small in memory."""

import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from records import RecordError, frames, ptychography, store
from tests.records.ptychography_builders import a_full_node, a_header, a_node, counts_of


def test_round_trip_of_a_tree_bit_for_bit(tmp_path: Path) -> None:
    nodes = [a_full_node(), a_node(5, 32, (-1,)), a_node(1)]
    frames.write_nodes(nodes, tmp_path / "scan.nc", title="three")
    assert frames.count_projections(tmp_path / "scan.nc") == 3
    for index, node in enumerate(nodes):
        with frames.open_node(tmp_path / "scan.nc", index) as back:
            xr.testing.assert_identical(back, node)
            assert all(back[name].dtype == node[name].dtype for name in node.variables)
    tree = frames.open_tree(tmp_path / "scan.nc")
    for node, back in zip(nodes, ptychography.projections(tree), strict=True):
        xr.testing.assert_identical(back, node)
    tree.close()


def test_xarray_alone_opens_the_tree(tmp_path: Path) -> None:
    frames.write_nodes([a_node(), a_node(3)], tmp_path / "scan.nc", title="two")
    with xr.open_datatree(tmp_path / "scan.nc", engine="h5netcdf") as tree:
        assert (tree.attrs["record"], tree.attrs["kind"], tree.attrs["title"]) == ("measurement", "ptychography", "two")
        assert list(tree.children) == ["projection_0", "projection_1"]
        np.testing.assert_array_equal(tree["projection_1/counts"], a_node(3)["counts"])
        assert tree["projection_1/valid"].dtype == np.bool_


def test_any_order_of_frames_and_runs_of_them(tmp_path: Path) -> None:
    node = a_node(7)
    counts = node["counts"].values
    with frames.FrameWriter(tmp_path / "scan.nc") as writer:
        writer.begin(a_header(7))
        for position in (6, 0, 3):
            writer.write(counts[1, position], helicity=-1, position=position)
        writer.write(counts[0], helicity=1, position=0)
        writer.write(counts[1, 4:6].astype(np.int64), helicity=-1, position=4)
        writer.write(counts[1, 1:3], helicity=-1, position=1)
    with frames.open_node(tmp_path / "scan.nc") as back:
        xr.testing.assert_identical(back, node)


def test_equal_measurements_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.nc", "b.nc"):
        frames.write_nodes([a_node(), a_full_node()], tmp_path / name)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


def test_frames_are_compressed_chunks_and_stay_in_the_file(tmp_path: Path) -> None:
    frames.write_nodes(a_node(n=32), tmp_path / "scan.nc")
    with h5py.File(tmp_path / "scan.nc") as file:
        counts = file["projection_0/counts"]
        assert counts.chunks == (1, 1, 32, 32)
        assert (counts.compression, counts.shuffle) == ("gzip", True)
    with frames.open_node(tmp_path / "scan.nc") as node:
        ptychography.check(node)
        first, _ = ptychography.halves(node)
        for lazy in (node, first):
            assert not isinstance(lazy["counts"].variable._data, np.ndarray)
        np.testing.assert_array_equal(first["counts"][1, 2], a_node(n=32)["counts"][1, 4])
        picked = node["counts"].isel(position=[5, 1, 1]).values
        np.testing.assert_array_equal(picked, a_node(n=32)["counts"][:, [5, 1, 1]])


def peak(tmp_path: Path, positions: int) -> int:
    header = a_header(positions, 64)
    frame = np.full((64, 64), 7, np.uint16)
    tracemalloc.start()
    with frames.FrameWriter(tmp_path / f"{positions}.nc") as writer:
        writer.begin(header)
        for position in range(positions):
            for helicity in (1, -1):
                writer.write(frame, helicity=helicity, position=position)
    with frames.open_node(tmp_path / f"{positions}.nc") as node:
        frames.write_nodes(node, tmp_path / "copy.nc")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "BLOCK", 2**18)
    peak(tmp_path, 16)  # what the first use of the libraries allocates
    small, large = peak(tmp_path, 40), peak(tmp_path, 168)
    grown = 2 * (168 - 40) * 64 * 64 * 2
    assert large - small < 0.1 * grown
    assert small > 2**18  # the tool sees the arrays


def write(path: Path, steps: Callable[[frames.FrameWriter], None]) -> None:
    with frames.FrameWriter(path) as writer:
        steps(writer)


def interrupted(writer: frames.FrameWriter) -> None:
    writer.begin(a_header())
    writer.write(counts_of(a_header())[0], helicity=1, position=0)
    raise KeyboardInterrupt


def test_the_old_file_stays_and_nothing_else_after_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "scan.nc"
    for before in (None, b"old"):
        if before is not None:
            target.write_bytes(before)
        with pytest.raises(KeyboardInterrupt):
            write(target, interrupted)
        assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["scan.nc"])
        assert before is None or target.read_bytes() == before


def test_a_frame_that_was_never_written_leaves_nothing(tmp_path: Path) -> None:
    def all_but_one(writer: frames.FrameWriter) -> None:
        counts = counts_of(a_header())
        writer.begin(a_header())
        writer.write(counts[0], helicity=1, position=0)
        writer.write(counts[1, 1:], helicity=-1, position=1)

    def two_headers(writer: frames.FrameWriter) -> None:
        writer.begin(a_header())
        writer.begin(a_header())

    for steps, line in (
        (all_but_one, "projection 0: 1 frames were not written; expected all"),
        (two_headers, "projection 0: 24 frames were not written"),
        (lambda writer: None, "no projection was written; expected one or more"),
    ):
        with pytest.raises(RecordError, match=line):
            write(tmp_path / "scan.nc", steps)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    """In a process of its own: the limit of the size of files stands for the disk."""
    code = """
        import resource, signal, sys
        import numpy as np
        from records import frames
        from tests.records.ptychography_builders import a_header
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        noise = np.random.default_rng(0).integers(0, 2**16, (50, 64, 64), np.uint16)
        try:
            with frames.FrameWriter(sys.argv[1]) as writer:
                writer.begin(a_header(50, 64, (1,)))
                writer.write(noise, helicity=1, position=0)
        except OSError as error:
            assert not isinstance(error, ValueError)
            print("refused")
    """
    target = tmp_path / "scan.nc"
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(target)], capture_output=True, text=True, timeout=120
    )
    assert (run.returncode, run.stdout.strip()) == (0, "refused"), run.stderr
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    code = """
        import sys
        from records import frames
        from tests.records.ptychography_builders import a_header, counts_of
        header = a_header()
        with frames.FrameWriter(sys.argv[1]) as writer:
            writer.begin(header)
            writer.write(counts_of(header)[0], helicity=1, position=0)
            print("written", flush=True)
            sys.stdin.read()
    """
    target = tmp_path / "scan.nc"
    target.write_bytes(b"old")
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        os.kill(process.pid, signal.SIGKILL)
    assert target.read_bytes() == b"old"
    assert all(path.name.startswith(".scan.nc.") for path in tmp_path.iterdir() if path != target)
    frames.write_nodes(a_node(), target)
    with frames.open_node(target) as back:
        xr.testing.assert_identical(back, a_node())


@pytest.mark.parametrize(
    ("frame", "helicity", "position", "line"),
    [
        (np.zeros((16, 15), int), 1, 0, r"shape \(16, 15\); expected 12 frames of \[16, 16\]"),
        (np.zeros((2, 16, 16), int), 1, 11, r"frame 11 of helicity \+1: shape \(2, 16, 16\)"),
        (np.zeros((16, 16), int), 1, -1, r"frame -1 of helicity \+1"),
        (np.zeros((16, 16), int), 2, 0, r"no such helicity; expected one of \[1, -1\]"),
        (np.zeros((16, 16)), 1, 0, "dtype float64; expected whole numbers of ADU"),
        (np.full((16, 16), 70000), 1, 0, "holds 70000 to 70000; expected 0 to 65535 ADU"),
        (np.full((16, 16), -1), 1, 0, "holds -1 to -1; expected 0 to 65535 ADU"),
    ],
)
def test_frames_that_do_not_fit(frame: np.ndarray, helicity: int, position: int, line: str, tmp_path: Path) -> None:
    def steps(writer: frames.FrameWriter) -> None:
        writer.begin(a_header())
        writer.write(frame, helicity=helicity, position=position)

    with pytest.raises(RecordError, match=line) as caught:
        write(tmp_path / "scan.nc", steps)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "scan.nc"
    frames.write_nodes(a_node(), path)
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(
            RecordError, match=r"scan\.nc: cannot be read as netCDF4: .* expected a whole file"
        ) as caught:
            frames.open_node(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(whole)
    with pytest.raises(RecordError, match=r"scan\.nc: projection 1 is not there; expected 0 to 0"):
        frames.open_node(path, 1)
    with pytest.raises(RecordError, match=r"gone\.nc: no such file"):
        frames.open_tree(tmp_path / "gone.nc")
    with h5py.File(path, "r+") as file:
        file["projection_0/energy"][...] = -5.0
    with pytest.raises(RecordError, match=r"scan\.nc: Measurement\.energy: holds -5"):
        frames.open_node(path)
    store.save(xr.Dataset({"a": 1.0}), path)
    with pytest.raises(RecordError, match=r"groups \['a'\]; expected projection_0"):
        frames.open_node(path)


def test_a_single_node_of_the_store_is_opened_too(tmp_path: Path) -> None:
    store.save(a_full_node(), tmp_path / "node.nc")
    with frames.open_node(tmp_path / "node.nc") as back:
        xr.testing.assert_identical(back, a_full_node())
    tree = frames.open_tree(tmp_path / "node.nc")
    assert len(ptychography.projections(tree)) == 1
    tree.close()
