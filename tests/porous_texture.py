"""A smooth random texture between close-packed spheres, on a fine grid and averaged over voxels twice as wide."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from simulators.experiments.tilt_series_truth import volume_mean

Array = NDArray[Any]

FINE, COARSE = 2.5e-9, 5e-9
SPACING = 28  # fine voxels between the centres of neighbouring spheres: 70 nm


def porous_texture(
    rng: np.random.Generator, *, shape: tuple[int, int, int] = (48, 72, 72), smooth: float = 3.5
) -> tuple[Array, Array]:
    """Return unit vectors (3, z, y, x) and the magnet, 1 between spheres and 0 in them and in a rim of two voxels."""
    z, y, x = (np.arange(n) - n // 2 for n in shape)
    edge = SPACING * np.sqrt(2)
    reach = range(-3, 4)
    magnet = np.ones(shape, np.float32)
    for i in reach:
        for j in reach:
            for k in reach:
                if (i + j + k) % 2 == 0:
                    square = (
                        (z[:, None, None] - i * edge / 2) ** 2
                        + (y[None, :, None] - j * edge / 2) ** 2
                        + (x - k * edge / 2) ** 2
                    )
                    magnet[square < (SPACING / 2) ** 2] = 0
    rim = np.ones(shape, bool)
    rim[2:-2, 2:-2, 2:-2] = False
    magnet[rim] = 0
    m = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), smooth) for _ in range(3)])
    m /= np.linalg.norm(m, axis=0)
    return (m * magnet).astype(np.float32), magnet


def averaged(values: Array) -> Array:
    """Return means over voxels of 5 nm, with a rim of one."""
    shape = tuple(2 * (n // 4 + 1) + 1 for n in values.shape[-3:])
    return volume_mean(values, shape=shape, voxel_size=(FINE,) * 3, coarse=COARSE)
