"""The element-wise kernels against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.threads import use_threads
from reconstructors.phase_retrieval import kernels
from reconstructors.phase_retrieval.kernels import pairs

DTYPES = [np.complex64, np.complex128]


def tolerance(dtype):
    return 2e-6 if dtype == np.complex64 else 1e-6


def field(shape, seed=0, dtype=np.complex64):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def amplitude(shape, seed=1):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 3, shape).astype(np.float32)
    return np.where(rng.random(shape) < 0.2, np.float32(-1), values)


def replaced(values, wanted):
    return np.where(wanted >= 0, values * wanted / np.abs(values), values)


@pytest.mark.parametrize("dtype", DTYPES)
def test_coherent_magnitudes_are_given_to_the_chosen_columns_only(dtype):
    values, wanted = field((9, 20), dtype=dtype), amplitude((9, 20))
    before = values.copy()
    total = kernels.coherent_magnitudes(pairs(values), wanted, 3, 17)
    expected = before.copy()
    expected[:, 3:17] = replaced(before, wanted)[:, 3:17]
    np.testing.assert_allclose(values, expected, rtol=tolerance(dtype))
    difference = np.where(wanted >= 0, np.abs(before) - wanted, 0)[:, 3:17]
    assert total == pytest.approx(np.sum(difference.astype(np.float64) ** 2), rel=1e-5)


@given(st.floats(0, 1e-17), st.floats(0, 1e5))
def test_values_that_vanish_stay_finite_and_zero_stays_zero(size, wanted):
    values = np.full((1, 16), size * (1 + 1j), np.complex64)
    values[0, 3] = 0
    kernels.coherent_magnitudes(pairs(values), np.full((1, 16), wanted, np.float32), 0, 16)
    assert np.all(np.isfinite(values))
    assert values[0, 3] == 0
    assert np.all(np.abs(values) <= wanted * 1.001)


def test_a_measured_zero_is_a_measurement():
    values = field((2, 16))
    kernels.coherent_magnitudes(pairs(values), np.zeros((2, 16), np.float32), 0, 16)
    assert np.all(values == 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_intensity(dtype):
    values, out = field((5, 24), dtype=dtype), np.zeros((5, 24))
    kernels.intensity(pairs(values), out, 2, 23)
    np.testing.assert_allclose(out[:, 2:23], np.abs(values[:, 2:23]) ** 2, rtol=tolerance(dtype))
    assert not out[:, :2].any()
    assert not out[:, 23:].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_blurred_magnitudes_never_divide_by_less_than_the_floor(dtype):
    values, wanted = field((6, 32), dtype=dtype), amplitude((6, 32))
    model = np.random.default_rng(3).normal(size=(6, 32))
    before, floor = values.copy(), values.real.dtype.type(0.02)
    kernels.blurred_magnitudes(pairs(values), model, wanted, floor)
    modelled = np.sqrt(np.maximum(model, 0.02 * (np.abs(before) ** 2 + 1)))
    np.testing.assert_allclose(values, np.where(wanted >= 0, before * wanted / modelled, before), rtol=5e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, -0.9), (0.7, -0.4)])
def test_mix_outside(dtype, weights):
    state, projected = field((40, 33), dtype=dtype), field((40, 33), 4, dtype)
    support = np.random.default_rng(5).random((40, 33)) < 0.4
    expected = np.where(support, projected, weights[0] * state + weights[1] * projected)
    kernels.mix_outside(state, projected, support, *weights)
    np.testing.assert_allclose(state, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(state[support], projected[support])


def test_keep_inside_is_zero_outside():
    state, projected = field((40, 33)), field((40, 33), 4)
    support = np.random.default_rng(5).random((40, 33)) < 0.4
    kernels.keep_inside(state, projected, support)
    np.testing.assert_array_equal(state, np.where(support, projected, 0))


def test_threads_do_not_change_the_bytes_of_a_mix():
    results = []
    for count in (1, 2):
        state = field((600, 520))
        with use_threads(count):
            kernels.mix_outside(state, field((600, 520), 4), np.ones((600, 520), bool), 0.9, -0.8)
        results.append(state.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("add", [False, True])
def test_ramped_and_column_tilts_are_complex_products(add):
    values, out = field((7, 24)), field((7, 24), 6)
    across, along = np.exp(1j * np.arange(24)).astype(np.complex64), np.exp(2j * np.arange(7)).astype(np.complex64)
    expected = values * across + (out if add else 0)
    if not add:
        out[...] = np.nan
    kernels.ramped(pairs(values), pairs(across), pairs(out), add)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)

    block = np.zeros((7, 10), np.complex64)
    kernels.tilt_columns(pairs(values), pairs(along), pairs(block), 5)
    np.testing.assert_allclose(block, values[:, 5:15] * along[:, None], rtol=1e-5, atol=1e-6)
    back = values.copy()
    kernels.untilt_columns(pairs(block), pairs(along), pairs(back), 5, add)
    expected = values.copy()
    expected[:, 5:15] *= 2 if add else 1
    np.testing.assert_allclose(back, expected, rtol=1e-5, atol=1e-6)


def test_shared_magnitudes_give_the_sum_of_intensities():
    blocks, wanted = np.stack([field((8, 12), seed) for seed in range(3)]), amplitude((8, 20))
    before, out = blocks.copy(), np.zeros((8, 20), np.float32)
    kernels.mean_intensity(pairs(blocks), out, 4)
    total = np.sum(np.abs(before) ** 2, axis=0)
    np.testing.assert_allclose(out[:, 4:16], total, rtol=1e-5)
    error = kernels.shared_magnitudes(pairs(blocks), wanted, 4)
    part = wanted[:, 4:16]
    np.testing.assert_allclose(np.sum(np.abs(blocks) ** 2, axis=0), np.where(part >= 0, part**2, total), rtol=1e-5)
    assert error == pytest.approx(np.sum(np.where(part >= 0, np.sqrt(total) - part, 0) ** 2), rel=1e-5)
