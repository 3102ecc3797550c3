import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics import fourier
from tests.validation.labyrinths import disc
from validation.resolution import (
    CorrelationCurve,
    fourier_ring_correlation,
    resolution,
    threshold_curve,
)
from validation.resolution.crossings import _tied
from validation.resolution.thresholds import CRITERIA
from validation.windows import soft_edged

PIXEL = 5e-9


def test_thresholds():
    n = np.array([1.0, 10, 100, 1e4, 1e12])
    np.testing.assert_allclose(threshold_curve(n, kind="half-bit"), [1, 0.5426, 0.3067, 0.1860, 0.1716], atol=6e-5)
    assert threshold_curve(1e14, kind="1-bit") == pytest.approx(1 / 3, abs=1e-6)
    assert threshold_curve(1e14, kind="1-bit", data_set="full") == pytest.approx(0.5, abs=1e-6)
    assert threshold_curve(1e14, kind="half-bit", data_set="full") == pytest.approx(0.2929, abs=1e-4)
    assert threshold_curve(100.0, kind="half-bit", n_convention="hermitian") == pytest.approx(0.357, abs=5e-4)
    assert threshold_curve(7.0, kind="1/7") == pytest.approx(1 / 7)
    assert threshold_curve(100.0, kind="3-sigma", symmetry=2) == pytest.approx(3 * np.sqrt(2) / np.sqrt(50))
    assert np.isnan(threshold_curve(0.0, kind="1-bit"))


def exact_threshold(n, signal_to_noise):
    """Evaluate van Heel and Schatz with 40 digits."""
    getcontext().prec = 40
    root, amplitude = Decimal(n).sqrt(), signal_to_noise.sqrt()
    return float((signal_to_noise + (2 * amplitude + 1) / root) / (1 + signal_to_noise + 2 * amplitude / root))


@given(st.integers(1, 10**12))
def test_thresholds_to_twelve_digits(n):
    half_bit, one_bit = (Decimal(2).sqrt() - 1) / 2, Decimal("0.5")
    for kind, ratio in (("half-bit", half_bit), ("1-bit", one_bit)):
        for data_set, factor in (("half", 1), ("full", 2)):
            for convention, divisor in (("full", 1), ("hermitian", 2)):
                found = threshold_curve(float(n), kind=kind, data_set=data_set, n_convention=convention)
                assert float(found) == pytest.approx(exact_threshold(Decimal(n) / divisor, factor * ratio), abs=1e-12)
    # the object's size and symmetry change the number of samples, as the EMDB's validation code counts them
    found = threshold_curve(float(n), kind="half-bit", object_ratio=0.66, symmetry=4)
    assert float(found) == pytest.approx(exact_threshold(Decimal(n) * Decimal("0.9801") / 4, half_bit), abs=1e-12)


@given(
    st.floats(1, 1e9), st.sampled_from(["half-bit", "1-bit"]), st.sampled_from(["half", "full"]), st.floats(1.01, 100)
)
def test_thresholds_fall_with_the_count_and_start_at_one(n, kind, data_set, factor):
    assert threshold_curve(1.0, kind=kind, data_set=data_set) == pytest.approx(1, abs=1e-12)
    assert threshold_curve(n * factor, kind=kind, data_set=data_set) < threshold_curve(n, kind=kind, data_set=data_set)


def curve_of(values, count=None):
    rings = len(values)
    count = np.full(rings, 1e6) if count is None else count
    return CorrelationCurve(np.arange(rings) * 1e6, np.asarray(values), np.zeros(rings), count, False, 1.0)


def test_crossing_is_interpolated_and_first_rings_are_passed_over():
    values = np.linspace(1, 0, 101)
    values[:3] = 0
    found = resolution(curve_of(values), criterion="0.5", smoothing=0)
    assert found.frequency == pytest.approx(50e6)
    assert found.crossed
    assert found.full_period == pytest.approx(2 * found.half_period) == pytest.approx(1 / 50e6)


def test_a_curve_that_never_falls_ends_at_the_band_edge():
    image = np.random.default_rng(0).standard_normal((64, 48))
    found = resolution(fourier_ring_correlation(image, image, pixel_size=PIXEL), criterion="1-bit")
    assert not found.crossed
    assert found.half_period == pytest.approx(PIXEL)
    assert found.full_period == pytest.approx(2 * PIXEL)
    assert any("sampling" in note for note in found.notes)


def test_empty_rings_are_passed_over():
    values = np.linspace(1, 0, 101)
    values[[10, 49, 50]] = np.nan
    assert resolution(curve_of(values), criterion="0.5").frequency == pytest.approx(50e6, rel=0.02)
    blank = resolution(curve_of(np.full(50, np.nan)), criterion="0.5", draws=3, rng=np.random.default_rng(0))
    assert np.isnan(blank.half_period)
    assert not blank.crossed


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("data_set", ["half", "full"])
@pytest.mark.parametrize("n_convention", ["full", "hermitian"])
def test_conventions_are_used_and_echoed(criterion, data_set, n_convention):
    count = 2 * np.pi * np.arange(101)
    values = np.minimum(np.linspace(1.2, 0, 101), 1)
    options = {"data_set": data_set, "n_convention": n_convention}
    found = resolution(curve_of(values, count), criterion=criterion, smoothing=0, **options)
    assert (found.criterion, found.data_set, found.n_convention) == (criterion, data_set, n_convention)
    threshold = threshold_curve(count, kind=criterion, **options)
    at = np.interp(found.frequency, np.arange(101) * 1e6, threshold)
    assert 1.2 * (1 - found.frequency / 100e6) == pytest.approx(at, abs=1e-3)


def noisy_halves(rng, size, power, criterion, *, level=0.25, dose=1.0):
    """Return halves of a spectrum f^-power whose expected correlation meets the threshold at `level` at dose 1."""
    f = fourier.unshifted_frequencies(size, 1.0)
    envelope = np.maximum(np.hypot(f[:, None], f[None, :]), 1 / size) ** -power
    threshold = float(threshold_curve(2 * np.pi * size * level, kind=criterion))
    sigma = level**-power * math.sqrt((1 - threshold) / threshold / dose)
    signal = fourier.ifft2(fourier.fft2(rng.standard_normal((size, size))) * envelope).real
    return signal + sigma * rng.standard_normal((2, size, size))


CROSSINGS = [
    (128, 1.0, "1-bit"),
    (128, 2.5, "half-bit"),
    (128, 2.5, "1/7"),
    (128, 1.0, "0.5"),
    (256, 1.0, "1-bit"),
    (256, 1.0, "half-bit"),
    (256, 2.5, "1/7"),
]


@pytest.mark.parametrize(("size", "power", "criterion"), CROSSINGS)
def test_crossing_is_unbiased_and_its_interval_is_right(size, power, criterion):
    rng = np.random.default_rng([size, int(2 * power), CRITERIA.index(criterion)])
    repeats = 200 if size == 128 else 120
    found = []
    for _ in range(repeats):
        curve = fourier_ring_correlation(*noisy_halves(rng, size, power, criterion), pixel_size=1.0)
        found.append(resolution(curve, criterion=criterion, draws=40, rng=rng))
    frequency = np.array([f.frequency for f in found])
    assert abs(frequency.mean() / 0.25 - 1) < 0.02
    assert frequency.std() < (0.16 if size == 128 else 0.07) * 0.25
    ratio = np.mean([f.uncertainty for f in found]) / np.std([f.half_period for f in found])
    assert 0.8 < ratio < 1.25
    covered = np.mean([f.interval[0] <= 2.0 <= f.interval[1] for f in found])
    assert covered == pytest.approx(0.68, abs=0.12)


@pytest.mark.parametrize(("power", "criterion"), [(1.0, "1-bit"), (1.0, "0.5"), (2.0, "1-bit")])
def test_interval_is_right_under_a_mask(power, criterion):
    # a mask ties neighbouring rings together: drawn one by one, they gave 0.6 to 0.75 of the scatter here
    rng = np.random.default_rng([CRITERIA.index(criterion), int(power)])
    mask = soft_edged(disc(128, 40) > 0, 10)
    found = []
    for _ in range(150):
        curve = fourier_ring_correlation(*noisy_halves(rng, 128, power, criterion), pixel_size=1.0, mask=mask)
        found.append(resolution(curve, criterion=criterion, draws=40, rng=rng))
    period = np.array([f.half_period for f in found])
    assert np.mean([f.frequency for f in found]) / 0.25 == pytest.approx(1, abs=0.04)
    assert 0.8 < np.mean([f.uncertainty for f in found]) / period.std() < 1.25
    covered = np.mean([f.interval[0] <= np.median(period) <= f.interval[1] for f in found])
    assert covered == pytest.approx(0.68, abs=0.12)


@pytest.mark.parametrize("rings", [65, 128])
@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.9, 1.0])
def test_drawn_rings_are_tied_as_a_box_ties_them(fraction, rings):
    curve = CorrelationCurve(*np.zeros((4, rings)), False, fraction)
    drawn = _tied(np.random.default_rng(12).standard_normal((4000, rings)), curve)
    assert drawn.std(axis=0) == pytest.approx(np.ones(rings), abs=0.06)
    ties = [np.mean(drawn[:, 10:-10] * np.roll(drawn, lag, axis=1)[:, 10:-10]) for lag in range(1, 8)]
    assert ties == pytest.approx(np.sinc(np.sqrt(fraction) * np.arange(1, 8)) ** 2, abs=0.02)


def test_nothing_in_common_is_told_wherever_the_rings_begin():
    # the threshold is below 1 from ring 25 on only
    count = np.concatenate([np.full(25, 10.0), np.full(40, 60.0)])
    low = resolution(curve_of(np.full(65, 0.1), count), criterion="3-sigma", smoothing=0)
    assert low.frequency == 25e6
    assert low.below_from_start
    assert low.notes == ("the curve is below the threshold from the first ring on: nothing in common",)
    high = resolution(curve_of(np.repeat([0.95, 0.1], [40, 25]), count), criterion="3-sigma", smoothing=0)
    assert high.notes == ()
    assert not high.below_from_start


def test_a_shallow_curve_crosses_a_low_constant_early():
    rng = np.random.default_rng(9)
    curves = [fourier_ring_correlation(*noisy_halves(rng, 128, 1.0, "1/7"), pixel_size=1.0) for _ in range(150)]
    ratio = np.mean([resolution(c, criterion="1/7").frequency for c in curves]) / 0.25
    assert 0.94 < ratio < 1.0
    raw = np.mean([resolution(c, criterion="1/7", smoothing=0).frequency for c in curves]) / 0.25
    assert raw < ratio - 0.05


def test_resolution_improves_with_dose():
    rng = np.random.default_rng(10)
    found = []
    for dose in (0.25, 1.0, 4.0):
        curves = [
            fourier_ring_correlation(*noisy_halves(rng, 128, 1.5, "1-bit", dose=dose), pixel_size=1.0)
            for _ in range(10)
        ]
        found.append([resolution(c, criterion="1-bit").half_period for c in curves])
    means = np.mean(found, axis=1)
    # S falls as f^-3: a factor 4 in dose is 4^(1/3) in period
    assert means[:-1] / means[1:] == pytest.approx(4 ** (1 / 3), rel=0.08)


def test_the_same_generator_gives_the_same_interval():
    curve = fourier_ring_correlation(*noisy_halves(np.random.default_rng(11), 64, 2.0, "1-bit"), pixel_size=1.0)
    one, two = (resolution(curve, criterion="1-bit", draws=50, rng=np.random.default_rng(1)) for _ in range(2))
    assert one.interval == two.interval
    assert one.interval[0] < one.half_period < one.interval[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: threshold_curve(1.0, kind="2-bit"), "half-bit"),
        (lambda: threshold_curve(1.0, kind="1-bit", data_set="third"), "data_set"),
        (lambda: threshold_curve(1.0, kind="1-bit", n_convention="half"), "n_convention"),
        (lambda: threshold_curve(-1.0, kind="1-bit"), "n is -1"),
        (lambda: threshold_curve(np.nan, kind="1/7"), "n is nan"),
        (lambda: threshold_curve(1.0, kind="1-bit", object_ratio=0.0), "object_ratio"),
        (lambda: threshold_curve(1.0, kind="1-bit", symmetry=0), "symmetry"),
        (lambda: resolution(curve_of(np.ones(9)), criterion="1-bit", draws=3), "rng is None"),
        (lambda: resolution(curve_of(np.ones(9)), criterion="1-bit", draws=3, rng=3), "rng is 3"),
        (lambda: resolution(curve_of(np.ones(9)), criterion="1-bit", draws=-3), "draws is -3"),
        (lambda: resolution(curve_of(np.ones(9)), criterion="1-bit", smoothing=-1), "smoothing"),
        (lambda: resolution(curve_of(np.ones(9)), criterion="2/7"), "kind is '2/7'"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
