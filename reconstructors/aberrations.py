"""Smooth phase errors that phase retrieval leaves on both exit waves alike, found from the data and taken off.

Intensities do not feel the phase of a spectrum; only supports bind it, and its outermost rings weakly. What drifts is
smooth in the spatial frequency f, like an aberration of a lens: an even part blurs, an odd part warps.

- `radial_phase`: the even, radial part, from a magnetization that is real;
- `odd_phase`: the odd part, from reference holes that are symmetric;
- `radial_map`, `odd_map`: both on a grid; `remove`: take one off a wave.

Frequencies are in units of the sampling limit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from reconstructors import dichroism
from reconstructors.supports import Circle, Holes

Array = NDArray[Any]
Floats = NDArray[np.float64]

_WIDENING = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_STEPS = 10


def radial_phase(
    refocus: dichroism.Refocus, distance: float, *, degree: int = 3, rings: int = 40, least: float = 0.25
) -> Floats:
    """Estimate the phase error theta(f) common to both waves from the symmetry of the magnetization.

    Defocus is its simplest form. m_z is real, so its spectrum L(f) = F[ln phi+/phi-] obeys ``L(f) L(-f) = c²
    |M(f)|²`` with one complex constant c; a radial phase error turns that by ``2 theta(f)``. The phase of the ring sums
    of L(f) L(-f), relative to the innermost rings, is fitted by a polynomial in f², weighted by its certainty.

    Parameters
    ----------
    refocus : dichroism.Refocus
    distance : float
        To the film's plane, m, as found by `dichroism.find_focus`.
    degree : int
        Of the polynomial in f².
    rings : int
        Between zero and the sampling limit.
    least : float
        Rings less symmetric than that (1: perfectly) are left out.

    Returns
    -------
    (degree,) float64 array
        Coefficients of (f/f_max)², (f/f_max)⁴, ... in rad, f_max the sampling limit.
    """
    plus, minus = refocus.at(distance)
    spectrum = _log_spectrum(plus, minus, refocus.mask)
    n = spectrum.shape[0]
    opposite = _opposite(spectrum)
    frequency = 2 * fourier.unshifted_frequencies(n, 1.0)
    radius = np.hypot(frequency[:, None], frequency[None, :]).ravel()
    ring = np.minimum((radius * rings).astype(int), rings)
    product = (spectrum * opposite).ravel()
    power = 0.5 * (np.abs(spectrum) ** 2 + np.abs(opposite) ** 2).ravel()
    sums = [np.bincount(ring, values, rings + 1)[:rings] for values in (product.real, product.imag, power)]
    turned = sums[0] + 1j * sums[1]
    symmetry = np.abs(turned) / np.maximum(sums[2], np.finfo(np.float64).tiny)
    centre = (np.arange(rings) + 0.5) / rings
    inner = turned[(centre > 0.03) & (centre < 0.3)].sum()
    if inner == 0:
        return np.zeros(degree)
    theta = 0.5 * np.unwrap(np.angle(turned * np.conj(inner)))
    weight = np.sqrt(symmetry**2 * centre / np.maximum(1 - symmetry**2, 0.01))
    weight[symmetry < least] = 0
    weight[0] = 0
    # Rings beyond the first that says nothing are unwrapped at random.
    silent = np.flatnonzero((symmetry < least) & (centre > 0.1))
    if silent.size:
        weight[silent[0] :] = 0
    columns = np.stack([centre ** (2 * power) for power in range(degree + 1)], axis=1)
    coefficients, *_ = np.linalg.lstsq(columns * weight[:, None], theta * weight, rcond=None)
    return np.asarray(coefficients[1:], dtype=np.float64)


def _log_spectrum(plus: Array, minus: Array, mask: NDArray[np.bool_]) -> Array:
    """Return the transform of ln(plus/minus) under a soft window inside of the `mask`, complex128."""
    depth = ndimage.distance_transform_edt(mask)
    window = np.clip(depth / 12, 0, 1)
    window = window * window * (3 - 2 * window)
    inside = window > 0
    ratio = np.zeros(mask.shape, np.complex128)
    modulus, phase = dichroism.log_ratio(plus, minus, inside)
    ratio[inside] = modulus + 1j * phase
    ratio -= (ratio * window).sum() / max(window.sum(), 1.0)
    return fourier.fft2(ratio * window)


def odd_phase(waves: Sequence[Array], holes: Holes, *, margin: float = 10.0, rings: int = 20) -> Floats:
    """Estimate the odd phase error common to both waves from the symmetry of the reference holes.

    A hole R that is its own image under a half turn about its centre, with flat light in it, has ``R(f) R*(-f)``
    positive; an odd phase error turns that by ``2 theta(f)``. The products of all holes are added up, so that their
    roughness averages out, and a linear and a cubic form are fitted, at first to the inner rings and then ever farther
    out, each ring weighted by its certainty. The linear form is where the holes are; the cubic form is the error.

    Parameters
    ----------
    waves : sequence of (n, n) complex arrays
        Unshifted, in the plane in which the holes are sharp.
    holes : Holes
    margin : float
        How far from the edge of a hole light still counts as its own, pixels.
    rings : int
        Between zero and the sampling limit.

    Returns
    -------
    (4,) float64 array
        Coefficients of f_y³, f_y² f_x, f_y f_x², f_x³ in rad; zeros without references.
    """
    if not holes.references:
        return np.zeros(4)
    product = _reference_products(waves, holes, margin)
    frequency = 2 * fourier.unshifted_frequencies(product.shape[0], 1.0)
    fy, fx = np.broadcast_arrays(frequency[:, None], frequency[None, :])
    radius = np.hypot(fy, fx)
    half = (radius < 1) & ((fy > 0) | ((fy == 0) & (fx > 0)))
    columns = np.stack([fy[half], fx[half], *_cubic(fy[half], fx[half])], axis=1)
    ring = (radius[half] * rings).astype(int)
    count = np.maximum(np.bincount(ring, minlength=rings), 1)
    strength = np.bincount(ring, np.abs(product[half]), rings) / count
    values = product[half] / np.maximum(strength, np.finfo(np.float64).tiny)[ring]
    coefficients = np.zeros(columns.shape[1])
    for limit in _WIDENING:
        inner = radius[half] < limit
        for _ in range(_STEPS):
            coefficients += _newton_step(values[inner], columns[inner], coefficients, ring[inner], count)
    return coefficients[2:]


def _newton_step(
    values: Array, columns: Floats, coefficients: Floats, ring: NDArray[Any], count: NDArray[Any]
) -> Floats:
    """Return the step towards coefficients that turn the `values` to the positive axis, rings weighted."""
    turned = values * np.exp(-2j * (columns @ coefficients))
    certainty = np.clip(np.bincount(ring, turned.real, count.size) / count, 0, 0.95)
    weight = (certainty / (1 - certainty**2))[ring]
    bend = (columns * (weight * np.abs(turned))[:, None]).T @ columns
    slope = columns.T @ (weight * turned.imag) / 2
    ridge = 1e-7 * np.trace(bend) / len(bend) + np.finfo(np.float64).tiny
    return np.asarray(np.linalg.solve(bend + ridge * np.eye(len(bend)), slope), dtype=np.float64)


def _reference_products(waves: Sequence[Array], holes: Holes, margin: float) -> Array:
    """Return the sum over holes and waves of R(f) R*(-f), each hole about its centroid, (side, side) complex128."""
    widest = max(circle.radius for circle in holes.references)
    # Room for the margin and its transform's interpolation; a multiple of 16 transforms fast.
    side = min(-(-int(2 * (widest + margin) + 4) // 16) * 16, holes.n)
    total = np.zeros((side, side), np.complex128)
    masks = holes.reference_masks(margin)
    for wave in waves:
        centred = fourier.to_centre(wave)
        for circle, mask in zip(holes.references, masks, strict=True):
            spectrum = _spectrum_about_centroid(centred, mask, circle, side)
            total += spectrum * np.conj(_opposite(spectrum))
    return total


def _spectrum_about_centroid(centred: Array, mask: NDArray[np.bool_], circle: Circle, side: int) -> Array:
    n = centred.shape[0]
    offset = np.arange(side) - side // 2
    rows, columns = ((round(middle) + n // 2 + offset) % n for middle in (circle.y, circle.x))
    tile = np.where(mask[np.ix_(rows, columns)], centred[np.ix_(rows, columns)], 0).astype(np.complex128)
    light = np.abs(tile) ** 2
    total = max(float(light.sum()), np.finfo(np.float64).tiny)
    y, x = float(light.sum(1) @ offset) / total, float(light.sum(0) @ offset) / total
    frequency = fourier.unshifted_frequencies(side, 1.0)
    moved = np.exp(2j * np.pi * (frequency[:, None] * y + frequency[None, :] * x))
    return np.asarray(fourier.fft2(fourier.from_centre(tile)) * moved)


def _opposite(spectrum: Array) -> Array:
    """Return the `spectrum` at -f, unshifted."""
    return np.roll(spectrum[::-1, ::-1], (1, 1), (0, 1))


def _cubic(fy: Array, fx: Array) -> list[Array]:
    return [fy**3, fy**2 * fx, fy * fx**2, fx**3]


def radial_map(n: int, coefficients: Floats) -> Floats:
    """Return the phase of `radial_phase` on an unshifted (n, n) grid; corners, beyond the fit, hold the rim's."""
    frequency = 2 * fourier.unshifted_frequencies(n, 1.0)
    square = np.minimum(frequency[:, None] ** 2 + frequency[None, :] ** 2, 1.0)
    theta = np.zeros_like(square)
    for coefficient in coefficients[::-1]:
        theta = (theta + coefficient) * square
    return theta


def odd_map(n: int, coefficients: Floats) -> Floats:
    """Return the phase of `odd_phase` on an unshifted (n, n) grid; corners, beyond the fit, hold the rim's."""
    frequency = 2 * fourier.unshifted_frequencies(n, 1.0)
    scale = 1 / np.maximum(np.hypot(frequency[:, None], frequency[None, :]), 1.0)
    fy, fx = frequency[:, None] * scale, frequency[None, :] * scale
    return np.asarray(sum(a * b for a, b in zip(coefficients, _cubic(fy, fx), strict=True)), dtype=np.float64)


def remove(wave: Array, phase: Floats) -> Array:
    """Return the unshifted `wave` with an unshifted `phase`, rad, taken off its spectrum, complex64."""
    spectrum = fourier.fft2(wave)
    spectrum *= np.exp(-1j * phase).astype(spectrum.dtype)
    return np.ascontiguousarray(fourier.ifft2(spectrum, overwrite=True).astype(np.complex64))
