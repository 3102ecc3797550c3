"""From a measurement to plain arrays: photons, masks, places, the probe to start from; bad frames and bad scans."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from numerics import fourier
from numerics.streams import stream
from optics.propagation import fresnel_transfer_function
from optics.units import wavelength
from reconstructors.ptychography import background, shadow, start_probe, usable_frames
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography.preparation import Preparation, from_measurement, refuses
from reconstructors.ptychography.problem import FramesInMemory, Optics
from reconstructors.ptychography.stream import FrameFile
from records import ptychography
from tests.ptychography_measurement import DARK, GAIN, measured
from tests.ptychography_problem import ENERGY, PIXEL, PUPIL_RADIUS, STOP, annular_probe
from tests.ptychography_small import DEFOCUS, START_DEFOCUS, N, node, small_problem

DRAWN = small_problem()


def changed(data, **variables):
    """Return a deep copy with functions of its values in the place of some variables."""
    data = data.copy(deep=True)
    for name, change in variables.items():
        data[name].values[...] = change(data[name].values)
    return data


def put(index, value):
    def change(values):
        values = values.copy()
        values[index] = value
        return values

    return change


def all_photons(prepared):
    frames = prepared.problem.frames
    return fourier.to_centre(frames.read(np.arange(len(frames))) ** 2)


def test_photons_places_and_probe_are_those_of_the_experiment():
    prepared = from_measurement(node())
    problem = prepared.problem
    np.testing.assert_allclose(all_photons(prepared), DRAWN.counts, atol=1e-3)
    np.testing.assert_allclose(problem.positions - problem.positions[0], DRAWN.corners - DRAWN.corners[0], atol=1e-6)
    assert np.abs(problem.positions - np.rint(problem.positions)).max() < 1e-6
    assert problem.positions.min() > 7.999
    assert (problem.positions.max(0) + N + 7.999 < problem.object_shape).all()
    assert problem.photons == pytest.approx(DRAWN.counts.sum((1, 2)).mean(), rel=1e-5)
    assert np.sum(np.abs(problem.probe) ** 2) == pytest.approx(problem.photons, rel=1e-5)
    overlap = np.vdot(problem.probe[0], DRAWN.start_probe)
    assert abs(overlap) / np.linalg.norm(problem.probe) / np.linalg.norm(DRAWN.start_probe) > 0.998
    centres = (DRAWN.corners + N // 2) * PIXEL
    np.testing.assert_allclose(prepared.centres(problem.positions), centres, atol=1e-15)
    y, x = prepared.coordinates()
    assert (len(y), len(x)) == problem.object_shape
    here = problem.positions[3].round().astype(int) + N // 2
    np.testing.assert_allclose([y[here[0]], x[here[1]]], centres[3], atol=1e-15)


def test_both_helicities_have_one_grid():
    moved = changed(node(), position_y=put((1, slice(None)), node()["position_y"].values[1] + 3.4 * PIXEL))
    plus, minus = (from_measurement(moved, index) for index in (0, 1))
    assert plus.problem.object_shape == minus.problem.object_shape
    np.testing.assert_array_equal(plus.origin, minus.origin)
    apart = minus.problem.positions - plus.problem.positions
    np.testing.assert_allclose(apart, np.broadcast_to([3.4, 0.0], apart.shape), atol=1e-6)


def test_from_disk_and_in_memory_are_equal(tmp_path):
    here = from_measurement(node(), options=Preparation(offset=0.1))
    there = from_measurement(node(), options=Preparation(offset=0.1, in_memory=0, scratch=str(tmp_path)))
    assert isinstance(here.problem.frames, FramesInMemory)
    assert isinstance(there.problem.frames, FrameFile)
    np.testing.assert_array_equal(all_photons(here), all_photons(there))
    assert here.problem.photons == there.problem.photons


def test_dark_offset_below_zero_is_no_light():
    """Noise of empty pixels, three times less than a photon, is cut at three times its width."""
    quiet = changed(node(scalars={"read_noise": 0.05 * GAIN}), counts=lambda counts: counts - 1)
    assert all_photons(from_measurement(quiet)).min() == 0
    faint = changed(node(scalars={"read_noise": 0.05 * GAIN}), counts=lambda counts: counts + 1)  # a tenth of a photon
    np.testing.assert_array_equal(all_photons(from_measurement(faint))[DRAWN.counts == 0], 0)


def test_light_behind_the_stop_is_filled_in_from_the_probe():
    stopped = np.ones((N, N), bool)
    stopped[N // 2 - 12 : N // 2 + 12, N // 2 - 12 : N // 2 + 12] = False
    whole, part = from_measurement(node()), from_measurement(node(valid=stopped))
    np.testing.assert_array_equal(fourier.to_centre(part.problem.valid), stopped)
    seen = DRAWN.counts[:, stopped].sum(1).mean()
    assert seen < 0.8 * whole.problem.photons
    assert part.problem.photons == pytest.approx(whole.problem.photons, rel=0.05)


def test_offset_is_in_frames_and_background():
    problem = from_measurement(node(), options=Preparation(offset=0.25)).problem
    assert problem.background is not None
    np.testing.assert_array_equal(problem.background, np.float32(0.25))
    np.testing.assert_allclose(
        problem.frames.read(np.arange(2)) ** 2, fourier.from_centre(DRAWN.counts[:2]) + 0.25, atol=1e-3
    )
    stray = np.full((N, N), 0.5)
    given = from_measurement(node(), options=Preparation(offset=0.25), background=stray).problem
    np.testing.assert_array_equal(given.background, np.float32(0.75))


def test_monitor_and_exposure_make_the_flux():
    monitor = np.ones((2, len(DRAWN.corners)))
    monitor[:, ::2] = 3.0
    problem = from_measurement(node(frames={"monitor": monitor})).problem
    assert problem.flux.mean() == pytest.approx(1)
    assert problem.flux[0] / problem.flux[1] == pytest.approx(3)


def test_single_bad_frames_are_left_out_and_marked():
    used = np.ones((2, len(DRAWN.corners)), bool)
    used[:, 1] = False
    data = node(frames={"used": used})
    data = changed(data, counts=put((0, 2), DARK))
    data = changed(data, counts=put((0, 3, 5, 5), 60000), position_y=put((0, 4), 1.0))
    prepared = from_measurement(data)
    assert prepared.corrupt[:6].tolist() == [0, 1, 2, 3, 4, 0]
    np.testing.assert_array_equal(prepared.problem.used, prepared.corrupt == 0)
    assert set(np.unique(prepared.corrupt)) <= set(usable_frames.REASONS)
    assert prepared.masked == 0
    assert max(prepared.problem.object_shape) < 200


def test_bad_frames_do_not_count_for_the_mean():
    clean = from_measurement(node())
    spoilt = changed(node(), counts=put((0, 3), 60000))
    glaring = changed(node(), counts=put((0, 3), 20000))
    known = np.arange(len(DRAWN.corners)) == 3
    for prepared in (from_measurement(spoilt), from_measurement(glaring, left_out=known)):
        assert prepared.problem.photons == pytest.approx(clean.problem.photons, rel=0.02)
        assert prepared.noise == pytest.approx(clean.noise, rel=0.02)
        assert not prepared.problem.used[3]


def test_pixels_that_are_always_saturated_are_left_out_of_all_frames():
    data = changed(node(), counts=put((slice(None), slice(None), 30, 31), 60000))
    prepared = from_measurement(data)
    assert prepared.masked == 1
    assert not fourier.to_centre(prepared.problem.valid)[30, 31]
    assert prepared.problem.used.all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"counts": lambda counts: np.full_like(counts, DARK)}, "no photons above the dark offset"),
        ({"counts": lambda counts: np.full_like(counts, 60000)}, "saturated on every valid pixel"),
        ({"position_y": lambda y: y * 0, "position_x": lambda x: x * 0}, "lie within 0 m; allowed: over a pixel"),
        ({"position_y": lambda y: y * 1e3, "position_x": lambda x: x * 1e3}, "apart; allowed: less than the width"),
    ],
)
def test_scans_that_cannot_be_used_are_refused_in_one_line(change, reason):
    with pytest.raises(ValueError, match=reason) as error:
        from_measurement(changed(node(), **change))
    assert "\n" not in str(error.value)


def test_one_frame_is_refused():
    assert "two or more" in refuses(node().isel(position=[0]))
    used = np.zeros((2, len(DRAWN.corners)), bool)
    used[:, 0] = True
    assert "1 usable frame" in refuses(node(frames={"used": used}))
    line = changed(node(), position_x=lambda x: 1e-3 * x)
    assert "span" in refuses(line)
    assert refuses(line.isel(helicity=[0])) is None
    assert refuses(node()) is None


@pytest.mark.parametrize(
    ("scalars", "reason"),
    [({"defocus": 9e-6}, "defocus .* allowed: up to a frame"), ({"outer_zone": 5e-9}, "outer_zone .* on the detector")],
)
def test_optics_that_do_not_fit_are_told(scalars, reason):
    with pytest.raises(ValueError, match=reason):
        from_measurement(node(scalars=scalars))


@pytest.mark.parametrize(
    ("name", "value"), [("modes", 0), ("background", "dark"), ("focus", "auto"), ("offset", -1.0), ("margin", -1)]
)
def test_bad_options_are_told(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; allowed"):
        Preparation(**{name: value})


def test_the_focus_is_found_from_the_shadows_sign_included():
    for sign in (1, -1):
        frames = FramesInMemory(fourier.from_centre(np.sqrt(DRAWN.counts).astype(np.float32)))
        places = sign * DRAWN.corners.astype(float)  # mirrored positions are what a focus behind the sample shows
        found = shadow.find_defocus(
            frames,
            places,
            start_probe.cone(DRAWN.counts.mean(0)),
            used=np.ones(len(places), bool),
            wavelength=wavelength(ENERGY),
            pixel_size=PIXEL,
        )
        assert found == pytest.approx(sign * DEFOCUS, rel=0.05)


def test_no_focus_is_claimed_from_frames_in_a_wrong_order():
    frames = FramesInMemory(fourier.from_centre(np.sqrt(DRAWN.counts).astype(np.float32)))
    places = stream(0, "shuffle").permutation(DRAWN.corners.astype(float))
    words = {"used": np.ones(len(places), bool), "wavelength": wavelength(ENERGY), "pixel_size": PIXEL}
    assert shadow.find_defocus(frames, places, start_probe.cone(DRAWN.counts.mean(0)), **words) is None


@pytest.mark.parametrize("optics", [True, False])
def test_shadow_focus_starts_from_the_right_probe(optics):
    """Whether the optics are known, at a wrong defocus, or not at all."""
    data = node() if optics else node().drop_vars(("outer_zone", "stop_fraction", "defocus"))
    prepared = from_measurement(data, options=Preparation(focus="shadow"))
    assert prepared.focused
    assert prepared.known_optics is optics
    probe, truth = prepared.problem.probe[0], DRAWN.probe
    assert abs(np.vdot(probe, truth)) / np.linalg.norm(probe) / np.linalg.norm(truth) > 0.98
    nominal = abs(np.vdot(DRAWN.start_probe, truth)) / np.linalg.norm(DRAWN.start_probe) / np.linalg.norm(truth)
    assert nominal < 0.9


def test_zone_plate_is_the_annular_pupil():
    made = start_probe.zone_plate(
        (N, N),
        wavelength=wavelength(ENERGY),
        pixel_size=PIXEL,
        numerical_aperture=PUPIL_RADIUS * wavelength(ENERGY) / (N * PIXEL),
        stop_fraction=STOP,
        defocus=START_DEFOCUS,
    )
    assert np.sum(np.abs(made) ** 2) == pytest.approx(1, rel=1e-5)
    assert abs(np.vdot(made, annular_probe(N, START_DEFOCUS))) > 0.998


def near_field_node():
    """Return frames of one pure phase object in a diverging beam, and the wave at the sample."""
    rng = stream(0, "near")
    size, focus, distance, pitch = 96, 4e-3, 1.2, 55e-6
    pixel = pitch * focus / (focus + distance)
    length, n = wavelength(8000.0), 48
    smooth = np.real(fourier.ifft2(fourier.fft2(rng.normal(size=(size, size)) + 0j) * np.hypot(*np.meshgrid(
        fourier.unshifted_frequencies(size, 1), fourier.unshifted_frequencies(size, 1))).__lt__(0.1)))  # fmt: skip
    object_ = np.exp(1j * smooth / smooth.std() * 0.5)
    y, x = np.mgrid[:n, :n] - n // 2
    beam = 30 * np.exp(-(y**2 + x**2) / (2 * 14.0**2))
    corners = rng.integers(0, size - n, (20, 2))
    effective = distance * focus / (focus + distance)
    transfer = fresnel_transfer_function((n, n), effective, wavelength=length, pixel_size=pixel)
    waves = np.stack([beam * object_[a : a + n, b : b + n] for a, b in corners])
    counts = rng.poisson(np.abs(fourier.ifft2(fourier.fft2(waves) * transfer)) ** 2)
    centres = np.broadcast_to((corners + n // 2) * pixel, (1, 20, 2))
    head = ptychography.header(
        dark=np.full((n, n), DARK),
        valid=np.ones((n, n), bool),
        frames={"position_y": centres[..., 0], "position_x": centres[..., 1]},
        scalars={
            "energy": 8000.0,
            "distance": distance,
            "pixel_pitch": pitch,
            "gain": GAIN,
            "saturation": 6e4,
            "read_noise": 0.0,
            "tilt": 0.0,
            "in_plane_angle": 0.0,
            "focus_distance": focus,
        },
        helicity=(1,),
        propagation="near_field",
    )
    return ptychography.make(head, (counts * int(GAIN) + DARK)[None]), beam, corners, transfer


def test_near_field_with_a_diverging_beam():
    data, beam, corners, transfer = near_field_node()
    prepared = from_measurement(data)
    problem = prepared.problem
    np.testing.assert_allclose(problem.optics.transfer, transfer, atol=1e-5)
    np.testing.assert_allclose(problem.positions - problem.positions[0], corners - corners[0], atol=1e-6)
    probe = problem.probe[0]
    assert abs(np.vdot(probe, beam)) / np.linalg.norm(probe) / np.linalg.norm(beam) > 0.97
    assert isinstance(data, xr.Dataset)


@pytest.mark.parametrize("level", [0.0, 0.05, 0.5])
def test_a_flat_background_is_told_from_speckle(level):
    """Fully developed speckle of a mean that falls towards the rim of the detector."""
    rng, n = stream(1, "background"), 64
    y, x = np.mgrid[:n, :n] - n // 2
    mean = 50 * np.exp(-np.hypot(y, x) / 4)
    counts = rng.poisson(rng.exponential(1, (400, n, n)) * mean + level)
    found = background.flat_background(counts.mean(0), counts.var(0), np.ones((n, n), bool))
    assert found == pytest.approx(level, abs=0.01 + 0.05 * level)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"probe": np.ones((8, 8))}, "probe has .* allowed: those of a frame"),
        ({"positions": np.zeros((3, 2))}, "positions has shape .* one pair for each frame"),
        ({"positions": np.full((4, 2), 9.0)}, "positions go from .* inside of the object"),
    ],
)
def test_arrays_that_do_not_fit_are_told(words, reason):
    usual = {"counts": np.ones((4, 16, 16)), "positions": np.zeros((4, 2)), "probe": np.ones((16, 16))}
    with pytest.raises(ValueError, match=reason):
        problems.from_arrays(**(usual | words), optics=Optics(1e-9, 1e-9), object_shape=(20, 20))


def test_refused_reads_no_frame():
    """A measurement of frames that cannot be read is judged by its header."""
    data = node()
    assert refuses(data.drop_vars("counts")) is None
    assert replace(Preparation(), modes=2).modes == 2


def test_measurement_helper_is_sound():
    data = measured(DRAWN.counts, DRAWN.corners)
    ptychography.check(data)
