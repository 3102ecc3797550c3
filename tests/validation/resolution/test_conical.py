import math

import numpy as np
import pytest

from numerics import fourier
from validation.resolution.conical import conical_shell_correlation, directional_resolution
from validation.resolution.crossings import resolution
from validation.resolution.curves import fourier_shell_correlation

VOXEL = 5e-9
SHAPE = (64, 64, 64)


def frequency_axes(shape):
    return np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")


def object_and_tomogram(seed, *, tilt=62.0, noise=0.02):
    """Return a volume and what projections tilted by up to `tilt` degrees about y would leave of it, plus noise.

    The beam is along z at zero tilt: the projection at an angle fills the plane through y and that angle from x.
    """
    rng = np.random.default_rng(seed)
    z, y, x = frequency_axes(SHAPE)
    envelope = 1 / np.maximum(np.sqrt(z**2 + y**2 + x**2), 1 / 64)
    truth = fourier.ifftn(fourier.fftn(rng.standard_normal(SHAPE)) * envelope).real
    seen = np.abs(z) <= np.abs(x) * math.tan(math.radians(tilt)) + 1e-12
    return truth, fourier.ifftn(fourier.fftn(truth) * seen).real + noise * truth.std() * rng.standard_normal(SHAPE)


@pytest.mark.parametrize("seed", range(3))
def test_missing_wedge_shows_along_the_beam_alone(seed):
    truth, tomogram = object_and_tomogram(seed)
    curves = {name: conical_shell_correlation(tomogram, truth, pixel_size=VOXEL, axis=name) for name in ("x", "y", "z")}
    step = curves["x"].frequency[1]
    overall = resolution(fourier_shell_correlation(tomogram, truth, pixel_size=VOXEL), criterion="1/7")
    assert not overall.crossed
    assert curves["x"].correlation[1:21].min() > 0.9
    # about the tilt axis the wedge takes its share of the angles all around
    kept = np.sqrt(124 / 180)
    y = curves["y"]
    assert np.average(y.correlation[4:21], weights=y.count[4:21]) == pytest.approx(kept, abs=0.03)
    assert not any(resolution(curves[name], criterion="1/7").crossed for name in "xy")
    beam = resolution(curves["z"], criterion="1/7")
    assert beam.crossed
    assert beam.frequency <= 8 * step, "its first rings hold a handful of samples"
    assert np.nanmean(curves["z"].correlation[4:]) == pytest.approx(0, abs=0.05)


def test_directions_are_reported_side_by_side():
    truth, tomogram = object_and_tomogram(4)
    tilted = (math.sin(math.radians(45)), 0, math.cos(math.radians(45)))
    found = directional_resolution(
        tomogram, truth, pixel_size=VOXEL, axes={"x": "x", "y": "y", "z": "z", "45 degrees": tilted}
    )
    assert list(found["direction"].values) == ["all", "x", "y", "z", "45 degrees"]
    assert list(found["crossed"].values) == [False, False, False, True, False]
    assert found.attrs["anisotropy"] > 8
    np.testing.assert_allclose(found["full_period"], 2 * found["half_period"])
    single = conical_shell_correlation(tomogram, truth, pixel_size=VOXEL, axis=tilted)
    assert np.array_equal(found["correlation"].sel(direction="45 degrees"), single.correlation, equal_nan=True)
    whole = fourier_shell_correlation(tomogram, truth, pixel_size=VOXEL)
    assert np.array_equal(found["correlation"].sel(direction="all"), whole.correlation, equal_nan=True)


def test_halves_with_the_same_wrong_filling_over_state():
    # the wedge filled by something that both halves share and the truth does not hold
    truth, tomogram = object_and_tomogram(5, noise=0.0)
    filling = object_and_tomogram(6)[0] - object_and_tomogram(6, noise=0.0)[1]
    rng = np.random.default_rng(7)
    halves = [tomogram + filling + 0.1 * truth.std() * rng.standard_normal(SHAPE) for _ in range(2)]
    between = conical_shell_correlation(*halves, pixel_size=VOXEL, axis="z")
    shown = conical_shell_correlation(halves[0], truth, pixel_size=VOXEL, axis="z")
    assert np.nanmean(between.correlation[4:21]) > 0.8
    assert abs(np.nanmean(shown.correlation[4:21])) < 0.05


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_the_widest_cone_is_everything(dtype):
    a, b = np.random.default_rng(1).standard_normal((2, 12, 15, 14)).astype(dtype)
    a = a + b
    whole = fourier_shell_correlation(a, b, pixel_size=(3e-9, 2e-9, 4e-9))
    cone = conical_shell_correlation(a, b, pixel_size=(3e-9, 2e-9, 4e-9), axis=(1, -2, 3), half_angle=math.pi / 2)
    assert np.array_equal(cone.correlation, whole.correlation, equal_nan=True)
    assert np.array_equal(cone.count, whole.count)


@pytest.mark.parametrize("seed", range(3))
def test_a_cone_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    shape, pixel = (16, 13, 18), (3e-9, 2e-9, 2.5e-9)
    a, b = rng.standard_normal((2, *shape))
    b = b + a
    axis, half_angle = rng.standard_normal(3), rng.uniform(0.3, 1.2)
    z, y, x = np.meshgrid(*(np.fft.fftfreq(n, d) for n, d in zip(shape, pixel, strict=True)), indexing="ij")
    f = np.sqrt(z**2 + y**2 + x**2)
    along = np.abs(x * axis[0] + y * axis[1] + z * axis[2]) / np.linalg.norm(axis)
    inside = along >= np.cos(half_angle) * f
    step = max(1 / (n * d) for n, d in zip(shape, pixel, strict=True))
    ring = np.floor(f / step + 0.5 + 1e-9)
    first, second = (np.fft.fftn(v - v.mean()) for v in (a, b))
    found = conical_shell_correlation(a, b, pixel_size=pixel, axis=axis, half_angle=half_angle)
    for k in range(1, found.frequency.size):
        chosen = inside & (ring == k)
        assert found.count[k] == chosen.sum()
        if chosen.any():
            product = (first[chosen] * second[chosen].conj()).sum().real
            norm = np.sqrt((abs(first[chosen]) ** 2).sum() * (abs(second[chosen]) ** 2).sum())
            assert found.correlation[k] == pytest.approx(product / norm, abs=1e-10)
        else:
            assert np.isnan(found.correlation[k])


def test_axes_follow_the_array_and_images_have_sectors():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 20, 20, 20))
    b = a + b
    along_z = conical_shell_correlation(a, b, pixel_size=VOXEL, axis="z")
    turned = conical_shell_correlation(a.transpose(2, 1, 0), b.transpose(2, 1, 0), pixel_size=VOXEL, axis=(-7, 0, 0))
    np.testing.assert_allclose(turned.correlation, along_z.correlation, atol=1e-12)
    # rows of noise: everything that varies, varies along y
    rows = np.repeat(rng.standard_normal((2, 64, 1)), 64, axis=2) + 1e-3 * rng.standard_normal((2, 64, 64))
    noisy = rows + 1e-3 * rng.standard_normal((2, 64, 64))
    across, along = (conical_shell_correlation(rows[0], noisy[0], pixel_size=VOXEL, axis=axis) for axis in "xy")
    assert np.nanmin(along.correlation[1:]) > 0.99
    assert np.nanmean(across.correlation[1:]) < 0.9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis="w"), "axis is 'w'"),
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis="xy"), "axis is 'xy'"),
        (lambda a: conical_shell_correlation(a[0], a[0], pixel_size=VOXEL, axis="z"), "axis is 'z'; allowed: x, y"),
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis=(0, 0, 0)), "axis is"),
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis=(0, np.nan, 1)), "axis is"),
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis=(0, 1)), "axis is"),
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis="z", half_angle=20), "half_angle is 20 rad"),
        (lambda a: conical_shell_correlation(a, a, pixel_size=VOXEL, axis="z", half_angle=0.0), "half_angle"),
        (lambda a: conical_shell_correlation(a, 0 * a, pixel_size=VOXEL, axis="z"), "b is 0 everywhere"),
        (lambda a: directional_resolution(a, a, pixel_size=VOXEL, axes=()), "axes is empty"),
        (lambda a: directional_resolution(a, a, pixel_size=VOXEL, axes={"all": "x"}), "axes holds 'all'"),
        (lambda a: directional_resolution(a, a, pixel_size=VOXEL, criterion="2-bit"), "2-bit"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(np.random.default_rng(0).standard_normal((8, 8, 8)))
    assert "\n" not in str(caught.value)
