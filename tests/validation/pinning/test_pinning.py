import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from tests.validation.pinned_films import DELTA, PIXEL, film_states, places
from validation import classify_pinning_sites, find_pinning_sites, match_points, site_wall_widths
from validation.pinning.resting_walls import _turns
from validation.pinning.slopes import SlopeCurve

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


def striped(delta, *, blur=0.0, states=6, n=121, noise=0.03):
    """Return m_z of straight walls 40 px apart, as wide as `delta` at the one through the origin, and its point."""
    y, x = np.meshgrid(*2 * [np.arange(n) - n // 2], indexing="ij")
    from_wall = ((x + 20) % 40 - 20) * np.where((x + 20) // 40 % 2 == 0, 1, -1)
    width = np.where((np.abs(y) < 8) & (np.abs(x) < 20), delta, DELTA)
    m = np.tanh(from_wall * PIXEL / width)
    m = ndimage.gaussian_filter1d(m, blur, axis=1, mode="nearest") if blur else m
    rng = np.random.default_rng(17)
    return m + noise * rng.standard_normal((states, n, n)), np.zeros((1, 2))


@pytest.mark.parametrize("blur", [0.0, 1.0])
@pytest.mark.parametrize("delta", [5.1e-9, 6.1e-9, 7.65e-9, 10.2e-9, 15e-9, 22e-9, 30e-9])
def test_width_of_a_site_is_that_of_its_wall(delta, blur):
    images, point = striped(delta, blur=blur)
    widths = site_wall_widths(images, point, pixel_size=PIXEL, reference_width=DELTA)
    found, error = float(widths["delta"][0]), float(widths["delta_error"][0])
    assert found == pytest.approx(delta, rel=0.05)
    # Two percent are due to walls that all run along the pixels.
    assert abs(found - delta) < 3 * error + 0.02 * delta
    assert error < 0.1 * delta
    assert widths.attrs["instrument_blur"] == pytest.approx(blur * PIXEL, abs=0.35 * PIXEL)
    kinds = classify_pinning_sites(xr.Dataset({"y": ("site", [0.0])}), widths, reference_width=DELTA)
    kind = str(kinds["kind"].values[0])
    if abs(delta / DELTA - 1.2) > 0.1:
        assert kind == ("over 20 nm" if delta > 20e-9 else "lowered anisotropy" if delta > DELTA else "raised DMI")
    else:
        assert kind != "raised DMI"


def test_a_curve_holds_its_reference_and_its_limits():
    curve = SlopeCurve(reference=DELTA, usual=1.8, pixel_size=PIXEL)
    assert curve.widths(np.array([1.8]))[0] == pytest.approx(DELTA, rel=1e-6)
    assert np.all(np.diff(curve.inverse_slope) > 0)
    beyond = np.array([0.1, 1e3])
    np.testing.assert_allclose(curve.widths(beyond), [0.3e-9, 100e-9], rtol=1e-6)
    assert np.all(curve.errors(beyond, np.full(2, 0.05)) > 0), "at a limit the error is not nothing"
    sharper = SlopeCurve(reference=DELTA, usual=0.9, pixel_size=PIXEL)
    assert sharper.blur == 0
    assert sharper.widths(np.array([0.9]))[0] == pytest.approx(DELTA, rel=1e-6)
    assert SlopeCurve(reference=DELTA, usual=1e6, pixel_size=PIXEL).widths(np.array([1e6]))[0] == pytest.approx(DELTA)


def test_the_order_of_the_states_does_not_matter(film):
    images, _, _ = film
    first = find_pinning_sites(images, pixel_size=PIXEL)
    second = find_pinning_sites(images[[4, 0, 6, 2, 5, 1, 3]], pixel_size=PIXEL)
    assert second.attrs["rest_threshold"] == pytest.approx(first.attrs["rest_threshold"], rel=1e-9)
    np.testing.assert_allclose(points(second), points(first), atol=1e-15)


def test_every_state_is_turned_however_many_there_are():
    for count in (3, 7, 23, 60):
        turns = _turns(count)
        assert turns.shape == (40, count)
        assert not turns[:, 0].any()
        assert turns[:, 1:3].any(axis=1).all()
        assert np.unique(turns[:, :3], axis=0).shape[0] == 40
        for state in range(1, count):
            np.testing.assert_array_equal(np.bincount(turns[:, state], minlength=8), 5)
            assert all(np.mean(turns[:, state] == turns[:, other]) < 0.45 for other in range(state))


def test_many_states_are_no_error():
    rng = np.random.default_rng(5)
    images = film_states(23, 64, soft=np.empty((0, 2)), hard=np.zeros((1, 2)), rng=rng)
    found = find_pinning_sites(images, pixel_size=PIXEL)
    assert np.isfinite(found.attrs["rest_threshold"])
    assert match_points(np.zeros((1, 2)), points(found), radius=15e-9).truth_index.size == 1


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
        ({"mask": np.full((N, N), np.nan)}, "mask has shape"),
        ({"mask": np.ones((N, N), complex)}, "mask has shape"),
        ({"pixel_size": 5.3e-12}, "diameter is 3e-08 m at a pixel_size of 5.3e-12"),
        ({"pixel_size": "5.3nm"}, "pixel_size is '5.3nm'"),
        ({"pixel_size": (PIXEL, PIXEL)}, "pixel_size is "),
        ({"diameter": 900e-9}, "diameter is 9e-07"),
        ({"minimum_states": 1.5}, "minimum_states is 1.5"),
        ({"minimum_snr": np.nan}, "minimum_snr is nan"),
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference_width": 5.1}, r"reference_width is 5\.1 m"),
        ({"reference_width": np.nan}, "reference_width is nan m"),
        ({"reference_width": "5.1nm"}, "reference_width is '5.1nm' m"),
        ({"delta": 9.0}, "delta of widths is 9 m"),
        ({"delta": -9e-9}, "delta of widths is -9e-09 m"),
        ({"delta_error": -1e-9}, "delta_error of widths is -1e-09 m"),
        ({"drop": "delta"}, "widths is without delta by site"),
        ({"sites": xr.Dataset({"y": ("point", [0.0])})}, "sites has"),
    ],
)
def test_widths_in_another_unit_are_refused(change, message):
    table = {name: ("site", [change.get(name, usual)]) for name, usual in (("delta", 9e-9), ("delta_error", 1e-10))}
    widths = xr.Dataset(table).drop_vars(change.get("drop", []))
    sites = change.get("sites", xr.Dataset({"y": ("site", [0.0])}))
    with pytest.raises(ValueError, match=message) as caught:
        classify_pinning_sites(sites, widths, reference_width=change.get("reference_width", DELTA))
    assert "allowed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_walls_to_compare_with_all_sites_stay_undecided():
    widths = xr.Dataset({"delta": ("site", [np.nan, 9e-9]), "delta_error": ("site", [np.nan, 1e-10])})
    kinds = classify_pinning_sites(xr.Dataset({"y": ("site", [0.0, 0.0])}), widths, reference_width=np.inf)
    assert set(kinds["kind"].values) == {"undecided"}
