"""The scenario itself, small: its profiles, its controls, its bytes."""

import json
import os
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from numerics import fourier
from records import scorecard, store
from scenarios import cli
from scenarios.configuration import echo, resolve
from scenarios.domain_walls import SCENARIO
from scenarios.domain_walls_tables import DomainWalls, settings_of, setup_of
from scenarios.holography_scoring import ScoringSettings
from simulators.experiments.setups import paper_setup, quick_setup

SMALL = {
    "detector.pixels": 256,
    "detector.photons": 1e9,
    "optics.hole_nm": 240,
    "optics.references": 2,
    "sample.oversampling": 2,
    "sample.period_nm": 100,
    "scoring.margin_nm": 20,
    "scoring.interval_draws": 5,
}
STEPS = "[[{object_margin=3, reference_margin=3, reflections=20, relaxation=0.9, reductions=5}]]"
BRIEF = [
    "--set",
    "reconstruction.parameters.hapre+.search=[4, 2]",
    "--set",
    f"reconstruction.parameters.hapre+.rounds={STEPS}",
]
WORDS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
METHODS = ["fth", "hapre+"]


def run(out, *words, cache, threads="1", workers="2"):
    """Run the small experiment in a process of its own, as a person would."""
    methods = [word for name in METHODS for word in ("--method", name)]
    environment = {**os.environ, "TRUESPIN_CACHE_DIR": str(cache), "TRUESPIN_THREADS": threads}
    command = [sys.executable, "-m", "scenarios.domain_walls", *WORDS, *BRIEF, *methods, *words, "--out", str(out)]
    command += ["--workers", workers]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("domain-walls")
    done = run(folder / "run", cache=folder / "cache")
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.mark.parametrize(("profile", "setup"), [("quick", quick_setup), ("paper", paper_setup)])
def test_profiles_are_the_standard_experiments(profile, setup):
    configuration = resolve(DomainWalls, SCENARIO.text, profile=profile)
    found, wanted = setup_of(configuration.model_dump()), setup()
    assert _rounded(found) == _rounded(wanted)


def _rounded(value):
    """Nanometres times 1e-9 differ from metres in the last digit."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _rounded(getattr(value, name)) for name in value.__dataclass_fields__ if name != "layers"}
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.12g}") + 0.0 if isinstance(value, float) else value


def test_scoring_defaults_are_the_scorers():
    configuration = resolve(DomainWalls, SCENARIO.text, profile="quick")
    assert _rounded(settings_of(configuration.model_dump())) == _rounded(ScoringSettings())


def test_run_directory_is_complete_and_consistent(small):
    assert {path.name for path in small.iterdir()} >= {
        "config.toml",
        "measurement.nc",
        "truth.nc",
        "reconstructions",
        "scored",
        "scorecard.json",
        "resources.json",
        "report.html",
    }
    for method in ("floor", "ceiling", *METHODS):
        found = store.load(small / "reconstructions" / method / "0.nc", record="reconstruction")
        assert found.attrs["method"] == method
        assert (small / "scored" / method / "0.nc").is_file()
    store.load(small / "measurement.nc", record="measurement")
    store.load(small / "truth.nc", record="truth")
    configuration = tomllib.loads((small / "config.toml").read_text())
    assert configuration["detector"]["pixels"] == 256
    text = (small / "config.toml").read_text() + "[profile.any]\n"
    assert echo(resolve(DomainWalls, text, profile="any")) == (small / "config.toml").read_text()


def test_controls_bracket_what_can_be_had(small):
    card = scorecard.load(small / "scorecard.json")
    value = {(row.method, row.metric): row.value for row in card.rows}
    assert abs(value["floor", "correlation"]) < 0.4
    assert value["ceiling", "correlation"] > 0.99
    assert value["ceiling", "contrast"] == pytest.approx(1, abs=0.02)
    assert value["ceiling", "frc_truth.half_period"] == pytest.approx(5.3e-9, rel=1e-3)
    assert value["truth", "visibility"] == pytest.approx(0.9, abs=1e-6)
    assert value["truth", "wall_width"] == value["ceiling", "wall_width.truth"]
    floor = store.load(small / "reconstructions" / "floor" / "0.nc")
    measured = np.abs(fourier.centred_fft2(floor["exit_wave"].values[0])) ** 2
    np.testing.assert_allclose(measured, floor["intensity"].values[0], atol=1e-4 * floor["intensity"].values.max())


def test_same_bytes_for_any_number_of_threads_and_workers(small, tmp_path):
    done = run(tmp_path / "run", cache=tmp_path / "cache", threads="2", workers="3")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "scorecard.json").read_bytes() == (small / "scorecard.json").read_bytes()


def test_scorecard_knows_no_place_and_no_time(small):
    text = (small / "scorecard.json").read_text()
    assert str(small.parent) not in text
    assert not {"seconds", "date", "time", "version"} & set(json.loads(text)["config"])
    assert "threads" not in text


def test_in_plane_sample_is_unsupported(tmp_path, monkeypatch, capsys):
    from records import ovf, sample

    record = sample.make(magnetization=np.eye(3)[0][:, None, None, None] * np.ones((3, 1, 8, 8)), voxel_size=5e-9)
    ovf.write_ovf(record, tmp_path / "plane.ovf")
    monkeypatch.setattr(cli, "_report", lambda directory: directory / "report.html")
    words = ["run", "domain-walls", *WORDS, "--sample", str(tmp_path / "plane.ovf"), "--out", str(tmp_path / "run")]
    assert cli.call([*words, "--method", "floor"]) == 0
    card = scorecard.load(tmp_path / "run" / "scorecard.json")
    assert {(status.state, status.reason.split(":")[0]) for status in card.status} == {("unsupported", "no m_z")}
    assert card.rows == ()
    assert "coarser" in capsys.readouterr().err


def test_sample_of_a_third_party_is_imaged(tmp_path, monkeypatch):
    from records import ovf, sample

    vectors = np.zeros((3, 1, 40, 40))
    vectors[2] = np.where(np.hypot(*np.mgrid[-19.5:20, -19.5:20]) < 10, -1, 1)
    ovf.write_ovf(sample.make(magnetization=vectors, voxel_size=5e-9), tmp_path / "bubble.ovf")
    monkeypatch.setattr(cli, "_report", lambda directory: directory / "report.html")
    words = ["run", "domain-walls", *WORDS, "--sample", str(tmp_path / "bubble.ovf"), "--beta-m-t-nm", "0.01"]
    assert cli.call([*words, "--method", "floor", "--out", str(tmp_path / "run")]) == 0
    truth = store.load(tmp_path / "run" / "truth.nc", record="truth")
    m_z = truth["m_z"].values
    assert (m_z.max(), m_z.min()) == (pytest.approx(1, abs=0.35), pytest.approx(-1, abs=0.35))
    assert float(truth["beta_m_t"]) == pytest.approx(0.01e-9)
    y, x = np.nonzero(m_z < -0.5)
    hole = truth["visible"].values > 0.5
    centre = [np.nonzero(hole)[axis].mean() for axis in (0, 1)]
    assert np.hypot(y.mean() - centre[0], x.mean() - centre[1]) < 4


def relaxed(**changes):
    """A small coarse film, some seconds to make."""
    overrides = [f"{key}={value}" for key, value in SMALL.items()]
    overrides += ["sample.kind=relaxed", "optics.pixel_nm=5.8", "optics.hole_nm=200", "sample.torque=0.03"]
    overrides += [f"{key}={value}" for key, value in changes.items()]
    return resolve(DomainWalls, SCENARIO.text, profile="quick", overrides=overrides).model_dump()


@pytest.mark.filterwarnings("ignore:cell is 2.9 nm, more than half")
def test_relaxed_film_is_made_once_and_measures_its_width(monkeypatch):
    from scenarios.domain_walls import _sample
    from simulators.experiments.holography import expected_patterns
    from simulators.samples import relaxed_multilayer

    made = []
    calls = {name: getattr(relaxed_multilayer, name) for name in ("relaxed_multilayer", "anisotropy_for_width")}
    for name, call in calls.items():
        monkeypatch.setattr(
            relaxed_multilayer, name, lambda *a, name=name, call=call, **k: made.append(name) or call(*a, **k)
        )

    def film(seed, **changes):
        tables = relaxed(**changes)
        return _sample({"configuration": tables, "seed": seed}, setup_of(tables)), setup_of(tables)

    first, setup = film(0)
    truth = json.loads(first.attrs["features"])
    assert first.attrs["origin"] == "relaxed"
    assert truth["wall_width"] == pytest.approx(5.1e-9, abs=0.2e-9)
    assert float(first["voxel_size"][0]) == pytest.approx(49.5e-9)
    assert made == ["anisotropy_for_width", "relaxed_multilayer"]
    assert film(0, **{"optics.visibility": 0.7, "detector.photons": 2e9, "sample.period_nm": 90})[0].identical(first)
    assert made == ["anisotropy_for_width", "relaxed_multilayer"]
    assert not film(1)[0].identical(first)
    assert made == ["anisotropy_for_width", "relaxed_multilayer", "relaxed_multilayer"]
    scored = expected_patterns(first, setup, seed=0).truth
    assert float(scored["wall_width"]) == truth["wall_width"]


def test_kinds_of_films():
    assert resolve(DomainWalls, SCENARIO.text, profile="quick").sample.kind == "analytic"
    assert resolve(DomainWalls, SCENARIO.text, profile="paper").sample.kind == "relaxed"
    with pytest.raises(ValueError, match=r"sample\.kind is 'drawn'; allowed: 'analytic' or 'relaxed'"):
        relaxed(**{"sample.kind": "drawn"})
