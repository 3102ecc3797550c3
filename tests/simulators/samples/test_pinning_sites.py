"""Pinning sites at known places, through field states."""

import json

import numpy as np
import pytest
from scipy import ndimage

from numerics.streams import stream
from records import sample
from simulators.samples.defects import Defect, Film
from simulators.samples.pinning_sites import PROTOCOL, FieldState, field_states, pinning_sites, scatter

FILM = Film(saturation=290.9e3, exchange=2.424e-12, anisotropy=77.3e3, dmi=0.3636e-3, thickness=49.5e-9)
KINDS = [{"anisotropy_factor": -4.0}, {"dmi_factor": 2.5, "border": 2e-9}]
SIZE = {"shape": (96, 96), "cell_size": 2e-9}


@pytest.fixture(scope="module")
def states():
    defects = scatter(4, extent=(192e-9, 192e-9), kinds=KINDS, distance=80e-9, rng=stream(3, "places"))
    return field_states(FILM, defects, **SIZE, rng=stream(3, "spins"))


def test_states_are_samples_with_the_truth(states):
    assert list(states) == ["remanence", "partial demagnetisation", "79 mT", "88 mT", "210 mT"]
    for state, found in zip(PROTOCOL, states.values(), strict=True):
        sample.check(found)
        features = json.loads(found.attrs["features"])
        assert (features["state"], features["field"]) == (state.name, state.fields[-1])
        assert (features["status"], found.attrs["origin"]) == ("converged", "relaxed")
        assert features["torque"] <= 1e-2
        assert [defect["kind"] for defect in features["defects"]] == ["lowered anisotropy", "raised DMI"] * 2
        assert {defect["radius"] for defect in features["defects"]} == {15e-9}
        assert [defect["border"] for defect in features["defects"]] == [0, 2e-9, 0, 2e-9]


def test_the_field_shrinks_the_domains_and_what_is_left_hangs_on_defects(states):
    m_z = {name: found["magnetization"].values[2, 0] for name, found in states.items()}
    assert abs(m_z["remanence"].mean()) < 0.5
    means = [m_z[name].mean() for name in ("partial demagnetisation", "79 mT", "88 mT", "210 mT")]
    assert means == sorted(means)
    assert means[-1] > 0.5
    found = states["210 mT"]
    near = distances(found)
    soft = [float(m_z["210 mT"][near[index] < 4e-9].mean()) for index in (0, 2)]
    assert max(soft) < 0.7
    # Domains that the field has not closed end on a defect; two copies of the film join what its edge cuts.
    down, count = ndimage.label(np.tile(m_z["210 mT"] < 0, (2, 2)))
    touching = set(down[np.tile(near.min(axis=0) < 20e-9, (2, 2))])
    assert set(range(1, count + 1)) <= touching


def distances(found):
    """Return the distance of every cell from each defect, across the film's edge too."""
    y, x = np.meshgrid(found["y"], found["x"], indexing="ij")
    side = 2e-9 * len(found["x"])
    places = [defect["centre"] for defect in json.loads(found.attrs["features"])["defects"]]
    away = [
        [(axis - at + side / 2) % side - side / 2 for axis, at in ((y, row), (x, column))] for row, column in places
    ]
    return np.array([np.hypot(*pair) for pair in away])


def test_walls_rest_in_defects_more_often_than_elsewhere(states):
    """After the cycle a wall passes through most defects, and through fewer places of their size elsewhere."""
    found = states["partial demagnetisation"]
    m_z, near = found["magnetization"].values[2, 0], distances(found).min(axis=0)

    def crossed(row, column):
        block = np.ix_(*((np.arange(at - 5, at + 6) % 96) for at in (row, column)))
        return np.ptp(np.sign(m_z[block])) > 0

    places = [defect["centre"] for defect in json.loads(found.attrs["features"])["defects"]]
    at_defects = np.mean([crossed(*(round(axis / 2e-9) + 48 for axis in place)) for place in places])
    elsewhere = np.mean([crossed(row, column) for row, column in np.argwhere(near > 30e-9)[::7]])
    assert at_defects > 1.5 * elsewhere


def test_one_state_is_that_of_the_whole_sequence(states):
    defects = scatter(4, extent=(192e-9, 192e-9), kinds=KINDS, distance=80e-9, rng=stream(3, "places"))
    found = pinning_sites(FILM, defects, state="partial demagnetisation", **SIZE, rng=stream(3, "spins"))
    assert found.identical(states["partial demagnetisation"])


def test_scatter_keeps_its_distance_across_the_edge():
    size = np.array([300e-9, 500e-9])
    found = scatter(8, extent=tuple(size), kinds=[{}], distance=100e-9, rng=stream(0, "places"))
    places = np.array([defect.centre for defect in found])
    gaps = (places[:, None] - places[None] + size / 2) % size - size / 2
    distance = np.hypot(*np.moveaxis(gaps, -1, 0)) + 1e-6 * np.eye(8)
    assert distance.min() >= 100e-9
    assert np.all(np.abs(places) <= size / 2)
    with pytest.raises(ValueError, match=r"count is 100; allowed: as many defects as fit 100 nm apart"):
        scatter(100, extent=tuple(size), kinds=[{}], distance=100e-9, rng=stream(0, "places"))


def test_what_cannot_be():
    rng = stream(0, "spins")
    with pytest.raises(ValueError, match="state is '300 mT'; allowed: remanence"):
        pinning_sites(FILM, [], state="300 mT", **SIZE, rng=rng)
    with pytest.raises(ValueError, match="larger than the defect"):
        pinning_sites(FILM, [Defect()], shape=(8, 8), cell_size=40e-9, rng=rng)
    with pytest.raises(ValueError, match="at least one field"):
        field_states(FILM, [], **SIZE, protocol=[FieldState("none", ())], rng=rng)
