"""The driver of iterative solvers: one loop, owned here, for every method.

- `Solver`: what a solver is, an object with ``step(state) -> state``;
- `iterate`: the loop, a generator of states;
- `run`: drive it to its end and return the last state;
- stop rules: `settled`, `below`; any callable on the history of errors will do.

Solvers hold their hyper-parameters and scratch memory, neither plot nor print; progress, recording and checkpoints are
watchers, called after each step.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

State = TypeVar("State")
StateT_contra = TypeVar("StateT_contra")


class Solver(Protocol[State]):
    """One step of an iterative method; the state may be changed in place."""

    def step(self, state: State) -> State:
        """Return the next state."""
        ...

    def error(self, state: State) -> float:
        """Return the error of the state, as a number that falls."""
        ...


Watcher = Callable[[int, float], None]
StopRule = Callable[[Sequence[float]], bool]


@dataclass(frozen=True)
class Settled:
    """Stop once the error has fallen by less than a fraction over a window of steps."""

    fraction: float
    window: int

    def __call__(self, errors: Sequence[float]) -> bool:
        """Return whether the last `window` steps gained less than `fraction`."""
        if len(errors) <= self.window:
            return False
        return errors[-1] > (1 - self.fraction) * errors[-1 - self.window]


def settled(*, fraction: float, window: int) -> Settled:
    """Return a rule that stops once `window` steps have lowered the error by less than `fraction` of itself."""
    if not 0 < fraction < 1 or window < 1:
        raise ValueError(f"fraction is {fraction}, window {window}; allowed: fraction between 0 and 1, window from 1")
    return Settled(fraction, window)


def iterate(
    solver: Solver[State],
    state: State,
    *,
    steps: int,
    stop: StopRule | None = None,
    watch: Sequence[Watcher] = (),
) -> Iterator[tuple[State, float]]:
    """Drive `solver` from `state` and yield each new state with its error.

    Parameters
    ----------
    solver : Solver
    state
        Where to start; may be changed in place.
    steps : int
        At most so many steps.
    stop : callable, optional
        Given the errors so far; true ends the loop.
    watch : sequence of callable
        Each called with (step, error) after each step.

    Raises
    ------
    FloatingPointError
        If the error is no longer finite.
    """
    errors: list[float] = []
    for index in range(steps):
        state = solver.step(state)
        error = solver.error(state)
        if not math.isfinite(error):
            raise FloatingPointError(f"the error is {error} after step {index + 1} of {type(solver).__name__}")
        errors.append(error)
        for watcher in watch:
            watcher(index, error)
        yield state, error
        if stop is not None and stop(errors):
            return


def run(
    solver: Solver[State],
    state: State,
    *,
    steps: int,
    stop: StopRule | None = None,
    watch: Sequence[Watcher] = (),
) -> tuple[State, list[float]]:
    """Drive `solver` to its end; return the last state and the error of every step."""
    errors: list[float] = []
    for new, error in iterate(solver, state, steps=steps, stop=stop, watch=watch):
        state = new
        errors.append(error)
    return state, errors
