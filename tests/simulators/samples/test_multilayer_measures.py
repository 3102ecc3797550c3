"""What domains measure, against stripes and labyrinths of known widths and against the scorer."""

import math

import numpy as np
import pytest

from numerics.streams import stream
from simulators.samples.domain_measures import domain_period, mean_wall_width
from simulators.samples.labyrinth import labyrinth
from validation.walls.widths import mean_wall_width as scored_width


def stripes(period, width, *, pixel=2e-9, cells=240, angle=0.0):
    """Periodic stripes of tanh walls along the cell's side or its diagonal."""
    y, x = np.indices((cells, cells)) * pixel
    along = (x * math.cos(angle) + y * math.sin(angle)) / math.cos(angle)
    phase = along % period
    nearest = np.minimum(np.abs(phase - period / 4), np.abs(phase - 3 * period / 4)) * math.cos(angle)
    up = np.abs(phase - period / 2) < period / 4
    return np.where(up, 1, -1) * np.tanh(nearest / width)


@pytest.mark.parametrize("width", [3.5e-9, 5.1e-9, 8e-9])
@pytest.mark.parametrize("angle", [0.0, math.pi / 4])
def test_stripes_have_their_width_and_period(width, angle):
    image = stripes(160e-9, width, angle=angle)
    assert mean_wall_width(image, pixel_size=2e-9) == pytest.approx(width, rel=3e-3)
    assert domain_period(image, pixel_size=2e-9) == pytest.approx(160e-9 * math.cos(angle), rel=1e-3)


@pytest.mark.parametrize("pixel", [2e-9, 2.9e-9])
def test_labyrinths_have_their_width_and_the_scorer_agrees_to_a_percent(pixel):
    image = labyrinth((224, 224), pixel_size=pixel, period=150e-9, wall_width=5.1e-9, rng=stream(1, "sample"))[2]
    found = mean_wall_width(image, pixel_size=pixel)
    assert found == pytest.approx(5.1e-9, rel=0.015)
    assert found == pytest.approx(scored_width(image, pixel_size=pixel).delta, rel=0.01)
    assert domain_period(image, pixel_size=pixel) == pytest.approx(150e-9, rel=0.1)


def test_a_wall_at_the_cells_edge_counts():
    image = stripes(160e-9, 5.1e-9)
    moved = np.roll(image, 21, axis=1)
    assert mean_wall_width(moved, pixel_size=2e-9) == pytest.approx(mean_wall_width(image, pixel_size=2e-9), rel=1e-3)


def test_period_of_a_part():
    """A soft window shows the period of the stripes below it, whatever surrounds them."""
    y, x = (np.indices((240, 240)) - 120) * 2e-9
    weight = (1 - np.tanh((np.hypot(y, x) - 160e-9) / 15e-9)) / 2
    image = np.where(np.hypot(y, x) < 180e-9, stripes(80e-9, 5e-9), stripes(160e-9, 5e-9).T)
    assert domain_period(image, pixel_size=2e-9, weight=weight) == pytest.approx(80e-9, rel=0.05)
    assert domain_period(image, pixel_size=2e-9, weight=1 - weight) == pytest.approx(160e-9, rel=0.15)


def test_nothing_to_measure():
    assert math.isnan(mean_wall_width(np.ones((32, 32)), pixel_size=2e-9))
    assert domain_period(np.ones((32, 32)), pixel_size=2e-9) == math.inf
    assert math.isnan(mean_wall_width(stripes(40e-9, 3e-9), pixel_size=2e-9))
