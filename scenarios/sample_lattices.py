"""The nickel superlattice with its hedgehogs as samples of the catalogue.

- `LATTICES`: the entries; their tables are the classes of this module.

None of them is an equilibrium state; their features say so.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from scenarios.configuration import Table
from scenarios.sample_entry import SampleEntry, Watch, steps

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from simulators.micromagnetics import Material
    from simulators.samples.metalattice import Metalattice

_NM = 1e-9
_ROOMS = ("simulators.samples", "simulators.micromagnetics", "scenarios.sample_lattices")

Length = Annotated[float, Field(gt=0)]
Sign = Literal[1, -1]
Hole = Literal["octahedral", "tetrahedral"]


class Lattice(Table):
    """The template and what went into it; the block is (z, y, x)."""

    block_nm: Annotated[list[Length], Field(min_length=3, max_length=3)]
    cell_nm: float = Field(gt=0)
    sphere_nm: float = Field(gt=0)
    spread: float = Field(ge=0)
    orientation: Literal["100", "110", "111"]
    stacking_fault: float = Field(ge=0, le=1)
    unfilled: float = Field(ge=0, lt=1)
    dead_layer_nm: float = Field(ge=0)
    overfill_nm: float = Field(ge=0)
    saturation_ka_m: float = Field(gt=0)
    exchange_pj_m: float = Field(gt=0)

    def cast(self, rng: "np.random.Generator") -> "Metalattice":
        """Return the nickel."""
        from simulators.samples.block import Block
        from simulators.samples.metalattice import Infiltration, metalattice
        from simulators.samples.sphere_packing import Template

        z, y, x = (length * _NM for length in self.block_nm)
        template = Template(
            diameter=self.sphere_nm * _NM,
            spread=self.spread,
            orientation=self.orientation,
            stacking_fault=self.stacking_fault,
        )
        filling = Infiltration(
            unfilled=self.unfilled, dead_layer=self.dead_layer_nm * _NM, overfill=self.overfill_nm * _NM
        )
        return metalattice(template, Block((z, y, x)), filling, voxel_size=self.cell_nm * _NM, rng=rng)

    def material(self) -> "Material":
        """Return the nickel's parameters."""
        from simulators.micromagnetics import Material

        return Material(self.saturation_ka_m * 1e3, self.exchange_pj_m * 1e-12)


class Quenched(Lattice):
    """Random spins, quenched."""

    charges: int = Field(ge=1)
    imbalance: int = Field(ge=0)


class Imprinted(Lattice):
    """Pairs written in; the lists hold a pair each."""

    separations_nm: list[Length] = Field(min_length=1)
    first_charges: list[Sign]
    second_charges: list[Sign]
    first_holes: list[Hole]
    second_holes: list[Hole]
    relax: float = Field(ge=0)
    release: float = Field(ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        count = len(self.separations_nm)
        for name in ("first_charges", "second_charges", "first_holes", "second_holes"):
            found = len(getattr(self, name))
            if found != count:
                raise ValueError(f"{name} has {found} values; allowed: one for each of the {count} of separations_nm")
        return self


class Voids(Lattice):
    """Spheres with spins all pointing away or towards."""

    void_charges: list[Sign] = Field(min_length=1)
    controls: int = Field(ge=0)
    shell_nm: float = Field(gt=0)
    relax: float = Field(ge=0)


def _quenched(table: Quenched, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.hedgehogs import quench_metalattice

    watch("casting the lattice")
    return quench_metalattice(
        table.cast(rng),
        charges=table.charges,
        imbalance=table.imbalance or None,
        material=table.material(),
        watch=[steps(watch, "quenching", residual="charges")],
        checkpoint=checkpoints / "quench",
        rng=rng,
    )


def _imprinted(table: Imprinted, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.imprinted import imprint_metalattice
    from simulators.samples.pair_places import Pair

    watch("casting the lattice")
    charges = zip(table.first_charges, table.second_charges, strict=True)
    holes = zip(table.first_holes, table.second_holes, strict=True)
    pairs = [
        Pair(separation * _NM, signs, kinds)
        for separation, signs, kinds in zip(table.separations_nm, charges, holes, strict=True)
    ]
    return imprint_metalattice(
        table.cast(rng),
        pairs,
        material=table.material(),
        relax=table.relax,
        release=table.release,
        watch=[steps(watch, "relaxing")],
        rng=rng,
    )


def _voids(table: Voids, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.imprinted import around_void

    watch("casting the lattice")
    return around_void(
        table.cast(rng),
        table.void_charges,
        controls=table.controls,
        shell=table.shell_nm * _NM,
        material=table.material(),
        relax=table.relax,
        watch=[steps(watch, "relaxing")],
        rng=rng,
    )


LATTICES = (
    SampleEntry(
        "superlattice",
        "nickel between close-packed spheres, quenched to a number of hedgehogs",
        Quenched,
        _quenched,
        _ROOMS,
    ),
    SampleEntry(
        "superlattice-imprinted",
        "the same with pairs of hedgehogs written in at set distances",
        Imprinted,
        _imprinted,
        _ROOMS,
    ),
    SampleEntry(
        "void-hedgehogs",
        "the same with spins all pointing away from some spheres or towards them",
        Voids,
        _voids,
        _ROOMS,
    ),
)
