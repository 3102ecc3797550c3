"""Blur of the fill: found by the magnetic projections, taken off, and left alone where there is none."""

import numpy as np
import pytest
from scipy import ndimage

from reconstructors.tomography.fill_blur import least_blurred, unblurred
from tests.reconstructors.tomography.small_problem import problem


def off(fill, p):
    return np.linalg.norm(fill - p.fill) / np.linalg.norm(p.fill)


def blurred(p, width, cut=0.1):
    soft = ndimage.gaussian_filter(p.fill, width)
    return np.where(soft > cut, soft, 0).astype(np.float32)


@pytest.mark.parametrize("cut", [0.0, 0.1])
def test_a_known_blur_is_taken_off(cut):
    p = problem()
    soft = blurred(p, 1.0, cut)
    sharp = unblurred(soft, 1.0)
    assert off(sharp, p) < 0.5 * off(soft, p)
    assert sharp.min() >= 0
    assert sharp.max() <= 1
    assert np.all(sharp[soft == 0] == 0)


@pytest.mark.parametrize("width", [0.7, 1.0])
def test_projections_tell_the_width(width):
    p = problem()
    soft = blurred(p, width)
    found = least_blurred(p.term, soft, rng=np.random.default_rng(0))
    assert abs(found.width - width) <= 0.2
    assert off(found.fill, p) < 0.6 * off(soft, p)


def test_a_fill_that_is_right_stays():
    p = problem()
    found = least_blurred(p.term, p.fill, rng=np.random.default_rng(0))
    assert found.width == 0
    assert found.fill is p.fill
    assert found.pairs < 60


def test_what_cannot_be_is_refused():
    p = problem()
    with pytest.raises(ValueError, match=r"width is 0\.0 voxels; allowed: above 0"):
        unblurred(p.fill, 0.0)
    with pytest.raises(ValueError, match="components is 1; allowed: 3"):
        least_blurred(p.scalar, p.fill, rng=np.random.default_rng(0))
