"""Voids as virtual hedgehogs: exact charges of closed ones, covered shares of open ones, and telling them apart."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from skimage import morphology

from numerics.threads import use_threads
from simulators.samples.charges import flux_balance
from validation.topology.charge import cell_charges
from validation.topology.surface import directions, surface_charge, triangle_shares
from validation.topology.void_surfaces import _is_peak, touching_voids, void_surfaces
from validation.topology.voids import virtual_hedgehogs

seeds = st.integers(0, 2**32 - 1)
VOXEL = 5e-9


def coordinates(*shape: int):
    """Return (x, y, z) in voxels, index n//2 the origin."""
    z, y, x = np.meshgrid(*(np.arange(n) - float(n // 2) for n in shape), indexing="ij")
    return np.stack([x, y, z])


def unit(m):
    return m / np.linalg.norm(m, axis=0)


def distance(shape, place):
    """Return the distance of all voxels from a place (x, y, z)."""
    return np.linalg.norm(coordinates(*shape) - np.asarray(place)[:, None, None, None], axis=0)


def packing(size: int, radius: float, rng: np.random.Generator, overlap: float = 0.03):
    """Return the fill that overlapping spheres of a turned fcc lattice leave, and their centres (z, y, x)."""
    constant = 2 * radius * (1 - overlap) * np.sqrt(2)
    steps = int(size / constant) + 3
    cells = np.indices((2 * steps,) * 3).reshape(3, -1).T - steps
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    turn = Rotation.from_quat(rng.standard_normal(4)).as_matrix()
    centres = (cells[:, None] + basis).reshape(-1, 3) * constant @ turn.T + rng.uniform(-5, 5, 3) + size / 2
    points = np.indices((size,) * 3).reshape(3, -1).T.astype(float)
    nearest, _ = cKDTree(centres).query(points)
    return np.clip(nearest - radius + 0.5, 0, 1).reshape((size,) * 3), centres


def adjusted_rand_index(first, second) -> float:
    """Return how well two partitions agree: 1 for the same, 0 as by chance (Hubert and Arabie, 1985)."""
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    together, a, b, n = (
        np.sum(counts * (counts - 1) / 2) for counts in (table, table.sum(1), table.sum(0), np.array([len(first)]))
    )
    chance = a * b / n
    return float((together - chance) / ((a + b) / 2 - chance))


@given(seeds)
def test_closed_void_has_the_sign_of_the_determinant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((3, 3))
    shape, place = (15, 14, 16), rng.uniform(-0.7, 0.7, 3)
    solid = distance(shape, place) > 4.2
    zero = place + rng.uniform(-1, 1, 3)
    m = unit(np.tensordot(matrix, coordinates(*shape) - zero[:, None, None, None], axes=1))
    found = virtual_hedgehogs(m * solid, solid, voxel_size=VOXEL)
    assert found.sizes["void"] == 1
    assert found.charge[0] == pytest.approx(np.sign(np.linalg.det(matrix)), abs=1e-9)
    assert found.closed[0]
    assert found.virtual[0]
    assert not found.at_border[0]
    assert found.covered[0] == 1
    assert np.linalg.norm(found.position.values[0, ::-1] / VOXEL - place) < 0.2
    assert float(found.volume[0]) == pytest.approx(np.count_nonzero(~solid) * VOXEL**3)


@given(seeds)
def test_charge_is_that_of_any_filling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (9, 10, 11)
    solid = np.ones(shape, bool)
    solid[2:-2, 2:-2, 2:-2] = rng.random((5, 6, 7)) > 0.08
    m = unit(rng.standard_normal((3, *shape)))
    found = virtual_hedgehogs(m, solid, voxel_size=VOXEL, h=100.0)
    regions = touching_voids(solid)
    filled = unit(rng.standard_normal((3, *shape)))
    charges = cell_charges(np.where(solid, m, filled)).astype(int)
    touched = np.zeros(charges.shape, int)
    for corner in np.ndindex(2, 2, 2):
        part = regions[tuple(slice(c, c + n) for c, n in zip(corner, charges.shape, strict=True))]
        touched = np.maximum(touched, part)
    expected = [charges[touched == region].sum() for region in range(1, regions.max() + 1)]
    # Below so deep a neck every region is one void.
    assert found.closed.all()
    assert sorted(found.charge.values) == sorted(expected)
    # The outer flux is cells and voids.
    inside = cell_charges(m, magnet=solid).sum(dtype=int)
    assert cell_charges(np.where(solid, m, filled)).sum(dtype=int) == inside + sum(expected)


@given(seeds)
@settings(max_examples=6)
def test_agrees_with_an_independent_flux_balance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (20, 20, 40)
    places = [(-9.3, 0.4, 0.2), (9.1, 0.1, -0.4)]
    solid = np.min([distance(shape, place) for place in places], axis=0) > 5.1
    matrix = rng.standard_normal((3, 3))
    m = unit(np.tensordot(matrix, coordinates(*shape) - np.array(places[0])[:, None, None, None], axes=1)) * solid
    found = virtual_hedgehogs(m, solid, voxel_size=VOXEL)
    balance = flux_balance(m, solid, voxel_size=VOXEL)
    assert found.closed.all()
    for void in balance.voids:
        nearest = int(np.argmin(np.abs(found.position.values[:, 2] - void.x)))
        assert float(found.charge[nearest]) == void.flux


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cut", [0.6, 0.05])
@pytest.mark.parametrize("graded", [False, True])
def test_open_void_of_a_radial_texture_has_its_covered_share(seed: int, cut: float, graded: bool) -> None:
    # A sphere that a plane cuts: its cap is missing, and the outside begins there.
    rng = np.random.default_rng(seed)
    radius, shape = 6.5, (26, 26, 26)
    place = rng.uniform(-0.5, 0.5, 3)
    r = coordinates(*shape) - place[:, None, None, None]
    axis = Rotation.from_quat(rng.standard_normal(4)).apply([0, 0, 1])
    depth = np.minimum(np.linalg.norm(r, axis=0) - radius, cut * radius - np.tensordot(axis, r, axes=1))
    fill = np.clip(depth + 0.5, 0, 1) if graded else (depth > 0).astype(float)
    surfaces = void_surfaces(unit(r), fill, touching_voids(fill >= 0.5), aspect=np.ones(3), h=0.7)
    on_sphere = np.linalg.norm(surfaces.vertices[surfaces.faces].mean(1) - place[::-1] - 13, axis=1) < radius + 0.8
    found = surface_charge(
        unit(r) * (fill >= 0.5),
        (surfaces.vertices - 13) * VOXEL,
        surfaces.faces[on_sphere],
        voxel_size=VOXEL,
        centre=place[::-1] * VOXEL,
    )
    corners = surfaces.faces[on_sphere].T
    charge = triangle_shares(*(surfaces.spins[corner] for corner in corners)).sum()
    assert charge == pytest.approx(found.covered, abs=0.01)
    assert found.covered == pytest.approx((1 + cut) / 2, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("graded", [False, True])
def test_opening_does_not_draw_the_centre_of_a_void(seed: int, graded: bool) -> None:
    radius, shape = 6.5, (28, 28, 28)
    place = np.random.default_rng(seed).uniform(-0.5, 0.5, 3)
    r = coordinates(*shape) - place[:, None, None, None]
    axis = Rotation.random(random_state=seed).apply([0, 0, 1])
    depth = np.minimum(np.linalg.norm(r, axis=0) - radius, 0.6 * radius - np.tensordot(axis, r, axes=1))
    fill = np.clip(depth + 0.5, 0, 1) if graded else (depth > 0).astype(float)
    found = virtual_hedgehogs(unit(r), fill, voxel_size=VOXEL)
    sphere = found.isel(void=int(np.argmax(found.charge.values)))
    assert not sphere.closed
    assert float(sphere.charge) == pytest.approx(float(sphere.covered), abs=0.01)
    assert np.linalg.norm(sphere.position.values[::-1] / VOXEL - place) < 0.1
    assert float(sphere.radius) == pytest.approx(radius * VOXEL, rel=0.02)


def test_voids_that_are_no_spheres_are_at_the_mean_of_their_voxels() -> None:
    r = coordinates(22, 22, 30) - np.array([0.2, 0.1, 0.3])[:, None, None, None]
    rod = (np.hypot(r[0], r[1]) < 4.2) & (np.abs(r[2]) < 7)
    cube = np.abs(r - np.array([0.1, 0.2, 0.4])[:, None, None, None]).max(axis=0) < 6
    for void in (rod, cube):
        found = virtual_hedgehogs(unit(r) * ~void, ~void, voxel_size=VOXEL)
        middle = np.argwhere(void).mean(axis=0) - np.array(void.shape) // 2
        np.testing.assert_allclose(found.position[0] / VOXEL, middle, atol=1e-9)
        assert np.isnan(found.radius[0])


@given(seeds)
def test_peaks_are_h_maxima(seed: int) -> None:
    rng = np.random.default_rng(seed)
    solid = rng.random(rng.integers(2, 12, 3)) > rng.choice([0.5, 0.9])
    solid.flat[0] = True
    depth = ndimage.distance_transform_edt(~solid, sampling=rng.choice([1.0, 1.7], 3))
    h = float(rng.choice([0.3, 0.7, 1.0]))
    np.testing.assert_array_equal(_is_peak(depth, h), morphology.h_maxima(depth, h) > 0)


def test_takes_little_memory() -> None:
    fill = packing(48, 8.0, np.random.default_rng(5))[0].astype(np.float32)
    m = unit(np.random.default_rng(6).standard_normal((3, *fill.shape), dtype=np.float32))
    virtual_hedgehogs(m, fill, voxel_size=VOXEL)
    tracemalloc.start()
    virtual_hedgehogs(m, fill, voxel_size=VOXEL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * (m.nbytes + fill.nbytes)


@pytest.mark.parametrize("seed", range(3))
def test_overlapping_voids_of_a_radial_texture_have_their_covered_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fill, centres = packing(56, 7.0, rng)
    middle = centres[np.argmin(np.linalg.norm(centres - 28, axis=1))]
    r = np.indices(fill.shape, float)[::-1] - middle[::-1, None, None, None]
    found = virtual_hedgehogs(unit(r) * (fill >= 0.5), fill, voxel_size=VOXEL)
    place = found.position.values / VOXEL + 28
    here = int(np.argmin(np.linalg.norm(place - middle, axis=1)))
    assert np.linalg.norm(place[here] - middle) < 0.3
    assert not found.closed[here]
    assert 0.5 < found.covered[here] < 0.8
    assert found.charge[here] == pytest.approx(float(found.covered[here]), abs=0.01)
    strict = virtual_hedgehogs(unit(r) * (fill >= 0.5), fill, voxel_size=VOXEL, threshold=0.5)
    assert strict.virtual[here]
    shy = virtual_hedgehogs(unit(r) * (fill >= 0.5), fill, voxel_size=VOXEL, threshold=0.5, minimum_coverage=0.9)
    assert not shy.virtual[here]


@pytest.mark.parametrize(("radius", "interior"), [(4.5, 0.79), (6.0, 0.9), (7.0, 0.9)])
@pytest.mark.parametrize("seed", range(2))
def test_facets_find_their_spheres(radius: float, interior: float, seed: int) -> None:
    size = int(7 * radius)
    fill, centres = packing(size, radius, np.random.default_rng(seed))
    for share in (fill, (fill > 0.5).astype(float)):
        surfaces = void_surfaces(
            np.ones((3, *fill.shape)), share, touching_voids(share >= 0.5), aspect=np.ones(3), h=0.7
        )
        middle = surfaces.vertices[surfaces.faces].mean(axis=1)
        _, sphere = cKDTree(centres).query(middle)
        whole = np.all((centres[sphere] > radius) & (centres[sphere] < size - 1 - radius), axis=1)
        names = np.unique(sphere, return_inverse=True)[1]
        assert adjusted_rand_index(surfaces.void, names) >= 0.79
        assert adjusted_rand_index(surfaces.void[whole], names[whole]) >= interior


def test_adjusted_rand_index_of_known_partitions() -> None:
    rng = np.random.default_rng(0)
    names = rng.integers(0, 5, 4000)
    assert adjusted_rand_index(names, (names + 2) % 5) == pytest.approx(1)
    assert adjusted_rand_index(names, rng.integers(0, 5, 4000)) == pytest.approx(0, abs=0.01)
    assert adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])) == pytest.approx(4 / 7)


def test_surfaces_lead_out_of_the_voids_and_add_up() -> None:
    # Two overlapping spheres deep in the magnet: neither is closed, both together are.
    shape = (24, 24, 44)
    places = [(-6.1, 0.1, 0.2), (6.3, -0.2, 0.1)]
    depth = np.min([distance(shape, place) for place in places], axis=0) - 6.8
    solid = depth > 0
    m = unit(coordinates(*shape) - np.array([-5.3, 0.3, 0.4])[:, None, None, None]) * solid
    found = virtual_hedgehogs(m, np.clip(depth + 0.5, 0, 1), voxel_size=VOXEL)
    assert found.sizes["void"] == 2
    assert not found.closed.any()
    assert float(found.charge.sum()) == pytest.approx(1, abs=1e-9)
    left = int(np.argmin(found.position.values[:, 2]))
    assert 0.6 < found.charge[left] < 1
    assert 0.7 < found.covered[left] < 1
    below = virtual_hedgehogs(m, np.clip(depth + 0.5, 0, 1), voxel_size=VOXEL, h=6.0)
    assert below.sizes["void"] == 1
    assert below.closed[0]
    assert below.charge[0] == 1


def test_stretched_texture_reaches_its_charge_with_less_coverage() -> None:
    # A sphere without its cap of half opening 60 degrees: a quarter is missing, and yet the charge says 0.9.
    radius, shape = 8.0, (30, 30, 30)
    r = coordinates(*shape) - np.array([0.2, 0.1, 0.3])[:, None, None, None]
    solid = (np.linalg.norm(r, axis=0) > radius) & (r[2] < 0.5 * radius)
    stretched = r * np.array([1, 1, 2.5])[:, None, None, None]
    found = [
        void_surfaces(m, solid.astype(float), touching_voids(solid), aspect=np.ones(3), h=0.7) for m in (r, stretched)
    ]
    corners = found[0].faces.T
    centre = np.array([15.3, 15.1, 15.2])
    rays = found[0].vertices - centre
    on_sphere = np.linalg.norm(rays[found[0].faces].mean(axis=1), axis=1) < radius + 0.8
    radial, more = (triangle_shares(*(f.spins[c[on_sphere]] for c in corners)).sum() for f in found)
    covered = triangle_shares(*(directions(rays[c[on_sphere]]) for c in corners)).sum()
    assert covered == pytest.approx(0.75, abs=0.02)
    assert radial == pytest.approx(covered, abs=0.01)
    # The edge at cos = 0.5 moves to 2.5 cos/sqrt(6.25 cos^2 + sin^2) = 0.822.
    assert more == pytest.approx(0.911, abs=0.01)


def test_rows_at_the_border_are_no_virtual_hedgehogs() -> None:
    shape = (24, 24, 24)
    block = np.zeros(shape, bool)
    block[4:-4, 4:-4, 4:-4] = True
    solid = block & (distance(shape, (0.3, 0.2, -0.1)) > 4.1)
    m = unit(coordinates(*shape) - np.array([0.3, 0.2, -0.1])[:, None, None, None]) * solid
    found = virtual_hedgehogs(m, solid, voxel_size=VOXEL)
    inner = found.where(~found.at_border, drop=True)
    assert inner.charge.values.tolist() == [1]
    assert bool(inner.virtual[0])
    outside = found.where(found.at_border, drop=True)
    assert outside.sizes["void"] >= 1
    assert float(outside.charge.sum()) == pytest.approx(-1, abs=1e-9)
    assert not outside.virtual.any()


def test_a_wall_of_one_voxel_separates_voids() -> None:
    solid = np.ones((9, 9, 16), bool)
    solid[3:6, 3:6, 3:6] = False
    solid[3:6, 3:6, 7:10] = False
    m = unit(coordinates(9, 9, 16) - np.array([-3.6, 0.2, 0.1])[:, None, None, None])
    found = virtual_hedgehogs(m, solid, voxel_size=VOXEL)
    assert found.closed.values.tolist() == [True, True]
    assert sorted(found.charge.values) == [0, 1]


def test_voxels_of_three_lengths() -> None:
    sizes = np.array([2e-9, 4e-9, 5e-9])
    shape = (60, 30, 24)
    r = coordinates(*shape) * sizes[::-1, None, None, None]
    places = [(0.0, 0.0, -22e-9), (0.0, 0.0, 22.6e-9)]
    gap = np.min([np.linalg.norm(r - np.array(p)[:, None, None, None], axis=0) for p in places], axis=0) - 23e-9
    solid = gap > 0
    m = unit(r - np.array([0.5e-9, 0.3e-9, 21e-9])[:, None, None, None]) * solid
    found = virtual_hedgehogs(m, solid, voxel_size=tuple(sizes))
    assert found.sizes["void"] == 2
    np.testing.assert_allclose(np.sort(found.position[:, 0]), [-22e-9, 22.6e-9], atol=1e-9)
    np.testing.assert_allclose(found.covered.values, 0.98, atol=0.03)
    assert float(found.charge.sum()) == pytest.approx(1, abs=1e-9)


def test_same_bytes_for_any_number_of_threads() -> None:
    fill, _ = packing(40, 6.0, np.random.default_rng(3))
    m = unit(np.random.default_rng(4).standard_normal((3, *fill.shape)))
    results = []
    for count in (1, 3):
        with use_threads(count):
            found = virtual_hedgehogs(m, fill, voxel_size=VOXEL)
            results.append([found[name].values.tobytes() for name in found])
    assert results[0] == results[1]


def test_magnet_without_voids() -> None:
    found = virtual_hedgehogs(np.ones((3, 6, 6, 6)), np.ones((6, 6, 6)), voxel_size=VOXEL)
    assert found.sizes["void"] == 0
    assert found.charge.dtype == np.float64


def test_walls_of_opposite_spins_round_a_void_are_no_error() -> None:
    solid = distance((14, 14, 14), (0, 0, 0)) > 4.1
    m = np.zeros((3, 14, 14, 14))
    m[2] = np.where(coordinates(14, 14, 14)[0] < 0, -1, 1)
    assert virtual_hedgehogs(m, solid, voxel_size=VOXEL).charge.values.tolist() == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": np.ones((4, 4, 4))}, "m is of shape"),
        ({"m": np.zeros((3, 4, 4, 4))}, "m is "),
        ({"m": np.full((3, 4, 4, 4), np.nan)}, "m is "),
        ({"magnet": np.ones((4, 4, 3))}, "magnet is of shape"),
        ({"magnet": np.zeros((4, 4, 4))}, "magnet is nowhere"),
        ({"magnet": np.full((4, 4, 4), np.nan)}, "magnet"),
        ({"voxel_size": 5.3}, "voxel_size is 5.3"),
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"h": -1.0}, "h is -1.0"),
        ({"minimum_coverage": 90.0}, "minimum_coverage is 90.0"),
    ],
)
def test_wrong_input(change, message: str) -> None:
    m = np.zeros((3, 4, 4, 4))
    m[2] = 1
    arguments = {"m": m, "magnet": np.ones((4, 4, 4)), "voxel_size": 1e-9} | change
    with pytest.raises(ValueError, match=message) as error:
        virtual_hedgehogs(arguments.pop("m"), arguments.pop("magnet"), **arguments)
    assert "\n" not in str(error.value)
