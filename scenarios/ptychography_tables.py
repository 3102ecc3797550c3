"""The tables of ``ptychography.toml``, and what they mean in SI units.

- `Ptychography`: the configuration of the scenario; `points`, `varies`: its sweep; `at_point`: the tables at one point;
- `setup_of`: the experiment of a configuration, `settings_of`: the scoring's settings.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from scenarios.catalogue import Configuration, Point
from scenarios.configuration import Table

if TYPE_CHECKING:
    from scenarios.scoring_settings import ScoringSettings
    from simulators.experiments.ptychography_setups import MaterialSetup, OpticsSetup, PtychographySetup, ScanSetup

_NM, _UM = 1e-9, 1e-6
_MOST_PHOTONS = 1e12  # of a frame
_THINNEST_NM = 0.1  # slice
_KEPT = 0.999  # share of the photons in the modes that are simulated
_KINDS = ("row_band", "column_band", "shifted", "duplicated", "quadrant", "pattern", "flux_jump")


class Sample(Table):
    """The sample and its magnetization."""

    kind: Literal["superlattice", "multilayer"]
    oversampling: int = Field(ge=2, le=4)
    extent_nm: float = Field(ge=100)
    thickness_nm: float = Field(ge=20)
    sphere_nm: float = Field(ge=20)
    sphere_spread: float = Field(ge=0, le=0.05)
    stacking_fault: float = Field(ge=0, le=1)
    unfilled: float = Field(ge=0, le=0.9)
    texture_nm: float = Field(ge=20)
    period_nm: float = Field(ge=20)
    wall_width_nm: float = Field(gt=0)
    repeats: int = Field(ge=1)
    cobalt_nm: float = Field(gt=0)
    platinum_nm: float = Field(gt=0)
    white_line: float = Field(ge=0)


class Beam(Table):
    """Beam, zone plate and what of the sample's thickness is simulated."""

    energy_ev: float = Field(gt=0)
    polarization: float = Field(gt=0, le=1)
    pixel_nm: float = Field(gt=0)
    outer_zone_nm: float = Field(gt=0)
    plate_um: float = Field(gt=0)
    stop_fraction: float = Field(ge=0, lt=1)
    rim: float = Field(ge=0, le=0.5)
    defocus_um: float
    defocus_error_um: float
    astigmatism_um: float
    first_mode: float = Field(ge=0.05, le=1)
    bandwidth: float = Field(ge=0, lt=0.1)
    slice_nm: float = Field(ge=0)
    window: int = Field(ge=1, le=4)

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if 0 < self.slice_nm < _THINNEST_NM:
            raise ValueError(f"optics.slice_nm is {self.slice_nm}; allowed: 0, no slices, or from {_THINNEST_NM}")
        return self


class Optics(Beam):
    """Beam, zone plate and pose."""

    tilt_deg: float = Field(gt=-80, lt=80)
    in_plane_deg: float


class Scan(Table):
    """Where the frames are taken."""

    kind: Literal["raster", "spiral"]
    rows: int = Field(ge=2)
    columns: int = Field(ge=2)
    step_nm: float = Field(gt=0)
    jitter_nm: float = Field(ge=0)
    error_nm: float = Field(ge=0)
    drift_nm: float = Field(ge=0)
    backlash_nm: float = Field(ge=0)
    helicity_shift_nm: float


class Detector(Table):
    """Detector, background and flux."""

    pixels: int = Field(ge=16, le=2048, multiple_of=2)
    pitch_um: float = Field(gt=0)
    photons: float = Field(ge=1, le=_MOST_PHOTONS)
    electrons_per_photon: float = Field(gt=0)
    electrons_per_adu: float = Field(gt=0)
    full_well_electrons: float = Field(gt=0)
    read_noise_electrons: float = Field(ge=0, le=1e6)
    bad_fraction: float = Field(ge=0, lt=1)
    point_spread_px: float = Field(ge=0)
    stop_px: float = Field(ge=0)
    background_photons: float = Field(ge=0)
    streak: float = Field(ge=0, le=1)
    ring: float = Field(ge=0, le=1)
    flux_walk: float = Field(ge=0)
    top_up_depth: float = Field(ge=0, lt=1)
    helicity_flux: float = Field(gt=0)


class Faults(Table):
    """Frames that go wrong."""

    corrupt_fraction: float = Field(ge=0, le=0.3)
    kinds: list[Literal["row_band", "column_band", "shifted", "duplicated", "quadrant", "pattern", "flux_jump"]] = (
        Field(min_length=1)
    )

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"faults.kinds is {self.kinds}; allowed: each kind once")
        return self


class Sweep(Table):
    """What is swept; an empty list is not."""

    photons: list[float] = Field(default_factory=list)
    overlap: list[float] = Field(default_factory=list)
    first_mode: list[float] = Field(default_factory=list)
    corrupt_fraction: list[float] = Field(default_factory=list)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        limits = {"photons": (1, _MOST_PHOTONS), "first_mode": (0.05, 1), "corrupt_fraction": (0, 0.3)}
        for name, (low, high) in limits.items():
            values = getattr(self, name)
            if not all(low <= value <= high for value in values):
                raise ValueError(f"sweep.{name} is {values}; allowed: {low:g} to {high:g}")
        if not all(0 < value < 1 for value in self.overlap):
            raise ValueError(f"sweep.overlap is {self.overlap}; allowed: above 0 and below 1")
        for name, values in self.model_dump().items():
            if len(set(values)) < len(values):
                raise ValueError(f"sweep.{name} is {values}; allowed: each value once")
        return self


class Scoring(Table):
    """Margins and draws of the scoring."""

    margin_nm: float = Field(ge=0)
    taper_nm: float = Field(ge=0)
    largest_shift_nm: float = Field(ge=0)
    interval_draws: int = Field(ge=0)
    halves_disagree: float = Field(gt=0)


class Ptychography(Configuration):
    """The whole configuration."""

    sample: Sample
    optics: Optics
    scan: Scan
    detector: Detector
    faults: Faults
    sweep: Sweep
    scoring: Scoring

    @model_validator(mode="after")
    def _overlapping(self) -> Self:
        width = 1e9 * disc_diameter(self.optics.model_dump())
        if self.scan.step_nm >= width:
            raise ValueError(f"scan.step_nm is {self.scan.step_nm}; allowed: below the lit disc, {width:.0f}")
        return self


def points(configuration: Ptychography) -> Sequence[Point]:
    """Return the grid of the sweep; one empty point where nothing is swept."""
    swept = {name: values for name, values in configuration.sweep.model_dump().items() if values}
    return [dict(zip(swept, values, strict=True)) for values in itertools.product(*swept.values())]


def varies(configuration: Ptychography) -> str:
    """Return the first stage that the sweep changes: dose and faults leave the noise-free frames as they are."""
    return "expected" if configuration.sweep.overlap or configuration.sweep.first_mode else "measurement"


def at_point(tables: Mapping[str, Any], point: Point) -> dict[str, Any]:
    """Return the tables of a configuration at a point of its sweep."""
    result = {name: dict(table) for name, table in tables.items()}
    places = {"photons": "detector", "first_mode": "optics", "corrupt_fraction": "faults"}
    for name, value in point.items():
        if name == "overlap":
            _overlap(result["scan"], 1e9 * disc_diameter(result["optics"]) * (1 - float(value)))
        else:
            result[places[name]][name] = value
    return result


def _overlap(scan: dict[str, Any], step: float) -> None:
    """Change the step, nm, and the number of positions with it: the scan covers what it did."""
    for name in ("rows", "columns"):
        scan[name] = max(2, round((scan[name] - 1) * scan["step_nm"] / step) + 1)
    scan["step_nm"] = step


def disc_diameter(optics: Mapping[str, Any]) -> float:
    """Return the diameter of the lit disc, m: the spot in focus, or the defocused cone where that is wider."""
    from optics.units import wavelength

    zone = _NM * float(optics["outer_zone_nm"])
    aperture = wavelength(float(optics["energy_ev"])) / (2 * zone)
    return max(1.22 * zone, 2 * aperture * _UM * abs(float(optics["defocus_um"])))


def setup_of(tables: Mapping[str, Any]) -> "PtychographySetup":
    """Return the experiment that the tables describe.

    Raises
    ------
    ValueError
        If a part of it is impossible.
    """
    from simulators.beamline.detector import Detector as Chip
    from simulators.beamline.faults import FaultRates
    from simulators.beamline.flux import FluxSetup
    from simulators.beamline.frame_background import BackgroundSetup
    from simulators.beamline.frame_detector import FrameDetector
    from simulators.experiments.ptychography_setups import HelicitySetup, PtychographySetup

    optics, detector, faults = tables["optics"], tables["detector"], tables["faults"]
    share = faults["corrupt_fraction"] / len(faults["kinds"])
    chip = Chip(
        electrons_per_photon=detector["electrons_per_photon"],
        electrons_per_adu=detector["electrons_per_adu"],
        full_well=detector["full_well_electrons"],
        read_noise=detector["read_noise_electrons"],
        bad_fraction=detector["bad_fraction"],
    )
    return PtychographySetup(
        material=_material(tables["sample"]),
        optics=_optics(optics),
        scan=_scan(tables["scan"]),
        difference=HelicitySetup(shift=(0.0, _NM * tables["scan"]["helicity_shift_nm"])),
        flux=FluxSetup(
            walk=detector["flux_walk"],
            top_up_depth=detector["top_up_depth"],
            helicity_ratio=detector["helicity_flux"],
        ),
        faults=FaultRates(**dict.fromkeys(faults["kinds"], share)),
        background=BackgroundSetup(
            flat=detector["background_photons"], streak=detector["streak"], ring=detector["ring"]
        ),
        detector=FrameDetector(
            n=detector["pixels"],
            pitch=_UM * detector["pitch_um"],
            chip=chip,
            point_spread=detector["point_spread_px"],
            stop_radius=detector["stop_px"],
        ),
        photons=detector["photons"],
        pixel=_NM * optics["pixel_nm"],
        oversampling=tables["sample"]["oversampling"],
        window=optics["window"],
        slice_thickness=_NM * optics["slice_nm"] or math.inf,
        tilt=math.radians(optics.get("tilt_deg", 0.0)),
        in_plane_angle=math.radians(optics.get("in_plane_deg", 0.0)),
    )


def _material(sample: Mapping[str, Any]) -> "MaterialSetup":
    from simulators.experiments.ptychography_setups import MaterialSetup

    if sample["kind"] != "multilayer":
        return MaterialSetup(white_line=sample["white_line"])
    stack = (("Co", sample["cobalt_nm"]), ("Pt", sample["platinum_nm"]))
    return MaterialSetup(stack=stack, endless=True, white_line=sample["white_line"])


def _optics(optics: Mapping[str, Any]) -> "OpticsSetup":
    from simulators.beamline.zone_plate import ZonePlate
    from simulators.experiments.ptychography_setups import OpticsSetup

    plate = ZonePlate(
        outer_zone=_NM * optics["outer_zone_nm"],
        diameter=_UM * optics["plate_um"],
        stop_fraction=optics["stop_fraction"],
        rim=optics["rim"],
        astigmatism=_UM * optics["astigmatism_um"],
    )
    return OpticsSetup(
        energy=optics["energy_ev"],
        polarization=optics["polarization"],
        plate=plate,
        defocus=_UM * optics["defocus_um"],
        defocus_error=_UM * optics["defocus_error_um"],
        first_mode=optics["first_mode"],
        bandwidth=optics["bandwidth"],
        kept=optics.get("kept", _KEPT),
    )


def _scan(scan: Mapping[str, Any]) -> "ScanSetup":
    from simulators.experiments.ptychography_setups import ScanSetup

    lengths = {name: _NM * scan[f"{name}_nm"] for name in ("step", "jitter", "error", "drift", "backlash")}
    return ScanSetup(rows=scan["rows"], columns=scan["columns"], kind=scan["kind"], **lengths)


def settings_of(tables: Mapping[str, Any]) -> "ScoringSettings":
    """Return the settings of the scoring."""
    from scenarios.scoring_settings import ScoringSettings, shared_settings

    return ScoringSettings(**shared_settings(tables["scoring"]))
