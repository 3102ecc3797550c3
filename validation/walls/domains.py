"""What the domains of an image measure in a region of it.

- `domain_period`: mean distance of like walls, from the length of wall in an area;
- `domain_contrast`: mean modulus.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from validation.walls.checks import checked_mask, is_number
from validation.walls.lines import SMOOTHING, wall_lines

Array = NDArray[Any]


def domain_period(image: Array, *, pixel_size: float, mask: Array | None = None, level: float = 0.0) -> float:
    """Return the mean distance of like walls: twice the area over the length of wall in it.

    Exact for stripes, whatever their direction, and defined for any pattern; of a region of it as well.

    Parameters
    ----------
    image : (ny, nx) real array
    pixel_size : float
        In metres.
    mask : (ny, nx) bool array, optional
        The region.
    level : float
        Of the image on a wall.

    Returns
    -------
    float
        Metres; infinite where the region has no wall.

    Raises
    ------
    ValueError
        On a bad image, pixel, mask or level.
    """
    data, inside = _checked(image, mask, level)
    if not is_number(pixel_size) or not 0 < pixel_size < 1e-3:
        raise ValueError(f"pixel_size is {pixel_size!r} m; allowed: above 0, below 1e-3")
    walls = wall_lines(ndimage.gaussian_filter(data - level, SMOOTHING), arc=1.0).within(inside)
    return 2 * float(inside.sum()) * pixel_size / walls.length if walls.length > 0 else math.inf


def domain_contrast(image: Array, *, mask: Array | None = None, level: float = 0.0) -> float:
    """Return the mean of ``|image - level|`` in a region.

    Raises
    ------
    ValueError
        On a bad image, mask or level.
    """
    data, inside = _checked(image, mask, level)
    return float(np.abs(data[inside] - level).mean())


def _checked(image: Array, mask: Array | None, level: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    data = np.asarray(image)
    if data.ndim != 2 or np.iscomplexobj(data) or not np.all(np.isfinite(data)):
        raise ValueError(f"image of shape {data.shape}, {data.dtype}; allowed: 2D, real and finite")
    if not is_number(level):
        raise ValueError(f"level is {level!r}; allowed: a finite number")
    inside = checked_mask(mask, data.shape)
    if not inside.any():
        raise ValueError(f"mask has shape {inside.shape} and 0 pixels; allowed: from 1")
    return np.asarray(data, np.float64), inside
