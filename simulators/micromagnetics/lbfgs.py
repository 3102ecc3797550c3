"""The limited-memory quasi-Newton method on the spheres of all spins.

- `LBFGS`: hyper-parameters, ``init`` and ``step``; `LBFGSState`.

Pairs of moves and changes of the gradient lie in the tangent space where they were made; inner products are weighted
with the moments. The recursion runs on the products of the pairs, so that each step passes over the history twice only.

References
----------
J. Nocedal, S. J. Wright, Numerical Optimization (Springer, 2006), algorithm 7.4.
W. Chen, Z. Wang, J. Zhou, Adv. Neural Inf. Process. Syst. 27 (2014): the recursion on inner products.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.micromagnetics import history_kernels as kernels
from simulators.micromagnetics.descent import Descent, flat, over_cells, started
from simulators.micromagnetics.problem import Problem
from simulators.micromagnetics.tangent_kernels import retract

Array = NDArray[Any]

_ARMIJO = 1e-4
_LONGEST = 0.7  # rad; largest turn of a spin in a step
_FIRST = 0.1  # rad; largest turn of a step along the gradient
_TRIALS = 12
# Relative noise of energies, below which the slope at the trial decides instead.
_NOISE = {np.dtype(np.float32): 2e-7, np.dtype(np.float64): 1e-13}


@dataclass
class LBFGSState(Descent):
    """State of `LBFGS`.

    Attributes
    ----------
    pairs : (history, 2, 3, cells) array
        Moves and changes of the gradient.
    gram : (history, 2, history, 2) float64 array
        Their inner products.
    order : list of int
        Places of the pairs, oldest first.
    direction : (3, nz, ny, nx) array
    slope, largest : float
        Of the direction: weighted product with the gradient, T, and largest turn.
    stalled : bool
        Whether no step along the gradient lowers the energy any more.
    """

    pairs: Array
    gram: NDArray[np.float64]
    order: list[int]
    direction: Array
    slope: float
    largest: float
    stalled: bool


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS.

    Parameters
    ----------
    history : int
        Pairs that are kept.
    """

    history: int = 8

    def __post_init__(self) -> None:
        """Check the value."""
        if self.history < 1:
            raise ValueError(f"history is {self.history}; allowed: a whole number from 1")

    def init(self, problem: Problem, m: ArrayLike, *, held: ArrayLike | None = None) -> LBFGSState:
        """Return the state at `m`."""
        common = started(problem, m, held)
        state = LBFGSState(
            **common,
            pairs=np.zeros((self.history, 2, 3, problem.mesh.cells), problem.dtype),
            gram=np.zeros((self.history, 2, self.history, 2)),
            order=[],
            direction=np.empty_like(common["spins"]),
            slope=0.0,
            largest=0.0,
            stalled=False,
        )
        _turn(state, np.zeros((0, 2)), -1.0)
        return state

    def step(self, state: LBFGSState) -> LBFGSState:
        """Move along the direction and find the next one; changes `state`."""
        before = state.spins.copy(), state.gradient.copy()
        step = _search(state, before[0])
        if step is None and state.order:
            state.order.clear()
            _turn(state, np.zeros((0, 2)), -1.0)
            step = _search(state, before[0])
        if step is None:
            state.stalled = True
            return state
        self._remember(state, step, before[1])
        return state

    def error(self, state: LBFGSState) -> float:
        """Return the torque."""
        return state.torque

    def _remember(self, state: LBFGSState, step: float, gradient_before: Array) -> None:
        free = [place for place in range(self.history) if place not in state.order]
        place = free[0] if free else state.order.pop(0)
        pair, m = state.pairs[place], flat(state.spins)
        move, now, old = flat(state.direction), flat(state.gradient), flat(gradient_before)

        def add(_: Array, first: int, last: int) -> None:
            kernels.add_pair(m, move, step, now, old, pair[0], pair[1], first, last)

        def multiply(found: Array, first: int, last: int) -> None:
            kernels.products(state.pairs, place, now, state.weight, found, first, last)

        over_cells(state.cells, (1,), add)
        sums = over_cells(state.cells, (self.history, 2, 3), multiply).sum(axis=0)
        state.gram[:, :, place, :] = sums[:, :, :2]
        state.gram[place, :, :, :] = sums[:, :, :2].transpose(2, 0, 1)
        if state.gram[place, 0, place, 1] > 0:
            state.order.append(place)
        if not state.order:
            _turn(state, np.zeros((0, 2)), -1.0)
            return
        factors, own = _recursion(state.gram, sums[:, :, 2], state.order)
        _turn(state, factors, own)
        if state.slope >= 0:
            state.order.clear()
            _turn(state, np.zeros((0, 2)), -1.0)


def _recursion(gram: Array, with_gradient: Array, order: list[int]) -> tuple[Array, float]:
    """Return the factors of all pairs, (history, 2), and of the gradient, for the direction of descent."""
    factors, own = np.zeros(gram.shape[:2]), -1.0
    alpha = {}

    def product(place: int, which: int) -> float:
        return float(np.sum(gram[place, which] * factors) + own * with_gradient[place, which])

    for place in reversed(order):
        alpha[place] = product(place, 0) / gram[place, 0, place, 1]
        factors[place, 1] -= alpha[place]
    newest = order[-1]
    scale = gram[newest, 0, newest, 1] / gram[newest, 1, newest, 1]
    factors *= scale
    own *= scale
    for place in order:
        factors[place, 0] += alpha[place] - product(place, 1) / gram[place, 0, place, 1]
    return factors, own


def _turn(state: LBFGSState, factors: Array, own: float) -> None:
    """Set the direction: a sum of pairs and of the gradient, projected."""
    out, gradient, m = flat(state.direction), flat(state.gradient), flat(state.spins)
    sums = over_cells(
        state.cells,
        (2,),
        lambda found, first, last: kernels.combine(
            state.pairs, factors, gradient, own, m, state.weight, out, found, first, last
        ),
    )
    state.largest = math.sqrt(sums[:, kernels.LARGEST].max())
    state.slope = float(sums[:, kernels.SLOPE].sum())


def _search(state: LBFGSState, start: Array) -> float | None:
    """Move the spins along the direction until the energy has fallen enough; None, and back, where it does not."""
    if state.largest == 0:
        return None
    longest = _LONGEST / state.largest
    step = min(1.0, longest) if state.order else _FIRST / state.largest
    unit = state.problem.mesh.volume * state.problem.largest_saturation
    slope, energy = state.slope * unit, state.energies.total
    size = sum(abs(value) for value in vars(state.energies).values())
    noise = _NOISE[np.dtype(state.problem.dtype)] * size
    m, direction, new = flat(start), flat(state.direction), flat(state.spins)
    for _ in range(_TRIALS):
        over_cells(state.cells, (1,), partial(_move, m, direction, step, new))
        state.evaluate()
        change = state.energies.total - energy
        if change <= _ARMIJO * step * slope:
            return step
        if abs(step * slope) < noise and abs(change) < 10 * noise and _slope(state) * unit <= -0.8 * slope:
            return step
        # The least of the parabola through both energies and the slope, held between a tenth and a half.
        least = -0.5 * slope * step**2 / (change - slope * step) if change > slope * step else 0.5 * step
        step = min(max(least, 0.1 * step), 0.5 * step)
    state.spins[...] = start
    state.evaluate()
    return None


def _move(m: Array, direction: Array, step: float, new: Array, _: Array, first: int, last: int) -> None:
    retract(m, direction, step, new, first, last)


def _slope(state: LBFGSState) -> float:
    """Return the product of the direction with the gradient where the spins are now."""
    gradient, direction = flat(state.gradient), flat(state.direction)
    sums = over_cells(
        state.cells,
        (1,),
        lambda found, first, last: kernels.product(direction, gradient, state.weight, found, first, last),
    )
    return float(sums.sum())
