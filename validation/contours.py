"""Profiles across the domain walls of an image.

`wall_profiles` finds the walls by the image's own contours at mid level and samples the image along their normals;
`WallProfiles` holds the result.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure
from skimage.filters import threshold_otsu

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Smoothing of a contour along itself, px: a contour that follows the noise makes every profile too steep.
_ALONG = 1.0
# Both ends of a profile must be at least this share of the half window away from any wall.
_CLEARANCE = 0.5


@dataclass(frozen=True)
class WallProfiles:
    """Profiles along the normals of the walls.

    Attributes
    ----------
    point : (n, 2) float64 array
        Where each profile crosses its wall, px (y, x).
    normal : (n, 2) float64 array
        Unit vectors towards larger values.
    run : (n,) int array
        Number of the uninterrupted stretch of wall; points of a run follow one another at about 1 px.
    position : (samples,) float64 array
        Along the normal, metres.
    values : (n, samples) float64 array
    level : float
        Mid level that the contours follow.
    """

    point: Floats
    normal: Floats
    run: NDArray[np.int64]
    position: Floats
    values: Floats
    level: float


def wall_profiles(
    image: Array, *, pixel_size: float, half_window: float = 30e-9, mask: Array | None = None
) -> WallProfiles:
    """Sample an image across its domain walls.

    The contours are those of the image smoothed by one pixel, the values those of the image itself, by quintic splines
    (cubic ones lose 2 % of a wall of one pixel). A profile is kept if it lies in the mask, if its ends lie in opposite
    domains, and if no other wall is near them; no profile is judged by its width.

    Parameters
    ----------
    image : (ny, nx) real array
    pixel_size : float
        In metres; the samples are half a pixel apart.
    half_window : float
        Reach of a profile on either side of the wall, metres.
    mask : (ny, nx) bool array, optional
        Where profiles may lie.

    Raises
    ------
    ValueError
        On a complex image, values that are not finite, or a window under two pixels.
    """
    data = _checked(image, pixel_size, half_window)
    inside = np.ones(data.shape, bool) if mask is None else np.asarray(mask, bool)
    if inside.shape != data.shape:
        raise ValueError(f"mask has shape {inside.shape}; allowed: that of the image, {data.shape}")
    level = mid_level(data[inside]) if inside.any() else 0.0
    smooth = ndimage.gaussian_filter(data, 1.0)
    points, contour = _contour_points(smooth, level)
    normal = _normals(smooth, points)
    steps = np.arange(-int(2 * half_window / pixel_size), int(2 * half_window / pixel_size) + 1) / 2
    kept = _clear(smooth, level, inside, points, normal, steps)
    # A gap of dropped points ends a run.
    breaks = np.flatnonzero(np.diff(np.flatnonzero(kept), prepend=-2) > 1) if kept.any() else np.empty(0, int)
    points, normal, contour = points[kept], normal[kept], contour[kept]
    starts = np.zeros(len(points), bool)
    starts[breaks] = True
    starts[1:] |= contour[1:] != contour[:-1]
    found = WallProfiles(points, normal, np.cumsum(starts) - 1, steps * pixel_size, np.empty((0, steps.size)), level)
    return resampled(found, data, pixel_size=pixel_size, centre=np.zeros(len(points)))


def resampled(found: WallProfiles, image: Array, *, pixel_size: float, centre: Floats) -> WallProfiles:
    """Sample the same profiles anew with their origins moved by `centre` (n,) metres along the normals."""
    along = (found.position[None, :] + centre[:, None]) / pixel_size
    where = found.point[:, :, None] + found.normal[:, :, None] * along[:, None, :]
    values = ndimage.map_coordinates(np.asarray(image, np.float64), where.transpose(1, 0, 2), order=5, mode="nearest")
    return WallProfiles(found.point, found.normal, found.run, found.position, values, found.level)


def mid_level(values: Array) -> float:
    """Return the middle between the two domains' levels: the medians on either side of Otsu's threshold."""
    otsu: Any = threshold_otsu
    if not np.ptp(values) > 1e-9 * np.abs(values).max():
        return float(values.flat[0])
    above = values > otsu(values)
    return float(np.median(values[above]) + np.median(values[~above])) / 2


def _contour_points(smooth: Floats, level: float) -> tuple[Floats, NDArray[np.int64]]:
    points, number = [np.empty((0, 2))], [np.empty(0, np.int64)]
    for index, contour in enumerate(_contours(smooth, level)):
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(contour, axis=0).T))])
        count = int(length[-1])
        if count < 3:
            continue
        along = (np.arange(count) + 0.5) * length[-1] / count
        evenly = np.stack([np.interp(along, length, contour[:, axis]) for axis in (0, 1)], axis=1)
        mode = "wrap" if np.array_equal(contour[0], contour[-1]) else "nearest"
        points.append(ndimage.gaussian_filter1d(evenly, _ALONG, axis=0, mode=mode))
        number.append(np.full(count, index))
    return np.concatenate(points), np.concatenate(number)


def _contours(smooth: Floats, level: float) -> list[Floats]:
    find: Any = measure.find_contours
    return list(find(smooth, level))


def _normals(smooth: Floats, points: Floats) -> Floats:
    gradient = np.stack([ndimage.map_coordinates(g, points.T, order=1) for g in np.gradient(smooth)], axis=1)
    return np.asarray(gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-300))


def _clear(
    smooth: Floats, level: float, inside: Array, points: Floats, normal: Floats, steps: Floats
) -> NDArray[np.bool_]:
    above = smooth > level
    distance = np.where(above, 1, -1) * (
        ndimage.distance_transform_edt(above) + ndimage.distance_transform_edt(~above) - 0.5
    )
    reach = float(steps[-1])
    kept = np.ones(len(points), bool)
    for side in (-1, 1):
        end = (points + side * reach * normal).T
        kept &= ndimage.map_coordinates(distance, end, order=1, mode="nearest") * side >= _CLEARANCE * reach
        kept &= np.all((end >= 0) & (end <= np.array(smooth.shape)[:, None] - 1), axis=0)
        for share in (0.25, 0.5, 0.75, 1.0):
            where = (points + side * share * reach * normal).T
            kept &= ndimage.map_coordinates(inside.astype(np.uint8), where, order=0, mode="constant") > 0
    return kept


def _checked(image: Array, pixel_size: float, half_window: float) -> Floats:
    if image.ndim != 2 or np.iscomplexobj(image) or not np.all(np.isfinite(image)):
        raise ValueError(f"image of shape {image.shape}, {image.dtype}; allowed: 2D, real and finite")
    if not pixel_size > 0 or not half_window >= 2 * pixel_size:
        raise ValueError(f"half_window is {half_window!r} m; allowed: at least two pixels of {pixel_size!r} m")
    return np.asarray(image, np.float64)
