"""Files of ptychographic measurements: written frame by frame, opened without reading the frames.

- `FrameWriter`: a file of one or more projections, written in any order of frames with the memory of one;
- `write_nodes`: the same from measurements, lazy or not;
- `open_node`: one projection, its frames left in the file until they are asked for; `open_tree`: all of them;
- `blocks`: the runs of frames that are best read at once; `count_projections`.

The file is netCDF4/HDF5 with a group ``projection_0``, ``projection_1``, ... for each projection, readable by
``xarray.open_datatree(path, engine="h5netcdf")``; a frame is a compressed chunk. It takes its name when it is whole:
after a failure the old file is still there and the temporary one is not. Equal measurements give equal bytes
(frames written in the same order).
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike, NDArray

from records import ptychography
from records.checks import one_line, require
from records.errors import RecordError
from records.guarded import GuardedFile, guarded

LEVEL: Final = 4
"""Of compression, that of `records.store`."""

BLOCK: Final = 2**24
"""Bytes of frames that are copied at a time."""

_DIMS: Final = ("helicity", "position", "y", "x")
_OPTIONS: Final[dict[str, Any]] = {"engine": "h5netcdf", "decode_times": False, "mask_and_scale": False}


class FrameWriter:
    """Write a file of ptychographic measurements frame by frame.

    A context manager: the file takes its name at the end of the block; an error in it, or a frame that was never
    written, leaves nothing (the old file stays).

    Parameters
    ----------
    path : path
        The file; missing folders are made.
    title : str
        One line for people.

    Examples
    --------
    >>> with FrameWriter("scan.nc") as writer:  # doctest: +SKIP
    ...     writer.begin(header(dark=dark, valid=valid, frames=frames, scalars=scalars), dtype=np.uint16)
    ...     for position, frame in enumerate(detected):
    ...         writer.write(frame, helicity=1, position=position)
    """

    def __init__(self, path: str | os.PathLike[str], *, title: str = "ptychography") -> None:
        self._path = os.fspath(path)
        self._title = title
        self._stack = contextlib.ExitStack()
        self._raw: GuardedFile
        self._file: Any = None
        self._counts: Any = None
        self._helicity: list[int] = []
        self._written: NDArray[np.bool_] = np.ones((0, 0), dtype=bool)
        self._projections = 0

    def __enter__(self) -> "FrameWriter":
        """Make the temporary file."""
        with contextlib.ExitStack() as stack:
            self._raw = stack.enter_context(guarded(self._path))
            self._file = stack.enter_context(h5netcdf.File(self._raw, "w", invalid_netcdf=True))
            self._file.attrs.update(ptychography.root_attributes(self._title))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, sort: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name, or remove it."""
        if sort is not None:
            self._stack.__exit__(sort, error, trace)
            return
        with self._stack:
            self._check_complete()
            require(self._projections > 0, self._path, "no projection was written", "one or more")

    def begin(self, header: xr.Dataset, *, dtype: DTypeLike = np.uint16) -> None:
        """Begin the next projection; the one before must be complete.

        Parameters
        ----------
        header : Dataset
            Everything but the frames, see `records.ptychography.header`; ``counts``, where there are some, are left
            out.
        dtype : dtype
            uint16 or uint32.

        Raises
        ------
        RecordError
            If the header is not sound, or frames of the projection before are missing.
        """
        header = header.drop_vars("counts", errors="ignore")
        ptychography.check_header(header)
        kind = np.dtype(dtype)
        require(kind in (np.uint16, np.uint32), "Measurement.counts", f"dtype {kind}", "uint16 or uint32")
        self._check_complete()
        group = self._file.create_group(f"projection_{self._projections}")
        _fill(group, header)
        shape = (*header["position_y"].shape, *header["valid"].shape)
        frame = {"chunks": (1, 1, *shape[2:]), "compression": "gzip", "compression_opts": LEVEL, "shuffle": True}
        self._counts = group.create_variable("counts", _DIMS, kind, **frame)
        self._counts.attrs["units"] = "ADU"
        self._helicity = header["helicity"].values.tolist()
        self._written = np.zeros(shape[:2], dtype=bool)
        self._projections += 1
        self._raw.check()

    def write(self, frames: ArrayLike, *, helicity: int, position: int) -> None:
        """Write one frame, or several that follow each other.

        Parameters
        ----------
        frames : (n, n) or (k, n, n) array of whole numbers
            Raw ADU.
        helicity : int
            +1 or -1, as in the header.
        position : int
            Number of the (first) frame.

        Raises
        ------
        RecordError
            If the frames do not fit into the projection or its dtype.
        """
        require(self._counts is not None, self._path, "a frame before any projection", "begin() first")
        block = np.asarray(frames)
        block = block[np.newaxis] if block.ndim == 2 else block
        _, count, *frame = self._counts.shape
        where = f"{self._path}: frame {position} of helicity {helicity:+d}"
        require(helicity in self._helicity, where, "no such helicity", f"one of {self._helicity}")
        fits = block.ndim == 3 and list(block.shape[1:]) == frame and 0 <= position <= count - len(block)
        require(fits, where, f"shape {np.shape(frames)}", f"{count} frames of {frame}")
        require(block.dtype.kind in "iu", where, f"dtype {block.dtype}", "whole numbers of ADU")
        most = np.iinfo(self._counts.dtype).max
        if block.dtype != self._counts.dtype and block.size:
            low, high = int(block.min()), int(block.max())
            require(low >= 0 and high <= most, where, f"holds {low} to {high}", f"0 to {most} ADU")
        index = self._helicity.index(helicity)
        self._counts[index, position : position + len(block)] = block.astype(self._counts.dtype, copy=False)
        self._written[index, position : position + len(block)] = True
        self._raw.check()

    def _check_complete(self) -> None:
        missing = int(self._written.size - np.count_nonzero(self._written))
        where = f"{self._path}: projection {self._projections - 1}"
        require(missing == 0, where, f"{missing} frames were not written", "all of them")


def _fill(group: Any, header: xr.Dataset) -> None:
    """Write a header as a group of netCDF4."""
    group.dimensions = dict(header.sizes)
    group.attrs.update(header.attrs)
    for name, part in header.variables.items():
        large = {"compression": "gzip", "shuffle": True} if part.ndim > 1 else {}
        stored = group.create_variable(str(name), part.dims, part.dtype, data=part.values, **large)
        stored.attrs.update(part.attrs)


def write_nodes(
    nodes: xr.Dataset | Iterable[xr.Dataset], path: str | os.PathLike[str], *, title: str = "ptychography"
) -> None:
    """Write measurements, one after another, with the memory of a few frames.

    Parameters
    ----------
    nodes : Dataset or iterable of Dataset
        One projection or several; a generator may make each when it is its turn.
    path : path
        The file.
    title : str
        One line for people.

    Raises
    ------
    RecordError
        If a node is not sound.
    """
    with FrameWriter(path, title=title) as writer:
        for node in [nodes] if isinstance(nodes, xr.Dataset) else nodes:
            ptychography.check(node)
            writer.begin(node, dtype=node["counts"].dtype)
            for index, helicity in enumerate(node["helicity"].values.tolist()):
                for start, stop in blocks(node):
                    writer.write(node["counts"][index, start:stop].values, helicity=helicity, position=start)


def blocks(node: xr.Dataset) -> list[tuple[int, int]]:
    """Return first and last + 1 of the runs of frames, `BLOCK` bytes each, that a helicity is best read in."""
    counts = node["counts"]
    count = counts.sizes["position"]
    each = max(1, BLOCK // (counts.sizes["y"] * counts.sizes["x"] * counts.dtype.itemsize))
    return [(start, min(start + each, count)) for start in range(0, count, each)]


def open_node(path: str | os.PathLike[str], projection: int = 0) -> xr.Dataset:
    """Open one projection of a file; its frames stay there until they are asked for.

    ``node["counts"][helicity, first:last].values`` reads these frames, every time anew. The file stays open until
    ``node.close()``, or to the end of ``with open_node(path) as node``.

    Parameters
    ----------
    path : path
        File of `FrameWriter` or `write_nodes`, or of one node by `records.store.save`.
    projection : int
        Its number.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    name = os.fspath(path)
    groups = _groups(name)
    if not 0 <= projection < len(groups):
        raise RecordError(f"{name}: projection {projection} is not there; expected 0 to {len(groups) - 1}")
    node = xr.Dataset()
    try:
        node = xr.open_dataset(name, group=groups[projection], cache=False, **_OPTIONS)
        _settle(node)
        ptychography.check(node)
    except Exception as error:  # h5py and xarray raise many sorts on damaged files
        node.close()
        raise RecordError(f"{name}: {one_line(error)}") from error
    return node


def open_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """Open all projections of a file as a tree, their frames left in it; see `open_node`.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    nodes = [open_node(path, projection) for projection in range(count_projections(path))]
    tree = ptychography.tree(nodes)

    def close() -> None:
        for node in nodes:
            node.close()

    tree.set_close(close)
    return tree


def count_projections(path: str | os.PathLike[str]) -> int:
    """Return how many projections a file holds.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    return len(_groups(os.fspath(path)))


def _groups(name: str) -> list[str | None]:
    """Return the groups of the projections in order; None for the root, where a single node was saved."""
    if not Path(name).is_file():
        raise RecordError(f"{name}: {'a folder' if Path(name).is_dir() else 'no such file'}; expected a netCDF4 file")
    try:
        with h5py.File(name, "r") as file:
            groups, single = set(file), "counts" in file
            held = [file.attrs.get(key) for key in ("record", "kind")]
    except (OSError, RuntimeError, KeyError) as error:
        raise RecordError(f"{name}: cannot be read as netCDF4: {one_line(error)}; expected a whole file") from error
    if held[0] is not None:
        found = f"holds record {held[0]!r}" + (f" of kind {held[1]!r}" if held[1] is not None else "")
        require(held == ["measurement", "ptychography"], name, found, "a measurement of kind 'ptychography'")
    if single:
        return [None]
    count = sum(group.startswith("projection_") for group in groups)
    wanted = [f"projection_{index}" for index in range(count)]
    require(
        count > 0 and set(wanted) <= groups, name, f"groups {sorted(groups)[:4]}", "projection_0, projection_1, ..."
    )
    return list(wanted)


def _settle(node: xr.Dataset) -> None:
    """Read everything but the frames, and forget how it was stored."""
    node.encoding = {}
    node.attrs = {key: value.item() if isinstance(value, np.generic) else value for key, value in node.attrs.items()}
    for name, part in node.variables.items():
        part.encoding = {}
        if name != "counts":
            part.load()
