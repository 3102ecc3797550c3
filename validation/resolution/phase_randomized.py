"""The correlation that a mask adds by itself, measured by randomised phases and taken off.

- `phase_randomized_correlation`: unmasked, masked, randomised and corrected curves of two halves.

Chen et al., Ultramicroscopy 135, 24 (2013), doi:10.1016/j.ultramic.2013.06.004; `calculateFSCtrue` in 3dem/relion.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from validation.resolution.binning import RingRule, Size, outer_sum, ring_of, ring_rule, sizes
from validation.resolution.curves import CorrelationCurve, fourier_ring_correlation
from validation.uncertainty import checked_generator

Array = NDArray[Any]
Floats = NDArray[np.float64]

_SKIP = 2  # rings from the first randomised one to the first corrected one
_MASK_LIMIT = 0.1
_THRESHOLD = 1 / 7
_REACH = 5  # rings whose mean says what the curve is after the seam


def phase_randomized_correlation(
    a: Array,
    b: Array,
    *,
    pixel_size: Size,
    mask: Array,
    rng: np.random.Generator,
    start: float = 0.8,
) -> xr.Dataset:
    """Correct the masked correlation of two halves for the mask's own.

    Beyond the first ring where the unmasked correlation is below `start`, the phases of both halves are replaced by
    those of white noise, one set each; what they correlate by under the mask, F_n, is the mask's. The corrected curve
    is ``(F_t - F_n)/(1 - F_n)`` from the second ring after, the masked one F_t below.

    Parameters
    ----------
    a, b : real or complex arrays of one shape
        The halves, (ny, nx) or (nz, ny, nx), unmasked.
    pixel_size : float or sequence
        In metres.
    mask : array
        Window from 0 to 1.
    rng : numpy.random.Generator
        Makes the white noise.
    start : float
        Above 0, below 1.

    Returns
    -------
    Dataset
        By `frequency` (cycles/m): `unmasked`, `masked`, `randomized` (NaN before the seam), `corrected`, `count`.
        Numbers: `seam` (cycles/m), first corrected ring, NaN if there is none; `mean_beyond`, the corrected curve's
        mean from there on, rings weighted by count; `seam_step`, by how much it falls to the seam from the ring before.
        Flags: `mask_correlates`, F_n above 0.1 on the mean beyond the seam; `seam_decides`, the corrected curve is
        above 1/7 before the seam and below it on the mean of five rings from there on: the jump, made by the procedure,
        then stands for the resolution, and over-states it.

    Raises
    ------
    ValueError
        If `start` is out of range, without a mask, on an `rng` that is none, and as `fourier_ring_correlation`.

    Notes
    -----
    Score the mean of the corrected curve beyond the seam, not a crossing on it.
    """
    if not 0 < start < 1:
        raise ValueError(f"start is {start!r}; allowed: above 0, below 1")
    if mask is None:
        raise ValueError("mask is None; allowed: a window from 0 to 1")
    checked_generator(rng)
    unmasked, masked = (fourier_ring_correlation(a, b, pixel_size=pixel_size, mask=w) for w in (None, mask))
    low = np.flatnonzero(unmasked.correlation < start)
    corrected = masked.correlation.copy()
    randomized = np.full(corrected.size, np.nan)
    seam = int(low[0]) + _SKIP if low.size else corrected.size
    if seam < corrected.size:
        halves = (_randomized(np.asarray(v), pixel_size, int(low[0]), rng) for v in (a, b))
        noise = fourier_ring_correlation(*halves, pixel_size=pixel_size, mask=mask).correlation
        randomized[seam:] = noise[seam:]
        corrected[seam:] = (corrected[seam:] - noise[seam:]) / (1 - noise[seam:])
    return _dataset(unmasked, masked, randomized, corrected, seam)


def _randomized(values: Array, pixel_size: Size, first: int, rng: np.random.Generator) -> Array:
    """Return `values` with random phases from ring `first` on."""
    is_complex = np.iscomplexobj(values)
    spacing = sizes(pixel_size, values.ndim)
    rule = ring_rule(values.shape, spacing=spacing, layout="unshifted" if is_complex else "half")
    dtype = np.float32 if values.real.dtype.itemsize <= 4 and values.dtype.kind in "fc" else np.float64
    noise = rng.standard_normal(values.shape, dtype)
    if is_complex:
        wide = noise + 1j * rng.standard_normal(values.shape, dtype)
        phases, spectrum = fourier.fftn(wide, overwrite=True), fourier.fftn(values)
    else:
        phases, spectrum = fourier.rfftn(noise), fourier.rfftn(values.astype(dtype, copy=False))
    for index, frequency in enumerate(rule.axes[0]):
        _give_phases(spectrum[index], phases[index], _beyond(rule, float(frequency), first))
    return fourier.ifftn(spectrum, overwrite=True) if is_complex else fourier.irfftn(spectrum, values.shape)


def _beyond(rule: RingRule, frequency: float, first: int) -> Array:
    """Return which samples of one plane of the spectrum lie on ring `first` or beyond."""
    return np.asarray(ring_of(frequency**2 + outer_sum([f**2 for f in rule.axes[1:]]), rule) >= first)


def _give_phases(spectrum: Array, phases: Array, chosen: Array) -> None:
    """Give the `chosen` samples of `spectrum` the phases of another, in place."""
    direction = phases[chosen]
    modulus = np.maximum(np.abs(direction), np.finfo(direction.real.dtype).tiny)
    spectrum[chosen] = np.abs(spectrum[chosen]) * (direction / modulus)


def _dataset(
    unmasked: CorrelationCurve, masked: CorrelationCurve, randomized: Floats, corrected: Floats, seam: int
) -> xr.Dataset:
    frequency, count = masked.frequency, masked.count
    curves = {
        "unmasked": unmasked.correlation,
        "masked": masked.correlation,
        "randomized": randomized,
        "corrected": corrected,
        "count": count,
    }
    exists = seam < frequency.size
    after = slice(seam, seam + _REACH)
    decides = exists and corrected[seam - 1] >= _THRESHOLD > _mean(corrected[after], count[after])
    numbers = {
        "seam": frequency[seam] if exists else np.nan,
        "mean_beyond": _mean(corrected[seam:], count[seam:]),
        "seam_step": corrected[seam - 1] - corrected[seam] if exists else np.nan,
        "mask_correlates": bool(_mean(randomized[seam:], count[seam:]) > _MASK_LIMIT),
        "seam_decides": bool(decides),
    }
    data = {name: ("frequency", values) for name, values in curves.items()}
    result = xr.Dataset({**data, **{name: ((), value) for name, value in numbers.items()}})
    result["seam"].attrs["units"] = "1/m"
    return result.assign_coords(frequency=("frequency", frequency, {"units": "1/m"}))


def _mean(values: Floats, count: Floats) -> float:
    good = np.isfinite(values)
    return float(np.average(values[good], weights=count[good])) if good.any() else float("nan")
