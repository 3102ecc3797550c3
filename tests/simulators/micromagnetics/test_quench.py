"""The quench: a trajectory in time, against closed forms of overdamped dynamics."""

import itertools

import numpy as np
import pytest

from numerics.streams import stream
from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import Material, Mesh, Problem, quench, random_start
from tests.simulators.micromagnetics.states import evaluated, multilayer

SATURATION = 8e5
UNIT = VACUUM_PERMEABILITY * SATURATION


def after(time):
    """Return a rule that stops at a time."""
    return lambda state: state.time >= time - 1e-12


def test_spin_in_a_field_follows_the_hyperbolic_tangent() -> None:
    """dm/dt = -m x (m x h): m_z = tanh(h t) from the equator; the error falls with the step."""
    h = 0.4
    problem = Problem(Mesh((1, 1, 1), (1e-9,) * 3), Material(SATURATION, 0.0), field=(0, 0, h * UNIT), demag=False)
    start = np.reshape([1.0, 0, 0], (3, 1, 1, 1))
    errors = []
    for step in (0.02, 0.01):
        result = quench(problem, start, stop=after(2.0), step=step)
        assert result.status == "converged"
        assert result.time == pytest.approx(2.0)
        assert result.evaluations == round(2.0 / step) + 1
        errors.append(abs(result.m[2, 0, 0, 0] - np.tanh(2.0 * h)))
    assert errors[0] < 5e-3
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)


def test_waves_decay_at_the_rate_of_exchange() -> None:
    """A small wave cos kx decays at (4 A/(mu0 Ms^2)) (1 - cos kh)/h^2, of the discrete chain."""
    n, h, stiffness = 24, 2e-9, 1e-11
    problem = Problem(Mesh((1, 1, n), (h, h, h), (False, True)), Material(SATURATION, stiffness), demag=False)
    wave = np.cos(2 * np.pi * 2 * np.arange(n) / n)
    start = np.stack([1e-5 * wave, 0 * wave, 1 + 0 * wave])[:, None, None]
    rate = 4 * stiffness / (UNIT * SATURATION) * (1 - np.cos(2 * np.pi * 2 / n)) / h**2
    result = quench(problem, start, stop=after(1 / rate), step=1e-3 / rate)
    assert np.vdot(result.m[0, 0, 0], wave) / np.vdot(wave, wave) == pytest.approx(1e-5 * np.exp(-1), rel=2e-3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_energy_falls_all_the_way_at_the_default_step(dtype) -> None:
    problem = Problem(Mesh((1, 24, 20), (49.5e-9, 2e-9, 2e-9)), multilayer(), field=(0.1, 0, 0.05), dtype=dtype)
    start = random_start(problem, rng=stream(4, "sample"))
    result = quench(problem, start, stop=lambda state: state.torque < 0.02, limit=20_000)
    assert result.status == "converged"
    assert result.torque < 0.02
    assert np.diff(result.history[:, 1]).max() <= (1e-12 if dtype == np.float64 else 1e-6) * abs(result.history[0, 1])
    assert np.abs(np.linalg.norm(result.m, axis=0) - 1).max() < (1e-12 if dtype == np.float64 else 1e-6)
    energies, _ = evaluated(problem, result.m)
    assert energies.total == pytest.approx(result.energies.total, rel=1e-6)


def test_trajectory_does_not_depend_on_the_step() -> None:
    """Half the step, the same state at the same time, but for an error of first order."""
    problem = Problem(Mesh((3, 10, 12), (2e-9,) * 3), Material(SATURATION, 1e-11, anisotropy=2e5, dmi=1e-3))
    start = random_start(problem, rng=stream(4, "sample"))
    states = [quench(problem, start, stop=after(0.32), step=step).m for step in (0.008, 0.004, 0.002)]
    first, second = (np.sqrt(np.mean((a - b) ** 2)) for a, b in itertools.pairwise(states))
    assert first < 0.05
    assert second < 0.65 * first


def test_quench_stops_where_it_is_told() -> None:
    problem = Problem(Mesh((1, 16, 16), (2e-9,) * 3), Material(SATURATION, 1e-11))
    start = random_start(problem, rng=stream(4, "sample"))
    seen = []

    def stop(state):
        seen.append(state.m.copy())
        return np.abs(state.m[2]).mean() < 0.3

    result = quench(problem, start, stop=stop)
    assert result.status == "converged"
    assert np.abs(seen[0] - start).max() < 1e-15
    assert np.array_equal(seen[-1], result.m)
    assert len(seen) == result.evaluations
    cut = quench(problem, start, stop=lambda state: False, limit=7)
    assert cut.status == "limit"
    assert cut.evaluations == 7
    assert np.array_equal(cut.m, seen[6])


def test_held_spins_stay() -> None:
    problem = Problem(Mesh((1, 16, 16), (2e-9,) * 3), Material(SATURATION, 1e-11))
    start = random_start(problem, rng=stream(4, "sample"))
    held = np.zeros(problem.mesh.shape, bool)
    held[0, 3:5, 3:5] = True
    result = quench(problem, start, stop=lambda state: False, limit=40, held=held)
    assert np.abs(result.m - start)[:, held].max() < 1e-15
    assert np.abs(result.m - start)[:, ~held].max() > 0.1
    assert result.held_torque > 0


@pytest.mark.parametrize("step", [0.0, -1.0, 1e3, float("nan")])
def test_unstable_steps_are_refused(step) -> None:
    problem = Problem(Mesh((1, 4, 4), (2e-9,) * 3), Material(SATURATION, 1e-11))
    start = random_start(problem, rng=stream(4, "sample"))
    with pytest.raises(ValueError, match=r"^step is [^\n]*; allowed: above 0, below [^\n]*$"):
        quench(problem, start, stop=lambda state: True, step=step)
