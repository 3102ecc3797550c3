"""LSQML: batched gradients with least-squares step lengths.

- `LsqmlParameters`: batch, damping, likelihood; `Lsqml`: the solver, a step is an epoch; `run`: drive it.

After Odstrcil, Menzel, Guizar-Sicairos, Opt. Express 26, 3108 (2018), with one pair of step lengths for a batch: the
changes dO of the object and dP of the probe are the gradients over damped weights, their lengths a and b minimise
``sum_j |chi_j - a P dO_j - b O_j dP|²``. All but the mixed term of that follows from the sums of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics import iterate
from reconstructors.ptychography.engines.batches import Batches, random_batches, seed_of
from reconstructors.ptychography.engines.driving import drive
from reconstructors.ptychography.engines.listeners import Listener, end_epoch, moments_for
from reconstructors.ptychography.kernels.likelihoods import CURVATURE, check_likelihood
from reconstructors.ptychography.kernels.placing import reach
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_MOST_COMMON = 0.98
"""Largest correlation of the two changes that is believed."""


@dataclass(frozen=True)
class LsqmlParameters:
    """How LSQML steps.

    Parameters
    ----------
    epochs : int
    batch : int
        Frames of an update.
    damping_object, damping_probe : float
        Share of the greatest weight that is added to the weights.
    step : float
        Share of the best step lengths that is gone.
    likelihood : str
        ``"amplitude"`` (Gaussian noise of the amplitudes) or ``"poisson"``.
    probe_from : int
        First epoch that changes the probe.
    """

    epochs: int = 100
    batch: int = 32
    damping_object: float = 0.3
    damping_probe: float = 0.1
    step: float = 0.9
    likelihood: str = "amplitude"
    probe_from: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_likelihood(self.likelihood)
        if self.epochs < 1 or self.batch < 1:
            raise ValueError(f"epochs is {self.epochs}, batch {self.batch}; allowed: whole numbers from 1")


class Lsqml:
    """The solver; a step is one epoch over all used frames in random order.

    Parameters
    ----------
    problem : Problem
    parameters : LsqmlParameters
    rng : numpy.random.Generator
        Of the order of the frames.
    listeners : sequence of Listener
    """

    def __init__(
        self,
        problem: Problem,
        parameters: LsqmlParameters,
        *,
        rng: np.random.Generator,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._parameters, self._seed, self._listeners = parameters, seed_of(rng), listeners
        self._batches = Batches(problem)
        self._sums = Sums.zeros(problem.object_shape, problem.probe.shape)

    def step(self, state: State) -> State:
        """Do one epoch, in place."""
        batches = random_batches(state.used, self._parameters.batch, seed=self._seed, epoch=state.epoch)
        for indices, pieces in zip(batches, self._batches.read(batches), strict=True):
            self._sums.clear()
            moments = moments_for(self._listeners, state, len(indices))
            first = 0
            for piece, packed in pieces:
                here = None if moments is None else moments[first : first + len(piece)]
                self._accumulate(state, piece, packed, here)
                first += len(piece)
            self._update(state, indices)
            for listener in self._listeners:
                listener.after_batch(state, indices, moments)
        end_epoch(self._listeners, state)
        return state

    def error(self, state: State) -> float:
        """Return the Fourier error."""
        return self._batches.error(state)

    def _accumulate(self, state: State, piece: Array, packed: Array, moments: Array | None) -> None:
        parameters = self._parameters
        moving = state.epoch >= parameters.probe_from
        words = {"want_probe": moving, "moments": moments, "likelihood": parameters.likelihood}
        self._batches.accumulate(state, piece, packed, self._sums, **words)

    def _update(self, state: State, indices: Array) -> None:
        sums, parameters = self._sums, self._parameters
        curvature = CURVATURE[parameters.likelihood]
        placed = self._batches.placed(state, indices)
        box = reach(placed.corners, state.probe.shape[-2:])
        numerator, weight, values = sums.object_numerator[box], sums.object_weight[box], state.object[box]
        d_object = _change(numerator, weight, parameters.damping_object)
        own = _line(d_object, numerator, weight, curvature)
        if state.epoch < parameters.probe_from:
            values += np.float32(parameters.step * own[0] / max(own[1], 1e-30)) * d_object
            return
        d_probe = _change(sums.probe_numerator, sums.probe_weight, parameters.damping_probe)
        other = _line(d_probe, sums.probe_numerator, sums.probe_weight, curvature)
        corners = placed.corners - np.array([box[0].start, box[1].start])
        mixed = _mixed(d_object.conj() * values, np.sum(state.probe.conj() * d_probe, 0), corners, placed.scales)
        steps = _lengths(own, other, curvature * mixed)
        values += np.float32(parameters.step * steps[0]) * d_object
        state.probe += np.float32(parameters.step * steps[1]) * d_probe


def run(
    problem: Problem,
    parameters: LsqmlParameters,
    *,
    rng: np.random.Generator,
    listeners: Sequence[Listener] = (),
    watch: Sequence[iterate.Watcher] = (),
    state: State | None = None,
) -> tuple[State, list[float]]:
    """Reconstruct; return the last state and the Fourier error of every epoch.

    Parameters
    ----------
    problem : Problem
    parameters : LsqmlParameters
    rng : numpy.random.Generator
    listeners : sequence of Listener
    watch : sequence of callable
        Each called with (step, error).
    state : State, optional
        To go on from, changed in place; the run ends at the same epoch.
    """
    solver = Lsqml(problem, parameters, rng=rng, listeners=listeners)
    return drive(solver, problem, parameters.epochs, state=state, watch=watch)


def _change(numerator: Array, weight: Array, damping: float) -> Array:
    return np.asarray(numerator / (weight + np.float32(max(damping * float(weight.max()), 1e-30))))


def _line(change: Array, numerator: Array, weight: Array, curvature: float) -> tuple[float, float]:
    """Return slope and curvature of the misfit along a change."""
    slope = float(np.sum((change.conj() * numerator).real, dtype=np.float64))
    bend = float(np.sum(np.abs(change) ** 2 * weight, dtype=np.float64))
    return slope, curvature * bend


def _lengths(one: tuple[float, float], other: tuple[float, float], mixed: float) -> tuple[float, float]:
    """Solve the two normal equations for the step lengths."""
    (b1, a11), (b2, a22) = one, other
    if a11 <= 0 or a22 <= 0:
        return (b1 / a11 if a11 > 0 else 0.0), (b2 / a22 if a22 > 0 else 0.0)
    limit = _MOST_COMMON * np.sqrt(a11 * a22)
    a12 = float(np.clip(mixed, -limit, limit))
    determinant = a11 * a22 - a12**2
    return (a22 * b1 - a12 * b2) / determinant, (a11 * b2 - a12 * b1) / determinant


@njit(cache=True, nogil=True)
def _mixed(object_part: Array, probe_part: Array, corners: Array, scale: Array) -> float:
    """Return ``Re sum_j scale_j² sum_r object_part(r) probe_part(r - r_j)``."""
    ny, nx = probe_part.shape
    total = 0.0
    for j in range(len(corners)):
        cy, cx = corners[j, 0], corners[j, 1]
        frame = 0.0
        for y in range(ny):
            for x in range(nx):
                a, b = object_part[cy + y, cx + x], probe_part[y, x]
                frame += a.real * b.real - a.imag * b.imag
        total += frame * scale[j] * scale[j]
    return total
