"""From raw frames to patterns on a uniform grid of spatial frequencies.

- `Patterns`: both helicities, ready for phase retrieval;
- `prepare`: the whole chain, of the steps
- `merge`: dark offset, gain, saturation, exposures behind all beam stops merged by maximum likelihood;
- `tie_helicities`: the linear relation ``I+ = factor I- + offset``;
- `ewald.to_sphere` maps the flat detector onto the Ewald sphere.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from optics.units import wavelength
from reconstructors import ewald
from reconstructors.phase_retrieval.magnitudes import Pattern
from records.measurement import reconstruction_pixel

Array = NDArray[Any]

SATURATED = 0.98
"""Mean read over the saturation level from which a pixel is not used."""


@dataclass(frozen=True)
class Patterns:
    """What phase retrieval works on.

    Attributes
    ----------
    intensity : (2, n, n) float32
        Photons per pixel that the longest-exposed pixels would have collected, for helicity +1 and -1; centred; uniform
        in spatial frequency; proportional to the squared modulus of the exit wave's spectrum.
    valid : (n, n) bool
        Where it was measured, centred.
    exposure : (n, n) float32
        Relative exposure of each pixel, 1 where all exposures were usable.
    pixel_size, wavelength : float
        m.
    factor, offset : float
        Of ``I+ = factor I- + offset``.
    """

    intensity: Array
    valid: NDArray[np.bool_]
    exposure: Array
    pixel_size: float
    wavelength: float
    factor: float
    offset: float

    @property
    def n(self) -> int:
        """Pixels a side."""
        return int(self.valid.shape[0])

    def pattern(self, index: int) -> Pattern:
        """Return the magnitudes of helicity `index` (0: +1, 1: -1), unshifted."""
        amplitude = np.sqrt(np.maximum(self.intensity[index], 0))
        return Pattern(
            np.ascontiguousarray(fourier.from_centre(amplitude)), np.ascontiguousarray(fourier.from_centre(self.valid))
        )


def prepare(measurement: xr.Dataset) -> Patterns:
    """Make `Patterns` of a holography `Measurement`.

    Raises
    ------
    ValueError
        If no pixel is usable.
    """
    rate, exposure = merge(measurement)
    distance, pitch = float(measurement["distance"]), float(measurement["pixel_pitch"])
    length = wavelength(float(measurement["energy"]))
    pixel = reconstruction_pixel(measurement)
    fill = 2 * extent(measurement) / (measurement.sizes["x"] * pixel)
    mapped = [ewald.to_sphere(image, exposure > 0, distance=distance, pitch=pitch, fill=fill) for image in rate]
    valid = mapped[0][1]
    if not valid.any():
        raise ValueError("Measurement.counts: no usable pixel; allowed: some pixels valid and not saturated")
    longest = float(exposure.max())
    intensity = np.stack([np.maximum(image, 0) * np.float32(longest) for image, _ in mapped])
    intensity[:, ~valid] = 0
    factor, offset = tie_helicities(intensity[0], intensity[1], valid)
    return Patterns(
        intensity=intensity,
        valid=valid,
        exposure=(exposure / longest).astype(np.float32),
        pixel_size=pixel,
        wavelength=length,
        factor=factor,
        offset=offset,
    )


def extent(measurement: xr.Dataset) -> float:
    """Return the largest side of the mask as drawn, m: the finest fringes of the pattern belong to it."""
    radius = measurement["hole_diameter"].values / 2
    sides = [
        float((measurement[name].values + radius).max() - (measurement[name].values - radius).min())
        for name in ("hole_y", "hole_x")
    ]
    return max(sides)


def merge(measurement: xr.Dataset) -> tuple[Array, Array]:
    """Merge the exposures: photons over exposure time, summed over all usable frames of a pixel.

    That is the maximum-likelihood rate where photon noise rules. A pixel is used where both helicities can use it.

    Returns
    -------
    tuple of array
        Rate (2, n, n), photons/s, float32; exposure time (n, n) behind it, s, float64, mean of both helicities.
    """
    counts = measurement["counts"].values
    dark = measurement["dark"].values.astype(np.float64)
    accumulations = measurement["accumulations"].values
    times = measurement["exposure_time"].values
    gain, saturation = float(measurement["gain"]), float(measurement["saturation"])
    usable = measurement["valid"].values.copy()
    for index, reads in enumerate(accumulations):
        usable[index] &= (counts[:, index] < SATURATED * saturation * reads).all(axis=0)
    photons = np.zeros((2, *dark.shape))
    exposure = np.zeros((2, *dark.shape))
    for index, reads in enumerate(accumulations):
        for helicity in range(2):
            frame = (counts[helicity, index] - reads * dark) / gain
            photons[helicity] += np.where(usable[index], frame, 0)
            exposure[helicity] += usable[index] * times[helicity, index]
    rate = np.divide(photons, exposure, out=np.zeros_like(photons), where=exposure > 0)
    return rate.astype(np.float32), exposure.mean(axis=0)


def tie_helicities(plus: Array, minus: Array, valid: NDArray[np.bool_]) -> tuple[float, float]:
    """Return factor and offset of ``I+ = factor I- + offset`` by least squares between the 2nd and 98th percentile.

    The published recipe's normalisation of the helicities.
    """
    a, b = minus[valid].astype(np.float64), plus[valid].astype(np.float64)
    low, high = np.percentile(a, [2, 98])
    middle = (a >= low) & (a <= high)
    if np.count_nonzero(middle) < 2 or np.ptp(a[middle]) == 0:
        return 1.0, 0.0
    factor, offset = np.polyfit(a[middle], b[middle], 1)
    return float(factor), float(offset)
