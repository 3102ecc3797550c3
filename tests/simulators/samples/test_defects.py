"""Films with defects: what each cell is made of, and what is refused."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.samples.defects import Defect, Film, altered, film_mesh, film_problem

CELL = 2e-9
FILM = Film(saturation=290.9e3, exchange=2.424e-12, anisotropy=77.3e3, dmi=0.3636e-3, thickness=49.5e-9)


def material(defect, cells=(64, 64), cell=CELL):
    return film_problem(FILM, film_mesh(FILM, cells, cell), [defect]).material


def test_effective_anisotropy_is_what_a_thin_film_feels():
    assert FILM.effective_anisotropy == pytest.approx(77.3e3 - 2e-7 * math.pi * 290.9e3**2)


def test_keff_is_scaled_not_ku():
    """A defect of another Ms keeps its Keff: Ku makes up for the shape anisotropy."""
    defect = Defect(anisotropy_factor=0.5, saturation_factor=0.8, dmi_factor=2.0)
    inside = {
        name: np.asarray(getattr(material(defect), name))[0, 32, 32] for name in ("saturation", "anisotropy", "dmi")
    }
    assert inside["saturation"] == pytest.approx(0.8 * 290.9e3)
    keff = inside["anisotropy"] - 2e-7 * math.pi * (0.8 * 290.9e3) ** 2
    assert keff == pytest.approx(FILM.effective_anisotropy / 2)
    assert inside["dmi"] == pytest.approx(2 * FILM.dmi)
    assert defect.kind == "lowered anisotropy, raised DMI, lowered saturation"


@given(
    centre=st.tuples(*[st.floats(-60e-9, 60e-9)] * 2),
    diameter=st.floats(20e-9, 60e-9),
    border=st.sampled_from([0.0, 1e-9, 3e-9]),
)
def test_area_and_place_of_a_disc(centre, diameter, border):
    """The extra DMI integrates to the disc's area and sits at its centre, also across the film's edge."""
    dmi = np.asarray(material(Defect(centre=centre, diameter=diameter, border=border, dmi_factor=2.0)).dmi)[0]
    share = dmi / FILM.dmi - 1
    radius = diameter / 2
    # Of a soft disc: the integral of its profile (Sommerfeld's expansion; exponentially small terms are left out).
    area = math.pi * (radius**2 + (math.pi * border) ** 2 / 12)
    assert share.sum() * CELL**2 == pytest.approx(area, rel=0.02)
    phase = 2 * np.pi * (np.arange(64) - 32) / 64
    for axis, place in enumerate(centre):
        angle = np.angle((share.sum(axis=1 - axis) * np.exp(1j * phase)).sum())
        turn = 2 * np.pi * place / (64 * CELL)
        assert abs(np.angle(np.exp(1j * (angle - turn)))) * 64 * CELL / (2 * np.pi) < 0.25e-9


def test_overlapping_defects_multiply_and_nothing_else_changes():
    mesh = film_mesh(FILM, (64, 64), CELL)
    twice = film_problem(FILM, mesh, [Defect(dmi_factor=2.0), Defect(dmi_factor=1.5)]).material
    assert np.asarray(twice.dmi)[0, 32, 32] == pytest.approx(3 * FILM.dmi)
    plain = film_problem(FILM, mesh, [Defect()]).material
    assert np.ptp(plain.dmi) == np.ptp(plain.anisotropy) == np.ptp(plain.saturation) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"diameter": 0.0}, "diameter is 0.0"),
        ({"border": 16e-9}, "border is 1.6e-08"),
        ({"saturation_factor": 0.0}, "saturation_factor is 0.0"),
    ],
)
def test_impossible_defects(words, message):
    with pytest.raises(ValueError, match=message):
        Defect(**words)


def test_cells_against_defects_and_walls():
    with pytest.raises(ValueError, match="cell is 31 nm, larger than the defect; allowed: at most"):
        material(Defect(), cell=31e-9)
    with pytest.warns(UserWarning, match="cell is 3 nm, more than half of the exchange length or wall width"):
        material(Defect(), cell=3e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        material(Defect())


def test_a_film_that_cannot_be_scaled():
    with pytest.raises(ValueError, match="no DMI to be scaled"):
        altered(dataclasses.replace(FILM, dmi=0.0), 1e4, 1e-3, diameter=30e-9)
