"""In which holes between close-packed spheres points lie.

- `classify_sites`: octahedral, tetrahedral or between, on an ideal lattice or among listed holes.

Between spheres of radius R that touch, a ball of 0.414 R fits into an octahedral hole and one of 0.225 R into a
tetrahedral one. A point belongs to a hole if it lies in that ball.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from validation.matching import checked_length, checked_points

Array = NDArray[Any]
Floats = NDArray[np.float64]

HOLES = ("octahedral", "tetrahedral")
BETWEEN = "between"
_NECK = "neck"

# From a hole's centre to those of the spheres around it, in lattice constants.
_REACHES = (0.5, math.sqrt(3) / 4)
_TOUCHING = math.sqrt(2) / 4
_ROTATION = 1e-6
_LARGEST = 1e-3  # m; a hole of a larger radius was given in another unit


def classify_sites(
    positions: ArrayLike,
    *,
    lattice_constant: float | None = None,
    origin: ArrayLike | None = None,
    rotation: ArrayLike | None = None,
    sphere_radius: float | None = None,
    sites: Mapping[str, Sequence[Any]] | None = None,
) -> xr.Dataset:
    """Tell in which hole of a face-centred cubic packing of spheres each point lies.

    The nearest hole is found by rounding, exactly, for every point of space. Where the packing has hexagonal steps or
    unequal spheres the ideal lattice names half of the holes wrongly: list them as `sites`.

    Parameters
    ----------
    positions : (n, 3) array
        (z, y, x), metres.
    lattice_constant : float
        Edge of the cube, metres: ``sqrt(2)`` times the distance between the centres of neighbours.
    origin : (3,) array
        Centre of any sphere, (z, y, x), metres.
    rotation : (3, 3) array, optional
        From the cube's axes to the block's, both (x, y, z).
    sphere_radius : float, optional
        Metres; default that of spheres that touch. A hole's ball touches the spheres around it.
    sites : mapping of sequences, optional
        Columns `kind`, `z`, `y`, `x` and `radius` (m) of the holes as they are, instead of an ideal lattice: the other
        parameters must not be given. Rows of the kind "neck" are no holes. A point belongs to the nearest hole that it
        lies in; none lies in a hole whose radius is not above 0, which overlapping spheres close.

    Returns
    -------
    Dataset
        By `point`: `kind` ("octahedral", "tetrahedral", "between", or a kind of `sites`); `nearest_kind`, `site`
        (point, axis) and `distance` (m): kind and centre of the hole it lies in, or else of the one whose ball is
        nearest, and how far from that centre; `row`: of the hole in `sites`, -1 without such a list.

    Raises
    ------
    ValueError
        On points that are not finite or not in metres, impossible lengths, an origin that is not one point, spheres so
        large that they close the holes, a matrix that is no rotation, or lists of unequal lengths.
    """
    points = checked_points("positions", positions, dimensions=(3,))
    if sites is not None:
        names = ("lattice_constant", "origin", "rotation", "sphere_radius")
        values = (lattice_constant, origin, rotation, sphere_radius)
        given = [name for name, value in zip(names, values, strict=True) if value is not None]
        if given:
            raise ValueError(f"{given[0]} is given with sites; allowed: one or the other")
        return _table(*_listed(points, sites))
    if lattice_constant is None or origin is None:
        raise ValueError("lattice_constant or origin is None; allowed: both in m, or a list of sites")
    return _table(*_ideal(points, lattice_constant, origin, rotation, sphere_radius))


def _ideal(
    points: Floats, lattice_constant: float, origin: ArrayLike, rotation: ArrayLike | None, sphere_radius: float | None
) -> tuple[Array, Floats, Floats, Floats, Array]:
    edge = checked_length("lattice_constant", lattice_constant)
    radius = _TOUCHING * edge if sphere_radius is None else checked_length("sphere_radius", sphere_radius)
    if not radius < min(_REACHES) * edge:
        raise ValueError(f"sphere_radius is {radius:.4g} m; allowed: below {min(_REACHES) * edge:.4g} m, holes close")
    if np.shape(origin) != (3,):
        raise ValueError(f"origin is of shape {np.shape(origin)}; allowed: (3,), (z, y, x) in m")
    start = checked_points("origin", np.asarray(origin, np.float64)[None], dimensions=(3,))
    turn = _rotation(rotation)
    # In half edges of the cube, (x, y, z): sphere centres are whole numbers of even sum.
    halves = (points - start)[:, ::-1] @ turn * (2 / edge)
    found = np.stack([_odd(halves), np.floor(halves) + 0.5], axis=1)
    centres = (found * (edge / 2) @ turn.T)[..., ::-1] + start
    distance = np.linalg.norm(found - halves[:, None], axis=-1) * (edge / 2)
    balls = np.array([reach * edge - radius for reach in _REACHES])
    nearest = np.argmin(distance - balls, axis=1)
    rows = np.arange(len(points))
    kinds = np.array(HOLES)[nearest]
    return kinds, centres[rows, nearest], distance[rows, nearest], balls[nearest], np.full(len(points), -1)


def _odd(halves: Floats) -> Floats:
    """Return the nearest whole numbers (x, y, z) of odd sum: the octahedral holes."""
    whole = np.round(halves)
    off = halves - whole
    even = np.flatnonzero(whole.sum(axis=1) % 2 == 0)
    # The cheapest change of parity is in the coordinate that was rounded furthest.
    axis = np.argmax(np.abs(off[even]), axis=1)
    whole[even, axis] += np.where(off[even, axis] >= 0, 1, -1)
    return np.asarray(whole)


def _listed(points: Floats, sites: Mapping[str, Sequence[Any]]) -> tuple[Array, Floats, Floats, Floats, Array]:
    missing = [name for name in ("kind", "z", "y", "x", "radius") if name not in sites]
    if missing:
        raise ValueError(f"sites has no column {missing[0]!r}; allowed: kind, z, y, x, radius")
    lengths = {len(sites[name]) for name in ("kind", "z", "y", "x", "radius")}
    if len(lengths) > 1:
        raise ValueError(f"sites has columns of {sorted(lengths)} rows; allowed: one length")
    rows = np.flatnonzero([kind != _NECK for kind in sites["kind"]])
    if not len(rows):
        raise ValueError("sites has no hole; allowed: one at least")
    centres = checked_points(
        "sites", np.stack([np.asarray(sites[axis], np.float64) for axis in "zyx"], -1)[rows], dimensions=(3,)
    )
    radii = np.asarray(sites["radius"], np.float64)[rows]
    wrong = radii[~(np.abs(radii) <= _LARGEST)]
    if wrong.size:
        raise ValueError(f"sites has a radius of {wrong[0]} m; allowed: lengths up to {_LARGEST:g} m")
    distance = np.linalg.norm(points[:, None, :] - centres, axis=-1)
    inside = distance <= radii
    # Inside of holes their centres compete, elsewhere their balls.
    score = np.where(inside.any(axis=1)[:, None], np.where(inside, distance, np.inf), distance - radii)
    best = np.argmin(score, axis=1)
    kinds = np.array([str(kind) for kind in sites["kind"]])[rows[best]]
    return kinds, centres[best], distance[np.arange(len(points)), best], radii[best], rows[best]


def _rotation(rotation: ArrayLike | None) -> Floats:
    turn = np.eye(3) if rotation is None else np.asarray(rotation, np.float64)
    proper = turn.shape == (3, 3) and np.allclose(turn @ turn.T, np.eye(3), atol=_ROTATION) and np.linalg.det(turn) > 0
    if not proper:
        raise ValueError(f"rotation is {turn.tolist()}; allowed: a (3, 3) rotation matrix of determinant 1")
    return turn


def _table(kinds: Array, centres: Floats, distance: Floats, radius: Floats, rows: Array) -> xr.Dataset:
    return xr.Dataset(
        {
            "kind": ("point", np.where(distance <= radius, kinds, BETWEEN)),
            "nearest_kind": ("point", kinds),
            "site": (("point", "axis"), centres, {"units": "m"}),
            "distance": ("point", distance, {"units": "m"}),
            "row": ("point", rows, {"units": "1"}),
        },
        coords={"axis": list("zyx")},
    )
