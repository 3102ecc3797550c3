"""Kernel of the spins on the surface of a magnet.

- `vertex_spins`: the spins at the vertices of its mesh, and the points outside that these belong to.
"""

import math

import numpy as np
from numba import njit

_ALONG = 1e-6  # a continued spin shorter than this has no direction


@njit(nogil=True, cache=True)
def vertex_spins(m, solid, vertices, spins, outside):  # type: ignore[no-untyped-def]
    """Fill the unit vectors `spins` (n, 3) at vertices (n, 3) and the nearest points without magnet, `outside` (n, 3).

    `m` (3, nz, ny, nx) holds spins of any length where `solid`. Most vertices lie on an edge between a spin and a point
    without one; where a cell can be parted in two ways there is one in its middle. The texture is continued linearly to
    the point outside: the spin of the magnet alone lies up to a voxel away, which makes the charge of a patch with long
    edges too small by some per cent.
    """
    nearest, beyond = np.empty(3), np.empty(3)
    inner, outer = np.empty(3, np.int64), np.empty(3, np.int64)
    for vertex in range(len(vertices)):
        before, after = _two_sides(solid, vertices[vertex], inner, outer)
        _unit_spin(m, inner[0], inner[1], inner[2], nearest)
        _continue_to(m, solid, outer, beyond)
        share = before / (before + after)
        # No continuation across more than a right angle.
        if nearest[0] * beyond[0] + nearest[1] * beyond[1] + nearest[2] * beyond[2] <= 0:
            share = 0.0
        for c in range(3):
            spins[vertex, c] = (1 - share) * nearest[c] + share * beyond[c]
            outside[vertex, c] = outer[c]
        _normalize(spins[vertex], 0.0)


@njit(nogil=True, cache=True)
def _two_sides(solid, vertex, inner, outer):  # type: ignore[no-untyped-def]
    """Find the nearest lattice points of the vertex' cell in the magnet and outside; return the distances."""
    before, after = math.inf, math.inf
    for corner in range(8):
        place = (
            math.floor(vertex[0]) if corner & 4 else math.ceil(vertex[0]),
            math.floor(vertex[1]) if corner & 2 else math.ceil(vertex[1]),
            math.floor(vertex[2]) if corner & 1 else math.ceil(vertex[2]),
        )
        distance = math.sqrt((vertex[0] - place[0]) ** 2 + (vertex[1] - place[1]) ** 2 + (vertex[2] - place[2]) ** 2)
        inside = solid[int(place[0]), int(place[1]), int(place[2])]
        if inside and distance < before:
            before = distance
            inner[0], inner[1], inner[2] = int(place[0]), int(place[1]), int(place[2])
        elif not inside and distance < after:
            after = distance
            outer[0], outer[1], outer[2] = int(place[0]), int(place[1]), int(place[2])
    return before, after


@njit(nogil=True, cache=True)
def _continue_to(m, solid, place, spin):  # type: ignore[no-untyped-def]
    """Fill `spin` with the direction of the texture continued to a place outside of the magnet, zero where unknown.

    The mean of 2 m(p + d) - m(p + 2 d) over the 26 neighbours at d, weighted by 1/d^4; where nowhere two spins lie
    behind one another, that of m(p + d).
    """
    first, second, flat = np.empty(3), np.empty(3), np.zeros(3)
    spin[:] = 0.0
    for dz in range(-1, 2):
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                z, y, x = place[0] + dz, place[1] + dy, place[2] + dx
                if not _holds(solid, z, y, x):
                    continue
                weight = 1.0 / (dz * dz + dy * dy + dx * dx) ** 2
                _unit_spin(m, z, y, x, first)
                behind = _holds(solid, z + dz, y + dy, x + dx)
                if behind:
                    _unit_spin(m, z + dz, y + dy, x + dx, second)
                for c in range(3):
                    flat[c] += weight * first[c]
                    if behind:
                        spin[c] += weight * (2 * first[c] - second[c])
    if not _normalize(spin, _ALONG):
        spin[:] = flat
        if not _normalize(spin, _ALONG):
            spin[:] = 0.0


@njit(nogil=True, cache=True)
def _holds(solid, z, y, x):  # type: ignore[no-untyped-def]
    nz, ny, nx = solid.shape
    return 0 <= z < nz and 0 <= y < ny and 0 <= x < nx and solid[z, y, x]


@njit(nogil=True, cache=True)
def _unit_spin(m, z, y, x, spin):  # type: ignore[no-untyped-def]
    for c in range(3):
        spin[c] = m[c, z, y, x]
    _normalize(spin, 0.0)


@njit(nogil=True, cache=True)
def _normalize(spin, least):  # type: ignore[no-untyped-def]
    """Make `spin` a unit vector if it is longer than `least`, and return whether it was."""
    length = math.sqrt(spin[0] * spin[0] + spin[1] * spin[1] + spin[2] * spin[2])
    if not length > least:
        return False
    for c in range(3):
        spin[c] /= length
    return True
