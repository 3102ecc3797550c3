"""What may enter the topology of a lattice of spins.

- `spin_lattice`: a magnetization as kernels take it;
- `fill_lattice`: a fill fraction;
- `magnet_lattice`: which points are magnet, each with its spin;
- `whole_cells`: which cells are magnet at all their corners.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

HALF_FILLED = 0.5
"""Fill fraction from which a point is magnet."""

LEAST, MOST = 1e-70, 1e70
"""Lengths of spins whose products neither vanish nor overflow."""

_FULL = 1 + 1e-6  # a fill fraction of one, rounded

_AXES = ("nz", "ny", "nx")


def spin_lattice(m: ArrayLike, *, dimensions: int = 3) -> Array:
    """Return a magnetization as a contiguous float32 or float64 array, without a copy where it is one.

    Parameters
    ----------
    m : (3, nz, ny, nx) or (3, ny, nx) array
        Spins, component (x, y, z).
    dimensions : int
        Number of axes after the components, 3 or 2.

    Raises
    ------
    ValueError
        If `m` has another shape, or is not real.
    """
    spins = np.asarray(m)
    if spins.ndim != dimensions + 1 or spins.shape[0] != 3 or 0 in spins.shape:
        raise ValueError(f"m is of shape {spins.shape}; allowed: (3, {', '.join(_AXES[-dimensions:])})")
    if spins.dtype.kind not in "fiu":
        raise ValueError(f"m is of type {spins.dtype}; allowed: real numbers")
    return np.ascontiguousarray(spins, np.float32 if spins.dtype in (np.float32, np.float16) else np.float64)


def fill_lattice(magnet: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return a fill fraction as an array, without a copy.

    Raises
    ------
    ValueError
        If it is not of `shape`, or not everywhere from 0 to 1.
    """
    fill = np.asarray(magnet)
    if fill.shape != shape:
        raise ValueError(f"magnet is of shape {fill.shape}; allowed: that of m, {shape}")
    if fill.dtype.kind not in "bfiu":
        raise ValueError(f"magnet is of type {fill.dtype}; allowed: fill fractions from 0 to 1, or boolean")
    if fill.dtype.kind != "b":
        low, high = fill.min(), fill.max()
        if not (low >= 0 and high <= _FULL):
            raise ValueError(f"magnet is from {low} to {high}; allowed: fill fractions from 0 to 1, or boolean")
    return fill


def magnet_lattice(m: Array, magnet: ArrayLike | None) -> NDArray[np.bool_]:
    """Return which points are magnet: at least half filled, or not zero where no fill is given.

    Parameters
    ----------
    m : (3, ...) float array
        Spins.
    magnet : (...) array or None
        Fill fraction from 0 to 1, or boolean.

    Raises
    ------
    ValueError
        If `magnet` has another shape, is no fill fraction or nowhere half filled, or if a point of the magnet holds no
        spin: a vector that is finite and not zero.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.sqrt(np.einsum("c...,c...->...", m, m, dtype=np.float64))
    solid = np.any(m != 0, axis=0) if magnet is None else fill_lattice(magnet, m.shape[1:]) >= HALF_FILLED
    if not solid.any():
        name = "m is zero everywhere" if magnet is None else "magnet is nowhere half filled"
        raise ValueError(f"{name}; allowed: spins, and a fill of at least 0.5 where they are")
    wrong = solid & ~((length > LEAST) & (length < MOST))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        spin = tuple(m.reshape(3, -1)[:, np.flatnonzero(wrong)[0]].tolist())
        others = np.count_nonzero(wrong) - 1
        raise ValueError(
            f"m is {spin} at index {place} of the magnet, and no spin in {others} more points; "
            "allowed: finite vectors other than zero"
        )
    return np.asarray(solid)


def whole_cells(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for which cells (nz-1, ny-1, nx-1) all eight corners are `solid` (nz, ny, nx)."""
    for axis in range(solid.ndim):
        line = np.moveaxis(solid, axis, 0)
        solid = np.moveaxis(line[:-1] & line[1:], 0, axis)
    return solid
