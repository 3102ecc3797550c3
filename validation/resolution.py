"""Correlation of two images by spatial frequency, and the resolution read off it.

- `CorrelationCurve`, `fourier_ring_correlation`: F(f), in two or three dimensions, real or complex;
- `threshold_curve`: half-bit, 1-bit, 1/7, 0.5 and 3-sigma, for half and full data sets;
- `Resolution`, `resolution`: the crossing, its interval by redraw, half and full period;
- `crossing`: the crossing rule itself, for any curve;
- `expected_truth_correlation`: what the correlation of two halves promises for their mean.

Thresholds: van Heel & Schatz, J. Struct. Biol. 151, 250 (2005), doi:10.1016/j.jsb.2005.05.009. Halves and truth:
Rosenthal & Henderson, J. Mol. Biol. 333, 721 (2003).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.rings import Size, ring_grid

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Signal-to-noise ratio S of each criterion for half data sets; a full set holds twice of it.
_SIGNAL_TO_NOISE = {"half-bit": (math.sqrt(2.0) - 1.0) / 2.0, "1-bit": 0.5}
_CONSTANT = {"1/7": 1.0 / 7.0, "0.5": 0.5}
CRITERIA = (*_SIGNAL_TO_NOISE, *_CONSTANT, "3-sigma")
_FIRST_RING = 3


@dataclass(frozen=True)
class CorrelationCurve:
    """Correlation of two arrays by rings or shells of spatial frequency.

    Attributes
    ----------
    frequency : (rings,) float64 array
        In cycles per metre.
    correlation, imaginary : (rings,) float64 arrays
        Real and imaginary part of the normalised sum. The imaginary one is a diagnostic of shifts; for real arrays,
        whose full plane has none, that of the half plane. NaN on an empty ring.
    count : (rings,) float64 array
        Samples of the full plane on each ring.
    is_complex : bool
        Whether the arrays were complex (all samples independent) or real (pairs of them are conjugate).
    mask_fraction : float
        Mean of the mask.
    dimensions : int
        2 for rings, 3 for shells.
    """

    frequency: Floats
    correlation: Floats
    imaginary: Floats
    count: Floats
    is_complex: bool
    mask_fraction: float
    dimensions: int = 2

    def scatter(self, correlation: Floats) -> Floats:
        """Return the standard deviation of each ring around an expected `correlation`.

        ``(1 - F^2)/sqrt(n)`` for real, ``(1 - F^2)/sqrt(2 n)`` for complex arrays. A mask ties neighbouring samples of
        a ring together; the effective number is n times ``mask_fraction**((d - 1)/d)``.
        """
        independent = self.count * self.mask_fraction ** ((self.dimensions - 1) / self.dimensions)
        with np.errstate(divide="ignore"):
            return np.asarray((1 - correlation**2) / np.sqrt(independent * (2 if self.is_complex else 1)))


@dataclass(frozen=True)
class Resolution:
    """Where a curve falls below its threshold.

    Attributes
    ----------
    frequency : float
        Crossing in cycles per metre; the band edge where the curve never crosses; NaN without any finite ring.
    half_period, full_period : float
        1/(2 f) and 1/f in metres.
    interval : tuple of float
        68 % interval of `half_period`; NaN without draws.
    criterion, data_set, n_convention : str
        As asked for.
    crossed : bool
        False if sampling limits the resolution.
    notes : tuple of str
    """

    frequency: float
    half_period: float
    full_period: float
    interval: tuple[float, float]
    criterion: str
    data_set: str
    n_convention: str
    crossed: bool
    notes: tuple[str, ...] = ()

    @property
    def uncertainty(self) -> float:
        """Half the width of `interval`, in metres of half period."""
        return (self.interval[1] - self.interval[0]) / 2


def fourier_ring_correlation(
    a: Array,
    b: Array,
    *,
    pixel_size: Size,
    mask: Array | None = None,
    remove_mean: bool = True,
    ring_width: float = 1.0,
) -> CorrelationCurve:
    """Correlate two arrays by rings (2D) or shells (3D) of spatial frequency.

    ``F = Re sum(A conj(B)) / sqrt(sum|A|^2 sum|B|^2)`` over each ring.

    Parameters
    ----------
    a, b : real or complex arrays of one shape
        Registered images or volumes.
    pixel_size : float or sequence
        Sampling in metres, one number or one per axis.
    mask : array, optional
        Window from 0 to 1, best with a soft edge; both arrays are multiplied by it.
    remove_mean : bool
        Subtract the (masked) mean of each first; a common mean under a mask correlates by itself.
    ring_width : float
        Width of a ring in units of the largest ``1/(N_i d_i)``.

    Raises
    ------
    ValueError
        On arrays of different shapes, not finite or not 2D or 3D; on an empty mask.
    """
    first, second = _checked(a, "a"), _checked(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"b has shape {second.shape}; allowed: that of a, {first.shape}")
    window = np.ones(first.shape) if mask is None else np.asarray(mask, np.float64)
    if window.shape != first.shape or not window.sum() > 0:
        raise ValueError(
            f"mask has shape {window.shape} and sum {window.sum():g}; allowed: {first.shape} and a positive sum"
        )
    is_complex = np.iscomplexobj(first) or np.iscomplexobj(second)
    spectra = []
    for data in (first, second):
        mean = (data * window).sum() / window.sum() if remove_mean else 0.0
        masked = (data - mean) * window
        spectra.append(fourier.fftn(masked.astype(np.complex128)) if is_complex else fourier.rfftn(masked))
    layout = "unshifted" if is_complex else "half"
    grid = ring_grid(first.shape, pixel_size=pixel_size, layout=layout, ring_width=ring_width)
    product = spectra[0] * spectra[1].conj()
    power = [grid.total(s.real**2 + s.imag**2) for s in spectra]
    # What is left of a removed mean is rounding, and no correlation.
    empty = [p <= 1e-24 * max(float(p.sum()), np.finfo(np.float64).tiny) for p in power]
    norm = np.where(empty[0] | empty[1], np.nan, np.sqrt(power[0] * power[1]))
    real, imaginary = grid.total(product.real) / norm, grid.total(product.imag) / norm
    return CorrelationCurve(
        grid.frequency, real, imaginary, grid.count, is_complex, float(window.mean()), dimensions=first.ndim
    )


def threshold_curve(
    n: Array | float,
    *,
    kind: str,
    data_set: str = "half",
    n_convention: str = "full",
    object_ratio: float | None = None,
    symmetry: int = 1,
) -> Floats:
    """Return the threshold for rings of `n` samples.

    ``T(n; S) = (S + (2 sqrt(S) + 1)/sqrt(n)) / (1 + S + 2 sqrt(S)/sqrt(n))``, 1 at n = 1.

    Parameters
    ----------
    n : array or float
        Samples of the full plane on each ring.
    kind : {"half-bit", "1-bit", "1/7", "0.5", "3-sigma"}
        Half-bit has S = 0.2071, 1-bit S = 0.5 (for half sets). 3-sigma is ``3 sqrt(symmetry)/sqrt(n/2)``.
    data_set : {"half", "full"}
        Whether the two images hold half of the data each, or all of it (S doubles).
    n_convention : {"full", "hermitian"}
        Enter the formula with n, as most codes do, or with n/2. 3-sigma and the constants do not depend on it.
    object_ratio : float, optional
        Object's size over the field's; multiplies n by ``(1.5 object_ratio)^2``.
    symmetry : int
        Number of asymmetric units; divides n.

    Raises
    ------
    ValueError
        On an unknown kind, data set or convention.
    """
    for name, value, allowed in (
        ("kind", kind, CRITERIA),
        ("data_set", data_set, ("half", "full")),
        ("n_convention", n_convention, ("full", "hermitian")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
    count = np.asarray(n, np.float64)
    if kind in _CONSTANT:
        return np.full(count.shape, _CONSTANT[kind])
    size = 1.0 if object_ratio is None else (1.5 * object_ratio) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "3-sigma":
            return np.asarray(3.0 / np.sqrt(count * size / (2.0 * symmetry)))
        root = np.sqrt(count * size / symmetry / (2.0 if n_convention == "hermitian" else 1.0))
        ratio = _SIGNAL_TO_NOISE[kind] * (2.0 if data_set == "full" else 1.0)
        amplitude = 2.0 * math.sqrt(ratio)
        return np.asarray((ratio + (amplitude + 1.0) / root) / (1.0 + ratio + amplitude / root))


def resolution(
    curve: CorrelationCurve,
    *,
    criterion: str,
    data_set: str = "half",
    n_convention: str = "full",
    smoothing: float = 1.5,
    draws: int = 0,
    rng: np.random.Generator | None = None,
) -> Resolution:
    """Read the resolution off a correlation curve.

    The curve, not the threshold, is smoothed by a Gaussian; from the first ring >= 3 where the threshold is below 1,
    the first ring below the threshold ends the band, interpolated linearly. The interval redraws the rings around the
    smoothed curve with their expected scatter and crosses again.

    Parameters
    ----------
    curve : CorrelationCurve
    criterion : str
        A kind of `threshold_curve`.
    data_set, n_convention : str
        As in `threshold_curve`.
    smoothing : float
        Sigma of the Gaussian in rings; 0 for none.
    draws : int
        Number of redraws for the interval; 0 for none.
    rng : numpy.random.Generator, optional
        Needed for draws.

    Raises
    ------
    ValueError
        On a bad criterion, negative smoothing, or draws without `rng`.
    """
    if draws and rng is None:
        raise ValueError(f"draws is {draws} without rng; allowed: 0, or a numpy.random.Generator as rng")
    if not smoothing >= 0:
        raise ValueError(f"smoothing is {smoothing!r}; allowed: from 0 rings")
    threshold = threshold_curve(curve.count, kind=criterion, data_set=data_set, n_convention=n_convention)
    smooth = _smoother(curve.correlation, smoothing)
    level = smooth(curve.correlation)
    frequency, crossed = crossing(curve.frequency, level, threshold)
    interval = (math.nan, math.nan)
    if draws and rng is not None and math.isfinite(frequency):
        noise = rng.standard_normal((draws, level.size)) * np.nan_to_num(curve.scatter(np.clip(level, -1, 1)))
        crossings = [crossing(curve.frequency, row, threshold)[0] for row in smooth(level + noise)]
        low, high = np.quantile(1 / (2 * np.asarray(crossings)), [0.16, 0.84])
        interval = (float(low), float(high))
    notes = () if crossed else ("the curve never falls below the threshold: limited by sampling",)
    if not math.isfinite(frequency):
        notes = ("no finite ring",)
    full = 1 / frequency if frequency > 0 else math.nan
    return Resolution(frequency, full / 2, full, interval, criterion, data_set, n_convention, crossed, notes)


def crossing(frequency: Floats, level: Floats, threshold: Floats) -> tuple[float, bool]:
    """Return the frequency where `level` first falls below `threshold`, and whether it does.

    Rings below the third, rings whose threshold is not below 1 and NaN rings are passed over. The crossing lies on the
    straight line between the last ring above and the first one below; the last frequency if there is none.
    """
    usable = np.isfinite(level) & np.isfinite(threshold) & (threshold < 1) & (np.arange(level.size) >= _FIRST_RING)
    rings = np.flatnonzero(usable)
    if rings.size == 0:
        return math.nan, False
    excess = level[rings] - threshold[rings]
    below = np.flatnonzero(excess < 0)
    if below.size == 0:
        return float(frequency[rings[-1]]), False
    end = int(below[0])
    if end == 0:
        return float(frequency[rings[0]]), True
    share = excess[end - 1] / (excess[end - 1] - excess[end])
    start, stop = frequency[rings[end - 1]], frequency[rings[end]]
    return float(start + share * (stop - start)), True


def expected_truth_correlation(correlation: Array) -> Floats:
    """Return ``sqrt(2 F/(1 + F))``: the truth correlation of the mean of two *independent* halves; 0 for F <= 0."""
    half = np.maximum(np.asarray(correlation, np.float64), 0.0)
    return np.asarray(np.sqrt(2 * half / (1 + half)))


class _Smoother:
    """Gaussian smoothing over rings that skips NaN rings and loses no weight at the ends."""

    def __init__(self, valid: Array, sigma: float) -> None:
        ring = np.arange(valid.size)
        kernel = np.exp(-0.5 * ((ring[:, None] - ring[None, :]) / sigma) ** 2) if sigma > 0 else np.eye(valid.size)
        kernel *= valid[None, :]
        with np.errstate(invalid="ignore", divide="ignore"):
            self._kernel = np.where(valid[:, None], kernel / kernel.sum(axis=1, keepdims=True), 0.0)
        self._blank = np.where(valid, 0.0, np.nan)

    def __call__(self, curves: Floats) -> Floats:
        return np.asarray(np.nan_to_num(curves) @ self._kernel.T + self._blank)


def _smoother(correlation: Floats, sigma: float) -> _Smoother:
    return _Smoother(np.isfinite(correlation), sigma)


def _checked(array: Array, name: str) -> Array:
    data = np.asarray(array)
    data = data.astype(np.complex128 if np.iscomplexobj(data) else np.float64)
    if data.ndim not in (2, 3):
        raise ValueError(f"{name} has {data.ndim} dimensions; allowed: 2 or 3")
    if not np.all(np.isfinite(data)):
        raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
    return data
