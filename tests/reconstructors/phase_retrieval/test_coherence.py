"""What blurs a pattern, and whether it is found again."""

import numpy as np
import pytest

from numerics import fourier
from numerics.threads import use_threads
from reconstructors.phase_retrieval import coherence, magnitudes

N = 128
PIXEL = 1e-8
FIELD = N * PIXEL


def exit_wave(seed=0, photons=1e8, radius=N / 8):
    """Return a wave within a disc, unshifted, complex128."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:N, :N] - N // 2
    values = (np.hypot(y, x) < radius) * (rng.normal(size=(N, N)) + 1j * rng.normal(size=(N, N)))
    return fourier.from_centre(values * np.sqrt(photons / np.sum(np.abs(values) ** 2)))


def intensity(wave):
    return np.abs(fourier.fft2(wave)) ** 2


def blurred_by_sum(wave, lengths, order=9):
    """Average patterns over the tilts of the beam and over the area of a pixel, one plane wave after another."""
    place = fourier.unshifted_frequencies(N, 1.0)
    ramps = []
    for length in lengths:
        nodes, weights = np.polynomial.hermite_e.hermegauss(order)
        inside, area = np.polynomial.legendre.leggauss(5)
        shifts = (FIELD / (2 * np.pi * length) * nodes)[:, None] + inside / 2
        joint = np.outer(weights / weights.sum(), area / 2)
        ramps.append([(w, np.exp(2j * np.pi * s * place)) for s, w in zip(shifts.ravel(), joint.ravel(), strict=True)])
    # Nearly all of the weight sits in few of them.
    ramps = [[pair for pair in axis if pair[0] > 1e-7] for axis in ramps]
    total = np.zeros((N, N))
    for weight_y, along in ramps[0]:
        for weight_x, across in ramps[1]:
            total += weight_y * weight_x * intensity(wave * along[:, None] * across[None, :])
    return total


def as_pattern(photons, valid=None):
    return magnitudes.Pattern(
        np.sqrt(np.maximum(photons, 0)).astype(np.float32), np.ones((N, N), bool) if valid is None else valid
    )


def gaussian_kernel(width, sigma):
    """Return the kernel on `width` pixels and its mutual coherence."""
    index = np.arange(-(width // 2), width // 2 + 1)
    kernel = np.exp(-(index[:, None] ** 2 + index[None, :] ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    whole = np.zeros((N, N))
    whole[np.ix_(index % N, index % N)] = kernel
    return kernel, fourier.rfft2(whole) * N


def blur(photons, mutual):
    return fourier.irfft2(fourier.rfft2(photons) * mutual, (N, N))


def test_schell_beam_lengths_and_visibility():
    beam = coherence.SchellBeam((1 / 2e-6**2, 0.0))
    assert beam.length == (pytest.approx(2e-6), np.inf)
    round_beam = coherence.SchellBeam((1 / 3.27e-6**2, 1 / 3.27e-6**2))
    assert round_beam.visibility(1.5e-6) == pytest.approx(0.9, abs=1e-3)
    mutual = round_beam.mutual(N, PIXEL)
    assert mutual.shape == (N, N // 2 + 1)
    assert mutual[0, 0] == 1
    assert mutual[30, 40] == pytest.approx(np.exp(-((50 * PIXEL) ** 2) / (2 * 3.27e-6**2)))


@pytest.mark.parametrize("lengths", [(0.7e-6, 1.2e-6), (1.5e-6, 0.9e-6)])
def test_lengths_of_both_axes_are_found_behind_the_blur_of_the_pixels(lengths):
    wave = exit_wave()
    rng = np.random.default_rng(1)
    valid = rng.random((N, N)) > 0.05
    photons = rng.poisson(blurred_by_sum(wave, lengths)).astype(np.float64)
    found = coherence.fit_schell(
        [intensity(wave)],
        [as_pattern(photons, valid)],
        pixel=coherence.pixel_mutual(N, PIXEL),
        pixel_size=PIXEL,
        start=coherence.SchellBeam(),
        steps=5,
    )
    assert found.length == pytest.approx(lengths, rel=0.05)
    ignored = coherence.fit_schell(
        [intensity(wave)],
        [as_pattern(photons, valid)],
        pixel=np.ones((N, N // 2 + 1)),
        pixel_size=PIXEL,
        start=coherence.SchellBeam(),
        steps=5,
    )
    assert max(ignored.length) < 0.9 * max(lengths)


def test_a_coherent_pattern_gives_a_coherent_beam():
    wave = exit_wave()
    found = coherence.fit_schell(
        [intensity(wave)] * 2,
        [as_pattern(intensity(wave))] * 2,
        pixel=np.ones((N, N // 2 + 1)),
        pixel_size=PIXEL,
        start=coherence.SchellBeam((1 / FIELD**2, 1 / FIELD**2)),
    )
    assert min(found.length) > 20 * FIELD


def test_four_tilts_have_the_variance_of_the_beam_and_the_pixels():
    beam = coherence.SchellBeam((1 / 0.7e-6**2, 1 / 1.2e-6**2))
    tilts = np.array(coherence.few_tilts(beam, N, PIXEL))
    bare = np.array(coherence.few_tilts(beam, N, PIXEL, pixel=False))
    assert tilts.shape == (4, 2)
    np.testing.assert_allclose(tilts.mean(axis=0), 0, atol=1e-12)
    sigma = FIELD / (2 * np.pi * np.array(beam.length))
    np.testing.assert_allclose(bare.var(axis=0), sigma**2)
    np.testing.assert_allclose(tilts.var(axis=0), sigma**2 + 1 / 12)
    assert np.cov(tilts.T)[0, 1] == pytest.approx(0, abs=1e-12)


def test_four_tilts_stand_for_a_nearly_coherent_beam():
    lengths = (2.4e-6, 3.5e-6)
    wave = exit_wave()
    beam = coherence.SchellBeam((1 / lengths[0] ** 2, 1 / lengths[1] ** 2))
    exact = blurred_by_sum(wave, lengths)
    tilts = coherence.few_tilts(beam, N, PIXEL)
    model = magnitudes.TiltedMagnitudes(as_pattern(exact), tilts).model(wave)
    coherent = np.linalg.norm(intensity(wave) - exact)
    assert np.linalg.norm(model - exact) < 0.01 * coherent


def test_richardson_lucy_recovers_a_kernel_that_the_speckles_resolve():
    own = intensity(exit_wave(radius=N / 3))
    kernel, mutual = gaussian_kernel(9, 0.8)
    solver = coherence.RichardsonLucy(n=N, width=9, window=N)
    solver.update(own, blur(own, mutual), np.ones((N, N), bool), steps=400)
    np.testing.assert_allclose(solver.centred(), kernel, atol=0.005)
    # Separations longer than the object leave no trace in its pattern.
    y, x = coherence.separations(N, PIXEL)
    near = np.hypot(y[:, None], x[None, :]) < FIELD / 2
    np.testing.assert_allclose(solver.mutual()[near], mutual[near], atol=0.02)


def test_richardson_lucy_from_a_flat_start_turns_an_unresolved_blur_into_a_peak_and_a_background():
    # Known of the published recipe: with well sampled speckles the misfit falls, the kernel stays too narrow.
    own = intensity(exit_wave(radius=N / 16))
    kernel, mutual = gaussian_kernel(9, 0.5)
    measured = blur(own, mutual)
    solver = coherence.RichardsonLucy(n=N, width=9, window=N)
    before = np.sum((blur(own, solver.mutual()) - measured) ** 2)
    solver.update(own, measured, np.ones((N, N), bool), steps=50)
    after = np.sum((blur(own, solver.mutual()) - measured) ** 2)
    assert after < 0.5 * before
    found = solver.centred()
    assert found[4, 4] > kernel[4, 4] + 0.1
    assert found[4, 5] < 0.2 * kernel[4, 5]


def test_richardson_lucy_step_is_the_published_formula():
    rng = np.random.default_rng(3)
    own, valid = intensity(exit_wave()), rng.random((N, N)) > 0.1
    measured = blur(own, gaussian_kernel(9, 0.8)[1])
    solver = coherence.RichardsonLucy(n=N, width=9, window=N)
    whole = fourier.irfft2(solver.mutual() / N, (N, N))
    model = np.maximum(blur(own, solver.mutual()), 1e-6 * own.max())
    ratio = np.where(valid, measured / model, 1)
    gain = fourier.irfft2(np.conj(fourier.rfft2(own)) * fourier.rfft2(ratio), (N, N)) * N / own.sum()
    index = np.arange(-4, 5) % N
    expected = (whole * gain)[np.ix_(index, index)]
    solver.update(own, measured, valid, steps=1)
    np.testing.assert_allclose(solver.centred(), expected / expected.sum(), rtol=1e-9)


@pytest.mark.parametrize("window", [N, 64])
def test_richardson_lucy_stands_a_huge_dynamic_range(window):
    own = np.full((N, N), 1e-12)
    own[0, 0], own[3, 1] = 1e12, 1e3
    measured = np.zeros((N, N))
    measured[0, 0], measured[60, 60] = 1e12, 1e9
    valid = np.ones((N, N), bool)
    valid[:2] = False
    solver = coherence.RichardsonLucy(n=N, width=15, window=window)
    with np.errstate(all="raise", under="ignore"):
        solver.update(own, measured, valid, steps=50)
    assert np.all(np.isfinite(solver.kernel))
    assert np.all(solver.kernel >= 0)
    assert solver.kernel.sum() == pytest.approx(1)
    assert np.all(np.isfinite(solver.mutual()))


def test_threads_do_not_change_a_byte_of_the_kernel():
    own = intensity(exit_wave())
    results = []
    for count in (1, 2):
        solver = coherence.RichardsonLucy(n=N, width=9, window=100)
        with use_threads(count):
            solver.update(own, blur(own, gaussian_kernel(9, 0.8)[1]), np.ones((N, N), bool), steps=10)
        results.append(solver.kernel.tobytes())
    assert results[0] == results[1]
