import tracemalloc

import numpy as np
import pytest

from numerics import fourier
from tests.validation.labyrinths import band_limited
from validation.resolution.rings import RingMean, power_spectral_density, ring_grid, ring_mean, spectral_extent

PIXEL = 5e-9


def test_ring_mean_of_a_radial_map():
    f = fourier.frequencies(65, 1.0)
    radius = np.hypot(f[:, None], f[None, :])
    rings = ring_mean(radius, frequency_step=1 / 65)
    np.testing.assert_allclose(rings.mean[3:], rings.frequency[3:], rtol=0.03)
    holed = np.where(radius > 0.3, np.nan, radius)
    masked = ring_mean(holed, frequency_step=1 / 65, valid=radius <= 0.3)
    assert np.isnan(masked.mean[-1])
    assert masked.mean[5] == rings.mean[5]


@pytest.mark.parametrize("shape", [(300, 401), (64, 65, 50)])
def test_ring_mean_is_its_definition_in_blocks_too(shape):
    rng = np.random.default_rng(7)
    values, valid = rng.standard_normal(shape).astype(np.float32), rng.random(shape) > 0.3
    step = tuple(1e6 * (2 + axis) for axis in range(len(shape)))
    pixel = [1 / (n * s) for n, s in zip(shape, step, strict=True)]
    grid = ring_grid(shape, pixel_size=pixel, layout="centred")
    for mask in (None, valid):
        found = ring_mean(values, frequency_step=step, valid=mask)
        weight = np.ones(shape) if mask is None else mask
        np.testing.assert_array_equal(found.count, grid.total(weight))
        np.testing.assert_array_equal(found.frequency, grid.frequency)
        np.testing.assert_allclose(found.mean, grid.total(values * weight) / grid.total(weight), atol=1e-12)


def test_ring_mean_takes_little_memory():
    values = np.ones((512, 512), np.float32)
    tracemalloc.start()
    ring_mean(values, frequency_step=1.0, valid=values > 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / values.nbytes < 5  # six with the input


@pytest.mark.parametrize("shape", [(20, 31), (10, 9, 12)])
def test_layouts_hold_the_same_rings(shape):
    grids = [ring_grid(shape, pixel_size=PIXEL, layout=layout) for layout in ("unshifted", "half", "centred")]
    for grid in grids[1:]:
        assert np.array_equal(grid.count, grids[0].count)
        assert np.array_equal(grid.frequency, grids[0].frequency)


@pytest.mark.parametrize("shape", [(128, 128), (48, 40, 44)])
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_power_spectral_density_of_white_noise_is_its_variance(shape, dtype):
    rng = np.random.default_rng(8)
    image = rng.standard_normal(shape).astype(dtype)
    if np.iscomplexobj(image):
        image += 1j * rng.standard_normal(shape)
    mask = np.ones(shape)
    mask[..., : shape[-2] // 3, :] = 0
    variance = 2 if np.iscomplexobj(image) else 1
    for window in (None, mask > 0.5, mask / 2):
        density = power_spectral_density(image, pixel_size=PIXEL, mask=window)
        level = np.average(density.mean, weights=density.count) / PIXEL ** len(shape)
        assert level == pytest.approx(variance, rel=0.05)


def test_power_spectral_density_finds_a_wave():
    # amplitude 1 at 8 cycles over 64 pixels: half its mean square on either of two samples
    wave = np.cos(2 * np.pi * 8 * np.arange(64) / 64)
    for shape in ((64, 64), (64, 64, 64)):
        density = power_spectral_density(np.broadcast_to(wave, shape), pixel_size=PIXEL)
        total = density.mean * density.count / (64 * PIXEL) ** len(shape)
        assert total[8] == pytest.approx(0.5)
        assert np.delete(total, 8) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("seed", range(4))
def test_density_extends_to_the_edge_of_the_band(seed):
    rng = np.random.default_rng(seed)
    signal = band_limited(256, pixel=PIXEL, half_period=2 * PIXEL, rng=rng)
    noise = 0.3 * signal.std()
    density = power_spectral_density(signal + noise * rng.standard_normal(signal.shape), pixel_size=PIXEL)
    found = spectral_extent(density, noise=(noise * PIXEL) ** 2)
    assert found.crossed
    assert found.half_period == pytest.approx(2 * PIXEL, rel=0.02)
    assert found.full_period == 2 * found.half_period
    assert found.criterion == "3 sigma above noise"
    everywhere = spectral_extent(density, noise=(0.9 * noise * PIXEL) ** 2 * np.ones(density.mean.size), sigmas=1.0)
    assert not everywhere.crossed


def test_nothing_but_noise_extends_to_nothing():
    rng = np.random.default_rng(9)
    found = [
        spectral_extent(power_spectral_density(rng.standard_normal((128, 128)), pixel_size=PIXEL), noise=PIXEL**2)
        for _ in range(100)
    ]
    assert sum(np.isnan(f.half_period) for f in found) > 95
    assert not any(f.crossed for f in found if np.isnan(f.half_period))


def test_spectral_extent_wants_two_rings_in_a_row():
    level = np.ones(50)
    level[[10, 11, 30]] = 2.0
    density = RingMean(np.arange(50.0), level, np.full(50, 200.0))
    assert spectral_extent(density, noise=1.0).frequency == 11
    assert np.isnan(spectral_extent(density, noise=1.0, sigmas=20.0).frequency)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: ring_mean(a * 1j, frequency_step=1.0), "complex"),
        (lambda a: ring_mean(a * np.nan, frequency_step=1.0), "values hold nan"),
        (lambda a: ring_mean(a, frequency_step=0.0), "frequency_step"),
        (lambda a: ring_mean(a, frequency_step=1.0, valid=a[1:] > 0), "valid has shape"),
        (lambda a: ring_mean(a, frequency_step=1.0, valid=0 * a), "valid is False everywhere"),
        (lambda a: ring_mean(a, frequency_step=1.0, valid=np.full(a.shape, 0.5)), "valid is of dtype float64"),
        (lambda a: ring_mean(a[0], frequency_step=1.0), "values has 1 dimensions"),
        (lambda a: ring_grid(a.shape, pixel_size=1.0, layout="shifted"), "layout"),
        (lambda a: ring_grid(a.shape, pixel_size=1.0, ring_width=np.inf), "ring_width"),
        (lambda a: power_spectral_density(a, pixel_size=5.3), "pixel_size is 5.3"),
        (lambda a: power_spectral_density(a * np.inf, pixel_size=1.0), "image holds"),
        (lambda a: power_spectral_density(a, pixel_size=1.0, mask=0 * a), "mask is empty"),
        (lambda a: spectral_extent(power_spectral_density(a, pixel_size=1.0), noise=0.0), "noise"),
        (lambda a: spectral_extent(power_spectral_density(a, pixel_size=1.0), noise=np.ones(3)), "noise"),
        (lambda a: spectral_extent(power_spectral_density(a, pixel_size=1.0), noise=1.0, sigmas=0.0), "sigmas"),
        (lambda a: spectral_extent(power_spectral_density(a, pixel_size=1.0), noise=1.0, mask_fraction=0), "mask_f"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((16, 16)))
    assert "\n" not in str(caught.value)
