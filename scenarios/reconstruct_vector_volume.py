"""What ``truespin reconstruct vector`` makes of a volume of vectors.

- `hedgehogs`: its charges; `as_sample`, `ORIGIN`: its directions for other programs.
"""

from typing import Final

import numpy as np
import xarray as xr

from scenarios.configuration import InputError

ORIGIN: Final = "reconstruction"
"""Of the samples that are exported."""
_HALF: Final = 0.5
_LEAST: Final = 0.1
"""Fill below which a voxel has no direction in what is exported."""


def hedgehogs(found: xr.Dataset) -> xr.Dataset:
    """Find the hedgehogs of a reconstruction in its half filled voxels, as `validation.topology.find_hedgehogs`.

    Where no voxel is half filled there is none.

    Raises
    ------
    InputError
        If there is no magnet.
    """
    from validation.topology import find_hedgehogs

    m, fill = found["magnetization"].values, found["fill"].values
    magnet = np.where(np.any(m != 0, axis=0), fill, 0)
    if not magnet.any():
        raise InputError("no voxel with magnet and magnetization was found; allowed: a sample that absorbs in the view")
    size = float(found["voxel_size"])
    if magnet.max() >= _HALF:
        return find_hedgehogs(m, voxel_size=size, magnet=magnet)
    # Of a full magnet with one direction: the same variables, and no row.
    return find_hedgehogs(np.ones((3, 2, 2, 2)), voxel_size=size)


def as_sample(found: xr.Dataset) -> xr.Dataset:
    """Return the directions of a reconstruction as a `Sample`, for other programs.

    The length of m is that of the fill where the magnet is saturated: the magnet keeps it.

    Raises
    ------
    InputError
        If no voxel is filled enough to have a direction.
    """
    from records import sample

    m, fill = found["magnetization"].values, found["fill"].values
    length = np.linalg.norm(m, axis=0)
    kept = (fill >= _LEAST) & (length > 0)
    if not kept.any():
        raise InputError(f"no voxel is filled to {_LEAST:g}; allowed: no --export of it")
    return sample.make(
        magnetization=np.where(kept, m / np.where(kept, length, 1), 0),
        voxel_size=float(found["voxel_size"]),
        magnet=np.where(kept, fill, 0),
        origin=ORIGIN,
        features={"method": found.attrs["method"]},
    )
