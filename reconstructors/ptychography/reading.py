"""Frames of a measurement as amplitudes, read once.

- `read_frames`: raw ADU to the square roots of photons, in memory or in a scratch file, and their `Statistics`;
- `still_saturated`: frames that have a saturated pixel among those that are used;
- `mean_and_variance`: of the frames that are left when the bad ones are known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.ptychography.problem import Frames, FramesInMemory
from reconstructors.ptychography.stream import FrameFile

Array = NDArray[Any]

_BLOCK_BYTES = 8 << 20

_NOISE = 3.0
"""Photons below so many times the read noise are none, where single photons stand out of it: a root would turn the
noise of empty pixels into light."""

_SINGLE = 0.5  # photon


@dataclass
class Statistics:
    """What one pass over the frames tells.

    Attributes
    ----------
    photons : (frames,) float64 array
        Sum over valid pixels.
    mean, variance : (ny, nx) float64 arrays
        Over the frames that count, photons; as the detector sees them.
    saturations : (ny, nx) int64 array
        In how many frames a pixel is saturated.
    saturated : (frames,) bool array
        Whether a valid pixel of the frame is.
    """

    photons: Array
    mean: Array
    variance: Array
    saturations: Array
    saturated: NDArray[np.bool_]


def read_frames(
    node: xr.Dataset,
    helicity_index: int,
    *,
    counted: NDArray[np.bool_],
    offset: float = 0.0,
    in_memory: int = 0,
    scratch: str | None = None,
) -> tuple[Frames, Statistics]:
    """Read all frames of one helicity.

    Parameters
    ----------
    node : Dataset
    helicity_index : int
    counted : (frames,) bool array
        Frames that count for the mean.
    offset : float
        Photons added to every pixel before the root is taken.
    in_memory : int
        Bytes of amplitudes up to which they are held in memory.
    scratch : str, optional
        Directory for more of them.

    Returns
    -------
    frames : Frames
    statistics : Statistics
    """
    count, n = node.sizes["position"], node.sizes["x"]
    shape = (node.sizes["y"], n)
    far = node.attrs["propagation"] == "far_field"
    valid, level = node["valid"].values, float(node["saturation"])
    on_disk = 4 * count * shape[0] * shape[1] > in_memory
    file = FrameFile(count, shape, directory=scratch) if on_disk else None
    amplitudes = np.empty((0 if on_disk else count, *shape), np.float32)
    sums = [np.zeros(shape) for _ in range(2)]
    found = Statistics(np.zeros(count), sums[0], sums[1], np.zeros(shape, np.int64), np.zeros(count, np.bool_))
    taken = 0
    for first, raw in _blocks(node, helicity_index):
        part = slice(first, first + len(raw))
        high = (raw >= level) & valid
        found.saturations += high.sum(0)
        found.saturated[part] = high.any((1, 2))
        photons = _photons(node, raw)
        found.photons[part] = photons.sum((1, 2), where=valid, dtype=np.float64)
        good = photons[counted[part] & (found.photons[part] > 0)]
        taken += len(good)
        sums[0] += good.sum(0, dtype=np.float64)
        sums[1] += np.square(good, dtype=np.float64).sum(0)
        photons += np.float32(offset)
        roots = np.sqrt(fourier.from_centre(photons) if far else photons)
        if file is not None:
            file.append(roots)
        else:
            amplitudes[part] = roots
    found.mean = sums[0] / max(taken, 1)
    found.variance = sums[1] / max(taken, 1) - found.mean**2
    return (FramesInMemory(amplitudes) if file is None else file), found


def still_saturated(
    node: xr.Dataset, helicity_index: int, found: Statistics, valid: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which frames have a saturated pixel among the `valid` ones."""
    result = np.zeros(len(found.saturated), np.bool_)
    if not (found.saturations[valid] > 0).any():
        return result
    level = float(node["saturation"])
    for index in np.flatnonzero(found.saturated):
        raw = node["counts"].isel(helicity=helicity_index, position=int(index)).values
        result[index] = bool((raw[valid] >= level).any())
    return result


def mean_and_variance(frames: Frames, used: NDArray[np.bool_], *, offset: float, far: bool) -> tuple[Array, Array]:
    """Return the mean and the variance (ny, nx) of the used frames, photons, as the detector sees them.

    Parameters
    ----------
    frames : Frames
        Roots of the photons and the `offset`.
    used : (frames,) bool array
        Some frame is.
    offset : float
        Photons.
    far : bool
        Whether the frames are unshifted.
    """
    indices = np.flatnonzero(used)
    size = max(1, _BLOCK_BYTES // (4 * frames.shape[0] * frames.shape[1]))
    sums = [np.zeros(frames.shape) for _ in range(2)]
    for first in range(0, len(indices), size):
        photons = np.square(frames.read(indices[first : first + size]), dtype=np.float64) - offset
        sums[0] += photons.sum(0)
        sums[1] += np.square(photons).sum(0)
    mean, square = (np.maximum(part / len(indices), 0) for part in sums)
    if far:
        mean, square = fourier.to_centre(mean), fourier.to_centre(square)
    return mean, square - mean**2


def _blocks(node: xr.Dataset, helicity_index: int) -> Iterator[tuple[int, Array]]:
    """Yield (first frame, raw frames) of a few frames at a time."""
    count = node.sizes["position"]
    size = max(1, _BLOCK_BYTES // (4 * node.sizes["y"] * node.sizes["x"]))
    for first in range(0, count, size):
        part = slice(first, min(first + size, count))
        yield first, node["counts"].isel(helicity=helicity_index, position=part).values


def _photons(node: xr.Dataset, raw: Array) -> Array:
    """Return raw frames (some, ny, nx) in photons, float32, not negative."""
    gain = float(node["gain"])
    photons = (raw.astype(np.float32) - node["dark"].values) * np.float32(1 / gain)
    threshold = _NOISE * float(node["read_noise"]) / gain
    photons[photons < (threshold if threshold < _SINGLE else 0.0)] = 0
    return np.asarray(photons, np.float32)
