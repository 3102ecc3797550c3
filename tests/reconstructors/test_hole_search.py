"""The search for reference holes on the holographic image: within a pixel of the mask as made, in every seed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from reconstructors import hole_search, preparation, supports
from reconstructors.supports import Circle, Holes
from simulators.experiments.setups import quick_setup
from tests.reconstructors.experiments import SMALL, changed, expected, measured

DULL = changed(SMALL, source={"visibility": 0.7})


def places(holes):
    """Return where the references are from the object, (count, 2), pixels."""
    thing = holes.objects[0]
    return np.array([(circle.y - thing.y, circle.x - thing.x) for circle in holes.references])


def located(setup, seed):
    """Return the places of the references as made, as drawn and as located."""
    data = measured(setup, seed)
    made: dict[str, list[Circle]] = {"object": [], "reference": []}
    for hole in json.loads(expected(setup, seed).truth.attrs["setup"])["holes"]:
        made[hole["kind"]].append(Circle(hole["y"] / setup.pixel, hole["x"] / setup.pixel, 1.0))
    patterns = preparation.prepare(data)
    drawn = supports.from_drawing(data, patterns.pixel_size)
    true = Holes(drawn.n, tuple(made["object"]), tuple(made["reference"]))
    return places(true), places(drawn), places(hole_search.locate(patterns, drawn))


def farthest(a, b):
    return float(np.hypot(*(a - b).T).max())


@pytest.mark.parametrize("setup", [SMALL, DULL, quick_setup()], ids=["small", "dull", "quick"])
@pytest.mark.parametrize("seed", range(5))
def test_every_hole_is_found_within_a_pixel(setup, seed):
    made, drawn, found = located(setup, seed)
    assert farthest(made, found) < 0.5
    assert farthest(made, found) < farthest(made, drawn)


def test_a_drawing_that_is_off_by_pixels_does_not_matter():
    patterns = preparation.prepare(measured())
    drawn = supports.from_drawing(measured(), patterns.pixel_size)
    first, *rest = drawn.references
    wrong = replace(drawn, references=(replace(first, y=first.y + 2.5, x=first.x - 2.0), *rest))
    found, moved = (places(hole_search.locate(patterns, holes)) for holes in (drawn, wrong))
    np.testing.assert_allclose(moved, found, atol=0.05)


def test_what_is_not_there_stays_where_it_was_drawn():
    patterns = preparation.prepare(measured())
    drawn = supports.from_drawing(measured(), patterns.pixel_size)
    nowhere = Circle(drawn.objects[0].y + 60.0, drawn.objects[0].x - 3.0, 4.0)
    found = hole_search.locate(patterns, replace(drawn, references=(*drawn.references, nowhere)))
    assert found.references[-1] == nowhere
    assert found.objects == drawn.objects


def test_dark_patterns_and_masks_without_references_change_nothing():
    patterns = preparation.prepare(measured())
    drawn = supports.from_drawing(measured(), patterns.pixel_size)
    dark = replace(patterns, intensity=np.zeros_like(patterns.intensity))
    assert hole_search.locate(dark, drawn) == drawn
    alone = replace(drawn, references=())
    assert hole_search.locate(patterns, alone) == alone
