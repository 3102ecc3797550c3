"""Where phase retrieval starts, and how the plane of its result is put right.

- `from_support`: the transform of the support, matched to the measured amplitudes by regression (the published start);
- `from_holes`: the same with the relative amplitude and phase of object and references fitted;
- `random_start`: random phases, for a transfer function;
- `into_sharp_plane`: moves a result to the plane in which the edge of the object hole is sharpest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from optics.propagation import transfer_function
from reconstructors.phase_retrieval.magnitudes import Pattern
from reconstructors.supports import Holes

Array = NDArray[Any]
Mask = NDArray[np.bool_]

_RATIOS = np.geomspace(0.5, 4.0, 10)
_PHASES = np.arange(0, 2 * np.pi, np.pi / 12)


def from_support(pattern: Pattern, support: Mask) -> Array:
    """Return the support (unshifted) scaled so that its amplitudes fit the measured ones, complex64."""
    amplitude = np.abs(fourier.fft2(support.astype(np.complex64)))
    wanted, mine = pattern.amplitude[pattern.valid], amplitude[pattern.valid]
    scale = np.sum(wanted * mine, dtype=np.float64) / np.sum(mine * mine, dtype=np.float64)
    return (support * scale).astype(np.complex64)


def from_holes(pattern: Pattern, holes: Holes) -> Array:
    """Return flat waves in object and reference holes, their ratio and relative phase fitted; unshifted complex64.

    The interference between object and references in the pattern fixes both; a wrong phase would cost hundreds of
    steps.
    """
    parts = [
        fourier.from_centre(holes.object_mask(0)),
        fourier.from_centre(holes.support(0, 0) & ~holes.object_mask(0)),
    ]
    objects, references = (fourier.fft2(part.astype(np.complex64)) for part in parts)
    valid = pattern.valid
    a, b, wanted = objects[valid], references[valid], pattern.amplitude[valid].astype(np.float64)
    best = (-1.0, 0.0j, 0.0)
    for ratio in _RATIOS if len(holes.references) else (0.0,):
        for phase in _PHASES:
            factor = ratio * np.exp(1j * phase)
            mine = np.abs(a + np.complex64(factor) * b).astype(np.float64)
            cross, power = np.sum(wanted * mine), np.sum(mine * mine)
            if cross**2 / power > best[0]:
                best = (float(cross**2 / power), complex(factor), float(cross / power))
    return (best[2] * (parts[0] + best[1] * parts[1])).astype(np.complex64)


def random_start(pattern: Pattern, support: Mask, rng: np.random.Generator) -> Array:
    """Return the measured amplitudes with random phases, kept inside of the support; unshifted complex64."""
    phase = rng.uniform(0, 2 * np.pi, pattern.shape).astype(np.float32)
    wave = fourier.ifft2((pattern.amplitude * np.exp(1j * phase)).astype(np.complex64))
    return (wave * support).astype(np.complex64)


def into_sharp_plane(
    waves: Sequence[Array], holes: Holes, *, wavelength: float, pixel_size: float, search: float = 600e-9
) -> tuple[list[Array], float]:
    """Propagate the waves to the plane in which least light lies just outside of the object hole.

    Within the margin of a support the plane is free, and an algorithm drifts through it slowly; the sharp edge of the
    hole tells where it should be. No truth is used.

    Parameters
    ----------
    waves : sequence of (n, n) complex64
        Unshifted.
    holes : Holes
    wavelength, pixel_size, search : float
        m.

    Returns
    -------
    tuple
        The waves in that plane; the distance moved, m.
    """
    inside = fourier.from_centre(holes.object_mask(0))
    around = fourier.from_centre(holes.object_mask(8))
    halo = np.flatnonzero(around & ~inside)
    region = np.flatnonzero(around)
    n = holes.n
    total = np.zeros(0)
    distances = np.arange(-search, search + 1e-12, 40e-9)
    spectrum = fourier.fft2(waves[0])

    def outside(distance: float) -> float:
        transfer = transfer_function((n, n), distance, wavelength=wavelength, pixel_size=pixel_size, carrier=False)
        light = np.abs(fourier.ifft2(spectrum * transfer.astype(np.complex64))).reshape(-1) ** 2
        return float(light[halo].sum(dtype=np.float64) / light[region].sum(dtype=np.float64))

    total = np.array([outside(distance) for distance in distances])
    best = int(np.argmin(total))
    shift = float(distances[best])
    if 0 < best < len(distances) - 1:
        left, middle, right = total[best - 1 : best + 2]
        bend = left - 2 * middle + right
        shift += 20e-9 * float((left - right) / bend) if bend > 0 else 0.0
    transfer = transfer_function((n, n), shift, wavelength=wavelength, pixel_size=pixel_size, carrier=False)
    moved = [fourier.ifft2(fourier.fft2(wave) * transfer.astype(np.complex64)) for wave in waves]
    return moved, shift
