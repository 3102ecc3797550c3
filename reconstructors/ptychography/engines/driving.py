"""An engine driven from where a run stands to its last epoch.

- `drive`: from a problem's start, or on from a state.
"""

from collections.abc import Sequence

from numerics import iterate
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State, start


def drive(
    solver: iterate.Solver[State],
    problem: Problem,
    epochs: int,
    *,
    state: State | None,
    stop: iterate.StopRule | None = None,
    watch: Sequence[iterate.Watcher] = (),
) -> tuple[State, list[float]]:
    """Drive `solver` to so many epochs in all; return the last state and the error of every epoch done.

    Parameters
    ----------
    solver : Solver
    problem : Problem
        Whose start begins the run.
    epochs : int
        All together: a state that has as many is returned as it is.
    state : State or None
        To go on from, changed in place; None begins the run.
    stop : callable, optional
        Given the errors so far; true ends the run.
    watch : sequence of callable
        Each called with (step, error) after each epoch.
    """
    here = start(problem) if state is None else state
    return iterate.run(solver, here, steps=max(epochs - here.epoch, 0), stop=stop, watch=watch)
