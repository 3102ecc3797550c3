"""What pinning sites keep of a random state in a field.

- `descend`: relaxation that follows the dynamics to a texture; `centre_mean`: m_z at the middle of a defect;
- `DefectState`, `pinning_state`: one defect in the middle of a film, relaxed in a field from several random starts;
- `pinning_map`: its m_z over effective anisotropy and DMI;
- `straight_walls`: relaxed walls in a uniform film.

Films and defects are those of `defects`, at hand here too; several sites in a film are in `pinning_sites`.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.iterate import Watcher
from simulators.micromagnetics import BarzilaiBorwein, Mesh, Problem, Relaxation, minimise, part_of, random_start
from simulators.samples.defects import Defect, Film, altered, film_mesh, film_problem, with_material

__all__ = [
    "Defect",
    "DefectState",
    "Film",
    "altered",
    "centre_mean",
    "descend",
    "film_mesh",
    "film_problem",
    "pinning_map",
    "pinning_state",
    "straight_walls",
    "with_material",
]

Array = NDArray[Any]

_SETTLED = 0.03  # torque at which the texture that a random state falls into is there
_ROWS = 16  # of a film with straight walls: fewer repeat more often, and their field takes longer to set up


def centre_mean(m_z: Array, centre: tuple[int, int] | None = None) -> float:
    """Return the mean of ``m_z`` (ny, nx) over the 3 x 3 cells round a cell, the origin's if left out."""
    row, column = (m_z.shape[0] // 2, m_z.shape[1] // 2) if centre is None else centre
    rows = np.arange(row - 1, row + 2) % m_z.shape[0]
    columns = np.arange(column - 1, column + 2) % m_z.shape[1]
    return float(m_z[np.ix_(rows, columns)].mean(dtype=np.float64))


def descend(
    problem: Problem,
    m: Array,
    *,
    torque: float,
    limit: int | None = None,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
) -> Relaxation:
    """Descend to the texture that the dynamics would find, then converge.

    Which of several stable textures a state ends in depends on the way down. Gradient descent (Barzilai-Borwein)
    follows the overdamped dynamics closely enough to end in the same ones; L-BFGS with its long preconditioned steps
    loses some that they keep, so it comes in only once the texture is there.

    Parameters
    ----------
    problem : Problem
    m : (3, nz, ny, nx) array
    torque : float
        Where to stop.
    limit : int, optional
        Of field evaluations, for each of the two.
    watch : sequence of callable
        Each called with (step, torque) of either.
    checkpoint : Path, optional
        Beginning of the names of files by which an interrupted descent goes on; removed at the end.
    """
    paths = [part_of(checkpoint, part) for part in ("early", "late")]
    early = minimise(
        problem,
        m,
        method=BarzilaiBorwein(),
        torque=max(torque, _SETTLED),
        limit=limit,
        watch=watch,
        checkpoint=paths[0],
    )
    late = minimise(problem, early.m, torque=torque, limit=limit, watch=watch, checkpoint=paths[1])
    return dataclasses.replace(late, evaluations=early.evaluations + late.evaluations)


@dataclass(frozen=True)
class DefectState:
    """What several random starts relaxed to.

    Attributes
    ----------
    m_z : (start, ny, nx) float32 array
    centre : (start,) float64 array
        Mean of m_z over 3 x 3 cells at the defect's centre.
    torque : (start,) float64 array
        At the end of each relaxation.
    evaluations : (start,) int64 array
    converged : (start,) bool array
    """

    m_z: Array
    centre: Array
    torque: Array
    evaluations: Array
    converged: Array

    @property
    def middle(self) -> int:
        """The start whose m_z at the centre is the median (the lower of two)."""
        return int(np.argsort(self.centre, kind="stable")[(len(self.centre) - 1) // 2])


def pinning_state(problem: Problem, starts: Sequence[Array], *, torque: float, limit: int | None = None) -> DefectState:
    """Relax a film with a defect in its middle from each start, by `descend`.

    Parameters
    ----------
    problem : Problem
    starts : sequence of (3, 1, ny, nx) arrays
    torque : float
        Where to stop, as `minimise` measures it.
    limit : int, optional
        Of field evaluations of each relaxation.
    """
    found = [descend(problem, start, torque=torque, limit=limit) for start in starts]
    m_z = np.stack([result.m[2, 0] for result in found]).astype(np.float32)
    return DefectState(
        m_z=m_z,
        centre=np.array([centre_mean(image) for image in m_z]),
        torque=np.array([result.torque for result in found], np.float64),
        evaluations=np.array([result.evaluations for result in found], np.int64),
        converged=np.array([result.status == "converged" for result in found]),
    )


def pinning_map(
    film: Film,
    effective_anisotropies: Sequence[float],
    dmis: Sequence[float],
    *,
    mesh: Mesh,
    field: float,
    diameter: float = 30e-9,
    starts: int = 5,
    torque: float = 1e-3,
    rng: np.random.Generator,
) -> Array:
    """Map m_z at the centre of a defect over its Keff and D (HAPRE, Optica 11, 234 (2024), Fig. 4b).

    Parameters
    ----------
    film : Film
    effective_anisotropies : sequence of float
        Keff inside the defect, J/m3.
    dmis : sequence of float
        D inside the defect, J/m2.
    mesh : Mesh
        As `film_mesh` gives it.
    field : float
        mu0 H, T.
    diameter : float
        m.
    starts : int
        Random states relaxed at each point, others at each.
    torque : float
        Where relaxations stop.
    rng : numpy.random.Generator
        Of the random states.

    Returns
    -------
    (Keff, D, start) float64 array
        Several textures are stable at many points: take the median over the starts, and their spread with it.
    """
    found = np.empty((len(effective_anisotropies), len(dmis), starts))
    for row, anisotropy in enumerate(effective_anisotropies):
        for column, dmi in enumerate(dmis):
            defect = altered(film, anisotropy, dmi, diameter=diameter)
            problem = film_problem(film, mesh, [defect], field=field)
            begun = [random_start(problem, rng=rng) for _ in range(starts)]
            found[row, column] = pinning_state(problem, begun, torque=torque).centre
    return found


def straight_walls(film: Film, *, period: float, cell_size: float, torque: float = 1e-4) -> Array:
    """Relax a pair of straight walls in a uniform film without field.

    They start between Bloch and the chirality that D > 0 favours and find their own angle.

    Parameters
    ----------
    film : Film
    period : float
        Of the up and down stripes, m; the up stripe is in the middle.
    cell_size : float
        m.
    torque : float

    Returns
    -------
    (3, nx) float64 array
        Along the normal of the walls, position 0 at index ``nx // 2``.

    Raises
    ------
    ValueError
        If the relaxation stops short.
    """
    cells = 2 * round(period / cell_size / 2)
    mesh = film_mesh(film, (_ROWS, cells), cell_size)
    place = (np.arange(cells) - cells // 2) * cell_size
    reach = math.sqrt(film.exchange / max(film.anisotropy, film.shape_anisotropy / 4))
    up = np.tanh((cells * cell_size / 4 - np.abs(place)) / reach)
    across = np.sqrt(1 - up**2)
    start = np.stack([-0.3 * np.sign(place) * across, math.sqrt(0.91) * across, up])
    start = np.broadcast_to(start[:, None, None], (3, *mesh.shape))
    result = minimise(film_problem(film, mesh, dtype=np.float64), start, torque=torque)
    if result.status != "converged":
        raise ValueError(f"torque is {torque:g}, which the walls do not reach; found {result.torque:.2g}")
    return np.asarray(result.m[:, 0].mean(axis=1))
