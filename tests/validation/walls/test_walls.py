import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from numerics import fourier
from numerics.threads import use_threads
from tests.validation.labyrinths import bubbles, disc, labyrinth, low_passed
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
from validation.walls.fits import fit_profiles
from validation.walls.model import WallModel, blurred_wall

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


@pytest.mark.parametrize(
    ("step", "at_30", "at_40"), [(0.25, 7.62, 11.06), (1, 7.59, 10.98), (2, 7.54, 10.88), (5.3, 7.73, 11.33)]
)
def test_bias_at_other_samplings(step, at_30, at_40):
    count = int(30 / step + 1e-9)
    x = np.arange(-count, count + 1) * step * 1e-9
    for period, expected in ((30e-9, at_30), (40e-9, at_40)):
        found = fit_wall_width(x, blurred_wall(x, DELTA, HardCutoff(period))).delta * 1e9
        assert found == pytest.approx(expected, rel=0.002)


def test_gaussian_blur_adds_in_quadrature():
    widths = np.array([5.3, 8, 10, 15, 20]) * 1e-9
    found = [fitted(GaussianTransfer(width)) for width in widths]
    np.testing.assert_allclose(found, np.hypot(DELTA, 0.53 * widths), rtol=0.01)


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


def imaged_wall(half_period, *, pixel=PIXEL, box=False):
    """Return position and profile of a wall made on a grid of a tenth of a pixel, averaged over pixels and cut."""
    fine, count = 10, 256
    x = (np.arange(fine * count) - fine * count // 2 - 0.5 * (fine - 1) * box) * pixel / fine
    wall = np.tanh(x / DELTA) * np.tanh((count * pixel / 2 - np.abs(x)) / DELTA)
    wall = wall.reshape(count, fine).mean(axis=1) if box else fourier.fourier_resample(wall[None], (1, count))[0]
    f = fourier.unshifted_frequencies(count, pixel)
    cut = fourier.ifft2(fourier.fft2(wall[None]) * (np.abs(f) <= 0.5 / half_period * (1 + 1e-9))).real[0]
    near = np.arange(count // 2 - 8, count // 2 + 9)
    return (near - count // 2) * pixel, cut[near]


@pytest.mark.parametrize(("half_period", "tolerance"), [(8e-9, 0.02), (10e-9, 0.02), (15e-9, 0.05)])
@pytest.mark.parametrize("seed", [11, 12])
def test_forward_fit_of_an_imaged_wall(half_period, tolerance, seed):
    x, profile = imaged_wall(half_period)
    rng = np.random.default_rng(seed)
    noisy = profile + 0.05 * rng.standard_normal((1000, x.size))
    found = fit_profiles(x, noisy, model=WallModel(HardCutoff(2 * half_period), 90e-9)).delta
    assert found.mean() == pytest.approx(DELTA, rel=tolerance)
    assert np.median(found) == pytest.approx(DELTA, rel=tolerance)


def test_forward_fit_through_pixels():
    x, profile = imaged_wall(10e-9, box=True)
    through = Combined((HardCutoff(20e-9), PixelBox(PIXEL)))
    assert fit_wall_width(x, profile, transfer=through, half_window=50e-9).delta == pytest.approx(DELTA, rel=0.005)
    assert fit_wall_width(x, profile, half_window=50e-9).delta > 1.1 * DELTA


@pytest.mark.parametrize("wrong", [0.95, 1.05])
def test_forward_fit_with_a_slightly_wrong_cut(wrong):
    x, profile = imaged_wall(10e-9)
    found = fit_wall_width(x, profile, transfer=HardCutoff(wrong * 20e-9), half_window=45e-9)
    assert found.delta == pytest.approx(DELTA, rel=0.03)
    assert (found.delta - DELTA) * (1 - wrong) > 0


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


def test_reversed_and_shifted_profiles():
    found = fit_wall_width(POSITION, -2 * np.tanh((POSITION + 3e-9) / 8e-9) + 1)
    assert (found.delta, found.centre) == (pytest.approx(8e-9), pytest.approx(-3e-9))
    assert (found.amplitude, found.offset) == (pytest.approx(-2), pytest.approx(1))


@settings(max_examples=40, deadline=None)
@given(
    delta=st.floats(2e-9, 15e-9),
    centre=st.floats(-6e-9, 6e-9),
    amplitude=st.floats(0.01, 100).flatmap(lambda a: st.sampled_from([a, -a])),
    offset=st.floats(-10, 10),
)
def test_any_wall_is_fitted_exactly(delta, centre, amplitude, offset):
    x = np.arange(-45, 46) * 1e-9
    found = fit_wall_width(x, amplitude * np.tanh((x - centre) / delta) + offset, half_window=45e-9)
    assert found.delta == pytest.approx(delta, rel=1e-5)
    assert found.centre == pytest.approx(centre, abs=1e-13)
    assert found.amplitude == pytest.approx(amplitude, rel=1e-5)
    assert found.offset == pytest.approx(offset, abs=1e-5 * abs(amplitude))


def test_ill_conditioned_fits_are_flagged():
    rng = np.random.default_rng(4)
    assert fit_wall_width(POSITION, rng.standard_normal(31)).ill_conditioned
    soft = GaussianTransfer(40e-9)
    noisy = blurred_wall(POSITION, DELTA, soft) + 0.05 * rng.standard_normal(31)
    assert fit_wall_width(POSITION, noisy, transfer=soft).ill_conditioned
    assert not fit_wall_width(POSITION, np.tanh(POSITION / DELTA)).ill_conditioned


@pytest.fixture(scope="module")
def worms():
    return labyrinth(192, pixel=PIXEL, rng=np.random.default_rng(3))


@pytest.mark.parametrize(("half_period", "expected"), [(5.3, 5.12), (8, 5.39), (10, 5.78), (15, 7.60)])
def test_mean_width_of_worm_domains(worms, half_period, expected):
    image = low_passed(worms, half_period * 1e-9, pixel=PIXEL)
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


@pytest.mark.parametrize("unit", [1e-15, 1e-12, 1e-9, 1e-6, 1e8, 1e12])
def test_no_width_depends_on_the_unit_of_the_image(unit, worms):
    profile = np.tanh((POSITION - 3e-9) / 9e-9) + 0.05 * np.random.default_rng(0).standard_normal(POSITION.size)
    plain, other = fit_wall_width(POSITION, profile), fit_wall_width(POSITION, unit * profile)
    for name in ("delta", "delta_error", "centre"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), rel=1e-5)
    for name in ("amplitude", "offset", "residual"):
        assert getattr(other, name) == pytest.approx(unit * getattr(plain, name), rel=1e-5)
    assert other.ill_conditioned is plain.ill_conditioned is False
    found = mean_wall_width(unit * worms, pixel_size=PIXEL)
    assert found.delta == pytest.approx(mean_wall_width(worms, pixel_size=PIXEL).delta, rel=1e-6)


@pytest.mark.parametrize("offset", [1e5, 1e7, 1e9])
def test_a_large_offset_does_not_change_a_width(offset):
    profile = np.tanh((POSITION - 3e-9) / 9e-9) + 0.05 * np.random.default_rng(0).standard_normal(POSITION.size)
    plain, other = fit_wall_width(POSITION, profile), fit_wall_width(POSITION, profile + offset)
    assert other.delta == pytest.approx(plain.delta, rel=1e-4)
    assert other.delta_error == pytest.approx(plain.delta_error, rel=1e-4)


def test_maps_and_redraws_do_not_depend_on_the_unit(worms):
    noisy = worms[:96, :96] + 0.05 * np.random.default_rng(9).standard_normal((96, 96))
    plain, other = (
        wall_width_map(unit * noisy, pixel_size=PIXEL, draws=2, rng=np.random.default_rng(1)) for unit in (1, 1e-9)
    )
    for name in ("delta", "delta_error", "centre"):
        np.testing.assert_allclose(other[name], plain[name], rtol=1e-4, atol=1e-14)
    np.testing.assert_allclose(other.amplitude, 1e-9 * plain.amplitude, rtol=1e-4)


def test_a_profile_without_height_has_not_converged():
    fits = fit_profiles(POSITION, np.full((1, POSITION.size), 0.3), model=WallModel(None, 60e-9))
    assert fits.ill_conditioned(np.zeros(1)).all()
    assert fits.offset[0] == pytest.approx(0.3)


def test_image_without_walls_has_no_width():
    blank = mean_wall_width(np.ones((64, 64)), pixel_size=PIXEL)
    assert np.isnan(blank.delta)
    assert blank.length == 0
    assert wall_width_map(np.ones((64, 64)), pixel_size=PIXEL).sizes["point"] == 0


@pytest.fixture(scope="module")
def circles():
    # radius 45 to 120 nm, two widths, centres off the pixels
    places = ((-303e-9, -298e-9), (-299e-9, 301e-9), (302e-9, -303e-9), (297e-9, 299e-9))
    sizes = ((45e-9, 5.1e-9), (70e-9, 8e-9), (95e-9, 5.1e-9), (120e-9, 8e-9))
    return [(*place, *size) for place, size in zip(places, sizes, strict=True)]


def test_centre_line_of_bubbles(circles):
    walls = wall_width_map(bubbles(240, pixel=PIXEL, circles=circles), pixel_size=PIXEL)
    for y, x, radius, delta in circles:
        from_centre = np.stack([walls.y - y, walls.x - x])
        part = np.hypot(*from_centre) < 150e-9
        found = np.hypot(*from_centre[:, part])
        assert np.abs(found - radius).max() < 0.05e-9
        inwards = (np.stack([walls.normal_y, walls.normal_x]) * -from_centre)[:, part].sum(axis=0) / found
        assert inwards.min() > 0.999, "normals point to larger values: m_z is up inside"
        np.testing.assert_allclose(walls.delta[part], delta, rtol=0.015)
        run = np.unique(walls.run[part])
        assert run.size == 1
        assert bool(walls.closed[run[0]])
        along = walls.along[part].values
        assert along[0] == 0
        assert along[-1] + np.median(np.diff(along)) == pytest.approx(2 * np.pi * radius, rel=0.02)
        assert np.diff(along).max() < 1.5 * PIXEL


@pytest.mark.parametrize("seed", [21, 22])
def test_local_widths_of_noisy_bubbles(circles, seed):
    rng = np.random.default_rng(seed)
    image = bubbles(240, pixel=PIXEL, circles=circles)
    walls = wall_width_map(image + 0.1 * rng.standard_normal(image.shape), pixel_size=PIXEL)
    assert not walls.ill_conditioned.any()
    for y, x, radius, delta in circles:
        part = walls.where(np.hypot(walls.y - y, walls.x - x) < 150e-9, drop=True)
        assert float(np.abs(part.delta / delta - 1).median()) < 0.1
        assert float(np.hypot(part.y - y, part.x - x).mean()) == pytest.approx(radius, abs=0.35e-9)


def test_ends_of_a_wall_are_averaged_over_fewer_profiles():
    x = (np.arange(96) - 48) * PIXEL
    rng = np.random.default_rng(7)
    image = np.tanh(x / DELTA)[None, :] + 0.1 * rng.standard_normal((400, 96))
    walls = wall_width_map(image, pixel_size=PIXEL)
    assert not walls.closed.any()
    ends = float(walls.delta_error[[0, -1]].mean() / walls.delta_error[20:-20].mean())
    assert ends == pytest.approx(np.sqrt(7 / 4), rel=0.2)


def test_threads_do_not_change_a_map(worms):
    noisy = worms + 0.1 * np.random.default_rng(8).standard_normal(worms.shape)
    maps = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            rng = np.random.default_rng(9)
            maps.append(wall_width_map(noisy, pixel_size=PIXEL, transfer=HardCutoff(20e-9), draws=2, rng=rng))
    assert maps[0].identical(maps[1])
    assert maps[0].identical(maps[2])


@pytest.mark.parametrize("turn", [np.transpose, np.flipud, lambda image: np.rot90(image, 2)])
def test_orientation_does_not_matter(worms, turn):
    plain, turned = (wall_width_map(image, pixel_size=PIXEL) for image in (worms, turn(worms)))
    assert turned.sizes["point"] == pytest.approx(plain.sizes["point"], rel=0.02)
    for share in (0.1, 0.5, 0.9):
        assert float(turned.delta.quantile(share)) == pytest.approx(float(plain.delta.quantile(share)), rel=2e-3)


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
        (lambda: fit_wall_width(POSITION, np.full(31, 0.3)), "profile is 0.3"),
        (lambda: fit_wall_width(POSITION * 1e9, POSITION), "samples within"),
        (lambda: fit_wall_width(POSITION, POSITION, noise=np.eye(3)), "noise"),
        (lambda: fit_wall_width(POSITION, POSITION, noise=-1.0), "noise"),
        (lambda: fit_wall_width(POSITION, POSITION, correlation_length=np.inf), "correlation_length"),
        (lambda: fit_wall_width(POSITION, POSITION, transfer=lambda f: f * np.nan), "transfer"),
        (lambda: fit_wall_width(POSITION, POSITION, noise=-np.eye(31)), "noise has a least eigenvalue of -1"),
        (lambda: fit_wall_width(POSITION, POSITION, noise=np.triu(np.ones((31, 31)))), "noise has a least eigenvalue"),
        (lambda: fit_wall_width(POSITION, POSITION, noise=np.ones(31)), r"noise has shape \(31,\)"),
        (lambda: fit_wall_width(POSITION, POSITION, noise=1j), "noise has shape"),
        (lambda: fit_wall_width(POSITION, POSITION * 1j), "profile are float64 and complex128"),
        (lambda: HardCutoff(0.0), "period"),
        (lambda: mean_wall_width(np.full((9, 9), np.nan), pixel_size=PIXEL), "finite"),
        (lambda: mean_wall_width(np.ones((9, 9)), pixel_size=50e-9), "half_window"),
        (lambda: mean_wall_width(np.ones((9, 9)), pixel_size=5e-9), "half_window"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=5.3), "pixel_size is 5.3 m"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=np.nan), "pixel_size"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, mask=np.zeros((64, 64))), "mask is empty"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, mask=np.ones((6, 6))), "mask"),
        (lambda: wall_width_map(np.ones((64, 64), complex), pixel_size=PIXEL), "complex"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size="5.3nm"), "pixel_size is '5.3nm'"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=(PIXEL, PIXEL)), "pixel_size is "),
        (lambda: mean_wall_width(np.ones((64, 64)), pixel_size=PIXEL, half_window="30nm"), "half_window is '30nm'"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, mask=np.full((64, 64), np.nan)), "mask has shape"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, mask=np.full((64, 64), 1j)), "mask has shape"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, average=2.5), "average is 2.5"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, average=np.nan), "average is nan"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, draws=2, rng=1), "rng is 1"),
        (lambda: wall_width_map(np.ones((64, 64)), pixel_size=PIXEL, draws=-1), "draws"),
        (lambda: wall_width_map(np.ones((9, 9)), pixel_size=PIXEL, average=0), "average"),
        (lambda: wall_width_map(np.ones((9, 9)), pixel_size=PIXEL, draws=5), "rng"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
