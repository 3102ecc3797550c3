"""Where two images match: correlation peaks to a fraction of a sample, shifts, ramps, propagation.

The numerical parts beneath `registration`:

- `correlation_surface`, `bounded_peak`: masked normalised cross-correlation and the peak that is not one period off;
- `refine_peak`: the maximum of a trigonometric sum, by matrix Fourier transform; `parabolic_peak`: of any surface;
- `generators`, `gauge_step`: what small gauges change an image by, and the least-squares step along them;
- `derivative`: exact within the band; `inner`: weighted products of two images, summed in float64;
- `best_focus`: the distance of propagation that matches a reference;
- `moved`, `twin`, `ramped`: what a gauge does to an image.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
_SLAB = 2**13  # pixels that a sum over an image takes at a time


class Generator(NamedTuple):
    """What a small gauge changes an image by, ``values * factor``: most differ by a factor that is no whole image."""

    values: Array
    factor: Array

    def rows(self, rows: slice, inside: Array) -> Array:
        """Return the change where `inside` of some rows."""
        return np.asarray(self.values[rows][inside] * self.factor[rows][inside])


def moved(image: Array, shift: Sequence[float]) -> Array:
    """Return the image moved by `shift` (px along its last axes), band-limited and cyclic; a real image stays real."""
    if not any(shift):
        return image
    axes, shape = tuple(range(-len(shift), 0)), image.shape[-len(shift) :]
    is_complex = np.iscomplexobj(image)
    spectrum = fourier.fftn(image, axes=axes) if is_complex else fourier.rfftn(image, axes=axes)
    for axis, n, s in zip(axes, shape, shift, strict=True):
        half = axis == -1 and not is_complex
        f = fourier.half_frequencies(n, 1.0) if half else fourier.unshifted_frequencies(n, 1.0)
        spectrum *= _along(np.exp(-2j * np.pi * f * s), axis, spectrum.ndim)
    if is_complex:
        return fourier.ifftn(spectrum, axes=axes, overwrite=True)
    return fourier.irfftn(spectrum, shape, axes=axes)


def derivative(image: Array, axis: int, spacing: float = 1.0) -> Array:
    """Return the derivative along one axis, per unit of `spacing`, exact within the band."""
    n = image.shape[axis]
    if np.iscomplexobj(image):
        spectrum = fourier.fftn(image, axes=(axis,))
        spectrum *= _along(2j * np.pi * fourier.unshifted_frequencies(n, spacing), axis, image.ndim)
        return fourier.ifftn(spectrum, axes=(axis,), overwrite=True)
    spectrum = fourier.rfftn(image, axes=(axis,))
    spectrum *= _along(2j * np.pi * fourier.half_frequencies(n, spacing), axis, image.ndim)
    return fourier.irfftn(spectrum, (n,), axes=(axis,))


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
    scale, total, shape = math.sqrt(mask.size), float(mask.sum()), mask.shape
    components = image.size // mask.size
    power, energy, norm = np.zeros(shape), np.zeros(shape), 0.0
    product: Array = np.zeros(1)
    for first, second in zip(image.reshape(-1, *shape), reference.reshape(-1, *shape), strict=True):
        spectrum = _spectrum(first)
        if remove_mean:
            mean = _spectrum(mask.astype(first.dtype)).conj()
            mean *= spectrum
            energy -= np.abs(_inverse(mean, shape)) ** 2 * (scale**2 / total)
            del mean
        power += np.abs(first) ** 2
        weighted = mask * (second - (mask * second).sum() / total) if remove_mean else mask * second
        norm += float((np.abs(weighted) ** 2 / np.maximum(mask, 1e-12)).sum())
        spectrum *= _spectrum(weighted).conj()
        product = spectrum if components == 1 else product + spectrum
    del spectrum, weighted
    energy += _inverse(_spectrum(power) * _spectrum(mask).conj(), shape) * scale
    floor = 1e-6 * max(float(energy.max()), np.finfo(np.float64).tiny)
    scale /= math.sqrt(max(norm, np.finfo(np.float64).tiny))
    surface = _inverse(product, shape)
    surface *= scale / np.sqrt(np.maximum(energy, floor, out=energy))
    return surface


def _spectrum(values: Array) -> Array:
    """Transform, half of the spectrum for real values."""
    return fourier.fftn(values) if np.iscomplexobj(values) else fourier.rfftn(values)


def _inverse(spectrum: Array, shape: tuple[int, ...]) -> Array:
    """Invert `_spectrum`."""
    return fourier.ifftn(spectrum, overwrite=True) if spectrum.shape == shape else fourier.irfftn(spectrum, shape)


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


def parabolic_peak(surface: Floats, whole: Sequence[int]) -> tuple[float, ...]:
    """Return the peak near a `whole` shift to a fraction of a sample, from its neighbours along each axis."""
    result = []
    for axis, (s, n) in enumerate(zip(whole, surface.shape, strict=True)):
        line = surface[tuple(slice(None) if i == axis else w for i, w in enumerate(whole))]
        low, mid, high = (float(line[(s + d) % n]) for d in (-1, 0, 1))
        curvature = low - 2 * mid + high
        result.append(s + (float(np.clip(0.5 * (low - high) / curvature, -0.5, 0.5)) if curvature < 0 else 0.0))
    return tuple(result)


def generators(
    image: Array, free: Sequence[str], *, wavelength: float = 0.0, pixel_size: float = 1.0
) -> dict[str, list[Generator]]:
    """Return what small gauges change an image by: for each free gauge one generator per real parameter.

    Parameters
    ----------
    image : (ny, nx) array
    free : sequence of str
        Any of "scale", "phase", "offset" (two parameters if complex), "shift" (y and x, per px), "ramp" (y and x, per
        cycle/px) and "focus" (per metre; needs `wavelength` and `pixel_size` in metres).
    """
    one = np.ones(1)
    result = {}
    if "scale" in free:
        result["scale"] = [_generator(image, one)]
    if "phase" in free:
        result["phase"] = [_generator(image, 1j * one)]
    if "offset" in free:
        ones = np.broadcast_to(np.ones(1, image.dtype), image.shape)
        result["offset"] = [_generator(ones, f * one) for f in ((1, 1j) if np.iscomplexobj(image) else (1,))]
    if "ramp" in free:
        y, x = (2j * np.pi * (np.arange(n) - n // 2) for n in image.shape)
        result["ramp"] = [_generator(image, y[:, None]), _generator(image, x[None, :])]
    if "shift" in free:
        result["shift"] = [_generator(derivative(image, axis), -one) for axis in (0, 1)]
    if "focus" in free:
        spectrum = fourier.fft2(image)
        spectrum *= _path(image.shape, wavelength, pixel_size)
        result["focus"] = [_generator(fourier.ifft2(spectrum, overwrite=True), 1j * one)]
    return result


def _generator(values: Array, factor: Array) -> Generator:
    return Generator(values, np.broadcast_to(factor, values.shape))


def gauge_step(rest: Array, mask: Floats, basis: list[Generator], instruments: list[Generator]) -> tuple[Floats, float]:
    """Return the real coefficients c with ``sum mask Re(conj(instrument) (rest - c.basis)) = 0`` for each instrument.

    Instruments made of the reference, basis of the image: noise of the image's own would lengthen the basis and so
    shorten the steps. Returned beside it: the largest change ``|c| |basis|`` that a coefficient makes.
    """
    count = len(basis)
    matrix, target, sizes = np.zeros((count, count)), np.zeros(count), np.zeros((2, count))
    depth = max(1, _SLAB // mask.shape[1])
    for start in range(0, len(mask), depth):
        layer = slice(start, start + depth)
        inside = mask[layer] > 0
        columns, rows = (np.stack([_as_real(g.rows(layer, inside)) for g in v]) for v in (basis, instruments))
        weight = np.repeat(mask[layer][inside], 2 if np.iscomplexobj(rest) else 1)
        sizes += [(v**2) @ weight for v in (columns, rows)]
        rows *= weight
        matrix += rows @ columns.T
        target += rows @ _as_real(rest[layer][inside])
    # Parameters of unlike units: without their sizes the matrix would look singular.
    sizes = np.maximum(np.sqrt(sizes), np.finfo(np.float64).tiny)
    fit = np.linalg.lstsq(matrix / np.outer(sizes[1], sizes[0]), target / sizes[1], rcond=1e-10)[0]
    return np.asarray(fit / sizes[0]), float(np.abs(fit).max())


def _as_real(values: Array) -> Floats:
    return np.ascontiguousarray(values).view(np.float64)


def inner(first: Array, second: Array, weight: Floats) -> complex:
    """Return ``sum weight conj(first) second``, in float64."""
    depth = max(1, _SLAB // weight.shape[1])
    total = 0j
    for start in range(0, len(weight), depth):
        rows = slice(start, start + depth)
        total += complex((weight[rows] * first[rows].conj() * second[rows]).sum(dtype=np.complex128))
    return total


def best_focus(
    image: Array,
    reference: Array,
    *,
    wavelength: float,
    pixel_size: float,
    z_range: Pair,
    step: float,
    mask: Floats | None = None,
) -> float:
    """Return the distance of propagation at which `image` best matches `reference`: a scan, then two parabolas."""
    find = _whole_match if mask is None else functools.partial(_masked_match, mask=mask)
    match = find(image, reference, _path(image.shape, wavelength, pixel_size))
    distances = np.linspace(*z_range, max(3, math.ceil((z_range[1] - z_range[0]) / step) + 1))
    best = float(distances[int(np.argmax([match(float(z)) for z in distances]))])
    for fine in (step, step / 5):
        low, mid, high = (match(best + d) for d in (-fine, 0.0, fine))
        curvature = low - 2 * mid + high
        if curvature < 0:
            best += fine * float(np.clip(0.5 * (low - high) / curvature, -1, 1))
    return float(np.clip(best, *z_range))


def _whole_match(image: Array, reference: Array, path: Floats) -> Callable[[float], float]:
    """Return how well `image` matches at each distance; its power stays, so that one sum over the spectrum tells."""
    product = fourier.fft2(reference)
    np.conj(product, out=product)
    product *= fourier.fft2(image)
    size = np.abs(product)
    keep = size > 1e-7 * size.max()
    weights, phases = product[keep], path[keep]

    def match(z: float) -> float:
        turned = np.multiply(phases, 1j * z)
        np.exp(turned, out=turned)
        turned *= weights
        return float(np.abs(turned.sum()))

    return match


def _masked_match(image: Array, reference: Array, path: Floats, *, mask: Floats) -> Callable[[float], float]:
    """Return the same under a mask, by the power that is in it at each distance."""
    spectrum = fourier.fft2(image)

    def match(z: float) -> float:
        turned = np.multiply(path, 1j * z)
        np.exp(turned, out=turned)
        turned *= spectrum
        wave = fourier.ifft2(turned, overwrite=True)
        inside = inner(wave, wave, mask).real
        return abs(inner(reference, wave, mask)) / math.sqrt(inside) if inside > 0 else 0.0

    return match


def _path(shape: tuple[int, ...], wavelength: float, pixel_size: float) -> Floats:
    """Return the phase per metre of propagation at every frequency, unshifted."""
    # A quarter of a wavelength turns no wave by more than a right angle, so its phase is the path without a jump.
    quarter = transfer_function(
        (shape[0], shape[1]), wavelength / 4, wavelength=wavelength, pixel_size=pixel_size, carrier=False
    )
    return np.asarray(np.angle(quarter) * (4 / wavelength))


def _along(values: Array, axis: int, ndim: int) -> Array:
    """Return `values` shaped to multiply one axis of an array of `ndim` axes."""
    return values.reshape([-1 if i == axis % ndim else 1 for i in range(ndim)])
