"""Fourier transforms: Parseval, adjoints, orientation, and agreement with direct sums."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from numerics import fourier
from numerics.threads import use_threads

Array = NDArray[Any]
SHAPES = st.tuples(st.integers(1, 17), st.integers(1, 17))


def random_field(shape: tuple[int, ...], seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def dot(a: Array, b: Array) -> complex:
    return complex(np.vdot(a, b))


def sum_of_squares(a: Array) -> float:
    return float(np.sum(np.abs(a) ** 2))


def direct_spectrum(field: Array, y: Array, x: Array) -> Array:
    """Sum every sample with index n//2 as the origin, at angular frequencies y, x."""
    ny, nx = field.shape
    row = np.exp(-1j * np.multiply.outer(y, np.arange(ny) - ny // 2))
    column = np.exp(-1j * np.multiply.outer(x, np.arange(nx) - nx // 2))
    return np.einsum("...r,rs,...s->...", row, field, column)


PAIRS: list[tuple[Callable[[Array], Array], Callable[[Array], Array]]] = [
    (fourier.fft2, fourier.ifft2),
    (fourier.fftn, fourier.ifftn),
    (fourier.centred_fft2, fourier.centred_ifft2),
]


@pytest.mark.parametrize(("forward", "adjoint"), PAIRS)
@given(shape=SHAPES)
def test_unitary(forward: Callable[[Array], Array], adjoint: Callable[[Array], Array], shape: tuple[int, int]) -> None:
    a, b = random_field(shape, 1), random_field(shape, 2)
    assert sum_of_squares(forward(a)) == pytest.approx(sum_of_squares(a))
    assert dot(forward(a), b) == pytest.approx(dot(a, adjoint(b)))
    np.testing.assert_allclose(adjoint(forward(a)), a, atol=1e-12)


@given(shape=SHAPES)
def test_real_transform_is_half_of_the_complex_one(shape: tuple[int, int]) -> None:
    image = random_field(shape).real
    half = fourier.rfft2(image)
    np.testing.assert_allclose(half, fourier.fft2(image)[:, : shape[1] // 2 + 1], atol=1e-12)
    np.testing.assert_allclose(fourier.irfft2(half, shape), image, atol=1e-12)
    np.testing.assert_allclose(fourier.rfftn(image), half, atol=1e-12)
    np.testing.assert_allclose(fourier.irfftn(half, shape), image, atol=1e-12)


@given(shape=SHAPES)
def test_shifts_undo_each_other(shape: tuple[int, int]) -> None:
    field = random_field(shape)
    assert np.array_equal(fourier.from_centre(fourier.to_centre(field)), field)
    impulse = np.zeros(shape)
    impulse[0, 0] = 1
    assert fourier.to_centre(impulse)[shape[0] // 2, shape[1] // 2] == 1


@given(shape=SHAPES)
def test_centred_transform_is_the_direct_sum(shape: tuple[int, int]) -> None:
    field = random_field(shape)
    y, x = np.meshgrid(*(2 * np.pi * fourier.frequencies(n, 1.0) for n in shape), indexing="ij")
    expected = direct_spectrum(field, y, x) / np.sqrt(field.size)
    np.testing.assert_allclose(fourier.centred_fft2(field), expected, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_frequencies_have_zero_at_the_centre(n: int) -> None:
    centred = fourier.frequencies(n, 0.5)
    assert centred[n // 2] == 0
    np.testing.assert_allclose(fourier.to_centre(fourier.unshifted_frequencies(n, 0.5), axes=(0,)), centred)
    magnitudes = np.abs(fourier.unshifted_frequencies(n, 0.5)[: n // 2 + 1])
    np.testing.assert_allclose(magnitudes, fourier.half_frequencies(n, 0.5))


def test_precision_is_kept() -> None:
    field = random_field((8, 8)).astype(np.complex64)
    for transform in (fourier.fft2, fourier.ifft2, fourier.centred_fft2):
        assert transform(field).dtype == np.complex64
    assert fourier.rfft2(field.real).dtype == np.complex64
    assert fourier.evaluate_spectrum(field, np.zeros(3), np.zeros(3)).dtype == np.complex64
    assert fourier.window_spectrum(field, oversampling=2, field=8, frequencies_kept=8).dtype == np.complex64


def test_overwrite_gives_the_same_within_rounding() -> None:
    field = random_field((16, 16))
    np.testing.assert_allclose(fourier.fft2(field.copy(), overwrite=True), fourier.fft2(field), atol=1e-13)
    np.testing.assert_allclose(fourier.ifftn(field.copy(), overwrite=True), fourier.ifftn(field), atol=1e-13)


@pytest.mark.parametrize("shape", [(6, 9), (7, 7), (1, 4)])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (3.25, -7.5)])
@pytest.mark.parametrize("kept", [8, 11, 24])
def test_window_spectrum_is_the_direct_sum(shape: tuple[int, int], offset: tuple[float, float], kept: int) -> None:
    oversampling, field = 3, 8
    window = random_field(shape)
    index = np.arange(kept) - kept // 2
    y, x = np.meshgrid(*(2 * np.pi * index / (oversampling * field),) * 2, indexing="ij")
    moved = np.exp(-1j * (y * offset[0] + x * offset[1]))
    expected = direct_spectrum(window, y, x) * moved / (oversampling**2 * field)
    found = fourier.window_spectrum(
        window, oversampling=oversampling, field=field, frequencies_kept=kept, offset=offset
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_window_spectrum_keeps_values() -> None:
    """A band-limited window that fills the field comes back on the coarse grid with its own values."""
    n, oversampling = 16, 4
    fine = np.arange(n * oversampling) - n * oversampling // 2
    wave = 0.3 + np.cos(2 * np.pi * 3 * fine / fine.size)
    window = np.multiply.outer(wave, wave)
    coarse = fourier.centred_ifft2(
        fourier.window_spectrum(window, oversampling=oversampling, field=n, frequencies_kept=n)
    )
    np.testing.assert_allclose(coarse, window[::oversampling, ::oversampling], atol=1e-12)


def test_window_spectrum_refuses_what_it_does_not_hold() -> None:
    with pytest.raises(ValueError, match="17 frequencies; allowed: up to 16 of each"):
        fourier.window_spectrum(np.ones((4, 4)), oversampling=2, field=8, frequencies_kept=17)


@given(n=st.integers(9, 20), target=st.integers(9, 40), order=st.integers(-4, 4), phase=st.floats(0.0, 6.0))
def test_resampling_keeps_band_limited_functions(n: int, target: int, order: int, phase: float) -> None:
    def wave(size: int) -> Array:
        position = (np.arange(size) - size // 2) / size
        line = np.cos(2 * np.pi * order * position + phase)
        return np.asarray(line[:, None] + 2.0 * line[None, :])

    found = fourier.fourier_resample(wave(n), (target, target))
    assert np.isrealobj(found)
    np.testing.assert_allclose(found, wave(target), atol=1e-10)


@pytest.mark.parametrize("shape", [(12, 9), (16, 16)])
def test_spectrum_at_any_frequency_is_the_direct_sum(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    y, x = rng.uniform(-np.pi, np.pi, (2, 5, 7))
    field = random_field(shape)
    found = fourier.evaluate_spectrum(field, y, x, accuracy=1e-11)
    assert found.shape == (5, 7)
    np.testing.assert_allclose(found, direct_spectrum(field, y, x), rtol=1e-9, atol=1e-9)


def test_evaluate_agrees_with_the_grid_transform() -> None:
    field = random_field((10, 8))
    y, x = np.meshgrid(*(2 * np.pi * fourier.frequencies(n, 1.0) for n in field.shape), indexing="ij")
    found = fourier.evaluate_spectrum(field, y, x, accuracy=1e-11) / np.sqrt(field.size)
    np.testing.assert_allclose(found, fourier.centred_fft2(field), atol=1e-9)


@pytest.mark.parametrize("precision", [np.complex64, np.complex128])
def test_spread_is_the_adjoint_of_evaluate(precision: type) -> None:
    rng = np.random.default_rng(6)
    accuracy, tolerance = (1e-5, 1e-3) if precision is np.complex64 else (1e-11, 1e-9)
    y, x = rng.uniform(-np.pi, np.pi, (2, 50))
    field, values = random_field((9, 14), 1).astype(precision), random_field((50,), 2).astype(precision)
    forward = dot(values, fourier.evaluate_spectrum(field, y, x, accuracy=accuracy))
    back = dot(fourier.spread_spectrum(values, y, x, field.shape, accuracy=accuracy), field)
    assert forward == pytest.approx(back, rel=tolerance)


def test_same_bytes_for_any_number_of_threads() -> None:
    field = random_field((4, 96, 80)).astype(np.complex64)
    y, x = np.random.default_rng(1).uniform(-3, 3, (2, 500))

    def everything() -> list[bytes]:
        results = [
            fourier.fft2(field),
            fourier.fft2(field.copy(), overwrite=True),
            fourier.fftn(field),
            fourier.rfft2(field.real),
            fourier.centred_ifft2(field),
            fourier.fourier_resample(field, (64, 128)),
            fourier.window_spectrum(field[0], oversampling=2, field=64, frequencies_kept=50),
            fourier.evaluate_spectrum(field[0], y, x),
            fourier.spread_spectrum(field[0].ravel()[:500], y, x, (32, 32)),
        ]
        return [result.tobytes() for result in results]

    with use_threads(1):
        one = everything()
    with use_threads(2):
        assert everything() == one


def test_good_size_is_not_smaller() -> None:
    assert fourier.good_size(1009) >= 1009
    assert fourier.good_size(1024) == 1024
