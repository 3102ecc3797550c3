"""From transmissions with their phase to complex line integrals, for a model of waves.

- `wave_images`: half sum and half difference of the logarithms of both helicities, `complex_pair` for every image;
- `WaveImages`: what came out, real and imaginary parts with a variance each.

An image whose logarithm cannot be had, for it shows no exterior, keeps the real parts of its optical densities and has
no imaginary ones. One with vortices in its phase has no imaginary part of the charge: its unwrapped phase may be off by
whole turns. That of the half difference never wraps.

The displacement of the helicities was found on moduli, where the magnetization itself can feign hundredths of a pixel.
It hardly turns the phase at resonance, and charge does: what the half difference has of the gradient of the charge's
phase is displacement that is left, and comes off both parts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.projections.complex_pair import ComplexPair, complex_pair
from reconstructors.tomography.variance import ground_noise

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class WaveImages:
    """Negative logarithms of waves, twice: their real parts are optical densities.

    Attributes
    ----------
    charge, magnetic : (n, y, x) complex64 arrays
        Half sum and half difference, over the scales of the line integrals.
    charge_variance, magnetic_variance : (n, 2, y, x) float32 arrays
        Of real and imaginary parts; infinite where there is no such part.
    """

    charge: Array
    magnetic: Array
    charge_variance: Array
    magnetic_variance: Array

    def over(self, absorption: float, dichroism: float) -> "WaveImages":
        """Return the charge over one scale and the magnetic images over another."""
        return WaveImages(
            self.charge / np.float32(absorption),
            self.magnetic / np.float32(dichroism),
            self.charge_variance / np.float32(absorption**2),
            self.magnetic_variance / np.float32(dichroism**2),
        )


def wave_images(
    transmission: Array, *, charge: Array, magnetic: Array, variance: Array, exterior: Array, seen: Array
) -> WaveImages | None:
    """Return the complex images of all projections; None if not one has an imaginary part.

    Photon noise is circular round a wave, so that the variance of a density is that of the phase too; a phase that is
    noisier where there is no sample gets what is seen there.

    Parameters
    ----------
    transmission : (2, n, y, x) complex array
        Of helicity +1 and -1, each up to a factor, a phase ramp and a smooth background.
    charge, magnetic, variance : (n, y, x) float arrays
        Half sum and half difference of the optical densities, and the variance of either.
    exterior, seen : (n, y, x) bool arrays
        Where there is no sample; which pixels count.
    """
    waves = WaveImages(
        charge.astype(np.complex64),
        magnetic.astype(np.complex64),
        _with_unknown(variance),
        _with_unknown(variance),
    )
    for index in np.flatnonzero(exterior.any(axis=(1, 2))):
        outside = exterior[index] & seen[index]
        pair = _pair(transmission[:, index], outside, seen[index])
        if pair is None:
            continue
        magnetic = _in_place(pair, seen[index] / variance[index])
        waves.charge[index], waves.magnetic[index] = -2 * pair.charge, -2 * magnetic
        waves.magnetic_variance[index, 1] = variance[index] * _excess(magnetic, outside)
        if not pair.residues:
            waves.charge_variance[index, 1] = variance[index] * _excess(pair.charge, outside)
    return waves if np.isfinite(waves.magnetic_variance[:, 1]).any() else None


def _with_unknown(variance: Array) -> Array:
    return np.stack([variance, np.full_like(variance, np.inf)], axis=1)


def _pair(waves: Array, outside: Array, seen: Array) -> ComplexPair | None:
    try:
        return complex_pair(waves[0], waves[1], exterior=outside, seen=seen)
    except ValueError:
        return None


def _in_place(pair: ComplexPair, weights: Array) -> Array:
    """Return the half difference without the displacement that its phase shows, where the phase does not wrap."""
    if pair.residues:
        return pair.magnetic
    slopes = np.stack([np.gradient(pair.charge, axis=axis) for axis in (0, 1)])
    scale = np.sqrt(weights.astype(np.float64))
    terms = np.stack([(scale * slope.imag).ravel() for slope in slopes], axis=-1)
    found = np.linalg.lstsq(terms, (scale * pair.magnetic.imag).ravel(), rcond=None)[0]
    return np.asarray(pair.magnetic - np.tensordot(found, slopes, 1), np.complex64)


def _excess(image: Array, outside: Array) -> np.float32:
    """Return the variance of the imaginary part over that of the real one in the exterior, at least 1."""
    real, imaginary = ground_noise(np.stack([image.real, image.imag]), exterior=np.stack([outside, outside]))
    return np.float32(max(imaginary / real, 1.0) ** 2)
