"""Optical density, and its parts that the two helicities share and that they do not.

- `optical_density`: ``-ln|O|²``;
- `charge_and_magnetic`: half the sum and half the difference of two optical densities;
- `half_log_ratio`: the same difference with its phase, ``ln(O+/O-)/2``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_DARKEST = 1e-8
"""Least intensity of a transmission that is told from nothing: an optical density of 18."""


def optical_density(object_: Array, *, floor: float = _DARKEST) -> Array:
    """Return ``-ln|O|²`` of a transmission, float32; at most ``-ln(floor)``, where a wave vanishes.

    Parameters
    ----------
    object_ : complex array of any shape
    floor : float
        Least intensity that is told from nothing, above 0.

    Raises
    ------
    ValueError
        If the floor is not positive.
    """
    if not floor > 0:
        raise ValueError(f"floor is {floor:.4g}; allowed: above 0")
    amplitude = np.maximum(np.abs(object_).astype(np.float64), np.sqrt(floor))
    return np.asarray(-2 * np.log(amplitude), np.float32)


def charge_and_magnetic(plus: Array, minus: Array) -> tuple[Array, Array]:
    """Return ``(OD+ + OD-)/2`` and ``(OD+ - OD-)/2``, float32.

    Parameters
    ----------
    plus, minus : complex arrays of one shape
        Transmissions for helicity + and -, on the same pixels and of the same incident flux.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if plus.shape != minus.shape:
        raise ValueError(f"minus has shape {minus.shape}; allowed: that of plus, {plus.shape}")
    first, second = optical_density(plus), optical_density(minus)
    return (first + second) / 2, (first - second) / 2


def half_log_ratio(plus: Array, minus: Array) -> Array:
    """Return ``ln(O+/O-)/2``, complex64: the real part is ``-(OD+ - OD-)/4``, the phase within a quarter turn of 0."""
    _, magnetic = charge_and_magnetic(plus, minus)
    phase = np.angle(plus * np.conj(minus))
    return np.asarray(-magnetic / 2 + 0.5j * phase, np.complex64)
