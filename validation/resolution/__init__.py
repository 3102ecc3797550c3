"""Resolution: how two arrays agree by spatial frequency, and what is read off it.

- `curves`: correlation by rings and shells; `conical`: by direction; `phase_randomized`: what a mask adds;
- `thresholds`, `crossings`: where a curve ends, with its interval; `agreement`: halves against the truth;
- `prtf`: how well random starts agree, `starts`: brought into one frame;
- `rings`: means over rings, spectral densities and how far they reach;
- `binning`, `spectra`, `kernels` beneath them: the one binning rule of the room.
"""

from validation.resolution.agreement import Agreement, compare_resolutions, halves_against_truth
from validation.resolution.crossings import Resolution, resolution
from validation.resolution.curves import CorrelationCurve, fourier_ring_correlation, fourier_shell_correlation
from validation.resolution.thresholds import threshold_curve

__all__ = [
    "Agreement",
    "CorrelationCurve",
    "Resolution",
    "compare_resolutions",
    "fourier_ring_correlation",
    "fourier_shell_correlation",
    "halves_against_truth",
    "resolution",
    "threshold_curve",
]
