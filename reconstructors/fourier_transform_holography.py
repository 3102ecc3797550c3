"""Fourier-transform holography: an image by one transform of the pattern.

- `hologram`: the transform of a pattern, high frequencies and beam stop softened: the autocorrelation of the exit wave;
- `clearest_reference`: the reference whose image of the object is overlapped least;
- `object_images`: the object's exit waves of both helicities as that reference shows them.

References
----------
Eisebitt et al., Nature 432, 885 (2004), doi 10.1038/nature03139.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from reconstructors.preparation import Patterns
from reconstructors.supports import Circle, Holes, disc

Array = NDArray[Any]


def hologram(patterns: Patterns, *, stop_edge: float = 4.0) -> Array:
    """Return the transforms of both patterns, (2, n, n) complex64, centred; helicities on one scale.

    Pixels that were not measured are zero, led to smoothly over `stop_edge` pixels (rms), or their rim would ring through
    the whole image.
    """
    inside = ndimage.binary_erosion(patterns.valid, iterations=int(2 * stop_edge), border_value=1)
    soft = ndimage.gaussian_filter(inside.astype(np.float32), stop_edge) * patterns.valid
    minus = patterns.intensity[1] * np.float32(patterns.factor)
    images = [fourier.centred_ifft2((image * soft).astype(np.complex64)) for image in (patterns.intensity[0], minus)]
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


def object_images(holograms: Array, holes: Holes, reference: int) -> list[Array]:
    """Return the object's exit waves as one reference shows them, centred (n, n) complex64, at the object's place.

    A pattern's transform holds ``sum psi(r + s) conj(psi(r))``: the object convolved with the conjugate reference lies at
    object minus reference, upright; its twin, inverted, opposite.
    """
    hole = holes.references[reference]
    shift = (round(hole.y), round(hole.x))
    return [np.ascontiguousarray(np.roll(image, shift, axis=(0, 1))) for image in holograms]
