import numpy as np
import pytest

from numerics import fourier
from tests.validation.labyrinths import disc
from validation import (
    expected_transfer,
    floor_transfer,
    phase_retrieval_transfer_function,
    register,
    transfer_resolution,
)
from validation.registration.alignment import moved, twin

SIZE = 128


@pytest.fixture(scope="module")
def wave():
    rng = np.random.default_rng(1)
    return disc(SIZE, 25, centre=(3, -4)) * np.exp(1j * rng.standard_normal((SIZE, SIZE)))


def with_phase_errors(wave, sigma, starts, rng):
    spectrum = fourier.centred_fft2(wave)
    errors = sigma * rng.standard_normal((starts, *wave.shape))
    return fourier.centred_ifft2(spectrum * np.exp(1j * errors)), np.abs(spectrum)


@pytest.mark.parametrize(("sigma", "starts"), [(0.0, 6), (0.5, 20), (1.0, 20), (2.0, 20), (5.0, 20), (2.0, 6)])
def test_transfer_is_the_rice_mean(wave, sigma, starts):
    waves, amplitude = with_phase_errors(wave, sigma, starts, np.random.default_rng(2))
    curve = phase_retrieval_transfer_function(waves, amplitude, pixel_size=1.0, gauge=())
    measured = np.average(curve.transfer, weights=curve.count)
    assert measured == pytest.approx(float(expected_transfer(sigma, starts=starts)), abs=0.01)


def test_floor_of_random_phases():
    assert floor_transfer(20) == pytest.approx(0.198, abs=5e-4)
    assert floor_transfer(6) == pytest.approx(0.362, abs=5e-4)
    assert float(expected_transfer(50.0, starts=20)) == pytest.approx(floor_transfer(20), rel=1e-6)
    assert float(expected_transfer(0.0, starts=20)) == pytest.approx(1, rel=1e-6)
    assert float(expected_transfer(2.0, starts=20)) == pytest.approx(0.231, abs=1e-3)


def test_twins_shifts_and_phases_are_removed(wave):
    rng = np.random.default_rng(3)
    waves = []
    for index in range(8):
        one = moved(wave, tuple(rng.uniform(-6, 6, 2))) * np.exp(2j * np.pi * rng.random())
        waves.append(twin(one) if index % 3 == 2 else one)
    amplitude = np.abs(fourier.centred_fft2(wave))
    curve = phase_retrieval_transfer_function(waves, amplitude, pixel_size=2e-9)
    assert np.nanmin(curve.transfer) > 0.99
    assert not transfer_resolution(curve).crossed
    assert [register(w, waves[0], gauge=("twin", "shift", "phase")).twin for w in waves] == [
        i % 3 == 2 for i in range(8)
    ]


def test_resolution_at_a_level(wave):
    # phase errors beyond half of Nyquist only
    f = fourier.frequencies(SIZE, 2e-9)
    beyond = np.hypot(f[:, None], f[None, :]) > 0.125e9
    rng = np.random.default_rng(4)
    spectrum = fourier.centred_fft2(wave)
    errors = 4.0 * beyond * rng.standard_normal((20, SIZE, SIZE))
    waves = fourier.centred_ifft2(spectrum * np.exp(1j * errors))
    curve = phase_retrieval_transfer_function(waves, np.abs(spectrum), pixel_size=2e-9)
    found = transfer_resolution(curve)
    assert found.crossed
    assert found.half_period == pytest.approx(4e-9, rel=0.05)
    assert found.criterion == "1/e"


def test_invalid_and_dark_pixels_are_left_out(wave):
    amplitude = np.abs(fourier.centred_fft2(wave))
    valid = np.ones(amplitude.shape, bool)
    valid[:, 20:30] = False
    broken = np.where(valid, amplitude, 1e-9)
    broken[40, :] = 0
    curve = phase_retrieval_transfer_function([wave, wave], broken, pixel_size=1.0, valid=valid)
    np.testing.assert_allclose(curve.transfer, 1, atol=1e-6)


def test_few_starts_are_noted(wave):
    curve = phase_retrieval_transfer_function([wave] * 6, np.abs(fourier.centred_fft2(wave)), pixel_size=1.0)
    assert any("floor" in note for note in transfer_resolution(curve).notes)


def test_bad_input_is_told_in_one_line(wave):
    for waves in ([wave], [wave, wave[1:]]):
        with pytest.raises(ValueError, match="reconstructions"):
            phase_retrieval_transfer_function(waves, np.abs(wave), pixel_size=1.0)
    with pytest.raises(ValueError, match="starts"):
        expected_transfer(1.0, starts=0)
