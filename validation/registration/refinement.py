"""Shift, ramp and focus refined together by least squares, to the limit of the noise.

- `refined`: from where a search ended; `FOCUS_STEP`: the steps of the search for the focus.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.registration import alignment
from validation.registration.alignment import Generator
from validation.registration.gauge import Registration, moved_by

Array = NDArray[Any]
Floats = NDArray[np.float64]

FOCUS_STEP = 15e-9
"""Metres; a refinement may move by two of them."""

_MOST_STEPS = 20
_SMALL_CHANGE = 1e-8
# A refinement may go this far from where it started, and in one step no farther than its derivatives mean something:
# shift (px), ramp (px of the spectrum), focus (m).
_FARTHEST = (2.0, 0.5, 2 * FOCUS_STEP)
_LONGEST_STEP = (0.4, 0.25, FOCUS_STEP)
# Share of the missing correlation that noise may give a start over the least squares' pose, which it does not bias.
_SLACK = 0.01
_SMALL_GAIN = 1e-3
_SHARES = (1.0, 0.5, 0.25, 0.125)


def refined(
    image: Array,
    reference: Array,
    weight: Floats,
    found: Registration,
    *,
    remove_mean: bool,
    bound: float = math.inf,
) -> Registration:
    """Refine shift, ramp and focus together by least squares; scale, phase and constant float, they are not removed.

    The result never correlates worse with the reference than `found`, but for what noise does to that, and its shift
    stays within `bound` px.
    """
    free = [name for name in ("shift", "ramp", "focus") if name in found.removed]
    if not free:
        return found
    floating = [*free, "scale", *["offset"] * remove_mean, *["phase"] * ("phase" in found.removed)]
    problem = _Problem(image, reference, weight, floating, found.optics, bound)
    best = _solved(problem, found)
    if best is None:
        # The reference's derivatives can lead astray where the image's own only climb.
        climbed = _climbed(problem, found)
        best = _solved(problem, climbed) or climbed
    return best


class _Problem:
    """An image to be matched to a reference under a mask by what may float."""

    def __init__(
        self,
        image: Array,
        reference: Array,
        weight: Floats,
        floating: Sequence[str],
        optics: tuple[float, float] | None,
        bound: float,
    ) -> None:
        self.image, self.reference, self.weight, self.floating = image, reference, weight, floating
        self.bound = bound
        self.optics = dict(zip(("wavelength", "pixel_size"), optics, strict=True)) if optics else {}
        self.total = float(weight.sum())
        self.mean = self._mean(reference)
        power = alignment.inner(reference, reference, weight).real
        self.size, self.power = math.sqrt(power), power - self.total * abs(self.mean) ** 2
        self.instruments = self._generators(reference)[1]

    def step(self, found: Registration, *, own: bool = False) -> tuple[Registration, float, float]:
        """Return the gauge after one step, the step's largest effect, and the correlation before it.

        With `own`, the image's derivatives stand for the reference's.
        """
        fitted, match = self._fitted(found)
        names, basis = self._generators(fitted)
        rest = self.reference - fitted
        rest -= self.mean
        rest += self._mean(fitted)
        change, effect = alignment.gauge_step(rest, self.weight, basis, basis if own else self.instruments)
        return _stepped(found, change, names), effect, match

    def match(self, found: Registration) -> float:
        """Return the correlation with the reference under the mask, after all that floats."""
        return self._fitted(found)[1]

    def is_allowed(self, found: Registration, start: Registration) -> bool:
        """Return whether a refinement from `start` may go there."""
        return _exceeds(found, start, _FARTHEST) <= 1 and math.hypot(*found.shift) <= self.bound

    def _generators(self, image: Array) -> tuple[list[str], list[Generator]]:
        found = alignment.generators(image, self.floating, **self.optics)
        return [name for name, columns in found.items() for _ in columns], [c for v in found.values() for c in v]

    def _fitted(self, found: Registration) -> tuple[Array, float]:
        """Return the image in its gauge, scaled to the reference without bias by its noise, and their correlation."""
        image, weight = moved_by(self.image, found), self.weight
        mean = self._mean(image)
        overlap = alignment.inner(self.reference, image, weight) - self.total * np.conj(self.mean) * mean
        is_phase_free = "phase" in self.floating
        height = abs(overlap) if is_phase_free else overlap.real
        power = alignment.inner(image, image, weight).real - self.total * abs(mean) ** 2
        norm = math.sqrt(max(self.power * power, 0.0))
        factor = self.power / (overlap if is_phase_free else overlap.real) if height else 1.0
        return image * factor, float(height) / norm if norm > 0 else -1.0

    def _mean(self, values: Array) -> Any:
        """Return the mean under the mask where an offset floats, otherwise nothing."""
        return (self.weight * values).sum() / self.total if "offset" in self.floating else 0.0


def _solved(problem: _Problem, start: Registration) -> Registration | None:
    """Return where the step vanishes; none if that is far from the start, or matches worse."""
    found, least = start, -math.inf
    for _ in range(_MOST_STEPS):
        after, effect, match = problem.step(found)
        least = match - _SLACK * (1 - match) if found is start else least
        found = after
        if not problem.is_allowed(found, start):
            return None
        if effect < _SMALL_CHANGE * problem.size:
            break
    return found if problem.match(found) >= least else None


def _climbed(problem: _Problem, start: Registration) -> Registration:
    """Return the nearest pose of highest correlation; each step is shortened until it climbs."""
    found = start
    for _ in range(_MOST_STEPS):
        after, _, match = problem.step(found, own=True)
        trials = (t for share in _SHARES if problem.is_allowed(t := _between(found, after, share), start))
        better = next(((t, m) for t in trials if (m := problem.match(t)) > match), None)
        if better is None:
            return found
        found = better[0]
        if better[1] - match < _SMALL_GAIN * (1 - match):
            return found
    return found


def _stepped(found: Registration, step: Floats, names: Sequence[str]) -> Registration:
    """Return `found` after a step along the generators called `names`, shortened where it is longer than allowed."""
    moves = {name: [float(s) for n, s in zip(names, step, strict=True) if n == name] for name in names}
    shift, ramp, focus = (
        tuple(v + c for v, c in zip(old, moves.get(name, [0.0] * len(old)), strict=True))
        for name, old in (("shift", found.shift), ("ramp", found.ramp), ("focus", (found.focus,)))
    )
    after = replace(found, shift=shift, ramp=(ramp[0], ramp[1]), focus=focus[0])
    longest = _exceeds(after, found, _LONGEST_STEP)
    return after if longest <= 1 else _between(found, after, 1 / longest)


def _between(first: Registration, second: Registration, share: float) -> Registration:
    """Return the pose at this share of the way from the first to the second."""
    shift, ramp, focus = (
        tuple(a + share * (b - a) for a, b in zip(u, v, strict=True))
        for u, v in (
            (first.shift, second.shift),
            (first.ramp, second.ramp),
            ((first.focus,), (second.focus,)),
        )
    )
    return replace(first, shift=shift, ramp=(ramp[0], ramp[1]), focus=focus[0])


def _exceeds(found: Registration, start: Registration, limits: tuple[float, float, float]) -> float:
    """Return by which factor two gauges differ more than the limits of shift, ramp and focus; at most 1 if within."""
    ramp = max(abs(a - b) * n for a, b, n in zip(found.ramp, start.ramp, found.image.shape, strict=True))
    moves = (math.dist(found.shift, start.shift), ramp, abs(found.focus - start.focus))
    largest = max(move / limit for move, limit in zip(moves, limits, strict=True))
    return largest if math.isfinite(largest) else math.inf
