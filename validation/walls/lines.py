"""Walls as lines: where an image passes its mid level, how steeply, and how sharply the line turns there.

- `WallLines`, `wall_lines`: all walls of one state; `nearest`: distances between two lists of points;
- `levels`: mid level and amplitude of the domains over several states; `checked_states`: their images, checked;
- `spread`: a robust standard deviation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import measure

from validation.walls.checks import checked_mask, is_number
from validation.walls.contours import mid_level

Array = NDArray[Any]
Floats = NDArray[np.float64]

SMOOTHING = 0.8
"""Sigma in px of the Gaussian that images are smoothed by before walls are looked for."""

FEWEST = 3
"""Points of a line that make a wall."""

_PER_PIXEL = 2  # points of a line
_ALONG = 1.0  # px, smoothing of a line along itself


@dataclass(frozen=True)
class WallLines:
    """Walls of one state.

    Attributes
    ----------
    point : (n, 2) float64 array
        px, half a pixel apart along each line.
    slope : (n,) float64 array
        Of the image there, per px.
    turning : (n,) float64 array
        By how much the line turns over the arc asked for, rad; at most pi.
    """

    point: Floats
    slope: Floats
    turning: Floats

    @property
    def length(self) -> float:
        """Length of all lines, px."""
        return len(self.point) / _PER_PIXEL

    def within(self, inside: Array) -> "WallLines":
        """Return the part of the lines inside a mask."""
        index = np.round(self.point).astype(int)
        kept = np.asarray(inside, bool)[index[:, 0], index[:, 1]]
        return WallLines(self.point[kept], self.slope[kept], self.turning[kept])

    def from_pixels(self, shape: tuple[int, ...]) -> tuple[Floats, NDArray[np.int64]]:
        """Return the distance of each pixel from the walls, px, and the nearest point's number; infinite without."""
        if len(self.point) == 0:
            return np.full(shape, np.inf), np.zeros(shape, np.int64)
        grid = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 2)
        distance, index = cKDTree(self.point).query(grid)
        return np.asarray(distance, np.float64).reshape(shape), np.asarray(index, np.int64).reshape(shape)


def wall_lines(smooth: Floats, *, arc: float) -> WallLines:
    """Return the lines where a smoothed image passes zero.

    Parameters
    ----------
    smooth : (ny, nx) float64 array
    arc : float
        Length of line over which its turning is measured, px.
    """
    find: Any = measure.find_contours
    points, turnings = [np.empty((0, 2))], [np.empty(0)]
    for contour in find(smooth, 0.0):
        line, closed = _evenly(contour)
        if len(line) >= 2 * FEWEST:
            points.append(line)
            turnings.append(_turning(line, closed=closed, reach=max(1, round(arc * _PER_PIXEL / 2))))
    point = np.concatenate(points)
    steep = np.hypot(*np.gradient(smooth))
    slope = np.maximum(ndimage.map_coordinates(steep, point.T, order=1), 1e-6) if len(point) else np.empty(0)
    return WallLines(point, slope, np.concatenate(turnings))


def levels(values: Floats) -> tuple[float, float]:
    """Return the middle of the domains' two levels and half their distance, over all states together.

    Raises
    ------
    ValueError
        If there is one level only.
    """
    level = mid_level(values)
    above = values > level
    if not above.any() or above.all():
        raise ValueError("images have one level only; allowed: domains of both signs, in one state at least")
    return level, float(np.median(values[above]) - np.median(values[~above])) / 2


def checked_states(
    images: Array, pixel_size: float, diameter: float, mask: Array | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return images (states, ny, nx) and mask, checked.

    Raises
    ------
    ValueError
        On images that are not 3D, real and finite, a mask that is empty, not finite or of another shape, pixels of more
        than a third of the diameter, or a diameter of more than half the image.
    """
    data = np.asarray(images)
    if data.ndim != 3 or np.iscomplexobj(data) or not np.all(np.isfinite(data)):
        raise ValueError(f"images have shape {data.shape}, {data.dtype}; allowed: (states, ny, nx), real and finite")
    for name, value in (("pixel_size", pixel_size), ("diameter", diameter)):
        if not is_number(value):
            raise ValueError(f"{name} is {value!r}; allowed: one finite number, metres")
    if not 0 < pixel_size <= diameter / 3 or not diameter < 1e-6:
        raise ValueError(
            f"pixel_size is {pixel_size!r} m for a diameter of {diameter!r} m; allowed: up to a third of the diameter, "
            "itself below 1e-6"
        )
    half = min(data.shape[1:]) * pixel_size / 2
    if diameter > half:
        raise ValueError(
            f"diameter is {diameter!r} m at a pixel_size of {pixel_size!r} m; "
            f"allowed: up to half the image, {half:.3g} m"
        )
    inside = checked_mask(mask, data.shape[1:])
    if not inside.any():
        raise ValueError(f"mask has shape {inside.shape} and 0 pixels; allowed: from 1")
    return data.astype(np.float64), inside


def nearest(points: Floats, others: Floats) -> Floats:
    """Return the distance of each of `points` (n, 2) from the nearest of `others`; infinite where there is none."""
    if len(others) == 0 or len(points) == 0:
        return np.full(len(points), np.inf)
    return np.asarray(cKDTree(others).query(points)[0])


def spread(values: Floats) -> float:
    """Return the standard deviation that the median absolute deviation stands for."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _evenly(contour: Floats) -> tuple[Floats, bool]:
    closed = bool(np.allclose(contour[0], contour[-1]))
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(contour, axis=0).T))])
    count = int(_PER_PIXEL * length[-1])
    along = np.arange(count) * length[-1] / max(count, 1)
    line = np.stack([np.interp(along, length, contour[:, axis]) for axis in (0, 1)], axis=1)
    mode = "wrap" if closed else "nearest"
    return ndimage.gaussian_filter1d(line, _ALONG * _PER_PIXEL, axis=0, mode=mode) if count else line, closed


def _turning(line: Floats, *, closed: bool, reach: int) -> Floats:
    """Return the angle between the tangents `reach` points before and behind each point; its maximum over a pixel."""
    count = len(line)
    ahead, behind = (np.roll(line, shift, axis=0) for shift in (-1, 1))
    tangent = (ahead - behind) / 2 if closed else np.gradient(line, axis=0)
    angle = np.unwrap(np.arctan2(tangent[:, 0], tangent[:, 1]))
    index = np.arange(count)
    if closed:
        whole = 2 * np.pi * np.round((angle[-1] - angle[0]) / (2 * np.pi))
        angle = np.concatenate([angle - whole, angle, angle + whole])
        reach = min(reach, count)
        turned = angle[index + count + reach] - angle[index + count - reach] if reach < count else np.full(count, np.pi)
    else:
        turned = angle[np.minimum(index + reach, count - 1)] - angle[np.maximum(index - reach, 0)]
    mode = "wrap" if closed else "nearest"
    return np.asarray(ndimage.maximum_filter1d(np.minimum(np.abs(turned), np.pi), 2 * _PER_PIXEL + 1, mode=mode))
