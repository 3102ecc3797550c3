"""What the textures share: coordinates about a centre, directions, unit vectors.

- `about`: coordinates as seen from a centre;
- `frame`: an orthonormal frame whose third vector has a given direction; `rotate`: spins by a matrix;
- `unit`: fields of unit vectors; `sech`; `cylinder`: the radius about z and the direction away from the axis;
- `require_positive`, `require_sign`: parameters in words.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Point = tuple[float, float, float]
"""A place (z, y, x), m."""


def about(z: ArrayLike, y: ArrayLike, x: ArrayLike, centre: Point) -> tuple[Array, Array, Array]:
    """Return (z, y, x), m, as seen from `centre`: float64, of one shape."""
    shifted = [np.asarray(values, np.float64) - c for values, c in zip((z, y, x), centre, strict=True)]
    along_z, along_y, along_x = np.broadcast_arrays(*shifted)
    return along_z, along_y, along_x


def unit(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
    """Return (3, ...) float64 unit vectors along the given components, which must not all be zero."""
    vectors = np.stack(np.broadcast_arrays(*(np.asarray(values, np.float64) for values in (x, y, z))))
    # Two steps, so that squares neither vanish nor overflow for coordinates in m.
    vectors /= np.abs(vectors).max(axis=0)
    vectors /= np.sqrt(np.einsum("c...,c...->...", vectors, vectors))
    return vectors


def sech(u: Array) -> Array:
    """Return the hyperbolic secant, without overflow far away."""
    decay = np.exp(-np.abs(u))
    return np.asarray(2 * decay / (1 + decay * decay))


def cylinder(y: Array, x: Array) -> tuple[Array, Array, Array]:
    """Return the distance from the z axis, m, and the unit vector (y, x) away from it: along x on the axis itself."""
    radius = np.hypot(y, x)
    on_axis = radius == 0
    length = np.where(on_axis, 1.0, radius)
    return radius, y / length, np.where(on_axis, 1.0, x / length)


def frame(name: str, direction: ArrayLike) -> Array:
    """Return the rotation, (3, 3), that takes z to `direction` the shortest way; its columns are the new axes.

    Raises
    ------
    ValueError
        If `direction` is not a vector (x, y, z) that has a length.
    """
    vector = np.asarray(direction, np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all() or not vector.any():
        raise ValueError(f"{name} is {vector.tolist()}; allowed: a vector (x, y, z) that is not zero")
    x, y, z = unit(*vector)
    if z < -1 + 1e-12:
        return np.diag([1.0, -1.0, -1.0])
    return np.array(
        [[1 - x * x / (1 + z), -x * y / (1 + z), x], [-x * y / (1 + z), 1 - y * y / (1 + z), y], [-x, -y, z]]
    )


def rotate(m: Array, rotation: ArrayLike) -> Array:
    """Return the spins (3, ...) turned by a matrix (3, 3)."""
    return np.asarray(np.tensordot(np.asarray(rotation, np.float64), m, axes=1))


def require_positive(**lengths: float) -> None:
    """Raise one line unless every one of the `lengths` is a positive number of metres.

    Raises
    ------
    ValueError
        At the first that is not.
    """
    for name, value in lengths.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value} m; allowed: above 0")


def require_sign(**signs: int) -> None:
    """Raise one line unless every one of the `signs` is 1 or -1.

    Raises
    ------
    ValueError
        At the first that is not.
    """
    for name, value in signs.items():
        if value not in (1, -1):
            raise ValueError(f"{name} is {value}; allowed: 1, -1")
