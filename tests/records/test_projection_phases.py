"""Phases in a measurement of kind "projections": carried with their images, refused where they do not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from records import projections, store
from records.projection_files import read_projections
from tests.records.projections_builders import a_measurement, a_plain_measurement, refused


def test_phases_go_with_their_projections() -> None:
    whole = a_measurement()
    assert whole["phase"].dims == ("helicity", "projection", "y", "x")
    assert whole["phase"].dtype == np.float32
    assert whole["phase"].attrs == {"units": "rad"}
    some = projections.select(whole, [7, 2])
    np.testing.assert_array_equal(some["phase"], whole["phase"].values[:, [7, 2]])
    shares = [half["phase"].values for half in projections.halves(whole)]
    assert [share.shape for share in shares] == [(2, 6, 6, 5)] * 2
    np.testing.assert_array_equal(shares[1], whole["phase"].values[:, 1::2])
    assert "phase" not in a_plain_measurement()
    refused(
        r"phase: units 'deg'", lambda: projections.check(whole.assign(phase=whole["phase"].assign_attrs(units="deg")))
    )


def test_phases_and_indices_come_back_from_a_file(tmp_path: Path) -> None:
    whole = a_measurement(scalars={"delta_magnet": -1.3e-3, "delta_matrix": 6e-4})
    store.save(whole, tmp_path / "record.nc")
    xr.testing.assert_identical(read_projections(tmp_path / "record.nc"), whole)
    assert float(whole["delta_magnet"]) == -1.3e-3


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"images": {"phase": np.full((2, 12, 6, 5), np.inf)}}, "phase: 720 values are not finite"),
        ({"images": {"phase": np.zeros((2, 11, 6, 5))}}, "expected one size along each dimension"),
        ({"images": {"phase": np.zeros((12, 6, 5))}}, "expected 4 axes"),
        ({"scalars": {"delta_magnet": 2.0}}, "delta_magnet: holds 2; expected values up to 1"),
    ],
)
def test_phases_that_do_not_fit(changes: dict[str, Any], line: str) -> None:
    refused(line, lambda: a_measurement(**changes))
