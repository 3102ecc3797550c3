"""Hedgehogs written into the superlattice: places, held cores, what survives, and spheres with radial shells."""

import json

import numpy as np
import pytest

from numerics.streams import stream
from simulators.samples.block import Block
from simulators.samples.charges import cell_charges, charge_list
from simulators.samples.imprinted import around_void, imprint_metalattice
from simulators.samples.metalattice import metalattice
from simulators.samples.pair_places import PUBLISHED_PAIRS, Pair, blended_texture, cube_corners, pair_cores, place_pairs
from simulators.samples.sphere_packing import Template

LATTICE = metalattice(block=Block(size=(150e-9, 200e-9, 200e-9)))
WIDE = metalattice(block=Block(size=(100e-9, 230e-9, 230e-9)))
SMALL = metalattice(block=Block(size=(100e-9,) * 3))
VOXEL = 2.5e-9


def features(sample):
    return json.loads(sample.attrs["features"])


@pytest.mark.parametrize("seed", [1, 2])
def test_pairs_lie_at_their_distances_in_their_holes(seed: int) -> None:
    placed = place_pairs(LATTICE, PUBLISHED_PAIRS, rng=stream(seed, "pairs"))
    assert [each.pair for each in placed] == list(PUBLISHED_PAIRS)
    for each in placed:
        first, second = each.places
        assert np.linalg.norm(first - second) == pytest.approx(each.pair.separation, rel=1e-12)
        for place, row, kind in zip(each.places, each.sites, each.pair.holes, strict=True):
            assert LATTICE.sites.of_kind(kind)[row]
            assert LATTICE.sites.whole[row]
            assert np.linalg.norm(place - LATTICE.sites.position[row]) < LATTICE.sites.radius[row]
    for index, each in enumerate(placed):
        for other in placed[index + 1 :]:
            gaps = np.linalg.norm(each.places[:, None] - other.places[None], axis=-1)
            assert gaps.min() > LATTICE.packing.spacing


@pytest.mark.parametrize("seed", range(5))
def test_blended_texture_has_the_charges_asked_for_and_no_other(seed: int) -> None:
    pairs = [Pair(10e-9), Pair(18.3e-9), Pair(10e-9, (-1, 1)), Pair(43.1e-9, holes=("tetrahedral", "tetrahedral"))]
    placed = place_pairs(LATTICE, pairs, rng=stream(seed, "pairs"))
    m = blended_texture(LATTICE, placed)
    assert np.allclose(np.linalg.norm(m, axis=0), LATTICE.magnet)
    cores = pair_cores(LATTICE, placed)
    for core in cores:
        m[:, *core.corners.T] = core.spins.T
    found = charge_list(m, LATTICE.magnet, VOXEL)
    assert len(found) == len(cores) == 8
    for core in cores:
        away = [np.abs(np.array([each[axis] for axis in "zyx"]) - core.place).max() for each in found]
        assert min(away) <= VOXEL
        assert found[int(np.argmin(away))]["q"] == core.charge


def test_core_spins_are_a_turned_hedgehog() -> None:
    placed = place_pairs(LATTICE, PUBLISHED_PAIRS, rng=stream(5, "pairs"))
    for core in pair_cores(LATTICE, placed):
        cube = np.zeros((3, 2, 2, 2))
        cube[:, *(core.corners - core.corners.min(axis=0)).T] = core.spins.T
        assert cell_charges(cube)[0, 0, 0] == core.charge
        assert np.allclose(np.linalg.norm(core.spins, axis=1), 1)
        # A rotation keeps the angles between the eight directions from the core.
        offset = core.place / VOXEL + np.array(LATTICE.magnet.shape) // 2 - core.corners[0]
        away = core.corners - core.corners[0] - np.clip(offset, 0.15, 0.85)
        away = away / np.linalg.norm(away, axis=1, keepdims=True)
        assert np.allclose(core.spins @ core.spins.T, away @ away.T, atol=1e-12)


def test_held_cores_are_found_where_they_were_written() -> None:
    found = imprint_metalattice(LATTICE, PUBLISHED_PAIRS, rng=stream(6, "pairs"))
    known = features(found)
    assert found.attrs["origin"] == "imprinted"
    assert known["state"].startswith("not an equilibrium state")
    assert known["held"]["matched"] == known["held"]["requested"] == 8
    assert known["held"]["extra"] == 0
    assert max(known["held"]["offsets"]) <= np.sqrt(3) / 2 * VOXEL * 1.001
    assert known["found"] == {"plus": 4, "minus": 4}
    assert [row["q"] for row in known["requested"]] == [1, -1, 1, -1, 1, 1, -1, -1]
    m = found["magnetization"].values
    for row in known["requested"]:
        corners = cube_corners(LATTICE, np.array([row[axis] for axis in "zyx"]))
        cube = np.zeros((3, 2, 2, 2))
        cube[:, *(corners - corners[0]).T] = m[:, *corners.T]
        assert cell_charges(cube)[0, 0, 0] == row["q"]


def test_the_held_relaxation_ends_before_a_charge_nobody_asked_for() -> None:
    known = features(imprint_metalattice(SMALL, [Pair(10e-9)], relax=3.0, rng=stream(7, "pairs")))
    assert known["imprint"]["ended"] == "before another charge"
    assert 0.1 < known["imprint"]["relaxed"] < 3
    assert known["found"] == {"plus": 1, "minus": 1}


def test_released_pairs_annihilate_and_the_survivors_are_counted() -> None:
    pair = [Pair(10e-9)]
    known = features(imprint_metalattice(SMALL, pair, release=0.6, rng=stream(8, "pairs")))
    assert known["held"]["matched"] == 2
    assert known["survived"]["matched"] == 0
    assert known["found"] == {"plus": 0, "minus": 0}
    curve = known["survival"]
    assert (curve["plus"][0], curve["minus"][0]) == (1, 1)
    assert curve["plus"][-1] == curve["minus"][-1] == 0


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (lambda: Pair(-1e-9), "separation is"),
        (lambda: Pair(1e-8, (1, 2)), "charges are"),
        (lambda: Pair(1e-8, holes=("octahedral", "neck")), "holes are"),
        (lambda: imprint_metalattice(LATTICE, [], rng=stream(1, "p")), "pairs is"),
        (lambda: imprint_metalattice(LATTICE, [Pair(1e-8)], relax=np.nan, rng=stream(1, "p")), "relax is"),
        (lambda: imprint_metalattice(LATTICE, [Pair(1e-8)], release=-1, rng=stream(1, "p")), "release is"),
        (lambda: imprint_metalattice(LATTICE, [Pair(5e-9)], rng=stream(1, "p")), "separation is"),
        (lambda: imprint_metalattice(LATTICE, [Pair(40e-9)], rng=stream(1, "p")), "separation is"),
        (lambda: imprint_metalattice(LATTICE, [Pair(1e-8)] * 99, rng=stream(1, "p")), "separation is"),
        (lambda: around_void(LATTICE, [2], rng=stream(1, "p")), "charges are"),
        (lambda: around_void(LATTICE, [1] * 50, rng=stream(1, "p")), "spheres asked for are"),
        (lambda: around_void(LATTICE, [1], shell=1e-9, rng=stream(1, "p")), "shell is"),
        (lambda: around_void(LATTICE, [1], relax=-1, rng=stream(1, "p")), "relax is"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(make, start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start}.*allowed") as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_closed_shell_has_its_whole_charge_and_its_control_none() -> None:
    parted = metalattice(Template(overlap=0.85), Block(size=(100e-9, 230e-9, 230e-9)))
    known = features(around_void(parted, [1, -1], controls=1, relax=0.3, rng=stream(9, "voids")))
    assert [void["requested"] for void in known["voids"]] == [1, -1, 0]
    for void in known["voids"]:
        assert void["closed"]
        assert void["flux"] == pytest.approx(void["requested"], abs=1e-9)
        assert void["covered"] == pytest.approx(1, abs=1e-9)
    assert known["state"].startswith("not an equilibrium state")


def test_a_shell_round_a_touching_sphere_has_the_charge_that_it_covers() -> None:
    known = features(around_void(WIDE, [1, -1], controls=1, relax=0.2, rng=stream(10, "voids")))
    for void in known["voids"]:
        assert not void["closed"]
        assert 0.5 < void["covered"] < 0.7
        assert void["flux"] == pytest.approx(void["requested"] * void["covered"], abs=0.02)
