"""Every Fourier transform of images and grids; only `numerics.nonuniform`, for volumes, calls a transform library too.

All grid transforms are unitary (``norm="ortho"``): the sum of squares is kept, so photons are.

- unshifted, for hot loops: `fft2`, `ifft2`, `rfft2`, `irfft2`, `fftn`, `ifftn`, `rfftn`, `irfftn`;
- centred, index ``n//2`` the origin on both sides: `centred_fft2`, `centred_ifft2`;
- in blocks that stay in a processor's cache: `in_blocks` calls a function on blocks of rows or columns, `block_size`
  says how many lines make one; `transform_axis`, `rfft_rows`, `irfft_rows` transform one block on the calling thread;
- of even and odd real data given by their first half: `even_spectrum`, `odd_spectrum`;
- shifts: `to_centre` (zero frequency to ``n//2``), `from_centre`;
- frequencies: `frequencies` (centred), `unshifted_frequencies`, `good_size`;
- `window_spectrum`: the spectrum of a small, finely sampled window inside a large field (padded, then cropped);
- `fourier_resample`: band-limited change of sampling;
- non-uniform: `evaluate_spectrum` and its adjoint `spread_spectrum` (finufft, one thread a call, so the same bytes
  for any number of threads).
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import finufft
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from numerics.threads import threads

Array = NDArray[Any]

_BLOCK_BYTES = 2**19
"""What one block of `in_blocks` may take: well inside the second-level cache of one core."""


def fft2(field: Array, *, overwrite: bool = False) -> Array:
    """Transform the last two axes, unshifted; with `overwrite` the input's memory may be used for the result."""
    return _array(scipy.fft.fft2(field, norm="ortho", overwrite_x=overwrite, workers=_workers(field, (-2, -1))))


def ifft2(field: Array, *, overwrite: bool = False) -> Array:
    """Invert `fft2`; its adjoint too."""
    return _array(scipy.fft.ifft2(field, norm="ortho", overwrite_x=overwrite, workers=_workers(field, (-2, -1))))


def rfft2(field: Array) -> Array:
    """Transform the last two axes of real data, unshifted; the last axis holds ``n//2 + 1`` frequencies."""
    return _array(scipy.fft.rfft2(field, norm="ortho", workers=_workers(field, (-2, -1), real=True)))


def irfft2(field: Array, shape: tuple[int, int]) -> Array:
    """Invert `rfft2` to real data of the given `shape`."""
    return _array(scipy.fft.irfft2(field, s=shape, norm="ortho", workers=_workers(field, (-2, -1), real=True)))


def fftn(field: Array, *, axes: Sequence[int] | None = None, overwrite: bool = False) -> Array:
    """Transform `axes` (default all), unshifted."""
    return _array(scipy.fft.fftn(field, axes=axes, norm="ortho", overwrite_x=overwrite, workers=_workers(field, axes)))


def ifftn(field: Array, *, axes: Sequence[int] | None = None, overwrite: bool = False) -> Array:
    """Invert `fftn`; its adjoint too."""
    return _array(scipy.fft.ifftn(field, axes=axes, norm="ortho", overwrite_x=overwrite, workers=_workers(field, axes)))


def rfftn(field: Array, *, axes: Sequence[int] | None = None) -> Array:
    """Transform `axes` (default all) of real data, unshifted; the last of them holds ``n//2 + 1`` frequencies."""
    return _array(scipy.fft.rfftn(field, axes=axes, norm="ortho", workers=_workers(field, axes, real=True)))


def irfftn(field: Array, shape: Sequence[int], *, axes: Sequence[int] | None = None) -> Array:
    """Invert `rfftn` to real data whose `axes` have the lengths `shape`."""
    return _array(scipy.fft.irfftn(field, s=shape, axes=axes, norm="ortho", workers=_workers(field, axes, real=True)))


def in_blocks(change: Callable[[int, int], None], length: int, size: int) -> None:
    """Call ``change(first, last)`` for blocks of `size` lines of `length` ones, on all threads.

    The blocks do not depend on the number of threads. `change` must write to its own block only, and release the
    interpreter lock in what takes long, as transforms and ``nogil`` kernels do; it must not call `in_blocks` itself.
    """
    starts = iter(range(0, length, size))

    def work() -> None:
        for first in starts:
            change(first, min(first + size, length))

    helpers = min(threads(), -(-length // size)) - 1
    if helpers < 1:
        work()
        return
    pool = _pool(os.getpid(), threads())
    waiting = [pool.submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        for future in waiting:
            future.result()


@lru_cache(maxsize=1)
def _pool(process: int, count: int) -> ThreadPoolExecutor:
    # The process is part of the key because threads do not survive a fork.
    return ThreadPoolExecutor(max(count - 1, 1), thread_name_prefix="blocks")


def block_size(line: int, itemsize: int) -> int:
    """Return how many lines of `line` items of `itemsize` bytes make one block; whole cache lines of columns."""
    return max(16, _BLOCK_BYTES // (line * itemsize) // 16 * 16)


def transform_axis(block: Array, axis: int, *, inverse: bool = False) -> None:
    """Transform one axis of a complex `block`, a view or not, in place on the calling thread."""
    function = scipy.fft.ifft if inverse else scipy.fft.fft
    result = function(block, axis=axis, norm="ortho", overwrite_x=True, workers=1)
    if not np.may_share_memory(result, block):
        block[...] = result


def rfft_rows(block: Array, length: int | None = None) -> Array:
    """Transform the last axis of a real `block`, padded with zeros to `length`, on the calling thread."""
    return _array(scipy.fft.rfft(block, n=length, axis=-1, norm="ortho", workers=1))


def irfft_rows(block: Array, length: int) -> Array:
    """Invert `rfft_rows` to rows of `length` values, on the calling thread."""
    return _array(scipy.fft.irfft(block, n=length, axis=-1, norm="ortho", workers=1))


def even_spectrum(values: Array, length: int, axis: int) -> Array:
    """Return the real spectrum, frequencies 0 to ``length//2``, of even data along `axis`; a plain sum, not unitary.

    `values` holds the data from index 0; its mirror image is added, and zeros between the two if `length` leaves room.
    With as many values as `length`, they are the whole period.
    """
    return _array(scipy.fft.rfft(_with_mirror(values, length, axis, 1), axis=axis).real)


def odd_spectrum(values: Array, length: int, axis: int) -> Array:
    """Return the imaginary part of the spectrum of odd data along `axis`; otherwise as `even_spectrum`."""
    return _array(scipy.fft.rfft(_with_mirror(values, length, axis, -1), axis=axis).imag)


def _with_mirror(values: Array, length: int, axis: int, sign: int) -> Array:
    n = values.shape[axis]
    if n == length:
        return values
    result = np.zeros((*values.shape[:axis], length, *values.shape[axis + 1 :]))
    whole, mirror = np.moveaxis(result, axis, 0), np.moveaxis(values, axis, 0)
    whole[:n] = mirror
    whole[length - n + 1 :] = sign * mirror[:0:-1]
    return result


def to_centre(spectrum: Array, *, axes: Sequence[int] = (-2, -1)) -> Array:
    """Move the zero frequency from index 0 to index ``n//2``."""
    return _array(scipy.fft.fftshift(spectrum, axes=axes))


def from_centre(spectrum: Array, *, axes: Sequence[int] = (-2, -1)) -> Array:
    """Move the zero frequency from index ``n//2`` to index 0."""
    return _array(scipy.fft.ifftshift(spectrum, axes=axes))


def centred_fft2(field: Array) -> Array:
    """Transform the last two axes with index ``n//2`` as the origin on both sides."""
    return to_centre(fft2(from_centre(field), overwrite=True))


def centred_ifft2(spectrum: Array) -> Array:
    """Invert `centred_fft2`; its adjoint too."""
    return to_centre(ifft2(from_centre(spectrum), overwrite=True))


def frequencies(n: int, step: float) -> NDArray[np.float64]:
    """Return the centred frequencies, cycles per unit, of `n` samples of spacing `step`; zero at ``n//2``."""
    return (np.arange(n) - n // 2) / (n * step)


def unshifted_frequencies(n: int, step: float) -> NDArray[np.float64]:
    """Return the frequencies in the order of the unshifted transforms; zero at index 0."""
    return np.asarray(scipy.fft.fftfreq(n, step), dtype=np.float64)


def half_frequencies(n: int, step: float) -> NDArray[np.float64]:
    """Return the ``n//2 + 1`` non-negative frequencies of the last axis of a real transform."""
    return np.asarray(scipy.fft.rfftfreq(n, step), dtype=np.float64)


def good_size(n: int) -> int:
    """Return the least length from `n` that transforms fast."""
    return int(scipy.fft.next_fast_len(n))


def window_spectrum(
    window: Array, *, oversampling: int, field: int, frequencies_kept: int, offset: tuple[float, float] = (0.0, 0.0)
) -> Array:
    """Evaluate the spectrum of a finely sampled window inside a large field.

    The field has `field` coarse samples a side; the window is sampled `oversampling` times finer, its sample ``n//2``
    lying at `offset` (y, x; in fine samples, fractions allowed) from the origin of the field. The padded transform is
    computed axis by axis, only where the window is not zero, and cropped to the `frequencies_kept` central frequencies.

    Parameters
    ----------
    window : (h, w) complex or real array
    oversampling : int
        Fine samples per coarse sample.
    field : int
        Coarse samples per side; the frequency step is one over the field's length.
    frequencies_kept : int
        Number of frequencies returned per side; `field` gives the band of the coarse grid, more than that its
        surroundings.
    offset : tuple of float
        Position (y, x) of the window's origin in fine samples.

    Returns
    -------
    (frequencies_kept, frequencies_kept) complex array
        Centred; scaled so that for ``frequencies_kept == field`` the inverse unitary transform is the coarse field
        whose values are those of the window (band-limited).

    Raises
    ------
    ValueError
        If more frequencies are asked for than the fine grid holds.
    """
    length = field * oversampling
    if frequencies_kept > length or max(window.shape) > length:
        raise ValueError(
            f"window of {window.shape} samples and {frequencies_kept} frequencies; allowed: up to {length} of each"
        )
    index = np.arange(frequencies_kept) - frequencies_kept // 2
    result = window
    for axis in (1, 0):
        spectrum = scipy.fft.fft(result, n=length, axis=axis, workers=_workers(result, (axis,)))
        spectrum = np.take(spectrum, index % length, axis=axis)
        phase = np.exp(-2j * np.pi * index * ((offset[axis] - window.shape[axis] // 2) / length)).astype(spectrum.dtype)
        result = spectrum * (phase[None, :] if axis == 1 else phase[:, None])
    return _array(result / (oversampling**2 * field))


def fourier_resample(image: Array, shape: tuple[int, int]) -> Array:
    """Resample the last two axes to `shape` over the same length, band-limited; index ``n//2`` keeps its place.

    Values are kept, not sums. Real input gives real output.
    """
    spectrum = centred_fft2(image)
    for axis, target in zip((-2, -1), shape, strict=True):
        spectrum = _crop_or_pad(spectrum, axis, target)
    scale = np.sqrt(shape[0] * shape[1] / (image.shape[-2] * image.shape[-1]))
    result = centred_ifft2(spectrum) * np.asarray(scale, dtype=spectrum.real.dtype)
    return _array(result if np.iscomplexobj(image) else result.real)


def _crop_or_pad(spectrum: Array, axis: int, target: int) -> Array:
    n = spectrum.shape[axis]
    start = n // 2 - target // 2
    if target <= n:
        return np.take(spectrum, np.arange(start, start + target), axis=axis)
    width = [(0, 0)] * spectrum.ndim
    width[axis] = (-start, target - n + start)
    return np.pad(spectrum, width)


def evaluate_spectrum(field: Array, y: Array, x: Array, *, accuracy: float = 1e-6) -> Array:
    """Evaluate ``sum_rs field[r, s] exp(-i (y r + x s))`` at arbitrary angular frequencies.

    Parameters
    ----------
    field : (ny, nx) complex array
        Samples; index ``n//2`` is the origin.
    y, x : arrays of one shape
        Angular frequencies in radian per sample.
    accuracy : float
        Relative accuracy asked of the transform.

    Returns
    -------
    complex array of the shape of `y`
    """
    real = np.float32 if field.dtype == np.complex64 else np.float64
    values = finufft.nufft2d2(
        np.ascontiguousarray(y, real).ravel(),
        np.ascontiguousarray(x, real).ravel(),
        np.ascontiguousarray(field),
        eps=accuracy,
        isign=-1,
        nthreads=1,
    )
    return _array(values).reshape(y.shape)


def spread_spectrum(values: Array, y: Array, x: Array, shape: tuple[int, int], *, accuracy: float = 1e-6) -> Array:
    """Apply the adjoint of `evaluate_spectrum`: ``sum_j values[j] exp(+i (y_j r + x_j s))`` on a grid of `shape`."""
    real = np.float32 if values.dtype == np.complex64 else np.float64
    field = finufft.nufft2d1(
        np.ascontiguousarray(y, real).ravel(),
        np.ascontiguousarray(x, real).ravel(),
        np.ascontiguousarray(values).ravel(),
        shape,
        eps=accuracy,
        isign=1,
        nthreads=1,
    )
    return _array(field)


def _workers(field: Array, axes: Sequence[int] | None, *, real: bool = False) -> int:
    """Return how many threads may share a transform without changing its bytes.

    In single precision the library does lines in groups of the processor's vector width and the rest one by one, with
    other rounding; how many are left over depends on how the lines are dealt out.
    """
    count = threads()
    if count == 1 or field.dtype.itemsize // (2 if np.iscomplexobj(field) else 1) > 4:
        return count
    chosen = range(field.ndim) if axes is None else axes
    aligned = all(field.size // field.shape[axis] % (16 * count) == 0 for axis in chosen)
    return count if aligned and not real else 1


def _array(value: Any) -> Array:
    return np.asarray(value)
