"""One stretch of a reconstruction of both helicities: one or two problems that go on side by side, an epoch at a time.

- `Part`: a problem, its state and what looks at it; `Stage`: the solver that steps all of them; `position_listeners`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.corrections.positions import PositionParameters, PositionRefinement
from reconstructors.ptychography.corrections.stretching import StretchRefinement
from reconstructors.ptychography.engines import gauge, rpie_plus
from reconstructors.ptychography.engines.listeners import Listener, Quiet
from reconstructors.ptychography.engines.pie import Pie, PieParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.engines.schedule import Schedule
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]
Engine = PieParameters | RpiePlusParameters
Coupling = Callable[[], None]


class Part:
    """A problem and its state, driven by an engine that keeps its place by the state's epoch.

    Parameters
    ----------
    problem : Problem
    state : State
        Changed in place.
    engine : PieParameters or RpiePlusParameters
    rng : numpy.random.Generator
    listeners : sequence of Listener
    """

    def __init__(
        self,
        problem: Problem,
        state: State,
        engine: Engine,
        *,
        rng: np.random.Generator,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.state = state
        self._gauges: tuple[gauge.Gauge, ...] = ()
        self._solver: Pie | Schedule
        if isinstance(engine, PieParameters):
            self._solver = Pie(problem, engine, rng=rng, listeners=listeners)
        else:
            self._gauges = rpie_plus.gauges(problem, engine)
            stages = rpie_plus.stages(problem, engine)
            self._solver = Schedule(problem, stages, rng=rng, listeners=(*self._gauges, *listeners))

    def step(self) -> float:
        """Do one epoch and return the Fourier error."""
        self._solver.step(self.state)
        return self._solver.error(self.state)

    def finish(self) -> None:
        """Leave the state where it was last seen to be good, its gauges fixed."""
        if isinstance(self._solver, Schedule):
            self._solver.finish(self.state)
            gauge.apply_all(self._gauges, self.state)


class Stage:
    """Parts side by side; a step is an epoch of each, then what couples them.

    Parameters
    ----------
    parts : sequence of Part
    couplings : sequence of callable
        Called after each epoch.
    """

    def __init__(self, parts: Sequence[Part], couplings: Sequence[Coupling]) -> None:
        self._parts, self._couplings = parts, couplings
        self._error = np.inf

    def step(self, state: Sequence[Part]) -> Sequence[Part]:
        """Do one epoch."""
        self._error = float(np.mean([part.step() for part in self._parts]))
        for couple in self._couplings:
            couple()
        return state

    def error(self, state: Sequence[Part]) -> float:
        """Return the mean Fourier error of the parts."""
        return self._error

    def finish(self) -> None:
        """End all parts."""
        for part in self._parts:
            part.finish()
        for couple in self._couplings:
            couple()


class Until(Quiet):
    """A listener that is heard up to an epoch.

    Parameters
    ----------
    listener : Listener
    last : int or None
        Epochs; None is for ever.
    """

    def __init__(self, listener: Listener, last: int | None) -> None:
        self._listener, self._last = listener, last

    def wants_moments(self, state: State) -> bool:
        """Ask the listener."""
        return (self._last is None or state.epoch < self._last) and self._listener.wants_moments(state)

    def after_batch(self, state: State, indices: Array, moments: Array | None) -> None:
        """Pass a batch on."""
        if self._last is None or state.epoch < self._last:
            self._listener.after_batch(state, indices, moments)

    def after_epoch(self, state: State) -> None:
        """Pass an epoch on."""
        if self._last is None or state.epoch <= self._last:
            self._listener.after_epoch(state)


def position_listeners(problem: Problem, parameters: PositionParameters) -> tuple[Listener, ...]:
    """Return what refines the positions of one problem: frame by frame, and their common stretch."""
    return PositionRefinement(problem.positions, parameters), StretchRefinement(problem, parameters)
