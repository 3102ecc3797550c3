"""One helicity after the other: what it is worth, where the scans lie apart, and where it cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from reconstructors.ptychography.checkpoint import Checkpoint
from reconstructors.ptychography.corrections.positions import PositionParameters
from reconstructors.ptychography.dichroic.coupling import run
from reconstructors.ptychography.dichroic.course import Course
from reconstructors.ptychography.dichroic.priors import MagneticPrior
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from tests.ptychography_dichroic_problem import Setting, dichroic_pair, problems
from tests.ptychography_dichroic_score import registered, score

SETTING = Setting(n=64, grid=6, step=10, jitter=2, photons=3e5, defocus=1.8e-6, start_defocus=1.3e-6)
ENGINE = RpiePlusParameters(epochs=60, batch_epochs=20, likelihood="amplitude")
SHORT = RpiePlusParameters(epochs=12, batch_epochs=6)


def solved(pair, parameters, **more):
    return run(problems(pair), parameters, rng=stream(1, "frames"), **more)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_difference_is_as_good_in_less_epochs(seed):
    pair = dichroic_pair(seed, SETTING)
    apart, _ = solved(pair, DichroicParameters(engine=ENGINE))
    after, errors = solved(pair, DichroicParameters(engine=ENGINE, following=15, alone=10))
    worse = score(pair, apart.plus.object, registered(pair, apart.plus.object, apart.minus.object))
    better = score(pair, after.plus.object, registered(pair, after.plus.object, after.minus.object))
    assert better.nrmse < 1.02 * worse.nrmse
    assert better.contrast == pytest.approx(1, abs=0.1)
    assert len(errors) == 45 + 10 + 15 < 2 * 60
    assert after.plus.epoch == after.minus.epoch == 60


def test_a_scan_that_lies_elsewhere_and_brighter_light_are_found():
    pair = dichroic_pair(2, replace(SETTING, drift=(1.4, -0.8), flux_ratio=1.3))
    state, _ = solved(pair, DichroicParameters(engine=ENGINE, following=15, alone=10))
    assert state.shift == pytest.approx([-1.4, 0.8], abs=0.1)
    assert (state.minus.positions - state.plus.positions).mean(0) == pytest.approx([1.4, -0.8], abs=0.1)
    parts = (state.plus, state.minus)
    light = [np.mean(np.abs(part.object[pair.seen]) ** 2) * np.sum(np.abs(part.probe) ** 2) for part in parts]
    assert light[1] / light[0] == pytest.approx(1.3, rel=0.03)
    found = score(pair, state.plus.object, registered(pair, state.plus.object, state.minus.object))
    assert found.contrast == pytest.approx(1, abs=0.15)


def test_positions_are_refined_in_both_scans():
    pair = dichroic_pair(0, replace(SETTING, position_error=0.7, drift=(1.4, -0.8)))
    refined = DichroicParameters(engine=ENGINE, positions=PositionParameters(stretch_from=None), following=15, alone=10)
    state, _ = solved(pair, refined)
    assert (state.minus.positions - state.plus.positions).mean(0) == pytest.approx([1.4, -0.8], abs=0.2)
    for part, corners in zip((state.plus, state.minus), pair.corners, strict=True):
        missed = corners - part.positions
        assert (missed - missed.mean(0)).std() < 0.15 * 0.7


def test_a_wrong_shift_is_not_believed(monkeypatch):
    pair = dichroic_pair(0, SETTING)
    parameters = DichroicParameters(engine=SHORT, following=4, alone=4)
    true = Course._found

    def wrong(self, states):
        moved, registration = true(self, states)
        return moved, replace(registration, shift=np.add(registration.shift, (1.5, 0.0)))

    monkeypatch.setattr(Course, "_found", wrong)
    found, _ = solved(pair, parameters)
    assert not np.any(found.shift)
    assert np.array_equal(found.minus.positions, found.plus.positions)


def test_what_has_nothing_in_common_goes_on_by_itself():
    pair, other = dichroic_pair(0, SETTING), dichroic_pair(5, SETTING)
    plus, minus = problems(pair)[0], problems(other)[1]
    parameters = DichroicParameters(engine=SHORT, following=4, alone=4)
    state, errors = run((plus, minus), parameters, rng=stream(1, "frames"))
    assert len(errors) == 2 * SHORT.epochs
    assert state.minus.epoch == SHORT.epochs
    assert not np.any(state.shift)


@pytest.mark.parametrize("last", [5, 10, 14])
def test_a_run_that_is_stopped_goes_on_to_the_same_result(tmp_path, last):
    pair = dichroic_pair(0, SETTING)
    parameters = DichroicParameters(engine=SHORT, following=4, alone=4)
    whole, errors = solved(pair, parameters)

    class Stopped(Exception):
        pass

    def stop(step, _error):
        if step == last:
            raise Stopped

    def kept():
        return Checkpoint(tmp_path / "kept.npz", {"task": "following"})

    with pytest.raises(Stopped):
        solved(pair, parameters, kept=kept(), watch=(stop,))
    again, more = solved(pair, parameters, kept=kept())
    assert more == pytest.approx(errors)
    for name in ("plus", "minus"):
        found, expected = getattr(again, name), getattr(whole, name)
        assert np.array_equal(found.object, expected.object)
        assert np.array_equal(found.probe, expected.probe)


def test_what_cannot_be_meant_is_refused_in_one_line():
    with pytest.raises(ValueError, match="following is -1; allowed: whole numbers"):
        DichroicParameters(following=-1)
    with pytest.raises(ValueError, match="following is 12; allowed: below epochs, 12"):
        DichroicParameters(engine=SHORT, following=12, alone=2)
    with pytest.raises(ValueError, match="alone is 0; allowed: from 1"):
        DichroicParameters(following=4, alone=0)
    with pytest.raises(ValueError, match="shared_probe is on and following is 4"):
        DichroicParameters(following=4, shared_probe=True)
    with pytest.raises(ValueError, match="shared_charge is on and following is 4"):
        DichroicParameters(following=4, shared_charge=4)
    with pytest.raises(ValueError, match="prior is on and following is 4"):
        DichroicParameters(following=4, prior=MagneticPrior(ratio=0.5))
