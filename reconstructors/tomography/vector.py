"""Recipes from magnetic projections and the fill to the magnetization.

- `RECIPES`: by name, each ``(term, fill, *, noise, parameters, rng, watch=()) -> Solution``;
- `resire`: gradient descent, as published; `cgls`: conjugate gradients to the noise;
- `ball`: no vector longer than its fill; `vector_plus`: every vector as long as its fill, exchange lowered in steps.

The magnetization is weighted with the fill: ``|m| = fill`` where the magnet is saturated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.iterate import Watcher, run
from reconstructors.tomography.constraints import onto_ball, onto_support
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.finer import coarser, finer_field, finer_fill, finer_projector
from reconstructors.tomography.solvers import Accelerated, ConjugateGradient, GradientDescent
from reconstructors.tomography.spins import Magnet, Spins
from reconstructors.tomography.stopping import FACTOR, Discrepancy, discrepancy, ended_by, model_misfit

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Solution:
    """A magnetization and how it was found.

    Attributes
    ----------
    m : (3, z, y, x) float32 array
    history : tuple of float
        Weighted misfit after each step.
    ended : str
        The rule that ended the run: "discrepancy", "settled" or "steps".
    step : float
        Length of a gradient step; of conjugate gradients NaN.
    operator_norm : float
        Largest curvature of the data term, from power iteration.
    model : float
        Misfit of the projector by itself, estimated without the truth: from two projectors, or what `vector_plus` left
        above the noise; NaN if the recipe does not use it.
    pairs : float
        Forward and adjoint projections spent, half a pair each.
    """

    m: Array
    history: tuple[float, ...]
    ended: str
    step: float
    operator_norm: float
    model: float
    pairs: float


@dataclass(frozen=True)
class ResireParameters:
    """Of `resire`: `steps` of ``strength/(projections x box edge)``."""

    steps: int = 150
    strength: float = 2.0


@dataclass(frozen=True)
class CglsParameters:
    """Of `cgls`.

    Attributes
    ----------
    steps : int
        At most.
    factor : float
        Of the discrepancy.
    model : float or None
        Misfit of the projector by itself; None: estimated, see `stopping.model_misfit`.
    """

    steps: int = 60
    factor: float = FACTOR
    model: float | None = None


@dataclass(frozen=True)
class BallParameters:
    """Of `ball`.

    Attributes
    ----------
    steps : int
        At most.
    factor : float or None
        Of the discrepancy; None: all steps, for a convex constraint keeps the error falling below it.
    model : float or None
        Misfit of the projector by itself; None: estimated, see `stopping.model_misfit`.
    """

    steps: int = 100
    factor: float | None = None
    model: float | None = None


@dataclass(frozen=True)
class VectorPlusParameters:
    """Of `vector_plus`.

    Attributes
    ----------
    start_steps : int
        Of conjugate gradients, at most.
    exchange : tuple of float
        On the data's grid, over the operator norm, one value after the other.
    fine_exchange : tuple of float
        On the grid twice finer; empty: there is none.
    steps : int
        At each value.
    factor : float
        Of the discrepancy.
    settled : float
        Ends the run when a value of the exchange lowers the misfit by less than this share.
    last_exchange : tuple of float
        On the data's grid where the finer one explains the data no better.
    """

    start_steps: int = 15
    exchange: tuple[float, ...] = (0.03, 0.01, 0.003)
    fine_exchange: tuple[float, ...] = (0.012, 0.004, 0.0012)
    last_exchange: tuple[float, ...] = (0.001, 0.0003, 0.0001)
    steps: int = 12
    factor: float = 1.0
    settled: float = 0.05


_LOWEST = 0.03
"""Cycles per pixel, `Spins.lowest`."""
_LOOK = 8
"""Steps of conjugate gradients after which a volume tells how far two projectors differ."""


def resire(
    term: DataTerm,
    fill: Array,
    *,
    noise: float,
    parameters: ResireParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Solution:
    """Descend from 0 with the step of the published recipe, inside the support.

    Parameters
    ----------
    term : DataTerm
        Of three components.
    fill : (z, y, x) array
        Share of the magnet.
    noise : float
        Misfit of the noise alone, `stopping.noise_misfit`; not used: the recipe has no stop rule.
    parameters : ResireParameters
    rng : numpy.random.Generator
        Of the power iteration.
    watch : sequence of callable
        Called with (step, misfit) after each step.

    References
    ----------
    Pham et al., Sci. Rep. 14, 9541 (2024), doi 10.1038/s41598-024-59140-1.
    """
    _check(term, fill, noise)
    edge = max(term.plan.shape)
    scale = 1.0 if term.weights is None else float(np.max(term.weights))
    step = parameters.strength / (len(term.plan) * edge * scale)
    solver = GradientDescent(step, partial(onto_support, fill=fill))
    state, errors = run(solver, solver.init(term), steps=parameters.steps, watch=watch)
    norm = operator_norm(term, scale=fill > 0, rng=rng)
    return Solution(state.x, tuple(errors), "steps", step, norm, float("nan"), float(len(errors)))


def cgls(
    term: DataTerm,
    fill: Array,
    *,
    noise: float,
    parameters: CglsParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Solution:
    """Run conjugate gradients on ``m = fill y`` until the discrepancy is met; arguments as of `resire`."""
    _check(term, fill, noise)
    solver = ConjugateGradient(fill.astype(np.float32))
    state, errors = run(solver, solver.init(term), steps=min(_LOOK, parameters.steps), watch=watch)
    model = model_misfit(term, state.x) if parameters.model is None else parameters.model
    rule = discrepancy(noise, model, factor=parameters.factor)
    left = parameters.steps - len(errors)
    if left > 0 and not rule(errors):
        state, more = run(solver, state, steps=left, stop=rule, watch=_after(watch, len(errors)))
        errors += more
    norm = operator_norm(term, scale=fill, rng=rng)
    return Solution(state.x, tuple(errors), ended_by(errors, rule), float("nan"), norm, model, float(len(errors)))


def ball(
    term: DataTerm,
    fill: Array,
    *,
    noise: float,
    parameters: BallParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Solution:
    """Run accelerated gradient steps with ``|m| <= fill``; arguments as of `resire`."""
    _check(term, fill, noise)
    norm = operator_norm(term, scale=fill > 0, rng=rng)
    step = 1 / (MARGIN * norm)
    solver = Accelerated(step, partial(onto_ball, radius=fill.astype(np.float32)))
    if parameters.factor is None:
        state, errors = run(solver, solver.init(term), steps=parameters.steps, watch=watch)
        return Solution(state.x, tuple(errors), "steps", step, norm, float("nan"), float(len(errors)))
    state, errors = run(solver, solver.init(term), steps=min(2 * _LOOK, parameters.steps), watch=watch)
    model = model_misfit(term, state.x) if parameters.model is None else parameters.model
    rule = discrepancy(noise, model, factor=parameters.factor)
    left = parameters.steps - len(errors)
    if left > 0 and not rule(errors):
        state, more = run(solver, state, steps=left, stop=rule, watch=_after(watch, len(errors)))
        errors += more
    return Solution(state.x, tuple(errors), ended_by(errors, rule), step, norm, model, float(len(errors)))


def vector_plus(
    term: DataTerm,
    fill: Array,
    *,
    noise: float,
    parameters: VectorPlusParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Solution:
    """Start from `cgls` and turn unit vectors under an exchange that is lowered in steps; arguments as of `resire`.

    The last steps are on a grid twice finer, with the magnet's edges drawn sharp inside of voxels, and averaged: what
    misfit remains there is the projector's own error. Where the data's grid explains the data better, they stay on it.
    """
    first = CglsParameters(parameters.start_steps, parameters.factor, 0.0)
    start = cgls(term, fill, noise=noise, parameters=first, rng=rng, watch=watch)
    rule = discrepancy(noise, factor=parameters.factor)
    descent = _Descent(parameters, rule, watch, list(start.history), start.pairs)
    curvature = MARGIN * start.operator_norm
    grid = _Grid(term, Magnet.of(fill), curvature, _LOWEST)
    m = descent.lower(grid, start.m, parameters.exchange)
    if not rule(descent.errors):
        m = _finished(descent, grid, m, fill)
    ended = "settled" if descent.settled else ended_by(descent.errors, rule)
    return Solution(
        m, tuple(descent.errors), ended, 1 / curvature, start.operator_norm, descent.model(noise), descent.pairs
    )


def _finished(descent: "_Descent", grid: "_Grid", m: Array, fill: Array) -> Array:
    """Lower the exchange to its end on the grid that explains the data better."""
    parameters, term, reached = descent.parameters, grid.term, descent.errors[-1]
    if parameters.fine_exchange:
        sharp = DataTerm(finer_projector(term.plan, fill=fill), term.data, term.weights)
        fine = _Grid(sharp, Magnet.of(finer_fill(fill)), grid.curvature / 8, grid.lowest / 2)
        better = descent.lower(fine, finer_field(m), parameters.fine_exchange[:1])
        if descent.errors[-1] < reached:
            return coarser(descent.lower(fine, better, parameters.fine_exchange[1:]))
    return descent.lower(grid, m, parameters.last_exchange)


@dataclass(frozen=True, eq=False)
class _Grid:
    """What `Spins` is told of a grid."""

    term: DataTerm
    magnet: Magnet
    curvature: float
    lowest: float


@dataclass
class _Descent:
    """Runs of `Spins` one after the other, each with less exchange."""

    parameters: VectorPlusParameters
    rule: Discrepancy
    watch: Sequence[Watcher]
    errors: list[float]
    pairs: float
    settled: bool = False

    def lower(self, grid: "_Grid", m: Array, exchange: Sequence[float]) -> Array:
        """Return the magnetization after the values of `exchange`, until the misfit is met or settles."""
        reached = np.inf
        for value in exchange:
            solver = Spins(grid.magnet, grid.curvature, value, lowest=grid.lowest)
            state, more = run(
                solver,
                solver.init(grid.term, m),
                steps=self.parameters.steps,
                stop=self.rule,
                watch=_after(self.watch, len(self.errors)),
            )
            m, self.pairs = solver.m(state), self.pairs + state.pairs
            self.errors += more
            self.settled = more[-1] > (1 - self.parameters.settled) * reached
            if self.settled or self.rule(more):
                break
            reached = more[-1]
        return m

    def model(self, noise: float) -> float:
        """Return the misfit left above the noise."""
        return float(np.sqrt(max(self.errors[-1] ** 2 - noise**2, 0.0)))


Recipe = Callable[..., Solution]

RECIPES: dict[str, Recipe] = {"resire": resire, "cgls": cgls, "ball": ball, "vector_plus": vector_plus}


def _check(term: DataTerm, fill: Array, noise: float) -> None:
    if term.components != 3:
        raise ValueError(f"components is {term.components}; allowed: 3, of a magnetization")
    if fill.shape != term.plan.shape:
        raise ValueError(f"fill has shape {fill.shape}; allowed: {term.plan.shape}")
    if not (np.all(fill >= 0) and np.all(fill <= 1) and np.any(fill > 0)):
        raise ValueError(f"fill is from {np.min(fill):.3g} to {np.max(fill):.3g}; allowed: 0 to 1, above 0 somewhere")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise is {noise}; allowed: a misfit from 0")


def _after(watch: Sequence[Watcher], done: int) -> tuple[Watcher, ...]:
    """Return watchers that count on from the step `done`."""

    def later(watcher: Watcher) -> Watcher:
        return lambda step, error: watcher(step + done, error)

    return tuple(later(watcher) for watcher in watch)
