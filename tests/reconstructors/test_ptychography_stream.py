"""Frames on disk: the same bits as in memory, in memory that does not grow."""

import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from reconstructors.ptychography import stream
from reconstructors.ptychography.engines import least_squares, pie, rpie_plus
from reconstructors.ptychography.engines.least_squares import LsqmlParameters
from reconstructors.ptychography.engines.pie import PieParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.problem import FramesInMemory, Optics, Problem
from reconstructors.ptychography.stream import FrameFile, parts, read_ahead
from tests.ptychography_small import assembled, small_problem


def filed(amplitudes, directory=None, block=7):
    file = FrameFile(len(amplitudes), amplitudes.shape[1:], directory=directory)
    for first in range(0, len(amplitudes), block):
        file.append(amplitudes[first : first + block])
    return file


def on_disk(problem):
    return replace(problem, frames=filed(problem.frames.amplitudes))


@pytest.fixture
def amplitudes():
    return np.random.default_rng(0).random((50, 12, 9)).astype(np.float32)


@pytest.mark.parametrize("indices", [[3], [0, 1, 2, 3], [49, 0, 7, 8, 9, 9, 2], []])
def test_frames_come_back_in_any_order(amplitudes, indices):
    chosen = np.array(indices, int)
    np.testing.assert_array_equal(filed(amplitudes).read(chosen), amplitudes[chosen])


def test_read_ahead_gives_every_piece_whatever_the_sizes(amplitudes, monkeypatch):
    monkeypatch.setattr(stream, "PART_BYTES", 4 * 12 * 9 * 6)
    rng = np.random.default_rng(1)
    pieces = [rng.integers(0, 50, size) for size in (6, 1, 1, 4, 2, 6, 5, 1)]
    file = filed(amplitudes)
    assert [len(part) for part in parts(np.arange(50), file)] == [6] * 8 + [2]
    for frames in (file, FramesInMemory(amplitudes)):
        seen = 0
        for piece, (indices, values) in zip(pieces, read_ahead(frames, pieces), strict=True):
            np.testing.assert_array_equal(indices, piece)
            np.testing.assert_array_equal(values, amplitudes[piece])
            seen += 1
        assert seen == len(pieces)


def test_an_abandoned_read_ahead_ends(amplitudes):
    reader = read_ahead(filed(amplitudes), [np.arange(3), np.arange(3)])
    next(reader)
    reader.close()


def test_nothing_lies_in_the_directory(amplitudes, tmp_path):
    file = filed(amplitudes, tmp_path)
    assert len(file) == 50
    assert not os.listdir(tmp_path)


def test_bad_directories_and_missing_frames_are_told(amplitudes, tmp_path):
    with pytest.raises(ValueError, match="nowhere'; allowed: a directory that exists"):
        FrameFile(1, (2, 2), directory=tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has room for .* GB; needed: 4e\+06 GB"):
        FrameFile(10**9, (1000, 1000), directory=tmp_path)
    file = FrameFile(4, (12, 9))
    with pytest.raises(OSError, match="empty"):
        file.read(np.arange(1))
    file.append(amplitudes[:2])
    with pytest.raises(OSError, match="2 frames were written"):
        file.read(np.arange(3))


def solutions(problem):
    """Yield object and probe of short runs of engines."""
    rng = np.random.default_rng
    yield pie.run(problem, PieParameters(epochs=2, batch=5), rng=rng(1))[0]
    yield pie.run(problem, PieParameters(epochs=1, batch=1), rng=rng(1))[0]
    yield least_squares.run(problem, LsqmlParameters(epochs=2, batch=20), rng=rng(1))[0]
    yield rpie_plus.run(problem, RpiePlusParameters(epochs=4, batch_epochs=1, probe_from=0), rng=rng(1))[0]


@pytest.mark.parametrize("side", [64, 60])
def test_engines_give_the_same_bits_from_disk(side, monkeypatch):
    """With the fused kernel and, for 60², by library transforms; in pieces of 8 frames."""
    monkeypatch.setattr(stream, "PART_BYTES", 4 * side * side * 8)
    drawn = small_problem(grid=5)
    cut = slice(32 - side // 2, 32 + side // 2)
    drawn = replace(drawn, counts=drawn.counts[:, cut, cut], start_probe=drawn.start_probe[cut, cut])
    problem = assembled(drawn)
    for here, there in zip(solutions(problem), solutions(on_disk(problem)), strict=True):
        np.testing.assert_array_equal(here.object, there.object)
        np.testing.assert_array_equal(here.probe, there.probe)
        np.testing.assert_array_equal(here.frame_errors, there.frame_errors)


def test_memory_does_not_grow_with_the_frames(monkeypatch):
    """Measured beyond what each frame has one number of: in the end all frames are one batch."""
    monkeypatch.setattr(stream, "PART_BYTES", 1 << 18)
    peaks = []
    for count in (100, 100, 1600):  # the first warms up
        n, side = 32, 40
        frames = FrameFile(count, (n, n))
        for _ in range(count // 100):
            frames.append(np.ones((100, n, n), np.float32))
        corners = np.random.default_rng(0).integers(0, side - n, (count, 2)).astype(float)
        probe = np.ones((1, n, n), np.complex64)
        problem = Problem(
            frames=frames,
            valid=np.ones((n, n), bool),
            background=None,
            positions=corners,
            flux=np.ones(count),
            used=np.ones(count, bool),
            object_shape=(side, side),
            probe=probe,
            photons=float(n * n),
            optics=Optics(1e-9, 1e-9),
        )
        tracemalloc.start()
        rpie_plus.run(problem, RpiePlusParameters(epochs=3, batch_epochs=1, probe_from=0), rng=np.random.default_rng(0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 1500 * 4 * n * n / 8
