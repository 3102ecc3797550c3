"""Positions of the frames, refined from what each frame says about its own place.

- `PositionParameters`: how they move;
- `PositionRefinement`: gradient steps with momentum, a listener;
- `Split`, `split`: differences of positions as shift, affine part and the rest of each frame;
- `without_shift`: positions less the shift that no data can tell.

The step of a frame is the Gauss-Newton one: the change that its data ask of the exit wave, projected on the slope of
the object under the probe. After Guizar-Sicairos and Fienup, Opt. Express 16, 7264 (2008), and, for steps of single
frames within an engine, Odstrcil, Menzel, Guizar-Sicairos, Opt. Express 26, 3108 (2018). The affine part, which such
steps hardly see, is refined in `stretching`; errors of many pixels in `position_search`.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.kernels.sums import MOMENTS
from reconstructors.ptychography.limits import positive
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_SLOPES = [MOMENTS.index(name) for name in ("y_slope", "x_slope")]
_WEIGHTS = [MOMENTS.index(name) for name in ("y_weight", "x_weight")]
_VELOCITY = "position_velocity"


class Split(NamedTuple):
    """Parts of the differences between two sets of positions.

    Attributes
    ----------
    shift : (2,) array
        Mean.
    affine : (2, 2) array
        What multiplies a nominal position (y, x), less their mean, in the best fit.
    rest : (frames, 2) array
        What is left.
    """

    shift: Array
    affine: Array
    rest: Array


def split(positions: Array, nominal: Array, used: Array | None = None) -> Split:
    """Return the parts of ``positions - nominal``, each (frames, 2), fitted on the used frames.

    A scan along one line has an affine part along that line only.
    """
    chosen = np.ones(len(positions), np.bool_) if used is None else used
    difference = positions - nominal
    centred = nominal - nominal[chosen].mean(0)
    shift = difference[chosen].mean(0)
    affine = np.linalg.lstsq(centred[chosen], difference[chosen] - shift, rcond=1e-6)[0].T
    return Split(shift, affine, difference - shift - centred @ affine.T)


def without_shift(positions: Array, nominal: Array, used: Array | None = None) -> Array:
    """Return `positions` (frames, 2) moved so that their mean over the used frames is that of `nominal`."""
    chosen = np.ones(len(positions), np.bool_) if used is None else used
    return np.asarray(positions - (positions[chosen] - nominal[chosen]).mean(0))


@dataclass(frozen=True)
class PositionParameters:
    """How positions move.

    Parameters
    ----------
    start : int
        Epochs before the first step: object and probe must show something first.
    momentum : float
        Share of a frame's last step in its next, 0 to below 1.
    limit : float
        Largest step of an epoch along an axis, pixels.
    reach : float
        Farthest from the nominal position along an axis, pixels.
    damping : float
        Part of the mean weight added to each frame's, so that frames on nothing stay where they are.
    stretch_from : int or None
        Epochs before the affine part is taken from the frames' steps and refined with the object; None leaves it to
        the frames.
    stretch_every : int
        Epochs between two steps of the affine part.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    start: int = 3
    momentum: float = 0.9
    limit: float = 1.0
    reach: float = 16.0
    damping: float = 0.1
    stretch_from: int | None = 18
    stretch_every: int = 5

    def __post_init__(self) -> None:
        if self.start < 0:
            raise ValueError(f"start is {self.start}; allowed: epochs from 0")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}; allowed: 0 to below 1")
        positive(self, "limit", "reach", "damping")
        if self.stretch_from is not None and self.stretch_from < self.start:
            raise ValueError(f"stretch_from is {self.stretch_from}; allowed: None, or from start, {self.start}")
        if self.stretch_every < 1:
            raise ValueError(f"stretch_every is {self.stretch_every}; allowed: epochs from 1")

    def stretches(self, epoch: int) -> bool:
        """Return whether the affine part moves after an epoch."""
        if self.stretch_from is None or epoch < self.stretch_from:
            return False
        return (epoch - self.stretch_from) % self.stretch_every == 0


class PositionRefinement(Quiet):
    """Move the positions after each epoch, in place.

    The mean of the positions of the used frames stays: their common shift is a gauge. What has been moved is kept in
    the state; the listener itself remembers one epoch.

    Parameters
    ----------
    nominal : (frames, 2) float64 array
        Positions of the start, pixels.
    parameters : PositionParameters
    """

    def __init__(self, nominal: Array, parameters: PositionParameters | None = None) -> None:
        self.nominal, self.parameters = nominal.copy(), parameters or PositionParameters()
        self._slopes = np.zeros(nominal.shape)
        self._weights = np.zeros(nominal.shape)

    def wants_moments(self, state: State) -> bool:
        """Want them from the first epoch that moves positions."""
        return state.epoch >= self.parameters.start

    def after_batch(self, state: State, indices: Array, moments: Array | None) -> None:
        """Keep what the frames say."""
        if moments is not None and self.wants_moments(state):
            self._slopes[indices] = moments[:, _SLOPES]
            self._weights[indices] = moments[:, _WEIGHTS]

    def after_epoch(self, state: State) -> None:
        """Move the used frames."""
        if state.epoch <= self.parameters.start or not state.used.any():
            return
        used = state.used
        velocity = state.memory.setdefault(_VELOCITY, np.zeros_like(self.nominal))
        velocity[~used] = 0
        asked = self.parameters.momentum * velocity[used] + self._steps(used)
        velocity[used] = self._free(_bounded(asked, self.parameters.limit), used, state.epoch)
        reach, nominal = self.parameters.reach, self.nominal[used]
        state.positions[used] = np.clip(state.positions[used] + velocity[used], nominal - reach, nominal + reach)

    def _steps(self, used: Array) -> Array:
        weights = self._weights[used]
        total = weights + self.parameters.damping * weights.mean(0)
        return np.asarray(self._slopes[used] / np.maximum(total, np.finfo(np.float64).tiny))

    def _free(self, steps: Array, used: Array, epoch: int) -> Array:
        # Without the shift, a gauge; later without the affine part, which others refine.
        last = self.parameters.stretch_from
        if last is None or epoch <= last:
            return np.asarray(steps - steps.mean(0))
        nominal = self.nominal[used]
        return split(nominal + steps, nominal).rest


def _bounded(steps: Array, limit: float) -> Array:
    longest = np.abs(steps).max(axis=1, keepdims=True)
    return np.asarray(steps / np.maximum(longest / limit, 1.0))
