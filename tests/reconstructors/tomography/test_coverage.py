"""Coverage: the shares of directions known in closed form, eigenvalues by hand."""

import numpy as np
import pytest

from reconstructors.tomography.coverage import covering_series, fourier_coverage
from reconstructors.tomography.geometry import rotations

SERIES = np.deg2rad([0, 120, 240])


def sphere(n):
    """Return n points (n, 3) spread evenly over the sphere, a Fibonacci lattice."""
    z = 1 - (2 * np.arange(n) + 1) / n
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(n)
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], -1)


@pytest.mark.parametrize(("highest", "shares"), [(62, (12.67, 8.40, 38.52, 40.41)), (70, (6.59, 5.27, 36.38, 51.77))])
def test_three_series_cover_the_published_shares(highest, shares):
    counts = covering_series(sphere(400_000), in_plane=SERIES, highest=np.deg2rad(highest))
    found = 100 * np.bincount(counts, minlength=4) / counts.size
    assert found == pytest.approx(shares, abs=0.03)


def test_eigenvalues_count_series():
    tilts = np.deg2rad(np.linspace(-62, 62, 249))
    turned = rotations(in_plane=np.repeat(SERIES, len(tilts)), tilt=np.tile(tilts, 3))
    found = fourier_coverage(turned, shape=(41, 41, 41), diameter=60.0)
    z, y, x = np.meshgrid(found["fz"], found["fy"], found["fx"], indexing="ij")
    counts = covering_series(np.stack([x, y, z], -1), in_plane=SERIES, highest=np.deg2rad(62))
    shell = np.abs(np.sqrt(x**2 + y**2 + z**2) - 0.4) < 0.05
    least, largest = found["least"].values, found["largest"].values
    # slices half a degree apart, as thick as 1/60: about five at a frequency of 0.4, and their flanks beyond
    seen = np.median(largest[shell & (counts >= 1)])
    assert seen > 4
    assert np.median(largest[shell & (counts == 0)]) < 0.03 * seen
    assert np.median(least[shell & (counts <= 1)]) < 0.03 * seen
    assert np.median(least[shell & (counts >= 2)]) > 0.1 * seen


def test_eigenvalues_by_hand():
    turned = rotations(in_plane=[0.0, 0.0], tilt=[0.0, np.pi / 4])
    found = fourier_coverage(turned, shape=(9, 9, 9), diameter=3.0)
    beams = np.array([[0, 0, 1], turned[1, 2]])
    k = np.array([2, -3, 1]) / 9  # x, y, z
    weight = np.sinc(3.0 * beams @ k) ** 2
    across = np.eye(3) - np.outer(k, k) / (k @ k)
    whole = across @ (beams.T * weight @ beams) @ across
    expected = np.sort(np.linalg.eigvalsh(whole))[1:]
    here = {"fz": 4 + 1, "fy": 4 - 3, "fx": 4 + 2}
    assert float(found["least"][here]) == pytest.approx(expected[0], abs=1e-6)
    assert float(found["largest"][here]) == pytest.approx(expected[1], abs=1e-6)
    middle = found.isel(fz=4, fy=4, fx=4)
    assert [float(middle["least"]), float(middle["largest"])] == pytest.approx(
        np.linalg.eigvalsh(beams.T @ beams)[[0, 2]], abs=1e-6
    )


def test_one_series_leaves_a_direction_unmeasured():
    turned = rotations(in_plane=np.zeros(31), tilt=np.deg2rad(np.linspace(-62, 62, 31)))
    found = fourier_coverage(turned, shape=(8, 16, 16), diameter=8.0)
    # across the tilt axis x one slice holds each frequency, and its beam is never along x
    across = found.isel(fx=8)
    assert float(across["least"].max()) < 1e-5
    assert float(across["largest"].max()) > 10
    assert float(found["least"].max()) > 1


def test_what_is_impossible_is_refused():
    with pytest.raises(ValueError, match="diameter is 0 voxels; allowed: above 0"):
        fourier_coverage(np.eye(3)[None], shape=(4, 4, 4), diameter=0.0)
    with pytest.raises(ValueError, match="rotations have shape"):
        fourier_coverage(np.zeros((0, 3, 3)), shape=(4, 4, 4), diameter=1.0)
