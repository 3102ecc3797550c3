"""How one image lies on another: shift, and strain if asked for, by least squares on what the two share.

- `Fit`: how it is sought; `Place`: what is found;
- `placed`: of the highest peaks of the correlation the nearest, then Gauss-Newton between whitened images;
- `brought_back`: an image read where it lies;
- `soft_window`, `likeness`: where two images count, and how alike they are there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier

Array = NDArray[Any]

MODELS = ("shift", "affine")
BOUND = 5.0
"""Largest whole shift looked at unless said otherwise, px."""
LEAST = 0.2
"""Of the greatest density: a whitening filter with no floor follows the noise of its own estimate."""
SETTLED = 1e-4
"""Step at which least squares has settled, px."""
_EQUAL_PEAKS = 0.95
_STEPS = 12  # of least squares
_SCALE = 100.0  # px, on which a strain counts as much as a shift
_WHITENINGS = 2
_RINGS = 64  # to the sampling frequency


@dataclass(frozen=True)
class Fit:
    """How a displacement is sought.

    Attributes
    ----------
    model : {"shift", "affine"}
    bound : float
        Largest whole shift looked at, px.
    settled : float
        Step at which least squares ends, px.
    least : float
        Floor of the density that whitens, of its greatest value.
    """

    model: str
    bound: float = BOUND
    settled: float = SETTLED
    least: float = LEAST


@dataclass(frozen=True)
class Place:
    """Where the second image lies.

    Attributes
    ----------
    shift : (2,) float64 array
        (y, x) px, at the middle of the window.
    strain : (2, 2) float64 array
        Further shift per pixel from there.
    window : (Y, X) float64 array
        In which they were found.
    """

    shift: Array
    strain: Array
    window: Array

    @property
    def middle(self) -> Array:
        """Centre of the window (2,), px."""
        return _middle(self.window)


def placed(plus: Array, minus: Array, window: Array, fit: Fit) -> Place:
    """Return where `minus` lies on `plus`, both (Y, X) real and of one contrast but for what tells them apart."""
    first, second = plus.astype(np.float64), minus.astype(np.float64)
    shift = _whole_shift(first, second, window, fit.bound)
    return Place(*_refined(first, second, window, shift, fit), window)


def brought_back(image: Array, place: Place) -> Array:
    """Return the second image (Y, X), real or complex, on the pixels of the first."""
    return _moved(image, place.shift, place.strain, place.middle)


def likeness(first: Array, second: Array, window: Array) -> float:
    """Return the correlation of two images within the window, up to 1."""
    parts = [_centred(image, window) for image in (first, second)]
    norm = np.linalg.norm(parts[0]) * np.linalg.norm(parts[1])
    return float(np.sum(parts[0] * parts[1]) / max(norm, np.finfo(np.float64).tiny))


def soft_window(plus: Array, minus: Array, mask: Array, model: str) -> Array:
    """Return the mask with a soft rim, so that what crosses it does not decide.

    Raises
    ------
    ValueError
        If the model is unknown, the shapes differ, or the mask is narrower than 8 px.
    """
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


def _refined(first: Array, second: Array, window: Array, shift: Array, fit: Fit) -> tuple[Array, Array]:
    """Return shift and strain of least squares between the amplitudes, scale and offset free.

    What is left between the two is the magnetic image and noise. Once it has been seen, both images are filtered so
    that it is white: details of the charge image finer than the domains then count for what they are worth.
    """
    middle, strain = _middle(window), np.zeros((2, 2))
    whitener = np.ones(first.shape)
    for _ in range(1 + _WHITENINGS):
        for _ in range(_STEPS):
            step = _step(first, _moved(second, shift, strain, middle), window, whitener, fit.model)
            shift = shift + step[:, 0]
            strain = strain + (step[:, 1:] / _SCALE if fit.model == "affine" else 0)
            if np.abs(step).max() < fit.settled:
                break
        rest = _centred(first - _moved(second, shift, strain, middle), window)
        whitener = _whitener(rest, fit.least)
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


def _whitener(rest: Array, least: float) -> Array:
    """Return one over the root of the mean spectral density of `rest` at each frequency's modulus."""
    f = [fourier.unshifted_frequencies(n, 1.0) for n in rest.shape]
    ring = np.rint(np.hypot(f[0][:, None], f[1][None, :]) * _RINGS).astype(np.int64)
    density = np.abs(fourier.fft2(rest.astype(np.complex128))) ** 2
    mean = np.bincount(ring.ravel(), density.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    mean = np.maximum(ndimage.gaussian_filter1d(mean, 1.0), least * mean.max() + np.finfo(np.float64).tiny)
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
