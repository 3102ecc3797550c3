"""What a reconstruction is worth: arrays and records in, numbers with errors out. Knows no simulator and no method.

- `registration`: gauges of images, shift and rotation of volumes;
- `resolution`: correlation by rings, shells and cones, thresholds and crossings, halves against the truth, spectra;
- `walls`: widths of domain walls and of what lies between them; `pinning`: sites that hold walls, and their kinds;
- `topology`: charges, hedgehogs, pairs, voids, field lines;
- `fidelity`, `vector_fidelity`: errors, contrast, angles, charges found; `ceiling`: what a perfect method could show;
- `matching`: which of the things found are which of the true ones; `uncertainty`: whether error bars hold;
- `heterodyne`: what the references lend to the magnetic signal; `scan`: errors of positions and probe, corrupt frames.

Every public name is importable from here; lengths are in metres, frequencies in cycles per metre, sums in float64.
"""

from validation.ceiling import ceiling_image, thick_film_transfer
from validation.fidelity import ContrastFit, complex_error, contrast_and_offset, correlation, structural_similarity
from validation.heterodyne import edge_gain, heterodyne_curves
from validation.matching import Matching, match_points
from validation.pinning.kinds import classify_pinning_sites, site_wall_widths
from validation.pinning.sites import find_pinning_sites
from validation.registration.gauge import Registration, apply_registration
from validation.registration.images import TwinContent, register, twin_content
from validation.registration.volumes import register_volume
from validation.resolution.agreement import Agreement, compare_resolutions, halves_against_truth
from validation.resolution.conical import conical_shell_correlation, directional_resolution
from validation.resolution.crossings import Resolution, resolution
from validation.resolution.curves import (
    CorrelationCurve,
    blank_correlation,
    equivalent_half_correlation,
    expected_truth_correlation,
    fourier_ring_correlation,
    fourier_shell_correlation,
)
from validation.resolution.phase_randomized import phase_randomized_correlation
from validation.resolution.prtf import (
    TransferCurve,
    expected_transfer,
    floor_transfer,
    phase_retrieval_transfer_function,
    transfer_resolution,
)
from validation.resolution.rings import RingMean, power_spectral_density, ring_mean, spectral_extent
from validation.resolution.spectra import varies
from validation.resolution.thresholds import threshold_curve
from validation.scan import Detection, PositionError, detection, mode_powers, position_error, probe_error
from validation.topology import (
    ExtremeValueFit,
    RandomNull,
    SurfaceCharge,
    VoidSurfaces,
    cell_charges,
    classify_sites,
    emergent_field,
    find_hedgehogs,
    fit_extreme_value,
    flux_links,
    layer_charges,
    pair_distances,
    random_null,
    slice_charge,
    stereographic_projection,
    surface_charge,
    trace_field_lines,
    virtual_hedgehogs,
    void_surfaces,
)
from validation.uncertainty import Calibration, Interval, bootstrap, calibration
from validation.vector_fidelity import (
    AngularError,
    ChargeFidelity,
    ChargeScore,
    ComponentCurves,
    HelmholtzError,
    angular_error,
    charge_fidelity,
    component_correlation,
    helmholtz_error,
)
from validation.walls.domains import domain_contrast, domain_period
from validation.walls.local_widths import local_wall_width
from validation.walls.maps import wall_width_map
from validation.walls.transfers import Combined, GaussianTransfer, HardCutoff, PixelBox, ThickFilm
from validation.walls.widths import MeanWallWidth, WallFit, fit_wall_width, mean_wall_width

__all__ = [
    "Agreement",
    "AngularError",
    "Calibration",
    "ChargeFidelity",
    "ChargeScore",
    "Combined",
    "ComponentCurves",
    "ContrastFit",
    "CorrelationCurve",
    "Detection",
    "ExtremeValueFit",
    "GaussianTransfer",
    "HardCutoff",
    "HelmholtzError",
    "Interval",
    "Matching",
    "MeanWallWidth",
    "PixelBox",
    "PositionError",
    "RandomNull",
    "Registration",
    "Resolution",
    "RingMean",
    "SurfaceCharge",
    "ThickFilm",
    "TransferCurve",
    "TwinContent",
    "VoidSurfaces",
    "WallFit",
    "angular_error",
    "apply_registration",
    "blank_correlation",
    "bootstrap",
    "calibration",
    "ceiling_image",
    "cell_charges",
    "charge_fidelity",
    "classify_pinning_sites",
    "classify_sites",
    "compare_resolutions",
    "complex_error",
    "component_correlation",
    "conical_shell_correlation",
    "contrast_and_offset",
    "correlation",
    "detection",
    "directional_resolution",
    "domain_contrast",
    "domain_period",
    "edge_gain",
    "emergent_field",
    "equivalent_half_correlation",
    "expected_transfer",
    "expected_truth_correlation",
    "find_hedgehogs",
    "find_pinning_sites",
    "fit_extreme_value",
    "fit_wall_width",
    "floor_transfer",
    "flux_links",
    "fourier_ring_correlation",
    "fourier_shell_correlation",
    "halves_against_truth",
    "helmholtz_error",
    "heterodyne_curves",
    "layer_charges",
    "local_wall_width",
    "match_points",
    "mean_wall_width",
    "mode_powers",
    "pair_distances",
    "phase_randomized_correlation",
    "phase_retrieval_transfer_function",
    "position_error",
    "power_spectral_density",
    "probe_error",
    "random_null",
    "register",
    "register_volume",
    "resolution",
    "ring_mean",
    "site_wall_widths",
    "slice_charge",
    "spectral_extent",
    "stereographic_projection",
    "structural_similarity",
    "surface_charge",
    "thick_film_transfer",
    "threshold_curve",
    "trace_field_lines",
    "transfer_resolution",
    "twin_content",
    "varies",
    "virtual_hedgehogs",
    "void_surfaces",
    "wall_width_map",
]
