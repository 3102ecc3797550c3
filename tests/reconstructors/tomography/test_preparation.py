"""Preparation: units, backgrounds, pairs and noise, against what was simulated."""

import json
from functools import cache

import numpy as np
import pytest

from optics.units import wavenumber
from reconstructors.tomography.preparation import PreparationParameters, prepare, scales
from reconstructors.tomography.variance import density_variance, ground_noise, variance_scale
from records import projections
from simulators.experiments.tilt_series_setups import GeometryErrors, ImageErrors, TiltLight
from tests.reconstructors.tomography.tilt_series_builders import measured


@cache
def noisy():
    return measured(light=TiltLight(photons=1e4))


@cache
def clean():
    return measured(light=TiltLight(photons=np.inf))


def true_parts(truth):
    plus, minus = truth["optical_density"].values.astype(np.float64)
    return (plus + minus) / 2, (plus - minus) / 2


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_scales_are_those_of_the_record():
    measurement, _ = clean()
    absorption, dichroism = scales(measurement)
    assert absorption == pytest.approx(2 * wavenumber(852.76) * 5e-9)
    assert dichroism == pytest.approx(absorption * 0.9 * float(measurement["beta_m"]))


def test_line_integrals_of_clean_images():
    measurement, truth = clean()
    found = prepare(measurement)
    charge, magnetic = true_parts(truth)
    absorption, dichroism = scales(measurement)
    assert relative(found.charge * absorption, charge) < 3e-3
    # a hundredth of a pixel between the helicities, which the texture itself can feign
    assert relative(found.magnetic * dichroism, magnetic) < 0.05
    assert np.abs(found.pair_shift).max() < 0.02
    alone = prepare(measurement, PreparationParameters(register=False))
    assert relative(alone.charge * absorption, charge) < 1e-6
    assert relative(alone.magnetic * dichroism, magnetic) < 1e-6
    # a whole column of the magnet: the sum of beta over it
    total = found.charge[5].sum(dtype=np.float64)
    assert total == pytest.approx(truth["charge"].values.sum(dtype=np.float64), rel=5e-3)
    assert np.abs(found.mass_drift).max() < 5e-3
    assert found.usable.all()
    assert found.bounded.all()


def test_reversed_polarization_reverses_the_magnetization_only():
    measurement, _ = clean()
    other = measurement.assign(polarization=-measurement["polarization"]).assign_attrs(measurement.attrs)
    first, second = prepare(measurement), prepare(other)
    assert np.array_equal(first.charge, second.charge)
    assert np.array_equal(first.magnetic, -second.magnetic)


def test_flux_and_background_come_off_both_helicities():
    measurement, truth = measured(light=TiltLight(photons=np.inf), errors=ImageErrors(flux=0.05, background=0.1))
    found = prepare(measurement)
    charge, magnetic = true_parts(truth)
    absorption, dichroism = scales(measurement)
    assert relative(found.charge * absorption, charge) < 0.01
    error = np.linalg.norm(found.magnetic * dichroism - magnetic, axis=(1, 2)) / np.linalg.norm(magnetic, axis=(1, 2))
    assert np.median(error) < 0.1
    assert found.background_range.min() > 0.02
    kept = prepare(measurement, PreparationParameters(background=False))
    assert relative(kept.charge * absorption, charge) > 0.1
    assert kept.background_range.max() == 0


def test_pair_shift_is_found():
    measurement, truth = measured(light=TiltLight(photons=1e6), geometry=GeometryErrors(helicity_shift=0.4))
    found = prepare(measurement)
    drawn = np.array(json.loads(truth.attrs["setup"])["helicity_shift"])
    assert np.sqrt(np.mean((found.pair_shift - drawn) ** 2)) < 0.05
    kept = prepare(measurement, PreparationParameters(register=False))
    assert np.linalg.norm(found.magnetic) < 0.8 * np.linalg.norm(kept.magnetic)


@pytest.mark.parametrize("stated", [True, False])
def test_variance_is_that_of_the_noise(stated):
    measurement, truth = noisy()
    found = prepare(measurement if stated else measurement.drop_vars("variance"))
    _, magnetic = true_parts(truth)
    error = found.magnetic - magnetic / scales(measurement)[1]
    assert np.mean(error**2 / found.magnetic_variance) == pytest.approx(1, abs=0.12)
    assert found.ground == pytest.approx(1e-2, rel=0.1)
    assert found.magnetic_variance.max() > 2 * found.magnetic_variance.min()


def test_a_stated_variance_on_another_scale_is_put_right():
    measurement, _ = noisy()
    wrong = measurement.assign(variance=49 * measurement["variance"])
    assert prepare(wrong).ground == pytest.approx(prepare(measurement).ground, rel=1e-3)


def test_images_with_few_valid_pixels_are_left_out():
    measurement, _ = noisy()
    valid = np.ones(measurement["optical_density"].shape[1:], bool)
    valid[3, :30] = False
    valid[4, 10:14, 20] = False
    density = measurement["optical_density"].copy()
    density[:, 4, 10:14, 20] = 50.0
    spoiled = measurement.assign(optical_density=density, valid=(("projection", "y", "x"), valid))
    projections.check(spoiled)
    found, sound = prepare(spoiled), prepare(measurement)
    assert np.flatnonzero(~found.usable).tolist() == [3]
    assert not found.charge[3].any()
    seen = found.valid[4]
    assert relative(found.charge[4][seen], sound.charge[4][seen]) < 0.02
    assert np.abs(found.charge[4]).max() < 1.2 * np.abs(sound.charge[4]).max()
    with pytest.raises(ValueError, match="valid leaves no projection half of its pixels"):
        prepare(spoiled.isel(projection=[3]))


def test_a_film_beyond_the_view_keeps_its_background():
    measurement, _ = noisy()
    middle = slice(16, 28)
    film = measurement.isel(y=middle, x=middle)
    found = prepare(film)
    assert not found.bounded.any()
    assert found.background_range.max() == 0
    assert np.all(np.isfinite(found.magnetic))
    assert found.magnetic_variance.min() > 0


def test_variance_of_white_noise():
    rng = np.random.default_rng(1)
    exterior = np.zeros((3, 64, 64), bool)
    exterior[:, :10] = exterior[:, -10:] = True
    truth = np.where(exterior, 0.0, 2.0)
    slope = 0.3 * np.linspace(-1, 1, 64)
    images = truth + slope + 0.02 * np.exp(truth / 2) * rng.standard_normal(truth.shape)
    assert ground_noise(images, exterior=exterior) == pytest.approx(np.full(3, 0.02), rel=0.08)
    whole = np.ones_like(exterior)
    assert ground_noise(images - truth, exterior=whole, density=truth) == pytest.approx(np.full(3, 0.02), rel=0.04)
    variance = density_variance(images - slope, exterior=exterior)
    assert np.median(variance[~exterior]) == pytest.approx(4e-4 * np.exp(2), rel=0.15)
    assert variance_scale(images, variance / 9, exterior=exterior) == pytest.approx(9, rel=0.1)
    with pytest.raises(ValueError, match="exterior of image 0 has 0 pixels; allowed: from 25"):
        ground_noise(images, exterior=~whole)
    with pytest.raises(ValueError, match="exterior has shape"):
        density_variance(images, exterior=exterior[:2])
