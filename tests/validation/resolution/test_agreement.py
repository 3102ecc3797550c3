import numpy as np
import pytest

from numerics import fourier
from validation.resolution.agreement import compare_resolutions, halves_against_truth
from validation.resolution.crossings import resolution
from validation.resolution.curves import CorrelationCurve, fourier_ring_correlation

SIZE = 256
PIXEL = 5e-9


def coloured(rng, power):
    f = fourier.unshifted_frequencies(SIZE, 1.0)
    envelope = (np.maximum(np.hypot(f[:, None], f[None, :]), 1 / SIZE) / 0.2) ** -power
    return fourier.ifft2(fourier.fft2(rng.standard_normal((SIZE, SIZE))) * envelope).real


def judged(halves, truth, **options):
    mask = options.pop("mask", None)
    between = fourier_ring_correlation(*halves, pixel_size=PIXEL, mask=mask)
    shown = fourier_ring_correlation(np.mean(halves, axis=0), truth, pixel_size=PIXEL, mask=mask)
    return halves_against_truth(between, shown, **options)


@pytest.mark.parametrize("criterion", ["1-bit", "half-bit", "1/7", "0.5"])
@pytest.mark.parametrize("seed", range(4))
def test_independent_halves_agree_with_the_truth(seed, criterion):
    rng = np.random.default_rng(seed)
    truth = coloured(rng, 2.5)
    found = judged(truth + 2.0 * rng.standard_normal((2, SIZE, SIZE)), truth, criterion=criterion)
    assert found.agrees
    assert found.verdict == "agree"
    assert found.difference < 0.15
    assert found.halves.criterion == found.truth.criterion == criterion


def shared_error(rng, truth):
    return truth + 0.7 * coloured(rng, 0.0)


def twin(rng, truth):
    # half of each half is the same inverted copy, as without references
    return 0.5 * (truth + truth[::-1, ::-1])


def soft_prior(rng, truth):
    # everything fine replaced by what both halves assume
    spectrum = fourier.fft2(truth)
    f = fourier.unshifted_frequencies(SIZE, 1.0)
    fine = np.hypot(f[:, None], f[None, :]) > 0.12
    prior = fourier.fft2(coloured(rng, 2.5))
    return fourier.ifft2(np.where(fine, prior, spectrum)).real


@pytest.mark.parametrize("share", [shared_error, twin, soft_prior])
@pytest.mark.parametrize("seed", range(3))
def test_what_halves_share_is_flagged(seed, share):
    rng = np.random.default_rng(seed)
    truth = coloured(rng, 2.5)
    halves = share(rng, truth) + 0.3 * rng.standard_normal((2, SIZE, SIZE))
    found = judged(halves, truth)
    assert not found.agrees
    assert found.verdict == "halves not independent"
    assert found.difference > 0.15
    assert found.halves.half_period < found.truth.half_period


def test_verdict_follows_the_level():
    found = {}
    for frequency in (40e6, 50e6, 60e6):
        values = np.linspace(1, 0, 101) ** (np.log(0.5) / np.log(1 - frequency / 100e6))
        rings = np.arange(101)
        curve = CorrelationCurve(rings * 1e6, values, 0.0 * rings, np.full(101, 1e6), False, 1.0)
        found[frequency] = resolution(curve, criterion="0.5", smoothing=0)
    finer = compare_resolutions(found[60e6], found[50e6])
    assert finer.difference == pytest.approx(1 / 6, rel=1e-3)
    assert finer.verdict == "halves not independent"
    assert compare_resolutions(found[60e6], found[50e6], level=0.2).verdict == "agree"
    coarser = compare_resolutions(found[40e6], found[50e6])
    assert coarser.difference == pytest.approx(0.25, rel=1e-3)
    assert coarser.verdict == "halves claim less than the truth shows"


def test_limits_of_sampling_are_noted():
    rng = np.random.default_rng(3)
    truth = coloured(rng, 0.0)
    found = judged(truth + 0.1 * rng.standard_normal((2, SIZE, SIZE)), truth)
    assert found.agrees
    assert found.notes == ("halves: limited by sampling", "truth: limited by sampling")


def test_nothing_to_compare_is_no_agreement():
    blank = CorrelationCurve(np.arange(9.0), np.full(9, np.nan), np.full(9, np.nan), np.full(9, 50.0), False, 1.0)
    found = halves_against_truth(blank, blank)
    assert not found.agrees
    assert found.verdict == "no resolution to compare"
    assert np.isnan(found.difference)


@pytest.mark.parametrize("seed", range(3))
def test_noise_against_noise_is_no_agreement(seed):
    noise = np.random.default_rng(seed).standard_normal((3, SIZE, SIZE))
    found = judged(noise[:2], noise[2])
    assert found.verdict == "no resolution to compare"
    assert not found.agrees
    assert np.isnan(found.difference)
    assert [note.split(":")[0] for note in found.notes] == ["halves", "truth"]
    assert all("nothing in common" in note for note in found.notes)


def test_halves_that_claim_what_the_truth_does_not_show_at_all():
    rng = np.random.default_rng(4)
    halves = coloured(rng, 2.5) + 0.3 * rng.standard_normal((2, SIZE, SIZE))
    found = judged(halves, coloured(rng, 2.5))
    assert found.truth.below_from_start
    assert not found.agrees
    assert found.verdict == "halves not independent"
    assert "truth" in found.notes[-1]


def test_pixels_and_metres_are_not_compared():
    rng = np.random.default_rng(5)
    truth = coloured(rng, 2.5)
    halves = truth + 2.0 * rng.standard_normal((2, SIZE, SIZE))
    curves = [fourier_ring_correlation(*halves, pixel_size=size) for size in (PIXEL, 1.0)]
    for pair in (curves, curves[::-1]):
        with pytest.raises(ValueError, match="both in metres or both in pixels") as caught:
            halves_against_truth(*pair)
        assert "\n" not in str(caught.value)
    assert halves_against_truth(curves[1], curves[1]).verdict != "no resolution to compare"


@pytest.mark.parametrize("level", [0.0, -1.0, np.nan, np.inf])
def test_bad_input_is_told_in_one_line(level):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="level is") as caught:
        judged(rng.standard_normal((2, SIZE, SIZE)), coloured(rng, 1.0), level=level)
    assert "\n" not in str(caught.value)
