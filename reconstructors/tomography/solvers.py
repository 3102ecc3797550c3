"""Solvers of ``min 1/2 sum w |A x - b|^2``, driven by `numerics.iterate`.

- `GradientDescent`: fixed step, projection after each;
- `ConjugateGradient`: CGLS on y with x = scale y, for what is linear;
- `Accelerated`: gradient steps with momentum and restarts, for convex constraints;
- `Constraint`: what changes a volume in place into one that is allowed, such as `constraints.onto_ball`.

Each has ``init(term)``, ``step(state)`` and ``error(state)``, the weighted misfit. Lengths of steps: below two over the
largest curvature, `data_term.operator_norm`. A step costs one forward and one adjoint projection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.solver_kernels import (
    advance,
    descend,
    extrapolate,
    reversal,
    scaled_square,
    subtract,
    turn,
)

Array = NDArray[Any]
Constraint = Callable[[Array], Array]


@dataclass(eq=False)
class Descent:
    """State of `GradientDescent`: the volume `x`, and the weighted residual of it with its squared norm."""

    term: DataTerm
    x: Array
    rest: Array
    squared: float


@dataclass(frozen=True)
class GradientDescent:
    """Steps against the gradient, each followed by the constraint.

    Attributes
    ----------
    step_length : float
        Over the gradient; stable below two over the largest curvature.
    constraint : callable, optional
    """

    step_length: float
    constraint: Constraint | None = None

    def init(self, term: DataTerm, x: Array | None = None) -> Descent:
        """Start at `x`, default 0."""
        x, projected = _start(term, x)
        return Descent(term, x, *term.residual(projected))

    def step(self, state: Descent) -> Descent:
        """Take one step in place."""
        gradient = state.term.adjoint(state.rest)
        advance(_rows(state.x), np.float32(-self.step_length), _rows(gradient))
        if self.constraint is not None:
            self.constraint(state.x)
        state.rest, state.squared = state.term.residual(state.term.forward(state.x))
        return state

    def error(self, state: Descent) -> float:
        """Return the misfit."""
        return state.term.relative(state.squared)


@dataclass(eq=False)
class Conjugate:
    """State of `ConjugateGradient`: volume, direction, what is left of the data, and the norms of gradient and rest."""

    term: DataTerm
    x: Array
    direction: Array
    left: Array
    slope: float
    squared: float


@dataclass(frozen=True, eq=False)
class ConjugateGradient:
    """CGLS: conjugate gradients on the normal equations of ``y``, with ``x = scale y``.

    Attributes
    ----------
    scale : (z, y, x) float32 array
        Support or fill fraction: what is 0 stays 0, what holds little magnet moves little.

    Notes
    -----
    Regularises by stopping: the longer, the less. Linear, hence without constraint.
    """

    scale: Array

    def init(self, term: DataTerm) -> Conjugate:
        """Start at 0."""
        left = term.data.astype(np.float32)
        x, direction = np.zeros(term.shape, np.float32), np.zeros(term.shape, np.float32)
        gradient = term.adjoint(term.weighted(left))
        slope = float(scaled_square(_rows(gradient), self._rows))
        turn(_rows(direction), np.float32(0), _rows(gradient), self._rows)
        return Conjugate(term, x, direction, left, slope, term.squared(left))

    def step(self, state: Conjugate) -> Conjugate:
        """Take one step in place; at the solution, none."""
        term = state.term
        images = term.forward(state.direction)
        seen = term.squared(images)
        if not seen > 0:
            return state
        length = np.float32(state.slope / seen)
        advance(_rows(state.x), length, _rows(state.direction))
        weighted = np.empty_like(state.left)
        state.squared = float(
            subtract(_images(state.left), _images(images), length, term.weight_rows, _images(weighted))
        )
        gradient = term.adjoint(weighted)
        slope = float(scaled_square(_rows(gradient), self._rows))
        turn(_rows(state.direction), np.float32(slope / state.slope), _rows(gradient), self._rows)
        state.slope = slope
        return state

    def error(self, state: Conjugate) -> float:
        """Return the misfit."""
        return state.term.relative(state.squared)

    @property
    def _rows(self) -> Array:
        return self.scale.astype(np.float32, copy=False).reshape(len(self.scale), -1)


@dataclass(eq=False)
class Accelerating:
    """State of `Accelerated`: volume `x` and its projection, the point `ahead` of it likewise, and the momentum."""

    term: DataTerm
    x: Array
    projected: Array
    ahead: Array
    ahead_projected: Array
    momentum: float
    squared: float


@dataclass(frozen=True)
class Accelerated:
    """FISTA: gradient steps from a point ahead, and the constraint after each.

    Attributes
    ----------
    step_length : float
        Over the gradient; at most one over the largest curvature, of ``S A'WA`` with the `scale` S.
    constraint : callable, optional
        With a `scale`, one that looks at no two voxels together.
    restart : bool
        Drop the momentum when it points uphill.
    scale : (z, y, x) float32 array, optional
        By which the steps of each voxel are longer, `scalar.even_steps`. Default 1.

    Notes
    -----
    The projection of the point ahead is a sum of two known ones: one forward and one adjoint projection a step.

    References
    ----------
    Beck and Teboulle, doi 10.1137/080716542; O'Donoghue and Candes, doi 10.1007/s10208-013-9150-3.
    """

    step_length: float
    constraint: Constraint | None = None
    restart: bool = True
    scale: Array | None = None

    def init(self, term: DataTerm, x: Array | None = None) -> Accelerating:
        """Start at `x`, default 0."""
        x, projected = _start(term, x)
        return Accelerating(term, x, projected, x.copy(), projected.copy(), 1.0, term.residual(projected)[1])

    def step(self, state: Accelerating) -> Accelerating:
        """Take one step; the arrays of `state` are reused."""
        term, old, old_projected = state.term, state.x, state.projected
        gradient = term.gradient(state.ahead_projected)
        new = gradient
        descend(_rows(state.ahead), np.float32(self.step_length), self._scale_rows, _rows(gradient), _rows(new))
        if self.constraint is not None:
            self.constraint(new)
        projected = term.forward(new)
        if self.restart and reversal(_rows(state.ahead), _rows(new), _rows(old)) > 0:
            state.momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * state.momentum**2)) / 2
        share = np.float32((state.momentum - 1) / following)
        extrapolate(_rows(new), _rows(old), share, _rows(state.ahead))
        extrapolate(_images(projected), _images(old_projected), share, _images(state.ahead_projected))
        state.x, state.projected, state.momentum = new, projected, float(following)
        state.squared = term.squared_residual(projected)
        return state

    def error(self, state: Accelerating) -> float:
        """Return the misfit."""
        return state.term.relative(state.squared)

    @property
    def _scale_rows(self) -> Array:
        if self.scale is None:
            return np.empty((0, 0), np.float32)
        return self.scale.astype(np.float32, copy=False).reshape(len(self.scale), -1)


def _start(term: DataTerm, x: Array | None) -> tuple[Array, Array]:
    if x is None:
        return np.zeros(term.shape, np.float32), np.zeros(term.data.shape, np.float32)
    if x.shape != term.shape:
        raise ValueError(f"x has shape {x.shape}; allowed: {term.shape}")
    copy = np.array(x, np.float32)
    return copy, term.forward(copy)


def _rows(volume: Array) -> Array:
    """Return (c, z, y, x) as rows that repeat the planes of one component."""
    return volume.reshape(volume.shape[0] * volume.shape[1], -1)


def _images(images: Array) -> Array:
    return images.reshape(len(images), -1)
