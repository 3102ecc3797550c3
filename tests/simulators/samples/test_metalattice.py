"""The metalattice's voxels: fill fractions by formula, hole radii, options, block shapes, refusals."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from numerics.streams import stream
from numerics.threads import use_threads
from simulators.samples.block import Block, depth
from simulators.samples.metalattice import Infiltration, metalattice
from simulators.samples.sphere_packing import Template, bulk_fill, hole_radius, hole_volume, pack

D = 60e-9
A = D * np.sqrt(2)
SHARE = 1 - np.pi / (3 * np.sqrt(2))  # of touching close-packed spheres' gaps: 25.95 %


def whole_cells(count=2, diameter=D, extra=0.0, **options):
    """Cut whole cubic cells, plus `extra` beyond each face, along the cube's axes."""
    edge = count * diameter * np.sqrt(2) + 2 * extra
    template = {"diameter": diameter, "orientation": "100"} | options.pop("template", {})
    keys = {"voxel_size": 2e-9, "rng": stream(5, "sample")} | options
    return metalattice(Template(**template), Block(size=(edge,) * 3), **keys)


@pytest.mark.parametrize("diameter", [60e-9, 69e-9])
def test_fill_fraction_over_whole_cells(diameter: float) -> None:
    lattice = whole_cells(diameter=diameter)
    assert lattice.fractions["nickel"] == pytest.approx(SHARE, abs=1e-3)
    assert lattice.fractions["nickel_formula"] == pytest.approx(SHARE, abs=1e-12)
    assert lattice.features()["fractions"]["mask"] == pytest.approx(SHARE, abs=5e-3)
    assert lattice.fill.dtype == np.float32


@pytest.mark.parametrize("overlap", [0.95, 1.05])
def test_fill_fraction_of_sintered_and_of_parted_spheres(overlap: float) -> None:
    edge = 2 * A / overlap
    lattice = metalattice(Template(overlap=overlap, orientation="100"), Block(size=(edge,) * 3), voxel_size=2e-9)
    ball, spacing = np.pi * D**3 / 6, D / overlap
    cap_height = max((D - spacing) / 2, 0)
    cap = np.pi * cap_height**2 * (3 * D / 2 - cap_height) / 3
    formula = 1 - (ball - 12 * cap) / (spacing**3 / np.sqrt(2))
    assert lattice.fractions["nickel_formula"] == pytest.approx(formula, abs=1e-12)
    assert lattice.fractions["nickel"] == pytest.approx(formula, abs=1e-3)


@pytest.mark.parametrize("diameter", [60e-9, 69e-9])
@pytest.mark.parametrize(("kind", "ratio"), [("octahedral", 0.41421), ("tetrahedral", 0.22474), ("neck", 0.15470)])
def test_hole_radii_in_the_voxels(diameter: float, kind: str, ratio: float) -> None:
    lattice = whole_cells(diameter=diameter)
    axes = [(np.arange(n) - n // 2) * size for n, size in zip(lattice.nickel.shape, lattice.voxel_size, strict=True)]
    surface, *_ = marching_cubes(lattice.silica, 0.5)
    points = surface * lattice.voxel_size + [axis[0] for axis in axes]
    chosen = lattice.sites.of_kind(kind) & (lattice.sites.depth > 0.5 * diameter)
    assert chosen.sum() > 5
    for place in lattice.sites.position[chosen]:
        found = np.linalg.norm(points - place, axis=1).min()
        assert found == pytest.approx(ratio * diameter / 2, abs=1e-9)  # half a cell


def test_hole_volumes_are_those_of_the_polyhedra_less_the_balls() -> None:
    axis = (np.arange(240) + 0.5) / 240 * A - A / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    for overlap in (1.0, 1.1):
        template = Template(diameter=D * overlap, overlap=overlap)
        inside = np.abs(z) + np.abs(y) + np.abs(x) < A / 2
        for centre in np.concatenate([np.eye(3), -np.eye(3)]) * A / 2:
            inside &= (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 > (D * overlap / 2) ** 2
        counted = np.count_nonzero(inside) * (A / 240) ** 3
        assert hole_volume(template, "octahedral") == pytest.approx(counted, rel=3e-3)
        both = hole_volume(template, "octahedral") + 2 * hole_volume(template, "tetrahedral")
        packing = pack(template, (A, A, A), margin=2.5 * D)
        assert both / (template.spacing**3 / np.sqrt(2)) == pytest.approx(bulk_fill(packing), abs=1e-12)


def test_each_option_changes_the_fill_as_its_formula_says() -> None:
    dead, cap = 2e-9, 10e-9
    grown = Template(overlap=(D + 2 * dead) / D, diameter=D + 2 * dead)  # spheres that took the layer's place
    open_share = (hole_volume(grown, "octahedral") + 2 * hole_volume(grown, "tetrahedral")) / (D**3 / np.sqrt(2))
    outer = 2 * A + 2 * dead
    layered = whole_cells(extra=dead, infiltration=Infiltration(dead_layer=dead))
    assert layered.fractions["magnet"] == pytest.approx(open_share * (2 * A / outer) ** 3, abs=3e-3)
    assert layered.fractions["magnet"] == pytest.approx(layered.fractions["magnet_formula"], abs=3e-3)
    capped = whole_cells(infiltration=Infiltration(overfill=cap))
    assert capped.fractions["nickel"] == pytest.approx((SHARE * 2 * A + cap) / (2 * A + cap), abs=3e-3)
    both = whole_cells(infiltration=Infiltration(overfill=cap, dead_layer=dead))
    assert both.fractions["magnet"] == pytest.approx(both.fractions["magnet_formula"], abs=3e-3)
    holed = whole_cells(3, infiltration=Infiltration(unfilled=0.02))
    assert holed.fractions["nickel"] == pytest.approx(SHARE * 0.98, abs=3e-3)
    assert holed.fractions["nickel"] == pytest.approx(holed.fractions["nickel_formula"], abs=3e-3)
    spread = whole_cells(3, template={"spread": 0.05})
    assert spread.fractions["nickel"] == pytest.approx(spread.fractions["nickel_formula"], abs=3e-3)


def test_unequal_spheres_leave_less_room_by_the_square_of_their_spread() -> None:
    # Balls alone would take 3 spread^2 more; where neighbours overlap they give most of it back, to second order 3/4.
    packing = pack(Template(spread=0.05), (1.2e-6,) * 3, margin=0, rng=stream(3, "sample"))
    assert np.std(packing.radii) / packing.radii.mean() == pytest.approx(0.05, rel=0.02)
    assert bulk_fill(packing) == pytest.approx(SHARE - 0.75 * 0.05**2 * (1 - SHARE), abs=8e-4)


@pytest.mark.parametrize("probability", [0.1, 1.0])
def test_stacking_faults_keep_the_fill(probability: float) -> None:
    size = (3 * D * np.sqrt(2 / 3), 2 * D * np.sqrt(3), 3 * D)  # a period of every layer
    lattice = metalattice(
        Template(stacking_fault=probability), Block(size=size), voxel_size=2e-9, rng=stream(2, "sample")
    )
    assert lattice.fractions["nickel"] == pytest.approx(SHARE, abs=3e-3)


def test_a_dead_layer_lies_under_every_surface() -> None:
    dead = Infiltration(dead_layer=2e-9)
    block = Block(size=(100e-9, 120e-9, 120e-9))
    bare, layered = metalattice(block=block), metalattice(block=block, infiltration=dead)
    assert np.array_equal(bare.nickel, layered.nickel)
    packing, half = layered.packing, np.array(layered.block.size) / 2
    axes = [(np.arange(n) - n // 2) * 2.5e-9 for n in layered.fill.shape]
    points = np.stack([axis[index] for axis, index in zip(axes, np.nonzero(layered.magnet), strict=True)], axis=1)
    nearest = np.min(half - np.abs(points - layered.centre), axis=1)
    for centre, radius in zip(packing.centres, packing.radii, strict=True):
        nearest = np.minimum(nearest, np.linalg.norm(points - centre, axis=1) - radius)
    assert nearest.min() > 2e-9 - 1.25e-9
    assert layered.fill.max() == 1
    half_dead = metalattice(block=block, infiltration=Infiltration(dead_layer=2e-9, dead_saturation=0.5))
    assert np.array_equal(half_dead.fill, bare.fill)
    moment = half_dead.saturation.astype(np.float64) * half_dead.fill
    expected = layered.fill + 0.5 * (layered.nickel.astype(np.float64) - layered.fill)
    assert np.allclose(moment, expected, atol=1e-6)


def test_nothing_is_magnetic_in_an_empty_hole() -> None:
    lattice = whole_cells(infiltration=Infiltration(unfilled=0.1))
    sites = lattice.sites
    empty = ~sites.filled & sites.is_hole
    assert np.count_nonzero(empty) == round(0.1 * np.count_nonzero(sites.is_hole & (sites.depth > 0)))
    axes = [(np.arange(n) - n // 2) * 2e-9 for n in lattice.fill.shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = cKDTree(points)
    for filled in (True, False):
        rows = np.flatnonzero(sites.is_hole & (sites.filled == filled) & sites.whole)
        near = voxels.query_ball_point(sites.position[rows], sites.radius[rows] - 1.75e-9)
        found = lattice.fill.ravel()[np.concatenate(near).astype(int)]
        assert np.all(found == (1 if filled else 0))


def test_overfill_is_solid_and_lies_on_top() -> None:
    lattice = metalattice(block=Block(size=(100e-9, 120e-9, 120e-9)), infiltration=Infiltration(overfill=10e-9))
    assert lattice.fill.shape == (44, 48, 48)
    assert np.all(lattice.fill[40:] == 1)
    assert np.all(lattice.silica[40:] == 0)
    assert 0 < lattice.silica[39].mean() < 1
    assert lattice.centre[0] == pytest.approx(-1.25e-9 - 5e-9)


def test_block_of_tilted_faces_and_rounded_edges() -> None:
    block = Block(size=(100e-9, 150e-9, 200e-9), taper=0.15, wedge=0.1, edge_radius=8e-9)
    lattice = metalattice(block=block, view=(110e-9, 160e-9, 210e-9))
    solid = lattice.nickel.astype(np.float64) + lattice.silica
    assert solid.sum() * 2.5e-9**3 == pytest.approx(block.volume(), rel=2e-3)
    rows = solid.sum(axis=2).max(axis=1) * 2.5
    lean = np.polyfit(np.arange(10, 20) * 2.5, rows[10:20], 1)[0]
    assert lean == pytest.approx(-2 * np.tan(0.15), rel=0.1)
    columns = solid.sum(axis=0)[solid.shape[1] // 2] * 2.5
    assert np.polyfit(np.arange(30, 60) * 2.5, columns[30:60], 1)[0] == pytest.approx(-np.tan(0.1), rel=0.1)
    assert solid.max() == pytest.approx(1)


def test_volumes_of_simple_blocks() -> None:
    assert Block().volume() == pytest.approx(480e-9 * 480e-9 * 150e-9, rel=1e-12)
    ball = Block(size=(2e-7,) * 3, edge_radius=1e-7)
    assert ball.volume() == pytest.approx(4 / 3 * np.pi * 1e-21, rel=1e-9)
    tapered = Block(size=(1e-7, 2e-7, 2e-7), taper=np.arctan(0.2))
    bottom, top = 2e-7, 1.6e-7
    assert tapered.volume() == pytest.approx(1e-7 / 3 * (bottom**2 + bottom * top + top**2), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1.2, 1.2), min_size=3, max_size=3), st.floats(0, 1))
def test_depth_in_a_rounded_box_is_the_distance_from_its_surface(point: list[float], share: float) -> None:
    half = np.array([0.6, 0.8, 1.0])
    radius = share * 0.6
    place = np.array(point)
    q = np.abs(place) - half + radius
    expected = radius - np.linalg.norm(np.maximum(q, 0)) - min(q.max(), 0)
    found = depth(Block(size=tuple(2 * half)).planes, radius, place[None])[0]
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_larger_view_holds_the_same_block() -> None:
    block = Block(size=(60e-9, 100e-9, 120e-9))
    small = metalattice(block=block)
    large = metalattice(block=block, view=(80e-9, 160e-9, 140e-9))
    assert large.fill.shape == (32, 64, 56)
    assert np.allclose(large.fill[4:28, 12:52, 4:52], small.fill, atol=0.02)
    assert large.nickel.sum() == pytest.approx(small.nickel.sum(), rel=1e-3)
    assert np.allclose([large.centre, small.centre], -1.25e-9, rtol=1e-9)


def test_same_bytes_for_same_draws_and_any_threads() -> None:
    def made(threads: int, seed: int = 1) -> bytes:
        with use_threads(threads):
            lattice = metalattice(
                Template(spread=0.05, stacking_fault=0.3),
                Block(size=(80e-9, 120e-9, 120e-9), edge_radius=5e-9),
                Infiltration(unfilled=0.1, dead_layer=2e-9, dead_saturation=0.5),
                rng=stream(seed, "sample"),
            )
        arrays = (lattice.nickel, lattice.fill, lattice.saturation, lattice.silica, lattice.sites.position)
        return b"".join(array.tobytes() for array in arrays)

    assert made(1) == made(2) == made(4)
    assert made(1) != made(1, seed=2)


def test_features_are_json_and_hold_sites_and_distances() -> None:
    lattice = metalattice(block=Block(size=(150e-9, 240e-9, 240e-9)))
    features = json.loads(json.dumps(lattice.features()))
    sites = features["sites"]
    assert {len(column) for column in sites.values()} == {len(lattice.sites)}
    assert np.allclose(np.column_stack([sites[name] for name in "zyx"]), lattice.sites.position, atol=1e-13)
    distances = features["site_distances"]
    for kinds, ratio in (
        ("octahedral-octahedral", 1),
        ("octahedral-tetrahedral", np.sqrt(3 / 8)),
        ("tetrahedral-tetrahedral", np.sqrt(0.5)),
    ):
        assert distances[kinds]["median"] == pytest.approx(ratio * D, rel=1e-9)
    assert features["template"]["lattice_constant"] == pytest.approx(A)
    assert features["fractions"]["nickel"] == pytest.approx(lattice.nickel.mean(dtype=np.float64))


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (lambda: Template(diameter=-1e-9), "diameter is"),
        (lambda: Template(diameter=np.nan), "diameter is"),
        (lambda: Template(spread=0.06), "spread is"),
        (lambda: Template(overlap=1.16), "overlap is"),
        (lambda: Template(orientation="123"), "orientation is"),
        (lambda: Template(orientation=((1, 0, 0), (0, 1, 0), (0, 0, -1))), "orientation is"),
        (lambda: Template(stacking_fault=1.1), "stacking_fault is"),
        (lambda: Template(offset=(0, 0, np.inf)), "offset is"),
        (lambda: Block(size=(0, 1, 1)), "size is"),
        (lambda: Block(size=(1e-7, 5e-8, 5e-8), taper=0.5), "size is"),
        (lambda: Block(taper=-0.1), "taper is"),
        (lambda: Block(edge_radius=80e-9), "edge_radius is"),
        (lambda: Infiltration(unfilled=1.5), "unfilled is"),
        (lambda: Infiltration(dead_layer=-1e-9), "dead_layer is"),
        (lambda: Infiltration(dead_saturation=2), "dead_saturation is"),
        (lambda: Infiltration(overfill=np.inf), "overfill is"),
        (lambda: metalattice(voxel_size=7e-9), "voxel_size is"),
        (lambda: metalattice(voxel_size=0), "voxel_size is"),
        (lambda: metalattice(view=(150e-9, 480e-9, 100e-9)), "view is"),
        (lambda: metalattice(subsampling=0), "subsampling is"),
        (lambda: metalattice(Template(spread=0.05)), "rng is None"),
        (lambda: metalattice(infiltration=Infiltration(unfilled=0.1)), "rng is None"),
    ],
)
def test_impossible_parameters_are_refused_in_one_line(make, start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start}.*allowed") as caught:
        make()
    assert "\n" not in str(caught.value)


def test_voxels_wider_than_a_neck_warn() -> None:
    block = Block(size=(60e-9,) * 3)
    with pytest.warns(UserWarning, match="necks' radius of 4.64 nm"):
        metalattice(block=block, voxel_size=5e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metalattice(block=block, voxel_size=4e-9)
    assert hole_radius(Template(), "neck") == pytest.approx(0.154701 * D / 2, rel=1e-5)
