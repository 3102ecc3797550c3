"""Frames that do not fit what the others reconstruct.

- `RejectionParameters`, `FrameRejection`: a listener that leaves them out, after some epochs.

What `faults` cannot tell from the frames alone, the first epochs can: every part of the object is seen by many frames,
and one that differs by its flux or its pattern stays behind. Two numbers of each frame are compared with those of its
neighbours in the scan, the flux that would fit it best and the error that would remain. Both come with the engine's own
pass over the frames.

A bad frame spoils the object under it, and so the numbers of its neighbours, which are good. So only the worst of a
neighbourhood goes at a time, and the others are judged again once the object has healed.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.corrections.scan_neighbours import Neighbourhood
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.kernels.sums import MOMENTS
from reconstructors.ptychography.limits import positive
from reconstructors.ptychography.state import State

Array = NDArray[Any]

REJECTED: Final = "rejected"
"""Name in a state's memory: (frames,) int8, 1 where a frame was left out here."""

_SLOPE, _WEIGHT = MOMENTS.index("flux_slope"), MOMENTS.index("flux_weight")
_HIGH_AMONG = 0.85
_AROUND = 8  # neighbours
_FEW = 8


@dataclass(frozen=True)
class RejectionParameters:
    """When a frame does not fit.

    Parameters
    ----------
    after : tuple of int
        Epochs after which the frames are judged.
    flux : float
        Least deviation of the logarithm of the flux.
    error : float
        Least ratio of the error that remains to that of the worst of its good neighbours.
    spreads : float
        How many local spreads a flux must be away.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    after: tuple[int, ...] = (10, 13, 16)
    flux: float = 0.15
    error: float = 3.0
    spreads: float = 5.0

    def __post_init__(self) -> None:
        if not self.after or min(self.after) < 1:
            raise ValueError(f"after is {self.after}; allowed: epochs from 1")
        if not self.error > 1:
            raise ValueError(f"error is {self.error}; allowed: above 1")
        positive(self, "flux", "spreads")


class FrameRejection(Quiet):
    """Leave frames out of `State.used` that do not fit, in place.

    Parameters
    ----------
    parameters : RejectionParameters
    """

    def __init__(self, parameters: RejectionParameters | None = None) -> None:
        self.parameters = parameters or RejectionParameters()
        self._flux: dict[int, tuple[float, float]] = {}

    def wants_moments(self, state: State) -> bool:
        """Want them in the epoch before a judgement."""
        return state.epoch + 1 in self.parameters.after

    def after_batch(self, state: State, indices: Array, moments: Array | None) -> None:
        """Keep what the frames say of their flux."""
        if moments is not None and self.wants_moments(state):
            found = zip(moments[:, _SLOPE], moments[:, _WEIGHT], strict=True)
            self._flux.update(zip(indices.tolist(), found, strict=True))

    def after_epoch(self, state: State) -> None:
        """Judge, if it is time."""
        if state.epoch not in self.parameters.after or len(self._flux) < _FEW:
            return
        seen = np.array(sorted(self._flux))
        slope, weight = np.array([self._flux[index] for index in seen.tolist()]).T
        self._flux.clear()
        bad = seen[self.misfits(state.positions[seen], slope, weight, state.frame_errors[seen])]
        state.used[bad] = False
        state.memory.setdefault(REJECTED, np.zeros(len(state.used), np.int8))[bad] = 1

    def misfits(self, positions: Array, slope: Array, weight: Array, errors: Array) -> NDArray[np.bool_]:
        """Return which of some frames do not fit, from the moments of their flux and their errors."""
        weight = np.maximum(weight, np.finfo(np.float64).tiny)
        flux = 2 * np.log(np.maximum(1 + slope / weight, 0.05))
        rest = np.log(np.maximum(errors - slope**2 / weight, 1e-3 * errors + 1e-12))
        near, bad = Neighbourhood.of(positions), np.zeros(len(flux), np.bool_)
        away = np.abs(flux - near.quantile(flux[:, None], ~bad, 0.5)[:, 0])
        for _ in range(2):
            spread = np.maximum(near.spread(away[:, None], ~bad)[:, 0], 0.01)
            bad = (away > self.parameters.flux) & (away > self.parameters.spreads * spread)
            rise = rest - near.quantile(rest[:, None], ~bad, _HIGH_AMONG)[:, 0]
            bad |= rise > np.log(self.parameters.error)
        return bad & (near.is_worst(away, _AROUND) | near.is_worst(rise, _AROUND))
