"""A request as cells and stages, each with the key of its content.

- `Request`: what a person asked for, checked; `Cell`: one (seed, draw, method) and its stages.
- `simulation_cells`, `part_cells`, `method_cells`, `pool_cells`: the cells of a request, in the order in which they
  run.
- `written`: a point of a sweep in words.

A key holds scenario, parameters, seed, draw, method, the keys of what the stage reads and the version of the code that
it uses; never a position, a path, a date, a limit or a number of threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios import cache, chains
from scenarios.catalogue import POOL, Configuration, Point, Scenario
from scenarios.cells import Stage
from scenarios.controls import CONTROLS, SOLVED_WITH
from scenarios.tuning import starts_at_random

SIMULATION = "simulation"
"""What a cell that makes a measurement has in place of a method."""

_COMMON = ("numerics", "optics", "records", "scenarios.stages", "scenarios.tuning")
_METHOD_ROOMS = (*_COMMON, "reconstructors")
_ROOMS_OF = {
    room: (*_COMMON, "reconstructors.registry", "reconstructors.projections", f"reconstructors.{room}")
    for room in ("ptychography", "tomography")
}
"""Of methods whose room knows no other: hours of images outlive a change of what makes volumes of them."""

_CONTROL_ROOMS = (
    *_COMMON,
    "reconstructors",
    "validation",
    "scenarios.controls",
    "scenarios.ptychography_controls",
    "scenarios.superlattice_controls",
)


@dataclass(frozen=True)
class Request:
    """What to run.

    Parameters
    ----------
    scenario : Scenario
    profile : str
    configuration : Configuration
        Resolved.
    seeds : tuple of int
    draws : int
        Noise draws of each seed.
    out : Path
        The run directory.
    sample : Path, optional
        A file with a third party's magnetization.
    warnings : tuple of str
        What whoever asked should know.
    workers : int
        Cells that run at the same time; no result depends on it.
    """

    scenario: Scenario
    profile: str
    configuration: Configuration
    seeds: tuple[int, ...]
    draws: int
    out: Path
    sample: Path | None = None
    warnings: tuple[str, ...] = ()
    workers: int = 1

    @property
    def methods(self) -> tuple[str, ...]:
        """The controls and the methods asked for, each once, in the order of the tables."""
        return tuple(dict.fromkeys((*self.scenario.controls, *self.configuration.reconstruction.methods)))


@dataclass(frozen=True)
class Cell:
    """One subprocess: the stages of a (seed, draw, method) at one point; `SIMULATION` for the measurement itself.

    `pooled` tells the cell that looks at all points together, `part` one that does the first link of a chain of methods
    for some of the projections.
    """

    seed: int
    draw: int
    method: str
    stages: tuple[Stage, ...]
    point: Point = field(default_factory=dict)
    pooled: bool = False
    part: str = ""

    @property
    def place(self) -> tuple[Any, ...]:
        """What tells the cell from all others of a request."""
        return self.seed, self.draw, self.method, self.pooled, self.part, *sorted(self.point.items())

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        where = "all points" if self.pooled else written(self.point)
        place = ", ".join(filter(None, (f"seed {self.seed}", f"draw {self.draw}", where, self.part)))
        return f"{place}: {self.method}"

    def stage(self, kind: str) -> Stage | None:
        """Return the stage `kind`, None where the cell has none."""
        return next((stage for stage in self.stages if stage.kind == kind), None)


def written(point: Point) -> str:
    """Return a point as a person reads it."""
    return ", ".join(f"{name} {v:g}" if isinstance(v, float) else f"{name} {v}" for name, v in point.items())


def simulation_cells(request: Request) -> list[Cell]:
    """Return a cell for each (seed, point, draw) that makes the measurement.

    The noise-free patterns are shared by the draws, and by the points where these differ in the detection alone.
    """
    tables = request.configuration.model_dump(include=set(request.scenario.simulated))
    sample = str(request.sample.resolve()) if request.sample else None
    digest = cache.file_digest(request.sample) if request.sample else None
    cells = []
    for seed in request.seeds:
        content = {"configuration": tables, "seed": seed}
        shared_sample = _sample_stages(request, seed)
        made = {stage.kind: stage.key for stage in shared_sample}
        for point in request.scenario.points(request.configuration):
            told = {"point": dict(point)} if point else {}
            shared = {} if request.scenario.varies(request.configuration) == "measurement" else told
            whole = {**content, **shared, "sample": digest}
            expected = _stage(request, "expected", whole, made, told={"sample": sample})
            for draw in range(request.draws):
                if request.scenario.parts(request.configuration):
                    cells.append(Cell(seed, draw, SIMULATION, (*shared_sample, expected), point))
                    continue
                inputs = {"expected": expected.key}
                measurement = _stage(request, "measurement", {**content, **told, "draw": draw}, inputs)
                cells.append(Cell(seed, draw, SIMULATION, (*shared_sample, expected, measurement), point))
    return cells


def _sample_stages(request: Request, seed: int) -> tuple[Stage, ...]:
    if request.scenario.sample is None:
        return ()
    content = {"sample": dict(request.scenario.sample(request.configuration)), "seed": seed}
    return (_stage(request, "sample", content, {}),)


def part_cells(request: Request, simulations: Sequence[Cell]) -> list[Cell]:
    """Return a cell for each (seed, point, draw, first link of a chain, group of projections): frames and images.

    After them stands one that puts all images of a link together, so that no chain waits for another one to do it.
    """
    groups = request.scenario.parts(request.configuration)
    firsts = dict.fromkeys(chains.links(method)[0] for method in request.methods if method not in CONTROLS)
    cells = []
    for simulation in simulations:
        for first in firsts if groups else ():
            own = [_part_cell(request, simulation, first, group) for group in groups]
            whole = _projections(request, simulation, first, own)
            cells += [
                *own,
                Cell(simulation.seed, simulation.draw, first, (whole,), simulation.point, part="all projections"),
            ]
    return cells


def _part_cell(request: Request, simulation: Cell, first: str, group: tuple[int, ...]) -> Cell:
    tables = request.configuration.model_dump(include=set(request.scenario.simulated))
    told = {"seed": simulation.seed, "draw": simulation.draw, "projections": list(group)}
    told |= {"point": dict(simulation.point)} if simulation.point else {}
    read = {stage.kind: stage.key for stage in simulation.stages}
    frames = _stage(request, chains.FRAMES, {**told, "configuration": tables}, read)
    own = {"method": first, "parameters": request.configuration.reconstruction.parameters.get(first, {})}
    images = _stage(request, chains.IMAGES, {**told, **own}, {"frames": frames.key}, rooms=_method_rooms(first))
    label = f"projections {group[0] + 1}-{group[-1] + 1}"
    return Cell(simulation.seed, simulation.draw, first, (frames, images), simulation.point, part=label)


def method_cells(request: Request, simulations: Sequence[Cell], parts: Sequence[Cell] = ()) -> list[Cell]:
    """Return a cell for each (seed, point, draw, method): reconstruct, the halves, random starts, score."""
    return [_method_cell(request, cell, method, parts) for cell in simulations for method in request.methods]


def pool_cells(request: Request, simulations: Sequence[Cell], done: Sequence[Cell]) -> list[Cell]:
    """Return a cell for each (seed, draw, method) that looks at all its points among the method cells `done`."""
    if not request.scenario.pools(request.configuration):
        return []
    made = {(cell.seed, cell.draw, *sorted(cell.point.items())): cell for cell in simulations}
    groups: dict[tuple[int, int, str], list[Cell]] = {}
    for cell in done:
        groups.setdefault((cell.seed, cell.draw, cell.method), []).append(cell)
    scoring = request.configuration.model_dump(include=set(request.scenario.scored))
    cells = []
    for (seed, draw, method), members in groups.items():
        inputs = {}
        for index, cell in enumerate(members):
            simulation = made[seed, draw, *sorted(cell.point.items())]
            for kind in ("expected", "measurement", "reconstruct", "score"):
                stage = cell.stage(kind) or simulation.stage(kind)
                assert stage is not None
                inputs[f"{kind}-{index}"] = stage.key
        told = {"method": method, "seed": seed, "draw": draw, "points": [dict(cell.point) for cell in members]}
        stage = _stage(request, POOL, {**told, "configuration": scoring}, inputs)
        cells.append(Cell(seed, draw, method, (stage,), pooled=True))
    return cells


def _method_cell(request: Request, simulation: Cell, method: str, parts: Sequence[Cell]) -> Cell:
    table = request.configuration.reconstruction
    expected = simulation.stage("expected")
    assert expected is not None
    last = chains.links(method)[-1]
    rooms = _CONTROL_ROOMS if method in CONTROLS else _method_rooms(last)
    told = {
        "method": last,
        "parameters": table.parameters.get(SOLVED_WITH.get(last, last), {}),
        "seed": simulation.seed,
        "draw": simulation.draw,
    }
    if simulation.point:
        told["point"] = dict(simulation.point)
    stages: list[Stage] = []
    data = {}
    measurement = simulation.stage("measurement")
    if measurement is not None:
        data["measurement"] = measurement.key
    elif method not in CONTROLS:
        stages.append(_projections(request, simulation, method, parts))
        data["measurement"] = stages[0].key
    if method in CONTROLS:
        data["expected"] = expected.key
    full = _stage(request, "reconstruct", told, data, rooms=rooms)
    stages.append(full)
    inputs = {**data, "expected": expected.key, "reconstruct": full.key}
    if table.halves and method != "ceiling":
        halves = _stage(request, "halves", told, {**data, "reconstruct": full.key}, rooms=rooms)
        stages.append(halves)
        inputs["halves"] = halves.key
    content: dict[str, int] = {}
    if table.prtf_starts and starts_at_random(method):
        content = {"starts": table.prtf_starts}
        starts = _stage(request, "starts", {**told, **content}, {**data, "reconstruct": full.key}, rooms=rooms)
        stages.append(starts)
        inputs["starts"] = starts.key
    scoring = request.configuration.model_dump(include=set(request.scenario.scored))
    named = {**told, **content, "method": method, "configuration": scoring}
    stages.append(_stage(request, "score", named, inputs))
    if method == "ceiling":
        known = {"expected": expected.key, **data}
        stages.append(_stage(request, "truth", {"configuration": scoring}, known))
    return Cell(simulation.seed, simulation.draw, method, tuple(stages), simulation.point)


def _projections(request: Request, simulation: Cell, chain: str, parts: Sequence[Cell]) -> Stage:
    """Return the stage that makes one measurement of all images of a chain's first link."""
    first, place = chains.links(chain)[0], (simulation.seed, simulation.draw, dict(simulation.point))
    own = [cell for cell in parts if cell.method == first and (cell.seed, cell.draw, dict(cell.point)) == place]
    made = [stage for cell in own if (stage := cell.stage(chains.IMAGES)) is not None]
    images = {f"images-{index}": stage.key for index, stage in enumerate(made)}
    return _stage(
        request,
        chains.PROJECTIONS,
        {"method": first},
        images,
        rooms=(*_METHOD_ROOMS, *request.scenario.rooms[chains.PROJECTIONS]),
    )


def _stage(
    request: Request,
    kind: str,
    content: Mapping[str, Any],
    inputs: Mapping[str, str],
    *,
    rooms: tuple[str, ...] = (),
    told: Mapping[str, Any] | None = None,
) -> Stage:
    """Make a stage; `told` are arguments that do not belong to its content, such as where a file lies."""
    scenario = request.scenario
    address = cache.key(
        {
            "scenario": scenario.name,
            "kind": kind,
            "content": content,
            "inputs": inputs,
            "code": cache.code_version(rooms or (*_COMMON, *scenario.rooms[kind])),
        }
    )
    return Stage(kind, address, scenario.name, {**content, **(told or {})}, dict(inputs))


def _method_rooms(method: str) -> tuple[str, ...]:
    """Return the sources a method uses: its own room among ours, or the package of a method that lives elsewhere."""
    from reconstructors import registry

    package, _, rest = registry.get(method).solve.__module__.partition(".")
    if package != "reconstructors":
        return (*_METHOD_ROOMS, package)
    room = rest.partition(".")[0]
    return _ROOMS_OF.get(room, _METHOD_ROOMS)
