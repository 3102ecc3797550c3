"""From transmissions with phases to complex line integrals, and through a whole method."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optics.units import wavelength
from reconstructors import registry
from reconstructors.tomography.preparation import PreparationParameters, prepare
from scenarios.tuning import tuned
from tests.reconstructors.tomography.wave_builders import SCALARS, integrals, thick_sample, wave_measurement


def relative(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


@cache
def prepared(noise=0.0):
    return prepare(wave_measurement(noise=noise))


def test_complex_line_integrals_come_back():
    found = prepared().waves
    charge, magnetic = integrals()
    assert relative(found.charge.real, charge.real) < 0.02
    assert relative(found.charge.imag, charge.imag) < 0.03
    assert relative(found.magnetic.real, magnetic.real) < 0.07
    assert relative(found.magnetic.imag, magnetic.imag) < 0.2
    # of the moduli alone: what the texture feigns of a displacement is left
    assert relative(prepared().magnetic, magnetic.real) > 1.5 * relative(found.magnetic.real, magnetic.real)
    assert np.linalg.norm(magnetic.imag) > 0.1 * np.linalg.norm(magnetic.real)


def test_real_images_are_those_without_phases():
    measurement = wave_measurement()
    found, plain = prepared(), prepare(measurement.drop_vars("phase"))
    assert plain.waves is None
    for name in ("charge", "magnetic", "charge_variance", "density", "exterior", "pair_shift"):
        assert np.array_equal(getattr(found, name), getattr(plain, name)), name
    assert relative(found.waves.charge.real, found.charge) < 0.01
    for kept in (PreparationParameters(background=False), PreparationParameters(register=False)):
        assert prepare(measurement, kept).waves is None


def test_the_sign_of_the_polarization_is_that_of_the_magnetic_images():
    measurement = wave_measurement()
    other = measurement.assign(polarization=-measurement["polarization"]).assign_attrs(measurement.attrs)
    first, second = prepared().waves, prepare(other).waves
    assert np.array_equal(first.magnetic, -second.magnetic)
    assert np.array_equal(first.charge, second.charge)


def test_the_variance_is_that_of_both_parts():
    found, clean = prepared(0.01).waves, prepared().waves
    for name in ("charge", "magnetic"):
        error = getattr(found, name) - getattr(clean, name)
        variance = getattr(found, f"{name}_variance")
        for part, own in zip((error.real, error.imag), np.moveaxis(variance, 1, 0), strict=True):
            assert np.mean(part**2 / own) == pytest.approx(1, abs=0.25)
        assert np.all(variance[:, 1] >= variance[:, 0])


def test_what_shows_no_exterior_keeps_its_real_parts_alone():
    measurement = wave_measurement()
    density = measurement["optical_density"].copy()
    density[:, 4] = 1 + 0.3 * np.random.default_rng(0).standard_normal((36, 36))
    found = prepare(measurement.assign(optical_density=density))
    assert np.flatnonzero(~found.bounded).tolist() == [4]
    unknown = np.isinf(found.waves.magnetic_variance[:, 1]).all(axis=(1, 2))
    assert np.flatnonzero(unknown).tolist() == [4]
    assert np.isfinite(found.waves.magnetic_variance[:, 0]).all()
    assert np.allclose(found.waves.charge[4], found.charge[4])
    inner = slice(12, 24)
    assert prepare(measurement.isel(y=inner, x=inner)).waves is None


def test_vortices_spoil_the_phase_of_the_charge_of_their_image_alone():
    measurement = wave_measurement()
    y, x = np.indices((36, 36))
    turns = np.arctan2(y - 17.5, x - 17.5) - np.arctan2(y - 17.5, x - 20.5)
    phase = measurement["phase"].copy()
    phase[:, 7] = phase[:, 7] + turns
    found, clean = prepare(measurement.assign(phase=phase)).waves, prepared().waves
    unknown = np.isinf(found.charge_variance[:, 1]).all(axis=(1, 2))
    assert np.flatnonzero(unknown).tolist() == [7]
    assert np.isfinite(found.magnetic_variance).all()
    assert relative(found.magnetic[7], prepared().magnetic[7]) < 0.2
    others = np.arange(15) != 7
    assert np.array_equal(found.magnetic[others], clean.magnetic[others])
    assert not np.isinf(clean.charge_variance).any()


def solved(measurement, *, recipe=None, **volumes):
    parameters = {
        "poses": {"align": False, "refine": False},
        "recipe": {"exchange": (0.03, 0.001), "fine_exchange": (), **(recipe or {})},
        "volumes": {"charge_steps": 60, **volumes},
    }
    method = replace(registry.get("vector+"), parameters=tuned("vector+", parameters))
    return method.reconstruct(measurement, rng=np.random.default_rng(1))


def errors(found):
    fill, _, m = thick_sample()
    depth, height, width = found["fill"].shape
    here = (slice(None), *(slice(n // 2 - 10, n // 2 + 10) for n in (depth, height, width)))
    magnet = fill > 0.1
    own = found["magnetization"].values[here]
    return relative(own[:, magnet], m[:, magnet]), relative(found["fill"].values[here[1:]], fill)


def test_a_method_explains_waves_where_there_are_phases():
    measurement = wave_measurement(noise=0.003)
    found, flat = solved(measurement), solved(measurement, waves=False)
    (m, fill), (flat_m, flat_fill) = errors(found), errors(flat)
    assert m < 0.9 * flat_m
    assert fill < 0.8 * flat_fill
    assert found.sizes["projection"] == 15
    assert 0 < float(found["noise"]) < float(found["residual"].max()) < 1
    told = json.loads(found.attrs["knowledge"])
    assert "dispersion of the magnet" in told
    assert "dispersion of the magnet" not in json.loads(flat.attrs["knowledge"])
    assert json.loads(found.attrs["parameters"])["volumes"]["waves"] is True


def test_images_without_a_phase_are_told():
    short = {"recipe": {"exchange": (0.03,), "start_steps": 1, "steps": 1}, "charge_steps": 15}
    measurement = wave_measurement()
    density = measurement["optical_density"].copy()
    density[:, 4] = 1 + 0.3 * np.random.default_rng(0).standard_normal((36, 36))
    told = {}
    for name, given in (("sound", measurement), ("bare", measurement.assign(optical_density=density))):
        found = solved(given, **short)
        at = found["flag_name"].values.tolist().index("missing_phases")
        told[name] = bool(found["flag"][at]), float(found["flag_value"][at])
    assert told["sound"] == (False, 0.0)
    assert told["bare"] == (True, pytest.approx(1 / 15))


def test_how_much_of_each_image_was_replaced_is_told():
    measurement = wave_measurement(noise=0.003)
    density = measurement["optical_density"].copy()
    y, x = np.indices((36, 36))
    density[0, 6] += 0.05 * np.cos(2 * np.pi * (x + y) / 4)
    found = solved(measurement.assign(optical_density=density), charge_steps=15)
    replaced = found["replaced"].values
    assert replaced.argmax() == 6
    assert replaced[6] > 3 * np.median(replaced)


def test_without_indices_the_delay_is_free_and_short_waves_are_flat():
    short = {"recipe": {"exchange": (0.03,), "start_steps": 1, "steps": 1}, "charge_steps": 15}
    deltas = [name for name in SCALARS if name.startswith("delta")]
    found = solved(wave_measurement().drop_vars(deltas), **short)
    assert errors(found)[1] < 0.5
    assert "dispersion of the magnet" not in json.loads(found.attrs["knowledge"])
    measurement = wave_measurement().assign(energy=200.0).assign_attrs(wave_measurement().attrs)
    assert wavelength(200.0) > float(measurement["pixel_size"])
    for name in ("magnetization", "fill"):
        assert np.array_equal(solved(measurement, **short)[name], solved(measurement, waves=False, **short)[name])
