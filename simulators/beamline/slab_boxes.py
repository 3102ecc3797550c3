"""Where slabs across the beam lie in a turned box, and how points walk through them.

- `slab_box`: the object pixels that a slab of the box covers;
- `slab_points`: the points at which `slice_kernels.mean_over_slice` reads the volume.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SLACK = 1e-9


def slab_box(
    corners: Array, low: float, thickness: float, *, margin: float, pixel_size: float, shape: tuple[int, int]
) -> tuple[Array, Array]:
    """Return the first and past-the-last object pixels (y, x) of what a slab of the turned box covers.

    Parameters
    ----------
    corners : (8, 3) array
        Of the box, in the beam's (x, y, z), m; the three lowest bits of an index are its sides.
    low, thickness : float
        Of the slab along the beam, m.
    margin : float
        By which the box is enlarged, m.
    pixel_size : float
        m.
    shape : tuple of int
        Pixels (y, x) of the object.
    """
    points = [corners[(corners[:, 2] >= low) & (corners[:, 2] <= low + thickness)]]
    for first, last in ((i, i ^ bit) for i in range(8) for bit in (1, 2, 4) if not i & bit):
        a, b = corners[first], corners[last]
        for level in (low, low + thickness):
            if (a[2] - level) * (b[2] - level) < 0:
                points.append((a + (level - a[2]) / (b[2] - a[2]) * (b - a))[None])
    inside = np.concatenate(points)[:, [1, 0]]
    middle = np.array(shape) // 2
    start = np.floor((inside.min(0) - margin) / pixel_size).astype(np.int64) + middle
    end = np.ceil((inside.max(0) + margin) / pixel_size).astype(np.int64) + middle + 1
    return np.clip(start, 0, shape), np.clip(end, 0, shape)


def slab_points(
    turn: Array,
    *,
    voxels: tuple[int, ...],
    voxel_size: tuple[float, float, float],
    pixel_size: float,
    low: float,
    thickness: float,
) -> tuple[Array, Array, int, int, float]:
    """Return what the kernel needs to walk through a slab: the map to voxel indices and the numbers of points.

    Points along the beam are at most half a voxel apart, those of a pixel at most one voxel.

    Parameters
    ----------
    turn : (3, 3) array
        From the sample's axes (x, y, z) to the beam's.
    voxels, voxel_size
        Of the volume, (z, y, x); the size in m.
    pixel_size, low, thickness : float
        m; the slab begins at `low` along the beam.
    """
    sizes = np.array(voxel_size)
    back = turn.T[::-1, ::-1] / sizes[:, None]  # rows and columns (z, y, x), from metres to voxels
    along = max(1, int(np.ceil(2 * thickness * np.abs(back[:, 0]).max() - _SLACK)))
    across = max(1, int(np.ceil(pixel_size / sizes[1:].min() - 1e-6)))
    start = np.array(voxels) // 2 + back[:, 0] * (low + thickness / (2 * along))
    return np.asarray(back), start, along, across, thickness / along
