"""All points of a ptychographic sweep together: errors and resolutions against dose, overlap, coherence, faults.

- `pool`: the stage; `METRICS`: what is followed from point to point.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scenarios.catalogue import Point
from scenarios.stages import POOLED, ROWS, SCORED, write_rows

METRICS = (
    "nrmse",
    "frc_truth.half_period",
    "probe_nrmse",
    "position_error",
    "magnetic.nrmse",
    "magnetic.frc_truth.half_period",
    "faults.precision",
    "faults.recall",
)


def pool(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Follow the scores over the points of the sweep."""
    import numpy as np
    import xarray as xr

    from records import store
    from scenarios.holography_rows import MetricValue

    points: Sequence[Point] = arguments["points"]
    values: dict[str, list[float]] = {name: [] for name in METRICS}
    images: list[Any] = []
    for index in range(len(points)):
        rows = json.loads((inputs[f"score-{index}"] / ROWS).read_text(encoding="utf-8"))
        found = {row["metric"]: row["value"] for row in rows}
        for name in METRICS:
            values[name].append(_number(found.get(name)))
        images.append(_middle(store.load(inputs[f"score-{index}"] / SCORED)))
    rows_out = []
    for name in METRICS:
        finite = [value for value in values[name] if math.isfinite(value)]
        if finite:
            better = max(finite) if name.startswith("faults.") else min(finite)
            worse = min(finite) if name.startswith("faults.") else max(finite)
            unit = "m" if name.endswith(("half_period", "position_error")) else "1"
            way = "higher" if name.startswith("faults.") else "lower"
            rows_out += [
                MetricValue(metric=f"sweep.best.{name}", value=better, unit=unit, direction=way),
                MetricValue(metric=f"sweep.worst.{name}", value=worse, unit=unit, direction=way),
            ]
    write_rows([asdict(row) for row in rows_out], folder)
    variables: dict[str, Any] = {name: ("point", values[name]) for name in METRICS}
    for name in dict.fromkeys(key for point in points for key in point):
        variables[f"swept.{name}"] = ("point", [float(point[name]) for point in points])
    size = min(min(image.shape) for image in images)
    variables["images"] = (("point", "wy", "wx"), np.stack([_central(image, size) for image in images]))
    pooled = xr.Dataset(variables, attrs={"record": "pooled", "schema": 1})
    pooled.attrs.update(method=arguments["method"], seed=arguments["seed"], draw=arguments["draw"])
    store.save(pooled, folder / POOLED)


def _middle(scored: Any) -> Any:
    """Return the magnetic image, or the phase, in the middle of the scored box."""
    import numpy as np

    image = scored["magnetic"].values if "magnetic" in scored else np.angle(scored["object"].values)
    mask = scored["score_mask"].values
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    side = min(len(rows), len(columns))
    top, left = rows[0] + (len(rows) - side) // 2, columns[0] + (len(columns) - side) // 2
    return image[top : top + side, left : left + side].astype(np.float32)


def _central(image: Any, size: int) -> Any:
    """Return the central square."""
    top, left = ((length - size) // 2 for length in image.shape)
    return image[top : top + size, left : left + size]


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
