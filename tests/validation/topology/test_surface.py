"""Charge of closed surfaces and of patches: whole numbers, covered shares, orientation; the stereographic map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage import measure

from validation.topology.charge import cell_charges
from validation.topology.stereographic import stereographic_projection
from validation.topology.surface import sphere_through, surface_charge

seeds = st.integers(0, 2**32 - 1)
VOXEL = 5e-9


def coordinates(*shape: int):
    """Return (x, y, z) in voxels, index n//2 the origin."""
    z, y, x = np.meshgrid(*(np.arange(n) - float(n // 2) for n in shape), indexing="ij")
    return np.stack([x, y, z])


def linear_texture(matrix, zero, *shape: int):
    """Return the unit vectors along A (r - zero), zero in (x, y, z)."""
    m = np.tensordot(matrix, coordinates(*shape) - np.asarray(zero)[:, None, None, None], axes=1)
    return m / np.linalg.norm(m, axis=0)


def mesh(field, level):
    """Return a mesh of field = level in voxels from index n//2, axis order (z, y, x)."""
    vertices, faces, _, _ = measure.marching_cubes(field, level)
    return vertices - np.array(field.shape) // 2, faces


def ball_mesh(radius: float, centre=(0.0, 0.0, 0.0), n: int = 20):
    distance = np.linalg.norm(coordinates(n, n, n) - np.array(centre)[:, None, None, None], axis=0)
    return mesh(distance, radius)


def shuffled(faces, rng):
    """Return the faces in any order, each in either sense."""
    return np.where(rng.random(len(faces))[:, None] < 0.5, faces, faces[:, ::-1])[rng.permutation(len(faces))]


@given(seeds)
def test_closed_surface_round_a_hedgehog_has_the_sign_of_the_determinant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((3, 3))
    zero = rng.uniform(-2, 2, 3)
    m = linear_texture(matrix, zero, 20, 19, 21)
    vertices, faces = ball_mesh(6.3)
    found = surface_charge(m, vertices * VOXEL, shuffled(faces, rng), voxel_size=VOXEL)
    assert found.closed
    assert found.charge == pytest.approx(np.sign(np.linalg.det(matrix)), abs=1e-9)
    assert found.covered == pytest.approx(1, abs=1e-9)
    assert np.abs(found.centre).max() < 0.02 * VOXEL
    assert found.per_facet.sum() == pytest.approx(found.charge, abs=1e-12)


@given(seeds)
def test_charge_does_not_depend_on_lengths_frames_or_units(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = linear_texture(np.eye(3), rng.uniform(-1, 1, 3), 18, 18, 18)
    vertices, faces = ball_mesh(5.2, n=18)
    faces = faces[vertices[faces].mean(axis=1)[:, 0] > -3]
    centre = np.zeros(3)
    reference = surface_charge(m, vertices * VOXEL, faces, voxel_size=VOXEL, centre=centre)
    assert not reference.closed
    lengths = rng.uniform(0.1, 10, m.shape[1:])
    turn = Rotation.random(random_state=seed % 1000).as_matrix()
    shift = rng.uniform(-1, 1, 3) * 1e-6
    options = {"origin": shift, "voxel_size": (VOXEL, VOXEL, VOXEL), "centre": shift}
    again = surface_charge(
        np.tensordot(turn, m, axes=1) * lengths, vertices * VOXEL + shift, shuffled(faces, rng), **options
    )
    assert again.charge == pytest.approx(reference.charge, abs=1e-9)
    assert again.covered == pytest.approx(reference.covered, abs=1e-9)
    mirrored = surface_charge(-m, vertices * VOXEL, faces, voxel_size=VOXEL, centre=centre)
    assert mirrored.charge == pytest.approx(-reference.charge, abs=1e-12)


@pytest.mark.parametrize("cut", [-0.6, 0.0, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_patch_of_a_radial_texture_has_its_covered_share(cut: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.5, 0.5, 3)
    m = linear_texture(np.eye(3), place, 24, 24, 24)
    radius = 7.4
    vertices, faces = ball_mesh(radius, centre=place, n=24)
    axis = Rotation.random(random_state=seed).apply([0, 0, 1])
    height = (vertices[faces].mean(axis=1) - place[::-1]) @ axis / radius
    patch = shuffled(faces[height > cut], rng)
    found = surface_charge(m, vertices * VOXEL, patch, voxel_size=VOXEL, centre=place[::-1] * VOXEL)
    assert found.charge == pytest.approx(found.covered, abs=0.01)
    assert found.covered == pytest.approx((1 - cut) / 2, abs=0.02)
    guessed = surface_charge(m, vertices * VOXEL, patch, voxel_size=VOXEL)
    assert np.linalg.norm(np.array(guessed.centre) / VOXEL - place[::-1]) < 0.05
    assert guessed.covered == pytest.approx(found.covered, abs=0.01)


def test_covered_share_of_a_cap_is_that_of_its_height() -> None:
    angle = np.radians(50)
    rings = np.linspace(0, angle, 40)
    around = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    theta, phi = np.meshgrid(rings, around, indexing="ij")
    points = np.stack([np.cos(theta), np.sin(theta) * np.sin(phi), np.sin(theta) * np.cos(phi)], axis=-1)
    number = np.arange(points[..., 0].size).reshape(theta.shape)
    quads = number[:-1], number[1:], np.roll(number, -1, 1)[1:], np.roll(number, -1, 1)[:-1]
    a, b, c, d = (part.ravel() for part in quads)
    faces = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    m = linear_texture(np.eye(3), (0, 0, 0.3), 20, 20, 20)
    found = surface_charge(m, points.reshape(-1, 3) * 6e-9, faces, voxel_size=1e-9, centre=(0, 0, 0))
    assert found.covered == pytest.approx((1 - np.cos(angle)) / 2, rel=2e-3)
    assert found.per_facet.min() > -1e-6


def test_surface_that_is_no_star_is_turned_outwards_as_a_whole() -> None:
    # A torus: half of its facets look towards the centre, and no hedgehog in the hole is inside of it.
    x, y, z = coordinates(14, 28, 28)
    vertices, faces = mesh(np.hypot(np.hypot(x, y) - 8, z), 3.2)
    rng = np.random.default_rng(0)
    inside_tube = linear_texture(np.diag([1, 1, 1]), (8.1, 0.2, 0.1), 14, 28, 28)
    in_hole = linear_texture(np.eye(3), (0.1, 0.2, 0.1), 14, 28, 28)
    for m, charge in ((inside_tube, 1), (in_hole, 0)):
        found = surface_charge(m, vertices * VOXEL, shuffled(faces, rng), voxel_size=VOXEL, centre=(0, 0, 0))
        assert found.closed
        assert found.charge == pytest.approx(charge, abs=1e-9)
        assert found.covered == pytest.approx(0, abs=1e-9)


def test_two_surfaces_add_and_a_pair_cancels() -> None:
    first = linear_texture(np.eye(3), (6.2, 0.1, 0.2), 20, 20, 40)
    second = linear_texture(np.diag([-1, 1, 1]), (-6.2, 0.1, 0.2), 20, 20, 40)
    x = coordinates(20, 20, 40)[0]
    m = np.where(x > 0, first, second)
    centres = (6, -6)
    parts = [ball_mesh(4.2) for _ in centres]
    vertices = np.concatenate([v + np.array([0, 0, c]) for (v, _), c in zip(parts, centres, strict=True)])
    faces = np.concatenate([parts[0][1], parts[1][1][:, ::-1] + len(parts[0][0])])
    both = surface_charge(m, vertices * VOXEL, faces, voxel_size=VOXEL, centre=(0, 0, 0))
    plus = surface_charge(m, vertices * VOXEL, faces[: len(parts[0][1])], voxel_size=VOXEL)
    assert both.charge == pytest.approx(0, abs=1e-9)
    assert plus.charge == pytest.approx(1, abs=1e-9)


@given(seeds)
def test_surface_holds_the_charge_of_the_cells_inside(seed: int) -> None:
    # Faces of a block of the lattice, split along the cells' own diagonals.
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((3, 6, 6, 6))
    number = np.arange(216).reshape(6, 6, 6)
    faces = []
    for axis in range(3):
        for layer in (0, -1):
            sheet = np.take(number, layer, axis)
            a, b, c, d = sheet[:-1, :-1], sheet[:-1, 1:], sheet[1:, 1:], sheet[1:, :-1]
            faces += [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    vertices = np.stack(np.meshgrid(*[np.arange(6) - 3.0] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    found = surface_charge(m, vertices * VOXEL, shuffled(np.concatenate(faces), rng), voxel_size=VOXEL)
    assert found.closed
    assert found.charge == pytest.approx(cell_charges(m).sum(dtype=int), abs=1e-9)


@given(seeds)
def test_closed_surface_of_opposite_spins_has_a_whole_charge(seed: int) -> None:
    # Spins along the axes only: antipodal neighbours and great circles everywhere.
    rng = np.random.default_rng(seed)
    m = np.zeros((3, 12, 12, 12))
    np.put_along_axis(m, rng.integers(0, 3, (1, 12, 12, 12)), rng.choice([-1.0, 1.0], (1, 12, 12, 12)), axis=0)
    corners = np.array([[0, 0, 1.0], [0, 0, -1], [0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0]]) * 3
    faces = np.array([[a, b, c] for a in (0, 1) for b in (2, 3) for c in (4, 5)])
    found = surface_charge(m, corners * VOXEL, shuffled(faces, rng), voxel_size=VOXEL)
    assert found.closed
    assert found.charge == pytest.approx(round(found.charge), abs=1e-9)


def test_sphere_is_found_from_a_part_of_it() -> None:
    rng = np.random.default_rng(5)
    rays = rng.standard_normal((200, 3))
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    points = np.array([1.0, -2.0, 3.0]) * 1e-7 + 3e-8 * rays[rays[:, 0] > 0.6]
    centre, radius = sphere_through(points)
    np.testing.assert_allclose(centre, np.array([1.0, -2.0, 3.0]) * 1e-7, atol=1e-15)
    assert radius == pytest.approx(3e-8, rel=1e-9)


@given(seeds)
def test_stereographic_map(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-1, 1, 3) * 1e-7
    radius = 3e-8
    rays = rng.standard_normal((50, 3))
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    z, y, x = rays.T
    for pole, sign in (("south", 1), ("north", -1)):
        found = stereographic_projection(centre + radius * rays, centre=centre, pole=pole)
        expected = radius * np.column_stack([y, x]) / (1 + sign * z)[:, None]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        # The inverse map gives the directions back.
        flat = found / radius
        square = np.sum(flat**2, axis=1)
        np.testing.assert_allclose(sign * (1 - square) / (1 + square), z, atol=1e-6)


def test_stereographic_map_at_the_poles_and_on_the_equator() -> None:
    points = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -1]]) * 1e-8
    south = stereographic_projection(points, centre=(0, 0, 0))
    np.testing.assert_array_equal(south[0], [0, 0])
    assert np.isinf(south[1]).all()
    np.testing.assert_allclose(south[2:], [[1e-8, 0], [0, -1e-8]])
    north = stereographic_projection(points, centre=(0, 0, 0), pole="north")
    assert np.isinf(north[0]).all()
    np.testing.assert_array_equal(north[1], [0, 0])
    # Close to the pole 1 + z/r is rounding alone.
    near = stereographic_projection([[-1.0, 1e-10, 0.0]], centre=(0, 0, 0))
    assert near[0, 0] == pytest.approx(2e10, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": np.ones((4, 4, 4))}, "m is of shape"),
        ({"m": np.full((3, 4, 4, 4), np.nan)}, "m has no direction at the vertex"),
        ({"m": np.zeros((3, 4, 4, 4))}, "m has no direction at the vertex"),
        ({"vertices": np.zeros((4, 2))}, r"vertices is of shape \(4, 2\)"),
        ({"vertices": np.full((4, 3), np.nan)}, "vertices is of shape"),
        ({"vertices": np.eye(4, 3)}, "allowed: inside of the array"),
        ({"faces": np.array([[0, 1, 9]])}, "faces holds 9"),
        ({"faces": np.array([[0, 1, -1]])}, "faces holds -1"),
        ({"faces": np.zeros((0, 3), int)}, "faces is int64"),
        ({"faces": np.zeros((2, 3))}, "faces is float64"),
        ({"voxel_size": 5.3}, "voxel_size is 5.3"),
        ({"voxel_size": (1e-9, 1e-9)}, "voxel_size is"),
        ({"voxel_size": -1e-9}, "voxel_size is"),
        ({"origin": (0.0, np.nan, 0.0)}, "origin is"),
        ({"centre": (0.0, 0.0)}, "centre is"),
        ({"faces": np.array([[0, 1, 2]])}, "centre is None for a flat surface"),
    ],
)
def test_wrong_input(change, message: str) -> None:
    m = np.zeros((3, 4, 4, 4))
    m[2] = 1
    arguments = {
        "m": m,
        "vertices": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]) * 1e-9,
        "faces": np.array([[0, 1, 2], [1, 2, 3]]),
        "voxel_size": 1e-9,
    } | change
    with pytest.raises(ValueError, match=message) as error:
        surface_charge(arguments.pop("m"), arguments.pop("vertices"), arguments.pop("faces"), **arguments)
    assert "\n" not in str(error.value)


def test_surface_with_one_side_is_refused() -> None:
    # A Moebius strip of five triangles.
    faces = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 0, 1]])
    vertices = np.random.default_rng(0).uniform(-1, 1, (5, 3)) * 1e-9
    m = np.zeros((3, 6, 6, 6))
    m[2] = 1
    with pytest.raises(ValueError, match="one side only"):
        surface_charge(m, vertices, faces, voxel_size=1e-9)


def test_wrong_input_of_the_map() -> None:
    with pytest.raises(ValueError, match="pole is 'up'; allowed: 'south' or 'north'"):
        stereographic_projection(np.ones((2, 3)), centre=(0, 0, 0), pole="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="vertices is of shape"):
        stereographic_projection(np.ones((2, 2)), centre=(0, 0, 0))
    with pytest.raises(ValueError, match="vertices hold the centre"):
        stereographic_projection(np.zeros((2, 3)), centre=(0, 0, 0))
