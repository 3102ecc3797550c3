"""How close an image is to the truth, once in its frame.

- `complex_error`: normalised root-mean-square error of a wave, over a stated gauge;
- `contrast_and_offset`, `ContrastFit`: slope and offset of image against truth;
- `correlation`: Pearson's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

_TILES = 6


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
    if not weight.sum() > 0:
        raise ValueError("mask is empty; allowed: a positive sum")
    return weight
