"""Reconstructions from random starts brought into one frame, and their mean.

- `mean_of_starts`: twin, ramp, shift, phase and what else is free taken off each, then averaged;
- `amplitude_ramp`: the phase ramp that brings a wave's spectrum onto a measured amplitude.

Starts differ by phase errors that grow with the spatial frequency, while most of the power is at low ones, which a twin
and the original share: spectra are therefore divided by the root of their modulus before two waves are compared. A
phase that the gauge leaves in, as of another focus, is then shared out over all frequencies, low ones too.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.registration.alignment import ramped
from validation.registration.gauge import apply_registration
from validation.registration.images import register
from validation.resolution.spectra import varies

Array = NDArray[Any]
Floats = NDArray[np.float64]

_UPSAMPLE = 50
_CLOSED_FORM = ("scale", "offset")
_MOST_STEPS, _LONGEST_STEP, _SMALL_STEP = 10, 0.5, 1e-4  # px of the spectrum


def mean_of_starts(
    waves: Sequence[Array], amplitude: Floats, used: NDArray[np.bool_], *, reference: Array | None, gauge: Sequence[str]
) -> Array:
    """Return the mean of the waves, each aligned to the reference, or to the first of them.

    Parameters
    ----------
    waves : sequence of (ny, nx) complex arrays
    amplitude : (ny, nx) float64 array
        Measured, centred.
    used : (ny, nx) bool array
        Where it counts.
    reference : (ny, nx) complex array, optional
    gauge : sequence of str
        Freedoms of `register`. "ramp" is measured against the amplitude, one by one and of the reference too: that is
        safe before twin and shift are known, and leaves no ramp that all share.

    Raises
    ------
    ValueError
        As `register`.
    """

    def level(wave: Array) -> Array:
        return ramped(wave, amplitude_ramp(wave, amplitude, used)) if "ramp" in gauge else wave

    alike = [name for name in gauge if name not in ("ramp", *_CLOSED_FORM)]
    closed = [name for name in gauge if name in _CLOSED_FORM]
    target = level(waves[0] if reference is None else reference)
    flat_target = _flattened(target)
    total = np.zeros(amplitude.shape, np.complex128)
    for index, wave in enumerate(waves):
        if index == 0 and reference is None:
            total += target
            continue
        moving = level(wave)
        moving = apply_registration(moving, register(_flattened(moving), flat_target, gauge=alike, upsample=_UPSAMPLE))
        total += register(moving, target, gauge=closed).image if closed else moving
    return total / len(waves)


def amplitude_ramp(wave: Array, amplitude: Floats, used: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the ramp (y, x; cycles/px) to multiply to a wave so that its spectrum has the measured amplitude.

    A ramp moves the spectrum, and twin, shift and phase leave its modulus alone. The move is found between the moduli
    to a fraction of a pixel, then by least squares on ``|F|`` of the wave with the ramp itself: a modulus is not
    band-limited, so moving it leaves an error of up to 0.4 px. (0, 0) where no ramp fits better than none.
    """
    modulus = np.abs(fourier.centred_fft2(wave))
    if not (varies(modulus, mask=used) and varies(amplitude, mask=used)):
        return 0.0, 0.0
    found = register(modulus, amplitude, gauge=("shift",), mask=used.astype(np.float64), upsample=_UPSAMPLE).shift
    measured = amplitude[used]
    best, highest = np.zeros(2), _match(modulus[used], measured)
    pixels = np.asarray(found, np.float64)
    for _ in range(_MOST_STEPS):
        modulus_there, slopes = _modulus_and_slopes(wave, pixels, used)
        match = _match(modulus_there, measured)
        if match > highest:
            best, highest = pixels, match
        basis = np.stack([*slopes, modulus_there])
        step = np.linalg.lstsq(basis @ basis.T, basis @ (measured - modulus_there), rcond=None)[0][:2]
        pixels = pixels + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _SMALL_STEP:
            break
    return float(best[0] / wave.shape[0]), float(best[1] / wave.shape[1])


def _modulus_and_slopes(wave: Array, pixels: Floats, used: NDArray[np.bool_]) -> tuple[Floats, list[Floats]]:
    """Return ``|F|`` of the wave with a ramp of so many px of the spectrum, and its derivatives by them."""
    ny, nx = wave.shape
    there = ramped(wave, (pixels[0] / ny, pixels[1] / nx))
    spectrum = fourier.centred_fft2(there)[used]
    modulus = np.maximum(np.abs(spectrum), np.finfo(np.float64).tiny)
    places = (((np.arange(ny) - ny // 2) / ny)[:, None], ((np.arange(nx) - nx // 2) / nx)[None, :])
    slopes = [
        (spectrum.conj() * fourier.centred_fft2(2j * math.pi * place * there)[used]).real / modulus for place in places
    ]
    return modulus, slopes


def _match(modulus: Floats, measured: Floats) -> float:
    return float(modulus @ measured) / max(float(np.linalg.norm(modulus)), np.finfo(np.float64).tiny)


def _flattened(wave: Array) -> Array:
    """Return the wave with its spectrum divided by the root of the modulus."""
    spectrum = fourier.centred_fft2(wave)
    spectrum /= np.sqrt(np.maximum(np.abs(spectrum), np.finfo(np.float64).tiny))
    return fourier.centred_ifft2(spectrum)
