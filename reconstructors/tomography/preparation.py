"""From a `Measurement` of projections to line integrals that a solver can use.

- `prepare`: background off both helicities, one brought onto the other, half sum and half difference, their variance;
- `Prepared`: the images and the numbers that each step left; `PreparationParameters`.

The half sum of both helicities holds the absorption of the charge, ``OD_c = 2 k a sum beta``, the half difference the
component of the magnetization along the beam, ``OD_m = 2 k a P_c beta_m sum m.d``; sums over voxels along the beam.
Where the measurement has phases there are complex images beside these real ones, see `wave_images`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from optics.units import wavenumber
from reconstructors.projections.alignment import mass_drift
from reconstructors.projections.background import plan_background
from reconstructors.projections.exterior import find_exterior
from reconstructors.projections.helicity_pair import register_densities
from reconstructors.tomography.variance import density_variance, ground_noise, variance_scale
from reconstructors.tomography.wave_images import WaveImages, wave_images

Array = NDArray[Any]
Floats = NDArray[np.float64]

_SEEN = 0.5  # of its pixels that an image must have valid to be used
_OPEN = 0.5  # of the frame that must be exterior: the holes of a film wider than the view are none
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Prepared:
    """Line integrals of all projections of a measurement; those that cannot be used hold zeros.

    Attributes
    ----------
    charge : (n, y, x) float32 array
        Sum of beta over voxels along the beam.
    magnetic : (n, y, x) float32 array
        Sum of the component of the magnetization along the beam over voxels, in units of the full one.
    charge_variance, magnetic_variance : (n, y, x) float32 arrays
        Of both.
    density : (n, y, x) float32 array
        Optical density of the charge.
    valid : (n, y, x) bool array
        Pixels that count.
    exterior : (n, y, x) bool array
        Where there is no sample; nowhere in an image that shows none.
    usable : (n,) bool array
    series : (n,) int array
    in_plane, tilt : (n,) float64 arrays
        Nominal, rad.
    pair_shift : (n, 2) float64 array
        Of helicity -1 on +1, px (y, x).
    background_range, mass_drift : (n,) float64 arrays
    ground : float
        Standard deviation of the optical density of one helicity where there is no sample.
    waves : WaveImages or None
        Complex `charge` and `magnetic`, where phases are known and backgrounds and displacements taken off.
    """

    charge: Array
    magnetic: Array
    charge_variance: Array
    magnetic_variance: Array
    density: Array
    valid: Array
    exterior: Array
    usable: NDArray[np.bool_]
    series: NDArray[np.int64]
    in_plane: Floats
    tilt: Floats
    pair_shift: Floats
    background_range: Floats
    mass_drift: Floats
    ground: float
    waves: WaveImages | None = None

    @property
    def bounded(self) -> NDArray[np.bool_]:
        """Return which images show the whole outline of the sample, (n,)."""
        return np.asarray(self.exterior.any(axis=(1, 2)))


@dataclass(frozen=True)
class PreparationParameters:
    """How images are prepared.

    Parameters
    ----------
    background : bool
        Take off what the exterior says of the inside, where there is an exterior.
    register : bool
        Bring helicity -1 onto the pixels of helicity +1.
    """

    background: bool = True
    register: bool = True


def prepare(measurement: xr.Dataset, parameters: PreparationParameters | None = None) -> Prepared:
    """Prepare the projections of a measurement.

    Parameters
    ----------
    measurement : Dataset
        Of kind ``"projections"``.
    parameters : PreparationParameters, optional

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If no projection can be used.
    """
    wanted = parameters or PreparationParameters()
    density, valid, usable = _images(measurement)
    exterior = _exteriors(density, usable, valid)
    # Before anything is taken off: the high-pass of the estimate does that, and knows how much noise goes with it.
    raw = (density[0] + density[1]) / 2, (density[0] - density[1]) / 2
    variance, ground = _variances(measurement, *raw, exterior=exterior, usable=usable)
    count = len(usable)
    shift, span = np.zeros((count, 2)), np.zeros(count)
    for index in np.flatnonzero(usable):
        pair = density[:, index]
        if wanted.background and exterior[index].any():
            plan = plan_background(exterior[index])
            below = np.stack([plan.of(image) for image in pair])
            pair -= below.astype(np.float32)
            span[index] = np.ptp(below, axis=(1, 2)).max()
        if wanted.register:
            pair[1], found = register_densities(pair[0], pair[1], mask=valid[index])
            shift[index] = found.shift
    density *= usable[None, :, None, None]
    charge, magnetic = (density[0] + density[1]) / 2, (density[0] - density[1]) / 2
    waves = None
    if "phase" in measurement and wanted.background and wanted.register:
        waves = wave_images(
            np.exp(-0.5 * measurement["optical_density"].values + 1j * measurement["phase"].values),
            charge=charge,
            magnetic=magnetic,
            variance=variance,
            exterior=exterior,
            seen=valid,
        )
    absorption, dichroism = scales(measurement)
    series = np.asarray(measurement["series"].values, np.int64)
    return Prepared(
        charge=charge / np.float32(absorption),
        magnetic=magnetic / np.float32(dichroism),
        charge_variance=variance / np.float32(absorption**2),
        magnetic_variance=variance / np.float32(dichroism**2),
        density=charge,
        valid=valid & usable[:, None, None],
        exterior=exterior,
        usable=usable,
        series=series,
        in_plane=np.asarray(measurement["in_plane"].values, np.float64),
        tilt=np.asarray(measurement["tilt"].values, np.float64),
        pair_shift=shift,
        background_range=span,
        mass_drift=_drift(charge, series, usable),
        ground=ground,
        waves=None if waves is None else waves.over(absorption, dichroism),
    )


def scales(measurement: xr.Dataset) -> tuple[float, float]:
    """Return ``2 k a`` and ``2 k a P_c beta_m``: optical density over the sums of beta and of m.d along the beam."""
    scalars: Mapping[str, float] = {
        name: float(measurement[name]) for name in ("pixel_size", "energy", "polarization", "beta_m")
    }
    absorption = 2 * wavenumber(scalars["energy"]) * scalars["pixel_size"]
    return absorption, absorption * scalars["polarization"] * scalars["beta_m"]


def _images(measurement: xr.Dataset) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return optical densities (2, n, y, x), invalid pixels filled, the valid pixels, and which images can be used."""
    density = np.array(measurement["optical_density"].values, np.float32)
    shape = density.shape[1:]
    valid = np.asarray(measurement["valid"].values) if "valid" in measurement else np.ones(shape, np.bool_)
    usable = np.asarray(valid.mean(axis=(1, 2)) >= _SEEN)
    if not usable.any():
        raise ValueError(f"valid leaves no projection half of its pixels; allowed: one or more of {len(usable)}")
    for index in np.flatnonzero(usable & ~valid.all(axis=(1, 2))):
        places: Any = ndimage.distance_transform_edt(~valid[index], return_distances=False, return_indices=True)
        density[:, index] = density[:, index][:, places[0], places[1]]
    return density, valid, usable


def _exteriors(density: Array, usable: NDArray[np.bool_], valid: Array) -> Array:
    """Return where there is no sample, nowhere in an image in which none can be told."""
    result = np.zeros(valid.shape, np.bool_)
    for index in np.flatnonzero(usable):
        try:
            found = find_exterior((density[0, index] + density[1, index]) / 2)
        except ValueError:
            continue
        if _frame(found).mean() >= _OPEN:  # also where the scan ends before the frame
            result[index] = found & valid[index]
    return result


def _frame(image: Array) -> Array:
    """Return the outermost pixels of an image."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _variances(
    measurement: xr.Dataset, charge: Array, magnetic: Array, *, exterior: Array, usable: NDArray[np.bool_]
) -> tuple[Array, float]:
    """Return the variance of half sum and half difference, which is the same, and the noise s0 of one helicity."""
    whole = usable & exterior.any(axis=(1, 2))
    if "variance" in measurement:
        plus, minus = measurement["variance"].values
        variance = np.asarray((plus + minus) / 4, np.float32)
        if whole.any():
            variance = variance * np.float32(variance_scale(magnetic[whole], variance[whole], exterior=exterior[whole]))
            ground = float(np.median(np.sqrt(2 * variance[exterior])))
        else:
            ground = float(np.sqrt(2 * variance[usable].min()))
        return np.maximum(variance, np.float32(_LEAST_VARIANCE)), ground
    variance = np.ones_like(charge)
    if whole.any():
        variance[whole] = density_variance(charge[whole], exterior=exterior[whole])
    rest = usable & ~whole
    if rest.any():  # the half difference varies little from pixel to pixel, and is as noisy as the half sum
        s0 = ground_noise(magnetic[rest], exterior=np.ones_like(exterior[rest]), density=charge[rest])
        variance[rest] = s0[:, None, None] ** 2 * np.exp(np.maximum(charge[rest], 0))
    ground = np.sqrt(2 * float(np.median(np.min(variance[usable], axis=(1, 2)))))
    return np.maximum(variance, np.float32(_LEAST_VARIANCE)), float(ground)


def _drift(charge: Array, series: NDArray[np.int64], usable: NDArray[np.bool_]) -> Floats:
    """Return the mass of each image over the mean of its series, less one; 0 where there is none."""
    result = np.zeros(len(series))
    for label in np.unique(series[usable]):
        here = usable & (series == label)
        if charge[here].sum(dtype=np.float64) > 0:
            result[here] = mass_drift(charge[here])
    return result
