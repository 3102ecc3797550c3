import numpy as np
import pytest

from numerics import fourier
from validation.resolution.curves import fourier_ring_correlation
from validation.resolution.phase_randomized import phase_randomized_correlation

BAND = 0.1  # cycles per sample


def radius(shape):
    return np.sqrt(sum(g**2 for g in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")))


def halves(rng, shape, *, noise, band=BAND):
    """Return two noisy copies of an object without power beyond `band`, and the object."""
    spectrum = fourier.fftn(rng.standard_normal(shape)) * (radius(shape) <= band)
    truth = fourier.ifftn(spectrum).real
    truth /= truth.std()
    return truth + noise * rng.standard_normal((2, *shape)), truth


def ball(shape, share, *, edge=0.0):
    """Return a ball that fills `share` of the array, with a soft edge."""
    centred = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    r = np.sqrt(sum(c**2.0 for c in centred))
    limit = np.quantile(r, share)
    return (r <= limit).astype(float) if edge == 0 else 1 / (1 + np.exp(np.clip((r - limit) / edge, -50, 50)))


@pytest.mark.parametrize("shape", [(64, 64, 64), (256, 256)])
def test_a_sharp_mask_is_found_and_taken_off(shape):
    means, steps = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        pair, _ = halves(rng, shape, noise=0.05)
        found = phase_randomized_correlation(*pair, pixel_size=1.0, mask=ball(shape, 0.22), rng=rng)
        beyond = found["frequency"] >= found["seam"]
        names = ("unmasked", "masked", "randomized", "corrected")
        means.append([float(np.average(found[n][beyond], weights=found["count"][beyond])) for n in names])
        assert float(found["mean_beyond"]) == pytest.approx(means[-1][-1])
        assert found["mask_correlates"]
        # the object ends where the procedure begins: only the jump at the seam could be read as a resolution
        assert found["seam_decides"]
        steps.append(float(found["seam_step"]))
    unmasked, masked, randomized, corrected = np.transpose(means)
    assert np.abs(unmasked).max() < 0.02
    assert masked.min() > 0.5
    assert randomized == pytest.approx(masked, abs=0.02)
    assert abs(corrected.mean()) < 0.02
    assert np.abs(corrected).max() < 0.05
    assert np.mean(steps) > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_a_soft_mask_and_a_smooth_curve_raise_no_flag(seed):
    rng = np.random.default_rng(seed)
    shape = (256, 256)
    envelope = np.maximum(radius(shape), 1 / 256) ** -2.5
    truth = fourier.ifftn(fourier.fftn(rng.standard_normal(shape)) * envelope).real
    pair = truth + 8.0 * rng.standard_normal((2, *shape))
    found = phase_randomized_correlation(*pair, pixel_size=5e-9, mask=ball(shape, 0.4, edge=6.0), rng=rng)
    assert not found["mask_correlates"]
    assert not found["seam_decides"]
    last = found["frequency"].size
    seam = int(np.searchsorted(found["frequency"], found["seam"]))
    assert 3 < seam < last
    # there is signal beyond the seam: the corrected curve keeps it
    assert found["corrected"][seam : seam + 5].mean() > 0.4


def test_curves_are_those_of_their_definition():
    rng = np.random.default_rng(4)
    pair, _ = halves(rng, (96, 80), noise=0.5)
    mask = ball((96, 80), 0.3, edge=2.0)
    found = phase_randomized_correlation(*pair, pixel_size=3e-9, mask=mask, rng=rng, start=0.6)
    for name, window in (("unmasked", None), ("masked", mask)):
        curve = fourier_ring_correlation(*pair, pixel_size=3e-9, mask=window).correlation
        assert np.array_equal(found[name], curve, equal_nan=True)
    first = int(np.flatnonzero(found["unmasked"] < 0.6)[0])
    assert float(found["seam"]) == found["frequency"][first + 2]
    below, beyond = slice(0, first + 2), slice(first + 2, None)
    assert np.isnan(found["randomized"][below]).all()
    assert np.array_equal(found["corrected"][below], found["masked"][below], equal_nan=True)
    expected = (found["masked"] - found["randomized"]) / (1 - found["randomized"])
    np.testing.assert_allclose(found["corrected"][beyond], expected[beyond])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
def test_randomising_keeps_what_lies_before_the_start_and_the_power(dtype):
    # without a mask, halves with random phases share nothing beyond, and all below
    rng = np.random.default_rng(5)
    shape = (40, 36, 33)
    envelope = np.maximum(radius(shape), 1 / 40) ** -1.0
    image = fourier.ifftn(fourier.fftn(rng.standard_normal(shape)) * envelope).real
    pair = (image + 2.0 * rng.standard_normal((2, *shape))).astype(dtype)
    found = phase_randomized_correlation(*pair, pixel_size=1.0, mask=np.ones(shape), rng=rng)
    beyond = found["frequency"] >= found["seam"]
    assert abs(np.average(found["randomized"][beyond], weights=found["count"][beyond])) < 0.02
    assert np.array_equal(found["masked"], found["unmasked"], equal_nan=True)
    np.testing.assert_allclose(found["corrected"][beyond], found["masked"][beyond], atol=0.1)


def test_halves_that_agree_everywhere_have_no_seam():
    image = np.random.default_rng(6).standard_normal((32, 32))
    found = phase_randomized_correlation(
        image, image, pixel_size=1.0, mask=ball((32, 32), 0.5), rng=np.random.default_rng(0)
    )
    assert np.isnan(found["seam"])
    assert np.isnan(found["mean_beyond"])
    assert not found["mask_correlates"]
    assert not found["seam_decides"]
    assert np.array_equal(found["corrected"], found["masked"], equal_nan=True)


def test_the_same_generator_gives_the_same_bytes():
    pair, _ = halves(np.random.default_rng(7), (48, 48), noise=0.5)
    options = {"pixel_size": 1.0, "mask": ball((48, 48), 0.3)}
    one, two = (phase_randomized_correlation(*pair, **options, rng=np.random.default_rng(1)) for _ in range(2))
    other = phase_randomized_correlation(*pair, **options, rng=np.random.default_rng(2))
    assert one["corrected"].values.tobytes() == two["corrected"].values.tobytes()
    assert one["corrected"].values.tobytes() != other["corrected"].values.tobytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": 0.0}, "start is 0.0"),
        ({"start": 1.0}, "start is 1.0"),
        ({"mask": None}, "mask is None"),
        ({"rng": None}, "rng is None"),
        ({"rng": 3}, "rng is 3"),
        ({"mask": np.zeros((16, 16))}, "mask is empty"),
        ({"mask": np.ones((8, 16))}, "mask has shape"),
        ({"pixel_size": 5.3}, "pixel_size is 5.3"),
    ],
)
def test_bad_input_is_told_in_one_line(change, words):
    a, b = np.random.default_rng(0).standard_normal((2, 16, 16))
    options = {"pixel_size": 1.0, "mask": np.ones((16, 16)), "rng": np.random.default_rng(0), **change}
    with pytest.raises(ValueError, match=words) as caught:
        phase_randomized_correlation(a, b, **options)
    assert "\n" not in str(caught.value)
