"""Least squares for the poses of projections: how images change with two shifts and three turns.

- `normal_equations`: the systems of all images against the reprojections of a volume;
- `wave_equations`: of complex images, whose real and imaginary parts are two images of one pose;
- `NormalEquations`: what they return.

Turns are about the beam's own axes and their derivatives are exact: the first moment of the volume along the beam is
one more projection. Each image has a free offset, which drift of the flux leaves in an optical density.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.projector import Projector, project, project_vector
from reconstructors.tomography.waves import project_moment

Array = NDArray[Any]
Floats = NDArray[np.float64]

_OUTLIER = 2.0
"""Residual, in robust standard deviations, at which a pixel keeps half of its weight."""


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Least-squares systems of all images; unknowns are the shift (y, x), px, and the turn (u, v, w), rad.

    Attributes
    ----------
    matrices : (n, 5, 5) float64 array
    right : (n, 5) float64 array
    variance : (n,) float64 array
        Of what is left in a pixel; in the units of `matrices`, one over it times them is an information.
    """

    matrices: Floats
    right: Floats
    variance: Floats

    def of(self, chosen: slice) -> "NormalEquations":
        """Return the systems of the images `chosen`."""
        return NormalEquations(self.matrices[chosen], self.right[chosen], self.variance[chosen])


def normal_equations(
    images: Array,
    plan: Projector,
    *,
    volume: Array,
    weights: Array | None = None,
    smooth: float | None = None,
    turns: bool = True,
) -> NormalEquations:
    """Return the least-squares systems of all images; their poses are those of the plan.

    Parameters
    ----------
    images : (n, y, x) array
        Line integrals, voxels times the unit of `volume`.
    plan : Projector
    volume : (z, y, x) array
    weights : (n, y, x) array, optional
        One over the variance of each pixel, on any scale; 0 leaves a pixel out.
    smooth : float, optional
        Gaussian low-pass of residuals and derivatives, standard deviation in px. Without it, frequencies count by the
        inverse of their power in the residual.
    turns : bool
        Without, what depends on the moment along the beam stays 0: it is not computed.

    Notes
    -----
    With P the reprojection and M the integral of w times the volume, a shift s changes the image by -grad P, a turn
    about u by dM/dv, about v by -dM/du, about w by v dP/du - u dP/dv. Pixels are weighted down as ``1/(1 + (r/2s)^2)``
    of their residual r, s from its median: at sharp edges the model is wrong by more than the noise.
    """
    path = project(volume, plan)
    moment = project_vector(_moments(volume), plan) if turns else np.zeros_like(path)
    return _systems(images, path, moment, weights, shifts=plan.geometry.shifts, smooth=smooth)


def wave_equations(term: DataTerm, index: Array, *, smooth: float | None = None, turns: bool = True) -> NormalEquations:
    """Return the systems of complex images at the geometry of their plan, as informations: their variance is 1.

    Parameters
    ----------
    term : DataTerm
        Of two components; a part of an image without weight says nothing.
    index : (2, z, y, x) array
        Absorption and delay.
    smooth, turns
        As of `normal_equations`.

    Notes
    -----
    The derivatives are those of straight rays: what the curvature of slices adds to them is in the residual alone, so
    that steps are a little off and where they end is not.
    """
    count, rows, columns = term.data.shape
    halves = (count, 2, rows // 2, columns)
    path = term.forward(index)
    moments = [_moments(part) for part in index]
    moment = project_moment(moments, term.plan) if turns else np.zeros_like(path)
    weights = np.ones(halves, np.float32) if term.weights is None else term.weights.reshape(halves)
    images, path, moment = (array.reshape(halves) for array in (term.data, path, moment))
    whole = NormalEquations(np.zeros((count, 5, 5)), np.zeros((count, 5)), np.ones(count))
    for part in range(2):
        own = _systems(
            *(array[:, part] for array in (images, path, moment, weights)),
            shifts=term.plan.geometry.shifts,
            smooth=smooth,
        )
        seen = own.variance > 0
        whole.matrices[seen] += own.matrices[seen] / own.variance[seen, None, None]
        whole.right[seen] += own.right[seen] / own.variance[seen, None]
    return whole


def _systems(
    images: Array, path: Array, moment: Array, weights: Array | None, *, shifts: Floats, smooth: float | None
) -> NormalEquations:
    """Return the systems of images against reprojections and first moments along the beam."""
    shape = (path.shape[1], path.shape[2])
    residual = images - path
    if weights is not None:
        # A low-pass must not carry what has no weight into its neighbours.
        residual[weights == 0] = 0
    spectra = fourier.rfft2(residual.astype(path.dtype, copy=False))
    frequency = _frequencies(shape)
    low = _whitening(spectra, frequency) if smooth is None else _gaussian(smooth, frequency)
    low = low.astype(path.dtype)
    result = NormalEquations(np.empty((len(images), 5, 5)), np.empty((len(images), 5)), np.empty(len(images)))
    for index in range(len(images)):
        rows = _derivatives(path[index], moment[index], shifts[index], low=low, frequency=frequency)
        rows[6] = fourier.irfft2(spectra[index] * low, shape)
        flat = rows.reshape(7, -1)
        weight = _robust(rows[6]) if weights is None else weights[index] * _robust(rows[6] * np.sqrt(weights[index]))
        whole = np.asarray((flat * weight.reshape(-1)) @ flat.T, np.float64)
        whole -= np.outer(whole[5], whole[5]) / max(whole[5, 5], np.finfo(float).tiny)
        result.matrices[index], result.right[index] = whole[:5, :5], whole[:5, 6]
        result.variance[index] = whole[6, 6] / flat.shape[1]
    return result


def _derivatives(path: Array, moment: Array, shift: Floats, *, low: Array, frequency: tuple[Floats, Floats]) -> Array:
    """Return (7, y, x): the image's derivatives by its five unknowns, an offset, and room for the residual."""
    shape = path.shape
    along_v, along_u = (2j * np.pi * f * low for f in frequency)
    spectrum, other = fourier.rfft2(path), fourier.rfft2(moment)
    result = np.ones((7, *shape), path.dtype)
    by_v, by_u, moment_v, moment_u = (
        fourier.irfft2((s * along).astype(spectrum.dtype), (shape[0], shape[1]))
        for s in (spectrum, other)
        for along in (along_v, along_u)
    )
    v, u = (np.arange(n) - n // 2 - s for n, s in zip(shape, shift, strict=True))
    result[0], result[1], result[2], result[3] = -by_v, -by_u, moment_v, -moment_u
    result[4] = v[:, None] * by_u - u * by_v
    return result


def _moments(volume: Array) -> Array:
    """Return the volume times x, y, z, voxels from the origin."""
    z, y, x = (np.arange(n, dtype=volume.dtype) - n // 2 for n in volume.shape)
    return np.stack([volume * x, volume * y[:, None], volume * z[:, None, None]])


def _frequencies(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    return fourier.unshifted_frequencies(shape[0], 1.0)[:, None], fourier.half_frequencies(shape[1], 1.0)[None, :]


def _gaussian(smooth: float, frequency: tuple[Floats, Floats]) -> Floats:
    return np.asarray(np.exp(-2 * (np.pi * smooth * np.hypot(*frequency)) ** 2))


def _whitening(spectra: Array, frequency: tuple[Floats, Floats]) -> Floats:
    """Return one over the root of the mean power in rings of frequency, 1 in the quietest of them."""
    count = max(4, min(spectra.shape[1:]) // 2)
    ring = np.minimum(np.hypot(*frequency) * 2 * count, count - 1).astype(int)
    power = np.mean(spectra.real**2 + spectra.imag**2, axis=0, dtype=np.float64)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    mean = np.maximum(mean, max(float(mean.max()) * 1e-8, np.finfo(float).tiny))
    return np.asarray(np.sqrt(mean.min() / mean)[ring])


def _robust(residual: Array) -> Array:
    """Return the weights of pixels by their residual, Cauchy's; alike where the median leaves no scale."""
    scale = _OUTLIER * 1.4826 * float(np.median(np.abs(residual[residual != 0]))) if np.any(residual) else 0.0
    return np.asarray(1 / (1 + np.square(residual / scale))) if scale > 0 else np.ones_like(residual)
