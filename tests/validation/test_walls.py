import numpy as np
import pytest
from scipy.optimize import least_squares

from numerics import fourier
from tests.validation.labyrinths import disc, labyrinth
from validation import (
    Combined,
    GaussianTransfer,
    HardCutoff,
    PixelBox,
    ThickFilm,
    fit_wall_width,
    mean_wall_width,
    thick_film_transfer,
    wall_width_map,
)
from validation.wall_model import WallModel, blurred_wall, fit_profiles

DELTA, PIXEL = 5.1e-9, 5.3e-9
POSITION = np.arange(-15, 16) * 2e-9
HARD = {5.3: 5.10, 8: 5.10, 10: 5.11, 10.6: 5.12, 15: 5.30, 16: 5.39, 20: 5.78, 30: 7.60, 40: 10.88}
GAUSS = {5.3: 5.83, 8: 6.64, 10: 7.36, 10.6: 7.59, 15: 9.46, 16: 9.92, 20: 11.89, 30: 17.38, 40: 23.28}


def fitted(blur, **options):
    return fit_wall_width(POSITION, blurred_wall(POSITION, DELTA, blur), **options).delta


@pytest.mark.parametrize(("period", "expected"), HARD.items())
def test_bias_of_a_hard_cut(period, expected):
    assert fitted(HardCutoff(period * 1e-9)) * 1e9 == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("width", "expected"), GAUSS.items())
def test_bias_of_a_gaussian(width, expected):
    assert fitted(GaussianTransfer(width * 1e-9)) * 1e9 == pytest.approx(expected, rel=0.01)


def test_bias_of_a_pixel_and_of_a_thick_film():
    assert fitted(PixelBox(PIXEL)) * 1e9 == pytest.approx(5.46, abs=0.02)
    film = ThickFilm(47e-9, 1.59e-9)
    assert fitted(Combined((HardCutoff(2 * PIXEL), film))) * 1e9 == pytest.approx(5.16, abs=0.02)
    edges = thick_film_transfer(np.array([0.5 / 5.3e-9, 0.5 / 4e-9]), thickness=47e-9, wavelength=1.59e-9)
    assert edges == pytest.approx([0.83, 0.53], abs=0.005)


def test_cuts_of_the_published_experiment():
    assert 1.45 < fitted(HardCutoff(30e-9)) / DELTA < 1.53
    assert 1.11 < fitted(HardCutoff(20e-9)) / DELTA < 1.15


def test_full_transfer_is_a_tanh():
    wall = blurred_wall(POSITION, DELTA, lambda f: np.ones_like(f))
    np.testing.assert_allclose(wall, np.tanh(POSITION / DELTA), atol=1e-9)


@pytest.mark.parametrize(
    "transfer", [HardCutoff(20e-9), HardCutoff(30e-9), GaussianTransfer(20e-9), ThickFilm(47e-9, 1.59e-9)]
)
def test_forward_fit_returns_the_width(transfer):
    assert fitted(transfer, transfer=transfer) == pytest.approx(DELTA, rel=1e-4)


@pytest.mark.parametrize(
    ("transfer", "biased", "tolerance"),
    [(HardCutoff(20e-9), 5.71, 0.02), (HardCutoff(30e-9), 7.25, 0.05), (GaussianTransfer(10e-9), 7.27, 0.05)],
)
def test_forward_fit_is_unbiased_under_noise(transfer, biased, tolerance):
    x = (np.arange(17) - 8) * PIXEL
    rng = np.random.default_rng(1)
    profiles = blurred_wall(x, DELTA, transfer) + 0.05 * rng.standard_normal((300, 17))
    plain = fit_profiles(x, profiles, model=WallModel(None, 90e-9)).delta
    forward = fit_profiles(x, profiles, model=WallModel(transfer, 90e-9)).delta
    assert plain.mean() * 1e9 == pytest.approx(biased, abs=0.1)
    assert forward.mean() == pytest.approx(DELTA, rel=tolerance)
    assert 1.1 < forward.std() / plain.std() < 2.5


def test_batch_equals_scipy():
    rng = np.random.default_rng(2)
    profiles = 0.8 * np.tanh((POSITION - 1.5e-9) / DELTA) + 0.1 + 0.1 * rng.standard_normal((20, POSITION.size))
    batch = fit_profiles(POSITION, profiles, model=WallModel(None, 60e-9))
    x = POSITION * 1e9
    for index, profile in enumerate(profiles):
        one = least_squares(
            lambda p, profile=profile: p[2] * np.tanh((x - p[1]) / p[0]) + p[3] - profile,
            [5, 0, 1, 0],
            xtol=1e-14,
            ftol=1e-14,
            gtol=1e-14,
        )
        assert batch.delta[index] * 1e9 == pytest.approx(one.x[0], rel=1e-6)
        assert batch.centre[index] * 1e9 == pytest.approx(one.x[1], abs=1e-4)


def test_error_of_one_fit():
    rng = np.random.default_rng(3)
    x = (np.arange(17) - 8) * PIXEL
    fits = [fit_wall_width(x, np.tanh(x / DELTA) + 0.05 * rng.standard_normal(17), noise=0.05) for _ in range(200)]
    z = [(f.delta - DELTA) / f.delta_error for f in fits]
    assert abs(np.mean(z)) < 0.25
    assert 0.8 < np.std(z) < 1.25
    assert fits[0].kittel_width == pytest.approx(np.pi * fits[0].delta)


def test_reversed_and_shifted_profiles():
    found = fit_wall_width(POSITION, -2 * np.tanh((POSITION + 3e-9) / 8e-9) + 1)
    assert (found.delta, found.centre) == (pytest.approx(8e-9), pytest.approx(-3e-9))
    assert (found.amplitude, found.offset) == (pytest.approx(-2), pytest.approx(1))


def test_ill_conditioned_fits_are_flagged():
    rng = np.random.default_rng(4)
    assert fit_wall_width(POSITION, rng.standard_normal(31)).ill_conditioned
    assert fit_wall_width(POSITION, np.zeros(31)).ill_conditioned
    assert not fit_wall_width(POSITION, np.tanh(POSITION / DELTA)).ill_conditioned


@pytest.fixture(scope="module")
def worms():
    return labyrinth(192, pixel=PIXEL, rng=np.random.default_rng(3))


def low_passed(image, half_period):
    f = fourier.unshifted_frequencies(len(image), PIXEL)
    keep = np.hypot(f[:, None], f[None, :]) <= 0.5 / half_period * (1 + 1e-9)
    return fourier.ifft2(fourier.fft2(image) * keep).real


@pytest.mark.parametrize(("half_period", "expected"), [(5.3, 5.12), (8, 5.39), (10, 5.78), (15, 7.60)])
def test_mean_width_of_worm_domains(worms, half_period, expected):
    image = low_passed(worms, half_period * 1e-9)
    plain = mean_wall_width(image, pixel_size=PIXEL)
    assert plain.delta * 1e9 == pytest.approx(expected, rel=0.015)
    forward = mean_wall_width(image, pixel_size=PIXEL, transfer=HardCutoff(2e-9 * half_period))
    assert forward.delta == pytest.approx(DELTA, rel=0.015)


def test_mean_width_is_nearly_free_of_noise_bias_and_has_an_error(worms):
    rng = np.random.default_rng(5)
    clean = mean_wall_width(worms, pixel_size=PIXEL).delta
    noisy = [mean_wall_width(worms + 0.1 * rng.standard_normal(worms.shape), pixel_size=PIXEL) for _ in range(8)]
    widths = np.array([f.delta for f in noisy])
    assert widths.mean() == pytest.approx(clean, rel=0.015)
    assert 0.4 < np.mean([f.error for f in noisy]) / widths.std(ddof=1) < 2.5


def test_scale_and_offset_do_not_change_the_width(worms):
    plain, other = (mean_wall_width(image, pixel_size=PIXEL) for image in (worms, 0.03 * worms + 0.4))
    assert other.delta == pytest.approx(plain.delta, rel=1e-5)


def test_image_without_walls_has_no_width():
    blank = mean_wall_width(np.ones((64, 64)), pixel_size=PIXEL)
    assert np.isnan(blank.delta)
    assert blank.length == 0
    assert wall_width_map(np.ones((64, 64)), pixel_size=PIXEL).sizes["point"] == 0


@pytest.mark.parametrize("draws", [0, 15])
def test_map_of_bubbles(draws):
    # circles of two widths in one image: the map tells them apart, and its errors are those of its scatter
    rng = np.random.default_rng(6)
    y, x = np.meshgrid(*[(np.arange(256) - 128) * PIXEL] * 2, indexing="ij")
    left, right = (np.hypot(y, x - c) for c in (-300e-9, 300e-9))
    image = np.where(x < 0, np.tanh((left - 120e-9) / 5.1e-9), np.tanh((right - 120e-9) / 8e-9))
    walls = wall_width_map(image + 0.1 * rng.standard_normal(image.shape), pixel_size=PIXEL, draws=draws, rng=rng)
    for side, delta, centre in ((walls.x < 0, 5.1e-9, -300e-9), (walls.x > 0, 8e-9, 300e-9)):
        part = walls.where(side, drop=True)
        assert float(part.delta.median()) == pytest.approx(delta, rel=0.08)
        assert float(np.hypot(part.y, part.x - centre).mean()) == pytest.approx(120e-9, abs=0.35e-9)
        assert 0.6 < float(part.delta_error.median() / part.delta.std()) < 1.6
    assert not walls.ill_conditioned.any()


def test_mask_and_neighbours_limit_the_walls(worms):
    mask = disc(192, 60) > 0
    inside = wall_width_map(worms, pixel_size=PIXEL, mask=mask)
    assert float(np.hypot(inside.y, inside.x).max()) < 60 * PIXEL
    stripes = np.sign(np.sin(2 * np.pi * np.arange(128) / 8))[None, :] * np.ones((128, 1))
    assert mean_wall_width(stripes, pixel_size=PIXEL).length == 0, "walls 21 nm apart lie within each other's window"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fit_wall_width(POSITION, POSITION[1:]), "position"),
        (lambda: fit_wall_width(POSITION, POSITION * np.nan), "finite"),
        (lambda: HardCutoff(0.0), "period"),
        (lambda: mean_wall_width(np.full((9, 9), np.nan), pixel_size=PIXEL), "finite"),
        (lambda: mean_wall_width(np.ones((9, 9)), pixel_size=50e-9), "half_window"),
        (lambda: wall_width_map(np.ones((9, 9)), pixel_size=PIXEL, average=0), "average"),
        (lambda: wall_width_map(np.ones((9, 9)), pixel_size=PIXEL, draws=5), "rng"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
