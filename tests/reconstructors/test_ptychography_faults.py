"""Corrupt frames are found whatever the fault, good ones are kept, and the order of a scan does not matter."""

from functools import lru_cache

import numpy as np
import pytest

from reconstructors.ptychography import problem as problems
from reconstructors.ptychography.corrections import fault_gradient, frame_features
from reconstructors.ptychography.corrections.faults import REASONS, corrupt_frames, find_corrupt
from reconstructors.ptychography.corrections.frame_rejection import REJECTED, FrameRejection, RejectionParameters
from reconstructors.ptychography.corrections.scan_neighbours import Neighbourhood
from reconstructors.ptychography.engines.pie import Pie, PieParameters
from reconstructors.ptychography.state import start
from simulators.beamline import faults as simulated
from tests.ptychography_faults import KINDS, block_scan, plant, zone_plate
from tests.ptychography_measurement import measured
from validation.scan import detection

GRID, SHARE = 28, 0.03
VALID = np.ones((64, 64), bool)


@lru_cache(maxsize=2)
def scan(photons=1e5):
    return block_scan(7, grid=GRID, photons=photons, background=0.02)


def reader(counts):
    return lambda indices: counts[indices].astype(np.float32)


def found_in(spoiled, rule="residual"):
    return find_corrupt(reader(spoiled.counts), spoiled.corners.astype(float), VALID, rule=rule)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_is_found(kind):
    spoiled = plant(scan(), (kind,), SHARE, rng=np.random.default_rng(2))
    result = detection(found_in(spoiled), spoiled.faulty)
    assert result.recall >= 0.95
    assert result.precision >= 0.95


@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_all_kinds_together_at_other_doses(photons):
    spoiled = plant(scan(photons), KINDS, SHARE, rng=np.random.default_rng(3))
    result = detection(found_in(spoiled), spoiled.faulty)
    assert result.recall >= 0.9
    assert result.precision >= 0.9


@pytest.mark.parametrize("kind", [name for name in simulated.KINDS if name not in ("good", "duplicated", "flux_jump")])
def test_glitches_of_the_virtual_beamline_are_found(kind):
    clean, rng = scan(), np.random.default_rng(4)
    counts, faulty = clean.counts.copy(), np.zeros(len(clean.counts), bool)
    faulty[rng.choice(len(counts), 24, replace=False)] = True
    for j in np.flatnonzero(faulty):
        counts[j] = simulated.spoil(counts[j], simulated.KINDS[kind], gain=1.0, largest=65535, rng=rng)
    result = detection(find_corrupt(reader(counts), clean.corners.astype(float), VALID), faulty)
    assert result.recall >= 0.95
    assert result.precision >= 0.95


def test_a_clean_scan_keeps_its_frames():
    assert np.mean(found_in(scan()) > 0) <= 0.003


def test_the_order_of_a_scan_and_the_unit_of_positions_do_not_matter():
    spoiled = plant(scan(), ("flux_jump", "quadrant", "row_band"), SHARE, rng=np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(len(spoiled.counts))
    shuffled = find_corrupt(reader(spoiled.counts[order]), spoiled.corners[order] * 5e-9, VALID)
    result = detection(shuffled, spoiled.faulty[order])
    assert result.recall >= 0.95
    assert result.precision >= 0.95


def test_a_duplicate_is_the_later_of_two_equal_frames():
    counts = scan().counts.copy()
    counts[200] = counts[199]
    found = find_corrupt(reader(counts), scan().corners.astype(float), VALID)
    assert (found[199], found[200]) == (0, 10)
    assert REASONS[10] == "equal to an earlier frame"


def test_empty_frames_are_no_duplicates_but_bad():
    counts = scan().counts.copy()
    counts[[100, 300, 500]] = 0
    found = find_corrupt(reader(counts), scan().corners.astype(float), VALID)
    assert np.all(found[[100, 300, 500]] > 10)


def test_frames_are_read_in_blocks_and_hardly_twice():
    sizes = []

    def read(indices):
        sizes.append(len(indices))
        return scan().counts[indices].astype(np.float32)

    frame_features.measure(read, GRID**2, VALID)
    assert max(sizes) * 64 * 64 * 4 <= 4 << 20
    assert sum(sizes) <= GRID**2 + 384


def test_few_frames_are_all_kept():
    clean = scan()
    assert not find_corrupt(reader(clean.counts[:5]), clean.corners[:5].astype(float), VALID).any()


def test_measurement_of_two_helicities_with_unused_frames():
    clean = scan()
    counts = np.stack([clean.counts, clean.counts])
    counts[0, 77], counts[1, 88] = counts[0, 77] * 2, counts[1, 88] // 2
    used = np.ones(counts.shape[:2], bool)
    used[1, 88] = False
    node = measured(counts, clean.corners, helicity=(1, -1), frames={"used": used})
    found = corrupt_frames(node)
    assert found.shape == counts.shape[:2]
    assert found.dtype == np.int8
    assert found[0, 77] > 0
    assert found[1, 77] == found[1, 88] == 0


def test_the_gradient_rule_blames_the_spike_and_not_its_neighbours():
    y, x = np.meshgrid(np.arange(12.0), np.arange(12.0), indexing="ij")
    high = 100 + np.random.default_rng(0).standard_normal((12, 12))
    high[5, 7] = 200
    marked = fault_gradient.corrupt(high.ravel(), np.stack([y.ravel(), x.ravel()], 1))
    assert np.flatnonzero(marked).tolist() == [5 * 12 + 7]


def test_the_gradient_rule_takes_the_rim_for_faults():
    """What the published rule cannot tell: a clean sample in view has marks, all at its rim."""
    y, x = np.meshgrid(np.arange(30.0), np.arange(30.0), indexing="ij")
    radius = np.hypot(y - 14.5, x - 14.5)
    high = np.random.default_rng(0).poisson(100 + 400 / (1 + np.exp(2 * (radius - 8))))
    marked = fault_gradient.corrupt(high.ravel().astype(float), np.stack([y.ravel(), x.ravel()], 1))
    assert marked.sum() > 3
    assert np.all(np.abs(radius.ravel()[marked] - 8) < 3)


def test_unknown_rule():
    with pytest.raises(ValueError, match="rule is 'best'; allowed: gradient, residual"):
        found_in(scan(), rule="best")


def test_neighbours_let_a_cubic_be_expected_exactly():
    nodes = np.stack(np.meshgrid(np.arange(20), np.arange(20), indexing="ij"), -1).reshape(-1, 2) / 2
    places = nodes + np.random.default_rng(1).uniform(-0.1, 0.1, (400, 2))
    values = (places[:, 0] ** 3 - places[:, 0] * places[:, 1] ** 2)[:, None]
    near = Neighbourhood.of(places)
    expected, excess = near.expected(values, np.ones(400, bool))
    inside = np.all(np.abs(places - 5) < 3.5, axis=1)
    assert excess[inside].max() < 1.61
    np.testing.assert_allclose(expected[inside], values[inside], atol=1e-3)
    assert not np.any(near.indices == np.arange(400)[:, None])


def test_neighbours_of_positions_that_coincide():
    places = np.repeat(np.arange(12.0), 2)[:, None] * (1.0, 0.0)
    near = Neighbourhood.of(places)
    assert near.indices.shape == (24, 23)
    assert not np.any(near.indices == np.arange(24)[:, None])
    assert np.isfinite(near.expected(places, np.ones(24, bool))[0]).all()


def test_what_slipped_through_is_left_out_by_the_reconstruction():
    clean = block_scan(8, grid=16)
    counts = clean.counts.copy()
    bad = [70, 120, 185]
    counts[70] = np.random.default_rng(0).poisson(1.5 * clean.expected[70])
    counts[120], counts[185] = np.roll(counts[120], 4, axis=0), counts[184]
    start_probe = (zone_plate(64, 27.0) * np.sqrt(counts.sum((1, 2)).max())).astype(np.complex64)
    p = problems.from_arrays(
        counts, clean.corners, start_probe, optics=problems.Optics(1.448e-9, 5e-9), object_shape=clean.object.shape
    )
    state = start(p)
    engine = Pie(p, PieParameters(batch=16), rng=np.random.default_rng(1), listeners=[FrameRejection()])
    for _ in range(16):
        engine.step(state)
    left_out = np.flatnonzero(~state.used)
    assert set(bad[:2]) <= set(left_out.tolist())
    assert len(left_out) <= 4
    np.testing.assert_array_equal(np.flatnonzero(state.memory[REJECTED]), left_out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"after": ()}, "after is"),
        ({"after": (0,)}, "after is"),
        ({"flux": 0.0}, "flux is 0.0"),
        ({"error": 1.0}, "error is 1.0"),
        ({"spreads": -1.0}, "spreads is -1.0"),
    ],
)
def test_impossible_rejection(words, message):
    with pytest.raises(ValueError, match=message) as caught:
        RejectionParameters(**words)
    assert "allowed" in str(caught.value)
