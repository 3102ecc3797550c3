"""One cell: one subprocess with a time and a memory limit.

- `Stage`: a step whose result is cached under its own key; `Outcome`: how a cell ended and what it took.
- `effort`: the seconds and the memory that a finished stage took when it was computed.
- `run`: start a subprocess that works off the stages that are not finished yet, watch it, kill it when it has to go.
- ``python -m scenarios.cells JOB``: the other side; reads the job, writes the outcome beside it.

Results travel through the cache's folders only. The subprocess gets its own process group, so an interrupt reaches the
runner alone, which then ends the cell and clears what it left.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scenarios import cache

_MEMORY_SIGNS = ("MemoryError", "bad_alloc", "out of memory", "Cannot allocate memory", "Unable to allocate")
EFFORT = "effort.json"
_JOB, _OUTCOME, _LOG = "job.json", "outcome.json", "log.txt"


@dataclass(frozen=True)
class Stage:
    """A step of a cell.

    Parameters
    ----------
    kind : str
        Name of the function in `stages` that computes it.
    key : str
        Content address of the result.
    scenario : str
        Name of the scenario.
    arguments : dict
        What the function is told, in JSON types.
    inputs : dict of str
        Name of each stage read -> its key.
    """

    kind: str
    key: str
    scenario: str
    arguments: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a cell ended: a state of the scorecard and a reason, how long it took here, and the log of a failure.

    `cause` tells complaints about what was given (``"input"``) and about the machine (``"system"``: disk full,
    permissions) from failures of the computation (empty).
    """

    state: str
    reason: str = ""
    cause: str = ""
    seconds: float = 0.0
    cached: bool = False
    log: str = ""


def effort(stage: Stage) -> tuple[float, int]:
    """Return the seconds and the peak memory, bytes, of a finished stage when it was computed; zeros where unknown."""
    folder = cache.find(stage.key)
    if folder is None or not (folder / EFFORT).exists():
        return 0.0, 0
    stored = json.loads((folder / EFFORT).read_text(encoding="utf-8"))
    return float(stored["seconds"]), int(stored["peak_bytes"])


def run(
    stages: Sequence[Stage],
    *,
    time_limit: float,
    memory_limit: float,
    tick: Callable[[float], None] = lambda seconds: None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Compute the `stages` that are not in the cache, in one subprocess.

    Parameters
    ----------
    stages : sequence of Stage
        In the order of their dependence.
    time_limit : float
        Seconds after which the subprocess is killed.
    memory_limit : float
        Bytes of data the subprocess may hold.
    tick : callable
        Called with the elapsed seconds several times a second.
    stop : threading.Event, optional
        The subprocess is killed when it is set.

    Returns
    -------
    Outcome
        ``cached`` when there was nothing left to compute.
    """
    missing = [stage for stage in stages if cache.find(stage.key) is None]
    if not missing:
        return Outcome("done", cached=True)
    with cache.work_folder() as folder:
        job = {"stages": [asdict(stage) for stage in missing], "memory_limit": int(memory_limit)}
        (folder / _JOB).write_text(json.dumps(job), encoding="utf-8")
        start = time.monotonic()
        code = _supervise(folder, time_limit, tick, stop or threading.Event())
        seconds = time.monotonic() - start
        log = (folder / _LOG).read_text(encoding="utf-8", errors="replace")
        told = _told(folder)
    cache.sweep()
    if stop is not None and stop.is_set():
        return Outcome("failed", "stopped", seconds=seconds)
    if code is None:
        return Outcome("time limit", f"stopped after {time_limit:g} s", seconds=seconds, log=log)
    if told is not None:
        return Outcome(**told, seconds=seconds, log="" if told["state"] == "done" else log)
    return _died(code, seconds, log)


def _supervise(folder: Path, time_limit: float, tick: Callable[[float], None], stop: threading.Event) -> int | None:
    """Return the exit code of the worker, None where it ran out of time or was stopped."""
    with (folder / _LOG).open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "scenarios.cells", str(folder / _JOB)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
        start = time.monotonic()
        try:
            while True:
                try:
                    return worker.wait(timeout=0.1)
                except subprocess.TimeoutExpired:
                    elapsed = time.monotonic() - start
                if elapsed > time_limit or stop.is_set():
                    return None
                tick(elapsed)
        finally:
            _end(worker)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        cache.sweep()


def _environment() -> dict[str, str]:
    rooms = str(Path(__file__).resolve().parent.parent)
    paths = [rooms, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMBA_THREADING_LAYER": "workqueue",
        "MPLBACKEND": "Agg",
        "TRUESPIN_RUNNER": str(os.getpid()),
    }


def _told(folder: Path) -> dict[str, Any] | None:
    path = folder / _OUTCOME
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _died(code: int, seconds: float, log: str) -> Outcome:
    if code == -signal.SIGKILL or any(sign in log for sign in _MEMORY_SIGNS):
        return Outcome("memory limit", "the subprocess ran out of memory", seconds=seconds, log=log)
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Outcome("failed", f"the subprocess died of {name}", seconds=seconds, log=log)


def main(path: str) -> None:
    """Work off the job in the file `path` and write the outcome beside it."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    _follow_runner()
    _limit_memory(job["memory_limit"])
    told = _attempt([Stage(**stage) for stage in job["stages"]])
    target = Path(path).with_name(_OUTCOME)
    whole = target.with_suffix(".part")
    whole.write_text(json.dumps(told), encoding="utf-8")
    os.replace(whole, target)


def _attempt(stages: Sequence[Stage]) -> dict[str, Any]:
    import traceback

    from scenarios import stages as work

    try:
        for stage in stages:
            start = time.monotonic()
            with cache.building(stage.key) as folder:
                work.compute(stage, folder)
                effort = {"seconds": time.monotonic() - start, "peak_bytes": _peak()}
                (folder / EFFORT).write_text(json.dumps(effort), encoding="utf-8")
    except work.Unsupported as error:
        return {"state": "unsupported", "reason": _line(error)}
    except MemoryError as error:
        traceback.print_exc()
        return {"state": "memory limit", "reason": _line(error) or "the subprocess ran out of memory"}
    except Exception as error:
        traceback.print_exc()
        cause = "input" if isinstance(error, ValueError) else "system" if isinstance(error, OSError) else ""
        return {
            "state": "failed",
            "reason": _reason(error),
            "cause": cause,
        }
    return {"state": "done"}


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        # Not every library names the file that it could not write; all that a cell writes lies in the cache.
        path = error.filename2 or error.filename or cache.root()
        return f"{path}: {error.strerror or _line(error)}"
    return _line(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {_line(error)}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _peak() -> int:
    import resource

    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands the peak of whoever started the process on to `getrusage`; this one is its own.
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _limit_memory(limit: int) -> None:
    import resource

    # Data, not address space: compilers and thread pools reserve far more addresses than they ever touch.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _follow_runner() -> None:
    """Die with the runner, also where the runner is killed and cannot say so (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if str(os.getppid()) != os.environ.get("TRUESPIN_RUNNER", ""):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
