"""The film of ``domain-walls`` measured with fewer and with more photons: resolution and wall width against dose.

- `SCENARIO`: what the runner needs; the doses are in ``dose.toml``, all else is that of `domain_walls`;
- `measurement`, `pool`: the stages of its own: detect one dose, look at all doses together;
- ``python -m scenarios.dose`` is ``truespin run dose``.

After HAPRE, Optica 11, 234 (2024), Fig. 2d.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from scenarios import domain_walls, holography_stages
from scenarios.catalogue import POOL, Point
from scenarios.configuration import Table
from scenarios.domain_walls_tables import DomainWalls
from scenarios.stages import POOLED, ROWS, SCORED, write_rows

_METRICS = ("frc_truth.half_period", "frc_halves.half_period", "wall_width", "contrast", "correlation")
# A resolution within this share of the best that the detector allows has all that photons can give.
_ENOUGH = 1.05


class Doses(Table):
    """The doses."""

    photons: list[float] = Field(min_length=2)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        pairs = zip(self.photons, self.photons[1:], strict=False)
        if not self.photons[0] > 0 or any(not later > earlier for earlier, later in pairs):
            raise ValueError(f"dose.photons is {self.photons}; allowed: positive and rising")
        return self


class Dose(DomainWalls):
    """The whole configuration."""

    dose: Doses


def points(configuration: Dose) -> Sequence[Point]:
    """Return the doses."""
    return [{"photons": photons} for photons in configuration.dose.photons]


def measurement(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Detect the patterns with the photons of one dose."""
    tables = arguments["configuration"]
    detector = {**tables["detector"], "photons": arguments["point"]["photons"]}
    holography_stages.measurement({**arguments, "configuration": {**tables, "detector": detector}}, inputs, folder)


def pool(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Follow resolution and wall width over the doses."""
    import numpy as np
    import xarray as xr

    from records import store
    from scenarios.holography_rows import MetricValue

    photons = [point["photons"] for point in arguments["points"]]
    values: dict[str, list[float]] = {name: [] for name in _METRICS}
    errors: dict[str, list[float]] = {name: [] for name in _METRICS}
    images, curves = [], []
    for index in range(len(photons)):
        rows = {row["metric"]: row for row in json.loads((inputs[f"score-{index}"] / ROWS).read_text(encoding="utf-8"))}
        for name in _METRICS:
            row = rows.get(name, {})
            values[name].append(_number(row.get("value")))
            errors[name].append(_number(row.get("uncertainty")))
        scored = store.load(inputs[f"score-{index}"] / SCORED)
        images.append(scored["m_z"].values)
        curves.append(scored["frc_truth"].values)
    resolution = values["frc_truth.half_period"]
    edge = 0.5 / float(scored["frequency"].values[-1])
    rows_out = [
        MetricValue(metric="dose.monotone", value=_monotone(resolution), criterion="no rise at all"),
        MetricValue(metric="dose.largest_rise", value=_largest_rise(resolution), direction="lower"),
        MetricValue(
            metric="dose.enough",
            value=_enough(photons, resolution, edge),
            unit="photon",
            direction="lower",
            criterion=f"least dose whose half period is within {_ENOUGH - 1:.0%} of the band edge, {1e9 * edge:.3g} nm",
        ),
    ]
    write_rows([asdict(row) for row in rows_out], folder)
    variables: dict[str, Any] = {"photons": ("photons", photons, {"units": "photon"})}
    for name in _METRICS:
        variables[name] = ("photons", values[name])
        variables[f"{name}.uncertainty"] = ("photons", errors[name])
    variables["images"] = (("photons", "wy", "wx"), np.stack(images).astype(np.float32))
    variables["frc_truth"] = (("photons", "frequency"), np.stack(curves))
    for name in ("frequency", "threshold_1bit", "truth_m_z", "score_mask", "wy", "wx"):
        variables[name] = scored[name]
    attributes = {"record": "pooled", "schema": 1, "pixel_size": float(scored.attrs["pixel_size"])}
    found = xr.Dataset(variables, attrs=attributes)
    found.attrs.update(method=arguments["method"], seed=arguments["seed"], draw=arguments["draw"])
    store.save(found, folder / POOLED)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _monotone(resolution: Sequence[float]) -> float:
    """Return 1 if no half period is above that of a smaller dose, else 0; NaN if one is unknown."""
    rise = _largest_rise(resolution)
    return math.nan if math.isnan(rise) else float(rise == 0)


def _largest_rise(resolution: Sequence[float]) -> float:
    """Return by which share a half period is at most above the best of all smaller doses; NaN if one is unknown."""
    best, largest = math.inf, 0.0
    for value in resolution:
        if math.isnan(value):
            return math.nan
        largest = max(largest, value / best - 1)
        best = min(best, value)
    return largest


def _enough(photons: Sequence[float], resolution: Sequence[float], edge: float) -> float:
    reached = [dose for dose, value in zip(photons, resolution, strict=True) if value <= _ENOUGH * edge]
    return reached[0] if reached else math.nan


SCENARIO = replace(
    domain_walls.SCENARIO,
    name="dose",
    summary="the film of domain-walls at several doses: resolution and wall width against photons",
    configuration=Dose,
    work={**domain_walls.SCENARIO.work, "measurement": measurement, POOL: pool},
    rooms={
        **domain_walls.SCENARIO.rooms,
        "measurement": (*holography_stages.SIMULATION, "scenarios.dose"),
        POOL: (*holography_stages.SCORING, "scenarios.dose"),
    },
    points=points,
    varies=lambda configuration: "measurement",
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", SCENARIO.name, *sys.argv[1:]]))
