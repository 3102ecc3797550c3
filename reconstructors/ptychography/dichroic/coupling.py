"""Both helicities at once.

- `DichroicState`: what comes out; `run`: reconstruct.

What they share is in `sharing`, the stages of a run are in `course`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import iterate
from reconstructors.projections.optical_density import charge_and_magnetic
from reconstructors.ptychography.checkpoint import Checkpoint
from reconstructors.ptychography.dichroic import joint
from reconstructors.ptychography.dichroic.course import Course
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.engines.listeners import Listener
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]
Problems = tuple[Problem, Problem]


@dataclass
class DichroicState:
    """What comes out of both helicities.

    Attributes
    ----------
    plus, minus : State
        In the coordinates of the first helicity's nominal positions; what is shared is equal in both.
    shift : (2,) float64 array
        (y, x) in pixels by which the second scan was found to see the sample further on, and was moved back.
    """

    plus: State
    minus: State
    shift: Array

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.plus.epoch

    @property
    def charge(self) -> Array:
        """Half the sum of the optical densities, (Y, X) float32."""
        return charge_and_magnetic(self.plus.object, self.minus.object)[0]

    @property
    def magnetic(self) -> Array:
        """Half the difference of the optical densities, (Y, X) float32."""
        return charge_and_magnetic(self.plus.object, self.minus.object)[1]


def run(
    problems: Problems,
    parameters: DichroicParameters,
    *,
    rng: np.random.Generator,
    listeners: Sequence[Listener] = (),
    watch: Sequence[iterate.Watcher] = (),
    kept: Checkpoint | None = None,
) -> tuple[DichroicState, list[float]]:
    """Reconstruct both helicities; return the last state and the mean Fourier error of every epoch.

    Parameters
    ----------
    problems : pair of Problem
        Helicity + and -, of one object shape; the start probe is that of the first where it is shared.
    parameters : DichroicParameters
    rng : numpy.random.Generator
        Of the order of the frames.
    listeners : sequence of Listener
        Called with the state of whatever problem is at hand: one helicity's, or both with the frames of + first.
    watch : sequence of callable
        Each called with (step, error) after each epoch.
    kept : Checkpoint, optional
        Keeps the states every few epochs; the run goes on from what it holds.

    Raises
    ------
    ValueError
        If the problems do not fit together.
    """
    joint.check_pair(problems)
    if parameters.shared_positions or parameters.shared_faults:
        _check_paired(problems)
    if parameters.shared_faults:
        used = problems[0].used & problems[1].used
        problems = (replace(problems[0], used=used), replace(problems[1], used=used))
    course = Course(problems, parameters, rng, listeners, watch, kept)
    return DichroicState(*course.go()), course.errors


def _check_paired(problems: Problems) -> None:
    counts = [len(problem.positions) for problem in problems]
    if counts[0] != counts[1]:
        raise ValueError(f"helicities have {counts[0]} and {counts[1]} frames; allowed: as many, to share by frame")
