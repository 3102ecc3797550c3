"""Labyrinths: domains of random shape with walls of known width.

- `labyrinth`: worm domains of a given period;
- `signed_distance`: exact distance to the zero contour of a smooth periodic field;
- `walls`: the magnetization of walls along a signed distance.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from numerics import fourier

Array = NDArray[Any]

_RING_WIDTH = 0.16  # relative rms width of the annulus of spatial frequencies; sets how regular the worms are
_REACH = 12.0  # wall widths from a wall beyond which tanh is one in float32


def labyrinth(
    shape: tuple[int, int],
    *,
    pixel_size: float,
    period: float,
    wall_width: float,
    rng: np.random.Generator,
    wall_angle: float = np.pi / 2,
) -> Array:
    """Make worm domains whose walls follow ``m_z = tanh(s/wall_width)`` exactly, s the distance from the wall.

    White noise is filtered to an annulus around one over the period; its zero contour, found to a fraction of a
    pixel, is the wall.

    Parameters
    ----------
    shape : tuple of int
        Samples (y, x); the texture is periodic over them.
    pixel_size : float
        m.
    period : float
        Mean distance of like walls, m.
    wall_width : float
        delta, m.
    rng : numpy.random.Generator
        Source of the domains' shapes.
    wall_angle : float
        Angle in rad of the in-plane magnetization in a wall from the wall's normal: pi/2 a Bloch wall, 0 a Néel wall.

    Returns
    -------
    (3, ny, nx) float32 array
        Unit vectors, component (x, y, z).

    Raises
    ------
    ValueError
        If the walls are wider than the domains, the period exceeds the texture, or a length is not positive.
    """
    if not 0 < wall_width < period / 6:
        raise ValueError(f"wall_width is {wall_width} m; allowed: above 0, below a sixth of the period {period} m")
    if not 4 * pixel_size <= period <= min(shape) * pixel_size:
        raise ValueError(f"period is {period} m; allowed: {4 * pixel_size:.3g} to {min(shape) * pixel_size:.3g} m")
    noise = _annular_noise(shape, pixel_size, period, rng)
    distance = signed_distance(noise, reach=_REACH * wall_width / pixel_size) * pixel_size
    return walls(distance, noise, wall_width=wall_width, wall_angle=wall_angle)


def _annular_noise(shape: tuple[int, int], pixel_size: float, period: float, rng: np.random.Generator) -> Array:
    spectrum = fourier.fft2(rng.standard_normal(shape))
    f_y = fourier.unshifted_frequencies(shape[0], pixel_size)
    f_x = fourier.unshifted_frequencies(shape[1], pixel_size)
    radius = np.hypot(f_y[:, None], f_x[None, :]) * period
    spectrum *= np.exp(-0.5 * ((radius - 1) / _RING_WIDTH) ** 2)
    noise = fourier.ifft2(spectrum).real
    return np.asarray(noise / noise.std())


def signed_distance(field: Array, *, reach: float) -> Array:
    """Return the distance, in samples, to the zero contour of a smooth periodic field; sign as the field's.

    Parameters
    ----------
    field : (ny, nx) float array
    reach : float
        Distances beyond it are given as `reach`.

    Returns
    -------
    (ny, nx) float64 array
    """
    margin = int(np.ceil(reach)) + 2
    padded = np.pad(field, margin, mode="wrap")
    contours: list[Array] = find_contours(padded, 0.0)  # type: ignore[no-untyped-call]
    if not contours:
        return np.where(field > 0, reach, -reach).astype(np.float64)
    points = np.concatenate(contours)
    before, after = _neighbours(contours)
    ny, nx = field.shape
    pixels = np.stack(np.meshgrid(np.arange(ny), np.arange(nx), indexing="ij"), axis=-1).reshape(-1, 2) + float(margin)
    _, nearest = cKDTree(points).query(pixels, distance_upper_bound=reach)
    distance = _segment_distance(pixels, nearest, points, before, after, reach)
    return np.asarray(np.where(field.ravel() > 0, distance, -distance).reshape(field.shape))


def _neighbours(contours: list[Array]) -> tuple[Array, Array]:
    """Return, for every vertex of all contours, the index of the vertex before and after it (itself at an open end)."""
    before, after, start = [], [], 0
    for contour in contours:
        index = np.arange(start, start + len(contour))
        closed = np.array_equal(contour[0], contour[-1])
        before.append(np.concatenate(([index[-2] if closed else index[0]], index[:-1])))
        after.append(np.concatenate((index[1:], [index[1] if closed else index[-1]])))
        start += len(contour)
    return np.concatenate(before), np.concatenate(after)


@njit(cache=True)
def _segment_distance(pixels, nearest, points, before, after, reach):  # type: ignore[no-untyped-def]
    """Distance from every pixel to the two contour segments that meet at its nearest vertex."""
    result = np.full(pixels.shape[0], reach)
    for i in range(pixels.shape[0]):
        j = nearest[i]
        if j >= points.shape[0]:
            continue
        best = reach * reach
        for k in (before[j], after[j]):
            dy, dx = points[k, 0] - points[j, 0], points[k, 1] - points[j, 1]
            py, px = pixels[i, 0] - points[j, 0], pixels[i, 1] - points[j, 1]
            length2 = dy * dy + dx * dx
            along = 0.0 if length2 == 0 else min(max((py * dy + px * dx) / length2, 0.0), 1.0)
            best = min(best, (py - along * dy) ** 2 + (px - along * dx) ** 2)
        result[i] = np.sqrt(best)
    return result


def walls(distance: Array, field: Array, *, wall_width: float, wall_angle: float = np.pi / 2) -> Array:
    """Return unit vectors of walls: ``tanh(s/delta)`` out of plane, ``sech(s/delta)`` along the turned normal.

    Parameters
    ----------
    distance : (ny, nx) array
        Signed distance s, m.
    field : (ny, nx) array
        Periodic field of the same zero contour; its gradient is the wall's normal.
    wall_width : float
        delta, m.
    wall_angle : float
        Angle of the in-plane part from the normal, rad.

    Returns
    -------
    (3, ny, nx) float32 array
    """
    gradient_y = np.roll(field, -1, 0) - np.roll(field, 1, 0)
    gradient_x = np.roll(field, -1, 1) - np.roll(field, 1, 1)
    norm = np.maximum(np.hypot(gradient_y, gradient_x), np.finfo(np.float64).tiny)
    n_y, n_x = gradient_y / norm, gradient_x / norm
    out_of_plane = np.tanh(distance / wall_width)
    in_plane = np.sqrt(1 - out_of_plane**2)
    cosine, sine = np.cos(wall_angle), np.sin(wall_angle)
    return np.stack(
        [in_plane * (cosine * n_x - sine * n_y), in_plane * (cosine * n_y + sine * n_x), out_of_plane]
    ).astype(np.float32)
