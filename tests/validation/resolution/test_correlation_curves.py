import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from numerics import fourier
from numerics.threads import use_threads
from tests.validation.labyrinths import disc
from validation.registration.alignment import moved
from validation.resolution.curves import (
    blank_correlation,
    equivalent_half_correlation,
    expected_truth_correlation,
    fourier_ring_correlation,
    fourier_shell_correlation,
)
from validation.resolution.spectra import varies

PIXEL = 5e-9


def direct_correlation(a, b, pixel):
    """Correlate ring by ring in a plain loop over the full plane (the definition); halves are rounded up."""
    axes = [np.fft.fftfreq(n, d) for n, d in zip(a.shape, pixel, strict=True)]
    f = np.sqrt(sum(g**2 for g in np.meshgrid(*axes, indexing="ij")))
    step = max(1 / (n * d) for n, d in zip(a.shape, pixel, strict=True))
    ring = np.floor(f / step + 0.5 + 1e-9).astype(int)
    spectra = [np.fft.fftn(v.astype(np.result_type(v, float)) - v.mean(dtype=np.result_type(v, float))) for v in (a, b)]
    rings = int(min(0.5 / d for d in pixel) / step + 1e-9) + 1
    values, counts = [], []
    for k in range(rings):
        first, second = (s[ring == k] for s in spectra)
        norm = np.sqrt((abs(first) ** 2).sum() * (abs(second) ** 2).sum())
        values.append((first * second.conj()).sum() / norm if norm else np.nan)
        counts.append(first.size)
    return np.array(values), np.array(counts)


def radius(shape):
    return np.sqrt(sum(g**2 for g in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")))


def spectrum_of_power(rng, shape, power, cut=1.0):
    """Return white noise whose amplitude falls as f^-power, of unit variance, without anything beyond `cut`."""
    f = radius(shape)
    envelope = np.maximum(f, 1 / max(shape)) ** -power * (f <= cut)
    image = fourier.ifftn(fourier.fftn(rng.standard_normal(shape)) * envelope).real
    return image / image.std()


@pytest.mark.parametrize("shape", [(32, 32), (33, 31), (24, 40), (12, 14, 17), (16, 9, 10)])
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
    assert curve.dimensions == len(shape)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(256, 256), (200, 331), (48, 64, 57)])
@pytest.mark.parametrize("power", [0.0, 1.0, 2.5, 4.0])
def test_single_precision_is_exact_to_a_millionth(shape, power, seed):
    # steep spectra, whose weak rings single precision would drown, included; a mean far from zero too
    rng = np.random.default_rng([seed, len(shape), int(2 * power)])
    pixel = (1.0, 1.2, 1.1)[: len(shape)]
    signal = spectrum_of_power(rng, shape, power)
    halves = (signal + 0.01 * rng.standard_normal((2, *shape)) + 3).astype(np.float32)
    curve = fourier_ring_correlation(*halves, pixel_size=pixel)
    expected, _ = direct_correlation(*halves, pixel)
    assert np.abs(curve.correlation - expected.real)[1:].max() < 1e-6


def test_single_precision_complex_and_band_limited():
    rng = np.random.default_rng(2)
    wave = np.exp(1j * spectrum_of_power(rng, (128, 96), 2.0))
    halves = (wave + 0.1 * rng.standard_normal((2, 128, 96))).astype(np.complex64)
    limited = [np.float32(spectrum_of_power(rng, (64, 64), 0.0, cut=0.3)) for _ in range(2)]
    for a, b in (halves, limited):
        expected, _ = direct_correlation(a, b, (1.0, 1.0))
        curve = fourier_ring_correlation(a, b, pixel_size=1.0)
        assert np.abs(curve.correlation - expected.real)[1:].max() < 1e-6


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(np.float32, 1e-23), (np.complex64, 1e-30), (np.float32, 1e30), (float, 1e-100), (float, 1e100)],
)
def test_the_unit_does_not_matter(dtype, scale):
    # a moment per voxel is some 1e-23 A m^2: products of two such spectra are no numbers of single precision
    rng = np.random.default_rng(8)
    halves = spectrum_of_power(rng, (64, 64), 1.5) + 0.3 * rng.standard_normal((2, 64, 64))
    expected = fourier_ring_correlation(*halves, pixel_size=PIXEL).correlation
    found = fourier_ring_correlation(*(scale * halves).astype(dtype), pixel_size=PIXEL).correlation
    assert np.abs(found - expected)[1:].max() < 1e-6


@pytest.mark.parametrize("width", [1, 2, 3])
def test_halves_are_rounded_up(width):
    # frequencies of a cube are integers squared, so that the ring is known without rounding
    shape = (18, 18, 18)
    squares = sum(g**2 for g in np.meshgrid(*3 * [np.fft.fftfreq(18, 1 / 18).astype(int)], indexing="ij"))
    rings = 9 // width + 1
    ring = [next(r for r in range(40) if m < (Fraction(2 * r + 1, 2) * width) ** 2) for m in squares.ravel()]
    a, b = np.random.default_rng(3).standard_normal((2, *shape))
    curve = fourier_ring_correlation(a, b, pixel_size=3e-9, ring_width=width)
    assert np.array_equal(curve.count, np.bincount(ring)[:rings])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("shape", [(300, 257), (70, 66, 65)])
def test_bytes_do_not_depend_on_threads(shape, dtype):
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((2, *shape)).astype(dtype)
    mask = rng.random(shape).astype(np.float32)
    found = []
    for count in (1, 2, 3):
        with use_threads(count):
            curve = fourier_ring_correlation(a, a + b, pixel_size=PIXEL, mask=mask)
            found.append(curve.correlation.tobytes() + curve.imaginary.tobytes() + curve.count.tobytes())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_stays_below_six_times_the_input(dtype):
    a, b = np.random.default_rng(5).standard_normal((2, 96, 96, 96), dtype)
    fourier_shell_correlation(a, b, pixel_size=PIXEL)
    tracemalloc.start()
    fourier_shell_correlation(a, b, pixel_size=PIXEL, mask=np.ones(a.shape, bool))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / (a.nbytes + b.nbytes) < 4  # five with the input


def test_layout_and_kind_of_the_numbers_do_not_matter():
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 60, (2, 40, 30))
    expected = fourier_ring_correlation(a.astype(float), b.astype(float), pixel_size=PIXEL).correlation
    wide = np.zeros((2, 80, 60), np.uint16)
    wide[:, ::2, ::2] = a, b
    for one, two in ((a, b), (wide[0, ::2, ::2], wide[1, ::2, ::2]), (a.astype(">f8"), np.asfortranarray(b))):
        assert np.array_equal(
            fourier_ring_correlation(one, two, pixel_size=PIXEL).correlation, expected, equal_nan=True
        )


def test_identical_images_correlate_fully():
    image = np.random.default_rng(0).standard_normal((64, 48))
    curve = fourier_ring_correlation(image, 3 * image + 2, pixel_size=PIXEL, mask=disc(64, 20)[:, 8:56])
    assert np.isnan(curve.correlation[0]), "the mean was removed"
    np.testing.assert_allclose(curve.correlation[1:], 1, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(-100, 100), st.booleans())
def test_scale_offset_order_and_sign(seed, scale, offset, three):
    a, b = np.random.default_rng(seed).standard_normal((2, *((8, 9, 10) if three else (18, 21))))
    one = fourier_ring_correlation(a, b, pixel_size=PIXEL).correlation[1:]
    np.testing.assert_allclose(
        fourier_ring_correlation(scale * a + offset, b, pixel_size=1.0).correlation[1:], one, atol=1e-9
    )
    np.testing.assert_allclose(fourier_ring_correlation(b, -a, pixel_size=PIXEL).correlation[1:], -one, atol=1e-12)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 5.0])
def test_white_halves_give_s_over_one_plus_s(ratio):
    rng = np.random.default_rng(7)
    expected = ratio / (1 + ratio)
    curves = []
    for _ in range(128):
        signal, first, second = rng.standard_normal((3, 256, 256), np.float32)
        noisy = [signal * np.float32(np.sqrt(ratio)) + noise for noise in (first, second)]
        curves.append(fourier_ring_correlation(*noisy, pixel_size=PIXEL))
    values = np.array([c.correlation for c in curves])[:, 10:]
    count = curves[0].count[10:]
    assert np.sqrt(np.average((values.mean(axis=0) - expected) ** 2, weights=count)) < 0.005
    scatter = curves[0].scatter(np.full(curves[0].count.size, expected))[10:]
    assert np.std((values - expected) / scatter) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("shift", [0.1, 0.36])
def test_shift_multiplies_by_bessel_function(shift):
    curves = []
    for seed in range(8):
        image = np.random.default_rng(seed).standard_normal((256, 256))
        curves.append(fourier_ring_correlation(image, moved(image, (0.0, shift)), pixel_size=1.0))
    expected = special.j0(2 * np.pi * curves[0].frequency * shift)
    mean = np.mean([c.correlation for c in curves], axis=0)
    assert np.abs(mean - expected)[4:].max() < 0.02


def test_shift_in_three_dimensions_multiplies_by_sinc():
    shift = 0.36
    curves = []
    for seed in range(3):
        image = np.random.default_rng(seed).standard_normal((64, 64, 64))
        spectrum = fourier.fftn(image) * np.exp(-2j * np.pi * shift * fourier.unshifted_frequencies(64, 1.0))
        curves.append(fourier_shell_correlation(image, fourier.ifftn(spectrum).real, pixel_size=1.0))
    mean = np.mean([c.correlation for c in curves], axis=0)
    assert np.abs(mean - np.sinc(2 * curves[0].frequency * shift))[4:].max() < 0.02


def test_common_mean_under_a_mask_is_removed():
    rng = np.random.default_rng(5)
    a, b = rng.standard_normal((2, 128, 128)) + 5
    mask = disc(128, 30)
    with_mean = fourier_ring_correlation(a, b, pixel_size=PIXEL, mask=mask, remove_mean=False)
    without = fourier_ring_correlation(a, b, pixel_size=PIXEL, mask=mask)
    assert with_mean.correlation[:4].min() > 0.9
    assert np.abs(without.correlation[2:]).mean() < 0.3
    assert without.mask_fraction == pytest.approx(mask.mean())


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("seed", range(2))
def test_halves_promise_the_correlation_with_the_truth(power, seed):
    # true of the ensemble mean; the signal-to-noise ratio of each ring is the same in all draws
    rng = np.random.default_rng([8, seed])
    envelope = (np.maximum(radius((128, 128)), 1 / 128) / 0.2) ** -power
    between, shown = [], []
    for _ in range(300):
        truth = fourier.ifft2(fourier.fft2(rng.standard_normal((128, 128))) * envelope).real
        halves = truth + 1.5 * rng.standard_normal((2, 128, 128))
        between.append(fourier_ring_correlation(*halves, pixel_size=1.0).correlation)
        shown.append(fourier_ring_correlation(halves.mean(axis=0), truth, pixel_size=1.0).correlation)
    mean = np.mean(between, axis=0)
    used = mean > 0.1
    assert used.sum() > 20
    assert mean[used].min() < 0.2
    assert np.abs(expected_truth_correlation(mean) - np.mean(shown, axis=0))[used].max() < 0.02


def test_promised_truth_correlation_of_the_thresholds():
    promised = expected_truth_correlation(np.array([-0.3, 1 / 7, 0.17157, 1 / 3, 1.0]))
    assert promised == pytest.approx([0, 0.5, 0.541, 0.7071, 1.0], abs=1e-3)
    assert np.isnan(expected_truth_correlation(np.array([np.nan])))[0]
    half = np.linspace(0, 1, 11)
    np.testing.assert_allclose(equivalent_half_correlation(expected_truth_correlation(half)), half, atol=1e-15)
    assert equivalent_half_correlation(np.array(-0.5)) == pytest.approx(-1 / 7)


def test_a_blank_curve_has_rings_but_no_correlation():
    image = np.random.default_rng(9).standard_normal((24, 30))
    like = fourier_ring_correlation(image, image, pixel_size=(4e-9, 5e-9), mask=image > 0)
    blank = blank_correlation((24, 30), pixel_size=(4e-9, 5e-9), mask=image > 0)
    assert np.isnan(blank.correlation).all()
    assert np.array_equal(blank.count, like.count)
    assert np.array_equal(blank.frequency, like.frequency)
    assert blank.mask_fraction == like.mask_fraction


def test_contrast_is_what_exceeds_rounding():
    rng = np.random.default_rng(10)
    for dtype in (np.float32, np.float64, np.complex64, np.int64):
        image = rng.standard_normal((70, 50)) * 3
        assert varies(image.astype(dtype))
        assert not varies(np.full((70, 50), 7, dtype))
        assert varies(np.where(np.arange(50) == 3, 6, np.full((70, 50), 7, dtype)))
        assert not varies(
            np.where(np.arange(50) == 3, 6, np.full((70, 50), 7, dtype)), mask=np.arange(50) != 3 * np.ones((70, 1))
        )
    for dtype in (np.float32, np.float64):
        eps = np.finfo(dtype).eps
        flat = (1e-30 * (1 + eps * rng.integers(-1, 2, (300, 300)))).astype(dtype)
        assert not varies(flat)
        assert varies(flat + dtype(1e-30 * 30 * eps) * (rng.random((300, 300)) < 0.5).astype(dtype))
    with pytest.raises(ValueError, match="array holds"):
        varies(np.full((4, 4), np.nan))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: fourier_ring_correlation(a, a[1:], pixel_size=1.0), "b has shape"),
        (lambda a: fourier_ring_correlation(a[0], a[0], pixel_size=1.0), "a has 1 dimensions"),
        (lambda a: fourier_ring_correlation(a[:1], a[:1], pixel_size=1.0), r"a has shape \(1, 16\)"),
        (lambda a: fourier_ring_correlation(a.astype(str), a, pixel_size=1.0), "a is of dtype"),
        (lambda a: fourier_shell_correlation(a, a, pixel_size=1.0), "a has 2 dimensions; allowed: 3"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=0.0), "pixel_size is 0.0"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=np.nan), "pixel_size"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=5.3), "pixel_size is 5.3; allowed: metres"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=5.3e-15), "pixel_size is 5.3e-15; allowed: metres"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=(1e-9, 1e-9, 1e-9)), "pixel_size"),
        (lambda a: fourier_ring_correlation(a, a * np.nan, pixel_size=1.0), "b holds values that are not finite"),
        (lambda a: fourier_ring_correlation(a / (a != a[3, 3]), a, pixel_size=1.0), "a holds values that are not"),
        (lambda a: fourier_ring_correlation(a, 0 * a, pixel_size=1.0), "b is 0 everywhere"),
        (lambda a: fourier_ring_correlation(0 * a + 0.1, a, pixel_size=1.0), "a is 0.1 everywhere"),
        (lambda a: fourier_ring_correlation(np.where(a > 1, a, 7), a, pixel_size=1.0, mask=a <= 1), "under the mask"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, mask=a * 0), "mask is empty"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, mask=a * np.nan), "mask holds"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, mask=a), "mask holds"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, mask=a[1:] > 0), "mask has shape"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, ring_width=0.5), "ring_width is 0.5"),
        (lambda a: fourier_ring_correlation(a, a, pixel_size=1.0, ring_width=9), "ring_width is 9"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((16, 16)))
    assert "\n" not in str(caught.value)
