"""Constants and photon energy.

- `HC`: photon energy times wavelength, eV m;
- `CLASSICAL_ELECTRON_RADIUS`: m;
- `VACUUM_PERMEABILITY`: T m/A;
- `wavelength`, `wavenumber`, `photon_energy`.
"""

from typing import Final

import numpy as np

HC: Final = 1.239841984332e-6
"""Planck constant times speed of light, eV m (exact in the SI of 2019, rounded)."""

CLASSICAL_ELECTRON_RADIUS: Final = 2.8179403262e-15
"""Classical electron radius, m (CODATA 2018, relative uncertainty 4.5e-10)."""

VACUUM_PERMEABILITY: Final = 4e-7 * np.pi
"""mu0, T m/A: the value that micromagnetic codes agree on (CODATA 2018 differs by 5e-10)."""


def wavelength(energy: float) -> float:
    """Return the wavelength in m of photons of `energy` in eV.

    Raises
    ------
    ValueError
        If the energy is not a positive number.
    """
    if not (np.isfinite(energy) and energy > 0):
        raise ValueError(f"energy is {energy} eV; allowed: a positive number")
    return HC / energy


def photon_energy(wavelength: float) -> float:
    """Return the photon energy in eV of a `wavelength` in m; the inverse of `wavelength`."""
    if not (np.isfinite(wavelength) and wavelength > 0):
        raise ValueError(f"wavelength is {wavelength} m; allowed: a positive number")
    return HC / wavelength


def wavenumber(energy: float) -> float:
    """Return 2 pi over the wavelength, rad/m, of photons of `energy` in eV."""
    return 2 * np.pi / wavelength(energy)
