"""Work a request off, cell by cell, and put its run directory in place.

- `run`: simulate, reconstruct, score, write; returns the scorecard and whether a cell failed.
- `Result`: what `run` returns; `write_records`: scorecard and resources, which every run directory has.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import cache, cells, directory, schedule, stages
from scenarios.catalogue import POOL
from scenarios.cells import Outcome
from scenarios.configuration import InputError, echo
from scenarios.controls import CONTROLS
from scenarios.plan import SIMULATION, Cell, Request, method_cells, part_cells, pool_cells, simulation_cells
from scenarios.resources import resources

if TYPE_CHECKING:
    from records.scorecard import Row, Scorecard
    from scenarios.progress import Progress

FAILURES = frozenset({"failed", "time limit", "memory limit"})


@dataclass(frozen=True)
class Result:
    """A finished run."""

    scorecard: "Scorecard"

    @property
    def failed(self) -> bool:
        """Whether any cell failed or ran into a limit."""
        return any(status.state in FAILURES for status in self.scorecard.status)


@dataclass
class _Ledger:
    """The cells done so far and how they ended."""

    ended: dict[tuple[Any, ...], Outcome] = field(default_factory=dict)

    def outcome(self, cell: Cell) -> Outcome:
        return self.ended[cell.place]

    def enter(self, cell: Cell, outcome: Outcome) -> None:
        self.ended[cell.place] = outcome


def run(request: Request, *, progress: "Progress", command: Sequence[str] = ()) -> Result:
    """Run every cell of `request` and write the run directory.

    Parameters
    ----------
    request : Request
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
        If the simulation refuses the configuration or the sample, or the directory holds something else.
    OSError
        If the cache or the directory cannot be written.
    """
    cache.sweep()
    with directory.claim(request.out):
        simulations = simulation_cells(request)
        parts = part_cells(request, simulations)
        scored = method_cells(request, simulations, parts)
        ledger = _Ledger()
        with progress:
            _run_cells(request, simulations, (*parts, *scored), ledger, progress)
            done = [cell for cell in scored if ledger.outcome(cell).state == "done"]
            pools = pool_cells(request, simulations, done)
            _run_pools(request, pools, ledger, progress)
        scorecard = _scorecard(request, (*scored, *pools), ledger)
        cells_run = (*simulations, *parts, *scored, *pools)
        with directory.staged(request.out) as folder:
            _write(request, cells_run, ledger, folder)
            write_records(scorecard, resources(request, cells_run, ledger.outcome, command), folder)
        cache.trim()
    return Result(scorecard)


def _run_cells(
    request: Request, simulations: Sequence[Cell], followers: Sequence[Cell], ledger: _Ledger, progress: "Progress"
) -> None:
    """Run all cells, each after those whose results it reads; of equal noise-free patterns the first makes them."""
    makers: dict[str, Cell] = {}
    for cell in (*simulations, *followers):
        for stage in cell.stages:
            makers.setdefault(stage.key, cell)

    def needs(cell: Cell) -> list[Cell]:
        read = {address for stage in cell.stages for address in (stage.key, *stage.inputs.values())}
        found = {makers[address].place: makers[address] for address in sorted(read & makers.keys())}
        found.pop(cell.place, None)
        return list(found.values())

    def do(cell: Cell, stop: threading.Event) -> None:
        if cell.method == SIMULATION:
            ledger.enter(cell, _run_cell(request, cell, progress, stop))
        else:
            _follow(request, cell, needs(cell), ledger, progress, stop)

    # Short cells last, so that no processor waits for a long one at the end.
    long_first = sorted(followers, key=lambda cell: cell.method in CONTROLS)
    order = [each for cell in simulations for each in (cell, *(f for f in long_first if _behind(f, cell)))]
    schedule.work_off(order, do, needs=needs, workers=request.workers)


def _behind(cell: Cell, simulation: Cell) -> bool:
    """Return whether a cell belongs to a simulation: same seed, draw and point."""
    return (cell.seed, cell.draw, dict(cell.point)) == (simulation.seed, simulation.draw, dict(simulation.point))


def _run_pools(request: Request, pools: Sequence[Cell], ledger: _Ledger, progress: "Progress") -> None:
    def do(cell: Cell, stop: threading.Event) -> None:
        ledger.enter(cell, _run_cell(request, cell, progress, stop))

    schedule.work_off(pools, do, needs=lambda cell: (), workers=request.workers)


def _follow(
    request: Request,
    cell: Cell,
    needed: Sequence[Cell],
    ledger: _Ledger,
    progress: "Progress",
    stop: threading.Event,
) -> None:
    missing = next((each for each in needed if ledger.outcome(each).state != "done"), None)
    if missing is None:
        ledger.enter(cell, _run_cell(request, cell, progress, stop))
        return
    before = ledger.outcome(missing)
    what = "the simulation" if missing.method == SIMULATION else missing.label
    reason = before.reason if before.state == "unsupported" else f"{what}: {before.reason}"
    outcome = Outcome(before.state, reason)
    ledger.enter(cell, outcome)
    progress.finish(cell.label, outcome)


def _run_cell(request: Request, cell: Cell, progress: "Progress", stop: threading.Event) -> Outcome:
    table = request.configuration.reconstruction
    progress.start(cell.label)
    outcome = cells.run(
        cell.stages,
        time_limit=table.time_limit_s,
        memory_limit=1e9 * table.memory_limit_gb,
        tick=lambda seconds: progress.tick(cell.label, seconds),
        stop=stop,
    )
    if stop.is_set():
        return outcome
    if outcome.cause == "system":
        raise OSError(outcome.reason)
    if outcome.cause == "input" and cell.method == SIMULATION:
        raise InputError(outcome.reason)
    progress.finish(cell.label, outcome)
    return outcome


def _scorecard(request: Request, scored: Sequence[Cell], ledger: _Ledger) -> "Scorecard":
    from records.scorecard import Scorecard, Status

    rows: list[Row] = []
    status: list[Status] = []
    for cell in scored:
        outcome = ledger.outcome(cell)
        place: dict[str, Any] = {
            "scenario": request.scenario.name,
            "profile": request.profile,
            "seed": cell.seed,
            "draw": cell.draw,
        }
        place["sweep"] = dict(cell.point)
        # A pool that is done says nothing that its points have not said.
        if not cell.pooled or outcome.state != "done":
            status.append(Status(**place, method=cell.method, state=outcome.state, reason=outcome.reason))
        if outcome.state == "done":
            rows += _rows(place, cell)
    config = {
        **request.configuration.model_dump(exclude_none=True),
        "run": {
            "scenario": request.scenario.name,
            "profile": request.profile,
            "seeds": list(request.seeds),
            "draws": request.draws,
            "sample": request.sample.name if request.sample else None,
            "points": [dict(point) for point in request.scenario.points(request.configuration) if point],
            "warnings": list(request.warnings),
        },
    }
    return Scorecard(config=config, rows=tuple(rows), status=tuple(status))


def _rows(place: dict[str, Any], cell: Cell) -> "list[Row]":
    from records.scorecard import Row

    rows = []
    for kind, method in (("truth", "truth"), ("score", cell.method), (POOL, cell.method)):
        if cell.stage(kind) is not None:
            metrics = json.loads(_file(cell, kind, stages.ROWS).read_text(encoding="utf-8"))
            rows += [Row(**place, method=method, **metric) for metric in metrics]
    return rows


def _write(request: Request, all_cells: Sequence[Cell], ledger: _Ledger, folder: Path) -> None:
    (folder / "config.toml").write_text(echo(request.configuration), encoding="utf-8")
    for cell in all_cells:
        of_seed = folder / f"seed-{cell.seed}" if len(request.seeds) > 1 else folder
        target = directory.of_point(of_seed, cell.point)
        outcome = ledger.outcome(cell)
        if outcome.log:
            directory.write_log(target / "failures" / cell.method / f"{cell.draw}.txt", outcome)
        if outcome.state != "done":
            continue
        if len(request.seeds) > 1 and cell.method == SIMULATION:
            of_seed.mkdir(parents=True, exist_ok=True)
            (of_seed / "config.toml").write_text(echo(request.configuration), encoding="utf-8")
        for kind, stored, name in _published(cell, request.scenario.truth_stage):
            directory.place(_file(cell, kind, stored), target / name)


def _published(cell: Cell, truth_stage: str) -> list[tuple[str, str, str]]:
    """Return what of a finished cell goes into the run directory: stage, the file's name there, and its place here."""
    if cell.method == SIMULATION:
        first = cell.draw == 0
        name = stages.MEASUREMENT if first else f"measurement-{cell.draw}.nc"
        truth = [(truth_stage, stages.TRUTH, stages.TRUTH)] if first else []
        measured = [] if cell.stage("measurement") is None else [("measurement", stages.MEASUREMENT, name)]
        return [*measured, *truth]
    if cell.part:
        return []
    name = f"{cell.method}/{cell.draw}.nc"
    if cell.pooled:
        return [(POOL, stages.POOLED, f"pooled/{name}")]
    chained = [("projections", stages.MEASUREMENT, f"projections/{name}")] if cell.stage("projections") else []
    return [
        *chained,
        ("reconstruct", stages.RECONSTRUCTION, f"reconstructions/{name}"),
        ("score", stages.SCORED, f"scored/{name}"),
    ]


def write_records(scorecard: "Scorecard", used: dict[str, Any], folder: Path) -> None:
    """Write ``scorecard.json`` and ``resources.json`` into `folder`."""
    (folder / "resources.json").write_text(json.dumps(used, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "scorecard.json").write_text(scorecard.to_json(), encoding="utf-8")


def _file(cell: Cell, kind: str, name: str) -> Path:
    stage = cell.stage(kind)
    folder = cache.find(stage.key) if stage else None
    if folder is None:
        raise OSError(f"the cache lost {name} of {cell.label}; run the same command again")
    return folder / name
