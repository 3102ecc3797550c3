"""Labyrinth domains: walls of known width, period, wall angle."""

import numpy as np
import pytest

from numerics.streams import stream
from simulators.samples.labyrinth import labyrinth, signed_distance

PIXEL = 5.3e-9 / 3
DELTA = 5.1e-9


def texture(**changes):
    keys = {"pixel_size": PIXEL, "period": 150e-9, "wall_width": DELTA, "rng": stream(3, "sample")} | changes
    return labyrinth((480, 480), **keys)


def test_distance_to_a_circle_is_exact_below_a_hundredth_of_a_pixel() -> None:
    y, x = np.indices((128, 128)) - 64.3
    radius = np.hypot(y, x)
    distance = signed_distance(40.0**2 - radius**2, reach=20.0)
    near = np.abs(radius - 40) < 15
    assert np.max(np.abs(distance - (40 - radius))[near]) < 0.01
    assert distance[64, 64] == 20
    assert distance[0, 0] == -20


def test_walls_are_tanh_of_the_given_width() -> None:
    m = texture()
    s = np.arctanh(np.clip(m[2].astype(np.float64), -0.999, 0.999)) * DELTA
    grad = np.hypot(*np.gradient(s, PIXEL))
    inside = np.abs(m[2]) < 0.9
    # |grad s| = 1 wherever s is a distance; corners where two walls meet are rare
    assert np.median(grad[inside]) == pytest.approx(1, abs=2e-3)
    assert np.mean(np.abs(grad[inside] - 1) < 0.02) > 0.95


def test_texture_is_a_periodic_unit_field_of_the_asked_period() -> None:
    m = texture()
    assert m.dtype == np.float32
    assert np.allclose(np.sum(m.astype(np.float64) ** 2, axis=0), 1, atol=1e-5)
    across = np.abs(m[2, 0] - m[2, -1]).max()
    assert across <= np.abs(np.diff(m[2], axis=0)).max() * 1.05
    power = np.abs(np.fft.fft2(m[2])) ** 2
    f = np.hypot(np.fft.fftfreq(480, PIXEL)[:, None], np.fft.fftfreq(480, PIXEL))
    low = f < 1.6 / 150e-9
    assert np.sum(power[low] * f[low]) / np.sum(power[low]) == pytest.approx(1 / 150e-9, rel=0.1)


@pytest.mark.parametrize(("angle", "part"), [(0.0, "normal"), (np.pi / 2, "tangent")])
def test_wall_angle(angle: float, part: str) -> None:
    m = texture(wall_angle=angle).astype(np.float64)
    g_y, g_x = np.gradient(m[2])
    inside = np.abs(m[2]) < 0.3
    norm = np.hypot(g_y, g_x)[inside]
    along = (m[0] * g_x + m[1] * g_y)[inside] / norm
    expected = np.sqrt(1 - m[2][inside] ** 2) if part == "normal" else np.zeros(inside.sum())
    assert np.median(np.abs(along - expected)) < 0.01


def test_same_seed_same_texture_other_seed_another() -> None:
    assert np.array_equal(texture(), texture(rng=stream(3, "sample")))
    assert not np.array_equal(texture(), texture(rng=stream(4, "sample")))


@pytest.mark.parametrize("changes", [{"wall_width": 0.0}, {"wall_width": 30e-9}, {"period": 2e-6}, {"period": 1e-9}])
def test_impossible_textures(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        texture(**changes)
