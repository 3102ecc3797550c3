"""Studies: each point once, in any sharing out; failures stay in the scorecard and stop nobody else."""

import json
import os
import signal
import subprocess
import sys

import pytest

from records import scorecard as scorecards
from scenarios import catalogue, cells, cli, progress, study_plan, study_runner
from scenarios.configuration import InputError
from scenarios.information import describe
from scenarios.study_request import study_request


def ask(out, *overrides, **words):
    study = catalogue.look_up("fake-study")
    return study_request(study, out=out, overrides=overrides, **{"workers": 1, **words})


def run(asked):
    return study_runner.run_study(asked, progress=progress.Progress(0))


@pytest.fixture
def in_process(fake, monkeypatch):
    """Do the cells here: quick, and countable."""
    done = []

    def compute(stages, *, time_limit, memory_limit, tick, stop):
        missing = [stage for stage in stages if cells.cache.find(stage.key) is None]
        done.append([stage.arguments.get("point", {}).get("width", "all") for stage in missing])
        told = cells._attempt(missing)
        return cells.Outcome(**told, cached=not missing, log=told.get("reason", ""))

    monkeypatch.setattr(cells, "run", compute)
    return done


def names(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_run_directory_and_rows(in_process, tmp_path):
    out = tmp_path / "run"
    result = run(ask(out, seed=10))
    assert names(out) == ["config.toml", "resources.json", "scorecard.json", "study.nc"]
    assert json.loads((out / "study.nc").read_text()) == [11, 12, 13, 14, 15]
    assert not result.failed
    stored = scorecards.load(out / "scorecard.json")
    assert stored.to_json() == result.scorecard.to_json()
    found = {(row.method, row.metric, row.sweep.get("width")): row for row in stored.rows}
    assert found["point", "area", 3].value == 169
    assert found["point", "area", 3].sweep == {"width": 3, "behaviour": "sound"}
    assert found["point", "ratio", 3].value is None
    assert (found["study", "total", None].value, found["study", "total", None].seed) == (65, 10)
    assert found["study", "half", None].sweep == {"share": 0.5}
    assert stored.config["run"]["points"] == 5


def test_neighbours_are_dealt_out(in_process, tmp_path):
    run(ask(tmp_path / "run"))
    assert in_process == [[1, 4], [2, 5], [3], ["all"]]


def test_a_point_is_computed_once_however_it_is_shared_out(in_process, tmp_path):
    run(ask(tmp_path / "a"))
    in_process.clear()
    run(ask(tmp_path / "b", "study.points_per_cell=5", "study.time_limit_s=7"))
    assert in_process == [[], []]
    assert (tmp_path / "a" / "study.nc").read_bytes() == (tmp_path / "b" / "study.nc").read_bytes()
    run(ask(tmp_path / "c", "sweep.widths=[2, 3, 9]", "study.points_per_cell=9"))
    assert in_process[2:] == [[9], ["all"]]
    in_process.clear()
    run(ask(tmp_path / "d", "film.offset=1.0"))
    assert in_process == [[1, 4], [2, 5], [3], ["all"]]


def test_a_failed_point_keeps_no_other_from_being_done(in_process, tmp_path):
    out = tmp_path / "run"
    asked = ask(out, 'sweep.behaviour={"1"="bug", "5"="refuse"}', "study.points_per_cell=5")
    result = run(asked)
    state = {status.sweep.get("width"): (status.state, status.reason) for status in result.scorecard.status}
    assert state[1] == ("failed", "KeyError: 'a bug'")
    assert state[5] == ("unsupported", "needs references")
    assert [state[width] for width in (2, 3, 4, None)] == [("done", "")] * 4
    assert result.failed
    assert json.loads((out / "study.nc").read_text()) == [2, 3, 4]
    assert "a bug" in (out / "failures" / "points-1.txt").read_text()
    assert {row.sweep.get("width") for row in result.scorecard.rows if row.method == "point"} == {2, 3, 4}
    lines = describe(out)
    assert lines[0] == "a study of 5 points, 3 of them done, 8 rows"
    assert "  behaviour bug, width 1: failed: KeyError: 'a bug'" in lines
    # What failed is tried again, what is done is not.
    in_process.clear()
    run(asked)
    assert in_process == [[1, 5], [5], []]


def test_nothing_done_is_no_study(in_process, tmp_path):
    result = run(ask(tmp_path / "run", "sweep.widths=[1]", 'sweep.behaviour={"1"="bug"}'))
    assert [(s.method, s.state, s.reason) for s in result.scorecard.status] == [
        ("point", "failed", "KeyError: 'a bug'"),
        ("study", "failed", "no point is done"),
    ]
    assert "study.nc" not in names(tmp_path / "run")


@pytest.mark.parametrize(
    ("behaviour", "error", "said"),
    [("value", InputError, "optics.hole_nm is 9000"), ("disk", OSError, "No space left on device")],
)
def test_what_no_point_can_do_leaves_the_former_run(in_process, tmp_path, behaviour, error, said):
    out = tmp_path / "run"
    run(ask(out))
    before = {name: (out / name).read_bytes() for name in names(out)}
    with pytest.raises(error, match=said):
        run(ask(out, f'sweep.behaviour={{"2"="{behaviour}"}}'))
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    with pytest.raises(error, match=said):
        run(ask(tmp_path / "new", f'sweep.behaviour={{"2"="{behaviour}"}}'))
    assert not (tmp_path / "new").exists()


def test_subprocesses_give_the_same_bytes_for_any_number_of_them(fake, tmp_path, monkeypatch):
    run(ask(tmp_path / "a", workers=1))
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "other cache"))
    run(ask(tmp_path / "b", "study.points_per_cell=3", workers=3))
    assert (tmp_path / "a" / "study.nc").read_bytes() == (tmp_path / "b" / "study.nc").read_bytes()
    rows = [json.loads((tmp_path / run / "scorecard.json").read_text())["rows"] for run in "ab"]
    assert rows[0] == rows[1]
    used = json.loads((tmp_path / "b" / "resources.json").read_text())
    assert [(cell["points"], cell["state"]) for cell in used["cells"]] == [(3, "done"), (2, "done"), (0, "done")]
    assert all(cell["peak_bytes"] > 0 for cell in used["cells"])


def test_limits_hold_for_one_point_not_for_its_neighbours(fake, tmp_path):
    asked = ask(tmp_path / "run", "sweep.widths=[1, 2]", 'sweep.behaviour={"1"="sleep"}', profile="slow")
    state = {status.sweep.get("width"): status.state for status in run(asked).scorecard.status}
    assert state == {1: "time limit", 2: "done", None: "done"}


def test_interrupted_study_goes_on_behind_its_last_point(fake, own_cache, tmp_path):
    out = tmp_path / "run"
    words = ["run", "fake-study", "--set", 'sweep.behaviour={"5"="sleep"}', "--set", "study.points_per_cell=9"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scenarios.cli", *words, "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while len(list(own_cache.glob("??/*"))) < 4:
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said.count("\n")) == (130, 1)
    assert not out.exists()
    assert not list(own_cache.glob(".building-*"))
    result = run(ask(out, "sweep.widths=[1, 2, 3, 4]"))
    assert not result.failed
    assert all(cell["cached"] for cell in json.loads((out / "resources.json").read_text())["cells"][:-1])


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["--method", "fth"], ["--method is fth", "allowed: nothing"]),
        (["--draws", "2"], ["--draws is 2", "a study of the sample alone"]),
        (["--seeds", "3"], ["--seeds is 3"]),
        (["--prtf", "20"], ["--prtf is 20"]),
        (["--halves"], ["--halves is True"]),
        (["--no-halves"], ["--halves is False"]),
        (["--sample", "film.ovf"], ["--sample is film.ovf"]),
        (["--beta-m-t-nm", "0.02"], ["--beta-m-t-nm is 0.02"]),
        (["--seed", "-1"], ["seed is -1"]),
        (["--workers", "0"], ["workers is 0"]),
        (["--set", "film.ofset=1"], ["unknown key 'film.ofset'", "did you mean film.offset"]),
        (["--profile", "papr"], ["unknown profile 'papr'"]),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(fake, tmp_path, capsys, words, fragments):
    assert cli.call(["run", "fake-study", *words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for fragment in fragments:
        assert fragment in said
    assert not (tmp_path / "run").exists()


def test_command_line(fake, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_report", lambda directory: directory / "report.html")
    monkeypatch.chdir(fake)
    assert cli.call(["run", "fake-study", "--seed", "4"]) == 0
    out, err = capsys.readouterr()
    assert f"report:  {os.path.join('runs', 'fake-study-quick-seed4', 'report.html')}" in out
    assert "sum over all widths" in out
    assert "35" in out
    assert err.count("\n") == 4
    assert cli.call(["list"]) == 0
    assert "fake-study\n    a sweep of nothing at all\n    profiles: quick, slow\n" in capsys.readouterr().out
    assert cli.call(["run", "fake-study", "--set", 'sweep.behaviour={"1"="bug"}', "--out", "other"]) == 1
    out, _ = capsys.readouterr()
    assert "1 points not done" in out
    assert "failed: KeyError: 'a bug'" in out


def test_a_study_is_no_experiment(fake):
    from scenarios.request import request

    with pytest.raises(InputError, match="a study"):
        request("fake-study")


def test_keys_hold_content_only(fake, tmp_path):
    first = study_plan.point_cells(ask(tmp_path / "a"))
    second = study_plan.point_cells(ask(tmp_path / "b", "study.points_per_cell=1", workers=4))
    assert {s.key for c in first for s in c.stages} == {s.key for c in second for s in c.stages}
    other = study_plan.point_cells(ask(tmp_path / "b", seed=1))
    assert not {s.key for c in first for s in c.stages} & {s.key for c in other for s in c.stages}
