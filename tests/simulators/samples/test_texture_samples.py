"""Textures as samples: their features are what the stored field holds; wrong parameters in words."""

import json

import numpy as np
import pytest

from records import sample as record
from simulators.samples.charges import charge_list
from simulators.samples.texture_samples import handedness
from simulators.samples.textures import TEXTURES, helix, skyrmion, texture_sample, wall
from tests.simulators.samples.texture_cases import NM, PARAMETERS, grid


@pytest.mark.parametrize("name", TEXTURES)
def test_sample_of_every_texture(name: str) -> None:
    parameters = {key: value for key, value in PARAMETERS[name].items() if key != "thickness"}
    made = texture_sample(
        name, shape=(12, 30, 31), voxel_size=(3 * NM, 2 * NM, 2 * NM), saturation_magnetization=4.9e5, **parameters
    )
    record.check(made)
    features = json.loads(made.attrs["features"])
    assert made.attrs["origin"] == "analytic"
    assert features["texture"] == name
    assert set(parameters) <= set(features["requested"])
    m = made["magnetization"].values
    assert features["charges"] == charge_list(m, None, record.voxel_size(made))
    assert features["flux"]["outer"] == sum(charge["q"] for charge in features["charges"])
    asked = features.get("requested_charges", [])
    assert sorted(charge["q"] for charge in asked) == sorted(charge["q"] for charge in features["charges"])
    if "wall_width" in features:
        assert features["kittel_width"] == pytest.approx(np.pi * features["wall_width"])


def test_flux_closing_film_fills_the_array() -> None:
    made = texture_sample("kittel_wall", shape=(8, 5, 40), voxel_size=NM, wall_width=4 * NM)
    m = made["magnetization"].sel(x=0.0, y=0.0, method="nearest").values
    expected = np.pi * (np.arange(8) + 0.5) / 8
    assert np.allclose(np.arctan2(m[1], m[0]), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["wall", "stripes", "skyrmion"])
def test_measured_wall_width_of_samples(name: str) -> None:
    parameters = {"wall": {}, "stripes": {"period": 45 * NM}, "skyrmion": {"radius": 12 * NM}}[name]
    made = texture_sample(name, shape=(1, 3, 401), voxel_size=(NM, NM, 0.25 * NM), wall_width=6 * NM, **parameters)
    m_z = made["magnetization"].values[2, 0, 1]
    at_wall = 200 if name != "skyrmion" else 248
    slope = (m_z[at_wall + 1] - m_z[at_wall - 1]) / (0.5 * NM)
    assert json.loads(made.attrs["features"])["wall_width"] == pytest.approx(1 / slope, rel=2e-3)


def test_voids_of_a_sample_carry_their_flux() -> None:
    z, y, x = grid(16, 16, 16)
    magnet = (z**2 + y**2 + x**2 > (4 * NM) ** 2).astype(float)
    made = texture_sample("hedgehog", shape=(16, 16, 16), voxel_size=NM, magnet=magnet, charge=-1)
    features = json.loads(made.attrs["features"])
    assert features["charges"] == []
    assert [void["flux"] for void in features["flux"]["voids"]] == [-1]
    assert features["flux"]["outer"] == -1
    assert not made["magnetization"].values[:, magnet == 0].any()


@pytest.mark.parametrize(
    ("texture", "screw", "cycloid"),
    [
        (lambda *r: wall(*r, wall_width=4 * NM, wall_angle=np.pi / 2), 1, 0),
        (lambda *r: wall(*r, wall_width=4 * NM, wall_angle=-np.pi / 2, direction=0.0), -1, 0),
        (lambda *r: wall(*r, wall_width=4 * NM, wall_angle=0.0, direction=np.pi / 2), 0, 1),
        (lambda *r: wall(*r, wall_width=4 * NM, wall_angle=np.pi), 0, -1),
        (lambda *r: helix(*r, period=15 * NM, axis=(0, 1, 0), handedness=-1), -1, 0),
        (lambda *r: np.broadcast_to(np.array([0, 0, 1.0])[:, None, None, None], (3, 6, 30, 30)), 0, 0),
    ],
)
def test_measured_handedness(texture, screw: int, cycloid: int) -> None:
    measured = handedness(texture(*grid(6, 30, 30)), (NM, NM, NM))
    assert measured == pytest.approx({"screw": screw, "cycloid": cycloid}, abs=1e-9)


def test_senses_that_positive_dmi_favours() -> None:
    # An up-to-down wall along +x has m_x < 0 in its middle; a core-down skyrmion points outwards.
    from_up_to_down = wall(0.0, 0.0, 0.0, wall_width=NM, wall_angle=0.0, direction=np.pi)
    assert np.allclose(from_up_to_down, [-1, 0, 0], atol=1e-15)
    spins = skyrmion(0.0, 0.0, 5 * NM, radius=5 * NM, wall_width=2 * NM)
    assert np.allclose(spins, [1, 0, 0], atol=1e-12)
    for core, helicity in ((-1, 0.0), (1, np.pi)):
        m = skyrmion(*grid(1, 40, 40), radius=8 * NM, wall_width=3 * NM, core=core, helicity=helicity)
        assert handedness(m, (NM, NM, NM))["cycloid"] > 0.5


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("wall", {"wall_width": 0.0}, "wall_width is 0.0 m; allowed: above 0"),
        ("kittel_wall", {"thickness": -1.0}, "thickness is -1.0 m; allowed: above 0"),
        ("stripes", {"wall_width": 9e-9}, "wall_width is 9e-09 m; allowed: above 0, below a sixth of the period"),
        ("helix", {"axis": (0, 0, 0)}, r"axis is \[0.0, 0.0, 0.0\]; allowed"),
        ("helix", {"handedness": 2}, "handedness is 2; allowed: 1, -1"),
        ("skyrmion", {"core": 0}, "core is 0; allowed: 1, -1"),
        ("vortex", {"core_radius": float("nan")}, "core_radius is nan m; allowed: above 0"),
        ("hopfion", {"linking": 3}, "linking is 3; allowed: 1, -1"),
        ("hedgehog", {"charge": 2}, "charge is 2; allowed: 1, -1"),
        ("hedgehog", {"rotation": -np.eye(3)}, r"rotation is \[\[-1.*allowed: a \(3, 3\) rotation matrix"),
        ("hedgehog_pair", {"separation": 0.0}, "separation is 0.0 m; allowed: above 0"),
        ("hedgehog_pair", {"charges": (1,)}, r"charges are \(1,\); allowed: two of 1, -1"),
        ("bobber", {"side": "left"}, "side is 'left'; allowed: 'top', 'bottom'"),
        ("bobber", {"width": 1.0}, "parameter of bobber is 'width'; allowed: radius, wall_width, length"),
        ("meron", {}, "texture is 'meron'; allowed: wall, kittel_wall"),
    ],
)
def test_wrong_parameters(name: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        texture_sample(name, shape=(4, 4, 4), voxel_size=NM, **PARAMETERS.get(name, {}) | changes)


def test_missing_parameters_and_wrong_magnet() -> None:
    with pytest.raises(ValueError, match="radius of bobber is not given; allowed: a value for each of radius, length"):
        texture_sample("bobber", shape=(4, 4, 4), voxel_size=NM, wall_width=NM)
    with pytest.raises(ValueError, match=r"magnet is of shape \(2, 2, 2\); allowed"):
        texture_sample("hedgehog", shape=(4, 4, 4), voxel_size=NM, magnet=np.ones((2, 2, 2)))
