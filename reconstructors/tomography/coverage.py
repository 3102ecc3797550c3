"""Which directions of the magnetization the projections measure, frequency by frequency.

- `fourier_coverage`: how well the two directions across each spatial frequency are seen;
- `covering_series`: by how many complete tilt series a direction of Fourier space is seen.

A slice holds ``m(k).d`` where ``k.d = 0``, so the part of m along k is measured by no set of angles.
"""

from typing import Any

import numpy as np
import xarray as xr
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from optics.grids import positions
from reconstructors.tomography.geometry import beam_directions

Array = NDArray[Any]

UNMEASURED = 0.5
"""Least eigenvalue, in projections, below which a frequency is called unmeasured."""


def fourier_coverage(rotations: Array, *, shape: tuple[int, int, int], diameter: float) -> xr.Dataset:
    """Return how well the directions across each frequency are measured.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        From the sample's axes to the beam's.
    shape : tuple of int
        Of the grid of frequencies (z, y, x), which reaches to half a cycle per voxel.
    diameter : float
        Of the sample, voxels: a slice is as thick as one over it.

    Returns
    -------
    Dataset
        ``least`` and ``largest`` (fz, fy, fx) float32: eigenvalues of ``sum_i sinc²(D k.d_i) d_i d_i'`` in the plane
        across k, zero frequency at index ``n//2``; there, of the whole sum. In projections.

    Raises
    ------
    ValueError
        If the diameter is not positive or there is no rotation.
    """
    if not diameter > 0:
        raise ValueError(f"diameter is {diameter:.4g} voxels; allowed: above 0")
    if rotations.ndim != 3 or len(rotations) == 0:
        raise ValueError(f"rotations have shape {rotations.shape}; allowed: (n, 3, 3) with n from 1")
    axes = [positions(n, 1.0 / n) for n in shape]
    beams = np.ascontiguousarray(beam_directions(rotations))
    found = np.empty((2, *shape), np.float32)
    _eigenvalues(axes[0], axes[1], axes[2], beams, float(diameter), found)
    whole = np.linalg.eigvalsh(beams.T @ beams)
    found[:, shape[0] // 2, shape[1] // 2, shape[2] // 2] = whole[0], whole[-1]
    names = ("fz", "fy", "fx")
    coords = {name: (name, axis, {"units": "1/voxel"}) for name, axis in zip(names, axes, strict=True)}
    return xr.Dataset({"least": (names, found[0]), "largest": (names, found[1])}, coords)


@njit(cache=True, nogil=True, parallel=True)
def _eigenvalues(z: Any, y: Any, x: Any, beams: Any, diameter: Any, found: Any) -> None:
    for i in prange(z.size):
        for j in range(y.size):
            for k in range(x.size):
                # Two directions across the frequency; the first across the axis that it is furthest from.
                f = np.sqrt(z[i] * z[i] + y[j] * y[j] + x[k] * x[k]) + 1e-30
                n0, n1, n2 = x[k] / f, y[j] / f, z[i] / f
                if abs(n2) < 0.9:
                    length = np.sqrt(n0 * n0 + n1 * n1) + 1e-30
                    a0, a1, a2 = n1 / length, -n0 / length, 0.0
                else:
                    length = np.sqrt(n1 * n1 + n2 * n2) + 1e-30
                    a0, a1, a2 = 0.0, n2 / length, -n1 / length
                b0, b1, b2 = n1 * a2 - n2 * a1, n2 * a0 - n0 * a2, n0 * a1 - n1 * a0
                aa, ab, bb = 0.0, 0.0, 0.0
                for p in range(beams.shape[0]):
                    d0, d1, d2 = beams[p, 0], beams[p, 1], beams[p, 2]
                    away = np.pi * diameter * f * (n0 * d0 + n1 * d1 + n2 * d2)
                    weight = 1.0 if abs(away) < 1e-6 else (np.sin(away) / away) ** 2
                    first, second = a0 * d0 + a1 * d1 + a2 * d2, b0 * d0 + b1 * d1 + b2 * d2
                    aa += weight * first * first
                    ab += weight * first * second
                    bb += weight * second * second
                middle, reach = (aa + bb) / 2, np.sqrt((aa - bb) ** 2 / 4 + ab * ab)
                found[0, i, j, k] = max(middle - reach, 0.0)
                found[1, i, j, k] = middle + reach


def covering_series(frequency: Array, *, in_plane: ArrayLike, highest: float) -> NDArray[np.int64]:
    """Return by how many tilt series without gaps each frequency is measured.

    Parameters
    ----------
    frequency : (..., 3) array
        Components (x, y, z), on any scale.
    in_plane : sequence of float
        Of each series, rad.
    highest : float
        Tilts reach from minus that to it, rad.

    Notes
    -----
    A series turned by p misses ``|k_y| < |k_z| / tan(highest)``, k_y across its tilt axis.
    """
    x, y, z = np.moveaxis(np.asarray(frequency, np.float64), -1, 0)
    across = [np.abs(np.sin(p) * x + np.cos(p) * y) for p in np.atleast_1d(np.asarray(in_plane, np.float64))]
    return np.asarray(sum((np.abs(z) <= a * np.tan(highest)).astype(np.int64) for a in across))
