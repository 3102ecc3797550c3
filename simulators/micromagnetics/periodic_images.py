"""Demagnetising tensors summed over the images of a sample that repeats in its plane.

- `periodic_tensors`: the sum at any displacements.

Near images are added one by one. Those beyond, where both directions repeat, are an integral over a uniform sheet less
a prism, with the Euler-Maclaurin corrections as a stencil of displaced prisms; a row of images is extrapolated.
"""

import itertools
import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulators.micromagnetics.cell_pairs import pair_tensors

Array = NDArray[Any]
Shape = tuple[int, int, int]
Cell = tuple[float, float, float]

_IMAGES = 9  # of a sheet, along its shorter direction
_ROW = 64  # of a row
_NODES = 7  # of the interpolation of what lies beyond, each direction of the plane
_HEIGHTS = 4  # Gaussian nodes across a cell's height


def periodic_tensors(offsets: Array, shape: Shape, cell: Cell, periodic: tuple[bool, bool]) -> Array:
    """Return the tensors of cells and all their images.

    Parameters
    ----------
    offsets : (n, 3) int array
        Displacements (z, y, x) in cells, the plane's from 0 to half a period.
    shape : tuple of int
        Cells (nz, ny, nx): the periods.
    cell : tuple of float
        Cell sizes (dz, dy, dx), m.
    periodic : tuple of bool
        Along (y, x); one or both.

    Returns
    -------
    (n, 6) float64 array
        Components xx, yy, zz, xy, xz, yz.
    """
    unit = max(cell)
    sides = (cell[0] / unit, cell[1] / unit, cell[2] / unit)
    places = offsets * np.array(sides)
    periods = np.array([shape[1] * sides[1], shape[2] * sides[2]])
    thickness = shape[0] * sides[0]
    if all(periodic):
        reach = max((_IMAGES + 0.5) * float(periods.max()), 4 * thickness)
        counts = np.ceil(reach / periods - 0.5).astype(int)
        return _image_sum(places, sides, periods, counts) + _beyond(offsets[:, 0], places, sides, periods, counts)
    axis = periodic.index(True)
    large = max(_ROW, math.ceil(8 * max(thickness, float(periods[1 - axis])) / float(periods[axis])))
    levels = [large * n // 6 for n in (2, 3, 4, 5, 6)]
    reaches = [np.array([n, 0] if axis == 0 else [0, n]) for n in (-1, *levels)]
    rings = [_image_sum(places, sides, periods, n, inner=m) for m, n in itertools.pairwise(reaches)]
    # What lies beyond n images is a series in 1/(n + 1/2)^2: extrapolate it to nothing.
    weights = _lagrange(1 / (np.array(levels) + 0.5) ** 2, np.zeros(1))[0]
    return np.asarray(np.tensordot(weights, np.cumsum(rings, axis=0), axes=1))


def _image_sum(places: Array, cell: Cell, periods: Array, counts: Array, *, inner: Array | None = None) -> Array:
    """Add all images up to `counts` (y, x) on either side, far ones first; those beyond `inner` only, where given."""
    index = [(j, i) for j in range(-counts[0], counts[0] + 1) for i in range(-counts[1], counts[1] + 1)]
    if inner is not None:
        index = [(j, i) for j, i in index if abs(j) > inner[0] or abs(i) > inner[1]]
    total = np.zeros((len(places), 6))
    for j, i in sorted(index, key=lambda image: -math.hypot(image[0] * periods[0], image[1] * periods[1])):
        total += pair_tensors(places + np.array([0.0, j * periods[0], i * periods[1]]), cell)
    return total


def _beyond(layers: Array, places: Array, cell: Cell, periods: Array, counts: Array) -> Array:
    """Return what the images beyond `counts` add: smooth in the plane, hence interpolated there (Chebyshev nodes)."""
    angle = (np.arange(_NODES) + 0.5) * math.pi / _NODES
    nodes = (1 - np.cos(angle)) / 2
    y, x = nodes * periods[0] / 2, nodes * periods[1] / 2
    weights = [_lagrange(nodes, places[:, axis + 1] / (periods[axis] / 2)) for axis in (0, 1)]
    total = np.empty((len(places), 6))
    for layer in np.unique(layers):
        grid = _sheet(layer * cell[0], y, x, cell, periods, counts).reshape(_NODES, _NODES, 6)
        here = layers == layer
        total[here] = np.einsum("nj,ni,jic->nc", weights[0][here], weights[1][here], grid)
    return total


def _lagrange(nodes: Array, at: Array) -> Array:
    """Return the weights (len(at), len(nodes)) of polynomial interpolation."""
    result = np.ones((len(at), len(nodes)))
    for k, node in enumerate(nodes):
        for other in np.delete(nodes, k):
            result[:, k] *= (at - other) / (node - other)
    return result


def _sheet(height: float, y: Array, x: Array, cell: Cell, periods: Array, counts: Array) -> Array:
    """Return the tensor of the uniform sheet beyond the images, at one height and the grid of `y` and `x`."""
    node, weight = np.polynomial.legendre.leggauss(_HEIGHTS)
    half = np.array([cell[0] / 2, *((counts + 0.5) * periods)])
    steps_y, weights_y = _stencil(periods[0], cell[1])
    steps_x, weights_x = _stencil(periods[1], cell[2])
    total = np.zeros((len(y) * len(x), 6))
    for u, w in zip(node, weight / 2, strict=True):
        for dy, wy in zip(steps_y, weights_y, strict=True):
            for dx, wx in zip(steps_x, weights_x, strict=True):
                at = np.stack(np.meshgrid(height + u * cell[0] / 2, y + dy, x + dx, indexing="ij"), axis=-1)
                total -= w * wy * wx * _prism(at.reshape(-1, 3), half)
    if abs(height) < cell[0] / 2:
        total[:, 2] += 1.0
    return np.asarray(total * (cell[1] * cell[2] / np.prod(periods)))


def _stencil(period: float, side: float) -> tuple[Array, Array]:
    """Return steps and weights that turn an integral over images into their sum, each averaged over two cells.

    The sum of f over points a period p apart is the integral of ``(p d/2)/sinh(p d/2) f``, d the derivative; averaging
    over two cells of side s is ``(sinh(s d/2)/(s d/2))**2``. The stencil has the moments of their product up to the
    sixth: ``1 - d^2/24 + 7 d^4/5760 - 31 d^6/967680`` and ``1 + d^2/12 + d^4/360 + d^6/20160``.
    """
    s = side / period
    sums = np.array([1.0, -1 / 24, 7 / 5760, -31 / 967680])
    averages = np.array([1.0, s**2 / 12, s**4 / 360, s**6 / 20160])
    series = np.convolve(sums, averages)[:4]
    steps = np.arange(-3, 4) / 2
    moments = np.zeros(7)
    moments[::2] = series * np.array([math.factorial(k) for k in (0, 2, 4, 6)])
    weights = np.linalg.solve(np.vander(steps, 7, increasing=True).T, moments)
    return steps * period, weights


@njit(cache=True, nogil=True, error_model="numpy")
def _prism(places, half):  # type: ignore[no-untyped-def]
    """Tensor of a uniform prism of half sides (z, y, x) at points (z, y, x) from its centre: sums over its corners."""
    result = np.zeros((places.shape[0], 6))
    for n in range(places.shape[0]):
        for i in (-1.0, 1.0):
            for j in (-1.0, 1.0):
                for k in (-1.0, 1.0):
                    x, y, z = half[2] + i * places[n, 2], half[1] + j * places[n, 1], half[0] + k * places[n, 0]
                    r = math.sqrt(x * x + y * y + z * z)
                    result[n, 0] += math.atan(y * z / (x * r))
                    result[n, 1] += math.atan(x * z / (y * r))
                    result[n, 2] += math.atan(x * y / (z * r))
                    result[n, 3] -= i * j * math.asinh(z / math.sqrt(x * x + y * y))
                    result[n, 4] -= i * k * math.asinh(y / math.sqrt(x * x + z * z))
                    result[n, 5] -= j * k * math.asinh(x / math.sqrt(y * y + z * z))
    return result / (4 * math.pi)
