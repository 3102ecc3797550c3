import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from numerics import fourier
from validation.vector_fidelity import angular_error, charge_fidelity, component_correlation, helmholtz_error

VOXEL = 5e-9


def unit_texture(shape, rng, length=2.0):
    m = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), length, mode="wrap") for _ in range(3)])
    return m / np.linalg.norm(m, axis=0)


def radial(shape, centre, sign=1):
    axes = [np.arange(n) - c for n, c in zip(shape, centre, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    m = np.stack([x, y, z]).astype(float)
    return sign * m / np.linalg.norm(m, axis=0)


@pytest.mark.parametrize("seed", range(4))
def test_angle_of_a_known_turn_is_that_turn(seed):
    rng = np.random.default_rng(seed)
    truth = unit_texture((9, 10, 11), rng)
    magnet = (rng.random((9, 10, 11)) < 0.7).astype(float)
    axes = rng.standard_normal((3, 9, 10, 11))
    axes = np.cross(axes, truth, axis=0)
    axes /= np.linalg.norm(axes, axis=0)
    angle = np.abs(rng.normal(0, 0.4, (9, 10, 11))) % math.pi
    turned = np.cos(angle) * truth + np.sin(angle) * np.cross(axes, truth, axis=0)
    inside = angle[magnet > 0]
    found = angular_error(0.8 * turned, truth, magnet=magnet)
    assert found.mean == pytest.approx(inside.mean(), rel=1e-12)
    assert found.median == pytest.approx(np.median(inside), rel=1e-12)
    assert found.p95 == pytest.approx(np.quantile(inside, 0.95), rel=1e-12)
    assert found.length == pytest.approx(0.8)
    assert found.length_error == pytest.approx(0.2)
    assert found.count == np.count_nonzero(magnet)


def test_small_and_straight_angles_keep_their_digits():
    truth = np.zeros((3, 2, 2, 2))
    truth[2] = 1
    tilted = truth.copy()
    tilted[0] = math.tan(1e-9)
    assert angular_error(tilted, truth, magnet=np.ones((2, 2, 2))).mean == pytest.approx(1e-9, rel=1e-6)
    assert angular_error(-truth, truth, magnet=np.ones((2, 2, 2))).median == math.pi


@pytest.mark.parametrize("seed", range(4))
def test_longitudinal_and_transverse_add_up(seed):
    rng = np.random.default_rng(10 + seed)
    shape = tuple(rng.integers(5, 15, 3))
    voxel = tuple(rng.uniform(2e-9, 9e-9, 3))
    truth, magnet = unit_texture(shape, rng), rng.random(shape)
    m = truth + 0.3 * rng.standard_normal(truth.shape)
    found = helmholtz_error(m, truth, voxel_size=voxel, magnet=magnet)
    assert found.longitudinal**2 + found.transverse**2 == pytest.approx(found.total**2, abs=1e-10)
    solid = magnet >= 0.5
    total = np.linalg.norm((m - truth)[:, solid]) / np.linalg.norm(truth[:, solid])
    assert found.total == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.7, 1.0, 0.6)])
def test_gradients_are_longitudinal_and_curls_transverse(spacing):
    rng = np.random.default_rng(20)
    shape = (12, 15, 14)
    voxel = tuple(4e-9 * s for s in spacing)
    f = [fourier.unshifted_frequencies(n, d) for n, d in zip(shape, spacing, strict=True)]
    # what has no sign at the Nyquist frequency has no derivative there
    f = [np.where(np.isclose(np.abs(v), 0.5 / d), 0, v) for v, d in zip(f, spacing, strict=True)]
    kz, ky, kx = np.meshgrid(*f, indexing="ij")
    potentials = [fourier.fftn(ndimage.gaussian_filter(rng.standard_normal(shape), 1.5, mode="wrap")) for _ in range(4)]
    gradient = np.stack([fourier.ifftn(1j * k * potentials[3]).real for k in (kx, ky, kz)])
    a, b, c = potentials[:3]
    curl = [ky * c - kz * b, kz * a - kx * c, kx * b - ky * a]
    curl = np.stack([fourier.ifftn(1j * v).real for v in curl])
    truth, everywhere = unit_texture(shape, rng), np.ones(shape)
    scale = 1 / np.linalg.norm(truth)
    for part, name in ((gradient, "longitudinal"), (curl, "transverse")):
        found = helmholtz_error(truth + part, truth, voxel_size=voxel, magnet=everywhere)
        assert getattr(found, name) == pytest.approx(np.linalg.norm(part) * scale, rel=1e-6)
        assert found.total == pytest.approx(getattr(found, name), rel=1e-6)
    both = helmholtz_error(truth + gradient + curl, truth, voxel_size=voxel, magnet=everywhere)
    assert both.longitudinal == pytest.approx(np.linalg.norm(gradient) * scale, rel=1e-6)
    offset = helmholtz_error(truth + 0.1, truth, voxel_size=voxel, magnet=everywhere)
    assert offset.longitudinal == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_isotropic_noise_splits_one_to_two(seed):
    rng = np.random.default_rng(30 + seed)
    truth = unit_texture((32, 32, 32), rng)
    m = truth + 0.2 * rng.standard_normal(truth.shape)
    found = helmholtz_error(m, truth, voxel_size=VOXEL, magnet=np.ones((32, 32, 32)))
    assert found.longitudinal**2 / found.total**2 == pytest.approx(1 / 3, abs=0.01)


def test_vector_scores_do_not_know_of_the_frame():
    rng = np.random.default_rng(40)
    truth = unit_texture((14, 14, 14), rng)
    m = truth + 0.3 * rng.standard_normal(truth.shape)
    magnet = np.ones((14, 14, 14))
    quarter = Rotation.from_rotvec([0, 0, math.pi / 2]).as_matrix()

    def turned(v):  # x to y, y to -x
        return np.tensordot(quarter, np.rot90(v, k=1, axes=(-1, -2)), axes=1)

    plain = helmholtz_error(m, truth, voxel_size=VOXEL, magnet=magnet)
    other = helmholtz_error(turned(m), turned(truth), voxel_size=VOXEL, magnet=magnet)
    assert other.longitudinal == pytest.approx(plain.longitudinal, rel=1e-12)
    angles = [angular_error(a, b, magnet=magnet).mean for a, b in ((m, truth), (turned(m), turned(truth)))]
    assert angles[0] == pytest.approx(angles[1], rel=1e-12)
    shifted = helmholtz_error(np.roll(m, 3, 2), np.roll(truth, 3, 2), voxel_size=VOXEL, magnet=magnet)
    assert shifted.longitudinal == pytest.approx(plain.longitudinal, rel=1e-6)


@pytest.mark.parametrize("flip", range(3))
def test_parts_do_not_know_which_way_an_even_axis_points(flip):
    # At the highest frequency a wave along one diagonal is the same as along the other.
    z, y, x = np.indices((16, 16, 16))
    truth = np.zeros((3, 16, 16, 16))
    truth[2] = 1
    m = truth.copy()
    m[0] = m[1] = m[2] = 0.1 * (-1.0) ** z * np.cos(2 * np.pi * (7 * x + 8 * y) / 16 + 0.4)
    m += truth

    def mirrored(v):
        v = np.flip(v, 3 - flip).copy()
        v[flip] *= -1
        return v

    magnet = np.ones((16, 16, 16))
    found = [
        helmholtz_error(*pair, voxel_size=VOXEL, magnet=magnet) for pair in ((m, truth), (mirrored(m), mirrored(truth)))
    ]
    assert found[0].longitudinal == pytest.approx(found[1].longitudinal, rel=1e-12)
    assert found[0].longitudinal ** 2 / found[0].total ** 2 == pytest.approx(1 / 3, abs=1e-12)


def test_components_without_a_signal_and_places_without_a_mask():
    rng = np.random.default_rng(51)
    truth = rng.standard_normal((3, 10, 11, 12))
    plain = component_correlation(0.5 * truth, truth, voxel_size=VOXEL)
    flat = truth.copy()
    flat[1] = 0.25
    curves = component_correlation(flat, truth, voxel_size=VOXEL)
    assert np.isnan(curves.y.correlation).all()
    np.testing.assert_array_equal(curves.y.count, plain.y.count)
    np.testing.assert_allclose(curves.z.correlation, plain.z.correlation)
    mask = np.zeros(truth.shape[1:])
    mask[2:8, 2:9, 3:9] = 1
    outside = [np.where(mask > 0, v, np.nan) for v in (truth + 0.1 * rng.standard_normal(truth.shape), truth)]
    zeros = [np.where(mask > 0, v, 0) for v in outside]
    for found, expected in zip(
        component_correlation(*outside, voxel_size=VOXEL, mask=mask),
        component_correlation(*zeros, voxel_size=VOXEL, mask=mask),
        strict=True,
    ):
        np.testing.assert_array_equal(found.correlation, expected.correlation)


def test_components_are_correlated_apart():
    rng = np.random.default_rng(50)
    truth = rng.standard_normal((3, 24, 24, 24))
    noise = np.array([0.0, 1.0, 3.0])[:, None, None, None] * rng.standard_normal(truth.shape)
    curves = component_correlation(truth + noise, truth, voxel_size=VOXEL)
    means = [np.average(c.correlation[1:], weights=c.count[1:]) for c in (curves.x, curves.y, curves.z)]
    np.testing.assert_allclose(means, [1, math.sqrt(0.5), math.sqrt(0.1)], atol=0.03)
    assert curves.x.dimensions == 3


def test_same_hedgehogs_are_all_found():
    rng = np.random.default_rng(60)
    m = unit_texture((20, 20, 20), rng, length=2.5)
    found = charge_fidelity(m, m, voxel_size=VOXEL)
    assert found.total.true > 5
    for score in (found.total, found.plus, found.minus):
        assert (score.recall, score.precision, score.f1) == (1, 1, 1)
        assert score.mean_error == 0
    assert found.plus.true + found.minus.true == found.total.true
    assert found.total.true + found.border_true == int(np.abs(found.true_hedgehogs["charge"]).sum())


@pytest.mark.parametrize("seed", range(3))
def test_a_moved_hedgehog_is_found_at_its_distance(seed):
    rng = np.random.default_rng(70 + seed)
    shape = (16, 16, 16)
    centre = 7.5 + rng.uniform(-0.3, 0.3, 3)
    move = rng.uniform(-0.6, 0.6, 3)
    found = charge_fidelity(radial(shape, centre + move), radial(shape, centre), voxel_size=VOXEL)
    assert (found.total.found, found.total.true, found.plus.true, found.minus.true) == (1, 1, 1, 0)
    assert (found.total.recall, found.total.precision) == (1, 1)
    assert found.total.mean_error == pytest.approx(np.linalg.norm(move) * VOXEL, abs=0.3 * VOXEL)
    assert math.isnan(found.minus.recall)


def test_wrong_signs_and_far_ones_do_not_count():
    shape = (16, 16, 16)
    truth = radial(shape, (7.4, 7.6, 7.45))
    opposite = charge_fidelity(-truth, truth, voxel_size=VOXEL)
    assert (opposite.total.recall, opposite.total.precision, opposite.total.f1) == (0, 0, 0)
    assert (opposite.plus.found, opposite.plus.true, opposite.minus.found, opposite.minus.true) == (0, 1, 1, 0)
    assert math.isnan(opposite.plus.precision)
    assert math.isnan(opposite.total.mean_error)
    far = radial(shape, (7.4, 7.6, 11.45))
    assert charge_fidelity(far, truth, voxel_size=VOXEL).total.recall == 0
    assert charge_fidelity(far, truth, voxel_size=VOXEL, radius=4.5 * VOXEL).total.recall == 1
    uniform = np.zeros((3, *shape))
    uniform[2] = 1
    lost = charge_fidelity(uniform, truth, voxel_size=VOXEL).total
    assert (lost.found, lost.true, lost.recall, lost.f1) == (0, 1, 0, 0)
    assert math.isnan(lost.precision)
    none = charge_fidelity(uniform, uniform, voxel_size=VOXEL).total
    assert math.isnan(none.recall)
    assert math.isnan(none.f1)


def test_hedgehogs_at_the_border_are_listed_apart():
    shape = (12, 12, 12)
    truth = radial(shape, (5.4, 5.6, 0.45))
    found = charge_fidelity(truth, truth, voxel_size=VOXEL)
    assert (found.border_found, found.border_true, found.total.true) == (1, 1, 0)
    # one that is just inside is no miss when it was found at the border
    inside = charge_fidelity(truth, radial(shape, (5.4, 5.6, 1.45)), voxel_size=VOXEL)
    assert (inside.total.true, inside.total.recall, inside.border_found, inside.total.found) == (1, 1, 1, 0)


def test_low_pass_raises_precision_of_a_noisy_magnetization():
    rng = np.random.default_rng(80)
    truth = unit_texture((32, 32, 32), rng, length=4.0)
    noisy = truth + 0.5 * rng.standard_normal(truth.shape)
    plain, smooth = (charge_fidelity(noisy, truth, voxel_size=VOXEL, low_pass=p) for p in (None, 6 * VOXEL))
    assert plain.total.precision < 0.4
    assert smooth.total.precision > 0.8
    assert smooth.total.recall > 0.7


def _zero_in_magnet(m):
    m = m.copy()
    m[:, 2, 2, 2] = 0
    return m


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, s: angular_error(_zero_in_magnet(m), m, magnet=s), "m is"),
        (lambda m, s: angular_error(m, _zero_in_magnet(m), magnet=s), "truth is"),
        (lambda m, s: angular_error(m * np.nan, m, magnet=s), "m is"),
        (lambda m, s: angular_error(m, m[:, 1:], magnet=s), "shapes"),
        (lambda m, s: angular_error(m, m, magnet=s[1:]), "magnet"),
        (lambda m, s: angular_error(m, m, magnet=0 * s), "magnet"),
        (lambda m, s: angular_error(m[:2], m[:2], magnet=s), "shape"),
        (lambda m, s: angular_error(1j * m, m, magnet=s), "real"),
        (lambda m, s: helmholtz_error(m, m, voxel_size=5.3, magnet=s), "voxel_size is 5.3"),
        (lambda m, s: helmholtz_error(m, m, voxel_size=(1e-9, 1e-9), magnet=s), "voxel_size"),
        (lambda m, s: helmholtz_error(m, m, voxel_size=VOXEL, magnet=2 * s), "magnet"),
        (lambda m, s: helmholtz_error(m, np.full_like(m, np.nan), voxel_size=VOXEL, magnet=s), "truth"),
        (lambda m, s: component_correlation(m, m[:, 1:], voxel_size=VOXEL), "shapes"),
        (lambda m, s: component_correlation(m, m, voxel_size=5.3), "5.3"),
        (lambda m, s: component_correlation(m, 0 * m, voxel_size=VOXEL), "m and truth have no component"),
        (
            lambda m, s: component_correlation(m, m * [[[[1]]], [[[np.nan]]], [[[1]]]], voxel_size=VOXEL),
            "truth, component y",
        ),
        (lambda m, s: component_correlation(m, m, voxel_size=VOXEL, mask=0 * s), "mask"),
        (lambda m, s: charge_fidelity(m, m[:, 1:], voxel_size=VOXEL), "shapes"),
        (lambda m, s: charge_fidelity(m, m, voxel_size=VOXEL, radius=5.3), "radius is 5.3"),
        (lambda m, s: charge_fidelity(m, m, voxel_size=5.3), "voxel_size is 5.3"),
        (lambda m, s: charge_fidelity(m, m, voxel_size=VOXEL, method="guess"), "method"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    m = unit_texture((6, 7, 8), np.random.default_rng(0))
    with pytest.raises(ValueError, match=words) as caught:
        call(m, np.ones((6, 7, 8)))
    assert "\n" not in str(caught.value)
