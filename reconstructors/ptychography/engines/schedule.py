"""Recipes as data: which engine for how many epochs.

- `Stage`: parameters of an engine, and epochs; `Schedule`: the solver that goes through them.

The stage is told by the epoch of the state alone, so a run goes on wherever it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reconstructors.ptychography.engines.batches import Batches
from reconstructors.ptychography.engines.listeners import Listener
from reconstructors.ptychography.engines.momentum import Momentum
from reconstructors.ptychography.engines.pie import Pie, PieParameters
from reconstructors.ptychography.engines.quasi_newton import Newton, NewtonParameters
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State


@dataclass(frozen=True)
class Stage:
    """An engine for some epochs.

    Attributes
    ----------
    parameters : PieParameters or NewtonParameters
        Which engine, and how it steps.
    epochs : int
    """

    parameters: PieParameters | NewtonParameters
    epochs: int


class Schedule:
    """Stages one after the other; a step is one epoch of the stage that is due. The last stage has no end.

    Parameters
    ----------
    problem : Problem
    stages : sequence of Stage
    rng : numpy.random.Generator
        Of the order of the frames.
    listeners : sequence of Listener

    Raises
    ------
    ValueError
        If there is no stage.
    """

    def __init__(
        self,
        problem: Problem,
        stages: Sequence[Stage],
        *,
        rng: np.random.Generator,
        listeners: Sequence[Listener] = (),
    ) -> None:
        if not stages:
            raise ValueError("stages is empty; allowed: at least one stage")
        self._batches = Batches(problem)
        self._ends = np.cumsum([stage.epochs for stage in stages])
        self._engines: list[Pie | Newton] = [
            Pie(problem, stage.parameters, rng=rng, listeners=listeners, batches=self._batches)
            if isinstance(stage.parameters, PieParameters)
            else Newton(problem, stage.parameters, listeners=listeners, batches=self._batches)
            for stage in stages
        ]

    def step(self, state: State) -> State:
        """Do one epoch, in place."""
        index = min(int(np.searchsorted(self._ends, state.epoch, side="right")), len(self._engines) - 1)
        if state.epoch and state.epoch == self._ends[index - 1]:
            Momentum(state, 1).forget()
        return self._engines[index].step(state)

    def error(self, state: State) -> float:
        """Return the Fourier error: rms amplitude difference over the rms amplitude."""
        return self._batches.error(state)

    def finish(self, state: State) -> None:
        """Leave the state where it was last seen to be good, in place."""
        index = min(int(np.searchsorted(self._ends, state.epoch - 1, side="right")), len(self._engines) - 1)
        engine = self._engines[index]
        if isinstance(engine, Newton):
            engine.finish(state)
