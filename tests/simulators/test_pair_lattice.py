"""Pairs at one distance: the charges asked for and no others, smooth, and of the same direction far away."""

import json

import numpy as np
import pytest

from numerics.streams import stream
from records import sample
from simulators.samples.block import Block
from simulators.samples.charges import charge_list
from simulators.samples.pair_lattice import PairGrid, confined_pair, pair_lattice
from simulators.samples.texture_points import hedgehog_pair

SMALL = Block(size=(100e-9, 160e-9, 160e-9))
GRID = PairGrid((2, 3, 3))


@pytest.mark.parametrize("separation", [5e-9, 10e-9, 18.3e-9, 25e-9])
def test_charges_are_those_asked_for(separation: float) -> None:
    made = pair_lattice(separation, grid=GRID, block=SMALL, rng=stream(1, "sample"))
    sample.check(made)
    features = json.loads(made.attrs["features"])
    assert features["found"] == {"plus": 18, "minus": 18}
    filled = made["magnet"].values > 0
    found = charge_list(made["magnetization"].values, filled, 2.5e-9)
    for q, name in ((1, "plus"), (-1, "minus")):
        asked = np.array([pair[name] for pair in features["pairs"]])
        seen = np.array([[charge[axis] for axis in "zyx"] for charge in found if charge["q"] == q])
        away = np.abs(asked[:, None] - seen[None]).max(axis=2)
        assert away.min(axis=1).max() <= 1.5 * 2.5e-9 * (1 + 1e-9)
        assert len(np.unique(away.argmin(axis=1))) == 18
    apart = np.linalg.norm(
        np.subtract([pair["plus"] for pair in features["pairs"]], [pair["minus"] for pair in features["pairs"]]), axis=1
    )
    assert apart == pytest.approx(separation)


def test_pairs_are_turned_in_space_and_agree_far_away() -> None:
    made = pair_lattice(12e-9, grid=GRID, block=SMALL, rng=stream(2, "sample"))
    axes = np.array([pair["axis"] for pair in json.loads(made.attrs["features"])["pairs"]])
    assert np.linalg.norm(axes.mean(axis=0)) < 0.6
    assert np.linalg.eigvalsh(axes.T @ axes / len(axes)).min() > 0.1
    spins = made["magnetization"].values
    faces = spins[:, made["magnet"].values.shape[0] // 2, [3, -4], 3:-3]
    assert faces == pytest.approx(np.broadcast_to(np.array([0, 0, 1])[:, None, None], faces.shape))


def test_medium_has_one_share_and_soft_faces() -> None:
    made = pair_lattice(12e-9, grid=GRID, block=SMALL, share=0.26, soft=10e-9, rng=stream(2, "sample"))
    nickel, silica = made["nickel"].values, made["silica"].values
    middle = tuple(n // 2 for n in nickel.shape)
    assert nickel[middle] == pytest.approx(0.26)
    assert (nickel + silica)[middle] == pytest.approx(1)
    assert nickel.sum() * (2.5e-9) ** 3 == pytest.approx(0.26 * np.prod(SMALL.size), rel=0.01)
    edge = nickel[middle[0], middle[1], :8]
    assert np.all(np.diff(edge) >= 0)
    assert np.count_nonzero((edge > 0) & (edge < 0.26)) >= 3


def test_confined_texture_is_the_pair_inside_and_uniform_outside() -> None:
    line = np.linspace(-40e-9, 40e-9, 65)
    axis = np.array([0.6, 0.0, 0.8])
    texture, reached = confined_pair(np.ix_(line, line, line), np.zeros(3), axis, separation=20e-9, radius=30e-9)
    assert np.allclose(np.linalg.norm(texture, axis=0), 1)
    assert np.allclose(texture[:, ~reached], axis[:, None])
    full = hedgehog_pair(*np.ix_(line, line, line), separation=20e-9, axis=axis)
    distance = np.sqrt(line[:, None, None] ** 2 + line[:, None] ** 2 + line**2)
    assert np.allclose(texture[:, distance < 12e-9], full[:, distance < 12e-9])
    steps = np.linalg.norm(np.diff(texture, axis=1), axis=0)
    assert steps[distance[1:] > 20e-9].max() < 0.2  # rad per 1.25 nm, away from the cores


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"separation is 6e-08 m; allowed in 2 x 3 x 3 cells"):
        pair_lattice(60e-9, grid=GRID, block=SMALL, rng=stream(1, "sample"))
    with pytest.raises(ValueError, match=r"separation is 4e-09 m"):
        pair_lattice(4e-9, grid=GRID, block=SMALL, rng=stream(1, "sample"))
    with pytest.raises(ValueError, match="share is 0; allowed: above 0, up to 1"):
        pair_lattice(10e-9, share=0, rng=stream(1, "sample"))
    with pytest.raises(ValueError, match=r"cells is \(0, 1, 1\)"):
        PairGrid((0, 1, 1))
