"""The one binning rule of the room: which ring of spatial frequency a sample of a spectrum belongs to.

- `Size`, `sizes`: sampling, one number or one per axis;
- `RingRule`, `ring_rule`: frequencies of all axes, ring step, number of rings;
- `ring_of`: the ring of a squared frequency.

Ring ``k`` holds the samples with ``round(|f| / step) == k``, step the largest ``1/(N_i d_i)`` of all axes (the rule of
``getFSC`` in 3dem/relion where all axes are equal). Rings reach the smallest Nyquist frequency; corners are dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]
Floats = NDArray[np.float64]
Size = float | Sequence[float]

TIE = 1e-9
"""Share of a ring by which halves are rounded up, so that rounding errors do not decide them."""

_SMALLEST, _LARGEST = 1e-12, 1e-3  # metres


@dataclass(frozen=True)
class RingRule:
    """Rings of the spectrum of one array.

    Attributes
    ----------
    axes : tuple of float64 arrays
        Frequency of the samples along each axis, cycles per metre.
    weight : (n,) float64 array
        How many samples of the full plane each sample along the last axis stands for.
    step : float
        From ring to ring, cycles per metre.
    rings : int
        Number of them.
    """

    axes: tuple[Floats, ...]
    weight: Floats
    step: float
    rings: int

    @property
    def frequency(self) -> Floats:
        """Centre of each ring in cycles per metre."""
        return np.asarray(np.arange(self.rings) * self.step, np.float64)


def sizes(value: Size, dimensions: int, *, name: str = "pixel_size") -> tuple[float, ...]:
    """Return one positive size per axis from one number or a sequence.

    Lengths are metres from 1e-12 to 1e-3, or pixels: then the smallest is 1. A `name` that ends in "step" is no length
    and has no such bounds.

    Raises
    ------
    ValueError
        If a size is not positive and finite, or not a possible length, or their number is not 1 or `dimensions`.
    """
    given = np.atleast_1d(np.asarray(value, np.float64))
    if given.size not in (1, dimensions) or not np.all(np.isfinite(given)) or np.any(given <= 0):
        raise ValueError(f"{name} is {value!r}; allowed: one positive number, or {dimensions} of them")
    is_length = not name.endswith("step") and given.min() != 1.0
    if is_length and (given.min() < _SMALLEST or given.max() > _LARGEST):
        raise ValueError(f"{name} is {value!r}; allowed: metres from {_SMALLEST:g} to {_LARGEST:g}, or 1 for pixels")
    return tuple(float(v) for v in np.broadcast_to(given, (dimensions,)))


def ring_rule(
    shape: tuple[int, ...], *, spacing: Sequence[float], layout: str = "unshifted", ring_width: float = 1.0
) -> RingRule:
    """Return the rings of the spectrum of an array of `shape`.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array in real space.
    spacing : sequence of float
        Sampling of each axis.
    layout : {"unshifted", "half", "centred"}
        Order of the spectrum's samples; "half" is that of a real transform, whose samples off the planes ``k = 0`` and
        Nyquist of the last axis count twice.
    ring_width : float
        Width of a ring in units of the frequency step.

    Raises
    ------
    ValueError
        On a bad ring width or layout.
    """
    if not 1 <= ring_width < np.inf:
        raise ValueError(f"ring_width is {ring_width!r}; allowed: from 1")
    if layout not in ("unshifted", "half", "centred"):
        raise ValueError(f"layout is {layout!r}; allowed: 'unshifted', 'half', 'centred'")
    make = fourier.frequencies if layout == "centred" else fourier.unshifted_frequencies
    axes = [make(n, d) for n, d in zip(shape, spacing, strict=True)]
    weight = np.ones(axes[-1].size)
    if layout == "half":
        axes[-1] = fourier.half_frequencies(shape[-1], spacing[-1])
        weight = np.full(axes[-1].size, 2.0)
        weight[0] = 1.0
        if shape[-1] % 2 == 0:
            weight[-1] = 1.0
    step = ring_width * max(1.0 / (n * d) for n, d in zip(shape, spacing, strict=True))
    rings = int(min(0.5 / d for d in spacing) / step + TIE) + 1
    return RingRule(tuple(axes), weight, step, rings)


def ring_of(squared_frequency: Array, rule: RingRule) -> NDArray[np.int64]:
    """Return the ring of each squared frequency; ``rule.rings`` beyond the last."""
    return np.minimum((np.sqrt(squared_frequency) / rule.step + (0.5 + TIE)).astype(np.int64), rule.rings)


def outer_sum(parts: Sequence[Array]) -> Array:
    """Return the sum of one vector per axis as an array over all axes."""
    total = np.zeros((1,) * len(parts))
    for axis, part in enumerate(parts):
        total = total + np.reshape(part, [-1 if i == axis else 1 for i in range(len(parts))])
    return total
