"""Both helicities at once: what is shared, what it is worth, and what a prior does to the magnetic image."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from numerics.threads import use_threads
from reconstructors.ptychography.corrections.positions import PositionParameters, split
from reconstructors.ptychography.dichroic import joint
from reconstructors.ptychography.dichroic.coupling import run
from reconstructors.ptychography.dichroic.priors import MagneticPrior, apply, magnet_of
from reconstructors.ptychography.dichroic.shared_positions import anchor, lock, tie
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.engines import rpie_plus
from reconstructors.ptychography.engines.batches import Batches
from reconstructors.ptychography.engines.pie import PieParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.state import start
from tests.ptychography_dichroic_problem import Setting, dichroic_pair, problems
from tests.ptychography_dichroic_score import registered, score

SMALL = Setting(n=64, grid=5, step=10, jitter=2, photons=3e5, defocus=1.8e-6, start_defocus=1.3e-6)
SPARSE = replace(SMALL, step=18, start_defocus=1.0e-6, interleaved=True)
FEW = PieParameters(epochs=4, batch=8)
WHOLE = RpiePlusParameters(epochs=50, batch_epochs=36)


def solved(pair, parameters, seed=1, **more):
    return run(problems(pair), parameters, rng=np.random.default_rng(seed), **more)


@pytest.fixture(scope="module")
def small():
    return dichroic_pair(0, SMALL)


def test_with_every_switch_off_it_is_two_independent_runs(small):
    state, errors = solved(small, DichroicParameters(engine=RpiePlusParameters(epochs=5, batch_epochs=3)))
    rng, alone = np.random.default_rng(1), []
    for problem in problems(small):
        alone.append(rpie_plus.run(problem, RpiePlusParameters(epochs=5, batch_epochs=3), rng=rng))
    for found, (expected, _) in zip((state.plus, state.minus), alone, strict=True):
        assert np.array_equal(found.object, expected.object)
        assert np.array_equal(found.probe, expected.probe)
    assert errors == pytest.approx(np.mean([history for _, history in alone], axis=0))


def test_sparse_interleaved_scans_need_the_shared_charge_image():
    pair = dichroic_pair(0, SPARSE)
    apart, _ = solved(pair, DichroicParameters(engine=WHOLE))
    coupled, _ = solved(pair, DichroicParameters(engine=WHOLE, alone=0, shared_charge=18, shared_probe=True))
    worse = score(pair, apart.plus.object, registered(pair, apart.plus.object, apart.minus.object))
    better = score(pair, coupled.plus.object, coupled.minus.object)
    assert better.nrmse < 0.8 * worse.nrmse
    assert better.half_period < 0.8 * worse.half_period
    assert better.contrast == pytest.approx(1, abs=0.1)


def test_a_shared_probe_is_one_probe_up_to_its_power():
    pair = dichroic_pair(0, replace(SMALL, flux_ratio=1.3))
    state, _ = solved(pair, DichroicParameters(engine=FEW, shared_probe=True))
    ratio = np.linalg.norm(state.minus.probe) / np.linalg.norm(state.plus.probe)
    assert state.minus.probe == pytest.approx(state.plus.probe * ratio, rel=1e-5)
    assert ratio == pytest.approx(np.sqrt(1.3), rel=0.02)


def test_a_probe_that_differs_does_not_cancel_and_may_be_its_own():
    pair = dichroic_pair(0, replace(SMALL, grid=6, probe_tilt=2.0))
    engine = RpiePlusParameters(epochs=40, batch_epochs=20)
    shared, _ = solved(pair, DichroicParameters(engine=engine, alone=0, shared_charge=10, shared_probe=True))
    own, _ = solved(pair, DichroicParameters(engine=engine, alone=0, shared_charge=10))
    first, second = (
        score(pair, found.plus.object, registered(pair, found.plus.object, found.minus.object))
        for found in (shared, own)
    )
    assert second.nrmse < 0.8 * first.nrmse


def test_the_shift_between_the_scans_is_found_and_removed():
    pair = dichroic_pair(2, replace(SMALL, grid=6, drift=(1.4, -0.8)))
    parameters = DichroicParameters(
        engine=PieParameters(epochs=24, batch=8),
        positions=PositionParameters(start=14, stretch_from=None),
        alone=12,
        shared_charge=10,
    )
    state, _ = solved(pair, parameters)
    between = (state.minus.positions - state.plus.positions).mean(0)
    assert between == pytest.approx([1.4, -0.8], abs=0.1)


def test_shared_positions_have_one_offset_and_come_nearer_to_the_truth():
    pair = dichroic_pair(1, replace(SMALL, grid=6, position_error=0.7))
    parameters = DichroicParameters(
        engine=PieParameters(epochs=30, batch=8),
        positions=PositionParameters(stretch_from=None),
        shared_positions=True,
        shared_probe=True,
        alone=8,
    )
    state, _ = solved(pair, parameters)
    offsets = [part.positions - nominal for part, nominal in zip((state.plus, state.minus), pair.nominal, strict=True)]
    assert offsets[0] - offsets[0].mean(0) == pytest.approx(offsets[1] - offsets[1].mean(0), abs=1e-9)
    missed = pair.corners[0] - pair.nominal[0] - offsets[0]
    assert (missed - missed.mean(0)).std() < 0.4 * 0.7


def test_tied_positions_follow_the_frame_that_takes_part():
    nominal = (np.zeros((4, 2)), np.ones((4, 2)))
    moved = (np.array([[1.0, 0], [0, 0], [-1, 0], [0, 0]]), 1 + np.array([[9.0, 9], [0, 0.4], [-1, 0], [1, -0.4]]))
    used = (np.ones(4, bool), np.array([False, True, True, True]))
    tie(moved, nominal, used)
    assert moved[0][0] == pytest.approx([1, 0], abs=1e-6)
    assert (moved[1] - moved[0])[1:] == pytest.approx((moved[1] - moved[0])[[1, 1, 1]])


def test_a_lock_leaves_single_frames_their_steps_and_takes_what_one_scan_wins():
    rng = np.random.default_rng(3)
    before = tuple(rng.uniform(0, 100, (30, 2)) for _ in range(2))
    used = (np.ones(30, bool), np.ones(30, bool))
    affine, own = np.array([[1e-3, 2e-3], [-1e-3, 5e-4]]), 0.01 * rng.standard_normal((30, 2))
    now = (before[0].copy(), before[1] + (before[1] - before[1].mean(0)) @ affine.T + 0.3 + own)
    lock(now, before, used)
    parts = [split(after, first) for after, first in zip(now, before, strict=True)]
    assert parts[1].affine == pytest.approx(parts[0].affine, abs=1e-12)
    assert parts[1].shift == pytest.approx(parts[0].shift, abs=1e-12)
    assert parts[1].rest == pytest.approx(split(before[1] + own, before[1]).rest, abs=1e-9)


def test_an_anchor_gives_a_shift_to_the_second_scan():
    before = (np.zeros((3, 2)), np.ones((3, 2)))
    now = (before[0] + 0.2, before[1] - 0.3)
    anchor(now, before, (np.ones(3, bool), np.ones(3, bool)))
    assert now[0] == pytest.approx(0 * now[0], abs=1e-12)
    assert now[1] - before[1] == pytest.approx(np.full((3, 2), -0.5))


def test_positions_wrong_in_each_scan_cost_less_on_one_charge_image():
    pair = dichroic_pair(4, replace(SMALL, grid=6, own_position_error=0.6, photons=1e6))
    engine = RpiePlusParameters(epochs=40, batch_epochs=30)
    common = DichroicParameters(engine=engine, positions=PositionParameters(), positions_until=30)
    apart, _ = solved(pair, common)
    coupled, _ = solved(pair, replace(common, alone=8, shared_charge=16, shared_probe=True))
    worse = score(pair, apart.plus.object, registered(pair, apart.plus.object, apart.minus.object))
    better = score(pair, coupled.plus.object, coupled.minus.object)
    assert better.nrmse < 0.9 * worse.nrmse


def test_a_fault_of_one_scan_can_count_for_both(small):
    plus, minus = problems(small)
    used = plus.used.copy()
    used[3] = False
    pair = (replace(plus, used=used), minus)
    kept, _ = run(pair, DichroicParameters(engine=FEW), rng=np.random.default_rng(0))
    left, _ = run(pair, DichroicParameters(engine=FEW, shared_faults=True), rng=np.random.default_rng(0))
    assert kept.minus.used[3]
    assert not left.minus.used[3]


def test_stacked_problems_are_the_two_problems(small):
    pair = problems(small)
    states = (start(pair[0]), start(pair[1]))
    both, state = joint.stacked(pair), joint.joined(states, pair)
    indices = np.array([3, 30, 7, 49, 0])
    found = sums_of(both, state, indices)
    apart = [
        sums_of(pair[0], states[0], indices[indices < 25]),
        sums_of(pair[1], states[1], indices[indices >= 25] - 25),
    ]
    rows = pair[0].object_shape[0]
    assert found.object_weight[:rows] == pytest.approx(apart[0].object_weight, rel=1e-4, abs=1e-3)
    assert found.object_numerator[:rows] == pytest.approx(apart[0].object_numerator, rel=1e-3, abs=1)
    flux = pair[1].photons / pair[0].photons
    assert found.object_weight[rows:] == pytest.approx(flux * apart[1].object_weight, rel=1e-4, abs=1e-3)


def sums_of(problem, state, indices):
    batches, sums = Batches(problem), Sums.zeros(problem.object_shape, problem.probe.shape)
    placed = batches.placed(state, indices)
    frames = problem.frames.packed(batches.kernel).read(indices)
    batches.kernel.accumulate(
        state.object, state.probe, frames, placed.corners, sums, factors=placed.factors, scale=placed.scale
    )
    return sums


def test_parting_undoes_joining(small):
    pair = problems(small)
    states = (start(pair[0]), start(pair[1]))
    rng = np.random.default_rng(0)
    for state in states:
        state.object += rng.standard_normal(state.object.shape).astype(np.float32)
        state.positions += rng.uniform(-0.2, 0.2, state.positions.shape)
        state.flux *= rng.uniform(0.9, 1.1, state.flux.shape)
    back = joint.parted(joint.joined(states, pair), pair)
    for found, expected in zip(back, states, strict=True):
        assert np.array_equal(found.object, expected.object)
        assert found.positions == pytest.approx(expected.positions)
        assert found.flux == pytest.approx(expected.flux)


def test_the_result_does_not_depend_on_the_number_of_threads(small):
    parameters = DichroicParameters(
        engine=RpiePlusParameters(epochs=7, batch_epochs=5), alone=1, shared_charge=3, shared_probe=True
    )
    found = []
    for threads in (1, 2):
        with use_threads(threads):
            found.append(solved(small, parameters)[0])
    assert np.array_equal(found[0].minus.object, found[1].minus.object)
    assert np.array_equal(found[0].plus.probe, found[1].plus.probe)


def test_watchers_count_the_epochs_of_all_stages(small):
    seen = []
    parameters = DichroicParameters(engine=replace(FEW, epochs=6), alone=2, shared_charge=2, shared_probe=True)
    state, errors = solved(small, parameters, watch=(lambda step, error: seen.append((step, error)),))
    assert [step for step, _ in seen] == list(range(6))
    assert [error for _, error in seen] == errors
    assert state.epoch == 6


def exponents(seed, size=48):
    rng = stream(seed, "exponents")
    c = -0.6 + 0.2 * rng.standard_normal((size, size)) + 0.1j * rng.standard_normal((size, size))
    m = 0.05 * (rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size)))
    return c, m


def held(prior, c, m):
    plus, minus = np.exp(c + m).astype(np.complex64), np.exp(c - m).astype(np.complex64)
    apply(prior, plus, minus, (slice(4, -4), slice(4, -4)))
    inner = (slice(4, -4), slice(4, -4))
    return plus, minus, (np.log(plus / minus) / 2)[inner]


@pytest.mark.parametrize("prior", [MagneticPrior(ratio=0.5), MagneticPrior(smoothness=0.5)])
def test_priors_leave_the_charge_image_alone(prior):
    c, m = exponents(0)
    plus, minus, _ = held(prior, c, m)
    assert np.log(plus * minus) / 2 == pytest.approx(c, abs=1e-5)


def test_no_prior_changes_nothing():
    assert not MagneticPrior()
    c, m = exponents(1)
    _, _, found = held(MagneticPrior(), c, m)
    assert found == pytest.approx(m[4:-4, 4:-4], abs=1e-5)


def test_a_known_ratio_leaves_one_real_unknown():
    c, m = exponents(2)
    _, _, found = held(MagneticPrior(ratio=0.5), c, m)
    rest = found - found.mean()
    assert rest.imag == pytest.approx(0.5 * rest.real, abs=1e-5)
    _, _, true = held(MagneticPrior(ratio=0.5), c, 0.05 * np.sin(np.arange(48.0))[:, None] * (1 + 0.5j) + 0 * m)
    assert true.real == pytest.approx(0.05 * np.sin(np.arange(48.0))[4:-4, None] + 0 * true.real, abs=3e-3)


def test_smoothness_shrinks_fine_detail_more_than_domains():
    c, _ = exponents(3)
    x = np.arange(40.0)
    coarse, fine = np.cos(2 * np.pi * x / 20), np.cos(2 * np.pi * x / 2.5)
    m = np.zeros((48, 48), complex)
    m[4:-4, 4:-4] = 0.02 * coarse + 0.02 * fine
    _, _, found = held(MagneticPrior(smoothness=0.5), c, m)
    shares = [np.mean(found.real @ wave) / (0.02 * wave @ wave) for wave in (coarse, fine)]
    assert shares[0] > 0.99
    assert 0.7 < shares[1] < 0.8


def test_outside_of_the_magnet_the_magnetic_image_is_uniform():
    c, m = exponents(4)
    y, x = np.indices(c.shape)
    inside = np.hypot(y - 24, x - 24) < 12
    c = np.where(inside, c - 0.3, 0)
    _, _, found = held(MagneticPrior(outside=True), c, m)
    far = (np.hypot(y - 24, x - 24) > 20)[4:-4, 4:-4]
    near = (np.hypot(y - 24, x - 24) < 10)[4:-4, 4:-4]
    assert np.ptp(found[far].real) < 1e-5
    assert found[near] == pytest.approx(m[4:-4, 4:-4][near], abs=1e-5)


def test_a_magnet_that_fills_the_view_is_left_whole():
    pair = dichroic_pair(1, SMALL)
    assert magnet_of(pair.charge[pair.seen]).all()


def test_bad_input_is_refused_in_one_line(small):
    plus, minus = problems(small)
    with pytest.raises(ValueError, match="object_shape is"):
        run(
            (plus, replace(minus, object_shape=(999, 999))), DichroicParameters(engine=FEW), rng=np.random.default_rng()
        )
    short = replace(minus, positions=minus.positions[:-1])
    with pytest.raises(ValueError, match="25 and 24 frames"):
        run((plus, short), DichroicParameters(engine=FEW, alone=0, shared_positions=True), rng=np.random.default_rng())
    with pytest.raises(ValueError, match="alone is -1"):
        DichroicParameters(alone=-1)
    with pytest.raises(ValueError, match="alone and shared_charge take"):
        DichroicParameters(engine=FEW, alone=1, shared_charge=3)
    with pytest.raises(ValueError, match="ratio is inf"):
        MagneticPrior(ratio=np.inf)
    with pytest.raises(ValueError, match="smoothness is -1"):
        MagneticPrior(smoothness=-1)
