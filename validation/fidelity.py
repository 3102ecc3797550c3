"""How close an image is to the truth, once in its frame.

- `complex_error`: normalised root-mean-square error of a wave, over a stated gauge;
- `contrast_and_offset`, `ContrastFit`: slope and offset of image against truth;
- `correlation`: Pearson's;
- `structural_similarity`: of luminance, contrast and structure in small windows.

Those of vector fields are in `vector_fidelity`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import metrics

Array = NDArray[Any]
Floats = NDArray[np.float64]

_TILES = 6
_SSIM_WINDOW = 11


@dataclass(frozen=True)
class ContrastFit:
    """Regression ``image = contrast * truth + offset``, with jackknife standard errors over tiles of the mask."""

    contrast: float
    offset: float
    contrast_error: float
    offset_error: float


def complex_error(a: Array, b: Array, *, mask: Array | None = None, gauge: Sequence[str] = ("phase", "scale")) -> float:
    """Return the least ``|gamma a - b|/|b|`` over the gauge.

    Parameters
    ----------
    a, b : arrays of one shape
        Estimate and truth, registered.
    mask : array, optional
        Weight from 0 to 1.
    gauge : sequence of str
        "phase": gamma has any phase (a sign for real arrays); "scale": any modulus. Empty: gamma = 1.

    Raises
    ------
    ValueError
        On different shapes, an unknown gauge or a truth that vanishes.
    """
    weight = _weight(a, b, mask)
    unknown = set(gauge) - {"phase", "scale"}
    if unknown or isinstance(gauge, str):
        raise ValueError(f"gauge is {gauge!r}; allowed: a sequence of 'phase', 'scale'")
    power_a, power_b = (float((weight * np.abs(v).astype(np.float64) ** 2).sum()) for v in (a, b))
    product = complex((weight * (np.conj(a) * b)).sum(dtype=np.complex128))
    if not power_b > 0:
        raise ValueError("b vanishes under the mask; allowed: a truth above 0")
    overlap = abs(product) if "phase" in gauge else product.real
    scale = max(overlap, 0.0) / power_a if "scale" in gauge and power_a > 0 else 1.0
    return math.sqrt(max(scale**2 * power_a - 2 * scale * overlap + power_b, 0.0) / power_b)


def contrast_and_offset(image: Array, truth: Array, *, mask: Array) -> ContrastFit:
    """Regress the image on the truth by ordinary least squares.

    The truth has no error, so noise of the image does not bias the slope. The errors leave out one of 36 tiles at a
    time.

    Parameters
    ----------
    image, truth : (ny, nx) real arrays
    mask : (ny, nx) array
        Weight from 0 to 1.

    Raises
    ------
    ValueError
        On different shapes, complex arrays or a truth without contrast under the mask.
    """
    weight = _weight(image, truth, mask)
    if np.iscomplexobj(image) or np.iscomplexobj(truth):
        raise ValueError("image or truth is complex; allowed: real arrays")
    x, y = np.asarray(truth, np.float64), np.asarray(image, np.float64)
    tile = _tiles(weight)
    sums = np.array([np.bincount(tile, (weight * v).ravel()) for v in (np.ones(x.shape), x, y, x * x, x * y)])
    sums = sums[:, sums[0] > 0]
    slope, offset = _regression(sums.sum(axis=1, keepdims=True))
    if not np.isfinite(slope[0]):
        raise ValueError("truth has no contrast under the mask; allowed: at least two values")
    count = sums.shape[1]
    left = _regression(sums.sum(axis=1, keepdims=True) - sums)
    errors = [
        math.sqrt((count - 1) / count * float(np.sum((v - v.mean()) ** 2))) if count > 1 else math.nan for v in left
    ]
    return ContrastFit(float(slope[0]), float(offset[0]), errors[0], errors[1])


def correlation(a: Array, b: Array, *, mask: Array | None = None) -> float:
    """Return Pearson's correlation of two real arrays under a mask; NaN where one has no contrast."""
    weight = _weight(a, b, mask)
    total = weight.sum()
    x, y = (np.asarray(v, np.float64) - float((weight * v).sum() / total) for v in (a, b))
    norm = math.sqrt(float((weight * x * x).sum()) * float((weight * y * y).sum()))
    return float((weight * x * y).sum()) / norm if norm > 0 else math.nan


def structural_similarity(a: Array, b: Array, *, data_range: float) -> float:
    """Return the mean structural similarity (SSIM) of two real images or volumes.

    Windows are Gaussian, sigma 1.5 px; variances are those of the window itself, not of a sample. Values should start
    at 0: give ``m_z + 1`` with a `data_range` of 2. On a signed image the term of the means, near zero, forgives an
    inversion.

    Parameters
    ----------
    a, b : real arrays of one shape
        At least 11 samples along each axis.
    data_range : float
        Difference between the largest and the smallest possible value.

    Raises
    ------
    ValueError
        On shapes that differ or are too small, values that are complex or not finite, a range that is not positive.

    References
    ----------
    Wang et al., IEEE Trans. Image Process. 13, 600 (2004), doi:10.1109/TIP.2003.819861.
    """
    _weight(a, b, None)
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        raise ValueError("a or b is complex; allowed: real arrays")
    if min(a.shape) < _SSIM_WINDOW:
        raise ValueError(f"a has shape {a.shape}; allowed: at least {_SSIM_WINDOW} samples along each axis")
    if not 0 < data_range < math.inf:
        raise ValueError(f"data_range is {data_range!r}; allowed: above 0, such as 2 for m_z + 1")
    x, y = (np.asarray(v, np.float64) for v in (a, b))
    return float(
        metrics.structural_similarity(  # type: ignore[no-untyped-call]
            x, y, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def _regression(sums: Floats) -> tuple[Floats, Floats]:
    n, x, y, xx, xy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (n * xy - x * y) / (n * xx - x * x)
        return slope, (y - slope * x) / n


def _tiles(weight: Floats) -> NDArray[np.int64]:
    edges = [np.flatnonzero(weight.any(axis=axis)) for axis in (1, 0)]
    tiles = [
        np.clip((np.arange(n) - e[0]) * _TILES // (e[-1] - e[0] + 1), 0, _TILES - 1)
        for n, e in zip(weight.shape, edges, strict=True)
    ]
    return np.asarray(tiles[0][:, None] * _TILES + tiles[1][None, :], np.int64).ravel()


def _weight(a: Array, b: Array, mask: Array | None) -> Floats:
    weight = np.ones(a.shape) if mask is None else np.asarray(mask, np.float64)
    if not a.shape == b.shape == weight.shape:
        raise ValueError(f"shapes are {a.shape}, {b.shape} and mask {weight.shape}; allowed: one shape")
    for name, values in (("a", a), ("b", b), ("mask", weight)):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
    if weight.min() < 0 or not weight.sum() > 0:
        raise ValueError("mask is empty or negative somewhere; allowed: from 0, a positive sum")
    return weight
