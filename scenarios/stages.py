"""What a cell computes: one function per kind of stage, each filling a folder from the folders it reads.

- `compute`: do a stage; `Unsupported`: the method (or the sample) does not allow it, and why.
- ``reconstruct``, ``halves`` and ``starts`` are here, unless the scenario has its own; the others are the scenario's.
- `solve`: run the method that a stage is told; `half`, `start` and the constants: names of the files in the folders;
  `write_rows`: the file of the metrics.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import cache
from scenarios.catalogue import look_up
from scenarios.cells import Stage
from scenarios.controls import CONTROLS

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

MEASUREMENT, TRUTH, RECONSTRUCTION, SCORED, ROWS = (
    "measurement.nc",
    "truth.nc",
    "reconstruction.nc",
    "scored.nc",
    "rows.json",
)
POINT, STUDY, POOLED = "point.npz", "study.nc", "pooled.nc"


class Unsupported(Exception):
    """The method refuses the measurement, or the sample cannot be imaged; the message is the reason."""


def compute(stage: Stage, folder: Path) -> None:
    """Fill `folder` with the result of `stage`, whose inputs are in the cache.

    Raises
    ------
    Unsupported
        If the method refuses what it is given.
    RuntimeError
        If an input has gone from the cache.
    """
    inputs = {}
    for name, address in stage.inputs.items():
        found = cache.find(address)
        if found is None:
            raise RuntimeError(f"the stage {name!r} that {stage.kind!r} reads is no longer in the cache")
        inputs[name] = found
    own = {"reconstruct": _reconstruct, "halves": _halves, "starts": _starts}
    work = {**own, **look_up(stage.scenario).work}[stage.kind]
    work(stage.arguments, inputs, folder)


def half(index: int) -> str:
    """Return the file of the reconstruction from the half data set `index`."""
    return f"half-{index}.nc"


def start(index: int) -> str:
    """Return the file of the reconstruction from the random start `index`."""
    return f"start-{index:02d}.nc"


def write_rows(metrics: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write metrics (keys of a `records.scorecard.Row`) into `folder`; what is not finite becomes null."""
    plain = [
        {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in metric.items()}
        for metric in metrics
    ]
    (folder / ROWS).write_text(json.dumps(plain, allow_nan=False), encoding="utf-8")


def _reconstruct(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    from records import store

    data = store.load(inputs["measurement"] / MEASUREMENT)
    result = solve(arguments, data, truth=inputs.get("expected"))
    store.save(result, folder / RECONSTRUCTION)


def _halves(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    from records import store
    from records.measurement import halves

    given = store.load(inputs["reconstruct"] / RECONSTRUCTION)
    for index, data in enumerate(halves(store.load(inputs["measurement"] / MEASUREMENT))):
        found = solve(arguments, data, truth=inputs.get("expected"), names=("half", index), given=given)
        store.save(found, folder / half(index))


def _starts(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    from records import store

    given = store.load(inputs["reconstruct"] / RECONSTRUCTION)
    data = store.load(inputs["measurement"] / MEASUREMENT)
    for index in range(arguments["starts"]):
        result = solve(arguments, data, truth=inputs.get("expected"), names=("start", index), given=given)
        store.save(result, folder / start(index))


def solve(
    arguments: Mapping[str, Any],
    measurement: "xr.Dataset",
    *,
    truth: Path | None,
    names: tuple[str | int, ...] = (),
    given: "xr.Dataset | None" = None,
) -> "xr.Dataset":
    """Run the method, or control, that a stage is told.

    Parameters
    ----------
    arguments : mapping
        Of the stage: method, parameters, seed, draw, and the point of a sweep.
    measurement : Dataset
    truth : Path or None
        Folder that holds it; only controls look.
    names : tuple
        Of the random stream, beyond the place of the cell: another half, another start.
    given : Dataset, optional
        `Reconstruction` from other data of the same sample.

    Raises
    ------
    Unsupported
        If the method refuses the measurement.
    """
    name = arguments["method"]
    rng = _rng(arguments, names)
    if name in CONTROLS:
        from records import store

        assert truth is not None
        return CONTROLS[name](measurement, store.load(truth / TRUTH), rng=rng)
    method = _method(name, arguments["parameters"], random_start="start" in names)
    reason = method.refuses(measurement)
    if reason is not None:
        raise Unsupported(reason)
    result: xr.Dataset = method.reconstruct(measurement, rng=rng, given=given)
    return result


def _rng(arguments: Mapping[str, Any], names: tuple[str | int, ...]) -> "np.random.Generator":
    from numerics.streams import stream

    place = (name for pair in sorted(arguments.get("point", {}).items()) for name in map(str, pair))
    return stream(arguments["seed"], "method", arguments["method"], arguments["draw"], *place, *names)


def _method(name: str, parameters: Mapping[str, Any], *, random_start: bool) -> Any:
    from reconstructors import registry
    from scenarios.tuning import tuned

    method = registry.get(name)
    chosen = {**parameters, "start": "random"} if random_start else parameters
    return dataclasses.replace(method, parameters=tuned(name, chosen)) if chosen else method
