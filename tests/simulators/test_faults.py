"""Faulty frames, and the flux of a scan."""

import numpy as np
import pytest

from numerics.streams import stream
from simulators.beamline.faults import KINDS, FaultRates, draw_faults, jump_factor, spoil
from simulators.beamline.flux import FluxSetup, flux_of_scan

N = 64
OFFSET, GAIN = 3000, 117.5


def frame(seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[:N, :N] - N // 2
    photons = stream(seed, "photons").poisson(30 * np.exp(-np.hypot(y, x + 3) / 4) + 0.05)
    return (OFFSET + GAIN * photons).astype(np.uint16)


def spoiled(kind: str, seed: int) -> np.ndarray:
    return spoil(frame(), KINDS[kind], gain=GAIN, largest=60000, rng=stream(seed, "fault"))


@pytest.mark.parametrize("frames", [7, 256, 4000])
def test_every_kind_comes_as_often_as_stated(frames: int) -> None:
    rates = FaultRates(0.01, 0.02, 0.015, 0.03, 0.01, 0.005, 0.02)
    kinds = draw_faults(frames, rates, rng=stream(1, frames))
    assert kinds.dtype == np.int8
    for name, number in KINDS.items():
        if name != "good":
            assert abs((kinds == number).sum() - getattr(rates, name) * frames) <= 1
    duplicates = np.flatnonzero(kinds == KINDS["duplicated"])
    assert np.all(duplicates > 0)
    assert np.all(kinds[duplicates - 1] == 0)


def test_fractions_of_a_frame_come_by_chance() -> None:
    rates = FaultRates(row_band=0.005)
    counts = [int((draw_faults(50, rates, rng=stream(seed)) > 0).sum()) for seed in range(800)]
    assert np.mean(counts) == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / 800))


def test_most_duplicates_find_a_place() -> None:
    kinds = draw_faults(1000, FaultRates(duplicated=0.3), rng=stream(3))
    assert (kinds == KINDS["duplicated"]).sum() == 300


def test_even_rates() -> None:
    assert FaultRates.evenly(0.07).total == pytest.approx(0.07)
    assert FaultRates.evenly(0.07).quadrant == pytest.approx(0.01)


@pytest.mark.parametrize("seed", range(5))
def test_bands_raise_whole_lines_and_nothing_else(seed: int) -> None:
    for kind, axis in (("row_band", 1), ("column_band", 0)):
        added = spoiled(kind, seed).astype(int) - frame()
        lines = added.any(axis)
        assert 2 <= lines.sum() <= N // 8
        assert np.ptp(np.flatnonzero(lines)) == lines.sum() - 1
        level = added.max() / GAIN
        assert 2 <= level <= 20.1
        assert np.ptp(added.compress(lines, axis=1 - axis)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_shifted_frame_is_the_frame_rolled(seed: int) -> None:
    moved = spoiled("shifted", seed)
    assert moved.sum() == frame().sum()
    assert not np.array_equal(moved, frame())
    step = np.argmax(moved.ravel()) - np.argmax(frame().ravel())
    assert np.array_equal(np.roll(frame().ravel(), step).sum(), moved.sum())
    rows, columns = np.subtract(np.unravel_index(moved.argmax(), (N, N)), np.unravel_index(frame().argmax(), (N, N)))
    assert np.array_equal(np.roll(frame(), (rows, columns), (0, 1)), moved)
    assert max(abs(rows), abs(columns)) >= 3


@pytest.mark.parametrize("seed", range(4))
def test_a_quadrant_reads_zero(seed: int) -> None:
    zero = spoiled("quadrant", seed) == 0
    assert zero.sum() == N * N // 4
    assert np.ptp(np.argwhere(zero), axis=0).tolist() == [N // 2 - 1, N // 2 - 1]


@pytest.mark.parametrize("seed", range(4))
def test_a_pattern_is_one_wave(seed: int) -> None:
    added = (spoiled("pattern", seed).astype(float) - frame()) / GAIN
    assert 2 <= abs(added).max() <= 20.1
    spectrum = np.abs(np.fft.fft2(added * np.outer(np.hanning(N), np.hanning(N)))) ** 2
    largest = np.sort(spectrum.ravel())[::-1]
    assert largest[:40].sum() > 0.98 * largest.sum()


def test_glitches_stay_within_what_can_be_written() -> None:
    counts = spoil(frame(), KINDS["row_band"], gain=1e6, largest=60000, rng=stream(1))
    assert counts.max() == 60000
    dark = np.zeros((N, N), np.uint16)
    assert spoil(dark, KINDS["pattern"], gain=GAIN, largest=60000, rng=stream(1)).max() < 60000


def test_other_kinds_leave_the_counts() -> None:
    for kind in ("good", "duplicated", "flux_jump"):
        assert np.array_equal(spoiled(kind, 0), frame())
    with pytest.raises(ValueError, match=r"^kind is 9; allowed: 0 to 7$"):
        spoil(frame(), 9, gain=1.0, largest=1, rng=stream(0))


def test_jumps_are_of_at_least_a_fifth() -> None:
    rng = stream(8)
    jumps = np.array([jump_factor(rng) for _ in range(2000)])
    assert jumps.min() > 0.2
    assert jumps.max() < 3
    assert np.abs(jumps - 1).min() >= 0.2
    assert jumps.min() < 0.22
    assert jumps.max() > 2.9
    down = np.log(0.8 / 0.2) / (np.log(0.8 / 0.2) + np.log(3 / 1.2))
    assert np.mean(jumps < 1) == pytest.approx(down, abs=5 * np.sqrt(down * (1 - down) / 2000))


@pytest.mark.parametrize("change", [{"row_band": -0.1}, {"pattern": 2.0}, {"shifted": 0.2, "quadrant": 0.2}])
def test_bad_rates_are_one_line(change: dict) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*; allowed: [^\n]*$"):
        FaultRates(**change)


def test_a_quiet_ring_gives_the_same_flux() -> None:
    assert np.allclose(flux_of_scan(50, FluxSetup(), helicities=(1, -1), rng=stream(0)), 1)


def test_the_flux_walks_as_far_as_stated() -> None:
    setup = FluxSetup(walk=0.02)
    scans = [flux_of_scan(200, setup, helicities=(1,), rng=stream(seed))[0] for seed in range(1000)]
    ends = np.array([scan[-1] / scan[0] - 1 for scan in scans])
    middles = np.array([scan[100] / scan[0] - 1 for scan in scans])
    tolerance = 5 / np.sqrt(2 * 1000)
    assert ends.std() == pytest.approx(0.02, rel=tolerance)
    assert middles.std() == pytest.approx(0.02 * np.sqrt(100 / 199), rel=tolerance)
    assert np.mean(scans) == pytest.approx(1)


def test_top_up_is_a_sawtooth() -> None:
    flux = flux_of_scan(400, FluxSetup(top_up_depth=0.05, top_up_period=80), helicities=(1,), rng=stream(2))[0]
    steps = np.diff(flux)
    jumps = np.flatnonzero(steps > 0)
    assert np.array_equal(np.diff(jumps), [80] * (len(jumps) - 1))
    assert len(jumps) == 5
    assert flux.max() / flux.min() == pytest.approx(1 / (1 - 0.05), rel=2e-3)


def test_helicities_have_their_ratio_and_one_walk() -> None:
    setup = FluxSetup(walk=0.05, helicity_ratio=1.2)
    flux = flux_of_scan(100, setup, helicities=(1, -1), rng=stream(5))
    assert flux.shape == (2, 100)
    assert flux[1].mean() / flux[0].mean() == pytest.approx(1.2)
    assert flux.mean() == pytest.approx(1)
    alone = flux_of_scan(100, setup, helicities=(-1,), rng=stream(5))
    assert alone.mean() == pytest.approx(1)


@pytest.mark.parametrize(
    "change",
    [
        {"walk": -1.0},
        {"top_up_depth": 1.0},
        {"top_up_period": 0.0},
        {"helicity_ratio": 0.0},
        {"monitor_noise": -0.1},
        {"walk": float("nan")},
    ],
)
def test_bad_flux_is_one_line(change: dict) -> None:
    with pytest.raises(ValueError, match=r"^\w+ is [^\n]*; allowed: [^\n]*$"):
        FluxSetup(**change)
