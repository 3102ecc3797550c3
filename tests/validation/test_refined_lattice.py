"""Directions on a finer lattice, and the hedgehogs that are found there."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import validation
from tests.porous_texture import COARSE, FINE, averaged, porous_texture
from validation.topology.hedgehog_matching import binomial_error, match_hedgehogs
from validation.topology.refined import refined_lattice

RADIUS = 10e-9


def _plain(m: NDArray[Any], fill: NDArray[Any]) -> xr.Dataset:
    return validation.find_hedgehogs(m, voxel_size=COARSE, magnet=fill)


def _refined(m: NDArray[Any], fill: NDArray[Any], factor: int = 2) -> xr.Dataset:
    fine = refined_lattice(m, fill, factor=factor)
    return validation.find_hedgehogs(fine.m, voxel_size=COARSE / factor, magnet=fine.magnet)


def _mean_hedgehog(core: NDArray[Any], shape: tuple[int, int, int], samples: int) -> NDArray[Any]:
    """Return means of a hedgehog's directions over voxels, of `samples` points along each edge."""
    within = (np.arange(samples) + 0.5) / samples - 0.5
    axes = [(np.arange(n)[:, None] - n // 2 + within).ravel() for n in shape]
    place = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - core
    m = np.moveaxis(place[..., ::-1], -1, 0) / np.linalg.norm(place, axis=-1)
    nz, ny, nx = shape
    return np.asarray(m.reshape(3, nz, samples, ny, samples, nx, samples).mean(axis=(2, 4, 6)))


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("shape", [(9, 10, 11), (8, 8, 9)])
@pytest.mark.parametrize(("samples", "within"), [(1, 0.1), (4, 0.06)], ids=["unit vectors", "means"])
def test_a_hedgehog_stays_where_it_is(factor: int, shape: tuple[int, int, int], samples: int, within: float) -> None:
    core = np.array([0.31, -0.37, 0.12])
    found = _refined(0.8 * _mean_hedgehog(core, shape, samples), np.full(shape, 0.8), factor)
    assert found["charge"].values.tolist() == [1]
    np.testing.assert_allclose(found["position"].values[0] / COARSE, core, atol=within)


@pytest.mark.parametrize(("n", "factor"), [(7, 2), (8, 2), (7, 3), (8, 3), (6, 4)])
def test_the_origin_is_the_same_place(n: int, factor: int) -> None:
    fill = np.zeros((n,) * 3)
    fill[(n // 2,) * 3] = 1
    fine = refined_lattice(np.stack([0 * fill, 0 * fill, fill]), fill, factor=factor, order=1)
    peak = np.unravel_index(np.argmax(fine.fill), fine.fill.shape)
    assert peak == (factor * n // 2,) * 3
    assert fine.fill[peak] == 1
    assert fine.m[(2, *peak)] == pytest.approx(1)


def test_factor_one_keeps_the_lattice() -> None:
    m, magnet = porous_texture(np.random.default_rng(3), shape=(20, 24, 24))
    fine = refined_lattice(m, magnet, factor=1)
    assert np.array_equal(fine.magnet, magnet > 0)
    np.testing.assert_allclose(fine.m, m, atol=1e-5)
    np.testing.assert_allclose(fine.fill, magnet, atol=1e-5)


def test_length_and_sign() -> None:
    m, magnet = porous_texture(np.random.default_rng(4), shape=(20, 24, 24))
    coarse, fill = averaged(m), np.clip(averaged(magnet), 0, 1)
    fine = refined_lattice(coarse, fill, factor=2)
    np.testing.assert_allclose(np.linalg.norm(fine.m, axis=0)[fine.magnet], 1, atol=1e-5)
    assert not fine.m[:, ~fine.magnet].any()
    assert np.array_equal(refined_lattice(-coarse, fill, factor=2).m, -fine.m)


def test_finds_more_than_whole_voxels_do() -> None:
    hits: dict[str, list[int]] = {"plain": [0, 0, 0], "refined": [0, 0, 0]}
    true_units = 0
    for seed in range(3):
        m, magnet = porous_texture(np.random.default_rng(seed))
        coarse, fill = averaged(m), np.clip(averaged(magnet), 0, 1)
        truth = validation.find_hedgehogs(m, voxel_size=FINE, magnet=magnet)
        for name, found in (("plain", _plain(coarse, fill)), ("refined", _refined(coarse, fill))):
            match = match_hedgehogs(found, truth, radius=RADIUS)
            inside, everywhere = match.recall(), match.recall(border=True)
            for index, value in enumerate((inside[0], everywhere[0], match.precision(border=True)[1])):
                hits[name][index] += value
            assert match.distances(border=True).mean() < (1.7e-9 if name == "plain" else 1.2e-9)
        true_units += everywhere[1]
    # Counted with those at the border: measured 0.71 of 72, where whole voxels find 0.33.
    assert hits["refined"][1] >= 0.65 * true_units
    assert hits["refined"][1] >= 1.8 * hits["plain"][1]
    assert hits["refined"][0] > hits["plain"][0]
    # and what it finds is there
    assert hits["refined"][1] >= 0.93 * hits["refined"][2]


def test_matches_as_charge_fidelity_does() -> None:
    rng = np.random.default_rng(5)
    m, magnet = porous_texture(rng, smooth=2.0)
    noisy = m + 0.4 * rng.standard_normal(m.shape).astype(np.float32) * magnet
    known = validation.charge_fidelity(noisy, m, voxel_size=FINE, magnet=magnet, radius=RADIUS)
    match = match_hedgehogs(known.hedgehogs, known.true_hedgehogs, radius=RADIUS)
    hit, count = match.recall()
    assert known.total.true == count > 5
    assert known.total.recall == pytest.approx(hit / count)
    hit, count = match.precision()
    assert known.total.found == count
    assert known.total.precision == pytest.approx(hit / count)
    assert match.distances().mean() == pytest.approx(known.total.mean_error)
    row, distance = match.partners(known.hedgehogs.sizes["hedgehog"])
    back, _ = match.partners(known.true_hedgehogs.sizes["hedgehog"], of_truth=True)
    partnered = np.flatnonzero(row >= 0)
    assert np.array_equal(back[row[partnered]], partnered)
    assert np.isfinite(distance[partnered]).all()
    assert distance[partnered].max() <= RADIUS * (1 + 1e-9)


def test_binomial_error() -> None:
    assert binomial_error(0, 0) is None
    assert binomial_error(50, 100) == pytest.approx(0.05, rel=0.01)
    none, all_ = binomial_error(0, 10), binomial_error(10, 10)
    assert none == all_
    assert none is not None
    assert 0.02 < none < 0.1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"factor": 0}, "factor is 0"),
        ({"factor": 2, "least_fill": 0}, "least_fill is 0"),
        ({"factor": 2, "reach": -1}, "reach is -1"),
        ({"factor": 2, "order": 2}, "order is 2"),
        ({"factor": 2, "m": np.full((3, 4, 4, 4), np.nan)}, "m is not finite"),
        ({"factor": 2, "fill": np.ones((4, 4, 5))}, "magnet is of shape"),
        ({"factor": 2, "fill": np.full((4, 4, 4), 2.0)}, "magnet is from"),
    ],
)
def test_refuses(words: dict[str, Any], message: str) -> None:
    given = {"m": np.ones((3, 4, 4, 4)), "fill": np.ones((4, 4, 4))} | words
    with pytest.raises(ValueError, match=message):
        refined_lattice(given.pop("m"), given.pop("fill"), **given)
