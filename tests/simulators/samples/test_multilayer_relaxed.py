"""Relaxed multilayers: their walls, their domains, their fields."""

import itertools
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from records import sample
from simulators.samples.effective_medium import HAPRE, effective_medium
from simulators.samples.relaxed_multilayer import (
    ALTERNATING,
    anisotropy_for_width,
    film_for_width,
    relaxed_multilayer,
)
from validation.walls.widths import mean_wall_width

CELL = 2.9e-9
FILM = replace(effective_medium(HAPRE), anisotropy=67.9e3)

pytestmark = pytest.mark.filterwarnings("ignore:cell is 2.9 nm, more than half")


def features(record):
    return json.loads(record.attrs["features"])


def made(seed=0, extent=250e-9, film=FILM, **words):
    return relaxed_multilayer(extent=extent, pixel_size=CELL, film=film, rng=stream(seed, "sample"), **words)


@pytest.fixture(scope="module")
def film():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return film_for_width(5.1e-9, cell_size=CELL)


@pytest.mark.parametrize("seed", [1, 2])
def test_walls_measure_5_1_nm_and_domains_balance(film, seed):
    """Target S1 of the chapter, by the sample's own measure and by the scorer's; other labyrinths than the trim's."""
    record = made(seed, 560e-9, film)
    sample.check(record)
    truth, m_z = features(record), record["magnetization"].values[2, 0]
    assert truth["wall_width"] == pytest.approx(5.1e-9, abs=0.1e-9)
    scored = mean_wall_width(m_z, pixel_size=CELL).delta
    assert scored == pytest.approx(5.1e-9, abs=0.1e-9)
    assert truth["wall_width"] == pytest.approx(scored, rel=0.01)
    assert abs(m_z.mean()) < 0.05
    assert truth["net_m_z"] == pytest.approx(m_z.mean(dtype=np.float64), abs=1e-6)
    assert (truth["status"], record.attrs["origin"]) == ("converged", "relaxed")
    assert truth["torque"] <= 1e-2
    assert 90e-9 < truth["period"] < 160e-9
    assert truth["anisotropy"] == film.anisotropy
    assert float(record["saturation_magnetization"]) == pytest.approx(290.909e3, rel=1e-5)


def test_the_trimmed_anisotropy_is_near_the_formula_and_kept(film):
    """Walls narrower than sqrt(A/Ku): their own charges narrow them, so that a lower Ku gives the same width."""
    formula = film.exchange / 5.1e-9**2
    assert 0.65 * formula < film.anisotropy < 0.85 * formula
    assert anisotropy_for_width(5.1e-9, film=effective_medium(HAPRE), cell_size=CELL) == film.anisotropy


def test_widths_that_no_film_has():
    with pytest.raises(ValueError, match="wall_width is 0 m; allowed: above 0"):
        anisotropy_for_width(0, film=FILM, cell_size=CELL)
    with pytest.raises(ValueError, match="wall_width is 40 nm; allowed: what walls between domains"):
        anisotropy_for_width(40e-9, film=FILM, cell_size=CELL)


def test_the_generator_alone_decides():
    one, again, other = made(0, torque=0.1), made(0, torque=0.1), made(1, torque=0.1)
    assert one.identical(again)
    assert not np.array_equal(one["magnetization"], other["magnetization"])


def test_fields_in_turn():
    """The film keeps its history: saturated at 210 mT it stays so without field, from a random state it does not."""
    assert features(made(fields=(0.21,)))["net_m_z"] > 0.98
    assert features(made(fields=(0.21, 0.0)))["net_m_z"] > 0.98
    assert abs(features(made(fields=(0.0,)))["net_m_z"]) < 0.1
    with pytest.raises(ValueError, match="at least one field"):
        made(fields=())


def test_alternating_field_demagnetises():
    assert all(first * second < 0 for first, second in itertools.pairwise(ALTERNATING[:-1]))
    assert ALTERNATING[-1] == 0
    found = features(made(fields=ALTERNATING))
    assert found["fields"] == list(ALTERNATING)
    assert abs(found["net_m_z"]) < 0.05
    assert found["wall_width"] == pytest.approx(5.1e-9, abs=0.2e-9)


def test_interrupted_relaxations_go_on(tmp_path):
    """The same bytes whether or not the last of two relaxations was interrupted, in fewer steps than from anew."""
    words = {"fields": (0.05, 0.0), "torque": 3e-2}
    steps, left = [], []
    whole = made(**words, watch=[lambda step, torque: steps.append(step)])
    assert steps.count(0) == 2
    end = (steps.index(0, 1) + len(steps)) // 2

    def interrupt(step, torque):
        steps.pop()
        if len(steps) == count - end:
            raise KeyboardInterrupt

    count = len(steps)
    with pytest.raises(KeyboardInterrupt):
        made(**words, watch=[interrupt], checkpoint=tmp_path / "state")
    assert list(tmp_path.iterdir())
    resumed = made(**words, watch=[lambda step, torque: left.append(step)], checkpoint=tmp_path / "state")
    assert resumed.identical(whole)
    assert len(left) < count
    assert not list(tmp_path.iterdir())
