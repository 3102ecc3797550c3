"""rPIE in small batches, then all frames at once down the likelihood of photons, with guarded momentum.

- `RpiePlusParameters`; `stages`: the schedule they make; `run`: reconstruct.

Small batches find object and probe in a few epochs but stay at the noise of their own last frames. All frames at once,
each step built on the gradients of the last few (`momentum`), go from there to the limit that the photons set, in as
many epochs as small batches need to begin settling.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numerics import iterate
from reconstructors.ptychography.engines import gauge
from reconstructors.ptychography.engines.driving import drive
from reconstructors.ptychography.engines.listeners import Listener
from reconstructors.ptychography.engines.modes import Orthogonalisation
from reconstructors.ptychography.engines.pie import PieParameters
from reconstructors.ptychography.engines.quasi_newton import NewtonParameters
from reconstructors.ptychography.engines.schedule import Schedule, Stage
from reconstructors.ptychography.limits import whole_from_one
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State


@dataclass(frozen=True)
class RpiePlusParameters:
    """How `rpie+` goes.

    Parameters
    ----------
    epochs : int
        All together.
    updates : int
        Batches of an epoch at the start, however many frames there are.
    batch_epochs : int
        Epochs in batches.
    alpha_object, alpha_probe : float
        Of rPIE.
    likelihood : str
        Of the epochs with all frames: ``"poisson"``, or ``"amplitude"``, which is less exact but forgives light
        that the background does not hold.
    memory : int
        Steps remembered; 0 switches the momentum off.
    probe_from : int
        First epoch that changes the probe, at most `batch_epochs`.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    epochs: int = 60
    updates: int = 32
    batch_epochs: int = 16
    alpha_object: float = 0.1
    alpha_probe: float = 0.3
    likelihood: str = "poisson"
    memory: int = 6
    probe_from: int = 2

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        whole_from_one(self, "updates", "batch_epochs")
        if self.probe_from > self.batch_epochs:
            raise ValueError(f"probe_from is {self.probe_from}; allowed: at most batch_epochs, {self.batch_epochs}")
        self.batched(1)
        self.newton()

    def batched(self, frames: int) -> PieParameters:
        """Return how the batches of a problem of so many frames step."""
        return PieParameters(
            epochs=self.epochs,
            batch=max(-(-frames // self.updates), 1),
            alpha_object=self.alpha_object,
            alpha_probe=self.alpha_probe,
            probe_from=self.probe_from,
        )

    def newton(self) -> NewtonParameters:
        """Return how all frames at once step."""
        return NewtonParameters(likelihood=self.likelihood, memory=self.memory)


def stages(problem: Problem, parameters: RpiePlusParameters) -> tuple[Stage, ...]:
    """Return the schedule for a problem."""
    return (
        Stage(parameters.batched(int(problem.used.sum())), parameters.batch_epochs),
        Stage(parameters.newton(), max(parameters.epochs - parameters.batch_epochs, 0)),
    )


def gauges(problem: Problem, parameters: RpiePlusParameters) -> tuple[gauge.Gauge, ...]:
    """Return the gauges of a run.

    By themselves they act in the batched epochs alone: steps with momentum are judged by where the last ones led.
    """
    fixed = gauge.standard(problem, until=parameters.batch_epochs)
    if len(problem.probe) == 1:
        return fixed
    return (*fixed, Orthogonalisation(until=parameters.batch_epochs))


def run(
    problem: Problem,
    parameters: RpiePlusParameters,
    *,
    rng: np.random.Generator,
    listeners: Sequence[Listener] = (),
    watch: Sequence[iterate.Watcher] = (),
    stop: iterate.StopRule | None = None,
    state: State | None = None,
) -> tuple[State, list[float]]:
    """Reconstruct; return the last state and the Fourier error of every epoch.

    Parameters
    ----------
    problem : Problem
    parameters : RpiePlusParameters
    rng : numpy.random.Generator
        Of the order of the frames.
    listeners : sequence of Listener
        Called after the gauges.
    watch : sequence of callable
        Each called with (step, error) after each epoch.
    stop : callable, optional
        Given the errors so far; true ends the run.
    state : State, optional
        To go on from, changed in place; the run ends at the same epoch.
    """
    fixed = gauges(problem, parameters)
    solver = Schedule(problem, stages(problem, parameters), rng=rng, listeners=(*fixed, *listeners))
    last, errors = drive(solver, problem, parameters.epochs, state=state, stop=stop, watch=watch)
    solver.finish(last)
    gauge.apply_all(fixed, last)
    return last, errors
