"""What the solves of volumes have to explain: line integrals, or waves, in found poses.

- `line_integrals`, `waves`: the data of both solves, and their projector; `Data`;
- `scattered_once`: waves without what light is scattered more than once;
- `waves_told`, `materials_told`: what of these a measurement allows;
- `VolumeParameters`: how volumes are modelled.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import run
from optics.units import wavelength
from reconstructors.tomography.composition import Materials
from reconstructors.tomography.curved_slices import MOST_CURVED
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.multiple_scattering import scattered_again
from reconstructors.tomography.poses import Poses, charge_weights
from reconstructors.tomography.preparation import Prepared
from reconstructors.tomography.projector import plan_projector
from reconstructors.tomography.scalar import index_volume
from reconstructors.tomography.solvers import ConjugateGradient
from reconstructors.tomography.wave_images import WaveImages
from reconstructors.tomography.waves import plan_waves, stacked

Array = NDArray[Any]

FOOTPRINTS: Final = ("none", "box")

_ROUGH_CHARGE: Final = 25
_ROUGH: Final = 10
"""Steps of the volumes that tell what light is scattered more than once."""

LEVELS: Final = ("beta_magnet", "beta_matrix", "delta_magnet", "delta_matrix")


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


def waves_told(prepared: Prepared, parameters: VolumeParameters, known: xr.Dataset) -> WaveImages | None:
    """Return the complex images that volumes are to explain; None where line integrals are."""
    bent = _curvature(known)
    return prepared.waves if parameters.waves and bent <= MOST_CURVED / 2 else None  # twice as bent, when finer


def materials_told(known: xr.Dataset) -> Materials | None:
    """Return the materials by absorption and delay, where the measurement has both of both."""
    if any(name not in known for name in LEVELS):
        return None
    beta_magnet, beta_matrix, delta_magnet, delta_matrix = (float(known[name]) for name in LEVELS)
    return Materials((beta_magnet, delta_magnet), (beta_matrix, delta_matrix))


def scattered_once(
    data: Data, poses: Poses, *, parameters: VolumeParameters, known: xr.Dataset, rng: np.random.Generator
) -> Data:
    """Return waves without what light is scattered more than once, by volumes that explain them about as well.

    The noise of these volumes matters little: it is a tenth to a half of their own that comes off.
    """
    materials = materials_told(known)
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
