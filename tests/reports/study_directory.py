"""Make the run directory of a pinning map with invented but plausible content."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from records import scorecard as scorecards
from records import store
from records.scorecard import Row, Scorecard, Status

CONFIG: dict[str, Any] = {
    "film": {"extent_nm": 64.0, "thickness_nm": 49.5, "cell_nm": 2.0},
    "defect": {"diameter_nm": 30.0},
    "relaxation": {"starts": 3, "field_mt": 210.0},
}
STAR = (24e3, 0.4e-3)


def study(*, walls: bool = True, done: bool = True) -> xr.Dataset:
    """Return the arrays of a map whose m_z falls smoothly with lower Keff and higher D."""
    keff, dmi = np.linspace(-120e3, 40e3, 11), np.linspace(0.2e-3, 1e-3, 9)
    keff[9], dmi[2] = STAR
    fall = (24e3 - keff[:, None]) / 1e5 + (dmi - 0.4e-3) / 6e-4
    centre = (1 - 2 / (1 + np.exp(-8 * (fall - 0.9))))[..., None] + np.linspace(-0.02, 0.02, 3) * (fall > 0.7)[
        ..., None
    ]
    y, x = np.mgrid[-16:16, -16:16]
    disc = np.exp(-(x**2 + y**2) / 40)
    parts: dict[str, Any] = {}
    if done:
        parts |= {
            "centre": (("keff", "dmi", "start"), centre),
            "median": (("keff", "dmi"), np.median(centre, axis=2)),
            "spread": (("keff", "dmi"), centre.std(axis=2)),
            "m_z": (("keff", "dmi", "y", "x"), 1 - (1 - np.median(centre, axis=2))[..., None, None] * disc),
        }
    if walls:
        wall_keff, wall_dmi = np.linspace(-20e3, 40e3, 4), np.linspace(0.2e-3, 1e-3, 3)
        width = 1e-9 * np.sqrt(2424 / (wall_keff + 53e3))[:, None] * 20 * (1 + 0.01 * np.arange(3))
        width[0, 0] = np.nan
        parts |= {
            "wall_width": (("wall_keff", "wall_dmi"), width),
            "wall_width_formula": (("wall_keff",), width[:, 1]),
        }
    coords = {"keff": keff, "dmi": dmi} if done else {}
    coords |= {"wall_keff": wall_keff, "wall_dmi": wall_dmi} if walls else {}
    attrs = {"record": "study", "star_keff": STAR[0], "star_dmi": STAR[1], "diameter": 30e-9, "cell_size": 2e-9}
    return xr.Dataset(parts, coords=coords, attrs=attrs)


def write_study(folder: Path, *, name: str = "pinning-map", failed: int = 0, whole: bool = True, **parts: bool) -> Path:
    """Write a run directory; `failed` points ran out of time, and without `whole` the study itself failed."""
    place = {"scenario": name, "profile": "quick", "seed": 4, "draw": 0}
    points = [{"keff_kj_m3": 10.0 * index, "dmi_mj_m2": 0.4} for index in range(30)]
    status = [
        Status(
            **place,
            method="point",
            sweep=sweep,
            state="time limit" if index < failed else "done",
            reason="late" * (index < failed),
        )
        for index, sweep in enumerate(points)
    ]
    status.append(
        Status(**place, method="study", state="done" if whole else "failed", reason="" if whole else "no disk")
    )
    metrics = [
        ("star.m_z", 0.99996, "1"),
        ("star.m_z.lowest", 0.9999, "1"),
        ("keff.lowering", -81e3, "J/m3"),
        ("dmi.lowering", None, "J/m2"),
        ("rank_correlation.keff", 0.91, "1"),
        ("rank_correlation.dmi", -0.87, "1"),
        ("multistable_share", 0.25, "1"),
        ("lowered_share", 0.5, "1"),
        ("wall_width", 5.11e-9, "m"),
        ("wall_width.dmi_deviation", 0.2, "1"),
        ("wall_width.dmi_deviation.neel", 0.017, "1"),
    ]
    rows = [Row(**place, method="point", metric="m_z", value=0.5, sweep=sweep) for sweep in points[failed:]]
    if whole:
        rows += [Row(**place, method="study", metric=m, value=v, unit=u, criterion="as said") for m, v, u in metrics]
        store.save(study(**parts), folder / "study.nc")
    run = {"scenario": name, "sort": "study", "profile": "quick", "seeds": [4], "points": 30}
    scorecards.save(Scorecard({**CONFIG, "run": run}, tuple(rows), tuple(status)), folder / "scorecard.json")
    cells = [{"cell": "points, part 1 of 1", "points": 30, "state": "done", "seconds": 12.0, "peak_bytes": 3e8}]
    (folder / "resources.json").write_text(json.dumps({"cells": cells, "command": ["truespin"]}))
    return folder
