"""What a run took and where it ran: everything that may differ between two runs of the same bytes.

- `resources`, `study_resources`: the content of ``resources.json`` of a run and of a study.
"""

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from scenarios.cells import Outcome, Stage, effort
from scenarios.plan import Cell, Request
from scenarios.study_plan import StudyCell, StudyRequest

_LIBRARIES = ("truespin", "numpy", "scipy", "numba", "finufft", "xarray", "h5py", "h5netcdf", "scikit-image", "xraydb")


def resources(
    request: Request, cells: Sequence[Cell], outcome: Callable[[Cell], Outcome], command: Sequence[str]
) -> dict[str, Any]:
    """Return times, peak memory, versions, machine and date of a run.

    A cell's ``seconds`` are those its stages took when they were computed, ``waited_seconds`` those of this run.
    """
    told: list[dict[str, Any]] = []
    for cell in cells:
        stages = {stage.kind: round(effort(stage)[0], 3) for stage in cell.stages}
        place: dict[str, Any] = {"seed": cell.seed, "draw": cell.draw, "method": cell.method}
        place |= {"point": dict(cell.point)} if cell.point else {}
        place |= {"pooled": True} if cell.pooled else {}
        told.append({**place, **_spent(cell.stages, outcome(cell)), "stages": stages})
    return _whole(request.scenario.name, request.profile, command, told)


def study_resources(
    request: StudyRequest, cells: Sequence[StudyCell], outcomes: Mapping[str, Outcome], command: Sequence[str]
) -> dict[str, Any]:
    """Return the same of a study; `outcomes` are those of the cells by their labels."""
    told = [
        {"cell": cell.label, "points": len(cell.points), **_spent(cell.stages, outcomes[cell.label])} for cell in cells
    ]
    return _whole(request.study.name, request.profile, command, told)


def _whole(name: str, profile: str, command: Sequence[str], cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schema": 1,
        "scenario": name,
        "profile": profile,
        "command": list(command),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": _versions(),
        "cells": list(cells),
    }


def _spent(stages: Sequence[Stage], outcome: Outcome) -> dict[str, Any]:
    efforts = [effort(stage) for stage in stages]
    return {
        "state": outcome.state,
        "cached": outcome.cached,
        "waited_seconds": round(outcome.seconds, 3),
        "seconds": round(sum(seconds for seconds, _ in efforts), 3),
        "peak_bytes": max((peak for _, peak in efforts), default=0),
    }


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "threads": os.environ.get("TRUESPIN_THREADS", ""),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[library] = importlib.metadata.version(library)
    return found
