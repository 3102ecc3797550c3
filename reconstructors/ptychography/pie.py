"""ePIE and batched rPIE.

- `PieParameters`: regularisation, steps and batch; `Pie`: the solver, a step is an epoch;
- `object_step`, `probe_step`: the update of a batch from its sums.

ePIE after Maiden and Rodenburg, Ultramicroscopy 109, 1256 (2009); rPIE after Maiden, Johnson, Li, Optica 4, 736 (2017),
in batches: numerators and weights are summed over the batch, then divided once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography import placing
from reconstructors.ptychography.kernels import Kernel, make_kernel
from reconstructors.ptychography.listeners import Listener
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State
from reconstructors.ptychography.sums import Sums

Array = NDArray[Any]


@dataclass(frozen=True)
class PieParameters:
    """How rPIE steps.

    Parameters
    ----------
    batch : int
        Frames of an update.
    alpha_object, alpha_probe : float
        Share of the greatest weight in the denominator, 0 to 1; 1 is ePIE.
    step_object, step_probe : float
    probe_from : int
        First epoch that changes the probe.
    """

    batch: int = 32
    alpha_object: float = 0.1
    alpha_probe: float = 0.3
    step_object: float = 1.0
    step_probe: float = 1.0
    probe_from: int = 0


class Pie:
    """Batched rPIE; a step is one epoch over all used frames in random order.

    Parameters
    ----------
    problem : Problem
    parameters : PieParameters
    rng : numpy.random.Generator
        Of the order of the frames.
    listeners : sequence of Listener
    """

    def __init__(
        self,
        problem: Problem,
        parameters: PieParameters,
        *,
        rng: np.random.Generator,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.problem, self.parameters, self._rng, self._listeners = problem, parameters, rng, listeners
        optics = problem.optics
        modes = len(problem.probe)
        self.kernel: Kernel = make_kernel(
            problem.frames.shape,
            modes,
            problem.object_shape,
            valid=problem.valid,
            background=problem.background,
            transfer=optics.transfer,
        )
        self._sums = Sums.zeros(problem.object_shape, (modes, *problem.frames.shape))

    def step(self, state: State) -> State:
        """Do one epoch, in place."""
        order = self._rng.permutation(np.flatnonzero(state.used))
        for first in range(0, len(order), self.parameters.batch):
            self.batch(state, order[first : first + self.parameters.batch])
        state.epoch += 1
        for listener in self._listeners:
            listener.after_epoch(state)
        return state

    def batch(self, state: State, indices: Array) -> None:
        """Update the state from some frames, in place."""
        shape, optics = self.problem.frames.shape, self.problem.optics
        places = state.positions[indices]
        whole = placing.corners(places, self.problem.object_shape, shape)
        factors = placing.factors(
            places,
            whole,
            shape,
            defocus=state.defocus[indices],
            wavelength=optics.wavelength,
            pixel_size=optics.pixel_size,
        )
        flux = state.flux[indices]
        scale = None if np.all(flux == 1) else np.sqrt(flux).astype(np.float32)
        self._sums.clear()
        moments = np.zeros((len(indices), 6)) if any(one.wants_moments(state) for one in self._listeners) else None
        moving = state.epoch >= self.parameters.probe_from
        state.frame_errors[indices] = self.kernel.accumulate(
            state.object,
            state.probe,
            self.kernel.pack(self.problem.frames.read(indices)),
            whole,
            self._sums,
            factors=factors,
            scale=scale,
            want_probe=moving,
            moments=moments,
        )
        object_step(state.object, self._sums, self.parameters)
        if moving:
            probe_step(state.probe, self._sums, self.parameters)
        for listener in self._listeners:
            listener.after_batch(state, indices, moments)

    def error(self, state: State) -> float:
        """Return the Fourier error: rms amplitude difference over the rms amplitude."""
        used = state.used
        return float(np.sqrt(state.frame_errors[used].mean() / self.problem.photons))


def object_step(object_: Array, sums: Sums, parameters: PieParameters) -> None:
    """Update the object in place."""
    alpha, weight = np.float32(parameters.alpha_object), sums.object_weight
    denominator = (1 - alpha) * weight + alpha * weight.max()
    object_ += np.float32(parameters.step_object) * sums.object_numerator / denominator


def probe_step(probe: Array, sums: Sums, parameters: PieParameters) -> None:
    """Update the probe in place."""
    alpha, weight = np.float32(parameters.alpha_probe), sums.probe_weight
    denominator = (1 - alpha) * weight + alpha * weight.max()
    probe += np.float32(parameters.step_probe) * sums.probe_numerator / denominator
