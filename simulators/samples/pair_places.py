"""Where pairs of hedgehogs go in the superlattice, and the smooth texture to start from.

- `Pair`: what is asked for; `PUBLISHED_PAIRS`: at the published distances;
- `place_pairs`: a place for each pair, in holes of the lattice, a `PlacedPair`;
- `Core`: the eight spins round one hedgehog; `pair_cores`: those of placed pairs;
- `blended_texture`: the analytic textures of all pairs, blended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from optics.grids import positions
from simulators.samples.lattice_sites import KINDS, Sites
from simulators.samples.metalattice import Metalattice
from simulators.samples.texture_points import hedgehog_pair

Array = NDArray[Any]

_CLEAR = 1.0  # voxels from a core's spins to the nearest one that is no magnet, at least
_CLOSEST = 3.0  # voxels between the cores of a pair, at least: their spins are then apart
_INSIDE = 0.15  # of a voxel: how near to a face of its cube a core may lie
_SMALL = 1e-3  # of the separation: displacement at which the local rotation of a texture is read


@dataclass(frozen=True)
class Pair:
    """Two hedgehogs at a distance.

    Attributes
    ----------
    separation : float
        m.
    charges : tuple of int
        1 or -1 each.
    holes : tuple of str
        Kinds of the holes of the first and the second, "octahedral" or "tetrahedral": one hole for both if they are of
        one kind and it is wide enough, else two near each other.

    Raises
    ------
    ValueError
        In one line.
    """

    separation: float
    charges: tuple[int, int] = (1, -1)
    holes: tuple[str, str] = ("octahedral", "octahedral")

    def __post_init__(self) -> None:
        if not (np.isfinite(self.separation) and self.separation > 0):
            raise ValueError(f"separation is {self.separation} m; allowed: above 0")
        if len(self.charges) != 2 or any(charge not in (1, -1) for charge in self.charges):
            raise ValueError(f"charges are {self.charges}; allowed: two of 1, -1")
        if len(self.holes) != 2 or any(kind not in KINDS[:2] for kind in self.holes):
            raise ValueError(f"holes are {self.holes}; allowed: two of {', '.join(KINDS[:2])}")


PUBLISHED_PAIRS = (
    Pair(10e-9),
    Pair(18.3e-9),
    Pair(36.1e-9, (1, 1), ("octahedral", "tetrahedral")),
    Pair(43.1e-9, (-1, -1), ("tetrahedral", "tetrahedral")),
)
"""The resolved pair of 10 nm and the nearest distances of unlike and like charges (Rana et al., Nat. Nanotechnol. 18,
227 (2023)). Between touching spheres of 60 nm an octahedral and a tetrahedral hole are 36.7 nm apart, two tetrahedral
ones 42.4 nm."""


@dataclass(frozen=True, eq=False)
class PlacedPair:
    """A pair at its place.

    Attributes
    ----------
    pair : Pair
    places : (2, 3) array
        Of the first and the second core, (z, y, x) in m.
    sites : tuple of int
        Rows of their holes in the lattice's sites.
    """

    pair: Pair
    places: Array
    sites: tuple[int, int]

    @property
    def centre(self) -> Array:
        """Middle of the pair, (z, y, x) in m."""
        return np.asarray(self.places.mean(axis=0))


def place_pairs(lattice: Metalattice, pairs: Sequence[Pair], *, rng: np.random.Generator) -> list[PlacedPair]:
    """Draw a place for each pair: in whole, filled holes, the cores in solid nickel, a sphere's spacing from others.

    Raises
    ------
    ValueError
        If there is no place, or no more, for a pair.
    """
    free = _FreeNickel(lattice)
    placed: list[PlacedPair] = []
    taken = np.zeros((0, 3))
    for pair in pairs:
        least = _CLOSEST * max(lattice.voxel_size)
        if pair.separation < least:
            raise ValueError(f"separation is {pair.separation} m; allowed: from three voxels, {least:.3g}")
        candidates = _candidates(lattice.sites, pair)
        for index in rng.permutation(len(candidates)):
            candidate = candidates[index]
            far = len(taken) == 0 or cKDTree(taken).query(candidate.places)[0].min() > lattice.packing.spacing
            if far and free.holds(candidate.places):
                placed.append(candidate)
                taken = np.concatenate([taken, candidate.places])
                break
        else:
            where = " and ".join(pair.holes)
            sizes = f"separation is {pair.separation} m in {where} holes, {len(placed)} pairs placed"
            raise ValueError(f"{sizes}; allowed: what fits into one hole or between two, apart from other pairs")
    return placed


def _candidates(sites: Sites, pair: Pair) -> list[PlacedPair]:
    usable = sites.whole & sites.filled
    first, second = (np.flatnonzero(sites.of_kind(kind) & usable) for kind in pair.holes)
    half, found = pair.separation / 2, []
    if pair.holes[0] == pair.holes[1]:
        for row in first[sites.radius[first] > half]:
            for neck in np.flatnonzero(np.any(sites.joins == row, axis=1)):
                centre = sites.position[row]
                along = sites.position[neck] - centre
                along = along / np.linalg.norm(along)
                found.append(PlacedPair(pair, centre + half * np.stack([along, -along]), (int(row), int(row))))
    if found or not len(first) or not len(second):
        return found
    # Each core may lie off its hole's centre by half the hole's radius.
    reach = pair.separation + sites.radius[first].max()
    near = cKDTree(sites.position[second]).query_ball_point(sites.position[first], reach, return_sorted=True)
    for row, rows in zip(first, near, strict=True):
        for other in second[rows]:
            apart = sites.position[other] - sites.position[row]
            distance = np.linalg.norm(apart)
            shift = abs(distance - pair.separation) / 2
            if other != row and shift <= min(sites.radius[row], sites.radius[other]) / 2:
                middle = (sites.position[row] + sites.position[other]) / 2
                places = middle + half / distance * np.stack([-apart, apart])
                found.append(PlacedPair(pair, places, (int(row), int(other))))
    return found


class _FreeNickel:
    """Says whether the eight spins round each of some places are magnet, and their neighbours too."""

    def __init__(self, lattice: Metalattice) -> None:
        self._lattice = lattice
        solid = np.argwhere(~np.pad(lattice.magnet, 1)) - 1
        self._void = cKDTree(solid)

    def holds(self, places: Array) -> bool:
        corners = np.concatenate([cube_corners(self._lattice, place) for place in places])
        return bool(self._void.query(corners)[0].min() > _CLEAR)


def cube_corners(lattice: Metalattice, place: Array) -> Array:
    """Return the (8, 3) indices of the spins round a place (z, y, x) in m."""
    middle = np.array(lattice.magnet.shape) // 2
    lowest = np.floor(np.asarray(place) / lattice.voxel_size).astype(int) + middle
    return np.asarray(lowest + np.array(list(np.ndindex(2, 2, 2))))


@dataclass(frozen=True, eq=False)
class Core:
    """The eight spins round one hedgehog.

    Attributes
    ----------
    place : (3,) array
        (z, y, x) in m, as asked for.
    charge : int
    corners : (8, 3) int array
        Indices of the spins.
    spins : (8, 3) array
        ``charge R r/|r|``, components (x, y, z).
    """

    place: Array
    charge: int
    corners: Array
    spins: Array


def pair_cores(lattice: Metalattice, placed: Sequence[PlacedPair]) -> list[Core]:
    """Return the cores of all pairs, each with the rotation R that the pair's own texture has there."""
    cores = []
    for each in placed:
        for place, charge in zip(each.places, each.pair.charges, strict=True):
            cores.append(_core(lattice, each, place, charge))
    return cores


def _core(lattice: Metalattice, placed: PlacedPair, place: Array, charge: int) -> Core:
    small = _SMALL * placed.pair.separation
    # Texture a little beyond the core along x, y, z: charge times the columns of R.
    columns = []
    for axis in (2, 1, 0):
        ends = [place + sign * small * np.eye(3)[axis] for sign in (1, -1)]
        columns.append(np.subtract(*(_texture(placed, end[None])[:, 0] for end in ends)) / 2)
    left, _, right = np.linalg.svd(charge * np.stack(columns, axis=1))
    rotation = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    corners = cube_corners(lattice, place)
    offset = place / lattice.voxel_size + np.array(lattice.magnet.shape) // 2 - corners[0]
    away = (corners - corners[0] - np.clip(offset, _INSIDE, 1 - _INSIDE)) * lattice.voxel_size
    spins = charge * (away[:, ::-1] / np.linalg.norm(away, axis=1, keepdims=True)) @ rotation.T
    return Core(place, charge, corners, spins)


def _texture(placed: PlacedPair, points: Array) -> Array:
    """Return the pair's texture at (n, 3) points, (3, n); opposite pairs are turned so that far away it is +z."""
    axis = (placed.places[0] - placed.places[1])[::-1]
    z, y, x = points.T
    m = hedgehog_pair(
        z, y, x, separation=placed.pair.separation, axis=axis, charges=placed.pair.charges, centre=tuple(placed.centre)
    )
    if placed.pair.charges[0] == placed.pair.charges[1]:
        return m
    return np.asarray(_turn(placed.pair.charges[0] * axis / np.linalg.norm(axis)) @ m)


def _turn(direction: Array) -> Array:
    """Return the rotation by pi that takes a direction (x, y, z) to +z."""
    middle = np.add(direction, (0, 0, 1))
    length = np.linalg.norm(middle)
    middle = middle / length if length > 1e-6 else np.array([1.0, 0, 0])
    return np.asarray(2 * np.outer(middle, middle) - np.eye(3))


def blended_texture(lattice: Metalattice, placed: Sequence[PlacedPair]) -> Array:
    """Return unit vectors in the magnet: near each pair its texture, between them +z; (3, z, y, x) float64."""
    axes = [positions(n, size) for n, size in zip(lattice.magnet.shape, lattice.voxel_size, strict=True)]
    index = np.argwhere(lattice.magnet)
    points = np.stack([axis[column] for axis, column in zip(axes, index.T, strict=True)], axis=-1)
    spins = np.zeros((3, len(points)))
    spins[2] = lattice.packing.spacing**-4
    for each in placed:
        distance = np.sum((points - each.centre) ** 2, axis=1) + (each.pair.separation / 2) ** 2
        spins += _texture(each, points) / distance**2
    length = np.linalg.norm(spins, axis=0)
    spins[2] += length == 0
    m = np.zeros((3, *lattice.magnet.shape))
    m[:, lattice.magnet] = spins / np.maximum(length, np.finfo(np.float64).tiny)
    return m
