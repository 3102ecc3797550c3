"""The scenario itself, small: its states, its films, what its pool finds."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from records import scorecard, store
from scenarios.configuration import InputError, echo, resolve
from scenarios.pinning import SCENARIO, points
from scenarios.pinning_films import films
from scenarios.pinning_tables import Pinning, sample_content, states_of

SMALL = {
    "detector.pixels": 256,
    "detector.photons": 2e9,
    "optics.hole_nm": 300,
    "optics.references": 2,
    "sample.torque": 0.1,
    "scoring.margin_nm": 10,
    "scoring.taper_nm": 10,
    "scoring.interval_draws": 2,
    "damage.diameter_nm": 160,
    "damage.border_nm": 10,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pinning")
    words = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    environment = {**os.environ, "TRUESPIN_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "scenarios.pinning", *words, "--seed", "3", "--out", str(folder / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def configuration(*overrides, profile="quick"):
    return resolve(Pinning, SCENARIO.text, profile=profile, overrides=overrides)


def test_every_state_is_measured_and_every_method_pooled(small):
    card = scorecard.load(small / "scorecard.json")
    assert [point["state"] for point in card.config["run"]["points"]] == [
        "remanence",
        "210 mT",
        "-210 mT",
        "damaged, 88 mT",
        "damaged, field removed",
    ]
    assert {status.state for status in card.status} == {"done"}
    metrics = {(row.method, row.metric) for row in card.rows if not row.sweep}
    for method in ("floor", "ceiling", "hapre+"):
        for name in (
            "sites.found",
            "sites.recall",
            "kinds.accuracy",
            "walls.median_error",
            "damage.period_ratio.truth",
        ):
            assert (method, name) in metrics


def test_the_states_match_one_another_and_the_truth(small):
    rows = {
        row.metric: row.value
        for row in scorecard.load(small / "scorecard.json").rows
        if row.method == "hapre+" and not row.sweep
    }
    assert rows["states.shift_error"] < 1e-9
    assert rows["walls.median_error"] < 0.35
    assert rows["damage.contrast_ratio"] == pytest.approx(rows["damage.contrast_ratio.truth"], rel=0.1)
    pooled = store.load(small / "pooled" / "hapre+" / "0.nc")
    images, truths, mask = (pooled[name].values for name in ("images", "truths", "mask"))
    for image, truth in zip(images, truths, strict=True):
        assert np.sqrt(np.mean((image - truth)[mask] ** 2)) < 0.15


def test_true_sites_lie_where_the_sample_says(small):
    pooled = store.load(small / "pooled" / "ceiling" / "0.nc")
    truth = store.load(small / "points" / "state-remanence" / "truth.nc")
    defects = json.loads(truth.attrs["features"])["defects"]
    centres = np.array([defect["centre"] for defect in defects]) + truth["sample_origin"].values
    for y, x in zip(pooled["true_y"].values, pooled["true_x"].values, strict=True):
        assert np.hypot(*(centres - [y, x]).T).min() < 1e-12
    assert set(pooled["true_kind"].values) <= {"lowered anisotropy", "raised DMI"}


def test_films_go_through_their_states_in_turn(tmp_path):
    chosen = configuration("optics.hole_nm=130", "damage.diameter_nm=100", "damage.border_nm=8", "sample.torque=0.1")
    found = films(sample_content(chosen), seed=1, checkpoints=tmp_path)
    assert list(found) == states_of(chosen)
    m_z = {name: float(sample["magnetization"].sel(component="z").mean()) for name, sample in found.items()}
    assert m_z["210 mT"] > 0.5
    assert m_z["-210 mT"] < -0.5
    kinds = {defect["kind"] for defect in json.loads(found["remanence"].attrs["features"])["defects"]}
    assert kinds == {"lowered anisotropy", "raised DMI"}


def test_profiles_resolve_and_write_themselves():
    for profile in ("quick", "paper"):
        chosen = configuration(profile=profile)
        assert [point["state"] for point in points(chosen)] == states_of(chosen)
        plain = echo(chosen) + "[profile.quick]\n"
        assert resolve(Pinning, plain, profile="quick") == chosen
    assert configuration("damage.imaged=false").damage.imaged is False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('states.imaged=["remanence"]', "states.imaged"),
        ('states.imaged=["remanence", "500 mT"]', "from those of states.fields_mt"),
        ('states.fields_mt={"210 mT"=[]}', "allowed: at least one field"),
        ('states.fields_mt={"a mT"=[1.0], "a  mT"=[2.0]}', "differ in more than spaces"),
        ('states.fields_mt={"../up"=[1.0]}', "letters, digits"),
        ('states.fields_mt={"damaged, 88 mT"=[1.0]}', "letters, digits"),
        ("sites.minimum_states=6", "of states.imaged"),
        ("defects.keff_factors=[-2.0, -6.0]", "the lower end first"),
        ("damage.diameter_nm=900.0", "up to 0.8 of the hole"),
        ("film.anisotropy=3", "did you mean film.anisotropy_kj_m3"),
        ("optics.hole_nm=9e9", "the hole is larger than the field"),
    ],
)
def test_wrong_values_are_refused_in_one_line(override, message):
    with pytest.raises(InputError, match=message) as caught:
        configuration(override)
    assert "\n" not in str(caught.value)
