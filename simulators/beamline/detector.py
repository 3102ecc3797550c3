"""From expected photons to counts.

- `Detector`: gain, wells and noise; `Plan`: the exposures;
- `plan_exposures`: beam stops, times and numbers of reads, from a first look at the pattern;
- `stop_transmission`, `stop_valid`: a beam stop with its penumbra, and where it is surely clear;
- `dark_offset`, `measured_dark`, `bad_pixels`;
- `expose`: one exposure, the sum of its reads.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from numerics import fourier

Array = NDArray[Any]

FANO = 0.12
"""Fano factor of silicon."""
_MOST_READS = 60_000  # a sum of 16 bit reads must fit 32 bits
_BITS = 65535


@dataclass(frozen=True)
class Detector:
    """A charge-integrating detector.

    Attributes
    ----------
    electrons_per_photon : float
        3.65 eV make one electron-hole pair in silicon: 213 at 778 eV.
    electrons_per_adu : float
        Electrons per analogue-to-digital unit.
    full_well : float
        Electrons per pixel and read.
    read_noise : float
        Electrons rms per read.
    offset : float
        Mean dark offset of a read, ADU; `offset_structure` is its rms structure over the chip.
    bad_fraction : float
        Share of dead pixels.
    """

    electrons_per_photon: float = 213.0
    electrons_per_adu: float = 2.0
    full_well: float = 100e3
    read_noise: float = 2.0
    offset: float = 1000.0
    offset_structure: float = 10.0
    bad_fraction: float = 1e-4

    @property
    def gain(self) -> float:
        """ADU per photon."""
        return self.electrons_per_photon / self.electrons_per_adu

    @property
    def saturation(self) -> float:
        """ADU of a read from which on it is saturated: full well or 16 bit, whichever comes first."""
        return float(min(_BITS, np.floor(self.offset + self.full_well / self.electrons_per_adu)))


@dataclass(frozen=True)
class Plan:
    """Exposures of one helicity.

    Attributes
    ----------
    stop_radius : (exposures,) array
        m at the detector.
    time : (exposures,) array
        Share of each exposure, all its reads together, in the total time; sums to 1.
    accumulations : (exposures,) int array
        Reads.
    scale : float
        Photons per unit of the pattern and unit of time.
    """

    stop_radius: Array
    time: Array
    accumulations: Array
    scale: float


def stop_transmission(radius: Array, stop_radius: float, penumbra: float) -> Array:
    """Return what passes a beam stop, 0 to 1: a disc with a Gaussian penumbra of rms width `penumbra`, all in m."""
    return np.asarray(0.5 * (1 + erf((radius - stop_radius) / (np.sqrt(2) * penumbra))))


def stop_valid(radius: Array, stop_radius: float, margin: float) -> Array:
    """Return where a beam stop is clear: beyond its radius and `margin`, all in m."""
    return np.asarray(radius > stop_radius + margin)


def plan_exposures(
    patterns: Array,
    radius: Array,
    *,
    detector: Detector,
    photons: float,
    stops: tuple[float, ...],
    times: tuple[float, ...],
    penumbra: float,
) -> Plan:
    """Plan two exposures per beam stop so that no read comes near the full well.

    Parameters
    ----------
    patterns : (2, n, n) array
        Expected pattern of either helicity in any unit: the experimenter's first look.
    radius : (n, n) array
        Distance from the axis at the detector, m.
    detector : Detector
    photons : float
        Detected photons per helicity, all exposures together, mean of the helicities.
    stops, times : tuple of float
        Radii of the stops, m, and relative times spent with each.
    penumbra : float
        rms width of the stops' edge, m.

    Raises
    ------
    ValueError
        If there are no photons, or more than the detector can read.
    """
    if not (np.isfinite(photons) and photons > 0):
        raise ValueError(f"photons is {photons}; allowed: above 0")
    share = np.asarray(times, np.float64) / np.sum(times)
    mean = patterns.mean(axis=0)
    shares, peaks = [], []
    for stop in stops:
        passed = stop_transmission(radius, stop, penumbra)
        shares.append(float(np.sum(mean * passed)))
        peaks.append(float(np.max(patterns * passed)))
    scale = photons / float(np.dot(share, shares))
    well = 0.7 * detector.full_well / detector.electrons_per_photon
    reads = np.ceil(scale * share / 2 * np.array(peaks) / well)
    if reads.max() > _MOST_READS:
        most = photons * _MOST_READS / reads.max()
        raise ValueError(f"photons is {photons:.4g}; allowed: up to {most:.2g}, {_MOST_READS} reads without saturation")
    reads = np.repeat(np.maximum(reads, 1), 2).astype(np.int64)
    return Plan(np.repeat(np.asarray(stops, np.float64), 2), np.repeat(share / 2, 2), reads, scale)


def dark_offset(n: int, detector: Detector, rng: np.random.Generator) -> Array:
    """Return the true mean offset of a read, ADU: column steps, a smooth tilt and fixed pixel noise; (n, n) float64."""
    columns = rng.standard_normal(n)[None, :]
    waves = fourier.unshifted_frequencies(n, 1 / n)
    smooth = fourier.fft2(rng.standard_normal((n, n))) * np.exp(-0.5 * (waves[:, None] ** 2 + waves**2) / 9)
    smooth = fourier.ifft2(smooth).real
    structure = 0.5 * columns + 0.7 * smooth / smooth.std() + 0.5 * rng.standard_normal((n, n))
    return np.asarray(detector.offset + detector.offset_structure * structure)


def measured_dark(offset: Array, detector: Detector, *, reads: int, rng: np.random.Generator) -> Array:
    """Return the mean of `reads` dark reads, ADU per read, (n, n) float32."""
    noise = detector.read_noise / detector.electrons_per_adu / np.sqrt(reads)
    return np.asarray(offset + noise * rng.standard_normal(offset.shape), dtype=np.float32)


def bad_pixels(n: int, detector: Detector, rng: np.random.Generator) -> Array:
    """Return which pixels are dead, (n, n) bool."""
    return np.asarray(rng.random((n, n)) < detector.bad_fraction)


def expose(
    expected: Array, *, offset: Array, accumulations: int, detector: Detector, rng: np.random.Generator
) -> Array:
    """Return the counts of one exposure: the sum of its reads, offset included, each read clipped.

    Parameters
    ----------
    expected : (n, n) array
        Photons, all reads together.
    offset : (n, n) array
        True mean offset of a read, ADU.
    accumulations : int
        Reads.
    detector : Detector
    rng : numpy.random.Generator

    Returns
    -------
    (n, n) uint32 array
    """
    photons = rng.poisson(expected).astype(np.float64)
    # Fano noise of every photon, read noise and rounding of every read: independent, so their variances add
    spread = FANO * detector.electrons_per_photon * photons
    spread += accumulations * (detector.read_noise**2 + detector.electrons_per_adu**2 / 12)
    np.sqrt(spread, out=spread)
    spread *= rng.standard_normal(expected.shape)
    electrons = detector.electrons_per_photon * photons + spread
    counts = accumulations * offset + electrons / detector.electrons_per_adu
    near = counts > 0.8 * accumulations * detector.saturation
    if near.any():
        counts[near] = _clipped_reads(expected[near], offset[near], accumulations, detector, rng)
    return np.asarray(np.rint(np.clip(counts, 0, accumulations * float(_BITS))), dtype=np.uint32)


def _clipped_reads(
    expected: Array, offset: Array, accumulations: int, detector: Detector, rng: np.random.Generator
) -> Array:
    """Sum the reads of pixels near saturation, read by read."""
    total = np.zeros(expected.shape)
    well = detector.full_well / detector.electrons_per_adu
    for _ in range(accumulations):
        photons = rng.poisson(expected / accumulations)
        noise = FANO * detector.electrons_per_photon * photons + detector.read_noise**2
        electrons = detector.electrons_per_photon * photons + np.sqrt(noise) * rng.standard_normal(expected.shape)
        signal = np.minimum(electrons / detector.electrons_per_adu, well)
        total += np.clip(np.rint(offset + signal), 0, _BITS)
    return total
