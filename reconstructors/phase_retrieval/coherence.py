"""Partial coherence in phase retrieval: what blurs the pattern, and how it is found from the data.

- `pixel_mutual`: the known blur by finite pixels;
- `SchellBeam`: a Gaussian Schell beam with a coherence length per axis; `fit_schell` fits it to the pattern;
- `few_tilts`: four plane waves that stand for it;
- `RichardsonLucy`: the mutual coherence as a free kernel, by deconvolution (Clark et al., Nat. Commun. 3, 993 (2012)).

Separations s are in metres of the exit plane; the blur of a pattern is a product with mu(s) on its autocorrelation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from optics import coherence
from reconstructors.phase_retrieval.magnitudes import Pattern

Array = NDArray[Any]

SHORTEST = 0.05
"""Least coherence length over the field that a fit may return."""

_LINES = 48
"""Rows or columns of a Richardson-Lucy window that make one block."""


@dataclass(frozen=True)
class SchellBeam:
    """A Gaussian Schell beam, ``mu = exp(-s_y²/(2 xi_y²) - s_x²/(2 xi_x²))``.

    Attributes
    ----------
    curvature : tuple of float
        ``1/xi²`` for (y, x), 1/m²; 0 is coherent. Linear in the variance of the blur, so a fit may pass through zero.
    """

    curvature: tuple[float, float] = (0.0, 0.0)

    @property
    def length(self) -> tuple[float, float]:
        """Coherence lengths (y, x), m; infinite where coherent."""
        y, x = (1 / np.sqrt(value) if value > 0 else np.inf for value in self.curvature)
        return float(y), float(x)

    def visibility(self, distance: float) -> float:
        """Return mu at `distance`, m, averaged over the directions of the two axes."""
        return float(np.exp(-(distance**2) * (self.curvature[0] + self.curvature[1]) / 4))

    def mutual(self, n: int, pixel_size: float) -> Array:
        """Return mu at the separations of a real transform, (n, n//2 + 1) float64."""
        y, x = separations(n, pixel_size)
        return np.asarray(
            np.exp(-0.5 * self.curvature[0] * y**2)[:, None] * np.exp(-0.5 * self.curvature[1] * x**2)[None, :],
            dtype=np.float64,
        )


def length_of(visibility: float, distance: float) -> float:
    """Return the coherence length that gives `visibility` at `distance`; infinite from a visibility of 1."""
    return float("inf") if visibility >= 1 else coherence.coherence_length(max(visibility, 1e-6), distance)


def separations(n: int, pixel_size: float) -> tuple[Array, Array]:
    """Return the unshifted separations (y: n, x: n//2 + 1), m, at which a real transform of a pattern holds mu."""
    return fourier.unshifted_frequencies(n, 1 / (n * pixel_size)), fourier.half_frequencies(n, 1 / (n * pixel_size))


def pixel_mutual(n: int, pixel_size: float) -> Array:
    """Return the factor of finite detector pixels on the autocorrelation, (n, n//2 + 1) float64."""
    y, x = separations(n, pixel_size)
    return coherence.pixel_coherence(y[:, None], x[None, :], field=n * pixel_size)


def fit_schell(
    own: Sequence[Array],
    patterns: Sequence[Pattern],
    *,
    pixel: Array,
    pixel_size: float,
    start: SchellBeam,
    steps: int = 3,
) -> SchellBeam:
    """Fit the coherence lengths to patterns, the waves held: Gauss-Newton on the amplitudes.

    Parameters
    ----------
    own : sequence of (n, n) float64
        Intensity of the waves before any blur.
    patterns : sequence of Pattern
        What was measured, one for each of `own`.
    pixel : (n, n//2 + 1) array
        Further known factor on the autocorrelation, see `pixel_mutual`.
    pixel_size : float
        m.
    start : SchellBeam
    steps : int
        Gauss-Newton steps.

    Returns
    -------
    SchellBeam
        With curvatures from 0 (coherent) up.
    """
    n = own[0].shape[0]
    y, x = separations(n, pixel_size)
    # In units of 1/field², so that the normal matrix is well scaled.
    unit = 1 / (n * pixel_size) ** 2
    slope_y, slope_x = (-0.5 * y**2 * unit)[:, None], (-0.5 * x**2 * unit)[None, :]
    spectra = [fourier.rfft2(intensity) * pixel for intensity in own]
    curvature = np.array(start.curvature) / unit
    for _ in range(steps):
        mutual = SchellBeam((curvature[0] * unit, curvature[1] * unit)).mutual(n, pixel_size)
        matrix, vector = np.zeros((2, 2)), np.zeros(2)
        for spectrum, pattern in zip(spectra, patterns, strict=True):
            a, b = _normal_equations(spectrum * mutual, (slope_y, slope_x), pattern)
            matrix += a
            vector += b
        change = np.linalg.solve(matrix + 1e-12 * np.trace(matrix) * np.eye(2), vector)
        curvature = np.clip(curvature + change, 0, 1 / SHORTEST**2)
    return SchellBeam((float(curvature[0] * unit), float(curvature[1] * unit)))


def _normal_equations(blurred: Array, slopes: Sequence[Array], pattern: Pattern) -> tuple[Array, Array]:
    shape = pattern.shape
    model = fourier.irfft2(blurred, shape)
    good = pattern.valid & (model > 1)
    amplitude = np.sqrt(model[good])
    residual = (pattern.amplitude[good] - amplitude).astype(np.float64)
    columns = [(fourier.irfft2(blurred * slope, shape)[good] / (2 * amplitude)).astype(np.float64) for slope in slopes]
    matrix = np.array([[np.sum(a * b) for b in columns] for a in columns])
    return matrix, np.array([np.sum(a * residual) for a in columns])


def few_tilts(beam: SchellBeam, n: int, pixel_size: float, *, pixel: bool = True) -> list[tuple[float, float]]:
    """Return four displacements (y, x) of the pattern, pixels, with the variance of a Schell beam and finite pixels.

    The cubature of a Gaussian of widths sigma with equal weights; ``sigma = field / (2 pi xi)`` and, with `pixel`, the
    variance 1/12 of a pixel added.
    """
    square = (n * pixel_size / (2 * np.pi)) ** 2
    y, x = (np.sqrt(square * value + (1 / 12 if pixel else 0.0)) for value in beam.curvature)
    return [(float(a * y), float(b * x)) for a in (-1, 1) for b in (-1, 1)]


class RichardsonLucy:
    """Mutual coherence as a free kernel of the pattern, by Richardson-Lucy deconvolution in float64.

    The kernel is kept on `width` pixels and estimated from the central `window` of the pattern, where the light is.

    Parameters
    ----------
    width, window : int
        Sides in pixels; `width` odd.
    n : int
        Side of the pattern.
    centre : float
        Share of the start kernel in its centre; the rest is spread evenly (published: 0.7).
    """

    def __init__(self, *, n: int, width: int = 33, window: int = 256, centre: float = 0.7) -> None:
        self.n = n
        self.window = min(window, n)
        self.width = min(width, self.window - 1 + self.window % 2)
        self._inside = _box(self.window, self.width)
        kernel = np.where(self._inside, (1 - centre) / max(self.width**2 - 1, 1), 0.0)
        kernel[0, 0] = centre
        self.kernel = kernel / kernel.sum()

    def holding(self, kernel: Array) -> "RichardsonLucy":
        """Return self with a given `kernel`, ``width`` pixels a side, its origin in the middle."""
        half = self.width // 2
        index = np.arange(-half, half + 1) % self.window
        self.kernel = np.zeros((self.window, self.window))
        self.kernel[np.ix_(index, index)] = kernel
        return self

    def update(self, intensity: Array, measured: Array, valid: NDArray[np.bool_], *, steps: int = 50) -> None:
        """Improve the kernel: `steps` times ``gamma <- gamma [I(-q) conv (I_meas / (I conv gamma))]``, normalised.

        Parameters
        ----------
        intensity : (n, n) real array
            Coherent intensity of the current wave, unshifted.
        measured : (n, n) real array
            Photons, unshifted.
        valid : (n, n) bool
            Pixels that were measured; elsewhere the ratio is one.
        """
        mine, data = (self._centre(a).astype(np.float64) for a in (intensity, measured))
        mine, good = np.maximum(mine, 0), self._centre(valid)
        step = _LucyStep(mine, data, good, 2 * (self.width // 2) + 1)
        kernel = self.centred()
        for _ in range(steps):
            kernel *= step.gain(kernel)
            kernel /= kernel.sum()
        index = np.arange(-(self.width // 2), self.width // 2 + 1) % self.window
        self.kernel = np.zeros((self.window, self.window))
        self.kernel[np.ix_(index, index)] = kernel

    def mutual(self) -> Array:
        """Return the transform of the kernel on the whole pattern, (n, n//2 + 1) complex128."""
        whole = np.zeros((self.n, self.n))
        half = self.width // 2
        index = np.arange(-half, half + 1)
        whole[np.ix_(index % self.n, index % self.n)] = self.kernel[np.ix_(index % self.window, index % self.window)]
        return fourier.rfft2(whole) * self.n

    def centred(self) -> Array:
        """Return the kernel on ``width`` pixels, its origin in the middle, float64."""
        half = self.width // 2
        index = np.arange(-half, half + 1) % self.window
        return np.asarray(self.kernel[np.ix_(index, index)])

    def _centre(self, pattern: Array) -> Array:
        index = np.arange(-(self.window // 2), self.window - self.window // 2)
        index = np.sort(index % self.window) if self.window == self.n else fourier.from_centre(index, axes=(0,))
        return pattern[np.ix_(index % self.n, index % self.n)]


class _LucyStep:
    # The convolutions of one Richardson-Lucy step with a small kernel, whose corner rather than centre is at the origin
    # of its transforms: only its rows are transformed, the intensity carries the shift.

    def __init__(self, intensity: Array, measured: Array, valid: NDArray[np.bool_], width: int) -> None:
        n = intensity.shape[0]
        shift = np.exp(2j * np.pi * (width // 2) * fourier.unshifted_frequencies(n, 1.0))
        transform = fourier.rfft2(intensity) * shift[:, None] * shift[None, : n // 2 + 1] * n
        self._forward, self._backward = transform, np.conj(transform) / intensity.sum()
        self._least = 1e-6 * float(intensity.max())
        self._measured, self._missing, self._width = measured, ~valid, width
        self._spectrum = np.zeros_like(transform)

    def gain(self, kernel: Array) -> Array:
        """Return what the kernel is to be multiplied by."""
        n, width, spectrum = self._missing.shape[0], self._width, self._spectrum

        def ratio(first: int, last: int) -> None:
            model = np.maximum(fourier.irfft_rows(spectrum[first:last], n), self._least)
            np.divide(self._measured[first:last], model, out=model)
            model[self._missing[first:last]] = 1
            spectrum[first:last] = fourier.rfft_rows(model)

        spectrum[:width], spectrum[width:] = fourier.rfft_rows(kernel, n), 0
        self._multiply(self._forward)
        fourier.in_blocks(ratio, n, _LINES)
        self._multiply(self._backward)
        return np.maximum(fourier.irfft_rows(spectrum[:width], n)[:, :width], 0)

    def _multiply(self, factor: Array) -> None:
        def change(first: int, last: int) -> None:
            block = self._spectrum[:, first:last]
            fourier.transform_axis(block, 0)
            block *= factor[:, first:last]
            fourier.transform_axis(block, 0, inverse=True)

        fourier.in_blocks(change, self._spectrum.shape[1], _LINES)


def _box(n: int, width: int) -> NDArray[np.bool_]:
    near = np.minimum(np.arange(n), n - np.arange(n)) <= width // 2
    return np.asarray(near[:, None] & near[None, :])
