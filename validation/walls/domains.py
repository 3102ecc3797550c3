"""What the domains of an image measure in a region of it.

- `domain_period`: mean distance of like walls, from the length of wall in an area;
- `domain_contrast`: mean modulus.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
        On a bad image, pixel or mask.
    """
    data, inside = _checked(image, mask)
    if not 0 < pixel_size < 1e-3:
        raise ValueError(f"pixel_size is {pixel_size!r} m; allowed: above 0, below 1e-3")
    walls = wall_lines(ndimage.gaussian_filter(data - level, SMOOTHING), arc=1.0).within(inside)
    return 2 * float(inside.sum()) * pixel_size / walls.length if walls.length > 0 else math.inf


def domain_contrast(image: Array, *, mask: Array | None = None, level: float = 0.0) -> float:
    """Return the mean of ``|image - level|`` in a region.

    Raises
    ------
    ValueError
        On a bad image or mask.
    """
    data, inside = _checked(image, mask)
    return float(np.abs(data[inside] - level).mean())


def _checked(image: Array, mask: Array | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if image.ndim != 2 or np.iscomplexobj(image) or not np.all(np.isfinite(image)):
        raise ValueError(f"image of shape {image.shape}, {image.dtype}; allowed: 2D, real and finite")
    inside = np.ones(image.shape, bool) if mask is None else np.asarray(mask, bool)
    if inside.shape != image.shape or not inside.any():
        raise ValueError(f"mask has shape {inside.shape} and {inside.sum()} pixels; allowed: {image.shape} and from 1")
    return np.asarray(image, np.float64), inside
