"""Charges by solid angle: laws that hold cell by cell, densities from theory, fluxes of surfaces and voids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from numerics.streams import stream
from numerics.threads import use_threads
from simulators.samples.charges import cell_charges, charge_list, flux_balance, layer_charges

seeds = st.integers(0, 2**32 - 1)


def coordinates(*shape: int):
    """Return (x, y, z) in voxels, index n//2 the origin."""
    z, y, x = np.meshgrid(*(np.arange(n) - float(n // 2) for n in shape), indexing="ij")
    return np.stack([x, y, z])


def random_spins(rng: np.random.Generator, *shape: int):
    m = rng.standard_normal((3, *shape))
    return m / np.linalg.norm(m, axis=0)


def smooth_spins(rng: np.random.Generator, n: int, length: float):
    """Return a periodic Gaussian random field whose components correlate as exp(-r^2/4 length^2)."""
    return np.stack([gaussian_filter(rng.standard_normal((n, n, n)), length, mode="wrap") for _ in range(3)])


def degree_count(m):
    """Count, after one generic rotation, the triangles of every cube whose cones the z axis pierces."""
    spins = np.tensordot(Rotation.from_rotvec([0.41, -1.13, 0.77]).as_matrix(), m, axes=1)

    def pierced(a, b, c):
        sides = [p[0] * q[1] - p[1] * q[0] for p, q in ((a, b), (b, c), (c, a))]
        above = np.einsum("c...,c...->...", a, np.cross(b, c, axis=0))
        turn = np.where(np.all(np.array(sides) > 0, axis=0), 1, np.where(np.all(np.array(sides) < 0, axis=0), -1, 0))
        return turn * (turn * above > 0)

    def corner(*steps):
        return spins[
            :, *(slice(s, n - 1 + s) if s >= 0 else slice(None) for s, n in zip(steps, m.shape[1:], strict=True))
        ]

    total = 0
    for axis, (second, fourth) in enumerate([((0, 0, 1), (0, 1, 0)), ((1, 0, 0), (0, 0, 1)), ((0, 1, 0), (1, 0, 0))]):

        def at(step, axis=axis):
            return corner(*(-1 if other == axis else s for other, s in enumerate(step)))

        highest = tuple(a + b for a, b in zip(second, fourth, strict=True))
        face = pierced(at((0, 0, 0)), at(second), at(highest)) + pierced(at((0, 0, 0)), at(highest), at(fourth))
        total = total + np.diff(face, axis=axis)
    return total


@given(seeds)
def test_another_algorithm_gives_the_same_integers(seed: int) -> None:
    m = random_spins(np.random.default_rng(seed), 9, 8, 10)
    assert np.array_equal(cell_charges(m), degree_count(m))


@given(seeds)
def test_laws_hold_cell_by_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = random_spins(rng, 7, 6, 8)
    q = cell_charges(m)
    assert q.dtype == np.int8
    assert q.shape == (6, 5, 7)
    assert np.array_equal(cell_charges(-m), -q)
    turn = Rotation.random(random_state=int(seed % 1000)).as_matrix()
    assert np.array_equal(cell_charges(np.tensordot(turn, m, axes=1)), q)
    assert np.array_equal(cell_charges(np.tensordot(-turn, m, axes=1)), -q)
    assert np.array_equal(cell_charges(m.transpose(0, 2, 3, 1)), q.transpose(1, 2, 0))
    assert np.array_equal(cell_charges(m.transpose(0, 2, 1, 3)), -q.transpose(1, 0, 2))
    assert np.array_equal(cell_charges(m[:, ::-1, ::-1, ::-1]), -q[::-1, ::-1, ::-1])
    assert np.array_equal(cell_charges(m.astype(np.float32)), q)
    assert np.array_equal(cell_charges(m * rng.uniform(0.5, 2, m.shape[1:])), q)


@pytest.mark.parametrize("place", [(0, 0, 0), (0, 0, 0.5), (0, 0.5, 0), (0.5, 0, 0), (0, 0.5, 0.5), (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("sign", [1, -1])
def test_hedgehog_on_a_point_edge_face_or_centre_of_the_lattice(place: tuple[float, ...], sign: int) -> None:
    r = coordinates(8, 9, 10) - np.array(place[::-1])[:, None, None, None]
    r[2][np.all(r == 0, axis=0)] = 1
    q = cell_charges(sign * r)
    assert q.sum() == sign
    assert np.abs(q).sum() == 1


def test_spins_that_are_only_up_or_down_have_no_charge() -> None:
    rng = stream(0, "sample")
    m = np.zeros((3, 12, 12, 12))
    m[2] = rng.choice([-1.0, 1.0], m.shape[1:])
    assert not cell_charges(m).any()


def test_mean_square_charge_of_random_spins_is_three_eighths() -> None:
    # Triangles of independent spins are uncorrelated, and four spins enclose the centre with probability 1/8
    # (Wendel, Math. Scand. 11, 109 (1962)), so one triangle has (Omega/4 pi)^2 = 1/32, and a cube has twelve.
    q = cell_charges(random_spins(stream(1, "sample"), 97, 97, 97)).astype(np.float64)
    assert np.mean(q**2) == pytest.approx(3 / 8, abs=0.002)
    assert np.mean(np.abs(q)) == pytest.approx(0.3523, abs=0.002)  # measured, six fields of 96^3 cells


def test_density_of_zeros_of_a_gaussian_field() -> None:
    length, n = 3.0, 96
    counted = sum(np.count_nonzero(cell_charges(smooth_spins(stream(seed, "sample"), n, length))) for seed in range(3))
    expected = 3 * (n - 1) ** 3 * (2 * length**2) ** -1.5 / np.pi**2  # Halperin 1981
    assert abs(counted - expected) < 3 * np.sqrt(expected)


def ball(shape: tuple[int, ...], radius: float, centre=(0.0, 0.0, 0.0)):
    return np.linalg.norm(coordinates(*shape) - np.array(centre)[:, None, None, None], axis=0) < radius


@given(seeds)
def test_flux_of_a_void_is_the_sign_of_the_determinant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((3, 3))
    zero = rng.uniform(-1, 1, 3)
    void = ball((14, 13, 15), 4.0)
    m = np.tensordot(matrix, coordinates(14, 13, 15) - zero[:, None, None, None], axes=1)
    m /= np.linalg.norm(m, axis=0)
    m[:, void] = 0
    balance = flux_balance(m, ~void, voxel_size=2e-9)
    (found,) = balance.voids
    assert found.closed
    assert found.flux == np.sign(np.linalg.det(matrix))
    assert abs(found.x) < 1e-9
    assert balance.positive == balance.negative == 0
    assert balance.outer == found.flux
    # Whatever fills the void, the cells that touch it add up to the same.
    m[:, void] = random_spins(rng, void.sum())
    assert cell_charges(m).sum(dtype=int) == found.flux


@given(seeds)
def test_outer_flux_is_cells_and_voids(seed: int) -> None:
    rng = np.random.default_rng(seed)
    magnet = rng.random((9, 10, 8)) > 0.04
    m = random_spins(rng, 9, 10, 8) * magnet
    q = cell_charges(m).astype(int)
    balance = flux_balance(m, voxel_size=1e-9)
    assert balance.positive == q[q > 0].sum()
    assert balance.negative == -q[q < 0].sum()
    assert balance.outer == q.sum() + sum(void.flux for void in balance.voids)
    assert all(void.flux == int(void.flux) for void in balance.voids)


def test_outer_flux_of_a_block_is_that_of_its_six_faces() -> None:
    m = random_spins(stream(2, "sample"), 8, 8, 8)
    top, bottom = layer_charges(m)[[-1, 0]]
    right, left = layer_charges(np.roll(m, 1, axis=0).transpose(0, 3, 1, 2))[[-1, 0]]
    back, front = layer_charges(np.roll(m, -1, axis=0).transpose(0, 2, 3, 1))[[-1, 0]]
    faces = top - bottom + right - left + back - front
    assert flux_balance(m, voxel_size=1e-9).outer == pytest.approx(faces, abs=1e-12)


def test_touching_voids_are_told_apart_by_labels() -> None:
    shape = (18, 18, 30)
    first, second = ball(shape, 6.0, (-5.0, 0.0, 0.0)), ball(shape, 6.0, (5.0, 0.0, 0.0))
    void = first | second
    r = coordinates(*shape) + np.array([5.0, 0.2, 0.1])[:, None, None, None]
    m = r / np.linalg.norm(r, axis=0) * ~void
    together = flux_balance(m, ~void, voxel_size=1e-9)
    assert [part.flux for part in together.voids] == [1.0]
    labels = np.where(first, 1, np.where(second, 2, 0))
    apart = flux_balance(m, ~void, voxel_size=1e-9, labels=labels)
    assert [part.closed for part in apart.voids] == [False, False]
    assert sum(part.flux for part in apart.voids) == pytest.approx(1, abs=1e-12)
    assert 0.8 < apart.voids[0].flux < 1
    assert apart.outer == pytest.approx(1, abs=1e-12)
    assert apart.voids[0].x < -4e-9


def test_void_open_to_the_outside_is_part_of_the_outer_surface() -> None:
    shape = (12, 12, 12)
    hole = ball(shape, 4.0, (0.0, 0.0, -6.0))
    r = coordinates(*shape) + np.array([0.2, 0.1, 6.0])[:, None, None, None]
    balance = flux_balance(r * ~hole, ~hole, voxel_size=1e-9)
    assert balance.voids == ()
    assert balance.outer == 0


def test_cells_count_only_with_eight_corners_at_least_half_filled() -> None:
    m = coordinates(6, 6, 6) + 0.5
    fill = np.full((6, 6, 6), 0.5)
    assert cell_charges(m, magnet=fill).sum() == 1
    fill[3, 3, 3] = 0.49
    assert not cell_charges(m, magnet=fill).any()
    assert flux_balance(m, fill, voxel_size=1.0).voids[0].flux == 1


def test_list_of_charges() -> None:
    m = coordinates(8, 10, 12) - np.array([2.2, -1.3, 0.4])[:, None, None, None]
    (charge,) = charge_list(m, None, (3e-9, 2e-9, 1e-9))
    assert charge == pytest.approx({"z": 1.5e-9, "y": -3e-9, "x": 2.5e-9, "q": 1, "surface": 3.0})
    magnet = np.ones(m.shape[1:])
    magnet[:, 1, :] = 0
    assert charge_list(m, magnet, 1e-9)[0]["surface"] == 2
    assert charge_list(np.ones((3, 4, 4, 4)), None, 1e-9) == []


def test_charges_lie_in_the_nearest_hole_that_reaches_them() -> None:
    m = coordinates(12, 12, 12) - np.array([2.5, 0.5, 0.5])[:, None, None, None]
    sites = {
        "kind": ["neck", "octahedral", "tetrahedral", "octahedral"],
        "z": [0.5e-9, 0, 0, 0],
        "y": [0.5e-9, 0, 0, 0],
        "x": [2.5e-9, 0, 4e-9, 2.6e-9],
        "radius": [2e-9, 3e-9, 3e-9, 0.1e-9],
    }
    assert charge_list(m, None, 1e-9, sites)[0]["site"] == 2
    assert charge_list(m, None, 1e-9, sites)[0]["kind"] == "tetrahedral"
    sites["radius"][2] = 1e-9
    assert charge_list(m, None, 1e-9, sites)[0]["kind"] == "octahedral"
    sites["radius"][1] = 1e-9
    assert (
        charge_list(m, None, 1e-9, sites)[0] | {"kind": "between", "site": None} == charge_list(m, None, 1e-9, sites)[0]
    )


def test_same_integers_for_any_number_of_threads() -> None:
    m = random_spins(stream(3, "sample"), 37, 20, 20)
    results = []
    for count in (1, 2, 4):
        with use_threads(count):
            results.append((cell_charges(m).tobytes(), layer_charges(m).tobytes()))
    assert results[0] == results[1] == results[2]


def test_a_single_layer_has_no_cells() -> None:
    assert cell_charges(random_spins(stream(0, "sample"), 1, 5, 5)).shape == (0, 4, 4)


def test_wrong_input() -> None:
    m = random_spins(stream(0, "sample"), 4, 4, 4)
    with pytest.raises(ValueError, match=r"m is of shape \(4, 4, 4\); allowed"):
        cell_charges(m[0])
    with pytest.raises(ValueError, match=r"magnet is of shape \(3, 4, 4\); allowed"):
        cell_charges(m, magnet=np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match="m is nan somewhere; allowed: finite"):
        cell_charges(np.where(m > 0, m, np.nan))
    with pytest.raises(ValueError, match="m is zero in 64 points of the magnet"):
        cell_charges(np.zeros_like(m), magnet=np.ones((4, 4, 4)))
    with pytest.raises(ValueError, match=r"voxel_size is \(1.0, 2.0\); allowed"):
        charge_list(coordinates(4, 4, 4) + 0.5, None, (1.0, 2.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="labels are float64"):
        flux_balance(m, voxel_size=1.0, labels=np.zeros((4, 4, 4)))
