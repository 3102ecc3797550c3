"""Frequencies that single images got wrong: found, replaced, and no others."""

import numpy as np
import pytest

from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.image_outliers import without_outliers
from reconstructors.tomography.projector import plan_projector, project_vector
from reconstructors.tomography.vector import RECIPES, CglsParameters
from reconstructors.tomography.vector_plus import VectorPlusParameters, solve
from reconstructors.tomography.waves import plan_waves
from tests.reconstructors.tomography.test_waves import series, thick_sample

SIDE = 24


@pytest.fixture(scope="module")
def sample():
    """Return a plan, its images of m, noise, the fill and m."""
    _, fill, m = thick_sample()
    plan = plan_projector(fill.shape, series(), detector=(SIDE, SIDE))
    clean = project_vector(m, plan)
    noise = 0.1 * clean.std() * np.random.default_rng(3).standard_normal(clean.shape)
    return plan, clean, noise.astype(np.float32), fill, m


def stripes(amplitude, period=4):
    y, x = np.indices((SIDE, SIDE))
    return (amplitude * np.cos(2 * np.pi * (x + y) / period)).astype(np.float32)


def test_noise_alone_is_left_alone(sample):
    plan, clean, noise, *_ = sample
    term = DataTerm(plan, clean + noise)
    found = without_outliers(term, clean, limit=12.0)
    assert np.linalg.norm(found.data - term.data) < 0.2 * np.linalg.norm(noise)


def test_stripes_of_one_image_are_replaced_by_the_model(sample):
    plan, clean, noise, *_ = sample
    data = clean + noise
    data[4] += stripes(3 * noise.std())
    found = without_outliers(DataTerm(plan, data), clean, limit=12.0)
    assert np.linalg.norm(found.data[4] - clean[4] - noise[4]) < 0.4 * np.linalg.norm(stripes(3 * noise.std()))
    others = np.arange(len(plan)) != 4
    assert np.linalg.norm((found.data - data)[others]) < 0.2 * np.linalg.norm(noise)


def test_real_and_imaginary_parts_are_images_of_their_own():
    _, fill, m = thick_sample()
    plan = plan_waves(fill.shape, series(), detector=(SIDE, SIDE), curvature=0.6)
    clean = project_vector(m, plan)
    noise = (0.1 * clean.std() * np.random.default_rng(3).standard_normal(clean.shape)).astype(np.float32)
    data = clean + noise
    data[2, SIDE:] += stripes(3 * noise.std())
    found = without_outliers(DataTerm(plan, data), clean, limit=12.0)
    changed = np.abs(found.data - data)
    assert changed[2, SIDE:].max() > 2 * noise.std()
    assert changed[2, :SIDE].max() < noise.std()


def test_what_has_no_weight_is_no_outlier(sample):
    plan, clean, noise, *_ = sample
    data, weights = clean + noise, np.ones(clean.shape, np.float32)
    data[1, :6], weights[1, :6] = 50, 0
    found = without_outliers(DataTerm(plan, data, weights), clean, limit=12.0)
    assert np.linalg.norm((found.data - data)[:, 6:]) < 0.2 * np.linalg.norm(noise)
    assert np.allclose(found.data[1, :6], 50, atol=noise.std())


def test_a_volume_is_better_without_them(sample):
    plan, clean, noise, fill, m = sample
    data = clean + noise
    for image in (1, 6, 11):
        data[image] += stripes(8 * noise.std(), period=3 + image % 3)
    errors = []
    for outlier in (0.0, 12.0):
        parameters = VectorPlusParameters(exchange=(0.1, 0.03, 0.01), fine_exchange=(), outlier=outlier)
        rng = np.random.default_rng(0)
        found = solve(DataTerm(plan, data), fill, parameters=parameters, rng=rng)[0]
        errors.append(np.linalg.norm(found - m) / np.linalg.norm(m))
    assert errors[1] < 0.8 * errors[0]


def test_the_solution_holds_the_data_that_it_explains(sample):
    plan, clean, noise, fill, _ = sample
    data = clean + noise
    data[4] += stripes(8 * noise.std())
    term = DataTerm(plan, data)
    parameters = VectorPlusParameters(exchange=(0.1, 0.03), fine_exchange=())
    own = {"noise": 0.1, "rng": np.random.default_rng(0)}
    explained = RECIPES["vector_plus"](term, fill, parameters=parameters, **own).term.data
    assert np.linalg.norm(explained[4] - clean[4]) < 0.5 * np.linalg.norm(data[4] - clean[4])
    assert RECIPES["cgls"](term, fill, parameters=CglsParameters(steps=9), **own).term is term


@pytest.mark.parametrize("limit", [1.0, 0.0, np.nan])
def test_impossible_limits(sample, limit):
    plan, clean, *_ = sample
    with pytest.raises(ValueError, match=r"limit is .*; allowed: above 1"):
        without_outliers(DataTerm(plan, clean), clean, limit=limit)


def test_impossible_parameter():
    with pytest.raises(ValueError, match=r"outlier is 0.5; allowed: above 1, or 0"):
        VectorPlusParameters(outlier=0.5)
