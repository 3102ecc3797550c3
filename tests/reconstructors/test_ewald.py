"""The Ewald sphere: accuracy on band-limited patterns, displacements of the published geometry, what is not covered."""

import numpy as np
import pytest

from reconstructors import ewald

PITCH = 13.5e-6
DISTANCE = 92.2e-3
COARSE = 8  # pixels of a coarse detector of the same angle


def flat_and_uniform(n, pitch, fringes, distance=DISTANCE):
    """Return a sum of fringes as a flat detector sees it, and on the uniform grid; fringes in cycles per pixel."""
    index = np.arange(n) - n // 2
    pixel = pitch / distance
    y, x = np.meshgrid(index * pixel, index * pixel, indexing="ij")
    cosine = 1 / np.sqrt(1 + x**2 + y**2)

    def spectrum(sy, sx):
        return 2 + sum(np.cos(2 * np.pi * (a * sy + b * sx) / pixel + 1) for a, b in fringes)

    return spectrum(y * cosine, x * cosine) * cosine**5, spectrum(y, x)


@pytest.mark.parametrize("fill", [0.3, 0.6, 0.9])
def test_band_limited_patterns_are_mapped(fill):
    n = 256
    edge = fill / 2
    flat, uniform = flat_and_uniform(n, PITCH * COARSE, [(edge, 0.0), (-0.5 * edge, 0.8 * edge), (0.1, edge)])
    found, covered = ewald.to_sphere(
        flat.astype(np.float32), np.ones((n, n), bool), distance=DISTANCE, pitch=PITCH * COARSE, fill=fill
    )
    inner = np.zeros_like(covered)
    inner[24:-24, 24:-24] = True
    assert covered[inner].all()
    difference = (found - uniform)[inner]
    # The fringes are as fine as they may be; coarser ones are mapped better.
    assert np.sqrt(np.mean(difference**2)) < 1.3e-3 * np.sqrt(np.mean(uniform[inner] ** 2))


def test_displacements_of_the_published_geometry():
    n = 2048
    ones = np.ones((n, n), np.float32)
    image, covered = ewald.to_sphere(ones, ones > 0, distance=DISTANCE, pitch=PITCH, fill=0.3)
    half = n // 2
    index = np.arange(half)
    edge = half - 1 - index[covered[half, half:]].max()
    corner = half - 1 - index[np.diagonal(covered)[half:]].max()
    # A tenth of the taps' weight may hang over the edge.
    assert edge == pytest.approx(11.3, abs=1)
    assert corner * np.sqrt(2) == pytest.approx(31.5, abs=1.5)
    # cos^-5 of the angle: x1.057 at the middle of an edge.
    assert image[half, half + 1005] == pytest.approx(1.057, abs=0.003)
    assert image[half, half] == pytest.approx(1, abs=1e-5)


def test_a_spot_near_the_edge_moves_inwards():
    n, pitch = 256, PITCH * COARSE
    y, x = np.mgrid[:n, :n] - n // 2
    spot = np.exp(-0.5 * ((x - 118.0) ** 2 + y**2) / 2.5**2)
    moved, _ = ewald.to_sphere(spot.astype(np.float32), np.ones((n, n), bool), distance=DISTANCE, pitch=pitch, fill=0.4)
    place = float((moved * x).sum() / moved.sum())
    angle = np.arctan(118 * pitch / DISTANCE)
    assert place == pytest.approx(DISTANCE * np.sin(angle) / pitch, abs=0.02)
    assert 118 - place == pytest.approx(118 * (1 - np.cos(angle)), abs=0.02)


def test_nothing_is_made_up_where_pixels_are_missing():
    n, pitch = 128, PITCH * 2 * COARSE
    valid = np.ones((n, n), bool)
    valid[40, 70] = False
    valid[60:68, 60:68] = False
    image = np.where(valid, 7.0, 1e6).astype(np.float32)
    found, covered = ewald.to_sphere(image, valid, distance=DISTANCE, pitch=pitch, fill=0.8)
    assert not covered[0, 0]
    assert not covered[-1, -1]
    assert not covered[62:66, 62:66].any()
    assert (found[~covered] == 0).all()
    # What a missing pixel would have added is left out, never its counts.
    assert found.max() < 9
    assert covered[20:24, 20:24].all()
