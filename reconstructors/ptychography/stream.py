"""Frames that stay on disk, and how engines read frames.

- `FrameFile`: amplitudes in a scratch file without a name, read frame by frame and never mapped;
- `parts`: a batch in pieces of bounded size; `read_ahead`: the pieces one after the other, the next one read while the
  present one is computed.

The amplitudes are float32 on disk as in memory, and the pieces do not depend on where they lie, so neither do results.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.problem import Frames, FramesInMemory, Packer

Array = NDArray[Any]

PART_BYTES = 8 << 20
"""What one piece of a batch may take; two are held."""


class FrameFile:
    """Frames of one shape in a scratch file; the file is gone with the object, whatever ends the program.

    Parameters
    ----------
    count : int
        Frames that will be written.
    shape : tuple of int
        Pixels (ny, nx) of a frame.
    directory : path, optional
        Where the file lies; the system's directory for temporary files (``TMPDIR``).

    Raises
    ------
    ValueError
        If there is no such directory or no room in it.
    """

    def __init__(self, count: int, shape: tuple[int, int], *, directory: str | Path | None = None) -> None:
        self.shape, self.directory = shape, directory
        self._count, self._written = count, 0
        self._item: tuple[int, ...] | None = None
        self._packed: dict[str, Frames] = {}
        place = Path(tempfile.gettempdir() if directory is None else directory)
        if not place.is_dir():
            raise ValueError(f"scratch is {str(place)!r}; allowed: a directory that exists")
        need, room = 4 * count * shape[0] * shape[1], shutil.disk_usage(place).free
        if need > room:
            raise ValueError(f"scratch {str(place)!r} has room for {room / 1e9:.3g} GB; needed: {need / 1e9:.3g} GB")
        self._file = tempfile.TemporaryFile(prefix="truespin-frames-", dir=place)  # noqa: SIM115, lives with the object

    def __len__(self) -> int:
        return self._count

    def append(self, frames: Array) -> None:
        """Write frames (some, ...) behind those there are."""
        values = np.ascontiguousarray(frames, np.float32)
        self._item = values.shape[1:]
        memory = memoryview(values).cast("B")
        while memory:
            memory = memory[self._file.write(memory) :]
        self._file.flush()
        self._written += len(values)

    def read(self, indices: Array, *, out: Array | None = None) -> Array:
        """Return some frames: (len(indices), ...) float32, in `out` where it is given and large enough.

        Raises
        ------
        OSError
            If a frame was never written or cannot be read.
        """
        if self._item is None:
            raise OSError("scratch file of frames is empty")
        fits = out is not None and out.shape[1:] == self._item and len(out) >= len(indices)
        values = out[: len(indices)] if fits and out is not None else np.empty((len(indices), *self._item), np.float32)
        size = 4 * int(np.prod(self._item))
        for first, last in _runs(np.asarray(indices)):
            self._fill(values[first:last], int(indices[first]) * size)
        return values

    def packed(self, kernel: Packer) -> Frames:
        """Return the frames as `kernel` takes them, in another file unless they are so already."""
        if kernel.packing not in self._packed:
            self._packed[kernel.packing] = self._repacked(kernel.pack)
        return self._packed[kernel.packing]

    def _repacked(self, pack: Callable[[Array], Array]) -> Frames:
        first = self.read(np.arange(1))
        if np.shares_memory(first, pack(first)):
            return self
        other = FrameFile(self._count, self.shape, directory=self.directory)
        for piece in parts(np.arange(self._count), self):
            other.append(pack(self.read(piece)))
        return other

    def _fill(self, rows: Array, offset: int) -> None:
        memory = memoryview(rows).cast("B")
        while memory:
            got = os.preadv(self._file.fileno(), [memory], offset)
            if got == 0:
                raise OSError(f"scratch file of frames ends at {offset} bytes; {self._written} frames were written")
            memory, offset = memory[got:], offset + got


def _runs(indices: Array) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of the stretches of `indices` that grow by one."""
    if not len(indices):
        return
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    yield from zip(np.r_[0, breaks], np.r_[breaks, len(indices)], strict=True)


def parts(indices: Array, frames: Frames) -> list[Array]:
    """Return `indices` in pieces of at most `PART_BYTES` of frames, at least one frame each."""
    most = _most(frames)
    return [indices[first : first + most] for first in range(0, len(indices), most)]


def read_ahead(frames: Frames, pieces: Iterable[Array]) -> Iterator[tuple[Array, Array]]:
    """Yield each piece of indices with its frames, which hold until the next one is asked for.

    Frames that are not in memory are read ahead, some pieces at once, by a thread of their own.
    """
    if isinstance(frames, FramesInMemory):
        for piece in pieces:
            yield piece, frames.read(piece)
        return
    buffers: list[Array | None] = [None, None]

    def load(bundle: list[Array]) -> Array:
        indices = np.concatenate(bundle)
        if not isinstance(frames, FrameFile):
            return frames.read(indices)
        buffers.reverse()
        values = frames.read(indices, out=buffers[0])
        if buffers[0] is None or values.base is not buffers[0]:
            buffers[0] = values
        return values

    with ThreadPoolExecutor(1, thread_name_prefix="frames") as reader:
        waiting: tuple[list[Array], Future[Array]] | None = None
        for bundle in _bundles(pieces, frames):
            coming = (bundle, reader.submit(load, bundle))
            if waiting is not None:
                yield from _split(waiting[0], waiting[1].result())
            waiting = coming
        if waiting is not None:
            yield from _split(waiting[0], waiting[1].result())


def _bundles(pieces: Iterable[Array], frames: Frames) -> Iterator[list[Array]]:
    """Yield consecutive pieces that are read at once: few hand-overs where batches are small."""
    most, bundle, size = _most(frames), list[Array](), 0
    for piece in pieces:
        if bundle and size + len(piece) > most:
            yield bundle
            bundle, size = [], 0
        bundle.append(piece)
        size += len(piece)
    if bundle:
        yield bundle


def _split(bundle: list[Array], values: Array) -> Iterator[tuple[Array, Array]]:
    first = 0
    for piece in bundle:
        yield piece, values[first : first + len(piece)]
        first += len(piece)


def _most(frames: Frames) -> int:
    return max(1, PART_BYTES // (4 * frames.shape[0] * frames.shape[1]))
