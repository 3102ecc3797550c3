"""What may look at a reconstruction while it runs, and correct it: gauges, positions, faults, modes, defocus.

- `Listener`: the protocol; `Quiet`: one that does nothing, to derive from;
- `moments_for`, `end_epoch`: what engines do for them.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.kernels.sums import MOMENTS
from reconstructors.ptychography.state import State

Array = NDArray[Any]


class Listener(Protocol):
    """Called by the engine that owns the loop; may change the state in place."""

    def wants_moments(self, state: State) -> bool:
        """Return whether `after_batch` needs the moments of this epoch's frames."""
        ...

    def after_batch(self, state: State, indices: Array, moments: Array | None) -> None:
        """Look at a batch: frames `indices`, `moments` (frames, 6) as in `sums.MOMENTS` where asked for."""
        ...

    def after_epoch(self, state: State) -> None:
        """Look at an epoch that has just been done; ``state.epoch`` counts it."""
        ...


class Quiet:
    """A listener that does nothing."""

    def wants_moments(self, state: State) -> bool:
        """Want nothing."""
        return False

    def after_batch(self, state: State, indices: Array, moments: Array | None) -> None:
        """Do nothing."""

    def after_epoch(self, state: State) -> None:
        """Do nothing."""


def moments_for(listeners: Sequence[Listener], state: State, frames: int) -> Array | None:
    """Return room for the moments of so many frames, (frames, 6); None where no listener wants them."""
    wanted = any(one.wants_moments(state) for one in listeners)
    return np.zeros((frames, len(MOMENTS))) if wanted else None


def end_epoch(listeners: Sequence[Listener], state: State) -> None:
    """Count an epoch and let the listeners look at it."""
    state.epoch += 1
    for listener in listeners:
        listener.after_epoch(state)
