"""Illumination, and the far field of a partly coherent source.

- `Illumination`, `illuminate`: the beam over the mask, one per helicity;
- `far_field`: both helicities' patterns at the detector from their exit-wave spectra.

A partly coherent pattern is computed exactly: the pattern's transform, the autocorrelation of the exit wave, times the
mutual coherence mu(s). That is the sum over infinitely many tilts of the source.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics import fourier
from optics.coherence import mutual_coherence, pixel_coherence
from optics.grids import positions

Array = NDArray[Any]


@dataclass(frozen=True)
class Illumination:
    """The beam over the mask, ``A exp(-(r - s)²/w²) exp(i pi r²/(wavelength R))``.

    Attributes
    ----------
    waist : float
        w, m; infinite for a flat beam.
    shift : tuple of float
        s (y, x), m.
    curvature_radius : float
        R, m; infinite for a plane wave.
    amplitude : float
        A.
    """

    waist: float = float("inf")
    shift: tuple[float, float] = (0.0, 0.0)
    curvature_radius: float = float("inf")
    amplitude: float = 1.0

    @property
    def uniform(self) -> bool:
        """Whether the beam is the same everywhere."""
        return bool(np.isinf(self.waist) and np.isinf(self.curvature_radius))


def illuminate(illumination: Illumination, y: ArrayLike, x: ArrayLike, *, wavelength: float) -> Array:
    """Return the illumination's complex amplitude at (y, x) in m."""
    y, x = np.asarray(y, np.float64), np.asarray(x, np.float64)
    distance2 = (y - illumination.shift[0]) ** 2 + (x - illumination.shift[1]) ** 2
    phase = np.pi * (y**2 + x**2) / (wavelength * illumination.curvature_radius)
    return np.asarray(illumination.amplitude * np.exp(-distance2 / illumination.waist**2 + 1j * phase))


def far_field(
    spectra: Array,
    *,
    field: float,
    frequency_y: Array,
    frequency_x: Array,
    coherence: tuple[float, float],
    taper: int,
) -> Array:
    """Return both helicities' patterns at given spatial frequencies.

    Parameters
    ----------
    spectra : (2, m, m) complex array
        Exit-wave spectra of the two helicities, centred, in steps of one over `field`.
    field : float
        m; the autocorrelation of the exit wave must fit it.
    frequency_y, frequency_x : arrays of one shape
        cycles/m.
    coherence : tuple of float
        Coherence lengths (y, x), m.
    taper : int
        Outermost frequencies over which the pattern is led to zero before it is continued periodically; the asked
        frequencies should stay inside of them.

    Returns
    -------
    (2, ...) float64 array
        ``(|Psi|² ⊗ gamma)`` averaged over the pixel, per step of 1/field.
    """
    m = spectra.shape[-1]
    window = _taper(m, taper)
    # two real patterns travel as the real and the imaginary part of one transform
    pattern = np.empty((m, m), np.complex128)
    pattern.real, pattern.imag = (_intensity(spectrum) for spectrum in spectra)
    pattern *= window[:, None]
    pattern *= window[None, :]
    autocorrelation = fourier.centred_ifft2(pattern)
    # the separation -field/2 has no partner at +field/2; what leaks there would mix the two patterns between the nodes
    autocorrelation[0, :] = 0
    autocorrelation[:, 0] = 0
    separation = positions(m, field / m)
    autocorrelation *= _loss(separation, coherence[0], field)[:, None]
    autocorrelation *= _loss(separation, coherence[1], field)[None, :]
    scale = 2 * np.pi * field / m
    values = fourier.evaluate_spectrum(autocorrelation, frequency_y * scale, frequency_x * scale, accuracy=1e-12)
    values /= m
    return np.stack([np.maximum(values.real, 0), np.maximum(values.imag, 0)])


def _intensity(spectrum: Array) -> Array:
    return spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2


def _loss(separation: Array, length: float, field: float) -> Array:
    return mutual_coherence(separation, 0.0, length=(length, 1.0)) * pixel_coherence(separation, 0.0, field=field)


def _taper(m: int, width: int) -> Array:
    if width == 0:
        return np.ones(m)
    distance = np.minimum(np.arange(m), m - 1 - np.arange(m)) + 0.5
    ramp = np.clip(distance / width, 0, 1)
    return np.asarray(np.sin(0.5 * np.pi * ramp) ** 2)
