import tracemalloc

import numpy as np
import pytest

from numerics import fourier
from optics.propagation import propagate
from tests.validation.labyrinths import disc, labyrinth, smooth
from validation import apply_registration, complex_error, fourier_ring_correlation, register, twin_content
from validation.registration.alignment import moved, ramped, twin

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


NAMES = ("twin", "ramp", "focus", "shift", "phase", "scale")


def noise(shape, rng):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def random_gauge(wave, rng):
    """Return a wave in another gauge, and that gauge: shift (px), ramp (cycles/px), focus (m), twin."""
    size = len(wave)
    shift, ramp = tuple(rng.uniform(-4, 4, 2)), tuple(rng.uniform(-2, 2, 2) / size)
    focus, is_twin = rng.uniform(-200e-9, 200e-9), bool(rng.integers(2))
    image = ramped(moved(propagate(wave, focus, wavelength=WAVELENGTH, pixel_size=PIXEL), shift), ramp)
    image = rng.uniform(0.5, 2) * np.exp(1j * rng.uniform(-3, 3)) * image
    return (twin(image) if is_twin else image), shift, ramp, focus, is_twin


def gauge_errors(wave, rng, *, snr, mask=None):
    """Return errors in shift (px), ramp (px of the spectrum), focus (m) and phase (rad) of a random gauge."""
    turned, shift, ramp, focus, is_twin = random_gauge(wave, rng)
    level = np.abs(turned)[np.abs(wave) > 0.5 * np.abs(wave).max()]
    noisy = turned + np.sqrt(np.mean(level**2)) / snr * noise(wave.shape, rng)
    found = register(noisy, wave, gauge=NAMES, focus=(WAVELENGTH, PIXEL, 300e-9), mask=mask)
    assert found.twin == is_twin
    # the phase of the clean wave in the gauge found: that of the noisy one is zero by construction
    phase = np.angle(np.vdot(apply_registration(turned, found), wave))
    return (
        np.hypot(*np.add(found.shift, shift)),
        np.hypot(*np.add(found.ramp, ramp)) * len(wave),
        abs(found.focus + focus),
        abs(phase),
    )


def holography_wave(size, seed):
    worms = labyrinth(size, pixel=PIXEL, rng=np.random.default_rng(seed))
    return (0.6 + 0.06 * worms) * np.exp(0.1j * worms) * disc(size, 0.39 * size, edge=1.0)


def least_errors(wave, sigma):
    """Return the Cramer-Rao bound of shift (px), ramp (px), focus (m) and phase (rad), all unknown at once."""
    size = len(wave)
    f, y = fourier.unshifted_frequencies(size, 1.0), np.arange(size) - size // 2
    spectrum = fourier.fft2(wave)
    path = np.pi * WAVELENGTH * (f[:, None] ** 2 + f[None, :] ** 2) / PIXEL**2
    columns = [fourier.ifft2(2j * np.pi * k * spectrum) for k in (f[:, None], f[None, :])]
    columns += [2j * np.pi * y[:, None] * wave / size, 2j * np.pi * y[None, :] * wave / size]
    columns += [fourier.ifft2(1j * path * spectrum), 1j * wave, wave]
    jacobian = np.stack([c.ravel() for c in columns])
    scale = np.linalg.norm(jacobian, axis=1)
    jacobian /= scale[:, None]
    variance = np.diag(np.linalg.inv(2 * (jacobian @ jacobian.conj().T).real / sigma**2)) / scale**2
    return np.sqrt([variance[0] + variance[1], variance[2] + variance[3], variance[4], variance[5]])


def test_every_gauge_within_its_bar_at_snr_5():
    wave = holography_wave(320, 20)
    errors = np.array([gauge_errors(wave, np.random.default_rng(200 + d), snr=5) for d in range(4)])
    assert np.all(errors.max(axis=0) < (0.05, 0.002, 20e-9, 0.005)), errors.max(axis=0)


def test_gauges_are_as_exact_as_the_noise_allows():
    wave = holography_wave(128, 21)
    errors = np.array([gauge_errors(wave, np.random.default_rng(300 + d), snr=5) for d in range(30)])
    inside = np.abs(wave)[np.abs(wave) > 0.5 * np.abs(wave).max()]
    bound = least_errors(wave, np.sqrt(np.mean(inside**2)) / 5)
    ratio = np.sqrt(np.mean(errors**2, axis=0)) / bound
    assert np.all(ratio < 1.35), "root mean square over the Cramer-Rao bound, 30 draws"
    assert np.all(ratio > 0.6), "nothing can be better than the bound"


@pytest.mark.parametrize("seed", range(3))
def test_noise_free_gauges_are_exact_with_and_without_a_mask(wave, seed):
    for mask in (None, disc(192, 60, edge=3)):
        errors = gauge_errors(wave, np.random.default_rng(seed), snr=np.inf, mask=mask)
        assert np.all(np.array(errors) < (1e-5, 1e-6, 1e-12, 1e-6)), errors


@pytest.mark.parametrize("seed", range(5))
def test_worm_domains_shifted_beyond_half_a_period(worms, seed):
    rng = np.random.default_rng(40 + seed)
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(18, 40)  # px; half a period is 14 px
    shift = (length * np.sin(angle), length * np.cos(angle))
    aperture = disc(192, 55, edge=1.0)
    magnetic, charge = aperture * worms, aperture * (1 + 0.1 * worms)
    # the edge of the aperture alone tells less about hundredths of a pixel than walls do
    for reference, image, mask, bar in (
        (magnetic, magnetic, None, 0.05),
        (worms, magnetic, aperture, 0.05),
        (charge, charge, None, 0.2),
    ):
        noisy = moved(image, shift) + 0.2 * rng.standard_normal(worms.shape)
        found = register(noisy, reference, gauge=("shift",), mask=mask, bound=60)
        assert np.hypot(*np.add(found.shift, shift)) < bar


def sharp_disc(shape, radius, centre=(0.0, 0.0)):
    y, x = (np.arange(n) - n // 2 - c for n, c in zip(shape, centre, strict=True))
    return (np.hypot(y[:, None], x) < radius) * 1.0


@pytest.mark.parametrize("seed", range(4))
def test_shift_under_a_mask_within_an_uneven_image(worms, seed):
    rng = np.random.default_rng(seed)
    slope = 0.2 * worms + np.tanh((np.arange(192) - 106) / 25)[None, :]
    hole = (0.6 + 0.06 * worms) * np.exp(0.1j * worms) * sharp_disc(worms.shape, 60)
    for radius in (20, 30, 45):
        mask = sharp_disc(worms.shape, radius, rng.uniform(-8, 8, 2))
        shift = tuple(rng.uniform(-3, 3, 2))
        for wave, names in ((slope, ("shift",)), (hole, ("phase", "scale", "shift"))):
            found = register(moved(wave, shift), wave, gauge=names, mask=mask)
            assert np.hypot(*np.add(found.shift, shift)) < 0.05, (radius, names)


@pytest.mark.parametrize("seed", range(4))
def test_shift_of_a_wave_under_a_mask_off_centre(wave, seed):
    shift = tuple(np.random.default_rng(seed).uniform(-4, 4, 2))
    found = register(moved(wave, shift), wave, mask=disc(192, 25, edge=2, centre=(10, 5)))
    np.testing.assert_allclose(found.shift, np.negative(shift), atol=1e-4)
    assert found.correlation == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_focus_under_a_sharp_mask(worms, seed):
    rng = np.random.default_rng(seed)
    wave = (0.6 + 0.06 * worms) * np.exp(0.1j * worms) * sharp_disc(worms.shape, 70)
    mask = sharp_disc(worms.shape, 40, rng.uniform(-8, 8, 2))
    errors = gauge_errors(wave, rng, snr=np.inf, mask=mask)
    assert np.all(np.array(errors) < (1e-4, 1e-4, 1e-10, 1e-5)), errors


def test_shift_under_a_mask_smaller_than_half_a_period(worms):
    rng = np.random.default_rng(80)
    for _ in range(24):
        mask = sharp_disc(worms.shape, 7, rng.uniform(-15, 15, 2))
        shift = tuple(rng.uniform(-4, 4, 2))
        found = register(moved(worms, shift), worms, gauge=("shift",), mask=mask)
        assert np.hypot(*np.add(found.shift, shift)) < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_whitened_waves(wave, seed):
    rng = np.random.default_rng(90 + seed)
    spectrum = fourier.fft2(wave)
    white = fourier.ifft2(spectrum / np.maximum(np.abs(spectrum), 1e-12))
    shift, ramp = tuple(rng.uniform(-4, 4, 2)), tuple(rng.uniform(-1, 1, 2) / 192)
    image = np.exp(1j) * ramped(moved(white, shift), ramp)
    image = twin(image) if seed % 2 else image
    found = register(image, white, gauge=("twin", "shift", "ramp", "phase"), upsample=50)
    assert found.twin == bool(seed % 2)
    assert np.hypot(*np.add(found.shift, shift)) < 0.01
    assert np.hypot(*np.add(found.ramp, ramp)) * 192 < 0.001


@pytest.mark.parametrize("names", [("scale",), ("scale", "offset")])
def test_a_sign_is_not_removed(worms, names):
    for values in (worms, worms.astype(complex)):
        found = register(0.3 * (len(names) > 1) - values, values, gauge=names)
        assert found.scale == 0
        assert found.correlation == pytest.approx(-1)
    freed = register(-worms.astype(complex), worms.astype(complex), gauge=(*names, "phase"))
    assert (freed.scale, freed.correlation) == (pytest.approx(1), pytest.approx(1))


def test_scale_of_images_far_from_one(worms):
    found = register(1e-12 * moved(worms, (1.3, 2.4)), worms)
    np.testing.assert_allclose(found.shift, (-1.3, -2.4), atol=1e-4)
    assert found.scale == pytest.approx(1e12, rel=1e-4)


def most_memory(function):
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_stays_below_six_times_the_input(worms):
    real = np.tile(worms, (2, 2))
    rng = np.random.default_rng(0)
    shifted = moved(real, (1.2, 0.3)) + 0.1 * rng.standard_normal(real.shape)
    waves = [(0.6 + 0.06 * v) * np.exp(0.1j * v) for v in (shifted, real)]
    focus = (WAVELENGTH, PIXEL, 30e-9)
    for image, reference, fit in (
        (shifted, real, lambda a, b: register(a, b, gauge=("shift",), mask=disc(384, 150, edge=2))),
        (*waves, lambda a, b: register(a, b, gauge=NAMES, focus=focus)),
        (*waves, twin_content),
    ):
        assert most_memory(lambda f=fit, a=image, b=reference: f(a, b)) < 6 * (image.nbytes + reference.nbytes)


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


@pytest.mark.parametrize("seed", range(4))
def test_scores_do_not_depend_on_the_gauge(wave, seed):
    rng = np.random.default_rng(60 + seed)
    # Gauges of a sampled field commute if it keeps off the border and off the Nyquist frequency, as measured fields do:
    # a cyclic shift carries the rest to where a ramp is another.
    noisy = wave + 0.3 * noise(wave.shape, rng) * disc(192, 70, edge=2)
    noisy = smooth(noisy.real, 1.4) + 1j * smooth(noisy.imag, 1.4)
    turned = random_gauge(noisy, rng)[0]
    focus = (WAVELENGTH, PIXEL, 300e-9)
    plain, other = (register(image, wave, gauge=NAMES, focus=focus) for image in (noisy, turned))
    errors = [complex_error(r.image, wave, gauge=()) for r in (plain, other)]
    assert errors[0] == pytest.approx(errors[1], abs=1e-6)
    curves = [fourier_ring_correlation(r.image, wave, pixel_size=PIXEL).correlation for r in (plain, other)]
    # smoothing leaves 1e-4 of the power in the last rings, no more than crosses the Nyquist frequency
    np.testing.assert_allclose(curves[0][1:86], curves[1][1:86], atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_real_images_do_not_depend_on_their_shift(worms, seed):
    rng = np.random.default_rng(70 + seed)
    mask = disc(192, 60, edge=2)
    noisy = worms + 0.2 * rng.standard_normal(worms.shape)
    # without its Nyquist frequency, a real image's shift can be undone
    noisy = moved(moved(noisy, (0.5, 0.5)), (-0.5, -0.5))
    turned = moved(noisy, tuple(rng.uniform(-6, 6, 2)))
    plain, other = (register(v, worms, gauge=("shift",), mask=mask).image for v in (noisy, turned))
    curves = [fourier_ring_correlation(v, worms, pixel_size=PIXEL, mask=mask).correlation[1:] for v in (plain, other)]
    np.testing.assert_allclose(curves[0], curves[1], atol=1e-6)


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
        ({"mask": np.full((192, 192), np.nan)}, "mask"),
        ({"bound": -1.0}, "bound"),
        ({"image": np.ones((192, 192))}, "image"),
        ({"reference": np.full((192, 192), 0.3)}, "reference"),
        ({"reference": np.full((192, 192), 0.3 + 0.1j)}, "reference is 0.3"),
        ({"image": np.full((192, 192), 1 + 1j)}, "image is 1"),
        ({"reference": np.eye(192, dtype=complex), "mask": 1 - np.eye(192)}, "reference is zero everywhere under"),
        ({"mask": np.full((192, 192), 1 + 1j)}, "mask is complex"),
        ({"upsample": np.nan}, "upsample"),
        ({"upsample": np.inf}, "upsample"),
        ({"image": np.eye(1, 192), "reference": np.eye(1, 192)}, "at least 4 px"),
    ],
)
def test_bad_input_is_told_in_one_line(worms, change, words):
    arguments = {"image": worms, "reference": worms, "gauge": ("shift",)} | change
    with pytest.raises(ValueError, match=words) as caught:
        register(arguments.pop("image"), arguments.pop("reference"), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "focus",
    [
        (WAVELENGTH, PIXEL),
        (WAVELENGTH, PIXEL, 300),
        (WAVELENGTH, PIXEL, np.nan),
        (WAVELENGTH, PIXEL, (1e-9, 2e-9, 3e-9)),
        (WAVELENGTH, PIXEL, (2e-9, 1e-9)),
        ("a", PIXEL, 1e-7),
        1e-7,
    ],
)
def test_a_focus_that_cannot_be_meant_is_refused(wave, focus):
    with pytest.raises(ValueError, match="focus is ") as caught:
        register(wave, wave, gauge=("focus",), focus=focus)
    assert "\n" not in str(caught.value)


def test_an_image_flat_under_the_mask_is_refused(worms):
    mask = sharp_disc(worms.shape, 10)
    with pytest.raises(ValueError, match="flat under the mask"):
        register(worms * (1 - sharp_disc(worms.shape, 40)), worms, gauge=(), mask=mask)


def test_twin_content_of_what_has_no_contrast(worms):
    for constant in (np.ones((192, 192)), np.full((192, 192), 1 + 2j)):
        with pytest.raises(ValueError, match="image is 1"):
            twin_content(constant, constant)
    wave = 1 + 0.1j * worms
    a, b, r2 = twin_content(2j * wave, wave)
    assert (a, b, r2) == (pytest.approx(2j), pytest.approx(0, abs=1e-9), pytest.approx(1))


def test_a_pixel_of_metres_is_refused(wave):
    with pytest.raises(ValueError, match=r"pixel size in focus is 5\.3 m"):
        register(wave, wave, gauge=("focus",), focus=(WAVELENGTH, 5.3, 300e-9))
