"""L-BFGS and Barzilai-Borwein: torque, statuses, held spins, limits, and that they end where they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics.streams import stream
from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import LBFGS, BarzilaiBorwein, Material, Mesh, Problem, minimise, random_start
from tests.simulators.micromagnetics.states import evaluated, multilayer, nickel, random_problem, random_spins

METHODS = [LBFGS(history=8), LBFGS(history=3), BarzilaiBorwein()]
NAMES = ["lbfgs", "short-lbfgs", "barzilai-borwein"]
methods = pytest.mark.parametrize("method", METHODS, ids=NAMES)
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def small_film(dtype=np.float64, **options):
    return Problem(Mesh((1, 24, 20), (49.5e-9, 2e-9, 2e-9), (True, True)), multilayer(), dtype=dtype, **options)


def torque_of(problem, m, cells=None):
    """Return the largest |m x H_eff|/max(Ms), H in A/m, by definition."""
    _, field = evaluated(problem, m)
    saturation = np.max(problem.material.saturation)
    size = np.linalg.norm(np.cross(m, field, axis=0), axis=0) / (VACUUM_PERMEABILITY * saturation)
    return size[problem.magnet if cells is None else cells & problem.magnet].max()


@methods
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_relaxation_says_what_its_state_is(method, seed) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, shape=(3, 4, 6))
    start = random_start(problem, rng=rng)
    result = minimise(problem, start, method=method, torque=1e-4, limit=3000)
    energies, _ = evaluated(problem, result.m)
    assert result.torque == pytest.approx(torque_of(problem, result.m), rel=1e-6, abs=1e-9)
    for name, value in vars(energies).items():
        assert getattr(result.energies, name) == pytest.approx(value, rel=1e-12), name
    assert result.status == ("converged" if result.torque < 1e-4 else "limit")
    assert energies.total < evaluated(problem, start)[0].total
    assert np.abs(np.linalg.norm(result.m, axis=0) - problem.magnet).max() < 1e-12
    # History: evaluations, energy and torque, from the start to the end.
    assert np.all(np.diff(result.history[:, 0]) > 0)
    assert result.history[0] == pytest.approx([1, evaluated(problem, start)[0].total, torque_of(problem, start)])
    assert tuple(result.history[-1]) == (result.evaluations, result.energies.total, result.torque)


@methods
@dtypes
def test_film_comes_to_rest(method, dtype) -> None:
    problem = small_film(dtype)
    start = random_start(problem, rng=stream(3, "sample"))
    target = 1e-3 if dtype == np.float32 else 1e-5 if isinstance(method, LBFGS) else 1e-4
    result = minimise(problem, start, method=method, torque=target)
    assert result.status == "converged"
    assert result.torque < target
    assert result.m.dtype == dtype
    assert torque_of(problem, result.m) < 1.01 * target
    # Chapter, section 5: films of 64 x 64 cells took 606 evaluations to 1e-2.
    assert result.evaluations < (200 if isinstance(method, LBFGS) else 1500)
    assert not np.array_equal(start, result.m)


@methods
def test_methods_agree_from_a_smooth_start(method) -> None:
    """Chapter, trap 4: from random they may end elsewhere, from a smooth state in one basin they may not."""
    problem = Problem(Mesh((6, 12, 12), (2e-9,) * 3), nickel(dmi=0, anisotropy=0))
    at = (np.arange(12) - 5.5) / 6
    y, x = np.meshgrid(at, at, indexing="ij")
    start = np.broadcast_to(np.stack([-y, x, np.exp(-4 * (x**2 + y**2))])[:, None], (3, 6, 12, 12))
    result = minimise(problem, start, method=method, torque=1e-6)
    assert result.status == "converged"
    reference = minimise(problem, start, torque=1e-7)
    assert result.energies.total == pytest.approx(reference.energies.total, rel=1e-9)
    assert np.abs(result.m - reference.m).max() < 1e-3


@methods
def test_single_spin_turns_to_the_field(method) -> None:
    problem = Problem(Mesh((1, 1, 1), (1e-9,) * 3), Material(8e5, 0.0), field=(0.1, -0.2, 0.2), demag=False)
    result = minimise(problem, np.reshape([0.3, 1.0, 0.0], (3, 1, 1, 1)), method=method, torque=1e-9)
    assert result.status == "converged"
    assert result.m.ravel() == pytest.approx(np.array([1, -2, 2]) / 3, abs=1e-8)


@methods
def test_stoner_wohlfarth_particle_has_its_angle(method) -> None:
    """A field across the easy axis: sin(angle) = Ms B/(2K)."""
    problem = Problem(
        Mesh((1, 1, 1), (1e-9,) * 3), Material(8e5, 0.0, anisotropy=1e5), field=(0.125, 0, 0), demag=False
    )
    result = minimise(problem, np.reshape([0.0, 0.1, 1.0], (3, 1, 1, 1)), method=method, torque=1e-9)
    assert result.m.ravel() == pytest.approx([0.5, 0, np.sqrt(0.75)], abs=1e-8)


@methods
def test_lbfgs_never_climbs(method) -> None:
    problem = small_film()
    start = random_start(problem, rng=stream(1, "sample"))
    result = minimise(problem, start, method=method, torque=1e-3)
    rises = np.diff(result.history[:, 1]).max()
    if isinstance(method, LBFGS):
        assert rises <= 1e-12 * abs(result.history[:, 1]).max()
    assert result.history[-1, 1] < result.history[0, 1]


# Held spins.


@methods
@dtypes
def test_held_spins_never_move(method, dtype) -> None:
    problem = small_film(dtype)
    rng = stream(2, "sample")
    start = random_start(problem, rng=rng)
    held = rng.random(problem.mesh.shape) < 0.1
    result = minimise(problem, start, method=method, torque=1e-2, held=held)
    assert result.status == "converged"
    # But for the last bit, which making unit vectors turns.
    assert np.abs(result.m - start)[:, held].max() < 4 * np.finfo(dtype).eps
    assert np.abs(result.m - start)[:, ~held].max() > 0.1
    # Their torque is left out of the stop rule and reported apart.
    tolerance = {"rel": 1e-6 if dtype == np.float64 else 1e-3}
    assert result.torque == pytest.approx(torque_of(problem, result.m, ~held), **tolerance)
    assert result.held_torque == pytest.approx(torque_of(problem, result.m, held), **tolerance)
    assert result.held_torque > 10 * result.torque


def test_no_held_spins_report_no_torque() -> None:
    problem = small_film()
    start = random_start(problem, rng=stream(2, "sample"))
    free = minimise(problem, start, limit=5)
    none = minimise(problem, start, limit=5, held=np.zeros(problem.mesh.shape, bool))
    assert free.held_torque == none.held_torque == 0
    assert np.array_equal(free.m, none.m)


def test_start_is_not_changed() -> None:
    problem = small_film()
    start = random_start(problem, rng=stream(2, "sample"))
    copy = start.copy()
    minimise(problem, start, limit=20)
    assert np.array_equal(start, copy)


# Ends other than rest.


@methods
def test_limit_is_said(method) -> None:
    problem = small_film()
    start = random_start(problem, rng=stream(2, "sample"))
    result = minimise(problem, start, method=method, torque=1e-12, limit=30)
    assert result.status == "limit"
    assert 30 <= result.evaluations <= 45
    first = minimise(problem, start, method=method, limit=1)
    assert first.status == "limit"
    assert first.evaluations == 1
    assert np.abs(first.m - start).max() < 1e-15


@dtypes
def test_stall_is_said(dtype) -> None:
    """A torque that no arithmetic reaches."""
    problem = small_film(dtype)
    start = random_start(problem, rng=stream(2, "sample"))
    result = minimise(problem, start, torque=1e-30, limit=20_000)
    assert result.status == "stalled"
    assert result.evaluations < 2000
    assert result.torque < (1e-10 if dtype == np.float64 else 1e-3)
    assert result.energies.total <= result.history[:, 1].min() + 1e-6 * abs(result.energies.total)


@methods
def test_state_at_rest_is_left_alone(method) -> None:
    """All spins along the easy axis feel no torque at all."""
    problem = Problem(Mesh((2, 3, 4), (2e-9,) * 3), Material(5e5, 1e-11, anisotropy=1e5), demag=False)
    start = np.zeros((3, 2, 3, 4))
    start[2] = 1
    result = minimise(problem, start, method=method, torque=1e-12)
    assert result.status == "converged"
    assert result.evaluations == 1
    assert np.array_equal(result.m, start)


def test_watchers_hear_every_step() -> None:
    heard = []
    problem = small_film()
    start = random_start(problem, rng=stream(2, "sample"))
    result = minimise(problem, start, limit=25, watch=(lambda step, torque: heard.append((step, torque)),))
    assert [step for step, _ in heard] == list(range(len(result.history) - 1))
    assert [torque for _, torque in heard] == list(result.history[1:, 2])


# Random starts.


def test_random_start_depends_on_its_generator_only() -> None:
    problem = small_film()
    one, same, other = (random_start(problem, rng=stream(seed, "sample")) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    single = random_start(small_film(np.float32), rng=stream(1, "sample"))
    assert single.dtype == np.float32
    assert np.array_equal(single, one.astype(np.float32))
    assert np.abs(one.mean(axis=(1, 2, 3))).max() < 4 / np.sqrt(3 * problem.mesh.cells)


def test_random_start_does_not_depend_on_the_voids() -> None:
    void = np.zeros((2, 5, 6), bool)
    void[:, 2:4, 1:3] = True
    whole, pierced = (
        random_start(
            Problem(Mesh((2, 5, 6), (2e-9,) * 3), Material(saturation, 1e-11), demag=False), rng=stream(1, "sample")
        )
        for saturation in (5e5, np.where(void, 0.0, 5e5))
    )
    assert np.array_equal(whole[:, ~void], pierced[:, ~void])
    assert not pierced[:, void].any()


def test_directions_of_any_length_will_do() -> None:
    problem = small_film()
    rng = np.random.default_rng(0)
    m = random_spins(rng, *problem.mesh.shape)
    scaled = m * rng.uniform(0.1, 10, problem.mesh.shape)
    a, b = (minimise(problem, start, limit=1) for start in (m, scaled))
    assert np.abs(a.m - b.m).max() < 1e-15
