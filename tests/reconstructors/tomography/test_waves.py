"""Complex images under the face of a real projector: adjoints, the finer grid, boxes, and a solve from waves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from numerics import fourier
from reconstructors.tomography import waves
from reconstructors.tomography.curved_slices import plan_curved
from reconstructors.tomography.data_term import DataTerm, operator_norm
from reconstructors.tomography.finer import coarser, finer_field, finer_projector
from reconstructors.tomography.geometry import Geometry, beam_directions, rotations
from reconstructors.tomography.projector import plan_projector, project, project_vector, project_vector_adjoint
from reconstructors.tomography.scalar import charge_volume
from reconstructors.tomography.texture import compare_series
from reconstructors.tomography.vector_plus import VectorPlusParameters, solve

BENT = 0.6
SHAPE, DETECTOR = (12, 17, 16), (18, 20)


def random_geometry(count=6, seed=2):
    rng = np.random.default_rng(seed)
    turned = rotations(in_plane=rng.uniform(-3, 3, count), tilt=rng.uniform(-1, 1, count))
    return Geometry(turned, rng.uniform(-2, 2, (count, 2)))


def planned(**changes):
    options = {"detector": DETECTOR, "curvature": BENT} | changes
    return waves.plan_waves(SHAPE, random_geometry(), **options)


def noise(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def smooth(*shape, width=2.0, seed=1):
    """Smooth fields that vanish at the border."""
    fields = np.stack([ndimage.gaussian_filter(part, width) for part in noise(*shape, seed=seed)])
    window = np.zeros(shape[1:])
    window[3:-3, 4:-4, 4:-4] = 1
    return (fields / fields.std() * ndimage.gaussian_filter(window, 1.0)).astype(np.float32)


def product(a, b):
    return np.vdot(a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize("components", [1, 2, 3])
@pytest.mark.parametrize("fine", [False, True])
def test_adjoints_match(components, fine):
    plan = planned()
    if fine:
        plan = finer_projector(plan, fill=np.ones(SHAPE, np.float32))
    data = noise(len(plan), 2 * DETECTOR[0], DETECTOR[1])
    term = DataTerm(plan, data, components=components)
    x = noise(*term.shape, seed=3)
    there, back = term.forward(x), term.adjoint(data)
    assert there.shape == data.shape
    assert back.shape == x.shape
    scale = np.linalg.norm(there) * np.linalg.norm(data)
    assert abs(product(there, data) - product(x, back)) <= 1e-6 * scale
    own = term.adjoint(there)
    assert product(there, there) == pytest.approx(product(x, own), rel=1e-5)


def test_the_real_parts_stand_above_the_imaginary_ones():
    plan, m = planned(), noise(3, *SHAPE)
    images = project_vector(m, plan)
    wanted = plan_curved(SHAPE, plan.geometry, detector=DETECTOR, curvature=BENT).forward(
        m, beam_directions(plan.geometry.rotations)
    )
    assert np.array_equal(images[:, : DETECTOR[0]], wanted.real)
    assert np.array_equal(images[:, DETECTOR[0] :], wanted.imag)
    assert np.array_equal(waves.stacked(wanted), images)


def test_absorption_is_real_and_delay_imaginary_on_flat_slices():
    plan = planned(curvature=0.0, detector=(19, 21))
    volumes = smooth(2, *SHAPE)
    images = waves.project_index(volumes, plan)
    flat = plan_projector(SHAPE, plan.geometry, detector=(19, 21))
    for part, volume in zip((images[:, :19], images[:, 19:]), volumes, strict=True):
        wanted = project(volume, flat)
        assert np.linalg.norm(part - wanted) <= 2e-3 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("shape", "detector"), [((20, 28, 27), (40, 43)), ((19, 27, 28), (41, 42))])
def test_the_finer_grid_sees_the_same_waves(shape, detector):
    geometry = random_geometry()
    plan = waves.plan_waves(shape, geometry, detector=detector, curvature=BENT)
    m = smooth(3, *shape, width=2.5)
    fine = finer_field(m)
    assert np.linalg.norm(coarser(fine) - m) < 0.1 * np.linalg.norm(m)
    images = project_vector(fine, finer_projector(plan, fill=np.ones(shape, np.float32)))
    wanted = project_vector(coarser(fine), plan)
    assert images.shape == wanted.shape
    half = detector[0]
    for part in (slice(None, half), slice(half, None)):
        assert np.linalg.norm((images - wanted)[:, part]) < 0.08 * np.linalg.norm(wanted[:, part])
    assert np.linalg.norm(wanted[:, half:]) > 0.03 * np.linalg.norm(wanted)


def test_a_box_is_a_sinc_at_the_true_frequencies():
    geometry = Geometry(random_geometry().rotations, np.zeros((6, 2)))
    options = {"detector": (27, 21), "curvature": BENT, "padding": 1.0, "dtype": np.float64, "accuracy": 1e-9}
    volume, ones = np.zeros((1, 9, 9, 9)), np.ones((6, 1))
    volume[0, 4, 4, 4] = 1
    points, boxes = (
        plan_curved((9, 9, 9), geometry, footprint=footprint, **options).forward(volume, ones)
        for footprint in (None, "box")
    )
    v, u = (fourier.unshifted_frequencies(n, 1.0) for n in (27, 21))
    for turn, point, box in zip(geometry.rotations, points, boxes, strict=True):
        along = np.stack(np.broadcast_arrays(u, v[:, None], -BENT / 2 * (u**2 + v[:, None] ** 2)))
        wanted = np.prod(np.sinc(np.tensordot(turn.T, along, 1)), axis=0)
        before, after = (fourier.fft2(image) for image in (point, box))
        inside = np.abs(before) > 0.5 * np.abs(before).max()
        assert 0.5 < inside.mean() <= 1
        assert np.abs(after / np.where(inside, before, 1) - wanted)[inside].max() < 1e-6


def test_a_part_of_a_projector_is_of_its_kind():
    plan, m, chosen = planned(), noise(3, *SHAPE), np.array([4, 1])
    images = project_vector(m, waves.part_of(plan, chosen))
    assert np.allclose(images, project_vector(m, plan)[chosen], atol=1e-5)
    flat = plan_projector(SHAPE, plan.geometry, detector=DETECTOR)
    assert project_vector(m, waves.part_of(flat, chosen)).shape == (2, *DETECTOR)


def series():
    turn = np.repeat(np.deg2rad([0, 120, 240]), 5)
    turned = rotations(in_plane=turn, tilt=np.tile(np.deg2rad(np.linspace(-60, 60, 5)), 3))
    return Geometry(turned, np.random.default_rng(0).uniform(-1, 1, (15, 2)))


def thick_sample():
    """Absorption, delay and magnetization of a block with a void, fill and m of one length."""
    z, y, x = np.indices((20, 20, 20)) - np.array([10, 10, 10])[:, None, None, None]
    block = (abs(z + 0.5) < 8) & (abs(y + 0.5) < 6) & (abs(x + 0.5) < 6)
    void = (z - 2) ** 2 + (y + 2) ** 2 + (x - 1) ** 2 < 20
    fill = ndimage.gaussian_filter((block & ~void).astype(np.float32), 0.6)
    fill[fill < 0.1] = 0
    n = np.stack([ndimage.gaussian_filter(part, 3.0, mode="wrap") for part in noise(3, *fill.shape, seed=7)])
    index = np.stack([fill, 0.4 * fill + 0.1 * block])
    return index.astype(np.float32), fill, (fill * n / np.linalg.norm(n, axis=0)).astype(np.float32)


def test_waves_of_a_thick_sample_are_explained_by_waves_alone():
    index, fill, m = thick_sample()
    bent = waves.plan_waves(fill.shape, series(), detector=(24, 24), curvature=1.2)
    flat = plan_projector(fill.shape, series(), detector=(24, 24))
    data = project_vector(m, bent)
    parameters = VectorPlusParameters(exchange=(0.03, 0.0003), fine_exchange=())
    errors = {}
    for name, term in (("waves", DataTerm(bent, data)), ("flat", DataTerm(flat, data[:, :24].copy()))):
        found, _, rung, _ = solve(term, fill, parameters=parameters, rng=np.random.default_rng(0))
        errors[name] = np.linalg.norm(found - m) / np.linalg.norm(m), rung.held_out
    assert errors["waves"][0] < 0.6 * errors["flat"][0]
    assert errors["waves"][1] < 0.5 * errors["flat"][1]
    fits = compare_series(DataTerm(bent, data), m, fill, np.repeat([0, 1, 2], 5), count=3)
    assert fits.residual.max() < 1
    scalar = DataTerm(bent, waves.project_index(index, bent), components=2)
    line = DataTerm(flat, scalar.data[:, :24].copy(), components=1)
    charges = [charge_volume(term, top=1.0, rng=np.random.default_rng(0), steps=30)[0] for term in (scalar, line)]
    first, second = (np.linalg.norm(each - index[0]) / np.linalg.norm(index[0]) for each in charges)
    assert first < 0.7 * second
    assert charges[0].shape == fill.shape


def test_the_whole_projection_is_held_out_or_weighted():
    plan, m = planned(), smooth(3, *SHAPE)
    weights = np.ones((6, 2 * DETECTOR[0], DETECTOR[1]), np.float32)
    weights[:, DETECTOR[0] :] = 0
    data = project_vector(m, plan)
    term = DataTerm(plan, data, weights)
    spoiled = replace(term, data=np.where(weights > 0, data, 50).astype(np.float32))
    assert term.misfit(term.forward(m)) < 1e-5
    assert spoiled.misfit(spoiled.forward(m)) < 1e-5
    whole = DataTerm(plan, data)
    both = [operator_norm(each, rng=np.random.default_rng(0)) for each in (term, whole)]
    assert both[0] < both[1]
    assert np.allclose(project_vector_adjoint(term.weighted(data), plan), term.adjoint(term.weighted(data)))
