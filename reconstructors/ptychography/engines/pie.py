"""ePIE and batched rPIE.

- `PieParameters`: regularisation, steps and batch; `EPIE`: those of ePIE;
- `Pie`: the solver, a step is an epoch; `run`: drive it from a problem's start.

ePIE after Maiden and Rodenburg, Ultramicroscopy 109, 1256 (2009); rPIE after Maiden, Johnson, Li, Optica 4, 736 (2017),
in batches: numerators and weights are summed over the batch, then divided once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import iterate
from reconstructors.ptychography.engines.batches import Batches, random_batches, seed_of
from reconstructors.ptychography.engines.driving import drive
from reconstructors.ptychography.engines.listeners import Listener, end_epoch, moments_for
from reconstructors.ptychography.kernels import fused_update, placing
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.limits import shares, whole_from_one
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]


@dataclass(frozen=True)
class PieParameters:
    """How rPIE steps.

    Parameters
    ----------
    epochs : int
        Of `run`.
    batch : int
        Frames of an update.
    alpha_object, alpha_probe : float
        Share of the greatest weight in the denominator, above 0 to 1; 1 is ePIE.
    step_object, step_probe : float
    probe_from : int
        First epoch that changes the probe.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    epochs: int = 100
    batch: int = 32
    alpha_object: float = 0.1
    alpha_probe: float = 0.3
    step_object: float = 1.0
    step_probe: float = 1.0
    probe_from: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        whole_from_one(self, "epochs", "batch")
        shares(self, "alpha_object", "alpha_probe")
        for name in ("step_object", "step_probe"):
            if not 0 < getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: between 0 and 2")


EPIE = PieParameters(batch=1, alpha_object=1.0, alpha_probe=1.0)


class Pie:
    """Batched rPIE; a step is one epoch over all used frames in random order.

    Parameters
    ----------
    problem : Problem
    parameters : PieParameters
    rng : numpy.random.Generator
        Of the order of the frames, which depends on its first number and the epoch alone.
    listeners : sequence of Listener
    batches : Batches, optional
        Those of the problem, where another solver has them already.
    """

    def __init__(
        self,
        problem: Problem,
        parameters: PieParameters,
        *,
        rng: np.random.Generator,
        listeners: Sequence[Listener] = (),
        batches: Batches | None = None,
    ) -> None:
        self.parameters, self._seed, self._listeners = parameters, seed_of(rng), listeners
        self._batches = batches or Batches(problem)
        self._shape = problem.frames.shape
        self._sums = Sums.zeros(problem.object_shape, problem.probe.shape)

    def step(self, state: State) -> State:
        """Do one epoch, in place."""
        batches = random_batches(state.used, self.parameters.batch, seed=self._seed, epoch=state.epoch)
        for indices, pieces in zip(batches, self._batches.read(batches), strict=True):
            moments = moments_for(self._listeners, state, len(indices))
            self._batch(state, pieces, moments)
            for listener in self._listeners:
                listener.after_batch(state, indices, moments)
        end_epoch(self._listeners, state)
        return state

    def error(self, state: State) -> float:
        """Return the Fourier error: rms amplitude difference over the rms amplitude."""
        return self._batches.error(state)

    def _batch(self, state: State, pieces: Any, moments: Array | None) -> None:
        moving = state.epoch >= self.parameters.probe_from
        corners, first = [], 0
        for indices, packed in pieces:
            here = None if moments is None else moments[first : first + len(indices)]
            placed = self._batches.accumulate(state, indices, packed, self._sums, want_probe=moving, moments=here)
            corners.append(placed.corners)
            first += len(indices)
        self._update(state, placing.reach(np.concatenate(corners), self._shape), moving)

    def _update(self, state: State, box: tuple[slice, slice], moving: bool) -> None:
        sums, parameters = self._sums, self.parameters
        fused_update.update(
            state.object,
            sums.object_numerator,
            sums.object_weight,
            alpha=parameters.alpha_object,
            length=parameters.step_object,
            box=box,
        )
        if moving:
            fused_update.update(
                state.probe,
                sums.probe_numerator,
                sums.probe_weight,
                alpha=parameters.alpha_probe,
                length=parameters.step_probe,
                box=(slice(0, self._shape[0]), slice(0, self._shape[1])),
            )


def run(
    problem: Problem,
    parameters: PieParameters,
    *,
    rng: np.random.Generator,
    listeners: Sequence[Listener] = (),
    watch: Sequence[iterate.Watcher] = (),
    state: State | None = None,
) -> tuple[State, list[float]]:
    """Run rPIE, or ePIE, from the problem's start or on from `state`; return the last state and each epoch's error."""
    solver = Pie(problem, parameters, rng=rng, listeners=listeners)
    return drive(solver, problem, parameters.epochs, state=state, watch=watch)
