"""Bring an image into the frame of a reference, and say what was removed.

- `register`: phase, scale, offset, shift, ramp, focus and twin, each only if asked for;
- `Registration`, `apply_registration`: the gauge found, to be applied to another image of the same wave;
- `twin_content`: how much of an image is its twin.

Rotation and helicity sign are errors, not gauges. A sign of a real image is never removed.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from numerics import fourier
from optics.propagation import propagate
from validation.matching import checked_length
from validation.registration import alignment

Array = NDArray[Any]
Floats = NDArray[np.float64]
Focus = tuple[float, float, Any]

GAUGES = ("twin", "ramp", "focus", "shift", "phase", "scale", "offset")
_COMPLEX_ONLY = ("ramp", "focus")
_FOCUS_STEP = 15e-9
_MOST_STEPS = 20
_SMALL_CHANGE = 1e-8


@dataclass(frozen=True)
class Registration:
    """A gauge: ``scale exp(i phase) moved(propagated(ramped(twin(image)))) + offset`` matches the reference.

    Attributes
    ----------
    image : (ny, nx) array
        The registered image, or volume (of `register_volume`).
    phase : float
        In radian.
    scale, offset : float, float or complex
    shift : tuple of float
        Displacement (y, x) given to the image, px; (z, y, x) of a volume, voxels.
    ramp : tuple of float
        Phase ramp (y, x) multiplied to the image, cycles per px.
    focus : float
        Distance of propagation, metres.
    twin : bool
        Whether the image was replaced by ``conj(image(-r))``.
    correlation : float
        Normalised correlation with the reference under the mask, after all.
    removed : tuple of str
        Names of the gauges that were free, for a scorecard.
    optics : tuple, optional
        Wavelength and pixel size in metres, where the focus was free.
    rotation : tuple of float, optional
        Rotation vector (x, y, z; radian, right-handed) by which a volume was turned about index ``n//2`` before its
        shift, a vector's components with it; none where no rotation was free.
    voxel_size : tuple of float, optional
        Of a volume, (z, y, x) in metres.
    """

    image: Array
    phase: float = 0.0
    scale: float = 1.0
    offset: complex = 0.0
    shift: tuple[float, ...] = (0.0, 0.0)
    ramp: tuple[float, float] = (0.0, 0.0)
    focus: float = 0.0
    twin: bool = False
    correlation: float = 0.0
    removed: tuple[str, ...] = ()
    optics: tuple[float, float] | None = None
    rotation: tuple[float, float, float] | None = None
    voxel_size: tuple[float, ...] | None = None


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
    and offset in closed form. The scale is that of the least error: noise of the image lowers it.

    Parameters
    ----------
    image, reference : (ny, nx) real or complex arrays
    gauge : sequence of str
        Any of "phase", "scale", "offset", "shift", "ramp", "focus", "twin". Nothing else is touched. A real image
        has no phase; asking for one is allowed and does nothing.
    mask : (ny, nx) array, optional
        Weight from 0 to 1 on the reference's grid.
    upsample : int
        Shift and ramp are sought to ``1/upsample`` px of image and spectrum; least squares refine them from there.
    focus : tuple, optional
        ``(wavelength, pixel_size, z_range)`` in metres; `z_range` one number for both sides of zero, or two.
    bound : float, optional
        Largest whole shift in px, to which the refinement may add two; default a quarter of the shorter side. Of nearly
        equal peaks the nearest is taken, so that a periodic image does not lock one period off.

    Raises
    ------
    ValueError
        On different shapes, values that are not finite or, if real, all alike, an unknown gauge, an empty mask, an
        impossible bound, or "focus" without `focus`.
    """
    first, second, weight = _checked(image, reference, mask)
    names = _checked_gauge(gauge, is_complex=np.iscomplexobj(first), focus=focus)
    reach = min(first.shape) / 4 if bound is None else float(bound)
    if not reach > 0 or upsample < 1:
        raise ValueError(f"bound is {reach!r} px and upsample {upsample!r}; allowed: above 0 and from 1")
    aligner = _Aligner(second, weight, names, upsample, reach)
    found = Registration(first, removed=tuple(n for n in GAUGES if n in names))
    if "twin" in names and aligner.peak(alignment.twin(first))[1] > aligner.peak(first)[1]:
        found = replace(found, twin=True)
    if "shift" in names:
        found = replace(found, shift=aligner.coarse(_geometry(first, found)))
    if "ramp" in names:
        found = replace(found, ramp=aligner.ramp(_geometry(first, found)))
    if focus is not None and "focus" in names:
        found = _find_focus(first, second * weight, found, focus, aligner)
    elif "shift" in names and "ramp" in names:
        found = aligner.again(first, found)
    found = _polish(first, second, weight, found, remove_mean=aligner.remove_mean)
    found = _closed_form(_geometry(first, found), second, weight, found, names)
    result = apply_registration(first, found)
    return replace(found, image=result, correlation=_correlation(result, second, weight, aligner.remove_mean))


def apply_registration(image: Array, registration: Registration) -> Array:
    """Apply a gauge found on one image to another of the same shape, such as that of the other helicity.

    What was found on a scalar volume may be applied to a vector field on its grid, and the reverse.
    """
    grid = registration.image.shape[-len(registration.shift) :]
    is_vector = len(grid) == 3 and image.shape == (3, *grid)
    if image.shape != grid and not is_vector:
        raise ValueError(f"image has shape {image.shape}; allowed: that registered, {grid}")
    if registration.rotation is not None and registration.voxel_size is not None:
        turn = Rotation.from_rotvec(registration.rotation).as_matrix()
        return alignment.turned(image, turn, shift=registration.shift, spacing=registration.voxel_size)
    result = _geometry(image, registration)
    factor = registration.scale * (np.exp(1j * registration.phase) if registration.phase else 1.0)
    return np.asarray(result * factor + registration.offset)


def twin_content(image: Array, reference: Array) -> TwinContent:
    """Fit ``a reference + b twin(reference)`` to an image, the twin free to move.

    The image must be registered to the reference; means of real images are removed. Real images give real a and b.

    Raises
    ------
    ValueError
        On different shapes or values that are not finite.
    """
    first, second, weight = _checked(image, reference, None)
    if not np.iscomplexobj(first):
        first, second = first - first.mean(), second - second.mean()
    rest = first - second * (np.vdot(second, first) / np.vdot(second, second))
    other = alignment.twin(second)
    aligner = _Aligner(rest, weight, ("phase", "shift"), 20, max(first.shape))
    names = ("shift", "phase") if np.iscomplexobj(other) else ("shift",)
    start = Registration(other, shift=aligner.coarse(other), removed=names)
    other = _geometry(other, _polish(other, rest, weight, start, remove_mean=False))
    basis = np.stack([second.ravel(), other.ravel()], axis=1)
    fit, *_ = np.linalg.lstsq(basis, first.ravel(), rcond=None)
    misfit = np.linalg.norm(first.ravel() - basis @ fit) ** 2
    return TwinContent(fit[0].item(), fit[1].item(), float(1 - misfit / np.linalg.norm(first) ** 2))


class _Aligner:
    """Finds shift and ramp of images against one reference under one mask."""

    def __init__(self, reference: Array, weight: Floats, names: tuple[str, ...], upsample: int, bound: float) -> None:
        self.reference, self.weight, self.upsample, self.bound = reference, weight, upsample, bound
        self.is_complex = np.iscomplexobj(reference)
        self.remove_mean = not self.is_complex or "offset" in names
        self.modulus = self.is_complex and "phase" in names
        self.free_ramp = "ramp" in names

    def peak(self, image: Array) -> tuple[tuple[int, ...], float]:
        """Return the whole displacement of `image` and its correlation; a free ramp leaves the moduli to compare."""
        if self.free_ramp:
            surface = alignment.correlation_surface(
                np.abs(image), np.abs(self.reference), self.weight, remove_mean=True
            ).real
        else:
            surface = alignment.correlation_surface(image, self.reference, self.weight, remove_mean=self.remove_mean)
            surface = np.abs(surface) if self.modulus else surface.real
        return alignment.bounded_peak(surface, self.bound)

    def coarse(self, image: Array) -> tuple[float, float]:
        """Return the shift to give to `image`, to a fraction of a pixel."""
        displacement, _ = self.peak(image)
        first, second = (np.abs(v) if self.free_ramp else v for v in (image, self.reference))
        remove_mean = self.remove_mean or self.free_ramp
        mean = (self.weight * second).sum() / self.weight.sum() if remove_mean else 0.0
        weights = fourier.fft2(first) * fourier.fft2(self.weight * (second - mean)).conj()
        modulus = self.modulus and not self.free_ramp
        start = (float(displacement[0]), float(displacement[1]))
        y, x = alignment.refine_peak(fourier.to_centre(weights), start, upsample=self.upsample, modulus=modulus)
        return -y, -x

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
        return replace(found, shift=aligner.coarse(_geometry(image, settled)))


def _find_focus(image: Array, reference: Array, found: Registration, focus: Focus, aligner: _Aligner) -> Registration:
    wavelength, pixel_size = float(focus[0]), float(focus[1])
    limits = np.atleast_1d(np.asarray(focus[2], np.float64))
    low, high = (-abs(limits[0]), abs(limits[0])) if limits.size == 1 else (limits[0], limits[1])
    for name, length in (("wavelength in focus", wavelength), ("pixel size in focus", pixel_size)):
        checked_length(name, length)
    if not low < high:
        raise ValueError(f"focus is {focus!r}; allowed: (wavelength, pixel size, z range above 0), all in metres")
    found = replace(found, optics=(wavelength, pixel_size))
    for _ in range(2):
        unfocused = _geometry(image, replace(found, focus=0.0))
        distance = alignment.best_focus(
            unfocused,
            reference,
            wavelength=wavelength,
            pixel_size=pixel_size,
            z_range=(float(low), float(high)),
            step=_FOCUS_STEP,
        )
        found = replace(found, focus=distance)
        if "shift" not in found.removed:
            break
        found = aligner.again(image, found)
    return found


def _polish(image: Array, reference: Array, weight: Floats, found: Registration, *, remove_mean: bool) -> Registration:
    """Refine shift, ramp and focus together by least squares; scale, phase and constant float, they are not removed."""
    free = [name for name in ("shift", "ramp", "focus") if name in found.removed]
    if not free:
        return found
    floating = [*free, "scale", *["offset"] * remove_mean, *["phase"] * ("phase" in found.removed)]
    optics = dict(zip(("wavelength", "pixel_size"), found.optics, strict=True)) if found.optics else {}
    instruments = list(itertools.chain(*alignment.generators(reference, floating, **optics).values()))
    start, size = found, math.sqrt((weight * np.abs(reference) ** 2).sum())
    for _ in range(_MOST_STEPS):
        fitted, constant = _fitted(_geometry(image, found), reference, weight, remove_mean, "phase" in floating)
        basis = alignment.generators(fitted, floating, **optics)
        step, change = alignment.gauge_step(
            reference - fitted - constant, weight, list(itertools.chain(*basis.values())), instruments
        )
        found = _stepped(found, step, basis)
        if not _is_near(found, start):
            return start
        if change < _SMALL_CHANGE * size:
            break
    return found


def _fitted(
    image: Array, reference: Array, weight: Floats, remove_mean: bool, is_phase_free: bool
) -> tuple[Array, complex]:
    """Return the image scaled, without bias by its noise, to the reference, and the constant that is missing."""
    means = [(weight * v).sum() / weight.sum() if remove_mean else 0.0 for v in (image, reference)]
    fixed = weight * (reference - means[1])
    overlap = (fixed.conj() * (image - means[0])).sum()
    overlap = overlap if is_phase_free else overlap.real
    factor = (fixed.conj() * (reference - means[1])).sum().real / overlap if overlap else 1.0
    return factor * image, means[1] - factor * means[0]


def _stepped(found: Registration, step: Floats, basis: dict[str, list[Array]]) -> Registration:
    names = [name for name, columns in basis.items() for _ in columns]
    changes = {name: [float(s) for n, s in zip(names, step, strict=True) if n == name] for name in basis}
    shift, ramp = (
        tuple(v + c for v, c in zip(getattr(found, n), changes[n], strict=True)) if n in changes else getattr(found, n)
        for n in ("shift", "ramp")
    )
    return replace(found, shift=shift, ramp=ramp, focus=found.focus + sum(changes.get("focus", [])))


def _is_near(found: Registration, start: Registration) -> bool:
    """Return whether a refinement stayed where its linear steps mean something: a pixel, half a fringe, two scans."""
    ny, nx = found.image.shape
    moves = (
        math.dist(found.shift, start.shift),
        2 * abs(found.ramp[0] - start.ramp[0]) * ny,
        2 * abs(found.ramp[1] - start.ramp[1]) * nx,
        abs(found.focus - start.focus) / (2 * _FOCUS_STEP),
    )
    return all(v <= 1 for v in moves)


def _geometry(image: Array, found: Registration) -> Array:
    result = alignment.twin(image) if found.twin else image
    result = alignment.ramped(result, found.ramp)
    if found.optics is not None:
        result = propagate(result, found.focus, wavelength=found.optics[0], pixel_size=found.optics[1])
    return alignment.moved(result, found.shift)


def _closed_form(
    image: Array, reference: Array, weight: Floats, found: Registration, names: tuple[str, ...]
) -> Registration:
    """Find phase, scale and offset by weighted least squares."""
    total = weight.sum()
    means = [(weight * v).sum() / total if "offset" in names else 0.0 for v in (image, reference)]
    moving, fixed = image - means[0], reference - means[1]
    power = (weight * np.abs(moving) ** 2).sum()
    gamma = (weight * moving.conj() * fixed).sum() / power if power > 0 else 1.0
    phase = float(np.angle(gamma)) if np.iscomplexobj(image) and "phase" in names else 0.0
    scale = 1.0
    if "scale" in names:
        scale = float((gamma * np.exp(-1j * phase)).real)
    offset = means[1] - scale * (np.exp(1j * phase) if phase else 1.0) * means[0]
    return replace(found, phase=phase, scale=scale, offset=offset)


def _correlation(image: Array, reference: Array, weight: Floats, remove_mean: bool) -> float:
    means = [(weight * v).sum() / weight.sum() if remove_mean else 0.0 for v in (image, reference)]
    a, b = image - means[0], reference - means[1]
    norm = math.sqrt((weight * np.abs(a) ** 2).sum() * (weight * np.abs(b) ** 2).sum())
    return float((weight * (a * b.conj()).real).sum() / norm) if norm > 0 else math.nan


def _checked(image: Array, reference: Array, mask: Array | None) -> tuple[Array, Array, Floats]:
    if image.ndim != 2 or image.shape != reference.shape:
        raise ValueError(f"image and reference have shapes {image.shape}, {reference.shape}; allowed: one 2D shape")
    kind: type = np.complex128 if np.iscomplexobj(image) or np.iscomplexobj(reference) else np.float64
    first: Array = image.astype(kind)
    second: Array = reference.astype(kind)
    for name, values in (("image", first), ("reference", second)):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
        if not np.any(values):
            raise ValueError(f"{name} is zero everywhere; allowed: anything to register")
    weight = np.ones(first.shape) if mask is None else np.asarray(mask, np.float64)
    if weight.shape != first.shape or not weight.min() >= 0 or not 0 < weight.sum() < math.inf:
        raise ValueError(f"mask of shape {weight.shape}; allowed: shape {first.shape}, from 0, not empty")
    for name, values in (("image", first), ("reference", second[weight > 0])):
        if kind is np.float64 and np.ptp(values) == 0:
            raise ValueError(f"{name} is {values.flat[0]:g} everywhere; allowed: an image with contrast")
    return first, second, weight


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
