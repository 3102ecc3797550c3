"""What first order leaves out of the waves behind a thick sample: light that is scattered more than once.

- `scattered_again`: its images, charge and magnetic, from the volumes found so far.

Curved slices add up what every voxel does to the logarithm of a plane wave by itself. What lies behind a voxel sees a
wave that it has bent already: the slopes of its phase displace the magnetic detail behind, at the depth of a tilted
sample by as much as the finest of that detail is wide. A multislice calculation holds all orders. Less the first one,
by the same samples of the same volumes, it is what data have beyond the linear model; taken off the data, it leaves
what that model can explain, as far as the volumes were right. Two rounds find no more than one.

References
----------
J. M. Cowley and A. F. Moodie, Acta Cryst. 10, 609 (1957), multislice; A. J. Devaney, Opt. Lett. 6, 374 (1981), first
order; H. J. Stetter, Numer. Math. 29, 425 (1978), correction of data by the defect of a model.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.waves import stacked

Array = NDArray[Any]

_ORDER = 3
"""Of the splines by which volumes are sampled."""
_SLAB = 2
"""Voxels along the beam that light passes at once."""
_FINER = 2
"""Samples of a wave per voxel, across the beam: products of bands as wide as the images' are not folded back."""
_EMPTY = 1e-6
"""Of the most, index below which there is nothing."""


@dataclass(frozen=True, eq=False)
class _Slabs:
    """Volumes cut across the beam.

    Attributes
    ----------
    parts : (3, slabs, y, x) float32 array
        Absorption, delay and magnetization along the beam, sums over a slab, with something in the first and the last.
    heights : (slabs,) array
        Of their middles along the beam, voxels from the origin.
    """

    parts: Array
    heights: Array


def scattered_again(
    index: Array,
    m: Array,
    geometry: Geometry,
    *,
    detector: tuple[int, int],
    curvature: float,
    dichroism: float,
) -> tuple[Array, Array]:
    """Return what multislice has beyond first order, of half sum and half difference, as `waves.plan_waves` has images.

    Parameters
    ----------
    index : (2, z, y, x) float32 array
        Absorption and delay, the imaginary part of the refractive index and its decrement.
    m : (3, z, y, x) float32 array
        Magnetization, as long as the share of the magnet.
    geometry : Geometry
    detector : tuple of int
        Pixels (y, x); the pixel is the voxel.
    curvature : float
        Wavelength over voxel, above 0.
    dichroism : float
        Magnetic absorption of the full magnet along the beam, times the degree of polarization.

    Returns
    -------
    charge, magnetic : (n, 2 y, x) float32 arrays
        In units of `index`, and of `m`.

    Raises
    ------
    ValueError
        If shapes do not fit, or the wavelength or the dichroism is impossible.

    Notes
    -----
    Its phase has to stay within pi: that of the superlattice is half a radian at most. Where no light comes through
    there is no logarithm, and it is 0.
    """
    _check(index, m, curvature, dichroism)
    splines = np.stack([ndimage.spline_filter(part, order=_ORDER, output=np.float32) for part in (*index, *m)])
    images = np.zeros((2, len(geometry.rotations), *detector), np.complex64)

    def pose(first: int, last: int) -> None:
        for i in range(first, last):
            slabs = _slabs(splines, geometry.rotations[i], geometry.shifts[i], detector)
            if slabs is not None:
                images[:, i] = _beyond_first_order(slabs, curvature=curvature, dichroism=dichroism)

    fourier.in_blocks(pose, images.shape[1], 1)
    charge, magnetic = (images[0] + images[1]) / 2, (images[0] - images[1]) / np.float32(2 * dichroism)
    return stacked(charge), stacked(magnetic)


def _check(index: Array, m: Array, curvature: float, dichroism: float) -> None:
    for name, volume, count in (("index", index, 2), ("m", m, 3)):
        if volume.shape != (count, *index.shape[1:]) or volume.ndim != 4:
            raise ValueError(f"{name} has shape {volume.shape}; allowed: ({count}, z, y, x), both of one volume")
    for name, value in (("curvature", curvature), ("modulus of dichroism", abs(dichroism))):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}; allowed: above 0")


def _slabs(splines: Array, rotation: Array, shift: Array, detector: tuple[int, int]) -> _Slabs | None:
    """Sample the coefficients of splines, (5, z, y, x), in the frame of the beam; None if the view is empty."""
    shape = splines.shape[1:]
    turn = rotation[::-1, ::-1]  # of (z, y, x)
    reach = int(np.ceil(np.abs(turn[0]) @ (np.array(shape) / 2 + 1) / _SLAB))
    planes = 2 * reach * _SLAB
    centre = np.array([planes // 2 - 0.5, *(n // 2 + part for n, part in zip(detector, shift, strict=True))])
    offset = np.array([n // 2 for n in shape]) - turn.T @ centre
    along = np.tensordot(rotation[2].astype(np.float32), splines[2:], 1)
    parts = np.empty((3, planes, *detector), np.float32)
    for part, spline in zip(parts, (splines[0], splines[1], along), strict=True):
        ndimage.affine_transform(
            spline, turn.T, offset=offset, output_shape=part.shape, output=part, order=_ORDER, prefilter=False
        )
    parts = parts.reshape(3, 2 * reach, _SLAB, *detector).sum(axis=2)
    filled = np.abs(parts[:2]).max(axis=(0, 2, 3))
    held = np.flatnonzero(filled > _EMPTY * filled.max())
    if not filled.max() > 0:
        return None
    heights = _SLAB * (np.arange(2 * reach) - reach + 0.5)
    return _Slabs(parts[:, held[0] : held[-1] + 1], heights[held[0] : held[-1] + 1])


def _beyond_first_order(slabs: _Slabs, *, curvature: float, dichroism: float) -> Array:
    """Return the negative logarithms of both waves beyond first order over the wavenumber, (2, y, x) complex64."""
    wavenumber = np.float32(2 * np.pi / curvature)
    detector = slabs.parts.shape[2:]
    fine = (_FINER * detector[0], _FINER * detector[1])
    mean = slabs.parts[0] + 1j * slabs.parts[1]
    first = np.zeros((2, *detector), np.complex64)
    field = np.ones((2, *fine), np.complex64)
    along = _along_beam(detector, 1.0, curvature)
    step = _free_space(_along_beam(fine, 1 / _FINER, curvature), _SLAB)
    for slab, own, height in zip(mean, np.float32(dichroism) * slabs.parts[2], slabs.heights, strict=True):
        weak = wavenumber * np.stack([slab + own, slab - own]).astype(np.complex64)
        first += fourier.fft2(weak) * _free_space(along, -height)
        field *= np.exp(-fourier.fourier_resample(weak, fine))
        field = fourier.ifft2(fourier.fft2(field, overwrite=True) * step, overwrite=True)
    behind = slabs.heights[-1] + _SLAB
    seen = fourier.fft2(fourier.fourier_resample(field, detector)) * _free_space(along, -behind)
    with np.errstate(over="ignore", invalid="ignore"):
        left = fourier.ifft2(seen) * np.exp(fourier.ifft2(first))
    lit = np.isfinite(left) & (left != 0)
    return np.asarray(-np.log(np.where(lit, left, 1)) / wavenumber, np.complex64)


def _along_beam(shape: tuple[int, ...], pixel: float, wavelength: float) -> Array:
    """Return 2 pi times the frequencies along the beam, less those of the beam, on unshifted spectra."""
    f_y, f_x = (fourier.unshifted_frequencies(n, pixel) for n in shape)
    squared = wavelength**-2 - f_y[:, None] ** 2 - f_x**2
    return np.asarray(2 * np.pi * (np.sqrt(np.maximum(squared, 0)) - 1 / wavelength))


def _free_space(along: Array, distance: float) -> Array:
    return np.exp(1j * distance * along).astype(np.complex64)
