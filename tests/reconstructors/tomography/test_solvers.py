"""Solvers of the data term: what they find, how fast, and that no bit depends on threads."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from numerics.iterate import iterate, run
from numerics.threads import use_threads
from reconstructors.tomography import spin_kernels
from reconstructors.tomography.constraints import onto_ball, onto_support
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.solvers import Accelerated, ConjugateGradient, GradientDescent
from reconstructors.tomography.spins import Magnet, Spins
from tests.reconstructors.tomography.small_problem import error, problem


def step_of(p):
    return 1 / (MARGIN * operator_norm(p.term, scale=p.fill > 0, rng=np.random.default_rng(1)))


def weighted(p):
    weights = np.random.default_rng(3).uniform(0.5, 2, p.term.data.shape).astype(np.float32)
    return replace(p.term, weights=weights)


def test_the_gradient_is_that_of_the_cost():
    term, rng = weighted(problem()), np.random.default_rng(4)
    x, d = (rng.standard_normal(term.shape).astype(np.float32) for _ in range(2))

    def cost(t):
        return 0.5 * term.squared_residual(term.forward(x + np.float32(t) * d))

    slope = np.vdot(term.gradient(term.forward(x)).astype(float), d)
    assert (cost(0.5) - cost(-0.5)) == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("scale", [None, "fill"])
def test_twenty_power_iterations_are_within_a_twentieth_of_a_hundred(scale):
    p = problem()
    scale = p.fill if scale else None
    few, many = (operator_norm(p.term, scale=scale, rng=np.random.default_rng(2), iterations=n) for n in (20, 100))
    assert 0.95 * many <= few <= many * (1 + 1e-5)


def test_descent_falls_at_every_step_up_to_two_over_the_norm():
    p = problem()
    solver = GradientDescent(1.9 * step_of(p), partial(onto_support, fill=p.fill))
    state, errors = run(solver, solver.init(p.term), steps=25)
    assert np.all(np.diff(errors) < 0)
    assert np.all(state.x[:, p.fill == 0] == 0)
    assert errors[-1] == pytest.approx(p.term.misfit(p.term.forward(state.x)), rel=1e-5)


def test_conjugate_gradients_solve_the_normal_equations():
    term = weighted(problem(noise=0.0))
    scale = problem().fill
    solver = ConjugateGradient(scale)
    state = solver.init(term)
    first = state.slope
    state, errors = run(solver, state, steps=60)
    assert errors[-1] < 0.01
    assert state.slope < 1e-5 * first
    assert np.all(np.diff(errors) < 1e-6)
    assert errors[-1] == pytest.approx(term.misfit(term.forward(state.x)), rel=0.02)
    assert np.all(state.x[:, scale == 0] == 0)


def test_conjugate_gradients_need_a_tenth_of_the_steps_of_the_published_recipe():
    p = problem()
    recipe = GradientDescent(2 / (len(p.term.plan) * 24), partial(onto_support, fill=p.fill))
    state, _ = run(recipe, recipe.init(p.term), steps=150)
    target = error(state.x, p)
    solver = ConjugateGradient(p.fill)
    count = 0
    for now, _ in iterate(solver, solver.init(p.term), steps=30):
        count += 1
        if error(now.x, p) <= target:
            break
    assert count <= 12


def test_the_ball_helps_and_is_kept():
    p = problem()
    free, bound = (
        run(s, s.init(p.term), steps=60)[0].x
        for s in (Accelerated(step_of(p), partial(f, p.fill)) for f in (support, ball))
    )
    assert error(bound, p) < 0.7 * error(free, p)
    assert np.all(np.linalg.norm(bound, axis=0) <= p.fill * (1 + 1e-5))


def support(fill, m):
    return onto_support(m, fill)


def ball(fill, m):
    return onto_ball(m, fill)


def test_restarts_do_not_slow_what_they_should_help():
    p = problem()
    last = [
        run(s, s.init(p.term), steps=40)[1][-1]
        for s in (Accelerated(step_of(p), partial(ball, p.fill), restart=r) for r in (True, False))
    ]
    assert last[0] <= 1.02 * last[1]


def test_the_point_ahead_carries_its_own_projection():
    p = problem()
    solver = Accelerated(step_of(p), partial(ball, p.fill))
    state, _ = run(solver, solver.init(p.term), steps=12)
    for x, projected in ((state.x, state.projected), (state.ahead, state.ahead_projected)):
        assert np.linalg.norm(p.term.forward(x) - projected) < 1e-4 * np.linalg.norm(projected)


@pytest.mark.parametrize(("exchange", "torque"), [(0.01, 0.0), (0.0, 0.0), (0.001, 0.01)])
def test_spins_fall_at_every_step_and_stay_unit_vectors(exchange, torque):
    p = problem()
    solver = Spins(Magnet.of(p.fill), 1 / step_of(p), exchange, torque)
    state = solver.init(p.term, p.m + 0.3 * np.random.default_rng(1).standard_normal(p.m.shape).astype(np.float32))
    costs = [state.cost]
    for after, _ in iterate(solver, state, steps=12):
        costs.append(after.cost)
    assert np.all(np.diff(costs) <= 0)
    assert costs[-1] < 0.5 * costs[0]
    assert np.abs(np.linalg.norm(state.n, axis=1) - 1).max() < 1e-5
    assert np.abs(np.linalg.norm(solver.m(state), axis=0) - p.fill).max() < 1e-5
    assert solver.error(state) == pytest.approx(p.term.misfit(p.term.forward(solver.m(state))), rel=1e-5)


@pytest.mark.parametrize(("exchange", "torque"), [(0.1, 0.0), (0.0, 0.1)])
def test_the_gradient_of_the_spins_is_that_of_their_cost(exchange, torque):
    p = problem()
    solver = Spins(Magnet.of(p.fill), 1 / step_of(p), exchange, torque)
    start = p.m + 0.5 * np.random.default_rng(1).standard_normal(p.m.shape).astype(np.float32)
    state = solver.init(p.term, start)
    turn = np.random.default_rng(2).standard_normal(state.n.shape).astype(np.float32)
    turn -= np.sum(turn * state.n, 1, keepdims=True) * state.n
    costs = [solver.init(p.term, solver.magnet.volume(state.n + h * turn, weighted=False)).cost for h in (-0.01, 0.01)]
    assert (costs[1] - costs[0]) / 0.02 == pytest.approx(np.vdot(state.gradient.astype(float), turn), rel=0.01)


def misalignment(volume):
    magnet = Magnet.of(np.ones(volume.shape[1:], np.float32))
    n = magnet.packed(volume.astype(np.float32), weighted=False)
    return spin_kernels.misalignment(n, magnet.weight, magnet.neighbours, np.empty_like(n), np.empty_like(n))


def test_a_spin_is_farthest_from_rest_against_its_neighbours():
    def turned(angle):
        volume = np.zeros((3, 5, 5, 5))
        volume[2] = 1
        volume[:, 2, 2, 2] = (np.sin(angle), 0, np.cos(angle))
        return misalignment(volume)

    found = [turned(angle) for angle in (0, 0.01, 0.5, 1.5, np.pi)]
    assert found[0] == 0
    assert np.all(np.diff(found) > 0)
    # six neighbours pull at the spin, and each of them is pulled at by it
    assert found[1] == pytest.approx(0.01**2 * (36 + 6) / 2, rel=0.01)


def test_a_hedgehog_is_at_rest_and_noise_is_not():
    axis = np.arange(12) - 5.5
    radial = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1])
    hedgehog = radial / np.linalg.norm(radial, axis=0)
    noise = np.random.default_rng(1).standard_normal(radial.shape)
    noisy = hedgehog + 0.1 * noise
    at_rest, off = misalignment(hedgehog), misalignment(noisy / np.linalg.norm(noisy, axis=0))
    assert at_rest < 0.1 * off


@pytest.mark.parametrize("width", [24, 23])
def test_the_square_under_the_preconditioner_is_that_of_what_it_returns(width):
    fill, rng = problem().fill[..., :width], np.random.default_rng(3)
    solver = Spins(Magnet.of(fill), 600.0, 0.01, 0.02)
    y, n = (rng.standard_normal((len(solver.magnet.sites), 3)).astype(np.float32) for _ in range(2))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    y -= np.sum(y * n, 1, keepdims=True) * n
    wanted = np.vdot(y.astype(float), solver._preconditioned(y, n))
    assert solver._preconditioned_square(y) == pytest.approx(wanted, rel=1e-5)


def test_spins_that_explain_their_data_stay():
    p = problem(noise=0.0)
    solver = Spins(Magnet.of(p.fill), 1 / step_of(p))
    state, errors = run(solver, solver.init(p.term, p.m), steps=5)
    assert max(errors) < 1e-5
    assert error(solver.m(state), p) < 1e-3


def test_no_bit_depends_on_threads():
    p = problem()
    found = []
    for count in (1, 2):
        with use_threads(count):
            fast = Accelerated(1e-3, partial(ball, p.fill))
            conjugate, spins = ConjugateGradient(p.fill), Spins(Magnet.of(p.fill), 600.0, 0.01, 0.02)
            linear = run(conjugate, conjugate.init(p.term), steps=4)[0].x
            found.append(
                (
                    linear,
                    run(fast, fast.init(p.term), steps=4)[0].x,
                    run(spins, spins.init(p.term, linear), steps=4)[0].n,
                )
            )
    # the library's spreading may add in another order
    assert all(np.linalg.norm(a - b) <= 1e-5 * np.linalg.norm(a) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((3, 4, 4), np.float32)}, "data has shape"),
        ({"components": 4}, "components is 4; allowed: 1, 2, 3"),
        ({"weights": -np.ones((48, 24, 24), np.float32)}, "weights have shape"),
    ],
)
def test_a_term_that_cannot_be_is_refused_in_one_line(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        replace(problem().term, **change)
    assert "\n" not in str(caught.value)


def test_a_start_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="x has shape"):
        GradientDescent(1.0).init(problem().term, np.zeros((3, 4, 4, 4), np.float32))


def test_data_that_is_not_finite_is_refused():
    p = problem()
    data = p.term.data.copy()
    data[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 values that are not finite"):
        DataTerm(p.term.plan, data)
