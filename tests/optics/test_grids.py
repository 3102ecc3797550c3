"""Detector geometry: the Ewald sphere's displacement, mapping there and back, cosines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optics import grids
from optics.units import wavelength

WAVE = wavelength(779.8)
PAPER = {"pitch": 13.5e-6, "distance": 92.2e-3, "wavelength": WAVE}


def test_ewald_displacement_of_the_published_geometry() -> None:
    edge = 1024.0
    z = PAPER["distance"] / PAPER["pitch"]
    assert grids.ewald_displacement(0, edge, distance=z) == pytest.approx(11.3, abs=0.1)
    assert grids.ewald_displacement(edge, edge, distance=z) == pytest.approx(31.5, abs=0.1)
    flat = grids.detector_frequencies(2048, **PAPER, ewald=False)[1]
    sphere = grids.detector_frequencies(2048, **PAPER)[1]
    step = 1 / (2048 * grids.pixel_size(WAVE, PAPER["distance"], 2048, PAPER["pitch"]))
    assert (sphere[1024, 0] - flat[1024, 0]) / step == pytest.approx(11.3, abs=0.1)


def test_half_periods_at_edge_and_corner() -> None:
    pixel = grids.pixel_size(WAVE, PAPER["distance"], 2048, PAPER["pitch"])
    assert pixel == pytest.approx(5.3e-9, rel=2e-3)
    f_y, f_x = grids.detector_frequencies(2048, **PAPER)
    assert 0.5 / abs(f_x[1024, 0]) == pytest.approx(5.36e-9, rel=3e-3)
    assert 0.5 / np.hypot(f_y[0, 0], f_x[0, 0]) == pytest.approx(3.83e-9, rel=3e-3)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_direction_and_detector_position_are_inverse(sine_y: float, sine_x: float) -> None:
    y, x = grids.detector_position(sine_y / WAVE, sine_x / WAVE, distance=0.1, wavelength=WAVE)
    radius = np.sqrt(y * y + x * x + 0.01)
    assert y / radius == pytest.approx(sine_y, abs=1e-12)
    assert x / radius == pytest.approx(sine_x, abs=1e-12)


def test_solid_angle_factor() -> None:
    factor = grids.solid_angle_factor(2048, pitch=PAPER["pitch"], distance=PAPER["distance"])
    assert factor[1024, 1024] == 1
    assert 1 / factor[1024, 0] == pytest.approx(1.057, abs=2e-3)
    assert 1 / factor[0, 0] == pytest.approx(1.116, abs=2e-3)


def test_origin_is_at_half_the_length() -> None:
    assert grids.positions(6, 2.0).tolist() == [-6, -4, -2, 0, 2, 4]
    assert grids.positions(5, 1.0)[2] == 0
    radius = grids.radius_grid((4, 6), 1.0, centre=(1.0, -2.0))
    assert radius[3, 1] == 0


def test_distance_for_pixel_is_the_inverse() -> None:
    assert grids.pixel_size(WAVE, grids.distance_for_pixel(WAVE, 5.3e-9, 512, 11e-6), 512, 11e-6) == pytest.approx(
        5.3e-9
    )


def test_evanescent_waves_are_refused() -> None:
    with pytest.raises(ValueError, match="evanescent"):
        grids.detector_position(1.01 / WAVE, 0.0, distance=0.1, wavelength=WAVE)


@pytest.mark.parametrize("energy", [0.0, -1.0, float("nan"), float("inf")])
def test_energy_must_be_positive(energy: float) -> None:
    with pytest.raises(ValueError, match="energy is"):
        wavelength(energy)


def test_wavelength_of_cobalt() -> None:
    assert wavelength(779.8) == pytest.approx(1.59e-9, rel=1e-3)
