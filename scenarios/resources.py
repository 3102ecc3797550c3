"""What a run took and where it ran: everything that may differ between two runs of the same bytes.

- `resources`: the content of ``resources.json``.
"""

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from scenarios.cells import Outcome, effort
from scenarios.plan import Cell, Request

_LIBRARIES = ("truespin", "numpy", "scipy", "numba", "finufft", "xarray", "h5py", "h5netcdf", "scikit-image", "xraydb")


def resources(
    request: Request, cells: Sequence[Cell], outcome: Callable[[Cell], Outcome], command: Sequence[str]
) -> dict[str, Any]:
    """Return times, peak memory, versions, machine and date of a run.

    A cell's ``seconds`` are those its stages took when they were computed, ``waited_seconds`` those of this run.
    """
    return {
        "schema": 1,
        "scenario": request.scenario.name,
        "profile": request.profile,
        "command": list(command),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": _versions(),
        "cells": [_cell(cell, outcome(cell)) for cell in cells],
    }


def _cell(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    efforts = {stage.kind: effort(stage) for stage in cell.stages}
    return {
        "seed": cell.seed,
        "draw": cell.draw,
        "method": cell.method,
        "state": outcome.state,
        "cached": outcome.cached,
        "waited_seconds": round(outcome.seconds, 3),
        "seconds": round(sum(seconds for seconds, _ in efforts.values()), 3),
        "peak_bytes": max((peak for _, peak in efforts.values()), default=0),
        "stages": {kind: round(seconds, 3) for kind, (seconds, _) in efforts.items()},
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
