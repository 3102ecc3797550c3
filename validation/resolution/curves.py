"""Correlation of two images or volumes by spatial frequency.

- `CorrelationCurve`: F(f) with what its scatter needs;
- `fourier_ring_correlation`, `fourier_shell_correlation`: real or complex, in two or three dimensions;
- `curves_in_cones`: several cones of one pair at once;
- `blank_correlation`: the curve of an image that shows nothing;
- `expected_truth_correlation`: what the correlation of two halves promises for their mean with the truth;
- `equivalent_half_correlation`: its inverse, what halves would show whose mean correlates so with the truth.

Halves and truth: Rosenthal & Henderson, J. Mol. Biol. 333, 721 (2003), doi:10.1016/j.jmb.2003.07.013.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.resolution.binning import RingRule, Size, ring_rule, sizes
from validation.resolution.spectra import Cone, RingSums, check_array, check_window, masked_spectra, ring_sums

Array = NDArray[Any]
Floats = NDArray[np.float64]

# What single precision may change a correlation by; beyond, the transforms are done again in double.
_EXACT = 1e-6

# What is left of a removed mean is rounding, and no correlation.
_NOTHING = 1e-24


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

    ``F = Re sum(A conj(B)) / sqrt(sum|A|^2 sum|B|^2)`` over each ring, to 1e-6 of what double precision gives: single
    precision is transformed as such unless a ring is too weak for it.

    Parameters
    ----------
    a, b : real or complex arrays of one shape
        Registered images or volumes.
    pixel_size : float or sequence
        Sampling in metres, one number or one per axis; 1 to work in pixels.
    mask : array, optional
        Window from 0 to 1, best with a soft edge; both arrays are multiplied by it.
    remove_mean : bool
        Subtract the (masked) mean of each first; a common mean under a mask correlates by itself.
    ring_width : float
        Width of a ring in units of the largest ``1/(N_i d_i)``.

    Returns
    -------
    CorrelationCurve

    Raises
    ------
    ValueError
        On arrays of different shapes, not finite, constant (see `blank_correlation`) or not 2D or 3D; on a mask that is
        empty or not from 0 to 1; on a pixel size that is no length; on rings too wide for two of them.
    """
    return curves_in_cones(
        a, b, (None,), pixel_size=pixel_size, mask=mask, remove_mean=remove_mean, ring_width=ring_width
    )[0]


def fourier_shell_correlation(
    a: Array,
    b: Array,
    *,
    pixel_size: Size,
    mask: Array | None = None,
    remove_mean: bool = True,
    ring_width: float = 1.0,
) -> CorrelationCurve:
    """Correlate two volumes by shells of spatial frequency: `fourier_ring_correlation` for 3D arrays only.

    Parameters
    ----------
    a, b : (nz, ny, nx) real or complex arrays
        Registered volumes.
    pixel_size : float or sequence
        Voxel size in metres, one number or (z, y, x).
    mask : (nz, ny, nx) array, optional
    remove_mean : bool
    ring_width : float
        All as in `fourier_ring_correlation`.

    Returns
    -------
    CorrelationCurve

    Raises
    ------
    ValueError
        As `fourier_ring_correlation`, and on arrays that are not 3D.
    """
    if np.ndim(a) != 3:
        raise ValueError(f"a has {np.ndim(a)} dimensions; allowed: 3")
    return fourier_ring_correlation(
        a, b, pixel_size=pixel_size, mask=mask, remove_mean=remove_mean, ring_width=ring_width
    )


def curves_in_cones(
    a: Array,
    b: Array,
    cones: Sequence[Cone | None],
    *,
    pixel_size: Size,
    mask: Array | None = None,
    remove_mean: bool = True,
    ring_width: float = 1.0,
) -> list[CorrelationCurve]:
    """Correlate two arrays inside each of several cones (None: everywhere); otherwise `fourier_ring_correlation`."""
    first, second = check_array(a, "a"), check_array(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"b has shape {second.shape}; allowed: that of a, {first.shape}")
    fraction = check_window(mask, first.shape)
    window = None if mask is None else np.asarray(mask)
    is_complex = np.iscomplexobj(first) or np.iscomplexobj(second)
    rule = _rule(first.shape, pixel_size, ring_width, "unshifted" if is_complex else "half")
    for double in (False, True):
        spectra, single = masked_spectra({"a": first, "b": second}, window, remove_mean=remove_mean, double=double)
        sums = [ring_sums(spectra[0], spectra[1], rule, cone=cone) for cone in cones]
        del spectra
        if not single or all(s.rounding() <= _EXACT for s in sums):
            break
    return [CorrelationCurve(rule.frequency, *_normalised(s), s.count, is_complex, fraction, first.ndim) for s in sums]


def blank_correlation(
    shape: tuple[int, ...], *, pixel_size: Size, mask: Array | None = None, is_complex: bool = False
) -> CorrelationCurve:
    """Return the curve of an image without any contrast: no ring has a correlation, all are NaN.

    For tables that keep a row for every result. Parameters as in `fourier_ring_correlation`, which refuses such an
    image.
    """
    rule = _rule(shape, pixel_size, 1.0, "unshifted")
    empty = np.zeros(shape, np.complex64)
    count = ring_sums(empty, empty, rule).count
    nothing = np.full(rule.rings, np.nan)
    return CorrelationCurve(
        rule.frequency, nothing, nothing.copy(), count, is_complex, check_window(mask, shape), len(shape)
    )


def expected_truth_correlation(correlation: Array) -> Floats:
    """Return ``sqrt(2 F/(1 + F))``: the truth correlation of the mean of two *independent* halves; 0 for F <= 0."""
    half = np.maximum(np.asarray(correlation, np.float64), 0.0)
    return np.asarray(np.sqrt(2 * half / (1 + half)))


def equivalent_half_correlation(correlation: Array) -> Floats:
    """Return ``C |C|/(2 - C^2)``: the correlation of independent halves whose mean correlates by C with the truth.

    The inverse of `expected_truth_correlation`; negative for negative C. It takes 0.5 to 1/7 and 0.707 to 1/3, so that
    curves against the truth meet the thresholds of half sets.
    """
    truth = np.asarray(correlation, np.float64)
    return np.asarray(truth * np.abs(truth) / (2 - truth**2))


def _rule(shape: tuple[int, ...], pixel_size: Size, ring_width: float, layout: str) -> RingRule:
    rule = ring_rule(shape, spacing=sizes(pixel_size, len(shape)), layout=layout, ring_width=ring_width)
    if rule.rings < 2:
        raise ValueError(
            f"ring_width is {ring_width!r}; allowed: such that {shape} samples of {pixel_size!r} hold two rings"
        )
    return rule


def _normalised(sums: RingSums) -> tuple[Floats, Floats]:
    totals = sums.power.sum(axis=1, keepdims=True)
    empty = np.any(sums.power <= _NOTHING * np.maximum(totals, np.finfo(np.float64).tiny), axis=0)
    with np.errstate(invalid="ignore"):
        # A root of each: their product may leave the range of numbers.
        norm = np.where(empty, np.nan, np.sqrt(sums.power[0]) * np.sqrt(sums.power[1]))
    return sums.cross.real / norm, sums.cross.imag / norm
