"""Projections onto magnitudes: what they give, what floats, and what partial coherence they stand for."""

import numpy as np
import pytest

from numerics import fourier
from numerics.threads import use_threads
from reconstructors.phase_retrieval import coherence, magnitudes

N = 64
PIXEL = 1e-8
FIELD = N * PIXEL
BEAM = coherence.SchellBeam((1 / (0.45 * FIELD) ** 2, 1 / (0.8 * FIELD) ** 2))
TILTS = [(-0.4, -0.2), (-0.4, 0.2), (0.4, -0.2), (0.4, 0.2)]


def wave(seed=0, n=N, photons=1e7):
    """Return a wave within a disc of a quarter of the field, unshifted."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:n, :n] - n // 2
    values = (np.hypot(y, x) < n / 8) * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    return fourier.from_centre(values * np.sqrt(photons / np.sum(np.abs(values) ** 2))).astype(np.complex64)


def pattern(n=N, seed=9, missing=0.1):
    """Return a pattern with missing pixels, and zeros that were measured."""
    rng = np.random.default_rng(seed)
    amplitude = np.abs(fourier.fft2(wave(seed, n))).astype(np.float32)
    amplitude[rng.random((n, n)) < 0.1] = 0
    return magnitudes.Pattern(amplitude, rng.random((n, n)) >= missing)


def build(name, measured):
    n = measured.shape[0]
    if name == "coherent":
        return magnitudes.CoherentMagnitudes(measured)
    if name == "blurred":
        return magnitudes.BlurredMagnitudes(measured, BEAM.mutual(n, FIELD / n))
    return magnitudes.TiltedMagnitudes(measured, TILTS)


def tilted_mean(values, shifts, weights):
    """Sum the patterns of tilted plane waves one by one, float64."""
    n = values.shape[0]
    place = fourier.unshifted_frequencies(n, 1.0)
    total = np.zeros((n, n))
    for (dy, dx), weight in zip(shifts, weights, strict=True):
        ramp = np.exp(2j * np.pi * (dy * place[:, None] + dx * place[None, :]))
        total += weight * np.abs(fourier.fft2(values * ramp)) ** 2
    return total


def test_coherent_projection_has_the_measured_magnitudes_and_keeps_the_phases():
    measured, values = pattern(), wave()
    projection, out = build("coherent", measured), np.empty_like(values)
    before = values.copy()
    projection.onto(values, out)
    np.testing.assert_array_equal(values, before)
    old, new = fourier.fft2(values.astype(np.complex128)), fourier.fft2(out.astype(np.complex128))
    expected = np.where(measured.valid, measured.amplitude * old / np.abs(old), old)
    np.testing.assert_allclose(new, expected, atol=1e-5 * np.abs(old).max())
    misfit = np.sum((np.abs(old) - measured.amplitude)[measured.valid] ** 2) / measured.photons()
    assert projection.error == pytest.approx(misfit, rel=1e-5)


@pytest.mark.parametrize("name", ["coherent", "blurred", "tilted"])
def test_missing_pixels_float_and_measured_zeros_do_not(name):
    measured, values = pattern(), wave()
    out = np.empty_like(values)
    build(name, measured).onto(values, out)
    old, new = np.abs(fourier.fft2(values)), np.abs(fourier.fft2(out))
    zero, scale = measured.valid & (measured.amplitude == 0), np.abs(old).max()
    if name != "tilted":  # which only fixes the mean of the tilted patterns
        assert np.max(np.abs(new - old)[~measured.valid]) < 1e-5 * scale
        assert np.max(new[zero]) < 1e-5 * scale


@pytest.mark.parametrize("name", ["coherent", "blurred", "tilted"])
def test_an_empty_pattern_empties_the_wave_and_an_unmeasured_one_leaves_it(name):
    values, single = wave(), np.zeros((N, N), np.float32)
    single[0, 0] = 1
    out = np.full_like(values, np.nan)
    build(name, magnitudes.Pattern(single, np.ones((N, N), bool))).onto(values, out)
    assert np.max(np.abs(out)) < 2 / N
    build(name, magnitudes.Pattern(single, single > 0)).onto(values, out)
    spectrum = np.abs(fourier.fft2(values))
    assert np.max(np.abs(out - values)) < 2 * spectrum[:2, :2].max() / N


@pytest.mark.parametrize("name", ["coherent", "blurred", "tilted"])
def test_a_wave_that_fits_does_not_change(name):
    values = wave()
    model = build(name, pattern()).model(values)
    projection = build(name, magnitudes.Pattern(np.sqrt(model).astype(np.float32), np.ones((N, N), bool)))
    out = np.empty_like(values)
    projection.onto(values, out)
    assert np.max(np.abs(out - values)) < 1e-4 * np.abs(values).max()
    assert projection.error < 1e-10


def test_blur_is_the_sum_over_the_tilts_of_a_schell_beam():
    values = wave().astype(np.complex128)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    sigma = [FIELD / (2 * np.pi * length) for length in BEAM.length]
    shifts = [(a * sigma[0], b * sigma[1]) for a in nodes for b in nodes]
    joint = np.outer(weights, weights).ravel() / weights.sum() ** 2
    expected = tilted_mean(values, shifts, joint)
    model = magnitudes.BlurredMagnitudes(pattern(), BEAM.mutual(N, PIXEL)).model(values)
    np.testing.assert_allclose(model, expected, atol=1e-9 * expected.max())
    assert np.max(np.abs(model - np.abs(fourier.fft2(values)) ** 2)) > 0.01 * expected.max()


def test_blur_keeps_the_faint_pixels_of_a_bright_pattern():
    n = 256
    values = fourier.from_centre(np.ones((n, n)) * (np.hypot(*(np.mgrid[:n, :n] - n // 2)) < n / 8))
    values = (values * np.sqrt(1e9) / np.abs(fourier.fft2(values)).max()).astype(np.complex64)
    nothing = magnitudes.Pattern(np.ones((n, n), np.float32), np.ones((n, n), bool))
    projection = magnitudes.BlurredMagnitudes(nothing, BEAM.mutual(n, FIELD / n))
    model = projection.model(values)
    own = projection.own(values)
    assert own.max() > 0.99e9
    exact = fourier.irfft2(fourier.rfft2(own) * BEAM.mutual(n, FIELD / n), (n, n))
    assert np.max(np.abs(model - exact)) < 1e-3


def test_tilted_model_is_the_mean_of_the_tilted_patterns():
    values = wave()
    expected = tilted_mean(values.astype(np.complex128), TILTS, np.full(4, 0.25))
    model = magnitudes.TiltedMagnitudes(pattern(), TILTS).model(values)
    np.testing.assert_allclose(model, expected, atol=1e-5 * expected.max())
    uneven = [(0.3, 0.1), (-0.2, 0.4), (0.0, -0.5)]
    expected = tilted_mean(values.astype(np.complex128), uneven, np.full(3, 1 / 3))
    model = magnitudes.TiltedMagnitudes(pattern(), uneven).model(values)
    np.testing.assert_allclose(model, expected, atol=1e-5 * expected.max())


def test_tilted_projection_averages_the_projections_of_its_tilts():
    values, measured = wave(), pattern()
    place = fourier.unshifted_frequencies(N, 1.0)
    ramps = [np.exp(2j * np.pi * (dy * place[:, None] + dx * place[None, :])) for dy, dx in TILTS]
    spectra = [fourier.fft2(values * ramp) for ramp in ramps]
    modelled = np.sqrt(np.mean(np.abs(spectra) ** 2, axis=0))
    ratio = np.where(measured.valid, measured.amplitude / modelled, 1)
    expected = np.mean([fourier.ifft2(s * ratio) * r.conj() for s, r in zip(spectra, ramps, strict=True)], axis=0)
    out = np.empty_like(values)
    projection = magnitudes.TiltedMagnitudes(measured, TILTS)
    projection.onto(values, out)
    np.testing.assert_allclose(out, expected, atol=1e-5 * np.abs(expected).max())
    misfit = np.sum((modelled - measured.amplitude)[measured.valid] ** 2) / measured.photons()
    assert projection.error == pytest.approx(misfit, rel=1e-5)


@pytest.mark.parametrize("name", ["coherent", "blurred", "tilted"])
@pytest.mark.parametrize("n", [320, 250])
def test_threads_do_not_change_a_byte(name, n):
    measured, values = pattern(n), wave(n=n)
    results = []
    for count in (1, 2):
        projection, out = build(name, measured), np.empty_like(values)
        with use_threads(count):
            projection.onto(values, out)
        results.append((out.tobytes(), projection.error))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["coherent", "blurred", "tilted"])
def test_single_and_double_precision_agree(name):
    measured, values = pattern(), wave()
    projection, results = build(name, measured), []
    for dtype in (np.complex64, np.complex128):
        out = np.empty((N, N), dtype)
        projection.onto(values.astype(dtype), out)
        results.append((out, projection.error))
    assert np.max(np.abs(results[0][0] - results[1][0])) < 1e-5 * np.abs(values).max()
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-5)
