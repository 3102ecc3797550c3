"""Supports: discs, margins and the drawing."""

import numpy as np
import pytest

from reconstructors import supports
from reconstructors.supports import Circle, Holes
from simulators.experiments import exit_waves
from tests.reconstructors.experiments import SMALL, measured

HOLES = Holes(128, (Circle(-20.0, -22.0, 15.0),), (Circle(20.5, 18.25, 4.0), Circle(27.0, 24.0, 5.0)))
SEEDS = range(5)


def test_disc_has_its_area_and_place():
    mask = supports.disc(256, Circle(10.25, -31.5, 20.0), 3.0)
    assert mask.sum() == pytest.approx(np.pi * 23**2, rel=0.01)
    y, x = np.nonzero(mask)
    assert y.mean() - 128 == pytest.approx(10.25, abs=0.05)
    assert x.mean() - 128 == pytest.approx(-31.5, abs=0.05)
    assert not supports.disc(64, Circle(0, 0, 3.0), -4.0).sum() > 1


@pytest.mark.parametrize("margin", [0.0, 3.0, 30.0])
def test_references_overlap_neither_one_another_nor_the_object(margin):
    taken = HOLES.object_mask(margin).astype(int)
    for mask in HOLES.reference_masks(margin):
        taken += mask
    assert taken.max() == 1
    np.testing.assert_array_equal(taken > 0, HOLES.support(margin, margin))


def test_margins_widen_each_kind_by_itself():
    tight, wide = HOLES.support(0, 0), HOLES.support(0, 2)
    assert (wide & ~tight).sum() > 0
    assert not (wide & ~tight & HOLES.object_mask(5)).any()
    assert (HOLES.support(2, 0) & ~tight & HOLES.object_mask(2)).sum() > 0


def test_drawing_is_read_in_pixels_and_scaled():
    data, pixel = measured(), SMALL.pixel
    holes = supports.from_drawing(data, pixel)
    scaled = supports.from_drawing(data, pixel, object_scale=0.95)
    assert holes.objects[0].radius * 2 * pixel == pytest.approx(SMALL.mask.hole_diameter)
    assert scaled.objects[0].radius == pytest.approx(0.95 * holes.objects[0].radius)
    assert scaled.references == holes.references
    assert len(holes.references) == SMALL.mask.references
    assert holes.references[0].x * pixel == pytest.approx(float(data["hole_x"][1]))


def test_a_hole_outside_of_the_field_is_refused_in_one_line():
    data = measured().copy(deep=True)
    data["hole_x"][0] = 0.5 * data.sizes["x"] * SMALL.pixel
    with pytest.raises(ValueError, match=r"^Measurement.hole_x, hole_y: .*allowed: inside the field[^\n]*$"):
        supports.from_drawing(data, SMALL.pixel)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawing_with_a_margin_holds_the_mask_as_made(seed):
    nominal, made, _ = exit_waves.true_mask(SMALL, seed)
    n, pixel = SMALL.detector.n, SMALL.pixel

    def circles(drawing, kind):
        return tuple(Circle(h.y / pixel, h.x / pixel, h.diameter / 2 / pixel) for h in drawing.holes if h.kind == kind)

    drawn, true = (Holes(n, circles(d, "object"), circles(d, "reference")) for d in (nominal, made))
    # The mask as a whole may lie anywhere within two pixels of the drawing, each hole 0.6 pixels (rms) off that.
    assert not (true.support(0, 0) & ~drawn.support(5, 6)).any()
