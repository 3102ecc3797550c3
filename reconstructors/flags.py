"""Warnings that a method gives about its own result, from the data alone; no truth is used.

- `missing_centre`: the beam stop hides more than two speckles' radius;
- `no_references`: without reference holes image and twin cannot be told apart;
- `misfit`: the model does not explain the photons, whatever the cause: coherence, support, distance, background;
- `unexplained`: the same where a solver fills its support to the last, from its own errors;
- `not_collinear`: log modulus and phase of phi+/phi- do not lie on a line in any plane;
- `second_helicity`: helicity - is fitted worse than helicity +, so it has not converged;
- `lost_contrast`: more steps of helicity - would give more contrast, so it has not converged;
- `bright_rim`: light is piled up at the rim of the object's support, so the support is too small.

Each returns (raised, the number behind it).
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]
Flag = tuple[bool, float]

LARGEST_STOP = 2.0

LARGEST_MISFIT = 5.0
"""Measured: up to 3 on sound data; from 80 with an uncorrected visibility of 0.9."""

LARGEST_SHARE = 3e-4
"""Share of the light that a misfit must amount to. Measured: up to 2e-5 on sound data, from 1e-3 without coherence."""

LARGEST_ERROR = 6e-3
"""Measured: up to 3e-3 where the published recipe was sound, from 1.2e-2 with an uncorrected visibility of 0.9."""

LARGEST_COLLINEARITY = 0.1
"""Measured: up to 0.008 on sound data, from 0.17 without references."""

LARGEST_MISFIT_RATIO = 1.28
"""Measured: up to 1.21 where helicity - had converged, from 1.35 where a fifth of its contrast was missing."""

LEAST_CONTRAST = 0.95
"""Of what patience gives. Measured: from 0.98 where helicity - had converged, up to 0.85 where it had not."""

LARGEST_RIM = 0.01
"""Measured: up to 1e-4 (`hapre`, tighter: 0.004) on sound data, from 0.03 with a support 5 % smaller than a hole of
600 nm."""


def missing_centre(measurement: xr.Dataset, *, field: float) -> Flag:
    """Return the radius of the smallest beam stop in speckles (field over hole diameter, in detector pixels)."""
    kinds = [str(kind) for kind in measurement["hole_kind"].values]
    diameter = max(
        float(d) for d, kind in zip(measurement["hole_diameter"].values, kinds, strict=True) if kind == "object"
    )
    pixels = float(measurement["stop_radius"].min()) / float(measurement["pixel_pitch"])
    speckles = pixels * diameter / field
    return speckles > LARGEST_STOP, speckles


def no_references(measurement: xr.Dataset) -> Flag:
    """Return whether the mask has no reference hole."""
    count = sum(str(kind) == "reference" for kind in measurement["hole_kind"].values)
    return count == 0, float(count)


def misfit(intensity: Array, model: Array, valid: NDArray[np.bool_], exposure: Array) -> Flag:
    """Return the mean squared difference of amplitudes over its expectation for photon noise (1/4).

    It is raised where that is both beyond noise and a share of the light that matters: many photons find faults in any
    model, and a handful per pixel do not follow the expectation.

    Parameters
    ----------
    intensity, model : (2, n, n) arrays
        Photons as measured and explained, on the scale of the longest exposure.
    valid : (n, n) bool
    exposure : (n, n) array
        Relative exposure of the pixels.
    """
    scale = np.sqrt(np.maximum(model[:, valid], 0)) - np.sqrt(np.maximum(intensity[:, valid], 0))
    value = 4 * float(np.mean(np.square(scale, dtype=np.float64) * exposure[valid]))
    light = float(np.mean(intensity[:, valid] * exposure[valid], dtype=np.float64))
    share = (value - 1) / 4 / light if light > 0 else 0.0
    return value > LARGEST_MISFIT and share > LARGEST_SHARE, value


def unexplained(plus: float, minus: float) -> Flag:
    """Return the larger of both helicities' squared amplitude differences over the light, inside of the support.

    For waves that were given the measured magnitudes last: these explain any pattern, at the cost of their support.
    """
    value = max(plus, minus)
    return value > LARGEST_ERROR, float(value)


def not_collinear(least: float, most: float) -> Flag:
    """Return least over largest collinearity met in the search for the focus."""
    value = least / most if most > 0 else 1.0
    return value > LARGEST_COLLINEARITY, value


def second_helicity(plus: float, minus: float) -> Flag:
    """Return the misfit of helicity - over that of helicity +."""
    value = minus / plus if plus > 0 else np.inf
    return value > LARGEST_MISFIT_RATIO, float(value)


def lost_contrast(m_z: Array, patient: Array, mask: NDArray[np.bool_]) -> Flag:
    """Return the contrast of `m_z` over that of `patient`, what more steps of helicity - give, by regression in `mask`.

    Unlike `second_helicity` it sees a helicity - that is fitted well because it is still helicity +.
    """
    a, b = (image[mask].astype(np.float64) for image in (m_z, patient))
    a, b = a - a.mean(), b - b.mean()
    power = float(np.dot(b, b))
    value = float(np.dot(a, b)) / power if power > 0 else 1.0
    return value < LEAST_CONTRAST, value


def bright_rim(wave: Array, support: NDArray[np.bool_], *, width: float = 1.5) -> Flag:
    """Return the mean light within `width` pixels of the support's rim over that well inside; centred arrays."""
    depth = ndimage.distance_transform_edt(support)
    light = np.abs(wave) ** 2
    rim, inside = (depth > 0) & (depth <= width), depth > 12
    if not inside.any() or not rim.any():
        return False, 0.0
    value = float(light[rim].mean(dtype=np.float64) / max(light[inside].mean(dtype=np.float64), 1e-30))
    return value > LARGEST_RIM, value
