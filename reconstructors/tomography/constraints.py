"""What is known of a magnetization beyond the projections.

- `onto_support`: nothing outside of the magnet;
- `onto_ball`: no voxel holds more than its share of the magnet, convex;
- `onto_sphere`: every voxel holds exactly its share, not convex;
- `exchange_gradient`: of the exchange energy of neighbours in the magnet; `EXCHANGE_CURVATURE` bounds its Hessian.

Each changes its first argument in place and returns it.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]

EXCHANGE_CURVATURE = 24.0
"""Largest eigenvalue of the Hessian of ``sum |m_i - m_j|^2`` over the bonds of a cubic lattice."""


def onto_support(m: Array, fill: Array) -> Array:
    """Set `m`, (c, z, y, x), to zero where the share of the magnet `fill`, (z, y, x), is zero."""
    m *= fill > 0
    return m


def onto_ball(m: Array, radius: Array) -> Array:
    """Shorten the vectors of `m`, (3, z, y, x), that are longer than `radius`, (z, y, x)."""
    _shorten(m.reshape(3, -1), radius.ravel(), False)
    return m


def onto_sphere(m: Array, radius: Array) -> Array:
    """Give the vectors of `m`, (3, z, y, x), the lengths `radius`, (z, y, x); a zero vector stays zero."""
    _shorten(m.reshape(3, -1), radius.ravel(), True)
    return m


@njit(cache=True, nogil=True, parallel=True)
def _shorten(m: Any, radius: Any, always: bool) -> None:
    for i in prange(m.shape[1]):
        r = radius[i]
        squared = m[0, i] * m[0, i] + m[1, i] * m[1, i] + m[2, i] * m[2, i]
        if squared > r * r or (always and squared > 0):
            scale = r / np.sqrt(squared) if r > 0 else 0.0 * r
            for c in range(3):
                m[c, i] *= scale


def exchange_gradient(n: Array, magnet: Array, out: Array) -> Array:
    """Write the gradient of ``1/2 sum |n_i - n_j|^2`` over neighbours in the magnet into `out`.

    Parameters
    ----------
    n : (3, z, y, x) float array
        Directions.
    magnet : (z, y, x) float array
        Weight of each voxel; a bond has the smaller of its two.
    out : (3, z, y, x) float array
    """
    _exchange(n, magnet, out)
    return out


@njit(cache=True, nogil=True, parallel=True)
def _exchange(n: Any, magnet: Any, out: Any) -> None:
    _, depth, height, width = n.shape
    for z in prange(depth):
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    out[c, z, y, x] = 0
                own = magnet[z, y, x]
                if own > 0:
                    if z > 0:
                        _bond(n, magnet, out, z, y, x, z - 1, y, x)
                    if z < depth - 1:
                        _bond(n, magnet, out, z, y, x, z + 1, y, x)
                    if y > 0:
                        _bond(n, magnet, out, z, y, x, z, y - 1, x)
                    if y < height - 1:
                        _bond(n, magnet, out, z, y, x, z, y + 1, x)
                    if x > 0:
                        _bond(n, magnet, out, z, y, x, z, y, x - 1)
                    if x < width - 1:
                        _bond(n, magnet, out, z, y, x, z, y, x + 1)


@njit(cache=True, nogil=True, inline="always")
def _bond(n: Any, magnet: Any, out: Any, z: Any, y: Any, x: Any, k: Any, j: Any, i: Any) -> None:
    weight = min(magnet[z, y, x], magnet[k, j, i])
    for c in range(3):
        out[c, z, y, x] += weight * (n[c, z, y, x] - n[c, k, j, i])
