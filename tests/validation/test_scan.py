"""Errors of a scan's positions and probe, and of the search for corrupt frames."""

import math

import numpy as np
import pytest

import validation


@pytest.fixture
def positions(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 300, (80, 2))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_common_shift_does_not_count(positions: np.ndarray) -> None:
    found = validation.position_error(positions + np.array([3.0, -1.0]), positions)
    assert found.rms == pytest.approx(0, abs=1e-12)
    assert found.shift == pytest.approx((3.0, -1.0))


def test_rms_is_that_of_the_distance(positions: np.ndarray, rng: np.random.Generator) -> None:
    noise = rng.normal(0, 1.0, (80, 2))
    noise -= noise.mean(0)
    found = validation.position_error(positions + noise, positions)
    assert found.rms == pytest.approx(math.sqrt((noise**2).sum(1).mean()))


def test_affine_part_is_told_apart(positions: np.ndarray) -> None:
    stretch = np.array([[0.01, 0.002], [0.0, -0.02]])
    found = validation.position_error(positions + positions @ stretch.T, positions)
    assert found.rms > 1
    assert found.residual == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.affine, stretch, atol=1e-9)


def test_frames_that_do_not_count_are_left_out(positions: np.ndarray) -> None:
    wrong = positions.copy()
    wrong[7] += 50
    used = np.ones(80, bool)
    used[7] = False
    assert validation.position_error(wrong, positions, used=used).rms == pytest.approx(0, abs=1e-12)
    assert validation.position_error(wrong, positions).rms > 5


def _modes(rng: np.random.Generator, count: int = 3) -> np.ndarray:
    raw = rng.standard_normal((count, 256)) + 1j * rng.standard_normal((count, 256))
    orthogonal = np.linalg.qr(raw.T)[0].T
    return (orthogonal * np.sqrt([0.7, 0.2, 0.1])[:count, None]).reshape(count, 16, 16)


def test_mixing_of_the_modes_is_free(rng: np.random.Generator) -> None:
    modes = _modes(rng)
    mix = np.linalg.qr(rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3)))[0]
    mixed = np.tensordot(mix, modes, axes=1)
    assert validation.probe_error(mixed, modes) == pytest.approx(0, abs=1e-7)
    np.testing.assert_allclose(validation.mode_powers(mixed), [0.7, 0.2, 0.1], atol=1e-12)


def test_missing_mode_costs_the_root_of_its_power(rng: np.random.Generator) -> None:
    modes = _modes(rng)
    assert validation.probe_error(modes[:2], modes) == pytest.approx(math.sqrt(0.1))


def test_power_counts_unless_it_is_free(rng: np.random.Generator) -> None:
    probe = _modes(rng, 1)[0]
    assert validation.probe_error(1.1 * probe, probe) == pytest.approx(0.1)
    assert validation.probe_error(1.1 * probe, probe, scale=True) == pytest.approx(0, abs=1e-7)


def test_shift_is_given_to_the_found_probe() -> None:
    y, x = np.mgrid[-16:16, -16:16]
    probe = np.exp(-(y**2 + x**2) / 18.0) * (1 + 0.3j)
    displaced = np.exp(-((y - 1.5) ** 2 + (x + 0.5) ** 2) / 18.0) * (1 + 0.3j)
    assert validation.probe_error(displaced, probe) > 0.2
    assert validation.probe_error(displaced, probe, shift=(-1.5, 0.5)) < 1e-5


def test_detection_counts() -> None:
    found = validation.detection([1, 1, 0, 0, 2, 0], [1, 0, 0, 3, 1, 0])
    assert (found.found, found.true, found.both) == (3, 3, 2)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.false_share == pytest.approx(1 / 3)


def test_nothing_found_and_nothing_to_find() -> None:
    assert math.isnan(validation.detection([0, 0], [0, 1]).precision)
    assert math.isnan(validation.detection([0, 1], [0, 0]).recall)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: validation.position_error(np.zeros((3, 2)), np.zeros((4, 2))), "found has shape"),
        (lambda: validation.position_error(np.full((3, 2), np.nan), np.zeros((3, 2))), "not finite"),
        (lambda: validation.position_error(np.zeros((3, 2)), np.zeros((3, 2)), used=[False] * 3), "at least one"),
        (lambda: validation.probe_error(np.ones((4, 4)), np.ones((5, 5))), "pixels"),
        (lambda: validation.probe_error(np.ones((4, 4)), np.zeros((4, 4))), "vanishes"),
        (lambda: validation.mode_powers(np.ones(4)), "shape"),
        (lambda: validation.detection([1], [1, 0]), "shape"),
    ],
)
def test_bad_input_is_told_in_one_line(call, names: str) -> None:
    with pytest.raises(ValueError, match=names) as caught:
        call()
    assert "\n" not in str(caught.value)
