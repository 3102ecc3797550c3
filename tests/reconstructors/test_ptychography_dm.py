"""Difference map and RAAR."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.threads import use_threads
from reconstructors.ptychography.engines import difference_map
from reconstructors.ptychography.engines.difference_map import DifferenceMap, DmParameters, run
from reconstructors.ptychography.problem import FramesInMemory
from reconstructors.ptychography.state import start
from tests.ptychography_small import assembled, nrmse, small_problem

DRAWN = small_problem(4)


@pytest.mark.parametrize("algorithm", difference_map.ALGORITHMS)
def test_it_converges_from_a_wrong_probe(algorithm):
    last, errors = run(assembled(DRAWN), DmParameters(epochs=60, algorithm=algorithm, average=10))
    assert nrmse(last.object, DRAWN) < 0.06
    assert errors[-1] < 0.3 * errors[0]
    assert not last.memory


def test_positions_between_pixels_are_carried():
    """The same frames, called half a pixel further on, give the object half a pixel further on.

    What the truth has on single pixels is lost in that, by any engine.
    """
    problem = assembled(DRAWN)
    parameters = DmParameters(epochs=30, average=5)
    whole, _ = run(problem, parameters)
    half, _ = run(replace(problem, positions=problem.positions + 0.4999), parameters)
    assert nrmse(half.object, DRAWN) < 2 * nrmse(whole.object, DRAWN)


@pytest.mark.parametrize("algorithm", difference_map.ALGORITHMS)
def test_the_solution_is_a_fixed_point(algorithm):
    problem = assembled(DRAWN)
    here = start(problem)
    here.object[...], here.probe[...] = DRAWN.object, DRAWN.probe
    exact = np.empty_like(problem.frames.amplitudes)
    for j, (y, x) in enumerate(DRAWN.corners):
        exact[j] = np.abs(np.fft.fft2(DRAWN.probe * DRAWN.object[y : y + 64, x : x + 64], norm="ortho"))
    problem = replace(problem, frames=FramesInMemory(exact))
    last, errors = run(problem, DmParameters(epochs=3, noise=0.0, algorithm=algorithm), state=here)
    assert max(errors) < 1e-5
    assert nrmse(last.object, DRAWN) < 1e-5


def test_noise_is_left_to_the_frames():
    """Asked for the noisy data themselves, the projections never agree."""
    exact, _ = run(assembled(DRAWN), DmParameters(epochs=60, noise=0.0, average=10))
    lenient, _ = run(assembled(DRAWN), DmParameters(epochs=60, average=10))
    assert nrmse(lenient.object, DRAWN) < nrmse(exact.object, DRAWN)


def test_frames_left_out_take_no_part():
    problem = assembled(DRAWN)
    used = problem.used.copy()
    used[:5] = False
    solver, here = DifferenceMap(replace(problem, used=used), DmParameters()), start(replace(problem, used=used))
    solver.step(here)
    assert len(here.memory["waves"]) == used.sum()
    assert (here.frame_errors[:5] == 0).all()


def test_too_many_frames_are_refused_with_what_they_need():
    problem = assembled(DRAWN)
    need = difference_map.need(len(DRAWN.corners), 1, (64, 64))
    assert need == pytest.approx(8 * 49 * 64 * 64 / 2**30)
    with pytest.raises(ValueError, match="49 frames of 64 x 64 pixels and 1 modes; allowed: memory_limit") as error:
        DifferenceMap(problem, DmParameters(memory_limit=need / 2))
    assert "\n" not in str(error.value)
    assert difference_map.refusal(4148, 1, (256, 256), limit=1.0) is not None
    assert difference_map.refusal(4148, 1, (256, 256), limit=2.1) is None


def test_same_bits_whatever_the_threads_and_the_stops():
    def solution(threads, stop=None):
        with use_threads(threads):
            problem, here = assembled(DRAWN), start(assembled(DRAWN))
            solver = DifferenceMap(problem, DmParameters(epochs=4, average=2))
            for epoch in range(4):
                if epoch == stop:
                    solver, here = DifferenceMap(problem, DmParameters(epochs=4, average=2)), here.copy()
                solver.step(here)
            return solver.finish(here)

    first = solution(1)
    for other in (solution(2), solution(1, stop=3)):
        np.testing.assert_array_equal(first.object, other.object)
        np.testing.assert_array_equal(first.probe, other.probe)


@pytest.mark.parametrize(
    ("name", "value"), [("algorithm", "hio"), ("relaxation", 0.0), ("relaxation", 1.5), ("epochs", 0), ("overlaps", 0)]
)
def test_bad_parameters_are_told(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*{value}.*; allowed"):
        DmParameters(**{name: value})
