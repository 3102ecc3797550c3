"""What reaches the detector without passing the sample as it should.

- `BackgroundSetup`: flat light, the guard slits' streak, the order-sorting aperture's ring;
- `flat_light`, `stray_light`: expected photons per frame.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optics.grids import positions, radius_grid

Array = NDArray[Any]


@dataclass(frozen=True)
class BackgroundSetup:
    """Background of every frame; by default none.

    Attributes
    ----------
    flat : float
        Fluorescence and visible light, photons per pixel and frame; no beam stop holds it and no flux moves it.
    streak : float
        Photons in the guard slits' streak along x, share of the incident photons.
    streak_width : float
        rms width of the streak in y, pixels.
    ring : float
        Photons that the edge of the order-sorting aperture scatters into a ring, share of the incident ones.
    ring_radius, ring_width : float
        Radius of the ring, as a share of half the detector; rms width, pixels.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    flat: float = 0.0
    streak: float = 0.0
    streak_width: float = 0.7
    ring: float = 0.0
    ring_radius: float = 0.25
    ring_width: float = 1.5

    def __post_init__(self) -> None:
        if not (np.isfinite(self.flat) and self.flat >= 0):
            raise ValueError(f"flat is {self.flat} photons per pixel; allowed: 0 or more")
        for name in ("streak", "ring"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: a share of the photons, 0 to 1")
        for name in ("streak_width", "ring_width"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)} pixels; allowed: above 0")
        if not 0 < self.ring_radius <= 1:
            raise ValueError(f"ring_radius is {self.ring_radius}; allowed: above 0, up to 1 half detector")


def flat_light(n: int, setup: BackgroundSetup) -> Array:
    """Return the flat part, photons per pixel and frame, (n, n)."""
    return np.full((n, n), setup.flat)


def stray_light(n: int, setup: BackgroundSetup, *, photons: float) -> Array:
    """Return streak and ring, which come with the beam: photons per pixel of a frame of so many `photons`, (n, n)."""
    light = np.zeros((n, n))
    if setup.streak > 0:
        along = 1 / (1 + (positions(n, 1.0) / (0.05 * n)) ** 2)  # a slit's edge scatters like 1/q^2
        across = np.exp(-0.5 * (positions(n, 1.0) / setup.streak_width) ** 2)
        light += _scaled(across[:, None] * along[None, :], setup.streak * photons)
    if setup.ring > 0:
        distance = radius_grid((n, n)) - setup.ring_radius * n / 2
        light += _scaled(np.exp(-0.5 * (distance / setup.ring_width) ** 2), setup.ring * photons)
    return light


def _scaled(shape: Array, photons: float) -> Array:
    return np.asarray(shape * (photons / shape.sum()))
