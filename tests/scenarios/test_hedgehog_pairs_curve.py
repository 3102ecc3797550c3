"""Curves of success against separation: known logistics come back, and what was not tried is not claimed."""

import math

import numpy as np
import pytest

from scenarios.hedgehog_pairs_curve import Logistic, fit, reach, wilson

NM = 1e-9


def reached(separation, hits, count, *, share=0.95, seed=0, draws=200):
    return reach(
        NM * np.array(separation),
        np.array(hits),
        np.full(len(hits), count),
        share=share,
        draws=draws,
        rng=np.random.default_rng(seed),
    )


def test_wilson_of_known_counts():
    """Of 10 of 10 the lower end is 1/(1 + z^2/10); of 81 of 263 the published .255 to .366."""
    low, high = wilson(np.array([10, 81]), np.array([10, 263]))
    assert low == pytest.approx([1 / (1 + 1.959964**2 / 10), 0.2553], abs=1e-4)
    assert high == pytest.approx([1.0, 0.3662], abs=1e-4)


def test_a_logistic_comes_back():
    true = Logistic(10 * NM, 0.12, 0.0)
    s = NM * np.array([5, 7, 8, 9, 10, 11, 12, 14, 18])
    found = fit(s, [true(s)], np.full(s.size, 1000))[0]
    assert found.centre == pytest.approx(true.centre, abs=0.1 * NM)
    assert found.width == pytest.approx(true.width, rel=0.15)
    assert found.inverse(0.95) == pytest.approx(true.inverse(0.95), abs=0.3 * NM)


def test_interval_covers_the_truth():
    """Of 20 repeats with 100 pairs a point, 95 % intervals miss the true separation rarely."""
    true = Logistic(10 * NM, 0.08, 0.0)
    s, rng = np.array([5, 7.5, 9, 10, 11, 12.5, 15, 20.0]), np.random.default_rng(3)
    found = [reached(s, rng.binomial(100, true(NM * s)), 100, seed=i, draws=60) for i in range(20)]
    covered = sum(each.low <= true.inverse(0.95) <= each.high for each in found)
    assert covered >= 17
    assert np.median([each.value for each in found]) == pytest.approx(true.inverse(0.95), abs=0.5 * NM)


def test_a_lapse_is_told_from_a_wide_curve():
    s = NM * np.array([5, 8, 9, 10, 15, 20, 30])
    true = Logistic(9 * NM, 0.03, 0.2)
    found = fit(s, [true(s)], np.full(s.size, 200))[0]
    assert found.lapse == pytest.approx(0.2, abs=0.05)
    assert found.inverse(0.95) == math.inf


def test_steps_that_were_not_tried_are_in_the_interval():
    found = reached([5, 10, 15, 25], [0, 0, 50, 50], 50)
    assert found.low <= 10 * NM < found.value < found.high
    assert found.high >= 15 * NM


def test_what_is_not_reached_has_no_value():
    found = reached([5, 10, 20], [0, 20, 40], 50)
    assert math.isnan(found.value)
    assert found.high == math.inf
    assert found.note == "not reached: 40 of 50 at 20 nm"


def test_a_curve_that_ends_below_the_share_has_no_value():
    """98 of 100 at the last separation are chance where three before it had 94."""
    found = reached([10, 12, 20, 30, 40, 50], [0, 94, 93, 94, 93, 98], 100)
    assert math.isnan(found.value)
    assert found.low <= 40 * NM
    assert found.high == math.inf
    assert found.note.startswith("the curve ends at 94.")


def test_what_is_always_reached_has_no_value():
    found = reached([7.5, 10, 15], [50, 50, 50], 50)
    assert math.isnan(found.value)
    assert found.note == "reached at every separation, from 7.5 nm"


def test_one_separation_is_no_curve():
    assert math.isnan(reached([10], [50], 50).value)
    with pytest.raises(ValueError, match="two or more, rising"):
        fit(np.array([1.0]), [[0.5]], np.array([10]))
