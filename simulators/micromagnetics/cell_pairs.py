"""The demagnetising tensor between two equal cells.

- `pair_tensors`: N at any displacements, near ones by Newell's formula, far ones by quadrature.

``H = -N M``, components xx, yy, zz, xy, xz, yz, averaged over the cell that feels the field.

Newell's formula takes sixth differences of functions that grow like r**3, so its rounding error grows like r**6 against
N. Far away N is the dipole's tensor averaged over both cells: the weight of each direction is a triangle, for which
Gaussian nodes are exact to a degree of twice their number less one.

References
----------
A. J. Newell, W. Williams, D. J. Dunlop, J. Geophys. Res. 98, 9551 (1993), doi:10.1029/93JB00694.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]

_NEAR = (2.5, 1.5)  # Newell's formula is used within so many of the longest and second longest sides together
_MOST_NODES = 12
_ACCURACY = 1e-10  # of N itself: the errors of distant cells have one sign and add up over a large sample
_BLOCK = 512  # displacements


def pair_tensors(displacements: Array, cell: tuple[float, float, float]) -> Array:
    """Return the tensors between cells at the given displacements.

    Parameters
    ----------
    displacements : (n, 3) float array
        (z, y, x), m.
    cell : tuple of float
        Cell sizes (dz, dy, dx), m.

    Returns
    -------
    (n, 6) float64 array
        Components xx, yy, zz, xy, xz, yz.
    """
    # In units of the longest side, so that no power of a nanometre underflows.
    unit = max(cell)
    places = np.ascontiguousarray(displacements[:, ::-1], dtype=np.float64) / unit
    sides = np.array(cell[::-1]) / unit
    nodes, weights = _triangle_rules()
    near = _NEAR[0] + _NEAR[1] * sorted(cell)[1] / unit
    result = np.empty((len(places), 6))

    def fill(first: int, last: int) -> None:
        _fill(places[first:last], sides, near, nodes, weights, result[first:last])

    fourier.in_blocks(fill, len(places), _BLOCK)
    return result


@cache
def _triangle_rules() -> tuple[Array, Array]:
    """Return nodes and weights (rule, node) of Gaussian quadrature for ``1 - |u|`` on [-1, 1], 1 to `_MOST_NODES`.

    The recurrence of the orthogonal polynomials is found by Stieltjes' procedure on a fine rule for each half.
    """
    node, weight = np.polynomial.legendre.leggauss(40)
    u = np.concatenate([(node - 1) / 2, (node + 1) / 2])
    w = np.concatenate([weight, weight]) / 2 * (1 - np.abs(u))
    nodes, weights = np.zeros((_MOST_NODES + 1, _MOST_NODES)), np.zeros((_MOST_NODES + 1, _MOST_NODES))
    before, now = np.zeros_like(u), np.ones_like(u) / math.sqrt(w.sum())
    off: list[float] = []
    for count in range(1, _MOST_NODES + 1):
        # The weight is even, hence no diagonal.
        values, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1)) if off else (np.zeros(1), np.ones((1, 1)))
        nodes[count, :count], weights[count, :count] = values, vectors[0] ** 2
        raised = u * now - (off[-1] * before if off else 0.0)
        off.append(math.sqrt(float(np.sum(w * raised**2))))
        before, now = now, raised / off[-1]
    return nodes, weights


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(places, sides, near, nodes, weights, result):  # type: ignore[no-untyped-def]
    for i in range(places.shape[0]):
        x, y, z = abs(places[i, 0]), abs(places[i, 1]), abs(places[i, 2])
        if math.sqrt(x * x + y * y + z * z) < near:
            _newell(x, y, z, sides, result[i])
        else:
            _quadrature(x, y, z, sides, nodes, weights, result[i])
        for component, a, b in ((3, 0, 1), (4, 0, 2), (5, 1, 2)):
            if places[i, a] * places[i, b] < 0:
                result[i, component] *= -1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _f(x, y, z):  # type: ignore[no-untyped-def]
    """Newell's f, eq. 27, for x, y, z from 0: even in each."""
    r2 = x * x + y * y + z * z
    if r2 == 0.0:
        return 0.0
    r = math.sqrt(r2)
    total = (2 * x * x - y * y - z * z) * r / 6.0
    if x * x + z * z > 0.0:
        total += 0.5 * y * (z * z - x * x) * math.asinh(y / math.sqrt(x * x + z * z))
    if x * x + y * y > 0.0:
        total += 0.5 * z * (y * y - x * x) * math.asinh(z / math.sqrt(x * x + y * y))
    if x > 0.0:
        total -= x * y * z * math.atan(y * z / (x * r))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _g(x, y, z):  # type: ignore[no-untyped-def]
    """Newell's g, eq. 32, odd in x and y, even in z."""
    r2 = x * x + y * y + z * z
    if r2 == 0.0:
        return 0.0
    r = math.sqrt(r2)
    total = -x * y * r / 3.0
    if x * x + y * y > 0.0:
        total += x * y * z * math.asinh(z / math.sqrt(x * x + y * y))
    if y * y + z * z > 0.0:
        total += y / 6.0 * (3 * z * z - y * y) * math.asinh(x / math.sqrt(y * y + z * z))
    if x * x + z * z > 0.0:
        total += x / 6.0 * (3 * z * z - x * x) * math.asinh(y / math.sqrt(x * x + z * z))
    if z != 0.0:
        total -= z * z * z / 6.0 * math.atan(x * y / (z * r))
    if y != 0.0:
        total -= z * y * y / 2.0 * math.atan(x * z / (y * r))
    if x != 0.0:
        total -= z * x * x / 2.0 * math.atan(y * z / (x * r))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _newell(x, y, z, sides, out):  # type: ignore[no-untyped-def]
    out[:] = 0.0
    for i in range(-1, 2):
        for j in range(-1, 2):
            for k in range(-1, 2):
                # Second differences in each direction, with the sign of minus N.
                weight = (-2.0 if i == 0 else 1.0) * (-2.0 if j == 0 else 1.0) * (-2.0 if k == 0 else 1.0)
                px, py, pz = x + i * sides[0], y + j * sides[1], z + k * sides[2]
                ax, ay, az = abs(px), abs(py), abs(pz)
                out[0] += weight * _f(ax, ay, az)
                out[1] += weight * _f(ay, ax, az)
                out[2] += weight * _f(az, ay, ax)
                out[3] += weight * _g(px, py, pz)
                out[4] += weight * _g(px, pz, py)
                out[5] += weight * _g(py, pz, px)
    scale = -1.0 / (4 * math.pi * sides[0] * sides[1] * sides[2])
    for component in range(6):
        out[component] *= scale


@njit(cache=True, nogil=True, error_model="numpy")
def _nodes_needed(side, distance):  # type: ignore[no-untyped-def]
    ratio = side / distance
    error, count = ratio**2, 1
    while error > _ACCURACY and count < _MOST_NODES:
        error *= ratio * ratio
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _quadrature(x, y, z, sides, nodes, weights, out):  # type: ignore[no-untyped-def]
    distance = math.sqrt(x * x + y * y + z * z)
    nx, ny, nz = (
        _nodes_needed(sides[0], distance),
        _nodes_needed(sides[1], distance),
        _nodes_needed(sides[2], distance),
    )
    out[:] = 0.0
    for k in range(nz):
        pz = z + nodes[nz, k] * sides[2]
        for j in range(ny):
            py = y + nodes[ny, j] * sides[1]
            for i in range(nx):
                px = x + nodes[nx, i] * sides[0]
                r2 = px * px + py * py + pz * pz
                weight = weights[nx, i] * weights[ny, j] * weights[nz, k] / (r2 * r2 * math.sqrt(r2))
                out[0] += weight * (r2 - 3 * px * px)
                out[1] += weight * (r2 - 3 * py * py)
                out[2] += weight * (r2 - 3 * pz * pz)
                out[3] -= weight * 3 * px * py
                out[4] -= weight * 3 * px * pz
                out[5] -= weight * 3 * py * pz
    scale = sides[0] * sides[1] * sides[2] / (4 * math.pi)
    for component in range(6):
        out[component] *= scale
