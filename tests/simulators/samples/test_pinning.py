"""Defects: what they do to a wall, and what they keep in a field."""

import math

import numpy as np
import pytest

from numerics.streams import stream
from simulators.micromagnetics import minimise
from simulators.samples.defects import Defect, Film, film_mesh, film_problem, with_material
from simulators.samples.pinning import centre_mean, pinning_map, straight_walls
from validation.walls.widths import fit_wall_width

CELL = 2e-9
FILM = Film(saturation=290.9e3, exchange=2.424e-12, anisotropy=77.3e3, dmi=0.3636e-3, thickness=49.5e-9)


def test_centre_mean_wraps():
    image = np.arange(36.0).reshape(6, 6)
    assert centre_mean(image) == image[2:5, 2:5].mean()
    assert centre_mean(image, (0, 5)) == np.mean([image[r, c] for r in (5, 0, 1) for c in (4, 5, 0)])


def rest_wall(defect=None, shift=0.0):
    """Relax two straight walls at x = +-96 nm, one of them through the defect; return m_z."""
    shape = (48, 192)
    mesh = film_mesh(FILM, shape, CELL)
    place = (np.arange(192) - 96) * CELL
    up = np.tanh((96e-9 - np.abs(place - shift)) / 5e-9)
    across = np.sqrt(1 - up**2)
    start = np.stack([-np.sign(place) * across, 0.2 * across, up])
    start = np.broadcast_to(start[:, None, None], (3, 1, *shape)).copy()
    problem = film_problem(FILM, mesh, [defect] if defect else [], dtype=np.float64)
    result = minimise(problem, start, torque=1e-3)
    assert result.status == "converged"
    return result.m[2, 0]


def width(m_z, row=24):
    """Fit delta across the wall near +96 nm in one row."""
    place = (np.arange(192) - 96) * CELL - 96e-9
    return fit_wall_width(place, m_z[row], half_window=20e-9)


AT_WALL = (0.0, 96e-9)


def test_lowered_anisotropy_widens_a_wall_and_raised_dmi_does_not():
    """HAPRE, Optica 11, 234 (2024): "high-DMI defects attract domain walls without affecting their width"."""
    film = width(rest_wall()).delta
    assert film == pytest.approx(5.1e-9, abs=0.1e-9)
    soft = width(rest_wall(Defect(centre=AT_WALL, anisotropy_factor=-0.5))).delta
    chiral = width(rest_wall(Defect(centre=AT_WALL, dmi_factor=2.0))).delta
    assert soft > 1.15 * film
    # Strong DMI in the disc alone even squeezes the wall a little.
    assert 0.9 * film < chiral < 1.02 * film


@pytest.mark.parametrize("altered", [{"anisotropy_factor": 0.0}, {"dmi_factor": 2.0}])
def test_defects_attract_walls(altered):
    """A wall that starts 16 nm beside the defect's centre ends nearer to it; without a defect it stays."""
    moved = width(rest_wall(Defect(centre=AT_WALL, **altered), shift=16e-9)).centre
    stayed = width(rest_wall(shift=16e-9)).centre
    assert stayed > 14e-9
    assert moved < 10e-9


def test_straight_wall_width_follows_the_anisotropy():
    def delta(film):
        spins = straight_walls(film, period=304e-9, cell_size=CELL)
        place = (np.arange(spins.shape[1]) - spins.shape[1] // 2) * CELL
        return fit_wall_width(place - 76e-9, spins[2], half_window=40e-9).delta

    film = delta(FILM)
    assert film == pytest.approx(5.1e-9, abs=0.1e-9)
    raised = delta(with_material(FILM, FILM.effective_anisotropy, 2 * FILM.dmi))
    assert raised == pytest.approx(film, rel=0.03)
    lowered = delta(with_material(FILM, 0.0, FILM.dmi))
    assert 1.1 * film < lowered < math.sqrt(77.3 / 53.17) * 1.05 * film


def test_what_a_defect_keeps_at_210_mt():
    """The film saturates; a soft or a chiral enough defect keeps a texture that lowers m_z at its centre."""
    star = FILM.effective_anisotropy
    mesh = film_mesh(FILM, (75, 75), CELL)
    found = pinning_map(FILM, [-110e3, star], [FILM.dmi, 1e-3], mesh=mesh, field=0.21, starts=3, rng=stream(1, "test"))
    median = np.median(found, axis=2)
    assert found.shape == (2, 2, 3)
    assert found[1, 0].min() > 0.98
    assert median[0, 0] < 0.5
    assert median[1, 1] < -0.9
    assert median[0, 1] < 0.5


def test_map_depends_on_its_generator_alone():
    mesh = film_mesh(FILM, (48, 48), CELL)
    words = {"mesh": mesh, "field": 0.21, "starts": 2, "torque": 1e-2}
    maps = [pinning_map(FILM, [-1e5], [4e-4], rng=stream(seed, "test"), **words) for seed in (0, 0, 1)]
    assert maps[0].tobytes() == maps[1].tobytes() != maps[2].tobytes()
