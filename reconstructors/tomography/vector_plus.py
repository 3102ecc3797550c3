"""Our best: vectors of known length, with as little exchange as images that were not used still allow.

- `vector_plus`: the recipe; `VectorPlusParameters`: what it is told;
- `Grid`, `Rung`: what directions are solved on, and with how much exchange.

Exchange makes neighbours alike. Too much of it removes hedgehogs, too little leaves noise and what the model of thin
projections does not hold. Some projections are held out; of all values tried, the least exchange is taken whose volume
still predicts them. That needs no truth. In the end all projections are used.

Once exchange has been chosen on the data's grid, frequencies that single images got wrong are taken from the volume
(`image_outliers`), and it is chosen anew.

The error of prediction is what the misfit of held-out projections has above their noise, which is read from their
finest frequencies: what an exterior says of it may be wrong by half. The least of it goes with the least error of the
volume, and with more exchange than hedgehogs like: who looks for them allows more (`allowance`).

Where spins were left to themselves most of the exchange may stand back for its torque (`torque_length`), which noise
has and hedgehogs have not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.iterate import Watcher, run
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.finer import coarser, finer_field, finer_fill, finer_projector
from reconstructors.tomography.image_outliers import without_outliers
from reconstructors.tomography.solvers import ConjugateGradient
from reconstructors.tomography.spins import Magnet, Spins
from reconstructors.tomography.stopping import white_misfit

Array = NDArray[Any]

_LOWEST = 0.03
"""Cycles per pixel, `Spins.lowest`."""
_LEAST_PART = 0.1
"""Of the misfit of what was held out, that counts as error whatever the noise is said to be."""
_FEW = 12
"""Projections below which none is held out: the schedule is then run to its end."""


@dataclass(frozen=True)
class VectorPlusParameters:
    """Of `vector_plus`.

    Parameters
    ----------
    start_steps : int
        Of conjugate gradients from 0.
    exchange : tuple of float
        On the data's grid, over the operator norm, one value after the other, falling.
    fine_exchange : tuple of float
        On a grid twice finer, with the magnet's edges drawn sharp inside of voxels; empty: there is none.
    torque_length : float
        Voxels of the data: its square times the exchange is the weight of the torque's square, `Spins.torque`. 0: the
        torque costs nothing.
    steps : int
        At each value.
    every : int
        Every so many projections one is held out; 0: none is, and exchange falls to the last value.
    allowance : float
        Share by which the error of predicting what was held out may exceed the least one.
    outlier : float
        Over the median power of an image's residual at like frequencies, from where a frequency is taken to be wrong;
        0: none is.

    Raises
    ------
    ValueError
        If a value is impossible.
    """

    start_steps: int = 10
    exchange: tuple[float, ...] = (0.1, 0.03, 0.017, 0.01, 0.0056, 0.003, 0.001, 0.0003)
    fine_exchange: tuple[float, ...] = (0.012, 0.007, 0.004, 0.0023, 0.0012)
    torque_length: float = 0.0
    steps: int = 10
    every: int = 7
    allowance: float = 0.01
    outlier: float = 12.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, least in (("start_steps", 1), ("steps", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: from {least}")
        if self.every < 2 and self.every != 0:
            raise ValueError(f"every is {self.every}; allowed: from 2, or 0 for none")
        if not self.exchange or not all(value >= 0 for value in (*self.exchange, *self.fine_exchange)):
            raise ValueError(f"exchange is {self.exchange}; allowed: one value or more, from 0")
        if not 0 <= self.torque_length < np.inf:
            raise ValueError(f"torque_length is {self.torque_length}; allowed: from 0 voxels")
        if not 0 <= self.allowance < 1:
            raise ValueError(f"allowance is {self.allowance}; allowed: 0 to below 1")
        if not (self.outlier == 0 or self.outlier > 1):
            raise ValueError(f"outlier is {self.outlier}; allowed: above 1, or 0 for none")

    def straight_to(self, exchange: float, *, fine: bool) -> "VectorPlusParameters":
        """Return parameters that hold nothing out and end at one value of the exchange, on the finer grid if `fine`."""
        down = tuple(value for value in self.exchange if value > exchange)
        last = (exchange,)
        if fine:
            return replace(self, exchange=down or self.exchange[:1], fine_exchange=last, every=0)
        return replace(self, exchange=down + last, fine_exchange=(), every=0)


@dataclass(frozen=True, eq=False)
class Grid:
    """Where directions are solved.

    Attributes
    ----------
    term : DataTerm
        All projections.
    magnet : Magnet
    curvature : float
        Largest, of the data term.
    lowest : float
        Cycles per voxel, `Spins.lowest`.
    torque : float
        Weight of the torque's square over the exchange, square voxels.
    fine : bool
        Twice finer than the data.
    """

    term: DataTerm
    magnet: Magnet
    curvature: float
    lowest: float
    torque: float
    fine: bool = False

    def taken(self, m: Array, *, fine: bool) -> Array:
        """Return a magnetization from the grid that is `fine`, or not, on this one."""
        if fine == self.fine:
            return m
        return finer_field(m) if self.fine else coarser(m)


@dataclass(frozen=True, eq=False)
class Rung:
    """A volume on the way down.

    Attributes
    ----------
    grid : Grid
    exchange : float
    m : (3, z, y, x) array
    held_out : float
        Misfit of the projections that were not used; NaN where all were.
    white : float
        What noise leaves of it, `stopping.white_misfit`.
    """

    grid: Grid
    exchange: float
    m: Array
    held_out: float
    white: float


@dataclass
class Descent:
    """Runs of `Spins` one after the other, and what they took."""

    steps: int
    watch: Sequence[Watcher]
    errors: list[float]
    pairs: float

    def solve(self, grid: Grid, term: DataTerm, m: Array, exchange: float) -> Array:
        """Return the magnetization after the steps at one value of the exchange."""
        solver = Spins(grid.magnet, grid.curvature, exchange, grid.torque * exchange, lowest=grid.lowest)
        done = len(self.errors)
        later = [lambda step, error, one=one: one(step + done, error) for one in self.watch]
        state, more = run(solver, solver.init(term, m), steps=self.steps, watch=later)
        self.errors += more
        self.pairs += state.pairs
        return solver.m(state)


def solve(
    term: DataTerm,
    fill: Array,
    *,
    parameters: VectorPlusParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> tuple[Array, Descent, Rung, float]:
    """Return magnetization, the descent, the rung that was chosen and the operator norm.

    Parameters
    ----------
    term : DataTerm
        Of three components.
    fill : (z, y, x) array
        Share of the magnet.
    parameters : VectorPlusParameters
    rng : numpy.random.Generator
        Of the power iteration.
    watch : sequence of callable
        Called with (step, misfit) after each step.
    """
    used, held = _parted(term, parameters.every)
    start = ConjugateGradient(fill.astype(np.float32))
    state, errors = run(start, start.init(used), steps=parameters.start_steps, watch=watch)
    norm = operator_norm(term, scale=fill, rng=rng)
    descent = Descent(parameters.steps, watch, errors, float(len(errors)))
    coarse = Grid(term, Magnet.of(fill), MARGIN * norm, _LOWEST, parameters.torque_length**2)
    rungs = _climbed(descent, coarse, state.x, parameters.exchange, held, parameters.allowance)
    best = chosen(rungs, parameters.allowance)
    if parameters.outlier:
        term = without_outliers(term, term.forward(best.m), limit=parameters.outlier)
        coarse = replace(coarse, term=term)
        again = parameters.exchange[max(rungs.index(best) - 2, 0) :] if held.any() else (best.exchange,)
        rungs = _climbed(descent, coarse, best.m, again, held, parameters.allowance)
        best = chosen(rungs, parameters.allowance)
    if parameters.fine_exchange:
        sharp = DataTerm(finer_projector(term.plan, fill=fill), term.data, term.weights)
        magnet = Magnet.of(finer_fill(fill))
        fine = Grid(sharp, magnet, coarse.curvature / 8, coarse.lowest / 2, 4 * coarse.torque, fine=True)
        from_here = fine.taken(best.m, fine=False)
        rungs += _climbed(descent, fine, from_here, parameters.fine_exchange, held, parameters.allowance, before=rungs)
        best = chosen(rungs, parameters.allowance)
    m = descent.solve(best.grid, best.grid.term, best.m, best.exchange) if held.any() else best.m
    return coarse.taken(m, fine=best.grid.fine), descent, best, norm


def prediction_errors(rungs: Sequence[Rung]) -> NDArray[np.float64]:
    """Return what the misfits of what was held out have above the noise; NaN where nothing was.

    All are of the same images, so that the least noise that one of the volumes leaves is that of all.
    """
    misfits = np.square([rung.held_out for rung in rungs])
    noise = np.fmin.reduce([rung.white for rung in rungs]) ** 2
    return np.asarray(np.sqrt(np.maximum(misfits - noise, _LEAST_PART**2 * misfits)))


def chosen(rungs: Sequence[Rung], allowance: float) -> Rung:
    """Return the last rung whose error of prediction is within the allowance of the least one."""
    errors = prediction_errors(rungs)
    if not np.isfinite(errors).any():
        return rungs[-1]
    return rungs[int(np.flatnonzero(errors <= (1 + allowance) * np.fmin.reduce(errors))[-1])]


def _climbed(
    descent: Descent,
    grid: Grid,
    m: Array,
    exchange: Sequence[float],
    held: NDArray[np.bool_],
    allowance: float,
    before: Sequence[Rung] = (),
) -> list[Rung]:
    """Lower the exchange until what was held out is predicted no better."""
    used, rest = _terms(grid.term, held)
    rungs: list[Rung] = []
    for value in exchange:
        m = descent.solve(grid, used, m, value)
        misfit = white = float("nan")
        if rest is not None:
            model = rest.forward(m)
            misfit, white = rest.misfit(model), white_misfit(rest, model)
        rungs.append(Rung(grid, value, m, misfit, white))
        errors = prediction_errors((*before, *rungs))
        if len(rungs) > 1 and errors[-1] > max((1 + allowance) * np.fmin.reduce(errors), errors[-2]):
            break
    return rungs


def _parted(term: DataTerm, every: int) -> tuple[DataTerm, NDArray[np.bool_]]:
    """Return the projections to be used, and which are held out: one in the middle of every so many."""
    held = np.zeros(len(term.plan), bool)
    if every and len(held) >= _FEW:
        held[every // 2 :: every] = True
    return _terms(term, held)[0], held


def _terms(term: DataTerm, held: NDArray[np.bool_]) -> tuple[DataTerm, DataTerm | None]:
    """Return the data term of the projections used, and that of those held out."""
    if not held.any():
        return term, None
    weights = _weights(term)
    parts = [DataTerm(term.plan, term.data, weights * keep[:, None, None].astype(np.float32)) for keep in (~held, held)]
    return parts[0], parts[1]


def _weights(term: DataTerm) -> Array:
    return np.ones(term.data.shape, np.float32) if term.weights is None else term.weights
