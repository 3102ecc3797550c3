"""Relaxed films as samples of the catalogue.

- `FILMS`: the entries; their tables are the classes of this module.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from scenarios.configuration import Table
from scenarios.sample_entry import SampleEntry, Watch, steps

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from simulators.samples.defects import Film

_NM = 1e-9
_ROOMS = ("simulators.samples", "simulators.micromagnetics", "scenarios.sample_films")


class Multilayer(Table):
    """A relaxed Co/Pt film whose walls have a measured width."""

    cobalt_saturation_ka_m: float = Field(gt=0)
    cobalt_exchange_pj_m: float = Field(gt=0)
    cobalt_dmi_mj_m2: float
    wall_width_nm: float = Field(gt=0)
    size_nm: float = Field(gt=0)
    cell_nm: float = Field(gt=0)
    torque: float = Field(gt=0, le=0.1)

    def film(self, watch: Watch) -> "Film":
        """Return the effective medium, its anisotropy trimmed."""
        from simulators.samples.effective_medium import HAPRE
        from simulators.samples.relaxed_multilayer import film_for_width

        watch("trimming the anisotropy to the wall width")
        cobalt = replace(
            HAPRE,
            saturation=self.cobalt_saturation_ka_m * 1e3,
            exchange=self.cobalt_exchange_pj_m * 1e-12,
            dmi=self.cobalt_dmi_mj_m2 * 1e-3,
        )
        return film_for_width(self.wall_width_nm * _NM, cell_size=self.cell_nm * _NM, stack=cobalt)


class LabyrinthFilm(Multilayer):
    """The domains it relaxes to from random spins."""

    start: Literal["random", "alternating field"]
    field_mt: float


class DamagedFilm(Multilayer):
    """With one damaged area in the middle."""

    diameter_nm: float = Field(gt=0)
    border_nm: float = Field(ge=0)
    keff_factor: float
    saturation_factor: float = Field(gt=0, le=1)
    pulse_field_mt: float
    state: Literal["in the field", "field removed"]


class PinningSites(Table):
    """A film with defects, after a sequence of fields."""

    saturation_ka_m: float = Field(gt=0)
    exchange_pj_m: float = Field(gt=0)
    anisotropy_kj_m3: float
    dmi_mj_m2: float
    thickness_nm: float = Field(gt=0)
    size_nm: float = Field(gt=0)
    cell_nm: float = Field(gt=0)
    defects: int = Field(ge=0)
    diameter_nm: float = Field(gt=0)
    border_nm: float = Field(ge=0)
    distance_nm: float = Field(ge=0)
    keff_factors: list[float] = Field(min_length=1)
    dmi_factors: list[float] = Field(min_length=1)
    state: Literal["remanence", "partial demagnetisation", "79 mT", "88 mT", "210 mT"]
    torque: float = Field(gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.keff_factors) != len(self.dmi_factors):
            raise ValueError(
                f"dmi_factors has {len(self.dmi_factors)} values; allowed: one for each of the "
                f"{len(self.keff_factors)} of keff_factors"
            )
        return self


def _labyrinth(table: LabyrinthFilm, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.relaxed_multilayer import ALTERNATING, relaxed_multilayer

    before = ALTERNATING if table.start == "alternating field" else ()
    return relaxed_multilayer(
        extent=table.size_nm * _NM,
        pixel_size=table.cell_nm * _NM,
        film=table.film(watch),
        fields=(*before, table.field_mt * 1e-3),
        torque=table.torque,
        watch=[steps(watch, "relaxing")],
        checkpoint=checkpoints / "film",
        rng=rng,
    )


def _damaged(table: DamagedFilm, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.damage import damaged_area, damaged_states

    area = damaged_area(
        diameter=table.diameter_nm * _NM,
        border=table.border_nm * _NM,
        factors={"anisotropy_factor": table.keff_factor, "saturation_factor": table.saturation_factor},
    )
    found = damaged_states(
        table.film(watch),
        [area],
        extent=table.size_nm * _NM,
        pixel_size=table.cell_nm * _NM,
        field=table.pulse_field_mt * 1e-3,
        torque=table.torque,
        watch=[steps(watch, "relaxing")],
        checkpoint=checkpoints / "film",
        rng=rng,
    )
    return list(found.values())[0 if table.state == "in the field" else -1]


def _pinning(table: PinningSites, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.pinning import Film
    from simulators.samples.pinning_sites import pinning_sites, scatter

    film = Film(
        saturation=table.saturation_ka_m * 1e3,
        exchange=table.exchange_pj_m * 1e-12,
        anisotropy=table.anisotropy_kj_m3 * 1e3,
        dmi=table.dmi_mj_m2 * 1e-3,
        thickness=table.thickness_nm * _NM,
    )
    n = max(1, round(table.size_nm / table.cell_nm))
    cell = table.cell_nm * _NM
    kinds = [
        {"anisotropy_factor": keff, "dmi_factor": dmi, "border": table.border_nm * _NM}
        for keff, dmi in zip(table.keff_factors, table.dmi_factors, strict=True)
    ]
    defects = scatter(
        table.defects,
        extent=(n * cell, n * cell),
        kinds=kinds,
        diameter=table.diameter_nm * _NM,
        distance=table.distance_nm * _NM,
        rng=rng,
    )
    return pinning_sites(
        film,
        defects,
        state=table.state,
        shape=(n, n),
        cell_size=cell,
        torque=table.torque,
        watch=[steps(watch, f"relaxing, up to the state {table.state}")],
        checkpoint=checkpoints / "film",
        rng=rng,
    )


FILMS = (
    SampleEntry(
        "multilayer",
        "a Co/Pt film relaxed from random spins, walls of measured width",
        LabyrinthFilm,
        _labyrinth,
        _ROOMS,
    ),
    SampleEntry(
        "multilayer-damaged",
        "the same with an area of smaller domains and lower contrast, as after laser pulses",
        DamagedFilm,
        _damaged,
        _ROOMS,
    ),
    SampleEntry(
        "pinning-sites",
        "a relaxed film with defects at known places, in one of several fields",
        PinningSites,
        _pinning,
        _ROOMS,
    ),
)
