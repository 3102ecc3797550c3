"""Flags: raised by what they are for, by nothing on sound data."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from reconstructors import registry
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.flags import LIMITS
from reconstructors.tomography.projector import plan_projector, project_vector
from reconstructors.tomography.texture import compare_series
from records import projections, projections_reconstruction
from scenarios.tuning import tuned
from simulators.experiments.tilt_series_setups import ChangedTexture, TiltLight
from tests.reconstructors.tomography.tilt_series_builders import measured
from tests.reconstructors.tomography.tomography_phantoms import published_geometry

LIGHT = TiltLight(photons=1e4)
QUICK = {"poses": {"align": False, "refine": False}, "volumes": {"charge_steps": 20}, "recipe": {"steps": 25}}


def flags(measurement, **parameters):
    method = replace(registry.get("ball"), parameters=tuned("ball", QUICK | parameters))
    found = method.reconstruct(measurement, rng=np.random.default_rng(1))
    projections_reconstruction.check(found)
    parts = (found[name].values for name in ("flag_name", "flag", "flag_value"))
    return {str(name): (bool(raised), float(number)) for name, raised, number in zip(*parts, strict=True)}


@cache
def sound(seed=1):
    return measured(seed, light=LIGHT)[0]


@cache
def sound_flags(seed=1):
    return flags(sound(seed))


def test_sound_data_raise_none():
    found = sound_flags()
    assert set(found) == set(LIMITS)
    assert [name for name, (raised, _) in found.items() if raised] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_changed_series_is_told(seed):
    changed = measured(seed, light=LIGHT, changed=ChangedTexture(1, diameter=60e-9, period=60e-9))[0]
    raised, number = flags(changed)["changed_texture"]
    assert raised
    assert number > 1.5 * sound_flags(seed)["changed_texture"][1]


def test_mass_that_changes():
    measurement = sound()
    density = measurement["optical_density"].copy()
    density[:, ::3] *= 1.05
    found = flags(measurement.assign(optical_density=density))
    assert found["mass"][0]
    assert found["mass"][1] == pytest.approx(0.05 * np.sqrt(2) / 3, rel=0.1)


def test_few_projections_and_missing_angles():
    measurement = sound()
    few = flags(projections.select(measurement, np.arange(0, 30, 5)))
    assert few["few_projections"][0]
    flat = flags(projections.select(measurement, np.abs(measurement["tilt"].values) < np.deg2rad(25)))
    assert flat["missing_angles"][0]


def test_pixels_that_nothing_explains():
    measurement = sound()
    rng = np.random.default_rng(1)
    density = measurement["optical_density"].values.copy()
    inside = density.mean(axis=0) > 0.3
    density[0] += 0.15 * rng.standard_normal(inside.shape) * inside
    raised, number = flags(measurement.assign(optical_density=(measurement["optical_density"].dims, density)))["misfit"]
    assert raised
    assert number > 2


def test_a_support_that_is_cut():
    found = flags(sound(), volumes={"charge_steps": 20, "threshold": 0.5})
    assert found["weak_support"][0]


def test_a_film_has_no_background():
    film = sound().isel(y=slice(16, 28), x=slice(16, 28))
    assert flags(film)["no_background"] == (True, 1.0)


def test_a_series_of_one_image():
    short = projections.select(sound(), [*range(20), 24])
    found = flags(short, poses={"align": True, "refine": False})
    assert found["one_image_series"] == (True, 1.0)


def test_series_that_agree_and_that_do_not():
    rng = np.random.default_rng(2)
    geometry = published_geometry(step=8)
    plan = plan_projector((10, 24, 24), geometry, detector=(30, 30))
    fill = np.zeros((10, 24, 24), np.float32)
    fill[2:8, 3:21, 3:21] = 1
    m = (fill * rng.standard_normal((3, 1, 1, 1))).astype(np.float32)
    data = project_vector(m, plan)
    noise = 0.05 * data.std() * rng.standard_normal(data.shape, dtype=np.float32)
    series = np.repeat([0, 2, 3], len(geometry) // 3)
    agree = compare_series(DataTerm(plan, data + noise), m, fill, series, count=4)
    assert agree.residual[1] == 0
    assert np.all(np.abs(agree.residual[[0, 2, 3]] - 1) < 0.3)
    assert 1 <= agree.worst < 1.5
    other = m.copy()
    other[:, 3:7, 4:10, 4:10] *= -1
    changed = np.where((series == 2)[:, None, None], project_vector(other, plan), data)
    differ = compare_series(DataTerm(plan, changed + noise), m, fill, series, count=4)
    assert differ.worst > 2 * agree.worst
    assert differ.residual[2] > 1.5 * agree.residual[2]
    alone = compare_series(DataTerm(plan, data + noise), m, fill, np.zeros(len(data), np.int64), count=1)
    assert alone.worst == 1


@pytest.mark.parametrize(("scale", "told"), [(1.02, False), (-1.0, True)])
def test_what_the_projector_misses_is_no_change(scale, told):
    """Without noise the series' own volume explains everything: what matters is how much of the signal it was."""
    geometry = published_geometry(step=8)
    plan = plan_projector((10, 24, 24), geometry, detector=(30, 30))
    fill = np.zeros((10, 24, 24), np.float32)
    fill[2:8, 3:21, 3:21] = 1
    m = fill * np.array([0.6, -0.5, 0.7], np.float32)[:, None, None, None]
    other = m.copy()
    other[:, 3:7, 4:10, 4:10] *= np.float32(scale)
    series = np.repeat([0, 1, 2], len(geometry) // 3)
    data = np.where((series == 1)[:, None, None], project_vector(other, plan), project_vector(m, plan))
    found = compare_series(DataTerm(plan, data), m, fill, series, count=3)
    assert (found.worst > LIMITS["changed_texture"]) == told


def test_a_stray_voxel_of_the_fill_is_not_judged():
    rng = np.random.default_rng(5)
    geometry = published_geometry(step=8)
    plan = plan_projector((12, 48, 48), geometry, detector=(50, 50))
    fill = np.zeros((12, 48, 48), np.float32)
    fill[4:8, 18:30, 18:30] = 1
    m = fill * np.array([0.6, -0.5, 0.7], np.float32)[:, None, None, None]
    data = project_vector(m, plan)
    deviation = np.float32(0.05 * data.std())
    data += deviation * rng.standard_normal(data.shape, dtype=np.float32)
    term = DataTerm(plan, data, np.full(data.shape, 1 / deviation**2))
    series = np.repeat([0, 1, 2], len(geometry) // 3)
    fill[0, 0, 0] = 0.125
    assert compare_series(term, m, fill, series, count=3).worst < LIMITS["changed_texture"]
