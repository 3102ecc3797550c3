"""Kernels that count how often cells of a lattice wrap the sphere, without a single angle.

The axis w of a turned frame is the probe: a triangle of spins counts where its cone holds +w. The spins' images on the
plane (u, v) decide how often a triangle winds around the axis: each edge that crosses the half line u > 0, v = 0 counts
once, with its direction, and the three edges of a triangle add up to its winding. An edge's number is the same for all
that share it, so the windings of a closed surface cancel whatever rounding does to a crossing, and all that is left to
tell is which of them lie on the side of +w. Two opposite spins, or three in a plane with the origin, do not say: they
count as if they passed on the side of +w, so that all cells that share them agree.

A cell whose corners all lie on one side of u = 0, v = 0 or w = 0 has no charge; most cells end there.
"""

import numpy as np
from numba import njit

from validation.topology.lattices import LEAST, MOST

_U = np.array([0.2993, -0.2268, -0.9268])
_W = np.cross(_U, np.array([-0.9269, -0.2994, -0.2261]))
AXES = np.stack([_U, np.cross(_W, _U), _W]) / np.sqrt([[_U @ _U], [(_U @ _U) * (_W @ _W)], [_W @ _W]])
"""Rows u, v, w of the turned frame: a rotation, no row within 0.04 of a plane of simple lattice directions."""

OPPOSITE = 1e-10
"""Angle from opposite, rad, below which two spins are taken for opposite."""

TIE = 1e-14
"""Distance of a triangle's plane from the origin below which rounding alone says on which side it passes."""

_FLAT = 1e-5  # height over its corners' mean below which a triangle's plane is looked at with care

_ALL_SIDES = np.uint8(7)


@njit(nogil=True, cache=True)
def count_cells(m, solid, first, last, charges):  # type: ignore[no-untyped-def]
    """Fill planes `first` to `last` of `charges` (nz-1, ny-1, nx-1), which are zero before.

    `solid` (last - first + 1, ny, nx) says where the magnet is; if it is empty, the magnet is where spins are not zero.
    Return the numbers of points of the magnet and of those among them that hold no spin.
    """
    _, _, ny, nx = m.shape
    sides = np.empty((2, ny, nx), np.uint8)
    mixed = np.empty(nx, np.uint8)
    points, bad = _plane_sides(m, solid, first, 0, sides[0])
    for k in range(first, last):
        below, above = sides[(k - first) & 1], sides[(k - first + 1) & 1]
        more = _plane_sides(m, solid, k + 1, k + 1 - first, above)
        points, bad = points + more[0], bad + more[1]
        for j in range(ny - 1):
            if not _mixed_cells(below[j], below[j + 1], above[j], above[j + 1], mixed):
                continue
            for i in range(nx - 1):
                if mixed[i]:
                    charges[k, j, i] = _cell(m, k, j, i)
    return points, bad


@njit(nogil=True, cache=True)
def _plane_sides(m, solid, k, plane, sides):  # type: ignore[no-untyped-def]
    """Note for every spin of plane `k` on which sides of the turned frame's planes it lies."""
    points, bad = 0, 0
    for j in range(m.shape[2]):
        more = _row_sides(m[0, k, j], m[1, k, j], m[2, k, j], sides[j])
        if solid.size:
            more = _magnet_row(solid[plane, j], sides[j])
        points, bad = points + more[0], bad + more[1]
    return points, bad


@njit(nogil=True, cache=True)
def _row_sides(x, y, z, sides):  # type: ignore[no-untyped-def]
    """Set the bits of one row: 1, 2, 4 where u, v, w are negative, 8 for no spin."""
    points, bad = 0, 0
    for i in range(sides.size):
        u, v, w = _turned(x[i], y[i], z[i])
        size = abs(u) + abs(v) + abs(w)
        # Wide enough that whatever is no spin here is none by its length either.
        spin = (size > LEAST / 2) & (size < 2 * MOST)
        point = (x[i] != 0) | (y[i] != 0) | (z[i] != 0)
        sides[i] = (u < 0) + 2 * (v < 0) + 4 * (w < 0) + 8 * (not spin)
        points += point
        bad += point & (not spin)
    return points, bad


@njit(nogil=True, cache=True)
def _magnet_row(solid, sides):  # type: ignore[no-untyped-def]
    points, bad = 0, 0
    for i in range(sides.size):
        points += solid[i]
        bad += solid[i] & (sides[i] > 7)
        sides[i] |= 8 * (not solid[i])
    return points, bad


@njit(nogil=True, cache=True)
def _turned(x, y, z):  # type: ignore[no-untyped-def]
    x, y, z = np.float64(x), np.float64(y), np.float64(z)
    u = AXES[0, 0] * x + AXES[0, 1] * y + AXES[0, 2] * z
    v = AXES[1, 0] * x + AXES[1, 1] * y + AXES[1, 2] * z
    w = AXES[2, 0] * x + AXES[2, 1] * y + AXES[2, 2] * z
    return u, v, w


@njit(nogil=True, cache=True)
def _mixed_cells(low, right, up, both, mixed):  # type: ignore[no-untyped-def]
    """Mark the cells between four rows whose corners are all magnet and lie on both sides of all planes."""
    found = 0
    for i in range(low.size - 1):
        some = low[i] | right[i] | up[i] | both[i] | low[i + 1] | right[i + 1] | up[i + 1] | both[i + 1]
        every = low[i] & right[i] & up[i] & both[i] & low[i + 1] & right[i + 1] & up[i + 1] & both[i + 1]
        mixed[i] = (some ^ (every & _ALL_SIDES)) == _ALL_SIDES
        found += mixed[i]
    return found


@njit(nogil=True, cache=True)
def _cell(m, k, j, i):  # type: ignore[no-untyped-def]
    """Add up the twelve triangles of a cell; its corners are named after their steps along (z, y, x)."""
    p000, p001 = _spin(m, k, j, i), _spin(m, k, j, i + 1)
    p010, p011 = _spin(m, k, j + 1, i), _spin(m, k, j + 1, i + 1)
    p100, p101 = _spin(m, k + 1, j, i), _spin(m, k + 1, j, i + 1)
    p110, p111 = _spin(m, k + 1, j + 1, i), _spin(m, k + 1, j + 1, i + 1)
    x00, x01, x10, x11 = _crossing(p000, p001), _crossing(p010, p011), _crossing(p100, p101), _crossing(p110, p111)
    y00, y01, y10, y11 = _crossing(p000, p010), _crossing(p001, p011), _crossing(p100, p110), _crossing(p101, p111)
    z00, z01, z10, z11 = _crossing(p000, p100), _crossing(p001, p101), _crossing(p010, p110), _crossing(p011, p111)
    xy0, xy1 = _crossing(p000, p011), _crossing(p100, p111)
    zx0, zx1 = _crossing(p000, p101), _crossing(p010, p111)
    yz0, yz1 = _crossing(p000, p110), _crossing(p001, p111)
    # A face's first triangle turns counter-clockwise seen from where the axis points.
    charge = _above(p100, p101, p111, x10 + y11 - xy1) + _above(p100, p111, p110, xy1 - x11 - y10)
    charge -= _above(p000, p001, p011, x00 + y01 - xy0) + _above(p000, p011, p010, xy0 - x01 - y00)
    charge += _above(p010, p110, p111, z10 + x11 - zx1) + _above(p010, p111, p011, zx1 - z11 - x01)
    charge -= _above(p000, p100, p101, z00 + x10 - zx0) + _above(p000, p101, p001, zx0 - z01 - x00)
    charge += _above(p001, p011, p111, y01 + z11 - yz1) + _above(p001, p111, p101, yz1 - y11 - z01)
    charge -= _above(p000, p010, p110, y00 + z10 - yz0) + _above(p000, p110, p100, yz0 - y10 - z00)
    return charge


@njit(nogil=True, cache=True)
def _spin(m, k, j, i):  # type: ignore[no-untyped-def]
    return _turned(m[0, k, j, i], m[1, k, j, i], m[2, k, j, i])


@njit(nogil=True, cache=True)
def _crossing(a, b):  # type: ignore[no-untyped-def]
    """Return 1 or -1 if the way from a to b crosses the half line u > 0, v = 0 upwards or downwards.

    Without branches, which noise makes hard to foresee. Where the way all but meets the axis it may pass on either
    side: the charge of a closed surface is the same.
    """
    turn = a[0] * b[1] - a[1] * b[0]
    up, down = (a[1] < 0) & (b[1] >= 0) & (turn > 0), (a[1] >= 0) & (b[1] < 0) & (turn < 0)
    return np.int64(up) - np.int64(down)


@njit(nogil=True, cache=True)
def _above(a, b, c, winding):  # type: ignore[no-untyped-def]
    """Return the winding of a triangle if its plane meets the axis at w > 0, or one of its edges passes there."""
    if winding == 0:
        return 0
    bc, ca, ab = abs(b[0] * c[1] - b[1] * c[0]), abs(c[0] * a[1] - c[1] * a[0]), abs(a[0] * b[1] - a[1] * b[0])
    height = bc * a[2] + ca * b[2] + ab * c[2]
    scale = bc * abs(a[2]) + ca * abs(b[2]) + ab * abs(c[2])
    reach = _reach(a) + _reach(b) + _reach(c)
    if abs(height) < _FLAT * scale or min(bc, ca, ab) < OPPOSITE * reach * reach:
        return winding if _passes_above(a, b, c, winding) else 0
    return winding if height > 0 else 0


@njit(nogil=True, cache=True)
def _reach(a):  # type: ignore[no-untyped-def]
    return abs(a[0]) + abs(a[1]) + abs(a[2])


@njit(nogil=True, cache=True)
def _passes_above(a, b, c, winding):  # type: ignore[no-untyped-def]
    """Do as `_above` where spins are opposite or nearly in a plane with the origin."""
    if are_opposite(a, b) or are_opposite(b, c) or are_opposite(c, a):
        return True
    a, b, c = _unit(a), _unit(b), _unit(c)
    volume, _ = opposite_parts(a, b, c)
    shadow = (a[0] * b[1] - a[1] * b[0]) + (b[0] * c[1] - b[1] * c[0]) + (c[0] * a[1] - c[1] * a[0])
    return winding * volume >= -TIE * abs(shadow)


@njit(nogil=True, cache=True)
def _unit(a):  # type: ignore[no-untyped-def]
    length = np.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])
    return a[0] / length, a[1] / length, a[2] / length


@njit(nogil=True, cache=True)
def opposite_parts(a, b, c):  # type: ignore[no-untyped-def]
    """Imaginary and real part of a number whose phase is half the solid angle of a triangle of unit vectors.

    For spins that are nearly opposite: (a + b).(b + c) = 1 + a.b + b.c + c.a, and likewise the volume, keep the digits
    that the sum of four loses, if the two edges at b are the ones that need it.
    """
    ab, bc = a[0] * b[0] + a[1] * b[1] + a[2] * b[2], b[0] * c[0] + b[1] * c[1] + b[2] * c[2]
    ca = c[0] * a[0] + c[1] * a[1] + c[2] * a[2]
    if ca >= ab and ca >= bc:
        return _parts_about(a, b, c)
    return _parts_about(b, c, a) if ab >= bc else _parts_about(c, a, b)


@njit(nogil=True, cache=True)
def _parts_about(a, b, c):  # type: ignore[no-untyped-def]
    px, py, pz = a[0] + b[0], a[1] + b[1], a[2] + b[2]
    qx, qy, qz = b[0] + c[0], b[1] + c[1], b[2] + c[2]
    volume = px * (b[1] * qz - b[2] * qy) + py * (b[2] * qx - b[0] * qz) + pz * (b[0] * qy - b[1] * qx)
    return volume, px * qx + py * qy + pz * qz


@njit(nogil=True, cache=True)
def are_opposite(a, b):  # type: ignore[no-untyped-def]
    """Return whether two vectors of any length are opposite to `OPPOSITE`."""
    if a[0] * b[0] + a[1] * b[1] + a[2] * b[2] >= 0:
        return False
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    lengths = (a[0] * a[0] + a[1] * a[1] + a[2] * a[2]) * (b[0] * b[0] + b[1] * b[1] + b[2] * b[2])
    return x * x + y * y + z * z < OPPOSITE * OPPOSITE * lengths
