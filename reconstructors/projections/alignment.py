"""Where the sample lies in each image of one tilt series.

- `align_series`: the steps in turn, each a function of its own on stack and shifts:
- `correlate_neighbours`: whole pixels, image by image outwards from the least tilted one;
- `centre_of_mass`: of each image on the origin of the detector;
- `common_line.along_axis`: the sum over y is the same function of x in every image, the tilt axis being x;
- `mass_drift`: the sum of each image against the mean of the series, flat where background and view are right.

A shift (y, x) in px says where the origin of the sample lies against index n//2: ``image(v, u) = P(v - s_y, u - s_x)``.
Lattices are periodic: a correlation may lock one period off, mass and the common line decide.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from reconstructors.projections import common_line

Array = NDArray[Any]

_ROUNDS, _SETTLED = 20, 1e-3  # of the centre of mass; px
_LEAST_VIEW = 0.25  # of the frame each side of the sample's origin


def align_series(stack: Array, *, tilt: Array, steps: Sequence[str] = ("correlation", "mass", "common-line")) -> Array:
    """Return the shifts of a series about one tilt axis, the image's x axis.

    After the step "mass" the sample's centre of mass is the origin: that is the gauge. "common-line" betters x and
    keeps its mean over the series. Reprojection betters what is left.

    Parameters
    ----------
    stack : (projection, Y, X) float array
        Optical density of the charge, background taken off, the whole sample in view.
    tilt : (projection,) float array
        About x, rad.
    steps : sequence of {"correlation", "mass", "common-line"}
        In the order they run.

    Returns
    -------
    (projection, 2) float64 array
        (y, x) in pixels.

    Raises
    ------
    ValueError
        If the shapes differ, a step is unknown, an image has no mass or lies outside the view.
    """
    tilt = np.asarray(tilt, np.float64)
    if stack.ndim != 3 or tilt.shape != stack.shape[:1]:
        raise ValueError(f"stack and tilt have shapes {stack.shape} and {tilt.shape}; allowed: (n, Y, X) and (n,)")
    for step in steps:
        if step not in STEPS:
            raise ValueError(f"steps has {step!r}; allowed: {', '.join(STEPS)}")
    shifts = np.zeros((len(stack), 2))
    for step in steps:
        shifts = STEPS[step](stack, tilt, shifts)
    return shifts


def correlate_neighbours(stack: Array, tilt: Array, shifts: Array) -> Array:
    """Return whole-pixel shifts (n, 2) from the correlation of neighbours in tilt.

    Neighbours are stretched along y to the foreshortening of the flatter one. The least tilted image keeps its shift.
    """
    order = np.argsort(tilt, kind="stable")
    start = int(np.argmin(np.abs(tilt[order])))
    result = np.array(shifts, np.float64)
    chains = (order[start:], order[start::-1])
    for chain in chains:
        for before, after in pairwise(chain):
            stretch = np.cos(tilt[after]) / np.cos(tilt[before])
            here = _stretched(stack[after], stretch, result[before])
            result[after] = result[before] + _whole_shift(stack[before], here) * (stretch, 1)
    return result


def _stretched(image: Array, factor: float, centre: Array) -> Array:
    """Return the image stretched along y by 1/`factor` about the origin that lies at `centre`."""
    middle = image.shape[0] // 2 + centre[0]
    shape = np.array([factor, 1.0])
    offset = np.array([middle * (1 - factor), 0.0])
    return np.asarray(ndimage.affine_transform(image.astype(np.float64), shape, offset, order=1, mode="constant"))


def _whole_shift(first: Array, second: Array) -> Array:
    """Return by how many whole pixels (2,) the second image lies further on."""
    shape = tuple(fourier.good_size(2 * n) for n in first.shape)
    spectra = []
    for image in (first, second):
        padded = np.zeros(shape)
        padded[: image.shape[0], : image.shape[1]] = image - image.mean()
        spectra.append(fourier.rfft2(padded))
    surface = fourier.irfft2(np.conj(spectra[0]) * spectra[1], (shape[0], shape[1]))
    lag = np.array(np.unravel_index(np.argmax(surface), shape))
    return np.where(lag > np.array(shape) // 2, lag - np.array(shape), lag).astype(np.float64)


def centre_of_mass(stack: Array, tilt: Array, shifts: Array) -> Array:
    """Return the centre of mass (n, 2) of each image against the origin of the detector, from `shifts` on.

    It is taken in the largest window that is symmetric about itself: a background left over, or corners cut by the
    frame, then weigh the same on both sides.
    """
    del tilt
    return np.stack(
        [_centre(image, shift, index) for index, (image, shift) in enumerate(zip(stack, shifts, strict=True))]
    )


def _centre(image: Array, shift: Array, index: int) -> Array:
    values = image.astype(np.float64)
    for _ in range(_ROUNDS):
        seen = values
        places, weights = [], []
        for n, part in zip(values.shape, shift, strict=True):
            place = np.arange(n) - n // 2 - part
            reach = min(-place[0], place[-1]) + 0.5
            if not reach > _LEAST_VIEW * n:
                raise ValueError(
                    f"stack {index} has its mass {part:.3g} px off; allowed: up to {(0.5 - _LEAST_VIEW) * n:.0f}"
                )
            places.append(place)
            weights.append(np.clip(reach - np.abs(place) + 0.5, 0, 1))
        seen = values * weights[0][:, None] * weights[1]
        mass = seen.sum()
        if not mass > 0:
            raise ValueError(f"stack {index} has mass {mass:.3g}; allowed: positive")
        step = np.array([seen.sum(1) @ places[0], seen.sum(0) @ places[1]]) / mass
        shift = shift + step
        if np.abs(step).max() < _SETTLED:
            break
    return np.asarray(shift)


def mass_drift(stack: Array, *, cos: Array | None = None) -> Array:
    """Return the mass of each image over the mean of the series, less one: (n,) float64.

    Flat to 1 % where background and view are right.

    Parameters
    ----------
    stack : (projection, Y, X) float array
        Optical density of the charge, background taken off.
    cos : (projection,) float array, optional
        Cosine of the tilt, for a film larger than the view: its mass in view grows with ``1/cos``.

    Raises
    ------
    ValueError
        If the mean mass is not positive.
    """
    mass = np.sum(stack, axis=(1, 2), dtype=np.float64) * (1.0 if cos is None else np.asarray(cos, np.float64))
    if not mass.mean() > 0:
        raise ValueError(f"stack has mean mass {mass.mean():.3g}; allowed: positive")
    return np.asarray(mass / mass.mean() - 1)


STEPS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "correlation": correlate_neighbours,
    "mass": centre_of_mass,
    "common-line": common_line.along_axis,
}
"""Each takes stack, tilt and shifts so far, and returns better shifts."""
