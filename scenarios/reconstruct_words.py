"""What ``truespin reconstruct ptychography`` says.

- `heading`: what is reconstructed; `result`: what came of it, what was left out and why, and what to distrust.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

_FLAGS: Final = {
    "frames_left_out": "{:.0%} of the frames took no part",
    "misfit": "the squared error is {:.3g} times what photon noise makes: positions, distance, gain or bad pixels are "
    "wrong, or it has not converged",
    "below_noise": "photon noise is {:.3g} times the squared error: the gain is wrong, or the frames are no counts",
    "unexplained": "Fourier error {:.3g}: no better than no image at all",
    "few_data": "{:.2g} unknown values to a measured one: too few frames or pixels",
    "little_overlap": "positions lie {:.2g} probe diameters apart: frames hardly overlap",
    "unseen_light": "{:.0%} of the probe's light falls on masked pixels",
    "guessed_optics": "the start probe is a guess from the mean frame: --outer-zone and --defocus give a better one",
    "saturated_pixels": "{:.0f} pixels are saturated again and again, and left out",
    "helicities_apart": "the helicities' scans lie {:.2g} pixels apart",
}


def heading(file: Path, node: "xr.Dataset") -> list[str]:
    """Return two lines on a measurement."""
    from optics.units import wavelength
    from records import ptychography

    n, frames = node.sizes["y"], node.sizes["position"]
    helicities = ", ".join(f"{int(h):+d}" for h in node["helicity"].values)
    field = str(node.attrs["propagation"]).replace("_", " ")
    # CXI has no place for it, so a near field may be taken for a far one.
    hint = (
        "; a near one needs --focus-distance or --near-field" if file.suffix != ".nc" and field == "far field" else ""
    )
    return [
        f"{file}: {frames} frames of {n} x {n} pixels, helicity {helicities}, {field}{hint}",
        f"  wavelength {1e9 * wavelength(float(node['energy'])):.4g} nm, "
        f"pixel of the object {1e9 * ptychography.pixel_size(node):.4g} nm",
    ]


def result(found: "xr.Dataset") -> list[str]:
    """Return a line for each helicity and one for each flag that is raised."""
    return [*(_helicity(found, index) for index in range(found.sizes["helicity"])), *_raised(found)]


def _helicity(found: "xr.Dataset", index: int) -> str:
    history = found["history"].values[index] if "history" in found else np.array([np.nan])
    known = history[np.isfinite(history)]
    error = f"Fourier error {known[-1]:.4f} after {len(known)} epochs" if len(known) else "no history"
    photons = float(np.sum(np.abs(found["probe"].values[index]) ** 2, dtype=np.float64))
    left_out = found["corrupt"].values[index] if "corrupt" in found else np.zeros(0, int)
    frames = found.sizes["position"]
    return (
        f"helicity {int(found['helicity'][index]):+d}: {error}; {photons:.3g} photons a frame; "
        f"{np.count_nonzero(left_out)} of {frames} frames left out{_why(left_out)}"
    )


def _why(left_out: "np.ndarray[tuple[int, ...], np.dtype[np.integer]]") -> str:
    from reconstructors.ptychography.corrections import faults
    from reconstructors.ptychography.usable_frames import REASONS

    reasons = faults.REASONS | REASONS
    keys, numbers = np.unique(left_out[left_out != 0], return_counts=True)
    parts = [
        f"{number} {reasons.get(int(key), 'for another reason')}" for key, number in zip(keys, numbers, strict=True)
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _raised(found: "xr.Dataset") -> list[str]:
    if "flag" not in found:
        return []
    values = zip(found["flag_name"].values, found["flag"].values, found["flag_value"].values, strict=True)
    return [
        f"flag {name}: {_FLAGS.get(str(name), '{:.3g}').format(float(value))}" for name, up, value in values if up == 1
    ]
