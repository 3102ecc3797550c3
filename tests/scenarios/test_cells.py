"""Real subprocesses: each ending leaves its state, and only what is sound is found again."""

import json
import subprocess
import sys
import time

import pytest

from scenarios import cache, cells
from scenarios.cells import Stage


def stage(kind, name, inputs=None, **arguments):
    content = {"configuration": {"sample": {"behaviour": "sound"}}, "seed": 0, "draw": 0, "method": "plain"}
    return Stage(kind, cache.key([kind, name]), "fake", {**content, **arguments}, inputs or {})


def chain(method):
    expected = stage("expected", method)
    measurement = stage("measurement", method, {"expected": expected.key})
    full = stage("reconstruct", method, {"measurement": measurement.key}, method=method)
    return [expected, measurement, full]


def run(stages, **limits):
    return cells.run(stages, **{"time_limit": 30.0, "memory_limit": 2e9, **limits})


def test_stages_are_computed_once(fake):
    stages = chain("plain")
    first, second = run(stages), run(stages)
    assert (first.state, first.cached) == ("done", False)
    assert (second.state, second.cached, second.seconds) == ("done", True, 0.0)
    seconds, peak = cells.effort(stages[-1])
    assert 0 < seconds < first.seconds
    assert 1e7 < peak < 2e9


def test_effort_is_the_subprocess_own(fake):
    """However much memory whoever starts it has had."""
    import numpy as np

    np.ones(300_000_000, np.uint8).sum()
    stages = chain("plain")
    run(stages)
    assert cells.effort(stages[-1])[1] < 2.5e8


@pytest.mark.parametrize(
    ("method", "state", "reason", "cause"),
    [
        ("refuse", "unsupported", "needs references", ""),
        ("memory", "memory limit", "the subprocess ran out of memory", ""),
        ("crash", "failed", "the subprocess died of SIGSEGV", ""),
        ("exit", "failed", "the subprocess died of exit code 3", ""),
        ("bug", "failed", "KeyError: 'a bug'", ""),
        ("value", "failed", "optics.hole_nm is 9000; allowed: less than the field", "input"),
        ("disk", "failed", "/somewhere: No space left on device", "system"),
    ],
)
def test_endings(fake, own_cache, method, state, reason, cause):
    stages = chain(method)
    outcome = run(stages)
    assert (outcome.state, outcome.reason, outcome.cause) == (state, reason, cause)
    # What went well before is kept, what failed is not, and is tried again.
    assert [cache.find(s.key) is not None for s in stages] == [True, True, False]
    assert run(stages).cached is False
    assert not list(own_cache.glob(".building-*"))


def test_time_limit(fake, own_cache):
    seen = []
    outcome = run(chain("sleep"), time_limit=1.5, tick=seen.append)
    assert (outcome.state, outcome.reason) == ("time limit", "stopped after 1.5 s")
    assert outcome.seconds < 5
    assert seen == sorted(seen)
    assert not list(own_cache.glob(".building-*"))


def test_interrupt_ends_the_subprocess(fake, own_cache):
    def interrupt(seconds):
        if seconds > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(chain("sleep"), tick=interrupt)
    assert not list(own_cache.glob(".building-*"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
def test_subprocess_dies_with_a_killed_runner(fake, own_cache):
    script = "import sys, json; from scenarios import cells; from scenarios.cells import Stage; "
    script += "cells.run([Stage(**s) for s in json.loads(sys.argv[1])], time_limit=60, memory_limit=2e9)"
    told = json.dumps([vars(s) for s in chain("sleep")])
    runner = subprocess.Popen([sys.executable, "-c", script, told])
    try:
        _wait(lambda: len(list(own_cache.glob(".building-*"))) == 2)
    finally:
        runner.kill()
        runner.wait()
    assert _wait(lambda: cache.sweep() or not list(own_cache.glob(".building-*")))


def _wait(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_the_working_directory_cannot_shadow_the_rooms(fake, tmp_path, monkeypatch):
    (tmp_path / "numerics.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "scenarios.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    assert run(chain("plain")).state == "done"


def test_environment_of_the_subprocess(monkeypatch):
    monkeypatch.setenv("TRUESPIN_THREADS", "1")
    environment = cells._environment()
    assert environment["TRUESPIN_THREADS"] == "1"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["NUMBA_THREADING_LAYER"] == "workqueue"
