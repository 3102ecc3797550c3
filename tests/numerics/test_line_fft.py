"""Line transforms in compiled kernels: against the library's, order, inverse, and the vectors they are made of."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit

from numerics import atomics
from numerics.lanes import LANES, aligned, emitted, transposed
from numerics.line_fft import forward_lines, inverse_lines, line, sizes, spectrum_order

GROUPS = 2


def drawn(n):
    """Return complex lines (groups, 16, n)."""
    rng = np.random.default_rng(n)
    return rng.normal(size=(GROUPS, LANES, n)) + 1j * rng.normal(size=(GROUPS, LANES, n))


def as_elements(lines):
    """Return lines as flat elements."""
    out = aligned((GROUPS, lines.shape[-1], 2, LANES))
    out[:, :, 0], out[:, :, 1] = lines.real.swapaxes(1, 2), lines.imag.swapaxes(1, 2)
    return out.reshape(-1)


def as_lines(elements, n):
    """Undo `as_elements`."""
    parts = elements.reshape(GROUPS, n, 2, LANES)
    return (parts[:, :, 0] + 1j * parts[:, :, 1]).swapaxes(1, 2)


@pytest.mark.parametrize("n", sizes())
def test_forward_is_the_transform_in_its_order(n):
    lines = drawn(n)
    elements = as_elements(lines)
    forward_lines(elements, n, *line(n))
    expected = np.fft.fft(lines)[..., spectrum_order(n)]
    assert np.abs(as_lines(elements, n) - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("n", sizes())
def test_inverse_goes_back(n):
    lines = drawn(n)
    elements = as_elements(lines)
    forward_lines(elements, n, *line(n))
    inverse_lines(elements, n, *line(n))
    assert np.abs(as_lines(elements, n) / n - lines).max() < 2e-6


@pytest.mark.parametrize("n", sizes())
def test_order_holds_every_frequency_once(n):
    assert np.array_equal(np.sort(spectrum_order(n)), np.arange(n))
    assert spectrum_order(n)[0] == 0


def test_a_shift_turns_the_phases():
    n, shift = 128, 5
    lines = drawn(n)
    here, there = as_elements(lines), as_elements(np.roll(lines, shift, -1))
    for elements in (here, there):
        forward_lines(elements, n, *line(n))
    turn = np.exp(-2j * np.pi * shift * spectrum_order(n) / n)
    assert np.allclose(as_lines(there, n), as_lines(here, n) * turn, atol=2e-5 * n**0.5)


@pytest.mark.parametrize("n", [0, 16, 100, 2048])
def test_other_lengths_are_refused(n):
    with pytest.raises(ValueError, match=f"length is {n}; allowed: 64, 128"):
        line(n)


def test_arrays_start_on_a_cache_line():
    for size in (1, 7, 1000):
        array = aligned((size, 3))
        assert array.ctypes.data % 64 == 0
        assert array.shape == (size, 3)
        assert not array.any()


@emitted
def _turn(emitter, source, target):
    rows = [source.read(source.after(emitter.origin, LANES * k)) for k in range(LANES)]
    for k, row in enumerate(transposed(rows)):
        target.write(target.after(emitter.origin, LANES * k), row)


@emitted
def _arithmetic(emitter, source, at, factor, target):
    pair = source.read_complex(at).times(source.read_complex(source.after(at, 2 * LANES)))
    target.add_complex(emitter.origin, pair.scaled(factor))
    place = target.after(emitter.origin, 2 * LANES)
    target.write(place, pair.power().maximum(emitter.constant(0.25)).reciprocal_root().where_valid(source.read(at)))


@njit
def turn(source, target):
    _turn(source, target)


@njit
def arithmetic(source, at, factor, target):
    _arithmetic(source, at, factor, target)


def test_vectors_are_transposed():
    square = np.arange(LANES**2, dtype=np.float32).reshape(LANES, LANES)
    target = np.empty_like(square)
    turn(square, target)
    assert np.array_equal(target, square.T)


def test_arithmetic_of_vectors():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=1 + 4 * LANES).astype(np.float32)
    target = np.ones(3 * LANES, np.float32)
    arithmetic(numbers, 1, 3.0, target)
    a, b = numbers[1:].view(np.complex64).reshape(2, LANES)
    assert np.allclose(target[: 2 * LANES].view(np.complex64), 1 + 1j + 3 * a * b, rtol=1e-6)
    root = 1 / np.sqrt(np.maximum(np.abs(a * b) ** 2, 0.25))
    assert np.allclose(target[2 * LANES :], np.where(numbers[1 : 1 + LANES] >= 0, root, 0), rtol=1e-6)


@njit(nogil=True)
def count_up(shared, times):
    for _ in range(times):
        atomics.fetch_add(shared, 1, 1)
    return atomics.store(shared, 0, atomics.load(shared, 1))


def test_threads_lose_no_count():
    shared, times, threads = np.zeros(2, np.int64), 200_000, 4
    count_up(shared, 0)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: count_up(shared, times), range(threads)))
    assert shared[1] == threads * times
    assert shared[0] <= shared[1]
