"""From noise-free frames of a scan to what the detector writes.

- `plan_detection`: chip, flux and faults of a projection, and how many exposures make a frame; a `Detection`;
- `Detection.frames`: the counts, a run of frames at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from simulators.beamline import faults, frame_background, frame_detector
from simulators.beamline.flux import flux_of_scan
from simulators.beamline.frame_detector import Sensor
from simulators.experiments.expected_frames import FrameFile, runs
from simulators.experiments.ptychography_setups import PtychographySetup

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Detection:
    """What happens to the light of one projection, all of it drawn before the first frame.

    Attributes
    ----------
    setup : PtychographySetup
    sensor : Sensor
    flux : (helicity, position) array
        Relative flux of every frame, jumps included.
    fault : (helicity, position) int8 array
        Kind of every frame.
    light : (n, n) array
        Stray light of a frame of mean flux, photons, before the beam stop.
    seed : int
    noise : tuple
        Names of the noise's streams.
    """

    setup: PtychographySetup
    sensor: Sensor
    flux: Array
    fault: Array
    light: Array
    seed: int
    noise: tuple[str | int, ...]

    @property
    def photons(self) -> float:
        """That reach the sample in a frame of mean flux."""
        return self.setup.photons * self.setup.exposure

    @property
    def flat(self) -> float:
        """Photons per pixel and frame that neither stop nor flux change."""
        return self.setup.background.flat * self.setup.exposure

    @property
    def background(self) -> Array:
        """Background of a frame of mean flux at the chip, photons, (n, n)."""
        return np.asarray(self.light * self.sensor.stop + self.flat)

    def frames(self, expected: FrameFile, index: int) -> Iterator[tuple[int, Array]]:
        """Yield the number of the first frame and the counts, (frames, n, n), of each run of one helicity.

        Parameters
        ----------
        expected : FrameFile
        index : int
            Of the helicity.
        """
        for first, last in runs(expected.shape[1]):
            before = min(first, 1)  # a duplicate at the beginning of a run repeats a frame of the run before
            bright = expected.read(index, first - before, last)
            counts = np.empty((last - first, *expected.shape[2:]), self.sensor.dtype)

            def detect(
                begin: int,
                end: int,
                first: int = first,
                before: int = before,
                bright: Array = bright,
                to: Array = counts,
            ) -> None:
                for j in range(begin, end):
                    to[j] = self._frame(index, first + j, bright[max(j + before - 1, 0) : j + before + 1])

            fourier.in_blocks(detect, last - first, 1)
            yield first, counts

    def _frame(self, index: int, frame: int, bright: Array) -> Array:
        """Return the counts of a frame; `bright` holds the expected one before it, if there is one, and its own."""
        kind = int(self.fault[index, frame])
        source, pattern = frame, bright[-1]
        if kind == faults.KINDS["duplicated"]:
            source, pattern = frame - 1, bright[-2]
        photons = (pattern * self.photons + self.light) * self.sensor.stop * self.flux[index, source] + self.flat
        rng = stream(self.seed, *self.noise, index, source)
        counts = frame_detector.read_frame(photons, self.sensor, rng=rng)
        if kind == 0:
            return counts
        return faults.spoil(
            counts,
            kind,
            gain=self.sensor.detector.chip.gain,
            largest=self.sensor.saturation,
            rng=_fault_stream(self.setup, self.seed, index, frame),
        )

    def measured(self) -> dict[str, Array]:
        """Return what the beamline records of each frame: ``exposure_time`` in s and, if it has one, ``monitor``."""
        time = self.setup.frame_time * self.setup.exposure
        recorded = {"exposure_time": np.full(self.flux.shape, time)}
        error = self.setup.flux.monitor_noise
        if error is not None:
            rng = stream(self.seed, *self.noise, "monitor")
            recorded["monitor"] = self.flux * np.maximum(1 + error * rng.standard_normal(self.flux.shape), 1e-3)
        return recorded

    def measured_dark(self) -> Array:
        """Return the mean of the dark frames, ADU per frame, (n, n) float32."""
        return frame_detector.measured_dark(self.sensor, rng=stream(self.seed, *self.noise, "dark"))


def plan_detection(
    setup: PtychographySetup, brightest: Array, *, seed: int, draw: int, names: tuple[str, ...] = ()
) -> Detection:
    """Draw chip, flux and faults of a projection, and plan the exposures by a first look.

    Parameters
    ----------
    setup : PtychographySetup
    brightest : (n, n) array
        Most that any frame has in each pixel, photons per photon that reaches the sample.
    seed, draw : int
        Of flux, faults and chip (seed), and of the noise (both).
    names : tuple of str
        Further names of the noise.
    """
    pose, scan, helicities = setup.pose_name, setup.scan, setup.helicities
    drift = flux_of_scan(scan.frames, setup.flux, helicities=helicities, rng=stream(seed, "optics", "flux", *pose))
    fault = np.stack(
        [
            faults.draw_faults(scan.frames, setup.faults, rng=stream(seed, "optics", "faults", index, *pose))
            for index in range(len(helicities))
        ]
    )
    photons = setup.photons * setup.exposure
    light = frame_background.stray_light(setup.detector.n, setup.background, photons=photons)
    chip = stream(seed, "optics", "chip")
    sensor = frame_detector.make_sensor(setup.detector, reads=1, rng=chip)
    # the experimenter looks at the scan before it, when no frame jumps
    peak = float(((brightest * photons + light) * sensor.stop).max() * drift.max())
    sensor = sensor.with_reads(frame_detector.plan_reads(peak + setup.background.flat, setup.detector))
    flux = drift.copy()
    for index, frame in np.argwhere(fault == faults.KINDS["flux_jump"]).tolist():
        flux[index, frame] *= faults.jump_factor(_fault_stream(setup, seed, index, frame))
    return Detection(setup, sensor, flux, fault, light, seed, ("noise", *names, draw, *pose))


def _fault_stream(setup: PtychographySetup, seed: int, index: int, frame: int) -> np.random.Generator:
    return stream(seed, "optics", "fault", index, frame, *setup.pose_name)
