"""What domains of a perpendicular film measure.

- `mean_wall_width`: delta of the mean profile across all walls;
- `domain_period`: mean distance of like walls, from the power spectrum.

The samples' own truth; a scorer measures by other means, and a test compares them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates
from scipy.optimize import curve_fit
from skimage.measure import find_contours

from numerics import fourier

Array = NDArray[Any]

_STEPS = 2  # positions of a profile per pixel
_CLEAR = 1.5  # half windows in which a profile crosses no other wall
_SHORTEST = 20e-9  # m; no domain pattern of a film with resolved walls repeats in less
_PASSES = 8  # of the band round the mean frequency


def mean_wall_width(m_z: Array, *, pixel_size: float, half_window: float = 30e-9) -> float:
    """Fit ``a tanh((x - x0)/delta) + c`` to the mean of the profiles across all walls.

    Profiles lie along the gradient of m_z at the points of its zero contour, weighted by the contour's length; those
    that meet another wall within one and a half times the window are left out.

    Parameters
    ----------
    m_z : (ny, nx) real array
        Periodic.
    pixel_size : float
        m.
    half_window : float
        Reach on either side of a wall, m.

    Returns
    -------
    float
        delta, m; NaN where no wall is far enough from others.
    """
    reach = math.floor(half_window / pixel_size * _STEPS)
    beyond = math.ceil(_CLEAR * reach)
    margin = math.ceil(beyond / _STEPS) + 4
    padded = np.pad(np.asarray(m_z, np.float64), margin, mode="wrap")
    points, weight = _walls(padded, margin)
    if len(points) == 0:
        return math.nan
    slopes = np.stack([map_coordinates(slope, points.T, order=1) for slope in np.gradient(padded)], axis=1)
    normal = slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
    steps = np.arange(-beyond, beyond + 1)
    places = points[:, :, None] + normal[:, :, None] * steps / _STEPS
    profiles = map_coordinates(padded, np.moveaxis(places, 1, 0), order=5)
    alone = np.all(profiles[:, :beyond] < 0, axis=1) & np.all(profiles[:, beyond + 1 :] > 0, axis=1)
    if not alone.any():
        return math.nan
    near = np.abs(steps) <= reach
    mean = np.average(profiles[alone][:, near], axis=0, weights=weight[alone])
    found, _ = curve_fit(_wall, steps[near] / _STEPS, mean, p0=(1.0, 0.0, half_window / pixel_size / 6, 0.0))
    return abs(float(found[2])) * pixel_size


def _wall(x: Array, amplitude: float, centre: float, width: float, offset: float) -> Array:
    return np.asarray(amplitude * np.tanh((x - centre) / width) + offset)


def _walls(padded: Array, margin: int) -> tuple[Array, Array]:
    """Return points (y, x) on the walls of the middle of `padded` and the length of wall that each stands for."""
    contours: list[Array] = find_contours(padded, 0.0)  # type: ignore[no-untyped-call]
    points, weights = [np.empty((0, 2))], [np.empty(0)]
    for contour in contours:
        points.append(contour)
        weights.append(np.linalg.norm(np.gradient(contour, axis=0), axis=1))
    found, weight = np.concatenate(points), np.concatenate(weights)
    inside = np.all((found >= margin) & (found < np.array(padded.shape) - margin), axis=1) & (weight > 0)
    return found[inside], weight[inside]


def domain_period(m_z: Array, *, pixel_size: float, weight: ArrayLike = 1.0) -> float:
    """Return one over the mean spatial frequency of the domains.

    The mean is weighted by power, within twice its own value: the harmonics of the domains are left out.

    Parameters
    ----------
    m_z : (ny, nx) real array
        Periodic where there is no `weight`.
    pixel_size : float
        m.
    weight : (ny, nx) array, optional
        A soft window on a part of the image.

    Returns
    -------
    float
        m; infinite where nothing varies.
    """
    window = np.broadcast_to(np.asarray(weight, np.float64), m_z.shape)
    level = (window * m_z).sum() / window.sum()
    power = np.abs(fourier.fft2(window * (m_z - level))) ** 2
    f_y, f_x = (fourier.unshifted_frequencies(n, pixel_size) for n in m_z.shape)
    frequency = np.hypot(f_y[:, None], f_x[None, :])
    limit = 1 / _SHORTEST
    for _ in range(_PASSES):
        low = frequency < limit
        total = power[low].sum()
        if not total > 0:
            return math.inf
        mean = float((power[low] * frequency[low]).sum() / total)
        limit = 2 * mean
    return 1 / mean
