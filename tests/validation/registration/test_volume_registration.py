import tracemalloc

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from validation import apply_registration
from validation.registration import alignment, volumes
from validation.registration.orientation import rotation_grid
from validation.registration.volumes import register_volume

VOXEL = (5e-9, 5e-9, 5e-9)


def texture(shape, rng, *, components=3, length=1.8):
    result = np.stack(
        [ndimage.gaussian_filter(rng.standard_normal(shape), length, mode="wrap") for _ in range(components)]
    )
    result /= result.std()
    return result if components > 1 else result[0]


def ellipsoid(shape, share=0.36, edge=1.0):
    axes = np.meshgrid(*[(np.arange(n) - n // 2) / (share * n) for n in shape], indexing="ij")
    r = np.sqrt(sum(a**2 for a in axes))
    return 1 / (1 + np.exp(np.clip((r - 1) * share * min(shape) / edge, -50, 50)))


def residual(found, rotation, shift, voxel_size=VOXEL):
    """Return the angle (degree) and the shift (voxels) that are left after a known motion and the one found."""
    turned = Rotation.from_rotvec(found.rotation)
    metres = np.asarray(shift) * voxel_size
    left = turned.apply(metres[::-1])[::-1] / voxel_size + found.shift
    return np.degrees((turned * rotation).magnitude()), np.linalg.norm(left)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_shift_of_textured_volumes(components, seed):
    rng = np.random.default_rng(seed)
    shape = (30, 41, 36)
    truth = texture(shape, rng, components=components, length=1.2)
    shift = rng.uniform(-4, 4, 3)
    image = 0.8 * alignment.moved(truth, tuple(shift)) + 0.2 * rng.standard_normal(truth.shape)
    found = register_volume(image, truth, voxel_size=(7e-9, 5e-9, 5e-9))
    assert np.linalg.norm(np.add(found.shift, shift)) < 0.05
    assert found.rotation is None
    assert found.removed == ("shift",)
    assert (found.scale, found.offset, found.phase) == (1.0, 0.0, 0.0)
    np.testing.assert_array_equal(found.image, apply_registration(image, found))


def test_shift_without_noise_is_exact_under_a_mask():
    rng = np.random.default_rng(5)
    truth = texture((24, 32, 28), rng)
    image = alignment.moved(truth, (1.3, -4.6, 2.45))
    for mask in (None, ellipsoid((24, 32, 28), 0.3)):
        found = register_volume(image, truth, voxel_size=5e-9, mask=mask)
        np.testing.assert_allclose(found.shift, (-1.3, 4.6, -2.45), atol=1e-4)
        assert found.correlation == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("seed", [2, 7, 9, 10])
def test_shift_of_binary_spheres(seed, noise):
    # in these draws a whole least-squares step leads away
    rng = np.random.default_rng(seed)
    shape = (40, 41, 38)
    axes = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij"))
    spheres = np.zeros(shape)
    for _ in range(12):
        centre = rng.uniform(-13, 13, 3)
        spheres[((axes - centre[:, None, None, None]) ** 2).sum(axis=0) < 4.3**2] = 1
    shift = rng.uniform(-2, 2, 3)
    image = alignment.moved(spheres, tuple(shift)) + noise * rng.standard_normal(shape)
    found = register_volume(image, spheres, voxel_size=5e-9)
    assert np.linalg.norm(np.add(found.shift, shift)) < (0.05 if noise else 1e-4)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_shift_of_white_noise_at_any_scale(factor):
    volume = np.random.default_rng(0).standard_normal((13, 13, 15))
    found = register_volume(factor * alignment.moved(volume, (0.3, 1.2, -0.4)), volume, voxel_size=5e-9)
    np.testing.assert_allclose(found.shift, (-0.3, -1.2, 0.4), atol=1e-3)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_memory_stays_below_six_times_the_input(kind):
    rng = np.random.default_rng(1)
    volume = ndimage.gaussian_filter(rng.standard_normal((60, 72, 64)), 1).astype(kind)
    image = alignment.moved(volume, (0.6, -1.2, 0.3))
    assert image.dtype == kind
    tracemalloc.start()
    found = register_volume(image, volume, voxel_size=5e-9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 2 * volume.nbytes
    np.testing.assert_allclose(found.shift, (-0.6, 1.2, -0.3), atol=1e-4)
    assert found.image.dtype == kind


def test_a_truth_value_of_numpy_frees_any_rotation():
    rng = np.random.default_rng(23)
    truth = texture((24, 24, 24), rng, components=1) * ellipsoid((24, 24, 24))
    turn = Rotation.from_rotvec([0, 0, 2.0])
    image = alignment.turned(truth, turn.as_matrix(), shift=(0, 0, 0), spacing=VOXEL)
    found = register_volume(image, truth, voxel_size=5e-9, rotation=np.bool_(True))
    assert residual(found, turn, (0, 0, 0))[0] < 0.5
    assert register_volume(image, truth, voxel_size=5e-9, rotation=np.bool_(False)).rotation is None


@pytest.mark.parametrize("finite", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_lattice_does_not_lock_one_period_off(finite, seed):
    rng = np.random.default_rng(10 + seed)
    shape, period = (40, 40, 40), 10
    axes = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    lattice = sum(np.cos(2 * np.pi * a / period) for a in axes) * (ellipsoid(shape) if finite else 1.0)
    shift = rng.uniform(-3, 3, 3)
    image = alignment.moved(lattice, tuple(shift)) + 0.3 * rng.standard_normal(shape)
    found = register_volume(image, lattice, voxel_size=5e-9, bound=6.0)
    assert np.linalg.norm(np.add(found.shift, shift)) < 0.05
    if finite:  # its outline tells its cells apart
        far = alignment.moved(lattice, (0.0, 9.4, 0.0)) + 0.3 * rng.standard_normal(shape)
        assert register_volume(far, lattice, voxel_size=5e-9, bound=14.0).shift[1] == pytest.approx(-9.4, abs=0.05)
    turn = Rotation.from_rotvec(np.radians(rng.uniform(-2.5, 2.5, 3)))
    image = alignment.turned(lattice, turn.as_matrix(), shift=shift / 2, spacing=VOXEL)
    image = image + 0.3 * rng.standard_normal(shape)
    angle, left = residual(register_volume(image, lattice, voxel_size=5e-9, rotation=0.2, bound=4.0), turn, shift / 2)
    assert angle < 0.15  # few cells, smooth, at a signal-to-noise ratio of 2 to 4
    assert left < 0.05


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_any_rotation_of_an_isolated_volume(components, seed):
    rng = np.random.default_rng(20 + seed)
    shape = (34, 34, 34) if components == 3 else (40, 40, 40)
    truth = texture(shape, rng, components=components) * ellipsoid(shape)
    turn, shift = Rotation.random(random_state=seed), rng.uniform(-3, 3, 3)
    image = alignment.turned(truth, turn.as_matrix(), shift=shift, spacing=VOXEL)
    image = image + 0.2 * rng.standard_normal(image.shape)
    found = register_volume(image, truth, voxel_size=5e-9, rotation=True)
    angle, left = residual(found, turn, shift)
    assert angle < 0.1
    assert left < 0.05
    assert found.removed == ("shift", "rotation")


@pytest.mark.parametrize("degrees", [3.0, 160.0])
def test_flat_block_of_unit_vectors_between_frames(degrees):
    rng = np.random.default_rng(30)
    shape, voxel = (18, 48, 48), (7e-9, 5e-9, 5e-9)
    block = np.zeros(shape)
    block[4:14, 10:38, 10:38] = 1
    m = texture(shape, rng)
    m = m / np.linalg.norm(m, axis=0) * block
    turn = Rotation.from_rotvec(np.radians([1.5, -2.0, degrees]))
    shift = (0.6, -2.3, 1.7)
    image = alignment.turned(m, turn.as_matrix(), shift=shift, spacing=voxel) + 0.2 * rng.standard_normal(m.shape)
    angle, left = residual(register_volume(image, m, voxel_size=voxel, rotation=True), turn, shift, voxel)
    assert angle < 0.1
    assert left < 0.05


def test_motion_found_on_the_charge_moves_the_magnetization():
    rng = np.random.default_rng(40)
    shape = (32, 32, 32)
    charge = texture(shape, rng, components=1) * ellipsoid(shape)
    m = texture(shape, rng, length=2.5) * ellipsoid(shape)
    turn, shift = Rotation.from_rotvec([0.2, -0.1, 0.3]), (1.0, -2.0, 0.5)
    moved = [alignment.turned(v, turn.as_matrix(), shift=shift, spacing=VOXEL) for v in (charge, m)]
    found = register_volume(moved[0], charge, voxel_size=5e-9, rotation=True)
    back = apply_registration(moved[1], found)
    assert np.linalg.norm(back - m) < 0.05 * np.linalg.norm(m)


def test_turning_a_vector_field_turns_its_components():
    shape = (24, 24, 24)
    z, y, x = np.meshgrid(*[np.arange(24) - 12.0] * 3, indexing="ij")
    inside = np.exp(-(x**2 + y**2 + z**2) / 12)
    radial = np.stack([x, y, z]) * inside
    turn = Rotation.from_rotvec([0.4, 0.9, -0.3]).as_matrix()
    turned = alignment.turned(radial, turn, shift=(0, 0, 0), spacing=VOXEL)
    np.testing.assert_allclose(turned, radial, atol=2e-3 * np.abs(radial).max())
    # a quarter turn about z takes x to y: exact on the lattice
    quarter = Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix()
    along_x = np.stack([inside * (x > 2), 0 * x, 0 * x])
    result = alignment.turned(along_x, quarter, shift=(0, 0, 0), spacing=VOXEL)
    np.testing.assert_allclose(result[1][:, 1:, 1:], (inside * (y > 2))[:, 1:, 1:], atol=1e-9)
    np.testing.assert_allclose(result[0], 0, atol=1e-9)
    assert result.shape == (3, *shape)


def test_large_volumes_are_compared_coarser(monkeypatch):
    monkeypatch.setattr(volumes, "_MOST_VOXELS", 20**3)
    rng = np.random.default_rng(50)
    truth = texture((33, 40, 36), rng, length=2.5) * ellipsoid((33, 40, 36))
    turn, shift = Rotation.from_rotvec([0.05, 0.02, -0.04]), (0.7, -1.4, 2.2)
    image = alignment.turned(truth, turn.as_matrix(), shift=shift, spacing=VOXEL) + 0.1 * rng.standard_normal(
        truth.shape
    )
    angle, left = residual(register_volume(image, truth, voxel_size=5e-9, rotation=True), turn, shift)
    assert angle < 0.1
    assert left < 0.05
    only = register_volume(alignment.moved(truth, shift), truth, voxel_size=5e-9)
    assert np.linalg.norm(np.add(only.shift, shift)) < 0.05


def test_largest_angle_holds():
    rng = np.random.default_rng(60)
    shape = (32, 32, 32)
    truth = texture(shape, rng, components=1) * ellipsoid(shape)
    image = alignment.turned(truth, Rotation.from_rotvec([0, 0, 2.0]).as_matrix(), shift=(0, 0, 0), spacing=VOXEL)
    found = register_volume(image, truth, voxel_size=5e-9, rotation=0.3)
    assert np.linalg.norm(found.rotation) < 0.35


def test_rotation_grid_leaves_no_gap():
    grid = rotation_grid(np.radians(20))
    gaps = [(grid * Rotation.random(random_state=k)).magnitude().min() for k in range(200)]
    assert np.degrees(max(gaps)) < 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"voxel_size": 5.3}, "voxel_size is 5.3"),
        ({"voxel_size": (1e-9, 1e-9)}, "voxel_size"),
        ({"rotation": 4.0}, "rotation is 4.0"),
        ({"rotation": -1.0}, "rotation"),
        ({"rotation": np.nan}, "rotation"),
        ({"bound": 0.0}, "bound"),
        ({"bound": np.nan}, "bound"),
        ({"mask": np.zeros((12, 12, 12))}, "mask"),
        ({"mask": np.ones((12, 12, 11))}, "mask"),
        ({"mask": np.full((12, 12, 12), np.nan)}, "mask"),
        ({"mask": np.full((12, 12, 12), 1 + 1j)}, "mask is complex"),
        ({"volume": np.ones((12, 12, 12))}, "volume is the same"),
        ({"reference": np.ones((12, 12, 12))}, "reference is the same"),
        ({"reference": np.ones((3, 12, 12, 12))}, "shapes"),
        ({"volume": np.full((12, 12, 12), np.nan)}, "volume holds"),
        ({"volume": np.full((12, 12, 12), 1j)}, "volume is complex"),
        ({"volume": np.ones((12, 12)), "reference": np.ones((12, 12))}, "shapes"),
        ({"volume": np.ones((2, 12, 12)), "reference": np.ones((2, 12, 12))}, "at least"),
    ],
)
def test_bad_input_is_told_in_one_line(change, words):
    volume = np.random.default_rng(0).standard_normal((12, 12, 12))
    arguments = {"volume": volume, "reference": volume, "voxel_size": 5e-9} | change
    with pytest.raises(ValueError, match=words) as caught:
        register_volume(arguments.pop("volume"), arguments.pop("reference"), **arguments)
    assert "\n" not in str(caught.value)


def test_registration_is_applied_to_its_own_grid_only():
    volume = np.random.default_rng(0).standard_normal((12, 12, 12))
    found = register_volume(volume, volume, voxel_size=5e-9)
    with pytest.raises(ValueError, match="image has shape"):
        apply_registration(np.ones((3, 12, 12, 13)), found)
