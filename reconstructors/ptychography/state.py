"""What a method changes from epoch to epoch.

- `State`: object, probe, positions, flux and what an engine remembers; `start`: that of a problem.

A state holds everything that the next epoch depends on, so a run that is stopped and goes on gives the same bits.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.problem import Problem

Array = NDArray[Any]


@dataclass
class State:
    """The state of a reconstruction, changed in place.

    Attributes
    ----------
    object : (Y, X) complex64 array
    probe : (modes, ny, nx) complex64 array
    positions : (frames, 2) float64 array
        First object pixel (y, x) of each frame, with fractions.
    flux : (frames,) float64 array
        Relative to the mean.
    defocus : (frames,) float64 array
        Of the probe in each frame against `probe`, m.
    used : (frames,) bool array
        Frames that take part.
    epoch : int
        Epochs done.
    frame_errors : (frames,) float64 array
        Sum of squared amplitude differences of each frame when it was last seen, photons.
    memory : dict of str to array
        What an engine remembers beyond that.
    """

    object: Array
    probe: Array
    positions: Array
    flux: Array
    defocus: Array
    used: Array
    epoch: int = 0
    frame_errors: Array = field(default_factory=lambda: np.zeros(0))
    memory: dict[str, Array] = field(default_factory=dict)

    def copy(self) -> "State":
        """Return a copy that shares nothing."""
        arrays = {name: np.copy(getattr(self, name)) for name in _ARRAYS}
        memory = {name: np.copy(value) for name, value in self.memory.items()}
        return State(**arrays, epoch=self.epoch, memory=memory)


_ARRAYS = ("object", "probe", "positions", "flux", "defocus", "used", "frame_errors")


def start(problem: Problem) -> State:
    """Return the state before the first epoch: a transparent object, the probe as known, nominal positions."""
    frames = len(problem.positions)
    return State(
        object=np.ones(problem.object_shape, np.complex64),
        probe=np.array(problem.probe, np.complex64, copy=True),
        positions=problem.positions.copy(),
        flux=problem.flux.copy(),
        defocus=np.zeros(frames) if problem.defocus is None else problem.defocus.copy(),
        used=problem.used.copy(),
        frame_errors=np.zeros(frames),
    )
