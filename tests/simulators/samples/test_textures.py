"""Textures: unit length everywhere, profiles as published, charges as stated whatever the rotation and the shift."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from numerics.streams import stream
from simulators.samples.charges import cell_charges, charge_list, layer_charges
from simulators.samples.texture_walls import closure_angle, stripe_wall_width
from simulators.samples.textures import (
    TEXTURES,
    bobber,
    hedgehog,
    hedgehog_pair,
    helix,
    hopfion,
    kittel_wall,
    skyrmion,
    stripes,
    vortex,
    wall,
)
from tests.simulators.samples.texture_cases import NM, PARAMETERS, grid


def turned(rotation, shift, n: int):
    """Return the coordinates (z, y, x) of a cubic grid as a frame sees them that is turned and shifted, in m."""
    z, y, x = np.meshgrid(*((np.arange(n) - n // 2) * NM,) * 3, indexing="ij")
    x, y, z = np.tensordot(rotation.as_matrix(), np.stack([x, y, z]), axes=1) - np.asarray(shift)[:, None, None, None]
    return z, y, x


def turns_and_shifts(name: str, count: int = 200):
    rng = stream(7, name)
    return [(rng, Rotation.random(random_state=rng), rng.uniform(-1, 1, 3) * NM) for _ in range(count)]


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
def test_unit_vectors_everywhere(name: str, scale: float) -> None:
    m = TEXTURES[name](*grid(24, 25, 26, step=scale * NM), **PARAMETERS[name])
    assert m.shape == (3, 24, 25, 26)
    assert m.dtype == np.float64
    assert np.abs(np.linalg.norm(m, axis=0) - 1).max() < 1e-12
    assert TEXTURES[name](0.0, 0.0, 1 * NM, **PARAMETERS[name]).shape == (3,)


@pytest.mark.parametrize(
    ("function", "parameters", "points"),
    [
        (hedgehog, {"charge": -1}, [(0, 0, 0)]),
        (hedgehog_pair, {"separation": 2.0}, [(1, 0, 0), (-1, 0, 0), (0, 0, 0)]),
        (hedgehog_pair, {"separation": 2.0, "charges": (1, 1), "axis": (0, 1, 0)}, [(0, 1, 0), (0, -1, 0)]),
        (bobber, {"radius": 2.0, "wall_width": 1.0, "length": 3.0}, [(-3, 0, 0), (-4, 0, 0), (0, 0, 0)]),
        (skyrmion, {"radius": 2.0, "wall_width": 1.0}, [(0, 0, 0)]),
        (vortex, {"core_radius": 2.0}, [(0, 0, 0)]),
        (hopfion, {"radius": 2.0}, [(0, 0, 0), (0, 0, 2), (0, 2, 0)]),
    ],
)
def test_singular_points_hold_unit_vectors(function, parameters, points) -> None:
    for z, y, x in points:
        assert np.linalg.norm(function(z, y, x, **parameters)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, np.pi])
@pytest.mark.parametrize("direction", [0.0, 2.0])
def test_wall_is_tanh_across_and_sech_along_the_turned_normal(angle: float, direction: float) -> None:
    s = np.linspace(-60, 60, 241) * NM
    y, x = (s + 7 * NM) * np.sin(direction), (s + 7 * NM) * np.cos(direction)
    m = wall(0.0, y, x, wall_width=5.1 * NM, wall_angle=angle, direction=direction, position=7 * NM)
    along = m[0] * np.cos(direction + angle) + m[1] * np.sin(direction + angle)
    assert np.abs(m[2] - np.tanh(s / (5.1 * NM))).max() < 1e-14
    assert np.abs(along - 1 / np.cosh(s / (5.1 * NM))).max() < 1e-14


def test_kittel_wall_closes_the_flux() -> None:
    thickness, middle = 40 * NM, 3 * NM
    z = np.array([-100, -17, 3, 23, 100])[:, None] * NM
    m = kittel_wall(z, 0.0, np.array([-50, 0, 50])[None] * NM, wall_width=5 * NM, thickness=thickness, middle=middle)
    assert np.allclose(m[2, :, [0, 2]], [[-1], [1]], atol=1e-8)
    # The stray field runs from down to up below the film and from up to down above it.
    assert np.allclose(m[:, :, 1].T, [(1, 0, 0), (1, 0, 0), (0, 1, 0), (-1, 0, 0), (-1, 0, 0)], atol=1e-15)
    left = kittel_wall(middle, 0.0, 0.0, wall_width=5 * NM, thickness=thickness, handedness=-1, middle=middle)
    assert np.allclose(left, [0, -1, 0], atol=1e-15)
    assert closure_angle(middle + thickness / 4, thickness=thickness, middle=middle) == pytest.approx(0.75 * np.pi)


@pytest.mark.parametrize("ratio", [6.1, 10.0, 30.0, 400.0])
def test_stripes_are_periodic_equilibria(ratio: float) -> None:
    period, width = ratio * NM, NM
    s = np.linspace(-1, 1, round(100 * ratio) + 1) * period
    m = stripes(0.0, 0.0, s, period=period, wall_width=width, wall_angle=0.0)
    assert np.allclose(stripes(0.0, 0.0, s + period, period=period, wall_width=width, wall_angle=0.0), m, atol=1e-9)
    half = stripes(0.0, 0.0, s + period / 2, period=period, wall_width=width, wall_angle=0.0)
    assert np.allclose(half[[0, 2]], -m[[0, 2]], atol=1e-9)
    # First integral of the pendulum: the squared slope of the angle is linear in the squared in-plane part.
    angle = np.unwrap(np.arctan2(m[2], m[0]))
    slope = np.gradient(angle, s / NM, edge_order=2)
    fit = np.polynomial.Polynomial.fit(m[0] ** 2, slope**2, 1)
    assert np.abs(fit(m[0] ** 2) - slope**2).max() < 5e-4
    assert np.all(slope > -1e-12)
    at_wall = stripes(0.0, 0.0, 1e-4 * NM, period=period, wall_width=width)[2] / (1e-4 * NM)
    assert stripe_wall_width(period=period, wall_width=width) == pytest.approx(1 / at_wall, rel=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_helix_turns_as_a_screw_of_its_sense(sign: int) -> None:
    m = helix(*grid(4, 4, 40), period=20 * NM, handedness=sign, phase=0.3)
    assert np.allclose(m[0], 0, atol=1e-15)
    assert np.allclose(m[..., :20], m[..., 20:], atol=1e-12)
    assert np.cross(m[:, 0, 0, 0], m[:, 0, 0, 1])[0] == pytest.approx(sign * np.sin(2 * np.pi / 20))
    cone = helix(*grid(4, 4, 40), period=20 * NM, axis=(0, 1, 1), cone=0.5)
    assert np.allclose((cone[1] + cone[2]) / np.sqrt(2), np.cos(0.5))


@pytest.mark.parametrize("core", [1, -1])
@pytest.mark.parametrize("helicity", [0.0, np.pi / 2, 2.5])
def test_skyrmion_profile_and_layer_charge(core: int, helicity: float) -> None:
    radius, width = 9 * NM, 3 * NM
    centre = (0.3 * NM, -0.4 * NM)
    m = skyrmion(*grid(3, 80, 80), radius=radius, wall_width=width, helicity=helicity, core=core, centre=centre)
    r = np.linspace(0.01, 30, 400) * NM
    theta = 2 * np.arctan(np.sinh(radius / width) / np.sinh(r / width))
    line = skyrmion(
        0.0, centre[0], centre[1] + r, radius=radius, wall_width=width, helicity=helicity, core=core, centre=centre
    )
    assert np.allclose(line[2], -core * np.cos(theta), atol=1e-12)
    assert np.allclose(line[:2], np.array([[np.cos(helicity)], [np.sin(helicity)]]) * np.sin(theta), atol=1e-12)
    assert np.allclose(layer_charges(m), core, atol=1e-6)
    assert not cell_charges(m).any()


def test_vortex_turns_round_and_has_no_charge() -> None:
    m = vortex(*grid(4, 40, 40), core_radius=6 * NM, polarity=-1, circulation=-1, centre=(0.2 * NM, 0.1 * NM))
    assert not cell_charges(m).any()
    r = np.array([1, 3, 6, 9]) * NM
    spins = vortex(0.0, 0.0, r, core_radius=6 * NM, polarity=-1, circulation=-1)
    across = 2 * r * 6 * NM / (r**2 + (6 * NM) ** 2)
    assert np.allclose(spins[1], [-across[0], -across[1], -1, -1], atol=1e-12)
    assert np.all(spins[2, :2] < 0)
    assert np.allclose(spins[0], 0)


def test_hopfion_is_up_in_the_centre_and_far_away_and_down_on_its_ring() -> None:
    up = hopfion(np.array([0, 0, 1e6, 0]), 0.0, np.array([0, 1e6, 0, -1e6]), radius=1.0)
    assert np.allclose(up, [[0], [0], [1]] * np.ones(4), atol=1e-5)
    angle = np.linspace(0, 6, 20)
    ring = hopfion(0.0, np.sin(angle), np.cos(angle), radius=1.0)
    assert np.allclose(ring, np.array([[0], [0], [-1]]), atol=1e-15)


@pytest.mark.parametrize("linking", [1, -1])
def test_hopfion_has_its_linking_number(linking: int) -> None:
    n, step, little = 64, 0.2, 1e-4
    zyx = grid(n, n, n, step=step)

    def at(*shift: float):
        return hopfion(*(c + s for c, s in zip(zyx, shift, strict=True)), radius=1.0, linking=linking)

    m = at(0, 0, 0)
    slope = [(at(*ahead) - at(*(-ahead))) / (2 * little) for ahead in np.eye(3)[::-1] * little]
    field = [np.einsum("c...,c...->...", m, np.cross(slope[(i + 1) % 3], slope[(i + 2) % 3], axis=0)) for i in range(3)]
    spectrum = np.fft.fftn(np.stack(field) / (4 * np.pi), axes=(1, 2, 3))
    kz, ky, kx = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n, step),) * 3, indexing="ij")
    k = np.stack([kx, ky, kz])
    squared = np.einsum("c...,c...->...", k, k)
    squared[0, 0, 0] = np.inf
    potential = np.cross(1j * k, spectrum, axis=0) / squared
    # Whitehead's integral of A.B over space, with the flux through a sphere of directions as the unit
    index = np.sum(np.conj(potential) * spectrum).real * step**3 / n**3
    assert index == pytest.approx(linking, abs=0.05)


def test_hopfions_have_no_charge() -> None:
    for _, rotation, shift in turns_and_shifts("hopfion"):
        assert not cell_charges(hopfion(*turned(rotation, shift, 22), radius=6 * NM)).any()


@pytest.mark.parametrize("charge", [1, -1])
def test_hedgehogs_have_their_charge_where_they_are(charge: int) -> None:
    for _, rotation, shift in turns_and_shifts(f"hedgehog {charge}"):
        centre = tuple(shift[::-1])
        m = hedgehog(*grid(12, 13, 14), charge=charge, rotation=rotation.as_matrix(), centre=centre)
        (found,) = charge_list(m, None, NM)
        assert found["q"] == charge
        assert max(abs(found[axis] - c) for axis, c in zip("zyx", centre, strict=True)) <= 0.5 * NM * (1 + 1e-9)


def test_mirrored_hedgehog_is_a_turned_antihedgehog() -> None:
    z, y, x = grid(6, 6, 7)
    m = hedgehog(z + 0.1 * NM, y, x, charge=-1, rotation=np.diag([-1.0, -1.0, 1.0]))
    x, y, z = np.broadcast_arrays(x, y, z + 0.1 * NM)
    assert np.allclose(m, np.stack([x, y, -z]) / np.sqrt(x**2 + y**2 + z**2), atol=1e-12)


def test_exchange_energy_of_a_hedgehog_in_a_ball() -> None:
    radius, n = 30.0, 64
    z, y, x = grid(n, n, n, step=1.0)
    m = hedgehog(z, y, x, centre=(-0.5, -0.5, -0.5))
    inside = (z + 0.5) ** 2 + (y + 0.5) ** 2 + (x + 0.5) ** 2 < radius**2
    energy = sum(
        np.sum(np.sum(np.diff(m, axis=axis + 1) ** 2, axis=0)[np.take(inside, range(n - 1), axis)]) for axis in range(3)
    )
    assert energy == pytest.approx(8 * np.pi * radius, rel=0.05)


def near(found: dict[str, float], place) -> bool:
    return all(abs(found[axis] - c) <= NM for axis, c in zip("zyx", place, strict=True))


@pytest.mark.parametrize("charges", [(1, -1), (-1, 1), (1, 1), (-1, -1)])
def test_pairs_have_their_charges_where_they_are(charges: tuple[int, int]) -> None:
    for rng, rotation, shift in turns_and_shifts(f"pair {charges}"):
        axis, separation = rotation.as_matrix()[0], rng.uniform(4, 9) * NM
        centre = shift[::-1]
        m = hedgehog_pair(
            *grid(18, 18, 18),
            separation=separation,
            axis=axis,
            charges=charges,
            helicity=rng.uniform(0, 6),
            centre=tuple(centre),
        )
        found = charge_list(m, None, NM)
        assert sorted(charge["q"] for charge in found) == sorted(charges)
        for q, sign in zip(charges, (1, -1), strict=True):
            place = centre + sign * axis[::-1] * separation / 2
            assert sum(charge["q"] == q and near(charge, place) for charge in found) == 1


def test_opposite_pair_is_uniform_far_away_and_radial_close_by() -> None:
    far = hedgehog_pair(np.array([1e4, 0, -1e4]), np.array([0, 1e4, 0]), 0.0, separation=2.0)
    assert np.allclose(far, [[0], [0], [1]], atol=1e-3)
    rng = np.random.default_rng(0)
    r = rng.standard_normal((3, 50)) * 1e-4
    for axis in ((0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (2.0, -1.0, 0.5)):
        x, y, z = r + (np.array(axis) / np.linalg.norm(axis))[:, None]
        assert np.allclose(hedgehog_pair(z, y, x, separation=2.0, axis=axis), r / np.linalg.norm(r, axis=0), atol=1e-3)
        like = hedgehog_pair(z, y, x, separation=2.0, axis=axis, charges=(-1, -1))
        assert np.allclose(like, -r / np.linalg.norm(r, axis=0), atol=1e-3)


@pytest.mark.parametrize(("side", "core"), [("top", -1), ("top", 1), ("bottom", -1), ("bottom", 1)])
def test_bobbers_have_one_charge_at_their_end(side: str, core: int) -> None:
    inwards = -1 if side == "top" else 1
    for rng, _, shift in turns_and_shifts(f"bobber {side} {core}", 50):
        length, surface = rng.uniform(8, 14) * NM, -inwards * 9.5 * NM
        m = bobber(
            *grid(19, 32, 32),
            radius=7 * NM,
            wall_width=1.5 * NM,
            length=length,
            surface=surface,
            side=side,
            helicity=rng.uniform(0, 6),
            core=core,
            centre=(shift[1], shift[0]),
        )
        (found,) = charge_list(m, None, NM)
        assert found["q"] == -inwards * core
        assert near(found, (surface + inwards * length, shift[1], shift[0]))
        layers = layer_charges(m).round(2)
        assert layers[-1 if side == "top" else 0] == core
        assert layers[0 if side == "top" else -1] == 0
