"""Bring the images of two helicities together before their difference is taken.

- `PairRegistration`: what tells one image from the other: shift, strain, phase ramp, flux;
- `register_pair`: find it on what the two share, the charge image, and remove it.

Left in, an unequal flux adds charge to the magnetic image and a shift by s px adds (s/2) dC/dx. Of correlation peaks of
nearly one height the nearest counts: worm domains and superlattices are almost periodic.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier

Array = NDArray[Any]

MODELS = ("shift", "affine")
_EQUAL_PEAKS = 0.95
_STEPS, _SETTLED = 12, 1e-4  # of least squares; px
_RAMP_PADDING = 4
_SCALE = 100.0  # px, on which a strain counts as much as a shift
_WHITENINGS = 2
_RINGS = 64  # to the sampling frequency
_LEAST = 0.2  # of the greatest density: a filter with no floor follows the noise of its own estimate


@dataclass(frozen=True)
class PairRegistration:
    """What was removed from the second image.

    Attributes
    ----------
    shift : (2,) float64 array
        (y, x) in pixels: where the first image has a feature, the second had it this much further on.
    strain : (2, 2) float64 array
        Further shift per pixel from `middle`; zero unless asked for.
    middle : (2,) float64 array
        Of the mask, pixels.
    ramp : (2,) float64 array
        Cycles per pixel by which the phase of the second image turned against the first.
    phase : float
        Of the second image at the origin against the first, rad.
    flux : float
        Of the second image over the first: mean ratio of the intensities.
    correlation : float
        Of the amplitudes after all that, up to 1: what the two share over what they have.
    """

    shift: Array
    strain: Array
    middle: Array
    ramp: Array
    phase: float
    flux: float
    correlation: float

    def back(self, places: Array) -> Array:
        """Return where on the first image places (..., 2) of the second are, pixels."""
        inverse = np.linalg.inv(np.eye(2) + self.strain)
        return np.asarray(self.middle + (places - self.middle - self.shift) @ inverse.T)


def register_pair(
    plus: Array,
    minus: Array,
    *,
    mask: Array,
    empty: Array | None = None,
    model: str = "shift",
    bound: float = 5.0,
) -> tuple[Array, PairRegistration]:
    """Return `minus` on the pixels, phase and flux of `plus`, and what was removed.

    Parameters
    ----------
    plus, minus : (Y, X) complex arrays
        Transmissions.
    mask : (Y, X) bool array
        Where both images are good.
    empty : (Y, X) bool array, optional
        Where there is no magnet: the flux ratio is found there. Without it the mean magnetic image is zero.
    model : {"shift", "affine"}
    bound : float
        Largest whole shift looked at, px: less than half a period of the domains.

    Returns
    -------
    tuple of (Y, X) complex64 array and PairRegistration

    Raises
    ------
    ValueError
        If the shapes differ, the mask is empty or small, or the model is unknown.
    """
    window = _window(plus, minus, mask, model)
    first, second = np.abs(plus).astype(np.float64), np.abs(minus).astype(np.float64)
    shift = _whole_shift(first, second, window, bound)
    shift, strain = _refined(first, second, window, shift, model)
    middle = _middle(window)
    moved = _moved(minus, shift, strain, middle)
    ramp, phase = _ramp(plus, moved, mask)
    moved *= _wave(ramp, plus.shape) * np.exp(-1j * phase)
    flux = _flux(plus, moved, mask if empty is None else mask & empty)
    alike = _correlation(first, np.abs(moved), window)
    found = PairRegistration(shift, strain, middle, ramp, phase, flux, alike)
    return (moved / np.sqrt(flux)).astype(np.complex64), found


def _correlation(first: Array, second: Array, window: Array) -> float:
    parts = [_centred(image, window) for image in (first, second)]
    norm = np.linalg.norm(parts[0]) * np.linalg.norm(parts[1])
    return float(np.sum(parts[0] * parts[1]) / max(norm, np.finfo(np.float64).tiny))


def _window(plus: Array, minus: Array, mask: Array, model: str) -> Array:
    """Return the mask with a soft rim, so that what crosses it does not decide."""
    if model not in MODELS:
        raise ValueError(f"model is {model!r}; allowed: {', '.join(MODELS)}")
    if plus.shape != minus.shape or mask.shape != plus.shape:
        raise ValueError(f"minus and mask have shapes {minus.shape} and {mask.shape}; allowed: {plus.shape}")
    inside = ndimage.binary_fill_holes(mask)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    if depth.max() < 4:
        raise ValueError(f"mask is {2 * depth.max():.0f} px wide; allowed: from 8")
    return np.asarray(np.clip(depth / (0.2 * depth.max()), 0, 1) * mask)


def _middle(window: Array) -> Array:
    return np.array(ndimage.center_of_mass(window))


def _centred(image: Array, window: Array) -> Array:
    return np.asarray((image - np.average(image, weights=window)) * window)


def _whole_shift(first: Array, second: Array, window: Array, bound: float) -> Array:
    """Return the nearest of the highest peaks of the correlation, or of its negative, within `bound`."""
    spectra = [fourier.fft2(_centred(image, window).astype(np.complex64)) for image in (first, second)]
    surface = np.real(fourier.ifft2(np.conj(spectra[0]) * spectra[1]))
    lags = [fourier.unshifted_frequencies(n, 1 / n) for n in surface.shape]
    radius = np.hypot(lags[0][:, None], lags[1][None, :])
    within = radius <= bound
    # A film without charge contrast looks like its own negative to the other helicity.
    height = surface * (1.0 if surface[within].max() >= -surface[within].min() else -1.0)
    height = np.where(within, height, -np.inf)
    tops = (height == ndimage.maximum_filter(height, size=3, mode="wrap")) & (height >= _EQUAL_PEAKS * height.max())
    y, x = np.argwhere(tops)[np.argmin(radius[tops])]
    return np.array([lags[0][y], lags[1][x]])


def _refined(first: Array, second: Array, window: Array, shift: Array, model: str) -> tuple[Array, Array]:
    """Return shift and strain of least squares between the amplitudes, scale and offset free.

    What is left between the two is the magnetic image and noise. Once it has been seen, both images are filtered so
    that it is white: details of the charge image finer than the domains then count for what they are worth.
    """
    middle, strain = _middle(window), np.zeros((2, 2))
    whitener = np.ones(first.shape)
    for _ in range(1 + _WHITENINGS):
        for _ in range(_STEPS):
            step = _step(first, _moved(second, shift, strain, middle), window, whitener, model)
            shift = shift + step[:, 0]
            strain = strain + (step[:, 1:] / _SCALE if model == "affine" else 0)
            if np.abs(step).max() < _SETTLED:
                break
        rest = _centred(first - _moved(second, shift, strain, middle), window)
        whitener = _whitener(rest)
    return shift, strain


def _step(first: Array, here: Array, window: Array, whitener: Array, model: str) -> Array:
    """Return the Gauss-Newton step (2, 1) of the shift, or (2, 3) of shift and strain."""
    y, x = ((np.arange(n) - c) / _SCALE for n, c in zip(first.shape, _middle(window), strict=True))
    factors = [np.ones(first.shape)]
    if model == "affine":
        factors += [np.broadcast_to(y[:, None], first.shape), np.broadcast_to(x[None, :], first.shape)]
    columns = [slope * factor for slope in np.gradient(here) for factor in factors]
    columns += [here, np.ones(first.shape), first]
    system = np.stack([_filtered(column * window, whitener).ravel() for column in columns], -1)
    step = np.linalg.lstsq(system[:, :-1], system[:, -1], rcond=None)[0]
    return np.asarray((step[:-2] / step[-2]).reshape(2, len(factors)))


def _filtered(image: Array, whitener: Array) -> Array:
    return np.real(fourier.ifft2(fourier.fft2(image.astype(np.complex128)) * whitener))


def _whitener(rest: Array) -> Array:
    """Return one over the root of the mean spectral density of `rest` at each frequency's modulus."""
    f = [fourier.unshifted_frequencies(n, 1.0) for n in rest.shape]
    ring = np.rint(np.hypot(f[0][:, None], f[1][None, :]) * _RINGS).astype(np.int64)
    density = np.abs(fourier.fft2(rest.astype(np.complex128))) ** 2
    mean = np.bincount(ring.ravel(), density.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    mean = np.maximum(ndimage.gaussian_filter1d(mean, 1.0), _LEAST * mean.max() + np.finfo(np.float64).tiny)
    return np.asarray(1 / np.sqrt(mean / mean.max())[ring])


def _moved(image: Array, shift: Array, strain: Array, middle: Array) -> Array:
    """Return the image read at ``r + shift + strain (r - middle)``."""
    if not strain.any():
        f = [fourier.unshifted_frequencies(n, 1.0) for n in image.shape]
        phases = [np.exp(2j * np.pi * frequency * part) for frequency, part in zip(f, shift, strict=True)]
        moved = fourier.ifft2(fourier.fft2(image.astype(np.complex128)) * phases[0][:, None] * phases[1][None, :])
        return moved if np.iscomplexobj(image) else np.real(moved)
    places = np.indices(image.shape, np.float64)
    away = places - middle[:, None, None]
    places = places + shift[:, None, None] + np.tensordot(strain, away, 1)
    if not np.iscomplexobj(image):
        return np.asarray(ndimage.map_coordinates(image, places, order=5, mode="nearest"))
    parts = [ndimage.map_coordinates(part, places, order=5, mode="nearest") for part in (image.real, image.imag)]
    return np.asarray(parts[0] + 1j * parts[1])


def _ramp(plus: Array, minus: Array, mask: Array) -> tuple[Array, float]:
    """Return the ramp (cycles per pixel) and the phase at the origin of minus against plus."""
    product = np.where(mask, minus * np.conj(plus), 0).astype(np.complex128)
    shape = [fourier.good_size(_RAMP_PADDING * n) for n in product.shape]
    padded = np.zeros(shape, np.complex128)
    padded[: product.shape[0], : product.shape[1]] = product
    height = np.abs(fourier.fft2(padded))
    at = np.unravel_index(np.argmax(height), height.shape)
    peak = []
    for axis, (n, index) in enumerate(zip(shape, at, strict=True)):
        below, top, above = np.take(np.moveaxis(height, axis, 0), [index - 1, index, (index + 1) % n], 0)[
            :, at[1 - axis]
        ]
        peak.append(
            fourier.unshifted_frequencies(n, 1.0)[index] + (above - below) / (4 * top - 2 * (above + below)) / n
        )
    ramp = np.array(peak)
    return ramp, float(np.angle(np.sum(product * _wave(ramp, product.shape))))


def _wave(ramp: Array, shape: tuple[int, ...]) -> Array:
    y, x = (np.exp(-2j * np.pi * part * np.arange(n)) for part, n in zip(ramp, shape, strict=True))
    return np.asarray(y[:, None] * x[None, :])


def _flux(plus: Array, minus: Array, here: Array) -> float:
    """Return the geometric mean of the ratio of the intensities, minus over plus."""
    if not here.any():
        raise ValueError("mask and empty share no pixel; allowed: at least one")
    floor = np.finfo(np.float32).tiny
    ratio = np.maximum(np.abs(minus[here]), floor) / np.maximum(np.abs(plus[here]), floor)
    return float(np.exp(2 * np.mean(np.log(ratio))))
