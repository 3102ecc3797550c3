"""The scenario `ptychography`, small: from sample to page, its sweep, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from records import frames, store
from scenarios import ptychography
from scenarios.cli import call
from scenarios.configuration import InputError, resolve, shipped
from scenarios.ptychography_controls import mean_photons
from scenarios.ptychography_tables import Ptychography, at_point, disc_diameter, points, setup_of, varies

SMALL = (
    "detector.pixels=64",
    "optics.pixel_nm=10.0",
    "optics.slice_nm=0.0",
    "sample.extent_nm=320.0",
    "sample.thickness_nm=60.0",
    "scan.rows=6",
    "scan.columns=6",
    "scan.step_nm=60.0",
    "scoring.margin_nm=50.0",
    "scoring.interval_draws=20",
)
FAST = ("--method", "rpie", "--set", "reconstruction.parameters.rpie.engine.epochs=8")


def _tables(*overrides: str) -> dict[str, Any]:
    found = resolve(Ptychography, shipped("ptychography"), profile="quick", overrides=(*SMALL, *overrides))
    return found.model_dump()


def _simulated(folder: Path, tables: dict[str, Any], *, seed: int = 0, draw: int = 0) -> Path:
    expected, measurement = folder / "expected", folder / f"measurement-{draw}"
    measurement.mkdir()
    arguments = {"configuration": tables, "seed": seed, "draw": draw}
    if not expected.exists():
        expected.mkdir()
        ptychography.expected(arguments, {}, expected)
    ptychography.measurement(arguments, {"expected": expected}, measurement)
    return measurement


def test_measurement_and_truth_belong_together(tmp_path: Path) -> None:
    folder = _simulated(tmp_path, _tables("faults.corrupt_fraction=0.2"))
    truth = store.load(folder / "truth.nc")
    with frames.open_node(folder / "measurement.nc") as node:
        assert node.sizes == {"helicity": 2, "position": 36, "y": 64, "x": 64}
        photons = mean_photons(node, truth)
    assert np.count_nonzero(truth["fault"].values) == pytest.approx(0.2 * 72, abs=7)
    assert 0.3e6 < photons < 1.1e6
    assert float(np.abs(truth["magnetic"].values).max()) > 0.01


def test_draws_share_the_noise_free_frames_alone(tmp_path: Path) -> None:
    tables = _tables()
    first, second = (_simulated(tmp_path, tables, draw=draw) for draw in (0, 1))
    counts = []
    for folder in (first, second):
        with frames.open_node(folder / "measurement.nc") as node:
            counts.append(node["counts"].values.astype(float))
    assert not np.array_equal(*counts)
    np.testing.assert_allclose(counts[0].mean(), counts[1].mean(), rtol=1e-3)
    for name in ("object", "position_y", "fault"):
        one, other = (store.load(folder / "truth.nc")[name].values for folder in (first, second))
        np.testing.assert_array_equal(one, other)


def test_run_from_sample_to_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "cache"))
    changes = [word for change in SMALL for word in ("--set", change)]
    out = tmp_path / "run"
    assert call(["run", "ptychography", *changes, *FAST, "--out", str(out)]) == 0
    card = json.loads((out / "scorecard.json").read_text(encoding="utf-8"))
    found = {(row["method"], row["metric"]): row["value"] for row in card["rows"]}
    assert found["ceiling", "nrmse"] < 1e-4
    assert found["rpie", "nrmse"] < 0.8 * found["floor", "nrmse"]
    for name in ("probe_nrmse", "position_error", "shift", "frc_truth.half_period", "magnetic.nrmse"):
        assert found["rpie", name] is not None, name
    assert (out / "truth.nc").is_file()
    assert '<figure id="scan">' in (out / "report.html").read_text(encoding="utf-8")


def test_sweep_has_points_and_what_they_tell_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "cache"))
    changes = [word for change in (*SMALL, "sweep.photons=[1e3,1e6]") for word in ("--set", change)]
    out = tmp_path / "run"
    assert call(["run", "ptychography", *changes, *FAST, "--no-halves", "--out", str(out)]) == 0
    rows = json.loads((out / "scorecard.json").read_text(encoding="utf-8"))["rows"]
    errors = {
        row["sweep"]["photons"]: row["value"]
        for row in rows
        if row["method"] == "rpie" and row["metric"] == "nrmse" and row["sweep"]
    }
    assert errors[1e6] < errors[1e3]
    best = next(row for row in rows if row["method"] == "rpie" and row["metric"] == "sweep.best.nrmse")
    assert best["value"] == pytest.approx(min(errors.values()))
    text = (out / "report.html").read_text(encoding="utf-8")
    assert 'id="curves"' in text
    assert "photons 1\u00b710" in text or "1\u00b710" in text


def test_points_are_the_grid_of_the_lists() -> None:
    text = shipped("ptychography")
    one = resolve(Ptychography, text, profile="quick")
    assert points(one) == [{}]
    grid = resolve(
        Ptychography,
        text,
        profile="quick",
        overrides=("sweep.photons=[1e4,1e5]", "sweep.corrupt_fraction=[0.0,0.02]"),
    )
    assert len(points(grid)) == 4
    assert varies(grid) == "measurement"
    overlap = resolve(Ptychography, text, profile="quick", overrides=("sweep.overlap=[0.8]",))
    assert varies(overlap) == "expected"
    tables = at_point(overlap.model_dump(), points(overlap)[0])
    scan, step = tables["scan"], 0.2 * 1e9 * disc_diameter(tables["optics"])
    assert scan["step_nm"] == pytest.approx(step)
    assert (scan["rows"] - 1) * step == pytest.approx(11 * 40.0, abs=step / 2)
    assert scan["columns"] == scan["rows"]


def test_disc_is_that_of_the_cone() -> None:
    # 2 NA z of a 45 nm plate: 250 nm at 7.8 um and 856 eV (Rana et al.).
    optics = {"energy_ev": 856.0, "outer_zone_nm": 45.0, "defocus_um": 7.8}
    assert disc_diameter(optics) == pytest.approx(250e-9, rel=0.01)
    assert disc_diameter({**optics, "defocus_um": 0.0}) == pytest.approx(55e-9, rel=0.01)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("scan.step_nm=400.0", "step_nm"),
        ("sweep.photons=[0.0]", "sweep.photons"),
        ("sweep.overlap=[1.0]", "sweep.overlap"),
        ("sweep.corrupt_fraction=[0.5]", "sweep.corrupt_fraction"),
        ("sweep.first_mode=[0.7,0.7]", "each value once"),
        ("optics.first_mode=1.5", "first_mode"),
        ("faults.kinds=['meteor']", "kinds"),
        ("detector.pixels=65", "pixels"),
        ("scan.rows=1", "rows"),
        ("sample.kind=film", "kind"),
        ("scan.stepp_nm=3", "stepp_nm"),
    ],
)
def test_impossible_values_are_told_in_one_line(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        resolve(Ptychography, shipped("ptychography"), profile="quick", overrides=(override,))
    assert "\n" not in str(caught.value)


def test_every_profile_is_an_experiment() -> None:
    for profile in ("quick", "paper"):
        setup = setup_of(resolve(Ptychography, shipped("ptychography"), profile=profile).model_dump())
        assert setup.oversampling >= 2
        assert setup.pixel == pytest.approx(5e-9)
