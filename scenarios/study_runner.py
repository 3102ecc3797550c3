"""Work a study off, cell by cell, and put its run directory in place.

- `run_study`: compute the points, assemble them, write; returns the scorecard and whether a point failed.

A point that fails keeps none of its neighbours from being computed: the rest of its cell goes on in a new subprocess.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import cache, cells, directory, schedule, stages
from scenarios.cells import Outcome, Stage
from scenarios.configuration import InputError, echo
from scenarios.resources import study_resources
from scenarios.runner import Result, write_records
from scenarios.study_plan import StudyCell, StudyRequest, in_order, last_cell, point_cells

if TYPE_CHECKING:
    from records.scorecard import Row, Scorecard
    from scenarios.progress import Progress

POINT_METHOD, STUDY_METHOD = "point", "study"
"""What stands in place of a method: in the rows of single points, and in those of the whole study."""


@dataclass
class _Ledger:
    """How the cells and the points that are not done ended."""

    cells: dict[str, Outcome] = field(default_factory=dict)
    failed: dict[str, Outcome] = field(default_factory=dict)


def run_study(request: StudyRequest, *, progress: "Progress", command: Sequence[str] = ()) -> Result:
    """Run every cell of `request` and write the run directory.

    Parameters
    ----------
    request : StudyRequest
    progress : Progress
        Told of every cell.
    command : sequence of str
        The command line, kept with the resources.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If a point refuses the configuration, or the directory holds something else.
    OSError
        If the cache or the directory cannot be written.
    """
    cache.sweep()
    with directory.claim(request.out):
        points = point_cells(request)
        ledger = _Ledger()
        with progress:
            schedule.work_off(
                points,
                lambda cell, stop: _run_cell(request, cell, ledger, progress, stop),
                needs=lambda cell: (),
                workers=request.workers,
            )
            done = [pair for pair in in_order(request, points) if pair[1].key not in ledger.failed]
            last = last_cell(request, done)
            if done:
                _run_cell(request, last, ledger, progress, threading.Event())
            else:
                ledger.cells[last.label] = Outcome("failed", "no point is done")
        scorecard = _scorecard(request, points, last, ledger)
        used = study_resources(request, (*points, last), ledger.cells, command)
        with directory.staged(request.out) as folder:
            _write(request, points, last, ledger, folder)
            write_records(scorecard, used, folder)
        cache.trim()
    return Result(scorecard)


def _run_cell(
    request: StudyRequest, cell: StudyCell, ledger: _Ledger, progress: "Progress", stop: threading.Event
) -> None:
    """Compute the stages of a cell; where one fails, enter it and go on with those behind it."""
    progress.start(cell.label)
    left, taken, first = list(cell.stages), 0.0, Outcome("done", cached=True)
    while left:
        outcome = _attempt(request, cell, left, taken, progress, stop)
        if stop.is_set():
            return
        taken += outcome.seconds
        left = [stage for stage in left if cache.find(stage.key) is None]
        if left:
            ledger.failed[left.pop(0).key] = outcome
        if first.state == "done":
            first = outcome
    ended = Outcome(first.state, first.reason, seconds=taken, cached=first.cached, log=first.log)
    ledger.cells[cell.label] = ended
    progress.finish(cell.label, ended)


def _attempt(
    request: StudyRequest,
    cell: StudyCell,
    left: Sequence[Stage],
    taken: float,
    progress: "Progress",
    stop: threading.Event,
) -> Outcome:
    limits = request.configuration.study
    outcome = cells.run(
        left,
        time_limit=limits.time_limit_s,
        memory_limit=1e9 * limits.memory_limit_gb,
        tick=lambda seconds: progress.tick(cell.label, taken + seconds),
        stop=stop,
    )
    if not stop.is_set() and outcome.cause == "system":
        raise OSError(outcome.reason)
    if not stop.is_set() and outcome.cause == "input":
        raise InputError(outcome.reason)
    return outcome


def _scorecard(request: StudyRequest, points: Sequence[StudyCell], last: StudyCell, ledger: _Ledger) -> "Scorecard":
    from records.scorecard import Scorecard, Status

    place: dict[str, Any] = {
        "scenario": request.study.name,
        "profile": request.profile,
        "seed": request.seed,
        "draw": 0,
    }
    rows: list[Row] = []
    status: list[Status] = []
    for point, stage in in_order(request, points):
        ended = ledger.failed.get(stage.key, Outcome("done"))
        told = {**place, "method": POINT_METHOD, "sweep": dict(point.values)}
        status.append(Status(**told, state=ended.state, reason=ended.reason))
        if ended.state == "done":
            rows += _rows(told, stage)
    whole = ledger.cells[last.label]
    status.append(Status(**place, method=STUDY_METHOD, state=whole.state, reason=whole.reason))
    if whole.state == "done":
        rows += _rows({**place, "method": STUDY_METHOD, "sweep": {}}, last.stages[0])
    config = {
        **request.configuration.model_dump(exclude_none=True),
        "run": {
            "scenario": request.study.name,
            "sort": "study",
            "profile": request.profile,
            "seeds": [request.seed],
            "points": sum(len(cell.points) for cell in points),
        },
    }
    return Scorecard(config=config, rows=tuple(rows), status=tuple(status))


def _rows(place: Mapping[str, Any], stage: Stage) -> "list[Row]":
    from records.scorecard import Row

    metrics = json.loads((_folder(stage) / stages.ROWS).read_text(encoding="utf-8"))
    return [Row(**{**place, **metric}) for metric in metrics]


def _write(request: StudyRequest, points: Sequence[StudyCell], last: StudyCell, ledger: _Ledger, folder: Path) -> None:
    (folder / "config.toml").write_text(echo(request.configuration), encoding="utf-8")
    for index, cell in enumerate((*points, last)):
        ended = ledger.cells[cell.label]
        if ended.log:
            path = folder / "failures" / (f"points-{index + 1}.txt" if cell.points else "study.txt")
            directory.write_log(path, ended)
    if ledger.cells[last.label].state == "done":
        directory.place(_folder(last.stages[0]) / stages.STUDY, folder / stages.STUDY)


def _folder(stage: Stage) -> Path:
    found = cache.find(stage.key)
    if found is None:
        raise OSError(f"the cache lost a {stage.kind} of {stage.scenario}; run the same command again")
    return found
