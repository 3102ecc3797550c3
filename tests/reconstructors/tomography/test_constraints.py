"""Support, ball, sphere and exchange."""

import numpy as np
import pytest

from reconstructors.tomography.constraints import (
    EXCHANGE_CURVATURE,
    exchange_gradient,
    onto_ball,
    onto_sphere,
    onto_support,
)

SHAPE = (5, 6, 7)


@pytest.fixture
def m():
    return np.random.default_rng(0).standard_normal((3, *SHAPE)).astype(np.float32)


@pytest.fixture
def fill():
    fill = np.random.default_rng(1).uniform(0, 1, SHAPE).astype(np.float32)
    fill[:2] = 0
    return fill


def test_the_support_keeps_what_is_inside(m, fill):
    before = m.copy()
    assert onto_support(m, fill) is m
    assert np.all(m[:, fill == 0] == 0)
    assert np.array_equal(m[:, fill > 0], before[:, fill > 0])


def test_the_ball_is_the_nearest_point(m, fill):
    before = m.copy()
    onto_ball(m, fill)
    length = np.linalg.norm(before, axis=0)
    assert np.allclose(m, before * np.minimum(1, fill / length), atol=1e-6)
    again = m.copy()
    assert np.allclose(onto_ball(again, fill * np.float32(1 + 1e-6)), m, atol=1e-7)


def test_the_sphere_has_the_length_and_leaves_zero(m, fill):
    m[:, 3, 3, 3] = 0
    before = m.copy()
    onto_sphere(m, fill)
    wanted = fill.copy()
    wanted[3, 3, 3] = 0
    assert np.allclose(np.linalg.norm(m, axis=0), wanted, atol=1e-6)
    assert np.all(np.sum(m * before, axis=0) >= 0)


def test_exchange_is_the_gradient_of_the_bonds(m, fill):
    m, fill = m.astype(float), fill.astype(float)

    def energy(n):
        total = 0.0
        for axis in range(3):
            low = [slice(None)] * 3
            high = [slice(None)] * 3
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            a, b = tuple(low), tuple(high)
            total += 0.5 * np.sum(np.minimum(fill[a], fill[b]) * (n[(slice(None), *a)] - n[(slice(None), *b)]) ** 2)
        return total

    d = np.random.default_rng(2).standard_normal(m.shape)
    slope = np.vdot(exchange_gradient(m, fill, np.empty_like(m)), d)
    assert energy(m + d) - energy(m - d) == pytest.approx(2 * slope, rel=1e-9)


def test_the_curvature_of_exchange_is_bounded_and_nearly_reached():
    z, y, x = np.indices((16, 16, 16))
    checks = np.stack([(-1.0) ** (x + y + z)] * 3)
    out = exchange_gradient(checks, np.ones(checks.shape[1:]), np.empty_like(checks))
    # of |m_i - m_j|^2, twice the half
    found = 2 * np.vdot(checks, out) / np.vdot(checks, checks)
    assert 0.9 * EXCHANGE_CURVATURE < found <= EXCHANGE_CURVATURE
