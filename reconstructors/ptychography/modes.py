"""Probes of several modes, and light that varies from frame to frame.

- `start_modes`: a main mode and small orthogonal ones; `powers`: the share of each mode;
- `orthogonalised`: the same coherence in orthogonal modes, the strongest first; `Orthogonalisation`: now and then;
- `FluxRefinement`: the incident light of each frame.

Mixed states after Thibault and Menzel, Nature 494, 68 (2013): the intensities of the modes add up, so any unitary
mixture of them explains the data alike; the orthogonal one is the coherence of the beam.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.ptychography.gauge import Gauge
from reconstructors.ptychography.listeners import Quiet
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_SMALL = 0.05
"""Power of each further mode over the whole at the start."""


def start_modes(probe: Array, count: int) -> Array:
    """Return `probe` (ny, nx) and ``count - 1`` orthogonal modes, (count, ny, nx) complex64, of the same power in all.

    The further modes are those of a source of some width: the main mode times products of the coordinates in its pupil,
    which is what differences of shifted copies are made of, then made orthogonal.
    """
    power = float(np.sum(np.abs(probe) ** 2, dtype=np.float64))
    if count == 1:
        return np.asarray(probe[None], np.complex64)
    spectrum = fourier.fft2(np.asarray(probe, np.complex128))
    weight = np.abs(spectrum) ** 2 / power
    axes = [fourier.unshifted_frequencies(n, 1.0) for n in probe.shape]
    v, u = (grid - np.sum(weight * grid) for grid in np.meshgrid(*axes, indexing="ij"))
    orders = [(total - x, x) for total in range(count) for x in range(total + 1)][:count]
    scale = np.sqrt(np.sum(weight * (u**2 + v**2)))
    columns = np.stack([(spectrum * (v / scale) ** y * (u / scale) ** x).ravel() for y, x in orders], 1)
    basis, triangle = np.linalg.qr(columns)
    basis *= np.sign(np.real(np.diag(triangle)))
    shares = np.full(count, _SMALL)
    shares[0] = 1 - _SMALL * (count - 1) if _SMALL * (count - 1) < 0.5 else 0.5
    shares[1:] = (1 - shares[0]) / (count - 1)
    modes = fourier.ifft2((basis * np.sqrt(power * shares)).T.reshape(count, *probe.shape))
    return np.asarray(modes, np.complex64)


def powers(probe: Array) -> Array:
    """Return the share of each mode (modes, ny, nx) in the whole power, (modes,) float64."""
    power = np.sum(np.abs(probe) ** 2, axis=(-2, -1), dtype=np.float64)
    return np.asarray(power / power.sum())


def orthogonalised(probe: Array) -> Array:
    """Return orthogonal modes (modes, ny, nx) of the same mutual intensity, the strongest first.

    Each has the phase of the mode it is most like.
    """
    flat = probe.reshape(len(probe), -1).astype(np.complex128)
    _, vectors = np.linalg.eigh(flat.conj() @ flat.T)
    mixture = vectors[:, ::-1].T
    largest = mixture[np.arange(len(mixture)), np.abs(mixture).argmax(1)]
    mixture = mixture * (largest.conj() / np.abs(largest))[:, None]
    return np.asarray((mixture @ flat).reshape(probe.shape), probe.dtype)


class Orthogonalisation(Gauge):
    """Keep the modes orthogonal and ordered: no frame changes under a unitary mixture of the modes."""

    name = "mode mixture"

    def apply(self, state: State) -> None:
        """Mix the modes."""
        if len(state.probe) > 1:
            state.probe[...] = orthogonalised(state.probe)


class FluxRefinement(Quiet):
    """Find the incident light of each frame from how its waves want to grow; the mean stays 1.

    Parameters
    ----------
    start : int
        First epoch that moves anything, so that object and probe are there.
    step : float
        Share of the step that lowers a frame's own error most.
    limit : float
        Largest relative change of the amplitude in one epoch.
    """

    def __init__(self, start: int = 5, *, step: float = 0.5, limit: float = 0.05) -> None:
        self._start, self._step, self._limit = start, step, limit

    def wants_moments(self, state: State) -> bool:
        """Want them once it moves."""
        return state.epoch >= self._start

    def after_batch(self, state: State, indices: Array, moments: Array | None) -> None:
        """Change the flux of the frames of a batch."""
        if moments is None or state.epoch < self._start:
            return
        slope, weight = moments[:, 4], moments[:, 5]
        growth = self._step * slope / np.maximum(weight, 1e-30)
        state.flux[indices] *= (1 + np.clip(growth, -self._limit, self._limit)) ** 2

    def after_epoch(self, state: State) -> None:
        """Keep the mean at 1: what all frames share is the probe's power."""
        if state.epoch > self._start:
            state.flux /= state.flux[state.used].mean()
