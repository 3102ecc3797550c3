"""Fourier-transform holography: an image by one transform of the pattern.

- `holograms`: the transforms of both patterns, what the beam stop hid filled in;
- `separations`: where a transform can be bright;
- `clearest_reference`: the reference whose image of the object is overlapped least;
- `object_image`: the object as that reference shows it.

References
----------
Eisebitt et al., Nature 432, 885 (2004), doi 10.1038/nature03139.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from numerics import fourier
from reconstructors.phase_retrieval import starts
from reconstructors.preparation import Patterns
from reconstructors.supports import Circle, Holes, disc

Array = NDArray[Any]
Mask = NDArray[np.bool_]

_UNDECIDED = 1e-5
"""Combinations of hidden pixels that put less than this share of their light where it must be dark are left alone."""

_MOST_HIDDEN = 3000
"""Pixels; more, from about three speckles at full size, are mostly undecided, and take seconds and memory."""


def holograms(patterns: Patterns, holes: Holes) -> Array:
    """Return the transforms of both patterns, (2, n, n) complex64, centred.

    Behind the beam stop lies what the brightness of an image comes from. A transform is zero wherever no two points of
    the mask are that far apart; what the stop hid is the pattern that comes closest to that, in least squares. What
    this leaves open, as under a stop of several speckles, stays with the pattern of flat waves in object and reference
    holes, their ratio and relative phase fitted to what was measured.
    """
    index = np.arange(patterns.n) - patterns.n // 2
    near = np.hypot(index[:, None], index[None, :]) < patterns.n / 8
    hidden = near & ~patterns.valid
    dark = ~separations(holes)
    images = []
    for number, measured in enumerate(patterns.intensity):
        flat = starts.from_holes(patterns.pattern(number), holes)
        model = fourier.to_centre(np.square(np.abs(fourier.fft2(flat)))) * near
        guess = np.where(patterns.valid, measured, model).astype(np.float64)
        guess[hidden] += _that_darkens(fourier.centred_ifft2(guess.astype(np.complex128)), hidden, dark)
        images.append(fourier.centred_ifft2(guess.astype(np.complex64)))
    return np.stack(images)


def separations(holes: Holes, *, margin: float = 3.0) -> Mask:
    """Return where a transformed pattern can be bright: the separations of points in the holes, (n, n) centred.

    Holes are taken to be wider than drawn by `margin` / 2 pixels.
    """
    circles = [*holes.objects, *holes.references]
    bright = np.zeros((holes.n, holes.n), np.bool_)
    for a in circles:
        for b in circles:
            bright |= _disc_around(holes.n, Circle(a.y - b.y, a.x - b.x, a.radius + b.radius + margin))
    return bright


def _disc_around(n: int, circle: Circle) -> Mask:
    """Return a disc on a periodic grid."""
    index = np.arange(n)
    y, x = ((index - middle) % n - n // 2 for middle in (circle.y, circle.x))
    return np.asarray(y[:, None] ** 2 + x[None, :] ** 2 <= circle.radius**2)


def _that_darkens(image: Array, hidden: Mask, dark: Mask) -> NDArray[np.float64]:
    """Return what to add to the `hidden` pixels of a pattern so that its transform, `image`, vanishes where `dark`.

    The normal equations of that least-squares problem are small, one row a hidden pixel, and their matrix holds values
    of the transform of `dark` alone. Zeros where too many pixels are hidden.
    """
    n = image.shape[0]
    y, x = (coordinate - n // 2 for coordinate in np.nonzero(hidden))
    if not 0 < y.size <= _MOST_HIDDEN or not dark.any():
        return np.zeros(y.size)
    overlap = fourier.centred_fft2(dark.astype(np.complex128)).real / n
    matrix = overlap[(n // 2 + y[:, None] - y[None, :]) % n, (n // 2 + x[:, None] - x[None, :]) % n]
    wanted = -fourier.centred_fft2(image * dark)[hidden].real
    matrix[np.diag_indices_from(matrix)] += _UNDECIDED * overlap[n // 2, n // 2]
    return np.asarray(linalg.solve(matrix, wanted, assume_a="pos"), dtype=np.float64)


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
