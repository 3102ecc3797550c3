"""Frames of the virtual detector against their expectation; saturation, stop, background."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from simulators.beamline.detector import FANO, Detector
from simulators.beamline.frame_background import BackgroundSetup, flat_light, stray_light
from simulators.beamline.frame_detector import (
    FrameDetector,
    Sensor,
    make_sensor,
    measured_dark,
    plan_reads,
    read_frame,
    valid_pixels,
)

N = 32
FRAMES = 400
CHIP = Detector(electrons_per_photon=235.0, read_noise=4.0, bad_fraction=0.01)


def sensor(detector: FrameDetector, reads: int = 3) -> Sensor:
    return make_sensor(detector, reads=reads, rng=stream(1, "sensor"))


def photons() -> np.ndarray:
    y, x = np.mgrid[:N, :N] - N // 2
    return 40 * np.exp(-(y**2 + x**2) / 40) + 0.05


def frames(made: Sensor, expected: np.ndarray, count: int = FRAMES) -> np.ndarray:
    raw = np.stack([read_frame(expected, made, rng=stream(2, "noise", frame)) for frame in range(count)])
    return (raw.astype(np.float64) - made.reads * made.offset) / made.detector.chip.gain


def test_mean_and_variance_of_frames_are_those_of_photons_fano_and_read_noise() -> None:
    made = sensor(FrameDetector(n=N, chip=CHIP))
    expected = np.where(made.dead, 0, photons())
    found = frames(made, photons())
    variance = expected * (1 + FANO / CHIP.electrons_per_photon)
    variance = variance + 3 * (CHIP.read_noise**2 + CHIP.electrons_per_adu**2 / 12) / CHIP.electrons_per_photon**2
    pull = (found.mean(0) - expected) / np.sqrt(variance / FRAMES)
    assert abs(pull).max() < 5  # each pixel; 1024 of them
    assert abs(pull.mean()) < 5 / N
    # the ratio of variances over all pixels, whose own spread is that of a chi squared and of rare photons
    spread = np.sqrt(np.mean(2 + expected / variance**2)) / np.sqrt(FRAMES) / N
    ratio = np.mean(found.var(0, ddof=1) / variance)
    assert abs(ratio - 1) < 5 * spread


def test_point_spread_keeps_photons_and_lowers_the_variance_by_its_kernel() -> None:
    made = sensor(FrameDetector(n=N, chip=replace(CHIP, bad_fraction=0.0), point_spread=0.5))
    found = frames(made, np.full((N, N), 20.0))[:, 8:-8, 8:-8]
    assert found.mean() == pytest.approx(20, abs=5 * np.sqrt(20 / found.size))
    share = np.array([0.00135, 0.15731, 0.68269, 0.15731, 0.00135])  # a Gaussian of half a pixel over the pixels
    assert found.var(0, ddof=1).mean() / 20 == pytest.approx(np.sum(share**2) ** 2, rel=0.02)
    neighbours = np.mean((found[:, :, 1:] - 20) * (found[:, :, :-1] - 20)) / 20
    assert neighbours == pytest.approx(np.sum(share**2) * np.sum(share[1:] * share[:-1]), rel=0.05)


def test_smear_adds_its_share_of_the_column() -> None:
    made = sensor(FrameDetector(n=N, chip=replace(CHIP, bad_fraction=0.0), smear=1e-3))
    expected = photons()
    expected = expected + 1e-3 * expected.sum(0)
    found = frames(made, photons()).mean(0)
    assert abs((found - expected) / np.sqrt(expected / FRAMES)).max() < 5


def test_reads_are_planned_to_stay_clear_of_the_well() -> None:
    detector = FrameDetector(n=N, chip=CHIP)
    reads = plan_reads(3659.0, detector)
    assert reads == 13  # 3659 photons, 0.7 of 425.5 each
    made = sensor(detector, reads)
    raw = np.stack([read_frame(np.full((N, N), 3659.0), made, rng=stream(3, frame)) for frame in range(20)])
    assert raw.dtype == np.uint32
    assert raw.max() < made.saturation
    assert plan_reads(1e9, replace(detector, reads=7)) == 7


def test_no_saturated_read_is_silent() -> None:
    # at the limit some reads of a pixel clip although the sum of all is below: such pixels carry the mark
    made = sensor(FrameDetector(n=N, chip=replace(CHIP, bad_fraction=0.0)), reads=4)
    well = CHIP.full_well / CHIP.electrons_per_photon
    for level, least, most in ((0.7, 0.0, 0.0), (0.97, 0.3, 0.9), (1.2, 1.0, 1.0)):
        raw = np.stack([read_frame(np.full((N, N), 4 * level * well), made, rng=stream(4, f)) for f in range(10)])
        marked = (raw == made.saturation).mean()
        assert least <= marked <= most
        assert raw.max() <= made.saturation
    # what is not marked is not clipped: its mean is that of a sum of four reads below the limit, no pile at the top
    assert np.all(raw == made.saturation)


def test_share_of_saturated_frames_is_that_of_single_reads() -> None:
    made = sensor(FrameDetector(n=N, chip=replace(CHIP, bad_fraction=0.0, offset_structure=0.0)), reads=4)
    level = 0.95 * CHIP.full_well / CHIP.electrons_per_photon
    raw = np.stack([read_frame(np.full((N, N), 4 * level), made, rng=stream(5, f)) for f in range(20)])
    single = stream(6).poisson(level, (20, 4, N, N)) * CHIP.electrons_per_photon
    wanted = (single >= CHIP.full_well).any(1).mean()
    assert (raw == made.saturation).mean() == pytest.approx(wanted, abs=0.02)


def test_small_frames_are_uint16() -> None:
    made = sensor(FrameDetector(n=N, chip=CHIP), reads=1)
    assert read_frame(photons(), made, rng=stream(1)).dtype == np.uint16


def test_bad_pixels_are_masked_and_a_stop_is_dark() -> None:
    detector = FrameDetector(n=N, chip=CHIP, stop_radius=4.0, hot_fraction=0.02)
    made = sensor(detector)
    valid = valid_pixels(made)
    assert not valid[made.dead | made.hot].any()
    radius = np.hypot(*(np.mgrid[:N, :N] - N // 2))
    assert not valid[radius <= 5].any()
    assert made.stop[N // 2, N // 2] < 1e-6
    assert np.all(made.stop[radius > 6] > 0.999)
    assert made.hot.mean() == pytest.approx(0.02, abs=5 * np.sqrt(0.02) / N)
    dark = measured_dark(made, rng=stream(9))
    normal = ~made.hot
    noise = made.read_noise / np.sqrt(detector.dark_frames)
    assert np.std((dark - 3 * made.offset)[normal]) == pytest.approx(noise, rel=0.15)


def test_cosmic_rays_hit_as_often_as_stated() -> None:
    quiet = FrameDetector(n=N, chip=replace(CHIP, bad_fraction=0.0))
    made = sensor(replace(quiet, cosmic_rate=2.0))
    found = frames(made, np.zeros((N, N)), 200)
    hit = (found > 1).reshape(200, -1).any(1).mean()
    assert hit == pytest.approx(1 - np.exp(-2), abs=0.1)


def test_background_holds_its_photons() -> None:
    setup = BackgroundSetup(flat=0.05, streak=0.01, ring=0.02)
    light = stray_light(64, setup, photons=1e5)
    assert light.sum() == pytest.approx(3000)
    assert flat_light(64, setup).mean() == pytest.approx(0.05)
    ring = stray_light(64, replace(setup, streak=0.0), photons=1e5)
    assert ring[32, 32 + 8] == pytest.approx(ring[32 + 8, 32], rel=1e-6)
    assert ring[32, 32 + 8] > 100 * ring[32, 32 + 16]
    streak = stray_light(64, replace(setup, ring=0.0), photons=1e5)
    assert streak[32, 0] > 1e3 * streak[0, 32]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"n": 33}, "n is 33"),
        ({"pitch": 0.0}, "pitch is"),
        ({"pitch": float("nan")}, "pitch is"),
        ({"point_spread": -1.0}, "point_spread is"),
        ({"smear": 0.5}, "smear is"),
        ({"stop_radius": 99.0}, "stop_radius is"),
        ({"stop_penumbra": 0.0}, "stop_penumbra is"),
        ({"hot_fraction": 0.9}, "hot_fraction is"),
        ({"cosmic_rate": -1.0}, "cosmic_rate is"),
        ({"reads": 0}, "reads is"),
        ({"dark_frames": 0}, "dark_frames is"),
    ],
)
def test_bad_detectors_are_one_line(change: dict, word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}[^\n]*; allowed: [^\n]*$"):
        FrameDetector(**change)


def test_too_many_photons_are_one_line() -> None:
    with pytest.raises(ValueError, match=r"^the brightest pixel expects [^\n]*; allowed: [^\n]*$"):
        plan_reads(1e9, FrameDetector(n=N))


@pytest.mark.parametrize(
    "change", [{"flat": -1.0}, {"streak": 2.0}, {"ring": -0.1}, {"ring_width": 0.0}, {"ring_radius": 0.0}]
)
def test_bad_backgrounds_are_one_line(change: dict) -> None:
    with pytest.raises(ValueError, match=r"^\w+ is [^\n]*; allowed: [^\n]*$"):
        BackgroundSetup(**change)
