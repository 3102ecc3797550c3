"""What the neighbours of a position in a scan let one expect there; the order of the frames does not matter.

- `Neighbourhood`: nearest neighbours of every position; `expected`: a local polynomial through them, the position
  itself left out; `spread`: robust spread around it; `quantile`; `is_worst`.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Array = NDArray[Any]

_MOST = 36  # neighbours: enough for a cubic in two dimensions, within three steps of a raster
_PER_TERM = 2.5  # neighbours for each coefficient
_REACH = 2.0  # of the weights, in distances between neighbours
_TO_SIGMA = 1.4826
_MOST_EXCESS = 0.6  # variance of the expectation over that of a value
_BLOCK = 256
_COLUMNS = 64


@dataclass(frozen=True)
class Neighbourhood:
    """Nearest neighbours of every position.

    Attributes
    ----------
    indices : (frames, k) int array
        Nearest first, without the position itself.
    away : (frames, k, 2) float array
        From the position to its neighbours, in median distances between nearest neighbours.
    """

    indices: Array
    away: Array

    @classmethod
    def of(cls, positions: Array) -> Self:
        """Find the neighbours of `positions` (frames, 2), at least two; the unit is free."""
        count = min(_MOST, len(positions) - 1)
        indices = KDTree(positions).query(positions, count + 1)[1]
        # of positions that coincide, a frame is not always its own nearest
        own = indices == np.arange(len(positions))[:, None]
        own[~own.any(1), -1] = True
        others = indices[~own].reshape(-1, count)
        away = positions[others] - positions[:, None]
        unit = np.median(np.linalg.norm(away[:, 0], axis=1))
        return cls(others, away / (unit if unit > 0 else 1.0))

    def expected(self, values: Array, trusted: Array) -> tuple[Array, Array]:
        """Return what the trusted neighbours let one expect.

        Parameters
        ----------
        values : (frames, k) float array
        trusted : (frames,) bool array

        Returns
        -------
        expected : (frames, k) array
        excess : (frames,) array
            Variance of value less expectation over that of a value.
        """
        expected, excess = np.empty_like(values), np.empty(len(values))
        for first in range(0, len(values), _BLOCK):
            part = slice(first, first + _BLOCK)
            indices, away = self.indices[part], self.away[part]
            near = np.exp(-0.5 * (away**2).sum(-1) / _REACH**2) * trusted[indices] + 1e-9
            lever = _lever(away, near, _degree(indices.shape[1]))
            # at the border of a scan a cubic extrapolates wildly
            wild = (lever**2).sum(1) > _MOST_EXCESS
            lever[wild] = _lever(away[wild], near[wild], min(1, _degree(indices.shape[1])))
            for column in range(0, values.shape[1], _COLUMNS):
                some = slice(column, column + _COLUMNS)
                expected[part, some] = np.einsum("jk,jkf->jf", lever, values[indices, some])
            excess[part] = 1 + (lever**2).sum(1)
        return expected, excess

    def spread(self, residuals: Array, trusted: Array) -> Array:
        """Return the robust spread (frames, k) of the residuals of the trusted neighbours, and of theirs."""
        spread = _TO_SIGMA * self.quantile(np.abs(residuals), trusted, 0.5)
        return np.sqrt(self._mean(spread**2))

    def _mean(self, values: Array) -> Array:
        result = np.empty_like(values)
        for first in range(0, len(values), _BLOCK):
            part = slice(first, first + _BLOCK)
            for column in range(0, values.shape[1], _COLUMNS):
                some = slice(column, column + _COLUMNS)
                result[part, some] = values[self.indices[part], some].mean(1)
        return result

    def quantile(self, values: Array, trusted: Array, share: float) -> Array:
        """Return a quantile (frames, k) of the trusted neighbours' values; of all, where none is trusted."""
        result = np.empty_like(values)
        for first in range(0, len(values), _BLOCK):
            part = slice(first, first + _BLOCK)
            indices = self.indices[part]
            seen = trusted[indices]
            seen[~seen.any(1)] = True
            place = np.rint(share * (seen.sum(1) - 1)).astype(int)
            for column in range(0, values.shape[1], _COLUMNS):
                some = slice(column, column + _COLUMNS)
                ordered = np.sort(np.where(seen[..., None], values[indices, some], np.inf), axis=1)
                result[part, some] = ordered[np.arange(len(ordered)), place]
        return result

    def is_worst(self, values: Array, count: int) -> NDArray[np.bool_]:
        """Return where a value (frames,) is at least as large as those of the `count` nearest neighbours."""
        return np.asarray(values >= values[self.indices[:, :count]].max(1))


def _degree(neighbours: int) -> int:
    return max(degree for degree in range(4) if degree == 0 or neighbours >= _PER_TERM * _terms(degree))


def _terms(degree: int) -> int:
    return (degree + 1) * (degree + 2) // 2


def _lever(away: Array, near: Array, degree: int) -> Array:
    """Return the weights (frames, k), of sum 1, of the neighbours' values in a local polynomial's constant term."""
    scaled = away / (2 * _REACH)
    terms = np.stack([scaled[..., 0] ** a * scaled[..., 1] ** b for a, b in _powers(degree)], -1)
    weighted = terms * near[..., None]
    normal = np.swapaxes(weighted, 1, 2) @ terms
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(normal.shape[-1])
    lever = np.linalg.solve(normal, np.swapaxes(weighted, 1, 2))[:, 0]
    return np.asarray(lever / lever.sum(1, keepdims=True))


def _powers(degree: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(degree + 1) for b in range(degree + 1 - a)]
