"""Two helicities as optical densities of a block of nickel and silica, and the models by name."""

import numpy as np
import pytest

from numerics import fourier
from numerics.streams import stream
from reconstructors.projections.helicity_pair import register_densities, register_helicities
from reconstructors.projections.optical_density import optical_density
from tests.reconstructors.ball_block import density, rotation

SIZE = 128
MAGNETIC, NOISE = 0.05, 0.01
TILTS = (-62, -28, 0, 44, 62)


def domains(rng, period=14.0):
    f = [fourier.unshifted_frequencies(SIZE, 1.0)] * 2
    band = np.exp(-0.5 * ((np.hypot(f[0][:, None], f[1][None, :]) * period - 1) / 0.3) ** 2)
    noise = np.real(fourier.ifft2(fourier.fft2(rng.standard_normal((SIZE, SIZE)) + 0j) * band))
    return np.tanh(1.5 * noise / noise.std())


def moved(image, shift):
    f = fourier.unshifted_frequencies(SIZE, 1.0)
    turn = np.exp(-2j * np.pi * (f[:, None] * shift[0] + f[None, :] * shift[1]))
    return np.real(fourier.ifft2(fourier.fft2(image + 0j) * turn))


def pair(tilt, seed, *, noise=NOISE, magnetic=MAGNETIC, mean=0.0):
    """Return both densities, the shift of the second, and the true charge and magnetic parts."""
    rng = stream(seed, "pair", tilt)
    matrix = rotation(np.deg2rad(tilt), 0.3)
    shift = rng.uniform(-2, 2, 2)
    here, there = density(matrix, fine=4), density(matrix, shift=shift, fine=4)
    texture = magnetic * (domains(rng) + mean)
    plus, minus = here * (1 + texture), there * (1 - moved(texture, shift))
    level = noise * here.max()
    plus, minus = (image + level * rng.standard_normal(image.shape) for image in (plus, minus))
    return plus, minus, shift, here, here * texture


def everywhere():
    return np.ones((SIZE, SIZE), bool)


@pytest.fixture(scope="module")
def registered():
    """Return of each tilt: error of the shift, correlation of the magnetic error with each slope of the charge."""
    errors, shares = [], []
    for tilt in TILTS:
        for seed in range(2):
            plus, minus, shift, charge, magnetic = pair(tilt, seed)
            back, found = register_densities(plus, minus, mask=everywhere())
            errors.append(found.shift - shift)
            rest = ((plus - back) / 2 - magnetic).ravel()
            shares.append([np.corrcoef(rest, slope.ravel())[0, 1] for slope in np.gradient(charge)])
    return np.array(errors), np.array(shares)


def test_the_shift_of_a_pair_is_found_to_a_twentieth_of_a_pixel(registered):
    assert np.abs(registered[0]).max() <= 0.05


def test_no_slope_of_the_charge_is_left_in_the_magnetic_part(registered):
    """On average: domains look like a shift by chance, now one way and now the other."""
    assert np.abs(registered[1].mean(0)).max() <= 0.02
    assert np.sqrt(np.mean(registered[1] ** 2)) <= 0.03


def test_left_in_the_shift_would_have_ruined_the_magnetic_part():
    plus, minus, shift, charge, magnetic = pair(0, 0)
    assert np.hypot(*shift) > 0.5
    rest = (plus - minus) / 2 - magnetic
    assert np.linalg.norm(rest) > np.linalg.norm(magnetic)
    assert max(abs(np.corrcoef(rest.ravel(), slope.ravel())[0, 1]) for slope in np.gradient(charge)) > 0.3


def test_the_level_of_the_magnetic_part_stays():
    """A sample magnetised along the beam has a magnetic part with a mean, and that is no unequal flux."""
    plus, minus, shift, charge, magnetic = pair(28, 3, mean=0.8)
    back, found = register_densities(plus, minus, mask=everywhere())
    assert found.shift == pytest.approx(shift, abs=0.05)
    assert np.mean((plus - back) / 2) == pytest.approx(magnetic.mean(), rel=0.02)
    assert found.flux == pytest.approx(np.exp(2 * magnetic.mean()), rel=0.01)
    assert charge.mean() > 5 * magnetic.mean() > 0


def test_a_pair_without_displacement_stays():
    plus, minus, shift, _, _ = pair(0, 1)
    back, found = register_densities(plus, moved(minus, -shift), mask=everywhere())
    assert np.abs(found.shift).max() <= 0.05
    assert found.correlation > 0.98
    assert back.dtype == np.float32


def transmissions(tilt, seed):
    plus, minus, shift, *_ = pair(tilt, seed)
    return np.exp(-plus / 2 + 0.2j), np.exp(-minus / 2 - 0.1j), shift


@pytest.mark.parametrize(("model", "within"), [("shift", 0.05), ("affine", 0.1), ("features", 0.3)])
def test_every_model_finds_the_shift(model, within):
    for tilt in (0, 62):
        plus, minus, shift = transmissions(tilt, 5)
        found = register_helicities(plus, minus, model=model, rng=stream(0, "samples"))
        assert found.shift == pytest.approx(shift, abs=within)
        assert found.strain == pytest.approx(np.zeros((2, 2)), abs=0.01)
        assert found.phase == pytest.approx(-0.3, abs=0.02)


def test_features_find_a_rotation():
    matrix = rotation(np.deg2rad(30), 0.3)
    angle = np.deg2rad(2.0)
    about_beam = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    turned = about_beam @ matrix
    plus, minus = (np.exp(-density(m, shift=s) / 2 + 0j) for m, s in ((matrix, (0, 0)), (turned, (2.0, -3.0))))
    found = register_helicities(plus, minus, model="features", rng=stream(1, "samples"))
    assert found.strain == pytest.approx(np.array([[0, np.sin(angle)], [-np.sin(angle), 0]]), abs=2e-3)
    # The middle of the window is the sample's origin to a pixel.
    assert found.shift == pytest.approx([2.0, -3.0], abs=0.3)


def test_the_same_rng_gives_the_same_features():
    plus, minus, _ = transmissions(28, 6)
    first, second = (register_helicities(plus, minus, model="features", rng=stream(2, "samples")) for _ in range(2))
    assert np.array_equal(first.shift, second.shift)


def test_a_coarser_upsample_is_coarser_and_no_worse_than_it_says():
    plus, minus, _ = transmissions(0, 7)
    fine, coarse = (register_helicities(plus, minus, upsample=n).shift for n in (1000, 10))
    assert coarse == pytest.approx(fine, abs=0.1)


def test_where_a_wave_vanishes_the_floor_is_the_density():
    assert optical_density(np.zeros(2, np.complex64), floor=1e-6) == pytest.approx([13.8155, 13.8155], abs=1e-4)
    assert optical_density(np.zeros(2, np.complex64)) == pytest.approx([18.4207, 18.4207], abs=1e-4)
    with pytest.raises(ValueError, match="floor is 0"):
        optical_density(np.ones(2), floor=0.0)


def test_bad_input_is_refused_in_one_line():
    plus = np.ones((SIZE, SIZE), np.complex64)
    with pytest.raises(ValueError, match="model is 'rigid'; allowed"):
        register_helicities(plus, plus, model="rigid")
    with pytest.raises(ValueError, match="upsample is 0"):
        register_helicities(plus, plus, upsample=0)
    with pytest.raises(ValueError, match="rng is None"):
        register_helicities(plus, plus, model="features")
    with pytest.raises(ValueError, match="key points"):
        register_helicities(plus, plus, model="features", rng=stream(0, "samples"))
    with pytest.raises(ValueError, match="shapes"):
        register_densities(np.ones((8, 8)), np.ones((8, 9)), mask=np.ones((8, 8), bool))
