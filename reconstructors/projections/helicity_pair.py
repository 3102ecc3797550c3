"""Bring the images of two helicities together before their difference is taken.

- `PairRegistration`: what tells one image from the other: shift, strain, phase ramp, flux;
- `register_pair`: find it on what the two share, the charge image, and remove it;
- `register_helicities`: find it, with nothing removed; also by key points, the paper's way;
- `register_densities`: find it on two optical densities and remove the displacement.

Left in, an unequal flux adds charge to the magnetic image and a shift by s px adds (s/2) dC/dx. Of correlation peaks of
nearly one height the nearest counts: worm domains and superlattices are almost periodic.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.projections import key_points
from reconstructors.projections.displacement import BOUND, Fit, Place, brought_back, likeness, placed, soft_window

Array = NDArray[Any]

_RAMP_PADDING = 4
_SHARE = 0.01  # of one step of `upsample`, at which least squares has settled
_LEAST_OF_FINITE = 0.005  # floor of the whitener where a whole sample is seen: its outline is sharper than domains


@dataclass(frozen=True)
class PairRegistration:
    """What was removed from the second image.

    Attributes
    ----------
    shift : (2,) float64 array
        (y, x) in pixels: where the first image has a feature, the second had it this much further on.
    strain : (2, 2) float64 array
        Further shift per pixel from `middle`; zero unless asked for.
    middle : (2,) float64 array
        Of the mask, pixels.
    ramp : (2,) float64 array
        Cycles per pixel by which the phase of the second image turned against the first.
    phase : float
        Of the second image at the origin against the first, rad.
    flux : float
        Of the second image over the first: mean ratio of the intensities.
    correlation : float
        Of the amplitudes after all that, up to 1: what the two share over what they have.
    """

    shift: Array
    strain: Array
    middle: Array
    ramp: Array
    phase: float
    flux: float
    correlation: float

    def back(self, places: Array) -> Array:
        """Return where on the first image places (..., 2) of the second are, pixels."""
        inverse = np.linalg.inv(np.eye(2) + self.strain)
        return np.asarray(self.middle + (places - self.middle - self.shift) @ inverse.T)


def register_pair(
    plus: Array,
    minus: Array,
    *,
    mask: Array,
    empty: Array | None = None,
    model: str = "shift",
    bound: float = BOUND,
) -> tuple[Array, PairRegistration]:
    """Return `minus` on the pixels, phase and flux of `plus`, and what was removed.

    Parameters
    ----------
    plus, minus : (Y, X) complex arrays
        Transmissions.
    mask : (Y, X) bool array
        Where both images are good.
    empty : (Y, X) bool array, optional
        Where there is no magnet: the flux ratio is found there. Without it the mean magnetic image is zero.
    model : {"shift", "affine"}
    bound : float
        Largest whole shift looked at, px: less than half a period of the domains.

    Returns
    -------
    tuple of (Y, X) complex64 array and PairRegistration

    Raises
    ------
    ValueError
        If the shapes differ, the mask is empty or small, or the model is unknown.
    """
    window = soft_window(plus, minus, mask, model)
    place = placed(np.abs(plus), np.abs(minus), window, Fit(model, bound=bound))
    return _tied(plus, minus, mask, mask if empty is None else mask & empty, place)


def register_helicities(
    plus: Array,
    minus: Array,
    *,
    mask: Array | None = None,
    model: str = "shift",
    upsample: int = 100,
    rng: np.random.Generator | None = None,
) -> PairRegistration:
    """Return what tells `minus` from `plus`; `register_pair` without the image.

    Parameters
    ----------
    plus, minus : (Y, X) complex arrays
        Transmissions.
    mask : (Y, X) bool array, optional
        Where both images are good; by default everywhere.
    model : {"shift", "affine", "features"}
        "features" are a rotation and a shift from key points of the amplitudes (ORB) by random sample consensus, to
        a few tenths of a pixel.
    upsample : int
        Steps per pixel to which least squares is followed, for "shift" and "affine".
    rng : numpy.random.Generator, optional
        Draws the samples of "features", which needs it.

    Raises
    ------
    ValueError
        As `register_pair` does; upsample is not positive, or "features" finds no match or has no rng.
    """
    if upsample < 1:
        raise ValueError(f"upsample is {upsample}; allowed: from 1")
    here = np.ones(plus.shape, np.bool_) if mask is None else mask
    if model != "features":
        window = soft_window(plus, minus, here, model)
        place = placed(np.abs(plus), np.abs(minus), window, Fit(model, settled=_SHARE / upsample))
    else:
        window = soft_window(plus, minus, here, "affine")
        place = Place(*key_points.euclidean(np.abs(plus), np.abs(minus), window, rng=rng), window)
    return _tied(plus, minus, here, here, place)[1]


def register_densities(
    plus: Array, minus: Array, *, mask: Array, model: str = "shift", bound: float = BOUND
) -> tuple[Array, PairRegistration]:
    """Return the density `minus` on the pixels of `plus`, and how it lay.

    Only the displacement is removed: what the densities differ by is the magnetization. It is found on the amplitudes
    ``exp(-OD/2)``, whose noise is the same everywhere.

    Parameters
    ----------
    plus, minus : (Y, X) float arrays
        Optical densities, background taken off.
    mask : (Y, X) bool array
        Where both are good.
    model : {"shift", "affine"}
    bound : float
        Largest whole shift looked at, px.

    Returns
    -------
    tuple of (Y, X) float32 array and PairRegistration
        Its `flux` is the mean ratio of the intensities within the mask, which stays.

    Raises
    ------
    ValueError
        As `register_pair` does.
    """
    window = soft_window(plus, minus, mask, model)
    first, second = (np.exp(-0.5 * density.astype(np.float64)) for density in (plus, minus))
    place = placed(first, second, window, Fit(model, bound=bound, least=_LEAST_OF_FINITE))
    moved = brought_back(minus.astype(np.float64), place)
    flux = float(np.exp(np.mean(plus[mask] - moved[mask])))
    alike = likeness(first, np.exp(-0.5 * moved), window)
    found = PairRegistration(place.shift, place.strain, place.middle, np.zeros(2), 0.0, flux, alike)
    return moved.astype(np.float32), found


def _tied(plus: Array, minus: Array, mask: Array, empty: Array, place: Place) -> tuple[Array, PairRegistration]:
    """Return the second image brought back, with the phase and flux of the first, and what was removed."""
    moved = brought_back(minus + 0j, place)
    ramp, phase = _ramp(plus, moved, mask)
    moved *= _wave(ramp, plus.shape) * np.exp(-1j * phase)
    flux = _flux(plus, moved, empty)
    alike = likeness(np.abs(plus).astype(np.float64), np.abs(moved), place.window)
    found = PairRegistration(place.shift, place.strain, place.middle, ramp, phase, flux, alike)
    return (moved / np.sqrt(flux)).astype(np.complex64), found


def _ramp(plus: Array, minus: Array, mask: Array) -> tuple[Array, float]:
    """Return the ramp (cycles per pixel) and the phase at the origin of minus against plus."""
    product = np.where(mask, minus * np.conj(plus), 0).astype(np.complex128)
    shape = [fourier.good_size(_RAMP_PADDING * n) for n in product.shape]
    padded = np.zeros(shape, np.complex128)
    padded[: product.shape[0], : product.shape[1]] = product
    height = np.abs(fourier.fft2(padded))
    at = np.unravel_index(np.argmax(height), height.shape)
    peak = []
    for axis, (n, index) in enumerate(zip(shape, at, strict=True)):
        below, top, above = np.take(np.moveaxis(height, axis, 0), [index - 1, index, (index + 1) % n], 0)[
            :, at[1 - axis]
        ]
        peak.append(
            fourier.unshifted_frequencies(n, 1.0)[index] + (above - below) / (4 * top - 2 * (above + below)) / n
        )
    ramp = np.array(peak)
    return ramp, float(np.angle(np.sum(product * _wave(ramp, product.shape))))


def _wave(ramp: Array, shape: tuple[int, ...]) -> Array:
    y, x = (np.exp(-2j * np.pi * part * np.arange(n)) for part, n in zip(ramp, shape, strict=True))
    return np.asarray(y[:, None] * x[None, :])


def _flux(plus: Array, minus: Array, here: Array) -> float:
    """Return the geometric mean of the ratio of the intensities, minus over plus."""
    if not here.any():
        raise ValueError("mask and empty share no pixel; allowed: at least one")
    floor = np.finfo(np.float32).tiny
    ratio = np.maximum(np.abs(minus[here]), floor) / np.maximum(np.abs(plus[here]), floor)
    return float(np.exp(2 * np.mean(np.log(ratio))))
