"""What a voxel can be made of: magnet, matrix and vacuum, by absorption and delay together.

- `Materials`: the refractive indices of magnet and matrix; its `onto_mixtures` is a constraint.

The index of a mixture is the mean of those of its parts. In the plane of absorption and delay all mixtures of magnet,
matrix and vacuum fill a triangle, and where a voxel lies in it says how much magnet it holds, with no error from vacuum
beside it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]

_FLAT = 1e-6
"""Of its sides' product: area below which a triangle is a line."""


@dataclass(frozen=True)
class Materials:
    """Absorption and delay of the pure materials, in units of the volumes.

    Attributes
    ----------
    magnet, matrix : (float, float)

    Raises
    ------
    ValueError
        If a number is impossible.
    """

    magnet: tuple[float, float]
    matrix: tuple[float, float]

    def __post_init__(self) -> None:
        if not 0 <= self.matrix[0] < self.magnet[0] < np.inf:
            raise ValueError(
                f"magnet and matrix absorb {self.magnet[0]:.4g} and {self.matrix[0]:.4g}; "
                "allowed: magnet above matrix, from 0"
            )
        if not np.all(np.isfinite([*self.magnet, *self.matrix])):
            raise ValueError(f"delays are {self.magnet[1]}, {self.matrix[1]}; allowed: finite numbers")

    @property
    def shares(self) -> Array:
        """Return the matrix (2, 2) from absorption and delay to the shares of magnet and matrix.

        Where both lie on one line with vacuum, the rows tell the magnet alone.
        """
        a, b = np.array(self.magnet), np.array(self.matrix)
        area = a[0] * b[1] - a[1] * b[0]
        if abs(area) <= _FLAT * (a @ a):
            return np.stack([a / (a @ a), np.zeros(2)])
        return np.asarray(np.array([[b[1], -b[0]], [-a[1], a[0]]]) / area)

    def magnet_share(self, index: Array) -> Array:
        """Return the share of the magnet, (z, y, x) float32, 0 to 1, of absorption and delay (2, z, y, x)."""
        along = self.shares[0]
        matrix = along @ self.matrix  # 0, but on a line, where matrix counts as magnet
        share = (along[0] * index[0] + along[1] * index[1] - matrix) / (1 - matrix)
        return np.asarray(np.clip(share, 0, 1), np.float32)

    def onto_mixtures(self, index: Array) -> Array:
        """Move absorption and delay, (2, z, y, x), to the nearest mixture, in place."""
        corners = np.array([self.magnet, self.matrix])
        _to_triangle(index.reshape(2, -1), corners, self.shares)
        return index


@njit(cache=True, nogil=True, parallel=True)
def _to_triangle(index: Any, corners: Any, shares: Any) -> None:
    for i in prange(index.shape[1]):
        x, y = float(index[0, i]), float(index[1, i])
        s = shares[0, 0] * x + shares[0, 1] * y
        t = shares[1, 0] * x + shares[1, 1] * y
        within = shares[1, 0] != 0 or shares[1, 1] != 0
        if within and s >= 0 and t >= 0 and s + t <= 1:
            continue
        best = np.inf
        for side in range(3):  # vacuum to magnet, vacuum to matrix, magnet to matrix
            x0 = corners[0, 0] if side == 2 else 0.0
            y0 = corners[0, 1] if side == 2 else 0.0
            end = 0 if side == 0 else 1
            dx, dy = corners[end, 0] - x0, corners[end, 1] - y0
            length = dx * dx + dy * dy
            at = ((x - x0) * dx + (y - y0) * dy) / length if length > 0 else 0.0
            at = min(max(at, 0.0), 1.0)
            px, py = x0 + at * dx, y0 + at * dy
            distance = (x - px) ** 2 + (y - py) ** 2
            if distance < best:
                best = distance
                index[0, i], index[1, i] = px, py
