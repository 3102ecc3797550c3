"""Warnings that a method gives about its own result, from the data alone; no truth is used.

- `missing_centre`: the beam stop hides more than two speckles' radius;
- `no_references`: without reference holes image and twin cannot be told apart;
- `misfit`: the model does not explain the photons, whatever the cause: coherence, support, distance, background;
- `not_collinear`: log modulus and phase of phi+/phi- do not lie on a line in any plane;
- `second_helicity`: helicity - is fitted worse than helicity +, so it has not converged;
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
LARGEST_COLLINEARITY = 0.1
LARGEST_MISFIT_RATIO = 1.5
LARGEST_RIM = 0.5


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
    return value > LARGEST_MISFIT, value


def not_collinear(least: float, most: float) -> Flag:
    """Return least over largest collinearity met in the search for the focus."""
    value = least / most if most > 0 else 1.0
    return value > LARGEST_COLLINEARITY, value


def second_helicity(plus: float, minus: float) -> Flag:
    """Return the misfit of helicity - over that of helicity +."""
    value = minus / plus if plus > 0 else np.inf
    return value > LARGEST_MISFIT_RATIO, float(value)


def bright_rim(wave: Array, support: NDArray[np.bool_], *, width: float = 1.5) -> Flag:
    """Return the mean light within `width` pixels of the support's rim over that well inside; centred arrays."""
    depth = ndimage.distance_transform_edt(support)
    light = np.abs(wave) ** 2
    rim, inside = (depth > 0) & (depth <= width), depth > 12
    if not inside.any() or not rim.any():
        return False, 0.0
    value = float(light[rim].mean(dtype=np.float64) / max(light[inside].mean(dtype=np.float64), 1e-30))
    return value > LARGEST_RIM, value
