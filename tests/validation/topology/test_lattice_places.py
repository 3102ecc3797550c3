import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from simulators.samples.lattice_sites import find_sites
from simulators.samples.sphere_packing import Template, pack
from validation.topology.lattice_places import classify_sites

EDGE = 60e-9 * math.sqrt(2)
RADIUS = 30e-9


def cubic_sites(cells):
    """Return octahedral and tetrahedral holes of a cube of cells, in edges, (x, y, z), by listing all of them."""
    corners = np.stack(np.meshgrid(*(np.arange(-cells, cells + 1.0),) * 3), axis=-1).reshape(-1, 3)
    faces = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    fcc = (corners[:, None] + faces).reshape(-1, 3)
    quarter = np.full(3, 0.25)
    return fcc, fcc + 0.5, np.concatenate([fcc + quarter, fcc - quarter])


@given(seed=st.integers(0, 2**32 - 1), overlap=st.sampled_from([None, 0.95, 1.03]))
def test_every_point_has_the_kind_of_the_listed_lattice(seed, overlap):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix()
    origin = rng.uniform(-100e-9, 100e-9, 3)
    spheres, octahedral, tetrahedral = cubic_sites(2)
    radius = RADIUS * (overlap or 1.0)
    centre = rng.uniform(-0.6, 0.6, (20, 3))
    near = np.concatenate([octahedral, tetrahedral])
    near = near[np.abs(near).max(axis=1) < 0.7]
    points = np.concatenate([centre, near[rng.integers(len(near), size=40)] + rng.normal(0, 0.08, (40, 3))])
    expected, distances = [], []
    for point in points:
        apart = [np.linalg.norm(holes - point, axis=1).min() * EDGE for holes in (octahedral, tetrahedral)]
        balls = [0.5 * EDGE - radius, math.sqrt(3) / 4 * EDGE - radius]
        depth = [d - b for d, b in zip(apart, balls, strict=True)]
        best = int(np.argmin(depth))
        expected.append(("octahedral", "tetrahedral")[best] if depth[best] <= 0 else "between")
        distances.append(apart[best])
    places = (points @ turn.T)[:, ::-1] * EDGE + origin
    # Any sphere may be the origin.
    other = (spheres[rng.integers(len(spheres))] @ turn.T)[::-1] * EDGE + origin
    found = classify_sites(
        places,
        lattice_constant=EDGE,
        origin=other,
        rotation=turn,
        sphere_radius=None if overlap is None else radius,
    )
    np.testing.assert_array_equal(found.kind, expected)
    np.testing.assert_allclose(found.distance, distances, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(found.site - places, axis=1), distances, atol=1e-15)


def test_hole_sizes_are_those_of_touching_spheres():
    shares = {"octahedral": (np.full(3, 0.5), 0.4142), "tetrahedral": (np.full(3, 0.25), 0.2247)}
    for kind, (centre, share) in shares.items():
        for factor, expected in ((0.99, kind), (1.01, "between")):
            place = centre * EDGE + np.array([0, 0, factor * share * RADIUS])
            found = classify_sites(place[None], lattice_constant=EDGE, origin=(0, 0, 0))
            assert found.kind.item() == expected
            assert found.nearest_kind.item() == kind


@pytest.mark.parametrize("orientation", ["100", "110", "111"])
def test_ideal_lattice_and_listed_holes_agree_with_a_simulated_packing(orientation):
    rng = np.random.default_rng(4)
    template = Template(orientation=orientation, offset=(7e-9, -11e-9, 3e-9))
    packing = pack(template, (100e-9,) * 3, margin=200e-9)
    sites = find_sites(packing)
    inner = np.linalg.norm(sites.position, axis=1) < 150e-9
    holes = sites.where(inner & sites.is_hole)
    direction = rng.standard_normal((len(holes), 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points = holes.position + direction * (holes.radius * rng.uniform(0, 1.5, len(holes)))[:, None]
    middle = packing.centres[np.argmin(np.linalg.norm(packing.centres, axis=1))]
    ideal = classify_sites(
        points, lattice_constant=template.lattice_constant, origin=middle, rotation=template.rotation
    )
    listed = classify_sites(points, sites=sites.columns())
    np.testing.assert_array_equal(ideal.kind, listed.kind)
    np.testing.assert_allclose(ideal.site, listed.site, atol=1e-13)
    assert set(ideal.kind.values) == {"octahedral", "tetrahedral", "between"}
    at = classify_sites(holes.position, sites=sites.columns())
    np.testing.assert_array_equal(at.kind == "octahedral", holes.kind == 0)
    assert (at.row >= 0).all()
    assert (ideal.row == -1).all()


def test_hexagonal_steps_need_the_list():
    packing = pack(Template(stacking_fault=1.0), (100e-9,) * 3, margin=200e-9)
    sites = find_sites(packing)
    holes = sites.where((np.linalg.norm(sites.position, axis=1) < 120e-9) & sites.is_hole)
    middle = packing.centres[np.argmin(np.linalg.norm(packing.centres, axis=1))]
    template = Template()
    ideal = classify_sites(
        holes.position, lattice_constant=template.lattice_constant, origin=middle, rotation=template.rotation
    )
    listed = classify_sites(holes.position, sites=sites.columns())
    true = np.where(holes.kind == 0, "octahedral", "tetrahedral")
    np.testing.assert_array_equal(listed.kind, true)
    assert np.mean(ideal.kind == true) < 0.9


def test_listed_holes_may_overlap_and_necks_do_not_count():
    sites = {
        "kind": ["big", "neck", "small"],
        "z": [0.0, 5e-9, 0.0],
        "y": [0.0] * 3,
        "x": [0.0, 0.0, 20e-9],
        "radius": [18e-9, 9e-9, 6e-9],
    }
    points = np.array([[5e-9, 0, 0], [0, 0, 17e-9], [0, 0, 12e-9], [0, 40e-9, 0]])
    found = classify_sites(points, sites=sites)
    assert found.kind.values.tolist() == ["big", "small", "big", "between"]
    assert found.row.values.tolist() == [0, 2, 0, 0]
    assert classify_sites(np.empty((0, 3)), sites=sites).sizes["point"] == 0


SITES = {"kind": ["a"], "z": [0.0], "y": [0.0], "x": [0.0], "radius": [1e-9]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lattice_constant": 84.9}, "lattice_constant is 84.9 m; allowed"),
        ({"lattice_constant": None}, "lattice_constant or origin is None"),
        ({"origin": (0, 0)}, "origin is of shape"),
        ({"origin": np.zeros((2, 3))}, r"origin is of shape \(2, 3\); allowed: \(3,\)"),
        ({"origin": (0, 0, math.nan)}, "origin is nan somewhere"),
        ({"rotation": np.diag([1, 1, -1])}, "rotation is .*allowed"),
        ({"rotation": np.eye(2)}, "rotation is .*allowed"),
        ({"sphere_radius": 37e-9}, "sphere_radius is 3.7e-08 m; allowed: below"),
        ({"sites": SITES}, "lattice_constant is given with sites"),
        ({"positions": [[0, math.nan, 0]]}, "positions is nan somewhere"),
        ({"positions": [[0, 0, 30.0]]}, "positions is 30 m from the origin; allowed"),
        ({"positions": [[0, 0]]}, r"positions is of shape \(1, 2\)"),
    ],
)
def test_bad_input(change, message):
    given = {"positions": [[0.0, 0.0, 0.0]], "lattice_constant": EDGE, "origin": (0, 0, 0)} | change
    with pytest.raises(ValueError, match=message) as caught:
        classify_sites(given.pop("positions"), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"radius": [1e-9, 1e-9]}, r"sites has columns of \[1, 2\] rows"),
        ({"radius": [math.nan]}, "sites has a radius of nan"),
        ({"radius": [5]}, "sites has a radius of 5.0 m; allowed"),
        ({"x": [math.inf]}, "sites is inf somewhere"),
        ({"kind": ["neck"]}, "sites has no hole"),
    ],
)
def test_bad_lists(change, message):
    with pytest.raises(ValueError, match=message):
        classify_sites([[0.0, 0.0, 0.0]], sites=SITES | change)
    with pytest.raises(ValueError, match="sites has no column 'radius'"):
        classify_sites([[0.0, 0.0, 0.0]], sites={name: SITES[name] for name in ("kind", "z", "y", "x")})
