"""Multilayers with domains that micromagnetism makes, as samples.

- `relaxed_multilayer`: a film relaxed from a random state, or through fields; `ALTERNATING`: those that demagnetise;
- `anisotropy_for_width`: Ku at which the walls of such a film measure a wanted width; `film_for_width`: the film.

Films repeat in the plane: a finite one would be ruled by its rim, where domains end upright and DMI tilts the spins;
what is wanted is a piece of a film much larger than the field of view.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher
from numerics.streams import stream
from optics.grids import samples_for
from records import sample
from simulators.micromagnetics import Mesh, Relaxation, minimise, part_of, random_start
from simulators.samples.defects import Film, film_mesh, film_problem
from simulators.samples.domain_measures import domain_period, mean_wall_width
from simulators.samples.effective_medium import HAPRE, Stack, effective_medium

Array = NDArray[Any]

ALTERNATING = (*(round(0.03 * (-0.75) ** step, 4) for step in range(8)), 0.0)
"""A decaying alternating field mu0 H along z, T, from 30 to 4 mT, then none: walls leave their shallowest minima.

Stronger ones cut the labyrinth into bubbles, which leave a net m_z of about 0.05, of the sign of the first field.
"""

_EXPONENT = 2.5  # -d log Ku/d log delta near the standard film, measured; sets how fast the trim ends, not where
_TRIMMED = 5e-3  # below the percent by which one labyrinth differs from another
_CALM = 1e-2  # torque at which the width stays within a tenth of a percent
_TRIMS = 8
_ROUGH, _FINE = 260e-9, 560e-9  # extents of the films that are trimmed, m


def relaxed_multilayer(
    *,
    extent: float,
    pixel_size: float,
    film: Film,
    fields: Sequence[float] = (0.0,),
    torque: float = 1e-2,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Make a film of the domains that it relaxes to.

    Parameters
    ----------
    extent : float
        Least side of the square film, m; rounded up to a fast length of the transform.
    pixel_size : float
        m; also the cell of the calculation.
    film : Film
        As `film_for_width` gives it.
    fields : sequence of float
        mu0 H along +z, T, in which the film relaxes in turn, first from a random state; ``(0.0,)`` leaves it in the
        domains that form without a field, `ALTERNATING` shakes their walls first.
    torque : float
        Where each relaxation stops.
    watch : sequence of callable
        Each called with (step, torque).
    checkpoint : Path, optional
        Beginning of a file name: an interrupted relaxation goes on from it; fields before the interrupted one are
        gone through again.
    rng : numpy.random.Generator
        Of the random state.

    Returns
    -------
    Sample
        One layer, periodic in x and y. Features: measured ``wall_width`` and ``period`` (m), ``net_m_z``, ``torque``
        and ``status`` at the end, ``fields``, and the material ``exchange``, ``anisotropy``, ``dmi``.

    Raises
    ------
    ValueError
        If there is no field.
    """
    if len(fields) == 0:
        raise ValueError("fields is (); allowed: at least one field")
    n = samples_for(extent, pixel_size)
    mesh = film_mesh(film, (n, n), pixel_size)
    spins = random_start(film_problem(film, mesh), rng=rng)
    for number, field in enumerate(fields):
        problem = film_problem(film, mesh, field=field)
        result = minimise(problem, spins, torque=torque, watch=watch, checkpoint=part_of(checkpoint, number))
        spins = result.m
    return _sample(film, mesh, result, fields)


def _sample(film: Film, mesh: Mesh, result: Relaxation, fields: Sequence[float]) -> xr.Dataset:
    m_z, size = np.asarray(result.m[2, 0], np.float64), mesh.cell[1]
    width, period = mean_wall_width(m_z, pixel_size=size), domain_period(m_z, pixel_size=size)
    return sample.make(
        magnetization=np.asarray(result.m, np.float32),
        magnet=np.ones(mesh.shape, np.float32),
        saturation_magnetization=film.saturation,
        voxel_size=mesh.cell,
        origin="relaxed",
        features={
            "wall_width": width if math.isfinite(width) else None,
            "period": period if math.isfinite(period) else None,
            "net_m_z": float(m_z.mean()),
            "fields": list(fields),
            "torque": float(result.torque),
            "status": result.status,
            "exchange": film.exchange,
            "anisotropy": film.anisotropy,
            "dmi": film.dmi,
        },
    )


def film_for_width(wall_width: float, *, cell_size: float, stack: Stack = HAPRE) -> Film:
    """Return the effective medium of `stack` with the Ku that makes its walls measure `wall_width`, m."""
    film = effective_medium(stack)
    return replace(film, anisotropy=anisotropy_for_width(wall_width, film=film, cell_size=cell_size))


@cache
def anisotropy_for_width(wall_width: float, *, film: Film, cell_size: float) -> float:
    """Return the Ku, J/m3, at which the walls of a relaxed labyrinth measure `wall_width`.

    Begins at ``A/delta^2`` and trims Ku on the measured width: stray fields, the walls' own charges and their curves
    enter, for which there is no formula. The films that are measured are always the same; others differ by a percent.

    Parameters
    ----------
    wall_width : float
        delta, m, as `mean_wall_width` measures it.
    film : Film
        Its own anisotropy is not used.
    cell_size : float
        m; walls of few cells are measured a little wider.

    Raises
    ------
    ValueError
        If no anisotropy that keeps the film perpendicular gives such walls.
    """
    if not wall_width > 0:
        raise ValueError(f"wall_width is {wall_width} m; allowed: above 0")
    anisotropy = film.exchange / wall_width**2
    for extent in (_ROUGH, _FINE):
        n = samples_for(extent, cell_size)
        mesh = film_mesh(film, (n, n), cell_size)
        first = film_problem(replace(film, anisotropy=anisotropy), mesh)
        spins = random_start(first, rng=stream(0, "anisotropy for width"))
        anisotropy = _trimmed(wall_width, film, mesh, spins, anisotropy)
    return anisotropy


def _trimmed(wall_width: float, film: Film, mesh: Mesh, spins: Array, anisotropy: float) -> float:
    """Return the Ku at which walls measure `wall_width`; each trial begins where the one before ended."""
    found = math.nan
    for _ in range(_TRIMS):
        result = minimise(film_problem(replace(film, anisotropy=anisotropy), mesh), spins, torque=_CALM)
        found = mean_wall_width(result.m[2, 0], pixel_size=mesh.cell[1])
        if abs(found - wall_width) <= _TRIMMED * wall_width:
            return anisotropy
        if not math.isfinite(found):
            break
        anisotropy *= min(max(found / wall_width, 0.5), 2.0) ** _EXPONENT
        spins = result.m
    raise ValueError(
        f"wall_width is {1e9 * wall_width:.3g} nm; allowed: what walls between domains can have; those of this film "
        f"stay at {1e9 * found:.3g} nm"
    )
