"""Transfer functions M(f) of an image, for forward fits and ceilings.

`HardCutoff`, `GaussianTransfer`, `PixelBox`, `ThickFilm` and their product `Combined`: callables of the spatial
frequency (cycles/m) that return the share of the amplitude passed. Any other callable works too; one with an attribute
`limit` (cycles/m) is taken to be zero beyond it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Transfer = Callable[[Floats], Floats]


@dataclass(frozen=True)
class HardCutoff:
    """Everything to the full period `period` (m), nothing beyond."""

    period: float

    def __post_init__(self) -> None:
        _positive(self)

    @property
    def limit(self) -> float:
        """Last frequency passed, cycles/m."""
        return 1.0 / self.period

    def __call__(self, frequency: Floats) -> Floats:
        """Return the share passed at `frequency` (cycles/m)."""
        return np.where(np.abs(frequency) <= self.limit * (1 + 1e-12), 1.0, 0.0)


@dataclass(frozen=True)
class GaussianTransfer:
    """Blur by a Gaussian of full width at half maximum `fwhm` (m)."""

    fwhm: float

    def __post_init__(self) -> None:
        _positive(self)

    def __call__(self, frequency: Floats) -> Floats:
        """Return the share passed at `frequency` (cycles/m)."""
        return np.asarray(np.exp(-((math.pi * self.fwhm * frequency) ** 2) / (4 * math.log(2))))


@dataclass(frozen=True)
class PixelBox:
    """Average over a pixel of side `size` (m), along the profile."""

    size: float

    def __post_init__(self) -> None:
        _positive(self)

    def __call__(self, frequency: Floats) -> Floats:
        """Return the share passed at `frequency` (cycles/m)."""
        return np.asarray(np.sinc(self.size * frequency))


@dataclass(frozen=True)
class ThickFilm:
    """A uniform column of `thickness` (m) imaged at its middle by light of `wavelength` (m): sin(u)/u."""

    thickness: float
    wavelength: float

    def __post_init__(self) -> None:
        _positive(self)

    def __call__(self, frequency: Floats) -> Floats:
        """Return the share passed at `frequency` (cycles/m)."""
        return thick_film_transfer(frequency, thickness=self.thickness, wavelength=self.wavelength)


@dataclass(frozen=True)
class Combined:
    """The product of several transfer functions."""

    transfers: tuple[Transfer, ...]

    @property
    def limit(self) -> float:
        """Lowest limit of all, cycles/m."""
        return min(transfer_limit(t) for t in self.transfers)

    def __call__(self, frequency: Floats) -> Floats:
        """Return the share passed at `frequency` (cycles/m)."""
        return np.asarray(np.prod([t(frequency) for t in self.transfers], axis=0))


def thick_film_transfer(frequency: Floats, *, thickness: float, wavelength: float) -> Floats:
    """Return sin(u)/u, u = pi wavelength f^2 thickness/2: what a uniform column keeps of a magnetic period.

    The phases ``pi wavelength f^2 z`` of Fresnel propagation from all depths of the column average to it, focused at
    the middle.
    """
    return np.asarray(np.sinc(wavelength * np.asarray(frequency, np.float64) ** 2 * thickness / 2))


def transfer_limit(transfer: Transfer) -> float:
    """Return the frequency beyond which `transfer` is zero; infinity if it does not say."""
    return float(getattr(transfer, "limit", math.inf))


def _positive(transfer: object) -> None:
    for name, value in vars(transfer).items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{type(transfer).__name__}.{name} is {value!r}; allowed: metres above 0")
