"""The probe to start from, of power 1, by what is known.

- `zone_plate`: the defocused image of an annular pupil;
- `guessed`: the far field without optics, from the mean pattern; `cone`: the bright part of it;
- `near_field`: the mean frame taken back to the sample.

All are arrays of the object's pixels with the centre of the probe at index ``n//2``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from optics.propagation import fresnel_transfer_function

Array = NDArray[Any]

_FAINT = 0.25
"""Share of its brightest pixels below which the mean pattern is scattering, not pupil."""


def zone_plate(
    shape: tuple[int, int],
    *,
    wavelength: float,
    pixel_size: float,
    numerical_aperture: float,
    stop_fraction: float,
    defocus: float,
) -> Array:
    """Return the probe of a zone plate, complex64.

    Parameters
    ----------
    shape : tuple of int
        Pixels (ny, nx).
    wavelength, pixel_size, defocus : float
        m; a positive defocus is down the beam from the focus.
    numerical_aperture : float
    stop_fraction : float
        Radius of the central stop over that of the plate.

    Raises
    ------
    ValueError
        If the pupil does not fit into the pattern, or the beam not into the array.
    """
    radius = _radius(shape, pixel_size)
    step = 1 / (min(shape) * pixel_size)
    edge = numerical_aperture / wavelength
    highest = 1 / (2 * pixel_size)
    if edge >= highest:
        raise ValueError(f"outer_zone gives a cone to {edge:.3g}/m; allowed: on the detector, to {highest:.3g}/m")
    window, width = min(shape) * pixel_size, 2 * numerical_aperture * abs(defocus)
    if width >= window:
        raise ValueError(
            f"defocus {defocus:.3g} m makes a beam of {width:.3g} m; allowed: up to a frame, {window:.3g} m"
        )
    # The rim of a disc on pixels: the share of a pixel that is inside.
    pupil = np.clip((edge - radius) / step + 0.5, 0, 1)
    if stop_fraction > 0:
        pupil *= np.clip((radius - stop_fraction * edge) / step + 0.5, 0, 1)
    return _image(pupil, defocus, wavelength, pixel_size)


def guessed(mean: Array, *, defocus: float, wavelength: float, pixel_size: float) -> Array:
    """Return a probe for unknown optics, complex64: its pupil is the root of the bright part of the mean pattern.

    Parameters
    ----------
    mean : (ny, nx) array
        Mean pattern, zero frequency in the centre, photons.
    defocus, wavelength, pixel_size : float
        m.
    """
    return _image(np.sqrt(mean * cone(mean)), defocus, wavelength, pixel_size)


def cone(mean: Array) -> NDArray[np.bool_]:
    """Return the bright part of the mean pattern, that of the lens."""
    smooth = ndimage.gaussian_filter(mean, 1.0)
    return np.asarray(smooth > _FAINT * np.percentile(smooth, 99.9))


def near_field(mean: Array, *, distance: float, wavelength: float, pixel_size: float) -> Array:
    """Return the wave at the sample whose free propagation by `distance` gives the mean frame, complex64.

    `mean` is as the detector sees it; the beam's own curvature is taken to be that of the geometry.
    """
    transfer = fresnel_transfer_function(mean.shape, -distance, wavelength=wavelength, pixel_size=pixel_size)
    wave = fourier.ifft2(fourier.fft2(np.sqrt(np.maximum(mean, 0)) + 0j) * transfer)
    return _unit(wave)


def _image(pupil: Array, defocus: float, wavelength: float, pixel_size: float) -> Array:
    phase = np.exp(-1j * np.pi * wavelength * defocus * _radius(pupil.shape, pixel_size) ** 2)
    return _unit(fourier.centred_ifft2(pupil * phase))


def _unit(wave: Array) -> Array:
    return np.asarray(wave / np.sqrt(np.sum(np.abs(wave) ** 2)), np.complex64)


def _radius(shape: tuple[int, ...], pixel_size: float) -> Array:
    fy, fx = (fourier.frequencies(n, pixel_size) for n in shape)
    return np.asarray(np.hypot(fy[:, None], fx[None, :]))
