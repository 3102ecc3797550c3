"""Smooth phase errors of both waves: found from a real magnetization and from symmetric references, and taken off."""

import numpy as np
import pytest

from numerics import fourier
from reconstructors import aberrations, dichroism
from reconstructors.supports import Circle, Holes
from tests.reconstructors.films import HOLES, INNER, LENGTH, PIXEL, N, film

WITH_REFERENCES = Holes(
    N, HOLES.objects, (Circle(88.3, 70.0, 5.0), Circle(-80.0, 81.6, 6.0), Circle(-70.0, -90.0, 4.5))
)


def refocus(waves):
    return dichroism.Refocus(waves, INNER, HOLES.object_mask(12), wavelength=LENGTH, pixel_size=PIXEL)


def unshifted(waves):
    return [fourier.from_centre(wave) for wave in waves]


def with_references(seed, *, roughness=0.25):
    """Return both waves with three references beside the object, their edges rough by `roughness` pixels, unshifted."""
    rng = np.random.default_rng(seed)
    _, waves = film(seed)
    index = np.arange(N) - N // 2
    light = np.zeros((N, N), complex)
    for circle in WITH_REFERENCES.references:
        y, x = (index - circle.y)[:, None], (index - circle.x)[None, :]
        angle = np.arctan2(y, x)
        edge = circle.radius + roughness * sum(rng.normal() * np.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 4))
        light += 1.5 * np.exp(1j * rng.uniform(0, 6)) / (1 + np.exp(np.clip((np.hypot(y, x) - edge) / 0.4, -60, 60)))
    return unshifted([waves[0] + light, waves[1] + 0.9j * light])


@pytest.mark.parametrize("wanted", [(1.2, -0.5, 0.0), (-0.8, 0.0, 0.4)])
def test_radial_phase_is_found_and_taken_off(wanted):
    _m_z, waves = film()
    spoiled = [aberrations.remove(wave, -aberrations.radial_map(N, np.array(wanted))) for wave in unshifted(waves)]
    found = aberrations.radial_phase(refocus(spoiled), 0.0)
    # Where walls still scatter, up to 0.6 of the sampling limit, the phase itself is right; its coefficients mix.
    square = np.linspace(0.1, 0.6, 20) ** 2
    error = np.polyval(np.append((found - wanted)[::-1], 0), square)
    assert np.ptp(error) < 0.1
    phase = aberrations.radial_map(N, found)
    mended = [fourier.to_centre(aberrations.remove(wave, phase)) for wave in spoiled]
    before = dichroism.collinearity(*[fourier.to_centre(wave) for wave in spoiled], INNER)
    assert dichroism.collinearity(*mended, INNER) < 0.1 * before


def test_radial_phase_of_good_waves_is_small():
    _, waves = film(2)
    found = aberrations.radial_phase(refocus(unshifted(waves)), 0.0)
    square = np.linspace(0.1, 0.6, 20) ** 2
    assert np.abs(np.polyval(np.append(found[::-1], 0), square)).max() < 0.02


def residual(found, wanted):
    """Return the rms difference of two odd phases within the sampling limit, rad."""
    frequency = 2 * fourier.unshifted_frequencies(N, 1.0)
    inside = np.hypot(frequency[:, None], frequency[None, :]) < 1
    difference = aberrations.odd_map(N, np.asarray(found) - np.asarray(wanted))
    return float(np.sqrt(np.mean(difference[inside] ** 2)))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("wanted", [(0, 0, 0, 0), (1.5, 0, -1.5, 0), (-2.0, 1.0, 0.5, 3.0)])
def test_odd_phase_is_found_from_rough_references(wanted, seed):
    """To 0.3 rad rms, which costs an amplitude 5 %; errors of some 3 rad are met."""
    phase = aberrations.odd_map(N, np.array(wanted, float))
    spoiled = [aberrations.remove(wave, -phase) for wave in with_references(seed)]
    found = aberrations.odd_phase(spoiled, WITH_REFERENCES)
    assert residual(found, wanted) < 0.3


def test_odd_phase_of_round_references_is_found_exactly_wherever_they_are():
    wanted = np.array([1.0, -2.0, 0.5, 1.0])
    spoiled = [aberrations.remove(w, -aberrations.odd_map(N, wanted)) for w in with_references(3, roughness=0.0)]
    assert residual(aberrations.odd_phase(spoiled, WITH_REFERENCES), wanted) < 0.05


def test_odd_phase_of_few_holes_or_no_light_is_none():
    waves = unshifted(film()[1])
    np.testing.assert_array_equal(aberrations.odd_phase(waves, HOLES), np.zeros(4))
    dark = [np.zeros((N, N), np.complex64)] * 2
    np.testing.assert_array_equal(aberrations.odd_phase(dark, WITH_REFERENCES), np.zeros(4))


def test_an_odd_phase_moves_no_light_to_other_frequencies():
    wave = with_references(0)[0]
    moved = aberrations.remove(wave, aberrations.odd_map(N, np.array([1.0, 2.0, 3.0, 4.0])))
    before, after = np.abs(fourier.fft2(wave)), np.abs(fourier.fft2(moved))
    np.testing.assert_allclose(after, before, atol=1e-5 * before.max())
