"""Quenched superlattices: the number of charges they stop at, what they say of themselves, how charges die."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerics.streams import stream
from numerics.threads import use_threads
from records import sample as record
from simulators.micromagnetics import Material
from simulators.samples.block import Block
from simulators.samples.charge_counting import CountRule, Survival
from simulators.samples.charges import cell_charges
from simulators.samples.hedgehog_truth import pair_distances, smoothness, void_labels
from simulators.samples.hedgehogs import lattice_problem, quench_metalattice, survival
from simulators.samples.metalattice import Infiltration, metalattice

LATTICE = metalattice(block=Block(size=(96e-9,) * 3), voxel_size=2e-9)
SMALL = metalattice(block=Block(size=(100e-9,) * 3))


def features(sample):
    return json.loads(sample.attrs["features"])


def recounted(sample):
    m = sample["magnetization"].values
    return cell_charges(m, magnet=sample["magnet"].values)


@pytest.mark.parametrize("wanted", [40, 400, 1300])
def test_quench_stops_within_a_tenth_of_the_wanted_number(wanted: int) -> None:
    found = quench_metalattice(LATTICE, charges=wanted, rng=stream(1, "sample"))
    known, charges = features(found), recounted(found)
    number = int(np.abs(charges.astype(int)).sum())
    assert abs(number - wanted) <= 0.1 * wanted
    assert known["found"] == {"plus": int(charges[charges > 0].sum()), "minus": -int(charges[charges < 0].sum())}
    assert known["requested"] == {"charges": wanted}
    assert sum(abs(charge["q"]) for charge in known["charges"]) == number


def test_what_a_quenched_sample_says_of_itself() -> None:
    found = quench_metalattice(SMALL, charges=50, imbalance=4, rng=stream(2, "sample"))
    known = features(found)
    record.check(found)
    assert found.attrs["origin"] == "quenched"
    assert known["state"].startswith("not an equilibrium state")
    counts = known["found"]
    assert abs(counts["plus"] - counts["minus"]) <= 4
    assert known["survived"] == counts
    assert known["survival"]["plus"][-1] == counts["plus"]
    assert known["survival"]["minus"][-1] == counts["minus"]
    # Where flux begins and ends: nothing is lost between charges, spheres and the outside.
    voids = sum(void["flux"] for void in known["flux"]["voids"])
    assert known["flux"]["outer"] == pytest.approx(counts["plus"] - counts["minus"] + voids, abs=1e-6)
    assert known["torque"] > 1
    assert 0 < known["smoothness"]["median"] < known["smoothness"]["percentile_95"] < np.pi
    assert len(known["sites"]["kind"]) == len(SMALL.sites)
    distances = known["pair_distances"]
    assert len(distances["opposite"]["values"]) == len(known["charges"])
    kinds = {charge["kind"] for charge in known["charges"]}
    assert kinds <= {"octahedral", "tetrahedral", "between"}
    assert np.array_equal(found["magnet"].values > 0, SMALL.magnet)


def test_density_and_torque_as_goals() -> None:
    volume = np.count_nonzero(SMALL.magnet) * 2.5e-9**3
    by_density = quench_metalattice(SMALL, density=100 / volume, rng=stream(3, "sample"))
    by_number = quench_metalattice(SMALL, charges=100, rng=stream(3, "sample"))
    assert np.array_equal(by_density["magnetization"], by_number["magnetization"])
    loose, calm = (features(quench_metalattice(SMALL, torque=goal, rng=stream(3, "s"))) for goal in (40.0, 25.0))
    assert calm["torque"] <= 25
    assert calm["requested"] == {"torque": 25.0}
    assert calm["quench"]["time"] > loose["quench"]["time"]


def test_charges_die_while_random_spins_relax() -> None:
    curve = survival(SMALL, until=1.0, rng=stream(4, "sample"))
    total = np.add(curve.plus, curve.minus)
    solid = SMALL.magnet
    cubes = np.ones(np.subtract(solid.shape, 1), bool)
    for corner in np.ndindex(2, 2, 2):
        cubes &= solid[tuple(slice(c, c + n - 1) for c, n in zip(corner, solid.shape, strict=True))]
    assert curve.time[0] == 0
    # Random spins hold 0.3544 +- 0.0011 charges in a cube; |q| = 2 counts twice.
    assert total[0] / np.count_nonzero(cubes) == pytest.approx(0.3544, rel=0.05)
    assert np.all(np.diff(curve.time) > 0)
    assert np.all(np.diff(total) <= 2)
    assert total[-1] < 0.02 * total[0]
    assert curve.time[-1] >= 1.0


def test_interrupted_quench_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    def made(**options: Any) -> bytes:
        found = quench_metalattice(SMALL, charges=60, rng=stream(11, "sample"), **options)
        return bytes(found["magnetization"].values.tobytes()) + found.attrs["features"].encode()

    def interrupt(counts: int, charges: float) -> None:
        if charges < 300:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "quench"
    with pytest.raises(KeyboardInterrupt):
        made(checkpoint=checkpoint, watch=[interrupt])
    assert {path.name for path in tmp_path.iterdir()} == {"quench-1-state", "quench-1-counts"}
    assert made(checkpoint=checkpoint) == made()
    assert list(tmp_path.iterdir()) == []


def test_same_bytes_for_any_number_of_threads() -> None:
    small = metalattice(block=Block(size=(80e-9,) * 3))

    def made(threads: int) -> bytes:
        with use_threads(threads):
            found = quench_metalattice(small, charges=30, rng=stream(5, "sample"))
        return bytes(found["magnetization"].values.tobytes()) + found.attrs["features"].encode()

    assert made(1) == made(2) == made(3)


def test_no_charge_in_dead_or_empty_cells() -> None:
    damaged = metalattice(
        block=Block(size=(100e-9,) * 3),
        infiltration=Infiltration(unfilled=0.1, dead_layer=2e-9),
        voxel_size=2e-9,
        rng=stream(6, "sample"),
    )
    found = quench_metalattice(damaged, charges=40, rng=stream(6, "sample"))
    charged = np.argwhere(recounted(found))
    assert len(charged) >= 30
    for corner in np.ndindex(2, 2, 2):
        assert np.all(damaged.fill[tuple((charged + corner).T)] >= 0.5)
    sites = features(found)["sites"]
    holes = [charge["site"] for charge in features(found)["charges"] if charge["site"] is not None]
    assert all(sites["filled"][row] for row in holes)


def test_a_dead_layer_of_lower_saturation_is_weaker_magnet() -> None:
    half = metalattice(block=Block(size=(80e-9,) * 3), infiltration=Infiltration(dead_layer=2e-9, dead_saturation=0.5))
    problem = lattice_problem(half)
    saturation = np.asarray(problem.material.saturation)
    assert saturation.max() == pytest.approx(490e3)
    assert 0 < saturation[half.magnet].min() < 0.6 * 490e3
    assert np.array_equal(saturation > 0, half.magnet)
    found = quench_metalattice(half, charges=20, rng=stream(6, "sample"))
    assert np.allclose(found["saturation_magnetization"].values[half.magnet], saturation[half.magnet], rtol=1e-6)


@pytest.mark.parametrize(
    ("goal", "start"),
    [
        ({}, "goals are"),
        ({"charges": 10, "torque": 1.0}, "goals are"),
        ({"charges": 0}, "charges is"),
        ({"charges": 10**6}, "charges is"),
        ({"density": -1.0}, "density is"),
        ({"torque": np.nan}, "torque is"),
        ({"charges": 60, "imbalance": 0, "material": Material(LATTICE.saturation, 1e-12)}, "saturation is a field"),
    ],
)
def test_impossible_goals_are_refused(goal, start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start}.*allowed") as caught:
        quench_metalattice(LATTICE, **goal, rng=stream(1, "sample"))
    assert "\n" not in str(caught.value)


def test_survival_needs_a_time() -> None:
    with pytest.raises(ValueError, match=r"^until is -1.0; allowed"):
        survival(LATTICE, until=-1.0, rng=stream(1, "sample"))


def test_counts_add_multiple_charges() -> None:
    curve = Survival()
    assert curve.add(0.5, np.array([2, -1, 0, 1, -2, -1], np.int8)) == 7
    assert (curve.time, curve.plus, curve.minus) == ([0.5], [3], [4])


def test_rule_stops_where_it_is_told_to() -> None:
    class State:
        def __init__(self, time: float, torque: float) -> None:
            self.time, self.torque, self.m = time, torque, np.ones((3, 4, 4, 4))

    magnet = np.ones((4, 4, 4), bool)
    by_time = CountRule(magnet, until=1.0)
    assert [by_time(State(time, 9.0)) for time in (0.0, 0.5, 0.9, 1.0)] == [False, False, False, True]
    by_torque = CountRule(magnet, torque=0.1)
    assert [by_torque(State(time, torque)) for time, torque in ((0.0, 9.0), (0.01, 0.2), (0.02, 0.1))] == [
        False,
        False,
        True,
    ]
    assert by_torque.reached


def test_smoothness_of_known_fields() -> None:
    magnet = np.ones((6, 7, 8), bool)
    turn = 0.2 * np.arange(8)
    helix = np.zeros((3, 6, 7, 8))
    helix[0], helix[1] = np.cos(turn), np.sin(turn)
    found = smoothness(helix, magnet)
    assert found["percentile_95"] == pytest.approx(0.2, abs=1e-12)
    assert found["median"] == pytest.approx(0, abs=1e-12)
    assert found["steep"] == 0
    m = stream(7, "spins").standard_normal((3, 40, 40, 40))
    random = smoothness(m / np.linalg.norm(m, axis=0), np.ones((40, 40, 40), bool))
    assert random["median"] == pytest.approx(np.pi / 2, abs=0.02)
    assert random["steep"] == pytest.approx(0.75, abs=0.1)


def test_distances_of_charges_by_sign() -> None:
    places = [(0, 0, 0, 1), (0, 0, 3, 1), (0, 4, 0, -1), (0, 4, 6, -1), (1, 4, 6, -2)]
    found = pair_distances([{"z": z, "y": y, "x": x, "q": q} for z, y, x, q in places])
    assert found["opposite"]["values"] == pytest.approx([4, 5, 4, 5, np.sqrt(26)])
    assert found["plus"]["values"] == [3, 3]
    assert found["minus"]["values"] == pytest.approx([6, 1, 1])
    assert pair_distances([]) == {}


def test_every_void_voxel_belongs_to_its_nearest_sphere() -> None:
    lattice = metalattice(block=Block(size=(80e-9, 100e-9, 100e-9)), view=(90e-9, 120e-9, 110e-9))
    labels = void_labels(lattice)
    assert not labels[lattice.magnet].any()
    axes = [(np.arange(n) - n // 2) * 2.5e-9 for n in labels.shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    half = np.array(lattice.block.size) / 2
    inside = np.all(np.abs(points - lattice.centre) < half, axis=-1) & ~lattice.magnet
    assert np.array_equal(labels > 0, inside)
    distance = np.linalg.norm(points[inside][:, None] - lattice.packing.centres[None], axis=-1)
    own = distance[np.arange(len(distance)), labels[inside] - 1]
    assert np.allclose(own, distance.min(axis=1), rtol=0, atol=1e-15)
