import numpy as np
import pytest
import xarray as xr

from tests.validation.pinned_films import DELTA, PIXEL, film_states, places
from validation import classify_pinning_sites, find_pinning_sites, match_points, site_wall_widths

N = 160


def points(found):
    return np.stack([found["y"].values, found["x"].values], axis=1)


@pytest.fixture(scope="module", params=[3, 11])
def film(request):
    rng = np.random.default_rng(request.param)
    all_places = places(10, N, rng=rng)
    soft, hard = all_places[::2], all_places[1::2]
    return film_states(7, N, soft=soft, hard=hard, rng=rng), soft, hard


def test_spots_and_resting_walls_are_found_where_they_are(film):
    images, soft, hard = film
    found = find_pinning_sites(images, pixel_size=PIXEL)
    match = match_points(points(found), np.concatenate([soft, hard]), radius=15e-9)
    assert match.recall >= 0.9
    assert match.precision >= 0.8
    assert match.mean_error < 6e-9
    spots = points(found.isel(site=found["evidence"].values != "walls"))
    assert match_points(spots, soft, radius=15e-9).recall == 1.0


def test_kinds_are_told_apart_by_the_width_of_their_walls(film):
    images, soft, hard = film
    both = np.concatenate([soft, hard])
    widths = site_wall_widths(images, both, pixel_size=PIXEL, reference_width=DELTA)
    sites = xr.Dataset({"y": ("site", both[:, 0]), "x": ("site", both[:, 1])})
    kinds = classify_pinning_sites(sites, widths, reference_width=DELTA)["kind"].values
    assert np.mean(kinds[: len(soft)] == "lowered anisotropy") >= 0.8
    assert np.mean(kinds[len(soft) :] == "raised DMI") >= 0.8


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_film_without_sites_has_almost_none(seed):
    rng = np.random.default_rng(seed)
    nothing = np.empty((0, 2))
    lonely = places(1, N, rng=rng)
    images = film_states(5, N, soft=nothing, hard=lonely, rng=rng)
    assert find_pinning_sites(images, pixel_size=PIXEL).sizes["site"] <= 3


def test_sign_scale_and_level_of_the_images_do_not_matter(film):
    images, _, _ = film
    first = find_pinning_sites(images, pixel_size=PIXEL)
    second = find_pinning_sites(-0.3 * images + 0.1, pixel_size=PIXEL)
    match = match_points(points(second), points(first), radius=1e-9)
    assert match.recall == match.precision == 1.0


def test_sites_move_with_the_images(film):
    images, _, _ = film
    first = points(find_pinning_sites(images, pixel_size=PIXEL, mask=inner(N, 20)))
    moved = points(
        find_pinning_sites(
            np.roll(images, (4, -7), (1, 2)), pixel_size=PIXEL, mask=np.roll(inner(N, 20), (4, -7), (0, 1))
        )
    )
    match = match_points(moved - np.array([4, -7]) * PIXEL, first, radius=3e-9)
    assert match.recall == match.precision == 1.0


def inner(n, margin):
    mask = np.zeros((n, n), bool)
    mask[margin:-margin, margin:-margin] = True
    return mask


def test_two_states_show_spots_only(film):
    images, soft, _ = film
    found = find_pinning_sites(images[:2], pixel_size=PIXEL)
    assert set(found["evidence"].values) <= {"spots"}
    assert match_points(points(found), soft, radius=15e-9).recall >= 0.8


def test_what_is_in_between_or_unsure_stays_undecided():
    sites = xr.Dataset({"y": ("site", np.zeros(6)), "x": ("site", np.zeros(6))})
    delta = np.array([5.0, 5.7, 6.5, 25.0, np.nan, 8.0]) * 1e-9
    error = np.array([0.2, 0.1, 0.2, 1.0, np.nan, 4.0]) * 1e-9
    widths = xr.Dataset({"delta": ("site", delta), "delta_error": ("site", error)})
    kinds = classify_pinning_sites(sites, widths, reference_width=5e-9)["kind"].values.tolist()
    expected = ["raised DMI", "undecided", "lowered anisotropy", "over 20 nm", "undecided", "undecided"]
    assert kinds == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((4, 50, 50))}, "images have one level"),
        ({"images": np.zeros((50, 50))}, "images have shape"),
        ({"images": np.full((4, 50, 50), np.nan)}, "images have shape"),
        ({"pixel_size": 5.3}, "pixel_size is 5.3"),
        ({"pixel_size": 12e-9}, "pixel_size is 1.2e-08"),
        ({"minimum_states": 9}, "minimum_states is 9"),
        ({"minimum_snr": 0.0}, "minimum_snr is 0.0"),
        ({"mask": np.zeros((N, N), bool)}, "mask has shape"),
        ({"mask": np.ones((3, 3), bool)}, "mask has shape"),
    ],
)
def test_wrong_input_is_refused_in_one_line(film, change, message):
    words = {"images": film[0], "pixel_size": PIXEL, **change}
    with pytest.raises(ValueError, match=message) as caught:
        find_pinning_sites(words.pop("images"), **words)
    assert "allowed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_points_widths_and_sizes_are_refused(film):
    images, soft, _ = film
    with pytest.raises(ValueError, match="points have shape"):
        site_wall_widths(images, soft[:, :1], pixel_size=PIXEL, reference_width=DELTA)
    with pytest.raises(ValueError, match=r"reference_width is 5\.1"):
        site_wall_widths(images, soft, pixel_size=PIXEL, reference_width=5.1)
    widths = site_wall_widths(images, soft, pixel_size=PIXEL, reference_width=DELTA)
    sites = xr.Dataset({"y": ("site", np.zeros(2)), "x": ("site", np.zeros(2))})
    with pytest.raises(ValueError, match="widths has 5 sites"):
        classify_pinning_sites(sites, widths, reference_width=DELTA)
    with pytest.raises(ValueError, match="tolerance"):
        classify_pinning_sites(sites.isel(site=[0]), widths.isel(site=[0]), reference_width=DELTA, tolerance=2.0)
