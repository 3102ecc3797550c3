"""Profiles across the domain walls of an image.

`wall_profiles` finds the walls by the image's own contours at mid level and samples the image along their normals;
`WallProfiles` holds the result.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure
from skimage.filters import threshold_otsu

from validation.walls.checks import checked_mask, is_number

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Smoothing of a contour along itself, px: a contour that follows the noise makes every profile too steep.
_ALONG = 2.0
# Further smoothing of the image whose gradient is the normal, px: noise would turn normals to where the wall is steep.
_DIRECTION = 2.0
# Both ends of a profile must be at least this share of the half window away from any wall.
_CLEARANCE = 0.5
# Profiles sampled at once, and px by which an image is continued so that splines do not see its edge.
_AT_ONCE, _PADDING = 1024, 12


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
    closed : (runs,) bool array
        Whether a run's last point is followed by its first.
    position : (samples,) float64 array
        Along the normal, metres.
    values : (n, samples) float64 array
    level : float
        Mid level that the contours follow.
    """

    point: Floats
    normal: Floats
    run: NDArray[np.int64]
    closed: NDArray[np.bool_]
    position: Floats
    values: Floats
    level: float


def wall_profiles(
    image: Array, *, pixel_size: float, half_window: float = 30e-9, mask: Array | None = None
) -> WallProfiles:
    """Sample an image across its domain walls.

    The contours are those of the image smoothed by one pixel, the normals its gradients smoothed by two more, the
    values those of the image itself, by quintic splines (cubic ones lose 2 % of a wall of one pixel). A profile is kept
    if it lies in the mask, if its ends lie in opposite domains, and if no other wall is near them; no profile is judged
    by its width.

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
        On a complex image, values that are not finite, an empty mask or one of another shape, a window under two pixels
        or wider than the image.
    """
    data = _checked(image, pixel_size, half_window)
    inside = checked_mask(mask, data.shape)
    if not inside.any():
        raise ValueError("mask is empty; allowed: at least one pixel where profiles may lie")
    level = mid_level(data[inside])
    smooth = ndimage.gaussian_filter(data, 1.0)
    points, contour, looped = _contour_points(smooth, level)
    normal = _normals(ndimage.gaussian_filter(smooth, _DIRECTION), points)
    steps = np.arange(-int(2 * half_window / pixel_size), int(2 * half_window / pixel_size) + 1) / 2
    order, run, closed = _runs(_clear(smooth, level, inside, points, normal, steps), contour, looped)
    values = np.empty((0, steps.size))
    found = WallProfiles(points[order], normal[order], run, closed, steps * pixel_size, values, level)
    return resampled(found, data, pixel_size=pixel_size, centre=np.zeros(len(order)))


def resampled(found: WallProfiles, image: Array, *, pixel_size: float, centre: Floats) -> WallProfiles:
    """Move the profiles by `centre` (n,) metres along their normals and sample them anew."""
    point = found.point + found.normal * (centre / pixel_size)[:, None]
    along = found.position / pixel_size
    # The coefficients once for all blocks, padded as map_coordinates itself pads for this mode.
    padded = np.pad(np.asarray(image, np.float64), _PADDING, mode="edge")
    coefficients = ndimage.spline_filter(padded, order=5, mode="nearest")
    values = np.empty((len(point), along.size))
    for first in range(0, len(point), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        where = point[part].T[:, :, None] + found.normal[part].T[:, :, None] * along + _PADDING
        ndimage.map_coordinates(coefficients, where, values[part], order=5, mode="nearest", prefilter=False)
    return replace(found, point=point, values=values)


def mid_level(values: Array) -> float:
    """Return the middle between the two domains' levels: the medians on either side of Otsu's threshold."""
    otsu: Any = threshold_otsu
    if not np.ptp(values) > 1e-9 * np.abs(values).max():
        return float(values.flat[0])
    above = values > otsu(values)
    return float(np.median(values[above]) + np.median(values[~above])) / 2


def _contour_points(smooth: Floats, level: float) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Return points about 1 px apart, the number of each one's contour, and which contours are closed."""
    points, number, looped = [np.empty((0, 2))], [np.empty(0, np.int64)], []
    for contour in _contours(smooth, level):
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(contour, axis=0).T))])
        count = int(length[-1])
        if count < 3:
            continue
        along = (np.arange(count) + 0.5) * length[-1] / count
        evenly = np.stack([np.interp(along, length, contour[:, axis]) for axis in (0, 1)], axis=1)
        looped.append(np.array_equal(contour[0], contour[-1]))
        points.append(ndimage.gaussian_filter1d(evenly, _ALONG, axis=0, mode="wrap" if looped[-1] else "nearest"))
        number.append(np.full(count, len(looped) - 1))
    return np.concatenate(points), np.concatenate(number), np.array(looped, bool)


def _runs(
    kept: NDArray[np.bool_], contour: NDArray[np.int64], looped: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the indices of the kept points run by run, their runs, and which of these are closed.

    A gap of dropped points ends a run; a closed contour with gaps is opened at one of them.
    """
    order: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    closed: list[bool] = []
    for part in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(contour)) + 1):
        if not kept[part].any():
            continue
        whole = bool(looped[contour[part[0]]])
        if whole and not kept[part].all():
            part = np.roll(part, -int(np.argmin(kept[part])))
        pieces = np.split(part, np.flatnonzero(np.diff(kept[part])) + 1)
        found = [piece for piece in pieces if kept[piece[0]]]
        order += found
        closed += [whole and len(pieces) == 1] * len(found)
    run = np.repeat(np.arange(len(closed)), [len(piece) for piece in order[1:]])
    return np.concatenate(order), np.asarray(run, np.int64), np.array(closed, bool)


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
    data = np.asarray(image)
    if data.ndim != 2 or np.iscomplexobj(data) or not np.all(np.isfinite(data)):
        raise ValueError(f"image has shape {data.shape}, {data.dtype}; allowed: 2D, real and finite")
    for name, value in (("pixel_size", pixel_size), ("half_window", half_window)):
        if not is_number(value):
            raise ValueError(f"{name} is {value!r}; allowed: one finite number, metres")
    if not pixel_size > 0 or not half_window >= 2 * pixel_size:
        raise ValueError(
            f"pixel_size is {pixel_size!r} m; allowed: above 0, up to half of half_window, {half_window / 2!r} m"
        )
    if 2 * half_window > (max(data.shape) - 1) * pixel_size:
        raise ValueError(
            f"half_window is {half_window!r} m; allowed: up to half of the image, "
            f"{(max(data.shape) - 1) * pixel_size / 2:.3g} m at a pixel_size of {pixel_size!r} m"
        )
    return np.asarray(data, np.float64)
