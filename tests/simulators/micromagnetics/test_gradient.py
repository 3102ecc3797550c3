"""The field is the exact gradient of the energy (chapter, E5), term by term and all together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.micromagnetics.states import evaluated, random_problem, random_spins

TERMS = ("exchange", "anisotropy", "dmi", "zeeman", "demag")
seeds = st.integers(0, 2**32 - 1)


def derivatives(problem, m, turn, angle):
    """Return the central difference of the energy against turning all spins, and what the field says.

    Each spin moves on its great circle, so that it stays a unit vector; the third value is the sum of the sizes of the
    second's parts, which is what an error is to be compared with.
    """
    length = np.linalg.norm(turn, axis=0)
    side = np.divide(turn, length, out=np.zeros_like(turn), where=length > 0)
    ends = []
    for sign in (1, -1):
        moved = m * np.cos(sign * angle * length) + side * np.sin(sign * angle * length)
        ends.append(evaluated(problem, moved)[0].total)
    _, field = evaluated(problem, m)
    moment = problem.material.field("saturation", problem.mesh.shape) * problem.mesh.volume
    parts = -moment * (field * turn).sum(axis=0)
    return (ends[0] - ends[1]) / (2 * angle), parts.sum(), np.sqrt((parts**2).sum())


def tangent(rng, m):
    turn = rng.standard_normal(m.shape)
    return turn - (turn * m).sum(axis=0) * m


def check(seed, terms, periodic, shape=(5, 7, 8)):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, shape=shape, periodic=periodic, terms=terms)
    m = problem.unit_vectors(random_spins(rng, *problem.mesh.shape))
    void = ~problem.magnet
    _, field = evaluated(problem, m)
    assert not field[:, void].any()
    for _ in range(3):
        # Both orders of the error of the difference are known: its second falls out of two angles.
        turn = tangent(rng, m)
        (coarse, expected, size), (fine, _, _) = (derivatives(problem, m, turn, angle) for angle in (2e-3, 1e-3))
        assert abs((4 * fine - coarse) / 3 - expected) <= 1e-6 * max(size, 1e-30)


@pytest.mark.parametrize("term", TERMS)
@given(seed=seeds, periodic=st.tuples(st.booleans(), st.booleans()))
def test_each_term_alone(term: str, seed: int, periodic: tuple[bool, bool]) -> None:
    check(seed, (term, "exchange") if term == "dmi" else (term,), periodic)


@given(seed=seeds, periodic=st.tuples(st.booleans(), st.booleans()))
def test_all_terms_together(seed: int, periodic: tuple[bool, bool]) -> None:
    check(seed, None, periodic)


@given(
    seed=seeds,
    periodic=st.tuples(st.booleans(), st.booleans()),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
)
def test_few_cells(seed: int, periodic: tuple[bool, bool], shape: tuple[int, int, int]) -> None:
    """One cell that repeats has no bond with itself, two have two with each other."""
    check(seed, None, periodic, shape)


@given(seed=seeds)
def test_a_term_that_is_off_is_nought(seed: int) -> None:
    for term in TERMS:
        rng = np.random.default_rng(seed)
        problem = random_problem(rng, terms=(term,))
        energies, _ = evaluated(problem, random_spins(rng, *problem.mesh.shape))
        for name, value in vars(energies).items():
            assert (value != 0) is (name == term), (name, term)


@given(seed=seeds)
def test_terms_add_up(seed: int) -> None:
    """The field of all is the sum of the fields of each; energies do not depend on which others are on."""
    rng = np.random.default_rng(seed)
    whole = random_problem(rng)
    m = random_spins(rng, *whole.mesh.shape)
    energies, field = evaluated(whole, m)
    total = np.zeros_like(field)
    for term in TERMS:
        part = random_problem(np.random.default_rng(seed), terms=TERMS)
        material = part.material
        for name in TERMS[:3]:
            # DMI between materials depends on their exchange, so that is scaled and not switched off.
            factor = 1.0 if name == term else 1e-12 if (name, term) == ("exchange", "dmi") else 0.0
            object.__setattr__(material, name, getattr(material, name) * factor)
        object.__setattr__(part, "field", part.field * (term == "zeeman"))
        object.__setattr__(part, "demag", term == "demag")
        own, one = evaluated(part, m)
        total += one
        assert getattr(own, term) == pytest.approx(getattr(energies, term), rel=1e-9, abs=1e-30), term
    assert np.abs(total - field).max() < 1e-9 * np.abs(field).max()


@given(seed=seeds)
def test_single_precision_has_the_same_field(seed: int) -> None:
    double, single = (random_problem(np.random.default_rng(seed), dtype=dtype) for dtype in (np.float64, np.float32))
    m = random_spins(np.random.default_rng(seed + 1), *double.mesh.shape)
    energies, field = evaluated(double, m)
    rough, approximate = evaluated(single, m)
    scale = sum(abs(value) for value in vars(energies).values())
    for name, value in vars(energies).items():
        assert abs(getattr(rough, name) - value) < 1e-6 * scale, name
    assert approximate.dtype == np.float32
    assert np.abs(approximate - field).max() < 2e-6 * np.abs(field).max()
