"""Solid angles that the spins of a lattice's faces cover, after Berg and Luescher.

- `face_fluxes`: the flux through every face, in units of 4 pi;
- `cube_charges`: what flows out of every cube of eight spins, an integer;
- `magnetic_corners`: which lattice points hold a spin that counts.

Each face is split by the diagonal from its corner of lowest to that of highest indices, the same for both its cubes.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from numerics import fourier

Array = NDArray[Any]

_PLANES = 8  # lattice planes in one block of the threads
_ANTIPODAL = 1e-14  # below this, 1 + a.b says that there is no shortest way from a to b
_DETOUR = (0.8131, 0.3417, 0.4713)  # where such ways lead: any direction that no lattice prefers
_HALF_FILLED = 0.5


def magnetic_corners(m: Array, magnet: ArrayLike | None) -> NDArray[np.bool_]:
    """Return which lattice points are magnet: at least half filled, or not zero where no fill is given.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
    magnet : (nz, ny, nx) array, optional
        Fill fraction or boolean.

    Returns
    -------
    (nz, ny, nx) bool array

    Raises
    ------
    ValueError
        If the shapes do not fit, or a spin inside the magnet is zero or not finite.
    """
    if m.ndim != 4 or m.shape[0] != 3:
        raise ValueError(f"m is of shape {m.shape}; allowed: (3, nz, ny, nx)")
    nonzero = np.any(m != 0, axis=0)
    if magnet is None:
        solid = nonzero
    else:
        fill = np.asarray(magnet)
        if fill.shape != m.shape[1:]:
            raise ValueError(f"magnet is of shape {fill.shape}; allowed: that of m, {m.shape[1:]}")
        solid = fill >= _HALF_FILLED
        missing = int(np.count_nonzero(solid & ~nonzero))
        if missing:
            raise ValueError(f"m is zero in {missing} points of the magnet; allowed: spins wherever magnet >= 0.5")
    if not np.isfinite(m).all():
        raise ValueError(f"m is {m[~np.isfinite(m)][0]} somewhere; allowed: finite numbers")
    return np.asarray(solid)


def face_fluxes(m: Array, solid: NDArray[np.bool_]) -> Array:
    """Return the flux of the emergent field through every face of the lattice.

    Parameters
    ----------
    m : (3, nz, ny, nx) float array
        Spins, component (x, y, z); lengths do not matter.
    solid : (nz, ny, nx) bool array
        Points that count; a face with another corner carries nothing.

    Returns
    -------
    (3, nz, ny, nx) float64 array
        Through the faces normal to (z, y, x), in units of 4 pi, positive towards higher indices. The face at (k, j, i)
        has that point as its corner of lowest indices; entries past the last face are zero.
    """
    nz = m.shape[1]
    flux = np.zeros((3, *m.shape[1:]))

    def change(first: int, last: int) -> None:
        _fluxes(_unit_spins(m, first, min(last + 1, nz)), solid[first : last + 1], flux[:, first:last])

    fourier.in_blocks(change, nz, _PLANES)
    return flux


def cube_charges(m: Array, solid: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the flux out of every cube whose eight corners are `solid`, 0 elsewhere; without storing the faces'.

    Parameters
    ----------
    m, solid : arrays
        As for `face_fluxes`.

    Returns
    -------
    (nz-1, ny-1, nx-1) int8 array
    """
    nz, ny, nx = m.shape[1:]
    charges = np.zeros((max(nz - 1, 0), max(ny - 1, 0), max(nx - 1, 0)), np.int8)

    def change(first: int, last: int) -> None:
        flux = np.zeros((3, last + 1 - first, ny, nx))
        _fluxes(_unit_spins(m, first, last + 1), solid[first : last + 1], flux)
        _sums(flux, solid[first : last + 1], charges[first:last])

    if charges.size:
        fourier.in_blocks(change, nz - 1, _PLANES)
    return charges


def _unit_spins(m: Array, first: int, last: int) -> Array:
    """Return the spins of some planes as (planes, ny, nx, 3) float64 unit vectors, zero where they were."""
    spins = np.ascontiguousarray(np.moveaxis(m[:, first:last], 0, -1), np.float64)
    length = np.sqrt(np.einsum("...c,...c->...", spins, spins))
    return np.asarray(spins / np.where(length > 0, length, 1.0)[..., None])


@njit(nogil=True, cache=True)
def _fluxes(unit, solid, flux):  # type: ignore[no-untyped-def]
    """Fill `flux` (3, planes, ny, nx); `unit` and `solid` hold these planes and, unless it is the last, the next."""
    planes, ny, nx = unit.shape[:3]
    spins = unit.reshape(-1, 3)
    for k in range(flux.shape[1]):
        for j in range(ny):
            for i in range(nx):
                if not solid[k, j, i]:
                    continue
                here = (k * ny + j) * nx + i
                up, right, along = here + ny * nx, here + nx, here + 1
                if j + 1 < ny and i + 1 < nx and solid[k, j, i + 1] and solid[k, j + 1, i + 1] and solid[k, j + 1, i]:
                    flux[0, k, j, i] = _face(spins, here, along, right + 1, right)
                if k + 1 == planes:
                    continue
                if i + 1 < nx and solid[k + 1, j, i] and solid[k + 1, j, i + 1] and solid[k, j, i + 1]:
                    flux[1, k, j, i] = _face(spins, here, up, up + 1, along)
                if j + 1 < ny and solid[k, j + 1, i] and solid[k + 1, j + 1, i] and solid[k + 1, j, i]:
                    flux[2, k, j, i] = _face(spins, here, right, up + nx, up)


@njit(nogil=True, cache=True)
def _sums(flux, solid, charges):  # type: ignore[no-untyped-def]
    """Add the six faces of every cube of solid corners."""
    for k in range(charges.shape[0]):
        for j in range(charges.shape[1]):
            for i in range(charges.shape[2]):
                if solid[k : k + 2, j : j + 2, i : i + 2].all():
                    total = flux[0, k + 1, j, i] - flux[0, k, j, i]
                    total += flux[1, k, j + 1, i] - flux[1, k, j, i]
                    total += flux[2, k, j, i + 1] - flux[2, k, j, i]
                    charges[k, j, i] = round(total)


@njit(nogil=True, cache=True)
def _face(spins, lowest, second, highest, fourth):  # type: ignore[no-untyped-def]
    """Solid angle over 4 pi of a face, its corners counter-clockwise seen from where the flux goes."""
    half = _half_angle(spins, lowest, second, highest) + _half_angle(spins, lowest, highest, fourth)
    return half / (2 * math.pi)


@njit(nogil=True, cache=True)
def _half_angle(spins, a, b, c):  # type: ignore[no-untyped-def]
    """Half the solid angle of a spherical triangle: Berg and Luescher, Nucl. Phys. B 190, 412 (1981)."""
    ax, ay, az = spins[a, 0], spins[a, 1], spins[a, 2]
    bx, by, bz = spins[b, 0], spins[b, 1], spins[b, 2]
    cx, cy, cz = spins[c, 0], spins[c, 1], spins[c, 2]
    ab = ax * bx + ay * by + az * bz
    bc = bx * cx + by * cy + bz * cz
    ca = cx * ax + cy * ay + cz * az
    if 1 + min(ab, bc, ca) < _ANTIPODAL:
        # Antipodal neighbours: their edge leads through one and the same point in all triangles that share it, so
        # that the cubes' sums stay integers; seen as a fan from that point, the edge itself covers nothing.
        half = _fan(ax, ay, az, bx, by, bz, ab) + _fan(bx, by, bz, cx, cy, cz, bc) + _fan(cx, cy, cz, ax, ay, az, ca)
        return half - 2 * math.pi * round(half / (2 * math.pi))
    return math.atan2(_determinant(ax, ay, az, bx, by, bz, cx, cy, cz), 1 + ab + bc + ca)


@njit(nogil=True, cache=True)
def _fan(ax, ay, az, bx, by, bz, ab):  # type: ignore[no-untyped-def]
    """Half the solid angle of the triangle from the detour's direction to a and b, none if these are antipodal."""
    if 1 + ab < _ANTIPODAL:
        return 0.0
    gx, gy, gz = _DETOUR
    norm = math.sqrt(gx * gx + gy * gy + gz * gz)
    denominator = norm * (1 + ab) + gx * (ax + bx) + gy * (ay + by) + gz * (az + bz)
    return math.atan2(_determinant(gx, gy, gz, ax, ay, az, bx, by, bz), denominator)


@njit(nogil=True, cache=True)
def _determinant(ax, ay, az, bx, by, bz, cx, cy, cz):  # type: ignore[no-untyped-def]
    return ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
