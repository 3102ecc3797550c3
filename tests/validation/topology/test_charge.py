"""Charges of cells, layers and slices: laws cell by cell, textures of known charge, densities from theory."""

import tracemalloc
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.streams import stream
from numerics.threads import use_threads
from simulators.samples import charges as simulated
from simulators.samples.textures import bobber, hedgehog_pair, hopfion, skyrmion, vortex
from tests.validation.topology.spins import (
    aligned_spins,
    coordinates,
    nearly_opposite_spins,
    random_orthogonal,
    random_spins,
    smooth_spins,
)
from validation.topology import cell_charges, layer_charges, slice_charge

METHODS = ("degree", "solid-angle")
CYCLES = ((1, 2, 0), (2, 0, 1))
SWAPS = ((0, 2, 1), (1, 0, 2), (2, 1, 0))

seeds = st.integers(0, 2**32 - 1)


def permuted(values, order):
    """Transpose the lattice, components left alone."""
    lead = values.ndim - 3
    return values.transpose(*range(lead), *(lead + axis for axis in order))


@given(seeds, st.sampled_from([np.float32, np.float64]))
def test_counting_gives_the_integers_of_the_solid_angles(seed, dtype):
    rng = np.random.default_rng(seed)
    m = random_spins(rng, 9, 8, 10).astype(dtype)
    fill = rng.random(m.shape[1:]) ** 0.2
    for magnet in (None, fill, fill > 0.6):
        q = cell_charges(m, magnet=magnet)
        assert q.dtype == np.int8
        assert q.shape == (8, 7, 9)
        assert np.array_equal(q, cell_charges(m, magnet=magnet, method="solid-angle"))
        assert np.array_equal(q, simulated.cell_charges(m, magnet=magnet))


def test_counting_gives_the_integers_of_the_solid_angles_in_a_large_field():
    for seed in range(3):
        m = smooth_spins(stream(seed, "sample"), 64, 1.5)
        q = cell_charges(m)
        assert np.count_nonzero(q) > 1000
        assert np.array_equal(q, cell_charges(m, method="solid-angle"))


def exact_charge(cell):
    """Count in rational numbers the triangles of one cell (3, 2, 2, 2) whose cones hold one direction."""
    frame = [[3, -2, -9], [-9, -3, -2], [-2, 9, -3]]
    spins = [[Fraction(float(component)) for component in cell[:, z, y, x]] for z, y, x in np.ndindex(2, 2, 2)]
    turned = [[sum(f * s for f, s in zip(row, spin, strict=True)) for row in frame] for spin in spins]
    charge = 0
    # Corners are numbered 4 z + 2 y + x; a face is split between its first and third corner.
    for face in ((4, 5, 7, 6), (0, 2, 3, 1), (2, 6, 7, 3), (0, 1, 5, 4), (1, 3, 7, 5), (0, 4, 6, 2)):
        for corners in (face[:3], (face[0], face[2], face[3])):
            a, b, c = (turned[corner] for corner in corners)
            sides = [p[0] * q[1] - p[1] * q[0] for p, q in ((b, c), (c, a), (a, b))]
            volume = sum(side * spin[2] for side, spin in zip(sides, (a, b, c), strict=True))
            charge += (min(*sides, volume) > 0) - (max(*sides, volume) < 0)
    return charge


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [random_spins, partial(nearly_opposite_spins, least=-9)])
def test_integers_are_those_of_exact_arithmetic(make, seed):
    m = make(stream(seed, "sample"), 6, 6, 6)
    exact = [exact_charge(m[:, k : k + 2, j : j + 2, i : i + 2]) for k, j, i in np.ndindex(5, 5, 5)]
    assert np.count_nonzero(exact) > 10
    for method in METHODS:
        assert np.array_equal(cell_charges(m, method=method).ravel(), exact)


@given(seeds)
def test_laws_hold_cell_by_cell(seed):
    rng = np.random.default_rng(seed)
    m = random_spins(rng, 7, 6, 8)
    q = cell_charges(m)
    assert np.array_equal(cell_charges(-m), -q)
    matrix = random_orthogonal(rng)
    assert np.array_equal(cell_charges(np.tensordot(matrix, m, axes=1)), np.round(np.linalg.det(matrix)) * q)
    assert np.array_equal(cell_charges(m * rng.uniform(1e-3, 1e3, m.shape[1:])), q)
    for order in CYCLES:
        assert np.array_equal(cell_charges(permuted(m, order)), permuted(q, order))
    for order in SWAPS:
        assert np.array_equal(cell_charges(permuted(m, order)), -permuted(q, order))
    assert np.array_equal(cell_charges(m[:, ::-1, ::-1, ::-1]), -q[::-1, ::-1, ::-1])


@given(seeds, st.booleans())
def test_opposite_and_coplanar_spins_are_decided_alike_by_all_cells(seed, stretched):
    rng = np.random.default_rng(seed)
    m = aligned_spins(rng, 7, 6, 8)
    if stretched:
        m = m * rng.uniform(0.5, 2, m.shape[1:])
    q = cell_charges(m)
    assert q.any()
    assert np.array_equal(cell_charges(m, method="solid-angle"), q)
    assert np.array_equal(cell_charges(permuted(m, CYCLES[0])), permuted(q, CYCLES[0]))
    assert np.array_equal(cell_charges(permuted(m, SWAPS[0])), -permuted(q, SWAPS[0]))
    assert np.array_equal(cell_charges(m[:, ::-1, ::-1, ::-1]), -q[::-1, ::-1, ::-1])
    # In a shell of one direction, whatever the spins inside, the charges add up to nothing.
    shell = np.ones((3, 9, 8, 10)) * np.array([1.0, -1.0, 0.0])[:, None, None, None]
    shell[:, 1:-1, 1:-1, 1:-1] = m
    for method in METHODS:
        assert cell_charges(shell, method=method).sum(dtype=int) == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stretched", [False, True])
def test_spins_that_are_only_up_or_down_have_no_charge(method, stretched):
    rng = stream(0, "sample")
    m = np.zeros((3, 12, 12, 12))
    m[2] = rng.choice([-1.0, 1.0], m.shape[1:]) * (rng.uniform(0.1, 10, m.shape[1:]) if stretched else 1)
    assert not cell_charges(m, method=method).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [0, 1e-17, 1e-12, 1e-7])
def test_a_uniform_field_that_rounding_alone_disturbs_has_no_charge(method, noise):
    rng = stream(1, "sample")
    for direction in (np.array([0, 0, 1.0]), rng.standard_normal(3)):
        m = direction[:, None, None, None] + noise * rng.standard_normal((3, 12, 12, 12))
        assert not cell_charges(m, method=method).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 0, 0.5), (0, 0.5, 0), (0.5, 0, 0), (0, 0.5, 0.5), (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("sign", [1, -1])
def test_hedgehog_on_a_point_edge_face_or_centre_of_the_lattice(method, place, sign):
    r = coordinates(8, 9, 10) - np.array(place[::-1])[:, None, None, None]
    r[2][np.all(r == 0, axis=0)] = 1
    q = cell_charges(sign * r, method=method)
    assert q.sum() == sign
    assert np.abs(q).sum() == 1


@given(seeds)
def test_hedgehog_lies_in_the_cell_of_its_zero(seed):
    rng = np.random.default_rng(seed)
    matrix, zero = rng.standard_normal((3, 3)), rng.uniform(-3, 3, 3)
    q = cell_charges(np.tensordot(matrix, coordinates(9, 10, 11) - zero[:, None, None, None], axes=1))
    x, y, z = zero
    expected = np.zeros_like(q)
    expected[tuple(int(np.floor(r)) + n // 2 for r, n in zip((z, y, x), (9, 10, 11), strict=True))] = 1
    assert np.array_equal(q, np.sign(np.linalg.det(matrix)) * expected)


@pytest.mark.parametrize(("axis", "component"), [("z", 2), ("y", 1), ("x", 0)])
def test_layers_of_a_hedgehog_cover_the_solid_angle_of_their_square(axis, component):
    # Seen from the hedgehog each layer is itself, a square of half side a at the height h.
    a, offset = 6.0, 0.5
    r = coordinates(13, 13, 13)
    r[component] += offset
    h = np.arange(13) - 6 + offset
    expected = np.sign(h) * np.arctan(a**2 / (np.abs(h) * np.sqrt(2 * a**2 + h**2))) / np.pi
    assert np.abs(layer_charges(r, axis=axis) - expected).max() < 1e-13
    assert np.abs(layer_charges(-r, axis=axis) + expected).max() < 1e-13


@pytest.mark.parametrize("core", [1, -1])
@pytest.mark.parametrize(("axis", "along"), [("z", 0), ("y", 1), ("x", 2)])
def test_skyrmion_tube_has_the_charge_of_its_core_in_every_layer_and_none_in_its_cells(core, axis, along):
    rng = stream(core + 5, "sample", axis)
    position = [(np.arange(n) - n // 2 + rng.uniform(-0.5, 0.5)) for n in (31, 33)]
    (first, second), helicity = np.meshgrid(*position, indexing="ij"), rng.uniform(0, 6)
    # The components of the tube's frame follow its axes cyclically: (x, y, z), (z, x, y), (y, z, x).
    y, x = (first, second) if along != 1 else (second, first)
    tube = skyrmion(0.0, y, x, radius=6.0, wall_width=2.0, helicity=helicity, core=core)
    m = np.roll(np.stack([tube] * 4, axis=1 + along), -along, axis=0)
    assert np.abs(layer_charges(m, axis=axis) - core).max() < 1e-3
    assert slice_charge(np.take(m, 2, axis=1 + along), axis=axis) == layer_charges(m, axis=axis)[2]
    for method in METHODS:
        assert not cell_charges(m, method=method).any()


def test_layers_count_the_magnet_alone():
    x, y, z = coordinates(6, 31, 32)
    m = skyrmion(z, y, x, radius=6.0, wall_width=2.0)
    magnet = (np.hypot(x, y) < 14.5) & (z > -3)
    charges = layer_charges(np.where(magnet, m, np.nan), magnet=magnet)
    assert charges[0] == 0
    assert np.abs(charges[1:] + 1).max() < 0.02
    assert np.array_equal(layer_charges(np.where(magnet, m, 0)), charges)
    assert slice_charge(m[:, 2], magnet=magnet[2]) == charges[2]


@pytest.mark.parametrize("seed", range(3))
def test_a_slice_with_a_uniform_border_has_a_whole_charge(seed):
    rng = stream(seed, "sample")
    m = np.zeros((3, 20, 22))
    m[2] = 1
    m[:, 1:-1, 1:-1] = random_spins(rng, 1, 18, 20)[:, 0]
    charge = slice_charge(m)
    assert abs(charge - round(charge)) < 1e-12
    assert slice_charge(-m) == pytest.approx(-charge, abs=1e-12)


def bloch_line(rng):
    """Return a wall whose inner direction turns by 180 degrees along its height."""
    x, y, z = coordinates(24, 24, 24) + rng.uniform(-0.5, 0.5, (3, 1, 1, 1))
    angle = 2 * np.arctan(np.exp((z + 0.2 * y) / 3)) + rng.uniform(0, 6)
    return np.stack([np.cos(angle) / np.cosh(x / 3), np.sin(angle) / np.cosh(x / 3), np.tanh(x / 3)])


@pytest.mark.parametrize("seed", range(3))
def test_textures_without_hedgehogs_and_with_some(seed):
    rng = stream(seed, "sample")
    x, y, z = coordinates(32, 32, 32) + rng.uniform(-0.5, 0.5, (3, 1, 1, 1))
    matrix = random_orthogonal(rng)
    sign = round(np.linalg.det(matrix))
    cases = [
        (vortex(z, y, x, core_radius=6.0), 0, 0),
        (bloch_line(rng), 0, 0),
        (hopfion(z, y, x, radius=6.0, linking=rng.choice([-1, 1])), 0, 0),
        (bobber(z, y, x, radius=7.0, wall_width=3.0, length=9.0, surface=14.0), -1, 1),
        (bobber(z, y, x, radius=7.0, wall_width=3.0, length=9.0, surface=14.0, core=1), 1, 1),
        (hedgehog_pair(z, y, x, separation=7.0, charges=(1, -1)), 0, 2),
        (hedgehog_pair(z, y, x, separation=7.0, charges=(-1, -1)), -2, 2),
    ]
    for m, charge, number in cases:
        for method in METHODS:
            q = cell_charges(np.tensordot(matrix, m, axes=1), method=method).astype(int)
            assert (q.sum(), np.abs(q).sum()) == (sign * charge, number)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [3, 4])
def test_density_of_zeros_of_a_gaussian_field(length, seed):
    n = 128
    counted = np.abs(cell_charges(smooth_spins(stream(seed, "sample", f"{length}"), n, float(length)))).sum(dtype=int)
    expected = (
        (n - 1) ** 3 * (2 * length**2) ** -1.5 / np.pi**2
    )  # Halperin, Physics of Defects, Les Houches XXXV (1981)
    assert abs(counted - expected) < 3 * np.sqrt(expected)


def test_mean_square_charge_of_random_spins_is_three_eighths():
    # Triangles of independent spins are uncorrelated, and four spins enclose the centre with probability 1/8
    # (Wendel, Math. Scand. 11, 109 (1962)), so one triangle has (Omega/4 pi)^2 = 1/32, and a cell has twelve.
    fields = [cell_charges(random_spins(stream(seed, "sample"), 49, 49, 49)).astype(float) for seed in range(6)]
    squares = np.array([np.mean(q**2) for q in fields])
    error = squares.std(ddof=1) / np.sqrt(len(fields))
    assert error < 0.001
    assert abs(squares.mean() - 3 / 8) < 4 * error
    # The mean modulus is less, by the cells of charge two.
    assert np.mean([np.abs(q).mean() for q in fields]) == pytest.approx(0.3524, abs=0.002)  # measured, one of 256^3
    assert min(np.abs(q).max() for q in fields) >= 2


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_threads_changes_nothing(method):
    m = random_spins(stream(3, "sample"), 40, 17, 18)
    with use_threads(1):
        alone = cell_charges(m, method=method), layer_charges(m, axis="x")
    with use_threads(3):
        together = cell_charges(m, method=method), layer_charges(m, axis="x")
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize(("method", "most"), [("degree", 1), ("solid-angle", 6)])
def test_memory_beside_the_input(method, most):
    m = random_spins(stream(4, "sample"), 64, 64, 64).astype(np.float32)
    with use_threads(2):
        cell_charges(m, method=method)
        tracemalloc.start()
        cell_charges(m, method=method)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < most * m.nbytes


def test_views_and_other_types_are_taken():
    m = random_spins(stream(5, "sample"), 9, 10, 11).astype(np.float32)
    q = cell_charges(m)
    assert np.array_equal(cell_charges(m.astype(np.float64)), q)
    assert np.array_equal(cell_charges(np.asfortranarray(m)), q)
    assert np.array_equal(cell_charges(np.moveaxis(np.ascontiguousarray(np.moveaxis(m, 0, -1)), -1, 0)), q)
    assert np.array_equal(cell_charges(m.tolist()), q)
    whole = aligned_spins(stream(6, "sample"), 5, 6, 7)
    assert np.array_equal(cell_charges(whole.astype(int)), cell_charges(whole))


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_outside_of_the_magnet_does_not_matter(method):
    rng = stream(7, "sample")
    m = random_spins(rng, 9, 10, 11)
    fill = rng.choice([0.0, 0.49, 0.5, 1.0], m.shape[1:], p=[0.02, 0.02, 0.3, 0.66])
    q = cell_charges(m, magnet=fill, method=method)
    assert q.any()
    for value in (0.0, np.nan, np.inf):
        hidden = np.where(fill >= 0.5, m, value)
        assert np.array_equal(cell_charges(hidden, magnet=fill, method=method), q)
    outside = np.where(fill >= 0.5, m, 0)
    assert np.array_equal(cell_charges(outside, method=method), q)


def spoiled(value):
    m = random_spins(stream(8, "sample"), 4, 5, 6)
    m[:, 2, 3, 4] = value
    return m


GOOD = spoiled(1.0)


@pytest.mark.parametrize(
    ("m", "keywords", "message"),
    [
        (np.ones((4, 5, 6)), {}, r"m is of shape \(4, 5, 6\); allowed: \(3, nz, ny, nx\)"),
        (np.ones((4, 5, 6, 3)), {}, r"m is of shape \(4, 5, 6, 3\)"),
        (np.ones((3, 0, 6, 3)), {}, r"m is of shape \(3, 0, 6, 3\)"),
        (GOOD * 1j, {}, r"m is of type complex128; allowed: real numbers"),
        (spoiled(np.nan), {}, r"m is \(nan, nan, nan\) at index \(2, 3, 4\) of the magnet"),
        (spoiled(np.inf), {}, r"m is \(inf, inf, inf\) at index \(2, 3, 4\)"),
        (spoiled(1e-200), {}, r"m is \(1e-200, 1e-200, 1e-200\) at index \(2, 3, 4\)"),
        (spoiled(0.0), {"magnet": np.ones((4, 5, 6))}, r"m is \(0.0, 0.0, 0.0\) at index \(2, 3, 4\)"),
        (0 * GOOD, {}, r"m is zero everywhere; allowed: spins"),
        (GOOD, {"magnet": np.full((4, 5, 6), 0.4)}, r"magnet is nowhere half filled; allowed"),
        (GOOD, {"magnet": np.ones((4, 5))}, r"magnet is of shape \(4, 5\); allowed: that of m, \(4, 5, 6\)"),
        (GOOD, {"magnet": np.full((4, 5, 6), 80.0)}, r"magnet is from 80.0 to 80.0; allowed: fill fractions"),
        (GOOD, {"magnet": np.full((4, 5, 6), np.nan)}, r"magnet is from nan to nan; allowed: fill fractions"),
        (GOOD, {"magnet": np.full((4, 5, 6), "in")}, r"magnet is of type <U2; allowed: fill fractions"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_bad_input_is_refused_in_one_line(m, keywords, message, method):
    with pytest.raises(ValueError, match=message) as found:
        cell_charges(m, **keywords, method=method)
    assert "\n" not in str(found.value)


def test_unknown_words_and_layers_without_faces_are_refused():
    with pytest.raises(ValueError, match="method is 'atan2'; allowed: 'degree', 'solid-angle'"):
        cell_charges(GOOD, method="atan2")
    with pytest.raises(ValueError, match="axis is 'w'; allowed: 'z', 'y', 'x'"):
        layer_charges(GOOD, axis="w")
    with pytest.raises(ValueError, match="axis is 2; allowed: 'z', 'y', 'x'"):
        slice_charge(GOOD[:, 0], axis=2)
    with pytest.raises(ValueError, match=r"m has layers of shape \(1, 6\); allowed: at least two spins"):
        layer_charges(GOOD[:, :, :1])
    with pytest.raises(ValueError, match=r"m is of shape \(3, 4, 5, 6\); allowed: \(3, ny, nx\)"):
        slice_charge(GOOD)
