"""What no data can tell, fixed by a rule: each a listener, each with a name for the result.

- `Gauge`: a rule that is applied every few epochs; `apply_all`: all of some, now;
- `ProbePower`: power moves freely between object and probe; the probe has that of the start;
- `Centring`: object and probe move together; the probe's centre of mass is the array's centre;
- `PhaseRamp`: a ramp moves between them; the centre of mass of the probe's spectrum is the zero frequency;
- `MeanPhase`: the mean phase of the object where the probe's centres lie is zero;
- `ModulusBound`: the other way to fix the power, an object that does not amplify;
- `standard`: those that go together for a problem.

In the far field no frame changes under any of them but the bound. In the near field a common shift does change the
frames, so there is no centring.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_STILL = 1e-4
"""Shift, px, and ramp, frequency steps, below which nothing is done."""

_BRIGHT = 0.02
"""Share of the greatest value from which a pixel counts for a centre of mass."""


class Gauge(Quiet):
    """A rule applied after every so many epochs.

    Parameters
    ----------
    every : int
        Epochs; 0 is never by itself.
    until : int, optional
        Last epoch after which it is applied by itself.
    """

    name = ""

    def __init__(self, *, every: int = 1, until: int | None = None) -> None:
        if every < 0:
            raise ValueError(f"every is {every}; allowed: whole numbers of epochs from 0")
        self._every, self._until = every, until

    def after_epoch(self, state: State) -> None:
        """Apply the rule when it is time."""
        if self._every and state.epoch % self._every == 0 and (self._until is None or state.epoch <= self._until):
            self.apply(state)

    def apply(self, state: State) -> None:
        """Change the state in place."""
        raise NotImplementedError


class ProbePower(Gauge):
    """Keep the power of the probe, all modes together.

    Parameters
    ----------
    power : float
        Sum of ``|probe|²``, photons.
    every, until : int
        As in `Gauge`.
    """

    name = "probe power"

    def __init__(self, power: float, *, every: int = 1, until: int | None = None) -> None:
        super().__init__(every=every, until=until)
        if not power > 0:
            raise ValueError(f"power is {power}; allowed: above 0, in photons")
        self.power = power

    def apply(self, state: State) -> None:
        """Scale the probe, and the object against it."""
        factor = float(np.sqrt(self.power / _power(state.probe)))
        state.probe *= np.float32(factor)
        state.object *= np.float32(1 / factor)


class Centring(Gauge):
    """Keep the centre of mass of the probe at index ``n//2``."""

    name = "centring"

    def apply(self, state: State) -> None:
        """Shift object and probe together."""
        bright = np.sum(np.abs(state.probe) ** 2, axis=0, dtype=np.float64)
        off = [_centre(bright, axis, np.arange(n) - n // 2) for axis, n in enumerate(bright.shape)]
        if max(map(abs, off)) > _STILL:
            state.probe[...] = _shifted(state.probe, off)
            state.object[...] = _shifted(state.object, off)


class PhaseRamp(Gauge):
    """Keep the centre of mass of the probe's spectrum at the zero frequency."""

    name = "phase ramp"

    def apply(self, state: State) -> None:
        """Take the ramp from the probe and give it to the object."""
        bright = np.sum(np.abs(fourier.fft2(state.probe)) ** 2, axis=0, dtype=np.float64)
        off = [_centre(bright, axis, fourier.unshifted_frequencies(n, 1.0)) for axis, n in enumerate(bright.shape)]
        if max(abs(f) * n for f, n in zip(off, bright.shape, strict=True)) > _STILL:
            state.probe *= _ramp(state.probe.shape[-2:], off, -1.0)
            state.object *= _ramp(state.object.shape, off, 1.0)


class MeanPhase(Gauge):
    """Keep the mean of the object real and positive where the probe's centres lie."""

    name = "mean phase"

    def apply(self, state: State) -> None:
        """Turn object and probe against each other."""
        shape = np.array(state.probe.shape[-2:])
        centres = state.positions[state.used] + shape // 2
        low, high = np.floor(centres.min(0)).astype(int), np.ceil(centres.max(0)).astype(int) + 1
        mean = state.object[low[0] : high[0], low[1] : high[1]].mean(dtype=np.complex128)
        if mean != 0:
            turn = np.complex64(mean / abs(mean))
            state.object *= turn.conjugate()
            state.probe *= turn


class ModulusBound(Gauge):
    """Keep the modulus of the object below a bound.

    Parameters
    ----------
    bound : float
    every, until : int
        As in `Gauge`.
    """

    name = "modulus bound"

    def __init__(self, bound: float = 1.0, *, every: int = 1, until: int | None = None) -> None:
        super().__init__(every=every, until=until)
        if not bound > 0:
            raise ValueError(f"bound is {bound}; allowed: above 0")
        self.bound = bound

    def apply(self, state: State) -> None:
        """Cut what is above the bound."""
        modulus = np.abs(state.object)
        state.object *= np.minimum(1, np.float32(self.bound) / np.maximum(modulus, np.float32(1e-30)))


def standard(
    problem: Problem, *, every: int = 1, until: int | None = None, bound: float | None = None
) -> tuple[Gauge, ...]:
    """Return the gauges of a problem: power or, with `bound`, the modulus; centring in the far field; ramp; phase.

    The power and a bound of the modulus would fight, so there is one or the other.
    """
    power = _power(problem.probe)
    first: Gauge
    if bound is None:
        first = ProbePower(power, every=every, until=until)
    else:
        first = ModulusBound(bound, every=every, until=until)
    centring = (Centring(every=every, until=until),) if problem.optics.transfer is None else ()
    return (first, *centring, PhaseRamp(every=every, until=until), MeanPhase(every=every, until=until))


def apply_all(gauges: Sequence[Gauge], state: State) -> None:
    """Apply gauges to a state, in place and in order."""
    for gauge in gauges:
        gauge.apply(state)


def _power(probe: Array) -> float:
    return float(np.sum(np.abs(probe) ** 2, dtype=np.float64))


def _centre(bright: Array, axis: int, grid: Array) -> float:
    clear = np.where(bright > _BRIGHT * bright.max(), bright, 0)
    profile = clear.sum(1 - axis)
    return float(profile @ grid / profile.sum())


def _shifted(values: Array, off: Sequence[float]) -> Array:
    """Move values (..., Y, X) back by `off` pixels."""
    spectrum = fourier.fft2(values)
    for axis, (n, shift) in enumerate(zip(values.shape[-2:], off, strict=True)):
        turn = np.exp(2j * np.pi * fourier.unshifted_frequencies(n, 1.0) * shift).astype(np.complex64)
        spectrum *= turn[:, None] if axis == 0 else turn
    return fourier.ifft2(spectrum, overwrite=True)


def _ramp(shape: Sequence[int], frequency: Sequence[float], sign: float) -> Array:
    factors = [np.exp(sign * 2j * np.pi * f * np.arange(n)) for n, f in zip(shape, frequency, strict=True)]
    return np.asarray(factors[0][:, None] * factors[1], np.complex64)
