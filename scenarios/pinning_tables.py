"""The tables of ``pinning.toml`` beyond those of ``domain-walls``.

- `Pinning`: the configuration of the scenario; `states_of`: the names of the states that are imaged, in turn;
- `sample_content`: all that the films of a seed depend on.
"""

import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from scenarios.configuration import Table
from scenarios.domain_walls_tables import DomainWalls, setup_of

_STACK = (
    "repeats",
    "cobalt_nm",
    "platinum_nm",
    "copper_nm",
    "cobalt_saturation_ka_m",
    "cobalt_exchange_pj_m",
    "cobalt_dmi_mj_m2",
    "torque",
)


# A state's name is a folder and a file too.
_STATE = re.compile(r"[A-Za-z0-9+-][A-Za-z0-9 .+-]*")
_SPACES = re.compile(r"[ .]+")


class Defects(Table):
    """Pinning sites: discs of lowered anisotropy and of raised DMI, in turn, at random places of the film."""

    per_square_um: float = Field(gt=0)
    diameter_nm: float = Field(gt=0)
    border_nm: float = Field(ge=0)
    distance_nm: float = Field(ge=0)
    keff_factors: list[float] = Field(min_length=2, max_length=2)
    dmi_factors: list[float] = Field(min_length=2, max_length=2)


class States(Table):
    """The fields through which the film with the sites goes in turn; those named are imaged."""

    imaged: list[str] = Field(min_length=2)
    fields_mt: dict[str, list[float]]

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [name for name in self.imaged if name not in self.fields_mt]
        empty = [name for name, fields in self.fields_mt.items() if not fields]
        if unknown or len(set(self.imaged)) < len(self.imaged):
            raise ValueError(
                f"states.imaged is {self.imaged}; allowed: each once, from those of states.fields_mt: "
                f"{', '.join(self.fields_mt)}"
            )
        if empty:
            raise ValueError(f"states.fields_mt {empty[0]!r} is []; allowed: at least one field, mT")
        spelled: dict[str, str] = {}
        for name in self.fields_mt:
            plain = _SPACES.sub("-", name)
            if not _STATE.fullmatch(name) or plain in spelled:
                raise ValueError(
                    f"states.fields_mt has the state {name!r}; allowed: letters, digits, spaces, dots, + and -, and "
                    "names that differ in more than spaces and dots"
                )
            spelled[plain] = name
        return self


class Damage(Table):
    """Another region of the film, damaged by laser pulses: one round area, imaged in a field and after it."""

    imaged: bool
    diameter_nm: float = Field(gt=0)
    border_nm: float = Field(ge=0)
    keff_factor: float
    saturation_factor: float = Field(gt=0, le=1)
    field_mt: float


class SiteSearch(Table):
    """How sites are looked for and told apart."""

    diameter_nm: float = Field(gt=0)
    minimum_states: int = Field(ge=1)
    minimum_snr: float = Field(gt=0)
    match_nm: float = Field(gt=0)
    tolerance: float = Field(gt=0)


class Film(Table):
    """What the layers do not say of the effective medium."""

    anisotropy_kj_m3: float


class Pinning(DomainWalls):
    """The whole configuration."""

    film: Film
    defects: Defects
    states: States
    damage: Damage
    sites: SiteSearch

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("keff_factors", "dmi_factors"):
            low, high = getattr(self.defects, name)
            if low > high:
                raise ValueError(f"defects.{name} is [{low:g}, {high:g}]; allowed: the lower end first")
        imaged = len(self.states.imaged)
        if self.sites.minimum_states > imaged:
            raise ValueError(
                f"sites.minimum_states is {self.sites.minimum_states}; allowed: up to the {imaged} of states.imaged"
            )
        diameter = self.damage.diameter_nm
        if self.damage.imaged and diameter > 0.8 * self.optics.hole_nm:
            raise ValueError(
                f"damage.diameter_nm is {diameter:g}; allowed: up to 0.8 of the hole, {0.8 * self.optics.hole_nm:g} nm"
            )
        return self


def states_of(configuration: Pinning) -> list[str]:
    """Return the names of all states that are imaged: those of the film with sites, then those of the damaged one."""
    damage = configuration.damage
    return [*configuration.states.imaged, *(damaged_names(damage.field_mt) if damage.imaged else ())]


def damaged_names(field_mt: float) -> tuple[str, str]:
    """Return the names of the two states of the damaged film: in the field, and after it is removed."""
    return f"damaged, {field_mt:g} mT", "damaged, field removed"


def sample_content(configuration: Pinning) -> Mapping[str, Any]:
    """Return what the films of a seed depend on, in JSON types; lengths in m."""
    tables = configuration.model_dump()
    setup = setup_of({name: tables[name] for name in ("sample", "optics", "detector")})
    return {
        "stack": {name: tables["sample"][name] for name in _STACK},
        "extent": setup.window,
        "pixel_size": setup.fine_pixel,
        **{name: tables[name] for name in ("film", "defects", "states", "damage")},
    }
