"""Mixtures of materials: the nearest one, against a search over all of them, and the share of the magnet."""

import numpy as np
import pytest

from numerics.threads import use_threads
from reconstructors.tomography.composition import Materials
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.geometry import nominal_geometry
from reconstructors.tomography.scalar import charge_volume, fill_fraction, index_volume
from reconstructors.tomography.waves import plan_waves, project_index
from tests.reconstructors.tomography.wave_builders import SCALARS, angles, thick_sample

NICKEL = Materials((4.3, 1.3), (0.12, 0.6))
CASES = [
    NICKEL,
    Materials((4.3, -2.0), (0.12, 0.6)),
    Materials((4.3, 1.3), (0.0, 0.0)),
    Materials((4.0, 2.0), (2.0, 1.0)),
]


def searched(materials, point):
    """The nearest of many mixtures."""
    s, t = (part.ravel() for part in np.meshgrid(*[np.linspace(0, 1, 201)] * 2))
    s, t = s[s + t <= 1], t[s + t <= 1]
    mixtures = s[:, None] * np.array(materials.magnet) + t[:, None] * np.array(materials.matrix)
    return mixtures[np.argmin(np.sum((mixtures - point) ** 2, axis=1))]


@pytest.mark.parametrize("materials", CASES)
def test_the_nearest_mixture_is_found(materials):
    points = np.random.default_rng(1).uniform(-3, 6, (30, 2))
    index = points.T.reshape(2, 3, 2, 5).astype(np.float32)
    moved = materials.onto_mixtures(index)
    assert moved is index
    for point, found in zip(points, moved.reshape(2, -1).T, strict=True):
        best = searched(materials, point)
        assert np.linalg.norm(point - found) <= np.linalg.norm(point - best) + 1e-6
        assert np.linalg.norm(found - searched(materials, found)) < 0.03
    again = materials.onto_mixtures(moved.copy())
    assert np.allclose(again, moved, atol=1e-5)


@pytest.mark.parametrize("materials", CASES[:3])
def test_the_share_of_the_magnet_is_that_of_the_mixture(materials):
    rng = np.random.default_rng(2)
    s = rng.uniform(0, 1, (3, 4, 5))
    t = rng.uniform(0, 1, s.shape) * (1 - s)
    index = np.stack([s * a + t * b for a, b in zip(materials.magnet, materials.matrix, strict=True)])
    assert np.allclose(materials.magnet_share(index), s, atol=1e-6)
    assert materials.magnet_share(index).dtype == np.float32


@pytest.mark.parametrize("materials", CASES)
def test_pure_materials_are_told_apart(materials):
    pure = np.array([materials.magnet, materials.matrix]).T.reshape(2, 1, 1, 2)
    assert np.allclose(materials.magnet_share(pure), [[[1, 0]]], atol=1e-6)
    assert np.allclose(materials.onto_mixtures(pure.copy()), pure, atol=1e-6)


def test_bytes_do_not_depend_on_threads():
    values = np.random.default_rng(3).uniform(-3, 6, (2, 20, 31, 30)).astype(np.float32)
    results = []
    for count in (1, 2):
        with use_threads(count):
            results.append(NICKEL.onto_mixtures(values.copy()).tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("magnet", "matrix", "text"),
    [
        ((1.0, 0.1), (2.0, 0.1), "magnet and matrix absorb 1 and 2; allowed: magnet above matrix"),
        ((1.0, 0.1), (-0.1, 0.1), "allowed: magnet above matrix, from 0"),
        ((1.0, np.nan), (0.1, 0.1), "delays are nan, 0.1; allowed: finite"),
    ],
)
def test_impossible_materials_are_refused(magnet, matrix, text):
    with pytest.raises(ValueError, match=text):
        Materials(magnet, matrix)


def test_known_materials_give_a_better_volume():
    fill, matrix, _ = thick_sample()
    levels = {key: 1e3 * value for key, value in SCALARS.items() if key.startswith(("beta_m", "delta"))}
    materials = Materials(*((levels[f"beta_{part}"], levels[f"delta_{part}"]) for part in ("magnet", "matrix")))
    index = np.stack([a * fill + b * matrix for a, b in zip(materials.magnet, materials.matrix, strict=True)])
    at = angles()
    geometry = nominal_geometry(in_plane=at["in_plane"], tilt=at["tilt"])
    plan = plan_waves(fill.shape, geometry, detector=(24, 24), curvature=0.6)
    data = project_index(index, plan)
    data += 0.03 * np.sqrt(np.mean(data**2)) * np.random.default_rng(4).standard_normal(data.shape, np.float32)
    term, rng = DataTerm(plan, data.astype(np.float32), components=2), np.random.default_rng(0)
    mixed, info = index_volume(term, materials=materials, rng=rng, steps=40)
    free, _ = charge_volume(term, top=materials.magnet[0], rng=rng, steps=40)
    assert np.linalg.norm(mixed[0] - index[0]) < 0.95 * np.linalg.norm(free - index[0])
    levels = {"beta_magnet": materials.magnet[0], "beta_matrix": materials.matrix[0]}
    shares = materials.magnet_share(mixed), fill_fraction(free, **levels)
    first, second = (np.linalg.norm(share - fill) for share in shares)
    assert first < 0.95 * second
    assert info.ended == "steps"
    with pytest.raises(ValueError, match="components is 1; allowed: 2"):
        index_volume(DataTerm(plan, data, components=1), materials=materials, rng=rng)
    with pytest.raises(ValueError, match="steps is 0"):
        index_volume(term, materials=materials, rng=rng, steps=0)
    with pytest.raises(ValueError, match="components is 3; allowed: 1 or 2"):
        charge_volume(DataTerm(plan, data), top=None, rng=rng)
