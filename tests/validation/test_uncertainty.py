import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.uncertainty import ONE_SIGMA, bootstrap, calibration


def estimates(rng, count=2000, *, bias=0.0, stretch=1.0):
    """Return estimates of known truths whose errors are `stretch` times what is stated."""
    sigma = rng.uniform(0.5, 2.0, count)
    truth = rng.normal(0, 10, count)
    return truth + sigma * (bias + stretch * rng.standard_normal(count)), sigma, truth


@pytest.mark.parametrize("seed", range(5))
def test_right_errors_are_called_calibrated(seed):
    found = calibration(*estimates(np.random.default_rng(seed)))
    assert found.verdict == "calibrated"
    assert found.calibrated
    assert abs(found.mean) < 4 * found.mean_error
    assert abs(found.std - 1) < 4 * found.std_error
    assert abs(found.coverage - ONE_SIGMA) < 4 * found.coverage_error


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("bias", "stretch", "verdict"),
    [
        (0.5, 1.0, "biased"),
        (0.0, 1.6, "error bars too short"),
        (0.0, 0.6, "error bars too long"),
        (-0.9, 1.6, "biased, error bars too short"),
    ],
)
def test_wrong_errors_are_named(bias, stretch, verdict, seed):
    found = calibration(*estimates(np.random.default_rng(seed), bias=bias, stretch=stretch))
    assert found.verdict == verdict
    assert not found.calibrated


def test_few_estimates_decide_only_what_is_gross():
    rng = np.random.default_rng(1)
    assert calibration(*estimates(rng, 60)).verdict == "undecided"
    assert "short" in calibration(*estimates(rng, 60, stretch=4.0)).verdict
    # 60 % of a normal distribution 1.19 wide lie within 1: on that limit, no verdict is due but by chance (2 to 3 %)
    verdicts = [calibration(*estimates(rng, 400, stretch=1.19)).verdict for _ in range(200)]
    assert sum(v.startswith("error") for v in verdicts) < 15
    assert {"calibrated", "undecided"} <= set(verdicts)


def test_standard_errors_are_those_of_repeats():
    rng = np.random.default_rng(2)
    repeats = [calibration(*estimates(rng, 300)) for _ in range(400)]
    for name in ("mean", "std", "coverage"):
        spread = np.std([getattr(r, name) for r in repeats])
        stated = np.mean([getattr(r, f"{name}_error") for r in repeats])
        assert stated == pytest.approx(spread, rel=0.15)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e3), st.floats(-1e3, 1e3))
def test_calibration_knows_no_unit_and_no_origin(seed, unit, origin):
    estimate, sigma, truth = estimates(np.random.default_rng(seed), 50)
    one = calibration(estimate, sigma, truth)
    other = calibration(unit * estimate + origin, unit * sigma, unit * truth + origin)
    assert (other.mean, other.std) == pytest.approx((one.mean, one.std), rel=1e-6, abs=1e-6)
    assert other.coverage == one.coverage


def test_bootstrap_of_a_mean_is_the_standard_error():
    rng = np.random.default_rng(3)
    values = rng.exponential(2.0, 400)
    found = bootstrap(values, np.mean, rng=rng, draws=2000)
    expected = values.std(ddof=1) / 20
    assert found.estimate == values.mean()
    assert found.error == pytest.approx(expected, rel=0.06)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.08)
    low, high = found.at(0.95)
    assert (high - low) / 2 == pytest.approx(1.96 * expected, rel=0.1)
    assert found.draws.shape == (2000,)


def coverage(rng, memory, block, repeats=150, n=400):
    """Return how often the 68 % interval of the mean of a chain with `memory` holds its true mean, 0."""
    hits = 0
    for _ in range(repeats):
        noise = rng.standard_normal(n + 100)
        chain = np.empty_like(noise)
        last = 0.0
        for i, step in enumerate(noise):
            chain[i] = last = memory * last + step
        found = bootstrap(chain[100:], np.mean, rng=rng, draws=100, block=block)
        hits += found.low <= 0 <= found.high
    return hits / repeats


def test_intervals_cover_and_blocks_are_needed_where_neighbours_are_correlated():
    rng = np.random.default_rng(4)
    assert coverage(rng, 0.0, None) == pytest.approx(ONE_SIGMA, abs=0.12)
    assert coverage(rng, 0.8, 30) == pytest.approx(0.65, abs=0.12)
    assert coverage(rng, 0.8, None) < 0.4


def test_bootstrap_of_several_numbers_and_of_rows():
    rng = np.random.default_rng(5)
    rows = rng.normal([1.0, 5.0], [0.1, 2.0], (200, 2))
    found = bootstrap(rows, lambda r: r.mean(axis=0), rng=rng, draws=300)
    assert found.estimate == pytest.approx(rows.mean(axis=0))
    assert found.error == pytest.approx(np.array([0.1, 2.0]) / np.sqrt(200), rel=0.2)
    assert np.all(found.low < found.high)


def test_draws_that_fail_are_counted():
    rng = np.random.default_rng(6)

    def mean_without_the_first(values):
        return np.nan if np.count_nonzero(values == 0) > 1 else values.mean()

    found = bootstrap(np.arange(50.0), mean_without_the_first, rng=rng, draws=400)
    assert 50 < found.failed < 150
    assert len(found.draws) == 400 - found.failed
    assert np.isfinite(found.error)


def test_the_same_generator_gives_the_same_draws():
    one, two = (bootstrap(np.arange(30.0), np.median, rng=np.random.default_rng(7), block=3) for _ in range(2))
    assert one.draws.tobytes() == two.draws.tobytes()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda rng: calibration([1.0], [1.0], 0.0), "estimate"),
        (lambda rng: calibration([1.0, np.nan], [1.0, 1.0], 0.0), "estimate holds nan"),
        (lambda rng: calibration([1.0, 2.0], [1.0, 0.0], 0.0), "sigma"),
        (lambda rng: calibration([1.0, 2.0], [1.0, 1.0, 1.0], 0.0), "sigma has shape"),
        (lambda rng: calibration([1.0, 2.0], 1.0, [np.inf, 0.0]), "truth"),
        (lambda rng: calibration([1.0, 2j], [1.0, 1.0], 0.0), "estimate is complex"),
        (lambda rng: calibration([1.0, 2.0], [1.0, 1.0], 1j), "truth is complex"),
        (lambda rng: bootstrap([1.0, 2j], np.mean, rng=rng), "values is complex"),
        (lambda rng: bootstrap([1.0, 2.0], lambda v: 1j * v.mean(), rng=rng), "statistic is complex"),
        (lambda rng: bootstrap([1.0, 2.0], np.mean, rng=None), "rng is None"),
        (lambda rng: bootstrap([1.0, 2.0], np.mean, rng=3), "rng is 3"),
        (lambda rng: bootstrap([1.0], np.mean, rng=rng), "values"),
        (lambda rng: bootstrap([1.0, np.nan], np.mean, rng=rng), "values holds nan"),
        (lambda rng: bootstrap([1.0, 2.0], np.mean, rng=rng, draws=0), "draws"),
        (lambda rng: bootstrap(np.ones(10), np.mean, rng=rng, block=6), "block is 6"),
        (lambda rng: bootstrap(np.ones(10), lambda v: np.nan, rng=rng), "statistic"),
        (lambda rng: bootstrap(np.ones(10), np.mean, rng=rng).at(1.5), "level"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0))
    assert "\n" not in str(caught.value)
