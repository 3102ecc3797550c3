"""The whole way from simulated images to volumes: errors against the truth, records, halves, refusals."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from reconstructors import registry
from reconstructors.tomography.fill_blur import unblurred
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.methods import METHODS, nominal_depth
from reconstructors.tomography.poses import PoseParameters, box_shape, find_poses
from reconstructors.tomography.preparation import prepare
from reconstructors.tomography.refinement import fitted_motion
from records import projections, projections_reconstruction
from scenarios.tuning import tuned
from simulators.experiments.tilt_series_setups import GeometryErrors, ImageErrors, TiltLight
from tests.reconstructors.tomography.tilt_series_builders import centred, measured

NOMINAL = {"poses": {"align": False, "refine": False}, "volumes": {"charge_steps": 25}}
ERRORS = GeometryErrors(
    shift=1.5, helicity_shift=0.1, angle=np.deg2rad(0.3), remount_angle=np.deg2rad(1), remount_shift=1.5
)


@cache
def ideal():
    return measured(light=TiltLight(photons=3e5))


@cache
def crooked():
    return measured(light=TiltLight(photons=3e5), geometry=ERRORS, errors=ImageErrors(flux=0.02))


def solved(name, measurement, *, given=None, watch=(), **parameters):
    method = replace(registry.get(name), parameters=tuned(name, parameters))
    return method.reconstruct(measurement, rng=np.random.default_rng(1), given=given, watch=watch)


@cache
def plain(name):
    return solved(name, ideal()[0], **(NOMINAL | {"volumes": {"charge_steps": 60}}))


def error(found, truth):
    shape = found["fill"].shape
    expected, fill = (centred(truth[key].values, shape) for key in ("magnetization", "fill"))
    magnet = fill > 0.1
    return np.linalg.norm((found["magnetization"].values - expected)[:, magnet]) / np.linalg.norm(expected[:, magnet])


@pytest.mark.parametrize(("name", "largest"), [("resire", 0.5), ("cgls", 0.42), ("ball", 0.35), ("vector+", 0.35)])
def test_methods_find_the_magnetization(name, largest):
    _, truth = ideal()
    found = plain(name)
    projections_reconstruction.check(found)
    assert found.attrs["method"] == name
    assert error(found, truth) < largest
    fill = centred(truth["fill"].values, found["fill"].shape)
    assert np.linalg.norm(found["fill"] - fill) < 0.3 * np.linalg.norm(fill)
    charge = centred(truth["charge"].values, found["charge"].shape)
    assert float(found["charge"].sum()) == pytest.approx(charge.sum(), rel=0.02)
    assert found["used"].values.all()
    assert 0 < float(found["noise"]) < float(found["residual"].mean()) < 0.3
    nominal = {"coverage", "history", "operator_norm", "pair_shift", "background_range", "mass_drift"}
    assert nominal | {"series_residual", "flag", "flag_value"} <= set(found)


def test_geometry_is_found():
    measurement, truth = crooked()
    poses = find_poses(prepare(measurement), PoseParameters(), depth=nominal_depth(measurement))
    true = Geometry(truth["rotation"].values, truth["shift"].values)
    moved = poses.geometry.moved(fitted_motion(poses.geometry, true))
    assert np.sqrt(np.mean((moved.shifts - true.shifts) ** 2)) < 0.05
    turned = np.einsum("nij,nkj->nik", moved.rotations, true.rotations)
    angles = np.stack([turned[:, 2, 1], turned[:, 0, 2], turned[:, 1, 0]])
    assert np.rad2deg(np.sqrt(np.mean(angles**2))) < 0.4
    nominal = find_poses(prepare(measurement), PoseParameters(False, False), depth=30)
    assert np.all(nominal.geometry.shifts == 0)


def test_a_crooked_series_is_explained_and_halves_reuse_its_poses():
    measurement, _ = crooked()
    steps = []
    quick = {"poses": {"rounds": 6, "joint_rounds": 1}, "volumes": {"charge_steps": 25}}
    found = solved("cgls", measurement, watch=[lambda step, value: steps.append((step, value))], **quick)
    assert float(found["residual"].mean()) < 0.35
    assert [step for step, _ in steps] == list(range(len(steps)))
    assert np.all(np.isfinite([value for _, value in steps]))
    told = json.loads(found.attrs["knowledge"])
    assert "angles to start from" in told
    assert "rotation of each series but the first" in json.loads(found.attrs["gauge"])
    half = projections.halves(measurement)[1]
    part = solved("cgls", half, given=found, **quick)
    assert "geometry: from all projections together" in json.loads(part.attrs["gauge"])
    order = [
        int(np.flatnonzero((measurement["tilt"] == tilt) & (measurement["in_plane"] == turn))[0])
        for tilt, turn in zip(half["tilt"].values, half["in_plane"].values, strict=True)
    ]
    assert np.array_equal(part["rotation"], found["rotation"].values[order])
    assert np.array_equal(part["shift"], found["shift"].values[order])
    assert part["fill"].shape == found["fill"].shape
    assert not np.array_equal(part["fill"], found["fill"])


def test_halves_end_with_the_exchange_of_all():
    measurement, _ = ideal()
    few = {"recipe": {"exchange": [0.1, 0.02], "fine_exchange": [0.01], "steps": 3}, **NOMINAL}
    whole = solved("vector+", measurement, **few)
    told = whole.assign(exchange=0.05, exchange_fine=0.0)
    half = solved("vector+", projections.halves(measurement)[0], given=told, **few)
    assert (float(half["exchange"]), float(half["exchange_fine"])) == (0.05, 0.0)
    assert "exchange" not in solved("cgls", measurement, recipe={"steps": 3}, **NOMINAL)


def test_halves_take_off_the_blur_of_all():
    measurement, _ = ideal()
    few = {"recipe": {"steps": 3}, **NOMINAL}
    whole = solved("ball", measurement, **few)
    assert float(whole["blur"]) >= 0
    half = projections.halves(measurement)[0]
    fills = []
    for width in (0.0, 0.7):
        part = solved("ball", half, given=whole.assign(blur=width), **few)
        assert float(part["blur"]) == width
        fills.append(part["fill"].values)
    assert np.allclose(fills[1], unblurred(fills[0], 0.7), atol=1e-6)
    assert "blur" not in solved("cgls", half, given=whole, **few)


def test_a_run_is_repeated_to_the_bit():
    few = {"recipe": {"steps": 3}, **NOMINAL}
    assert solved("cgls", ideal()[0], **few).identical(solved("cgls", ideal()[0], **few))


def test_parameters_are_nested_tables():
    volumes = {"charge_steps": 5, "footprint": "box"}
    found = solved("ball", ideal()[0], recipe={"steps": 3}, **(NOMINAL | {"volumes": volumes}))
    assert found.sizes["iteration"] == 3
    kept = json.loads(found.attrs["parameters"])
    assert kept["volumes"]["footprint"] == "box"
    assert kept["poses"]["refine"] is False
    assert "angles" in json.loads(found.attrs["knowledge"])


def test_depth_is_found_without_a_nominal_box():
    measurement, _ = ideal()
    prepared = prepare(measurement)
    series = np.arange(10)
    poses = find_poses(prepared, PoseParameters(False, False), depth=30)
    depth, height, width = box_shape(prepared, series, poses.geometry.of(series), depth=None)
    assert (height, width) == (44, 44)
    assert 12 + 8 <= depth <= 32  # 12 voxels of sample and a rim
    assert nominal_depth(measurement) == 12 + 1 + 12
    assert nominal_depth(measurement.drop_vars(["box", "axis"])) is None


def test_short_series_are_refused_or_left_out():
    measurement, _ = ideal()
    few = projections.select(measurement, [*range(10), 12, 17])
    with pytest.raises(ValueError, match="series 1 has 2 projections; allowed: from 3 to be aligned"):
        find_poses(prepare(few), PoseParameters(), depth=30)
    assert find_poses(prepare(few), PoseParameters(False, False), depth=30).used.all()
    one = projections.select(measurement, [*range(10), 12])
    poses = find_poses(prepare(one), PoseParameters(refine=False), depth=30)
    assert np.flatnonzero(~poses.used).tolist() == [10]
    alone = projections.select(measurement, [12])
    assert registry.get("cgls").refuses(alone) == "1 projection; allowed: from 2"


def test_what_is_impossible_is_refused():
    measurement, _ = ideal()
    bright = measurement.assign(beta_matrix=measurement["beta_magnet"])
    with pytest.raises(ValueError, match="allowed: magnet above matrix"):
        solved("cgls", bright, **NOMINAL)
    with pytest.raises(ValueError, match="takes measurements of kind 'projections'"):
        solved("cgls", measurement.assign_attrs(kind="holography"))
    for name, table, text in (
        ("volumes", {"footprint": "ball"}, "footprint is 'ball'"),
        ("volumes", {"padding": 0.5}, "padding is 0.5"),
        ("volumes", {"threshold": 1.0}, "threshold is 1.0"),
        ("volumes", {"charge_steps": 0}, "charge_steps is 0"),
        ("poses", {"rounds": 0}, "rounds and joint_rounds are 0, 6"),
    ):
        with pytest.raises(ValueError, match=text):
            tuned("cgls", {name: table})
    assert set(METHODS) == {"resire", "cgls", "ball", "vector+"}
    assert all(registry.get(name).accepts == "projections" for name in METHODS)
