import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from numerics import fourier
from tests.validation.labyrinths import disc, smooth
from validation import (
    CorrelationCurve,
    expected_truth_correlation,
    fourier_ring_correlation,
    power_spectral_density,
    resolution,
    ring_mean,
    threshold_curve,
)
from validation.alignment import moved

PIXEL = 5e-9


def direct_correlation(a, b, pixel):
    """Correlate ring by ring in a plain loop over the full plane (the definition)."""
    axes = [np.fft.fftfreq(n, d) for n, d in zip(a.shape, pixel, strict=True)]
    f = np.sqrt(sum(g**2 for g in np.meshgrid(*axes, indexing="ij")))
    step = max(1 / (n * d) for n, d in zip(a.shape, pixel, strict=True))
    ring = np.floor(f / step + 0.5).astype(int)
    spectra = [np.fft.fftn(v - v.mean()) for v in (a, b)]
    rings = int(min(0.5 / d for d in pixel) / step + 1e-9) + 1
    values, counts = [], []
    for k in range(rings):
        first, second = (s[ring == k] for s in spectra)
        norm = np.sqrt((abs(first) ** 2).sum() * (abs(second) ** 2).sum())
        values.append((first * second.conj()).sum() / norm if norm else np.nan)
        counts.append(first.size)
    return np.array(values), np.array(counts)


@pytest.mark.parametrize("shape", [(32, 32), (33, 31), (24, 40), (12, 14, 17)])
@pytest.mark.parametrize("complex_data", [False, True])
def test_correlation_is_its_definition(shape, complex_data):
    rng = np.random.default_rng(1)
    pixel = (5e-9, 6e-9, 4e-9)[: len(shape)]
    a, b = rng.standard_normal((2, *shape))
    if complex_data:
        a, b = a + 1j * rng.standard_normal(shape), b + 1j * rng.standard_normal(shape)
    b = b + 0.5 * a
    curve = fourier_ring_correlation(a, b, pixel_size=pixel)
    expected, count = direct_correlation(a, b, pixel)
    assert np.array_equal(curve.count, count)
    np.testing.assert_allclose(curve.correlation[1:], expected[1:].real, atol=1e-10)
    if complex_data:
        np.testing.assert_allclose(curve.imaginary[1:], expected[1:].imag, atol=1e-10)
    assert curve.is_complex == complex_data


def test_identical_images_correlate_fully():
    image = np.random.default_rng(0).standard_normal((64, 48))
    curve = fourier_ring_correlation(image, 3 * image + 2, pixel_size=PIXEL, mask=disc(64, 20)[:, 8:56])
    assert np.isnan(curve.correlation[0]), "the mean was removed"
    np.testing.assert_allclose(curve.correlation[1:], 1, atol=1e-9)
    found = resolution(curve, criterion="1-bit")
    assert not found.crossed
    assert found.half_period == pytest.approx(PIXEL)
    assert found.full_period == pytest.approx(2 * PIXEL)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 5.0])
def test_white_halves_give_s_over_one_plus_s(ratio):
    rng = np.random.default_rng(2)
    signal, first, second = rng.standard_normal((3, 256, 256))
    noisy = [signal * np.sqrt(ratio) + noise for noise in (first, second)]
    curve = fourier_ring_correlation(*noisy, pixel_size=PIXEL)
    deviation = curve.correlation[10:] - ratio / (1 + ratio)
    assert abs(np.average(deviation, weights=curve.count[10:])) < 0.01
    assert np.std(deviation / curve.scatter(np.full(curve.count.size, ratio / (1 + ratio)))[10:]) == pytest.approx(
        1, abs=0.2
    )


@pytest.mark.parametrize("shift", [0.1, 0.36])
def test_shift_multiplies_by_bessel_function(shift):
    image = np.random.default_rng(3).standard_normal((256, 256))
    curve = fourier_ring_correlation(image, moved(image, (0.0, shift)), pixel_size=1.0)
    expected = special.j0(2 * np.pi * curve.frequency * shift)
    assert np.abs(curve.correlation - expected)[8:].max() < 0.025


def test_shift_in_three_dimensions_multiplies_by_sinc():
    image = np.random.default_rng(4).standard_normal((48, 48, 48))
    spectrum = fourier.fftn(image) * np.exp(-2j * np.pi * 0.3 * fourier.unshifted_frequencies(48, 1.0))
    curve = fourier_ring_correlation(image, fourier.ifftn(spectrum).real, pixel_size=1.0)
    assert np.abs(curve.correlation - np.sinc(2 * curve.frequency * 0.3))[4:].max() < 0.04


def test_common_mean_under_a_mask_is_removed():
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, 128, 128)) + 5
    mask = disc(128, 30)
    with_mean = fourier_ring_correlation(a, b, pixel_size=PIXEL, mask=mask, remove_mean=False)
    without = fourier_ring_correlation(a, b, pixel_size=PIXEL, mask=mask)
    assert with_mean.correlation[:4].min() > 0.9
    assert np.abs(without.correlation[2:]).mean() < 0.3


def test_thresholds():
    n = np.array([1.0, 10, 100, 1e4, 1e12])
    np.testing.assert_allclose(threshold_curve(n, kind="half-bit"), [1, 0.5426, 0.3067, 0.1860, 0.1716], atol=6e-5)
    assert threshold_curve(1e14, kind="1-bit") == pytest.approx(1 / 3, abs=1e-6)
    assert threshold_curve(1e14, kind="1-bit", data_set="full") == pytest.approx(0.5, abs=1e-6)
    assert threshold_curve(1e14, kind="half-bit", data_set="full") == pytest.approx(0.2929, abs=1e-4)
    assert threshold_curve(100.0, kind="half-bit", n_convention="hermitian") == pytest.approx(0.357, abs=5e-4)
    assert threshold_curve(7.0, kind="1/7") == pytest.approx(1 / 7)
    assert threshold_curve(100.0, kind="3-sigma", symmetry=2) == pytest.approx(3 * np.sqrt(2) / np.sqrt(50))


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


def test_empty_rings_are_passed_over():
    values = np.linspace(1, 0, 101)
    values[[10, 49, 50]] = np.nan
    assert resolution(curve_of(values), criterion="0.5").frequency == pytest.approx(50e6, rel=0.02)
    blank = resolution(curve_of(np.full(50, np.nan)), criterion="0.5", draws=3, rng=np.random.default_rng(0))
    assert np.isnan(blank.half_period)
    assert not blank.crossed


@pytest.mark.parametrize(("power", "criterion"), [(1.0, "1-bit"), (2.5, "1-bit"), (2.5, "1/7")])
def test_crossing_is_unbiased_and_its_interval_is_right(power, criterion):
    # two noisy halves of a spectrum f^-power; the expected correlation meets the threshold at 0.25
    rng = np.random.default_rng(6)
    f = fourier.unshifted_frequencies(256, 1.0)
    envelope = np.maximum(np.hypot(f[:, None], f[None, :]), 1 / 256) ** -power
    level = 0.25
    threshold = float(threshold_curve(2 * np.pi * 256 * level, kind=criterion))
    sigma = level**-power * np.sqrt((1 - threshold) / threshold)
    crossings, widths = [], []
    for _ in range(30):
        signal = fourier.ifft2(fourier.fft2(rng.standard_normal((256, 256))) * envelope).real
        halves = signal + sigma * rng.standard_normal((2, 256, 256))
        curve = fourier_ring_correlation(*halves, pixel_size=1.0)
        found = resolution(curve, criterion=criterion, draws=60, rng=rng)
        crossings.append(found.frequency)
        widths.append(found.uncertainty / found.half_period * found.frequency)
    assert np.mean(crossings) == pytest.approx(level, rel=0.02)
    assert np.std(crossings) < 0.07 * level
    assert 0.65 < np.mean(widths) / np.std(crossings) < 1.5


def test_halves_promise_the_correlation_with_the_truth():
    rng = np.random.default_rng(7)
    truth = smooth(rng.standard_normal((256, 256)), 1.0)
    halves = truth + 0.1 * rng.standard_normal((2, 256, 256))
    between = fourier_ring_correlation(*halves, pixel_size=1.0)
    shown = fourier_ring_correlation(halves.mean(axis=0), truth, pixel_size=1.0)
    good = between.correlation > 0.3
    good[:10] = False
    expected = expected_truth_correlation(between.correlation)
    assert abs(np.mean((expected - shown.correlation)[good])) < 0.01
    assert expected_truth_correlation(np.array([-0.3, 1 / 7])) == pytest.approx([0, 0.5])


def test_ring_mean_of_a_radial_map():
    f = fourier.frequencies(65, 1.0)
    radius = np.hypot(f[:, None], f[None, :])
    rings = ring_mean(radius, frequency_step=1 / 65)
    np.testing.assert_allclose(rings.mean[3:], rings.frequency[3:], rtol=0.03)
    holed = np.where(radius > 0.3, np.nan, radius)
    masked = ring_mean(holed, frequency_step=1 / 65, valid=radius <= 0.3)
    assert np.isnan(masked.mean[-1])
    assert masked.mean[5] == rings.mean[5]


def test_power_spectral_density_integrates_to_the_mean_square():
    image = np.random.default_rng(8).standard_normal((128, 128))
    density = power_spectral_density(image, pixel_size=PIXEL, mask=disc(128, 40))
    assert np.average(density.mean, weights=density.count) / PIXEL**2 == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: fourier_ring_correlation(a, a[1:], pixel_size=1.0), "shape"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=0.0), "pixel_size"),
        (lambda a: fourier_ring_correlation(a, a * np.nan, pixel_size=1.0), "not finite"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, mask=a * 0), "mask"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, ring_width=0.5), "ring_width"),
        (lambda a: threshold_curve(a, kind="2-bit"), "half-bit"),
        (lambda a: threshold_curve(a, kind="1-bit", data_set="third"), "data_set"),
        (lambda a: resolution(curve_of(np.ones(9)), criterion="1-bit", draws=3), "rng"),
        (lambda a: ring_mean(a * 1j, frequency_step=1.0), "complex"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((16, 16)))
    assert "\n" not in str(caught.value)
