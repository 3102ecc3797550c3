import tracemalloc

import numpy as np
import pytest

from numerics import fourier
from tests.validation.labyrinths import disc, labyrinth
from validation import ceiling_image, complex_error, contrast_and_offset, correlation, mean_wall_width
from validation.fidelity import structural_similarity

PIXEL = 5.3e-9


@pytest.fixture(scope="module")
def worms():
    return labyrinth(192, pixel=PIXEL, rng=np.random.default_rng(2))


def test_complex_error_over_its_gauge():
    rng = np.random.default_rng(1)
    truth = rng.standard_normal((40, 40)) + 1j * rng.standard_normal((40, 40))
    turned = 0.8 * np.exp(1j) * truth
    assert complex_error(turned, truth) == pytest.approx(0, abs=1e-7)
    assert complex_error(turned, truth, gauge=("phase",)) == pytest.approx(0.2)
    assert complex_error(truth * 0.8, truth, gauge=()) == pytest.approx(0.2)
    assert complex_error(0 * truth, truth) == pytest.approx(1)
    noise = 0.1 * (rng.standard_normal(truth.shape) + 1j * rng.standard_normal(truth.shape))
    assert complex_error(truth + noise, truth, gauge=("phase",)) == pytest.approx(0.1, rel=0.1)
    half = np.zeros((40, 40))
    half[:20] = 1
    assert complex_error(np.where(half > 0, truth, 9), truth, mask=half) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("dtype", [np.uint16, np.int8, np.float32])
def test_complex_error_of_itself_in_any_type(dtype):
    # squares of whole numbers would wrap round
    values = (100 * np.random.default_rng(2).random((64, 64)) + (3e4 if dtype == np.uint16 else 20)).astype(dtype)
    for gauge in ((), ("phase", "scale")):
        assert complex_error(values, values, gauge=gauge) < 1e-12


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-7])
def test_small_complex_errors_are_not_lost(size):
    rng = np.random.default_rng(3)
    truth, noise = rng.standard_normal((2, 50, 50)) + 1j * rng.standard_normal((2, 50, 50))
    error = size * noise * np.linalg.norm(truth) / np.linalg.norm(noise)
    truth, image = truth.astype(np.complex64), (np.exp(1j) * (truth + error)).astype(np.complex64)
    # rounding of the arrays themselves adds some 3e-8
    assert complex_error(image, truth) == pytest.approx(size, rel=0.03 if size > 1e-6 else 0.5)


def test_contrast_and_offset_with_errors(worms):
    rng = np.random.default_rng(3)
    mask = disc(192, 70)
    fits = [
        contrast_and_offset(0.9 * worms + 0.05 + 0.3 * rng.standard_normal(worms.shape), worms, mask=mask)
        for _ in range(60)
    ]
    contrast, offset = (np.array([getattr(f, name) for f in fits]) for name in ("contrast", "offset"))
    assert contrast.mean() == pytest.approx(0.9, abs=0.002)
    assert offset.mean() == pytest.approx(0.05, abs=0.002)
    assert np.mean([f.contrast_error for f in fits]) == pytest.approx(contrast.std(), rel=0.35)
    assert np.mean([f.offset_error for f in fits]) == pytest.approx(offset.std(), rel=0.35)


def test_a_small_contrast_is_kept():
    x = np.random.default_rng(5).standard_normal((50, 50))
    fit = contrast_and_offset(2 * x + 1, x + 1e7, mask=np.ones(x.shape))
    assert fit.contrast == pytest.approx(2, rel=1e-8)
    assert fit.offset == pytest.approx(1 - 2e7, rel=1e-8)
    assert fit.contrast_error < 1e-8
    assert correlation(x + 1e7, 3 * x) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_no_contrast(dtype):
    rng = np.random.default_rng(6)
    image, flat = rng.standard_normal((50, 50)).astype(dtype), np.full((50, 50), 0.1, dtype)
    for mask in (np.ones(image.shape), disc(50, 20, edge=3.0)):
        with pytest.raises(ValueError, match="truth has no contrast"):
            contrast_and_offset(image, flat, mask=mask)
        assert np.isnan(correlation(flat, 2 * flat, mask=mask))
        assert np.isnan(correlation(image, flat, mask=mask))
    assert np.isnan(correlation(np.full(9, 0.1), np.arange(9.0)))
    assert correlation(np.arange(9), 3 * np.arange(9)) == pytest.approx(1)


def test_contrast_in_one_tile_alone_has_no_error():
    rng = np.random.default_rng(7)
    truth = np.zeros((60, 60))
    truth[:9, :9] = rng.standard_normal((9, 9))
    fit = contrast_and_offset(0.5 * truth + 0.1, truth + 0.3, mask=np.ones(truth.shape))
    assert (fit.contrast, fit.offset) == pytest.approx((0.5, -0.05))
    assert np.isnan(fit.contrast_error)
    assert np.isnan(fit.offset_error)


def test_correlation(worms):
    assert correlation(2 * worms + 1, worms) == pytest.approx(1)
    assert correlation(-worms, worms, mask=disc(192, 50)) == pytest.approx(-1)
    assert np.isnan(correlation(np.ones_like(worms), worms))
    noisy = worms + worms.std() * np.random.default_rng(4).standard_normal(worms.shape)
    assert correlation(noisy, worms) == pytest.approx(np.sqrt(0.5), abs=0.01)


def reference_similarity(a, b, data_range):
    """Return SSIM by its definition, windows whole inside the image."""
    offsets = np.arange(-5, 6)
    window = np.exp(-0.5 * (offsets / 1.5) ** 2)
    window = np.outer(window, window) / window.sum() ** 2
    views = [np.lib.stride_tricks.sliding_window_view(v, (11, 11)) for v in (a, b)]
    means = [(v * window).sum(axis=(2, 3)) for v in views]
    centred = [v - m[:, :, None, None] for v, m in zip(views, means, strict=True)]
    variances = [(c * c * window).sum(axis=(2, 3)) for c in centred]
    covariance = (centred[0] * centred[1] * window).sum(axis=(2, 3))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    first = (2 * means[0] * means[1] + c1) / (means[0] ** 2 + means[1] ** 2 + c1)
    return (first * (2 * covariance + c2) / (sum(variances) + c2)).mean()


@pytest.mark.parametrize("seed", range(3))
def test_structural_similarity_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 30, 26)) * 2
    found = structural_similarity(a, 0.5 * a + 0.5 * b, data_range=2)
    assert found == pytest.approx(reference_similarity(a, 0.5 * a + 0.5 * b, 2), rel=1e-9)
    assert structural_similarity(a, a, data_range=2) == pytest.approx(1)


def test_structural_similarity_sees_an_inversion(worms):
    upright, inverted = worms + 1, -worms + 1
    assert structural_similarity(inverted, upright, data_range=2) < 0
    # on signed images the means, near zero in every window of walls, forgive it
    assert structural_similarity(-worms, worms, data_range=2) > structural_similarity(inverted, upright, data_range=2)


def test_ceiling_passes_a_square_band(worms):
    same = ceiling_image(worms, pixel_size=PIXEL, wavelength=1.59e-9)
    np.testing.assert_allclose(same, worms, atol=1e-10)
    spectrum = np.abs(
        fourier.centred_fft2(ceiling_image(worms, pixel_size=PIXEL, wavelength=1.59e-9, half_period=8e-9))
    )
    f = fourier.frequencies(192, PIXEL)
    beyond = np.maximum(np.abs(f[:, None]), np.abs(f[None, :])) > 0.5 / 8e-9
    assert spectrum[beyond].max() < 1e-9 * spectrum.max()
    corner = (np.abs(f[:, None]) < 0.5 / 8e-9) & (np.abs(f[None, :]) < 0.5 / 8e-9)
    np.testing.assert_allclose(spectrum[corner], np.abs(fourier.centred_fft2(worms))[corner], rtol=1e-6, atol=1e-9)


def test_ceiling_of_a_thick_film_widens_walls(worms):
    film = ceiling_image(worms, pixel_size=PIXEL, wavelength=1.59e-9, thickness=47e-9)
    widths = [mean_wall_width(image, pixel_size=PIXEL).delta for image in (worms, film)]
    assert widths[1] / widths[0] == pytest.approx(5.16 / 5.12, abs=0.004)


@pytest.mark.parametrize("shape", [(40, 31), (300, 401)])
def test_ceiling_is_its_definition(shape):
    image = np.random.default_rng(8).standard_normal(shape)
    found = ceiling_image(image, pixel_size=(2e-9, 3e-9), wavelength=1.6e-9, thickness=47e-9, half_period=4e-9)
    fy, fx = (np.fft.fftfreq(n, d) for n, d in zip(shape, (2e-9, 3e-9), strict=True))
    passed = np.maximum(np.abs(fy[:, None]), np.abs(fx)) <= 0.125e9 * (1 + 1e-9)
    film = np.sinc(1.6e-9 * (fy[:, None] ** 2 + fx**2) * 47e-9 / 2)
    np.testing.assert_allclose(found, np.fft.ifft2(np.fft.fft2(image) * film * passed).real, atol=1e-12)
    np.testing.assert_array_equal(
        ceiling_image((9 * image).astype(np.int16), pixel_size=1e-9, wavelength=1e-9),
        ceiling_image((9 * image).astype(np.int16).astype(float), pixel_size=1e-9, wavelength=1e-9),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ceiling_takes_less_than_six_times_the_input(dtype):
    image = np.random.default_rng(9).standard_normal((512, 512)).astype(dtype)
    tracemalloc.start()
    ceiling_image(image, pixel_size=1e-9, wavelength=1e-9, thickness=40e-9, half_period=3e-9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / image.nbytes < 5  # six with the input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: complex_error(a, a[1:]), "shapes"),
        (lambda a: complex_error(a, 0 * a), "b"),
        (lambda a: complex_error(a, a, gauge=("shift",)), "gauge"),
        (lambda a: contrast_and_offset(a, 0 * a, mask=a > 0), "contrast"),
        (lambda a: contrast_and_offset(a, a, mask=0 * a), "mask"),
        (lambda a: contrast_and_offset(1j * a, a, mask=a > 0), "image is complex128"),
        (lambda a: contrast_and_offset(a[None], a[None], mask=np.ones((1, 16, 16))), "image has 3 dimensions"),
        (lambda a: contrast_and_offset(a, a * np.inf, mask=a > 0), "truth holds"),
        (lambda a: complex_error(a, a, mask=2 * np.ones_like(a)), "mask"),
        (lambda a: complex_error(a.astype(str), a), "a is str"),
        (lambda a: correlation(a, 1j * a), "b is complex128"),
        (lambda a: complex_error(a, np.full_like(a, np.nan)), "b holds"),
        (lambda a: correlation(np.full_like(a, np.inf), a), "a holds"),
        (lambda a: correlation(a, a, mask=-np.ones_like(a)), "mask"),
        (lambda a: structural_similarity(a, a[1:], data_range=2), "shapes"),
        (lambda a: structural_similarity(a, a, data_range=0), "data_range is 0"),
        (lambda a: structural_similarity(a, a, data_range=np.nan), "data_range"),
        (lambda a: structural_similarity(1j * a, a, data_range=2), "complex"),
        (lambda a: structural_similarity(a[:8], a[:8], data_range=2), "at least 11"),
        (lambda a: structural_similarity(a, a * np.nan, data_range=2), "b holds"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=0.0), "wavelength"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=1e-9, thickness=-1.0), "thickness"),
        (lambda a: ceiling_image(1j * a, pixel_size=1e-9, wavelength=1e-9), "m_z"),
        (lambda a: ceiling_image(a[None], pixel_size=1e-9, wavelength=1e-9), "m_z of shape"),
        (lambda a: ceiling_image(a * np.nan, pixel_size=1e-9, wavelength=1e-9), "m_z holds nan"),
        (lambda a: ceiling_image(a, pixel_size=1.0, wavelength=1e-9), "pixel_size is 1.0 m"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=1.59), "wavelength is 1.59 m"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=1e-9, thickness=47.0), "thickness is 47.0 m"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=1e-9, thickness=np.nan), "thickness is nan m"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=1e-9, half_period=5.3), "half_period is 5.3 m"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((16, 16)))
    assert "\n" not in str(caught.value)
