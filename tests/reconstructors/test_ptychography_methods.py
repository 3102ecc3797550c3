"""The contract that every registered method of ptychography keeps, and its checkpoints."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import records
from numerics.streams import stream
from numerics.threads import use_threads
from reconstructors import registry
from reconstructors.ptychography import methods
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.methods import ScanParameters
from tests.ptychography_small import N, assembled, node, nrmse, small_problem

NAMES = [name for name in registry.names() if registry.get(name).accepts == "ptychography"]
EPOCHS = 4


def brief(name, epochs=EPOCHS, *, reject="none", **changes):
    """Return a method that takes few epochs and, unless asked to, does not look for corrupt frames first."""
    method = registry.get(name)
    engine = method.parameters.engine
    if isinstance(engine, DichroicParameters):
        engine = replace(engine, engine=replace(engine.engine, epochs=epochs, batch_epochs=3))
    elif name == "rpie+":
        engine = replace(engine, epochs=epochs, batch_epochs=3)
    else:
        engine = replace(engine, epochs=epochs)
    parameters = replace(method.parameters, engine=engine, reject=reject, **changes)
    return replace(method, parameters=parameters)


def run(name, data=None, *, epochs=EPOCHS, changes=None, **more):
    method = brief(name, epochs, **(changes or {}))
    return method.reconstruct(node() if data is None else data, rng=stream(0, "reconstruct"), **more)


@pytest.fixture(scope="module", params=NAMES)
def named(request):
    return request.param, run(request.param)


def bytes_of(dataset):
    return {name: np.asarray(dataset[name].values).tobytes() for name in dataset.variables}


def test_the_methods_of_the_field_and_ours_are_there():
    assert {"epie", "rpie", "dm", "lsqml", "rpie+", "rpie+coupled"} <= set(NAMES)


def test_result_is_a_valid_record_with_what_is_declared(named):
    name, result = named
    records.check(result)
    method = registry.get(name)
    assert method.summary
    assert not set(method.returns) - set(result.variables)
    assert result.attrs["method"] == name
    assert json.loads(result.attrs["knowledge"]) == list(method.knowledge)
    assert json.loads(result.attrs["gauge"])
    assert set(json.loads(result.attrs["parameters"])) == set(vars(method.parameters))
    assert result["object"].shape[0] == result["probe"].shape[0] == 2
    assert result["history"].shape == (2, EPOCHS)
    for variable in ("object", "probe", "magnetic", "charge", "frame_error", "flux"):
        assert np.isfinite(result[variable].values).all()
    assert (result["frame_error"].values > 0).all()


def test_the_object_lies_in_the_coordinates_of_the_positions(named):
    """The first pixel of the first frame is where the truth has it, and so is what is there."""
    _, result = named
    drawn, data = small_problem(), node()
    y0, x0 = (
        np.rint((float(data[f"position_{axis}"][0, 0]) - float(result[axis][0])) / float(result["pixel_size"]))
        - drawn.corners[0][k] - N // 2
        for k, axis in enumerate("yx")
    )  # fmt: skip
    rows, columns = (slice(int(at), int(at) + n) for at, n in zip((y0, x0), drawn.object.shape, strict=True))
    assert nrmse(result["object"].values[0][rows, columns], drawn) < 0.45
    away = np.hypot(result["position_y"] - data["position_y"], result["position_x"] - data["position_x"])
    assert float(away.max()) < 0.3 * float(result["pixel_size"])


def test_same_bytes_for_the_same_seed_whatever_the_threads(named):
    name, result = named
    for threads in (1, 2):
        with use_threads(threads):
            assert bytes_of(run(name)) == bytes_of(result)


def test_input_is_left_alone_and_watchers_see_every_epoch(named):
    name, result = named
    data, seen = node().copy(deep=True), []
    before = data.copy(deep=True)
    run(name, data, watch=(lambda step, error: seen.append((step, error)),))
    assert data.identical(before)
    alone = EPOCHS if name == "rpie+coupled" else 2 * EPOCHS
    assert len(seen) == alone
    np.testing.assert_allclose([error for _, error in seen][-EPOCHS:], result["history"].values[1], rtol=1e-12)


def test_other_kinds_and_empty_scans_are_refused_in_one_line(named):
    name, _ = named
    method = registry.get(name)
    other = node().copy()
    other.attrs["kind"] = "holography"
    for data, reason in ((other, "'holography'"), (node().isel(position=[0]), "two or more")):
        told = method.refuses(data)
        assert told is not None
        assert reason in told
        assert "\n" not in told
        with pytest.raises(ValueError, match=reason):
            run(name, data)


@pytest.mark.parametrize("name", ["rpie", "rpie+coupled"])
def test_one_helicity_is_enough_unless_both_are_coupled(name):
    data = node().isel(helicity=[1])
    reason = registry.get(name).refuses(data)
    if name == "rpie":
        result = run(name, data)
        assert reason is None
        assert result["helicity"].values.tolist() == [-1]
        assert "magnetic" not in result
    else:
        assert reason is not None
        assert "both are needed" in reason


def test_equal_helicities_have_no_magnetic_image():
    result = run("rpie+", epochs=12)
    assert np.abs(result["magnetic"].values[50:70, 50:70]).mean() < 0.05
    assert result["charge"].values[50:70, 50:70].std() > 0.1


def test_corrupt_frames_are_left_out_and_say_why():
    counts = node()["counts"].values.copy()
    counts[0, 9] = counts[0, 30]  # a frame that was read twice
    counts[:, 20] = 100  # a shutter that stayed closed
    data = node().assign(counts=(node()["counts"].dims, counts, node()["counts"].attrs))
    result = run("rpie+", data, changes={"reject": "residual"})
    corrupt = result["corrupt"].values
    assert corrupt[0, 20] == corrupt[1, 20] == 2
    assert corrupt[0, 30] != 0 or corrupt[0, 9] != 0
    assert np.count_nonzero(corrupt) < 8
    assert (result["frame_error"].values[corrupt != 0] == 0).all()


def flag(result, name):
    return int(result["flag"].sel(flag_name=name))


def test_a_result_that_does_not_fit_says_so():
    sound = run("rpie+", epochs=30)
    assert flag(sound, "misfit") == 0
    shuffled = node().copy()
    shuffled["position_y"] = (node()["position_y"].dims, node()["position_y"].values[:, ::-1], {"units": "m"})
    assert flag(run("rpie+", shuffled, epochs=30), "misfit") == 1


def test_guessed_optics_and_saturated_pixels_are_told():
    bare = node().drop_vars(("outer_zone", "stop_fraction", "defocus"))
    assert flag(run("rpie", bare), "guessed_optics") == 0  # the shadows show the focus
    shuffled = bare.copy()
    order = np.random.default_rng(0).permutation(bare.sizes["position"])
    for name in ("position_y", "position_x"):
        shuffled[name] = (bare[name].dims, bare[name].values[:, order], {"units": "m"})
    assert flag(run("rpie", shuffled), "guessed_optics") == 1
    counts = node()["counts"].values.copy()
    counts[..., 3, 4] = 60000
    spoiled = node().assign(counts=(node()["counts"].dims, counts, node()["counts"].attrs))
    assert flag(run("rpie", spoiled), "saturated_pixels") == 1
    assert flag(run("rpie"), "saturated_pixels") == 0


def scattered(scale):
    """Return the scan with its positions further apart than they were."""
    places = {
        name: (node()[name].dims, scale * node()[name].values, {"units": "m"}) for name in ("position_y", "position_x")
    }
    return node().assign(places)


def test_data_that_cannot_tell_are_flagged():
    few = node().isel(position=slice(0, 3), helicity=[0])
    assert flag(run("rpie", few.assign_coords(position=np.arange(3))), "few_data") == 1
    assert flag(run("rpie", scattered(4)), "little_overlap") == 1
    bright = node().assign(gain=node()["gain"] * 1e3)
    assert flag(run("rpie+", bright, epochs=20), "below_noise") == 1
    masked = node().copy()
    masked["valid"] = node()["valid"] & (np.hypot(node()["y"], node()["x"]) > 16 * float(node()["pixel_pitch"]))
    assert flag(run("rpie", masked), "unseen_light") == 1
    sound = run("rpie+", epochs=20)
    for name in ("few_data", "little_overlap", "below_noise", "unseen_light", "unexplained"):
        assert flag(sound, name) == 0


def test_dm_refuses_what_its_exit_waves_cannot_hold():
    engine = replace(registry.get("dm").parameters.engine, memory_limit=1e-3)
    parameters = replace(registry.get("dm").parameters, engine=engine)
    reason = methods.refusal(node(), parameters)
    assert reason is not None
    assert "GiB" in reason
    with pytest.raises(ValueError, match=r"refine_flux is on; allowed: off for the difference map"):
        replace(parameters, refine_flux=True)


def test_modes_are_returned_orthogonal_and_in_order():
    changes = {"preparation": replace(registry.get("rpie").parameters.preparation, modes=2)}
    result = run("rpie", node().isel(helicity=[0]), changes=changes)
    flat = result["probe"].values[0].reshape(2, -1).astype(complex)
    first, second = (float(np.sum(np.abs(mode) ** 2)) for mode in flat)
    assert first > second > 0
    assert abs(np.vdot(*flat)) < 1e-4 * np.sqrt(first * second)


class Stopped(Exception):
    pass


def stop_at(count):
    steps = []

    def watch(step, error):
        steps.append(step)
        if len(steps) == count:
            raise Stopped

    return watch


@pytest.mark.parametrize("name", methods.METHODS)
def test_what_was_stopped_goes_on_to_the_same_bits(name, tmp_path, monkeypatch):
    """Stopped in the first helicity, and again in the second, between two checkpoints, frames judged as it goes."""
    monkeypatch.setattr(methods, "rejected", lambda data, parameters: np.zeros(data["position_y"].shape, np.int8))
    path, epochs = tmp_path / "run.ckpt", 14
    words = {"epochs": epochs, "changes": {"reject": registry.get(name).parameters.reject}}
    whole = bytes_of(run(name, **words))
    for count in (12, 15):
        with pytest.raises(Stopped):
            run(name, checkpoint=path, watch=(stop_at(count),), **words)
    seen = []
    resumed = run(name, checkpoint=path, watch=(lambda step, error: seen.append(step),), **words)
    assert bytes_of(resumed) == whole
    assert seen == [10, 11, 12, 13] * 2
    assert os.listdir(tmp_path) == ["run.ckpt"]


ONE_STAGE = {"shared_probe": True}
THREE_STAGES = {"alone": 6, "shared_charge": 6, "shared_probe": True, "shared_positions": True}


@pytest.mark.parametrize(("shared", "stops"), [(ONE_STAGE, (12,)), (THREE_STAGES, (3, 11, 5))])
def test_both_helicities_go_on_from_whatever_stage_they_were_in(shared, stops, tmp_path):
    method = brief("rpie+coupled", 24, refine_positions="alone" in shared)
    engine = replace(method.parameters.engine, **shared)
    method = replace(method, parameters=replace(method.parameters, engine=engine))

    def again(**words):
        return method.reconstruct(node(), rng=stream(0, "reconstruct"), **words)

    seen, whole, path = [], bytes_of(again()), tmp_path / "run.ckpt"
    for count in stops:
        with pytest.raises(Stopped):
            again(checkpoint=path, watch=(stop_at(count),))
    assert bytes_of(again(checkpoint=path, watch=(lambda step, error: seen.append(step),))) == whole
    assert 0 < len(seen) < 24 - max(stops) // 10 * 10 + 1
    assert bytes_of(again(checkpoint=path)) == whole


_CHILD = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.reconstructors.test_ptychography_methods import run
def die(step, error):
    if step == 11:
        os.kill(os.getpid(), signal.SIGKILL)
from pathlib import Path
run("rpie+", epochs=14, checkpoint=Path({path!r}), watch=(die,))
"""


def test_what_was_killed_goes_on_to_the_same_bits(tmp_path):
    path = tmp_path / "run.ckpt"
    root = str(Path(__file__).parents[2])
    child = subprocess.run([sys.executable, "-c", _CHILD.format(root=root, path=str(path))], check=False, cwd=root)
    assert child.returncode == -signal.SIGKILL
    assert path.exists()
    assert bytes_of(run("rpie+", epochs=14, checkpoint=path)) == bytes_of(run("rpie+", epochs=14))


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    run("rpie", epochs=10, checkpoint=path)
    with pytest.raises(ValueError, match="belongs to another measurement, method or other parameters, or another seed"):
        run("rpie", epochs=11, checkpoint=path)
    with pytest.raises(ValueError, match="belongs to another"):
        run("epie", epochs=10, checkpoint=path)
    counts, masked = node()["counts"].values.copy(), node().copy()
    counts[0, 7, 3, 3] += 1
    masked["valid"] = node()["valid"] & (node()["y"] != 0)
    for other in (node().assign(counts=(node()["counts"].dims, counts, node()["counts"].attrs)), masked):
        with pytest.raises(ValueError, match="belongs to another"):
            run("rpie", other, epochs=10, checkpoint=path)
    with pytest.raises(ValueError, match="or another seed"):
        brief("rpie", 10).reconstruct(node(), rng=stream(1, "reconstruct"), checkpoint=path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="no checkpoint of ours") as error:
        run("rpie", epochs=10, checkpoint=path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["rpie", "rpie+coupled"])
def test_modes_come_out_orthogonal_and_in_order(name):
    preparation = replace(registry.get(name).parameters.preparation, modes=2)
    found = run(name, epochs=13, changes={"preparation": preparation})
    for first, second in found["probe"].values:
        powers = np.linalg.norm(first), np.linalg.norm(second)
        assert powers[0] > powers[1] > 0
        assert abs(np.vdot(first, second)) < 1e-4 * powers[0] * powers[1]


@pytest.mark.parametrize("name", ["rpie", "rpie+coupled"])
def test_pupil_is_kept_smooth_on_request(name):
    bare, smooth = (run(name, changes={"unwrap_probe": asked})["probe"].values for asked in (False, True))
    assert np.linalg.norm(bare - smooth) > 1e-3 * np.linalg.norm(bare)


def test_bad_parameters_are_told():
    with pytest.raises(ValueError, match="reject is 'all'; allowed: none, gradient, residual"):
        ScanParameters(registry.get("rpie").parameters.engine, reject="all")


def test_small_problem_is_what_the_node_holds():
    assert len(assembled(small_problem()).frames) == node().sizes["position"]
