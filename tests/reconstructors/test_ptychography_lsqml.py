"""LSQML: step lengths of least squares, and what they reach."""

import numpy as np
import pytest

from numerics.threads import use_threads
from reconstructors.ptychography.engines import least_squares
from reconstructors.ptychography.engines.least_squares import LsqmlParameters, run
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.state import start
from tests.ptychography_small import assembled, nrmse, small_problem

DRAWN = small_problem(3)


def test_step_lengths_solve_the_least_squares_problem():
    rng = np.random.default_rng(0)
    one, other, wanted = (rng.normal(size=40) + 1j * rng.normal(size=40) for _ in range(3))
    matrix = np.stack([np.r_[v.real, v.imag] for v in (one, other)], 1)
    expected = np.linalg.lstsq(matrix, np.r_[wanted.real, wanted.imag], rcond=None)[0]
    normal, sides = matrix.T @ matrix, matrix.T @ np.r_[wanted.real, wanted.imag]
    found = least_squares._lengths((sides[0], normal[0, 0]), (sides[1], normal[1, 1]), normal[0, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_changes_that_are_one_and_the_same_do_not_blow_up():
    found = least_squares._lengths((1.0, 1.0), (1.0, 1.0), 1.0)
    assert np.abs(found).max() < 2
    assert least_squares._lengths((1.0, 2.0), (0.0, 0.0), 0.0) == (0.5, 0.0)


def test_mixed_term_is_that_of_the_frames():
    rng = np.random.default_rng(1)
    object_, probe = ((rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))).astype(np.complex64) for n in (12, 5))
    corners, scale = rng.integers(0, 7, (4, 2)), rng.uniform(0.5, 2, 4).astype(np.float32)
    expected = sum(
        s**2 * np.sum(object_[y : y + 5, x : x + 5] * probe).real for (y, x), s in zip(corners, scale, strict=True)
    )
    assert least_squares._mixed(object_, probe, corners, scale) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("likelihood", ["amplitude", "poisson"])
def test_it_converges_from_a_wrong_probe(likelihood):
    problem = assembled(DRAWN, offset=0.1)
    last, errors = run(
        problem, LsqmlParameters(epochs=40, batch=10, likelihood=likelihood), rng=np.random.default_rng(0)
    )
    assert nrmse(last.object, DRAWN) < 0.05
    assert errors[-1] < 0.3 * errors[0]


def test_from_the_truth_without_noise_nothing_moves():
    problem = assembled(DRAWN)
    here = start(problem)
    here.object[...], here.probe[...] = DRAWN.object, DRAWN.probe
    exact = problem.frames.amplitudes
    for j, (y, x) in enumerate(DRAWN.corners):
        exact[j] = np.abs(np.fft.fft2(DRAWN.probe * DRAWN.object[y : y + 64, x : x + 64], norm="ortho"))
    last, errors = run(problem, LsqmlParameters(epochs=3, batch=10), rng=np.random.default_rng(0), state=here)
    assert max(errors) < 1e-5
    assert nrmse(last.object, DRAWN) < 1e-5


class Moments(Quiet):
    def __init__(self):
        self.seen = 0

    def wants_moments(self, state):
        return True

    def after_batch(self, state, indices, moments):
        self.seen += len(indices)
        assert moments.shape == (len(indices), 6)
        assert (moments[:, 5] > 0).all()


def test_listeners_see_all_frames_and_left_out_ones_do_not_take_part():
    problem = assembled(DRAWN)
    here = start(problem)
    here.used[:4] = False
    listener = Moments()
    run(problem, LsqmlParameters(epochs=2, batch=10), rng=np.random.default_rng(0), listeners=(listener,), state=here)
    assert listener.seen == 2 * (len(here.used) - 4)
    assert (here.frame_errors[:4] == 0).all()
    assert (here.frame_errors[4:] > 0).all()


def test_the_probe_may_start_late():
    problem = assembled(DRAWN)
    parameters = LsqmlParameters(epochs=2, batch=10, probe_from=5)
    last, errors = run(problem, parameters, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(last.probe, problem.probe)
    assert errors[1] < errors[0]


def test_same_bits_whatever_the_threads_and_the_stops():
    def solution(threads, stop=None):
        with use_threads(threads):
            problem, here = assembled(DRAWN), None
            for epochs in (stop, 4) if stop else (4,):
                parameters = LsqmlParameters(epochs=epochs, batch=10)
                here, _ = run(problem, parameters, rng=np.random.default_rng(7), state=here)
            return here

    first = solution(1)
    for other in (solution(2), solution(1, stop=2)):
        np.testing.assert_array_equal(first.object, other.object)
        np.testing.assert_array_equal(first.probe, other.probe)


@pytest.mark.parametrize(("name", "value"), [("likelihood", "gauss"), ("epochs", 0), ("batch", 0)])
def test_bad_parameters_are_told(name, value):
    with pytest.raises(ValueError, match=f"{name} .*{value}.*; allowed"):
        LsqmlParameters(**{name: value})
