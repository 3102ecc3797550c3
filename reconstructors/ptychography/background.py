"""Light that does not come from the sample plane.

- `flat_background`: photons per pixel that are the same everywhere, from the mean and the variance of the frames.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_OUTER = 0.75
"""Share of the detector's half width beyond which scattering is weak and its speckles are fully developed."""

_RINGS = 8


def flat_background(mean: Array, variance: Array, valid: NDArray[np.bool_]) -> float:
    """Return the photons per pixel and frame that do not vary from frame to frame, beyond their own noise.

    Fully developed speckle of mean m has the variance m²; with a constant b and photon noise the mean is m + b and the
    variance m² + m + b. What is known of m from the variance is taken off the mean, ring by ring near the edge of the
    detector, and rings of little light count most.

    Parameters
    ----------
    mean, variance : (ny, nx) arrays
        Over the frames of a scan, photons; zero frequency in the centre.
    valid : (ny, nx) bool array
    """
    y, x = (2 * np.abs(np.arange(n) - n // 2) / n for n in mean.shape)
    radius = np.maximum(y[:, None], x[None, :])
    edges = np.linspace(_OUTER, 1, _RINGS + 1)
    levels, weights = [], []
    for low, high in pairwise(edges):
        ring = valid & (radius >= low) & (radius <= high)
        if not ring.any():
            continue
        light = float(mean[ring].mean())
        speckle = np.sqrt(max(float((variance[ring] - mean[ring]).mean()), 0.0))
        levels.append(max(light - speckle, 0.0))
        weights.append(ring.sum() / max(light, 1e-12) ** 2)
    return float(np.average(levels, weights=weights)) if levels else 0.0
