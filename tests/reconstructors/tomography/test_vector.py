"""The recipes of vector tomography on a small slab, on its own grid and on data from a finer one."""

from functools import cache, partial

import numpy as np
import pytest

from numerics.iterate import iterate
from reconstructors.tomography.constraints import onto_ball
from reconstructors.tomography.data_term import DataTerm, operator_norm
from reconstructors.tomography.finer import coarser, finer_field, finer_fill, finer_projector
from reconstructors.tomography.projector import plan_projector, project, project_vector, project_vector_adjoint
from reconstructors.tomography.solvers import Accelerated
from reconstructors.tomography.stopping import noise_misfit
from reconstructors.tomography.vector import (
    RECIPES,
    BallParameters,
    CglsParameters,
    ResireParameters,
)
from reconstructors.tomography.vector_plus import VectorPlusParameters
from tests.reconstructors.tomography.small_problem import DETECTOR, SHAPE, error, geometry, problem

SHORT = {
    "resire": ResireParameters(steps=10),
    "cgls": CglsParameters(),
    "ball": BallParameters(steps=40),
    "vector_plus": VectorPlusParameters(steps=6),
}


@cache
def solved(name):
    p, seen = problem(), []
    solution = RECIPES[name](
        p.term,
        p.fill,
        noise=p.noise,
        parameters=SHORT[name],
        rng=np.random.default_rng(0),
        watch=(lambda step, misfit: seen.append((step, misfit)),),
    )
    return solution, seen


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_solution_tells_what_it_is(name):
    p = problem()
    solution, seen = solved(name)
    assert solution.m.shape == (3, *SHAPE)
    assert solution.m.dtype == np.float32
    assert np.all(solution.m[:, p.fill == 0] == 0)
    assert [misfit for _, misfit in seen] == list(solution.history)
    assert [step for step, _ in seen] == list(range(len(seen)))
    assert solution.ended in ("discrepancy", "settled", "held out", "steps")
    assert solution.operator_norm > 0
    assert solution.pairs >= len(seen)


def test_the_more_is_known_the_less_is_wrong():
    p = problem()
    errors = {name: error(solved(name)[0].m, p) for name in RECIPES}
    assert errors["cgls"] < errors["resire"]
    assert errors["ball"] < errors["cgls"]
    assert errors["vector_plus"] < 0.6 * errors["ball"]


def test_a_recipe_repeats_itself():
    p = problem()
    again = RECIPES["cgls"](p.term, p.fill, noise=p.noise, parameters=SHORT["cgls"], rng=np.random.default_rng(0))
    assert np.allclose(again.m, solved("cgls")[0].m, atol=1e-5)


@pytest.mark.parametrize("even", [True, False])
def test_the_finer_grid_lies_where_the_data_grid_lies(even):
    shape, detector = ((20, 24, 24), (24, 24)) if even else ((21, 23, 25), (25, 23))
    plan = plan_projector(shape, geometry(16), detector=detector)
    z, y, x = (np.arange(n) - n // 2 for n in shape)
    offsets = ((z + 1)[:, None, None], (y - 2)[None, :, None], x + 0.5)
    blob = np.exp(-sum(o**2 for o in offsets) / (2 * 2.5**2)).astype(np.float32)
    fine_axes = [(np.arange(2 * n) + 0.5) / 2 - 0.5 - n // 2 for n in shape]
    fine_offsets = ((fine_axes[0] + 1)[:, None, None], (fine_axes[1] - 2)[None, :, None], fine_axes[2] + 0.5)
    fine = np.exp(-sum(o**2 for o in fine_offsets) / (2 * 2.5**2)).astype(np.float32)
    a, b = project(blob, plan), project(fine, finer_projector(plan, fill=blob > 1e-3))
    # the mean over a pixel is a little flatter than the value in its middle
    assert np.linalg.norm(a - b) < 0.02 * np.linalg.norm(a)
    rows = np.arange(detector[0])
    assert np.abs(((a - b) * rows[:, None]).sum((1, 2)) / a.sum((1, 2))).max() < 0.02


def test_the_finer_projector_has_its_adjoint():
    p, rng = problem(), np.random.default_rng(0)
    plan = finer_projector(p.term.plan, fill=p.fill)
    x = rng.standard_normal((3, *plan.shape)).astype(np.float32)
    images = project_vector(x, plan)
    for y in (images, rng.standard_normal(images.shape).astype(np.float32)):
        back = project_vector_adjoint(y, plan)
        off = np.vdot(images.astype(float), y) - np.vdot(x.astype(float), back)
        assert abs(off) <= 1e-5 * np.linalg.norm(images) * np.linalg.norm(y)


def test_sharp_edges_keep_the_share_of_every_voxel():
    p = problem()
    fine = finer_fill(p.fill)
    assert fine.min() >= 0
    assert fine.max() <= 1
    assert np.abs(coarser(fine) - p.fill).max() < 0.1
    assert np.abs(coarser(fine) - p.fill).mean() < 0.002
    soft = finer_field(p.fill)
    inner = (soft > 0.1) & (soft < 0.9)
    assert np.mean((fine > 0.1) & (fine < 0.9)) < 0.6 * np.mean(inner)


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fill": np.zeros(SHAPE, np.float32)}, "fill is from 0 to 0"),
        ({"fill": np.ones((4, 4, 4), np.float32)}, "fill has shape"),
        ({"noise": -1.0}, "noise is -1"),
        (
            {
                "term": DataTerm(
                    plan_projector(SHAPE, geometry(), detector=DETECTOR),
                    np.ones((48, 24, 24), np.float32),
                    components=1,
                )
            },
            "components is 1",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name, change, message):
    p = problem()
    arguments = {"term": p.term, "fill": p.fill, "noise": p.noise} | change
    term, fill, noise = arguments["term"], arguments["fill"], arguments["noise"]
    with pytest.raises(ValueError, match=message) as caught:
        RECIPES[name](term, fill, noise=noise, parameters=SHORT[name], rng=np.random.default_rng(0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_the_ball_ends_near_the_best_of_all_its_steps(noise):
    p = problem(noise=noise)
    recipe = partial(RECIPES["ball"], p.term, p.fill, noise=p.noise, rng=np.random.default_rng(0))
    solution = recipe(parameters=BallParameters())
    step = Accelerated(solution.step, partial(onto_ball, radius=p.fill))
    errors = [error(state.x, p) for state, _ in iterate(step, step.init(p.term), steps=100)]
    assert solution.ended == "settled"
    assert len(solution.history) < 100
    assert errors[len(solution.history) - 1] <= 1.1 * min(errors)
    assert error(solution.m, p) == pytest.approx(errors[len(solution.history) - 1], rel=1e-3)
    assert len(recipe(parameters=BallParameters(steps=12, gain=0.0)).history) == 12


def test_ten_iterations_from_the_strong_start_find_the_norm():
    p, rng = problem(), np.random.default_rng(0)
    few = operator_norm(p.term, scale=p.fill, rng=rng, iterations=10)
    many = operator_norm(p.term, scale=p.fill, rng=rng, iterations=100)
    assert 0.98 * many <= few <= many * (1 + 1e-5)


@pytest.mark.parametrize("gain", [-0.1, 1.0, np.nan])
def test_a_gain_that_cannot_be_is_refused(gain):
    with pytest.raises(ValueError, match=f"gain is {gain}; allowed: 0 to below 1"):
        BallParameters(gain=gain)


@pytest.mark.parametrize(
    ("name", "parameters", "ended", "share"),
    [("cgls", CglsParameters(model=0.0), "discrepancy", 0.1), ("ball", BallParameters(), "settled", 0.3)],
)
def test_weights_help_where_absorption_makes_noise_unequal(name, parameters, ended, share):
    """Shot noise, `share` where nothing absorbs; less helps than the noise alone: much of the error is null space."""
    p = problem()
    plan, rng = p.term.plan, np.random.default_rng(7)
    clean, charge = project_vector(p.m, plan), project(p.fill, plan)
    flat = charge[np.argmax(plan.geometry.rotations[:, 2, 2])]
    variance = share**2 * np.mean(clean**2) * np.exp(np.maximum(charge, 0) * (1.45 / np.quantile(flat, 0.99)))
    data = (clean + np.sqrt(variance) * rng.standard_normal(clean.shape)).astype(np.float32)
    errors = []
    for weights in (None, (1 / variance).astype(np.float32)):
        term = DataTerm(plan, data, weights)
        noise = noise_misfit(term, variance)
        solution = RECIPES[name](term, p.fill, noise=noise, parameters=parameters, rng=np.random.default_rng(0))
        assert solution.ended == ended
        errors.append(error(solution.m, p))
    assert errors[1] < 0.985 * errors[0]
