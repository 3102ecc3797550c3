"""The holes between close-packed spheres and the necks that join them, from the spheres as they lie.

- `Sites`: table of holes and necks;
- `find_sites`: the holes and necks of a packing;
- `site_distances`: how far apart neighbouring holes are, by their kinds.

Every hole is a cell of the Delaunay tessellation of the sphere centres: four spheres round a tetrahedral one, six round
an octahedral one, which the tessellation splits and `find_sites` puts together again. Every neck is a triangle of
touching spheres, the face that two holes share. This holds for any stacking: in hexagonal steps octahedral holes
share faces, and a shifted ideal lattice would name half of them wrongly.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from simulators.samples.sphere_packing import SpherePacking

Array = NDArray[Any]

KINDS = ("octahedral", "tetrahedral", "neck")
_SPHERES = {6: 0, 4: 1}  # spheres round a hole: index of its kind
_REACHES = {6: np.sqrt(0.5), 4: np.sqrt(0.375)}  # from its centre to theirs, in spacings
_EQUAL = 1e-6  # of the spacing: lengths that differ by less are one
_FLAT = 1e-3  # of the spacing cubed: determinant below which four centres lie in a plane
_NOTHING = -1


@dataclass(frozen=True, eq=False)
class Sites:
    """Holes and necks, one row each.

    Attributes
    ----------
    kind : (n,) int8 array
        Index into `KINDS`.
    position : (n, 3) float64 array
        (z, y, x), m: as far from all spheres' centres round it; of a neck the centre of its triangle.
    radius : (n,) float64 array
        m from there to the nearest sphere's surface; below zero where unequal or overlapping spheres close it.
    depth : (n,) float64 array
        m from there to the block's nearest face, negative outside of the block.
    filled : (n,) bool array
        Whether nickel went in; a neck is filled where both its holes are.
    joins : (n, 2) int32 array
        For a neck the rows of its two holes, -1 for one that is not listed; for a hole -1.
    spheres : (n, 6) int32 array
        Spheres round it, rows of the packing; -1 where there are fewer.
    """

    kind: Array
    position: Array
    radius: Array
    depth: Array
    filled: Array
    joins: Array
    spheres: Array

    def __len__(self) -> int:
        return int(self.kind.size)

    @property
    def whole(self) -> Array:
        """Whether the ball of `radius` round a site lies inside the block: (n,) bool."""
        return np.asarray(self.depth >= np.maximum(self.radius, 0))

    @property
    def is_hole(self) -> Array:
        """Rows that are holes, not necks: (n,) bool."""
        return np.asarray(self.kind != KINDS.index("neck"))

    def of_kind(self, kind: str) -> Array:
        """Rows of one of `KINDS`: (n,) bool."""
        return np.asarray(self.kind == KINDS.index(kind))

    def where(self, chosen: Array) -> "Sites":
        """Return the rows where the (n,) bool array `chosen` holds; `joins` point to the new rows."""
        new = np.full(len(self) + 1, _NOTHING, np.int32)  # the last entry is what -1 points to
        new[:-1][chosen] = np.arange(np.count_nonzero(chosen))
        columns = {name: getattr(self, name)[chosen] for name in self.__dataclass_fields__}
        return Sites(**columns | {"joins": new[self.joins[chosen]]})

    def with_empty(self, holes: Array) -> "Sites":
        """Return the sites with the rows `holes`, indices, and all necks into them without nickel."""
        filled = self.filled.copy()
        filled[holes] = False
        necks = self.joins >= 0
        open_ends = np.all(filled[self.joins] | ~necks, axis=1)
        return replace(self, filled=filled & open_ends)

    def columns(self) -> dict[str, Any]:
        """Return the table as plain lists, for a sample's features: kind, z, y, x, radius in m, whole, filled."""
        z, y, x = (np.round(column, 14).tolist() for column in self.position.T)
        return {
            "kind": [KINDS[index] for index in self.kind],
            "z": z,
            "y": y,
            "x": x,
            "radius": np.round(self.radius, 14).tolist(),
            "whole": self.whole.tolist(),
            "filled": self.filled.tolist(),
        }


def find_sites(packing: SpherePacking) -> Sites:
    """Find all holes and necks between the spheres of a packing.

    Cells at the packing's own border are left out: let it reach two spacings beyond what is of interest. Holes come
    first, octahedral before tetrahedral, then necks; within a kind in the order of z, y, x.

    Parameters
    ----------
    packing : SpherePacking

    Returns
    -------
    Sites
        With `depth` infinite and all `filled`.
    """
    tessellation = Delaunay(packing.centres)
    hole_of, position, spheres = _holes(packing, tessellation.simplices)
    kind = np.array([_SPHERES[int(np.count_nonzero(row >= 0))] for row in spheres], np.int8)
    order = _order(kind, position)
    rank = np.full(order.size + 1, _NOTHING, np.int32)
    rank[order] = np.arange(order.size)
    necks, joins = _necks(packing, tessellation, rank[hole_of])
    centre = packing.centres[necks].mean(axis=1)
    round_neck = np.full((len(necks), 6), _NOTHING, np.int32)
    round_neck[:, :3] = necks
    by_place = _order(np.zeros(len(necks), np.int8), centre)
    places = np.concatenate([position[order], centre[by_place]])
    around = np.concatenate([spheres[order], round_neck[by_place]])
    count = len(places)
    return Sites(
        kind=np.concatenate([kind[order], np.full(len(necks), KINDS.index("neck"), np.int8)]),
        position=places,
        radius=_clearance(packing, places, around),
        depth=np.full(count, np.inf),
        filled=np.ones(count, bool),
        joins=np.concatenate([np.full((order.size, 2), _NOTHING, np.int32), joins[by_place]]),
        spheres=around,
    )


def _holes(packing: SpherePacking, simplices: Array) -> tuple[Array, Array, Array]:
    """Return the hole of each simplex (-1: none), and the centre and the spheres of each hole."""
    corners = packing.centres[simplices] / packing.spacing
    edges = corners[:, 1:] - corners[:, :1]
    solid = np.abs(np.linalg.det(edges)) > _FLAT
    centre = np.full((len(simplices), 3), np.inf)
    # |c - p_i| equal for all four corners: 2 (p_i - p_0).(c - p_0) = |p_i - p_0|^2
    squares = np.sum(edges[solid] ** 2, axis=2, keepdims=True)
    centre[solid] = corners[solid, 0] + np.linalg.solve(2 * edges[solid], squares)[..., 0]
    reach = np.linalg.norm(centre - corners[:, 0], axis=1)
    good = np.flatnonzero(reach < 1)
    hole_of = np.full(len(simplices), _NOTHING, np.int32)
    tree = cKDTree(packing.centres / packing.spacing)
    places: list[Array] = []
    rows: list[list[int]] = []
    seen = cKDTree(centre[good])
    for index, simplex in enumerate(good):
        if hole_of[simplex] != _NOTHING:
            continue
        same = good[seen.query_ball_point(centre[good[index]], _EQUAL)]
        spheres = tree.query_ball_point(centre[simplex], reach[simplex] + _EQUAL)
        # On the hull octahedra miss some of their spheres.
        if abs(_REACHES.get(len(spheres), 0) - reach[simplex]) > _EQUAL:
            continue
        hole_of[same] = len(places)
        places.append(centre[same].mean(axis=0) * packing.spacing)
        rows.append(sorted(spheres) + [_NOTHING] * (6 - len(spheres)))
    return hole_of, np.array(places).reshape(-1, 3), np.array(rows, np.int32).reshape(-1, 6)


def _necks(packing: SpherePacking, tessellation: Any, hole_of: Array) -> tuple[Array, Array]:
    """Return the triangles of touching spheres between listed holes, and the two holes of each."""
    found: dict[tuple[int, ...], list[int]] = {}
    simplices = tessellation.simplices
    for corner in range(4):
        faces = np.sort(np.delete(simplices, corner, axis=1), axis=1)
        points = packing.centres[faces]
        lengths = np.linalg.norm(points - np.roll(points, 1, axis=1), axis=2)
        touching = np.all(np.abs(lengths / packing.spacing - 1) < _EQUAL, axis=1)
        for simplex in np.flatnonzero(touching & (hole_of >= 0)):
            found.setdefault(tuple(faces[simplex]), []).append(int(hole_of[simplex]))
    triangles = np.array(list(found), np.int32).reshape(-1, 3)
    joins = np.array([(*sorted(ends), _NOTHING)[:2] for ends in found.values()], np.int32).reshape(-1, 2)
    return triangles, joins


def _order(kind: Array, position: Array) -> Array:
    rounded = np.round(position * 1e12)
    return np.lexsort((rounded[:, 2], rounded[:, 1], rounded[:, 0], kind))


def _clearance(packing: SpherePacking, places: Array, around: Array) -> Array:
    """Distance from each place to the surface of the nearest of its spheres."""
    distance = np.linalg.norm(packing.centres[around] - places[:, None], axis=2) - packing.radii[around]
    return np.asarray(np.where(around >= 0, distance, np.inf).min(axis=1))


def site_distances(sites: Sites) -> dict[str, dict[str, float]]:
    """Return the distance from each hole to the nearest other one, by the kinds of the two.

    Between touching spheres of diameter D stacked in the cubic way: octahedral to octahedral D, to tetrahedral
    ``sqrt(3/8) D``, tetrahedral to tetrahedral ``D/sqrt(2)``; hexagonal steps add octahedra ``D sqrt(2/3)`` apart and
    tetrahedra ``D/sqrt(6)`` apart.

    Parameters
    ----------
    sites : Sites

    Returns
    -------
    dict
        ``"octahedral-tetrahedral"`` and the like: ``least``, ``median``, ``most`` in m, ``count`` of holes compared.
    """
    result = {}
    for first, second in (("octahedral",) * 2, ("octahedral", "tetrahedral"), ("tetrahedral",) * 2):
        a, b = (sites.position[sites.of_kind(kind)] for kind in (first, second))
        nearest = 2 if first == second else 1
        if len(a) == 0 or len(b) < nearest:
            continue
        distance = np.atleast_2d(cKDTree(b).query(a, nearest)[0].reshape(len(a), nearest))[:, -1]
        figures = {"least": distance.min(), "median": np.median(distance), "most": distance.max()}
        result[f"{first}-{second}"] = {name: float(np.round(value, 14)) for name, value in figures.items()}
        result[f"{first}-{second}"]["count"] = len(a)
    return result
