"""Projections onto the measured magnitudes, one class for each model of coherence.

- `Pattern`: the measured magnitudes of one helicity;
- `CoherentMagnitudes`: the beam is coherent;
- `BlurredMagnitudes`: the pattern is blurred by a mutual coherence mu(s) of any shape: a Gaussian Schell beam, finite
  pixels, a Richardson-Lucy kernel;
- `TiltedMagnitudes`: a few tilted plane waves, positive by construction.

Each has ``onto(wave, out)``, which writes the wave with the measured magnitudes into `out` and leaves `wave` alone, and
``error``, the sum of squared amplitude differences seen by the last call over the measured photons. Pixels that are not
valid float. Waves and spectra have their origin at index 0 (unshifted); waves are contiguous, complex64 or complex128.

The work is done in blocks of rows, then of columns, then of rows, and what a block needs is done while it is in cache:
the transforms along columns, the kernel between them and its sums are one pass over memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.phase_retrieval import kernels
from reconstructors.phase_retrieval.kernels import pairs

Array = NDArray[Any]

FLOOR = 0.02
"""Least modelled over own intensity in `BlurredMagnitudes`."""


@dataclass(frozen=True)
class Pattern:
    """Measured magnitudes of one helicity.

    Attributes
    ----------
    amplitude : (n, n) float32
        Square root of the photons, unshifted.
    valid : (n, n) bool
        Where it was measured.
    """

    amplitude: Array
    valid: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Of the pattern, pixels."""
        return self.amplitude.shape[0], self.amplitude.shape[1]

    def photons(self) -> float:
        """Return the measured photons, float64."""
        return float(np.sum(np.square(self.amplitude, dtype=np.float64), where=self.valid))

    def marked(self) -> Array:
        """Return the amplitude, contiguous, with -1 where it was not measured, as the kernels take it."""
        return np.ascontiguousarray(np.where(self.valid, self.amplitude, self.amplitude.dtype.type(-1)))


class Magnitudes(Protocol):
    """What every projection onto magnitudes offers."""

    error: float

    def onto(self, wave: Array, out: Array) -> None:
        """Write the projection of `wave` into `out`."""
        ...

    def model(self, wave: Array) -> Array:
        """Return the intensity that `wave` gives under the model, photons."""
        ...


class CoherentMagnitudes:
    """Projection for a coherent beam.

    Parameters
    ----------
    pattern : Pattern
    """

    def __init__(self, pattern: Pattern) -> None:
        self.error = np.inf
        self._amplitude = pattern.marked()
        self._photons = pattern.photons()

    def onto(self, wave: Array, out: Array) -> None:
        """Write the projection of `wave` into `out`."""
        spectrum = pairs(out)

        def replace(first: int, last: int) -> float:
            block = out[:, first:last]
            fourier.transform_axis(block, 0)
            total = kernels.coherent_magnitudes(spectrum, self._amplitude, first, last)
            fourier.transform_axis(block, 0, inverse=True)
            return total

        _copy_transformed(wave, out)
        self.error = _columns(replace, out) / self._photons
        _rows(lambda a, b: fourier.transform_axis(out[a:b], 1, inverse=True), out)

    def model(self, wave: Array) -> Array:
        """Return ``|F wave|**2``, photons."""
        return np.square(np.abs(fourier.fft2(wave)))


class BlurredMagnitudes:
    """Projection for a partially coherent beam: ``Psi <- Psi sqrt(I) / sqrt(|Psi|² blurred)``.

    The blur is a product with the mutual coherence on the autocorrelation, exact for kernels narrower than a pixel. It
    is done in float64: a pattern spans nine decades, and in float32 the rounding of its brightest speckle buries the
    outermost ones (hundreds of photons against a hundred).

    Parameters
    ----------
    pattern : Pattern
    mutual : (n, n//2 + 1) real or complex array
        mu(s) at the unshifted separations of a real transform; may be replaced between calls.

    References
    ----------
    Clark et al., Nat. Commun. 3, 993 (2012), doi 10.1038/ncomms1994.
    """

    def __init__(self, pattern: Pattern, mutual: Array) -> None:
        ny, nx = pattern.shape
        self.error = np.inf
        self.mutual = mutual
        self._amplitude = pattern.marked()
        self._photons = pattern.photons()
        self._intensity = np.zeros((ny, nx))
        self._correlation = np.zeros((ny, nx // 2 + 1), np.complex128)

    def onto(self, wave: Array, out: Array) -> None:
        """Write the projection of `wave` into `out`."""
        spectrum, width, floor = pairs(out), out.shape[1], out.real.dtype.type(FLOOR)

        def replace(first: int, last: int) -> float:
            block = out[first:last]
            model = fourier.irfft_rows(self._correlation[first:last], width)
            total = kernels.blurred_magnitudes(spectrum[first:last], model, self._amplitude[first:last], floor)
            fourier.transform_axis(block, 1, inverse=True)
            return total

        self._correlate(wave, out)
        self.error = _rows(replace, out) / self._photons
        _columns(lambda a, b: fourier.transform_axis(out[:, a:b], 0, inverse=True), out)

    def model(self, wave: Array) -> Array:
        """Return the blurred intensity, photons."""
        model = np.empty(wave.shape)

        def write(first: int, last: int) -> None:
            model[first:last] = fourier.irfft_rows(self._correlation[first:last], wave.shape[1])

        self._correlate(wave, np.empty_like(wave))
        _rows(write, model)
        return model

    def own(self, wave: Array) -> Array:
        """Return the intensity before the blur, photons; a view that the next call overwrites."""
        self._propagate(wave, np.empty_like(wave))
        return self._intensity

    def _propagate(self, wave: Array, spectrum: Array) -> None:
        split = pairs(spectrum)

        def square(first: int, last: int) -> None:
            fourier.transform_axis(spectrum[:, first:last], 0)
            kernels.intensity(split, self._intensity, first, last)

        _copy_transformed(wave, spectrum)
        _columns(square, spectrum)

    def _correlate(self, wave: Array, spectrum: Array) -> None:
        # Leaves the spectrum in `spectrum` and the blurred intensity, transformed along its rows, in `_correlation`.
        def transform(first: int, last: int) -> None:
            self._correlation[first:last] = fourier.rfft_rows(self._intensity[first:last])

        def blur(first: int, last: int) -> None:
            block = self._correlation[:, first:last]
            fourier.transform_axis(block, 0)
            block *= self.mutual[:, first:last]
            fourier.transform_axis(block, 0, inverse=True)

        self._propagate(wave, spectrum)
        _rows(transform, self._intensity)
        _columns(blur, self._correlation)


class TiltedMagnitudes:
    """Projection for a beam of a few tilted plane waves: the mean of their patterns is given the measured magnitudes.

    A tilt is a ramp along y times one along x, so tilts that share the one along x share the transforms along rows.

    Parameters
    ----------
    pattern : Pattern
    tilts : sequence of (y, x)
        Displacements of the pattern, pixels; each a phase ramp on the wave. Weights are equal.
    """

    def __init__(self, pattern: Pattern, tilts: Sequence[tuple[float, float]]) -> None:
        self.error = np.inf
        self._pattern = pattern
        self._amplitude = pattern.marked()
        self._photons = pattern.photons()
        self._tilts = tilts
        self._prepare(np.dtype(np.complex64))

    def onto(self, wave: Array, out: Array) -> None:
        """Write the projection of `wave` into `out`."""

        def replace(first: int, last: int) -> float:
            blocks = self._tilted(first, last)
            total = kernels.shared_magnitudes(blocks, self._amplitude, first)
            self._untilted(blocks, first)
            return total

        def gather(first: int, last: int) -> None:
            for index, (shared, ramp) in enumerate(zip(self._shared, self._across, strict=True)):
                fourier.transform_axis(shared[first:last], 1, inverse=True)
                kernels.ramped(pairs(shared[first:last]), pairs(ramp.conj()), pairs(out[first:last]), index > 0)

        self._spread(wave)
        self.error = _columns(replace, wave) / self._photons
        _rows(gather, wave)

    def model(self, wave: Array) -> Array:
        """Return the mean intensity of the tilted waves, photons."""
        model = np.empty(wave.shape, wave.real.dtype)
        self._spread(wave)
        _columns(lambda a, b: kernels.mean_intensity(self._tilted(a, b), model, a), wave)
        return model

    def _prepare(self, dtype: np.dtype) -> None:
        # The ramps along y carry one over the square root of the number of tilts: intensities and projections average.
        ny, nx = self._pattern.shape
        columns = sorted({x for _, x in self._tilts})
        self._dtype = dtype
        self._across = [_ramp(nx, x).astype(dtype) for x in columns]
        self._shared = [np.zeros((ny, nx), dtype) for _ in columns]
        scale = 1 / np.sqrt(len(self._tilts))
        self._along = [((scale * _ramp(ny, y)).astype(dtype), columns.index(x)) for y, x in self._tilts]

    def _spread(self, wave: Array) -> None:
        # Leaves the wave times each ramp along x, transformed along its rows, in `_shared`.
        if wave.dtype != self._dtype:
            self._prepare(wave.dtype)

        def transform(first: int, last: int) -> None:
            for shared, ramp in zip(self._shared, self._across, strict=True):
                kernels.ramped(pairs(wave[first:last]), pairs(ramp), pairs(shared[first:last]), False)
                fourier.transform_axis(shared[first:last], 1)

        _rows(transform, wave)

    def _tilted(self, first: int, last: int) -> Array:
        blocks = np.empty((len(self._along), self._pattern.shape[0], last - first), self._dtype)
        for block, (ramp, index) in zip(blocks, self._along, strict=True):
            kernels.tilt_columns(pairs(self._shared[index]), pairs(ramp), pairs(block), first)
            fourier.transform_axis(block, 0)
        return pairs(blocks)

    def _untilted(self, blocks: Array, first: int) -> None:
        seen = set()
        for block, (ramp, index) in zip(blocks, self._along, strict=True):
            fourier.transform_axis(block.view(self._dtype), 0, inverse=True)
            kernels.untilt_columns(block, pairs(ramp), pairs(self._shared[index]), first, index in seen)
            seen.add(index)


def _copy_transformed(wave: Array, out: Array) -> None:
    def transform(first: int, last: int) -> None:
        out[first:last] = wave[first:last]
        fourier.transform_axis(out[first:last], 1)

    _rows(transform, out)


def _rows(change: Callable[[int, int], float | None], array: Array) -> float:
    return _summed(change, array.shape[0], fourier.block_size(array.shape[1], array.itemsize))


def _columns(change: Callable[[int, int], float | None], array: Array) -> float:
    return _summed(change, array.shape[1], fourier.block_size(array.shape[0], array.itemsize))


def _summed(change: Callable[[int, int], float | None], length: int, size: int) -> float:
    # One sum per block, added in their order: the same for any number of threads.
    sums = np.zeros(-(-length // size))

    def work(first: int, last: int) -> None:
        sums[first // size] = change(first, last) or 0.0

    fourier.in_blocks(work, length, size)
    return float(sums.sum())


def _ramp(n: int, shift: float) -> Array:
    return np.exp(2j * np.pi * shift * fourier.unshifted_frequencies(n, 1.0))
