"""What a 30 nm defect keeps of a random state in a field, over its anisotropy and DMI (HAPRE's Fig. 4b).

- `STUDY`: what the runner needs; the profiles are in ``pinning_map.toml``; `PinningMap`: its tables;
- `points`: the map's points and the uniform films in which walls are measured;
- `state`, `wall`: the stages of a point; `assemble` is in `pinning_map_results`;
- ``python -m scenarios.pinning_map`` is ``truespin run pinning-map``.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from scenarios.configuration import Table
from scenarios.pinning_map_results import assemble
from scenarios.stages import POINT, write_rows
from scenarios.study import ASSEMBLE, Point, Study, StudyConfiguration

if TYPE_CHECKING:
    from simulators.samples.defects import Film as FilmMaterial

_NM, _KILO, _MILLI, _PICO = 1e-9, 1e3, 1e-3, 1e-12
_DIGITS = 6


class Film(Table):
    """The film round the defect."""

    saturation_ka_m: float = Field(gt=0)
    exchange_pj_m: float = Field(gt=0)
    anisotropy_kj_m3: float = Field(gt=0)
    dmi_mj_m2: float = Field(gt=0)
    thickness_nm: float = Field(gt=0)
    extent_nm: float = Field(gt=0)
    cell_nm: float = Field(gt=0)

    @property
    def effective_anisotropy_kj_m3(self) -> float:
        """``Ku - mu0 Ms^2/2``."""
        return self.anisotropy_kj_m3 - 2e-10 * math.pi * (_KILO * self.saturation_ka_m) ** 2


class Defect(Table):
    """The disc."""

    diameter_nm: float = Field(gt=0)
    border_nm: float = Field(ge=0)


class Map(Table):
    """The points of the map."""

    keff_min_kj_m3: float
    keff_max_kj_m3: float
    keff_count: int = Field(ge=2)
    dmi_min_mj_m2: float
    dmi_max_mj_m2: float
    dmi_count: int = Field(ge=2)


class Relaxation(Table):
    """How each point is relaxed."""

    field_mt: float
    starts: int = Field(ge=1)
    torque: float = Field(gt=0)
    limit: int = Field(ge=1)


class Walls(Table):
    """The uniform films in which the width of a wall is measured."""

    keff_min_kj_m3: float
    keff_max_kj_m3: float
    keff_count: int = Field(ge=2)
    dmi_count: int = Field(ge=2)
    period_nm: float = Field(gt=0)
    torque: float = Field(gt=0)


class PinningMap(StudyConfiguration):
    """The whole configuration."""

    film: Film
    defect: Defect
    map: Map
    relaxation: Relaxation
    walls: Walls

    @model_validator(mode="after")
    def _fits(self) -> Self:
        star = {"keff_{}_kj_m3": self.film.effective_anisotropy_kj_m3, "dmi_{}_mj_m2": self.film.dmi_mj_m2}
        for name, value in star.items():
            low, high = (getattr(self.map, name.format(end)) for end in ("min", "max"))
            if not low < value < high:
                key = name.format("min")
                raise ValueError(
                    f"map.{key} to max is {low:g} to {high:g}; allowed: a range round the film's {value:g}"
                )
        if self.walls.keff_min_kj_m3 >= self.walls.keff_max_kj_m3:
            raise ValueError(f"walls.keff_min_kj_m3 is {self.walls.keff_min_kj_m3:g}; allowed: below keff_max_kj_m3")
        if self.defect.diameter_nm < self.film.cell_nm:
            raise ValueError(
                f"film.cell_nm is {self.film.cell_nm:g}, larger than the defect; "
                f"allowed: at most defect.diameter_nm, {self.defect.diameter_nm:g}"
            )
        if self.film.extent_nm < 3 * self.defect.diameter_nm:
            raise ValueError(
                f"film.extent_nm is {self.film.extent_nm:g}; "
                f"allowed: at least three times defect.diameter_nm, {3 * self.defect.diameter_nm:g}"
            )
        return self


def points(configuration: PinningMap) -> Sequence[Point]:
    """Return the map, row by row of D within Keff, then the uniform films."""
    film, table, walls = configuration.film, configuration.map, configuration.walls
    star = film.effective_anisotropy_kj_m3
    anisotropies = _axis(table.keff_min_kj_m3, table.keff_max_kj_m3, table.keff_count, star)
    dmis = _axis(table.dmi_min_mj_m2, table.dmi_max_mj_m2, table.dmi_count, film.dmi_mj_m2)
    wall_anisotropies = _axis(walls.keff_min_kj_m3, walls.keff_max_kj_m3, walls.keff_count, star)
    wall_dmis = _axis(table.dmi_min_mj_m2, table.dmi_max_mj_m2, walls.dmi_count, film.dmi_mj_m2)
    grids = (("state", anisotropies, dmis), ("wall", wall_anisotropies, wall_dmis))
    return [
        Point(kind, {"keff_kj_m3": anisotropy, "dmi_mj_m2": dmi})
        for kind, rows, columns in grids
        for anisotropy in rows
        for dmi in columns
    ]


def _axis(low: float, high: float, count: int, star: float) -> list[float]:
    """Return evenly spaced values, the one nearest to `star` moved onto it."""
    values = [low + (high - low) * index / (count - 1) for index in range(count)]
    nearest = min(range(count), key=lambda index: abs(values[index] - star))
    values[nearest] = star
    return [round(value, _DIGITS) for value in values]


def film_of(table: Mapping[str, Any]) -> "FilmMaterial":
    """Return the film of the table ``film`` in SI units."""
    from simulators.samples.defects import Film as FilmMaterial

    return FilmMaterial(
        saturation=_KILO * table["saturation_ka_m"],
        exchange=_PICO * table["exchange_pj_m"],
        anisotropy=_KILO * table["anisotropy_kj_m3"],
        dmi=_MILLI * table["dmi_mj_m2"],
        thickness=_NM * table["thickness_nm"],
    )


def state(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Relax a film with the point's defect from every random start."""
    import numpy as np

    from numerics.streams import stream
    from numerics.threads import use_threads
    from simulators.micromagnetics import random_start
    from simulators.samples import defects, pinning

    tables, point = arguments["configuration"], arguments["point"]
    film, table = film_of(tables["film"]), tables["relaxation"]
    cells = round(tables["film"]["extent_nm"] / tables["film"]["cell_nm"])
    mesh = defects.film_mesh(film, (cells, cells), _NM * tables["film"]["cell_nm"])
    defect = defects.altered(
        film,
        _KILO * point["keff_kj_m3"],
        _MILLI * point["dmi_mj_m2"],
        diameter=_NM * tables["defect"]["diameter_nm"],
        border=_NM * tables["defect"]["border_nm"],
    )
    problem = defects.film_problem(film, mesh, [defect], field=_MILLI * table["field_mt"])
    # Starts of its own at every point: a bubble that one state happens to leave at the centre must not fill the map.
    names = (f"{point['keff_kj_m3']:g}", f"{point['dmi_mj_m2']:g}")
    starts = [
        random_start(problem, rng=stream(arguments["seed"], "start", *names, index)) for index in range(table["starts"])
    ]
    # Too few cells for threads to pay, and other cells run beside this one.
    with use_threads(1):
        found = pinning.pinning_state(problem, starts, torque=table["torque"], limit=table["limit"])
    spread = float(np.std(found.centre, ddof=1)) if len(found.centre) > 1 else math.nan
    median = float(np.median(found.centre))
    np.savez(
        folder / POINT,
        centre=found.centre,
        m_z=found.m_z[found.middle],
        torque=found.torque,
        evaluations=found.evaluations,
    )
    criterion = f"median and standard deviation over {len(found.centre)} random starts, mean over 3 x 3 cells"
    uncertainty = None if math.isnan(spread) else spread
    write_rows(
        [
            {"metric": "m_z", "value": median, "uncertainty": uncertainty, "criterion": criterion},
            {"metric": "m_z.lowest", "value": float(found.centre.min())},
            {"metric": "m_z.highest", "value": float(found.centre.max())},
            {"metric": "torque.largest", "value": float(found.torque.max())},
            {"metric": "evaluations", "value": float(found.evaluations.mean())},
            {"metric": "stopped_short", "value": float((~found.converged).sum())},
        ],
        folder,
    )


def wall(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Measure the width of a straight wall in a uniform film of the point's Keff and D."""
    import numpy as np

    from numerics.threads import use_threads
    from scenarios.pinning_map_results import wall_width
    from simulators.samples import defects, pinning

    tables, point = arguments["configuration"], arguments["point"]
    film = defects.with_material(film_of(tables["film"]), _KILO * point["keff_kj_m3"], _MILLI * point["dmi_mj_m2"])
    cell, period = (_NM * tables[name][key] for name, key in (("film", "cell_nm"), ("walls", "period_nm")))
    with use_threads(1):
        spins = pinning.straight_walls(film, period=period, cell_size=cell, torque=tables["walls"]["torque"])
    found = wall_width(spins, cell)
    np.savez(folder / POINT, m=spins, width=found.width, angle=found.angle)
    formula = math.sqrt(film.exchange / film.anisotropy) if film.anisotropy > 0 else math.nan
    write_rows(
        [
            {"metric": "wall_width", "value": found.width, "unit": "m", "criterion": "tanh fit"},
            {"metric": "wall_width.formula", "value": formula, "unit": "m", "criterion": "sqrt(A/Ku)"},
            {
                "metric": "wall_angle",
                "value": found.angle,
                "unit": "rad",
                "criterion": "from the normal; pi/2 is Bloch",
            },
        ],
        folder,
    )


_SIMULATION = (
    "optics.units",
    "simulators.micromagnetics",
    "simulators.samples.defects",
    "simulators.samples.pinning",
    "scenarios.pinning_map",
)
_RESULTS = ("validation", "scenarios.pinning_map_results")
STUDY = Study(
    name="pinning-map",
    summary="a 30 nm defect in a Co/Pt film at 210 mT: m_z at its centre over its anisotropy and DMI",
    configuration=PinningMap,
    points=points,
    work={"state": state, "wall": wall, ASSEMBLE: assemble},
    rooms={"state": _SIMULATION, "wall": (*_SIMULATION, *_RESULTS), ASSEMBLE: _RESULTS},
    tables={
        "state": ("film", "defect", "relaxation"),
        "wall": ("film", "walls"),
        ASSEMBLE: ("film", "defect", "relaxation"),
    },
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", STUDY.name, *sys.argv[1:]]))
