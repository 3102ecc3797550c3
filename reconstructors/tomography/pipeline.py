"""From line integrals and poses to the charge, the fill and the magnetization.

- `solve_volumes`: charge volume, fill fraction, vector solve;
- `VolumeParameters`: of the projector and the fill; `Volumes`: what came out;
- `line_integrals`, `waves`: the data of both solves, and their projector; `Data`;
- `refined_by_waves`: the poses, bettered by complex images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher, run
from optics.units import wavelength
from reconstructors.tomography.composition import Materials
from reconstructors.tomography.curved_slices import MOST_CURVED
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.fill_blur import least_blurred, unblurred
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.multiple_scattering import scattered_again
from reconstructors.tomography.poses import PoseParameters, Poses, charge_weights
from reconstructors.tomography.preparation import Prepared
from reconstructors.tomography.projector import plan_projector
from reconstructors.tomography.scalar import charge_volume, fill_fraction, index_volume
from reconstructors.tomography.solvers import ConjugateGradient
from reconstructors.tomography.stopping import noise_misfit
from reconstructors.tomography.vector import RECIPES, Solution
from reconstructors.tomography.wave_images import WaveImages
from reconstructors.tomography.wave_refinement import refine_by_waves
from reconstructors.tomography.waves import plan_waves, stacked

Array = NDArray[Any]

FOOTPRINTS: Final = ("none", "box")

_BY_LENGTH: Final = ("ball", "vector_plus")
"""Recipes that take the length of vectors from the fill, which must not be blurred then."""

_ROUGH_CHARGE: Final = 45
_ROUGH: Final = 10
"""Steps of the volumes that tell what light is scattered more than once."""

_LEVELS: Final = ("beta_magnet", "beta_matrix", "delta_magnet", "delta_matrix")


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
    waves : bool
        Explain the waves behind a thick sample where the measurement has their phases, instead of line integrals.
    multislice : bool
        Take off these waves what light is scattered more than once, where the indices of the materials are known.

    Raises
    ------
    ValueError
        If a value is impossible.
    """

    footprint: str = "none"
    padding: float = 1.5
    charge_steps: int = 90
    threshold: float = 0.1
    waves: bool = False
    multislice: bool = True

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
    images = _waves_of(prepared, parameters, known)
    if images is not None:
        data = waves(images, prepared.valid, poses, parameters=parameters, known=known)
        data = _scattered_once(data, poses, parameters=parameters, known=known, rng=rng)
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
    images, materials = _waves_of(prepared, parameters, known), _materials(known)
    if images is None or materials is None or not how.refine:
        return poses

    def term_at(geometry: Geometry) -> DataTerm:
        there = replace(poses, geometry=geometry)
        return waves(images, prepared.valid, there, parameters=parameters, known=known).charge

    geometry, index = refine_by_waves(
        term_at, poses.geometry, materials=materials, rounds=how.wave_rounds, what=how.kinds, rng=rng
    )
    return replace(poses, geometry=geometry, index=index)


def _waves_of(prepared: Prepared, parameters: VolumeParameters, known: xr.Dataset) -> WaveImages | None:
    """Return the complex images that volumes are to explain; None where line integrals are."""
    bent = _curvature(known)
    return prepared.waves if parameters.waves and bent <= MOST_CURVED / 2 else None  # twice as bent, when finer


def _materials(known: xr.Dataset) -> Materials | None:
    """Return the materials by absorption and delay, where the measurement has both of both."""
    if any(name not in known for name in _LEVELS):
        return None
    beta_magnet, beta_matrix, delta_magnet, delta_matrix = (float(known[name]) for name in _LEVELS)
    return Materials((beta_magnet, delta_magnet), (beta_matrix, delta_matrix))


def _charge_and_fill(term: DataTerm, known: xr.Dataset, *, rng: np.random.Generator, steps: int) -> tuple[Array, Array]:
    """Return the absorption, and the share of the magnet by it; by the delay too, where the materials are known."""
    materials = _materials(known)
    if term.components == 2 and materials is not None:
        index, _ = index_volume(term, materials=materials, rng=rng, steps=steps)
        return index[0], materials.magnet_share(index)
    levels = {name: float(known[name]) for name in _LEVELS[:2] if name in known}
    charge, _ = charge_volume(term, top=levels.get("beta_magnet"), rng=rng, steps=steps)
    return charge, fill_fraction(charge, **levels)


@dataclass(frozen=True, eq=False)
class Data:
    """What the two solves have to explain.

    Attributes
    ----------
    charge, magnetic : DataTerm
    variance : array
        Of the magnetic data; 0 where there are none.
    """

    charge: DataTerm
    magnetic: DataTerm
    variance: Array


def line_integrals(prepared: Prepared, poses: Poses, *, parameters: VolumeParameters, weighted: bool) -> Data:
    """Return the data as line integrals; the magnetic ones with their variance as weights, or all alike."""
    here = np.flatnonzero(poses.used)
    height, width = prepared.charge.shape[1:]
    plan = plan_projector(poses.shape, poses.geometry, detector=(height, width), **_voxels(parameters))
    charge = DataTerm(plan, prepared.charge[here], charge_weights(prepared, here), components=1)
    valid, variance = prepared.valid[here], prepared.magnetic_variance[here]
    weights: Array | None = None
    if weighted:
        weights = _weights(variance, valid)
    elif not valid.all():
        weights = valid.astype(np.float32)
    return Data(charge, DataTerm(plan, prepared.magnetic[here], weights), variance)


def waves(images: WaveImages, valid: Array, poses: Poses, *, parameters: VolumeParameters, known: xr.Dataset) -> Data:
    """Return the data as logarithms of waves, real parts above imaginary ones; the curvature follows from `known`."""
    here = np.flatnonzero(poses.used)
    height, width = images.charge.shape[1:]
    own = {"curvature": _curvature(known), **_voxels(parameters)}
    plan = plan_waves(poses.shape, poses.geometry, detector=(height, width), **own)
    rows = (len(here), 2 * height, width)
    variances = [each[here].reshape(rows) for each in (images.charge_variance, images.magnetic_variance)]
    both = np.tile(valid[here], (1, 2, 1))
    charge, magnetic = (_weights(variance, both) for variance in variances)
    return Data(
        DataTerm(plan, stacked(images.charge[here]), charge, components=2),
        DataTerm(plan, stacked(images.magnetic[here]), magnetic),
        np.where(magnetic > 0, variances[1], 0),
    )


def _scattered_once(
    data: Data, poses: Poses, *, parameters: VolumeParameters, known: xr.Dataset, rng: np.random.Generator
) -> Data:
    """Return waves without what light is scattered more than once, by volumes that explain them about as well.

    The noise of these volumes matters little: it is a tenth to a half of their own that comes off.
    """
    materials = _materials(known)
    if materials is None or not parameters.multislice:
        return data
    index = poses.index
    if index is None:
        index, _ = index_volume(data.charge, materials=materials, rng=rng, steps=_ROUGH_CHARGE)
    fill = materials.magnet_share(index)
    fill[fill < parameters.threshold] = 0
    if not fill.any():
        return data
    rough = ConjugateGradient(fill)
    state, _ = run(rough, rough.init(data.magnetic), steps=_ROUGH)
    height, width = data.charge.data.shape[1:]
    more = scattered_again(
        index,
        state.x,
        poses.geometry,
        detector=(height // 2, width),
        curvature=_curvature(known),
        dichroism=float(known["polarization"]) * float(known["beta_m"]),
    )
    charge, magnetic = (
        replace(term, data=term.data - off) for term, off in zip((data.charge, data.magnetic), more, strict=True)
    )
    return replace(data, charge=charge, magnetic=magnetic)


def _curvature(known: xr.Dataset) -> float:
    """Return the wavelength over the voxel."""
    return wavelength(float(known["energy"])) / float(known["pixel_size"])


def _voxels(parameters: VolumeParameters) -> dict[str, Any]:
    footprint = None if parameters.footprint == "none" else parameters.footprint
    return {"footprint": footprint, "padding": parameters.padding}


def _weights(variance: Array, valid: Array) -> Array:
    """Return one over the variance, mean 1; 0 in pixels that do not count."""
    weights = np.where(valid, 1 / variance, 0)
    return np.asarray(weights / weights.mean(dtype=np.float64), np.float32)
