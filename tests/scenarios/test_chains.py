import pytest

from scenarios import chains, plan
from scenarios.configuration import InputError
from scenarios.progress import Progress
from scenarios.request import request
from scenarios.runner import run


def ask(out, **words):
    return request("fake-chain", out=out, **words)


def go(out, **words):
    wanted = ask(out, **words)
    return run(wanted, progress=Progress(0))


def states(result):
    return {status.method: (status.state, status.reason) for status in result.scorecard.status}


@pytest.mark.parametrize(("count", "size", "groups"), [(4, 2, 2), (5, 2, 3), (1, 8, 1), (0, 3, 0)])
def test_parts_hold_each_projection_once(count, size, groups):
    found = chains.parts(count, size)
    assert len(found) == groups
    assert [index for group in found for index in group] == list(range(count))


def test_a_chain_reads_the_images_of_all_projections(in_process, tmp_path):
    out = tmp_path / "run"
    result = go(out)
    assert not result.failed
    said = (out / "reconstructions" / "image" / "volume" / "0.nc").read_text()
    assert said == "volume of " + "; ".join(f"image: frames {index} of draw 0" for index in range(4))
    assert (out / "projections" / "image" / "volume" / "0.nc").exists()
    assert not (out / "measurement.nc").exists()
    assert {row.method for row in result.scorecard.rows} == {"truth", "floor", "ceiling", "image/volume"}


def test_halves_are_solved_by_the_last_link_and_scored_under_the_name_of_the_chain(in_process, tmp_path):
    wanted = ask(tmp_path / "run", overrides=("reconstruction.halves=true",))
    result = run(wanted, progress=Progress(0))
    assert not result.failed
    assert "halves" in in_process
    assert "image/volume" in {row.method for row in result.scorecard.rows}


def test_a_run_of_chains_goes_again_into_its_own_directory(in_process, tmp_path):
    first, again = go(tmp_path / "run"), go(tmp_path / "run")
    assert not again.failed
    assert again.scorecard.rows == first.scorecard.rows
    assert (tmp_path / "run" / "projections" / "image" / "volume" / "0.nc").exists()


def test_frames_are_simulated_once_whatever_the_number_of_methods(in_process, tmp_path):
    go(tmp_path / "one")
    assert in_process.count("frames") == in_process.count("images") == 2
    before = len(in_process)
    go(tmp_path / "two", overrides=('reconstruction.methods=["image/volume", "image/volume"]',))
    assert len(in_process) == before
    go(tmp_path / "three", draws=2)
    assert in_process.count("frames") == 4
    assert in_process.count("sample") == 1


def test_images_are_put_together_before_any_chain_that_reads_them(tmp_path):
    wanted = request("superlattice", out=tmp_path)
    simulations = plan.simulation_cells(wanted)
    parts = plan.part_cells(wanted, simulations)
    *images, whole = parts
    assert [stage.kind for stage in whole.stages] == [chains.PROJECTIONS]
    assert set(whole.stages[0].inputs.values()) == {cell.stages[-1].key for cell in images}
    read = [cell.stage(chains.PROJECTIONS) for cell in plan.method_cells(wanted, simulations, parts)]
    assert [stage.key for stage in read if stage is not None] == [whole.stages[0].key] * 2


def test_parameters_belong_to_the_link_they_name(in_process, tmp_path):
    go(tmp_path / "one")
    go(tmp_path / "two", overrides=("reconstruction.parameters.volume.steps=5",))
    assert in_process.count("images") == 2
    go(tmp_path / "three", overrides=("reconstruction.parameters.image.steps=5",))
    assert in_process.count("images") == 4
    assert in_process.count("frames") == 2


def test_a_part_that_fails_fails_its_chain_alone(in_process, tmp_path):
    result = go(tmp_path / "run", overrides=("sample.broken=3",))
    state, reason = states(result)["image/volume"]
    assert state == "failed"
    assert "projections 3-4" in reason
    assert "a bug" in reason
    assert states(result)["ceiling"][0] == "done"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("volume", "method 'volume' reads projections; allowed: chains of methods that read ptychography/projections"),
        ("volume/image", "reads projections/ptychography; allowed: chains"),
        ("image/volume/volume", "reads ptychography/projections/projections; allowed: chains"),
        ("image/vol", "unknown method 'vol'"),
        ("image/floor", "reads ptychography; allowed: chains"),
    ],
)
def test_what_is_no_chain_is_refused(fake, tmp_path, method, words):
    with pytest.raises(InputError) as error:
        ask(tmp_path / "run", overrides=(f'reconstruction.methods=["{method}"]',))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_chain_is_refused_where_one_method_does(fake, tmp_path):
    with pytest.raises(InputError, match="allowed: methods that read holography"):
        request("fake", out=tmp_path, overrides=('reconstruction.methods=["image/volume"]',))


def test_a_control_that_runs_a_method_is_told_what_the_method_is_told(tmp_path):
    wanted = request("superlattice", out=tmp_path, overrides=("reconstruction.parameters.vector+.recipe.steps=3",))
    simulations = plan.simulation_cells(wanted)
    cells = plan.method_cells(wanted, simulations, plan.part_cells(wanted, simulations))
    stages = {cell.method: cell.stage("reconstruct") for cell in cells}
    told = {method: stage.arguments["parameters"] for method, stage in stages.items() if stage is not None}
    assert told["integral-ceiling"] == told["projection-ceiling"] == told["rpie+coupled/vector+"]
    assert told["integral-ceiling"]["recipe"]["steps"] == 3
    assert told["floor"] == told["transverse"] == {}
