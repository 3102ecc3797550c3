"""Fourier-transform holography: an image by one transform of the pattern.

- `holograms`: the transforms of both patterns, what the beam stop hid filled in;
- `clearest_reference`: the reference whose image of the object is overlapped least;
- `object_image`: the object as that reference shows it.

References
----------
Eisebitt et al., Nature 432, 885 (2004), doi 10.1038/nature03139.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.phase_retrieval import starts
from reconstructors.preparation import Patterns
from reconstructors.supports import Circle, Holes, disc

Array = NDArray[Any]


def holograms(patterns: Patterns, holes: Holes) -> Array:
    """Return the transforms of both patterns, (2, n, n) complex64, centred.

    Behind the beam stop lies what the brightness of an image comes from. There the pattern of flat waves in object and
    reference holes is filled in, their ratio and relative phase fitted to what was measured.
    """
    index = np.arange(patterns.n) - patterns.n // 2
    near = np.hypot(index[:, None], index[None, :]) < patterns.n / 8
    images = []
    for number, measured in enumerate(patterns.intensity):
        flat = starts.from_holes(patterns.pattern(number), holes)
        model = fourier.to_centre(np.square(np.abs(fourier.fft2(flat)))) * near
        images.append(fourier.centred_ifft2(np.where(patterns.valid, measured, model).astype(np.complex64)))
    return np.stack(images)


def clearest_reference(holes: Holes) -> tuple[int, float]:
    """Return the reference whose object image is overlapped least, and by which share of its area.

    Counted are the images of the other references, all twin images, and the object's own autocorrelation in the centre.

    Raises
    ------
    ValueError
        If the mask has no reference.
    """
    if not holes.references:
        raise ValueError("Measurement.hole_kind: no reference hole; allowed for holography: at least one")
    thing = holes.objects[0]
    images = [Circle(thing.y - r.y, thing.x - r.x, thing.radius) for r in holes.references]
    twins = [Circle(-image.y, -image.x, image.radius) for image in images]
    centre = Circle(0.0, 0.0, 2 * thing.radius)
    best = (0, np.inf)
    for index, image in enumerate(images):
        own = disc(holes.n, image)
        others = np.zeros_like(own)
        for other in [*images[:index], *images[index + 1 :], *twins, centre]:
            others |= disc(holes.n, other)
        share = float(np.count_nonzero(own & others)) / max(float(np.count_nonzero(own)), 1.0)
        if share < best[1]:
            best = (index, share)
    return best


def object_image(hologram: Array, holes: Holes, reference: int) -> Array:
    """Return the object as one reference shows it, (n, n), moved to the object's place.

    A pattern's transform holds ``sum psi(r + s) conj(psi(r))``: the object convolved with the conjugate reference lies
    at object minus reference, upright; its twin, inverted, opposite.
    """
    hole = holes.references[reference]
    return np.ascontiguousarray(np.roll(hologram, (round(hole.y), round(hole.x)), axis=(0, 1)))
