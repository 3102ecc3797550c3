"""Bring an image into the frame of a reference, and say what was removed.

- `register`: phase, scale, offset, shift, ramp, focus and twin, each only if asked for;
- `twin_content`: how much of an image is its twin.

Rotation and helicity sign are errors, not gauges: a sign is never removed, but where a free phase takes it.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.matching import checked_length
from validation.registration import alignment
from validation.registration.gauge import Registration, apply_registration, moved_by
from validation.registration.refinement import FOCUS_STEP, refined

Array = NDArray[Any]
Floats = NDArray[np.float64]
Focus = tuple[float, float, Any]

GAUGES = ("twin", "ramp", "focus", "shift", "phase", "scale", "offset")
_COMPLEX_ONLY = ("ramp", "focus")
_SHORTEST_SIDE = 4
# A scan of more than this many metres either way was given in another unit.
_FARTHEST_FOCUS = 1e-4
_ROUNDING = 1e-13  # of equal values, relative
_REFINEMENT = 2.0
"""Pixels that a refinement may add to the largest whole shift."""


class TwinContent(NamedTuple):
    """Amplitudes of ``a reference + b twin`` and the share `r2` of the image's power that this explains."""

    a: complex
    b: complex
    r2: float


def register(
    image: Array,
    reference: Array,
    *,
    gauge: Sequence[str] = ("phase", "scale", "shift"),
    mask: Array | None = None,
    upsample: int = 100,
    focus: Focus | None = None,
    bound: float | None = None,
) -> Registration:
    """Remove gauge freedoms of `image` that are measured against `reference`.

    Order: twin, coarse shift, ramp, focus, shift; shift, ramp and focus together by least squares; then phase, scale
    and offset in closed form. The scale is that of the least error: noise of the image lowers it, and it is zero where
    only a negative one would match. The correlation is that before scale and offset, and tells the sign.

    Parameters
    ----------
    image, reference : (ny, nx) real or complex arrays
    gauge : sequence of str
        Any of "phase", "scale", "offset", "shift", "ramp", "focus", "twin". Nothing else is touched. A real image
        has no phase; asking for one is allowed and does nothing.
    mask : (ny, nx) array, optional
        Weight from 0 to 1 on the reference's grid.
    upsample : int
        Shift and ramp are sought to ``1/upsample`` px of image and spectrum, under a mask the shift by a parabola
        through the normalised correlation; least squares refine them from there.
    focus : tuple, optional
        ``(wavelength, pixel_size, z_range)`` in metres; `z_range` one number for both sides of zero, or two.
    bound : float, optional
        Largest whole shift in px, to which the refinement may add two; default a quarter of the shorter side. Of nearly
        equal peaks the nearest is taken, so that a periodic image does not lock one period off.

    Raises
    ------
    ValueError
        On different shapes, sides below 4 px, values that are not finite, or all alike under the mask where contrast is
        needed, an unknown gauge, an empty or complex mask, an impossible bound or `upsample`, or a `focus` that is
        missing or in other units.
    """
    first, second, weight = _checked(image, reference, mask)
    names = _checked_gauge(gauge, is_complex=np.iscomplexobj(first), focus=focus)
    reach = min(first.shape) / 4 if bound is None else float(bound)
    if not (reach > 0 and 1 <= upsample < math.inf):
        raise ValueError(f"bound is {reach!r} px and upsample {upsample!r}; allowed: above 0 and from 1")
    if {"shift", "focus", "twin"} & set(names):
        _check_contrast(first, second, weight)
    scan = _checked_focus(focus) if focus is not None and "focus" in names else None
    aligner = _Aligner(second, weight, names, upsample, reach)
    found = Registration(first, removed=tuple(n for n in GAUGES if n in names))
    if "twin" in names and aligner.peak(alignment.twin(first))[1] > aligner.peak(first)[1]:
        found = replace(found, twin=True)
    if "shift" in names:
        found = replace(found, shift=aligner.coarse(moved_by(first, found)))
    if "ramp" in names:
        found = replace(found, ramp=aligner.ramp(moved_by(first, found)))
    if scan is not None:
        found = _find_focus(first, found, scan, aligner)
    elif "shift" in names and "ramp" in names:
        found = aligner.again(first, found)
    found = refined(first, second, weight, found, remove_mean=aligner.remove_mean, bound=reach + _REFINEMENT)
    moved = moved_by(first, found)
    found = _closed_form(moved, second, weight, found, names)
    correlation = _correlation(moved, second, weight, found.phase, aligner.remove_mean)
    del moved
    return replace(found, image=apply_registration(first, found), correlation=correlation)


def twin_content(image: Array, reference: Array) -> TwinContent:
    """Fit ``a reference + b twin(reference)`` to an image, the twin free to move.

    The image must be registered to the reference; means of real images are removed. Real images give real a and b.

    Raises
    ------
    ValueError
        On different shapes, sides below 4 px, or values that are not finite or all alike.
    """
    first, second, weight = _checked(image, reference, None)
    if not np.iscomplexobj(first):
        first, second = first - first.mean(), second - second.mean()
    _check_contrast(first, second, weight)
    share = np.vdot(second, first) / np.vdot(second, second)
    rest = first - second * share
    if not np.linalg.norm(rest) > _ROUNDING * np.linalg.norm(first):
        return TwinContent(share.item(), 0.0 * share.item(), 1.0)
    other = alignment.twin(second)
    aligner = _Aligner(rest, weight, ("phase", "shift"), 20, max(first.shape))
    names = ("shift", "phase") if np.iscomplexobj(other) else ("shift",)
    start = Registration(other, shift=aligner.coarse(other), removed=names)
    other = moved_by(other, refined(other, rest, weight, start, remove_mean=False))
    basis = np.stack([second.ravel(), other.ravel()], axis=1)
    fit, *_ = np.linalg.lstsq(basis, first.ravel(), rcond=None)
    misfit = np.linalg.norm(first.ravel() - basis @ fit) ** 2
    return TwinContent(fit[0].item(), fit[1].item(), float(1 - misfit / np.linalg.norm(first) ** 2))


class _Scan(NamedTuple):
    """A search for the focus, all in metres."""

    wavelength: float
    pixel_size: float
    z_range: tuple[float, float]


class _Aligner:
    """Finds shift and ramp of images against one reference under one mask."""

    def __init__(self, reference: Array, weight: Floats, names: tuple[str, ...], upsample: int, bound: float) -> None:
        self.reference, self.weight, self.upsample, self.bound = reference, weight, upsample, bound
        self.is_complex = np.iscomplexobj(reference)
        self.remove_mean = not self.is_complex or "offset" in names
        self.modulus = self.is_complex and "phase" in names
        self.free_ramp = "ramp" in names
        self.is_everywhere = np.ptp(weight) == 0

    def peak(self, image: Array) -> tuple[tuple[int, ...], float]:
        """Return the whole displacement of `image` and its correlation; a free ramp leaves the moduli to compare."""
        return alignment.bounded_peak(self._surface(image), self.bound)

    def coarse(self, image: Array) -> tuple[float, float]:
        """Return the shift to give to `image`, to a fraction of a pixel."""
        surface = self._surface(image)
        whole, _ = alignment.bounded_peak(surface, self.bound)
        if not self.is_everywhere:
            # Without its energy under the mask, the correlation would climb from here to wherever the image is bright.
            y, x = alignment.parabolic_peak(surface, whole)
            return -y, -x
        del surface
        first, second = self._compared(image)
        mean = second.mean() if self.remove_mean or self.free_ramp else 0.0
        weights = fourier.fft2(first) * fourier.fft2(second - mean).conj()
        modulus = self.modulus and not self.free_ramp
        start = (float(whole[0]), float(whole[1]))
        y, x = alignment.refine_peak(fourier.to_centre(weights), start, upsample=self.upsample, modulus=modulus)
        return -y, -x

    def _compared(self, image: Array) -> tuple[Array, Array]:
        return (np.abs(image), np.abs(self.reference)) if self.free_ramp else (image, self.reference)

    def _surface(self, image: Array) -> Floats:
        remove_mean = self.remove_mean or self.free_ramp
        surface = alignment.correlation_surface(*self._compared(image), self.weight, remove_mean=remove_mean)
        return np.abs(surface) if self.modulus and not self.free_ramp else surface.real

    def ramp(self, image: Array) -> tuple[float, float]:
        """Return the ramp (cycles/px) to multiply to the coarsely shifted `image`."""
        product = self.reference * image.conj() * self.weight
        spectrum = np.abs(fourier.fft2(product))
        start = np.unravel_index(int(np.argmax(spectrum)), spectrum.shape)
        whole = [float((s + n // 2) % n - n // 2) for s, n in zip(start, spectrum.shape, strict=True)]
        y, x = alignment.refine_peak(product, (-whole[0], -whole[1]), upsample=self.upsample, modulus=True)
        return -y / image.shape[0], -x / image.shape[1]

    def again(self, image: Array, found: Registration) -> Registration:
        """Return `found` with its shift sought again, now that ramp and focus are known."""
        settled = replace(found, shift=(0.0, 0.0))
        names = (*(("phase",) if self.modulus else ()), *(("offset",) if self.remove_mean else ()))
        aligner = _Aligner(self.reference, self.weight, names, self.upsample, self.bound)
        return replace(found, shift=aligner.coarse(moved_by(image, settled)))


def _find_focus(image: Array, found: Registration, scan: _Scan, aligner: _Aligner) -> Registration:
    found = replace(found, optics=(scan.wavelength, scan.pixel_size))
    for _ in range(2):
        unfocused = moved_by(image, replace(found, focus=0.0))
        distance = alignment.best_focus(
            unfocused,
            aligner.reference,
            wavelength=scan.wavelength,
            pixel_size=scan.pixel_size,
            z_range=scan.z_range,
            step=FOCUS_STEP,
            mask=None if aligner.is_everywhere else aligner.weight,
        )
        found = replace(found, focus=distance)
        if "shift" not in found.removed:
            break
        found = aligner.again(image, found)
    return found


def _closed_form(
    image: Array, reference: Array, weight: Floats, found: Registration, names: tuple[str, ...]
) -> Registration:
    """Find phase, scale and offset by weighted least squares."""
    total = weight.sum()
    means = [(weight * v).sum() / total if "offset" in names else 0.0 for v in (image, reference)]
    moving, fixed = image - means[0], reference - means[1]
    power = alignment.inner(moving, moving, weight).real
    gamma = alignment.inner(moving, fixed, weight) / power if power > 0 else 1.0
    phase = float(np.angle(gamma)) if np.iscomplexobj(image) and "phase" in names else 0.0
    scale = max(float((gamma * np.exp(-1j * phase)).real), 0.0) if "scale" in names else 1.0
    offset = means[1] - scale * (np.exp(1j * phase) if phase else 1.0) * means[0]
    return replace(found, phase=phase, scale=scale, offset=offset)


def _correlation(image: Array, reference: Array, weight: Floats, phase: float, remove_mean: bool) -> float:
    means = [(weight * v).sum() / weight.sum() if remove_mean else 0.0 for v in (image, reference)]
    a, b = image - means[0], reference - means[1]
    powers = [alignment.inner(v, v, weight).real for v in (a, b)]
    # What rounding leaves of an image that is flat or empty under the mask says nothing.
    floor = 1e-24 * float(weight.sum()) * float(np.abs(image).max()) ** 2
    if not (powers[0] > floor and powers[1] > 0):
        raise ValueError("image, once registered, is flat under the mask; allowed: one with contrast there")
    return float((alignment.inner(b, a, weight) * np.exp(1j * phase)).real) / math.sqrt(powers[0] * powers[1])


def _checked(image: Array, reference: Array, mask: Array | None) -> tuple[Array, Array, Floats]:
    image, reference = np.asarray(image), np.asarray(reference)
    if image.ndim != 2 or image.shape != reference.shape:
        raise ValueError(f"image and reference have shapes {image.shape}, {reference.shape}; allowed: one 2D shape")
    if min(image.shape) < _SHORTEST_SIDE:
        raise ValueError(f"image has shape {image.shape}; allowed: at least {_SHORTEST_SIDE} px a side")
    kind: type = np.complex128 if np.iscomplexobj(image) or np.iscomplexobj(reference) else np.float64
    first: Array = np.asarray(image, kind)
    second: Array = np.asarray(reference, kind)
    if mask is not None and np.iscomplexobj(mask):
        raise ValueError("mask is complex; allowed: real weights from 0")
    weight = np.ones(first.shape) if mask is None else np.asarray(mask, np.float64)
    if weight.shape != first.shape or not weight.min() >= 0 or not 0 < weight.sum() < math.inf:
        raise ValueError(f"mask of shape {weight.shape}; allowed: shape {first.shape}, from 0, not empty")
    for name, values in (("image", first), ("reference", second)):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
    if not np.any(first):
        raise ValueError("image is zero everywhere; allowed: anything to register")
    if not np.any(second * (weight > 0)):
        raise ValueError("reference is zero everywhere under the mask; allowed: anything to register to")
    if kind is np.float64:
        _check_contrast(first, second, weight)
    return first, second, weight


def _check_contrast(image: Array, reference: Array, weight: Floats) -> None:
    for name, values in (("image", image), ("reference", reference[weight > 0])):
        value = values.flat[0]
        if not np.abs(values - value).max() > _ROUNDING * abs(value):
            raise ValueError(f"{name} is {value:g} everywhere; allowed: an image with contrast")


def _checked_focus(focus: Focus) -> _Scan:
    wavelength = pixel_size = low = high = math.nan
    try:
        wavelength, pixel_size, _ = (float(np.max(v)) for v in focus)
        limits = np.asarray(focus[2], np.float64).ravel()
        low, high = (-abs(limits[0]), abs(limits[0])) if limits.size == 1 else (float(v) for v in limits)
    except (IndexError, TypeError, ValueError):
        low = math.nan
    allowed = f"(wavelength, pixel size, z range up to {_FARTHEST_FOCUS:g}), all in metres"
    if not (low < high and max(-low, high) <= _FARTHEST_FOCUS):
        raise ValueError(f"focus is {focus!r}; allowed: {allowed}, the range one number or two that rise")
    for name, length in (("wavelength in focus", wavelength), ("pixel size in focus", pixel_size)):
        checked_length(name, length)
    return _Scan(wavelength, pixel_size, (float(low), float(high)))


def _checked_gauge(gauge: Sequence[str], *, is_complex: bool, focus: Focus | None) -> tuple[str, ...]:
    unknown = [name for name in gauge if name not in GAUGES]
    if unknown or isinstance(gauge, str):
        raise ValueError(f"gauge is {gauge!r}; allowed: a sequence of {', '.join(GAUGES)}")
    if "focus" in gauge and focus is None:
        raise ValueError("gauge holds 'focus' without focus; allowed: focus=(wavelength, pixel_size, z_range)")
    wrong = [name for name in gauge if name in _COMPLEX_ONLY and not is_complex]
    if wrong:
        raise ValueError(f"gauge {wrong[0]!r} asked of real images; allowed: complex waves")
    return tuple(name for name in gauge if is_complex or name != "phase")
