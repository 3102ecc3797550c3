import numpy as np
import pytest
import xarray as xr

from scenarios.pinning_walls import wall_rows


def walls(delta, error, flagged, truth):
    columns = {"delta": delta, "delta_error": error, "ill_conditioned": flagged, "truth": truth}
    return xr.Dataset({name: ("point", np.asarray(values)) for name, values in columns.items()})


def test_undetermined_widths_count():
    # Widths scatter evenly about the truth; the narrow ones are flagged, for their error is a larger share of them.
    delta = np.linspace(1e-9, 9e-9, 81)
    error = np.full(81, 2.6e-9)
    table = walls(delta, error, error > 0.3 * delta, np.full(81, 5e-9))
    rows = {row.metric: row for row in wall_rows(table)}
    assert rows["walls.coverage"].value == pytest.approx(0.65, abs=0.02)
    assert rows["walls.median_error"].value == pytest.approx(0.4, abs=0.01)
    assert "81 points of wall, 77 of them undetermined" in rows["walls.median_error"].criterion


def test_points_without_a_wall_of_the_truth_do_not_count():
    table = walls([5e-9, 9e-9], [1e-9, 1e-9], [False, False], [5.5e-9, np.nan])
    assert {row.metric: row.value for row in wall_rows(table)}["walls.coverage"] == 1.0
    nothing = wall_rows(table.isel(point=[1]))
    assert np.isnan([row.value for row in nothing]).all()
