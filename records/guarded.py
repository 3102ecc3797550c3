"""A file that HDF5 can write to while the disk fills up.

- `GuardedFile`: keeps an error of the disk to itself until it is asked;
- `guarded`: one that takes its name when it is whole, see `records.store.whole`.

HDF5 does not survive a write that fails: it cannot close such a file, and the process dies at its end. So a failed
write is kept in memory where HDF5 can read it back, and the error is raised to the caller, who asks after each block of
frames; HDF5 closes a file that it believes to be sound.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from records.store import whole


class GuardedFile:
    """A file object for `h5py.File`, unbuffered, that reports no error to HDF5.

    Parameters
    ----------
    path : path
        An existing file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._handle = os.open(path, os.O_RDWR)
        self._position = 0
        self._size = os.fstat(self._handle).st_size
        self._error: BaseException | None = None
        self._kept: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise the first error that a write met; call it often, for what fails is kept in memory.

        Raises
        ------
        OSError
            If the disk is full, or whatever else the system said.
        """
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close the file; HDF5 must have closed it before."""
        os.close(self._handle)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place and return it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the place."""
        return self._position

    def write(self, data: memoryview) -> int:
        """Write all of `data`, to the file or, after an error, to memory."""
        start, content = self._position, memoryview(data).cast("B")
        if self._error is None:
            try:
                done = 0
                while done < len(content):
                    done += os.pwrite(self._handle, content[done:], start + done)
            except BaseException as error:  # an interrupt that falls in here is HDF5's no more than a full disk
                self._error = error
        if self._error is not None:
            self._kept.append((start, bytes(content)))
        self._position = start + len(content)
        self._size = max(self._size, self._position)
        return len(content)

    def read(self, size: int) -> bytes:
        """Return `size` bytes; h5py knows a file object by this method."""
        content = bytearray(size)
        self.readinto(memoryview(content))
        return bytes(content)

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` from the file and from what it did not take; zeros beyond."""
        start, content = self._position, memoryview(buffer).cast("B")
        found = os.pread(self._handle, len(content), start)
        content[: len(found)] = found
        content[len(found) :] = bytes(len(content) - len(found))
        for place, kept in self._kept:
            first, last = max(place, start), min(place + len(kept), start + len(content))
            if first < last:
                content[first - start : last - start] = kept[first - place : last - place]
        self._position = start + len(content)
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        self._size = self._position if size is None else size
        if self._error is None:
            try:
                os.ftruncate(self._handle, self._size)
            except OSError as error:
                self._error = error
        return self._size

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


@contextlib.contextmanager
def guarded(path: str | os.PathLike[str]) -> Iterator[GuardedFile]:
    """Give a guarded file to fill; it takes the name `path` when the block ends well and no write failed.

    Raises
    ------
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    with whole(path) as temporary:
        file = GuardedFile(Path(temporary))
        try:
            yield file
            file.check()
        finally:
            file.close()
