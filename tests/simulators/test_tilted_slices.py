"""Tilted volumes: where things go, how much they absorb, which helicity sees what."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from numerics.streams import stream
from numerics.threads import use_threads
from optics.grids import positions
from optics.scattering import magnetic_index, refractive_index
from optics.units import wavenumber
from simulators.beamline.tilted_slices import (
    TiltedSlices,
    Volume,
    one_slice,
    rotation,
    slice_turned,
    slice_volume,
    transmission,
    volume_of_shares,
)
from simulators.samples.metalattice import metalattice

ENERGY = 852.76  # the Ni L3 peak of the table
VOXEL = 2.5e-9
STEEP = np.deg2rad(62)


def _volume(beta: NDArray[np.floating], **changes: object) -> Volume:
    beta = np.asarray(beta, np.float32)
    parts: dict[str, object] = {
        "magnetization": None,
        "delta_m": 0.0,
        "beta_m": 0.0,
        "voxel_size": (VOXEL,) * 3,
        "energy": ENERGY,
    }
    return Volume(np.zeros_like(beta), beta, **(parts | changes))  # type: ignore[arg-type]


def _slices(volume: Volume, tilt: float = 0.0, **changes: object) -> TiltedSlices:
    parts: dict[str, object] = {"pixel_size": VOXEL, "shape": (128, 128), "slice_thickness": 10e-9}
    return slice_volume(volume, tilt=tilt, **(parts | changes))  # type: ignore[arg-type]


def _absorbed(slices: TiltedSlices) -> NDArray[np.float64]:
    """Optical path of absorption, the integral of beta along the beam, m."""
    return -np.log(np.abs(transmission(slices)[0])) / wavenumber(ENERGY)


def _film(thickness: float, periodic: bool = True) -> Volume:
    share = np.full((2, 32, 32), 0.25, np.float32)
    up = np.zeros((3, 2, 32, 32), np.float32)
    up[2] = 1
    return volume_of_shares(
        {"Ni": share}, up, voxel_size=(thickness / 2, VOXEL, VOXEL), energy=ENERGY, periodic=periodic
    )


@pytest.mark.parametrize(("tilt", "turn"), [(0.5, 0.0), (0.5, 2.1), (-1.0, 0.7)])
def test_a_point_goes_where_the_rotation_takes_it(tilt: float, turn: float) -> None:
    beta = np.zeros((25, 61, 61))
    beta[12 + 8, 30 - 14, 30 + 20] = 1e-2
    slices = _slices(_volume(beta), tilt, in_plane_angle=turn, slice_thickness=2.5e-9)
    seen = _absorbed(slices)
    y, x = (positions(n, VOXEL) for n in seen.shape)
    found = np.array([seen.sum(0) @ x, seen.sum(1) @ y]) / seen.sum()
    weights = np.array([-np.log(np.abs(part[0])).sum() for part in slices.transmissions])
    height = weights @ slices.heights / weights.sum()
    expected = rotation(tilt, turn) @ (VOXEL * np.array([20, -14, 8]))
    assert np.allclose([*found, height], expected, atol=0.12 * VOXEL)


def test_axes_of_the_turns_by_hand() -> None:
    # a tilt about x lifts +y down the beam; an in-plane turn takes +x to +y first
    assert np.allclose(rotation(0.1) @ [0, 1, 0], [0, np.cos(0.1), np.sin(0.1)])
    assert np.allclose(rotation(0.1, np.pi / 2) @ [1, 0, 0], [0, np.cos(0.1), np.sin(0.1)])
    th, p = 0.4, 0.9
    assert np.allclose(rotation(th, p)[2], [np.sin(th) * np.sin(p), np.sin(th) * np.cos(p), np.cos(th)])


def test_any_rotation_takes_a_point_along() -> None:
    beta = np.zeros((25, 61, 61))
    beta[12 + 8, 30 - 14, 30 + 20] = 1e-2
    turn = Rotation.from_rotvec([0.3, -0.5, 0.8]).as_matrix()
    slices = slice_turned(_volume(beta), turn, pixel_size=VOXEL, shape=(128, 128), slice_thickness=2.5e-9)
    seen = _absorbed(slices)
    y, x = (positions(n, VOXEL) for n in seen.shape)
    found = np.array([seen.sum(0) @ x, seen.sum(1) @ y]) / seen.sum()
    weights = np.array([-np.log(np.abs(part[0])).sum() for part in slices.transmissions])
    height = weights @ slices.heights / weights.sum()
    assert np.allclose([*found, height], turn @ (VOXEL * np.array([20, -14, 8])), atol=0.12 * VOXEL)


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (np.diag([1.0, 1.0, -1.0]), "turn is [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]]; allowed: a (3, 3)"),
        (rotation(1.45), "beam is 83.08 degrees off the sample's z; allowed: up to 80"),
    ],
)
def test_impossible_rotations_are_refused(turn: NDArray[np.floating], message: str) -> None:
    volume = _volume(np.full((2, 4, 4), 1e-3))
    with pytest.raises(ValueError, match=re.escape(message)):
        slice_turned(volume, turn, pixel_size=VOXEL, shape=(8, 8), slice_thickness=1e-8)


def test_a_tilted_film_lies_at_the_height_of_its_place() -> None:
    beta = np.full((4, 200, 64), 1e-3)
    slices = _slices(_volume(beta), STEEP, shape=(96, 64))
    y = positions(96, VOXEL)
    weight, height = np.zeros(96), np.zeros(96)
    for z, (first, _), part in zip(slices.heights, slices.corners, slices.transmissions, strict=True):
        line = -np.log(np.abs(part[0])).sum(1)
        weight[first : first + line.size] += line
        height[first : first + line.size] += line * z
    middle = slice(12, 84)
    # the four layers lie about half a voxel before the origin, in the sample's z
    offset = -0.5 * VOXEL / np.cos(STEEP)
    expected = y[middle] * np.tan(STEEP) + offset
    assert np.allclose((height / weight)[middle], expected, atol=0.2 * slices.thickness)


def test_absorption_of_a_body_does_not_depend_on_its_pose() -> None:
    rng = stream(7, "body")
    beta = np.zeros((24, 40, 40))
    beta[4:20, 6:34, 6:34] = 1e-3 * (0.5 + rng.random((16, 28, 28)))
    whole = beta.sum() * VOXEL
    poses = ((0.0, 0.0, 10e-9, VOXEL), (0.3, 0.5, 7e-9, VOXEL), (-STEEP, 2.0, 10e-9, VOXEL), (STEEP, 1.0, np.inf, 4e-9))
    for tilt, turn, thickness, pixel in poses:
        slices = _slices(_volume(beta), tilt, in_plane_angle=turn, slice_thickness=thickness, pixel_size=pixel)
        assert _absorbed(slices).sum() * (pixel / VOXEL) ** 2 == pytest.approx(whole, rel=3e-3)


def test_slices_do_not_change_the_projection() -> None:
    beta = 1e-3 * stream(8, "body").random((24, 40, 40))
    thick, thin = (_absorbed(_slices(_volume(beta), 0.7, slice_thickness=size)) for size in (np.inf, 5e-9))
    assert np.abs(thick - thin).max() < 0.05 * thick.max()
    assert np.linalg.norm(thick - thin) < 0.01 * np.linalg.norm(thick)
    upright = _absorbed(_slices(_volume(beta), shape=(40, 40), slice_thickness=20e-9))
    assert np.allclose(upright, beta.sum(0) * VOXEL, rtol=1e-4)


@pytest.mark.parametrize("tilt", [0.0, 0.6, -STEEP])
def test_an_endless_film_dims_the_whole_view_by_its_oblique_thickness(tilt: float) -> None:
    slices = _slices(_film(40e-9), tilt, in_plane_angle=0.4)
    k, beta = wavenumber(ENERGY), 0.25 * refractive_index("Ni", ENERGY)[1]
    beta_m = 0.25 * magnetic_index("Ni", ENERGY)[1]
    for row, sign in enumerate((1, -1)):
        amplitude = np.exp(-k * (beta + sign * beta_m * np.cos(tilt)) * 40e-9 / np.cos(tilt))
        assert np.allclose(np.abs(transmission(slices)[row]), amplitude, rtol=3e-3)


def test_helicity_plus_is_absorbed_more_by_a_magnet_along_the_beam() -> None:
    volume = _film(40e-9)
    plus, minus = np.abs(transmission(_slices(volume))).mean(axis=(1, 2))
    assert plus < minus < 1
    # the magnetic part of the wave: m.k = -log|phi+/phi-|/(2 k beta_m t)
    scale = 2 * wavenumber(ENERGY) * 0.25 * volume.beta_m * 40e-9
    assert -np.log(plus / minus) / scale == pytest.approx(1, abs=1e-3)
    assert volume.magnetization is not None
    reverse = Volume(volume.delta, volume.beta, -volume.magnetization, *_constants(volume), periodic=True)
    assert np.allclose(transmission(_slices(reverse))[::-1], transmission(_slices(volume)), atol=1e-6)
    half = Volume(volume.delta, volume.beta, volume.magnetization, *_constants(volume), 0.5, True)
    plus, minus = np.abs(transmission(_slices(half))).mean(axis=(1, 2))
    assert -np.log(plus / minus) / scale == pytest.approx(0.5, abs=1e-3)
    only = transmission(_slices(volume, helicities=(-1,)))
    assert np.array_equal(only[0], transmission(_slices(volume))[1])


def _constants(volume: Volume) -> tuple[float, float, tuple[float, float, float], float]:
    return volume.delta_m, volume.beta_m, volume.voxel_size, volume.energy


@pytest.mark.parametrize("component", [0, 1, 2])
def test_each_component_is_seen_by_its_share_of_the_beams_direction(component: int) -> None:
    m = np.zeros((3, 2, 32, 32), np.float32)
    m[component] = 1
    share = np.full((2, 32, 32), 0.25, np.float32)
    volume = volume_of_shares({"Ni": share}, m, voxel_size=(20e-9, VOXEL, VOXEL), energy=ENERGY, periodic=True)
    for tilt, turn in ((0.5, 0.0), (0.5, 2 * np.pi / 3), (-0.9, 4.0)):
        seen = transmission(_slices(volume, tilt, in_plane_angle=turn, shape=(64, 64)))
        contrast = -np.log(np.abs(seen[0] / seen[1])).mean()
        scale = 2 * wavenumber(ENERGY) * 0.25 * volume.beta_m * 40e-9 / np.cos(tilt)
        direction = (np.sin(tilt) * np.sin(turn), np.sin(tilt) * np.cos(turn), np.cos(tilt))[component]
        assert contrast / scale == pytest.approx(direction, abs=3e-3)


def test_optical_density_of_the_metalattice_at_the_peak() -> None:
    lattice = metalattice(voxel_size=4e-9, subsampling=2)
    volume = volume_of_shares({"Ni": lattice.nickel}, voxel_size=lattice.voxel_size, energy=ENERGY)
    for tilt, low, high in ((0.0, 1.3, 1.6), (STEEP, 2.8, 3.5)):
        passed = np.abs(transmission(_slices(volume, tilt, pixel_size=5e-9, shape=(96, 96)))[0, 42:54, 42:54]) ** 2
        assert low < -np.log(passed).mean() < high


def test_bytes_do_not_depend_on_threads() -> None:
    beta = 1e-3 * stream(8, "body").random((24, 40, 40))
    with use_threads(1):
        one = transmission(_slices(_volume(beta), 0.7))
    with use_threads(3):
        assert np.array_equal(transmission(_slices(_volume(beta), 0.7)), one)


def test_a_thin_object_is_one_slice() -> None:
    waves = np.exp(1j * stream(9, "thin").random((2, 16, 24))).astype(np.complex64)
    slices = one_slice(waves, pixel_size=VOXEL, energy=ENERGY)
    assert np.array_equal(transmission(slices), waves)
    with pytest.raises(ValueError, match=r"transmission has shape \(2, 16, 24\); allowed: \(1, y, x\)"):
        one_slice(waves, pixel_size=VOXEL, energy=ENERGY, helicities=(1,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tilt": 1.5}, "tilt is 1.5 rad; allowed: up to 1.3963 either way"),
        ({"tilt": np.nan}, "tilt is nan rad"),
        ({"pixel_size": 0.0}, "pixel_size is 0.0 m; allowed: above 0"),
        ({"shape": (0, 4)}, "shape is (0, 4); allowed: two numbers of pixels"),
        ({"slice_thickness": -1.0}, "slice_thickness is -1.0 m; allowed: above 0"),
        ({"helicities": (1, 1)}, "helicities is (1, 1); allowed: 1, -1 or both"),
    ],
)
def test_impossible_cuts_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        _slices(_volume(np.full((2, 4, 4), 1e-3)), **changes)  # type: ignore[arg-type]


def test_impossible_volumes_are_refused() -> None:
    beta = np.full((2, 4, 4), 1e-3, np.float32)
    with pytest.raises(ValueError, match=r"beta has shape \(2, 4, 3\); allowed: that of delta, \(2, 4, 4\)"):
        Volume(beta, beta[..., :3], None, 0.0, 0.0, (VOXEL,) * 3, ENERGY)
    with pytest.raises(ValueError, match=r"magnetization has shape \(2, 4, 4\); allowed: \(3, 2, 4, 4\)"):
        _volume(beta, magnetization=beta)
    with pytest.raises(ValueError, match=r"polarization is 1\.5; allowed: -1 to 1"):
        _volume(beta, polarization=1.5)
    with pytest.raises(ValueError, match="volume is empty"):
        _slices(_volume(0 * beta))
    with pytest.raises(ValueError, match=r"shares has the magnets \[\]; allowed: one of Co, Ni"):
        volume_of_shares({"SiO2": beta}, np.zeros((3, 2, 4, 4)), voxel_size=(VOXEL,) * 3, energy=ENERGY)
    with pytest.raises(ValueError, match="or the film amplifies"):
        volume_of_shares({"Ni": beta}, np.zeros((3, 2, 4, 4)), voxel_size=(VOXEL,) * 3, energy=ENERGY, white_line=0.05)
