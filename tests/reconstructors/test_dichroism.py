"""From exit waves to m_z: ratio, focus without truth, sign and scale."""

import numpy as np
import pytest

from numerics import fourier
from numerics.streams import stream
from optics.propagation import propagate
from reconstructors import dichroism
from reconstructors.supports import Circle, Holes
from scenarios import holography_scoring
from simulators.experiments.setups import quick_setup
from tests.reconstructors.experiments import expected, measured, reconstructed
from tests.reconstructors.films import HOLES, INNER, LENGTH, MAGNETIC, PIXEL, N, film

QUICK = quick_setup()


def refocus(waves, **changes):
    given = {"mask": INNER, "support": HOLES.object_mask(12), "wavelength": LENGTH, "pixel_size": PIXEL} | changes
    return dichroism.Refocus([fourier.from_centre(wave) for wave in waves], **given)


def test_log_ratio_is_that_of_the_film():
    m_z, waves = film()
    modulus, phase = dichroism.log_ratio(*waves, INNER)
    np.testing.assert_allclose(modulus, -2 * MAGNETIC.real * m_z[INNER], atol=1e-6)
    np.testing.assert_allclose(np.ptp(phase + 2 * MAGNETIC.imag * m_z[INNER]), 0, atol=1e-6)
    turned = [waves[0] * np.exp(3.1j), waves[1]]
    np.testing.assert_allclose(dichroism.log_ratio(*turned, INNER)[1], phase, atol=1e-6)


def test_collinear_in_focus_and_not_out_of_it():
    _, waves = film()
    assert dichroism.collinearity(*waves, INNER) < 1e-9
    away = [propagate(wave, 400e-9, wavelength=LENGTH, pixel_size=PIXEL) for wave in waves]
    assert dichroism.collinearity(*away, INNER) > 0.01


def test_collinearity_of_noise_is_large_and_of_nothing_is_one():
    rng = np.random.default_rng(0)
    noise = [1 + 0.02 * (rng.normal(size=(N, N)) + 1j * rng.normal(size=(N, N))) for _ in range(2)]
    assert dichroism.collinearity(*noise, INNER) > 0.8
    ones = np.ones((N, N), complex)
    assert dichroism.collinearity(ones, ones, INNER) == 1.0


@pytest.mark.parametrize("distance", [-310e-9, 0.0, 87e-9, 640e-9])
@pytest.mark.parametrize("seed", [0, 1])
def test_focus_is_found_without_truth(distance, seed):
    _, waves = film(seed)
    away = [propagate(wave, -distance, wavelength=LENGTH, pixel_size=PIXEL) for wave in waves]
    found, least, most = dichroism.find_focus(refocus(away), search=1e-6)
    assert found == pytest.approx(distance, abs=5e-9)
    assert least < 0.01 * most


def test_focus_survives_noise_of_a_twentieth_of_the_wave():
    _, waves = film()
    rng = np.random.default_rng(3)
    away = [propagate(wave, 200e-9, wavelength=LENGTH, pixel_size=PIXEL) for wave in waves]
    noisy = [w + 0.01 * (rng.normal(size=w.shape) + 1j * rng.normal(size=w.shape)) for w in away]
    assert dichroism.find_focus(refocus(noisy), search=600e-9)[0] == pytest.approx(-200e-9, abs=15e-9)


def test_refocus_cuts_out_the_object_wherever_it_is():
    holes = Holes(N, (Circle(-70.0, -60.0, 30.0),), ())
    _, waves = film()
    moved = [np.roll(wave, (-70, -60), (0, 1)) for wave in waves]
    cut = refocus(moved, mask=holes.object_mask(-8), support=holes.object_mask(6))
    back = cut.whole(cut.at(0.0)[0], N)
    inside = holes.object_mask(6)
    np.testing.assert_allclose(back[inside], moved[0][inside], atol=1e-6)
    assert np.abs(back[~inside]).max() < 1e-6


@pytest.mark.parametrize("beta_m_t", [1.5e-11, -1.5e-11])
def test_out_of_plane_has_the_designs_sign_and_scale(beta_m_t):
    """``m_z = -log|phi+/phi-| / (2 k P_c beta_m t)``."""
    polarization, k = 0.9, 2 * np.pi / LENGTH
    m_z, waves = film(magnetic=k * polarization * (beta_m_t + 4e-12j))
    found = dichroism.out_of_plane(*waves, wavelength=LENGTH, polarization=polarization, beta_m_t=beta_m_t)
    np.testing.assert_allclose(found[INNER], m_z[INNER], atol=1e-5)
    assert found.dtype == np.float32


def test_out_of_plane_is_zero_without_light():
    dark = np.zeros((4, 4), np.complex64)
    found = dichroism.out_of_plane(dark, dark + 1, wavelength=LENGTH, polarization=1.0, beta_m_t=1e-11)
    np.testing.assert_array_equal(found, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "scale"), [(0, 1.0), (2, 1.0), (2, 1.05)])
def test_focus_of_a_reconstruction_is_the_one_the_truth_would_give(seed, scale):
    """Within 15 nm of the focus that registers the exit wave to the truth's, its support 5 % too large or not."""
    result = reconstructed("hapre+", QUICK, seed, object_scale=scale)
    rng = stream(seed, "score")
    rows, _ = holography_scoring.score(result, expected(QUICK, seed).truth, measured(QUICK, seed), rng=rng)
    assert {row.metric: row.value for row in rows}["focus_error"] == pytest.approx(0, abs=15e-9)
