"""The effective medium: its constants, its energies, and its walls against those of a film with its layers apart."""

import dataclasses

import numpy as np
import pytest

from simulators.micromagnetics import effective_field, minimise
from simulators.samples.defects import film_mesh, film_problem
from simulators.samples.effective_medium import HAPRE, effective_medium, layered_problem
from validation.walls.widths import fit_wall_width

FILM = dataclasses.replace(effective_medium(HAPRE), anisotropy=67.9e3)
CELL = 2e-9


def test_hapre_film_has_the_chapters_constants():
    """Ms, A and D of the chapter's section 3, Ku of its test E1; period 3.3, 49.5 nm in all."""
    film = effective_medium(HAPRE)
    assert (HAPRE.period, HAPRE.thickness) == pytest.approx((3.3e-9, 49.5e-9))
    assert HAPRE.magnetic_share == pytest.approx(8 / 33)
    assert film.saturation == pytest.approx(290.909e3, rel=1e-5)
    assert film.exchange == pytest.approx(2.42424e-12, rel=1e-5)
    assert film.dmi == pytest.approx(0.363636e-3, rel=1e-5)
    assert film.anisotropy == pytest.approx(146377.64838, rel=1e-9)
    assert film.thickness == HAPRE.thickness


def test_any_stack_is_diluted_by_its_own_share():
    stack = dataclasses.replace(HAPRE, magnetic=1e-9, spacers=(("Ir", 1e-9), ("Pt", 2e-9)), repeats=4)
    film = effective_medium(stack)
    assert stack.thickness == pytest.approx(16e-9)
    assert film.saturation == pytest.approx(0.25 * stack.saturation)
    assert film.effective_anisotropy == pytest.approx(0.25 * stack.effective_anisotropy)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"magnetic": 0.0}, "magnetic is 0.0; allowed: above 0"),
        ({"exchange": -1e-12}, "exchange is -1e-12"),
        ({"spacers": (("Pt", -1e-9),)}, "thickness of Pt is -1e-09 m"),
        ({"repeats": 0}, "repeats is 0"),
    ],
)
def test_impossible_stacks(words, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(HAPRE, **words)


def energy(problem, direction):
    m = problem.unit_vectors(np.broadcast_to(np.reshape(direction, (3, 1, 1, 1)), (3, *problem.mesh.shape)))
    return effective_field(problem, m, np.zeros_like(m)).total


@pytest.mark.parametrize("coupled", [True, False])
def test_uniform_states_cost_the_same_with_the_layers_apart(coupled):
    """The difference of in-plane and perpendicular, Keff times the volume, is that of one cell, hence of the layers."""
    one = film_problem(FILM, film_mesh(FILM, (4, 4), CELL), dtype=np.float64)
    apart = layered_problem(FILM, HAPRE.repeats, shape=(4, 4), cell_size=CELL, coupled=coupled)
    across, up = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    keff = energy(one, across) - energy(one, up)
    volume = (4 * CELL) ** 2 * FILM.thickness
    assert keff == pytest.approx(FILM.effective_anisotropy * volume, rel=1e-9)
    assert energy(apart, across) - energy(apart, up) == pytest.approx(keff, rel=1e-9)


def rest(problem, period):
    """Relax straight stripes along y; return m of the magnetic layers, and the place across the wall at +period/4."""
    n = problem.mesh.shape[2]
    place = (np.arange(n) - n // 2) * CELL
    up = np.tanh((period / 4 - np.abs(place)) / 5e-9)
    across = np.sqrt(1 - up**2)
    start = np.stack([-0.8 * np.sign(place) * across, 0.6 * across, up])[:, None, None]
    result = minimise(problem, np.broadcast_to(start, (3, *problem.mesh.shape)), torque=1e-2)
    assert result.status == "converged"
    return result.m[:, problem.magnet.any(axis=(1, 2)), 0], place - period / 4


def test_walls_turn_from_surface_to_surface_where_they_can():
    """Trap 10 of the chapter (Legrand et al., Sci. Adv. 4, eaat0415 (2018)): without DMI, stray fields make the wall
    Neel at the surfaces, of opposite signs, which one cell cannot show; the standard film's DMI keeps it Neel all
    through while exchange couples the layers, and no longer does where nothing couples them."""
    period, cells = 96e-9, {"shape": (1, 48), "cell_size": CELL}
    across, width = {}, {}
    for name, film, coupled in (
        ("no DMI", dataclasses.replace(FILM, dmi=0.0), True),
        ("coupled", FILM, True),
        ("apart", FILM, False),
    ):
        m, place = rest(layered_problem(film, HAPRE.repeats, coupled=coupled, dtype=np.float32, **cells), period)
        middle = int(np.argmin(np.abs(place)))
        across[name] = m[0, :, middle]
        width[name] = fit_wall_width(place, m[2].mean(axis=0), half_window=16e-9).delta
    assert across["no DMI"][0] < -0.5
    assert across["no DMI"][-1] > 0.5
    assert across["coupled"].max() < -0.9
    assert across["apart"][0] < -0.9
    assert across["apart"][-1] > 0.9
    m, place = rest(film_problem(FILM, film_mesh(FILM, (1, 48), CELL), dtype=np.float64), period)
    one = fit_wall_width(place, m[2, 0], half_window=16e-9).delta
    assert width["coupled"] == pytest.approx(one, rel=0.03)
    assert width["apart"] > 1.04 * one
