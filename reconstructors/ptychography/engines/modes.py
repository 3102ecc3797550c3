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
from reconstructors.ptychography.engines.gauge import Gauge
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_SMALL = 0.1
"""Power of each further mode over the whole at the start."""

_GOLDEN = (np.sqrt(5) - 1) / 2


def start_modes(probe: Array, count: int) -> Array:
    """Return `probe` (ny, nx) and ``count - 1`` orthogonal modes, (count, ny, nx) complex64, of the same power in all.

    The further modes are the main mode times polynomials of the coordinates in its pupil, which is what differences of
    shifted or defocused copies are made of. Each mixes all of low order, so that whatever the beam's are, none of them
    is missing.
    """
    power = float(np.sum(np.abs(probe) ** 2, dtype=np.float64))
    if count == 1:
        return np.asarray(probe[None], np.complex64)
    basis = _polynomial_modes(fourier.fft2(np.asarray(probe, np.complex128)), count + 2)
    turns = np.outer(np.arange(1, count), np.arange(1, len(basis))) * _GOLDEN
    mixture, _ = np.linalg.qr(np.exp(2j * np.pi * turns).T)
    spectra = np.concatenate([basis[:1], mixture.T @ basis[1:]])
    shares = np.full(count, max(1 - _SMALL * (count - 1), 0.5))
    shares[1:] = (1 - shares[0]) / (count - 1)
    modes = fourier.ifft2((spectra * np.sqrt(power * shares)[:, None]).reshape(count, *probe.shape))
    return np.asarray(modes, np.complex64)


def _polynomial_modes(spectrum: Array, least: int) -> Array:
    """Return orthonormal products (some, pixels) of a spectrum and its frequencies, itself first, all of each order."""
    weight = np.abs(spectrum) ** 2 / np.sum(np.abs(spectrum) ** 2)
    axes = [fourier.unshifted_frequencies(n, 1.0) for n in spectrum.shape]
    v, u = (grid - np.sum(weight * grid) for grid in np.meshgrid(*axes, indexing="ij"))
    scale = np.sqrt(np.sum(weight * (u**2 + v**2)))
    order = 1
    while (order + 1) * (order + 2) // 2 <= least:
        order += 1
    powers_of = [(total - x, x) for total in range(order + 1) for x in range(total + 1)]
    columns = np.stack([(spectrum * (v / scale) ** y * (u / scale) ** x).ravel() for y, x in powers_of], 1)
    basis, triangle = np.linalg.qr(columns)
    turn = np.diag(triangle)
    return np.asarray((basis * (turn / np.abs(turn))).T)


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
