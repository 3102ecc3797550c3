"""The probe seen from the lens: amplitude and phase of its pupil, and the smooth part of that phase.

- `PupilPhase`, `pupil_phase`: what a figure of the constraint shows;
- `smooth_phase`: a low-order polynomial through a phase that wraps;
- `to_pupil`, `from_pupil`: between probe and pupil.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import unwrap_phase

from numerics import fourier

Array = NDArray[Any]

BRIGHT = 0.3
"""Share of the greatest modulus from which the phase of the pupil is believed."""

_FITS = 3


@dataclass(frozen=True)
class PupilPhase:
    """A probe's pupil, the zero frequency in the centre.

    Attributes
    ----------
    modulus : (ny, nx) float array
    wrapped : (ny, nx) float array
        Phase between -pi and pi.
    unwrapped : (ny, nx) float array
        NaN where the pupil is dark.
    smooth : (ny, nx) float array
        Polynomial through it.
    defocus : float
        That the polynomial holds, m down the beam from the focus.
    residual : float
        rms of unwrapped less smooth, weighted by the power, rad.
    """

    modulus: Array
    wrapped: Array
    unwrapped: Array
    smooth: Array
    defocus: float
    residual: float


def to_pupil(probe: Array) -> Array:
    """Return the pupil (..., ny, nx) of a probe, both with their origin at index ``n//2``."""
    return fourier.centred_fft2(probe)


def from_pupil(pupil: Array) -> Array:
    """Invert `to_pupil`."""
    return fourier.centred_ifft2(pupil)


def pupil_phase(probe: Array, *, wavelength: float, pixel_size: float, degree: int = 4) -> PupilPhase:
    """Return what the pupil of a probe (ny, nx) looks like.

    Parameters
    ----------
    probe : (ny, nx) complex array
    wavelength, pixel_size : float
        m.
    degree : int
        Of the polynomial.
    """
    pupil = to_pupil(probe)
    smooth, unwrapped, defocus = smooth_phase(pupil, degree, wavelength=wavelength, pixel_size=pixel_size)
    weight = np.abs(pupil) ** 2 * np.isfinite(unwrapped)
    rest = np.where(np.isfinite(unwrapped), unwrapped - smooth, 0)
    residual = float(np.sqrt((weight * rest**2).sum() / weight.sum()))
    return PupilPhase(np.abs(pupil), np.angle(pupil), unwrapped, smooth, defocus, residual)


def smooth_phase(pupil: Array, degree: int, *, wavelength: float, pixel_size: float) -> tuple[Array, Array, float]:
    """Fit a polynomial in both frequencies to the unwrapped phase of a pupil (ny, nx), where it is bright.

    What the fit leaves is unwrapped again by its nearest turn, so that single errors of the unwrapping, such as a
    vortex makes, do not bend it.

    Returns
    -------
    smooth : (ny, nx) float array
        Everywhere.
    unwrapped : (ny, nx) float array
        NaN where the pupil is dark.
    defocus : float
        Of the polynomial, m.
    """
    modulus = np.abs(pupil)
    bright = modulus >= BRIGHT * modulus.max()
    phase = np.ma.masked_array(np.angle(pupil), mask=~bright)
    unwrapped = np.asarray(unwrap_phase(phase, rng=0), np.float64)  # type: ignore[no-untyped-call]
    f = [fourier.frequencies(n, pixel_size) for n in pupil.shape]
    scale = max(np.abs(np.broadcast_to(f[0][:, None], pupil.shape)[bright]).max(), np.abs(f[1]).min() + 1e-30)
    scale = max(scale, np.abs(np.broadcast_to(f[1], pupil.shape)[bright]).max())
    powers = [(a, b) for a in range(degree + 1) for b in range(degree + 1 - a)]
    terms = np.stack([(f[0][:, None] / scale) ** a * (f[1][None, :] / scale) ** b for a, b in powers])
    weight = modulus[bright]
    matrix = terms[:, bright].T * weight[:, None]
    values = unwrapped[bright]
    for _ in range(_FITS):
        found = np.linalg.lstsq(matrix, values * weight, rcond=1e-10)[0]
        smooth = np.tensordot(found, terms, 1)
        values += 2 * np.pi * np.rint((smooth[bright] - values) / (2 * np.pi))
    held = np.full(pupil.shape, np.nan)
    held[bright] = values
    bent = 0.5 * (found[powers.index((2, 0))] + found[powers.index((0, 2))])
    return smooth, held, float(-bent / (np.pi * wavelength * scale**2))
