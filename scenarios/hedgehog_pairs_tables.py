"""The tables of ``hedgehog_pairs.toml``, and what they mean in SI units.

- `HedgehogPairs`: the configuration of the study;
- `Volume`: what a point of the sweep looks at; `volume_of`: the one of a point;
- `series_setup`, `scan_setup`: its experiment.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from scenarios.chains import check_chain
from scenarios.configuration import Table
from scenarios.ptychography_tables import Beam, Detector, Scan, setup_of
from scenarios.study import StudyConfiguration
from scenarios.tuning import tuned

if TYPE_CHECKING:
    from simulators.experiments.tilt_series_setups import TiltSeriesSetup
    from simulators.experiments.tilted_ptychography import TiltedPtychographySetup

_NM = 1e-9
_STEEPEST_DEG = 75
_ROOM = 0.45 / 0.8  # largest separation over the edge of a cell, see `pair_lattice`

TRUTH, PROJECTIONS, FRAMES = "truth", "projections", "frames"
"""Kinds of points: where the volumes in which pairs are looked for come from."""


class Sample(Table):
    """The block and its pairs."""

    block_nm: list[float] = Field(min_length=3, max_length=3)
    cells: list[int] = Field(min_length=3, max_length=3)
    share: float = Field(gt=0, le=1)
    soft_nm: float = Field(ge=0)
    voxel_nm: float = Field(gt=0)
    white_line: float = Field(ge=0)


class Sweep(Table):
    """Separations, noise levels and numbers of pairs; an empty list leaves its source out."""

    truth_nm: list[float]
    projections_nm: list[float]
    photons_per_pixel: list[float]
    frames_nm: list[float]
    truth_pairs: int = Field(ge=1)
    projections_pairs: int = Field(ge=1)
    frames_pairs: int = Field(ge=1)

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name in ("truth_nm", "projections_nm", "photons_per_pixel", "frames_nm"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"sweep.{name} is {values}; allowed: each value once")
            if any(not value > 0 for value in values):
                raise ValueError(f"sweep.{name} is {values}; allowed: above 0")
        if not (self.truth_nm or self.frames_nm or (self.projections_nm and self.photons_per_pixel)):
            raise ValueError("sweep.truth_nm is []; allowed: at least one separation in one of the lists")
        return self


class Series(Table):
    """Poses of the projections."""

    in_plane_deg: list[float] = Field(min_length=1)
    largest_tilt_deg: float = Field(ge=0, le=_STEEPEST_DEG)
    tilt_step_deg: float = Field(gt=0)
    image_pixels: int = Field(ge=16, le=1024)


class Wide(Table):
    """The block of pairs that are too far apart for the cells of ``[sample]``."""

    block_nm: list[float] = Field(min_length=3, max_length=3)
    cells: list[int] = Field(min_length=3, max_length=3)
    image_pixels: int = Field(ge=16, le=1024)


class Frames(Table):
    """What is different where frames of photons are simulated, which takes long."""

    tilt_step_deg: float = Field(gt=0)


class Optics(Beam):
    """The beam."""

    kept: float = Field(ge=0.5, le=1)


class Solver(Table):
    """A method, and the parameters of methods by name."""

    method: str
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Scoring(Table):
    """What is asked for."""

    largest_shift_nm: float = Field(gt=0)
    success: float = Field(gt=0.5, lt=1)
    draws: int = Field(ge=1)


class HedgehogPairs(StudyConfiguration):
    """The whole configuration."""

    sample: Sample
    sweep: Sweep
    wide: Wide
    series: Series
    frames: Frames
    optics: Optics
    scan: Scan
    detector: Detector
    imaging: Solver
    reconstruction: Solver
    scoring: Scoring

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sample.voxel_nm > self.optics.pixel_nm / 2 * (1 + 1e-9):
            raise ValueError(
                f"sample.voxel_nm is {self.sample.voxel_nm:g}; allowed: up to half of optics.pixel_nm, "
                f"{self.optics.pixel_nm / 2:g}"
            )
        least = 2 * self.sample.voxel_nm
        highest = max(_largest(self.sample.model_dump()), _largest(self.wide.model_dump()))
        for name in (TRUTH, PROJECTIONS, FRAMES):
            values = getattr(self.sweep, f"{name}_nm")
            if not all(least * (1 - 1e-9) <= value <= highest for value in values):
                allowed = f"{least:g}, two voxels, to {highest:g}, what a cell holds"
                raise ValueError(f"sweep.{name}_nm is {values}; allowed: {allowed}")
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, kind in (("imaging", "ptychography"), ("reconstruction", "projections")):
            table = getattr(self, name)
            for method in (table.method, *table.parameters):
                check_chain(method, (kind,), controls=())
            for method, parameters in table.parameters.items():
                tuned(method, parameters, table=name)
        return self


def _largest(table: Mapping[str, Any]) -> float:
    """Return the largest separation that the cells of a block hold, nm."""
    return _ROOM * float(min(length / count for length, count in zip(table["block_nm"], table["cells"], strict=True)))


@dataclass(frozen=True)
class Volume:
    """One volume of pairs.

    Attributes
    ----------
    separation : float
        m.
    number : int
        Of the volumes alike.
    block : tuple of float
        (z, y, x), m.
    cells : tuple of int
        (z, y, x).
    pixels : int
        Along the edge of its images.
    """

    separation: float
    number: int
    block: tuple[float, float, float]
    cells: tuple[int, int, int]
    pixels: int

    @property
    def names(self) -> tuple[str | int, ...]:
        """What tells its random streams from those of others."""
        return (f"{self.separation / _NM:.4g}", self.number)


def _block(tables: Mapping[str, Any], separation_nm: float) -> Mapping[str, Any]:
    """Return block, cells and image of the volumes of pairs so far apart."""
    narrow = {**tables["sample"], "image_pixels": tables["series"]["image_pixels"]}
    return tables["wide"] if separation_nm > _largest(narrow) else narrow


def volumes_for(tables: Mapping[str, Any], *, pairs: int, separation_nm: float) -> int:
    """Return how many volumes it takes to hold at least so many pairs."""
    per_volume: int = math.prod(_block(tables, separation_nm)["cells"])
    return math.ceil(pairs / per_volume)


def volume_of(tables: Mapping[str, Any], point: Mapping[str, Any]) -> Volume:
    """Return the volume that a point looks at."""
    table = _block(tables, point["separation_nm"])
    z, y, x = (_NM * length for length in table["block_nm"])
    a, b, c = table["cells"]
    return Volume(_NM * point["separation_nm"], point["volume"], (z, y, x), (a, b, c), table["image_pixels"])


def series_setup(
    tables: Mapping[str, Any], volume: Volume, *, photons: float, frames: bool = False
) -> "TiltSeriesSetup":
    """Return the tilt series: the published poses, every place and angle known.

    Raises
    ------
    ValueError
        If a part of it is impossible.
    """
    from simulators.experiments.ptychography_setups import Pose
    from simulators.experiments.tilt_series_setups import TiltImage, TiltLight, TiltSeriesSetup

    table = tables["series"]
    optics, sample = tables["optics"], tables["sample"]
    step = tables["frames" if frames else "series"]["tilt_step_deg"]
    count = math.floor(2 * table["largest_tilt_deg"] / step + 1e-9) + 1
    tilts = [(index - (count - 1) / 2) * step for index in range(count)]
    return TiltSeriesSetup(
        poses=tuple(
            Pose(tilt=math.radians(tilt), in_plane_angle=math.radians(turn))
            for turn in table["in_plane_deg"]
            for tilt in tilts
        ),
        light=TiltLight(
            energy=optics["energy_ev"],
            polarization=optics["polarization"],
            white_line=sample["white_line"],
            photons=photons,
        ),
        image=TiltImage(pixel=_NM * optics["pixel_nm"], n=volume.pixels),
    )


def scan_setup(tables: Mapping[str, Any], volume: Volume) -> "TiltedPtychographySetup":
    """Return the tilt series with the scan of every projection."""
    from simulators.experiments.tilted_ptychography import TiltedPtychographySetup

    sample, pixel = tables["sample"], tables["optics"]["pixel_nm"]
    told = {
        **tables,
        "sample": {
            "kind": "superlattice",
            "white_line": sample["white_line"],
            "oversampling": round(pixel / sample["voxel_nm"]),
        },
        "faults": {"corrupt_fraction": 0.0, "kinds": ["pattern"]},
    }
    series = series_setup(tables, volume, photons=math.inf, frames=True)
    return TiltedPtychographySetup(series=series, scan=setup_of(told))
