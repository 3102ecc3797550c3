"""Recipes from magnetic projections and the fill to the magnetization.

- `RECIPES`: by name, each ``(term, fill, *, noise, parameters, rng, watch=()) -> Solution``;
- `resire`: gradient descent, as published; `cgls`: conjugate gradients to the noise;
- `ball`: no vector longer than its fill, until the misfit settles;
- `vector_plus`: every vector as long as its fill, exchange lowered in steps.

The magnetization is weighted with the fill: ``|m| = fill`` where the magnet is saturated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.iterate import Watcher, run, settled
from reconstructors.tomography import vector_plus as best
from reconstructors.tomography.constraints import onto_ball, onto_support
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.solvers import Accelerated, ConjugateGradient, GradientDescent
from reconstructors.tomography.stopping import FACTOR, discrepancy, ended_by, model_misfit
from reconstructors.tomography.vector_plus import VectorPlusParameters

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
        What ended the run: "discrepancy", "settled", "held out" projections or "steps".
    step : float
        Length of a gradient step; of conjugate gradients NaN.
    operator_norm : float
        Largest curvature of the data term, from power iteration.
    model : float
        Misfit of the projector by itself, estimated without the truth; NaN if the recipe does not use it.
    pairs : float
        Forward and adjoint projections spent, half a pair each.
    term : DataTerm
        The data that were explained: those given, but for what `vector_plus` found wrong.
    exchange : tuple of (float, bool) or None
        That `vector_plus` ended with, and whether on the finer grid.
    """

    m: Array
    history: tuple[float, ...]
    ended: str
    step: float
    operator_norm: float
    model: float
    pairs: float
    term: DataTerm
    exchange: tuple[float, bool] | None = None


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
    gain : float
        The run ends once eight steps lower the misfit by less than this share of it; 0: after all steps.

    Notes
    -----
    The discrepancy would end it too early: the constraint keeps noise out, and the error falls on below it.

    Raises
    ------
    ValueError
        If the gain is impossible.
    """

    steps: int = 100
    gain: float = 0.003

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 0 <= self.gain < 1:
            raise ValueError(f"gain is {self.gain}; allowed: 0 to below 1")


_LOOK = 8
"""Steps of conjugate gradients after which a volume tells how far two projectors differ."""

_WINDOW = 8
"""Steps over which `ball` must gain."""


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
    return Solution(state.x, tuple(errors), "steps", step, norm, float("nan"), float(len(errors)), term)


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
    return Solution(state.x, tuple(errors), ended_by(errors, rule), float("nan"), norm, model, float(len(errors)), term)


def ball(
    term: DataTerm,
    fill: Array,
    *,
    noise: float,
    parameters: BallParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Solution:
    """Run accelerated gradient steps with ``|m| <= fill`` until they gain little; arguments as of `resire`."""
    _check(term, fill, noise)
    norm = operator_norm(term, scale=fill > 0, rng=rng)
    step = 1 / (MARGIN * norm)
    solver = Accelerated(step, partial(onto_ball, radius=fill.astype(np.float32)))
    rule = settled(fraction=parameters.gain, window=_WINDOW) if parameters.gain > 0 else None
    state, errors = run(solver, solver.init(term), steps=parameters.steps, stop=rule, watch=watch)
    ended = "settled" if rule is not None and rule(errors) else "steps"
    return Solution(state.x, tuple(errors), ended, step, norm, float("nan"), float(len(errors)), term)


def vector_plus(
    term: DataTerm,
    fill: Array,
    *,
    noise: float,
    parameters: VectorPlusParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher] = (),
) -> Solution:
    """Turn unit vectors under the least exchange that held-out projections allow; arguments as of `resire`.

    See `reconstructors.tomography.vector_plus`.
    """
    _check(term, fill, noise)
    m, descent, rung, norm = best.solve(term, fill, parameters=parameters, rng=rng, watch=watch)
    ended = "steps" if np.isnan(rung.held_out) else "held out"
    explained = replace(term, data=rung.grid.term.data)
    exchange = (rung.exchange, rung.grid.fine)
    step = 1 / (MARGIN * norm)
    return Solution(m, tuple(descent.errors), ended, step, norm, float("nan"), descent.pairs, explained, exchange)


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
