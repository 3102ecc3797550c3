"""The charge volume and the fill of the magnet."""

import numpy as np
import pytest

from numerics.iterate import run
from reconstructors.tomography.composition import Materials
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.geometry import nominal_geometry
from reconstructors.tomography.projector import project
from reconstructors.tomography.scalar import (
    THRESHOLD,
    charge_volume,
    even_steps,
    fill_fraction,
    index_volume,
    material_levels,
)
from reconstructors.tomography.solvers import Accelerated
from reconstructors.tomography.stopping import discrepancy
from reconstructors.tomography.waves import plan_waves, project_index
from tests.reconstructors.tomography.small_problem import problem
from tests.reconstructors.tomography.wave_builders import angles, thick_sample

MAGNET, MATRIX = 4.3e-3, 1.2e-3


def off(found, truth):
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def test_the_fill_comes_back_from_its_projections():
    p = problem()
    volume, info = charge_volume(p.scalar, top=1.0, rng=np.random.default_rng(0))
    assert volume.shape == p.fill.shape
    assert volume.min() >= 0
    assert volume.max() <= 1
    fill = fill_fraction(volume, beta_magnet=1.0, beta_matrix=0.0)
    assert off(fill, p.fill) <= 0.08
    partial = (p.fill > 0.2) & (p.fill < 0.8)
    assert np.corrcoef(fill[partial], p.fill[partial])[0, 1] > 0.9
    assert info.ended == "steps"
    assert len(info.history) == 120
    assert info.step * info.operator_norm == pytest.approx(1)


def test_the_volume_scales_with_its_data_and_stops_when_told():
    p = problem()
    scaled = DataTerm(p.scalar.plan, p.scalar.data * np.float32(MAGNET), components=1)
    volumes = [
        charge_volume(t, top=top, rng=np.random.default_rng(0), steps=20)[0]
        for t, top in ((p.scalar, 1.0), (scaled, MAGNET))
    ]
    assert np.allclose(volumes[1] / MAGNET, volumes[0], atol=1e-3)
    _, info = charge_volume(p.scalar, top=1.0, rng=np.random.default_rng(0), stop=discrepancy(0.2))
    assert info.ended == "discrepancy"
    assert info.history[-1] <= 0.21
    assert len(info.history) < 20


def shaded(p, least):
    """The images with as little weight as `least` behind the middle, as behind a thick sample."""
    across = np.abs(np.linspace(-1, 1, p.scalar.data.shape[-1], dtype=np.float32))
    weights = np.broadcast_to(np.maximum(across**4, least), p.scalar.data.shape).astype(np.float32)
    return DataTerm(p.scalar.plan, p.scalar.data, weights, components=1)


def test_voxels_behind_little_light_settle_as_soon_as_others():
    p = problem()
    term = shaded(p, 0.01)
    scale, _ = even_steps(term)
    assert scale.shape == p.fill.shape
    assert scale.dtype == np.float32
    assert scale.min() == 1
    middle, rim = scale[:, :, 10:14], scale[:, :, [0, 1, -2, -1]]
    assert np.median(middle) > 3 * np.median(rim)
    assert scale.max() <= 10.001
    plain = Accelerated(1 / (MARGIN * operator_norm(term, rng=np.random.default_rng(0))), _clipped)
    _, slow = run(plain, plain.init(term), steps=60)
    _, info = charge_volume(term, top=1.0, rng=np.random.default_rng(0), steps=30)
    assert info.history[-1] <= slow[-1]


@pytest.mark.parametrize("least", [0.1, 0.3, 1.0])
def test_no_step_is_longer_than_the_curvature_allows(least):
    term = shaded(problem(), least)
    scale, _ = even_steps(term)
    true = operator_norm(term, scale=scale, rng=np.random.default_rng(1), iterations=200)
    _, info = charge_volume(term, top=1.0, rng=np.random.default_rng(0), steps=1)
    assert true <= info.operator_norm <= 1.1 * true


def test_absorption_and_delay_may_weigh_otherwise():
    """Where phases are noisier than moduli, the curvature is that of the absorption: the delay alone tells less."""
    fill, matrix, _ = thick_sample()
    at = angles()
    geometry = nominal_geometry(in_plane=at["in_plane"], tilt=at["tilt"])
    plan = plan_waves(fill.shape, geometry, detector=(24, 24), curvature=0.3)
    data = project_index(np.stack([fill, 0.3 * fill + matrix]), plan)
    weights = np.ones_like(data)
    weights[:, 24:] = 0.8
    term = DataTerm(plan, data, weights, components=2)
    scale, _ = even_steps(term)
    true = operator_norm(term, scale=scale, rng=np.random.default_rng(1), iterations=300)
    materials = Materials((1.0, 0.3), (0.0, 1.0))
    _, info = index_volume(term, materials=materials, rng=np.random.default_rng(0), steps=1)
    assert true <= info.operator_norm


def _clipped(x):
    return np.clip(x, 0, 1, out=x)


def of_two_materials(p, block):
    return (p.fill * MAGNET + np.clip(block - p.fill, 0, 1) * MATRIX).astype(np.float32)


def block_of(p):
    """The slab without its voids, whole voxels."""
    filled = p.fill > 0
    block = np.zeros(p.fill.shape)
    spans = [np.flatnonzero(filled.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    block[tuple(slice(s[0], s[-1] + 1) for s in spans)] = 1
    return block


@pytest.mark.parametrize("levels", [{"beta_magnet": MAGNET, "beta_matrix": MATRIX}, {}])
def test_a_matrix_is_taken_off_inside_of_the_sample_alone(levels):
    p = problem()
    block = block_of(p)
    found = fill_fraction(of_two_materials(p, block), **levels)
    assert found.dtype == np.float32
    assert np.all(found[block == 0] == 0)
    assert off(found, p.fill) < 0.03
    assert np.all((found == 0) | (found >= THRESHOLD))


def test_a_matrix_is_taken_off_after_a_reconstruction():
    p = problem()
    volume = of_two_materials(p, block_of(p))
    data = project(volume, p.scalar.plan)
    data += (0.01 * np.sqrt(np.mean(data**2)) * np.random.default_rng(5).standard_normal(data.shape)).astype(np.float32)
    term = DataTerm(p.scalar.plan, data, components=1)
    charge, _ = charge_volume(term, top=MAGNET, rng=np.random.default_rng(0))
    assert off(fill_fraction(charge, beta_magnet=MAGNET, beta_matrix=MATRIX), p.fill) < 0.1


def test_levels_come_from_the_histogram():
    p = problem()
    magnet, matrix = material_levels(of_two_materials(p, block_of(p)))
    assert magnet == pytest.approx(MAGNET, rel=0.02)
    assert matrix == pytest.approx(MATRIX, rel=0.05)
    assert material_levels(p.fill)[1] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: charge_volume(p.term, top=1.0, rng=np.random.default_rng(0)), "components is 3; allowed: 1"),
        (lambda p: charge_volume(p.scalar, top=0.0, rng=np.random.default_rng(0)), "top is 0.0; allowed"),
        (lambda p: charge_volume(p.scalar, top=1.0, rng=np.random.default_rng(0), steps=0), "steps is 0"),
        (lambda p: fill_fraction(p.fill, beta_magnet=1.0, beta_matrix=2.0), "beta_magnet is 1, beta_matrix 2"),
        (lambda p: fill_fraction(np.zeros((4, 4, 4))), "charge is nowhere above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(problem())
    assert "\n" not in str(caught.value)
