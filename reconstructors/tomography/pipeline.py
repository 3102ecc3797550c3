"""From line integrals and poses to the charge, the fill and the magnetization.

- `solve_volumes`: charge volume, fill fraction, vector solve;
- `Volumes`: what came out;
- `refined_by_waves`: the poses, bettered by complex images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.explained import (
    LEVELS,
    VolumeParameters,
    line_integrals,
    materials_told,
    scattered_once,
    waves,
    waves_told,
)
from reconstructors.tomography.fill_blur import least_blurred, unblurred
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.poses import PoseParameters, Poses
from reconstructors.tomography.preparation import Prepared
from reconstructors.tomography.scalar import charge_volume, fill_fraction, index_volume
from reconstructors.tomography.stopping import noise_misfit
from reconstructors.tomography.vector import RECIPES, Solution
from reconstructors.tomography.wave_refinement import refine_by_waves

Array = NDArray[Any]

_BY_LENGTH: Final = ("ball", "vector_plus")
"""Recipes that take the length of vectors from the fill, which must not be blurred then."""


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
    blur : float or None
        Width of the blur that was taken off the fill, voxels; None where the recipe does not mind any.
    """

    charge: Array
    fill: Array
    term: DataTerm
    solution: Solution
    noise: float
    missed: float
    blur: float | None


def solve_volumes(
    prepared: Prepared,
    poses: Poses,
    *,
    recipe: tuple[str, Any],
    parameters: VolumeParameters,
    known: xr.Dataset,
    rng: np.random.Generator,
    blur: float | None = None,
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
        The measurement: ``beta_magnet``, ``beta_matrix`` and, for waves, ``delta_magnet`` and ``delta_matrix`` where it
        has them.
    rng : numpy.random.Generator
        Of the starts of power iterations.
    blur : float, optional
        `Volumes.blur` of a solve with more of the same images. Default: the width that explains these best.
    watch : sequence of callable
        Each called with (step, error) of the vector solve.

    Raises
    ------
    ValueError
        If no magnet is found, or the magnetic images are empty.
    """
    name, own = recipe
    images = waves_told(prepared, parameters, known)
    if images is not None:
        data = waves(images, prepared.valid, poses, parameters=parameters, known=known)
        data = scattered_once(data, poses, parameters=parameters, known=known, rng=rng)
    else:
        data = line_integrals(prepared, poses, parameters=parameters, weighted=name != "resire")
    charge, fill = _charge_and_fill(data.charge, known, rng=rng, steps=parameters.charge_steps)
    whole = float(fill.sum(dtype=np.float64))
    fill[fill < parameters.threshold] = 0
    if not fill.any():
        raise ValueError("charge volume has no voxel with magnet; allowed: a sample that absorbs in the view")
    missed = 1 - float(fill.sum(dtype=np.float64)) / whole
    if name not in _BY_LENGTH:
        blur = None
    elif blur is None:
        sharp = least_blurred(data.magnetic, fill, rng=rng)
        fill, blur = sharp.fill, sharp.width
    elif blur > 0:
        fill = unblurred(fill, blur)
    noise = noise_misfit(data.magnetic, data.variance)
    solution = RECIPES[name](data.magnetic, fill, noise=noise, parameters=own, rng=rng, watch=watch)
    return Volumes(charge, fill, data.magnetic, solution, noise, missed, blur)


def refined_by_waves(
    prepared: Prepared,
    poses: Poses,
    parameters: VolumeParameters,
    *,
    how: PoseParameters,
    known: xr.Dataset,
    rng: np.random.Generator,
) -> Poses:
    """Return the poses after the refinement by complex images; as they are without such images or known materials.

    Parameters
    ----------
    prepared, poses, parameters, known, rng
        As of `solve_volumes`.
    how : PoseParameters
        Rounds, and whether angles are refined.
    """
    images, materials = waves_told(prepared, parameters, known), materials_told(known)
    if images is None or materials is None or not how.refine:
        return poses

    def term_at(geometry: Geometry) -> DataTerm:
        there = replace(poses, geometry=geometry)
        return waves(images, prepared.valid, there, parameters=parameters, known=known).charge

    geometry, index = refine_by_waves(
        term_at, poses.geometry, materials=materials, rounds=how.wave_rounds, what=how.kinds, rng=rng
    )
    return replace(poses, geometry=geometry, index=index)


def _charge_and_fill(term: DataTerm, known: xr.Dataset, *, rng: np.random.Generator, steps: int) -> tuple[Array, Array]:
    """Return the absorption, and the share of the magnet by it; by the delay too, where the materials are known."""
    materials = materials_told(known)
    if term.components == 2 and materials is not None:
        index, _ = index_volume(term, materials=materials, rng=rng, steps=steps)
        return index[0], materials.magnet_share(index)
    levels = {name: float(known[name]) for name in LEVELS[:2] if name in known}
    charge, _ = charge_volume(term, top=levels.get("beta_magnet"), rng=rng, steps=steps)
    return charge, fill_fraction(charge, **levels)
