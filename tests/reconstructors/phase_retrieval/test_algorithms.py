"""Projection algorithms on a small problem without noise."""

import numpy as np
import pytest

from numerics import fourier
from numerics.iterate import run
from numerics.threads import use_threads
from reconstructors.phase_retrieval import algorithms, magnitudes


def problem(seed, n=64):
    """Return an exit wave of a disc and two small holes, its support and its pattern."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:n, :n] - n // 2
    support = (np.hypot(y + 4, x + 3) < 8) | (np.hypot(y - 12, x - 9) < 1.5) | (np.hypot(y - 9, x + 14) < 2)
    wave = 100 * rng.uniform(0.3, 1, (n, n)) * np.exp(1j * rng.uniform(-1, 1, (n, n))) * support
    wave, support = fourier.from_centre(wave), fourier.from_centre(support)
    amplitude = np.abs(fourier.fft2(wave)).astype(np.float32)
    return wave, support, magnitudes.Pattern(amplitude, np.ones_like(support))


def overlap(a, b):
    return abs(np.vdot(a, b)) / (np.linalg.norm(a) * np.linalg.norm(b))


def build(name, pattern, support, dtype=np.complex64):
    projection = magnitudes.CoherentMagnitudes(pattern)
    if name == "raar":
        return algorithms.RelaxedAlternatingReflections(projection, support, beta=algorithms.constant(0.9), dtype=dtype)
    classes = {
        "er": algorithms.ErrorReduction,
        "hio": algorithms.HybridInputOutput,
        "dm": algorithms.DifferenceMap,
    }
    return classes[name](projection, support, dtype=dtype)


def solve(name, pattern, support, dtype=np.complex64):
    state = 50 * support.astype(dtype)
    state, _ = run(build(name, pattern, support, dtype), state, steps=300)
    return run(build("er", pattern, support, dtype), state, steps=50)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["hio", "raar", "dm"])
def test_feedback_finds_the_wave_where_error_reduction_stagnates(name, seed):
    wave, support, pattern = problem(seed)
    stuck, errors = solve("er", pattern, support)
    assert errors[-1] > 1e-4
    assert overlap(stuck, wave) < 0.99
    found, errors = solve(name, pattern, support)
    assert errors[-1] < 1e-10
    assert overlap(found, wave) > 0.999999


@pytest.mark.parametrize("seed", range(3))
def test_error_reduction_never_raises_the_error(seed):
    _, support, pattern = problem(seed)
    _, errors = run(build("er", pattern, support), 50 * support.astype(np.complex64), steps=200)
    assert np.all(np.diff(errors) <= 1e-6 * np.array(errors[:-1]))


def test_the_wave_itself_is_a_fixed_point_of_all():
    wave, support, pattern = problem(0)
    for name in ("er", "hio", "raar", "dm"):
        state = build(name, pattern, support).step(wave.astype(np.complex64))
        assert np.max(np.abs(state - wave)) < 1e-3


def test_steps_follow_their_formulas():
    _, support, pattern = problem(1)
    rng = np.random.default_rng(4)
    start = (rng.normal(size=support.shape) + 1j * rng.normal(size=support.shape)) * 50
    spectrum = fourier.fft2(start)
    onto = fourier.ifft2(spectrum / np.abs(spectrum) * pattern.amplitude)
    reflected = 2 * onto - start
    expected = {
        "er": support * onto,
        "hio": np.where(support, onto, start - 0.9 * onto),
        "raar": 0.45 * (2 * support * reflected - reflected + start) + 0.1 * onto,
        "dm": start + support * reflected - onto,
    }
    for name, wanted in expected.items():
        state = build(name, pattern, support, np.complex128).step(start.copy())
        np.testing.assert_allclose(state, wanted, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["er", "hio", "raar", "dm"])
def test_single_and_double_precision_agree(name):
    _, support, pattern = problem(2)
    states = []
    for dtype in (np.complex64, np.complex128):
        state = 50 * support.astype(dtype)
        state, errors = run(build(name, pattern, support, dtype), state, steps=5)
        assert state.dtype == dtype
        states.append((state, errors[-1]))
    assert np.linalg.norm(states[0][0] - states[1][0]) < 1e-4 * np.linalg.norm(states[1][0])
    assert states[0][1] == pytest.approx(states[1][1], rel=1e-4)


@pytest.mark.parametrize("name", ["er", "hio", "raar", "dm"])
def test_threads_do_not_change_a_byte(name):
    _, support, pattern = problem(0, n=320)
    results = []
    for count in (1, 2):
        solver, state = build(name, pattern, support), 50 * support.astype(np.complex64)
        with use_threads(count):
            for _ in range(3):
                state = solver.step(state)
        results.append((state.tobytes(), solver.error(state)))
    assert results[0] == results[1]


def test_published_schedule_falls_from_0935_over_074_to_0545():
    beta = algorithms.raar_schedule(700)
    values = [beta(step) for step in range(700)]
    assert values[0] == pytest.approx(0.935, abs=0.005)
    assert values[350] == pytest.approx(0.74, abs=1e-9)
    assert values[-1] == pytest.approx(0.545, abs=0.005)
    assert np.all(np.diff(values) < 0)
