"""A film with pinning sites at known places, through a sequence of field states.

- `scatter`: defects at random places that keep their distance;
- `FieldState`, `PROTOCOL`: a state by name and the fields that lead to it;
- `field_states`: the same film in all states, each started from the one before; `pinning_sites`: one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher
from records import sample
from simulators.micromagnetics import Problem, Relaxation, part_of, random_start
from simulators.samples.defects import Defect, Film, film_mesh, film_problem
from simulators.samples.pinning import descend

Array = NDArray[Any]

_TRIES = 10_000


@dataclass(frozen=True)
class FieldState:
    """A named state: the fields mu0 H along +z, T, through which the film goes in turn; it rests in the last."""

    name: str
    fields: tuple[float, ...]


PROTOCOL = (
    FieldState("remanence", (0.0,)),
    FieldState("partial demagnetisation", (0.088, -0.079, 0.070, -0.061, 0.0)),
    FieldState("79 mT", (0.079,)),
    FieldState("88 mT", (0.088,)),
    FieldState("210 mT", (0.210,)),
)
"""HAPRE, Optica 11, 234 (2024), Fig. 3: zero field, the same after a cycle too weak to saturate, rising fields."""


def scatter(
    count: int,
    *,
    extent: tuple[float, float],
    kinds: Sequence[Mapping[str, float]],
    diameter: float = 30e-9,
    distance: float = 90e-9,
    rng: np.random.Generator,
) -> list[Defect]:
    """Place defects at random in a periodic film, the kinds in turn.

    Parameters
    ----------
    count : int
    extent : tuple of float
        Of the film (y, x), m.
    kinds : sequence of mapping
        Keyword arguments of `Defect`, such as ``{"anisotropy_factor": 0.2}``.
    diameter : float
        m.
    distance : float
        Least distance of two centres, m.
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        If there is no room for so many.
    """
    size = np.array(extent)
    centres: list[Array] = []
    for _ in range(_TRIES):
        if len(centres) == count:
            break
        place = (rng.random(2) - 0.5) * size
        apart = [np.linalg.norm((place - other + size / 2) % size - size / 2) for other in centres]
        if all(gap >= distance for gap in apart):
            centres.append(place)
    if len(centres) < count:
        raise ValueError(
            f"count is {count}; allowed: as many defects as fit {1e9 * distance:.3g} nm apart, here {len(centres)}"
        )
    return [
        Defect(centre=(float(y), float(x)), diameter=diameter, **kinds[index % len(kinds)])
        for index, (y, x) in enumerate(centres)
    ]


def field_states(
    film: Film,
    defects: Sequence[Defect],
    *,
    shape: tuple[int, int],
    cell_size: float,
    protocol: Sequence[FieldState] = PROTOCOL,
    torque: float = 1e-2,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
    rng: np.random.Generator,
) -> dict[str, xr.Dataset]:
    """Relax a film with defects through a sequence of field states, from a random start.

    Parameters
    ----------
    film : Film
    defects : sequence of Defect
    shape : tuple of int
        Cells (y, x); periodic.
    cell_size : float
        m.
    protocol : sequence of FieldState
        Each begins where the one before ended.
    torque : float
        Where each relaxation stops.
    watch : sequence of callable
        Each called with (step, torque).
    checkpoint : Path, optional
        Beginning of the names of files by which an interrupted relaxation goes on; fields before it are gone through
        again.
    rng : numpy.random.Generator
        Of the random start.

    Returns
    -------
    dict of Sample
        By the names of the states. Features: ``state``, ``field`` (T), ``torque`` and ``status`` at the end,
        ``defects`` (centre (y, x), radius and border in m, kind and factors), the film's material.

    Raises
    ------
    ValueError
        If a cell is larger than a defect.
    """
    mesh = film_mesh(film, shape, cell_size)
    # Where the defects lie is drawn once: on a fine grid that takes as long as a short relaxation.
    without_field = film_problem(film, mesh, defects)
    spins, found = random_start(without_field, rng=rng), {}
    for number, state in enumerate(protocol):
        result = None
        for index, field in enumerate(state.fields):
            path = part_of(checkpoint, f"{number}-{index}")
            problem = replace(without_field, field=(0.0, 0.0, field))
            result = descend(problem, spins, torque=torque, watch=watch, checkpoint=path)
            spins = result.m
        if result is None:
            raise ValueError(f"fields of {state.name!r} are (); allowed: at least one field")
        found[state.name] = _sample(film, defects, without_field, state, result)
    return found


def pinning_sites(
    film: Film,
    defects: Sequence[Defect],
    *,
    state: str = "remanence",
    shape: tuple[int, int],
    cell_size: float,
    torque: float = 1e-2,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Return the `Sample` of one state of `PROTOCOL`, after all states before it; see `field_states`.

    Raises
    ------
    ValueError
        If there is no such state, or a cell is larger than a defect.
    """
    names = [known.name for known in PROTOCOL]
    if state not in names:
        raise ValueError(f"state is {state!r}; allowed: {', '.join(names)}")
    protocol = PROTOCOL[: names.index(state) + 1]
    found = field_states(
        film,
        defects,
        shape=shape,
        cell_size=cell_size,
        protocol=protocol,
        torque=torque,
        watch=watch,
        checkpoint=checkpoint,
        rng=rng,
    )
    return found[state]


def _sample(
    film: Film, defects: Sequence[Defect], problem: Problem, state: FieldState, result: Relaxation
) -> xr.Dataset:
    mesh = problem.mesh
    saturation = problem.material.field("saturation", mesh.shape)
    uniform = bool(np.all(saturation == saturation.flat[0]))
    return sample.make(
        magnetization=np.asarray(result.m, np.float32),
        magnet=np.ones(mesh.shape, np.float32),
        saturation_magnetization=float(saturation.flat[0]) if uniform else saturation,
        voxel_size=mesh.cell,
        origin="relaxed",
        features={
            "state": state.name,
            "field": state.fields[-1],
            "torque": float(result.torque),
            "status": result.status,
            "defects": [_truth(defect) for defect in defects],
            "exchange": film.exchange,
            "anisotropy": film.anisotropy,
            "dmi": film.dmi,
        },
    )


def _truth(defect: Defect) -> dict[str, Any]:
    return {
        "centre": list(defect.centre),
        "radius": defect.diameter / 2,
        "border": defect.border,
        "kind": defect.kind,
        "anisotropy_factor": defect.anisotropy_factor,
        "dmi_factor": defect.dmi_factor,
        "saturation_factor": defect.saturation_factor,
    }
