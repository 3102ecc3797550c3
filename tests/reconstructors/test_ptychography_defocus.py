"""Heights of a tilted sample, the phase of a pupil, and what both do for a reconstruction."""

from dataclasses import replace

import numpy as np
import pytest

from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography.corrections.defocus import (
    ProbeUnwrapping,
    TiltedProbe,
    TiltParameters,
    UnwrappingParameters,
    heights,
)
from reconstructors.ptychography.corrections.pupil import from_pupil, pupil_phase, to_pupil
from reconstructors.ptychography.engines.pie import Pie, PieParameters
from reconstructors.ptychography.state import start
from tests.ptychography_problem import DEFOCUS, ENERGY, PIXEL, annular_probe
from tests.ptychography_tilted_sheet import TILT, assembled, rim_and_centre, tilted_sheet

OPTICS = problems.Optics(wavelength(ENERGY), PIXEL)
LENGTHS = {"wavelength": OPTICS.wavelength, "pixel_size": PIXEL}


def small_problem(**optics):
    counts = np.ones((4, 128, 128))
    positions = np.array([[0.0, 0.0], [0.0, 8.0], [8.0, 0.0], [8.0, 8.0]])
    return problems.from_arrays(
        counts, positions, annular_probe(128, DEFOCUS), optics=replace(OPTICS, **optics), object_shape=(136, 136)
    )


@pytest.fixture(scope="module")
def film():
    drawn = tilted_sheet(2, n=64, reach=(2.0e-6, 0.24e-6), focus=4e-6, between=True)
    return drawn, assembled(drawn, offset=0.375)


def reconstructed(p, listeners, epochs=20):
    state = start(p)
    for one in listeners:
        if isinstance(one, TiltedProbe):
            one.begin(state)
    engine = Pie(p, PieParameters(batch=16), rng=np.random.default_rng(0), listeners=listeners)
    for _ in range(epochs):
        engine.step(state)
    return state


@pytest.mark.parametrize("defocus", [DEFOCUS, -1.2e-6, 6e-6])
def test_the_defocus_of_a_pupil_is_read_off(defocus):
    found = pupil_phase(annular_probe(128, defocus), **LENGTHS)
    assert found.defocus == pytest.approx(defocus, rel=0.01)
    assert found.residual < 0.02
    inside = np.isfinite(found.unwrapped)
    np.testing.assert_allclose(np.exp(1j * found.unwrapped[inside]), np.exp(1j * found.wrapped[inside]), atol=1e-6)


def test_a_vortex_of_the_pupil_is_taken_out_and_its_modulus_kept():
    p = small_problem()
    state = start(p)
    pupil = to_pupil(state.probe[0])
    y, x = np.indices(pupil.shape) - 64
    spoiled = pupil * np.exp(1j * np.angle((y - 12) + 1j * (x - 3)))
    state.probe[0] = from_pupil(spoiled)
    assert pupil_phase(state.probe[0], **LENGTHS).residual > 0.3
    constraint = ProbeUnwrapping(p, UnwrappingParameters(relaxation=1.0))
    constraint.apply(state)
    after = pupil_phase(state.probe[0], **LENGTHS)
    assert after.residual < 0.05
    np.testing.assert_allclose(after.modulus, np.abs(spoiled), atol=1e-5)


def test_a_smooth_probe_is_left_as_it_is():
    p = small_problem()
    state = start(p)
    ProbeUnwrapping(p, UnwrappingParameters(relaxation=1.0)).apply(state)
    np.testing.assert_allclose(state.probe, p.probe, atol=2e-3 * np.abs(p.probe).max())


def test_the_constraint_keeps_its_time():
    p = small_problem()
    state = start(p)
    state.probe *= np.exp(1j * np.random.default_rng(0).standard_normal(state.probe.shape)).astype(np.complex64)
    constraint = ProbeUnwrapping(p, UnwrappingParameters(every=2, until=4))
    acted = []
    for state.epoch in range(1, 8):
        before = state.probe.copy()
        constraint.after_epoch(state)
        acted.append(not np.array_equal(before, state.probe))
    assert acted == [False, True, False, True, False, False, False]


def test_heights_follow_the_tangent_about_the_middle_of_the_used_frames():
    positions = np.array([[0.0, 5.0], [10.0, 1.0], [20.0, 3.0], [900.0, 0.0]])
    used = np.array([True, True, True, False])
    found = heights(positions, used, np.tan(TILT), PIXEL)
    np.testing.assert_allclose(found[:3], np.array([-10, 0, 10]) * PIXEL * np.tan(TILT))
    assert found[3] == pytest.approx(890 * PIXEL * np.tan(TILT))


def test_the_tilted_probe_images_the_rim_of_a_tilted_film(film):
    drawn, p = film
    _, rim, middle = rim_and_centre(reconstructed(p, [TiltedProbe(p, TiltParameters(TILT))]).object, drawn)
    _, flat_rim, flat_middle = rim_and_centre(reconstructed(p, []).object, drawn)
    assert rim < 1.2 * middle
    assert flat_rim > 1.5 * flat_middle
    assert rim < 0.7 * flat_rim


def test_a_wrong_tilt_is_found(film):
    _, p = film
    tilted = TiltedProbe(p, TiltParameters(np.deg2rad(40), refine_from=4, refine_every=3))
    state = reconstructed(p, [tilted], epochs=40)
    assert tilted.slope(state) == pytest.approx(np.tan(TILT), rel=0.03)
    np.testing.assert_allclose(state.defocus, heights(state.positions, state.used, tilted.slope(state), PIXEL))


@pytest.mark.parametrize("listener", [ProbeUnwrapping, lambda p: TiltedProbe(p, TiltParameters())])
def test_the_near_field_is_refused(listener):
    p = small_problem(transfer=np.ones((128, 128), np.complex64))
    with pytest.raises(ValueError, match="near field; allowed: the far field"):
        listener(p)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UnwrappingParameters(every=0), "every is 0"),
        (lambda: UnwrappingParameters(relaxation=0.0), "relaxation is 0.0"),
        (lambda: UnwrappingParameters(degree=1), "degree is 1"),
        (lambda: TiltParameters(1.6), "tilt is 1.6 rad"),
        (lambda: TiltParameters(refine_from=0), "refine_from is 0"),
        (lambda: TiltParameters(refine_every=0), "refine_every is 0"),
    ],
)
def test_impossible_parameters(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "allowed" in str(caught.value)
