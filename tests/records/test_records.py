"""The checks of the records find what is wrong, in one line."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import records
from optics.units import wavelength
from records import RecordError, measurement, reconstruction, sample
from tests.records.builders import (
    MEASUREMENT_SCALARS,
    PITCH,
    N,
    a_measurement,
    a_reconstruction,
    a_sample,
    a_truth,
)

BUILDERS: list[Callable[[], xr.Dataset]] = [a_sample, a_measurement, a_truth, a_reconstruction]


def refused(dataset: xr.Dataset) -> str:
    """Return the one line with which a record is refused."""
    with pytest.raises(RecordError) as caught:
        records.check(dataset)
    line = str(caught.value)
    assert "\n" not in line
    return line


def changed(dataset: xr.Dataset, name: str, value: Any, index: Any = ...) -> xr.Dataset:
    copy = dataset.copy(deep=True)
    copy[name].values[index] = value
    return copy


@pytest.mark.parametrize("build", BUILDERS)
def test_sound_records_pass(build: Callable[[], xr.Dataset]) -> None:
    records.check(build())


@pytest.mark.parametrize("build", BUILDERS)
def test_every_required_variable_is_missed(build: Callable[[], xr.Dataset]) -> None:
    dataset = build()
    layout = {"sample": sample.LAYOUT, "measurement": measurement.LAYOUT, "reconstruction": reconstruction.LAYOUT}
    wanted = layout.get(dataset.attrs["record"], records.truth.LAYOUT)
    for name, variable in wanted.variables.items():
        if not variable.optional:
            assert f".{name}: variable missing" in refused(dataset.drop_vars(name))


@pytest.mark.parametrize("build", BUILDERS)
def test_every_unit_is_needed(build: Callable[[], xr.Dataset]) -> None:
    dataset = build()
    for name, array in dataset.variables.items():
        if array.attrs.get("units") in (None, "1"):
            continue
        for unit in (None, "nm"):
            copy = dataset.copy(deep=True)
            copy[name].attrs = {} if unit is None else {"units": unit}
            assert f".{name}: units {unit!r}" in refused(copy)


@pytest.mark.parametrize("build", BUILDERS)
def test_every_nan_is_found(build: Callable[[], xr.Dataset]) -> None:
    dataset = build()
    for name, array in dataset.data_vars.items():
        if array.dtype.kind in "fc":
            first = (0,) * array.ndim
            assert f".{name}: 1 values are not finite" in refused(changed(dataset, str(name), np.nan, first))


@pytest.mark.parametrize("build", BUILDERS)
def test_wrong_dims(build: Callable[[], xr.Dataset]) -> None:
    assert "dims (" in refused(build().transpose("x", "y", ...))


@pytest.mark.parametrize("name", [name for name in MEASUREMENT_SCALARS if not name.startswith("delta")])
def test_scalars_have_bounds(name: str) -> None:
    value = 0.0 if name in ("beta_m_t", "polarization") else -1.0
    if name in ("read_noise", "film_thickness"):
        assert "values from 0" in refused(changed(a_measurement(), name, -1e-9))
    else:
        assert f"Measurement.{name}: " in refused(changed(a_measurement(), name, value))


def test_unknown_record_and_schema() -> None:
    assert refused(xr.Dataset()) == (
        "record: found None; expected one of ['measurement', 'reconstruction', 'sample', 'truth']"
    )
    assert refused(a_sample().assign_attrs(schema=2)) == "Sample.schema: found 2; expected 1"


def test_a_line_names_record_variable_found_and_expected() -> None:
    dataset = a_measurement()
    dataset["dark"] = dataset["dark"].transpose("x", "y")
    assert refused(dataset) == "Measurement.dark: dims ('x', 'y'); expected dims ('y', 'x')"


class TestSample:
    def test_vectors_have_length_one_inside(self) -> None:
        assert "lengths are off by 0.1" in refused(changed(a_sample(), "magnetization", (0, 0, 0.9), np.s_[:, 0, 0, 0]))

    def test_vectors_are_zero_outside(self) -> None:
        assert "length 1 inside the magnet and 0 outside" in refused(changed(a_sample(), "magnet", 0.0, (0, 0, 0)))

    def test_partial_fill_keeps_unit_vectors(self) -> None:
        records.check(changed(a_sample(), "magnet", 0.25, (0, 0, 0)))

    def test_empty(self) -> None:
        with pytest.raises(RecordError, match="0 everywhere; expected a magnet"):
            sample.make(magnetization=np.zeros((3, 1, 2, 2)), voxel_size=1e-9)

    def test_origin_lies_at_the_centre(self) -> None:
        dataset = a_sample()
        assert [float(dataset[axis][n // 2]) for axis, n in zip("zyx", (2, 3, 4), strict=True)] == [0, 0, 0]
        moved = dataset.assign_coords(x=("x", dataset["x"].values + 1e-9, {"units": "m"}))
        assert "Sample.x: " in refused(moved)

    def test_one_layer_keeps_its_thickness(self) -> None:
        assert sample.voxel_size(a_sample(shape=(1, 4, 4))) == (3e-9, 2e-9, 1e-9)

    @pytest.mark.parametrize("shape", [(2, 1, 2, 2), (3, 2, 2)])
    def test_wrong_shape(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(RecordError, match=r"Sample\.magnetization: "):
            sample.make(magnetization=np.ones(shape), voxel_size=1e-9)

    def test_saturation_must_be_positive_in_the_magnet(self) -> None:
        with pytest.raises(RecordError, match="expected values greater than 0 in the magnet"):
            a_sample(saturation_magnetization=0.0)

    def test_features_are_json(self) -> None:
        assert "JSON text of a dict" in refused(a_sample().assign_attrs(features="[1]"))


class TestMeasurement:
    @pytest.mark.parametrize("name", ["m_z", "exit_wave", "visibility", "focus", "wall_width"])
    def test_no_truth_in_variables(self, name: str) -> None:
        assert f"Measurement.{name}: unknown variable" in refused(a_measurement().assign({name: 1.0}))

    def test_no_truth_in_attributes(self) -> None:
        assert "Measurement.visibility: unknown attribute" in refused(a_measurement().assign_attrs(visibility=0.9))

    def test_counts_are_whole_numbers(self) -> None:
        dataset = a_measurement()
        dataset["counts"] = dataset["counts"].astype(np.int32)
        assert "dtype int32; expected uint32" in refused(dataset)

    def test_an_object_hole_is_needed(self) -> None:
        assert "hole_kind: found ['reference']" in refused(changed(a_measurement(), "hole_kind", "reference"))

    def test_a_pixel_must_be_valid(self) -> None:
        assert "no valid pixel" in refused(changed(a_measurement(), "valid", False))

    def test_square_detector(self) -> None:
        with pytest.raises(RecordError, match="expected a square detector"):
            a_measurement(counts=np.ones((2, 4, N, 6)), dark=np.ones((N, 6)), valid=np.ones((4, N, 6), dtype=bool))

    def test_sizes_that_do_not_fit(self) -> None:
        with pytest.raises(RecordError, match="expected one size along each dimension") as caught:
            a_measurement(dark=np.ones((N, N + 1)))
        assert "\n" not in str(caught.value)

    def test_names_that_are_not_asked_for(self) -> None:
        with pytest.raises(RecordError, match="Measurement scalars: found"):
            a_measurement(scalars={**MEASUREMENT_SCALARS, "visibility": 0.9})

    def test_halves_share_the_stops_and_no_exposure(self) -> None:
        whole = a_measurement(exposures=8)
        even, odd = measurement.halves(whole)
        for half, start in ((even, 0), (odd, 1)):
            records.check(half)
            assert np.array_equal(half["counts"], whole["counts"][:, start::2])
            assert half["stop_radius"].values.tolist() == [0.0, 1e-4, 2e-4, 3e-4]

    def test_halves_need_every_stop_twice(self) -> None:
        with pytest.raises(RecordError, match="expected the same beam stops in both"):
            measurement.halves(a_measurement(exposures=3))

    def test_reconstruction_pixel(self) -> None:
        expected = wavelength(778.0) * 0.3 / (N * PITCH)
        assert measurement.reconstruction_pixel(a_measurement()) == pytest.approx(expected)


class TestReconstruction:
    def test_m_z_is_zero_outside_the_support(self) -> None:
        line = refused(changed(a_reconstruction(), "m_z", 0.1, (0, 0)))
        assert line == "Reconstruction.m_z: 1 values outside of object_support; expected 0 there"

    def test_none_leaves_a_value_out(self) -> None:
        assert "focus" not in a_reconstruction()

    def test_flags(self) -> None:
        flags = a_reconstruction()["flag"]
        assert dict(zip(flags["flag_name"].values.tolist(), flags.values.tolist(), strict=True)) == {
            "twin": 0,
            "drift": 1,
        }

    def test_no_flags(self) -> None:
        assert "flag" not in a_reconstruction(flags=None)

    def test_unknown_result(self) -> None:
        with pytest.raises(RecordError, match=r"unknown \['mz'\]"):
            a_reconstruction(results={"mz": 1})

    def test_missing_result(self) -> None:
        with pytest.raises(RecordError, match=r"Reconstruction\.object_support: missing"):
            a_reconstruction(results={"m_z": np.zeros((N, N))})

    def test_a_method_may_add_its_own(self) -> None:
        records.check(a_reconstruction().assign(extra=1.0))

    def test_the_least(self) -> None:
        results = {
            "m_z": np.zeros((N, N)),
            "object_support": np.ones((N, N), bool),
            "pixel_size": 1e-9,
            "wavelength": 1e-9,
        }
        records.check(reconstruction.make(method="floor", results=results))


def test_wall_width_may_be_unknown() -> None:
    records.check(a_truth().drop_vars("wall_width"))


def test_visibility_is_at_most_one() -> None:
    assert refused(changed(a_truth(), "visibility", 1.5)) == "Truth.visibility: holds 1.5; expected values up to 1"
