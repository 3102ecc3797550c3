"""The page of a survival study says plainly whether any hedgehog is left."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from records import scorecard as scorecards
from records import store
from records.scorecard import Row, Scorecard, Status
from reports.page import write_report
from tests.reports.test_page import read


def write_survival(folder: Path, survivors: int) -> Path:
    """Write a run directory whose three starts end with `survivors` hedgehogs of each sign."""
    time = np.geomspace(0.01, 10, 30)
    curve = np.maximum(np.round(300 * (1 + time / 0.1) ** -2), survivors).astype(int)
    curves = np.stack([curve, curve + (curve > 5), curve])
    attrs = {"record": "study", "time_unit": 9.2e-12, "published_charges": 4.6}
    parts = {"plus": (("start", "time"), curves), "minus": (("start", "time"), curves)}
    store.save(xr.Dataset(parts, coords={"time": time, "start": [0, 1, 2]}, attrs=attrs), folder / "study.nc")
    place = {"scenario": "hedgehog-survival", "profile": "quick", "seed": 0, "draw": 0, "method": "study"}
    metrics = {
        "charges.first": 600.0,
        "time_to_none": None if survivors else 2.5,
        "survivors.plus": float(survivors),
        "survivors.minus": float(survivors),
        "starts_with_survivors": float(survivors > 0),
        "decay_exponent": 1.9,
        "time_unit": 9.2e-12,
    }
    rows = tuple(Row(**place, metric=metric, value=value) for metric, value in metrics.items())
    config = {
        "lattice": {"diameter_nm": 60.0, "block_nm": [80.0, 120.0, 120.0]},
        "relaxation": {"until": 10.0},
        "sweep": {"starts": 3},
        "run": {"scenario": "hedgehog-survival", "sort": "study", "profile": "quick", "seeds": [0], "points": 3},
    }
    scorecards.save(Scorecard(config, rows, (Status(**place, state="done"),)), folder / "scorecard.json")
    return folder


@pytest.mark.parametrize(("survivors", "said"), [(0, "None survives"), (2, "100 % of the starts still hold any")])
def test_what_is_left_is_said(tmp_path: Path, survivors: int, said: str) -> None:
    page = read(write_report(write_survival(tmp_path, survivors)))
    text = " ".join(page.text.split())
    assert said in text
    assert ("None survives" in text) == (survivors == 0)
    assert "80 \u00d7 120 \u00d7 120 nm" in text
    assert "9.2 ps" in text
    assert len(page.images) == 1
    assert ("time until none is left2.50" in text.replace(" 2.50", "2.50")) == (survivors == 0)
