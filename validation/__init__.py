"""What a reconstruction is worth: arrays and records in, numbers with errors out. Knows no simulator and no method.

- `registration`: phase, scale, shift, ramp, focus and twin, removed on request; `alignment` beneath it;
- `resolution`: ring and shell correlation, thresholds, crossings with intervals; `rings`: the binning; `prtf`;
- `walls`: width of domain walls; `contours`, `wall_model`, `transfers` beneath it;
- `fidelity`: error, contrast, correlation; `ceiling`: what a perfect method could show;
- `heterodyne`: what the references lend to the magnetic signal.

Every public name is importable from here; lengths are in metres, frequencies in cycles per metre, sums in float64.
"""

from validation.ceiling import ceiling_image, thick_film_transfer
from validation.fidelity import ContrastFit, complex_error, contrast_and_offset, correlation
from validation.heterodyne import edge_gain, heterodyne_curves
from validation.prtf import (
    TransferCurve,
    expected_transfer,
    floor_transfer,
    phase_retrieval_transfer_function,
    transfer_resolution,
)
from validation.registration import Registration, TwinContent, apply_registration, register, twin_content
from validation.resolution import (
    CorrelationCurve,
    Resolution,
    expected_truth_correlation,
    fourier_ring_correlation,
    resolution,
    threshold_curve,
)
from validation.rings import RingMean, power_spectral_density, ring_mean
from validation.transfers import Combined, GaussianTransfer, HardCutoff, PixelBox, ThickFilm
from validation.walls import MeanWallWidth, WallFit, fit_wall_width, mean_wall_width, wall_width_map

__all__ = [
    "Combined",
    "ContrastFit",
    "CorrelationCurve",
    "GaussianTransfer",
    "HardCutoff",
    "MeanWallWidth",
    "PixelBox",
    "Registration",
    "Resolution",
    "RingMean",
    "ThickFilm",
    "TransferCurve",
    "TwinContent",
    "WallFit",
    "apply_registration",
    "ceiling_image",
    "complex_error",
    "contrast_and_offset",
    "correlation",
    "edge_gain",
    "expected_transfer",
    "expected_truth_correlation",
    "fit_wall_width",
    "floor_transfer",
    "fourier_ring_correlation",
    "heterodyne_curves",
    "mean_wall_width",
    "phase_retrieval_transfer_function",
    "power_spectral_density",
    "register",
    "resolution",
    "ring_mean",
    "thick_film_transfer",
    "threshold_curve",
    "transfer_resolution",
    "twin_content",
    "wall_width_map",
]
