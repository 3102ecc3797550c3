"""The projector by curved slices: adjoints, the flat limit, propagation from a height, bytes and refusals."""

import numpy as np
import pytest

from numerics import fourier
from numerics.threads import use_threads
from optics.propagation import fresnel_transfer_function, propagate
from reconstructors.tomography.curved_slices import plan_curved
from reconstructors.tomography.geometry import Geometry, beam_directions, nominal_geometry, rotations
from reconstructors.tomography.projector import plan_projector, project, project_vector
from reconstructors.tomography.slice_spectra import FusedSpectra, LibrarySpectra
from tests.exact_line_integrals import error, gaussian_images, gaussians

BENT = 0.29
SIZES = [((16, 16, 16), (16, 16)), ((6, 17, 20), (19, 22)), ((9, 13, 13), (12, 14))]


def random_geometry(count, seed=5):
    rng = np.random.default_rng(seed)
    turned = rotations(in_plane=rng.uniform(-3, 3, count), tilt=rng.uniform(-1.5, 1.5, count))
    return Geometry(turned, rng.uniform(-3, 3, (count, 2)))


def product(a, b):
    wide = np.complex128 if np.iscomplexobj(a) else np.float64
    return np.vdot(a.astype(wide), b.astype(wide)).real


def weights_of(kind, geometry):
    directions = beam_directions(geometry.rotations)
    return {
        "scalar": np.ones((len(geometry), 1)),
        "vector": directions,
        "index": np.tile([1, 1j], (len(geometry), 1)),
        "complex vector": directions * (0.7 - 0.4j),
        "complex two": directions[:, :2] + 1j * directions[:, 1:],
    }[kind]


@pytest.mark.parametrize("kind", ["scalar", "vector", "index", "complex vector", "complex two"])
@pytest.mark.parametrize(("shape", "detector"), SIZES)
@pytest.mark.parametrize(
    ("dtype", "accuracy", "limit"),
    [(np.float32, 1e-3, 1e-6), (np.float32, 1e-5, 1e-6), (np.float64, 1e-12, 1e-12)],
)
def test_adjoints_match(kind, shape, detector, dtype, accuracy, limit):
    geometry = random_geometry(5)
    plan = plan_curved(shape, geometry, detector=detector, curvature=BENT, accuracy=accuracy, dtype=dtype)
    weights, rng = weights_of(kind, geometry), np.random.default_rng(8)
    x = rng.normal(size=(weights.shape[1], *shape)).astype(dtype)
    there = plan.forward(x, weights)
    assert there.dtype == (np.complex64 if dtype == np.float32 else np.complex128)
    white = (rng.normal(size=there.shape) + 1j * rng.normal(size=there.shape)).astype(there.dtype)
    for y in (white, there):
        back = plan.adjoint(y, weights)
        assert back.shape == x.shape
        assert back.dtype == dtype
        assert abs(product(there, y) - product(x, back)) <= limit * np.linalg.norm(there) * np.linalg.norm(y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_curvature_images_are_those_of_the_flat_projector(dtype):
    geometry, shape, detector, rng = random_geometry(7), (12, 18, 20), (18, 14), np.random.default_rng(3)
    options = {"detector": detector, "dtype": dtype, "accuracy": 1e-3 if dtype == np.float32 else 1e-9}
    curved, flat = plan_curved(shape, geometry, curvature=0, **options), plan_projector(shape, geometry, **options)
    assert all(n % 2 for n in curved.padded)
    m = rng.normal(size=(3, *shape)).astype(dtype)
    images = curved.forward(m, beam_directions(geometry.rotations))
    wanted = project_vector(m, flat)
    assert error(images.real, wanted) <= options["accuracy"]
    assert np.linalg.norm(images.imag) <= options["accuracy"] * np.linalg.norm(wanted)


def test_without_curvature_even_sizes_differ_from_the_flat_ones_by_a_half_frequency_alone():
    geometry, shape = random_geometry(7), (20, 24, 24)
    volume = gaussians(shape, np.array([[2.2, -3.1, 1.7], [-3.0, 1.0, -4.0]]), 1.5).astype(np.float32)
    images = plan_curved(shape, geometry, detector=(32, 32), curvature=0).forward(volume[None], np.ones((7, 1)))
    wanted = project(volume, plan_projector(shape, geometry, detector=(32, 32)))
    assert error(images.real, wanted) <= 1e-3
    assert np.linalg.norm(images.imag) <= 1e-4 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("dtype", "accuracy", "limit"), [(np.float32, 1e-3, 1e-3), (np.float64, 1e-9, 1e-5)])
def test_a_ball_off_the_plane_of_the_origin_is_propagated_back_by_its_height(dtype, accuracy, limit):
    detector, shape, wide = (64, 64), (48, 48, 48), 192
    nominal = nominal_geometry(in_plane=[0.0, 0.0, 0.7, -1.1], tilt=[0.0, 1.0, -0.8, 0.4])
    geometry = Geometry(nominal.rotations, np.array([[0.0, 0.0], [1.3, -0.4], [-2.0, 0.6], [0.5, 2.5]]))
    centre = np.array([4.2, -3.5, 13.0])
    volume = gaussians(shape, centre[None], 1.5).astype(dtype)
    plan = plan_curved(shape, geometry, detector=detector, curvature=BENT, accuracy=accuracy, dtype=dtype)
    images = plan.forward(volume[None], np.ones((4, 1)))
    heights = beam_directions(geometry.rotations) @ centre
    assert np.abs(heights).max() > 12
    flat = gaussian_images(geometry, (wide, wide), centre[None], 1.5)
    window = slice(wide // 2 - 32, wide // 2 + 32)
    f = fourier.unshifted_frequencies(wide, 1.0)
    thickness = np.exp(-0.5 * (np.pi * 1.5 * BENT * (f**2 + f[:, None] ** 2)) ** 2)
    for image, own, height in zip(images, flat, heights, strict=True):
        transfer = fresnel_transfer_function((wide, wide), -height, wavelength=BENT, pixel_size=1.0)
        wanted = fourier.ifft2(fourier.fft2(own) * transfer * thickness)[window, window]
        assert error(wanted.real, own[window, window]) > 0.02 or abs(height) < 5
        assert np.linalg.norm(image - wanted) <= limit * np.linalg.norm(wanted)


@pytest.mark.parametrize(("strength", "limit"), [(1e-6, 1e-3), (3e-3, 3e-2)])
def test_waves_that_went_through_a_thick_sample_have_its_images_as_logarithms(strength, limit):
    shape, wide, beside = (48, 40, 40), 96, 28
    places = np.array([[[5.0, 2.0, -15.0], [-4.0, 1.0, 14.0]], [[-3.0, -6.0, 16.0], [1.0, 5.0, -9.0]]])
    beta, delta = (strength * gaussians(shape, centres, 1.5) for centres in places)
    wave = np.ones((wide, wide), np.complex128)
    for absorbed, delayed in zip(beta, delta, strict=True):
        wave *= np.exp(-2 * np.pi / BENT * np.pad(absorbed + 1j * delayed, beside))
        wave = propagate(wave, 1.0, wavelength=BENT, pixel_size=1.0)
    wave = propagate(wave, -(shape[0] - shape[0] // 2), wavelength=BENT, pixel_size=1.0)
    wanted = -np.log(wave)[beside:-beside, beside:-beside] * BENT / (2 * np.pi)
    geometry = nominal_geometry(in_plane=[0.0], tilt=[0.0])
    options = {"detector": (40, 40), "accuracy": 1e-6, "dtype": np.float64}
    volumes, weights = np.stack([beta, delta]), np.array([[1, 1j]])
    bent, flat = (plan_curved(shape, geometry, curvature=c, **options).forward(volumes, weights)[0] for c in (BENT, 0))
    assert np.linalg.norm(bent - wanted) <= limit * np.linalg.norm(wanted)
    assert np.linalg.norm(flat - wanted) >= 0.15 * np.linalg.norm(wanted)


def test_an_index_is_the_sum_of_its_two_parts():
    geometry, shape = random_geometry(5), (9, 14, 15)
    plan = plan_curved(shape, geometry, detector=(16, 18), curvature=BENT)
    parts, ones = np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32), np.ones((5, 1))
    images = plan.forward(parts, weights_of("index", geometry))
    wanted = plan.forward(parts[:1], ones) + 1j * plan.forward(parts[1:], ones)
    assert np.linalg.norm(images - wanted) <= 1e-6 * np.linalg.norm(wanted)


def test_fused_and_library_transforms_agree():
    geometry, shape = random_geometry(6), (11, 18, 20)
    fused, library = (
        plan_curved(shape, geometry, detector=(22, 20), curvature=BENT, accuracy=a, dtype=d)
        for a, d in ((1e-3, np.float32), (1e-9, np.float64))
    )
    assert isinstance(fused.spectra, FusedSpectra)
    assert isinstance(library.spectra, LibrarySpectra)
    m, weights = np.random.default_rng(2).normal(size=(3, *shape)), weights_of("vector", geometry)
    images = library.forward(m, weights)
    assert np.linalg.norm(fused.forward(m, weights) - images) <= 1e-3 * np.linalg.norm(images)
    back = library.adjoint(images, weights)
    assert np.linalg.norm(fused.adjoint(images.astype(np.complex64), weights) - back) <= 1e-3 * np.linalg.norm(back)


@pytest.mark.parametrize("kind", ["index", "complex vector"])
def test_bytes_do_not_depend_on_threads(kind):
    geometry, shape = random_geometry(9), (20, 31, 30)
    weights = weights_of(kind, geometry)
    x = np.random.default_rng(4).normal(size=(weights.shape[1], *shape)).astype(np.float32)
    results = []
    for count in (1, 2):
        with use_threads(count):
            plan = plan_curved(shape, geometry, detector=(32, 30), curvature=BENT)
            images = plan.forward(x, weights)
            results.append((images.tobytes(), plan.adjoint(images, weights).tobytes()))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"curvature": -0.1}, "curvature is -0.1; allowed: 0 to 2"),
        ({"curvature": float("nan")}, "curvature is nan"),
        ({"padding": 0.5}, "padding is 0.5; allowed: 1 to 8"),
        ({"detector": (8,)}, "detector is"),
        ({"dtype": np.float16}, "dtype is float16"),
        ({"accuracy": 1e-9}, "accuracy is 1e-09"),
    ],
)
def test_impossible_plans_are_refused(change, match):
    options = {"detector": (8, 8), "curvature": BENT} | change
    with pytest.raises(ValueError, match=match):
        plan_curved((8, 8, 8), random_geometry(2), **options)


def test_wrong_shapes_are_refused():
    plan = plan_curved((8, 8, 8), random_geometry(2), detector=(8, 8), curvature=BENT)
    with pytest.raises(ValueError, match=r"volumes has shape \(1, 8, 8, 9\); allowed: \(1, 8, 8, 8\)"):
        plan.forward(np.zeros((1, 8, 8, 9)), np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"weights has shape \(3, 1\); allowed: \(2, 1\)"):
        plan.forward(np.zeros((1, 8, 8, 8)), np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"images has shape \(2, 8, 7\); allowed: \(2, 8, 8\)"):
        plan.adjoint(np.zeros((2, 8, 7)), np.ones((2, 1)))
