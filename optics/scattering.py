"""Optical constants: ``n = 1 - delta + i beta``, and at the Co and Ni L3 edges the white line and the magnetic parts.

- `refractive_index`: delta, beta of an element or compound at an energy;
- `magnetic_index`: delta_m, beta_m of Co or Ni near its L3 peak;
- `peak_energy`, `RESONANCES`, `NON_RESONANT`: the tables, with source and uncertainty;
- `check`: beta_c > |beta_m| at every energy of a line, or the film would amplify.

With the magnetisation m and the unit beam direction khat, helicity ± sees ``beta_c ± P_c beta_m m.khat`` and
``delta_c ± P_c delta_m m.khat``. The sign of beta_m fixes which helicity is called +: the one that a film saturated
along the beam absorbs more.

Sources. *Non-resonant*: xraydb 4.5.8 (tables of Chantler and of Elam, Ravel and Sieber) at 779 and 856 eV, between and
around them by a power law; other tables agree on beta to about 20 % off the edges. *Magnetic*: m2 of the packaged
tables of udkm1Dsim 2.5.0 (Project Dyna) at their own peak, in electrons. *White line*: literature values of the
absorption length at the peak, 20 nm for Co (± 20 %) and 24 to 30 nm for Ni; libraries hold no white line. Energies
count from the tables' own peak: energy scales of tables differ by more than a line width. *Shape*: ``1/(1 + x²)``
and its Kramers-Kronig partner ``x/(1 + x²)``, ``x = (E - E_peak)/1.1 eV``, for the charge and the magnetic part alike:
3 % (m1) and 8 % (m2) off the magnetic table at +1 and +2 eV; at the very peak the table's m1 is 0.2 of m2 and the
shape's is 0.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from optics.units import CLASSICAL_ELECTRON_RADIUS, wavelength


@dataclass(frozen=True)
class Constants:
    """Non-resonant constants of a material at two energies.

    Attributes
    ----------
    density : float
        g/cm³.
    delta, beta : tuple of float
        At 779 and 856 eV; xraydb 4.5.8. Uncertainty of beta about 20 %, of delta about 10 % away from edges.
    """

    density: float
    delta: tuple[float, float]
    beta: tuple[float, float]


NON_RESONANT: Final = {
    "Au": Constants(19.3, (3.182e-3, 2.747e-3), (1.651e-3, 1.288e-3)),
    "Pt": Constants(21.45, (3.540e-3, 3.036e-3), (1.744e-3, 1.361e-3)),
    "Cr": Constants(7.19, (1.805e-3, 1.627e-3), (1.175e-3, 8.59e-4)),
    "Cu": Constants(8.96, (1.642e-3, 1.173e-3), (2.57e-4, 1.90e-4)),
    "Si3N4": Constants(3.17, (1.055e-3, 8.74e-4), (1.66e-4, 1.18e-4)),
    "SiO2": Constants(2.20, (7.17e-4, 6.02e-4), (1.606e-4, 1.151e-4)),
}
_TABLE_ENERGIES: Final = (779.0, 856.0)
_TABLE_RANGE: Final = (600.0, 1100.0)


@dataclass(frozen=True)
class Resonance:
    """An L3 line: charge and magnetic parts on one energy scale.

    Attributes
    ----------
    peak : float
        eV, the magnetic table's own peak.
    width : float
        Half width at half maximum, eV.
    atom_density : float
        1/m³.
    magnetic_electrons : float
        |m2| at the peak, electrons; beta_m = r_e wavelength² n_a |m2|/(2 pi). Uncertainty about 10 %.
    beta_peak : float
        beta_c at the peak, white line included.
    beta_uncertainty : float
        Relative.
    beta_base, delta_base : float
        Without the line: xraydb below the edge for beta (20 %); for delta the values of xraydb at 700 eV (Co) and
        740 eV (Ni), scaled by the wavelength squared (30 %; a uniform phase of the film, nothing depends on it).
    """

    peak: float
    width: float
    atom_density: float
    magnetic_electrons: float
    beta_peak: float
    beta_uncertainty: float
    beta_base: float
    delta_base: float


RESONANCES: Final = {
    "Co": Resonance(777.95, 1.1, 90.95e27, 17.87, 6.4e-3, 0.20, 3.15e-4, 1.39e-3),
    "Ni": Resonance(852.76, 1.1, 91.40e27, 8.96, 4.3e-3, 0.10, 2.16e-4, 1.34e-3),
}
_LINE_REACH: Final = 15.0


def peak_energy(element: str) -> float:
    """Return the energy, eV, of the L3 peak of `element` on the tables' scale."""
    return _resonance(element).peak


def refractive_index(material: str, energy: float, *, white_line: float = 1.0) -> tuple[float, float]:
    """Return delta and beta of `material` at `energy`.

    Parameters
    ----------
    material : str
        Au, Pt, Cr, Cu, Si3N4 or SiO2 between 600 and 1100 eV; Co or Ni within 15 eV of the L3 peak.
    energy : float
        eV, on the tables' scale.
    white_line : float
        Scales the resonant part at Co and Ni.

    Returns
    -------
    tuple of float
        delta, beta, with ``n = 1 - delta + i beta``.

    Raises
    ------
    ValueError
        If the material or the energy is outside of the tables.
    """
    if material in NON_RESONANT:
        constants = NON_RESONANT[material]
        return _power_law(constants.delta, energy), _power_law(constants.beta, energy)
    line = _resonance(material)
    x = _detuning(line, material, energy)
    strength = white_line * (line.beta_peak - line.beta_base)
    scale = (line.peak / energy) ** 2
    return (
        line.delta_base * scale + strength * x / (1 + x * x),
        line.beta_base * scale + strength / (1 + x * x),
    )


def magnetic_index(element: str, energy: float) -> tuple[float, float]:
    """Return delta_m and beta_m of Co or Ni at `energy`, for m along the beam and full circular polarisation."""
    line = _resonance(element)
    x = _detuning(line, element, energy)
    peak = (
        CLASSICAL_ELECTRON_RADIUS
        * wavelength(line.peak) ** 2
        * line.atom_density
        * line.magnetic_electrons
        / (2 * np.pi)
    )
    return peak * x / (1 + x * x), peak / (1 + x * x)


def check(element: str, *, white_line: float = 1.0, beta_m_scale: float = 1.0) -> None:
    """Refuse a line that would amplify: beta_c must exceed |beta_m| at every energy within 5 eV of the peak.

    Parameters
    ----------
    element : str
        Co or Ni.
    white_line, beta_m_scale : float
        Factors on the resonant charge part and on the magnetic part.

    Raises
    ------
    ValueError
        With the energy at which the film has gain.
    """
    peak = peak_energy(element)
    for energy in peak + np.linspace(-5, 5, 101):
        beta_c = refractive_index(element, float(energy), white_line=white_line)[1]
        beta_m = abs(magnetic_index(element, float(energy))[1] * beta_m_scale)
        if beta_c <= beta_m:
            raise ValueError(
                f"{element} at {energy:.2f} eV has beta_c {beta_c:.3g} and beta_m {beta_m:.3g}; allowed: "
                "beta_c above beta_m, or the film amplifies (white_line too small or beta_m too large)"
            )


def _resonance(element: str) -> Resonance:
    if element not in RESONANCES:
        allowed = ", ".join([*NON_RESONANT, *RESONANCES])
        raise ValueError(f"material is {element!r}; allowed: {allowed}; resonant: {', '.join(RESONANCES)}")
    return RESONANCES[element]


def _detuning(line: Resonance, element: str, energy: float) -> float:
    if not abs(energy - line.peak) <= _LINE_REACH:
        raise ValueError(f"energy is {energy} eV; allowed for {element}: within {_LINE_REACH:g} eV of {line.peak} eV")
    return (energy - line.peak) / line.width


def _power_law(values: tuple[float, float], energy: float) -> float:
    if not _TABLE_RANGE[0] <= energy <= _TABLE_RANGE[1]:
        raise ValueError(f"energy is {energy} eV; allowed: {_TABLE_RANGE[0]:g} to {_TABLE_RANGE[1]:g} eV")
    first, second = _TABLE_ENERGIES
    exponent = np.log(values[1] / values[0]) / np.log(second / first)
    return float(values[0] * (energy / first) ** exponent)
