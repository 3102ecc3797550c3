"""Whether known pairs come back as two: analytic pairs, at and below the voxel, and ones that are spoilt."""

import numpy as np
import pytest
from scipy import ndimage

from validation.topology.pair_recovery import pair_recovery

VOXEL = 5e-9
SHAPE = (25, 27, 31)


def texture(plus, minus, *, shape=SHAPE, voxel=VOXEL):
    """Return the field of a charge +1 and a charge -1: from the axis, the angle at which a place sees the two."""
    places = np.stack(np.meshgrid(*((np.arange(n) - n // 2) * voxel for n in shape), indexing="ij"))
    axis = (plus - minus) / np.linalg.norm(plus - minus)
    places -= ((plus + minus) / 2)[:, None, None, None]
    half = np.linalg.norm(plus - minus) / 2
    height = np.tensordot(axis, places, axes=1)
    off = places - axis[:, None, None, None] * height
    away = np.sqrt((off**2).sum(axis=0)) + 1e-15
    angle = np.arctan2(away, height - half) - np.arctan2(away, height + half)
    m = axis[:, None, None, None] * np.cos(angle) + off / away * np.sin(angle)
    return m[::-1].astype(np.float32)


def pair(separation, direction=(1.0, 2.0, -1.5), middle=(1e-9, -2e-9, 0.5e-9)):
    axis = np.array(direction) / np.linalg.norm(direction)
    return np.array(middle) + axis * separation / 2, np.array(middle) - axis * separation / 2


def recovered(m, fill, plus, minus, **more):
    return pair_recovery(m, fill, plus=[plus], minus=[minus], voxel_size=VOXEL, **more)


@pytest.mark.parametrize("separation", [15e-9, 25e-9, 40e-9])
def test_pair_that_is_there(separation):
    plus, minus = pair(separation)
    found = recovered(texture(plus, minus), np.ones(SHAPE), plus, minus)
    assert found.recovered.all()
    assert (found.whole[0], found.plus[0], found.minus[0]) == (0, 1, -1)


def test_signs_and_places_matter():
    plus, minus = pair(25e-9)
    m = texture(plus, minus)
    swapped = recovered(m, np.ones(SHAPE), minus, plus)
    assert (swapped.plus[0], swapped.minus[0], swapped.recovered[0]) == (-1, 1, False)
    aside = np.array([0, 30e-9, 0])
    lost = recovered(m, np.ones(SHAPE), plus + aside, minus + aside)
    assert not lost.recovered.any()
    assert lost.plus[0] == 0


def test_uniform_magnet_holds_no_pair():
    plus, minus = pair(15e-9)
    m = np.zeros((3, *SHAPE), np.float32)
    m[2] = 1
    found = recovered(m, np.ones(SHAPE), plus, minus)
    assert (found.whole[0], found.plus[0], found.minus[0]) == (0, 0, 0)
    assert not found.recovered.any()


def test_empty_volume_holds_none():
    plus, minus = pair(15e-9)
    found = recovered(np.zeros((3, *SHAPE)), np.zeros(SHAPE), plus, minus)
    assert not found.recovered.any()


def test_thin_medium_counts_like_a_solid_one():
    """A share of .26 everywhere is below one half, and is magnet all the same."""
    plus, minus = pair(15e-9)
    m = texture(plus, minus)
    assert recovered(0.26 * m, np.full(SHAPE, 0.26), plus, minus, medium=0.26).recovered.all()
    assert not recovered(0.26 * m, np.full(SHAPE, 0.26), plus, minus).plus.any()


def test_two_charges_in_one_cell_need_the_finer_lattice():
    """Of 16 pairs 8 nm apart, averaged over voxels of 5 nm, finer cells tell more apart than the voxels' own."""
    rng = np.random.default_rng(5)
    counts = {1: 0, 3: 0}
    for _ in range(16):
        plus, minus = pair(8e-9, rng.standard_normal(3), rng.uniform(-2.5e-9, 2.5e-9, 3))
        fine = texture(plus, minus, shape=(45, 45, 45), voxel=1e-9)
        mean = ndimage.uniform_filter(fine, (0, 5, 5, 5))[:, ::5, ::5, ::5]
        ones = np.ones(mean.shape[1:])
        for factor in counts:
            found = recovered(mean, ones, plus, minus, factor=factor)
            counts[factor] += int(found.recovered[0])
    assert counts[3] > counts[1]
    assert counts[3] >= 12


def test_pairs_far_from_each_other_do_not_mix():
    first, second = pair(15e-9, middle=(0, 0, -35e-9)), pair(15e-9, direction=(1, 0, 0), middle=(0, 0, 35e-9))
    left, right = texture(*first), texture(*second)
    m = np.concatenate([left[..., :15], right[..., 15:]], axis=-1)
    found = pair_recovery(m, np.ones(SHAPE), plus=[first[0], second[0]], minus=[first[1], second[1]], voxel_size=VOXEL)
    assert found.recovered.tolist() == [True, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voxel_size": 0.0}, "voxel_size is"),
        ({"medium": 0.0}, "medium is 0.0"),
        ({"plus": [[0.0, 0.0]]}, r"plus is of shape \(1, 2\)"),
        ({"minus": np.zeros((2, 3))}, r"minus is of shape \(2, 3\)"),
        ({"factor": 0}, "factor is 0"),
    ],
)
def test_impossible_questions(change, message):
    told = {"plus": [[0.0, 0, 0]], "minus": [[1e-8, 0, 0]], "voxel_size": VOXEL} | change
    with pytest.raises(ValueError, match=message):
        pair_recovery(np.ones((3, 9, 9, 9)), np.ones((9, 9, 9)), **told)
