"""Images of a tilt series as a projection method would get them, straight from the sample.

- `volume_for`: what light sees of a sample; `pose_images`: the exact optical density of one pose;
- `true_errors`: flux and background of every image; `harmonic_background`;
- `counted`: the optical density as so many photons measure it.

A pixel holds the mean of the optical density over its area, not of the transmission: the lines through a voxel add up
in the optical density, so that the images of a volume sampled finely are, but for the grids, those of its mean over
coarse voxels. A mean of the transmission differs by half its variance in a pixel, a model error of the absorption that
belongs to the simulation of waves.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from numerics.streams import stream
from optics.units import wavenumber
from records import sample as sample_record
from simulators.beamline.line_integrals import line_integrals
from simulators.beamline.tilted_slices import Volume
from simulators.experiments.ptychography_light import volume_of_sample
from simulators.experiments.ptychography_setups import PtychographySetup
from simulators.experiments.tilt_series_setups import TiltImage, TiltSeriesSetup

Array = NDArray[Any]

HELICITIES = (1, -1)

_LEAST = 0.5  # photons in a pixel that counted none
_SMOOTH = 3  # pixels over which the variance is averaged, so that weights do not follow the noise of each pixel


def volume_for(sample: xr.Dataset, setup: TiltSeriesSetup) -> Volume:
    """Return what the light of `setup` sees of a sample.

    Raises
    ------
    ValueError
        If the sample's voxels are not finer than the pixels by the setup's oversampling.
    """
    coarse, pixel = max(sample_record.voxel_size(sample)), setup.image.pixel
    if coarse * setup.image.oversampling > pixel * (1 + 1e-6):
        allowed = f"up to {pixel / setup.image.oversampling:.4g} m"
        raise ValueError(f"sample's voxels are {coarse:.4g} m wide; allowed: {allowed}")
    return volume_of_sample(sample, PtychographySetup(material=setup.material, optics=setup.optics, pixel=pixel))


def pose_images(volume: Volume, *, rotation: Array, image: TiltImage, shift: Array) -> Array:
    """Return the optical density of both helicities by line integrals, mean over the pixel.

    Parameters
    ----------
    volume : Volume
        From `volume_for`.
    rotation : (3, 3) array
        From the sample's axes (x, y, z) to the beam's.
    image : TiltImage
    shift : (2,) or (2, 2) array
        Where the sample's origin lies in the image, (y, x) in px from index ``n//2``; of both helicities or of each.

    Returns
    -------
    (2, n, n) float32 array
        Of helicity +1 and -1.
    """
    k = wavenumber(volume.energy)
    beam = np.asarray(rotation)[2]
    charge = 2 * k * volume.beta
    magnetic: Array = np.zeros_like(charge)
    if volume.magnetization is not None:
        scale = 2 * k * volume.polarization * volume.beta_m
        magnetic = np.tensordot((scale * beam).astype(np.float32), volume.magnetization, axes=(0, 0))
    return np.stack(
        [
            line_integrals(
                charge + helicity * magnetic,
                rotation=rotation,
                voxel_size=volume.voxel_size,
                pixel_size=image.pixel,
                shape=(image.n, image.n),
                shift=(float(place[0]), float(place[1])),
                rays=image.rays,
            )
            for helicity, place in zip(HELICITIES, np.broadcast_to(shift, (2, 2)), strict=True)
        ]
    )


@dataclass(frozen=True, eq=False)
class TrueErrors:
    """What changes the images beside the geometry.

    Attributes
    ----------
    flux : (helicity, projection) array
        Relative.
    background : (helicity, projection, terms) array
        Coefficients of `harmonic_background`.
    """

    flux: Array
    background: Array

    def added(self, helicity: int, projection: int, n: int) -> Array:
        """Return what is added to the optical density of an image, (n, n) float64; `helicity` counts from 0."""
        terms = self.background[helicity, projection]
        return np.asarray(harmonic_background(n, terms) - np.log(self.flux[helicity, projection]))


def true_errors(setup: TiltSeriesSetup, *, seed: int) -> TrueErrors:
    """Draw flux and background of every image; streams "optics"."""
    shape, errors = (len(HELICITIES), len(setup.poses)), setup.errors
    drift = stream(seed, "optics", "tilt series", "flux").standard_normal(shape)
    terms = 2 * errors.degree + 1
    drawn = stream(seed, "optics", "tilt series", "background").standard_normal((*shape, terms))
    # all terms have the same share of the expected power
    return TrueErrors(np.maximum(1 + errors.flux * drift, 0.1), drawn * errors.background / np.sqrt(terms))


def harmonic_background(n: int, coefficients: Array) -> Array:
    """Return a sum of harmonic polynomials, real and imaginary parts of (x + iy)^degree, each of unit rms; (n, n)."""
    place = (np.arange(n) - n // 2) / (n / 2)
    z = place + 1j * place[:, None]
    terms = [np.ones((n, n))]
    for degree in range(1, (len(coefficients) - 1) // 2 + 1):
        power = z**degree
        terms += [power.real, power.imag]
    units = [term / np.sqrt(np.mean(term**2)) for term in terms]
    return np.asarray(sum(c * term for c, term in zip(coefficients, units, strict=True)))


def counted(density: Array, photons: float, *, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the optical density that counted photons give, and its variance as the experimenter estimates it.

    Parameters
    ----------
    density : (n, n) array
    photons : float
        Where the optical density is 0; infinite for no noise, with the variance of one photon.
    rng : numpy.random.Generator

    Returns
    -------
    density, variance : (n, n) float32 arrays
        The variance is ``exp(density)/photons`` of the density smoothed over neighbours.
    """
    seen = np.asarray(density, np.float64)
    if np.isfinite(photons):
        counts = rng.poisson(photons * np.exp(-seen))
        seen = -np.log(np.maximum(counts, _LEAST) / photons)
    smooth = ndimage.uniform_filter(seen, _SMOOTH, mode="nearest")
    variance = np.exp(smooth) / (photons if np.isfinite(photons) else 1.0)
    return seen.astype(np.float32), variance.astype(np.float32)
