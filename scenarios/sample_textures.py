"""Textures of known shape as samples of the catalogue.

- `TEXTURES`: the entries; their tables are the classes of this module.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from scenarios.configuration import Table
from scenarios.sample_entry import SampleEntry, Watch

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

_NM = 1e-9
_MOST_CELLS = 2**28
_ROOMS = ("simulators.samples", "scenarios.sample_textures")

Length = Annotated[float, Field(gt=0)]
Triple = Annotated[list[float], Field(min_length=3, max_length=3)]
Sign = Literal[1, -1]


class Texture(Table):
    """What all textures have; lists are (z, y, x)."""

    size_nm: Annotated[list[Length], Field(min_length=3, max_length=3)]
    cell_nm: Annotated[list[Length], Field(min_length=3, max_length=3)]
    shape: Literal["block", "disc", "ball"]
    saturation_ka_m: float = Field(gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if math.prod(self.cells) > _MOST_CELLS:
            raise ValueError(f"cell_nm is {self.cell_nm}; allowed: at most {_MOST_CELLS} cells in {self.size_nm} nm")
        return self

    @property
    def cells(self) -> tuple[int, int, int]:
        """Cells (z, y, x)."""
        nz, ny, nx = (max(1, round(size / cell)) for size, cell in zip(self.size_nm, self.cell_nm, strict=True))
        return nz, ny, nx

    @property
    def corner(self) -> tuple[float, float, float]:
        """Where eight cells meet next to the origin (z, y, x), m: the place of a point in which no spin can stand."""
        z, y, x = (-cell * _NM / 2 for cell in self.cell_nm)
        return z, y, x

    def parameters(self) -> dict[str, Any]:
        """Return what the texture's function is told, in SI units."""
        return {}


class Wall(Texture):
    """A straight wall."""

    wall_width_nm: float = Field(gt=0)
    wall_angle_deg: float
    direction_deg: float

    def parameters(self) -> dict[str, Any]:
        """Return what `wall` is told."""
        return {
            "wall_width": self.wall_width_nm * _NM,
            "wall_angle": math.radians(self.wall_angle_deg),
            "direction": math.radians(self.direction_deg),
        }


class KittelWall(Texture):
    """A straight wall that closes the flux of a film."""

    wall_width_nm: float = Field(gt=0)
    handedness: Sign
    direction_deg: float

    def parameters(self) -> dict[str, Any]:
        """Return what `kittel_wall` is told."""
        return {
            "wall_width": self.wall_width_nm * _NM,
            "handedness": self.handedness,
            "direction": math.radians(self.direction_deg),
        }


class Stripes(Wall):
    """Straight domains."""

    period_nm: float = Field(gt=0)

    def parameters(self) -> dict[str, Any]:
        """Return what `stripes` is told."""
        return {**super().parameters(), "period": self.period_nm * _NM}


class Helix(Texture):
    """Spins that turn about an axis."""

    period_nm: float = Field(gt=0)
    axis_x_y_z: Triple
    handedness: Sign
    cone_deg: float

    def parameters(self) -> dict[str, Any]:
        """Return what `helix` is told."""
        return {
            "period": self.period_nm * _NM,
            "axis": self.axis_x_y_z,
            "handedness": self.handedness,
            "cone": math.radians(self.cone_deg),
        }


class Skyrmion(Texture):
    """A skyrmion tube."""

    radius_nm: float = Field(gt=0)
    wall_width_nm: float = Field(gt=0)
    helicity_deg: float
    core: Sign

    def parameters(self) -> dict[str, Any]:
        """Return what `skyrmion` is told."""
        return {
            "radius": self.radius_nm * _NM,
            "wall_width": self.wall_width_nm * _NM,
            "helicity": math.radians(self.helicity_deg),
            "core": self.core,
            "centre": self.corner[1:],
        }


class Bobber(Skyrmion):
    """A chiral bobber."""

    length_nm: float = Field(gt=0)
    side: Literal["top", "bottom"]

    def parameters(self) -> dict[str, Any]:
        """Return what `bobber` is told."""
        return {**super().parameters(), "length": self.length_nm * _NM, "side": self.side}


class Vortex(Texture):
    """A vortex."""

    core_radius_nm: float = Field(gt=0)
    polarity: Sign
    circulation: Sign

    def parameters(self) -> dict[str, Any]:
        """Return what `vortex` is told."""
        return {
            "core_radius": self.core_radius_nm * _NM,
            "polarity": self.polarity,
            "circulation": self.circulation,
            "centre": self.corner[1:],
        }


class Hedgehog(Texture):
    """One point around which spins cover the sphere once."""

    charge: Sign
    rotation_axis_x_y_z: Triple
    rotation_deg: float

    def parameters(self) -> dict[str, Any]:
        """Return what `hedgehog` is told."""
        import numpy as np
        from scipy.spatial.transform import Rotation

        length = math.hypot(*self.rotation_axis_x_y_z)
        if length == 0:
            raise ValueError(f"rotation_axis_x_y_z is {self.rotation_axis_x_y_z}; allowed: a direction")
        turn = np.array(self.rotation_axis_x_y_z) * (math.radians(self.rotation_deg) / length)
        return {"charge": self.charge, "rotation": Rotation.from_rotvec(turn).as_matrix(), "centre": self.corner}


class HedgehogPair(Texture):
    """Two hedgehogs."""

    separation_nm: float = Field(gt=0)
    axis_x_y_z: Triple
    charges: Annotated[list[Sign], Field(min_length=2, max_length=2)]
    helicity_deg: float

    def parameters(self) -> dict[str, Any]:
        """Return what `hedgehog_pair` is told."""
        return {
            "separation": self.separation_nm * _NM,
            "axis": self.axis_x_y_z,
            "charges": tuple(self.charges),
            "helicity": math.radians(self.helicity_deg),
            "centre": self.corner,
        }


class Hopfion(Texture):
    """A hopfion."""

    radius_nm: float = Field(gt=0)
    linking: Sign

    def parameters(self) -> dict[str, Any]:
        """Return what `hopfion` is told."""
        return {"radius": self.radius_nm * _NM, "linking": self.linking}


class Labyrinth(Table):
    """Worm domains of a square film."""

    size_nm: float = Field(gt=0)
    cell_nm: float = Field(gt=0)
    thickness_nm: float = Field(gt=0)
    period_nm: float = Field(gt=0)
    wall_width_nm: float = Field(gt=0)
    wall_angle_deg: float
    saturation_ka_m: float = Field(gt=0)


def _labyrinth(table: Labyrinth, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
    from simulators.samples.multilayer import labyrinth_multilayer

    return labyrinth_multilayer(
        extent=table.size_nm * _NM,
        pixel_size=table.cell_nm * _NM,
        period=table.period_nm * _NM,
        wall_width=table.wall_width_nm * _NM,
        thickness=table.thickness_nm * _NM,
        saturation_magnetization=table.saturation_ka_m * 1e3,
        wall_angle=math.radians(table.wall_angle_deg),
        rng=rng,
    )


def _magnet(table: Texture) -> "np.ndarray | None":
    """Return where the magnet is: cells whose centre lies in the disc or ball that the array holds."""
    import numpy as np

    if table.shape == "block":
        return None
    places = [(np.arange(n) + 0.5) / n * 2 - 1 for n in table.cells]
    z, y, x = np.ix_(*places)
    height = z if table.shape == "ball" else 0 * z
    return np.asarray(height**2 + y**2 + x**2 <= 1, np.float32)


def _entry(name: str, summary: str, texture: str, model: type[Texture]) -> SampleEntry:
    def build(table: Texture, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
        from simulators.samples.textures import texture_sample

        z, y, x = (cell * _NM for cell in table.cell_nm)
        return texture_sample(
            texture,
            shape=table.cells,
            voxel_size=(z, y, x),
            magnet=_magnet(table),
            saturation_magnetization=table.saturation_ka_m * 1e3,
            **table.parameters(),
        )

    return SampleEntry(name, summary, model, build, _ROOMS)


TEXTURES = (
    _entry("bloch-wall", "a straight wall that turns in its own plane", "wall", Wall),
    _entry("neel-wall", "a straight wall that turns through its normal", "wall", Wall),
    _entry(
        "kittel-wall",
        "a wall that closes the flux of a film: Bloch inside, Néel at the surfaces",
        "kittel_wall",
        KittelWall,
    ),
    _entry("stripes", "straight domains, up and down", "stripes", Stripes),
    SampleEntry("labyrinth", "worm domains of a film, walls of exact width", Labyrinth, _labyrinth, _ROOMS),
    _entry("helix", "spins that turn about an axis", "helix", Helix),
    _entry("skyrmion", "a skyrmion", "skyrmion", Skyrmion),
    _entry("vortex", "a vortex in a disc", "vortex", Vortex),
    _entry("hedgehog", "a point of charge +1", "hedgehog", Hedgehog),
    _entry("anti-hedgehog", "a point of charge -1", "hedgehog", Hedgehog),
    _entry("hedgehog-pair", "two hedgehogs at a set distance", "hedgehog_pair", HedgehogPair),
    _entry("hopfion", "a closed, knotted texture without a singular point", "hopfion", Hopfion),
    _entry("bobber", "a skyrmion that ends in a hedgehog inside the film", "bobber", Bobber),
)
