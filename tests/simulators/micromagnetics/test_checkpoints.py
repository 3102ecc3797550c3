"""Same bytes for two runs, any number of threads, and runs cut off and resumed; checkpoints that do not fit."""

import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from numerics.streams import stream
from numerics.threads import use_threads
from records import RecordError
from simulators.micromagnetics import (
    LBFGS,
    BarzilaiBorwein,
    Material,
    Mesh,
    Problem,
    descent,
    load_checkpoint,
    minimise,
    quench,
    random_start,
    relaxation,
    save_checkpoint,
)
from tests.simulators.micromagnetics.states import coarse, random_problem

METHODS = ("lbfgs", "barzilai-borwein", "quench")
dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
methods = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(autouse=True)
def interruptible():
    """A shell has its background jobs ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def relax(method, problem, m, *, limit, **options):
    """Relax by the method of a name."""
    if method == "quench":
        return quench(problem, m, stop=lambda state: False, limit=limit, **options)
    solver = LBFGS(history=4) if method == "lbfgs" else BarzilaiBorwein()
    return minimise(problem, m, method=solver, torque=1e-9, limit=limit, **options)


def same(a, b):
    """Return whether two relaxations ended with the same bytes."""
    return (
        a.m.tobytes() == b.m.tobytes()
        and (a.energies, a.torque, a.held_torque) == (b.energies, b.torque, b.held_torque)
        and (a.evaluations, a.status, a.time) == (b.evaluations, b.status, b.time)
    )


def irregular(dtype=np.float64, shape=(3, 6, 7), periodic=(False, True)):
    return random_problem(np.random.default_rng(7), shape=shape, periodic=periodic, dtype=dtype)


class Interruption:
    """A watcher that stops the run as Ctrl-C does, after some steps."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self, step, torque):
        if step + 1 == self.steps:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def large():
    """Return problems of several blocks of cells, so that threads have something to share, and starts."""
    found = {}
    for dtype in (np.float64, np.float32):
        mesh = Mesh((26, 40, 42), (2e-9,) * 3)
        saturation = np.where(np.indices(mesh.shape).sum(axis=0) % 11 == 0, 0.0, 490e3)
        problem = Problem(mesh, Material(saturation, 9e-12, anisotropy=5e4, dmi=1e-3), field=(0, 0, 0.1), dtype=dtype)
        found[dtype] = problem, random_start(problem, rng=stream(1, "sample"))
    return found


@methods
@dtypes
def test_threads_change_no_byte(method, dtype, large) -> None:
    problem, start = large[dtype]
    results = []
    for threads in (1, 2, 4):
        # A problem of its own, so that its tables and spectra are made with so many threads too.
        own = Problem(problem.mesh, problem.material, field=problem.field, dtype=dtype)
        with use_threads(threads):
            results.append(relax(method, own, start, limit=8))
    assert same(results[0], results[1])
    assert same(results[0], results[2])


@methods
@dtypes
def test_two_runs_are_the_same(method, dtype) -> None:
    start = random_start(irregular(dtype), rng=stream(1, "sample"))
    one, two = (relax(method, irregular(dtype), start, limit=60) for _ in range(2))
    assert same(one, two)
    assert np.array_equal(one.history, two.history)


@methods
@dtypes
@pytest.mark.parametrize("steps", [1, 3, 17])
def test_interrupted_run_goes_on_with_the_same_bytes(method, dtype, steps, tmp_path) -> None:
    problem = irregular(dtype)
    start = random_start(problem, rng=stream(1, "sample"))
    held = np.zeros(problem.mesh.shape, bool)
    held[1, 2:4, 3:5] = True
    whole = relax(method, problem, start, limit=60, held=held)
    path = tmp_path / "relaxation.npz"
    with pytest.raises(KeyboardInterrupt):
        relax(method, problem, start, limit=60, held=held, checkpoint=path, watch=(Interruption(steps),))
    assert path.is_file()
    # As another process would, on another machine: nothing of the first run is left but the file.
    with use_threads(3):
        resumed = relax(method, irregular(dtype), start, limit=60, held=held, checkpoint=path)
    assert same(resumed, whole)
    assert not path.exists()


@methods
def test_interrupted_many_times(method, tmp_path) -> None:
    problem = irregular()
    start = random_start(problem, rng=stream(1, "sample"))
    whole = relax(method, problem, start, limit=40)
    path = tmp_path / "relaxation.npz"
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            relax(method, irregular(), start, limit=40, checkpoint=path, watch=(Interruption(3),))
    assert same(relax(method, irregular(), start, limit=40, checkpoint=path), whole)


@methods
def test_long_runs_are_written_on_the_way(method, tmp_path, monkeypatch) -> None:
    """What a power cut leaves is a state that leads to the same end."""
    problem = irregular()
    start = random_start(problem, rng=stream(1, "sample"))
    whole = relax(method, problem, start, limit=40)
    path, copy = tmp_path / "relaxation.npz", tmp_path / "copy.npz"
    monkeypatch.setattr(relaxation, "_CHECKPOINT_SECONDS", -1.0)

    def keep(step, torque):
        if step == 12:
            copy.write_bytes(path.read_bytes())

    assert same(relax(method, irregular(), start, limit=40, checkpoint=path, watch=(keep,)), whole)
    assert not path.exists()
    assert load_checkpoint(copy, problem).evaluations < whole.evaluations
    assert same(relax(method, irregular(), start, limit=40, checkpoint=copy), whole)


@methods
@pytest.mark.parametrize("presses", [(15,), (15, 16), (1,), (2,)])
def test_interrupted_within_a_step(method, presses, tmp_path, monkeypatch) -> None:
    """Ctrl-C falls anywhere, and impatient ones twice: what is on disk must still lead to the same end."""
    problem = irregular()
    start = random_start(problem, rng=stream(1, "sample"))
    whole = relax(method, problem, start, limit=40)
    path = tmp_path / "relaxation.npz"
    evaluate, calls = descent.effective_field, []

    def interrupted(*arguments):
        calls.append(None)
        if len(calls) in presses:
            signal.raise_signal(signal.SIGINT)
        return evaluate(*arguments)

    # Outside of the loop, and on a second press, the signal ends the run at once, with nothing saved.
    with monkeypatch.context() as patch:
        patch.setattr(descent, "effective_field", interrupted)
        with pytest.raises(KeyboardInterrupt):
            relax(method, problem, start, limit=40, checkpoint=path)
    assert same(relax(method, irregular(), start, limit=40, checkpoint=path), whole)


@methods
def test_states_come_back_from_disk(method, tmp_path) -> None:
    problem = irregular()
    start = random_start(problem, rng=stream(1, "sample"))
    path = tmp_path / "relaxation.npz"
    with pytest.raises(KeyboardInterrupt):
        relax(method, problem, start, limit=60, checkpoint=path, watch=(Interruption(9),))
    state = load_checkpoint(path, irregular())
    copy = tmp_path / "copy.npz"
    save_checkpoint(copy, state)
    again = load_checkpoint(copy, irregular())
    assert type(again) is type(state)
    for name, value in vars(state).items():
        if name != "problem":
            other = getattr(again, name)
            assert np.array_equal(value, other) if isinstance(value, np.ndarray) else value == other, name
    assert same(relax(method, irregular(), state, limit=60), relax(method, problem, start, limit=60))


# Checkpoints that do not fit.


def saved(path, problem=None, method="lbfgs"):
    own = irregular() if problem is None else problem
    start = random_start(own, rng=stream(1, "sample"))
    with pytest.raises(KeyboardInterrupt):
        relax(method, own, start, limit=60, checkpoint=path, watch=(Interruption(5),))
    return own, start


def refused(path, problem):
    content = path.read_bytes() if path.is_file() else None
    with pytest.raises(RecordError) as caught:
        load_checkpoint(path, problem)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    assert "expected" in line
    assert (path.read_bytes() if path.is_file() else None) == content
    return line


def test_checkpoint_of_another_problem_is_refused(tmp_path) -> None:
    path = tmp_path / "relaxation.npz"
    problem, start = saved(path)
    changes = {
        "field": {"field": problem.field * 1.001},
        "demag": {"demag": False},
        "dtype": {"dtype": np.float32},
        "material": {},
        "mesh": {},
    }
    for name, change in changes.items():
        options = {"field": problem.field, **change}
        material, mesh = problem.material, problem.mesh
        if name == "material":
            material = Material(material.saturation, material.exchange, anisotropy=material.anisotropy, axis=(1, 0, 0))
        if name == "mesh":
            mesh = Mesh(mesh.shape, mesh.cell)
        with coarse():
            other = Problem(mesh, material, **options)
        assert "another problem" in refused(path, other), name
        with pytest.raises(RecordError, match="another problem"):
            relax("lbfgs", other, start, limit=5, checkpoint=path)
    assert path.is_file()


def test_damaged_checkpoints_are_refused(tmp_path) -> None:
    path, good = tmp_path / "relaxation.npz", tmp_path / "good.npz"
    problem, _ = saved(good)
    content = good.read_bytes()
    for length in (0, 1, 10, 100, 1000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        refused(path, problem)
    rng = np.random.default_rng(3)
    # One damaged byte: refused, or it lies where nothing is read.
    for place in rng.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with suppress(RecordError):
            load_checkpoint(path, problem)
    assert "expected" in refused(tmp_path / "missing.npz", problem)
    assert "expected" in refused(tmp_path, problem)


def test_foreign_files_are_refused(tmp_path) -> None:
    path, problem = tmp_path / "relaxation.npz", irregular()
    path.write_text("# OOMMF OVF 2.0\n")
    refused(path, problem)
    with path.open("wb") as file:
        np.savez(file, m=np.zeros(3))
    refused(path, problem)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    refused(path, problem)
    with path.open("wb") as file:
        np.savez(file, header=np.array([{"state": "LBFGSState"}], dtype=object))
    refused(path, problem)
    with path.open("wb") as file:
        np.savez(file, header=np.frombuffer(b'{"state": 5}', np.uint8))
    refused(path, problem)


def test_state_of_another_method_is_refused(tmp_path) -> None:
    path = tmp_path / "relaxation.npz"
    problem, start = saved(path, method="barzilai-borwein")
    with pytest.raises(ValueError, match=r"BarzilaiBorweinState; allowed: a LBFGSState[^\n]*$"):
        relax("lbfgs", problem, start, limit=5, checkpoint=path)
    assert path.is_file()


def test_quench_of_another_step_is_refused(tmp_path) -> None:
    path = tmp_path / "relaxation.npz"
    problem, start = saved(path, method="quench")
    with pytest.raises(ValueError, match=r"^step is [^\n]*; allowed: [^\n]*$"):
        relax("quench", problem, start, limit=5, step=1e-6, checkpoint=path)
    assert path.is_file()


def test_state_with_another_history_is_refused(tmp_path) -> None:
    path = tmp_path / "relaxation.npz"
    problem, start = saved(path)
    for history in (2, 8):
        with pytest.raises(ValueError, match=r"^[^\n]*history[^\n]*; allowed: [^\n]*$"):
            minimise(problem, start, method=LBFGS(history=history), limit=50, checkpoint=path)


@pytest.mark.parametrize("given", [True, False])
def test_state_with_other_held_spins_is_refused(given, tmp_path) -> None:
    path = tmp_path / "relaxation.npz"
    problem, start = saved(path)
    held = np.zeros(problem.mesh.shape, bool)
    held[1, 2:4, 3:5] = True
    if given:
        with pytest.raises(ValueError, match=r"^held [^\n]*; allowed: [^\n]*$"):
            relax("lbfgs", problem, start, limit=50, held=held, checkpoint=path)
    else:
        # None given: those of the state.
        assert relax("lbfgs", problem, start, limit=50, checkpoint=path).evaluations >= 50


def test_checkpoint_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    problem = irregular()
    state = LBFGS().init(problem, random_start(problem, rng=stream(1, "sample")))
    (tmp_path / "file").touch()
    with pytest.raises(OSError):  # noqa: PT011  any kind
        save_checkpoint(tmp_path / "file" / "relaxation.npz", state)
    assert os.listdir(tmp_path) == ["file"]
