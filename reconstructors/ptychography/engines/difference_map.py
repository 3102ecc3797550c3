"""Difference map and RAAR: all exit waves are kept, and object and probe are what they agree on.

- `DmParameters`; `DifferenceMap`: the solver, a step is one iteration over all frames; `run`: drive it, then average;
- `need`: the memory it takes, and `refusal`: why it is too much.

With ``A`` the projection onto what one object and one probe explain and ``M`` that onto the data, an iteration is
``psi + relaxation (M(2 A psi - psi) - A psi)`` (difference map: Thibault et al., Science 321, 379 (2008)), or
``relaxation (psi + M(2 A psi - psi) - A psi) + (1 - relaxation) A psi`` (RAAR: Luke, Inverse Problems 21, 37 (2005)).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from numerics import fourier, iterate
from reconstructors.ptychography.engines import difference_loops
from reconstructors.ptychography.engines.batches import Batches, Placed
from reconstructors.ptychography.engines.driving import drive
from reconstructors.ptychography.engines.listeners import Listener, end_epoch
from reconstructors.ptychography.kernels import frame_loops
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State
from reconstructors.ptychography.stream import parts, read_ahead

Array = NDArray[Any]

ALGORITHMS: Final = ("dm", "raar")

_NOISE = 0.25
"""Mean squared difference of an amplitude from its expectation by photon noise; less below an eighth of a photon."""

_WAVES, _OBJECT, _PROBE, _TAKEN = "waves", "object_average", "probe_average", "averaged"


@dataclass(frozen=True)
class DmParameters:
    """How the difference map goes.

    Parameters
    ----------
    epochs : int
    algorithm : str
        ``"dm"`` or ``"raar"``.
    relaxation : float
    overlaps : int
        Updates of object and probe in an iteration.
    inertia : float
        Share of the mean weight with which object and probe keep their last values.
    noise : float
        Squared distance from the data that is left to noise, over what photon noise makes; 0 asks for the data
        themselves, which noise keeps from agreeing (Giewekemeyer et al., PNAS 107, 529 (2010)).
    probe_from : int
        First iteration that changes the probe.
    average : int
        Iterations at the end whose objects and probes are averaged.
    memory_limit : float
        GiB that the exit waves may take.
    """

    epochs: int = 100
    algorithm: str = "dm"
    relaxation: float = 0.9
    overlaps: int = 2
    inertia: float = 0.02
    noise: float = 1.0
    probe_from: int = 2
    average: int = 30
    memory_limit: float = 4.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm is {self.algorithm!r}; allowed: {', '.join(ALGORITHMS)}")
        if not 0 < self.relaxation <= 1:
            raise ValueError(f"relaxation is {self.relaxation}; allowed: above 0, up to 1")
        for name, least in (("epochs", 1), ("overlaps", 1), ("average", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: a whole number from {least}")
        if not self.memory_limit > 0:
            raise ValueError(f"memory_limit is {self.memory_limit:g}; allowed: GiB, above 0")


def need(frames: int, modes: int, shape: tuple[int, int]) -> float:
    """Return the memory of all exit waves, GiB."""
    return 8 * frames * modes * shape[0] * shape[1] / 2**30


def refusal(frames: int, modes: int, shape: tuple[int, int], *, limit: float) -> str | None:
    """Return why so many frames are too many, None where they are not."""
    wanted = need(frames, modes, shape)
    if wanted <= limit:
        return None
    size = f"{frames} frames of {shape[0]} x {shape[1]} pixels and {modes} modes"
    return f"all exit waves take {wanted:.3g} GiB of memory for {size}; allowed: memory_limit, {limit:.3g} GiB"


class DifferenceMap:
    """The solver; the exit waves are part of the state's memory.

    Parameters
    ----------
    problem : Problem
    parameters : DmParameters
    listeners : sequence of Listener
        Their ``after_epoch`` alone is called; they must leave positions and ramps alone, which the waves hold too.

    Raises
    ------
    ValueError
        If the exit waves take too much memory.
    """

    def __init__(self, problem: Problem, parameters: DmParameters, *, listeners: Sequence[Listener] = ()) -> None:
        modes, shape = len(problem.probe), problem.frames.shape
        reason = refusal(int(problem.used.sum()), modes, shape, limit=parameters.memory_limit)
        if reason is not None:
            raise ValueError(reason)
        self._parameters, self._listeners = parameters, listeners
        self._batches = Batches(problem)
        self._kernel = self._batches.kernel
        self._noise = self._expected(problem)
        self._sums = Sums.zeros(problem.object_shape, problem.probe.shape)

    def step(self, state: State) -> State:
        """Do one iteration, in place."""
        order = np.flatnonzero(state.used)
        if _WAVES not in state.memory:
            self._begin(state, order)
        waves = state.memory[_WAVES]
        for rows, piece, packed in self._pieces(order):
            placed = self._batches.placed(state, piece)
            agreed = np.empty_like(waves[rows])
            frame_loops.exit_waves(state.object, self._probes(state, placed), placed.corners, placed.scales, agreed)
            reflected = difference_loops.turned(agreed, waves[rows])
            change, distance = self._kernel.change(reflected, packed)
            share = np.maximum(1 - np.sqrt(self._noise[piece] / np.maximum(distance, 1e-30)), 0).astype(np.float32)
            state.frame_errors[piece] = difference_loops.advance(
                waves[rows], agreed, reflected, change, share, _rule(self._parameters)
            )
        for _ in range(self._parameters.overlaps):
            self._overlap(state, order, waves)
        if state.epoch >= self._parameters.epochs - self._parameters.average:
            _average(state)
        end_epoch(self._listeners, state)
        return state

    def error(self, state: State) -> float:
        """Return the rms difference of the two projections over the rms wave."""
        return self._batches.error(state)

    def finish(self, state: State) -> State:
        """Put the averages in the place of object and probe, and the Fourier errors in that of the differences."""
        taken = state.memory.pop(_TAKEN, np.zeros(1))[0]
        state.memory.pop(_WAVES, None)
        if taken > 0:
            state.object[...] = state.memory.pop(_OBJECT) / taken
            state.probe[...] = state.memory.pop(_PROBE) / taken
        for _, piece, packed in self._pieces(np.flatnonzero(state.used)):
            self._batches.accumulate(state, piece, packed, self._sums, want_object=False, want_probe=False)
        return state

    def _expected(self, problem: Problem) -> Array:
        """Return the squared distance from the data that is left to the noise of each frame: (frames,)."""
        found = np.zeros(len(problem.frames))
        for piece, frames in read_ahead(problem.frames, parts(np.flatnonzero(problem.used), problem.frames)):
            each = np.minimum(2 * frames**2, _NOISE)
            found[piece] = self._parameters.noise * each.sum((1, 2), where=problem.valid, dtype=np.float64)
        return found

    def _begin(self, state: State, order: Array) -> None:
        waves = np.empty((len(order), *state.probe.shape), np.complex64)
        for rows, piece, _ in self._pieces(order):
            placed = self._batches.placed(state, piece)
            frame_loops.exit_waves(
                state.object, self._probes(state, placed), placed.corners, placed.scales, waves[rows]
            )
        state.memory[_WAVES] = waves

    def _overlap(self, state: State, order: Array, waves: Array) -> None:
        """Update object and, with that, probe."""
        self._sums.clear()
        for rows, piece, _ in self._pieces(order):
            placed = self._batches.placed(state, piece)
            frame_loops.add_to_object(
                self._probes(state, placed),
                placed.corners,
                placed.scales,
                waves[rows],
                self._sums.object_numerator,
                self._sums.object_weight,
            )
        self._settle(state.object, self._sums.object_numerator, self._sums.object_weight)
        if state.epoch < self._parameters.probe_from:
            return
        for rows, piece, _ in self._pieces(order):
            placed = self._batches.placed(state, piece)
            products = waves[rows].copy()
            frame_loops.add_to_probe(state.object, placed.corners, placed.scales, products, self._sums.probe_weight)
            if placed.factors is not None:
                back = fourier.fft2(products, overwrite=True)
                spectrum = np.zeros_like(state.probe)
                frame_loops.sum_factored(back, *placed.factors, spectrum)
                self._sums.probe_numerator += fourier.ifft2(spectrum, overwrite=True)
            else:
                frame_loops.sum_frames(products, self._sums.probe_numerator)
        self._settle(state.probe, self._sums.probe_numerator, self._sums.probe_weight)

    def _settle(self, values: Array, numerator: Array, weight: Array) -> None:
        inertia = np.float32(max(self._parameters.inertia * float(weight.mean()), 1e-30))
        values[...] = (numerator + inertia * values) / (weight + inertia)

    def _pieces(self, order: Array) -> Iterator[tuple[slice, Array, Array]]:
        (pieces,) = self._batches.read([order], gathered=True)
        first = 0
        for piece, packed in pieces:
            yield slice(first, first + len(piece)), piece, packed
            first += len(piece)

    def _probes(self, state: State, placed: Placed) -> Array:
        return self._kernel.shifted_probes(state.probe, placed.factors)


def run(
    problem: Problem,
    parameters: DmParameters,
    *,
    listeners: Sequence[Listener] = (),
    watch: Sequence[iterate.Watcher] = (),
    state: State | None = None,
) -> tuple[State, list[float]]:
    """Reconstruct; return the averaged state and the difference of the projections in every iteration.

    Parameters
    ----------
    problem : Problem
    parameters : DmParameters
    listeners : sequence of Listener
    watch : sequence of callable
        Each called with (step, error).
    state : State, optional
        To go on from, changed in place; the run ends at the same iteration.
    """
    solver = DifferenceMap(problem, parameters, listeners=listeners)
    last, errors = drive(solver, problem, parameters.epochs, state=state, watch=watch)
    return solver.finish(last), errors


def _rule(parameters: DmParameters) -> tuple[np.float32, np.float32]:
    """Return what is kept of the waves, and the share of the difference that is added."""
    step = np.float32(parameters.relaxation)
    return (np.float32(1), step) if parameters.algorithm == "dm" else (step, step)


def _average(state: State) -> None:
    """Add object and probe to their sums, with the phase that makes the object most like the sum so far."""
    memory = state.memory
    if _TAKEN not in memory:
        memory[_OBJECT], memory[_PROBE] = np.zeros_like(state.object), np.zeros_like(state.probe)
        memory[_TAKEN] = np.zeros(1)
    turn = np.vdot(state.object, memory[_OBJECT])
    phase = np.complex64(turn / abs(turn)) if abs(turn) > 0 else np.complex64(1)
    memory[_OBJECT] += phase * state.object
    memory[_PROBE] += phase.conj() * state.probe
    memory[_TAKEN] += 1
