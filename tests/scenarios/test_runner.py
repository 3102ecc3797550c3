import json
import os
import signal
import subprocess
import sys
import time

import pytest

from records import scorecard as scorecards
from scenarios import cache, plan, progress, runner
from scenarios.configuration import InputError
from scenarios.request import request


def ask(out, *overrides, **words):
    return request("fake", out=out, overrides=overrides, **{"workers": 1, **words})


def run(asked):
    return runner.run(asked, progress=progress.Progress(0))


def names(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def states(result):
    return {status.method: (status.state, status.reason) for status in result.scorecard.status}


def test_run_directory_of_one_seed(in_process, tmp_path):
    out = tmp_path / "run"
    result = run(ask(out, draws=2))
    results = [
        f"{folder}/{method}/{draw}.nc"
        for folder in ("reconstructions", "scored")
        for method in ("ceiling", "floor", "plain")
        for draw in (0, 1)
    ]
    records = ["config.toml", "measurement-1.nc", "measurement.nc", "resources.json", "scorecard.json", "truth.nc"]
    assert names(out) == sorted(records + results)
    assert (out / "measurement-1.nc").read_text() == "measurement of draw 1"
    assert not result.failed
    assert scorecards.load(out / "scorecard.json").to_json() == result.scorecard.to_json()


def test_run_directory_of_several_seeds(in_process, tmp_path):
    out = tmp_path / "run"
    run(ask(out, seed=3, seeds=2))
    assert [name for name in names(out) if "/" not in name] == ["config.toml", "resources.json", "scorecard.json"]
    inside = [name.removeprefix("seed-4/") for name in names(out) if name.startswith("seed-4/")]
    assert [name for name in inside if "/" not in name] == ["config.toml", "measurement.nc", "truth.nc"]
    assert (out / "seed-4" / "truth.nc").read_text() == "truth of seed 4"


def test_rows_carry_their_place_and_the_truth_has_its_own(in_process, tmp_path):
    rows = run(ask(tmp_path / "run", seed=2, draws=2)).scorecard.rows
    found = {(row.method, row.metric, row.draw): row.value for row in rows}
    assert found["plain", "wall_width", 1] == pytest.approx(9.1e-9)
    assert found["truth", "wall_width", 0] == 5e-9
    assert ("truth", "flag.halves", 0) not in found
    assert {(row.scenario, row.profile, row.seed) for row in rows} == {("fake", "quick", 2)}


def test_finished_cells_are_reused_and_new_draws_share_the_seed(in_process, tmp_path):
    run(ask(tmp_path / "a"))
    first = (tmp_path / "a" / "scorecard.json").read_bytes()
    in_process.clear()
    run(ask(tmp_path / "b", "reconstruction.time_limit_s=11", "reconstruction.memory_limit_gb=3"))
    assert in_process == []
    second = json.loads((tmp_path / "b" / "scorecard.json").read_text())
    assert second["rows"] == json.loads(first)["rows"]
    run(ask(tmp_path / "a", draws=2))
    assert in_process.count("expected") == 0
    assert in_process.count("measurement") == 1


def test_prtf_keeps_the_reconstruction(in_process, tmp_path):
    run(ask(tmp_path / "a"))
    in_process.clear()
    run(ask(tmp_path / "a", "reconstruction.prtf_starts=20"))
    assert in_process == ["starts", "score"]


def test_the_code_of_a_method_of_another_package_counts(fake, tmp_path, monkeypatch):
    package = tmp_path / "site" / "elsewhere.py"
    package.write_text("def solve(): return 1")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    cache.code_version.cache_clear()
    import elsewhere

    from reconstructors import registry

    method = registry.get("plain")
    method.solve = elsewhere.solve
    monkeypatch.setattr(registry, "get", lambda name: method)
    asked = ask(tmp_path / "run")

    def keys():
        cache.code_version.cache_clear()
        cells = plan.method_cells(asked, plan.simulation_cells(asked))
        return {cell.method: cell.stage("reconstruct").key for cell in cells}

    before = keys()
    package.write_text("def solve(): return 2")
    after = keys()
    assert before["plain"] != after["plain"]
    assert before["floor"] == after["floor"]


def test_prtf_only_of_methods_that_can_start_at_random(in_process, tmp_path):
    asked = ask(tmp_path / "run", "reconstruction.prtf_starts=20", 'reconstruction.methods=["single", "plain"]')
    assert asked.warnings == ("single does not start at random: no PRTF for it",)
    result = run(asked)
    assert in_process.count("starts") == 1
    assert states(result)["single"] == states(result)["plain"] == ("done", "")


def test_parameters_of_a_method_belong_to_its_cells_alone(in_process, tmp_path):
    run(ask(tmp_path / "a"))
    in_process.clear()
    run(ask(tmp_path / "a", "reconstruction.parameters.plain.steps=5"))
    assert in_process == ["reconstruct", "halves", "score"]
    with pytest.raises(InputError, match="unknown parameter of plain 'stepps'; did you mean 'steps'"):
        ask(tmp_path / "a", "reconstruction.parameters.plain.stepps=5")


def test_failures_are_rows_and_are_tried_again(in_process, tmp_path):
    asked = ask(tmp_path / "run", 'reconstruction.methods=["bug", "refuse", "plain"]')
    result = run(asked)
    assert states(result) == {
        "floor": ("done", ""),
        "ceiling": ("done", ""),
        "bug": ("failed", "KeyError: 'a bug'"),
        "refuse": ("unsupported", "needs references"),
        "plain": ("done", ""),
    }
    assert result.failed
    assert {row.method for row in result.scorecard.rows} == {"floor", "ceiling", "plain", "truth"}
    in_process.clear()
    run(asked)
    assert in_process == ["reconstruct", "halves", "score"] * 2


@pytest.mark.parametrize(
    ("behaviour", "state", "reason"),
    [
        ("refuse", "unsupported", "needs references"),
        ("bug", "failed", "the simulation: KeyError: 'a bug'"),
    ],
)
def test_no_measurement_no_reconstruction(in_process, tmp_path, behaviour, state, reason):
    result = run(ask(tmp_path / "run", f"sample.behaviour={behaviour}"))
    assert states(result) == dict.fromkeys(("floor", "ceiling", "plain"), (state, reason))
    assert result.scorecard.rows == ()
    assert "scorecard.json" in names(tmp_path / "run")


def test_refused_configuration_leaves_nothing(in_process, tmp_path):
    with pytest.raises(InputError, match=r"optics.hole_nm is 9000; allowed: less than the field"):
        run(ask(tmp_path / "run", "sample.behaviour=value"))
    assert not (tmp_path / "run").exists()


def test_full_disk_while_computing_leaves_the_former_run(in_process, tmp_path):
    out = tmp_path / "run"
    run(ask(out))
    before = {name: (out / name).read_bytes() for name in names(out)}
    with pytest.raises(OSError, match="No space left on device"):
        run(ask(out, 'reconstruction.methods=["disk"]'))
    assert {name: (out / name).read_bytes() for name in names(out)} == before


def test_full_disk_while_writing_leaves_the_former_run(in_process, tmp_path, monkeypatch):
    out = tmp_path / "run"
    run(ask(out))
    before = {name: (out / name).read_bytes() for name in names(out)}
    copy = runner.directory.shutil.copyfile

    def full(source, target):
        if "plain" in str(target):
            raise OSError(28, "No space left on device", str(target))
        return copy(source, target)

    monkeypatch.setattr(runner.directory.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        run(ask(out, draws=2))
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_scorecard_has_no_times_and_resources_have(in_process, tmp_path):
    run(ask(tmp_path / "a"))
    time.sleep(1.1)
    run(ask(tmp_path / "b"))
    assert (tmp_path / "a" / "scorecard.json").read_bytes() == (tmp_path / "b" / "scorecard.json").read_bytes()
    used = json.loads((tmp_path / "b" / "resources.json").read_text())
    assert {"date", "machine", "versions", "cells", "command"} <= set(used)
    cell = next(cell for cell in used["cells"] if cell["method"] == "plain")
    assert (cell["cached"], cell["state"]) == (True, "done")
    assert cell["peak_bytes"] > 0


COMMAND = [
    sys.executable,
    "-c",
    "import reconstructors, sys, types; r = types.ModuleType('reconstructors.registry'); "
    "r.names = lambda: ['plain', 'sleep']; "
    "r.get = lambda n: types.SimpleNamespace("
    "accepts='holography', parameters=None, knowledge=(), solve=types.SimpleNamespace); "
    "sys.modules['reconstructors.registry'] = reconstructors.registry = r; "
    "from scenarios import cli; sys.exit(cli.call(sys.argv[1:]))",
]


@pytest.mark.parametrize(
    ("send", "number", "code"),
    [(os.kill, signal.SIGINT, 130), (os.killpg, signal.SIGINT, 130), (os.kill, signal.SIGTERM, 143)],
    ids=["interrupt", "interrupt of the group", "terminate"],
)
def test_interrupt_says_one_line_and_the_rest_resumes(fake, own_cache, tmp_path, send, number, code):
    out = tmp_path / "run"
    words = ["run", "fake", "--method", "plain", "--method", "sleep", "--workers", "2", "--out", str(out)]
    process = subprocess.Popen(
        [*COMMAND, *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        # Whoever runs the tests in the background ignores interrupts, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = [process.stderr.readline() for _ in range(4)]
    assert sorted(line.split(": ")[1] for line in said[1:]) == ["ceiling", "floor", "plain"]
    time.sleep(0.5)
    send(process.pid, number)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == code
    assert rest.count("\n") == (1 if number == signal.SIGINT else 0)
    assert not out.exists()
    assert not list(own_cache.glob(".building-*"))
    result = run(ask(out, 'reconstruction.methods=["plain"]'))
    assert states(result)["plain"] == ("done", "")
    assert all(c["cached"] for c in json.loads((out / "resources.json").read_text())["cells"])
