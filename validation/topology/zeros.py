"""Where inside a charged cell the spins have no direction: the place of its hedgehog, finer than a voxel.

- `zeros_of_cells`: the best place for each cell, in voxels, with its error;
- `linear_zeros`: the zeros of the spins interpolated over six tetrahedra; every charged cell holds as many as its
  charge says, at least;
- `trilinear_zeros`: the zero of the trilinear interpolant, by Newton's method;
- `DirectionFit`, `fit_directions`: the zero of a smooth field whose directions are those of the 4 x 4 x 4 spins around.

Unit vectors are no smooth field next to a hedgehog: interpolated, its zero is 0.15 voxel off, and 0.3 voxel if a
hedgehog of the other sign is two voxels away. The fit does not interpolate them. It looks for a polynomial of second
order to which all spins are parallel, n x P = 0, whatever its length; the analytic pairs are such fields, so that their
places are exact.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# The six tetrahedra from a cell's lowest to its highest corner: their outer faces are the triangles that are counted.
_PATHS = np.array([[np.isin(range(3), order[:k]) for k in range(4)] for order in permutations(range(3))], np.int64)
_PARITY = np.array([round(np.linalg.det(np.diff(path, axis=0))) for path in _PATHS])
# A field of spins (x, y, z) over places (z, y, x): the reversed order has the opposite handedness.
_HANDEDNESS = -1

_NEWTON_STEPS = 30
_LONGEST_STEP = 0.3
_CONVERGED = 1e-9
# Curvature of a smooth field over its slope, per voxel, that the fit expects.
_CURVATURE = 0.3
# Angles below are no noise: they would leave curvature free that a few spins cannot determine.
_LEAST_ANGLE = 0.01
# Spins next to the zero count like those at this squared distance: there a wrong place turns them over.
_NEAREST = 0.05
# How far outside of its cell the zero of a fit may lie, voxels: noise moves the charge to the next cell first.
_OUTSIDE = 0.2
_FEWEST_SPINS = 20
# Where noise makes a fit worse than this, voxels and rad, the interpolant is as good, and its error better known.
_FIT_ERROR = 0.2
_FIT_ANGLE = 0.2
# Along each axis without noise; 0.15 voxel in all, twice that between two close hedgehogs.
_TRILINEAR_ERROR = 0.11
# Along each axis at most: noise carries a charge to the next cell, not further.
_LARGEST_ERROR = 0.4
_CHUNK = 256
# Root mean square from the middle of a cell to a place anywhere in it, per axis.
CELL_ERROR = 12**-0.5


@dataclass(frozen=True, eq=False)
class DirectionFit:
    """Zeros of smooth fields.

    Attributes
    ----------
    place : (n, 3) float64 array
        (z, y, x), voxels from the cell's corner of lowest indices.
    covariance : (n, 3, 3) float64 array
        Of `place`, voxels squared, from the angles that the fit leaves.
    variance : (n,) float64 array
        Of the angles left between spins and field, along either direction, rad^2.
    found : (n,) bool array
        Whether there is a zero near the start, determined by enough spins.
    """

    place: Floats
    covariance: Floats
    variance: Floats
    found: Bools


def zeros_of_cells(spins: Floats, solid: Bools, charges: NDArray[np.int8]) -> tuple[Floats, Floats]:
    """Return the place of the hedgehog in each cell, and its error along each axis.

    The fit of the directions where it finds a zero in the cell, up to 0.2 voxel around it, with little noise and
    a small error; else the zero of the trilinear interpolant; else, or for a charge beyond one, the mean
    of the linear zeros, with the error of the middle of a cell.

    Parameters
    ----------
    spins : (n, 4, 4, 4, 3) float64 array
        Unit vectors of the cell, 1:3 along each axis, and of those around it.
    solid : (n, 4, 4, 4) bool array
        Which of them are magnet.
    charges : (n,) int array
        Not zero.

    Returns
    -------
    place, error : (n, 3) float64 arrays
        (z, y, x), voxels from the cell's corner of lowest indices.
    """
    corners = spins[:, 1:3, 1:3, 1:3]
    place = linear_zeros(corners, charges)
    error = np.full(place.shape, CELL_ERROR)
    single = np.flatnonzero(np.abs(charges) == 1)
    for first in range(0, len(single), _CHUNK):
        rows = single[first : first + _CHUNK]
        zero, found = trilinear_zeros(corners[rows], place[rows])
        found &= np.all(np.abs(zero - 0.5) <= 0.5, axis=1)
        place[rows[found]] = zero[found]
        fit = fit_directions(spins[rows], solid[rows], place[rows])
        error[rows[found]] = _trilinear_error(corners[rows[found]], zero[found], fit.variance[found])
        good = fit.found & np.all(np.abs(fit.place - 0.5) <= 0.5 + _OUTSIDE, axis=1)
        good &= (np.trace(fit.covariance, axis1=1, axis2=2) <= _FIT_ERROR**2) & (fit.variance <= _FIT_ANGLE**2)
        place[rows[good]] = fit.place[good]
        error[rows[good]] = np.sqrt(np.diagonal(fit.covariance[good], axis1=1, axis2=2))
    return place, error


def _trilinear_error(corners: Floats, zero: Floats, variance: Floats) -> Floats:
    value = _trilinear(corners, zero)
    # Spins move along two axes of three; what is large enough to matter here also bends the interpolant, by as much.
    noise = variance * np.prod(zero**2 + (1 - zero) ** 2, axis=1)
    inverse = np.linalg.pinv(value[1])
    along = noise[:, None] * np.einsum("nak,nak->na", inverse, inverse)
    return np.asarray(np.minimum(np.sqrt(_TRILINEAR_ERROR**2 + along), _LARGEST_ERROR))


def linear_zeros(corners: Floats, charges: NDArray[Any]) -> Floats:
    """Return the mean of the zeros, of the sign of the charge, of the spins interpolated over six tetrahedra.

    Parameters
    ----------
    corners : (n, 2, 2, 2, 3) float64 array
    charges : (n,) int array

    Returns
    -------
    (n, 3) float64 array
        (z, y, x), voxels; the middle of the cell where spins lie in a plane and no zero can be told.
    """
    total, count = np.zeros((len(corners), 3)), np.zeros(len(corners))
    for path, parity in zip(_PATHS, _PARITY, strict=True):
        spins = corners[:, path[:, 0], path[:, 1], path[:, 2]]
        weight = np.stack([(-1) ** k * np.linalg.det(np.delete(spins, k, axis=1)) for k in range(4)], axis=1)
        volume = weight.sum(axis=1)
        inside = np.all(weight * np.sign(volume)[:, None] >= 0, axis=1) & (volume != 0)
        # det(b - a, c - a, d - a) is the sum of the weights, up to the sign of four rows.
        inside &= np.sign(volume) * parity * _HANDEDNESS == np.sign(charges)
        share = weight / np.where(inside, volume, 1.0)[:, None]
        total[inside] += (share @ path)[inside]
        count += inside
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], 0.5)


def trilinear_zeros(corners: Floats, start: Floats) -> tuple[Floats, Bools]:
    """Return the zeros of the trilinear interpolants, by Newton's method, and whether they were found.

    Parameters
    ----------
    corners : (n, 2, 2, 2, 3) float64 array
    start : (n, 3) float64 array
        (z, y, x), voxels.
    """
    return _newton(lambda rows, place: _trilinear(corners[rows], place), start)


def _trilinear(corners: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Return the interpolated spins (n, 3) and their derivatives (n, component, axis)."""
    weight = np.stack([1 - place, place], axis=-1)
    slope = np.broadcast_to([-1.0, 1.0], weight.shape)
    factors = [[slope[:, a] if a == along else weight[:, a] for a in range(3)] for along in range(4)]
    values = [np.einsum("na,nb,nc,nabck->nk", *three, corners) for three in factors]
    return values[3], np.stack(values[:3], axis=-1)


def _newton(field: Any, start: Floats) -> tuple[Floats, Bools]:
    """Follow ``field(rows, place) -> values (n, 3), slopes (n, 3 components, 3 axes)`` to its zeros."""
    place, found = start.copy(), np.zeros(len(start), bool)
    rows = np.arange(len(start))
    for _ in range(_NEWTON_STEPS):
        value, slope = field(rows, place[rows])
        solvable = np.abs(np.linalg.det(slope)) > 1e-12 * np.maximum(np.linalg.norm(slope, axis=(1, 2)) ** 3, 1e-300)
        rows = rows[solvable]
        step = np.linalg.solve(slope[solvable], value[solvable][..., None])[..., 0]
        length = np.linalg.norm(step, axis=1)
        place[rows] -= step * np.minimum(1, _LONGEST_STEP / np.maximum(length, 1e-300))[:, None]
        found[rows] = length < _CONVERGED
        rows = rows[(length >= _CONVERGED) & (np.abs(place[rows] - start[rows]).max(axis=1) < 2)]
        if not len(rows):
            break
    return place, found


def fit_directions(spins: Floats, solid: Bools, start: Floats) -> DirectionFit:
    """Fit polynomials of second order to the directions of spins, and return their zeros.

    ``n x P = 0`` is linear in the 30 coefficients of P. Each spin counts by the angle between it and P. A multiple of P
    by a scalar has the same directions: of all the least curved is taken, by a prior whose weight follows from the
    angles that a first fit leaves.

    Parameters
    ----------
    spins : (n, 4, 4, 4, 3) float64 array
        Unit vectors; the cell is 1:3 along each axis.
    solid : (n, 4, 4, 4) bool array
        Which spins count.
    start : (n, 3) float64 array
        (z, y, x), voxels from the cell's corner of lowest indices.
    """
    vectors, use = spins.reshape(len(spins), 64, 3), solid.reshape(len(solid), 64)
    lattice = np.stack(np.meshgrid(*(np.arange(-1.0, 3.0),) * 3, indexing="ij"), axis=-1).reshape(64, 3)
    place, found = start.copy(), use.sum(axis=1) >= _FEWEST_SPINS
    variance = np.full(len(spins), _LEAST_ANGLE**2)
    covariance = np.full((len(spins), 3, 3), np.nan)
    for _ in range(2):
        fit = _polynomials(vectors, lattice - place[:, None], use, variance)
        zero, converged = _polynomial_zeros(fit.coefficients)
        found &= converged
        place[found] += zero[found]
        variance = np.maximum(fit.variance, _LEAST_ANGLE**2)
    inverse = np.linalg.pinv(np.swapaxes(fit.coefficients[:, 1:4], 1, 2))
    covariance = inverse @ fit.covariance @ np.swapaxes(inverse, 1, 2)
    return DirectionFit(place, covariance, variance, found)


@dataclass(frozen=True, eq=False)
class _Polynomials:
    coefficients: Floats  # (n, 10, 3): of the terms of `_terms`, by component
    covariance: Floats  # (n, 3, 3): of the constant terms
    variance: Floats  # (n,): of the angles left, rad^2 along either direction


def _polynomials(vectors: Floats, offset: Floats, use: Bools, variance: Floats) -> _Polynomials:
    count = len(vectors)
    terms = _terms(offset)
    weight = use / np.maximum(np.sum(offset**2, axis=-1), _NEAREST)
    across = np.eye(3) - vectors[..., :, None] * vectors[..., None, :]
    products = (terms[..., :, None] * terms[..., None, :] * weight[..., None, None]).reshape(count, -1, 100)
    normal = np.swapaxes(products, 1, 2) @ across.reshape(count, -1, 9)
    normal = normal.reshape(count, 10, 10, 3, 3).transpose(0, 1, 3, 2, 4).reshape(count, 30, 30)
    prior = variance[:, None, None] / _CURVATURE**2 * np.diag(np.repeat([0.0, 1.0], [12, 18]))
    # The curvature follows from constant and slope; of these 12 coefficients the length is free.
    curved = np.linalg.solve((normal + prior)[:, 12:, 12:], normal[:, 12:, :12])
    reduced = normal[:, :12, :12] - normal[:, :12, 12:] @ curved
    values, modes = np.linalg.eigh(reduced)
    linear = modes[..., :1]
    coefficients = np.concatenate([linear, -curved @ linear], axis=1)
    slope = np.maximum(np.sum(linear[:, 3:, 0] ** 2, axis=1) / 3, 1e-300)
    left = np.einsum("ni,nij,nj->n", coefficients[..., 0], normal, coefficients[..., 0]) / slope
    free = np.maximum(2 * use.sum(axis=1) - 11 - np.trace(_share(normal, prior), axis1=1, axis2=2), 4)
    angles = np.maximum(left, 0) / free
    constant = modes[:, :3, 1:]
    scatter = (constant / np.maximum(values[:, None, 1:], 1e-12)) @ np.swapaxes(constant, 1, 2)
    return _Polynomials(coefficients.reshape(count, 10, 3), scatter * (angles * slope)[:, None, None], angles)


def _share(normal: Floats, prior: Floats) -> Floats:
    """Return how far the curvature follows the spins instead of the prior; its trace counts free parameters."""
    curvature = normal[:, 12:, 12:]
    return np.linalg.solve(curvature + prior[:, 12:, 12:], curvature)


def _polynomial_zeros(coefficients: Floats) -> tuple[Floats, Bools]:
    def field(rows: Array, place: Floats) -> tuple[Floats, Floats]:
        chosen = coefficients[rows]
        value = np.einsum("nt,ntk->nk", _terms(place), chosen)
        return value, np.einsum("nta,ntk->nka", _slopes(place), chosen)

    return _newton(field, np.zeros((len(coefficients), 3)))


def _terms(place: Floats) -> Floats:
    """Return 1, z, y, x, z^2, y^2, x^2, zy, zx, yx along a last axis."""
    z, y, x = np.moveaxis(place, -1, 0)
    return np.stack([np.ones_like(z), z, y, x, z * z, y * y, x * x, z * y, z * x, y * x], axis=-1)


def _slopes(place: Floats) -> Floats:
    """Return the derivatives of `_terms` along (z, y, x): (n, 10, 3)."""
    z, y, x = place.T
    slopes = np.zeros((len(place), 10, 3))
    slopes[:, 1:4] = np.eye(3)
    for axis, along in enumerate((z, y, x)):
        slopes[:, 4 + axis, axis] = 2 * along
    slopes[:, 7, 0], slopes[:, 7, 1] = y, z
    slopes[:, 8, 0], slopes[:, 8, 2] = x, z
    slopes[:, 9, 1], slopes[:, 9, 2] = x, y
    return slopes
