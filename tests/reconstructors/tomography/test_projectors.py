"""Both projectors: adjoints, exact line integrals, places, signs, and the same bytes for any number of threads."""

import numpy as np
import pytest

from numerics.threads import use_threads
from reconstructors.tomography.geometry import Geometry, beam_directions, nominal_geometry, rotations
from reconstructors.tomography.projector import (
    plan_projector,
    project,
    project_adjoint,
    project_vector,
    project_vector_adjoint,
)
from reconstructors.tomography.slice_grid import FINENESS
from tests.exact_line_integrals import (
    ball_images,
    balls,
    box_paths,
    error,
    gaussian_images,
    gaussians,
    places,
    published_angles,
)

KINDS = [(kind, footprint) for kind in ("fourier", "splat") for footprint in (None, "box")]
SIZES = [((16, 16, 16), (16, 16)), ((6, 17, 20), (19, 22)), ((9, 13, 13), (12, 15))]
SCALAR, VECTOR = (project, project_adjoint, ()), (project_vector, project_vector_adjoint, (3,))
EDGE = (64, 64, 64)


def random_geometry(count, seed=5):
    rng = np.random.default_rng(seed)
    turned = rotations(in_plane=rng.uniform(-3, 3, count), tilt=rng.uniform(-1.5, 1.5, count))
    return Geometry(turned, rng.uniform(-3, 3, (count, 2)))


def product(a, b):
    return np.vdot(a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize("functions", [SCALAR, VECTOR], ids=["scalar", "vector"])
@pytest.mark.parametrize(("shape", "detector"), SIZES)
@pytest.mark.parametrize(("kind", "footprint"), KINDS)
@pytest.mark.parametrize(("dtype", "accuracy", "limit"), [(np.float32, 1e-3, 1e-6), (np.float64, 1e-12, 1e-12)])
def test_adjoints_match(functions, shape, detector, kind, footprint, dtype, accuracy, limit):
    forward, adjoint, lead = functions
    plan = plan_projector(
        shape, random_geometry(5), detector=detector, kind=kind, footprint=footprint, accuracy=accuracy, dtype=dtype
    )
    rng = np.random.default_rng(8)
    x = rng.normal(size=(*lead, *shape)).astype(dtype)
    there = forward(x, plan)
    assert there.dtype == dtype
    for y in (rng.normal(size=there.shape).astype(dtype), there):
        back = adjoint(y, plan)
        assert back.shape == x.shape
        assert back.dtype == dtype
        assert abs(product(there, y) - product(x, back)) <= limit * np.linalg.norm(there) * np.linalg.norm(y)


@pytest.mark.parametrize(("kind", "limit"), [("fourier", 1e-3), ("splat", 6e-2)])
def test_gaussians_have_their_exact_line_integrals(kind, limit):
    turned = published_angles().of(np.arange(0, 96, 2))
    geometry = Geometry(turned.rotations, np.random.default_rng(4).uniform(-2, 2, (len(turned), 2)))
    centres = places(8, 20, np.random.default_rng(2))
    plan = plan_projector(EDGE, geometry, detector=(64, 64), kind=kind)
    images = project(gaussians(EDGE, centres, 1.5), plan)
    assert error(images, gaussian_images(geometry, (64, 64), centres, 1.5)) <= limit


def test_vectors_have_their_exact_line_integrals():
    geometry, detector = random_geometry(12), (48, 40)
    centres = np.array([[3.3, -4.0, 2.0], [-5.0, 4.4, 6.0], [0.0, 6.0, -7.7]])
    shape = (30, 36, 34)
    m = np.stack([gaussians(shape, c[None], 1.5) for c in centres])
    parts = np.stack([gaussian_images(geometry, detector, c[None], 1.5) for c in centres])
    wanted = np.einsum("ij,jivu->ivu", beam_directions(geometry.rotations), parts)
    assert error(project_vector(m, plan_projector(shape, geometry, detector=detector)), wanted) <= 1e-3


def test_balls_have_their_exact_line_integrals():
    geometry, centres, radii = (
        published_angles().of(np.arange(0, 96, 6)),
        [(-11.3, 2.2, 4.4), (12.1, -3.3, -5.2)],
        (11, 12.5),
    )
    plan = plan_projector(EDGE, geometry, detector=(64, 64))
    wanted = ball_images(geometry, (64, 64), centres, radii, finer=4)
    assert error(project(balls(EDGE, centres, radii), plan), wanted) <= 1.5e-2


@pytest.mark.parametrize(("kind", "footprint"), KINDS)
def test_a_full_box_has_the_paths_of_its_rays(kind, footprint):
    geometry = published_angles().of(np.arange(0, 96, 6))
    plan = plan_projector(EDGE, geometry, detector=(64, 64), kind=kind, footprint=footprint, padding=1.5)
    limit = 1e-2 if footprint is None else 2e-2
    assert error(project(np.ones(EDGE), plan), box_paths(EDGE, geometry, (64, 64))) <= limit


def test_without_padding_a_full_box_wraps_round():
    geometry = published_angles().of(np.arange(0, 96, 6))
    plan = plan_projector(EDGE, geometry, detector=(64, 64), padding=1.0)
    assert error(project(np.ones(EDGE), plan), box_paths(EDGE, geometry, (64, 64))) > 0.1


@pytest.mark.parametrize(("shape", "detector"), [((32, 32, 32), (32, 32)), ((15, 22, 33), (41, 36))])
@pytest.mark.parametrize("kind", ["fourier", "splat"])
def test_the_origin_stays_on_its_pixel(kind, shape, detector):
    geometry = published_angles()
    volume = gaussians(shape, np.zeros((1, 3)), 1.5)
    if kind == "splat":
        volume = (volume == 1).astype(float)
    images = project(volume, plan_projector(shape, geometry, detector=detector, kind=kind, accuracy=1e-5)).astype(float)
    v, u = (np.arange(n) - n // 2 for n in detector)
    total = images.sum((1, 2))
    assert np.abs(np.einsum("ivu,v->i", images, v) / total).max() <= 1e-4
    assert np.abs(np.einsum("ivu,u->i", images, u) / total).max() <= 1e-4


@pytest.mark.parametrize("kind", ["fourier", "splat"])
def test_a_shift_moves_the_image(kind):
    turned = rotations(in_plane=[0.4], tilt=[-0.6])
    centre = np.array([[2.0, 3.0, -4.0]])
    volume = gaussians((24, 24, 24), centre, 1.5)
    plans = [plan_projector((24, 24, 24), Geometry(turned, s[None]), detector=(40, 44), kind=kind) for s in SHIFTS]
    still, moved = (project(volume, plan)[0] for plan in plans)
    assert error(moved, np.roll(still, (3, -5), (0, 1))) <= 1e-3


SHIFTS = np.array([[0.0, 0.0], [3.0, -5.0]])
ROOT = 0.8660254037844386
SIGNS = {  # (tilt, in-plane) in degrees: what a voxel magnetised along +x, +y, +z adds to the image
    (0, 0): (0.0, 0.0, 1.0),
    (0, 90): (0.0, 0.0, 1.0),
    (30, 0): (0.0, 0.5, ROOT),
    (30, 90): (0.5, 0.0, ROOT),
    (-60, 0): (0.0, -ROOT, 0.5),
    (-60, 90): (-ROOT, 0.0, 0.5),
}
PLACES = {  # where the voxel at (x, y, z) = (4, 0, 0) is seen, px (v, u)
    (0, 0): (0.0, 4.0),
    (0, 90): (4.0, 0.0),
    (30, 0): (0.0, 4.0),
    (30, 90): (4 * ROOT, 0.0),
    (-60, 0): (0.0, 4.0),
    (-60, 90): (2.0, 0.0),
}


@pytest.mark.parametrize("angles", SIGNS)
@pytest.mark.parametrize("kind", ["fourier", "splat"])
def test_signs_by_hand(kind, angles):
    tilt, in_plane = np.deg2rad(angles)
    plan = plan_projector(
        EDGE[:1] * 3, nominal_geometry(in_plane=[in_plane], tilt=[tilt]), detector=(64, 64), kind=kind
    )
    blob = gaussians(EDGE, np.array([[4.0, 0.0, 0.0]]), 1.5)
    r = np.arange(64) - 32
    for component, wanted in enumerate(SIGNS[angles]):
        m = np.zeros((3, *EDGE))
        m[component] = blob
        image = project_vector(m, plan)[0].astype(float) / blob.sum()
        assert image.sum() == pytest.approx(wanted, abs=1e-3)
        if wanted:
            v, u = image.sum(1) @ r / image.sum(), image.sum(0) @ r / image.sum()
            assert (v, u) == pytest.approx(PLACES[angles], abs=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("kind", "footprint"), [("fourier", "box"), ("splat", None), ("splat", "box")])
def test_bytes_do_not_depend_on_threads(kind, footprint, dtype):
    shape, geometry = (20, 33, 31), random_geometry(11)
    rng, found = np.random.default_rng(1), []
    m, images = rng.normal(size=(3, *shape)).astype(dtype), rng.normal(size=(11, 35, 30)).astype(dtype)
    for count in (1, 2, 4):
        with use_threads(count):
            plan = plan_projector(shape, geometry, detector=(35, 30), kind=kind, footprint=footprint, dtype=dtype)
            calls = project_vector(m, plan), project_vector_adjoint(images, plan), project(m[0], plan)
            found.append([result.tobytes() for result in (*calls, project_adjoint(images, plan))])
    assert found[0] == found[1] == found[2]


def test_blocks_of_projections_equal_one_block(monkeypatch):
    shape, geometry, detector = (20, 22, 24), random_geometry(9), (26, 30)
    rng = np.random.default_rng(1)
    m, images = rng.normal(size=(3, *shape)), rng.normal(size=(9, *detector))
    found = []
    for points in (10**9, 3000):
        monkeypatch.setattr("reconstructors.tomography.slice_spectra._POINTS", points)
        plan = plan_projector(shape, geometry, detector=detector, dtype=np.float64, accuracy=1e-12)
        found.append((len(plan.engine.spectra.blocks), project_vector(m, plan), project_vector_adjoint(images, plan)))
    (one, *whole), (many, *parts) = found
    assert (one, many) == (1, 3)
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize(
    ("shape", "detector"), [((32, 32, 32), (32, 32)), ((11, 16, 13), (15, 18)), ((3, 1, 40), (44, 9))]
)
@pytest.mark.parametrize("accuracy", [reached for reached, _ in FINENESS])
def test_the_fused_spectra_are_as_accurate_as_asked(shape, detector, accuracy):
    geometry, rng = random_geometry(17), np.random.default_rng(0)
    fused = plan_projector(shape, geometry, detector=detector, accuracy=accuracy)
    exact = plan_projector(shape, geometry, detector=detector, accuracy=1e-12, dtype=np.float64)
    assert type(fused.engine.spectra) is not type(exact.engine.spectra)
    x, y = rng.normal(size=(3, *shape)), rng.normal(size=(17, *detector))
    for function, given in ((project, x[0]), (project_vector, x), (project_adjoint, y), (project_vector_adjoint, y)):
        assert error(function(given, fused), function(given, exact)) <= accuracy


@pytest.mark.parametrize("kind", ["fourier", "splat"])
def test_any_number_of_volumes(kind):
    shape, geometry, rng = (9, 12, 10), random_geometry(4), np.random.default_rng(2)
    engine = plan_projector(shape, geometry, detector=(14, 13), kind=kind).engine
    volumes, weights = rng.normal(size=(2, *shape)).astype(np.float32), rng.normal(size=(4, 2))
    one = [engine.forward(volumes[[m]], weights[:, [m]]) for m in (0, 1)]
    both = engine.forward(volumes, weights)
    np.testing.assert_allclose(both, one[0] + one[1], atol=1e-5 * np.abs(both).max())
    back = [engine.adjoint(both, weights[:, [m]])[0] for m in (0, 1)]
    np.testing.assert_allclose(engine.adjoint(both, weights), back, atol=1e-5 * np.abs(back).max())


def test_empty_volumes_and_voxels_out_of_view():
    plan = plan_projector((8, 8, 40), random_geometry(3), detector=(9, 9), kind="splat")
    assert not project(np.zeros((8, 8, 40)), plan).any()
    ends = np.zeros((8, 8, 40))
    ends[:, :, [0, -1]] = 1
    flat = plan_projector((8, 8, 40), nominal_geometry(in_plane=[0.0], tilt=[0.0]), detector=(9, 9), kind="splat")
    assert not project(ends, flat).any()
    assert not project_adjoint(np.ones((1, 9, 9)), flat)[:, :, [0, -1]].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "joseph"}, "kind is 'joseph'; allowed: fourier, splat"),
        ({"footprint": "ball"}, "footprint is 'ball'; allowed: None, 'box'"),
        ({"padding": 0.5}, "padding is 0.5; allowed: 1 to 8"),
        ({"padding": np.nan}, "padding is nan; allowed: 1 to 8"),
        ({"accuracy": 1e-8}, "accuracy is 1e-08; allowed: 1e-06 to 1 for complex64"),
        ({"accuracy": 0.0, "dtype": np.float64}, "accuracy is 0.0; allowed: 1e-15 to 1 for complex128"),
        ({"dtype": np.int32}, "dtype is int32; allowed: float32, float64"),
        ({"detector": (8, 0)}, r"detector is \(8, 0\); allowed: 2 whole numbers from 1"),
        ({"shape": (8, 8)}, r"shape is \(8, 8\); allowed: 3 whole numbers from 1"),
        ({"shape": (8, 8, 2.5)}, r"shape is \(8, 8, 2.5\); allowed: 3 whole numbers from 1"),
    ],
)
def test_impossible_plans_are_refused(change, message):
    options = {"shape": (8, 8, 8), "detector": (8, 8)} | change
    with pytest.raises(ValueError, match=f"^{message}$"):
        plan_projector(options.pop("shape"), random_geometry(2), **options)


@pytest.mark.parametrize("function", [project, project_adjoint, project_vector, project_vector_adjoint])
def test_arrays_of_another_shape_are_refused(function):
    plan = plan_projector((8, 8, 8), random_geometry(2), detector=(8, 8), kind="splat")
    with pytest.raises(ValueError, match=r"^(volume|images|m) has shape \(3, 9, 8, 8\); allowed: \([\d, ]+\)$"):
        function(np.zeros((3, 9, 8, 8)), plan)
