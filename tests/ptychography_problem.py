"""The common problem on which ptychographic codes are compared: one object, one probe, one scan, Poisson counts.

- `common_problem`: draws it; `Problem`: its truth and its data.

An object of 384² pixels with domains of period 22 px and textures of 6 and 11 px, a defocused annular probe of 128², a
grid of 16 x 16 positions and 10^6 photons a frame.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from optics.units import wavelength

Array = NDArray[Any]

ENERGY, PIXEL = 856.0, 5e-9
PUPIL_RADIUS, STOP, RIM = 20.0, 0.3, 0.5  # px, share, px
DEFOCUS, START_DEFOCUS = 2.76e-6, 1.90e-6


@dataclass(frozen=True)
class Problem:
    """Truth and data.

    Attributes
    ----------
    object, probe : complex arrays
        ``|probe|²`` sums to the photons of a frame.
    corners : (frames, 2) int array
        First object pixel of each frame.
    counts : (frames, n, n) int array
        Photons, zero frequency in the centre.
    start_probe : complex array
        That of the start, at the wrong defocus, of the power of the mean frame.
    """

    object: Array
    probe: Array
    corners: Array
    counts: Array
    start_probe: Array


def common_problem(
    seed: int, *, n: int = 128, grid: int = 16, step: int = 16, photons: float = 1e6, margin: int = 8
) -> Problem:
    """Draw the common problem; smaller grids make a smaller object."""
    size = margin * 2 + (grid - 1) * step + n
    object_ = textured_object(size, stream(seed, "object"))
    probe = annular_probe(n, DEFOCUS)
    jitter = stream(seed, "positions").integers(-4, 5, (grid * grid, 2))
    nodes = margin + step * np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), -1).reshape(-1, 2)
    corners = nodes + jitter
    passed = [np.sum(expected_frame(object_, probe, *corner)) for corner in corners]
    probe = probe * np.sqrt(photons / np.mean(passed))
    rng = stream(seed, "noise")
    counts = np.stack([rng.poisson(expected_frame(object_, probe, *corner)) for corner in corners])
    start = annular_probe(n, START_DEFOCUS) * np.sqrt(counts.mean(0).sum())
    return Problem(object_, probe, corners, counts, start.astype(np.complex64))


def expected_frame(object_: Array, probe: Array, y: int, x: int) -> Array:
    """Return the expected photons of a frame, zero frequency in the centre."""
    n = probe.shape[-1]
    return np.asarray(np.abs(fourier.centred_fft2(probe * object_[y : y + n, x : x + n])) ** 2)


def annular_probe(n: int, defocus: float) -> Array:
    """Return the defocused image of an annular pupil with a soft rim; unit power."""
    f = fourier.frequencies(n, 1 / n)
    radius = np.hypot(f[:, None], f[None, :])
    pupil = _rim(PUPIL_RADIUS - radius) * _rim(radius - STOP * PUPIL_RADIUS)
    frequency = radius / (n * PIXEL)
    lens = pupil * np.exp(-1j * np.pi * wavelength(ENERGY) * defocus * frequency**2)
    probe = fourier.centred_ifft2(lens)
    return np.asarray(probe / np.sqrt(np.sum(np.abs(probe) ** 2)))


def _rim(inside: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(inside / RIM)))


def textured_object(size: int, rng: np.random.Generator) -> Array:
    """Return amplitude 0.6 to 1 and phase within 0.8 rad of it: domains and two finer textures."""
    domains = np.tanh(2.5 * _texture(size, 22.0, rng))
    coarse, fine = _texture(size, 11.0, rng), _texture(size, 6.0, rng)
    amplitude = 0.8 + 0.2 * np.tanh(0.9 * domains + 0.5 * fine)
    phase = 0.8 * np.tanh(0.57 * domains + 0.35 * coarse + 0.25 * fine)
    return np.asarray(amplitude * np.exp(1j * phase))


def _texture(size: int, period: float, rng: np.random.Generator) -> Array:
    """Return band-filtered noise of unit spread around `period` pixels."""
    f = np.hypot(fourier.unshifted_frequencies(size, 1.0)[:, None], fourier.unshifted_frequencies(size, 1.0)[None, :])
    band = np.exp(-0.5 * ((f * period - 1) / 0.15) ** 2)
    noise = np.real(fourier.ifft2(fourier.fft2(rng.standard_normal((size, size)) + 0j) * band))
    return np.asarray((noise - noise.mean()) / noise.std())
