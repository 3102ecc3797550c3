import numpy as np
import pytest

from optics.propagation import propagate
from tests.validation.labyrinths import disc, labyrinth
from validation import apply_registration, complex_error, fourier_ring_correlation, register, twin_content
from validation.alignment import moved, ramped, twin

PIXEL, WAVELENGTH = 5.3e-9, 1.59e-9


@pytest.fixture(scope="module")
def worms():
    return labyrinth(192, pixel=PIXEL, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def wave(worms):
    return (0.6 + 0.06 * worms) * np.exp(0.1j * worms) * disc(192, 75, edge=1.0)


@pytest.mark.parametrize("seed", range(6))
def test_shift_of_worm_domains_under_a_mask(worms, seed):
    rng = np.random.default_rng(seed)
    shift = tuple(rng.uniform(-8, 8, 2))
    mask = disc(192, 60, edge=2)
    image = 0.7 * moved(worms, shift) * disc(192, 80) + 0.1 + 0.15 * rng.standard_normal(worms.shape)
    found = register(image, worms, gauge=("shift",), mask=mask)
    assert np.hypot(*np.add(found.shift, shift)) < 0.05
    assert (found.scale, found.offset, found.phase) == (1.0, 0.0, 0.0)
    assert found.removed == ("shift",)


@pytest.mark.parametrize("seed", range(4))
def test_whole_gauge_of_a_wave(wave, seed):
    rng = np.random.default_rng(10 + seed)
    shift, ramp = tuple(rng.uniform(-4, 4, 2)), tuple(rng.uniform(-2, 2, 2) / 192)
    focus, phase = rng.uniform(-200e-9, 200e-9), rng.uniform(-3, 3)
    image = propagate(wave, focus, wavelength=WAVELENGTH, pixel_size=PIXEL)
    image = 1.3 * np.exp(1j * phase) * ramped(moved(image, shift), ramp)
    image = image + 0.05 * (rng.standard_normal(wave.shape) + 1j * rng.standard_normal(wave.shape))
    image = twin(image) if seed % 2 else image
    names = ("twin", "ramp", "focus", "shift", "phase", "scale")
    found = register(image, wave, gauge=names, focus=(WAVELENGTH, PIXEL, 300e-9))
    assert found.twin == bool(seed % 2)
    assert np.hypot(*np.add(found.ramp, ramp)) * 192 < 0.002
    assert abs(found.focus + focus) < 20e-9
    assert np.hypot(*np.add(found.shift, shift)) < 0.05
    assert found.scale == pytest.approx(1 / 1.3, rel=0.03)
    assert found.correlation > 0.95
    np.testing.assert_allclose(apply_registration(image, found), found.image)
    # the constant phase depends on where the ramp and the shift have their zero; the registered image does not
    assert abs(np.angle(np.vdot(found.image, wave))) < 0.005


def test_only_what_is_asked_for_is_removed(wave):
    image = 2 * np.exp(0.5j) * wave
    assert register(image, wave, gauge=()).image == pytest.approx(image)
    only_phase = register(image, wave, gauge=("phase",))
    assert only_phase.phase == pytest.approx(-0.5)
    assert np.abs(only_phase.image).max() == pytest.approx(2 * np.abs(wave).max())


def test_scale_and_offset_of_a_real_image(worms):
    found = register(0.8 * worms + 0.2, worms, gauge=("scale", "offset"))
    assert found.scale == pytest.approx(1.25)
    np.testing.assert_allclose(found.image, worms, atol=1e-9)
    assert register(-worms, worms, gauge=("phase", "shift"), bound=1.5).correlation < 0, "a sign is no gauge"


def test_scores_do_not_depend_on_a_removed_gauge(wave):
    rng = np.random.default_rng(3)
    noisy = wave + 0.05 * (rng.standard_normal(wave.shape) + 1j * rng.standard_normal(wave.shape))
    turned = 0.4 * np.exp(2j) * np.roll(noisy, (3, -5), axis=(0, 1))
    plain, other = (register(image, wave) for image in (noisy, turned))
    assert complex_error(other.image, wave, gauge=()) == pytest.approx(
        complex_error(plain.image, wave, gauge=()), rel=1e-6
    )
    curves = [fourier_ring_correlation(r.image, wave, pixel_size=PIXEL).correlation for r in (plain, other)]
    np.testing.assert_allclose(curves[0][1:], curves[1][1:], atol=1e-6)


def test_periodic_image_does_not_lock_one_period_off():
    stripes = np.cos(2 * np.pi * np.arange(140) / 28)[None, :] * np.ones((140, 1))
    rng = np.random.default_rng(4)
    image = moved(stripes, (0.0, 3.3)) + 0.1 * rng.standard_normal(stripes.shape)
    assert register(image, stripes, gauge=("shift",)).shift[1] == pytest.approx(-3.3, abs=0.05)
    far = register(moved(stripes, (0.0, 20.0)), stripes, gauge=("shift",), bound=40).shift[1]
    assert far == pytest.approx(8.0, abs=0.05), "the nearest of equal matches"


def test_bound_holds(worms):
    found = register(np.roll(worms, 12, axis=0), worms, gauge=("shift",), bound=4.0)
    assert np.hypot(*found.shift) <= 6


def test_twin_content(worms):
    rng = np.random.default_rng(5)
    image = 0.5 * worms + 0.3 * moved(twin(worms), (3.0, 4.0)) + 0.05 * rng.standard_normal(worms.shape)
    a, b, r2 = twin_content(image, worms)
    assert (a, b) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.3, abs=0.02))
    assert r2 > 0.97


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gauge": ("rotation",)}, "gauge"),
        ({"gauge": "shift"}, "gauge"),
        ({"gauge": ("ramp",)}, "real"),
        ({"gauge": ("focus",)}, "focus"),
        ({"reference": np.ones((5, 5))}, "shapes"),
        ({"reference": np.zeros((192, 192))}, "zero"),
        ({"image": np.full((192, 192), np.nan)}, "not finite"),
        ({"mask": np.zeros((192, 192))}, "mask"),
        ({"bound": -1.0}, "bound"),
    ],
)
def test_bad_input_is_told_in_one_line(worms, change, words):
    arguments = {"image": worms, "reference": worms, "gauge": ("shift",)} | change
    with pytest.raises(ValueError, match=words) as caught:
        register(arguments.pop("image"), arguments.pop("reference"), **arguments)
    assert "\n" not in str(caught.value)
