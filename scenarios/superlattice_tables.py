"""The tables of ``superlattice.toml``, and what they mean in SI units.

- `Superlattice`: the configuration of the scenario;
- `from_photons`, `kinds`, `groups`: whether frames are simulated, what methods read, and who does which projections;
- `series_setup`, `scan_setup`: the experiment; `make_sample`: the sample; `settings_of`: the scoring's settings.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from scenarios.catalogue import Configuration
from scenarios.chains import parts
from scenarios.configuration import Table
from scenarios.ptychography_tables import Beam, Detector, Faults, Scan, setup_of

if TYPE_CHECKING:
    import xarray as xr

    from scenarios.superlattice_scoring import SuperlatticeSettings
    from simulators.experiments.tilt_series_setups import TiltSeriesSetup
    from simulators.experiments.tilted_ptychography import TiltedPtychographySetup

_NM = 1e-9
_STEEPEST_DEG = 75


class Sample(Table):
    """The nickel superlattice and its magnetization."""

    kind: Literal["quenched", "imprinted"]
    oversampling: int = Field(ge=2, le=4)
    extent_nm: float = Field(ge=60)
    thickness_nm: float = Field(ge=20)
    sphere_nm: float = Field(ge=20)
    sphere_spread: float = Field(ge=0, le=0.05)
    stacking_fault: float = Field(ge=0, le=1)
    unfilled: float = Field(ge=0, le=0.9)
    dead_layer_nm: float = Field(ge=0)
    charges: int = Field(ge=0)
    pairs: int = Field(ge=1)
    separation_nm: float = Field(gt=0)
    white_line: float = Field(ge=0)


class _Series(Table):
    """Poses, and what is not known of them."""

    in_plane_deg: list[float] = Field(min_length=1)
    largest_tilt_deg: float = Field(ge=0, le=_STEEPEST_DEG)
    tilt_step_deg: float = Field(gt=0)
    image_pixels: int = Field(ge=16, le=1024)
    photons: float = Field(ge=1)
    shift_px: float = Field(ge=0)
    angle_deg: float = Field(ge=0, le=5)
    remount_angle_deg: float = Field(ge=0, le=5)
    remount_shift_px: float = Field(ge=0)
    flux: float = Field(ge=0, le=0.3)
    background: float = Field(ge=0, le=10)
    changed: int = Field(ge=-1)
    changed_nm: float = Field(gt=0)
    projections_per_cell: int = Field(ge=1)

    @model_validator(mode="after")
    def _several(self) -> Self:
        if len({round(angle % 360, 6) for angle in self.in_plane_deg}) < len(self.in_plane_deg):
            raise ValueError(f"series.in_plane_deg is {self.in_plane_deg}; allowed: each angle once")
        if self.changed >= len(self.in_plane_deg):
            raise ValueError(f"series.changed is {self.changed}; allowed: -1 for none, to {len(self.in_plane_deg) - 1}")
        return self


Series = create_model("Series", __base__=_Series, **{"from": (Literal["projections", "photons"], ...)})  # type: ignore[call-overload]
"""With the key ``from``, which no class body can hold."""


class SeriesBeam(Beam):
    """The beam of every projection."""

    kept: float = Field(ge=0.5, le=1)


class Scoring(Table):
    """Matching and draws of the scoring."""

    largest_shift_nm: float = Field(gt=0)
    match_nm: float = Field(gt=0)
    interval_draws: int = Field(ge=0)
    null_draws: int = Field(ge=1)
    halves_disagree: float = Field(gt=0)


class Superlattice(Configuration):
    """The whole configuration."""

    sample: Sample
    series: Series  # type: ignore[valid-type]
    optics: SeriesBeam
    scan: Scan
    detector: Detector
    faults: Faults
    scoring: Scoring


def from_photons(tables: Mapping[str, Any]) -> bool:
    """Return whether the experiment begins at diffraction patterns."""
    return bool(tables["series"]["from"] == "photons")


def kinds(configuration: Superlattice) -> tuple[str, ...]:
    """Return the kinds of measurement that methods, or chains of them, read."""
    photons = from_photons(configuration.model_dump(include={"series"}))
    return ("ptychography", "projections") if photons else ("projections",)


def groups(configuration: Superlattice) -> Sequence[tuple[int, ...]]:
    """Return the projections that a subprocess simulates and images; none where there are no frames."""
    table = configuration.model_dump(include={"series"})
    if not from_photons(table):
        return ()
    return parts(len(_angles(table["series"])), table["series"]["projections_per_cell"])


def _angles(series: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return (in-plane, tilt) of every projection, degrees."""
    count = math.floor(2 * series["largest_tilt_deg"] / series["tilt_step_deg"] + 1e-9) + 1
    first = -0.5 * (count - 1) * series["tilt_step_deg"]
    tilts = [first + index * series["tilt_step_deg"] for index in range(count)]
    return [(angle, tilt) for angle in series["in_plane_deg"] for tilt in tilts]


def series_setup(tables: Mapping[str, Any]) -> "TiltSeriesSetup":
    """Return the tilt series that the tables describe.

    Raises
    ------
    ValueError
        If a part of it is impossible.
    """
    from simulators.experiments.ptychography_setups import Pose
    from simulators.experiments.tilt_series_setups import (
        ChangedTexture,
        GeometryErrors,
        ImageErrors,
        TiltImage,
        TiltLight,
        TiltSeriesSetup,
    )

    series, optics, sample = tables["series"], tables["optics"], tables["sample"]
    poses = tuple(Pose(tilt=math.radians(t), in_plane_angle=math.radians(p)) for p, t in _angles(series))
    return TiltSeriesSetup(
        poses=poses,
        light=TiltLight(
            energy=optics["energy_ev"],
            polarization=optics["polarization"],
            white_line=sample["white_line"],
            photons=series["photons"],
        ),
        image=TiltImage(
            pixel=_NM * optics["pixel_nm"], n=series["image_pixels"], oversampling=float(sample["oversampling"])
        ),
        geometry=GeometryErrors(
            shift=series["shift_px"],
            angle=math.radians(series["angle_deg"]),
            remount_angle=math.radians(series["remount_angle_deg"]),
            remount_shift=series["remount_shift_px"],
        ),
        errors=ImageErrors(flux=series["flux"], background=series["background"]),
        changed=ChangedTexture(
            series=series["changed"] if series["changed"] >= 0 else None, diameter=_NM * series["changed_nm"]
        ),
    )


def scan_setup(tables: Mapping[str, Any]) -> "TiltedPtychographySetup":
    """Return the tilt series with the scan of every projection; errors as of `series_setup`."""
    from simulators.experiments.tilted_ptychography import TiltedPtychographySetup

    return TiltedPtychographySetup(series=series_setup(tables), scan=setup_of(tables))


def make_sample(table: Mapping[str, Any], *, pixel: float, seed: int) -> "xr.Dataset":
    """Make the sample of a seed.

    Parameters
    ----------
    table : mapping
        ``[sample]``.
    pixel : float
        Of the reconstruction, m.
    seed : int
    """
    from numerics.streams import stream
    from simulators.samples.block import Block
    from simulators.samples.hedgehog_superlattice import hedgehog_superlattice, with_partial_voxels
    from simulators.samples.imprinted import imprint_metalattice
    from simulators.samples.metalattice import Infiltration, metalattice
    from simulators.samples.pair_places import Pair
    from simulators.samples.sphere_packing import Template

    rng, side = stream(seed, "sample"), _NM * table["extent_nm"]
    template = Template(
        diameter=_NM * table["sphere_nm"], spread=table["sphere_spread"], stacking_fault=table["stacking_fault"]
    )
    infiltration = Infiltration(unfilled=table["unfilled"], dead_layer=_NM * table["dead_layer_nm"])
    block, voxel = Block(size=(_NM * table["thickness_nm"], side, side)), pixel / table["oversampling"]
    if table["kind"] == "quenched":
        return hedgehog_superlattice(
            template=template,
            block=block,
            infiltration=infiltration,
            voxel_size=voxel,
            charges=table["charges"] or None,
            rng=rng,
        )
    lattice = metalattice(template, block, infiltration, voxel_size=voxel, rng=rng)
    pairs = [Pair(_NM * table["separation_nm"])] * table["pairs"]
    return with_partial_voxels(imprint_metalattice(lattice, pairs, rng=rng), lattice)


def settings_of(tables: Mapping[str, Any]) -> "SuperlatticeSettings":
    """Return the settings of the scoring."""
    from scenarios.superlattice_scoring import SuperlatticeSettings

    table = tables["scoring"]
    return SuperlatticeSettings(
        largest_shift=_NM * table["largest_shift_nm"],
        match=_NM * table["match_nm"],
        interval_draws=table["interval_draws"],
        null_draws=table["null_draws"],
        halves_disagree=table["halves_disagree"],
    )
