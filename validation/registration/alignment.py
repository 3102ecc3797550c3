"""Where two images match: correlation peaks to a fraction of a sample, shifts, ramps, propagation.

The numerical parts beneath `registration`:

- `correlation_surface`, `bounded_peak`: masked normalised cross-correlation and the peak that is not one period off;
- `refine_peak`: the maximum of a trigonometric sum, by matrix Fourier transform;
- `generators`, `gauge_step`: what small gauges change an image by, and the least-squares step along them;
- `best_focus`: the distance of propagation that matches a reference;
- `moved`, `twin`, `ramped`: what a gauge does to an image.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from numerics import fourier
from optics.propagation import transfer_function
from validation.resolution.binning import outer_sum

Array = NDArray[Any]
Floats = NDArray[np.float64]
Pair = tuple[float, float]

# Peaks within this share of the highest count as equal, and the nearest one wins: worm domains are nearly periodic.
_EQUAL_PEAKS = 0.95


def moved(image: Array, shift: Sequence[float]) -> Array:
    """Return the image moved by `shift` (px along its last axes), band-limited and cyclic; a real image stays real."""
    if not any(shift):
        return image
    axes, shape = tuple(range(-len(shift), 0)), image.shape[-len(shift) :]
    if not np.iscomplexobj(image):
        return fourier.irfftn(fourier.rfftn(image, axes=axes) * _phase(shape, shift, half=True), shape, axes=axes)
    return fourier.ifftn(fourier.fftn(image, axes=axes) * _phase(shape, shift), axes=axes, overwrite=True)


def turned(volume: Array, rotation: Floats, *, shift: ArrayLike, spacing: ArrayLike) -> Array:
    """Return a real volume turned about index ``n//2``, then moved; a vector's components turn with it.

    Cubic splines; zero where the volume ends, nothing is cyclic.

    Parameters
    ----------
    volume : (z, y, x) or (component, z, y, x) array
    rotation : (3, 3) array
        Proper rotation of (x, y, z).
    shift : (3,) array
        Voxels along (z, y, x).
    spacing : (3,) array
        Voxel size along (z, y, x), metres.
    """
    # r -> R m(R^-1 (r - s)), with indices i = n//2 + r/spacing in the order (z, y, x)
    size = np.asarray(spacing, np.float64)
    back = rotation.T[::-1, ::-1] * size[None, :] / size[:, None]
    centre = np.array([n // 2 for n in volume.shape[-3:]], np.float64)
    offset = centre - back @ (centre + np.asarray(shift))
    parts = np.stack([ndimage.affine_transform(v, back, offset) for v in volume.reshape(-1, *volume.shape[-3:])])
    return parts[0] if volume.ndim == 3 else np.asarray(np.tensordot(rotation.astype(parts.dtype), parts, axes=1))


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

    Unshifted: entry s is that of ``image(r + s)`` with ``reference(r)``. Vectors lead with their components, whose
    products are summed and whose means are removed one by one.
    """
    scale = math.sqrt(mask.size)
    window = fourier.fftn(mask.astype(image.dtype)).conj()
    product: Array = np.zeros_like(window)
    energy: Array = np.zeros(mask.shape)
    power, norm = np.zeros(mask.shape), 0.0
    for first, second in zip(image.reshape(-1, *mask.shape), reference.reshape(-1, *mask.shape), strict=True):
        weighted = mask * (second - (mask * second).sum() / mask.sum()) if remove_mean else mask * second
        spectrum = fourier.fftn(first)
        product += spectrum * fourier.fftn(weighted).conj()
        power += np.abs(first) ** 2
        if remove_mean:
            energy -= np.abs(fourier.ifftn(spectrum * window) * scale) ** 2 / mask.sum()
        norm += float((np.abs(weighted) ** 2 / np.maximum(mask, 1e-12)).sum())
    energy += fourier.ifftn(fourier.fftn(power) * window).real * scale
    floor = 1e-6 * max(float(energy.max()), np.finfo(np.float64).tiny)
    scale /= math.sqrt(max(norm, np.finfo(np.float64).tiny))
    return np.asarray(fourier.ifftn(product) * scale / np.sqrt(np.maximum(energy, floor)))


def bounded_peak(
    surface: Floats, bound: float, *, stride: Sequence[int] | None = None
) -> tuple[tuple[int, ...], float]:
    """Return the whole shift and the height of the peak, within `bound` px; of nearly equal peaks the nearest.

    With a `stride` per axis, the surface holds every so many-th pixel, and `bound` still counts pixels.
    """
    distance = [fourier.unshifted_frequencies(n, 1.0 / n) for n in surface.shape]
    strides = stride or (1,) * surface.ndim
    radius = np.sqrt(outer_sum([(d * s) ** 2 for d, s in zip(distance, strides, strict=True)]))
    inside = np.where(radius <= bound, surface, -np.inf)
    height = float(inside.max())
    tops = (inside >= height - (1 - _EQUAL_PEAKS) * abs(height)) & (
        ndimage.maximum_filter(inside, size=3, mode="wrap") == inside
    )
    nearest = tuple(np.argwhere(tops)[np.argmin(radius[tops])])
    return tuple(int(d[i]) for d, i in zip(distance, nearest, strict=True)), float(surface[nearest])


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


def generators(
    image: Array, free: Sequence[str], *, wavelength: float = 0.0, pixel_size: float = 1.0
) -> dict[str, list[Array]]:
    """Return what small gauges change an image by: for each free gauge one array per real parameter.

    Parameters
    ----------
    image : (ny, nx) array
    free : sequence of str
        Any of "scale", "phase", "offset" (two parameters if complex), "shift" (y and x, per px), "ramp" (y and x, per
        cycle/px) and "focus" (per metre; needs `wavelength` and `pixel_size` in metres).
    """
    is_complex = np.iscomplexobj(image)
    fy, fx = (fourier.unshifted_frequencies(n, 1.0) for n in image.shape)
    y, x = (np.arange(n) - n // 2 for n in image.shape)
    result = {}
    if "scale" in free:
        result["scale"] = [image]
    if "phase" in free:
        result["phase"] = [1j * image]
    if "offset" in free:
        ones = np.ones(image.shape, image.dtype)
        result["offset"] = [ones, 1j * ones] if is_complex else [ones]
    if "ramp" in free:
        result["ramp"] = [2j * np.pi * y[:, None] * image, 2j * np.pi * x[None, :] * image]
    if "shift" in free:
        filters = (-2j * np.pi * fy[:, None], -2j * np.pi * fx[None, :])
        result["shift"] = [_filtered(image, f) for f in filters]
    if "focus" in free:
        result["focus"] = [_filtered(image, 1j * _path(image.shape, wavelength, pixel_size))]
    return result


def gauge_step(rest: Array, mask: Floats, basis: list[Array], instruments: list[Array]) -> tuple[Floats, float]:
    """Return the real coefficients c with ``sum mask Re(conj(instrument) (rest - c.basis)) = 0`` for each instrument.

    Instruments made of the reference, basis of the image: noise of the image's own would lengthen the basis and so
    shorten the steps. Returned beside it: the largest change ``|c| |basis|`` that a coefficient makes.
    """
    inside = mask > 0
    columns, rows = (_as_real(v, inside) for v in (basis, instruments))
    weight = np.repeat(mask[inside], columns.shape[1] // np.count_nonzero(inside))
    # Parameters of unlike units: without their sizes the matrix would look singular.
    sizes = [np.maximum(np.sqrt((v**2) @ weight), np.finfo(np.float64).tiny) for v in (columns, rows)]
    rows *= weight
    target = rows @ _as_real([rest], inside)[0]
    fit = np.linalg.lstsq(rows @ columns.T / np.outer(sizes[1], sizes[0]), target / sizes[1], rcond=1e-10)[0]
    return np.asarray(fit / sizes[0]), float(np.abs(fit).max())


def _as_real(columns: Sequence[Array], inside: Array) -> Floats:
    return np.stack([v[inside].view(np.float64) for v in columns])


def best_focus(
    image: Array, reference: Array, *, wavelength: float, pixel_size: float, z_range: Pair, step: float
) -> float:
    """Return the distance of propagation at which `image` best matches `reference`: a scan, then two parabolas."""
    path = _path(image.shape, wavelength, pixel_size)
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


def _filtered(image: Array, transfer: Array) -> Array:
    result = fourier.ifft2(fourier.fft2(image) * transfer, overwrite=True)
    return result if np.iscomplexobj(image) else result.real


def _path(shape: tuple[int, ...], wavelength: float, pixel_size: float) -> Floats:
    """Return the phase per metre of propagation at every frequency, unshifted."""
    # A quarter of a wavelength turns no wave by more than a right angle, so its phase is the path without a jump.
    quarter = transfer_function(
        (shape[0], shape[1]), wavelength / 4, wavelength=wavelength, pixel_size=pixel_size, carrier=False
    )
    return np.asarray(np.angle(quarter) * (4 / wavelength))


def _phase(shape: Sequence[int], shift: Sequence[float], *, half: bool = False) -> Array:
    f = [fourier.unshifted_frequencies(n, 1.0) for n in shape]
    if half:
        f[-1] = fourier.half_frequencies(shape[-1], 1.0)
    parts = [np.exp(-2j * np.pi * v * s) for v, s in zip(f, shift, strict=True)]
    return functools.reduce(np.multiply.outer, parts)
