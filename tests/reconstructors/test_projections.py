"""Optical density, and what is removed between two helicities before their difference."""

import numpy as np
import pytest
from scipy import ndimage

from numerics import fourier
from numerics.streams import stream
from reconstructors.projections.helicity_pair import register_pair
from reconstructors.projections.optical_density import charge_and_magnetic, half_log_ratio, optical_density

SIZE = 96


def texture(period, rng, width=0.2, size=SIZE):
    f = np.hypot(fourier.unshifted_frequencies(size, 1.0)[:, None], fourier.unshifted_frequencies(size, 1.0)[None, :])
    band = np.exp(-0.5 * ((f * period - 1) / width) ** 2)
    noise = np.real(fourier.ifft2(fourier.fft2(rng.standard_normal((size, size)) + 0j) * band))
    return (noise - noise.mean()) / noise.std()


def pair(seed, *, magnetic=0.06, charge=0.3, charge_period=12.0):
    """Return ln O+ and ln O- of a charge texture with worm domains of period 22 px."""
    rng = stream(seed, "pair")
    c = -0.7 + charge * texture(charge_period, rng) + 0.2j * texture(9.0, rng)
    m = magnetic * np.tanh(2.5 * texture(22.0, rng)) * (1 + 0.5j)
    return c + m, c - m


def moved(wave, shift):
    f = fourier.unshifted_frequencies(SIZE, 1.0)
    turn = np.exp(-2j * np.pi * (f[:, None] * shift[0] + f[None, :] * shift[1]))
    return fourier.ifft2(fourier.fft2(wave) * turn)


def inner():
    mask = np.zeros((SIZE, SIZE), bool)
    mask[12:-12, 12:-12] = True
    return mask


def test_optical_density_is_that_of_the_intensity():
    wave = np.exp(-0.5 * np.array([0.0, 1.5, 3.0]) + 0.4j)
    assert optical_density(wave) == pytest.approx([0.0, 1.5, 3.0], abs=1e-6)


def test_a_wave_that_vanishes_has_a_finite_density():
    assert np.isfinite(optical_density(np.zeros(3, np.complex64))).all()


def test_charge_and_magnetic_parts_add_up():
    plus, minus = (np.exp(part) for part in pair(0))
    charge, magnetic = charge_and_magnetic(plus, minus)
    assert charge + magnetic == pytest.approx(optical_density(plus), abs=1e-5)
    assert charge - magnetic == pytest.approx(optical_density(minus), abs=1e-5)


def test_half_log_ratio_is_the_magnetic_exponent():
    plus, minus = pair(1)
    assert half_log_ratio(np.exp(plus), np.exp(minus)) == pytest.approx((plus - minus) / 2, abs=1e-6)


def test_the_sign_of_the_magnetic_part_is_that_of_absorption():
    _, magnetic = charge_and_magnetic(np.exp([-0.6]), np.exp([-0.5]))
    assert magnetic == pytest.approx([0.1])


@pytest.mark.parametrize("seed", range(4))
def test_shift_ramp_phase_and_flux_are_found_and_removed(seed):
    plus, minus = (np.exp(part) for part in pair(seed))
    true = charge_and_magnetic(plus, minus)[1]
    shift, ramp, phase, flux = np.array([0.37, -1.62]), np.array([0.0031, -0.0008]), 0.7, 1.21
    y, x = np.indices(minus.shape)
    other = moved(minus, shift) * np.exp(2j * np.pi * (ramp[0] * y + ramp[1] * x) + 1j * phase) * np.sqrt(flux)
    back, found = register_pair(plus, other, mask=inner())
    assert found.shift == pytest.approx(shift, abs=0.06)
    assert found.ramp == pytest.approx(ramp, abs=3e-4)
    assert found.flux == pytest.approx(flux, rel=0.03)
    image = charge_and_magnetic(plus, back)[1][inner()]
    here = true[inner()]
    rest = image - image.mean() - (here - here.mean())
    assert np.linalg.norm(rest) < 0.15 * np.linalg.norm(here)


def test_left_in_the_shift_would_have_ruined_the_image():
    plus, minus = (np.exp(part) for part in pair(0))
    true = charge_and_magnetic(plus, minus)[1][inner()]
    image = charge_and_magnetic(plus, moved(minus, (0.37, -1.62)))[1][inner()]
    assert np.linalg.norm(image - true) > np.linalg.norm(true)


def test_of_periodic_textures_the_nearest_match_counts():
    y, x = np.indices((SIZE, SIZE))
    rng = stream(0, "lattice")
    lattice = 0.3 * np.cos(2 * np.pi * x / 8) + 0.3 * np.cos(2 * np.pi * y / 8) + 0.02 * texture(11.0, rng)
    magnetic = 0.05 * np.sin(2 * np.pi * x / 22)
    plus, minus = np.exp(-0.7 + lattice + magnetic), np.exp(-0.7 + lattice - magnetic)
    _, found = register_pair(plus + 0j, moved(minus, (0.6, -1.3)), mask=inner(), bound=11.0)
    assert found.shift == pytest.approx([0.6, -1.3], abs=0.1)


def test_worm_domains_stronger_than_usual_do_not_lock_one_period_off():
    for seed in range(3):
        plus, minus = pair(seed, magnetic=0.15, charge=0.2)
        _, found = register_pair(np.exp(plus), moved(np.exp(minus), (1.2, 0.4)), mask=inner())
        assert found.shift == pytest.approx([1.2, 0.4], abs=0.3)


def test_a_strain_is_found_when_asked_for():
    plus, _ = pair(5)
    wave = np.exp(plus)
    strain = np.array([[0.004, -0.003], [0.002, -0.005]])
    middle = (SIZE - 1) / 2
    away = np.indices(wave.shape) - middle
    places = np.indices(wave.shape) - np.tensordot(strain, away, 1)
    other = ndimage.map_coordinates(wave.real, places, order=5) + 1j * ndimage.map_coordinates(
        wave.imag, places, order=5
    )
    _, found = register_pair(wave, other, mask=inner(), model="affine")
    assert found.strain == pytest.approx(strain, abs=5e-4)
    corner = np.array([20.0, 70.0])
    assert found.back(corner) == pytest.approx(corner - strain @ (corner - middle), abs=0.05)
    assert found.shift == pytest.approx([0, 0], abs=0.03)


def test_images_with_nothing_in_common_are_told_from_a_pair():
    plus, minus = (np.exp(part) for part in pair(0))
    other = np.exp(pair(1)[0])
    assert register_pair(plus, minus, mask=inner())[1].correlation > 0.9
    assert register_pair(plus, other, mask=inner())[1].correlation < 0.5


def test_the_flux_is_found_where_there_is_no_magnet():
    c, m = -0.7 + 0.3 * texture(12.0, stream(3, "c")), np.zeros((SIZE, SIZE))
    m[:, SIZE // 2 :] = 0.1
    plus, minus = np.exp(c + m) + 0j, np.sqrt(1.1) * np.exp(c - m) + 0j
    empty = np.zeros((SIZE, SIZE), bool)
    empty[:, : SIZE // 2 - 4] = True
    back, found = register_pair(plus, minus, mask=inner(), empty=empty)
    assert found.flux == pytest.approx(1.1, rel=2e-3)
    assert np.abs(charge_and_magnetic(plus, back)[1][inner() & empty]).max() < 0.02


def test_bad_input_is_refused_in_one_line():
    plus = np.ones((SIZE, SIZE), np.complex64)
    with pytest.raises(ValueError, match="model is 'rigid'; allowed: shift, affine"):
        register_pair(plus, plus, mask=inner(), model="rigid")
    with pytest.raises(ValueError, match="shapes"):
        register_pair(plus, plus[:-1], mask=inner())
    with pytest.raises(ValueError, match="mask is"):
        register_pair(plus, plus, mask=np.zeros((SIZE, SIZE), bool))
    with pytest.raises(ValueError, match="minus has shape"):
        charge_and_magnetic(plus, plus[1:])
