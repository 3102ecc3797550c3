"""How noisy the optical densities are, from the images alone.

- `density_variance`: ``s0² exp(OD)``, shot noise behind an absorber, s0 from where there is no sample;
- `ground_noise`: that s0, of each image;
- `variance_scale`: by how much a variance that is given is wrong, from where an image should be zero.

All take the standard deviation from what is left after a local mean is taken off, so a background does not count.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]
Floats = NDArray[np.float64]

_SMOOTH = 2.0  # px, standard deviation of the local mean
_DEVIATION = 1.4826  # standard deviation over median deviation
_LEAST = 25  # pixels from which a spread is taken
_DARKEST = 20.0  # optical density above which nothing comes through
_FLOOR = 1e-12  # of a variance: images without noise


def density_variance(charge: Array, *, exterior: Array) -> Array:
    """Return the variance of optical densities, ``s0² exp(OD)``.

    Parameters
    ----------
    charge : (n, y, x) float array
        Optical density of the charge, background taken off.
    exterior : (n, y, x) bool array
        Where there is no sample.

    Returns
    -------
    (n, y, x) float32 array

    Raises
    ------
    ValueError
        If shapes differ, or an image has fewer than 25 pixels of exterior.
    """
    s0 = ground_noise(charge, exterior=exterior)
    return np.asarray(s0[:, None, None] ** 2 * np.exp(np.clip(charge, 0, _DARKEST)), np.float32)


def ground_noise(images: Array, *, exterior: Array, density: Array | None = None) -> Floats:
    """Return the standard deviation s0 of each image (n,) where its optical density is 0; at least 1e-6.

    Parameters
    ----------
    images : (n, y, x) float array
    exterior : (n, y, x) bool array
        Which pixels count.
    density : (n, y, x) float array, optional
        Optical density behind which these pixels lie; default 0. With it any image that varies little from pixel to
        pixel will do, such as the half difference of two helicities.

    Raises
    ------
    ValueError
        As `density_variance` does.
    """
    _check(images, exterior)
    result = np.empty(len(images))
    for index, (image, here) in enumerate(zip(images, exterior, strict=True)):
        rest = _rest(image.astype(np.float64), here)
        if density is not None:
            rest = rest * np.exp(-0.5 * np.clip(density[index], 0, _DARKEST))
        result[index] = _spread(rest[here])
    return np.maximum(result, np.sqrt(_FLOOR))


def variance_scale(images: Array, variance: Array, *, exterior: Array) -> float:
    """Return the true variance over `variance`, the median over all images.

    Parameters
    ----------
    images, variance : (n, y, x) float arrays
        Images that are zero, but for noise and a background, in `exterior`.
    exterior : (n, y, x) bool array

    Raises
    ------
    ValueError
        As `density_variance` does.
    """
    _check(images, exterior)
    found = [
        _spread((_rest(image.astype(np.float64), here) / np.sqrt(own))[here])
        for image, own, here in zip(images, variance, exterior, strict=True)
    ]
    return float(np.median(found)) ** 2


def _rest(image: Array, here: Array) -> Array:
    """Return the image less its local mean over `here`, with the variance that white noise had before."""
    weight = here.astype(np.float64)
    count = np.maximum(_smooth(weight, 1), 1e-9)
    mean = _smooth(np.where(here, image, 0), 1) / count
    centre = _smooth(_point(image.shape), 1).max()
    kept = 1 - 2 * centre / count + _smooth(weight, 2) / np.square(count)
    return np.where(here, (image - mean) / np.sqrt(np.maximum(kept, 0.1)), 0)


def _smooth(image: Array, power: int) -> Array:
    """Return the sum over a Gaussian window of unit weight, its weights to a power."""
    reach = int(np.ceil(3 * _SMOOTH))
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTH) ** 2)
    window = (window / window.sum()) ** power
    for axis in (0, 1):
        image = ndimage.correlate1d(image, window, axis=axis, mode="constant")
    return np.asarray(image)


def _point(shape: tuple[int, ...]) -> Array:
    result = np.zeros(shape)
    result[shape[0] // 2, shape[1] // 2] = 1
    return result


def _spread(values: Array) -> float:
    return float(_DEVIATION * np.median(np.abs(values - np.median(values))))


def _check(images: Array, exterior: Array) -> None:
    if images.ndim != 3 or images.shape != exterior.shape:
        raise ValueError(f"exterior has shape {exterior.shape}; allowed: that of the images, {images.shape}")
    count = np.count_nonzero(exterior, axis=(1, 2))
    if count.min(initial=_LEAST) < _LEAST:
        index = int(np.argmin(count))
        raise ValueError(f"exterior of image {index} has {count[index]} pixels; allowed: from {_LEAST}")
