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


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: complex_error(a, a[1:]), "shapes"),
        (lambda a: complex_error(a, 0 * a), "b"),
        (lambda a: complex_error(a, a, gauge=("shift",)), "gauge"),
        (lambda a: contrast_and_offset(a, 0 * a, mask=a > 0), "contrast"),
        (lambda a: contrast_and_offset(a, a, mask=0 * a), "mask"),
        (lambda a: contrast_and_offset(1j * a, a, mask=a > 0), "complex"),
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
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((16, 16)))
    assert "\n" not in str(caught.value)
