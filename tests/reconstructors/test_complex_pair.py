"""Complex logarithms of two helicities from waves whose ramps, levels, backgrounds and displacement are known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from numerics import fourier
from numerics.streams import stream
from reconstructors.projections.complex_pair import ComplexPair, complex_pair

SIZE, NOISE, SHIFT = 128, 0.01, (0.3, -1.7)
RAMPS = np.array([[3.0, -2.0], [-1.37, 3.0]]) / SIZE
LEVELS = (1.3 * np.exp(0.7j), 0.77 * np.exp(2.1j))
BENT = (0.1 + 0.3j, -0.05 - 0.2j)
MAGNETIC = -0.05 + 0.1j
Y, X = np.mgrid[:SIZE, :SIZE] - SIZE // 2
HARMONIC = (X**2 - Y**2 + X * Y / 2) / (SIZE / 2) ** 2


@dataclass(frozen=True)
class Case:
    plus: Any
    minus: Any
    exterior: Any
    seen: Any
    charge: Any
    magnetic: Any
    noise: float

    @property
    def inside(self):
        return ~self.exterior & self.seen

    def made(self, **changed) -> ComplexPair:
        given = {"plus": self.plus, "minus": self.minus, "exterior": self.exterior, "seen": self.seen} | changed
        return complex_pair(given.pop("plus"), given.pop("minus"), **given)


def balls(rng):
    """Return thickness and magnetization along the beam of balls, the greatest thickness 1."""
    thickness, moment = np.zeros((2, SIZE, SIZE))
    for _ in range(25):
        (y, x), radius = rng.uniform(-28, 28, 2), rng.uniform(7, 12)
        chord = 2 * np.sqrt(np.maximum(radius**2 - (Y - y) ** 2 - (X - x) ** 2, 0))
        thickness += chord
        moment += chord * rng.uniform(-1, 1)
    parts = [ndimage.gaussian_filter(image, 1.0) for image in (thickness, moment)]
    return [part / parts[0].max() for part in parts]


def displaced(wave, shift):
    f = fourier.unshifted_frequencies(SIZE, 1.0)
    turn = np.exp(-2j * np.pi * (f[:, None] * shift[0] + f[None, :] * shift[1]))
    return fourier.ifft2(fourier.fft2(wave) * turn)


def case(seed, *, density=4.0, phase=2.0, noise=NOISE, shift=SHIFT):
    """Return waves of 128 pixels with all that `complex_pair` takes off, and what it should find."""
    rng = stream(seed, "complex pair")
    thickness, moment = balls(rng)
    charge, magnetic = (-density / 2 + 1j * phase) * thickness, MAGNETIC * density * moment
    waves = np.exp(charge + magnetic), displaced(np.exp(charge - magnetic), shift)
    measured = []
    for wave, ramp, level, bent in zip(waves, RAMPS, LEVELS, BENT, strict=True):
        grains = rng.standard_normal((2, SIZE, SIZE)) * noise / np.sqrt(2)
        around = np.exp(2j * np.pi * (ramp[0] * Y + ramp[1] * X) + bent * HARMONIC)
        measured.append(((wave + grains[0] + 1j * grains[1]) * level * around).astype(np.complex64))
    seen = np.maximum(np.abs(Y), np.abs(X)) < 56
    exterior = ndimage.distance_transform_edt(thickness < 1e-4) > 4
    return Case(*measured, exterior, seen, charge, magnetic, noise)


def rms(image):
    return float(np.sqrt(np.mean(image.astype(np.float64) ** 2)))


def errors(found, truth):
    """Return rms errors inside: charge and magnetic part, real and imaginary."""
    rests = [(found.charge - truth.charge)[truth.inside], (found.magnetic - truth.magnetic)[truth.inside]]
    return np.array([rms(part) for rest in rests for part in (rest.real, rest.imag)])


def expected(truth):
    """Return the rms noise of each part: that of a wave over its modulus, a half of it in the half sum."""
    return rms(truth.noise / 2 / np.exp(truth.charge.real[truth.inside]))


@pytest.fixture(scope="module", params=[0, 1, 2])
def solved(request):
    truth = case(request.param)
    return truth, truth.made()


def test_errors_are_the_noise_of_photons(solved):
    truth, found = solved
    assert found.charge.dtype == found.magnetic.dtype == np.complex64
    assert np.all(errors(found, truth) < 1.12 * expected(truth))
    assert np.all(errors(found, truth) > 0.85 * expected(truth))
    assert found.residues == 0


def test_log_modulus_and_phase_are_equally_noisy_and_free_of_bias(solved):
    truth, found = solved
    parts = errors(found, truth)
    assert parts[0::2] == pytest.approx(parts[1::2], rel=0.1)
    rest = np.stack([found.charge - truth.charge, found.magnetic - truth.magnetic])[:, truth.inside]
    assert np.abs(rest.mean(axis=1)).max() < 2e-3


def test_ramps_and_shift_are_found(solved):
    truth, found = solved
    assert np.abs(found.ramp - RAMPS).max() * SIZE < 0.01
    assert np.abs(found.shift - SHIFT).max() < 0.06
    span = np.ptp(HARMONIC[truth.seen])
    assert found.background_range == pytest.approx([BENT[0].real * span, BENT[0].imag * span], rel=0.1)


def test_exterior_is_zero_on_average(solved):
    truth, found = solved
    outside = truth.exterior & truth.seen
    for part in (found.charge, found.magnetic):
        assert np.abs(part[outside].mean()) < 1e-4
        assert rms(part[outside].real) < 0.6 * NOISE


def test_noise_free_parts_are_exact_up_to_the_displacement():
    truth = case(4, noise=0.0)
    found = truth.made()
    assert errors(found, truth).max() < 2e-3
    assert np.abs((found.charge - truth.charge)[truth.inside]).max() < 0.02


@pytest.mark.parametrize("phase", [4.6, -8.0])
def test_phase_beyond_half_a_turn_is_unwrapped(phase):
    truth = case(5, phase=phase)
    found = truth.made()
    assert np.abs(found.charge.imag[truth.inside]).max() > 0.95 * abs(phase)
    assert np.all(errors(found, truth) < 1.12 * expected(truth))


def test_dark_pixels_behind_thick_nickel_stay_on_their_branch():
    truth = case(6, density=5.0, phase=4.0, noise=0.05)
    found = truth.made()
    assert np.abs((found.charge - truth.charge).imag[truth.inside]).max() < np.pi
    assert np.all(errors(found, truth) < 1.2 * expected(truth))


def test_displacement_beyond_the_margin_of_the_exterior():
    truth = case(7, shift=(4.4, -3.2))
    found = truth.made()
    assert np.abs(found.shift - (4.4, -3.2)).max() < 0.06
    assert np.all(errors(found, truth) < 1.12 * expected(truth))


def test_other_helicity_first_turns_the_sign_of_the_magnetic_part():
    truth = case(8, shift=(0.0, 0.0))
    first, second = truth.made(), truth.made(plus=truth.minus, minus=truth.plus)
    here = truth.inside
    assert np.corrcoef(first.magnetic.imag[here], truth.magnetic.imag[here])[0, 1] > 0.9
    assert np.corrcoef(first.magnetic.real[here], truth.magnetic.real[here])[0, 1] > 0.8
    assert rms((first.magnetic + second.magnetic).imag[here]) < 0.3 * expected(truth)
    assert rms((first.charge - second.charge).imag[here]) < 0.3 * expected(truth)


def test_what_is_not_seen_does_not_matter():
    truth = case(9)
    found = truth.made()
    rubbish = np.where(truth.seen, truth.plus, 1e3 * np.exp(1j * X * Y)).astype(np.complex64)
    empty = np.where(truth.seen, truth.minus, np.nan).astype(np.complex64)
    again = truth.made(plus=rubbish, minus=empty, exterior=truth.exterior | ~truth.seen)
    np.testing.assert_array_equal(again.charge, found.charge)
    np.testing.assert_array_equal(again.magnetic, found.magnetic)


def test_everything_is_seen_by_default():
    truth = case(10)
    found = truth.made(seen=None)
    assert np.all(errors(found, truth) < 1.12 * expected(truth))


def test_vortices_are_counted():
    truth = case(11)
    turn = (Y + 0.5) + 1j * (X + 0.5)
    vortex = (truth.plus * turn / np.abs(turn)).astype(np.complex64)
    assert truth.made(plus=vortex, minus=vortex).residues >= 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"minus": np.ones((4, 4), np.complex64)}, r"minus is complex64 of shape \(4, 4\); allowed: "),
        ({"plus": np.ones((SIZE, SIZE))}, "plus is float64 of shape"),
        ({"plus": np.full((SIZE, SIZE), np.nan + 0j)}, "plus has 12321 seen values that are not finite; allowed: 0"),
        ({"minus": np.zeros((SIZE, SIZE), np.complex64)}, r"minus is 0 in 100.0% of the exterior; allowed: nowhere"),
        ({"exterior": np.zeros((SIZE, SIZE), bool)}, r"exterior is 0.0% of the view where it is seen; allowed: "),
        ({"exterior": np.ones((SIZE, SIZE))}, "exterior is float64 of shape .*; allowed: bool"),
        ({"seen": np.ones((4, 4), bool)}, r"seen is bool of shape \(4, 4\); allowed: "),
    ],
)
def test_refusals_are_one_line(changed, message):
    with pytest.raises(ValueError, match=message) as error:
        case(0).made(**changed)
    assert "\n" not in str(error.value)
