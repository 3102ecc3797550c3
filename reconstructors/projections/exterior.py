"""Where a projection shows no sample, from the optical density of its charge alone.

- `find_exterior`: outline of the sample by two thresholds above a smooth background, holes filled, with a margin.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu

Array = NDArray[Any]

_ROUNDS = 4  # of outline and background in turn
_ABOVE = 5.0  # standard deviations of the smoothed exterior, from where a pixel may be sample
_FITS = 4
_LEAST_SPREAD = 1e-3  # of the range, where there is no noise
_DEVIATION = 1.4826  # standard deviation over median deviation
_RANK = 1e-10  # of the normal matrix: what a small exterior cannot tell apart stays out of the fit
_CONTRAST = 8.0  # standard deviations that the sample stands out by, at least
_LEAST = 0.02  # of the pixels: fewer say nothing of the background
_GRAIN = 9  # px: less than that is noise and no sample


def find_exterior(charge: Array, *, margin: int = 3, smooth: float = 1.5) -> Array:
    """Return where there is vacuum or bare membrane.

    Otsu's threshold parts the sample from the rest; a cubic is fitted to the rest and taken off; what is joined to the
    sample and stands out of the noise of the rest belongs to it too (hysteresis). Twice more with the better outline.

    Parameters
    ----------
    charge : (Y, X) float array, or (projection, Y, X)
        Optical density of the charge, ``(OD+ + OD-)/2``.
    margin : int
        Pixels round the outline that are left out, >= 0.
    smooth : float
        Standard deviation of the smoothing of what the thresholds see, px, > 0.

    Returns
    -------
    bool array of the shape of `charge`

    Raises
    ------
    ValueError
        If an image has no exterior (the sample fills the view) or no sample; margin or smooth are out of range.
    """
    if charge.ndim not in (2, 3):
        raise ValueError(f"charge has {charge.ndim} axes; allowed: 2 or 3")
    if margin < 0 or not smooth > 0:
        raise ValueError(f"margin and smooth are {margin} and {smooth:.4g} px; allowed: from 0, and above 0")
    images = charge[None] if charge.ndim == 2 else charge
    found = [_exterior(image.astype(np.float64), margin, smooth, index) for index, image in enumerate(images)]
    return np.stack(found).reshape(charge.shape)


def _exterior(image: Array, margin: int, smooth: float, index: int) -> Array:
    seen = ndimage.gaussian_filter(image, smooth, mode="nearest")
    terms = _cubics(image.shape)
    sample = seen > _otsu(seen)
    for _ in range(_ROUNDS):
        outside = ~_grown(sample, margin)
        if outside.mean() < _LEAST:
            raise ValueError(f"charge {index} leaves {outside.mean():.1%} of the view free; allowed: from {_LEAST:.0%}")
        flat, spread = _flattened(seen, terms, outside)
        high = max(_otsu(flat), _ABOVE * spread)
        sample = _outline(flat, _ABOVE * spread, high)
    outside = ~_grown(sample, margin)
    if not sample.any() or outside.mean() < _LEAST:
        raise ValueError(
            f"charge {index} leaves {outside.mean():.1%} of the view free; allowed: {_LEAST:.0%} to less than all"
        )
    contrast = float(flat[sample].mean() / flat[outside].std())
    if contrast < _CONTRAST:
        raise ValueError(
            f"charge {index} stands out by {contrast:.1f} of the rest's spread; allowed: from {_CONTRAST:.0f}"
        )
    return outside


def _flattened(seen: Array, terms: Array, outside: Array) -> tuple[Array, float]:
    """Return the image less the background fitted to the rest, and the spread of that rest.

    Sample that the outline misses makes the rest too dark, never too bright: the spread is that below the median, and
    what exceeds it does not enter the next fit.
    """
    least = _LEAST_SPREAD * float(np.ptp(seen)) + float(np.finfo(np.float32).tiny)
    here, flat, spread = outside, seen, least
    for _ in range(_FITS):
        flat = seen - _fitted(seen, terms, here)
        rest = flat[here]
        middle = np.median(rest)
        spread = max(float(_DEVIATION * np.median(middle - rest[rest <= middle])), least)
        flat = flat - middle
        here = outside & (flat < _ABOVE / 2 * spread)
    return flat, spread


def _otsu(image: Array) -> float:
    threshold: Any = threshold_otsu
    return float(threshold(image))


def _grown(sample: Array, margin: int) -> Array:
    filled = ndimage.binary_fill_holes(sample)
    if not margin:
        return np.asarray(filled)
    return np.asarray(ndimage.distance_transform_edt(~filled) <= margin) if filled.any() else np.asarray(filled)


def _outline(flat: Array, low: float, high: float) -> Array:
    """Return what exceeds `low` and is joined to something above `high`, without grains."""
    grown: Any = apply_hysteresis_threshold
    labels, count = ndimage.label(grown(flat, low, high))
    size = np.bincount(labels.ravel(), minlength=count + 1)
    size[0] = 0
    return np.asarray(size[labels] > _GRAIN)


def _cubics(shape: tuple[int, ...]) -> Array:
    """Return the polynomials of y and x up to the third degree, (Y X, 10)."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return np.stack([(y**a * x**b).ravel() for a in range(4) for b in range(4 - a)], -1)


def _fitted(image: Array, terms: Array, outside: Array) -> Array:
    here = outside.ravel()
    part = terms[here]
    factors = np.linalg.lstsq(part.T @ part, part.T @ image.ravel()[here], rcond=_RANK)[0]
    return np.asarray((terms @ factors).reshape(image.shape))
