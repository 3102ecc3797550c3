"""The frames of a CXI file as the whole numbers of a `Measurement`, read when they are asked for.

- `Scan`, `scan`: one pass over data that may hold NaN, fractions or negative values: what they are, and where;
- `Conversion`, `conversion`: how such values become counts: an offset, a scale, an order of pixels, a square frame;
- `LazyFrames`: the array behind ``counts``.

Unsigned integers are counts as they are and are not looked through. In all other data a pixel that is NaN, or negative,
in every frame is masked, and a frame with a NaN elsewhere is left out. Fractions are kept by a scale, negative values
by an offset (they are noise around a dark that was subtracted); gain and dark take up both.
"""

from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray, CachingFileManager
from xarray.core import indexing

from records.checks import one_line, require
from records.cxi_entry import where
from records.errors import RecordError

BLOCK: Final = 2**24
"""Bytes of frames that are looked through at a time."""

CHUNKS: Final = {"rdcc_nbytes": 2**24, "rdcc_nslots": 10007}
"""Cache of HDF5: other software's chunks span frames, and are to be decompressed once."""

_LARGEST: Final = 2.0**31
"""Largest count of data with fractions: their scale is the power of two below it."""


@dataclass(frozen=True)
class Scan:
    """What a pass over the frames found.

    Parameters
    ----------
    masked : (h, w) bool array
        Pixels that are NaN or negative in every frame.
    spoilt : (frames,) bool array
        Frames with a NaN in another pixel.
    low, high : float
        Extremes of the other pixels.
    whole : bool
        Whether all values are whole numbers.
    """

    masked: NDArray[np.bool_]
    spoilt: NDArray[np.bool_]
    low: float
    high: float
    whole: bool


def blocks(dataset: Any) -> list[tuple[int, int]]:
    """Return first and last + 1 of the runs of frames that are read at once: whole chunks, `BLOCK` bytes or one."""
    count = int(dataset.shape[0])
    frame = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])))
    chunk = dataset.chunks[0] if dataset.chunks else 1
    each = max(1, BLOCK // frame // chunk) * chunk
    return [(start, min(start + each, count)) for start in range(0, count, each)]


def scan(dataset: Any, *, floor: float = -np.inf) -> Scan:
    """Look through all frames once, a block at a time; twice, where there are marks among them.

    Noise is as much below zero as above. A value further below zero than the largest is above it is a mark of bad
    data, such as -1e9, and counts as NaN.

    Parameters
    ----------
    dataset : h5py.Dataset
        (frames, h, w) real numbers.
    floor : float
        Value below which all are marks.

    Raises
    ------
    RecordError
        If they hold nothing: no value, no light, or integers beyond 2^32.
    """
    count, *shape = dataset.shape
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    missing, nan = np.zeros(shape, dtype=np.int64), np.zeros(count, dtype=np.int64)
    whole = True
    for start, stop in blocks(dataset):
        values = dataset[start:stop].astype(np.float64)
        finite = np.isfinite(values) & (values >= floor)
        missing += np.count_nonzero(~finite, axis=0)
        nan[start:stop] = np.count_nonzero(~finite, axis=(1, 2))
        low = np.minimum(low, np.where(finite, values, np.inf).min(axis=0))
        high = np.maximum(high, np.where(finite, values, -np.inf).max(axis=0))
        whole = whole and bool(np.all(np.rint(values[finite]) == values[finite]))
    never = missing == count
    masked = never | (high < 0)
    found = "every pixel is NaN or negative" if masked.all() else f"largest value {high[~masked].max(initial=0):g}"
    require(not masked.all() and high[~masked].max() > 0, where(dataset), found, "some light")
    least, most = float(low[~masked].min()), float(high[~masked].max())
    if least < -most:
        return scan(dataset, floor=-most)
    fits = not whole or most - min(least, 0.0) < 2.0**32
    require(fits, where(dataset), f"values up to {most:g}", "counts below 2^32")
    return Scan(masked, nan > np.count_nonzero(never), least, most, whole)


def has_light(dataset: Any) -> bool:
    """Return whether any value of unsigned data is above zero, reading no more than it takes to know."""
    return any(bool(dataset[start:stop].any()) for start, stop in blocks(dataset))


@dataclass(frozen=True)
class Conversion:
    """How stored values become counts: rint((value + offset) * scale), in the order and square shape of the record.

    Parameters
    ----------
    dtype : dtype
        uint16 or uint32.
    shape : tuple of int
        (h, w) of the stored frames.
    offset : float
        In stored units.
    scale : float
        Counts per stored unit.
    shifted : bool
        Whether the stored frames have the zero frequency in the corner.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, int]
    offset: float = 0.0
    scale: float = 1.0
    shifted: bool = False

    @property
    def size(self) -> int:
        """Pixels along a side of the square frames."""
        return max(self.shape)

    def counts(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return stored frames (k, h, w) as counts (k, n, n)."""
        if values.dtype.kind == "u" and (self.offset, self.scale) == (0.0, 1.0):
            return self.place(values.astype(self.dtype, copy=False))
        finite = np.where(np.isfinite(values), values, -self.offset).astype(np.float64)
        scaled = np.rint((finite + self.offset) * self.scale)
        return self.place(np.clip(scaled, 0, np.iinfo(self.dtype).max).astype(self.dtype))

    def place(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return images (..., h, w) with the optical axis in the middle, padded with zeros to a square."""
        h, w = self.shape
        if self.shifted:
            images = np.roll(images, (h // 2, w // 2), axis=(-2, -1))
        n = self.size
        before = (n // 2 - h // 2, n // 2 - w // 2)
        padding = [(0, 0)] * (images.ndim - 2) + [(before[0], n - h - before[0]), (before[1], n - w - before[1])]
        return images if h == w else np.pad(images, padding)


def conversion(datasets: list[Any], scans: list[Scan | None]) -> Conversion:
    """Choose one conversion for all helicities of a projection.

    Parameters
    ----------
    datasets : list of h5py.Dataset
        The frames of each.
    scans : list of Scan or None
        None for unsigned integers.
    """
    h, w = datasets[0].shape[1:]
    shifted = bool(np.any(datasets[0].attrs.get("is_fft_shifted", False)))
    small = all(dataset.dtype.kind == "u" and dataset.dtype.itemsize <= 2 for dataset in datasets)
    dtype = np.dtype(np.uint16 if small else np.uint32)
    known = [found for found in scans if found is not None]
    if not known:
        return Conversion(dtype, (h, w), shifted=shifted)
    offset = -min(0.0, *(found.low for found in known))
    if all(found.whole for found in known):
        return Conversion(dtype, (h, w), offset, shifted=shifted)
    extent = max(found.high for found in known) + offset
    return Conversion(dtype, (h, w), offset, 2.0 ** np.floor(np.log2(_LARGEST / extent)), shifted)


class LazyFrames(BackendArray):
    """``counts`` (helicity, position, y, x) of a projection, read from the file a few frames at a time.

    Parameters
    ----------
    manager : CachingFileManager
        Opens the file, again where it must.
    paths : list of str
        Dataset of each helicity.
    count : int
        Frames of each.
    conversion : Conversion
        What is done to each frame.
    """

    def __init__(self, manager: CachingFileManager[Any], paths: list[str], count: int, conversion: Conversion) -> None:
        self._manager = manager
        self._paths = paths
        self._conversion = conversion
        self.shape = (len(paths), count, conversion.size, conversion.size)
        self.dtype = conversion.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        """Read the frames of `key` and no others."""
        return np.asarray(
            indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)
        )

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        helicities, positions = np.arange(self.shape[0])[key[0]], np.arange(self.shape[1])[key[1]]
        picked = np.atleast_1d(positions)
        stack = np.stack([self._frames(self._paths[index], picked) for index in np.atleast_1d(helicities)])
        frames = stack.reshape(*np.shape(helicities), *np.shape(positions), *self.shape[2:])
        return np.asarray(frames[..., key[2], :][..., key[3]])

    def _frames(self, path: str, positions: NDArray[np.intp]) -> NDArray[Any]:
        """Return the frames at `positions`, in their order, reading runs of neighbours at once."""
        frames = np.empty((positions.size, *self.shape[2:]), dtype=self.dtype)
        breaks = np.flatnonzero(np.diff(positions) != 1) + 1
        dataset = self._manager.acquire()[path]
        for run in np.split(np.arange(positions.size), breaks):
            if run.size == 0:
                continue
            first, last = int(positions[run[0]]), int(positions[run[-1]])
            try:
                values = dataset[first : last + 1]
            except (OSError, RuntimeError) as error:
                raise RecordError(f"{where(dataset)}: frames {first} to {last} cannot be read: {one_line(error)}; "
                                  "expected a whole CXI file") from error  # fmt: skip
            frames[run[0] : run[-1] + 1] = self._conversion.counts(values)
        return frames


def manager(path: str) -> CachingFileManager[Any]:
    """Return what opens a file to read, and opens it again where it was closed to make room."""
    return CachingFileManager(h5py.File, path, mode="r", kwargs=CHUNKS)
