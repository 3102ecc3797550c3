"""An experiment at several points of a sweep, and what looks at all of them together."""

import dataclasses
import json

from scenarios import plan, progress, runner
from scenarios.request import request


def ask(out, *overrides, **words):
    return request("fake-sweep", out=out, overrides=overrides, **{"workers": 1, **words})


def run(asked):
    return runner.run(asked, progress=progress.Progress(0))


def names(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_every_point_has_a_folder_and_every_method_a_pool(in_process, tmp_path):
    out = tmp_path / "run"
    result = run(ask(out))
    assert not result.failed
    found = names(out)
    for point in ("step-1.5", "step-2", "step-8"):
        for name in ("measurement.nc", "truth.nc", "reconstructions/plain/0.nc", "scored/floor/0.nc"):
            assert f"points/{point}/{name}" in found
    assert [name for name in found if name.startswith("pooled/")] == [
        f"pooled/{method}/0.nc" for method in ("ceiling", "floor", "plain")
    ]
    assert (out / "points" / "step-8" / "measurement.nc").read_text() == "step 8.0, draw 0"


def test_rows_of_points_carry_the_sweep_and_those_of_the_pool_none(in_process, tmp_path):
    card = run(ask(tmp_path / "run", seed=3, seeds=2)).scorecard
    widths = {(row.seed, row.sweep.get("step")) for row in card.rows if row.metric == "wall_width"}
    assert widths == {(seed, step) for seed in (3, 4) for step in (1.5, 2.0, 8.0)}
    sums = [row for row in card.rows if row.metric == "steps.sum"]
    assert {(row.seed, row.method, row.value) for row in sums} == {
        (seed, method, 11.5) for seed in (3, 4) for method in ("floor", "ceiling", "plain")
    }
    assert all(row.sweep == {} for row in sums)
    assert card.config["run"]["points"] == [{"step": 1.5}, {"step": 2.0}, {"step": 8.0}]
    assert len(card.status) == 2 * 3 * 3


def test_the_sample_is_made_once_for_all_points(in_process, tmp_path):
    run(ask(tmp_path / "run"))
    assert in_process.count("sample") == 1
    assert in_process.count("expected") == 3
    in_process.clear()
    run(ask(tmp_path / "again"))
    assert in_process == []


def test_patterns_are_shared_where_points_differ_in_the_detection_alone(in_process, tmp_path, monkeypatch):
    import fake_sweep

    def expected(arguments, inputs, folder):
        assert "point" not in arguments
        (folder / "truth.nc").write_text("truth")

    def pool(arguments, inputs, folder):
        (folder / "rows.json").write_text("[]")
        (folder / "pooled.nc").write_text("")

    shared = dataclasses.replace(
        fake_sweep.SCENARIO,
        varies=lambda configuration: "measurement",
        work={**fake_sweep.SCENARIO.work, "expected": expected, "pool": pool},
    )
    monkeypatch.setattr(fake_sweep, "SCENARIO", shared)
    assert not run(ask(tmp_path / "run")).failed
    assert in_process.count("expected") == 1
    assert in_process.count("measurement") == 3


def test_a_point_that_fails_leaves_the_others_and_the_pool(in_process, tmp_path):
    out = tmp_path / "run"
    result = run(ask(out, "sample.behaviour=bug at 2.0"))
    assert result.failed
    failed = [status for status in result.scorecard.status if status.state == "failed"]
    assert {status.sweep["step"] for status in failed} == {2.0}
    sums = {row.value for row in result.scorecard.rows if row.metric == "steps.sum"}
    assert sums == {9.5}


def test_keys_know_the_point_and_the_pool_its_points(fake, tmp_path):
    asked = ask(tmp_path / "run")
    simulations = plan.simulation_cells(asked)
    methods = plan.method_cells(asked, simulations)
    keys = [stage.key for cell in methods for stage in cell.stages]
    assert len(set(keys)) == len(keys)
    whole, part = (plan.pool_cells(asked, simulations, chosen) for chosen in (methods, methods[3:]))
    assert whole[0].label == "seed 0, draw 0, all points: " + whole[0].method
    assert not {cell.stages[0].key for cell in whole} & {cell.stages[0].key for cell in part}
    assert methods[0].label.startswith("seed 0, draw 0, step 1.5: ")


def test_another_run_takes_the_place_of_all_points(in_process, tmp_path):
    out = tmp_path / "run"
    run(ask(out))
    runner.run(request("fake", out=out, workers=1), progress=progress.Progress(0))
    assert not (out / "points").exists()
    assert not (out / "pooled").exists()


def test_resources_tell_points_and_pools_apart(in_process, tmp_path):
    out = tmp_path / "run"
    run(ask(out))
    told = json.loads((out / "resources.json").read_text())["cells"]
    assert sum(cell.get("pooled", False) for cell in told) == 3
    assert {cell["point"]["step"] for cell in told if "point" in cell} == {1.5, 2.0, 8.0}
