"""The flux of a scan, frame by frame: what a storage ring and a monochromator do to it.

- `FluxSetup`: slow drift, top-up, the ratio of the helicities;
- `flux_of_scan`: relative flux of every frame, in the order of time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class FluxSetup:
    """How the incident flux varies during a scan; by default not at all.

    Attributes
    ----------
    walk : float
        Random walk of the flux: rms relative change from the first frame to the last, both helicities in a row.
    top_up_depth : float
        Relative loss of the stored current between two injections; the flux falls evenly and jumps back.
    top_up_period : float
        Frames between two injections.
    helicity_ratio : float
        Mean flux of helicity -1 over that of helicity +1.
    monitor_noise : float or None
        Relative rms error of the monitor's reading of each frame; None for a beamline without one.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    walk: float = 0.0
    top_up_depth: float = 0.0
    top_up_period: float = 500.0
    helicity_ratio: float = 1.0
    monitor_noise: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.walk <= 0.3:
            raise ValueError(f"walk is {self.walk}; allowed: 0 to 0.3")
        if not 0 <= self.top_up_depth < 1:
            raise ValueError(f"top_up_depth is {self.top_up_depth}; allowed: 0 to below 1")
        if not self.top_up_period >= 2:
            raise ValueError(f"top_up_period is {self.top_up_period} frames; allowed: from 2")
        if not 0.1 <= self.helicity_ratio <= 10:
            raise ValueError(f"helicity_ratio is {self.helicity_ratio}; allowed: 0.1 to 10")
        if self.monitor_noise is not None and not 0 <= self.monitor_noise < 1:
            raise ValueError(f"monitor_noise is {self.monitor_noise}; allowed: None, or 0 to below 1")


def flux_of_scan(frames: int, setup: FluxSetup, *, helicities: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return the relative flux of every frame; its mean over all of them is 1.

    Parameters
    ----------
    frames : int
        Per helicity.
    setup : FluxSetup
    helicities : tuple of int
        Of +1 and -1, in the order in which they are scanned, one whole scan after the other.
    rng : numpy.random.Generator

    Returns
    -------
    (helicities, frames) float64 array
    """
    total = frames * len(helicities)
    steps = rng.standard_normal(total) * (setup.walk / np.sqrt(max(total - 1, 1)))
    steps[0] = 0
    age = (np.arange(total) / setup.top_up_period + rng.random()) % 1.0
    # the exponential keeps a long walk positive; to first order its steps are the relative changes
    flux = np.exp(np.cumsum(steps)) * (1 - setup.top_up_depth * age)
    flux = flux.reshape(len(helicities), frames)
    if len(helicities) > 1:
        flux /= flux.mean(axis=1, keepdims=True) / flux.mean()
        flux *= [[setup.helicity_ratio if helicity < 0 else 1.0] for helicity in helicities]
    return np.asarray(flux / flux.mean())
