"""Diffraction frames of a scan on a charge-integrating detector.

- `FrameDetector`: the chip, its pixels, its beam stop and how it is read;
- `Sensor`, `make_sensor`: one specimen of it, with its dark structure and bad pixels;
- `plan_reads`: exposures merged into one frame, so many that no read comes near the full well;
- `read_frame`: from expected photons to the counts of one frame;
- `measured_dark`, `valid_pixels`: what the experimenter measures of the chip before the scan.

All exposures of one frame are equal and are summed. A pixel that a single one of them saturated is written with the
value `Sensor.saturation`, which no sum of good reads reaches: saturation is never silent.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from scipy.special import erf

from optics.grids import radius_grid
from simulators.beamline import detector as chips
from simulators.beamline.detector import FANO, Detector

Array = NDArray[Any]

_MOST_READS = 60_000  # a sum of 16 bit reads must fit 32 bits
_WELL_SHARE = 0.7
_SURELY = 6.0  # standard deviations of a read
_COSMIC_ELECTRONS = 3000.0  # of a muon through the thickness of a chip, per pixel of its track
_COSMIC_PIXELS = 4.0  # mean length of a track


@dataclass(frozen=True)
class FrameDetector:
    """A detector of diffraction frames; by default without stop, spread, smear, hot pixels and cosmic rays.

    Attributes
    ----------
    n : int
        Pixels a side, after binning.
    pitch : float
        m, after binning.
    chip : Detector
        Gain, well and noise; a photon of 856 eV makes 235 electrons in silicon.
    point_spread : float
        rms spread of a photon's charge, pixels.
    smear : float
        Share of its column's sum that every pixel collects during the frame transfer.
    stop_radius, stop_penumbra : float
        Radius of the beam stop and rms width of its edge, pixels; radius 0 is no stop.
    hot_fraction, hot_electrons : float
        Share of hot pixels and their mean dark charge, electrons per read.
    cosmic_rate : float
        Cosmic rays per frame.
    reads : int or None
        Exposures merged into a frame; None plans them.
    dark_frames : int
        Dark frames averaged for the measured dark, each of as many reads as a frame.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    n: int = 128
    pitch: float = 108e-6
    chip: Detector = field(default_factory=lambda: Detector(electrons_per_photon=235.0, read_noise=4.0))
    point_spread: float = 0.0
    smear: float = 0.0
    stop_radius: float = 0.0
    stop_penumbra: float = 0.3
    hot_fraction: float = 0.0
    hot_electrons: float = 20e3
    cosmic_rate: float = 0.0
    reads: int | None = None
    dark_frames: int = 100

    def __post_init__(self) -> None:
        if self.n < 16 or self.n % 2:
            raise ValueError(f"n is {self.n} pixels; allowed: an even number from 16")
        if not (np.isfinite(self.pitch) and self.pitch > 0):
            raise ValueError(f"pitch is {self.pitch} m; allowed: above 0")
        if not 0 <= self.point_spread <= 2:
            raise ValueError(f"point_spread is {self.point_spread} pixels; allowed: 0 to 2")
        if not 0 <= self.smear < 1 / self.n:
            raise ValueError(f"smear is {self.smear}; allowed: 0 to below 1/n, {1 / self.n:.3g}")
        if not 0 <= self.stop_radius < self.n / 2:
            raise ValueError(f"stop_radius is {self.stop_radius} pixels; allowed: 0 to below {self.n / 2:g}")
        if not self.stop_penumbra > 0:
            raise ValueError(f"stop_penumbra is {self.stop_penumbra} pixels; allowed: above 0")
        if not 0 <= self.hot_fraction <= 0.1 or not 0 <= self.hot_electrons <= self.chip.full_well:
            found = f"hot_fraction is {self.hot_fraction}, hot_electrons {self.hot_electrons}"
            raise ValueError(f"{found}; allowed: 0 to 0.1, and 0 to the full well {self.chip.full_well:g}")
        if not 0 <= self.cosmic_rate <= 1000:
            raise ValueError(f"cosmic_rate is {self.cosmic_rate} per frame; allowed: 0 to 1000")
        if self.reads is not None and not 1 <= self.reads <= _MOST_READS:
            raise ValueError(f"reads is {self.reads}; allowed: None, or 1 to {_MOST_READS}")
        if self.dark_frames < 1:
            raise ValueError(f"dark_frames is {self.dark_frames}; allowed: from 1")


@dataclass(frozen=True, eq=False)
class Sensor:
    """One specimen of a detector, set to a number of reads per frame.

    Attributes
    ----------
    detector : FrameDetector
    reads : int
        Exposures merged into a frame.
    offset : (n, n) float64 array
        True mean dark offset of one read, ADU; a hot pixel's with its dark charge.
    dead, hot : (n, n) bool array
    stop : (n, n) float64 array
        What passes the beam stop, 0 to 1.
    """

    detector: FrameDetector
    reads: int
    offset: Array
    dead: Array
    hot: Array
    stop: Array

    def with_reads(self, reads: int) -> "Sensor":
        """Return the same specimen, set to another number of reads."""
        return replace(self, reads=reads)

    @property
    def saturation(self) -> int:
        """ADU that mark a saturated pixel of a frame."""
        return round(self.reads * self.detector.chip.saturation)

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """Of the counts: uint16 where the saturation fits it, else uint32."""
        return np.uint16 if self.saturation <= np.iinfo(np.uint16).max else np.uint32

    @property
    def read_noise(self) -> float:
        """Of a whole frame, ADU rms."""
        chip = self.detector.chip
        return float(np.sqrt(self.reads) * chip.read_noise / chip.electrons_per_adu)


def make_sensor(detector: FrameDetector, *, reads: int, rng: np.random.Generator) -> Sensor:
    """Draw a specimen of a detector: its dark offset, its dead and its hot pixels.

    Parameters
    ----------
    detector : FrameDetector
    reads : int
        Exposures merged into a frame; the specimen does not depend on it.
    rng : numpy.random.Generator
    """
    n, chip = detector.n, detector.chip
    offset = chips.dark_offset(n, chip, rng)
    dead = chips.bad_pixels(n, chip, rng)
    hot = rng.random((n, n)) < detector.hot_fraction
    current = rng.exponential(detector.hot_electrons, (n, n)) / chip.electrons_per_adu
    offset += np.where(hot, np.minimum(current, chip.full_well / chip.electrons_per_adu), 0)
    stop = np.ones((n, n))
    if detector.stop_radius > 0:
        radius = radius_grid((n, n))
        stop = chips.stop_transmission(radius, detector.stop_radius, detector.stop_penumbra)
    return Sensor(detector, reads, offset, dead, hot, stop)


def plan_reads(peak: float, detector: FrameDetector) -> int:
    """Return how many exposures make a frame so that its brightest pixel fills 0.7 of the well in each of them.

    Parameters
    ----------
    peak : float
        Expected photons of the brightest pixel of the brightest frame behind the beam stop: the first look.
    detector : FrameDetector
        Its own `reads` win.

    Raises
    ------
    ValueError
        If so many photons cannot be read.
    """
    if detector.reads is not None:
        return detector.reads
    chip = detector.chip
    well = _WELL_SHARE * min(chip.full_well, (65535 - chip.offset) * chip.electrons_per_adu) / chip.electrons_per_photon
    reads = max(1, int(np.ceil(peak / well)))
    if reads > _MOST_READS:
        raise ValueError(f"the brightest pixel expects {peak:.4g} photons; allowed: up to {_MOST_READS * well:.2g}")
    return reads


def read_frame(photons: Array, sensor: Sensor, *, rng: np.random.Generator) -> Array:
    """Return the counts of one frame: the sum of its exposures, dark offset included.

    Parameters
    ----------
    photons : (n, n) array
        Expected photons at the chip, all exposures together, behind the beam stop.
    sensor : Sensor
    rng : numpy.random.Generator

    Returns
    -------
    (n, n) array of `Sensor.dtype`
        ADU; `Sensor.saturation` where at least one exposure saturated.

    Notes
    -----
    Photons are Poisson; each frees its electrons with Fano noise, the cloud spreads over the neighbours, and every
    exposure adds read noise and rounding. A hot pixel's charge adds its own shot noise.
    """
    detector, chip = sensor.detector, sensor.detector.chip
    expected = np.asarray(photons, np.float64)
    if detector.smear > 0:
        expected = expected + detector.smear * expected.sum(axis=0)
    caught = rng.poisson(np.where(sensor.dead, 0, expected)).astype(np.float64)
    fano = np.sqrt(FANO * chip.electrons_per_photon * caught) * rng.standard_normal(caught.shape)
    electrons = _spread(chip.electrons_per_photon * caught + fano, detector.point_spread)
    electrons += np.sqrt(_readout_variance(sensor)) * rng.standard_normal(caught.shape)
    if detector.cosmic_rate > 0:
        electrons += _cosmic_rays(detector, rng)
    counts = sensor.reads * sensor.offset + electrons / chip.electrons_per_adu
    saturated = _saturated(counts / sensor.reads, sensor, rng)
    counts = np.clip(np.rint(counts), 0, sensor.saturation - 1)
    counts[saturated] = sensor.saturation
    return counts.astype(sensor.dtype)


def _readout_variance(sensor: Sensor) -> Array:
    """Return the variance in electrons² of a frame without light: read noise, rounding, dark charge of hot pixels."""
    chip = sensor.detector.chip
    dark = np.where(sensor.hot, (sensor.offset - chip.offset) * chip.electrons_per_adu, 0)
    return np.asarray(sensor.reads * (chip.read_noise**2 + chip.electrons_per_adu**2 / 12 + np.maximum(dark, 0)))


def _saturated(mean: Array, sensor: Sensor, rng: np.random.Generator) -> Array:
    """Return which pixels had at least one read at the limit, given the `mean` of their reads in ADU."""
    chip, reads = sensor.detector.chip, sensor.reads
    photons = np.maximum((mean - sensor.offset) * chip.electrons_per_adu / chip.electrons_per_photon, 0)
    noise = chip.gain * np.sqrt(photons) + chip.read_noise / chip.electrons_per_adu
    limit = chip.saturation
    saturated = np.asarray(mean >= limit)
    if reads == 1:
        return saturated
    near = np.flatnonzero(~saturated & (mean + _SURELY * noise >= limit))
    # the reads of a pixel scatter about their mean as photons shared out among them do
    scatter = rng.standard_normal((near.size, reads))
    scatter -= scatter.mean(axis=1, keepdims=True)
    largest = mean.ravel()[near] + noise.ravel()[near] * scatter.max(axis=1)
    saturated.ravel()[near] = largest >= limit
    return saturated


def _spread(charge: Array, rms: float) -> Array:
    """Return the charge after diffusion by a Gaussian of `rms` pixels; what leaves the chip is lost."""
    if rms == 0:
        return charge
    reach = int(np.ceil(4 * rms))
    edges = (np.arange(-reach, reach + 2) - 0.5) / (np.sqrt(2) * rms)
    kernel = np.diff(erf(edges)) / 2
    across = convolve1d(charge, kernel, axis=0, mode="constant")
    return np.asarray(convolve1d(across, kernel, axis=1, mode="constant"))


def _cosmic_rays(detector: FrameDetector, rng: np.random.Generator) -> Array:
    """Return the charge of cosmic rays in electrons: short straight tracks."""
    n = detector.n
    charge = np.zeros((n, n))
    for _ in range(rng.poisson(detector.cosmic_rate)):
        y, x = rng.uniform(0, n, 2)
        turn, length = rng.uniform(0, 2 * np.pi), 1 + rng.exponential(_COSMIC_PIXELS)
        steps = np.arange(int(np.ceil(length)))
        rows = (y + steps * np.sin(turn)).astype(int)
        columns = (x + steps * np.cos(turn)).astype(int)
        inside = (rows >= 0) & (rows < n) & (columns >= 0) & (columns < n)
        np.add.at(charge, (rows[inside], columns[inside]), rng.exponential(_COSMIC_ELECTRONS, int(inside.sum())))
    return charge


def measured_dark(sensor: Sensor, *, rng: np.random.Generator) -> Array:
    """Return the mean of the dark frames taken before the scan, ADU per frame, (n, n) float32."""
    noise = np.sqrt(_readout_variance(sensor) / sensor.detector.dark_frames) / sensor.detector.chip.electrons_per_adu
    return np.asarray(sensor.reads * sensor.offset + noise * rng.standard_normal(noise.shape), dtype=np.float32)


def valid_pixels(sensor: Sensor, *, margin: float = 1.0) -> Array:
    """Return the pixels of use: not dead, not hot, clear of the beam stop by `margin` pixels; (n, n) bool."""
    good = ~(sensor.dead | sensor.hot)
    if sensor.detector.stop_radius > 0:
        clear = chips.stop_valid(radius_grid(good.shape), sensor.detector.stop_radius, margin)
        good &= clear
    return np.asarray(good)
