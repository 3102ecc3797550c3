"""Whether the stated errors of wall widths are those that the widths have: z-scores over many images."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial import cKDTree

from tests.validation.labyrinths import bubbles, labyrinth, low_passed, noise
from validation import HardCutoff, fit_wall_width, mean_wall_width, wall_width_map
from validation.walls.local_widths import local_wall_width
from validation.walls.model import blurred_wall

DELTA, PIXEL, SIZE = 5.1e-9, 5.3e-9, 112
BAND = HardCutoff(2 * PIXEL)


def assert_calibrated(z):
    assert z.size >= 200
    assert abs(z.mean()) < 0.2
    assert 0.8 < z.std() < 1.25
    assert 0.60 < np.mean(np.abs(z) <= 1) < 0.76


def texture(name, delta, seed):
    rng = np.random.default_rng(seed)
    if name == "labyrinth":
        return labyrinth(SIZE, pixel=PIXEL, delta=delta, rng=rng)
    y, x = rng.uniform(-10e-9, 10e-9, 2)
    return bubbles(SIZE, pixel=PIXEL, circles=[(y, x, radius, delta) for radius in (rng.uniform(90e-9, 120e-9),)])


def places(walls):
    return np.stack([walls.y, walls.x], axis=1)


def scores(image, *, level, colour, transfer, seed, repeats, truth, draws=0):
    """Return z-scores of the points of noisy maps, against the noise-free map and against the true width."""
    rng = np.random.default_rng(seed)
    clean = wall_width_map(image, pixel_size=PIXEL, transfer=transfer)
    tree, of_noise, of_all = cKDTree(places(clean)), [], []
    for _ in range(repeats):
        noisy = image + level * noise(SIZE, pixel=PIXEL, half_period=colour, rng=rng)
        walls = wall_width_map(noisy, pixel_size=PIXEL, transfer=transfer, draws=draws, rng=rng)
        distance, nearest = tree.query(places(walls))
        use = (distance < 1.5 * PIXEL) & ~walls.ill_conditioned.values
        delta, error = walls.delta.values[use], walls.delta_error.values[use]
        of_noise.append((delta - clean.delta.values[nearest[use]]) / error)
        of_all.append((delta - truth) / error)
    return np.concatenate(of_noise), np.concatenate(of_all)


@pytest.mark.parametrize(
    ("name", "delta", "level"),
    [("labyrinth", delta, level) for delta in (5.1e-9, 8e-9) for level in (0.05, 0.1)]
    + [("bubbles", 5.1e-9, 0.05), ("bubbles", 8e-9, 0.1)],
)
@pytest.mark.parametrize(("colour", "transfer"), [(None, None), (8e-9, None), (None, BAND), (10e-9, HardCutoff(20e-9))])
def test_local_errors_are_calibrated(name, delta, level, colour, transfer):
    repeats = 8 if name == "labyrinth" else 45
    image = texture(name, delta, 41)
    if colour is not None and transfer is not None:
        image = low_passed(image, colour, pixel=PIXEL)
    of_noise, of_all = scores(
        image, level=level, colour=colour, transfer=transfer, seed=42, repeats=repeats, truth=delta
    )
    assert_calibrated(of_noise)
    # A bare tanh is 0.6 % too wide for 5.1 nm in the band of the pixels.
    if transfer is not None or delta > 6e-9:
        assert_calibrated(of_all)


@pytest.mark.parametrize(("name", "seed"), [("labyrinth", 43), ("bubbles", 44)])
@pytest.mark.parametrize(("colour", "transfer"), [(8e-9, None), (10e-9, HardCutoff(20e-9))])
def test_redrawn_errors_are_calibrated(name, seed, colour, transfer):
    image = low_passed(texture(name, 8e-9, seed), colour, pixel=PIXEL)
    repeats = 7 if name == "labyrinth" else 40
    of_noise, _ = scores(
        image, level=0.1, colour=colour, transfer=transfer, seed=seed, repeats=repeats, truth=8e-9, draws=16
    )
    assert_calibrated(of_noise)


def test_few_redraws_are_widened():
    of_noise, _ = scores(
        texture("labyrinth", 8e-9, 45), level=0.05, colour=None, transfer=None, seed=46, repeats=5, truth=8e-9, draws=5
    )
    assert 0.63 < np.mean(np.abs(of_noise) <= 1) < 0.74


def straight(deltas, rng):
    x = (np.arange(64) - 32) * PIXEL
    return np.tanh(x[None, :] / deltas[:, None]) + 0.05 * rng.standard_normal((deltas.size, 64))


def test_a_defect_does_not_widen_the_errors_elsewhere():
    deltas = np.full(400, DELTA)
    plain = wall_width_map(straight(deltas, np.random.default_rng(47)), pixel_size=PIXEL)
    deltas[200:212] = 15e-9
    walls = wall_width_map(straight(deltas, np.random.default_rng(47)), pixel_size=PIXEL)
    assert float(walls.delta.max()) > 13e-9
    assert float(walls.delta_error.median() / plain.delta_error.median()) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("per_pixel", [1, 2, 4])
@pytest.mark.parametrize("told", ["noise", "covariance", "nothing"])
def test_error_of_one_profile(per_pixel, told):
    # A profile interpolated from pixels: without their band the z-scores of 4 samples a pixel spread by 2.3.
    rng = np.random.default_rng(48)
    pixels = np.arange(-40, 41) * PIXEL
    x = np.arange(-9 * per_pixel, 9 * per_pixel + 1) * PIXEL / per_pixel
    interpolate = np.sinc((x[:, None] - pixels) / PIXEL)
    wall = blurred_wall(x, DELTA, BAND)
    z = []
    for _ in range(300):
        profile = wall + 0.05 * interpolate @ rng.standard_normal(pixels.size)
        known = {"noise": 0.05, "covariance": 0.0025 * interpolate @ interpolate.T, "nothing": None}[told]
        length = 0.0 if told == "covariance" else PIXEL
        found = fit_wall_width(x, profile, transfer=BAND, noise=known, correlation_length=length, half_window=50e-9)
        z.append((found.delta - DELTA) / found.delta_error)
    assert_calibrated(np.array(z))


def test_independent_samples_are_the_default():
    rng = np.random.default_rng(49)
    x = (np.arange(17) - 8) * PIXEL
    fits = [fit_wall_width(x, np.tanh(x / DELTA) + 0.05 * rng.standard_normal(17)) for _ in range(300)]
    assert_calibrated(np.array([(f.delta - DELTA) / f.delta_error for f in fits]))
    assert fits[0].kittel_width == pytest.approx(np.pi * fits[0].delta)


@pytest.mark.parametrize(("level", "colour", "transfer"), [(0.05, None, BAND), (0.05, 10e-9, HardCutoff(20e-9))])
def test_error_of_a_mean_width(level, colour, transfer):
    rng = np.random.default_rng(50)
    z, widths = [], []
    for seed in range(4):
        image = texture("labyrinth", DELTA, 51 + seed)
        image = image if colour is None else low_passed(image, colour, pixel=PIXEL)
        clean = mean_wall_width(image, pixel_size=PIXEL, transfer=transfer).delta
        for _ in range(10):
            noisy = image + level * noise(SIZE, pixel=PIXEL, half_period=colour, rng=rng)
            found = mean_wall_width(noisy, pixel_size=PIXEL, transfer=transfer)
            z.append((found.delta - clean) / found.error)
            widths.append(found.delta)
    assert 0.75 < np.std(z) < 1.35
    assert np.mean(widths) == pytest.approx(DELTA, rel=0.005)


@pytest.mark.parametrize("radius", [12e-9, 40e-9])
@pytest.mark.parametrize(("colour", "transfer"), [(None, None), (10e-9, HardCutoff(20e-9))])
def test_error_of_a_local_median(radius, colour, transfer):
    rng = np.random.default_rng(60)
    image = texture("labyrinth", 8e-9, 61)
    image = image if colour is None else low_passed(image, colour, pixel=PIXEL)
    clean = wall_width_map(image, pixel_size=PIXEL, transfer=transfer)
    points = places(clean)[::15]
    z = []
    for _ in range(10):
        noisy = image + 0.1 * noise(SIZE, pixel=PIXEL, half_period=colour, rng=rng)
        walls = wall_width_map(noisy, pixel_size=PIXEL, transfer=transfer)
        local = local_wall_width(walls, points, radius=radius, rng=rng, draws=80)
        z.append(((local.delta - 8e-9) / local.delta_error).values)
    z = np.concatenate(z)
    assert_calibrated(z[np.isfinite(z)])


def two_walls(level, half_period, seed, n=240):
    """Return a noisy stripe in a band, and points on both of its walls."""
    x = np.arange(n) - n // 2
    image = low_passed(np.tanh((60 - np.abs(x)) * PIXEL / DELTA)[None, :] * np.ones((n, 1)), half_period, pixel=PIXEL)
    noisy = image + level * noise(n, pixel=PIXEL, half_period=half_period, rng=np.random.default_rng(seed))
    return noisy, np.array([[0.0, -60 * PIXEL], [0.0, 60 * PIXEL]])


def test_a_local_median_is_not_wide_where_narrow_fits_are_flagged():
    medians, kept = [], []
    for seed in (70, 71, 72):
        image, points = two_walls(0.12, 10e-9, seed)
        walls = wall_width_map(image, pixel_size=PIXEL, transfer=HardCutoff(20e-9))
        local = local_wall_width(walls, points, radius=400e-9, rng=np.random.default_rng(seed))
        assert 0.02 < float(local.ill_conditioned.mean()) < 0.3
        assert np.all(np.abs(local.delta - DELTA) < 2 * local.delta_error)
        medians.append(local.delta.values)
        kept.append(np.median(walls.delta.values[~walls.ill_conditioned.values]))
    assert np.mean(medians) == pytest.approx(DELTA, rel=0.03)
    assert np.mean(kept) > 1.05 * DELTA, "without the flagged points the median is wide"


def test_a_local_median_of_undetermined_widths_is_none():
    image, points = two_walls(0.2, 10e-9, 70)
    walls = wall_width_map(image, pixel_size=PIXEL, transfer=HardCutoff(20e-9))
    local = local_wall_width(walls, points, radius=400e-9, rng=np.random.default_rng(1))
    assert np.all(local.ill_conditioned > 0.3)
    assert np.all(local["count"] > 100)
    for name in ("delta", "delta_error", "spread"):
        assert np.isnan(local[name]).all()


def test_local_median_of_a_defect():
    deltas = np.full(300, DELTA)
    deltas[140:160] = 9e-9
    walls = wall_width_map(straight(deltas, np.random.default_rng(62)), pixel_size=PIXEL)
    points = np.array([[0.0, 0.0, 0.0], [0.0, -400e-9, 3e-9], [0.0, 400e-9, 0.0], [0.0, 0.0, 150e-9]])
    local = local_wall_width(walls, points, radius=25e-9, rng=np.random.default_rng(63))
    np.testing.assert_allclose(
        local.delta[:3] * 1e9, [9.0, 5.1, 5.1], atol=4 * float(local.delta_error[:3].max()) * 1e9
    )
    assert float(local.delta[0]) > 8e-9
    np.testing.assert_array_equal(local["count"].values > 0, [True, True, True, False])
    assert np.isnan(local.delta[3])
    assert np.isnan(local.delta_error[3])
    again = local_wall_width(walls, points[:, 1:], radius=25e-9, rng=np.random.default_rng(63))
    xr.testing.assert_identical(local, again)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": np.zeros((3, 4))}, "points"),
        ({"points": np.full((1, 2), np.nan)}, "points"),
        ({"radius": 0.0}, "radius"),
        ({"radius": 30.0}, "radius is 30.0 m"),
        ({"draws": 1}, "draws"),
        ({"draws": 2.5}, "draws 2.5"),
        ({"radius": "20nm"}, "radius is '20nm'"),
        ({"rng": 1}, "rng is 1"),
        ({"widths": xr.Dataset()}, "widths is without"),
    ],
)
def test_bad_input_is_told_in_one_line(change, words):
    walls = wall_width_map(straight(np.full(60, DELTA), np.random.default_rng(64)), pixel_size=PIXEL)
    given = {"widths": walls, "points": np.zeros((1, 2)), "radius": 20e-9, "rng": np.random.default_rng(0)} | change
    with pytest.raises(ValueError, match=words) as caught:
        local_wall_width(given.pop("widths"), given.pop("points"), **given)
    assert "\n" not in str(caught.value)
