"""The tables of ``domain_walls.toml``, and what they mean in SI units.

- `DomainWalls`: the configuration of the scenario;
- `setup_of`: the experiment of a configuration, `settings_of`: the scoring's settings.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from scenarios.catalogue import Configuration
from scenarios.configuration import Table

if TYPE_CHECKING:
    from scenarios.holography_scoring import ScoringSettings
    from simulators.experiments.setups import DetectorSetup, FilmSetup, HolographySetup, MaskSetup, SourceSetup

_NM, _UM = 1e-9, 1e-6


class Sample(Table):
    """The film and its domains."""

    kind: Literal["analytic", "relaxed"]
    period_nm: float = Field(ge=20)
    wall_width_nm: float = Field(gt=0)
    wall_angle_deg: float
    oversampling: int = Field(ge=2, le=8)
    repeats: int = Field(ge=1)
    cobalt_nm: float = Field(gt=0)
    platinum_nm: float = Field(ge=0)
    copper_nm: float = Field(ge=0)
    buffer_nm: float = Field(ge=0)
    cap_nm: float = Field(ge=0)
    membrane_nm: float = Field(ge=0)
    white_line: float = Field(ge=0)
    in_plane: bool
    beta_m_t_nm: float | None = Field(default=None, gt=0)
    cobalt_saturation_ka_m: float = Field(gt=0)
    cobalt_exchange_pj_m: float = Field(gt=0)
    cobalt_dmi_mj_m2: float
    torque: float = Field(gt=0, le=0.1)


class Optics(Table):
    """Beam and mask."""

    energy_ev: float = Field(gt=0)
    polarization: float = Field(gt=0, le=1)
    pixel_nm: float = Field(gt=0)
    hole_nm: float = Field(gt=0)
    object_kind: str
    references: int = Field(ge=0)
    reference_kind: str
    reference_min_nm: float = Field(gt=0)
    reference_max_nm: float = Field(gt=0)
    taper: float = Field(ge=0)
    taper_depth: float = Field(ge=0, le=1)
    roughness_nm: float = Field(ge=0)
    edge_width_nm: float = Field(gt=0)
    position_error_nm: float = Field(ge=0)
    diameter_error_nm: float = Field(ge=0)
    largest_shift_px: float = Field(ge=0)
    visibility: float = Field(gt=0, le=1)
    coherence_ratio: float = Field(gt=0)
    vibration_px: float = Field(ge=0)
    resolving_power: float = Field(ge=0)
    energies: int = Field(ge=1)
    harmonic_fraction: float = Field(ge=0, lt=1)
    harmonic_order: int = Field(ge=2)
    flux_drift: float = Field(ge=0)
    beam_waist_um: float = Field(ge=0)
    beam_shift: float = Field(ge=0)
    beam_waist_change: float = Field(gt=-1, lt=1)


class Detector(Table):
    """The detector and its exposures."""

    pixels: int = Field(ge=32, le=8192, multiple_of=2)
    pitch_um: float = Field(gt=0)
    photons: float = Field(gt=0)
    stops_speckles: list[float] = Field(min_length=1)
    stop_times: list[float] = Field(min_length=1)
    penumbra_px: float = Field(gt=0)
    margin_px: float = Field(ge=0)
    background_photons: float = Field(ge=0)
    stray_fraction: float = Field(ge=0)
    stray_width: float = Field(gt=0)
    electrons_per_photon: float = Field(gt=0)
    electrons_per_adu: float = Field(gt=0)
    full_well_electrons: float = Field(gt=0)
    read_noise_electrons: float = Field(ge=0)
    dark_adu: float = Field(ge=0)
    dark_structure_adu: float = Field(ge=0)
    dark_reads: int = Field(ge=1)
    bad_fraction: float = Field(ge=0, lt=1)


class Scoring(Table):
    """Margins and draws of the scoring."""

    margin_nm: float = Field(ge=0)
    taper_nm: float = Field(ge=0)
    largest_shift_nm: float = Field(ge=0)
    focus_range_nm: float = Field(ge=0)
    interval_draws: int = Field(ge=0)
    halves_disagree: float = Field(gt=0)


class DomainWalls(Configuration):
    """The whole configuration."""

    sample: Sample
    optics: Optics
    detector: Detector
    scoring: Scoring

    @model_validator(mode="after")
    def _fits(self) -> Self:
        field = self.detector.pixels * self.optics.pixel_nm
        if self.optics.hole_nm >= field:
            raise ValueError(
                f"optics.hole_nm is {self.optics.hole_nm:g}: the hole is larger than the field of {field:g} nm; "
                "allowed: less than half the field (detector.pixels * optics.pixel_nm)"
            )
        if self.optics.reference_min_nm > self.optics.reference_max_nm:
            raise ValueError(
                f"optics.reference_min_nm is {self.optics.reference_min_nm:g}; "
                f"allowed: up to reference_max_nm, {self.optics.reference_max_nm:g}"
            )
        return self


def setup_of(configuration: Mapping[str, Any]) -> "HolographySetup":
    """Return the experiment of a configuration's tables ``sample``, ``optics`` and ``detector``, in SI units.

    Raises
    ------
    ValueError
        If the parts do not make an experiment.
    """
    from simulators.experiments.setups import HolographySetup

    sample = Sample(**configuration["sample"])
    optics = Optics(**configuration["optics"])
    return HolographySetup(
        film=_film(sample),
        mask=_mask(optics),
        source=_source(optics),
        detector=_detector(Detector(**configuration["detector"])),
        pixel=optics.pixel_nm * _NM,
        oversampling=sample.oversampling,
    )


def settings_of(configuration: Mapping[str, Any]) -> "ScoringSettings":
    """Return the scoring's settings of a configuration's table ``scoring``."""
    from scenarios.holography_scoring import ScoringSettings
    from scenarios.scoring_settings import shared_settings

    table = Scoring(**configuration["scoring"])
    return ScoringSettings(**shared_settings(table.model_dump()), focus_range=table.focus_range_nm * _NM)


def _film(sample: Sample) -> "FilmSetup":
    from simulators.experiments.setups import FilmSetup

    return FilmSetup(
        layer_thickness=sample.cobalt_nm * _NM,
        repeats=sample.repeats,
        spacers=(("Pt", sample.platinum_nm * _NM), ("Cu", sample.copper_nm * _NM)),
        caps=(("Pt", sample.buffer_nm * _NM), ("Pt", sample.cap_nm * _NM)),
        membrane=("Si3N4", sample.membrane_nm * _NM),
        white_line=sample.white_line,
        beta_m_t=None if sample.beta_m_t_nm is None else sample.beta_m_t_nm * _NM,
        in_plane=sample.in_plane,
    )


def _mask(optics: Optics) -> "MaskSetup":
    from simulators.experiments.setups import MaskSetup

    return MaskSetup(
        hole_diameter=optics.hole_nm * _NM,
        references=optics.references,
        reference_diameters=(optics.reference_min_nm * _NM, optics.reference_max_nm * _NM),
        reference_kind=optics.reference_kind,
        object_kind=optics.object_kind,
        taper=optics.taper,
        taper_depth=optics.taper_depth,
        roughness=optics.roughness_nm * _NM,
        edge_width=optics.edge_width_nm * _NM,
        position_error=optics.position_error_nm * _NM,
        diameter_error=optics.diameter_error_nm * _NM,
        largest_shift=optics.largest_shift_px,
    )


def _source(optics: Optics) -> "SourceSetup":
    from simulators.beamline.source import Illumination
    from simulators.experiments.setups import SourceSetup

    waist = optics.beam_waist_um * _UM or math.inf
    apart = optics.beam_shift * waist / 2 if math.isfinite(waist) else 0.0
    beams = [
        Illumination(waist=waist * (1 + sign * optics.beam_waist_change / 2), shift=(0.0, sign * apart))
        for sign in (1, -1)
    ]
    return SourceSetup(
        energy=optics.energy_ev,
        polarization=optics.polarization,
        visibility=optics.visibility,
        coherence_ratio=optics.coherence_ratio,
        vibration=optics.vibration_px,
        resolving_power=optics.resolving_power or math.inf,
        energies=optics.energies,
        harmonic_fraction=optics.harmonic_fraction,
        harmonic_order=optics.harmonic_order,
        illumination=(beams[0], beams[1]),
        flux_drift=optics.flux_drift,
    )


def _detector(table: Detector) -> "DetectorSetup":
    from simulators.beamline.detector import Detector as Chip
    from simulators.experiments.setups import DetectorSetup

    return DetectorSetup(
        n=table.pixels,
        pitch=table.pitch_um * _UM,
        chip=Chip(
            electrons_per_photon=table.electrons_per_photon,
            electrons_per_adu=table.electrons_per_adu,
            full_well=table.full_well_electrons,
            read_noise=table.read_noise_electrons,
            offset=table.dark_adu,
            offset_structure=table.dark_structure_adu,
            bad_fraction=table.bad_fraction,
        ),
        photons=table.photons,
        stops=tuple(table.stops_speckles),
        times=tuple(table.stop_times),
        penumbra=table.penumbra_px,
        margin=table.margin_px,
        background=table.background_photons,
        stray_fraction=table.stray_fraction,
        stray_width=table.stray_width,
        dark_reads=table.dark_reads,
    )
