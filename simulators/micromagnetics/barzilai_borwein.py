"""Steepest descent with Barzilai-Borwein steps.

- `BarzilaiBorwein`: ``init`` and ``step``; `BarzilaiBorweinState`.

References
----------
J. Barzilai, J. M. Borwein, IMA J. Numer. Anal. 8, 141 (1988), doi:10.1093/imanum/8.1.141.
L. Exl et al., J. Appl. Phys. 115, 17D118 (2014), doi:10.1063/1.4862839: on unit vectors.
"""

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike, NDArray

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics.descent import Descent, flat, over_cells, started
from simulators.micromagnetics.history_kernels import product
from simulators.micromagnetics.problem import Problem
from simulators.micromagnetics.tangent_kernels import midpoint

Array = NDArray[Any]

_FIRST = 0.05  # rad; largest turn of the first step
_LARGEST = 1.0  # rad; of any


@dataclass
class BarzilaiBorweinState(Descent):
    """State of `BarzilaiBorwein`.

    Attributes
    ----------
    length : float
        Of the next step, 1/T.
    steps : int
        Taken so far: even and odd ones use the two formulas in turn.
    stalled : bool
        Whether the gradient vanishes.
    """

    length: float
    steps: int
    stalled: bool


@dataclass(frozen=True)
class BarzilaiBorwein:
    """Descent with the midpoint rule and the two step formulas in turn. Not monotone: the torque may jump."""

    def init(self, problem: Problem, m: ArrayLike, *, held: ArrayLike | None = None) -> BarzilaiBorweinState:
        """Return the state at `m`."""
        state = BarzilaiBorweinState(**started(problem, m, held), length=0.0, steps=0, stalled=False)
        state.length = _FIRST / max(_largest(state), 1e-300)
        return state

    def step(self, state: BarzilaiBorweinState) -> BarzilaiBorweinState:
        """Take one step and choose the length of the next; changes `state`."""
        largest = _largest(state)
        if largest == 0:
            state.stalled = True
            return state
        start, gradient = state.spins.copy(), state.gradient.copy()
        length = min(state.length, _LARGEST / largest)
        m, g, new = flat(start), flat(gradient), flat(state.spins)
        over_cells(state.cells, (1,), lambda _, first, last: midpoint(m, g, length, new, first, last))
        state.evaluate()
        state.steps += 1
        move, change = state.spins - start, state.gradient - gradient
        state.length = _next_length(state, move, change)
        return state

    def error(self, state: BarzilaiBorweinState) -> float:
        """Return the torque."""
        return state.torque


def _next_length(state: BarzilaiBorweinState, move: Array, change: Array) -> float:
    both = abs(_product(state, move, change))
    if state.steps % 2:
        own, length = _product(state, move, move), state.length
        return own / both if both > 0 else length
    other = _product(state, change, change)
    return both / other if other > 0 and both > 0 else state.length


def _largest(state: BarzilaiBorweinState) -> float:
    return state.torque * VACUUM_PERMEABILITY * state.problem.largest_saturation


def _product(state: BarzilaiBorweinState, a: Array, b: Array) -> float:
    p, q = flat(a), flat(b)
    sums = over_cells(state.cells, (1,), lambda found, first, last: product(p, q, state.weight, found, first, last))
    return float(sums.sum())
