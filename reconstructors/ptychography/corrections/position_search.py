"""Positions wrong by many pixels: trial moves, kept where they fit better.

- `SearchParameters`, `PositionSearch`: a listener.

After Maiden, Humphry, Sarahan, Kraus, Rodenburg, Ultramicroscopy 120, 64 (2012): every frame tries a few places within
a radius that shrinks from epoch to epoch and keeps the best. Gradient steps (`positions`) finish what it leaves.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics.streams import stream
from reconstructors.ptychography.engines.batches import Batches
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.limits import positive
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]


@dataclass(frozen=True)
class SearchParameters:
    """How positions are searched.

    Parameters
    ----------
    start, stop : int
        First and last epoch after which frames try.
    radius : float
        Of the first trials, pixels; it shrinks to one pixel at `stop`.
    trials : int
        Places that each frame tries in an epoch; each costs half an epoch of the engine.
    reach : float
        Farthest from the nominal position along an axis, pixels.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    start: int = 5
    stop: int = 40
    radius: float = 6.0
    trials: int = 4
    reach: float = 16.0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"start is {self.start}, stop {self.stop}; allowed: epochs from 0, start before stop")
        if not self.radius >= 1:
            raise ValueError(f"radius is {self.radius}; allowed: pixels from 1")
        if self.trials < 1:
            raise ValueError(f"trials is {self.trials}; allowed: from 1")
        positive(self, "reach")


class PositionSearch(Quiet):
    """Try places for every used frame after each epoch, in place.

    Parameters
    ----------
    problem : Problem
    parameters : SearchParameters
    seed : int
        Of the trials; those of an epoch depend on nothing else, so a run that goes on tries the same.
    """

    def __init__(self, problem: Problem, parameters: SearchParameters | None = None, *, seed: int) -> None:
        self.problem, self.parameters, self._seed = problem, parameters or SearchParameters(), seed
        self._batches = Batches(problem)
        self._nothing = Sums.zeros((1, 1), (len(problem.probe), 1, 1))

    def radius(self, epoch: int) -> float:
        """Return how far frames try after an epoch, pixels."""
        span = self.parameters.stop - self.parameters.start
        return float(self.parameters.radius ** (1 - (epoch - self.parameters.start) / span))

    def after_epoch(self, state: State) -> None:
        """Try, if it is time."""
        parameters, used = self.parameters, state.used
        if not parameters.start <= state.epoch <= parameters.stop or not used.any():
            return
        rng = stream(self._seed, "position search", state.epoch)
        before = state.positions[used].mean(0)
        best = self._errors(state, state.positions)
        for _ in range(parameters.trials):
            places = state.positions + self._moves(len(best), self.radius(state.epoch), rng)
            nominal = self.problem.positions
            places = np.clip(places, nominal - parameters.reach, nominal + parameters.reach)
            found = self._errors(state, places)
            better = used & (found < best)
            state.positions[better], best[better] = places[better], found[better]
        state.positions[used] -= state.positions[used].mean(0) - before

    def _moves(self, frames: int, radius: float, rng: np.random.Generator) -> Array:
        turn, length = rng.uniform(0, 2 * np.pi, frames), radius * np.sqrt(rng.random(frames))
        return np.stack([length * np.sin(turn), length * np.cos(turn)], 1)

    def _errors(self, state: State, places: Array) -> Array:
        """Return the error of each used frame as if it lay elsewhere, infinite for the others."""
        trial = replace(state, positions=places, frame_errors=np.full(len(places), np.inf))
        for pieces in self._batches.read([np.flatnonzero(state.used)]):
            for piece, packed in pieces:
                self._batches.accumulate(trial, piece, packed, self._nothing, want_object=False, want_probe=False)
        return trial.frame_errors
