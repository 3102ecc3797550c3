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

from validation.resolution.spectra import varies

Array = NDArray[Any]
Floats = NDArray[np.float64]

_TILES = 6
_SSIM_WINDOW = 11
_LEAST_VARIANCE = 1e-10
"""Share of the truth's variance that must be left without a tile: less is rounding."""


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
        On different shapes, values that are not finite, a mask that is not from 0 to 1 or empty, an unknown gauge or a
        truth that vanishes.
    """
    first, second, weight = _checked(a, b, mask)
    unknown = set(gauge) - {"phase", "scale"}
    if unknown or isinstance(gauge, str):
        raise ValueError(f"gauge is {gauge!r}; allowed: a sequence of 'phase', 'scale'")
    power_a, power_b = (float((weight * np.abs(v) ** 2).sum()) for v in (first, second))
    if not power_b > 0:
        raise ValueError("b vanishes under the mask; allowed: a truth above 0")
    product = (weight * (np.conj(first) * second)).sum()
    turn = product / abs(product) if "phase" in gauge and product else 1.0
    overlap = float((product * np.conj(turn)).real)
    scale = max(overlap, 0.0) / power_a if "scale" in gauge and power_a > 0 else 1.0
    # The sum itself: its expansion in powers and products loses errors that are small.
    return math.sqrt(float((weight * np.abs(scale * turn * first - second) ** 2).sum()) / power_b)


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
        On different shapes, arrays that are complex or not 2D, values that are not finite, a mask that is not from 0 to
        1 or empty, or a truth without contrast under the mask.

    Notes
    -----
    Where all contrast lies within one tile, the errors are NaN.
    """
    measured, true, weight = _checked(image, truth, mask, names=("image", "truth"), real=True)
    if measured.ndim != 2:
        raise ValueError(f"image has {measured.ndim} dimensions; allowed: 2")
    if not _has_contrast(truth, weight):
        raise ValueError("truth has no contrast under the mask; allowed: at least two values")
    # Means first, or the sums would cancel where the contrast is small beside them.
    centre_x, centre_y = (float((weight * v).sum() / weight.sum()) for v in (true, measured))
    x, y = true - centre_x, measured - centre_y
    tile = _tiles(weight)
    sums = np.array([np.bincount(tile, (weight * v).ravel()) for v in (np.ones(x.shape), x, y, x * x, x * y)])
    sums = sums[:, sums[0] > 0]
    total, count = sums.sum(axis=1, keepdims=True), sums.shape[1]
    contrast, offset = (float(v[0]) for v in _regression(total, total[3], centre_x, centre_y))
    left = _regression(total - sums, total[3], centre_x, centre_y)
    errors = [
        math.sqrt((count - 1) / count * float(np.sum((v - v.mean()) ** 2))) if count > 1 else math.nan for v in left
    ]
    return ContrastFit(contrast, offset, errors[0], errors[1])


def correlation(a: Array, b: Array, *, mask: Array | None = None) -> float:
    """Return Pearson's correlation of two real arrays under a mask; NaN where one has no contrast beyond rounding.

    Parameters
    ----------
    a, b : real arrays of one shape
    mask : array, optional
        Weight from 0 to 1.

    Raises
    ------
    ValueError
        On different shapes, complex arrays, values that are not finite, or a mask that is not from 0 to 1 or empty.
    """
    first, second, weight = _checked(a, b, mask, real=True)
    if not all(_has_contrast(v, weight) for v in (a, b)):
        return math.nan
    x, y = (v - float((weight * v).sum() / weight.sum()) for v in (first, second))
    norm = math.sqrt(float((weight * x * x).sum())) * math.sqrt(float((weight * y * y).sum()))
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
    x, y, _ = _checked(a, b, None, real=True)
    if min(x.shape) < _SSIM_WINDOW:
        raise ValueError(f"a has shape {x.shape}; allowed: at least {_SSIM_WINDOW} samples along each axis")
    if not 0 < data_range < math.inf:
        raise ValueError(f"data_range is {data_range!r}; allowed: above 0, such as 2 for m_z + 1")
    return float(
        metrics.structural_similarity(  # type: ignore[no-untyped-call]
            x, y, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def _has_contrast(values: Array, weight: Floats) -> bool:
    """Tell as `varies` does, for any number of axes."""
    rows = (2, weight.size)
    return weight.size > 1 and varies(
        np.broadcast_to(np.ravel(values), rows), mask=np.broadcast_to(weight.ravel(), rows)
    )


def _regression(sums: Floats, power: Floats, centre_x: float, centre_y: float) -> tuple[Floats, Floats]:
    """Return slopes and offsets from sums of 1, x, y, x^2, xy about a centre; NaN where little of the `power` is left.

    The offset is that at x = 0, not at the centre.
    """
    n, x, y, xx, xy = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = xx - x * x / n
        slope = np.where(variance > _LEAST_VARIANCE * power, (xy - x * y / n) / variance, np.nan)
        return slope, (y - slope * x) / n + centre_y - slope * centre_x


def _tiles(weight: Floats) -> NDArray[np.int64]:
    edges = [np.flatnonzero(weight.any(axis=axis)) for axis in (1, 0)]
    tiles = [
        np.clip((np.arange(n) - e[0]) * _TILES // (e[-1] - e[0] + 1), 0, _TILES - 1)
        for n, e in zip(weight.shape, edges, strict=True)
    ]
    return np.asarray(tiles[0][:, None] * _TILES + tiles[1][None, :], np.int64).ravel()


def _checked(
    a: Array, b: Array, mask: Array | None, *, names: tuple[str, str] = ("a", "b"), real: bool = False
) -> tuple[Array, Array, Floats]:
    """Return both arrays in double precision and the weight, after the checks."""
    first, second = np.asarray(a), np.asarray(b)
    weight = np.ones(first.shape) if mask is None else np.asarray(mask, np.float64)
    if not first.shape == second.shape == weight.shape:
        raise ValueError(f"shapes are {first.shape}, {second.shape} and mask {weight.shape}; allowed: one shape")
    given = dict(zip(names, (first, second), strict=True))
    for name, values in {**given, "mask": weight}.items():
        if values.dtype.kind not in "biufc" or (real and np.iscomplexobj(values)):
            raise ValueError(f"{name} is {values.dtype.name}; allowed: {'real' if real else 'real or complex'} numbers")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
    if weight.size == 0 or weight.min() < 0 or weight.max() > 1 or not weight.sum() > 0:
        raise ValueError("mask is empty, or not from 0 to 1 everywhere; allowed: from 0 to 1, a positive sum")
    kind = np.complex128 if any(np.iscomplexobj(v) for v in given.values()) else np.float64
    return first.astype(kind), second.astype(kind), weight
