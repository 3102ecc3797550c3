"""What may look at a reconstruction while it runs, and correct it: gauges, positions, faults, modes, defocus.

- `Listener`: the protocol; `Quiet`: one that does nothing, to derive from.
"""

from typing import Any, Protocol

from numpy.typing import NDArray

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
