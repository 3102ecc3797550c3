"""Where two images match: correlation peaks to a fraction of a sample, shifts, ramps, propagation.

The numerical parts beneath `registration`:

- `correlation_surface`, `bounded_peak`: masked normalised cross-correlation and the peak that is not one period off;
- `refine_peak`: the maximum of a trigonometric sum, by matrix Fourier transform;
- `masked_shift`: least-squares shift under a mask;
- `best_focus`: the distance of propagation that matches a reference;
- `moved`, `twin`, `ramped`: what a gauge does to an image.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from optics.propagation import transfer_function

Array = NDArray[Any]
Floats = NDArray[np.float64]
Pair = tuple[float, float]

# Peaks within this share of the highest count as equal, and the nearest one wins: worm domains are nearly periodic.
_EQUAL_PEAKS = 0.95


def moved(image: Array, shift: Pair) -> Array:
    """Return the image moved by `shift` (y, x; px), band-limited and cyclic; a real image stays real."""
    if not any(shift):
        return image
    if not np.iscomplexobj(image):
        ramp = _phase(image.shape, shift, half=True)
        return fourier.irfft2(fourier.rfft2(image) * ramp, (image.shape[0], image.shape[1]))
    return fourier.ifft2(fourier.fft2(image) * _phase(image.shape, shift), overwrite=True)


def twin(image: Array) -> Array:
    """Return ``conj(image(-r))``, the origin at index ``n//2``."""
    flipped = np.flip(image, axis=(0, 1))
    return np.roll(flipped, tuple(1 - n % 2 for n in image.shape), axis=(0, 1)).conj()


def ramped(image: Array, ramp: Pair) -> Array:
    """Return ``image * exp(2 pi i ramp.r)``, `ramp` in cycles per px, r in px from index ``n//2``."""
    if not any(ramp):
        return image
    y, x = (np.exp(2j * np.pi * r * (np.arange(n) - n // 2)) for n, r in zip(image.shape, ramp, strict=True))
    return np.asarray(image * y[:, None] * x[None, :])


def correlation_surface(image: Array, reference: Array, mask: Floats, *, remove_mean: bool) -> Array:
    """Return the normalised correlation of `reference` under `mask` with `image` at every whole shift.

    Unshifted: entry s is that of ``image(r + s)`` with ``reference(r)``.
    """
    weighted = mask * (reference - (mask * reference).sum() / mask.sum()) if remove_mean else mask * reference
    window = fourier.fft2(mask).conj()
    scale = math.sqrt(mask.size)
    surface = fourier.ifft2(fourier.fft2(image) * fourier.fft2(weighted).conj()) * scale
    energy = fourier.ifft2(fourier.fft2(np.abs(image) ** 2) * window).real * scale
    if remove_mean:
        mean = fourier.ifft2(fourier.fft2(image) * window) * scale
        energy = energy - np.abs(mean) ** 2 / mask.sum()
    norm = (np.abs(weighted) ** 2 / np.maximum(mask, 1e-12)).sum()
    floor = 1e-6 * max(float(energy.max()), np.finfo(np.float64).tiny)
    return np.asarray(surface / np.sqrt(np.maximum(energy, floor) * max(norm, np.finfo(np.float64).tiny)))


def bounded_peak(surface: Floats, bound: float) -> tuple[tuple[int, int], float]:
    """Return the whole shift and the height of the peak, within `bound` px; of nearly equal peaks the nearest."""
    distance = [fourier.unshifted_frequencies(n, 1.0 / n) for n in surface.shape]
    radius = np.hypot(distance[0][:, None], distance[1][None, :])
    inside = np.where(radius <= bound, surface, -np.inf)
    height = float(inside.max())
    tops = (inside >= height - (1 - _EQUAL_PEAKS) * abs(height)) & (
        ndimage.maximum_filter(inside, size=3, mode="wrap") == inside
    )
    candidates = np.argwhere(tops)
    nearest = candidates[np.argmin(radius[tops])]
    shift = (int(distance[0][nearest[0]]), int(distance[1][nearest[1]]))
    return shift, float(surface[nearest[0], nearest[1]])


def refine_peak(weights: Array, start: Pair, *, upsample: int, modulus: bool) -> Pair:
    """Return where the sum of ``weights[j, k] exp(2 pi i (j s_y + k s_x))`` peaks near `start`.

    Parameters
    ----------
    weights : (ny, nx) complex array
        Centred; j and k are cycles per field, s is in units of the field divided by its number of samples.
    start : tuple of float
        Whole sample (y, x).
    upsample : int
        The peak is found to ``1/upsample`` of a sample.
    modulus : bool
        Look for the largest modulus, otherwise for the largest real part.
    """
    centre, reach, step = np.asarray(start, np.float64), 1.5, 0.25
    while True:
        offsets = np.arange(-round(reach / step), round(reach / step) + 1) * step
        kernels = [
            np.exp(2j * np.pi * np.outer(c + offsets, np.arange(n) - n // 2) / n)
            for c, n in zip(centre, weights.shape, strict=True)
        ]
        values = kernels[0] @ weights @ kernels[1].T
        best = np.unravel_index(np.argmax(np.abs(values) if modulus else values.real), values.shape)
        centre = centre + offsets[list(best)]
        if step <= 1.0 / upsample:
            return float(centre[0]), float(centre[1])
        reach, step = 1.5 * step, max(step / 5, 1.0 / upsample)


def masked_shift(image: Array, reference: Array, mask: Floats, start: Pair, *, remove_mean: bool, bound: float) -> Pair:
    """Return the shift that minimises ``sum mask |reference - gamma moved(image) - constant|^2``, by Gauss-Newton.

    Exact under a mask, where the maximum of a correlation is not. Scale and constant float, they are not removed.
    """
    shift = np.asarray(start, np.float64)
    inside = (mask > 0).ravel()
    weight = mask.ravel()[inside]
    target = reference.ravel()[inside]
    # Products of the image with the clean reference's derivatives: noise of the image's own would shorten the steps.
    instruments = _derivatives(reference, (0.0, 0.0), inside, remove_mean).conj() * weight[:, None]
    for _ in range(8):
        basis = _derivatives(image, (float(shift[0]), float(shift[1])), inside, remove_mean)
        fit = np.linalg.solve(instruments.T @ basis, instruments.T @ target)
        step = (fit[1:3] / fit[0]).real
        if not np.all(np.isfinite(step)) or np.hypot(*(shift + step - start)) > bound:
            return start
        shift = shift + step
        if np.abs(step).max() < 1e-3:
            break
    return float(shift[0]), float(shift[1])


def _derivatives(image: Array, shift: Pair, inside: Array, with_constant: bool) -> Array:
    """Return the moved image and what it changes by per pixel of shift along y and x, as columns."""
    fy, fx = (fourier.unshifted_frequencies(n, 1.0) for n in image.shape)
    spectrum = fourier.fft2(image) * _phase(image.shape, shift)
    spectra = (spectrum, -2j * np.pi * fy[:, None] * spectrum, -2j * np.pi * fx[None, :] * spectrum)
    columns = [fourier.ifft2(s).ravel()[inside] for s in spectra]
    if not np.iscomplexobj(image):
        columns = [c.real for c in columns]
    if with_constant:
        columns.append(np.ones(columns[0].size))
    return np.stack(columns, axis=1)


def best_focus(
    image: Array, reference: Array, *, wavelength: float, pixel_size: float, z_range: Pair, step: float
) -> float:
    """Return the distance of propagation at which `image` best matches `reference`: a scan, then two parabolas."""
    # A quarter of a wavelength turns no wave by more than a right angle, so its phase is the path without a jump.
    quarter = transfer_function(
        image.shape, wavelength / 4, wavelength=wavelength, pixel_size=pixel_size, carrier=False
    )
    path = np.angle(quarter) * (4 / wavelength)
    product = fourier.fft2(reference).conj() * fourier.fft2(image)
    keep = np.abs(product) > 1e-7 * np.abs(product).max()
    weights, phases = product[keep], path[keep]

    def match(z: float) -> float:
        return float(np.abs(np.sum(weights * np.exp(1j * z * phases))))

    distances = np.linspace(*z_range, max(3, math.ceil((z_range[1] - z_range[0]) / step) + 1))
    best = float(distances[int(np.argmax([match(float(z)) for z in distances]))])
    for fine in (step, step / 5):
        low, mid, high = (match(best + d) for d in (-fine, 0.0, fine))
        curvature = low - 2 * mid + high
        if curvature < 0:
            best += fine * float(np.clip(0.5 * (low - high) / curvature, -1, 1))
    return float(np.clip(best, *z_range))


def _phase(shape: tuple[int, ...], shift: Pair, *, half: bool = False) -> Array:
    fy = fourier.unshifted_frequencies(shape[0], 1.0)
    fx = fourier.half_frequencies(shape[1], 1.0) if half else fourier.unshifted_frequencies(shape[1], 1.0)
    return np.asarray(np.exp(-2j * np.pi * fy * shift[0])[:, None] * np.exp(-2j * np.pi * fx * shift[1])[None, :])
