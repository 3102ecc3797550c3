"""Spatial coherence of a Gaussian-Schell source, and the finite pixel.

- `mutual_coherence`: ``mu(s) = exp(-s²/(2 xi²))`` per axis;
- `visibility`, `coherence_length`: mu at a distance, and back;
- `kernel_sigma`, `coherence_length_of_kernel`: xi against the width of the blur of the pattern in detector pixels;
- `pixel_coherence`: the loss by a pixel of finite width.

A partly coherent pattern is the coherent one convolved with a kernel, ``I = |Psi|² ⊗ gamma``; the transform of gamma is
the mutual coherence mu(s) at the separation s in the exit plane. Working with mu needs no kernel, so a kernel narrower
than a pixel is exact.

References
----------
L. Mandel and E. Wolf, *Optical Coherence and Quantum Optics* (1995), section 5.3 (Schell model, van Cittert-Zernike).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def mutual_coherence(separation_y: ArrayLike, separation_x: ArrayLike, *, length: tuple[float, float]) -> Array:
    """Return mu at separations (y, x) for coherence lengths xi = `length` (y, x), all in one unit; inf is coherent."""
    y, x = np.asarray(separation_y, np.float64), np.asarray(separation_x, np.float64)
    return np.asarray(np.exp(-0.5 * ((y / length[0]) ** 2 + (x / length[1]) ** 2)))


def visibility(separation: float, length: float) -> float:
    """Return the fringe visibility ``exp(-s²/(2 xi²))`` of two points a distance `separation` apart."""
    return float(np.exp(-0.5 * (separation / length) ** 2))


def coherence_length(visibility: float, separation: float) -> float:
    """Return the coherence length xi that gives `visibility` at `separation`; infinite for a visibility of 1.

    Raises
    ------
    ValueError
        If the visibility is outside of (0, 1].
    """
    if not 0 < visibility <= 1:
        raise ValueError(f"visibility is {visibility}; allowed: above 0, up to 1")
    return float("inf") if visibility == 1 else float(separation / np.sqrt(-2 * np.log(visibility)))


def kernel_sigma(length: float, field: float) -> float:
    """Return the rms width, in detector pixels, of the blur by a coherence length; `field` is pixels times exit pixel.

    ``sigma = field/(2 pi xi)``.
    """
    return field / (2 * np.pi * length)


def coherence_length_of_kernel(sigma: float, field: float) -> float:
    """Return the coherence length of a blur of rms width `sigma` in detector pixels; infinite for none."""
    return float("inf") if sigma == 0 else field / (2 * np.pi * sigma)


def combined_length(*lengths: float) -> float:
    """Return the coherence length of independent Gaussian blurs together: inverse squares add."""
    total = sum(length**-2 for length in lengths)
    return float("inf") if total == 0 else float(total**-0.5)


def pixel_coherence(separation_y: ArrayLike, separation_x: ArrayLike, *, field: float) -> Array:
    """Return the factor by which square pixels of full fill lower mu: ``sinc(s_y/field) sinc(s_x/field)``.

    `field` is the exit wave's field, wavelength times distance over the pitch; sinc(u) = sin(pi u)/(pi u).
    """
    y, x = np.asarray(separation_y, np.float64), np.asarray(separation_x, np.float64)
    return np.asarray(np.sinc(y / field) * np.sinc(x / field), dtype=np.float64)
