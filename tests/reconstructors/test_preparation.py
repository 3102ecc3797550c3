"""From raw frames to patterns: the merge, the tie of the helicities, and the whole chain against the true exit wave."""

from dataclasses import replace

import numpy as np
import pytest

from numerics import fourier
from optics.coherence import mutual_coherence, pixel_coherence
from reconstructors import preparation
from records import measurement
from tests.reconstructors.experiments import SMALL, expected, measured

N = 16
RATE = np.array([40.0, 60.0])  # photons per second and pixel, helicity + and -
TIMES = np.array([[1.0, 10.0], [1.0, 8.0]])
READS = np.array([1, 4])
GAIN, DARK, SATURATION = 3.0, 100.0, 2000.0


def frames(counts=None, valid=None, dark=DARK):
    """Return a measurement of two exposures of a uniform pattern, without noise."""
    data = (RATE[:, None] * TIMES * GAIN + READS * DARK)[:, :, None, None] * np.ones((N, N))
    scalars = dict.fromkeys(measurement.SCALARS, 1e-9) | {
        "energy": 778.0,
        "distance": 0.1,
        "pixel_pitch": 1e-5,
        "gain": GAIN,
        "saturation": SATURATION,
    }
    return measurement.make(
        counts=data if counts is None else counts(data),
        dark=np.full((N, N), dark),
        valid=np.ones((2, N, N), bool) if valid is None else valid,
        exposures={"exposure_time": TIMES, "accumulations": READS, "stop_radius": [0.0, 1e-5]},
        holes={"hole_x": [0.0], "hole_y": [0.0], "hole_diameter": [1e-7], "hole_kind": ["object"]},
        scalars=scalars,
    )


def test_merge_weights_by_exposure():
    def changed(counts):
        counts[0, 0] += 30 * GAIN  # 30 photons more in the one second, none in the ten
        return counts

    rate, exposure = preparation.merge(frames(changed))
    np.testing.assert_allclose(rate[0], (40 * 11 + 30) / 11, rtol=1e-6)
    np.testing.assert_allclose(rate[1], 60, rtol=1e-6)
    np.testing.assert_allclose(exposure, (11 + 9) / 2)


def test_merge_does_not_use_blocked_pixels():
    valid = np.ones((2, N, N), bool)
    valid[1, :4] = False
    valid[:, 8, 8] = False

    def changed(counts):
        counts[:, 1, :4] = 7
        counts[:, :, 8, 8] = 9999
        return counts

    rate, exposure = preparation.merge(frames(changed, valid))
    np.testing.assert_allclose(rate[0, :4], 40, rtol=1e-6)
    np.testing.assert_allclose(exposure[:4], 1)
    assert exposure[8, 8] == 0
    assert rate[0, 8, 8] == 0


def test_merge_leaves_out_what_is_saturated_in_either_helicity():
    def changed(counts):
        counts[1, 1, 3, 3] = READS[1] * SATURATION
        return counts

    rate, exposure = preparation.merge(frames(changed))
    np.testing.assert_allclose(rate[:, 3, 3], RATE, rtol=1e-6)
    assert exposure[3, 3] == 1
    assert exposure[3, 4] == 10


def test_dark_is_removed_once_per_read():
    rate, _ = preparation.merge(frames(dark=DARK - 5))
    np.testing.assert_allclose(rate[0], 40 + 5 * READS.sum() / GAIN / 11, rtol=1e-6)


def test_no_usable_pixel_is_said_in_one_line():
    def saturated(counts):
        return np.broadcast_to((READS * SATURATION)[:, None, None], counts.shape)

    with pytest.raises(ValueError, match=r"^Measurement.counts: no usable pixel[^\n]*$"):
        preparation.prepare(frames(saturated))


def test_helicities_are_tied_by_factor_and_offset():
    rng = np.random.default_rng(1)
    minus = rng.exponential(1000.0, (64, 64))
    valid = rng.random(minus.shape) > 0.2
    plus = np.where(valid, 1.07 * minus - 12 + rng.normal(0, 2, minus.shape), 1e9)
    plus[np.unravel_index(np.argmax(minus), minus.shape)] += 1e6  # beyond the percentiles: no weight
    factor, offset = preparation.tie_helicities(plus, minus, valid)
    assert factor == pytest.approx(1.07, abs=1e-3)
    assert offset == pytest.approx(-12, abs=0.5)


def test_flat_patterns_are_left_as_they_are():
    ones = np.ones((8, 8))
    assert preparation.tie_helicities(ones, ones, ones > 0) == (1.0, 0.0)


@pytest.mark.parametrize(("seed", "visibility"), [(0, 0.9), (1, 0.7)])
def test_prepared_data_are_the_true_patterns_within_their_noise(seed, visibility):
    """Reduced chi-square per ring; proves Ewald mapping, flux factor, gain, dark and merge together."""
    setup = replace(SMALL, source=replace(SMALL.source, visibility=visibility))
    truth = expected(setup, seed).truth
    patterns = preparation.prepare(measured(setup, seed))
    n, pixel = patterns.n, patterns.pixel_size
    model = true_patterns(truth, n, pixel)
    valid, found = patterns.valid, patterns.intensity.astype(np.float64)
    scale = found[:, valid].sum() / model[:, valid].sum()
    model *= scale
    variance = np.maximum(model, 0.5) / np.maximum(patterns.exposure, 1e-9)
    index = np.arange(n) - n // 2
    radius = np.hypot(index[:, None], index[None, :])
    squares = (found - model) ** 2 / variance
    for low, high, bound in ((0, 12, 0.3), (12, 32, 0.1), (32, 64, 0.25), (64, 96, 0.35), (96, 128, 0.35)):
        ring = valid & (radius >= low) & (radius < high)
        assert ring.sum() > 50
        assert squares[:, ring].mean() == pytest.approx(1, abs=bound), (low, high)
        # Without a bias: the sum of the residuals is within its own noise.
        excess = (found - model)[:, ring].sum() / model[:, ring].sum()
        assert abs(excess) < 0.01


def true_patterns(truth, n, pixel):
    """Return both true patterns, centred, blurred by the mutual coherence and by the detector's pixels."""
    y = fourier.unshifted_frequencies(n, 1 / (n * pixel))[:, None]
    lengths = truth["coherence_length"].values
    x = fourier.half_frequencies(n, 1 / (n * pixel))[None, :]
    blur = mutual_coherence(y, x, length=(float(lengths[0]), float(lengths[1])))
    blur = blur * pixel_coherence(y, x, field=n * pixel)
    waves = truth["exit_wave"].values.astype(np.complex128)
    sharp = [np.abs(fourier.fft2(fourier.from_centre(wave))) ** 2 for wave in waves]
    return np.stack([fourier.to_centre(fourier.irfft2(fourier.rfft2(image) * blur, (n, n))) for image in sharp])
