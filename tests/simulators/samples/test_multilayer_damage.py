"""Damaged areas: smaller domains, lower contrast, and what the truth says of them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from records import sample
from simulators.samples.damage import DAMAGE, REMOVED, damaged_area, damaged_states
from simulators.samples.effective_medium import HAPRE, effective_medium

CELL = 2.9e-9
FILM = replace(effective_medium(HAPRE), anisotropy=67.9e3)

pytestmark = pytest.mark.filterwarnings("ignore:cell is 2.9 nm, more than half")


def features(record):
    return json.loads(record.attrs["features"])


@pytest.fixture(scope="module")
def states():
    area = damaged_area((20e-9, -30e-9), diameter=300e-9)
    return damaged_states(FILM, [area], extent=530e-9, pixel_size=CELL, rng=stream(1, "sample"))


def test_domains_are_smaller_and_contrast_is_lower_in_the_area(states):
    """Target S3 of the chapter, in the field and without it: period <= 0.8, contrast <= 0.9 of the intact film."""
    assert list(states) == ["88 mT", REMOVED]
    for name, field in (("88 mT", 0.088), (REMOVED, 0.0)):
        sample.check(states[name])
        truth = features(states[name])
        (area,) = truth["defects"]
        assert area["period_ratio"] <= 0.8
        assert area["contrast_ratio"] <= 0.9
        assert (truth["status"], truth["field"]) == ("converged", field)
        assert states[name].sizes["x"] * CELL >= 500e-9


def test_ratios_are_those_of_the_images(states):
    """Count walls along rows and average Ms |m_z| inside half of the area and outside of it: another measure."""
    record = states[REMOVED]
    m_z, moment = record["magnetization"].values[2, 0], record["saturation_magnetization"].values[0]
    y, x = np.meshgrid(record["y"] - 20e-9, record["x"] + 30e-9, indexing="ij")
    middle, intact = np.hypot(y, x) < 110e-9, np.hypot(y, x) > 190e-9
    up = m_z > 0
    walls = (up ^ np.roll(up, 1, 0)).astype(float) + (up ^ np.roll(up, 1, 1))
    (area,) = features(record)["defects"]
    assert walls[intact].mean() / walls[middle].mean() < 0.85
    contrast = (moment * np.abs(m_z))[middle].mean() / (moment * np.abs(m_z))[intact].mean()
    assert contrast == pytest.approx(area["contrast_ratio"], abs=0.06)
    assert moment[middle].mean() / moment[intact].mean() == pytest.approx(DAMAGE["saturation_factor"], rel=0.01)


def test_domains_against_the_field_expand_when_it_is_removed(states):
    """HAPRE, Optica 11, 234 (2024), Fig. 3b and 3c."""
    down = [float((states[name]["magnetization"].values[2] < 0).mean()) for name in ("88 mT", REMOVED)]
    assert down[0] < 0.4
    assert down[1] > 1.2 * down[0]


def test_truth_of_an_area(states):
    (area,) = features(states["88 mT"])["defects"]
    assert area["centre"] == [20e-9, -30e-9]
    assert (area["radius"], area["border"]) == (150e-9, 25e-9)
    assert {name: area[name] for name in DAMAGE} == dict(DAMAGE)
    assert area["dmi_factor"] == 1
    assert features(states["88 mT"])["intact_period"] > 80e-9


def test_impossible_areas():
    words = {"extent": 400e-9, "pixel_size": CELL, "rng": stream(0, "sample")}
    with pytest.raises(ValueError, match="at least one damaged area"):
        damaged_states(FILM, [], **words)
    with pytest.raises(ValueError, match=r"areas leave 0.0\d of the film intact; allowed: from 0.1"):
        damaged_states(FILM, [damaged_area(diameter=440e-9)], **words)
    with pytest.raises(ValueError, match="border is 1e-07 m"):
        damaged_area(diameter=150e-9, border=100e-9)
    assert math.isclose(damaged_area().diameter, 360e-9)
