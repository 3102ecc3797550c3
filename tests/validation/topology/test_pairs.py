import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import genextreme

from validation.topology.extreme_value import fit_extreme_value, maximum_likelihood
from validation.topology.lattices import whole_cells
from validation.topology.pairs import KINDS, _cells_of_rank, pair_distances, random_null

NM = 1e-9
BLOCK = np.ones((30, 60, 60))


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 12), kind=st.sampled_from(KINDS), mutual=st.booleans())
def test_nearest_neighbours_are_those_of_the_full_matrix(seed, count, kind, mutual):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-50, 50, (count, 3)) * NM
    charges = rng.choice([-2, -1, 1], count)
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    product = np.sign(charges[:, None] * charges)
    wanted = product < 0 if kind == "opposite" else (product > 0) & ((charges > 0) == (kind == "plus"))[:, None]
    distance[~wanted | np.eye(count, dtype=bool)] = np.inf
    nearest = np.where(np.isfinite(distance).any(axis=1), distance.argmin(axis=1), -1)
    rows = [row for row in range(count) if nearest[row] >= 0]
    if mutual:
        rows = [row for row in rows if nearest[nearest[row]] == row and row < nearest[row]]
    found = pair_distances(points, charges, kind=kind, mutual=mutual)
    np.testing.assert_array_equal(found["first"], rows)
    np.testing.assert_array_equal(found["second"], nearest[rows])
    np.testing.assert_allclose(found["distance"], distance[rows, nearest[rows]] if rows else [])
    assert found["distance"].attrs["units"] == "m"


def test_two_charges_at_one_place_are_at_no_distance():
    found = pair_distances(np.zeros((2, 3)), [1, 1], kind="plus")
    np.testing.assert_array_equal(found["second"], [1, 0])
    np.testing.assert_array_equal(found["distance"], [0, 0])


@pytest.mark.parametrize("shape", [-0.25, -0.05, 0.0, 0.2])
def test_fit_equals_scipy(shape):
    rng = np.random.default_rng(21)
    values = genextreme(-shape, loc=30, scale=7).rvs(120, random_state=rng)
    ours, likelihood, converged = maximum_likelihood(values[None])
    c, mu, scale = genextreme.fit(values, 0.05, loc=ours[0, 0] + 1, scale=ours[0, 1])
    assert converged[0]
    np.testing.assert_allclose(ours[0], [mu, scale, -c], rtol=2e-3, atol=2e-3)
    assert likelihood[0] >= genextreme(c, mu, scale).logpdf(values).sum() - 1e-9
    assert likelihood[0] == pytest.approx(genextreme(-ours[0, 2], ours[0, 0], ours[0, 1]).logpdf(values).sum())


def test_many_fits_at_once_all_converge_to_where_the_likelihood_is_flat():
    rng = np.random.default_rng(22)
    values = genextreme(0.1, loc=3, scale=0.5).rvs((300, 40), random_state=rng)
    found, best, converged = maximum_likelihood(values)
    assert converged.all()
    for step in 1e-4 * np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]):
        for sign in (-1, 1):
            mu, scale, shape = (found + sign * step).T[..., None]
            assert (genextreme(-shape, mu, scale).logpdf(values).sum(axis=1) <= best + 1e-9).all()


@pytest.mark.parametrize("count", [12, 24])
@pytest.mark.parametrize("shape", [-0.6, -0.25])
def test_few_distances_of_a_bounded_distribution_all_find_a_maximum(count, shape):
    values = np.stack([genextreme(-shape, 40, 12).rvs(count, random_state=seed) for seed in range(200)])
    found, best, converged = maximum_likelihood(values)
    assert converged.all()
    bound = found[:, 2] <= -0.95 + 1e-9
    assert bound.any() or shape > -0.5
    for step in 1e-3 * np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, -1, 0], [0, 0, 0.1], [0.1, 0.1, -0.1]]):
        for sign in (-1, 1):
            mu, scale, xi = (found + sign * step).T[..., None]
            higher = genextreme(-xi, mu, scale).logpdf(values).sum(axis=1) > best + 1e-8
            # Beyond the bound the likelihood goes on rising.
            assert not higher[~bound | (sign * step[2] >= 0)].any()


def test_a_fit_does_not_stop_at_the_bound_of_the_shape_on_its_way():
    values = genextreme(0.6, loc=40e-9, scale=12e-9).rvs(24, random_state=20)
    found = fit(values, draws=200)
    assert found.log_likelihood == pytest.approx(411.4761, abs=1e-3)
    assert -0.95 < found.shape < -0.8
    assert found.mu == pytest.approx(42.75e-9, abs=0.1e-9)
    assert found.mu_interval[0] < 40e-9 < found.mu_interval[1] - 2e-9
    assert found.draws == 200
    assert [note.split(",")[0] for note in found.notes] == ["the bootstrap is at the shape bound"]


def test_fits_at_the_bound_and_far_from_the_distances_say_so():
    assert fit(genextreme(-0.1, loc=40e-9, scale=8e-9).rvs(100, random_state=3), draws=50).notes == ()
    values = genextreme(0.6, loc=40e-9, scale=8e-9).rvs((50, 12), random_state=5)
    at_bound = values[(maximum_likelihood(values)[0][:, 2] <= -0.95) & (values.min(axis=1) > 0)]
    assert fit(at_bound[0], draws=50).notes[0] == "the fit is at the shape bound, xi = -0.95"
    rng = np.random.default_rng(4)
    two = np.concatenate([rng.normal(20e-9, 1e-9, 50), rng.normal(60e-9, 1e-9, 50)])
    assert "the distances do not follow the fit" in fit(two, draws=50).notes[-1]
    assert null((60, 0), draws=50).notes == ()
    assert [note.split(",")[0] for note in null((10, 0)).notes] == 2 * ["the null is at the shape bound"]


@pytest.mark.parametrize(("count", "shape"), [(70, -0.15), (138, 0.1)])
def test_mu_is_unbiased_and_its_interval_covers(count, shape):
    rng = np.random.default_rng(count)
    distribution = genextreme(-shape, loc=36e-9, scale=8e-9)
    runs = [fit_extreme_value(distribution.rvs(count, random_state=rng), rng=rng, draws=100) for _ in range(100)]
    mu = np.array([run.mu for run in runs])
    assert abs(mu.mean() - 36e-9) < 0.5 * mu.std()
    covered = [run.mu_interval[0] <= 36e-9 <= run.mu_interval[1] for run in runs]
    # Two standard deviations of 100 runs beside 0.90 to 0.99.
    assert 0.85 <= np.mean(covered) <= 1.0
    assert np.mean([run.mu_error for run in runs]) == pytest.approx(mu.std(), rel=0.25)
    assert mu.std() * math.sqrt(count) / 8e-9 == pytest.approx(1.1, abs=0.25)
    assert runs[0].distribution.cdf(runs[0].mu) == pytest.approx(math.exp(-1))


def test_same_generator_same_fit():
    values = genextreme(0.1, loc=30 * NM, scale=7 * NM).rvs(60, random_state=np.random.default_rng(1))
    first, second = (fit_extreme_value(values, rng=np.random.default_rng(5), draws=50) for _ in range(2))
    assert first == second or first.__dict__ == second.__dict__


@pytest.mark.parametrize("kind", KINDS)
def test_null_covers_random_charges_and_not_bound_pairs(kind):
    rng = np.random.default_rng(31)
    counts = (60, 60)
    null = random_null(counts, BLOCK, voxel_size=5e-9, kind=kind, rng=rng, draws=100)
    assert null.mu_interval[0] < null.mu < null.mu_interval[1]
    size = (np.array(BLOCK.shape) - 1) * 5e-9
    charges = np.repeat([1, -1], 60)
    inside = 0
    for _ in range(40):
        distances = pair_distances(rng.random((120, 3)) * size, charges, kind=kind)["distance"].values
        mu = maximum_likelihood(distances[None])[0][0, 0]
        inside += null.mu_interval[0] <= mu <= null.mu_interval[1]
    assert inside >= 33
    plus = rng.random((60, 3)) * size
    minus = plus + rng.normal(0, 3e-9, (60, 3))
    bound = pair_distances(np.concatenate([plus, minus]), charges, kind="opposite")["distance"].values
    if kind == "opposite":
        assert null.share_below(maximum_likelihood(bound[None])[0][0, 0]) == 0


def test_null_of_a_volume_without_borders_follows_hertz():
    # Nearest neighbours at density n are at a median of (3 log 2/(4 pi n))^(1/3); borders lengthen it a little.
    rng = np.random.default_rng(32)
    volume = np.prod((np.array((60, 60, 60)) - 1) * 5e-9)
    null = random_null((10, 400), np.ones((60, 60, 60)), voxel_size=5e-9, kind="minus", rng=rng, draws=20)
    median = (3 * math.log(2) / (4 * math.pi * 400 / volume)) ** (1 / 3)
    assert 1.0 < null.median_distance / median < 1.12


def test_null_keeps_to_the_magnet():
    rng = np.random.default_rng(33)
    magnet = np.zeros((6, 8, 300))
    magnet[:, :, :20] = magnet[:, :, -20:] = 1
    null = random_null((15, 15), magnet, voxel_size=5e-9, kind="opposite", rng=rng, draws=30)
    wide = random_null((15, 15), np.ones_like(magnet), voxel_size=5e-9, kind="opposite", rng=rng, draws=30)
    assert null.median_distance < 0.6 * wide.median_distance
    mutual = random_null((15, 15), np.ones((6, 40, 40)), voxel_size=5e-9, kind="plus", rng=rng, draws=30, mutual=False)
    assert (mutual.kind, mutual.counts) == ("plus", (15, 15))


@given(seed=st.integers(0, 2**32 - 1))
def test_cells_are_drawn_from_those_that_count(seed):
    rng = np.random.default_rng(seed)
    counted = whole_cells(rng.random(rng.integers(2, 7, 3)) < 0.9)
    cells = np.argwhere(counted)
    ends = np.cumsum(np.count_nonzero(counted, axis=2))
    np.testing.assert_array_equal(_cells_of_rank(np.arange(len(cells)), counted, ends), cells)


def test_null_takes_little_memory():
    block = np.ones((64, 64, 64), bool)
    null((30, 30), magnet=block, draws=2)
    tracemalloc.start()
    null((30, 30), magnet=block, draws=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * block.nbytes


def test_published_block_gives_the_chapters_null():
    rng = np.random.default_rng(34)
    block = np.ones((30, 200, 200), bool)
    for counts in ((68, 68), (138, 138)):
        null = random_null(counts, block, voxel_size=5e-9, kind="opposite", rng=rng, draws=60)
        assert 50e-9 < null.mu < 70e-9


VALUES = np.linspace(10, 40, 30) * NM
POINTS = np.arange(6.0).reshape(2, 3) * NM


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pair_distances(POINTS, [1, -1], kind="like"), "kind is 'like'; allowed"),
        (lambda: pair_distances(POINTS, [1, 0], kind="plus"), "charges is 0 somewhere; allowed"),
        (lambda: pair_distances(POINTS, [1, 0.5], kind="plus"), "charges is 0.5 somewhere; allowed"),
        (lambda: pair_distances(POINTS, [1, math.nan], kind="plus"), "charges is nan somewhere; allowed"),
        (lambda: pair_distances(POINTS, [1], kind="plus"), r"charges is of shape \(1,\); allowed"),
        (lambda: pair_distances(POINTS * math.nan, [1, 1], kind="plus"), "positions is nan somewhere; allowed"),
        (lambda: pair_distances(POINTS[:, :2], [1, 1], kind="plus"), "positions is of shape"),
        (lambda: pair_distances(POINTS / NM, [1, 1], kind="plus"), "positions is 5 m from the origin; allowed"),
        (lambda: fit(VALUES[:9]), r"distances is of shape \(9,\); allowed"),
        (lambda: fit(-VALUES), "distances is -1e-08 somewhere; allowed"),
        (lambda: fit(VALUES * math.nan), "distances is nan somewhere; allowed"),
        (lambda: fit(np.full(30, NM)), "distances is 1e-09 everywhere; allowed"),
        (lambda: fit(VALUES, draws=1), "draws is 1; allowed"),
        (lambda: null((5, 5)), r"counts is \(5, 5\); allowed"),
        (lambda: null((30, -1)), r"counts is \(30, -1\); allowed"),
        (lambda: null((30.5, 30)), r"counts is \(30.5, 30\); allowed"),
        (lambda: null((30, 30), magnet=np.zeros((5, 5, 5))), "magnet has no cell"),
        (lambda: null((30, 30), magnet=np.ones((5, 5))), "magnet is of shape"),
        (lambda: null((30, 30), voxel_size=5.3), "voxel_size is 5.3 m; allowed"),
        (lambda: null((30, 30), draws=0), "draws is 0; allowed"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def fit(values, **options):
    return fit_extreme_value(values, rng=np.random.default_rng(0), **options)


def null(counts, magnet=BLOCK, **options):
    options = {"voxel_size": 5e-9, "kind": "plus"} | options
    return random_null(counts, magnet, rng=np.random.default_rng(0), **options)
