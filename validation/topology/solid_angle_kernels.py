"""Kernels of the solid angles that the spins of a lattice's faces cover, after Berg and Luescher.

- `unit_spins`: spins as the kernels take them;
- `sheet_flux`: flux through every face of a sheet of spins, in units of 4 pi;
- `block_flux`: through the faces of all three kinds of some planes, and what flows out of their cells.

Each face is split by the diagonal from its corner of lowest to that of highest indices, the same for both its cells.
Where spins do not say which way the sphere is covered, as two opposite ones or three of a great circle, it is that of
the probe of `charge_kernels`, so that both methods give the same charges.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from validation.topology.charge_kernels import AXES, TIE, are_opposite, opposite_parts

Array = NDArray[Any]

PROBE = AXES[2].copy()
"""Direction (x, y, z) whose image in the turned frame is +w."""

_NEARLY_OPPOSITE = -0.999  # cosine below which an angle is taken from parts that are exact in the sum over a cell
_CLEAR = 0.1  # real part above which no two corners are nearly opposite: its square is below 8 (1 + a.b)


def unit_spins(m: Array) -> Array:
    """Return spins (3, ...) as unit vectors (..., 3) in float64, zero where they were."""
    spins = np.ascontiguousarray(np.moveaxis(m, 0, -1), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # outside of a magnet there may be anything
        length = np.sqrt(np.einsum("...c,...c->...", spins, spins))
        return np.asarray(spins / np.where(length > 0, length, 1.0)[..., None])


@njit(nogil=True, cache=True)
def block_flux(unit, solid, flux_z, flux_y, flux_x, divergence):  # type: ignore[no-untyped-def]
    """Fill the fluxes and the divergence of n + 1 planes of spins; all are zero before.

    `unit` (n+1, ny, nx, 3) and `solid` (n+1, ny, nx) go in; `flux_z` (n+1, ny-1, nx-1), `flux_y` (n, ny, nx-1) and
    `flux_x` (n, ny-1, nx) point to higher indices; `divergence` (n, ny-1, nx-1) is 0 where a corner is outside.
    """
    planes, ny, nx = solid.shape
    for k in range(planes):
        sheet_flux(unit[k], solid[k], 1.0, flux_z[k])
    for j in range(ny):
        sheet_flux(unit[:, j], solid[:, j], -1.0, flux_y[:, j])
    for i in range(nx):
        sheet_flux(unit[:, :, i], solid[:, :, i], 1.0, flux_x[:, :, i])
    for k in range(planes - 1):
        for j in range(ny - 1):
            for i in range(nx - 1):
                if solid[k : k + 2, j : j + 2, i : i + 2].all():
                    out = flux_z[k + 1, j, i] - flux_z[k, j, i] + flux_y[k, j + 1, i] - flux_y[k, j, i]
                    divergence[k, j, i] = out + flux_x[k, j, i + 1] - flux_x[k, j, i]


@njit(nogil=True, cache=True)
def sheet_flux(unit, solid, sign, flux):  # type: ignore[no-untyped-def]
    """Fill `flux` (n-1, l-1) of a sheet of spins `unit` (n, l, 3), where all four corners are `solid`.

    With `sign` 1 it points to where the turn from the second axis to the first is counter-clockwise.
    """
    for j in range(flux.shape[0]):
        for i in range(flux.shape[1]):
            if solid[j, i] and solid[j, i + 1] and solid[j + 1, i] and solid[j + 1, i + 1]:
                half = _face(unit[j, i], unit[j, i + 1], unit[j + 1, i + 1], unit[j + 1, i])
                flux[j, i] = sign * half / (2 * math.pi)


@njit(nogil=True, cache=True)
def half_solid_angle(a, b, c):  # type: ignore[no-untyped-def]
    """Half the solid angle of a spherical triangle of unit vectors, from -pi to pi.

    Berg and Luescher, Nucl. Phys. B 190, 412 (1981), doi 10.1016/0550-3213(81)90568-X.
    """
    if min(_dot(a, b), _dot(b, c), _dot(c, a)) < _NEARLY_OPPOSITE:
        return _by_edges(a, b, c)
    volume, rest = _parts(a, b, c)
    if rest < 0 and abs(volume) < 2 * TIE:
        # A great circle: on the side of the probe, from where its corners turn as the area's projection does.
        area = _volume(PROBE, a, b) + _volume(PROBE, b, c) + _volume(PROBE, c, a)
        if abs(volume) <= TIE * abs(area):
            return math.copysign(math.pi, area)
    return math.atan2(volume, rest)


@njit(nogil=True, cache=True)
def _face(lowest, second, highest, fourth):  # type: ignore[no-untyped-def]
    """Half the solid angle of a face, positive if its corners turn counter-clockwise."""
    volume, rest = _parts(lowest, second, highest)
    other_volume, other_rest = _parts(lowest, highest, fourth)
    if min(rest, other_rest) > _CLEAR:
        # Both phases are within a quarter turn: that of the product is their sum, at the price of one.
        return math.atan2(volume * other_rest + other_volume * rest, rest * other_rest - volume * other_volume)
    return half_solid_angle(lowest, second, highest) + half_solid_angle(lowest, highest, fourth)


@njit(nogil=True, cache=True)
def _parts(a, b, c):  # type: ignore[no-untyped-def]
    """Imaginary and real part of a number whose phase is half the solid angle; exactly its conjugate for (a, c, b)."""
    return _volume(a, b, c), (1 + _dot(b, c)) + (_dot(a, b) + _dot(a, c))


@njit(nogil=True, cache=True)
def _by_edges(a, b, c):  # type: ignore[no-untyped-def]
    """Half the solid angle, from one number per edge.

    Close to opposite spins digits of the angle are lost. Seen from the probe, each edge covers an angle that only
    changes sign between the two triangles that share it, so that whatever its error, the sum over a closed surface is
    whole. Opposite spins are joined through the probe: that edge covers nothing.
    """
    half = 0.0
    is_open = False
    for p, q in ((a, b), (b, c), (c, a)):
        if are_opposite(p, q):
            is_open = True
        else:
            volume, rest = _parts(PROBE, p, q)
            half += math.atan2(volume, rest)
    if is_open:
        return half
    volume, rest = opposite_parts(a, b, c)
    return half - 2 * math.pi * round((half - math.atan2(volume, rest)) / (2 * math.pi))


@njit(nogil=True, cache=True)
def _dot(a, b):  # type: ignore[no-untyped-def]
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(nogil=True, cache=True)
def _volume(a, b, c):  # type: ignore[no-untyped-def]
    along = (b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0])
    return a[0] * along[0] + a[1] * along[1] + a[2] * along[2]
