"""The scenario `superlattice`, small: from projections and from photons to the page, and a run that is killed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from records import store
from scenarios import cache
from scenarios.configuration import InputError, profiles
from scenarios.controls import SOLVED_WITH
from scenarios.plan import method_cells, simulation_cells
from scenarios.request import request as ask
from scenarios.superlattice import SCENARIO
from tests.scenarios.superlattice_small import FROM_PHOTONS, FROM_PROJECTIONS, command, environment, values

HEADLINES = (
    "hedgehogs.recall",
    "hedgehogs.precision",
    "hedgehogs.f1",
    "vector.error",
    "vector.error_longitudinal",
    "vector.error_transverse",
    "pairs.opposite",
    "pairs.plus",
    "pairs.minus",
)
CONTROLS = ("floor", "ceiling", "transverse", "integral-ceiling", "projection-ceiling")


@pytest.mark.parametrize("profile", profiles(SCENARIO.text))
def test_every_profile_begins_at_projections_too(profile: str) -> None:
    own = ("series.from=projections", 'reconstruction.methods=["cgls"]')
    asked = ask("superlattice", profile=profile, overrides=own)
    assert asked.methods == (*CONTROLS, "cgls")
    with pytest.raises(InputError, match="method 'rpie' reads ptychography"):
        ask("superlattice", profile=profile, overrides=(*own, "reconstruction.parameters.rpie.engine.epochs=8"))


def go(folder: Path, overrides: Sequence[str]) -> Path:
    """Run the small experiment to its end in `folder`, with a cache of its own; return the run directory."""
    words = command(overrides, out=folder / "run")
    done = subprocess.run(words, env=environment(folder / "cache"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def projected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return go(tmp_path_factory.mktemp("projections"), FROM_PROJECTIONS)


@pytest.fixture(scope="module")
def imaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return go(tmp_path_factory.mktemp("photons"), FROM_PHOTONS)


def test_scorecard_from_projections(projected: Path) -> None:
    found = values(projected)
    for method in (*CONTROLS, "cgls"):
        assert {metric for name, metric in found if name == method} >= set(HEADLINES)
    assert 10e-9 <= found["cgls", "fsc.full_period"] < 40e-9
    errors = [found[method, "vector.error"] for method in ("ceiling", "integral-ceiling", "cgls", "floor")]
    assert errors == sorted(errors)
    assert found["cgls", "vector.error"] < 0.5
    assert found["cgls", "geometry.shift_error"] < 0.5
    parts = [found["cgls", f"vector.error_{part}"] for part in ("longitudinal", "transverse")]
    assert all(0.05 < part < 0.45 for part in parts)


def test_scorecard_from_photons(imaged: Path) -> None:
    found, method = values(imaged), "rpie+coupled/cgls"
    assert {metric for name, metric in found if name == method} >= set(HEADLINES)
    assert found["projection-ceiling", "vector.error"] < found[method, "vector.error"] < found["floor", "vector.error"]
    assert found[method, "vector.error"] < 0.7
    assert found[method, "charge.error"] < 0.4
    assert found[method, "geometry.shift_error"] < 1
    assert found[method, "fsc_truth.full_period"] < 12e-9


def test_ceilings_solve_with_the_parameters_of_the_run(projected: Path) -> None:
    shipped = ask("superlattice").configuration.reconstruction.parameters
    for name, method in SOLVED_WITH.items():
        found = store.load(projected / "reconstructions" / name / "0.nc", record="reconstruction")
        assert json.loads(found.attrs["parameters"])["recipe"].items() >= shipped[method]["recipe"].items()


@pytest.mark.parametrize(("run", "method"), [("projected", "cgls"), ("imaged", "rpie+coupled/cgls")])
def test_directory_and_page(run: str, method: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(run)
    truth = store.load(folder / "truth.nc", record="truth")
    for name in (*CONTROLS, method):
        found = store.load(folder / "reconstructions" / name / "0.nc", record="reconstruction")
        assert found["magnetization"].shape[0] == 3
        assert np.isfinite(found["magnetization"].values).all()
        assert (folder / "scored" / name / "0.nc").is_file()
    assert truth["rotation"].shape == (15, 3, 3)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert method in page
    for figure in ("components", "directions", "differences", "pairs", "voids", "geometry"):
        assert f'<figure id="{figure}"' in page


def test_a_killed_run_goes_on_to_the_same_scorecard(
    projected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(projected.parent / "cache"))
    _lend_controls(tmp_path / "cache")
    runner = subprocess.Popen(
        command(FROM_PROJECTIONS, out=tmp_path / "run"),
        env=environment(tmp_path / "cache"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _reconstructs("cgls", tmp_path / "cache"):
            assert runner.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(runner.pid, signal.SIGKILL)
        runner.wait()
    assert not (tmp_path / "run" / "scorecard.json").exists()
    again = go(tmp_path, FROM_PROJECTIONS)
    cells = json.loads((again / "resources.json").read_text(encoding="utf-8"))["cells"]
    cached = {cell["method"]: cell["cached"] for cell in cells}
    assert cached["simulation"]
    assert not cached["cgls"]
    assert (again / "scorecard.json").read_bytes() == (projected / "scorecard.json").read_bytes()
    assert not list((tmp_path / "cache").glob(".building-*"))


def _lend_controls(target: Path) -> None:
    """Copy the controls from the cache in use to `target`: sample, images and volume are to be made anew."""
    asked = ask("superlattice", overrides=FROM_PROJECTIONS)
    for cell in method_cells(asked, simulation_cells(asked)):
        for stage in cell.stages if cell.method in CONTROLS else ():
            made = cache.find(stage.key)
            assert made is not None
            shutil.copytree(made, target / made.relative_to(cache.root()))


def _reconstructs(method: str, folder: Path) -> bool:
    """Return whether a subprocess is at work on a stage of `method`."""
    jobs = []
    for path in folder.glob(".building-*/job.json"):
        # A job may end, or not be written out, just now.
        with contextlib.suppress(OSError, ValueError):
            jobs.append(json.loads(path.read_text(encoding="utf-8")))
    known = [job for job in jobs if any(stage["arguments"].get("method") == method for stage in job["stages"])]
    return bool(known) and len(list(folder.glob(".building-*/entry"))) >= len(jobs)
