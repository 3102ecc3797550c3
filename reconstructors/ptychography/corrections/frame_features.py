"""A few numbers of every frame by which bad ones show, from one pass over the frames.

- `Features`: those numbers; `measure`: the pass;
- `Reference`, `reference`: what frames of the scan usually look like, from a sample of them.

The memory does not depend on the number of frames but for these numbers themselves.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]
Reader = Callable[[Array], Array]
"""Takes indices of frames to photons (frames, ny, nx), zero frequency in the centre."""

_SAMPLE, _SAMPLE_BYTES = 384, 64 << 20  # frames of the sample, and what they may take
_BLOCK_BYTES = 4 << 20
_LEAST_VARIANCE = 0.1  # photons^2, of a pixel
_CORE_SHARE = 0.95  # of the light
_CORE_BINS = 16  # along an axis
_SHAPES = 40
_COMMON = 6
_ROUNDS = 2
_TRIM = 0.025  # of the sample: the highest values of each pixel, whoever has them
_LONGEST_WAVE = 40.0  # px
_CLIP = (1.0, 2.0)  # photons, standard deviations: hits of single pixels make no band and no wave


@dataclass(frozen=True)
class Features:
    """Numbers of every frame.

    Attributes
    ----------
    total, high : (frames,) arrays
        Photons on valid pixels, and on those outside of the core.
    centre : (frames, 2) array
        Centre of mass (y, x), pixels.
    quadrants : (frames, 4) array
        Photons in each.
    shape : (frames, k) array
        Components of the core's pattern, whatever its sum.
    lines : (frames, ny + nx) float32 array
        Excess of each row, then of each column, over the mean frame, of standard deviation 1 or above.
    wave : (frames,) array
        Greatest power of a plane wave over what is usual.
    digest : (frames,) uint64 array
        Equal for equal frames.
    rows : int
        How many of the lines are rows.
    """

    total: Array
    high: Array
    centre: Array
    quadrants: Array
    shape: Array
    lines: Array
    wave: Array
    digest: Array
    rows: int

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Return the features of all frames from those of some each."""
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in cls._arrays()}
        return cls(**arrays, rows=parts[0].rows)

    def of(self, some: Array) -> Self:
        """Return the features of some frames, in their order."""
        return replace(self, **{name: getattr(self, name)[some] for name in self._arrays()})

    @classmethod
    def _arrays(cls) -> list[str]:
        return [one.name for one in fields(cls) if one.name != "rows"]


@dataclass(frozen=True)
class Reference:
    """What frames of a scan usually look like.

    Attributes
    ----------
    valid : (ny, nx) bool array
    mean, weight : (ny, nx) float32 arrays
        Photons, and one over their variance, 0 where not valid.
    common : (k, ny, nx) float32 array
        Directions in which many frames differ from the mean, such as those that see no sample.
    core : (ny, nx) bool array
        Where most of the light is.
    window : pair of slices
        Around the core.
    shapes : (bins, k) float32 array
        Components of the core's pattern.
    middle : (bins,) float32 array
        Its mean.
    lines : (ny + nx,) float32 array
        Sum of the weights over each row, then each column.
    spectrum : (ny, nx//2 + 1) float32 array
        Usual power of waves; 0 for those too long.
    """

    valid: Array
    mean: Array
    weight: Array
    common: Array
    core: Array
    window: tuple[slice, slice]
    shapes: Array
    middle: Array
    lines: Array
    spectrum: Array


def measure(read: Reader, frames: int, valid: Array) -> Features:
    """Return the features of all frames.

    Parameters
    ----------
    read : Reader
        Called twice for some frames, once for the others.
    frames : int
        How many there are.
    valid : (ny, nx) bool array
    """
    size = min(frames, _SAMPLE, max(16, _SAMPLE_BYTES // (4 * valid.size)))
    sample = np.unique(np.linspace(0, frames - 1, size).round().astype(int))
    usual = reference(np.concatenate([read(part) for part in _parts(sample, valid)]), valid)
    return Features.joined([_measure(read(part), usual) for part in _parts(np.arange(frames), valid)])


def _parts(indices: Array, valid: Array) -> list[Array]:
    size = max(1, _BLOCK_BYTES // (4 * valid.size))
    return [indices[first : first + size] for first in range(0, len(indices), size)]


def reference(photons: Array, valid: Array) -> Reference:
    """Return what frames usually look like from a sample (frames, ny, nx) of them, a few of which may be bad."""
    kept = max(1, round((1 - _TRIM) * len(photons)))
    ordered = np.sort(photons, axis=0)[:kept]
    mean = ordered.mean(0, dtype=np.float64).astype(np.float32)
    variance = np.maximum(ordered.var(0), _LEAST_VARIANCE)
    del ordered
    for _ in range(_ROUNDS):
        weight = np.where(valid, 1 / variance, 0).astype(np.float32)
        excess = _clipped(photons, mean, weight)
        common = _common(excess)
        excess = _without(excess, common)
        rest = np.sort(np.abs(excess), axis=0)[:kept] * variance
        variance = np.maximum((rest**2).mean(0), _LEAST_VARIANCE)
    core, window = _core(np.where(valid, mean, 0))
    patterns = _patterns(photons, valid, window)
    middle = patterns.mean(0)
    apart = patterns - middle
    apart /= np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
    shapes = np.linalg.svd(apart, full_matrices=False)[2][: min(_SHAPES, len(patterns) // 4)].T
    ny, nx = valid.shape
    f = np.hypot(fourier.unshifted_frequencies(ny, 1.0)[:, None], np.arange(nx // 2 + 1) / nx)
    power = np.median(np.abs(fourier.rfft2(excess)) ** 2, 0) / np.log(2)
    return Reference(
        valid=valid,
        mean=mean,
        weight=weight,
        common=common,
        core=core,
        window=window,
        shapes=shapes,
        middle=middle,
        lines=np.concatenate([weight.sum(1), weight.sum(0)]),
        spectrum=np.where(f > 1 / _LONGEST_WAVE, power, 0).astype(np.float32),
    )


def _common(excess: Array) -> Array:
    """Return the directions (k, ny, nx) in which many frames differ from the mean, each frame counting alike."""
    flat = excess.reshape(len(excess), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    values, vectors = np.linalg.eigh((flat @ flat.T).astype(np.float64))
    kept = min(_COMMON, len(flat) // 8)
    first = vectors[:, len(values) - kept :].T @ flat / np.sqrt(np.maximum(values[len(values) - kept :, None], 1e-12))
    return np.asarray(first.reshape(kept, *excess.shape[1:]), np.float32)


def _without(excess: Array, common: Array) -> Array:
    """Remove the common directions from frames, in place."""
    flat, directions = excess.reshape(len(excess), -1), common.reshape(len(common), -1)
    flat -= (flat @ directions.T) @ directions
    return excess


def _core(mean: Array) -> tuple[Array, tuple[slice, slice]]:
    """Return the brightest pixels that hold most of the light, and a window around them."""
    mean = np.maximum(mean.astype(np.float64), 1e-12)
    order = np.argsort(mean, axis=None)[::-1]
    share = np.cumsum(mean.ravel()[order]) / mean.sum()
    flat = np.zeros(mean.size, np.bool_)
    flat[order[: 1 + int(np.searchsorted(share, _CORE_SHARE))]] = True
    core = flat.reshape(mean.shape)
    window = []
    for axis, n in enumerate(mean.shape):
        light = np.cumsum((mean * core).sum(1 - axis))
        low, high = np.searchsorted(light / light[-1], (0.005, 0.995))
        window.append(slice(max(int(low) - 2, 0), min(int(high) + 3, n)))
    return core, (window[0], window[1])


def _patterns(photons: Array, valid: Array, window: tuple[slice, slice]) -> Array:
    """Return roots of the photons in bins of the window, of unit length: (frames, bins)."""
    part = np.where(valid, np.maximum(photons, 0), 0)[:, window[0], window[1]]
    for axis in (1, 2):
        edges = np.linspace(0, part.shape[axis], min(part.shape[axis], _CORE_BINS) + 1).astype(int)[:-1]
        part = np.add.reduceat(part, edges, axis=axis)
    roots = np.sqrt(part.reshape(len(part), -1))
    return np.asarray(roots / np.maximum(np.linalg.norm(roots, axis=1, keepdims=True), 1e-6), np.float32)


def _clipped(photons: Array, mean: Array, weight: Array) -> Array:
    """Return what each pixel has over the mean, without what single pixels may have by a hit, weighted."""
    spread = 1 / np.sqrt(np.maximum(weight, 1e-12))
    most = np.float32(_CLIP[0]) + np.float32(_CLIP[1]) * spread
    return np.asarray(np.clip(photons - mean, -most, most) * weight, np.float32)


def _measure(photons: Array, usual: Reference) -> Features:
    light = np.where(usual.valid, np.maximum(photons, 0), 0)
    total = light.sum((1, 2), dtype=np.float64)
    some = np.maximum(total, 1e-12)
    ny, nx = usual.valid.shape
    rows, columns = light.sum(2, dtype=np.float64), light.sum(1, dtype=np.float64)
    centre = np.stack([rows @ np.arange(ny), columns @ np.arange(nx)], -1) / some[:, None]
    halves = (slice(0, ny // 2), slice(ny // 2, ny)), (slice(0, nx // 2), slice(nx // 2, nx))
    quadrants = np.stack([light[:, y, x].sum((1, 2), dtype=np.float64) for y in halves[0] for x in halves[1]], -1)
    excess = _clipped(photons, usual.mean, usual.weight)
    lines = np.concatenate([excess.sum(2), excess.sum(1)], axis=1) / np.sqrt(usual.lines + 1e-6)
    excess = _without(excess, usual.common)
    return Features(
        total=total,
        high=total - light[:, usual.core].sum(1, dtype=np.float64),
        centre=centre,
        quadrants=quadrants,
        shape=(_patterns(photons, usual.valid, usual.window) - usual.middle) @ usual.shapes,
        lines=lines,
        wave=_wave(excess, usual.spectrum),
        digest=np.array([_digest(frame) for frame in light], np.uint64),
        rows=ny,
    )


def _wave(excess: Array, spectrum: Array) -> Array:
    """Return the greatest power (frames,) of a wave over the usual one, at least 1."""
    seen = spectrum > 0
    if not seen.any():  # equal frames: no wave is more than usual
        return np.ones(len(excess))
    power = np.abs(fourier.rfft2(excess)[:, seen]) ** 2 / spectrum[seen]
    level = np.median(power, axis=1) / np.log(2)
    return np.asarray(np.maximum(power.max(1) / np.maximum(level, 1e-12), 1.0))


def _digest(frame: Array) -> int:
    return int.from_bytes(hashlib.blake2b(frame.tobytes(), digest_size=8).digest(), "little")
