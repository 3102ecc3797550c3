"""Iterative projection algorithms, each a short composition of the same projections.

- `ErrorReduction` (Fienup, Appl. Opt. 21, 2758 (1982)), `HybridInputOutput` (the same), `RelaxedAlternatingReflections`
  (RAAR; Luke, Inverse Problems 21, 37 (2005)), `DifferenceMap` (Elser, JOSA A 20, 40 (2003));
- `raar_schedule`: the published fall of RAAR's relaxation.

A state is the wave itself, complex, unshifted; ``step`` changes it in place. All solvers are driven by
`numerics.iterate`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.phase_retrieval import kernels
from reconstructors.phase_retrieval.magnitudes import Magnitudes

Array = NDArray[Any]
Schedule = Callable[[int], float]


class _Projected:
    # Every algorithm here takes P_M x inside of the support and old * x + new * P_M x outside.

    def __init__(self, magnitudes: Magnitudes, support: NDArray[np.bool_], dtype: Any = np.complex64) -> None:
        self.magnitudes = magnitudes
        self.support = np.ascontiguousarray(support)
        self._onto = np.zeros(support.shape, dtype)

    def error(self, state: Array) -> float:
        """Return the misfit of the magnitudes seen by the last step."""
        return self.magnitudes.error

    def _advance(self, state: Array, old: float, new: float) -> Array:
        self.magnitudes.onto(state, self._onto)
        kernels.mix_outside(state, self._onto, self.support, old, new)
        return state


class ErrorReduction(_Projected):
    """``x <- P_S P_M x``.

    Parameters
    ----------
    magnitudes : Magnitudes
    support : (n, n) bool
    dtype : complex dtype
        Of the states.
    """

    def step(self, state: Array) -> Array:
        """Return the next wave."""
        return self._advance(state, 0.0, 0.0)


class HybridInputOutput(_Projected):
    """``x <- P_M x`` inside of the support, ``x - beta P_M x`` outside.

    Parameters
    ----------
    magnitudes : Magnitudes
    support : (n, n) bool
    beta : float
        Feedback.
    dtype : complex dtype
        Of the states.
    """

    def __init__(
        self, magnitudes: Magnitudes, support: NDArray[np.bool_], *, beta: float = 0.9, dtype: Any = np.complex64
    ) -> None:
        super().__init__(magnitudes, support, dtype)
        self.beta = beta

    def step(self, state: Array) -> Array:
        """Return the next wave."""
        return self._advance(state, 1.0, -self.beta)


class RelaxedAlternatingReflections(_Projected):
    """RAAR: ``x <- P_M x`` inside of the support, ``beta x + (1 - 2 beta) P_M x`` outside.

    Parameters
    ----------
    magnitudes : Magnitudes
    support : (n, n) bool
    beta : callable
        Relaxation at step 0, 1, ...
    dtype : complex dtype
        Of the states.
    """

    def __init__(
        self, magnitudes: Magnitudes, support: NDArray[np.bool_], *, beta: Schedule, dtype: Any = np.complex64
    ) -> None:
        super().__init__(magnitudes, support, dtype)
        self.beta = beta
        self._index = 0

    def step(self, state: Array) -> Array:
        """Return the next wave."""
        beta = self.beta(self._index)
        self._index += 1
        return self._advance(state, beta, 1 - 2 * beta)


class DifferenceMap(_Projected):
    """Difference map with beta = 1: ``x <- x + P_S(2 P_M x - x) - P_M x``.

    With a support for P_S that is ``P_M x`` inside and ``x - P_M x`` outside: hybrid input-output without damping.

    Parameters
    ----------
    magnitudes : Magnitudes
    support : (n, n) bool
    dtype : complex dtype
        Of the states.
    """

    def step(self, state: Array) -> Array:
        """Return the next wave."""
        return self._advance(state, 1.0, -1.0)


def raar_schedule(steps: int) -> Schedule:
    """Return the published relaxation of `steps` RAAR steps: 0.935 at first, 0.74 half-way, 0.545 at last for 700.

    ``b(s) = 0.5 + 0.48 (0.5 - atan[(s - min(n/2, 700)) / (0.15 n)] / pi)``, from the public code of the authors of
    Battistelli et al., Optica 11, 234 (2024).
    """

    def beta(step: int) -> float:
        return float(0.5 + 0.48 * (0.5 - np.arctan((step - min(steps / 2, 700)) / (0.15 * steps)) / np.pi))

    return beta


def constant(value: float) -> Schedule:
    """Return a relaxation that does not change."""
    return lambda step: value
