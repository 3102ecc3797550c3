"""All frames at once: quasi-Newton steps down a likelihood, guarded.

- `NewtonParameters`: likelihood, memory, first step; `Newton`: the solver, a step is an epoch.

An epoch computes the gradient over all frames where the state is, judges the step that led there, and takes the next.
A step is judged by the gradients at its ends: half the sum of their components along it is the change of the
likelihood, to second order. Where that rises the state goes back to a shorter step, so no epoch is built on a bad one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.engines.batches import Batches
from reconstructors.ptychography.engines.listeners import Listener, end_epoch, moments_for
from reconstructors.ptychography.engines.momentum import Field, Momentum, add, field_of, inner
from reconstructors.ptychography.kernels.likelihoods import CURVATURE, check_likelihood
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.limits import shares
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_GROWTH = 4.0
"""Longest step over the one before it."""

_WORSE = 1.5
"""Sum of squared differences over that before the step, beyond which a step is undone whatever its slopes say."""

_SHORTEST, _LONGEST = 0.1, 0.5
"""Bounds of what is left of a step that is undone."""

_UNDONE = 4
"""Steps undone in a row after which all is forgotten."""

_MOVED = 0.1
"""Change by listeners over the step itself, beyond which all is forgotten."""


@dataclass(frozen=True)
class NewtonParameters:
    """How the quasi-Newton method steps.

    Parameters
    ----------
    likelihood : str
        ``"poisson"``, that of counted photons, or ``"amplitude"``, whose noise is the same at every pixel.
    memory : int
        Steps remembered; 0 is plain scaled descent.
    step : float
        First step over that of Newton's method for object and probe each on its own.
    alpha_object, alpha_probe : float
        Share of the greatest weight in the first metric.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    likelihood: str = "poisson"
    memory: int = 6
    step: float = 0.5
    alpha_object: float = 0.05
    alpha_probe: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_likelihood(self.likelihood)
        if self.memory < 0:
            raise ValueError(f"memory is {self.memory}; allowed: whole numbers from 0")
        if not 0 < self.step < 1:
            raise ValueError(f"step is {self.step}; allowed: between 0 and 1")
        shares(self, "alpha_object", "alpha_probe")


class Newton:
    """Guarded quasi-Newton steps on object and probe together; a step is one epoch over all used frames.

    Parameters
    ----------
    problem : Problem
    parameters : NewtonParameters
    listeners : sequence of Listener
    batches : Batches, optional
        Those of the problem, where another solver has them already.
    """

    def __init__(
        self,
        problem: Problem,
        parameters: NewtonParameters,
        *,
        listeners: Sequence[Listener] = (),
        batches: Batches | None = None,
    ) -> None:
        self.parameters, self._listeners = parameters, listeners
        self._batches = batches or Batches(problem)
        self._sums = Sums.zeros(problem.object_shape, problem.probe.shape)

    def step(self, state: State) -> State:
        """Do one epoch, in place."""
        momentum, here = Momentum(state, max(self.parameters.memory, 1)), field_of(state)
        self._forget_if_moved(momentum, state)
        gradient = self._gradient(state)
        if "point" not in momentum:
            self._begin(momentum, state, gradient)
        elif self._is_better(momentum, state, gradient):
            self._advance(momentum, state, gradient)
        else:
            self._retreat(momentum, state, gradient)
        momentum.keep("left", here.copy())
        end_epoch(self._listeners, state)
        return state

    def error(self, state: State) -> float:
        """Return the Fourier error: rms amplitude difference over the rms amplitude."""
        return self._batches.error(state)

    def finish(self, state: State) -> None:
        """Put the state where it was last seen to be good, in place: the last step has not been judged."""
        momentum = Momentum(state, max(self.parameters.memory, 1))
        self._forget_if_moved(momentum, state)
        if "point" in momentum:
            point = momentum.field("point")
            state.object[...], state.probe[...] = point.object, point.probe

    def _gradient(self, state: State) -> Field:
        indices = np.flatnonzero(state.used)
        self._sums.clear()
        for pieces in self._batches.read([indices]):
            for piece, packed in pieces:
                moments = moments_for(self._listeners, state, len(piece))
                words = {"moments": moments, "likelihood": self.parameters.likelihood}
                self._batches.accumulate(state, piece, packed, self._sums, **words)
                for listener in self._listeners:
                    listener.after_batch(state, piece, moments)
        return Field(-self._sums.object_numerator, -self._sums.probe_numerator)

    def _begin(self, momentum: Momentum, state: State, gradient: Field) -> None:
        sums, parameters = self._sums, self.parameters
        curvature = CURVATURE[parameters.likelihood]
        metric = Field(
            _regularised(sums.object_weight, parameters.alpha_object) * np.float32(curvature),
            _regularised(sums.probe_weight, parameters.alpha_probe) * np.float32(curvature),
        )
        momentum.keep("metric", metric)
        self._move(momentum, state, gradient)

    def _is_better(self, momentum: Momentum, state: State, gradient: Field) -> bool:
        if not np.isfinite(self._total(state)) or self._total(state) > _WORSE * momentum.number("total", np.inf):
            return False
        step = field_of(state).minus(momentum.field("point"))
        return inner(momentum.field("slope"), step) + inner(gradient, step) <= 0

    def _advance(self, momentum: Momentum, state: State, gradient: Field) -> None:
        step = field_of(state).minus(momentum.field("point"))
        if self.parameters.memory > 0:
            momentum.gain(step, gradient.minus(momentum.field("slope")))
        momentum.note("undone", 0)
        self._move(momentum, state, gradient)

    def _retreat(self, momentum: Momentum, state: State, gradient: Field) -> None:
        point, slope = momentum.field("point"), momentum.field("slope")
        step = field_of(state).minus(point)
        undone = int(momentum.number("undone", 0)) + 1
        before, after = inner(slope, step), inner(gradient, step)
        left = before / (before - after) if np.isfinite(after) and after > before else 0.0
        if self.parameters.memory > 0 and np.isfinite(after):
            momentum.gain(step, gradient.minus(slope))
        state.object[...], state.probe[...] = point.object, point.probe
        if undone >= _UNDONE:
            momentum.forget()
            return
        left = float(np.clip(left, _SHORTEST, _LONGEST))
        add(field_of(state), left, step)
        momentum.note("undone", undone)
        momentum.note("length", left * momentum.number("length", 0.0))

    def _move(self, momentum: Momentum, state: State, gradient: Field) -> None:
        """Remember the present point and leave it."""
        here, metric = field_of(state), momentum.field("metric")
        step = momentum.direction(gradient, metric)
        first = int(momentum.number("newest", -1)) < 0
        length = float(np.sqrt(inner(step, step)))
        factor = self.parameters.step if first else 1.0
        most = _GROWTH * momentum.number("length", np.inf)
        factor = min(factor, most / max(length, 1e-30))
        momentum.keep("point", here.copy())
        momentum.keep("slope", gradient)
        momentum.note("total", self._total(state))
        momentum.note("frames", float(state.used.sum()))
        momentum.note("length", factor * length)
        add(here, factor, step)

    def _total(self, state: State) -> float:
        return float(state.frame_errors[state.used].sum())

    def _forget_if_moved(self, momentum: Momentum, state: State) -> None:
        """Forget what is no longer true: other frames, or object and probe changed from outside."""
        if "point" not in momentum:
            return
        if momentum.number("frames", 0.0) != state.used.sum():
            momentum.forget()
            return
        left, here = momentum.field("left"), field_of(state)
        if np.array_equal(left.object, here.object) and np.array_equal(left.probe, here.probe):
            return
        moved = here.minus(left)
        if inner(moved, moved) > (_MOVED * momentum.number("length", 0.0)) ** 2:
            momentum.forget()


def _regularised(weight: Array, alpha: float) -> Array:
    return np.asarray((1 - np.float32(alpha)) * weight + np.float32(max(alpha * float(weight.max()), 1e-30)))
