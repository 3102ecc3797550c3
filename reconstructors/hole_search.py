"""Where the reference holes are: found on the holographic image, in the plane in which the object's edge is sharp.

A mask is never quite as drawn, but each reference shows the object once in the pattern's transform, at object minus
reference. `locate` looks for these images near their places on the drawing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from numerics import fourier
from optics.propagation import transfer_function
from reconstructors.preparation import Patterns
from reconstructors.supports import Circle, Holes

Array = NDArray[Any]

_COARSE = (0.02, 0.15)
_FINE = (0.05, 0.3)
"""Band of spatial frequencies, cycles per pixel: the coarse one forgives a wrong plane, the fine one tells places."""

_CLEAR = 3.0
"""A peak over the median about it. Measured: from 3.5 in the right plane; mostly 1.4 to 3 where no reference is."""


def locate(patterns: Patterns, holes: Holes, *, search: float = 6.0, focus_range: float = 3e-6) -> Holes:
    """Move each reference to where the holographic image has it; the object stays, it fixes the frame.

    The pattern is correlated with the edge of the object's disc. An image is sharp in the plane of the object only,
    some micrometres from that of the transform; the plane is the one with the highest peaks of all images together.

    Parameters
    ----------
    patterns : Patterns
    holes : Holes
        As drawn; one object.
    search : float
        Largest distance from the drawing, pixels.
    focus_range : float
        Largest distance of the plane to either side, m.

    Returns
    -------
    Holes
        To about a quarter of a pixel. References that no peak stands out for stay as drawn.
    """
    if not holes.references:
        return holes
    pattern = np.where(patterns.valid, patterns.intensity.mean(axis=0), 0)
    edge = _edge(holes.objects[0], patterns.n)
    best = (-np.inf, 0.0, list(holes.references))
    step = 200e-9
    for band, distances in (
        (_COARSE, np.arange(-focus_range, focus_range + step / 2, step)),
        (_FINE, np.arange(-2 * step, 2.1 * step, step / 4)),
    ):
        centre, best = best[1], (-np.inf, 0.0, best[2])
        filtered = fourier.from_centre(pattern * edge * _band_pass(patterns.n, *band)).astype(np.complex64)
        for distance in centre + distances:
            transfer = transfer_function(
                filtered.shape,
                float(distance),
                wavelength=patterns.wavelength,
                pixel_size=patterns.pixel_size,
                carrier=False,
            )
            image = np.abs(fourier.to_centre(fourier.ifft2(filtered * transfer.astype(np.complex64))))
            peaks = list(_peaks(image, holes, search))
            score = float(sum(np.log(clear) for clear, _ in peaks))
            if score > best[0]:
                best = (score, float(distance), [circle for _, circle in peaks])
    return replace(holes, references=tuple(best[2]))


def _radius(n: int) -> Array:
    frequency = (np.arange(n) - n // 2) / n
    return np.hypot(frequency[:, None], frequency[None, :])


def _edge(circle: Circle, n: int) -> Array:
    """Return the transform of a centred disc, its fall-off with the frequency taken off, so that the edge is left."""
    radius = _radius(n)
    return np.asarray(special.j1(2 * np.pi * radius * circle.radius) * radius**2)


def _band_pass(n: int, low: float, high: float) -> Array:
    square = _radius(n) ** 2
    return np.asarray(np.exp(-square / high**2) * -np.expm1(-square / low**2))


def _peaks(image: Array, holes: Holes, search: float) -> Iterator[tuple[float, Circle]]:
    """Yield, for each reference, how clearly its image stands out and the reference at its place."""
    n, reach = holes.n, int(np.ceil(search))
    offset = np.arange(-reach, reach + 1)
    near = np.hypot(offset[:, None], offset[None, :]) <= search
    thing = holes.objects[0]
    for circle in holes.references:
        row, column = round(thing.y - circle.y), round(thing.x - circle.x)
        window = image[np.ix_((n // 2 + row + offset) % n, (n // 2 + column + offset) % n)]
        clear = float(window[near].max() / max(float(np.median(window[near])), np.finfo(np.float32).tiny))
        if clear < _CLEAR:
            yield max(clear, 1.0), circle
            continue
        i, j = np.unravel_index(int(np.argmax(np.where(near, window, -1))), window.shape)
        y, x = row + offset[i] + _vertex(window[:, j], int(i)), column + offset[j] + _vertex(window[i], int(j))
        yield clear, replace(circle, y=thing.y - y, x=thing.x - x)


def _vertex(values: Array, index: int) -> float:
    """Return the place of the maximum of a parabola through three values, from the middle one."""
    if not 0 < index < len(values) - 1:
        return 0.0
    left, middle, right = (float(value) for value in values[index - 1 : index + 2])
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0
