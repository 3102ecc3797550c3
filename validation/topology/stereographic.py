"""A closed surface on a plane, to look at a virtual hedgehog.

- `stereographic_projection`: from one of the poles.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.topology.surface import checked_point

_FROM = {"south": 1.0, "north": -1.0}


def stereographic_projection(
    vertices: ArrayLike, *, centre: ArrayLike, pole: Literal["south", "north"] = "south"
) -> NDArray[np.float64]:
    """Project points of a surface from a pole on the plane of the equator: ``X = x/(1 + z/r)`` from the south pole.

    The pole that one projects from goes to infinity, the other one to the middle; a circle of radius r is the equator.
    From the north pole it is ``X = x/(1 - z/r)``. Directions about the centre alone decide where a point goes, up to
    the factor r, its own distance from the centre.

    Parameters
    ----------
    vertices : (n, 3) array
        (z, y, x), metres.
    centre : (3,) array
        (z, y, x), metres.
    pole : "south" or "north"
        The pole that one projects from: at -z or +z from the centre.

    Returns
    -------
    (n, 2) float64 array
        (Y, X), metres; infinite for the pole itself.

    Raises
    ------
    ValueError
        On wrong shapes, values that are not finite, a vertex in the centre, or another pole.
    """
    if pole not in _FROM:
        raise ValueError(f"pole is {pole!r}; allowed: 'south' or 'north'")
    points: NDArray[Any] = np.asarray(vertices, np.float64)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise ValueError(f"vertices is of shape {points.shape}; allowed: (n, 3), finite, metres")
    away = points - checked_point(centre, "centre")
    radius = np.linalg.norm(away, axis=1)
    if not np.all(radius > 0):
        raise ValueError("vertices hold the centre itself; allowed: points elsewhere")
    beside = away[:, 1:]
    height = _FROM[pole] * away[:, 0]
    # 1 + z/r = rho^2 / (r (r - z)) loses no digits near the pole.
    square = np.sum(beside**2, axis=1)
    below = height < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        near_pole = radius * (radius - height) / square
    factor = np.where(below, near_pole, radius / (radius + np.where(below, 0.0, height)))
    at_pole = below & (square == 0)
    return np.where(at_pole[:, None], np.inf, beside * np.where(at_pole, 0.0, factor)[:, None])
