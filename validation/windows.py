"""Cut a field to the region that is scored, with masks that have soft edges.

- `crop`: a window of a periodic field;
- `eroded`, `soft_edged`: masks drawn inwards.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]


def crop(field: Array, origin: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Return the window of `shape` whose first sample is `origin` (y, x), any integers; the field repeats.

    Leading axes stay.
    """
    rows, columns = (np.arange(o, o + s) for o, s in zip(origin, shape, strict=True))
    return field.take(rows, axis=-2, mode="wrap").take(columns, axis=-1, mode="wrap")


def eroded(mask: Array, distance: float) -> NDArray[np.bool_]:
    """Return the pixels of `mask` further than `distance` px from anything outside, the array's border included.

    Raises
    ------
    ValueError
        On a distance that is negative or not finite, or a mask that holds NaN.
    """
    if not 0 <= distance < math.inf:
        raise ValueError(f"distance is {distance!r}; allowed: from 0 px")
    return np.asarray(_depth(mask) > distance)


def soft_edged(mask: Array, width: float) -> NDArray[np.float64]:
    """Return a window that rises from 0 at the edge of `mask` to 1 at `width` px inside, as a raised cosine.

    Raises
    ------
    ValueError
        On a width that is negative or not finite, or a mask that holds NaN.
    """
    if not 0 <= width < math.inf:
        raise ValueError(f"width is {width!r}; allowed: from 0 px")
    share = np.clip(_depth(mask) / max(width, 1e-9), 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * share))


def _depth(mask: Array) -> NDArray[np.float64]:
    given = np.asarray(mask)
    if np.isnan(given).any():
        raise ValueError("mask holds NaN; allowed: True and False, or numbers of which 0 is outside")
    padded = np.pad(given.astype(bool), 1)
    inner = (slice(1, -1),) * given.ndim
    return np.asarray(ndimage.distance_transform_edt(padded)[inner])
