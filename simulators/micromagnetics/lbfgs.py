"""The limited-memory quasi-Newton method on the spheres of all spins.

- `LBFGS`: hyper-parameters, ``init`` and ``step``; `LBFGSState`.

Pairs of moves and changes of the gradient lie in the tangent space where they were made; inner products are weighted
with the moments. The inverse Hessian starts from `smoother.Smoother`, which undoes exchange. The recursion runs on the
products of the pairs, so that each step passes over the history twice only.

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
from simulators.micromagnetics import tangent_kernels
from simulators.micromagnetics.descent import Descent, flat, over_cells, started
from simulators.micromagnetics.problem import Problem

Array = NDArray[Any]

_ARMIJO = 1e-4
_LONGEST = 0.7  # rad; largest turn of a spin in a step
_FIRST = 0.1  # rad; largest turn of a step along the gradient
_TRIALS = 12
_PATIENCE = 300  # steps without any gain
# Relative noise of energies, below which the slope at the trial decides instead.
_NOISE = {np.dtype(np.float32): 2e-7, np.dtype(np.float64): 1e-13}


@dataclass
class LBFGSState(Descent):
    """State of `LBFGS`.

    Attributes
    ----------
    smooth : (3, nz, ny, nx) array
        The gradient smoothed and projected, T.
    pairs : (history, 3, 3, cells) float32 array
        Moves s, changes y of the gradient and z of the smoothed one. They shape the direction only, and reading them
        takes longest.
    gram : (2, history, history) float64 array
        Their products ``s_i.y_j`` and ``y_i.z_j``.
    order : list of int
        Places of the pairs, oldest first.
    direction : (3, nz, ny, nx) array
    slope, largest : float
        Of the direction: weighted product with the gradient, T, and largest turn.
    lowest, least : float
        Energy, J, and torque that later steps must get below to have gained anything.
    idle : int
        Steps since one did.
    stalled : bool
        Whether no step along the gradient lowers the energy any more, or none has gained anything for long.
    """

    smooth: Array
    pairs: Array
    gram: NDArray[np.float64]
    order: list[int]
    direction: Array
    slope: float
    largest: float
    lowest: float
    least: float
    idle: int
    stalled: bool


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS with a spectral preconditioner.

    Parameters
    ----------
    history : int
        Pairs that are kept.
    """

    history: int = 8

    def __post_init__(self) -> None:
        """Check the value."""
        if self.history % 1 or self.history < 1:
            raise ValueError(f"history is {self.history}; allowed: a whole number from 1")

    def init(self, problem: Problem, m: ArrayLike, *, held: ArrayLike | None = None) -> LBFGSState:
        """Return the state at `m`."""
        common = started(problem, m, held)
        state = LBFGSState(
            **common,
            smooth=np.empty_like(common["spins"]),
            pairs=np.zeros((self.history, 3, 3, problem.mesh.cells), np.float32),
            gram=np.zeros((2, self.history, self.history)),
            order=[],
            direction=np.empty_like(common["spins"]),
            slope=0.0,
            largest=0.0,
            lowest=common["energies"].total,
            least=common["torque"],
            idle=0,
            stalled=False,
        )
        _smooth(state)
        _restart(state)
        return state

    def step(self, state: LBFGSState) -> LBFGSState:
        """Move along the direction and find the next one; changes `state`."""
        start, gradient, smooth = state.spins.copy(), state.gradient.copy(), state.smooth.copy()
        step = _search(state, start)
        if step is None and state.order:
            _restart(state)
            step = _search(state, start)
        if step is None:
            state.stalled = True
            return state
        _smooth(state)
        self._remember(state, step, gradient, smooth)
        _count_idle(state)
        return state

    def error(self, state: LBFGSState) -> float:
        """Return the torque."""
        return state.torque

    def _remember(self, state: LBFGSState, step: float, gradient: Array, smooth: Array) -> None:
        """Add the newest pair and choose the direction from all of them."""
        free = [place for place in range(self.history) if place not in state.order]
        place = free[0] if free else state.order.pop(0)
        m, pair, nothing = flat(state.spins), state.pairs[place], np.empty((3, 0), state.spins.dtype)
        members = (
            (nothing, flat(state.direction), -step),
            (flat(state.gradient), flat(gradient), 1.0),
            (flat(state.smooth), flat(smooth), 1.0),
        )

        def add(_: Array, first: int, last: int) -> None:
            for member, (now, before, factor) in enumerate(members):
                kernels.add_member(m, now, before, factor, pair[member], first, last)

        def multiply(found: Array, first: int, last: int) -> None:
            kernels.products(state.pairs, place, members[1][0], members[2][0], state.weight, found, first, last)

        over_cells(state.cells, (1,), add)
        sums = over_cells(state.cells, (self.history, 6), multiply).sum(axis=0)
        moves, changes = state.gram
        moves[:, place], moves[place, :], changes[:, place], changes[place, :] = sums[:, :4].T
        if moves[place, place] > 0 and changes[place, place] > 0:
            state.order.append(place)
        if state.order:
            factors, own = _recursion(state.gram, sums[:, 4], sums[:, 5], state.order)
            _turn(state, factors, own)
        if not state.order or state.slope >= 0:
            _restart(state)


def _count_idle(state: LBFGSState) -> None:
    """Count the steps that gain nothing: where rounding is all that moves the spins, they would go on for ever."""
    state.idle += 1
    if state.energies.total < state.lowest - _noise(state):
        state.lowest, state.idle = state.energies.total, 0
    if state.torque < state.least:
        state.least, state.idle = state.torque, 0
    state.stalled = state.idle >= _PATIENCE


def _noise(state: LBFGSState) -> float:
    """Return the rounding error of the energy, J."""
    size = sum(abs(float(value)) for value in vars(state.energies).values())
    return _NOISE[np.dtype(state.problem.dtype)] * size


def _smooth(state: LBFGSState) -> None:
    """Smooth the gradient, weighted with the moments, and project it."""
    nx = state.problem.mesh.shape[2]
    gradient, smooth = flat(state.gradient).reshape(3, -1, nx), flat(state.smooth).reshape(3, -1, nx)
    weight = state.weight.reshape(-1, nx)

    def store(first: int, last: int, rows: Array) -> None:
        smooth[:, first:last] = rows
        tangent_kernels.project(flat(state.spins), state.weight, state.held, flat(state.smooth), first * nx, last * nx)

    state.problem.smoother.convolve(lambda first, last: gradient[:, first:last] * weight[first:last], store)


def _restart(state: LBFGSState) -> None:
    """Forget the pairs and turn along the smoothed gradient."""
    state.order.clear()
    _turn(state, np.zeros((0, 2)), -1.0)


def _recursion(gram: Array, gradient: Array, smooth: Array, order: list[int]) -> tuple[Array, float]:
    """Return the factors of s and z of all pairs, (history, 2), and of the smoothed gradient, for the descent.

    `gradient` and `smooth` are the products ``s.gradient`` and ``y.smooth``.
    """
    moves, changes = gram
    newest = order[-1]
    scale = moves[newest, newest] / changes[newest, newest]
    alpha, beta = np.zeros(len(gradient)), np.zeros(len(gradient))
    for place in reversed(order):
        alpha[place] = (gradient[place] - moves[place] @ alpha) / moves[place, place]
    for place in order:
        result = scale * (smooth[place] - changes[place] @ alpha) + beta @ moves[:, place]
        beta[place] = alpha[place] - result / moves[place, place]
    return np.stack([-beta, scale * alpha], axis=1), -scale


def _turn(state: LBFGSState, factors: Array, own: float) -> None:
    """Set the direction: a sum of pairs and of the smoothed gradient, projected."""
    out, gradient, m = flat(state.direction), flat(state.gradient), flat(state.spins)
    smooth = flat(state.smooth)
    sums = over_cells(
        state.cells,
        (2,),
        lambda found, first, last: kernels.combine(
            state.pairs, factors, smooth, own, gradient, m, state.weight, out, found, first, last
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
    noise = _noise(state)
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
    tangent_kernels.retract(m, direction, step, new, first, last)


def _slope(state: LBFGSState) -> float:
    """Return the product of the direction with the gradient where the spins are now."""
    gradient, direction = flat(state.gradient), flat(state.direction)
    sums = over_cells(
        state.cells,
        (1,),
        lambda found, first, last: kernels.product(direction, gradient, state.weight, found, first, last),
    )
    return float(sums.sum())
