"""The phase retrieval transfer function: how well random starts agree, by spatial frequency.

- `phase_retrieval_transfer_function`, `TransferCurve`: ring mean of ``|mean_k F_k|/sqrt(I)``;
- `transfer_resolution`: where it falls below a level;
- `expected_transfer`, `floor_transfer`: the mean for a given phase error, and for random phases.

It measures repeatability, not truth: an error that every start shares is invisible, and starts that are not random
give 1. Chapman et al., J. Opt. Soc. Am. A 23, 1179 (2006), doi:10.1364/JOSAA.23.001179.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from numerics import fourier
from validation.registration.images import register
from validation.resolution.crossings import Resolution, crossing
from validation.resolution.rings import Size, ring_mean, sizes

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
    reconstructions: Sequence[Array] | Array,
    measured_amplitude: Array,
    *,
    pixel_size: Size,
    valid: Array | None = None,
    reference: Array | None = None,
    gauge: Sequence[str] = ("twin", "shift", "phase"),
) -> TransferCurve:
    """Compare the mean of aligned reconstructions from random starts with the measured amplitude.

    Parameters
    ----------
    reconstructions : sequence of (ny, nx) complex arrays
        Exit waves; at least 20 of them put the floor (0.198) well below the level 1/e.
    measured_amplitude : (ny, nx) real array
        Square root of the measured intensity, centred. Pixels of amplitude 0 are left out.
    pixel_size : float or sequence
        Of the exit waves, metres.
    valid : (ny, nx) bool array, optional
        Measured pixels.
    reference : (ny, nx) complex array, optional
        What all are aligned to; default the first reconstruction.
    gauge : sequence of str
        Freedoms removed by `register` from each.

    Raises
    ------
    ValueError
        With fewer than two reconstructions, or on shapes that differ.
    """
    starts = len(reconstructions)
    amplitude = np.asarray(measured_amplitude, np.float64)
    if starts < 2:
        raise ValueError(f"reconstructions holds {starts}; allowed: from 2, better 20")
    if any(wave.shape != amplitude.shape for wave in reconstructions):
        raise ValueError(f"reconstructions differ in shape from measured_amplitude; allowed: all {amplitude.shape}")
    used = amplitude > 0 if valid is None else (amplitude > 0) & valid
    target = reconstructions[0] if reference is None else reference
    mean = np.zeros(amplitude.shape, np.complex128)
    for index, wave in enumerate(reconstructions):
        same = index == 0 and reference is None
        mean += wave if same else register(wave, target, gauge=gauge, upsample=50).image
    modulus = np.abs(fourier.centred_fft2(mean / starts))
    ratio = np.divide(modulus, amplitude, out=np.zeros_like(amplitude), where=used)
    spacing = sizes(pixel_size, 2)
    steps = [1 / (n * d) for n, d in zip(amplitude.shape, spacing, strict=True)]
    rings = ring_mean(ratio, frequency_step=steps, valid=used)
    return TransferCurve(rings.frequency, rings.mean, rings.count, starts, floor_transfer(starts))


def transfer_resolution(curve: TransferCurve, *, level: float = _LEVEL, criterion: str = "1/e") -> Resolution:
    """Return where the curve first falls below `level`, without smoothing; `criterion` is the level's name."""
    frequency, crossed = crossing(curve.frequency, curve.transfer, np.full(curve.transfer.size, level))
    notes = () if crossed else ("the curve never falls below the level: limited by sampling",)
    if curve.floor > 0.9 * level:
        notes = (*notes, f"{curve.starts} starts put the floor of random phases at {curve.floor:.3f}")
    full = 1 / frequency if frequency > 0 else math.nan
    nothing = (math.nan, math.nan)
    return Resolution(frequency, full / 2, full, nothing, criterion, "full", "full", crossed, notes)


def expected_transfer(phase_error: Array | float, *, starts: int) -> Floats:
    """Return the mean of the transfer function for Gaussian phase errors of standard deviation `phase_error` (rad).

    The mean of a Rice distribution, ``s sqrt(pi/2) L_1/2(-e^2/2 s^2)`` with ``e = exp(-sigma^2/2)``,
    ``s^2 = (1 - e^2)/(2 K)``, for K `starts`.
    """
    if starts < 1:
        raise ValueError(f"starts is {starts}; allowed: from 1")
    coherent = np.exp(-(np.asarray(phase_error, np.float64) ** 2) / 2)
    variance = np.maximum(1 - coherent**2, 1e-15) / (2 * starts)
    half = coherent**2 / (4 * variance)
    # L_1/2(-2h) = (1 + 2h) I0e(h) + 2h I1e(h), with exponentially scaled Bessel functions.
    laguerre = (1 + 2 * half) * special.i0e(half) + 2 * half * special.i1e(half)
    return np.asarray(np.sqrt(np.pi * variance / 2) * laguerre)


def floor_transfer(starts: int) -> float:
    """Return ``sqrt(pi)/2/sqrt(K)``, the transfer function of random phases."""
    return math.sqrt(math.pi) / 2 / math.sqrt(starts)
