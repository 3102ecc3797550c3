"""Shift, ramp and focus refined together by least squares, to the limit of the noise.

- `refined`: from where a search ended; `FOCUS_STEP`: the steps of the search for the focus.
"""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.registration import alignment
from validation.registration.gauge import Registration, moved_by

Array = NDArray[Any]
Floats = NDArray[np.float64]

FOCUS_STEP = 15e-9
"""Metres; a refinement may move by two of them."""

_MOST_STEPS = 20
_SMALL_CHANGE = 1e-8


def refined(image: Array, reference: Array, weight: Floats, found: Registration, *, remove_mean: bool) -> Registration:
    """Refine shift, ramp and focus together by least squares; scale, phase and constant float, they are not removed."""
    free = [name for name in ("shift", "ramp", "focus") if name in found.removed]
    if not free:
        return found
    floating = [*free, "scale", *["offset"] * remove_mean, *["phase"] * ("phase" in found.removed)]
    optics = dict(zip(("wavelength", "pixel_size"), found.optics, strict=True)) if found.optics else {}
    instruments = list(itertools.chain(*alignment.generators(reference, floating, **optics).values()))
    start, size = found, math.sqrt((weight * np.abs(reference) ** 2).sum())
    for _ in range(_MOST_STEPS):
        fitted, constant = _fitted(moved_by(image, found), reference, weight, remove_mean, "phase" in floating)
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
        abs(found.focus - start.focus) / (2 * FOCUS_STEP),
    )
    return all(v <= 1 for v in moves)
