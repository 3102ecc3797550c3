"""How much exchange: by what projections that were held out say, noise taken off."""

import numpy as np
import pytest

from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.projector import plan_projector, project_vector
from reconstructors.tomography.vector_plus import Rung, VectorPlusParameters, chosen, prediction_errors, solve
from tests.reconstructors.tomography.test_waves import series, thick_sample


def rungs(*errors):
    return [Rung(None, 1 / (1 + number), None, error, 0.0) for number, error in enumerate(errors)]


@pytest.mark.parametrize(("allowance", "number"), [(0.0, 2), (0.05, 3), (0.3, 4)])
def test_the_last_rung_within_the_allowance_is_taken(allowance, number):
    ladder = rungs(2.0, 1.2, 1.0, 1.04, 1.25)
    assert chosen(ladder, allowance) is ladder[number]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_rung_that_predicts_nothing_is_passed_over(lost):
    ladder = [Rung(None, 0.1, None, error, 0.6 * error) for error in (1.5, 1.5, 1.0)]
    ladder[lost] = Rung(None, 0.1, None, np.nan, np.nan)
    assert chosen(ladder, 0.2) is ladder[2]
    assert chosen(ladder, 0.9) is ladder[2]
    assert np.isnan(prediction_errors(ladder)).sum() == 1


def test_without_projections_held_out_the_schedule_is_run_to_its_end():
    ladder = rungs(np.nan, np.nan)
    assert chosen(ladder, 0.0) is ladder[1]


@pytest.fixture(scope="module")
def noisy():
    """Return the term of images with unequal noise, the fill and m."""
    _, fill, m = thick_sample()
    plan = plan_projector(fill.shape, series(), detector=(24, 24))
    data = project_vector(m, plan)
    deviation = 0.5 * data.std() * np.linspace(0.5, 2, len(plan))[:, None, None]
    data += (deviation * np.random.default_rng(3).standard_normal(data.shape)).astype(np.float32)
    weights = np.broadcast_to(1 / deviation**2, data.shape)
    term = DataTerm(plan, data, (weights / weights.mean()).astype(np.float32))
    return term, fill, m


def taken(noisy, **changes):
    term, fill, _ = noisy
    parameters = VectorPlusParameters(exchange=(0.1, 0.03, 0.01, 0.003, 0.001, 0.0001), fine_exchange=(), **changes)
    rng = np.random.default_rng(0)
    return solve(term, fill, parameters=parameters, rng=rng)[2]


def test_the_error_is_what_the_misfit_has_above_the_noise_of_these_images(noisy):
    term, _, m = noisy
    rung = taken(noisy)
    held = np.arange(len(term.plan)) % 7 == 3
    clean = project_vector(m, term.plan)
    own = term.weights * held[:, None, None]
    noise = np.sum(own * (term.data - clean) ** 2) / np.sum(own * term.data**2)
    assert rung.white**2 == pytest.approx(noise, rel=0.1)
    assert prediction_errors([rung])[0] ** 2 == pytest.approx(rung.held_out**2 - rung.white**2)


def test_who_allows_more_error_gets_less_exchange(noisy):
    assert taken(noisy, allowance=0.6).exchange < taken(noisy, allowance=0.0).exchange


def test_noise_above_the_misfit_leaves_a_part_of_it_to_compare():
    ladder = [Rung(None, 0.1, None, 0.5, 0.6), Rung(None, 0.01, None, 0.4, 0.6)]
    assert prediction_errors(ladder) == pytest.approx([0.05, 0.04])


@pytest.mark.filterwarnings("error")
def test_few_projections_are_all_used(noisy):
    term, fill, _ = noisy
    few = np.arange(0, len(term.plan), 2)
    plan = plan_projector(fill.shape, term.plan.geometry.of(few), detector=term.plan.detector)
    short = DataTerm(plan, term.data[few], term.weights[few])
    parameters = VectorPlusParameters(exchange=(0.1, 0.03, 0.01), fine_exchange=(0.01, 0.005))
    _, _, rung, _ = solve(short, fill, parameters=parameters, rng=np.random.default_rng(0))
    assert np.isnan(rung.held_out)
    assert rung.exchange == 0.005


def test_half_of_the_data_ends_where_all_of_it_did(noisy):
    term, fill, _ = noisy
    parameters = VectorPlusParameters(exchange=(0.1, 0.03, 0.01), fine_exchange=(0.02, 0.005))
    for exchange, fine in ((0.03, False), (0.005, True), (0.5, True)):
        own = parameters.straight_to(exchange, fine=fine)
        _, _, rung, _ = solve(term, fill, parameters=own, rng=np.random.default_rng(0))
        assert (rung.exchange, rung.grid.fine) == (exchange, fine)
        assert np.isnan(rung.held_out)


@pytest.mark.parametrize("every", [1, -7])
def test_every_other_or_fewer_are_held_out(every):
    with pytest.raises(ValueError, match=r"every is -?\d; allowed: from 2, or 0 for none"):
        VectorPlusParameters(every=every)


def test_the_torque_takes_noise_and_leaves_a_hedgehog():
    axis = np.arange(24) - 11.5
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    distance = np.sqrt(x**2 + y**2 + z**2)
    fill = (distance < 9).astype(np.float32)
    m = (fill * np.stack([-y, x, z]) / distance).astype(np.float32)  # no projection sees a gradient, as a radial one is
    plan = plan_projector(fill.shape, series(), detector=(24, 24))
    data = project_vector(m, plan)
    data += (0.3 * data.std() * np.random.default_rng(4).standard_normal(data.shape)).astype(np.float32)
    found = {}
    for length, scale in ((0.0, 1.0), (10.0, 0.1)):
        exchange = tuple(scale * value for value in (0.1, 0.03, 0.01, 0.003, 0.001))
        parameters = VectorPlusParameters(exchange=exchange, fine_exchange=(), torque_length=length)
        solution = solve(DataTerm(plan, data), fill, parameters=parameters, rng=np.random.default_rng(0))[0]
        found[length] = np.linalg.norm(solution - m) / np.linalg.norm(m)
    assert found[10.0] < 0.8 * found[0.0]


def test_a_torque_length_below_nothing_is_refused():
    with pytest.raises(ValueError, match=r"torque_length is -1\.0; allowed: from 0 voxels"):
        VectorPlusParameters(torque_length=-1.0)
