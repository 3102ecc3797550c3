"""How well a volume explains the projections: weighted least squares, scalar or vector.

- `DataTerm`: residual, gradient and the norms of both;
- `operator_norm`: the largest curvature, by power iteration.

``f(x) = 1/2 sum w |A x - b|^2``; its gradient is ``A'(w (A x - b))``. (The equations 5 and 6 of the vector ptychography
paper leave out -b.)
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.tomography.projector import (
    Projector,
    project,
    project_adjoint,
    project_vector,
    project_vector_adjoint,
)
from reconstructors.tomography.solver_kernels import residual, residual_squares, weighted_squares
from reconstructors.tomography.waves import project_index, project_index_adjoint

Array = NDArray[Any]

MARGIN = 1.05
"""On an operator norm from power iteration, which comes from below."""


def _project_one(x: Array, plan: Projector) -> Array:
    return project(x[0], plan)


def _project_one_adjoint(images: Array, plan: Projector) -> Array:
    return project_adjoint(images, plan)[None]


_FORWARD = {1: _project_one, 2: project_index, 3: project_vector}
_ADJOINT = {1: _project_one_adjoint, 2: project_index_adjoint, 3: project_vector_adjoint}


@dataclass(frozen=True, eq=False)
class DataTerm:
    """Projections to be explained.

    Attributes
    ----------
    plan : Projector
    data : (n, y, x) float32 array
        Line integrals, voxels.
    weights : (n, y, x) float32 array or None
        One over the variance of the data, on any scale; 0 leaves a pixel out. None: all alike.
    components : int
        1: a scalar volume (1, z, y, x); 2: absorption and delay (2, z, y, x), of waves; 3: a magnetization
        (3, z, y, x).

    Raises
    ------
    ValueError
        If shapes differ, weights are negative, or nothing is left.
    """

    plan: Projector
    data: Array
    weights: Array | None = None
    components: int = 3

    def __post_init__(self) -> None:
        wanted = (len(self.plan), *self.plan.detector)
        if self.data.shape != wanted:
            raise ValueError(f"data has shape {self.data.shape}; allowed: {wanted}")
        if not np.all(np.isfinite(self.data)):
            bad = int(np.count_nonzero(~np.isfinite(self.data)))
            raise ValueError(f"data has {bad} values that are not finite; allowed: none")
        if self.weights is not None and (self.weights.shape != wanted or not np.all(self.weights >= 0)):
            raise ValueError(f"weights have shape {self.weights.shape}; allowed: {wanted}, values from 0")
        if self.components not in _FORWARD:
            raise ValueError(f"components is {self.components}; allowed: 1, 2, 3")
        if not self.norm > 0:
            raise ValueError("data is 0 wherever it has weight; allowed: projections of something")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the volumes."""
        return self.components, *self.plan.shape

    @cached_property
    def norm(self) -> float:
        """The root of ``sum w b^2``."""
        return float(np.sqrt(self.squared(self.data)))

    def forward(self, x: Array) -> Array:
        """Return ``A x``."""
        return _FORWARD[self.components](x, self.plan)

    def adjoint(self, images: Array) -> Array:
        """Return ``A' images``."""
        return _ADJOINT[self.components](images, self.plan)

    def weighted(self, images: Array) -> Array:
        """Return ``w images``."""
        return images if self.weights is None else self.weights * images

    def squared(self, images: Array) -> float:
        """Return ``sum w images^2``, summed in double precision."""
        return float(weighted_squares(_rows(images), self.weight_rows))

    def residual(self, projected: Array) -> tuple[Array, float]:
        """Return ``w (A x - b)`` and ``sum w (A x - b)^2``, of ``A x``."""
        out = np.empty(self.data.shape, np.float32)
        squared = residual(_rows(projected), _rows(self.data), self.weight_rows, _rows(out))
        return out, float(squared)

    def squared_residual(self, projected: Array) -> float:
        """Return ``sum w (A x - b)^2``, of ``A x``."""
        return float(residual_squares(_rows(projected), _rows(self.data), self.weight_rows))

    def misfit(self, projected: Array) -> float:
        """Return ``|A x - b| / |b|``, weighted, of ``A x``."""
        return self.relative(self.squared_residual(projected))

    def relative(self, squared: float) -> float:
        """Return the misfit whose ``sum w r^2`` is `squared`."""
        return float(np.sqrt(squared)) / self.norm

    def gradient(self, projected: Array) -> Array:
        """Return the gradient of the data term, of ``A x``."""
        return self.adjoint(self.residual(projected)[0])

    @cached_property
    def weight_rows(self) -> Array:
        """The weights as kernels take them, (n, pixels); no rows if all are 1."""
        return np.empty((0, 0), np.float32) if self.weights is None else _rows(self.weights.astype(np.float32))


def _rows(images: Array) -> Array:
    return np.ascontiguousarray(images).reshape(len(images), -1)


def operator_norm(
    term: DataTerm,
    *,
    scale: Array | None = None,
    rng: np.random.Generator,
    iterations: int = 20,
) -> float:
    """Return the largest eigenvalue of ``S A'WA`` by power iteration; from below, see `MARGIN`.

    It is that of ``R A'WA R`` with R the root of S: the curvature of steps by S. For a fill S, 0 to 1, it is no less
    than the curvature of ``x = S y`` over y.

    Parameters
    ----------
    term : DataTerm
    scale : (z, y, x) array, optional
        S, from 0: a support, a fill fraction or the lengths of steps. Default 1.
    rng : numpy.random.Generator
        Of the start.
    iterations : int

    Raises
    ------
    ValueError
        If the support is empty.
    """
    factor = np.float32(1) if scale is None else scale.astype(np.float32)
    x = factor * _strong_start(term.shape, rng)
    found = 0.0
    for _ in range(iterations):
        length = float(np.linalg.norm(x))
        if not length > 0:
            raise ValueError("scale is 0 everywhere; allowed: a support with something in it")
        x = factor * term.adjoint(term.weighted(term.forward(x / np.float32(length))))
        found = float(np.linalg.norm(x))
    return found


def _strong_start(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return what power iteration converges fast from, (c, z, y, x): ones in the last component, some white noise.

    That is near to the strongest scalar volume, and, as most beams have a part along z, to the strongest magnetization.
    White noise alone is far from both: twenty iterations from there fell short of the norm by up to 8 %.
    """
    start = np.float32(0.1) * rng.standard_normal(shape, dtype=np.float32)
    start[-1] += 1
    return start
