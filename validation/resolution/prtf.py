"""The phase retrieval transfer function: how well random starts agree, by spatial frequency.

- `phase_retrieval_transfer_function`, `TransferCurve`: ring mean of ``|mean_k F_k|/sqrt(I)``;
- `transfer_resolution`: where it falls below a level;
- `expected_transfer`, `floor_transfer`: the mean for a given phase error, and for random phases.

It measures repeatability, not truth: an error that every start shares is invisible, and starts that are not random
give 1. Chapman et al., J. Opt. Soc. Am. A 23, 1179 (2006), doi:10.1364/JOSAA.23.001179.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from numerics import fourier
from validation.resolution.crossings import Resolution, crossing
from validation.resolution.rings import Size, check_valid, ring_mean, sizes
from validation.resolution.spectra import check_array
from validation.resolution.starts import mean_of_starts

Array = NDArray[Any]
Floats = NDArray[np.float64]

_LEVEL = math.exp(-1)


@dataclass(frozen=True)
class TransferCurve:
    """Phase retrieval transfer function.

    Attributes
    ----------
    frequency : (rings,) float64 array
        In cycles per metre.
    transfer : (rings,) float64 array
        Ring mean; NaN on a ring without valid pixels.
    count : (rings,) float64 array
        Pixels used.
    starts : int
        Number of reconstructions averaged.
    floor : float
        What random phases would give.
    """

    frequency: Floats
    transfer: Floats
    count: Floats
    starts: int
    floor: float


def phase_retrieval_transfer_function(
    reconstructions: Iterable[Array] | Array,
    measured_amplitude: Array,
    *,
    pixel_size: Size,
    valid: Array | None = None,
    reference: Array | None = None,
    gauge: Sequence[str] = ("twin", "ramp", "shift", "phase"),
) -> TransferCurve:
    """Compare the mean of aligned reconstructions from random starts with the measured amplitude.

    Parameters
    ----------
    reconstructions : iterable of (ny, nx) complex arrays
        Exit waves; at least 20 of them put the floor (0.198) well below the level 1/e.
    measured_amplitude : (ny, nx) real array
        Square root of the measured intensity, centred. Pixels of amplitude 0 are left out.
    pixel_size : float or sequence
        Of the exit waves, metres.
    valid : (ny, nx) bool array, optional
        Measured pixels; the amplitude may hold anything in others.
    reference : (ny, nx) complex array, optional
        What all are aligned to; default the first reconstruction.
    gauge : sequence of str
        Freedoms of `register` removed from each, see `starts.mean_of_starts`.

    Raises
    ------
    ValueError
        With fewer than two reconstructions, on shapes that differ, values that are not finite, an amplitude that is
        complex or negative, or no valid pixel above 0.
    """
    waves = [_checked_wave(wave, f"reconstructions[{index}]") for index, wave in enumerate(reconstructions)]
    amplitude, used = _checked_amplitude(measured_amplitude, valid)
    if len(waves) < 2:
        raise ValueError(f"reconstructions holds {len(waves)}; allowed: from 2, better 20")
    if any(wave.shape != amplitude.shape for wave in waves):
        raise ValueError(f"reconstructions differ in shape from measured_amplitude; allowed: all {amplitude.shape}")
    target = None if reference is None else _checked_wave(reference, "reference")
    if target is not None and target.shape != amplitude.shape:
        raise ValueError(f"reference has shape {target.shape}; allowed: {amplitude.shape}")
    mean = mean_of_starts(waves, amplitude, used, reference=target, gauge=gauge)
    modulus = np.abs(fourier.centred_fft2(mean))
    ratio = np.divide(modulus, amplitude, out=np.zeros_like(amplitude), where=used)
    spacing = sizes(pixel_size, 2)
    steps = [1 / (n * d) for n, d in zip(amplitude.shape, spacing, strict=True)]
    rings = ring_mean(ratio, frequency_step=steps, valid=used)
    return TransferCurve(rings.frequency, rings.mean, rings.count, len(waves), floor_transfer(len(waves)))


def transfer_resolution(curve: TransferCurve, *, level: float = _LEVEL, criterion: str | None = None) -> Resolution:
    """Return where the curve first falls below `level`, without smoothing.

    Parameters
    ----------
    curve : TransferCurve
    level : float
        Above 0, below 1.
    criterion : str, optional
        Name of the level in the result; default "1/e" or the number.

    Raises
    ------
    ValueError
        On a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; allowed: above 0, below 1")
    name = criterion or ("1/e" if level == _LEVEL else f"{level:g}")
    found = crossing(curve.frequency, curve.transfer, np.full(curve.transfer.size, level))
    notes = found.notes
    if curve.floor > 0.9 * level:
        notes = (*notes, f"{curve.starts} starts put the floor of random phases at {curve.floor:.3f}")
    full = 1 / found.frequency if found.frequency > 0 else math.nan
    nothing = (math.nan, math.nan)
    return Resolution(
        found.frequency, full / 2, full, nothing, name, "full", "full", found.crossed, notes, found.below_from_start
    )


def expected_transfer(phase_error: Array | float, *, starts: int) -> Floats:
    """Return the mean of the transfer function for Gaussian phase errors of standard deviation `phase_error` (rad).

    The mean of a Rice distribution, ``s sqrt(pi/2) L_1/2(-e^2/2 s^2)`` with ``e = exp(-sigma^2/2)``,
    ``s^2 = (1 - e^2)/(2 K)``, for K `starts`.
    """
    floor_transfer(starts)
    error = np.asarray(phase_error, np.float64)
    if not np.all(error >= 0):
        raise ValueError(f"phase_error is {np.min(error):g} at least once; allowed: from 0 rad")
    coherent = np.exp(-(error**2) / 2)
    variance = np.maximum(1 - coherent**2, 1e-15) / (2 * starts)
    half = coherent**2 / (4 * variance)
    # L_1/2(-2h) = (1 + 2h) I0e(h) + 2h I1e(h), with exponentially scaled Bessel functions.
    laguerre = (1 + 2 * half) * special.i0e(half) + 2 * half * special.i1e(half)
    return np.asarray(np.sqrt(np.pi * variance / 2) * laguerre)


def floor_transfer(starts: int) -> float:
    """Return ``sqrt(pi)/2/sqrt(K)``, the transfer function of random phases."""
    if not 1 <= starts < math.inf:
        raise ValueError(f"starts is {starts!r}; allowed: from 1")
    return math.sqrt(math.pi) / 2 / math.sqrt(starts)


def _checked_wave(wave: Array, name: str) -> Array:
    values = check_array(wave, name)
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
    if not np.any(values):
        raise ValueError(f"{name} is 0 everywhere; allowed: a wave")
    return np.asarray(values, np.complex128)


def _checked_amplitude(measured_amplitude: Array, valid: Array | None) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the amplitude, 0 where it is not valid, and where it is valid and above 0."""
    if np.iscomplexobj(measured_amplitude):
        raise ValueError("measured_amplitude is complex; allowed: real, the root of an intensity")
    amplitude = np.asarray(check_array(measured_amplitude, "measured_amplitude"), np.float64)
    if amplitude.ndim != 2:
        raise ValueError(f"measured_amplitude has {amplitude.ndim} dimensions; allowed: 2")
    if valid is not None:
        amplitude = np.where(check_valid(valid, amplitude.shape), amplitude, 0.0)
    if not np.all((amplitude >= 0) & (amplitude < math.inf)):
        wrong = amplitude[~((amplitude >= 0) & (amplitude < math.inf))].flat[0]
        raise ValueError(f"measured_amplitude holds {wrong:g} where valid; allowed: finite, from 0")
    used = amplitude > 0
    if not used.any():
        raise ValueError("measured_amplitude is 0 wherever valid; allowed: at least one pixel above 0")
    return amplitude, used
