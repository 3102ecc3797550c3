"""The scenario itself, small: its doses, and what it makes of them."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from records import scorecard, store
from scenarios import dose
from scenarios.configuration import InputError, resolve

SMALL = {
    "detector.pixels": 256,
    "optics.hole_nm": 240,
    "optics.references": 2,
    "sample.oversampling": 2,
    "sample.period_nm": 100,
    "scoring.margin_nm": 20,
    "scoring.interval_draws": 5,
    "dose.photons": "[1e6, 3e7, 1e9]",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dose")
    words = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    environment = {**os.environ, "TRUESPIN_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "scenarios.dose", *words, "--out", str(folder / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_more_photons_resolve_more(small):
    card = scorecard.load(small / "scorecard.json")
    rows = [row for row in card.rows if row.method == "hapre+" and row.metric == "frc_truth.half_period"]
    found = {row.sweep["photons"]: row.value for row in rows}
    assert list(found) == [1e6, 3e7, 1e9]
    assert found[1e6] > found[3e7] > found[1e9]
    pool = {row.metric: row.value for row in card.rows if row.method == "hapre+" and not row.sweep}
    assert pool["dose.monotone"] == 1
    assert pool["dose.largest_rise"] == 0


def test_the_pool_holds_what_the_figures_need(small):
    pooled = store.load(small / "pooled" / "hapre+" / "0.nc")
    assert pooled["images"].dims == ("photons", "wy", "wx")
    assert pooled["frc_truth"].shape == (3, pooled.sizes["frequency"])
    np.testing.assert_array_equal(pooled["photons"], [1e6, 3e7, 1e9])
    assert pooled["wall_width"].values[-1] == pytest.approx(5.1e-9, rel=0.4)


def test_counts_follow_the_dose(small):
    totals = []
    for name in ("1e+06", "3e+07", "1e+09"):
        data = store.load(small / "points" / f"photons-{name}" / "measurement.nc")
        totals.append((data["counts"] - data["dark"]).values.astype(np.float64).sum())
    assert totals[0] < totals[1] < totals[2]


def test_the_largest_rise_is_that_above_the_best_of_the_smaller_doses():
    assert dose._largest_rise([9e-9, 6e-9, 5.3e-9, 5.3e-9]) == 0
    assert dose._largest_rise([9e-9, 5e-9, 4e-9, 5e-9]) == pytest.approx(0.25)
    assert math.isnan(dose._largest_rise([6e-9, math.nan, 5.3e-9]))
    assert [dose._monotone(values) for values in ([9e-9, 6e-9], [6e-9, 6.001e-9])] == [1, 0]
    assert math.isnan(dose._monotone([6e-9, math.nan, 5.3e-9]))


def test_the_dose_that_is_enough():
    assert dose._enough([1.0, 2.0, 3.0], [9.0, 5.5, 5.3], 5.3) == 2.0
    assert math.isnan(dose._enough([1.0, 2.0], [9.0, 8.0], 5.3))


@pytest.mark.parametrize("photons", ["[1e9]", "[1e9, 1e8]", "[0.0, 1e8]", "[1e8, 1e8]"])
def test_doses_that_do_not_rise_are_refused(photons):
    with pytest.raises(InputError, match=r"dose\.photons"):
        resolve(dose.Dose, dose.SCENARIO.text, profile="quick", overrides=[f"dose.photons={photons}"])
