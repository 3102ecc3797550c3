"""The published rule for corrupt frames.

- `corrupt`: local maxima of the gradient of the map of high-angle intensity.

Rana et al., supplement, fig. S2: the high-angle intensity of every position makes a low-resolution map, local maxima
of the magnitude of its gradient mark bad frames. Neither radius nor threshold are given; here the gradient is that of
a plane through the neighbours, and a maximum counts from `_LIMIT` robust spreads of all gradients.

With central differences a single spike has no gradient at itself but at its neighbours, all of them maxima. So each
maximum is attributed to the frame around it whose own value lies farthest from its neighbours' mean. The rim of a
sample makes maxima too, which no threshold tells from bad frames.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

Array = NDArray[Any]

_NEAR = 8
_LIMIT = 4.5
_TO_SIGMA = 1.4826


def corrupt(high: Array, positions: Array) -> Array:
    """Return which frames the rule marks.

    Parameters
    ----------
    high : (frames,) array
        High-angle intensity.
    positions : (frames, 2) array
        In any unit and order.

    Returns
    -------
    (frames,) bool array
    """
    count = min(_NEAR, len(high) - 1)
    indices = KDTree(positions).query(positions, count + 1)[1]
    gradient = _gradient(high, positions, indices)
    middle = np.median(gradient)
    spread = _TO_SIGMA * np.median(np.abs(gradient - middle))
    maxima = (gradient >= gradient[indices].max(1)) & (gradient > middle + _LIMIT * spread)
    away = np.abs(high - high[indices[:, 1:]].mean(1))
    marked = np.zeros(len(high), np.bool_)
    around = indices[maxima]
    marked[np.take_along_axis(around, away[around].argmax(1)[:, None], 1)] = True
    return marked


def _gradient(values: Array, positions: Array, indices: Array) -> Array:
    """Return the slope of the plane through each position and its neighbours."""
    places = positions[indices]
    away = places - places.mean(1, keepdims=True)
    rise = values[indices] - values[indices].mean(1, keepdims=True)
    normal = np.swapaxes(away, 1, 2) @ away
    normal += (1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-300)[:, None, None] * np.eye(2)
    slopes = np.linalg.solve(normal, np.swapaxes(away, 1, 2) @ rise[..., None])[..., 0]
    return np.asarray(np.linalg.norm(slopes, axis=1))
