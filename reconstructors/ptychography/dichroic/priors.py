"""What may be known of the magnetic image beforehand, each a switch.

- `MagneticPrior`: the switches; `apply`: what they make of two objects;
- `magnet_of`: where the charge image has a magnet.

All work on ``M = ln(O+/O-)/2``, with ``O+- = exp(C +- M)``, and leave C as it is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from reconstructors.projections.optical_density import charge_and_magnetic, half_log_ratio

Array = NDArray[Any]

_BINS = 128
_SMOOTH = 2.0  # px, for the outline of the magnet
_RIM = 3  # px left round it


@dataclass(frozen=True)
class MagneticPrior:
    """What is taken for known of M; nothing unless asked for.

    Parameters
    ----------
    ratio : float or None
        ``delta_m/beta_m``: then ``M = -k P_c (beta_m + i delta_m) p`` with p real, three unknowns per pixel, not four.
    outside : bool
        M is uniform where the charge image shows no magnet: what is left there is flux and phase.
    smoothness : float
        Weight of the squared slope of M; the finest detail shrinks by ``1 + smoothness`` each time it is applied.

    Raises
    ------
    ValueError
        If the ratio is not finite or the smoothness is negative.
    """

    ratio: float | None = None
    outside: bool = False
    smoothness: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.ratio is not None and not np.isfinite(self.ratio):
            raise ValueError(f"ratio is {self.ratio}; allowed: a finite delta_m/beta_m, or none")
        if not 0 <= self.smoothness < np.inf:
            raise ValueError(f"smoothness is {self.smoothness}; allowed: from 0")

    def __bool__(self) -> bool:
        return self.ratio is not None or self.outside or self.smoothness > 0


def apply(prior: MagneticPrior, plus: Array, minus: Array, seen: tuple[slice, slice]) -> None:
    """Hold the magnetic part of two objects to what is known of it, in place, in the box that was seen."""
    first, second = plus[seen], minus[seen]
    middle = np.angle(np.vdot(second, first))
    half = half_log_ratio(first, second * np.exp(1j * middle).astype(np.complex64))
    held = half
    if prior.ratio is not None:
        held = _on_line(held, prior.ratio)
    if prior.outside:
        held = _inside(held, magnet_of(charge_and_magnetic(first, second)[0]))
    if prior.smoothness:
        held = _smoothed(held, prior.smoothness)
    change = np.exp(held - half).astype(np.complex64)
    first *= change
    second /= change


def magnet_of(charge: Array) -> Array:
    """Return where an optical density (Y, X) shows matter: bool, holes filled, a rim left.

    All of it where the density has no empty side: the split of least spread within both classes (Otsu, IEEE Trans. SMC
    9, 62 (1979)) must part two classes that are farther from one another than they are wide.
    """
    smooth = ndimage.gaussian_filter(charge.astype(np.float64), 2 * _SMOOTH)
    counts, edges = np.histogram(smooth, _BINS)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centres)
    low, high = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    best = int(np.argmax(below * above * (high - low) ** 2))
    dense = smooth > edges[best + 1]
    width = np.hypot(smooth[dense].std(), smooth[~dense].std()) if 0 < dense.sum() < dense.size else np.inf
    if high[best] - low[best] < 3 * width:
        return np.ones(charge.shape, np.bool_)
    return np.asarray(ndimage.binary_dilation(ndimage.binary_fill_holes(dense), iterations=_RIM))


def _inside(half: Array, magnet: Array) -> Array:
    """Return M without what lies outside of the magnet, but for the mean there: flux and phase leave that free."""
    free = half[~magnet].mean() if not magnet.all() else np.complex64(0)
    return np.asarray(np.where(magnet, half, free))


def _on_line(half: Array, ratio: float) -> Array:
    """Return the point nearest to each on the line of one real unknown, the mean left as it is."""
    direction = np.complex64(1 + 1j * ratio) / np.float32(np.hypot(1, ratio))
    mean = half.mean()
    return np.asarray(mean + direction * np.real((half - mean) * np.conj(direction)))


def _smoothed(half: Array, weight: float) -> Array:
    f = [fourier.unshifted_frequencies(n, 1.0) for n in half.shape]
    square = (f[0][:, None] ** 2 + f[1][None, :] ** 2) / 0.25
    return np.asarray(fourier.ifft2(fourier.fft2(half) / (1 + weight * square).astype(np.float32)))
