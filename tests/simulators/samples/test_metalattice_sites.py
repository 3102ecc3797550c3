"""Holes and necks: exact positions, none missed, none invented, in any stacking and orientation."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from numerics.streams import stream
from simulators.samples.block import Block
from simulators.samples.lattice_sites import find_sites, site_distances
from simulators.samples.metalattice import metalattice
from simulators.samples.sphere_packing import Template, pack

D = 60e-9
A = D * np.sqrt(2)
H = D * np.sqrt(2 / 3)  # distance of layers
SHIFT = D / np.sqrt(3)  # from one position of a layer to the next


def ideal(kind: str, template: Template) -> np.ndarray:
    """List the sites of the cubic lattice within 4 cells, (z, y, x), by the lattice vectors of the cube."""
    n = np.arange(-9, 10)
    grid = np.stack(np.meshgrid(n, n, n, indexing="ij"), axis=-1).reshape(-1, 3)
    fcc = grid[grid.sum(axis=1) % 2 == 0] / 2
    quarter = [0.25 * (2 * np.array(signs) - 1) for signs in np.ndindex(2, 2, 2)]
    offsets = {"octahedral": [np.full(3, 0.5)], "tetrahedral": quarter, "neck": [4 / 3 * place for place in quarter]}
    points = np.concatenate([fcc + offset for offset in offsets[kind]])
    points = np.unique(np.round(points * 12).astype(int), axis=0) / 12
    turned = points * template.lattice_constant @ template.rotation.T
    return turned[:, ::-1] + np.array(template.offset)


def same_points(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    return len(found) == len(wanted) and bool(np.all(cKDTree(found).query(wanted)[0] < tolerance))


@pytest.mark.parametrize("diameter", [60e-9, 69e-9])
@pytest.mark.parametrize("orientation", ["100", "110", "111", "any"])
def test_sites_of_the_cubic_lattice(diameter: float, orientation: str) -> None:
    turn = tuple(map(tuple, Rotation.random(rng=7).as_matrix())) if orientation == "any" else orientation
    template = Template(diameter=diameter, orientation=turn, offset=(3e-9, -7e-9, 11e-9))
    half = (75e-9, 90e-9, 100e-9)
    sites = find_sites(pack(template, half, margin=2.5 * diameter))
    for kind, ratio in (("octahedral", np.sqrt(2) - 1), ("tetrahedral", np.sqrt(1.5) - 1), ("neck", 2 / 3**0.5 - 1)):
        found, wanted = sites.position[sites.of_kind(kind)], ideal(kind, template)
        inside, expected = (points[np.all(np.abs(points) < half, axis=1)] for points in (found, wanted))
        assert same_points(inside, expected, 1e-15)
        assert np.allclose(sites.radius[sites.of_kind(kind)], ratio * diameter / 2, rtol=0, atol=1e-15)


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 1.0])
def test_sites_of_any_stacking_are_those_between_its_layers(probability: float) -> None:
    template = Template(stacking_fault=probability)
    half = (200e-9, 70e-9, 80e-9)
    packing = pack(template, half, margin=2.5 * D, rng=stream(4, "sample"))
    sites = find_sites(packing)
    middle = len(packing.layers) // 2
    wanted: dict[str, list] = {"octahedral": [], "tetrahedral": []}
    for below, above, index in zip(packing.layers, packing.layers[1:], range(-middle, middle), strict=False):
        lower, upper = "ABC".index(below), "ABC".index(above)
        wanted["octahedral"].append((3 - lower - upper, (index + 0.5) * H))
        wanted["tetrahedral"] += [(lower, (index + 0.75) * H), (upper, (index + 0.25) * H)]
    j, i = np.meshgrid(np.arange(-9, 10), np.arange(-9, 10), indexing="ij")
    for kind, places in wanted.items():
        points = np.concatenate(
            [
                np.column_stack(
                    [np.full(j.size, z), j.ravel() * D * np.sqrt(0.75) + letter * SHIFT, ((i + 0.5 * j) * D).ravel()]
                )
                for letter, z in places
            ]
        )
        found = sites.position[sites.of_kind(kind)]
        inside, expected = (p[np.all(np.abs(p) < half, axis=1)] for p in (found, points))
        assert same_points(inside, expected, 1e-15)


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_necks_join_holes_as_the_stacking_says(probability: float) -> None:
    packing = pack(Template(stacking_fault=probability), (150e-9,) * 3, margin=2.5 * D, rng=stream(8, "sample"))
    sites = find_sites(packing)
    inner = np.all(np.abs(sites.position) < 150e-9, axis=1)
    necks = sites.of_kind("neck") & inner
    assert np.all(sites.joins[necks] >= 0)
    ends = np.bincount(sites.joins[necks].ravel(), minlength=len(sites))
    deep = np.all(np.abs(sites.position) < 90e-9, axis=1)
    assert set(ends[deep & sites.of_kind("octahedral")]) == {8}
    assert set(ends[deep & sites.of_kind("tetrahedral")]) == {4}
    alike = sites.kind[sites.joins[necks, 0]] == sites.kind[sites.joins[necks, 1]]
    assert alike.any() == (probability > 0)
    # A neck's plane holds its centre and lies between its two holes.
    for row in np.flatnonzero(necks)[:50]:
        first, second = sites.position[sites.joins[row]] - sites.position[row]
        assert first @ second < 0


def test_every_void_of_a_drawn_packing_is_found_by_its_inscribed_ball() -> None:
    template = Template(stacking_fault=0.5, spread=0.05)
    packing = pack(template, (120e-9,) * 3, margin=2.5 * D, rng=stream(11, "sample"))
    sites = find_sites(packing)
    centres, radii = cKDTree(packing.centres), packing.radii
    holes = sites.is_hole
    assert len(set(np.round(radii * 1e15))) > 0.9 * len(radii)
    # No sphere reaches into the ball, and one touches it.
    distance, index = centres.query(sites.position, 12)
    clearance = np.min(distance - radii[index], axis=1)
    assert np.allclose(clearance, sites.radius, rtol=0, atol=1e-15)
    # From anywhere, away from the nearest centre again and again: to the middle of a listed hole.
    rng = stream(12, "points")
    points = rng.uniform(-100e-9, 100e-9, (400, 3))
    for step in np.geomspace(4e-9, 1e-11, 2000):
        _, nearest = centres.query(points)
        away = points - packing.centres[nearest]
        points = points + step * away / np.linalg.norm(away, axis=1, keepdims=True)
    shift, row = cKDTree(sites.position[holes]).query(points)
    assert shift.max() < 1e-9
    assert len(set(row)) > 0.5 * np.count_nonzero(np.all(np.abs(sites.position[holes]) < 90e-9, axis=1))


def test_whole_and_cut() -> None:
    lattice = metalattice(block=Block(size=(150e-9, 200e-9, 200e-9)))
    sites = lattice.sites
    half = np.array(lattice.block.size) / 2
    margin = np.min(half - np.abs(sites.position - lattice.centre), axis=1)
    assert np.allclose(sites.depth, margin, atol=1e-15)
    assert np.array_equal(sites.whole, margin >= sites.radius)
    assert sites.whole.any()
    assert not sites.whole.all()
    assert np.all(margin > -sites.radius)
    octahedral = sites.of_kind("octahedral") & sites.whole
    axes = [
        np.round(p / 2.5e-9).astype(int) + n // 2 for p, n in zip(sites.position.T, lattice.fill.shape, strict=True)
    ]
    assert np.all(lattice.fill[tuple(axis[octahedral] for axis in axes)] == 1)


def test_choosing_rows_keeps_the_joins() -> None:
    sites = metalattice(block=Block(size=(100e-9, 120e-9, 120e-9))).sites
    kept = sites.where(~sites.of_kind("tetrahedral"))
    before, after = sites.joins[sites.of_kind("neck")], kept.joins[kept.of_kind("neck")]
    octahedral = np.where(sites.kind[before] == 0, before, -1).max(axis=1)
    octahedral[(before < 0).all(axis=1)] = -1
    assert np.array_equal(after.max(axis=1) >= 0, octahedral >= 0)
    listed = octahedral >= 0
    assert listed.any()
    assert np.array_equal(kept.position[after.max(axis=1)[listed]], sites.position[octahedral[listed]])


def test_distances_in_hexagonal_packing() -> None:
    packing = pack(Template(stacking_fault=1.0), (150e-9,) * 3, margin=2.5 * D)
    sites = find_sites(packing)
    distances = site_distances(sites.where(np.all(np.abs(sites.position) < 150e-9, axis=1)))
    assert distances["octahedral-octahedral"]["least"] == pytest.approx(H)
    assert distances["tetrahedral-tetrahedral"]["least"] == pytest.approx(D / np.sqrt(6))


def test_empty_holes_close_their_necks() -> None:
    sites = metalattice(block=Block(size=(100e-9, 120e-9, 120e-9))).sites
    row = int(np.flatnonzero(sites.of_kind("octahedral") & sites.whole)[0])
    emptied = sites.with_empty(np.array([row]))
    closed = np.any(sites.joins == row, axis=1)
    assert closed.sum() == 8
    assert np.array_equal(~emptied.filled, closed | (np.arange(len(sites)) == row))
