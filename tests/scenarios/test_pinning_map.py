"""The scenario pinning-map: its points, its numbers, and a tiny map from end to end."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import scorecard as scorecards
from records import store
from scenarios import catalogue, cli
from scenarios.configuration import InputError, resolve
from scenarios.pinning_map_results import rank_correlations, wall_width

STUDY = catalogue.look_up("pinning-map")
TINY = (
    "film.extent_nm=96",
    "film.cell_nm=3",
    "map.keff_count=3",
    "map.dmi_count=3",
    "map.keff_min_kj_m3=-130",
    "map.dmi_max_mj_m2=1.0",
    "relaxation.starts=3",
    "relaxation.torque=1e-2",
    "walls.keff_count=2",
    "walls.dmi_count=2",
    "study.points_per_cell=7",
)


def configuration(*overrides, profile="quick"):
    return resolve(STUDY.configuration, STUDY.text, profile=profile, overrides=overrides)


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_points_hold_the_star_once_and_enough(profile):
    asked = configuration(profile=profile)
    points = STUDY.points(asked)
    assert len({(point.kind, *point.values.values()) for point in points}) == len(points)
    assert asked.relaxation.starts >= 5
    assert asked.film.extent_nm >= 150
    for kind in ("state", "wall"):
        grid = [point.values for point in points if point.kind == kind]
        keff, dmi = (sorted({values[name] for values in grid}) for name in ("keff_kj_m3", "dmi_mj_m2"))
        assert len(grid) == len(keff) * len(dmi)
        assert kind == "wall" or min(len(keff), len(dmi)) >= 12
        star = {"keff_kj_m3": pytest.approx(asked.film.effective_anisotropy_kj_m3, abs=1e-5), "dmi_mj_m2": 0.3636}
        assert grid.count(star) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("map.keff_min_kj_m3=30", "map.keff_min_kj_m3 to max is 30 to 40; allowed: a range round the film's 24.1"),
        ("map.dmi_max_mj_m2=0.3", "map.dmi_min_mj_m2 to max is 0.2 to 0.3"),
        ("walls.keff_max_kj_m3=-30", "walls.keff_min_kj_m3 is -20; allowed: below"),
        ("film.cell_nm=31", "film.cell_nm is 31, larger than the defect"),
        ("film.extent_nm=80", "film.extent_nm is 80; allowed: at least three times defect.diameter_nm, 90"),
        ("film.anisotropy_kj_m3=-1", "film.anisotropy_kj_m3 is -1"),
        ("relaxation.starts=0", "relaxation.starts is 0"),
    ],
)
def test_impossible_configurations(override, message):
    with pytest.raises(InputError, match=message):
        configuration(override)


KEFF, DMI = np.linspace(-1, 1, 9), np.linspace(0, 1, 8)


def test_rank_correlations_of_a_falling_map():
    found = rank_correlations(KEFF[:, None] - 2 * DMI, KEFF, DMI, (8, 0))
    for name, sign in (("keff", 1), ("dmi", -1)):
        assert found[name] == pytest.approx(sign)
        assert found[f"{name}.lines"] == pytest.approx(sign)
        assert sign * found[f"{name}.partial"] > 0.95
        assert 0.6 < sign * found[f"{name}.whole"] < 0.8
    # Independent parameters share what they explain.
    assert found["keff.whole"] ** 2 + found["dmi.whole"] ** 2 <= 1


@given(st.integers(0, 2**32 - 1))
def test_rank_correlations_of_noise_and_their_bound(seed):
    noise = np.random.default_rng(seed).uniform(-1, 1, (9, 8))
    found = rank_correlations(noise, KEFF, DMI, (8, 0))
    assert found["keff.whole"] ** 2 + found["dmi.whole"] ** 2 <= 1 + 1e-12
    assert abs(found["keff.whole"]) < 0.55
    assert abs(found["keff.partial"]) >= abs(found["keff.whole"])


def test_rank_correlations_where_nothing_changes_or_is_missing():
    flat = np.ones((9, 8)) - 1e-4 * KEFF[:, None]
    assert all(np.isnan(value) for value in (rank_correlations(flat, KEFF, DMI, (8, 0))["keff"],))
    falling = KEFF[:, None] - DMI
    falling[3] = np.nan
    assert rank_correlations(falling, KEFF, DMI, (8, 0))["keff"] == pytest.approx(1)


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2])
def test_wall_width_of_a_known_stripe(angle):
    place = (np.arange(152) - 76) * 2e-9
    up = np.tanh((76e-9 - np.abs(place)) / 6e-9)
    across = np.sqrt(1 - up**2)
    found = wall_width(np.stack([np.cos(angle) * across, np.sin(angle) * across, up]), 2e-9)
    assert found.width == pytest.approx(6e-9, rel=1e-6)
    assert found.angle == pytest.approx(angle, abs=1e-9)
    weak = np.stack([np.sqrt(1 - (0.9 * up) ** 2), 0 * up, 0.9 * up])
    assert np.isnan(wall_width(weak, 2e-9).width)
    assert np.isnan(wall_width(np.stack([0 * up, 0 * up, np.ones(152)]), 2e-9).width)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a tiny map from end to end, in subprocesses."""
    folder = tmp_path_factory.mktemp("pinning")
    patch = pytest.MonkeyPatch()
    patch.setenv("TRUESPIN_CACHE_DIR", str(folder / "cache"))
    words = [word for override in TINY for word in ("--set", override)]
    assert cli.call(["run", "pinning-map", "--seed", "3", "--out", str(folder / "run"), *words]) == 0
    patch.undo()
    return folder / "run"


def test_run_directory(run):
    names = {path.name for path in run.iterdir()}
    assert names == {"config.toml", "study.nc", "scorecard.json", "resources.json", "report.html"}
    study = store.load(run / "study.nc")
    assert dict(study.sizes) == {"keff": 3, "dmi": 3, "start": 3, "y": 32, "x": 32, "wall_keff": 2, "wall_dmi": 2}
    assert np.abs(study["m_z"]).max() <= 1 + 1e-6
    assert "<svg" in (run / "report.html").read_text() or "svg" in (run / "report.html").read_text()


def test_rows_repeat_what_the_arrays_hold(run):
    study, card = store.load(run / "study.nc"), scorecards.load(run / "scorecard.json")
    assert all(status.state == "done" for status in card.status)
    for row in card.rows:
        if row.metric == "m_z":
            at = {"keff": 1e3 * row.sweep["keff_kj_m3"], "dmi": 1e-3 * row.sweep["dmi_mj_m2"]}
            assert row.value == pytest.approx(float(study["median"].sel(at, method="nearest")), abs=1e-8)
    whole = {row.metric: row.value for row in card.rows if not row.sweep}
    assert whole["star.m_z"] > 0.98
    assert whole["star.m_z.lowest"] > 0.98
    assert whole["wall_width"] == pytest.approx(5.1e-9, abs=0.3e-9)
    assert whole["torque.largest"] <= 1e-2
    median = study["median"].values
    assert median[0, 0] < 0.9
    assert median[2, 2] < 0.0
    used = json.loads((run / "resources.json").read_text())
    assert sum(cell["points"] for cell in used["cells"]) == 13


def test_module_is_a_script():
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.pinning_map", "--draws", "2"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("truespin: --draws is 2; allowed: nothing, for pinning-map is a study")
