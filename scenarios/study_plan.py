"""A study's request as cells and stages, each with the key of its content.

- `StudyRequest`: what a person asked for, checked; `StudyCell`: one subprocess and the points it computes.
- `point_cells`: the points in cells; `in_order`: the points of cells, each with its stage, in the sweep's order;
  `last_cell`: the cell that makes one study of the points that are done.

A point is a stage of its own: a stopped cell goes on behind its last finished point, and no key depends on how the
points are shared out. Neighbours of a sweep take alike long, so they are dealt out in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios import cache
from scenarios.cells import Stage
from scenarios.study import ASSEMBLE, Point, Study, StudyConfiguration

_COMMON = ("numerics", "records", "scenarios.stages", "scenarios.study")


@dataclass(frozen=True)
class StudyRequest:
    """What to run.

    Parameters
    ----------
    study : Study
    profile : str
    configuration : StudyConfiguration
        Resolved.
    seed : int
    out : Path
        The run directory.
    workers : int
        Cells that run at the same time; no result depends on it.
    """

    study: Study
    profile: str
    configuration: StudyConfiguration
    seed: int
    out: Path
    workers: int = 1


@dataclass(frozen=True)
class StudyCell:
    """One subprocess: a label to read and its stages; `points` are those that the stages compute, in their order."""

    label: str
    stages: tuple[Stage, ...]
    points: tuple[Point, ...] = ()


def point_cells(request: StudyRequest) -> list[StudyCell]:
    """Return the points of the study in cells of at most ``study.points_per_cell`` points."""
    points = request.study.points(request.configuration)
    count = -(-len(points) // request.configuration.study.points_per_cell)
    hands = [tuple(points[first::count]) for first in range(count)]
    return [
        StudyCell(f"points, part {index + 1} of {count}", tuple(_point_stage(request, point) for point in hand), hand)
        for index, hand in enumerate(hands)
    ]


def in_order(request: StudyRequest, cells: Sequence[StudyCell]) -> list[tuple[Point, Stage]]:
    """Return the points of `cells` with their stages, in the order of the sweep however they are shared out."""
    stages = {_name(point): stage for cell in cells for point, stage in zip(cell.points, cell.stages, strict=True)}
    return [(point, stages[_name(point)]) for point in request.study.points(request.configuration)]


def last_cell(request: StudyRequest, done: Sequence[tuple[Point, Stage]]) -> StudyCell:
    """Return the cell that makes the study of the points that are `done`."""
    told = [{"kind": point.kind, "values": dict(point.values)} for point, _ in done]
    inputs = {str(index): stage.key for index, (_, stage) in enumerate(done)}
    return StudyCell("the study of all points", (_stage(request, ASSEMBLE, {"points": told}, inputs),))


def _point_stage(request: StudyRequest, point: Point) -> Stage:
    return _stage(request, point.kind, {"point": dict(point.values)}, {})


def _stage(request: StudyRequest, kind: str, told: Mapping[str, Any], inputs: Mapping[str, str]) -> Stage:
    study = request.study
    tables = request.configuration.model_dump(include=set(study.tables[kind]))
    arguments = {"configuration": tables, "seed": request.seed, **told}
    address = cache.key(
        {
            "scenario": study.name,
            "kind": kind,
            "content": arguments,
            "inputs": inputs,
            "code": cache.code_version((*_COMMON, *study.rooms[kind])),
        }
    )
    return Stage(kind, address, study.name, arguments, dict(inputs))


def _name(point: Point) -> tuple[Any, ...]:
    return (point.kind, *sorted(point.values.items()))
