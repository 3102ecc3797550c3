"""Noise and model error without the truth, and where runs stop."""

from functools import partial

import numpy as np
import pytest

from numerics.iterate import iterate
from reconstructors.tomography.constraints import onto_ball
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.projector import plan_projector, project_vector
from reconstructors.tomography.solvers import Accelerated, ConjugateGradient
from reconstructors.tomography.stopping import (
    discrepancy,
    ended_by,
    model_misfit,
    noise_misfit,
    second_projector,
    white_misfit,
)
from reconstructors.tomography.waves import plan_waves
from tests.reconstructors.tomography.small_problem import DETECTOR, SHAPE, error, geometry, problem
from tests.reconstructors.tomography.test_waves import series, thick_sample


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_the_stop_is_near_the_best_iterate(noise):
    p = problem(noise=noise)
    solver = ConjugateGradient(p.fill)
    rule, misfits, errors = discrepancy(p.noise), [], []
    stopped = None
    for state, misfit in iterate(solver, solver.init(p.term), steps=100):
        misfits.append(misfit)
        errors.append(error(state.x, p))
        if stopped is None and rule(misfits):
            stopped = len(errors)
    assert stopped is not None
    assert errors[stopped - 1] <= 1.1 * min(errors)


def test_within_the_ball_the_error_falls_past_the_discrepancy():
    p = problem(noise=0.05)
    norm = MARGIN * operator_norm(p.term, scale=p.fill > 0, rng=np.random.default_rng(0))
    solver = Accelerated(1 / norm, partial(onto_ball, radius=p.fill))
    errors = [error(state.x, p) for state, _ in iterate(solver, solver.init(p.term), steps=100)]
    assert errors[-1] <= 1.02 * min(errors)


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_white_noise_is_told_from_the_finest_frequencies(noise):
    p = problem(noise=noise)
    smooth = 1 + 0.3 * np.cos(np.linspace(0, np.pi, DETECTOR[1]))
    term = DataTerm(p.term.plan, p.term.data, np.broadcast_to(smooth, p.term.data.shape).astype(np.float32))
    exact = term.misfit(term.forward(p.m))
    assert white_misfit(term, term.forward(p.m)) == pytest.approx(exact, rel=0.1)


def test_what_is_smooth_is_no_white_noise():
    p = problem(noise=0.05)
    clean = p.term.forward(p.m)
    y, x = np.meshgrid(*(np.hanning(n) for n in DETECTOR), indexing="ij")
    off = clean + 0.2 * np.abs(clean).max() * (y * x).astype(np.float32)
    assert p.term.misfit(off) > 3 * p.noise
    assert white_misfit(p.term, off) == pytest.approx(white_misfit(p.term, clean), rel=0.05)


def test_the_noise_of_the_truth_is_told():
    p = problem(noise=0.05)
    assert p.noise == pytest.approx(p.term.misfit(p.term.forward(p.m)), rel=0.02)


def test_with_weights_of_one_over_the_variance_each_pixel_counts_one():
    p = problem()
    variance = np.random.default_rng(0).uniform(1, 9, p.term.data.shape)
    term = DataTerm(p.term.plan, p.term.data, (1 / variance).astype(np.float32))
    assert noise_misfit(term, variance) * term.norm == pytest.approx(np.sqrt(variance.size), rel=1e-5)


def test_projectors_that_differ_tell_their_own_error():
    p = problem()
    smooth = np.stack(
        [np.exp(-sum(((i - n // 2) / 4) ** 2 for i, n in zip(np.indices(SHAPE), SHAPE, strict=True)))] * 3
    )
    edged = p.m
    soft, hard = (model_misfit(p.term, x.astype(np.float32)) for x in (smooth * np.linalg.norm(edged), edged))
    assert 0.01 < hard < 0.15
    assert model_misfit(p.term, edged, p.term.plan) < 1e-6
    assert soft / np.linalg.norm(smooth) < hard


def test_the_second_projector_is_the_other_one():
    box = plan_projector(SHAPE, geometry(), detector=DETECTOR, footprint="box")
    point = problem().term.plan
    x = problem().fill[None]
    images = [DataTerm(plan, problem().scalar.data, components=1).forward(x) for plan in (point, box)]
    others = [DataTerm(second_projector(plan), problem().scalar.data, components=1).forward(x) for plan in (box, point)]
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(images, others, strict=True))
    assert np.abs(images[0] - images[1]).max() > 0.01


def test_the_rule_that_ended_is_named():
    rule = discrepancy(0.03, 0.04, factor=1.0)
    assert rule.target == pytest.approx(0.05)
    assert ended_by([0.2, 0.05], rule) == "discrepancy"
    assert ended_by([0.2, 0.051], rule) == "steps"
    assert ended_by([0.2], None) == "steps"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1.0,), "noise is -1"), ((0.1, np.nan), "model is nan"), ((0.1, 0.1, 0.0), "factor is 0")],
)
def test_misfits_that_cannot_be_are_refused(arguments, message):
    noise, model, factor = (*arguments, 0.0, 1.05)[:3] if len(arguments) < 3 else arguments
    with pytest.raises(ValueError, match=message):
        discrepancy(noise, model, factor=factor if len(arguments) == 3 else 1.05)


def test_the_second_projector_of_waves_is_of_waves_and_near_the_first():
    _, fill, m = thick_sample()
    plan = plan_waves(fill.shape, series(), detector=(24, 24), curvature=0.3)
    second = second_projector(plan)
    assert (second.engine.curvature, second.detector) == (plan.engine.curvature, plan.detector)
    images = [project_vector(m, each) for each in (plan, second, second_projector(second))]
    assert 0.001 < np.linalg.norm(images[1] - images[0]) / np.linalg.norm(images[0]) < 0.2
    assert np.array_equal(images[2], images[0])
