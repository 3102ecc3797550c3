"""From line integrals and poses to the charge, the fill and the magnetization.

- `solve_volumes`: charge volume, fill fraction, vector solve;
- `VolumeParameters`: of the projector and the fill; `Volumes`: what came out;
- `vector_term`: the data of the vector solve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.poses import Poses, charge_weights
from reconstructors.tomography.preparation import Prepared
from reconstructors.tomography.projector import Projector, plan_projector
from reconstructors.tomography.scalar import charge_volume, fill_fraction
from reconstructors.tomography.stopping import noise_misfit
from reconstructors.tomography.vector import RECIPES, Solution

Array = NDArray[Any]

FOOTPRINTS: Final = ("none", "box")


@dataclass(frozen=True)
class VolumeParameters:
    """How volumes are modelled.

    Parameters
    ----------
    footprint : {"none", "box"}
        Shape of a voxel: a point of a band-limited field, or a box of constant value.
    padding : float
        Width of the sampled detector over the true one.
    charge_steps : int
        Of the charge volume.
    threshold : float
        Fill below which a voxel is empty.

    Raises
    ------
    ValueError
        If a value is impossible.
    """

    footprint: str = "none"
    padding: float = 1.5
    charge_steps: int = 120
    threshold: float = 0.1

    def __post_init__(self) -> None:
        if self.footprint not in FOOTPRINTS:
            raise ValueError(f"footprint is {self.footprint!r}; allowed: {', '.join(FOOTPRINTS)}")
        if not 1 <= self.padding <= 8:
            raise ValueError(f"padding is {self.padding}; allowed: 1 to 8")
        if self.charge_steps < 1:
            raise ValueError(f"charge_steps is {self.charge_steps}; allowed: from 1")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}; allowed: 0 to below 1")


@dataclass(frozen=True, eq=False)
class Volumes:
    """What the projections were turned into.

    Attributes
    ----------
    charge, fill : (z, y, x) float32 arrays
        Absorption, and share of the magnet.
    term : DataTerm
        Of the vector solve.
    solution : Solution
    noise : float
        Misfit of noise alone.
    missed : float
        Share of the magnet's absorption that the fill does not hold.
    """

    charge: Array
    fill: Array
    term: DataTerm
    solution: Solution
    noise: float
    missed: float


def solve_volumes(
    prepared: Prepared,
    poses: Poses,
    *,
    recipe: tuple[str, Any],
    parameters: VolumeParameters,
    known: xr.Dataset,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Volumes:
    """Reconstruct charge, fill and magnetization.

    Parameters
    ----------
    prepared : Prepared
    poses : Poses
    recipe : (str, dataclass)
        Key of `vector.RECIPES` and its parameters. "resire" takes all pixels alike, as published.
    parameters : VolumeParameters
    known : Dataset
        The measurement: ``beta_magnet`` and ``beta_matrix`` where it has them.
    rng : numpy.random.Generator
        Of the starts of power iterations.
    watch : sequence of callable
        Each called with (step, error) of the vector solve.

    Raises
    ------
    ValueError
        If no magnet is found, or the magnetic images are empty.
    """
    here = np.flatnonzero(poses.used)
    height, width = prepared.charge.shape[1:]
    plan = plan_projector(
        poses.shape,
        poses.geometry,
        detector=(height, width),
        footprint=None if parameters.footprint == "none" else parameters.footprint,
        padding=parameters.padding,
    )
    weights = charge_weights(prepared, here)
    levels = {name: float(known[name]) for name in ("beta_magnet", "beta_matrix") if name in known}
    charge, _ = charge_volume(
        DataTerm(plan, prepared.charge[here], weights, components=1),
        top=levels.get("beta_magnet"),
        rng=rng,
        steps=parameters.charge_steps,
    )
    fill = fill_fraction(charge, **levels)
    whole = float(fill.sum(dtype=np.float64))
    fill[fill < parameters.threshold] = 0
    if not fill.any():
        raise ValueError("charge volume has no voxel with magnet; allowed: a sample that absorbs in the view")
    name, own = recipe
    term = vector_term(prepared, here, plan, weighted=name != "resire")
    noise = noise_misfit(term, prepared.magnetic_variance[here])
    solution = RECIPES[name](term, fill, noise=noise, parameters=own, rng=rng, watch=watch)
    missed = 1 - float(fill.sum(dtype=np.float64)) / whole
    return Volumes(charge, fill, term, solution, noise, missed)


def vector_term(prepared: Prepared, index: Array, plan: Projector, *, weighted: bool) -> DataTerm:
    """Return the magnetic images of the projections `index` as a data term."""
    valid = prepared.valid[index]
    weights: Array | None = None
    if weighted:
        weights = np.where(valid, 1 / prepared.magnetic_variance[index], 0)
        weights = np.asarray(weights / weights.mean(dtype=np.float64), np.float32)
    elif not valid.all():
        weights = valid.astype(np.float32)
    return DataTerm(plan, prepared.magnetic[index], weights)
