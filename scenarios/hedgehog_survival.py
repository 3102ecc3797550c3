"""How many hedgehogs are left in a nickel superlattice while random spins relax.

- `STUDY`: what the runner needs; the profiles are in ``hedgehog_survival.toml``; `HedgehogSurvival`: its tables;
- `relax`, `assemble`: the stages: one random start, all of them;
- ``python -m scenarios.hedgehog_survival`` is ``truespin run hedgehog-survival``.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from scenarios import stages
from scenarios.configuration import Table
from scenarios.stages import POINT, write_rows
from scenarios.study import ASSEMBLE, Point, Study, StudyConfiguration

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

_NM = 1e-9
_GYROMAGNETIC = 1.76085963e11  # of the electron, rad/(s T)
_PUBLISHED = 138  # charges in the block of 480 x 480 x 150 nm (Nat. Nanotechnol. 18, 227 (2023))
_PUBLISHED_BLOCK = 480e-9 * 480e-9 * 150e-9
_LEVELS = (100, 10)
_FITTED = (20, 1000)  # numbers between which the decay's exponent is fitted


class Lattice(Table):
    """The template and the block cut from its cast."""

    diameter_nm: float = Field(gt=0)
    orientation: Literal["100", "110", "111"]
    block_nm: list[float] = Field(min_length=3, max_length=3)
    voxel_nm: float = Field(gt=0)


class Nickel(Table):
    """The material."""

    saturation_ka_m: float = Field(gt=0)
    exchange_pj_m: float = Field(gt=0)


class Sweep(Table):
    """How many random states."""

    starts: int = Field(ge=1)


class Relaxation(Table):
    """How long each relaxes."""

    until: float = Field(gt=0)


class HedgehogSurvival(StudyConfiguration):
    """The whole configuration."""

    lattice: Lattice
    nickel: Nickel
    relaxation: Relaxation
    sweep: Sweep


def points(configuration: HedgehogSurvival) -> Sequence[Point]:
    """Return the random starts."""
    return [Point("relaxation", {"start": index}) for index in range(configuration.sweep.starts)]


def relax(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Relax one random start and count its charges on the way."""
    import numpy as np

    from numerics.streams import stream
    from simulators.micromagnetics import Material
    from simulators.samples.block import Block
    from simulators.samples.hedgehogs import survival
    from simulators.samples.metalattice import metalattice
    from simulators.samples.sphere_packing import Template

    tables = arguments["configuration"]
    table, nickel = tables["lattice"], tables["nickel"]
    depth, height, width = (_NM * length for length in table["block_nm"])
    lattice = metalattice(
        Template(diameter=_NM * table["diameter_nm"], orientation=table["orientation"]),
        Block(size=(depth, height, width)),
        voxel_size=_NM * table["voxel_nm"],
    )
    found = survival(
        lattice,
        until=tables["relaxation"]["until"],
        material=Material(saturation=1e3 * nickel["saturation_ka_m"], exchange=1e-12 * nickel["exchange_pj_m"]),
        rng=stream(arguments["seed"], "start", arguments["point"]["start"]),
    )
    np.savez(folder / POINT, time=found.time, plus=found.plus, minus=found.minus, nickel=lattice.magnet.mean())
    time, total = np.array(found.time), np.array(found.plus) + np.array(found.minus)
    write_rows(
        [
            *(_time_row(level, time_to(time, total, level)) for level in (*_LEVELS, 0)),
            {"metric": "charges.first", "value": float(total[0])},
            {"metric": "survivors.plus", "value": float(found.plus[-1])},
            {"metric": "survivors.minus", "value": float(found.minus[-1])},
        ],
        folder,
    )


def time_to(time: "NDArray[np.float64]", total: "NDArray[np.int64]", level: float) -> float:
    """Return the first time at which no more than `level` charges are left for good; NaN where it does not come."""
    import numpy as np

    above = np.flatnonzero(total > level)
    last = int(above[-1]) + 1 if above.size else 0
    return float(time[last]) if last < len(time) else math.nan


def _time_row(level: float, value: float, **more: Any) -> dict[str, Any]:
    name = f"time_to_{level}" if level else "time_to_none"
    return {"metric": name, "value": value, "unit": "reduced time", **more}


def assemble(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Put the starts together: curves, their mean and spread, and what is left."""
    import numpy as np
    import xarray as xr

    from records import store

    tables = arguments["configuration"]
    found = []
    for index in range(len(arguments["points"])):
        with np.load(inputs[str(index)] / POINT, allow_pickle=False) as stored:
            found.append(dict(stored))
    # All starts take the same steps and are counted at the same times.
    time = found[0]["time"]
    plus, minus = (np.stack([start[sign] for start in found]) for sign in ("plus", "minus"))
    block = math.prod(_NM * length for length in tables["lattice"]["block_nm"])
    study = xr.Dataset(
        {
            "plus": (("start", "time"), plus, {"long_name": "sum of the positive charges"}),
            "minus": (("start", "time"), minus, {"long_name": "sum of the negative charges, without the sign"}),
        },
        coords={
            "time": ("time", time, {"long_name": "reduced time"}),
            "start": ("start", [point["values"]["start"] for point in arguments["points"]]),
        },
        attrs={
            "record": "study",
            "study": "hedgehog-survival",
            "time_unit": time_unit(1e3 * tables["nickel"]["saturation_ka_m"]),
            "published_charges": _PUBLISHED * block / _PUBLISHED_BLOCK,
        },
    )
    store.save(study, folder / stages.STUDY)
    write_rows(_rows(study, float(found[0]["nickel"])), folder)


def time_unit(saturation: float) -> float:
    """Return ``1/(gamma mu0 Ms)`` in s: a reduced time of 1 is ``(1 + alpha^2)/alpha`` times as long."""
    return 1 / (_GYROMAGNETIC * 4e-7 * math.pi * saturation)


def _rows(study: "xr.Dataset", nickel: float) -> list[dict[str, Any]]:
    import numpy as np

    time, plus, minus = (study[name].values for name in ("time", "plus", "minus"))
    total = plus + minus
    starts = f"mean and standard deviation over {len(total)} random starts"
    rows = [_spread("charges.first", total[:, 0], starts)]
    for level in (*_LEVELS, 0):
        times = np.array([time_to(time, curve, level) for curve in total])
        reached = times[~np.isnan(times)]
        row = _spread("", reached, f"{starts}; {len(reached)} of {len(times)} come there")
        rows.append({**row, **_time_row(level, row["value"])})
    published = study.attrs["published_charges"]
    times = np.array([time_to(time, curve, published) for curve in total])
    dense = _spread(
        "time_to_published_density", times[~np.isnan(times)], f"as dense as {_PUBLISHED} in the published block"
    )
    return [
        *rows,
        {**dense, "unit": "reduced time"},
        _spread("survivors.plus", plus[:, -1], f"at reduced time {time[-1]:.4g}; {starts}"),
        _spread("survivors.minus", minus[:, -1], f"at reduced time {time[-1]:.4g}; {starts}"),
        {
            "metric": "starts_with_survivors",
            "value": float((total[:, -1] > 0).mean()),
            "criterion": f"share of the starts with any charge at reduced time {time[-1]:.4g}",
        },
        {
            "metric": "decay_exponent",
            "value": _exponent(time, total.mean(axis=0)),
            "criterion": f"of N ~ t^-n, fitted to the mean between {_FITTED[0]} and {_FITTED[1]} charges",
        },
        {
            "metric": "largest_imbalance",
            "value": float(np.abs(plus - minus).max()),
            "criterion": "|N+ - N-| over all starts and times: charges leave through surfaces one by one",
        },
        {"metric": "time_unit", "value": study.attrs["time_unit"], "unit": "s", "criterion": "1/(gamma mu0 Ms)"},
        {"metric": "nickel_share", "value": nickel, "criterion": "magnetic voxels of the block"},
    ]


def _spread(name: str, values: "NDArray[Any]", criterion: str) -> dict[str, Any]:
    return {
        "metric": name,
        "value": float(values.mean()) if values.size else math.nan,
        "uncertainty": float(values.std(ddof=1)) if values.size > 1 else None,
        "criterion": criterion,
    }


def _exponent(time: "NDArray[np.float64]", mean: "NDArray[np.float64]") -> float:
    import numpy as np

    used = (mean >= _FITTED[0]) & (mean <= _FITTED[1]) & (time > 0)
    if used.sum() < 3:
        return math.nan
    return float(-np.polyfit(np.log(time[used]), np.log(mean[used]), 1)[0])


_SIMULATION = (
    "optics",
    "simulators.micromagnetics",
    "simulators.samples",
    "scenarios.hedgehog_survival",
)
STUDY = Study(
    name="hedgehog-survival",
    summary="random spins relax in a nickel superlattice: the number of hedgehogs against time",
    configuration=HedgehogSurvival,
    points=points,
    work={"relaxation": relax, ASSEMBLE: assemble},
    rooms={"relaxation": _SIMULATION, ASSEMBLE: ("scenarios.hedgehog_survival",)},
    tables={"relaxation": ("lattice", "nickel", "relaxation"), ASSEMBLE: ("lattice", "nickel")},
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", STUDY.name, *sys.argv[1:]]))
