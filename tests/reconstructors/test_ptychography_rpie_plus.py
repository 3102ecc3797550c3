"""rPIE, guarded momentum and their gauges."""

import dataclasses

import numpy as np
import pytest

from numerics import fourier
from numerics.iterate import settled
from numerics.streams import stream
from numerics.threads import use_threads
from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography.engines import gauge, pie, rpie_plus
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.engines.momentum import Field, Momentum, add, inner
from reconstructors.ptychography.engines.pie import EPIE, PieParameters
from reconstructors.ptychography.engines.quasi_newton import Newton, NewtonParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.engines.schedule import Schedule, Stage
from reconstructors.ptychography.kernels.fused_update import update
from reconstructors.ptychography.state import start
from tests.ptychography_problem import (
    ENERGY,
    PIXEL,
    Problem,
    annular_probe,
    common_problem,
    expected_frame,
    textured_object,
)
from tests.ptychography_score import fitted, headline

N, GRID, STEP, MARGIN = 64, 8, 8, 8


def draw(seed, *, photons=1e6, grid=GRID, noise=True, fraction=0.0):
    """Draw a small problem of 64² frames; with `fraction`, positions between the pixels."""
    object_ = textured_object(2 * MARGIN + (grid - 1) * STEP + N, stream(seed, "object"))
    probe = annular_probe(N, 0.69e-6)
    nodes = MARGIN + STEP * np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), -1).reshape(-1, 2)
    rng = stream(seed, "positions")
    places = nodes + rng.integers(-2, 3, nodes.shape) + fraction * rng.uniform(-0.5, 0.5, nodes.shape)
    frames = np.stack([frame(object_, probe, place) for place in places])
    scale = photons / frames.sum((1, 2)).mean()
    counts = stream(seed, "noise").poisson(frames * scale) if noise else frames * scale
    beginning = annular_probe(N, 0.48e-6) * np.sqrt(counts.sum((1, 2)).mean())
    return Problem(object_, probe * np.sqrt(scale), places, counts, beginning.astype(np.complex64))


def frame(object_, probe, place):
    whole = np.rint(place).astype(int)
    ramp = [np.exp(-2j * np.pi * fourier.unshifted_frequencies(N, 1.0) * rest) for rest in place - whole]
    return expected_frame(object_, fourier.ifft2(fourier.fft2(probe) * ramp[0][:, None] * ramp[1]), *whole)


def assembled(drawn):
    optics = problems.Optics(wavelength(ENERGY), PIXEL)
    return problems.from_arrays(
        drawn.counts, drawn.corners, drawn.start_probe, optics=optics, object_shape=drawn.object.shape
    )


def at_truth(drawn):
    state = start(assembled(drawn))
    state.object[...], state.probe[...] = drawn.object, drawn.probe
    return state


def score(state, drawn):
    return fitted(state.object, drawn.object, drawn.corners, drawn.probe.shape)


def run(drawn, *, seed=1, listeners=(), state=None, problem=None, **parameters):
    return rpie_plus.run(
        problem or assembled(drawn),
        RpiePlusParameters(**parameters),
        rng=np.random.default_rng(seed),
        listeners=listeners,
        state=state,
    )


@pytest.fixture(scope="module")
def drawn():
    return draw(11)


def noise_limit(drawn):
    """Return the score of the likelihood's maximum next to the truth."""
    state = at_truth(drawn)
    solver = Newton(assembled(drawn), NewtonParameters())
    for _ in range(60):
        solver.step(state)
    solver.finish(state)
    return score(state, drawn).nrmse


def test_the_common_problem_from_a_wrong_focus():
    drawn = common_problem(12)
    state, errors = run(drawn, epochs=45)
    found = score(state, drawn)
    scale = np.linalg.norm(drawn.probe) / np.linalg.norm(drawn.start_probe)
    free = headline(state.object, drawn.object, drawn.corners, drawn.probe.shape, scale=scale)
    assert found.nrmse < 0.020
    assert free.nrmse < 0.021
    assert np.abs(free.shift).max() < 0.1
    assert errors[-1] < errors[9] < errors[4]


@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_reaches_the_noise_limit(photons):
    drawn = draw(3, photons=photons)
    state, _ = run(drawn, epochs=60)
    assert score(state, drawn).nrmse < 1.05 * noise_limit(drawn)


@pytest.mark.parametrize("updates", [16, 1])
def test_stays_there(drawn, updates):
    found = []
    for epochs in (60, 200):
        state, _ = run(drawn, epochs=epochs, updates=updates)
        found.append(score(state, drawn).nrmse)
    assert found[1] < 1.02 * found[0]


def test_positions_between_pixels():
    drawn = draw(4, fraction=1.0)
    state, _ = run(drawn, epochs=40)
    assert score(state, drawn).nrmse < 0.012
    assert np.abs(score(state, drawn).shift).max() < 0.02


def test_photons_beat_amplitudes_where_they_are_few():
    drawn = draw(5, photons=1e4)
    found = [score(run(drawn, epochs=40, likelihood=one)[0], drawn).nrmse for one in ("poisson", "amplitude")]
    assert found[0] < 0.95 * found[1]


def test_momentum_saves_epochs(drawn):
    found = [score(run(drawn, epochs=30, batch_epochs=10, memory=memory)[0], drawn).nrmse for memory in (6, 0)]
    assert found[0] < 0.85 * found[1]


@pytest.mark.parametrize("likelihood", ["poisson", "amplitude"])
def test_exact_data_leave_the_truth_alone(likelihood):
    drawn = draw(6, noise=False)
    state = at_truth(drawn)
    solver = Newton(assembled(drawn), NewtonParameters(likelihood))
    for _ in range(20):
        solver.step(state)
    assert solver.error(state) < 2e-6
    assert np.abs(state.object[32:-32, 32:-32] - drawn.object[32:-32, 32:-32]).max() < 1e-4


def test_same_bits_on_any_number_of_threads(drawn):
    states = []
    for count in (1, 2, 4):
        with use_threads(count):
            states.append(run(drawn, epochs=14)[0])
    for other in states[1:]:
        np.testing.assert_array_equal(states[0].object, other.object)
        np.testing.assert_array_equal(states[0].probe, other.probe)


@pytest.mark.parametrize("stop", [4, 10, 17])
def test_stop_and_resume_give_the_same_bits(drawn, stop):
    class Copy(Quiet):
        copy = None

        def after_epoch(self, state):
            if state.epoch == stop:
                self.copy = state.copy()

    taken = Copy()
    whole, errors = run(drawn, epochs=20, listeners=(taken,))
    again, rest = run(drawn, epochs=20, state=taken.copy)
    np.testing.assert_array_equal(whole.object, again.object)
    np.testing.assert_array_equal(whole.probe, again.probe)
    assert errors[stop:] == rest


def test_stops_by_a_rule(drawn):
    solver_errors = rpie_plus.run(
        assembled(drawn),
        RpiePlusParameters(epochs=200),
        rng=np.random.default_rng(1),
        stop=settled(fraction=1e-3, window=5),
    )[1]
    assert 15 < len(solver_errors) < 100


def test_a_frame_given_up_on_the_way(drawn):
    class GiveUp(Quiet):
        def after_epoch(self, state):
            if state.epoch == 20:
                state.used[:3] = False

    spoilt = dataclasses.replace(drawn, counts=drawn.counts.copy())
    spoilt.counts[:3] = np.roll(spoilt.counts[:3], 5, axis=-1)
    state, _ = run(spoilt, epochs=50, listeners=(GiveUp(),))
    assert score(state, drawn).nrmse < 1.5 * score(run(drawn, epochs=50)[0], drawn).nrmse


def test_steps_that_are_too_long_are_undone(drawn):
    problem, state = assembled(drawn), at_truth(drawn)
    state.object *= np.exp(0.3j * stream(1, "phases").standard_normal(state.object.shape)).astype(np.complex64)
    solver = Newton(problem, NewtonParameters("amplitude", step=0.99))
    best = [np.inf]
    for _ in range(25):
        solver.step(state)
        good = state.copy()
        solver.finish(good)
        kept = Momentum(good, 1).number("total", np.inf)
        assert kept < 1.5 * min(best)
        best.append(kept)
    assert best[-1] < 0.02 * best[1]


def test_changes_from_outside_are_noticed(drawn):
    class Disturb(Quiet):
        def after_epoch(self, state):
            if state.epoch % 7 == 0:
                state.object *= np.complex64(1.1)
                state.probe *= np.complex64(1 / 1.1)

    state, _ = run(drawn, epochs=60, listeners=(Disturb(),))
    assert score(state, drawn).nrmse < 0.012


def random_field(rng, *shapes):
    return Field(*((rng.standard_normal(s) + 1j * rng.standard_normal(s)).astype(np.complex64) for s in shapes))


def test_momentum_minimises_a_quadratic():
    rng = np.random.default_rng(0)
    target = random_field(rng, (20, 20), (2, 6, 6))
    weights = Field(
        np.exp(rng.uniform(0, 5, (20, 20))).astype(np.float32), np.exp(rng.uniform(0, 5, (6, 6))).astype(np.float32)
    )
    flat = Field(np.full((20, 20), 150, np.float32), np.full((6, 6), 150, np.float32))
    state = start(assembled(draw(0, grid=2)))
    momentum, here, last = Momentum(state, 6), Field(0 * target.object, 0 * target.probe), None
    for _ in range(40):
        slope = Field((here.object - target.object) * weights.object, (here.probe - target.probe) * weights.probe)
        if last is not None:
            assert momentum.gain(here.minus(last[0]), slope.minus(last[1]))
        last = here.copy(), slope
        add(here, 1.0, momentum.direction(slope, flat))
    rest = here.minus(target)
    plain = np.sum((1 - weights.object / 150) ** 80 * np.abs(target.object) ** 2)
    assert inner(rest, rest) < 0.05 * plain


def test_momentum_forgets_and_declines_what_is_not_convex():
    state = start(assembled(draw(0, grid=2)))
    momentum, one = Momentum(state, 3), random_field(np.random.default_rng(1), (5, 5), (1, 4, 4))
    assert not momentum.gain(one, Field(-one.object, -one.probe))
    assert momentum.gain(one, one)
    momentum.forget()
    assert not state.memory


def test_gauges_change_no_frame_and_find_the_truth(drawn):
    problem, state = assembled(drawn), at_truth(drawn)
    before = frames_error(problem, state)
    state.object *= np.complex64(1.3 * np.exp(0.4j))
    state.probe /= np.complex64(1.3)
    ramps = [np.exp(2j * np.pi * f * np.arange(n)) for f, n in zip((0.013, -0.007), state.object.shape, strict=True)]
    state.object *= (ramps[0][:, None] * ramps[1]).astype(np.complex64)
    state.probe *= (ramps[0][:N, None] * ramps[1][:N]).conj().astype(np.complex64)
    rules = gauge.standard(problem)
    gauge.apply_all(rules, state)
    assert frames_error(problem, state) == pytest.approx(before, rel=1e-2)
    scale = np.linalg.norm(drawn.probe) / np.linalg.norm(drawn.start_probe)
    free = headline(state.object, drawn.object, drawn.corners, drawn.probe.shape, scale=scale)
    assert free.nrmse < 3e-3
    assert np.abs(free.shift).max() < 0.01
    assert [rule.name for rule in rules] == ["probe power", "centring", "phase ramp", "mean phase"]


def test_a_common_shift_is_taken_back(drawn):
    state = at_truth(drawn)
    state.probe[...] = shifted(state.probe, 1.3)
    state.object[...] = shifted(state.object, 1.3)
    gauge.Centring().apply(state)
    assert np.abs(score(state, drawn).shift).max() < 0.01


def shifted(values, by):
    ramp = np.exp(-2j * np.pi * by * fourier.unshifted_frequencies(values.shape[-2], 1.0))
    return fourier.ifft2(fourier.fft2(values) * ramp[:, None])


def frames_error(problem, state):
    moved = state.copy()
    Newton(problem, NewtonParameters()).step(moved)
    return moved.frame_errors.sum()


def test_no_centring_in_the_near_field(drawn):
    problem = assembled(drawn)
    near = dataclasses.replace(problem, optics=dataclasses.replace(problem.optics, transfer=np.ones((N, N), "c8")))
    assert "centring" not in [rule.name for rule in gauge.standard(near)]
    bounded = [rule.name for rule in gauge.standard(near, bound=1.0)]
    assert "modulus bound" in bounded
    assert "probe power" not in bounded


def test_modes_come_out_orthogonal(drawn):
    problem = assembled(drawn)
    modes = np.stack([problem.probe[0], 0.3 * np.roll(problem.probe[0], 2, axis=-1)])
    state, errors = run(drawn, epochs=20, problem=dataclasses.replace(problem, probe=modes))
    overlap = abs(np.vdot(*state.probe)) / np.prod(np.linalg.norm(state.probe, axis=(1, 2)))
    assert overlap < 1e-4
    assert errors[-1] < 0.06


def test_modulus_bound(drawn):
    state = at_truth(drawn)
    state.object[5, 5] = 3j
    gauge.ModulusBound(1.5).apply(state)
    assert state.object[5, 5] == pytest.approx(1.5j)
    np.testing.assert_allclose(state.object[10:], drawn.object[10:].astype(np.complex64))


def test_the_update_is_that_of_the_paper():
    rng = np.random.default_rng(2)
    field, numerator = random_field(rng, (12, 14), (2, 12, 14))
    weight = rng.uniform(0, 2, (12, 14)).astype(np.float32)
    box = (slice(2, 9), slice(3, 12))
    for one, above in ((field, numerator[0]), (numerator.copy(), numerator)):
        weights, tops = np.zeros_like(weight), np.zeros_like(above)
        weights[box], tops[..., *box] = weight[box], above[..., *box]
        expected = one + 0.7 * tops / (0.8 * weights + 0.2 * weights.max())
        update(one, tops, weights, alpha=0.2, length=0.7, box=box)
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)
        assert not tops.any()
        assert not weights.any()


def test_frames_one_by_one(drawn):
    errors = pie.run(assembled(drawn), dataclasses.replace(EPIE, epochs=12), rng=np.random.default_rng(0))[1]
    assert errors[-1] < 0.2 * errors[0]


def test_batches_settle_above_the_limit(drawn):
    state, _ = pie.run(assembled(drawn), PieParameters(epochs=40, batch=4), rng=np.random.default_rng(0))
    assert 1.2 * noise_limit(drawn) < score(state, drawn).nrmse < 0.05


def test_the_order_depends_on_seed_and_epoch_alone(drawn):
    problem = assembled(drawn)
    states = []
    for begin in (0, 3):
        solver = pie.Pie(problem, PieParameters(), rng=np.random.default_rng(5))
        if begin:
            for _ in range(begin):
                solver.step(start(problem))
        states.append(solver.step(start(problem)))
    np.testing.assert_array_equal(states[0].object, states[1].object)


def test_stages_follow_the_epoch(drawn):
    problem = assembled(drawn)
    stages = [Stage(PieParameters(batch=4, probe_from=9), 2), Stage(NewtonParameters(), 3)]
    solver, state = Schedule(problem, stages, rng=np.random.default_rng(1)), start(problem)
    for _ in range(2):
        solver.step(state)
    assert not state.memory
    np.testing.assert_array_equal(state.probe, problem.probe)
    solver.step(state)
    assert state.memory
    assert not np.array_equal(state.probe, problem.probe)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PieParameters(batch=0), "batch is 0; allowed"),
        (lambda: PieParameters(alpha_object=0.0), "alpha_object is 0.0; allowed"),
        (lambda: PieParameters(step_probe=2.5), "step_probe is 2.5; allowed"),
        (lambda: NewtonParameters(likelihood="gauss"), "likelihood is 'gauss'; allowed: amplitude, poisson"),
        (lambda: NewtonParameters(memory=-1), "memory is -1; allowed"),
        (lambda: NewtonParameters(step=1.0), "step is 1.0; allowed"),
        (lambda: RpiePlusParameters(updates=0), "updates is 0; allowed"),
        (lambda: RpiePlusParameters(probe_from=17), "probe_from is 17; allowed"),
        (lambda: RpiePlusParameters(likelihood="gauss"), "likelihood is 'gauss'; allowed"),
        (lambda: gauge.ProbePower(0.0), "power is 0.0; allowed"),
        (lambda: gauge.ModulusBound(-1.0), "bound is -1.0; allowed"),
        (lambda: gauge.Centring(every=-1), "every is -1; allowed"),
        (lambda: Schedule(None, [], rng=np.random.default_rng(0)), "stages is empty; allowed"),
    ],
)
def test_one_line_for_what_cannot_be_meant(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
