import numpy as np
import pytest

from numerics import fourier
from tests.validation.labyrinths import disc, labyrinth
from validation import ceiling_image, complex_error, contrast_and_offset, correlation, mean_wall_width

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
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=0.0), "wavelength"),
        (lambda a: ceiling_image(a, pixel_size=1e-9, wavelength=1e-9, thickness=-1.0), "thickness"),
        (lambda a: ceiling_image(1j * a, pixel_size=1e-9, wavelength=1e-9), "m_z"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((16, 16)))
    assert "\n" not in str(caught.value)
