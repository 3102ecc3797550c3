"""The block that is cut out of a template and filled: six faces, tilted if wanted, edges rounded.

- `Block`: its sizes, `planes`, `volume`;
- `depth`: how far points lie inside of it;
- `plane_distance`: the same for a compiled loop, one point at a time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection

Array = NDArray[Any]

_STEEPEST = np.deg2rad(30)


@dataclass(frozen=True)
class Block:
    """A slab as a focused ion beam cuts it.

    Attributes
    ----------
    size : tuple of float
        Of the smallest upright box that holds it, (z, y, x) in m.
    taper : float
        Angle in rad by which the four sides lean inward from the bottom to the top.
    wedge : float
        Angle in rad by which the top falls towards +x.
    edge_radius : float
        Radius of the rounding of all edges, m.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    size: tuple[float, float, float] = (150e-9, 480e-9, 480e-9)
    taper: float = 0.0
    wedge: float = 0.0
    edge_radius: float = 0.0

    def __post_init__(self) -> None:
        if len(self.size) != 3 or not all(np.isfinite(length) and length > 0 for length in self.size):
            raise ValueError(f"size is {self.size} m; allowed: three lengths (z, y, x) above 0")
        for name in ("taper", "wedge"):
            if not 0 <= getattr(self, name) <= _STEEPEST:
                raise ValueError(f"{name} is {getattr(self, name)} rad; allowed: 0 to {_STEEPEST:.4f}")
        height, *widths = self.size
        if 2 * height * np.tan(self.taper) >= min(widths) or widths[1] * np.tan(self.wedge) >= height:
            raise ValueError(f"size is {self.size} m; allowed: large enough that the tilted faces leave a top")
        if not 0 <= self.edge_radius <= min(self.size) / 2:
            raise ValueError(f"edge_radius is {self.edge_radius} m; allowed: 0 to {min(self.size) / 2:.4g}")

    @property
    def planes(self) -> Array:
        """Faces bottom, top, -y, +y, -x, +x as rows (normal z, y, x, offset): inside where ``n.r <= offset``."""
        z, y, x = (length / 2 for length in self.size)
        sine, cosine = np.sin(self.taper), np.cos(self.taper)
        falling, upright = np.sin(self.wedge), np.cos(self.wedge)
        return np.array(
            [
                (-1.0, 0.0, 0.0, z),
                (upright, 0.0, falling, upright * z - falling * x),
                (sine, -cosine, 0.0, cosine * y - sine * z),
                (sine, cosine, 0.0, cosine * y - sine * z),
                (sine, 0.0, -cosine, cosine * x - sine * z),
                (sine, 0.0, cosine, cosine * x - sine * z),
            ]
        )

    def with_cap(self, thickness: float) -> Array:
        """Return the `planes` of the block under a cap of `thickness`, m, on its top."""
        planes = self.planes
        planes[1, 3] += thickness
        return planes

    def volume(self, *, cap: float = 0.0, shrink: float = 0.0) -> float:
        """Return the volume in m3 with a `cap` on top, all faces moved inward by `shrink`.

        Exact for flat faces and, of a box, with rounded edges; the rounding of tilted faces is that of the box.
        """
        planes = self.with_cap(cap)
        planes[:, 3] -= shrink
        scale = max(self.size)  # the hull code wants numbers near one
        halves = np.column_stack([planes[:, :3], -planes[:, 3] / scale])
        corners = HalfspaceIntersection(halves, _inner_point(planes) / scale).intersections
        lengths = np.array(self.size) - 2 * shrink + (cap, 0, 0)
        rounding = max(self.edge_radius - shrink, 0.0)
        return float(ConvexHull(corners).volume * scale**3 * _rounded_share(lengths, rounding))


def _inner_point(planes: Array) -> Array:
    bottom, top = -planes[0, 3], planes[1, 3] / planes[1, 0]
    return np.array([(bottom + top) / 2, 0.0, 0.0])


def _rounded_share(lengths: Array, radius: float) -> float:
    """Share of a box that is left when its edges are rounded (Steiner's formula on the box inside)."""
    a, b, c = lengths - 2 * radius
    faces = 2 * radius * (a * b + b * c + c * a)
    edges = np.pi * radius**2 * (a + b + c)
    return float((a * b * c + faces + edges + 4 / 3 * np.pi * radius**3) / lengths.prod())


def depth(planes: Array, edge_radius: float, points: Array) -> Array:
    """Return how far `points`, (n, 3) in (z, y, x), lie inside of the planes with rounded edges; negative outside."""
    q = points @ planes[:, :3].T - planes[:, 3] + edge_radius
    outside = np.linalg.norm(np.maximum(q, 0), axis=1)
    return np.asarray(edge_radius - outside - np.minimum(q.max(axis=1), 0))


@njit(cache=True, nogil=True)
def plane_distance(planes, edge_radius, z, y, x):  # type: ignore[no-untyped-def]
    """Signed distance of one point from the block's surface, positive outside: minus `depth`."""
    largest = -np.inf
    outside = 0.0
    for i in range(planes.shape[0]):
        q = planes[i, 0] * z + planes[i, 1] * y + planes[i, 2] * x - planes[i, 3] + edge_radius
        largest = max(largest, q)
        if q > 0:
            outside += q * q
    return np.sqrt(outside) + min(largest, 0.0) - edge_radius
