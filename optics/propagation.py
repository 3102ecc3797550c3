"""Free-space propagation by the angular spectrum.

- `transfer_function`: ``exp(i k z sqrt(1 - (wavelength f)²))``, unshifted;
- `propagate`, `propagate_adjoint`;
- `fresnel_transfer_function`: the paraxial form, for small angles.

Fields carry ``exp(+ikz)``: a positive distance goes down the beam. The grid is periodic; evanescent waves decay in
either direction of travel, so that a propagation back and forth is the identity on travelling waves alone.

References
----------
J. W. Goodman, *Introduction to Fourier Optics*, 4th ed. (2017), sections 3.10 and 4.2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]


def transfer_function(
    shape: tuple[int, int], distance: float, *, wavelength: float, pixel_size: float, carrier: bool = True
) -> Array:
    """Return the angular spectrum's transfer function in the order of the unshifted transforms.

    Parameters
    ----------
    shape : tuple of int
        Samples (y, x).
    distance : float
        Metres down the beam; negative goes back.
    wavelength, pixel_size : float
        In m.
    carrier : bool
        Keep the phase ``exp(i k z)`` of a wave along the axis; without it the phase is relative to that wave.

    Returns
    -------
    complex128 array of `shape`
    """
    cosine2 = 1 - wavelength**2 * _squared_frequency(shape, pixel_size)
    k = 2 * np.pi / wavelength
    # expm1-like form keeps the phase exact where the carrier would be thousands of radians
    root = np.sqrt(np.abs(cosine2))
    travelling = root - 1 if not carrier else root
    transfer = np.exp(1j * k * distance * travelling)
    evanescent = cosine2 <= 0
    if evanescent.any():
        axial = 1.0 if carrier else np.exp(-1j * k * distance)
        transfer[evanescent] = axial * np.exp(-k * abs(distance) * root[evanescent])
    return np.asarray(transfer)


def fresnel_transfer_function(
    shape: tuple[int, int], distance: float, *, wavelength: float, pixel_size: float
) -> Array:
    """Return the paraxial transfer function ``exp(-i pi wavelength z f²)``, unshifted, relative to the axial wave."""
    return np.asarray(np.exp(-1j * np.pi * wavelength * distance * _squared_frequency(shape, pixel_size)))


def propagate(field: Array, distance: float, *, wavelength: float, pixel_size: float, carrier: bool = False) -> Array:
    """Propagate `field` by `distance` through vacuum.

    Parameters
    ----------
    field : (..., ny, nx) complex array
        complex64 stays complex64.
    distance : float
        Metres down the beam; negative goes back, as in numerical focusing.
    wavelength, pixel_size : float
        In m.
    carrier : bool
        Keep the phase ``exp(i k z)`` of the axial wave.

    Returns
    -------
    complex array of the shape and type of `field`
    """
    transfer = transfer_function(
        field.shape[-2:], distance, wavelength=wavelength, pixel_size=pixel_size, carrier=carrier
    )
    return _filter(field, transfer)


def propagate_adjoint(
    field: Array, distance: float, *, wavelength: float, pixel_size: float, carrier: bool = False
) -> Array:
    """Apply the adjoint of `propagate`; its inverse too, for travelling waves."""
    transfer = transfer_function(
        field.shape[-2:], distance, wavelength=wavelength, pixel_size=pixel_size, carrier=carrier
    )
    return _filter(field, transfer.conj())


def _filter(field: Array, transfer: Array) -> Array:
    if not np.iscomplexobj(field):
        field = field.astype(np.complex64 if field.dtype == np.float32 else np.complex128)
    spectrum = fourier.fft2(field)
    spectrum *= transfer.astype(field.dtype)
    return fourier.ifft2(spectrum, overwrite=True)


def _squared_frequency(shape: tuple[int, int], pixel_size: float) -> NDArray[np.float64]:
    f_y = fourier.unshifted_frequencies(shape[0], pixel_size)
    f_x = fourier.unshifted_frequencies(shape[1], pixel_size)
    return f_y[:, None] ** 2 + f_x[None, :] ** 2
