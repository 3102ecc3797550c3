"""Shared references: the nearest pair of rank one, and the algorithms with it."""

import numpy as np
import pytest

from numerics import fourier, iterate
from reconstructors.phase_retrieval import joint
from reconstructors.phase_retrieval.magnitudes import CoherentMagnitudes, Pattern
from reconstructors.supports import Circle, Holes

N = 96
HOLES = Holes(N, (Circle(-14.0, -13.0, 11.0),), (Circle(17.0, 14.0, 3.0), Circle(-18.0, 17.0, 2.5)))


def support(object_margin=1.0, reference_margin=1.0):
    return joint.SharedReferences(HOLES.object_mask(object_margin), HOLES.reference_masks(reference_margin))


def random(shape, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def experiment(seed=0):
    """Return both true waves, unshifted, and what a coherent detector would measure of them."""
    inside = fourier.from_centre(HOLES.object_mask(0))
    shared = fourier.from_centre(HOLES.support(0, 0)) & ~inside
    smooth = 1 + 0.2 * random((N, N), seed) * inside
    references = 2 * random((N, N), seed + 1) * shared
    waves = [inside * smooth * np.exp(sign * 0.05) + references * (1 if sign > 0 else 0.97j) for sign in (1, -1)]
    measured = [Pattern(np.abs(fourier.fft2(w)).astype(np.float32), np.ones((N, N), bool)) for w in waves]
    return [w.astype(np.complex64) for w in waves], measured


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_shared_is_the_nearest_pair_of_rank_one(dtype):
    values = [[random(30, 1).astype(dtype), random(7, 2).astype(dtype)], [random(30, 3).astype(dtype)]]
    values[1].append((values[0][1] * (0.3 - 2j)).astype(dtype))
    found = support().shared(values)
    tolerance = 1e-5 if dtype == np.complex64 else 1e-12
    for hole in range(2):
        pair = np.stack([values[0][hole], values[1][hole]], axis=1).astype(np.complex128)
        u, s, v = np.linalg.svd(pair, full_matrices=False)
        nearest = s[0] * np.outer(u[:, 0], v[0])
        np.testing.assert_allclose(found[0][hole], nearest[:, 0], atol=tolerance * s[0])
        np.testing.assert_allclose(found[1][hole], nearest[:, 1], atol=tolerance * s[0])
        assert found[0][hole].dtype == dtype


def test_shared_is_a_projection_and_leaves_what_cannot_be_tied():
    values = [[random(30, 1)], [random(30, 2)]]
    once = support().shared(values)
    twice = support().shared(once)
    np.testing.assert_allclose(twice[0][0], once[0][0], atol=1e-12)
    np.testing.assert_allclose(twice[1][0], once[1][0], atol=1e-12)
    zero = [[np.zeros(5, complex)], [random(5, 3)]]
    np.testing.assert_array_equal(support().shared(zero)[1][0], zero[1][0])


def test_error_reduction_never_raises_the_error_and_keeps_to_the_support():
    _, measured = experiment()
    shared = support()
    start = [(shared.everything * random((N, N), 5 + i) * 30).astype(np.complex64) for i in range(2)]
    solver = joint.JointErrorReduction([CoherentMagnitudes(m) for m in measured], shared)
    state, errors = iterate.run(solver, start, steps=150)
    assert (np.diff(errors) <= 1e-6 * errors[0]).all()
    assert errors[-1] < 0.5 * errors[0]
    for wave in state:
        assert not wave[~shared.everything].any()
    for a, b in zip(shared.take(state[0]), shared.take(state[1]), strict=True):
        ratio = np.vdot(a, b) / np.vdot(a, a)
        np.testing.assert_allclose(b, ratio * a, atol=1e-3 * np.abs(b).max())


@pytest.mark.parametrize("name", ["JointErrorReduction", "JointReflections"])
def test_the_truth_is_a_fixed_point(name):
    waves, measured = experiment()
    options = {"beta": 0.9} if name == "JointReflections" else {}
    solver = getattr(joint, name)([CoherentMagnitudes(m) for m in measured], support(), **options)
    state, errors = iterate.run(solver, [w.copy() for w in waves], steps=5)
    for wave, true in zip(state, waves, strict=True):
        np.testing.assert_allclose(wave, true, atol=2e-4 * np.abs(true).max())
    assert max(errors) < 1e-8


def test_reflections_are_their_definition():
    """``beta/2 (R_S R_M + 1) x + (1 - beta) P_M x`` with R = 2 P - 1, on a random state."""
    _, measured = experiment()
    shared, beta = support(), 0.8
    magnitudes = [CoherentMagnitudes(m) for m in measured]
    start = [(random((N, N), 11 + i) * 10).astype(np.complex64) for i in range(2)]
    onto = [np.empty_like(w) for w in start]
    for magnitude, wave, out in zip(magnitudes, start, onto, strict=True):
        magnitude.onto(wave, out)
    reflected = [2 * new - old for new, old in zip(onto, start, strict=True)]
    projected = [np.where(shared.objects, wave, 0) for wave in reflected]
    for wave, values in zip(projected, shared.shared([shared.take(w) for w in reflected]), strict=True):
        for index, value in zip(shared.references, values, strict=True):
            wave.reshape(-1)[index] = value
    wanted = [
        beta / 2 * (2 * p - r + w) + (1 - beta) * o
        for p, r, w, o in zip(projected, reflected, start, onto, strict=True)
    ]
    found = joint.JointReflections(magnitudes, shared, beta=beta).step([w.copy() for w in start])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


def test_reflections_and_reduction_find_the_waves():
    _waves, measured = experiment()
    shared = support(0.5, 0.5)
    flat = [(shared.everything * 1.0).astype(np.complex64) for _ in range(2)]
    magnitudes = [CoherentMagnitudes(m) for m in measured]
    state, _ = iterate.run(joint.JointReflections(magnitudes, shared, beta=0.9), flat, steps=300)
    _, errors = iterate.run(joint.JointErrorReduction(magnitudes, shared), state, steps=30)
    assert errors[-1] < 2e-3
