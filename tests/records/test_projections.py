"""The records of kind "projections": round trips, halves, selections, and what they refuse."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import records
from records import projections, store
from records.describe import describe
from tests.records.projections_builders import (
    SHAPE,
    a_measurement,
    a_plain_measurement,
    a_reconstruction,
    a_truth,
    angles_of,
    geometry_of,
    refused,
)

RECORDS: dict[str, Callable[[], xr.Dataset]] = {
    "measurement": a_measurement,
    "plain measurement": a_plain_measurement,
    "one series of one image": lambda: a_measurement(1, 1),
    "reconstruction": a_reconstruction,
    "short reconstruction": lambda: a_reconstruction(complete=False),
    "truth": a_truth,
}


@pytest.mark.parametrize("name", RECORDS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    dataset = RECORDS[name]()
    records.check(dataset)
    store.save(dataset, tmp_path / "record.nc")
    back = store.load(tmp_path / "record.nc", record=dataset.attrs["record"])
    xr.testing.assert_identical(back, dataset)
    assert all(back[key].dtype == dataset[key].dtype for key in dataset.variables)


def test_the_order_of_axes_and_the_coordinates_are_those_of_the_conventions() -> None:
    measurement = a_measurement()
    assert measurement["optical_density"].dims == ("helicity", "projection", "y", "x")
    np.testing.assert_allclose(measurement["y"], (np.arange(6) - 3) * 5e-9)
    np.testing.assert_allclose(measurement["x"], (np.arange(5) - 2) * 5e-9)
    assert measurement["optical_density"].dtype == measurement["variance"].dtype == np.float32
    truth = a_truth()
    assert truth["fz"].values[truth.sizes["fz"] // 2] == 0.0
    assert truth["image_y"].values[4] == 0.0


def test_halves_are_every_other_tilt_of_each_series() -> None:
    tilt = np.radians([10, -62, 0, 62, 30, 20, -20, 5, -5.0])
    at = {"tilt": tilt, "in_plane": np.zeros(9), "series": [0, 0, 0, 0, 0, 1, 1, 1, 1]}
    shape = (2, 9, 6, 5)
    images = {"optical_density": np.arange(np.prod(shape)).reshape(shape)}
    even, odd = projections.halves(a_plain_measurement(images=images, angles=at))
    # Series 0 by tilt: -62 0 10 30 62; series 1: -20 -5 5 20.
    np.testing.assert_allclose(np.degrees(even["tilt"]), [10, -62, 62, -20, 5])
    np.testing.assert_allclose(np.degrees(odd["tilt"]), [0, 30, 20, -5])
    np.testing.assert_array_equal(even["optical_density"], images["optical_density"][:, [0, 1, 3, 6, 7]])
    assert even["projection"].values.tolist() == [0, 1, 2, 3, 4]
    for half in (even, odd):
        records.check(half)
        assert half["tilt"].attrs == {"units": "rad"}
    assert projections.images_per_series(odd) == {0: 2, 1: 2}


def test_images_of_equal_tilt_are_halved_by_their_in_plane_angle() -> None:
    """Laminography: the tilt stays and the sample turns."""
    at = {"tilt": np.full(12, 0.7), "in_plane": np.radians(np.arange(12)[::-1] * 30.0), "series": np.zeros(12, int)}
    even, odd = projections.halves(a_plain_measurement(angles=at))
    np.testing.assert_allclose(np.degrees(even["in_plane"]), [300, 240, 180, 120, 60, 0], atol=1e-9)
    np.testing.assert_allclose(np.degrees(odd["in_plane"]), [330, 270, 210, 150, 90, 30])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_halves_share_out_all_images_whatever_the_series(counts: list[int], random: Any) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    random.shuffle(labels)
    n = len(labels)
    tilt = [random.uniform(-1, 1) for _ in range(n)]
    images = {"optical_density": np.broadcast_to(np.arange(n, dtype=float)[:, None, None], (2, n, 2, 2))}
    whole = a_plain_measurement(images=images, angles={"tilt": tilt, "in_plane": np.zeros(n), "series": labels})
    if max(counts) == 1:
        refused("one projection in each; expected two or more", lambda: projections.halves(whole))
        return
    even, odd = projections.halves(whole)
    taken = [half["optical_density"].values[0, :, 0, 0].astype(int).tolist() for half in (even, odd)]
    assert sorted(taken[0] + taken[1]) == list(range(n))
    for half, share in zip((even, odd), taken, strict=True):
        projections.check(half)
        assert share == sorted(share)
    for label, count in enumerate(counts):
        by_tilt = sorted((index for index in range(n) if labels[index] == label), key=lambda index: tilt[index])
        assert by_tilt[::2] == sorted((i for i in taken[0] if labels[i] == label), key=lambda index: tilt[index])
        assert len(by_tilt[1::2]) == count // 2


def test_select_keeps_the_order_asked_for_and_numbers_anew() -> None:
    whole = a_measurement()
    part = projections.select(whole, [11, 0, 1])
    projections.check(part)
    assert part["series"].values.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(part["variance"], whole["variance"].values[:, [11, 0, 1]])
    last = projections.select(whole, whole["series"].values == 2)
    assert projections.images_per_series(last) == {0: 4}
    np.testing.assert_allclose(last["in_plane"], np.radians(240))
    assert projections.images_per_series(whole) == {0: 4, 1: 4, 2: 4}


@pytest.mark.parametrize(
    ("indices", "line"),
    [
        ([], "indices: shape .*; expected one projection or more"),
        ([0, 12], r"indices: \[12\]; expected 0 to 11"),
        ([-1], r"indices: \[-1\]; expected 0 to 11"),
        ([3, 3], "indices: a projection twice"),
        ([0.5], "indices: dtype float64; expected whole numbers"),
        (np.ones(5, bool), r"indices: \(5,\) truth values; expected one for each of 12"),
        (np.zeros(12, bool), "indices: shape .*; expected one projection or more"),
    ],
)
def test_selections_that_cannot_be(indices: Any, line: str) -> None:
    refused(line, lambda: projections.select(a_measurement(), indices))


DENSITY = a_measurement()["optical_density"].values


def with_one(value: float) -> Any:
    changed = DENSITY.copy()
    changed[1, 3, 2, 2] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"angles": {"tilt": np.full(12, 62.0)}}, "Measurement.tilt: 62 rad in projection 0; .*are these degrees?"),
        ({"angles": {"in_plane": np.repeat([0, 120.0, 240], 4)}}, "in_plane: 240 rad .*are these degrees?"),
        ({"angles": {"series": np.repeat([0, 1, 3], 4)}}, r"series: found \[0, 1, 3\]; expected 0, 1, ... without"),
        ({"angles": {"series": np.repeat([-1, 0, 1], 4)}}, "series: holds -1; expected values from 0"),
        ({"angles": {"series": np.zeros(12)}}, "series: dtype float64; expected int values"),
        ({"angles": {"tilt": np.zeros(11)}}, "expected one size along each dimension"),
        ({"angles": {"theta": np.zeros(12)}}, "Measurement angles: found"),
        ({"images": {"optical_density": with_one(np.nan)}}, "optical_density: 1 values are not finite"),
        ({"images": {"optical_density": DENSITY[:1]}}, "expected one size along each dimension"),
        ({"images": {"optical_density": DENSITY[0]}}, "expected 4 axes"),
        ({"images": {"variance": np.zeros(DENSITY.shape)}}, "variance: holds 0; expected values greater than 0"),
        ({"images": {"valid": np.zeros(DENSITY.shape[1:], bool)}}, r"no valid pixel in projection \[0, 1, 2"),
        ({"images": {"magnetic": DENSITY}}, "Measurement images: found"),
        ({"scalars": {"polarization": 0.0}}, "polarization: is 0"),
        ({"scalars": {"polarization": 1.2}}, "polarization: holds 1.2; expected values up to 1"),
        ({"scalars": {"beta_m": -6e-4}}, "beta_m: holds -0.0006; expected values greater than 0"),
        ({"scalars": {"beta_matrix": -1e-9}}, "beta_matrix: holds -1e-09; expected values from 0"),
        ({"scalars": {"pixel_size": 5.0}}, "pixel_size: holds 5; expected values up to 0.0001"),
        ({"scalars": {"energy": 0.856}}, "energy: holds 0.856; expected values from 10"),
        ({"scalars": {"fill": 1.0}}, "Measurement scalars: found"),
        ({"box": (1e-7, 1e-7)}, "expected one size along each dimension"),
        ({"box": (150, 480, 480)}, "box: holds 480; expected values up to 0.01"),
    ],
)
def test_measurements_that_do_not_fit(changes: dict[str, Any], line: str) -> None:
    refused(line, lambda: a_measurement(**changes))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda m: m.assign(magnetization=1.0), "magnetization: unknown variable"),
        (lambda m: m.assign_attrs(seed=1), "seed: unknown attribute"),
        (lambda m: m.assign_attrs(kind="holography"), "kind: found 'holography'; expected 'projections'"),
        (lambda m: m.assign_coords(helicity=[-1, 1]), r"helicity: found \[-1, 1\]; expected \[1, -1\]"),
        (lambda m: m.assign_coords(projection=np.arange(12)[::-1]), "projection: found .* expected"),
        (lambda m: m.drop_vars("tilt"), "tilt: variable missing"),
        (lambda m: m.drop_vars("axis"), "axis: found .*expected"),
        (lambda m: m.isel(x=slice(1, None)), "Measurement.x: .* steps off"),
        (lambda m: m.isel(x=[2]), "optical_density: images of 1 pixel across"),
    ],
)
def test_edited_measurements(change: Callable[[xr.Dataset], xr.Dataset], line: str) -> None:
    refused(line, lambda: projections.check(change(a_measurement())))


def test_a_right_angle_of_either_precision_is_allowed() -> None:
    tilt = np.resize(np.array([np.pi / 2, -np.pi / 2, 0], np.float32), 12)
    in_plane = np.resize(np.array([2 * np.pi, -2 * np.pi], np.float32), 12)
    assert float(a_measurement(angles={"tilt": tilt, "in_plane": in_plane})["tilt"].max()) > np.pi / 2


def turned(matrix: Any) -> dict[str, Any]:
    rotations = geometry_of()["rotation"]
    rotations[4] = matrix @ rotations[4]
    return {"rotation": rotations}


BAD_GEOMETRY: list[tuple[dict[str, Any], str]] = [
    (turned(np.diag([1, 1.01, 1])), "rotation: projection 4 is off by 0.02.*; expected orthogonal"),
    (turned(np.diag([1, 1, -1])), r"rotation: a reflection in projection \[4\]; expected rotations"),
    ({"rotation": np.zeros((12, 3, 2))}, r"rotation: shape \(12, 3, 2\); expected"),
    ({"shift": np.zeros((12, 3))}, "expected one size along each dimension"),
    ({"shift": np.full((12, 2), np.inf)}, "shift: 24 values are not finite"),
]


@pytest.mark.parametrize(
    ("results", "line"),
    [
        *BAD_GEOMETRY,
        ({"fill": None}, "Reconstruction.fill: missing"),
        ({"fill": np.full(SHAPE, 1.1)}, "fill: holds 1.1; expected values up to 1"),
        ({"magnetization": np.zeros((2, *SHAPE))}, "expected one size along each dimension"),
        ({"m_z": 1.0}, r"unknown \['m_z'\]"),
        ({"used": np.full(12, 2)}, "used: holds 2; expected values up to 1"),
        ({"residual": np.full(12, -1.0)}, "residual: holds -1; expected values from 0"),
        ({"voxel_size": 0.0}, "expected"),
    ],
)
def test_reconstructions_that_do_not_fit(results: dict[str, Any], line: str) -> None:
    refused(line, lambda: a_reconstruction(results=results))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        *(({"projections": bad}, line) for bad, line in BAD_GEOMETRY),
        ({"projections": {"flux": np.zeros((2, 12))}}, "flux: holds 0; expected values greater than 0"),
        ({"projections": {"optical_density": np.zeros((2, 12, 8))}}, "expected 4 axes"),
        ({"volumes": {"magnetization": np.ones((3, *SHAPE))}}, "magnetization: longer than the fill by"),
        ({"volumes": {"fine_magnet": np.zeros((8, 12, 10))}}, "fine_magnet: 0 everywhere"),
        ({"volumes": {"fine_magnet": np.ones((8, 12, 10))}}, "fine_magnetization: lengths are off by 1"),
        ({"volumes": {"m_z": np.ones(SHAPE)}}, "Truth volumes: found"),
        ({"changed": [2, 0, 0]}, "changed: holds 2; expected values up to 1"),
        ({"notes": {"setup": {}}}, "Truth notes: found"),
        ({"fine_voxel_size": -1e-9}, "fine_voxel_size: holds -1e-09; expected values greater than 0"),
    ],
)
def test_truths_that_do_not_fit(changes: dict[str, Any], line: str) -> None:
    refused(line, lambda: a_truth(**changes))


def test_edited_results() -> None:
    truth, found = a_truth(), a_reconstruction()
    for edited, line in (
        (found.assign_coords(component=["z", "y", "x"]), "Reconstruction.component: found"),
        (found.assign_coords(image_axis=["x", "y"]), "Reconstruction.image_axis: found"),
        (found.assign_coords(projection=np.arange(12) + 1), "Reconstruction.projection: not numbered"),
        (found.isel(z=slice(None, -1)), "Reconstruction.z: .* steps off"),
        (found.drop_vars("flag_name"), "Reconstruction.flag_name: coordinate missing"),
        (found.assign_attrs(gauge="x"), "Reconstruction.gauge: 'x'; expected JSON"),
        (truth.isel(fx=slice(2, None)), "Truth.fx: .* steps off"),
        (truth.drop_vars("image_y"), "Truth.optical_density: without coordinates"),
        (truth.isel(helicity=[0]), "Truth.helicity: one"),
        (truth.drop_vars("changed"), "Truth.changed: variable missing"),
    ):
        refused(line, partial(records.check, edited))


def test_results_without_what_is_optional() -> None:
    assert "flag" not in a_reconstruction(complete=False)
    truth = a_truth()
    records.check(truth.drop_vars("optical_density"))
    assert angles_of()["series"].tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_described_for_people(tmp_path: Path) -> None:
    lines = {}
    for name, make in RECORDS.items():
        store.save(make(), tmp_path / "record.nc")
        lines[name] = dict(describe(tmp_path / "record.nc"))
        assert lines[name]["check"] == "sound"
        assert set(map(str, make().variables)) - {"series"} <= set(lines[name])
        assert not any("\n" in text for text in lines[name].values())
    measurement = lines["measurement"]
    assert measurement["images"] == "2 x 12 of 6 x 5 pixels of 5 nm"
    assert measurement["view (y, x)"] == "30 x 25 nm"
    assert measurement["series 2"] == "tilt -62 to 62 degrees, in plane 240 degrees"
    assert measurement["sample (z, y, x)"] == "15 x 20 x 20 nm"
    assert lines["reconstruction"]["flags"] == "changed_texture"
    assert lines["reconstruction"]["projections"] == "9 of 12 used"
    assert lines["truth"]["changed series"] == "1"
    assert lines["truth"]["fine grid (z, y, x)"] == "8 x 12 x 10 voxels of 2.5 nm"


def test_a_record_that_is_not_sound_is_described(tmp_path: Path) -> None:
    store.save(a_measurement().assign(magnetization=1.0), tmp_path / "m.nc")
    assert dict(describe(tmp_path / "m.nc"))["check"].startswith("not sound: Measurement.magnetization: unknown")
