"""Optical constants against the sources' values; no film may amplify."""

import numpy as np
import pytest

from optics import scattering
from optics.units import CLASSICAL_ELECTRON_RADIUS, wavelength, wavenumber


@pytest.mark.parametrize(
    ("material", "length"), [("Au", 76.6), ("Pt", 72.5), ("Cr", 107.8), ("Cu", 492), ("Si3N4", 762), ("SiO2", 789)]
)
def test_absorption_lengths(material: str, length: float) -> None:
    beta = scattering.refractive_index(material, 779.0)[1]
    assert 1e9 / (2 * wavenumber(779.0) * beta) == pytest.approx(length, rel=0.01)


def test_power_law_meets_both_tables_and_xraydb_between() -> None:
    xraydb = pytest.importorskip("xraydb")
    assert scattering.refractive_index("Au", 856.0) == pytest.approx((2.747e-3, 1.288e-3))
    for material, density in (("Au", 19.3), ("Pt", 21.45)):
        table = xraydb.xray_delta_beta(material, density, 815.0)[:2]
        assert scattering.refractive_index(material, 815.0) == pytest.approx(table, rel=0.02)


@pytest.mark.parametrize(("element", "beta_m"), [("Co", 1.85e-3), ("Ni", 7.8e-4)])
def test_magnetic_part_at_the_peak(element: str, beta_m: float) -> None:
    assert scattering.magnetic_index(element, scattering.peak_energy(element))[1] == pytest.approx(beta_m, rel=0.01)


@pytest.mark.parametrize(("offset", "m_1", "m_2"), [(1.05, 8.66, 9.55), (2.05, 7.44, 3.71)])
def test_shape_against_the_magnetic_table(offset: float, m_1: float, m_2: float) -> None:
    energy = 777.95 + offset
    unit = CLASSICAL_ELECTRON_RADIUS * wavelength(energy) ** 2 * 90.95e27 / (2 * np.pi)
    delta, beta = scattering.magnetic_index("Co", energy)
    assert delta / unit == pytest.approx(m_1, rel=0.05)
    assert beta / unit == pytest.approx(m_2, rel=0.10)


def test_white_line_and_its_check() -> None:
    for element, share in (("Co", 0.29), ("Ni", 0.18)):
        peak = scattering.peak_energy(element)
        beta_c = scattering.refractive_index(element, peak)[1]
        assert scattering.magnetic_index(element, peak)[1] / beta_c == pytest.approx(share, abs=0.01)
        scattering.check(element)
        with pytest.raises(ValueError, match="amplifies"):
            scattering.check(element, white_line=0.1)
        with pytest.raises(ValueError, match="amplifies"):
            scattering.check(element, beta_m_scale=-6.0)
    assert 1 / (2 * wavenumber(777.95) * 6.4e-3) == pytest.approx(20e-9, rel=0.02)


def test_line_is_a_kramers_kronig_pair() -> None:
    # the Hilbert transform of the absorption line, by a principal value sum on a wide grid, is the dispersion
    x = np.arange(-2000, 2000, 0.05) + 0.025
    for at in (-1.0, 0.5, 2.0):
        beta = 1 / (1 + x * x)
        dispersion = np.sum(beta / (at - x)) * 0.05 / np.pi
        assert dispersion == pytest.approx(at / (1 + at * at), abs=2e-3)


@pytest.mark.parametrize(
    ("material", "energy", "word"), [("Xx", 779.0, "material"), ("Au", 20.0, "energy"), ("Co", 900.0, "energy")]
)
def test_outside_of_the_tables(material: str, energy: float, word: str) -> None:
    with pytest.raises(ValueError, match=f"{word} is"):
        scattering.refractive_index(material, energy)
