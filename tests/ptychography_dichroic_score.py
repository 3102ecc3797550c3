"""What a magnetic image is worth against the truth, after registration of its two helicities.

- `MagneticScore`; `score`: of two objects; `registered`: brought together as two independent images must be.

Removed with the truth: one rigid shift, found on the charge image. Removed without it: the mean of the magnetic image,
which an unknown flux ratio leaves free. The scale stays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.projections.helicity_pair import register_pair
from reconstructors.projections.optical_density import charge_and_magnetic
from tests.ptychography_dichroic_problem import PIXEL, Pair
from validation.resolution import fourier_ring_correlation, resolution

Array = NDArray[Any]


@dataclass(frozen=True)
class MagneticScore:
    """Error, contrast and resolution of a magnetic image.

    Attributes
    ----------
    nrmse : float
        ``|M - truth| / |truth|``, both without their means.
    contrast : float
        Slope of the regression on the truth.
    half_period : float
        m, where the ring correlation with the truth crosses the 1-bit curve, S = 0.5.
    """

    nrmse: float
    contrast: float
    half_period: float


def registered(pair: Pair, plus: Array, minus: Array, *, model: str = "shift") -> Array:
    """Return the second object on the pixels, phase and flux of the first."""
    mask = np.zeros(plus.shape, np.bool_)
    mask[pair.seen] = True
    return register_pair(plus, minus, mask=mask, model=model)[0]


def score(pair: Pair, plus: Array, minus: Array) -> MagneticScore:
    """Score two objects whose difference is to be the magnetic image."""
    mask = np.zeros(plus.shape, np.bool_)
    mask[pair.seen] = True
    truth = np.sqrt(np.abs(pair.objects[0] * pair.objects[1])).astype(np.complex64)
    common = np.sqrt(np.abs(plus * minus)).astype(np.complex64)
    _, found = register_pair(truth, common, mask=mask)
    first, second = (_shifted(wave, found.shift) for wave in (plus, minus))
    image = charge_and_magnetic(first, second)[1][pair.seen].astype(np.float64)
    true = pair.magnetic[pair.seen].astype(np.float64)
    image, true = image - image.mean(), true - true.mean()
    curve = fourier_ring_correlation(image, true, pixel_size=PIXEL)
    found_resolution = resolution(curve, criterion="1-bit")
    return MagneticScore(
        float(np.linalg.norm(image - true) / np.linalg.norm(true)),
        float(np.sum(image * true) / np.sum(true**2)),
        float(found_resolution.half_period),
    )


def _shifted(wave: Array, shift: Array) -> Array:
    f = [fourier.unshifted_frequencies(n, 1.0) for n in wave.shape]
    turn = np.exp(2j * np.pi * (f[0][:, None] * shift[0] + f[1][None, :] * shift[1]))
    return np.asarray(fourier.ifft2(fourier.fft2(wave.astype(np.complex128)) * turn))
