"""A third party's magnetization in the middle of a non-magnetic film.

- `centred_in_film`: onto the simulation's grid;
- `NoOutOfPlane`: raised where there is nothing that a beam along z sees.
"""

import json
import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optics.grids import positions, samples_for
from records import sample as record

Array = NDArray[Any]

_COARSE = 1.001  # cells this much wider than the pixel are interpolated


class NoOutOfPlane(ValueError):
    """The sample has no m_z anywhere: x rays along z see no magnetic contrast."""


def centred_in_film(sample: xr.Dataset, *, extent: float, pixel_size: float) -> xr.Dataset:
    """Put `sample` in the centre of a square film that is not magnetic elsewhere.

    Finer cells are averaged over a pixel, coarser ones interpolated by cubic convolution with a warning; the
    magnetization is brought back to unit length, voids keep their fill. Cells along z are kept. What is larger than
    the film is cut off.

    Parameters
    ----------
    sample : Dataset
        `Sample` of any cell size.
    extent : float
        Least side of the film, m.
    pixel_size : float
        m.

    Returns
    -------
    Sample
        On a square grid of `pixel_size`.

    Raises
    ------
    NoOutOfPlane
        If m_z is zero everywhere.
    ValueError
        If the magnetization is not finite.
    """
    magnetization = np.asarray(sample["magnetization"].values, np.float64)
    magnet = np.asarray(sample["magnet"].values, np.float64)
    if not (np.isfinite(magnetization).all() and np.isfinite(magnet).all()):
        count = int(np.count_nonzero(~np.isfinite(magnetization).all(axis=0)))
        raise ValueError(f"sample's magnetization is not finite in {count} cells; allowed: finite numbers")
    if not np.any(magnetization[2] * magnet):
        raise NoOutOfPlane("the sample has no m_z: a beam along z sees no magnetic contrast")
    cell_z, *cells = record.voxel_size(sample)
    if max(cells) > _COARSE * pixel_size:
        sizes = f"cells of {max(cells) * 1e9:.3g} nm are interpolated to the simulation's {pixel_size * 1e9:.3g} nm"
        warnings.warn(f"the sample is coarse: its {sizes}", stacklevel=2)
    n = samples_for(extent, pixel_size)
    moment = magnetization * magnet
    for axis, cell in zip((-2, -1), cells, strict=True):
        weights = _weights(n, pixel_size, magnet.shape[axis], cell)
        moment, magnet = (_along(weights, field, axis) for field in (moment, magnet))
    magnet = np.clip(magnet, 0, 1)
    length = np.linalg.norm(moment, axis=0)
    inside = (magnet > 1e-3) & (length > 1e-6)
    direction = np.where(inside, moment / np.maximum(length, 1e-12), 0)
    return record.make(
        magnetization=direction.astype(np.float32),
        magnet=np.where(inside, magnet, 0).astype(np.float32),
        saturation_magnetization=_moment_density(sample),
        voxel_size=(cell_z, pixel_size, pixel_size),
        origin=str(sample.attrs["origin"]),
        features=json.loads(sample.attrs["features"]),
    )


def _moment_density(sample: xr.Dataset) -> float | None:
    """Return the mean saturation magnetization where there is a magnet, or None where the sample does not say."""
    if "saturation_magnetization" not in sample:
        return None
    values = np.broadcast_to(sample["saturation_magnetization"].values, sample["magnet"].shape)
    return float(values[sample["magnet"].values > 0].mean())


def _along(weights: Array, field: Array, axis: int) -> Array:
    return np.moveaxis(np.tensordot(field, weights, axes=(axis, 1)), -1, axis)


def _weights(n: int, pixel: float, cells: int, cell: float) -> Array:
    """Return the (n, cells) matrix that resamples centred cells to centred pixels; zero outside of the sample."""
    centres = positions(n, pixel)
    edges = positions(cells, cell) - cell / 2
    if cell <= _COARSE * pixel:
        low = np.maximum(centres[:, None] - pixel / 2, edges)
        high = np.minimum(centres[:, None] + pixel / 2, edges + cell)
        return np.asarray(np.clip(high - low, 0, None) / pixel)
    place = centres / cell + cells // 2
    weights = np.zeros((n, cells))
    first = np.floor(place).astype(np.int64)
    inside = (place > -0.5) & (place < cells - 0.5)
    for step in range(-1, 3):
        column = np.clip(first + step, 0, cells - 1)
        np.add.at(weights, (np.arange(n), column), _cubic(place - (first + step)) * inside)
    return weights


def _cubic(distance: Array) -> Array:
    """Keys' cubic convolution kernel, a = -1/2 (IEEE Trans. Acoust. Speech Signal Process. 29, 1153 (1981))."""
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.asarray(np.where(d <= 1, near, np.where(d < 2, far, 0.0)))
