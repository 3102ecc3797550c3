"""Propagation against analytic beams: Gaussian beam, Airy pattern, adjoint, Parseval, direction of a tilt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import j1

from numerics import fourier
from optics.grids import positions, radius_grid
from optics.propagation import fresnel_transfer_function, propagate, propagate_adjoint, transfer_function

WAVE = 1.59e-9


def test_gaussian_beam() -> None:
    n, pixel, waist, z = 512, 4e-9, 150e-9, 40e-6
    radius2 = radius_grid((n, n), pixel) ** 2
    field = propagate(np.exp(-radius2 / waist**2).astype(np.complex128), z, wavelength=WAVE, pixel_size=pixel)
    rayleigh = np.pi * waist**2 / WAVE
    # complex beam parameter, phase relative to exp(ikz); Goodman, or Saleh and Teich, chapter 3
    expected = np.exp(-radius2 / (waist**2 * (1 + 1j * z / rayleigh))) / (1 + 1j * z / rayleigh)
    assert np.max(np.abs(field - expected)) < 2e-4


def test_airy_pattern_of_a_disc() -> None:
    n, oversampling, pixel, radius = 512, 4, 5.3e-9, 300e-9
    fine = pixel / oversampling
    window = 512
    disc = 1 / (1 + np.exp((radius_grid((window, window), fine) - radius) / 0.5e-9))
    spectrum = fourier.window_spectrum(disc, oversampling=oversampling, field=n, frequencies_kept=n)
    q_r = 2 * np.pi * radius_grid((n, n), 1 / (n * pixel)) * radius
    q_r[n // 2, n // 2] = 1e-9
    airy = 2 * j1(q_r) / q_r
    wave = spectrum.real / spectrum.real.max()
    assert np.max(np.abs(wave - airy)[q_r < 60]) < 1e-4
    assert np.max(np.abs(spectrum.imag)) < 1e-9 * spectrum.real.max()


def test_tilted_wave_moves_the_way_it_points() -> None:
    n, pixel, z = 256, 5e-9, 20e-6
    x = positions(n, pixel)
    sine = 0.01
    spot = (
        np.exp(-((x[:, None]) ** 2 + x[None, :] ** 2) / (150e-9) ** 2) * np.exp(2j * np.pi * sine / WAVE * x)[None, :]
    )
    moved = np.abs(propagate(spot, z, wavelength=WAVE, pixel_size=pixel)) ** 2
    assert np.sum(moved * x[None, :]) / moved.sum() == pytest.approx(z * sine, rel=2e-3)
    assert np.sum(moved * x[:, None]) / moved.sum() == pytest.approx(0, abs=1e-12)
    spectrum = np.abs(fourier.centred_fft2(spot))
    assert np.unravel_index(spectrum.argmax(), spectrum.shape) == (128, 128 + round(sine / WAVE * n * pixel))


@given(st.integers(0, 1000), st.floats(-1e-6, 1e-6))
def test_adjoint_and_energy(seed: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal((12, 10)) + 1j * rng.standard_normal((12, 10)) for _ in range(2))
    keys = {"wavelength": WAVE, "pixel_size": 2e-9, "carrier": True}
    forward, back = propagate(a, distance, **keys), propagate_adjoint(b, distance, **keys)
    assert np.vdot(b, forward) == pytest.approx(np.vdot(back, a), rel=1e-10, abs=1e-10)
    assert np.sum(np.abs(forward) ** 2) == pytest.approx(np.sum(np.abs(a) ** 2), rel=1e-10)
    assert np.allclose(propagate(forward, -distance, **keys), a)


def test_fresnel_agrees_at_small_angles_and_keeps_the_type() -> None:
    keys = {"wavelength": WAVE, "pixel_size": 50e-9}
    exact = transfer_function((64, 64), 1e-6, carrier=False, **keys)
    assert np.allclose(exact, fresnel_transfer_function((64, 64), 1e-6, **keys), atol=2e-4)
    assert propagate(np.ones((8, 8), np.complex64), 1e-6, **keys).dtype == np.complex64


def test_evanescent_waves_decay_both_ways() -> None:
    for z in (1e-8, -1e-8):
        assert np.abs(transfer_function((8, 8), z, wavelength=WAVE, pixel_size=0.5e-9)).max() < 1 + 1e-12
