"""A third party's magnetization, put into the object hole.

- `embed`: centred on the hole, on the simulation's grid, the rest non-magnetic;
- `remarks`: what its owner should know; `has_m_z`: whether there is anything to see.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from records.sample import make, voxel_size

Array = NDArray[Any]

_LEAST_M_Z = 1e-3


def has_m_z(sample: xr.Dataset) -> bool:
    """Tell whether the column mean of m_z differs from zero anywhere; without it no beam along z sees the sample."""
    seen = sample["magnetization"].values[2] * _contrast(sample)
    return bool(np.abs(seen.mean(axis=0)).max() > _LEAST_M_Z)


def remarks(sample: xr.Dataset, *, hole_diameter: float, pixel_size: float) -> list[str]:
    """Say how the sample's grid and extent compare with the experiment's, in a line each; lengths in m."""
    found = []
    _, y, x = voxel_size(sample)
    if max(y, x) > 1.001 * pixel_size:
        found.append(
            f"the sample's cells of {1e9 * max(y, x):.3g} nm are coarser than the simulation's "
            f"{1e9 * pixel_size:.3g} nm: interpolated, which adds no detail"
        )
    sides = y * sample.sizes["y"], x * sample.sizes["x"]
    if max(sides) > hole_diameter:
        found.append(
            f"the sample of {1e9 * sides[0]:.4g} nm x {1e9 * sides[1]:.4g} nm (y, x) is larger than the hole of "
            f"{1e9 * hole_diameter:.4g} nm: only its middle is imaged"
        )
    return found


def embed(sample: xr.Dataset, *, extent: float, pixel_size: float) -> xr.Dataset:
    """Return `sample` on a square grid, its middle on the beam axis, nothing magnetic around it.

    A beam sees the moment: where the saturation magnetization varies, cells weaker than the strongest count as partly
    filled. Where the sample's cells are coarser than the grid, directions are interpolated linearly between cell
    centres; where they are finer, they are averaged over the grid's cells. Lengths stay 1; the fill fraction carries
    the edge.

    Parameters
    ----------
    sample : Dataset
        The record `Sample`.
    extent : float
        Least side of the result, m; rounded up to a fast length of the transform.
    pixel_size : float
        m.

    Returns
    -------
    Dataset
        The record `Sample`, of the same layers.
    """
    n = fourier.good_size(int(np.ceil(extent / pixel_size)))
    n += n % 2
    z, y, x = voxel_size(sample)
    rows = _weights(n, pixel_size, sample.sizes["y"], y)
    columns = _weights(n, pixel_size, sample.sizes["x"], x)
    magnet = _contrast(sample)
    fill = np.clip(rows @ magnet @ columns.T, 0, 1)
    vectors = rows @ (sample["magnetization"].values * magnet) @ columns.T
    length = np.sqrt((vectors**2).sum(axis=0))
    inside = (length > 1e-6) & (fill > 1e-6)
    unit = np.where(inside, vectors / np.where(inside, length, 1), 0)
    return make(
        magnetization=unit.astype(np.float32),
        magnet=np.where(inside, fill, 0).astype(np.float32),
        voxel_size=(z, pixel_size, pixel_size),
        origin="file",
    )


def _contrast(sample: xr.Dataset) -> Array:
    """Return the moment of each cell over that of a full cell of the strongest material."""
    magnet = sample["magnet"].values.astype(np.float64)
    if "saturation_magnetization" not in sample:
        return magnet
    moments = np.broadcast_to(sample["saturation_magnetization"].values, magnet.shape)
    strongest = float(moments[magnet > 0].max())
    return np.asarray(magnet * moments / strongest)


def _weights(n: int, pixel: float, cells: int, cell: float) -> Array:
    """Return the (n, cells) matrix that resamples one axis; rows beyond the sample are zero.

    Each grid cell takes the mean, over its own width, of the linear interpolation between cell centres; the outermost
    half cells keep their value.
    """
    fine = max(1, int(np.ceil(4 * pixel / cell)))
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    place = (np.arange(n)[:, None] - n // 2 + steps) * pixel / cell + (cells - 1) / 2
    inside = (place > -0.5) & (place < cells - 0.5)
    place = np.clip(place, 0, cells - 1)
    left = np.minimum(place.astype(int), max(cells - 2, 0))
    share = place - left
    matrix = np.zeros((n, cells))
    index = np.broadcast_to(np.arange(n)[:, None], place.shape)
    np.add.at(matrix, (index, left), np.where(inside, 1 - share, 0) / fine)
    np.add.at(matrix, (index, np.minimum(left + 1, cells - 1)), np.where(inside, share, 0) / fine)
    return matrix
