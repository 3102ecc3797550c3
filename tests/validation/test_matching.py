import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.matching import match_points

NM = 1e-9


def brute_force(found, truth, radius, same):
    """Try every assignment: the most pairs, then the least sum of distances."""
    distance = np.linalg.norm(found[:, None] - truth[None, :], axis=2)
    allowed = (distance <= radius) & same
    best = (0, 0.0)
    rows = len(found)
    for choice in itertools.product(range(-1, len(truth)), repeat=rows):
        taken = [c for c in choice if c >= 0]
        pairs = [(row, c) for row, c in enumerate(choice) if c >= 0]
        if len(set(taken)) < len(taken) or not all(allowed[pair] for pair in pairs):
            continue
        best = min(best, (-len(pairs), sum(distance[pair] for pair in pairs)))
    return -best[0], best[1]


@given(seed=st.integers(0, 2**32 - 1), found=st.integers(1, 5), true=st.integers(1, 5), labelled=st.booleans())
def test_equals_trying_everything(seed, found, true, labelled):
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0, 20 * NM, (n, 3)) for n in (found, true))
    signs = [rng.choice([-1, 1], n) for n in (found, true)] if labelled else [np.ones(n) for n in (found, true)]
    matched = match_points(a, b, radius=12 * NM, labels=tuple(signs) if labelled else None)
    count, total = brute_force(a, b, 12 * NM, signs[0][:, None] == signs[1][None, :])
    assert len(matched.found_index) == count
    assert matched.distance.sum() == pytest.approx(total)
    assert (matched.recall, matched.precision) == (count / true, count / found)
    assert matched.f1 == pytest.approx(2 * count / (found + true))


def test_number_of_pairs_comes_before_distance():
    # The nearest pair would leave two points alone.
    found = np.array([[0, 0, 0], [0, 0, 5]]) * NM
    truth = np.array([[0, 0, 4.9], [0, 0, 9.9]]) * NM
    matched = match_points(found, truth, radius=5 * NM)
    np.testing.assert_array_equal(matched.truth_index, [0, 1])
    assert matched.mean_error == pytest.approx(4.9 * NM)


def test_shuffled_and_displaced_points_find_each_other():
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*(np.arange(12) * 20 * NM,) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    order = rng.permutation(len(grid))
    moved = grid[order] + rng.normal(0, 1 * NM, grid.shape)
    matched = match_points(moved, grid, radius=9 * NM)
    np.testing.assert_array_equal(matched.truth_index, order)
    assert (matched.recall, matched.precision, matched.f1) == (1, 1, 1)
    assert matched.rms_error == pytest.approx(math.sqrt(3) * NM, rel=0.05)
    assert matched.mean_error < matched.rms_error


def test_missed_and_spurious_are_listed_and_a_radius_is_inclusive():
    truth = np.array([[0, 0], [0, 100], [50, 50]]) * NM
    found = np.array([[0, 115], [300, 300]]) * NM
    matched = match_points(found, truth, radius=15 * NM)
    assert (matched.recall, matched.precision, matched.f1) == (1 / 3, 1 / 2, 2 / 5)
    np.testing.assert_array_equal(matched.missed, [0, 2])
    np.testing.assert_array_equal(matched.spurious, [1])


def test_labels_may_be_words():
    points = np.array([[0, 0, 0], [0, 0, 2]]) * NM
    matched = match_points(points, points, radius=3 * NM, labels=(["a", "b"], ["b", "a"]))
    np.testing.assert_array_equal(matched.truth_index, [1, 0])
    assert match_points(points, points, radius=3 * NM, labels=(["a", "a"], ["c", "b"])).recall == 0


def test_what_is_undefined_is_not_a_number():
    none, one = np.empty((0, 3)), np.zeros((1, 3))
    neither = match_points(none, none, radius=NM)
    assert all(math.isnan(v) for v in (neither.recall, neither.precision, neither.f1, neither.mean_error))
    nothing_found = match_points([], one, radius=NM)
    assert (nothing_found.recall, nothing_found.f1) == (0, 0)
    assert math.isnan(nothing_found.precision)
    nothing_true = match_points(one, none, radius=NM)
    assert (nothing_true.precision, nothing_true.f1) == (0, 0)
    assert math.isnan(nothing_true.recall)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"radius": 15.0}, "radius is 15.0 m; allowed"),
        ({"radius": 0.0}, "radius is 0.0 m; allowed"),
        ({"radius": math.nan}, "radius is nan m; allowed"),
        ({"found": [[0, 0, math.nan]]}, "found is nan somewhere; allowed"),
        ({"found": [0.0, 1.0, 2.0]}, r"found is of shape \(3,\); allowed"),
        ({"truth": [[0.0, 1.0]]}, "as many coordinates"),
        ({"found": [[0, 0, 12.0]]}, "found is 12 m from the origin; allowed"),
        ({"truth": [[0, 0, 0.0], [0, 0.4, 0]]}, "truth is 0.4 m wide; allowed"),
        ({"labels": ([1], [1, 2])}, r"labels of truth are of shape \(2,\); allowed: \(1,\)"),
        ({"labels": ([1],)}, "labels has 1 entries; allowed"),
    ],
)
def test_bad_input(change, message):
    given = {"found": [[0.0, 0.0, 0.0]], "truth": [[0.0, 0.0, 0.0]], "radius": NM} | change
    with pytest.raises(ValueError, match=message):
        match_points(given.pop("found"), given.pop("truth"), **given)
