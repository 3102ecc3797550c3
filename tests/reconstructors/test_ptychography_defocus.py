"""Defocus in ptychography: the height of a tilted sample, its slope from the frames, the constraint on the pupil."""

import numpy as np
import pytest

from numerics import fourier
from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography import rpie_plus
from reconstructors.ptychography.defocus import (
    ProbeUnwrapping,
    TiltedProbe,
    TiltParameters,
    UnwrappingParameters,
    heights,
)
from reconstructors.ptychography.pupil import pupil_phase
from reconstructors.ptychography.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.state import start
from tests.ptychography_problem import ENERGY
from tests.ptychography_tilted_sheet import DEFOCUS, assembled, rim_and_centre, tilted_sheet

LENGTH = wavelength(ENERGY)


@pytest.fixture(scope="module")
def drawn():
    """A film over 2.6 um of lab: 4.9 um of height."""
    return tilted_sheet(3, n=64, pixel=10e-9, step=80e-9)


def reconstructed(problem, *listeners, epochs=20):
    state = start(problem)
    for listener in listeners:
        if isinstance(listener, TiltedProbe):
            listener.begin(state)
    parameters = RpiePlusParameters(epochs=epochs)
    return rpie_plus.run(problem, parameters, rng=np.random.default_rng(0), listeners=listeners, state=state)[0]


def seen(probe, drawn, degree=4):
    return pupil_phase(probe, wavelength=LENGTH, pixel_size=drawn.pixel, degree=degree)


def speckled(probe, seed):
    """Return the probe with a pupil whose phase is rough."""
    speckle = 0.4 * np.random.default_rng(seed).standard_normal(probe.shape[-2:])
    return fourier.centred_ifft2(fourier.centred_fft2(probe) * np.exp(1j * speckle)).astype(np.complex64)


def test_height_of_a_tilted_sample():
    positions, used = (
        np.array([[0.0, 3.0], [10.0, 5.0], [20.0, 1.0], [900.0, 0.0]]),
        np.array([True, True, True, False]),
    )
    found = heights(positions, used, np.tan(np.deg2rad(62)), 5e-9)
    np.testing.assert_allclose(found[:3], np.array([-50e-9, 0, 50e-9]) * np.tan(np.deg2rad(62)))


def test_tilt_aware_probe_heals_the_rim(drawn):
    problem = assembled(drawn)
    right, mirrored = (TiltedProbe(problem, TiltParameters(tilt)) for tilt in (drawn.tilt, -drawn.tilt))
    state = start(problem)
    right.begin(state)
    np.testing.assert_allclose(state.defocus, drawn.defocus, atol=1e-12)
    whole, rim, centre = rim_and_centre(reconstructed(problem).object, drawn)
    assert rim > 1.5 * centre
    healed, healed_rim, healed_centre = rim_and_centre(reconstructed(problem, right).object, drawn)
    assert healed_rim <= 1.2 * healed_centre
    assert healed < 0.5 * whole
    assert rim_and_centre(reconstructed(problem, mirrored).object, drawn)[0] > 1.3 * whole


def slope_of(state, drawn):
    return np.polyfit(state.positions[:, 0] * drawn.pixel, state.defocus, 1)[0]


def test_slope_comes_from_the_frames(drawn):
    """Told that the sample is flat, it ends at the rim's bar: the slope needs epochs, and the image some after it."""
    problem = assembled(drawn)
    state = reconstructed(problem, TiltedProbe(problem, TiltParameters(refine_from=5, refine_every=2)), epochs=40)
    np.testing.assert_allclose(slope_of(state, drawn), np.tan(drawn.tilt), rtol=0.02)
    _, rim, centre = rim_and_centre(state.object, drawn)
    assert rim <= 1.2 * centre


def test_flat_sample_keeps_no_slope():
    flat = tilted_sheet(4, n=64, pixel=10e-9, step=80e-9, reach=(1.6e-6, 0.4e-6), tilt=0.0)
    problem = assembled(flat)
    state = reconstructed(problem, TiltedProbe(problem, TiltParameters(refine_from=5, refine_every=2)))
    assert abs(slope_of(state, flat)) < 0.02


def test_far_field_only(drawn):
    near = problems.from_arrays(
        drawn.counts,
        drawn.corners,
        drawn.probe,
        optics=problems.Optics(LENGTH, drawn.pixel, transfer=np.ones((64, 64), np.complex64)),
        object_shape=drawn.object.shape,
    )
    for make in (lambda: TiltedProbe(near, TiltParameters()), lambda: ProbeUnwrapping(near)):
        with pytest.raises(ValueError, match="near field; allowed: the far field"):
            make()


@pytest.mark.parametrize("degree", [2, 4])
def test_pupil_phase_reads_the_defocus(drawn, degree):
    found = seen(drawn.probe, drawn, degree)
    np.testing.assert_allclose(found.defocus, DEFOCUS, rtol=1e-5)
    assert found.residual < 1e-5
    assert np.nanmax(found.unwrapped) - np.nanmin(found.unwrapped) > 2.5


def test_unwrapping_crosses_wraps():
    """A defocus of twice the size makes more than a turn over the pupil; nothing of it is rough."""
    wide = tilted_sheet(1, n=128, pixel=10e-9, step=80e-9, reach=(0.1e-6, 0.1e-6))
    f = fourier.frequencies(128, 10e-9)
    lens = np.exp(-1j * np.pi * LENGTH * DEFOCUS * (f[:, None] ** 2 + f**2))
    found = seen(fourier.centred_ifft2(fourier.centred_fft2(wide.probe) * lens), wide)
    assert np.nanmax(found.unwrapped) - np.nanmin(found.unwrapped) > 2 * np.pi
    assert found.residual < 1e-5
    np.testing.assert_allclose(found.defocus, 2 * DEFOCUS, rtol=1e-5)


def test_unwrapping_smooths_the_pupil_and_keeps_its_amplitude(drawn):
    problem, state = assembled(drawn), start(assembled(drawn))
    state.probe[0] = speckled(drawn.probe, 1)
    modulus, before = np.abs(fourier.centred_fft2(state.probe[0])), seen(state.probe[0], drawn)
    ProbeUnwrapping(problem, UnwrappingParameters(relaxation=0.5)).apply(state)
    np.testing.assert_allclose(seen(state.probe[0], drawn).residual, 0.5 * before.residual, rtol=1e-2)
    ProbeUnwrapping(problem, UnwrappingParameters(relaxation=1.0)).apply(state)
    assert before.residual > 0.2
    assert seen(state.probe[0], drawn).residual < 1e-5
    np.testing.assert_allclose(np.abs(fourier.centred_fft2(state.probe[0])), modulus, atol=1e-5 * modulus.max())


def test_unwrapping_only_when_it_is_time(drawn):
    problem, state = assembled(drawn), start(assembled(drawn))
    state.probe[0] = speckled(drawn.probe, 2)
    before = state.probe.copy()
    listener = ProbeUnwrapping(problem, UnwrappingParameters(every=2, until=4))
    for state.epoch in (1, 3, 6):
        listener.after_epoch(state)
    np.testing.assert_array_equal(state.probe, before)
    state.epoch = 4
    listener.after_epoch(state)
    assert not np.array_equal(state.probe, before)


@pytest.mark.parametrize("words", [{"degree": 1}, {"relaxation": 0.0}, {"relaxation": 1.1}, {"every": 0}])
def test_unwrapping_refuses_impossible_parameters(words):
    with pytest.raises(ValueError, match=f"{next(iter(words))} is .*; allowed: "):
        UnwrappingParameters(**words)


@pytest.mark.parametrize("words", [{"tilt": np.pi / 2}, {"tilt": np.nan}, {"refine_from": 0}, {"refine_every": 0}])
def test_tilt_refuses_impossible_parameters(words):
    with pytest.raises(ValueError, match=f"{next(iter(words))} is .*; allowed: "):
        TiltParameters(**words)


def test_wrong_nominal_defocus_is_found(drawn):
    """Two microns off, at the steepest tilt: the pupil ends with the true defocus, smooth."""
    problem = assembled(drawn, defocus_error=-2e-6)
    assert abs(seen(problem.probe[0], drawn).defocus - (DEFOCUS - 2e-6)) < 0.1e-6
    corrections = (
        TiltedProbe(problem, TiltParameters(drawn.tilt)),
        ProbeUnwrapping(problem, UnwrappingParameters(until=10)),
    )
    found = seen(reconstructed(problem, *corrections).probe[0], drawn)
    np.testing.assert_allclose(found.defocus, DEFOCUS, atol=0.1e-6)
    assert found.residual < 0.02
