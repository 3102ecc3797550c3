"""Fourier-transform holography: an image by one transform of the pattern.

- `difference_hologram`, `sum_hologram`: the transform of the helicities' difference and sum; `fill_centre`: what the
  beam stop hid;
- `clearest_reference`: the reference whose image of the object is overlapped least;
- `object_image`: the object as that reference shows it; `brightness`: the level that an image is measured against.

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


def difference_hologram(patterns: Patterns, *, stop_edge: float = 3.0) -> Array:
    """Return the transform of ``I+ - factor I-``, (n, n) complex64, centred.

    What was not measured is zero, led to softly over `stop_edge` pixels (rms), or its rim would ring through the image.
    """
    inside = ndimage.binary_erosion(patterns.valid, iterations=int(2 * stop_edge), border_value=1)
    soft = ndimage.gaussian_filter(inside.astype(np.float32), stop_edge) * patterns.valid
    difference = patterns.intensity[0] - np.float32(patterns.factor) * patterns.intensity[1]
    return fourier.centred_ifft2((difference * soft).astype(np.complex64))


def sum_hologram(patterns: Patterns, holes: Holes) -> Array:
    """Return the transform of ``I+ + factor I-``, (n, n) complex64, centred.

    Behind the beam stop lies what the brightness of an image comes from; there the pattern of the bare object hole is
    filled in, scaled to the measured pixels around.
    """
    total = patterns.intensity[0] + np.float32(patterns.factor) * patterns.intensity[1]
    return fourier.centred_ifft2(fill_centre(total, patterns.valid, holes).astype(np.complex64))


def fill_centre(image: Array, valid: NDArray[np.bool_], holes: Holes, *, ring: int = 3) -> Array:
    """Return the pattern `image` (n, n) with the pattern of the object hole where the beam stop hid it, float32.

    The scale is that of the measured pixels within `ring` pixels of the stop.
    """
    n = holes.n
    index = np.arange(n) - n // 2
    near = np.hypot(index[:, None], index[None, :]) < n / 8
    hidden = near & ~valid
    if not hidden.any():
        return image.astype(np.float32)
    alone = np.square(np.abs(fourier.centred_fft2(holes.object_mask(0).astype(np.complex64))))
    around = ndimage.binary_dilation(hidden, iterations=ring) & valid
    power = float(np.sum(np.square(alone[around], dtype=np.float64)))
    scale = float(np.sum(image[around] * alone[around], dtype=np.float64)) / power if power > 0 else 0.0
    return np.where(hidden, np.float32(scale) * alone, image).astype(np.float32)


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


def brightness(image: Array, holes: Holes, *, gap: float = 6.0, width: float = 8.0) -> complex:
    """Return the complex level of the object hole in the sum's `image` against its surroundings."""
    inside = holes.object_mask(-gap)
    around = holes.object_mask(gap + width) & ~holes.object_mask(gap)
    if not inside.any() or not around.any():
        return 0j
    return complex(image[inside].mean(dtype=np.complex128) - image[around].mean(dtype=np.complex128))
