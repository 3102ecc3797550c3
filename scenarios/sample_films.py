"""Relaxed films as samples of the catalogue.

- `FILMS`: the entries; their tables are the classes of this module.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from scenarios.configuration import Table
from scenarios.sample_entry import SampleEntry, Watch

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

_NM = 1e-9
_ROOMS = ("simulators.samples", "simulators.micromagnetics", "scenarios.sample_films")


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
    watch(f"relaxing, up to the state {table.state}")
    return pinning_sites(film, defects, state=table.state, shape=(n, n), cell_size=cell, torque=table.torque, rng=rng)


FILMS = (
    SampleEntry(
        "pinning-sites",
        "a relaxed film with defects at known places, in one of several fields",
        PinningSites,
        _pinning,
        _ROOMS,
    ),
)
