"""Many pairs of opposite hedgehogs at one distance, to ask how near they may be and still be told apart.

- `pair_lattice`: a block with pairs on a jittered grid, turned at random, in an otherwise smooth texture;
- `PairGrid`: where they go; `confined_pair`: the texture of one, uniform beyond a radius.

The block is an effective medium, nickel of the superlattice's mean share everywhere: solid nickel of this thickness
lets no light through, and in the lattice itself holes and necks would decide where pairs fit (`imprinted`). The texture
is analytic and no equilibrium.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from optics.grids import positions
from records import sample
from simulators.samples.block import Block, depth
from simulators.samples.charges import cell_charges
from simulators.samples.hedgehogs import NICKEL
from simulators.samples.texture_frames import frame
from simulators.samples.texture_points import hedgehog_pair

Array = NDArray[Any]

SUPERLATTICE_SHARE = 0.26
"""Of nickel in close-packed silica spheres."""

_TRIES = 200  # drawings of one pair until the grid shows it as asked for
_OFF = 1.5  # voxels from where a core is asked for to its cube's centre, along each axis, at most
_CLOSEST = 2.0  # voxels between the cores of a pair, at least
_FREE = 0.6  # of the separation: within this distance of its middle a pair's texture is as it is, its cores inside
_TIGHT = 0.8  # of the same: least radius at which it can be uniform


@dataclass(frozen=True)
class PairGrid:
    """Cells of equal size, a pair in each.

    Attributes
    ----------
    cells : tuple of int
        (z, y, x); their product is the number of pairs.
    jitter : float
        Half width, over the cell, of the displacement of a pair from the cell's middle along each axis.
    margin : float
        Between the cells and the faces of the block, m.
    """

    cells: tuple[int, int, int] = (2, 5, 5)
    jitter: float = 0.05
    margin: float = 0.0

    def __post_init__(self) -> None:
        if len(self.cells) != 3 or min(self.cells) < 1:
            raise ValueError(f"cells is {self.cells}; allowed: three numbers (z, y, x) from 1")
        if not 0 <= self.jitter < 0.3:
            raise ValueError(f"jitter is {self.jitter}; allowed: 0 to below 0.3 of a cell")
        if not (np.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"margin is {self.margin} m; allowed: 0 or more")

    def sizes(self, block: Block) -> Array:
        """Return the size of a cell (z, y, x), m."""
        return np.asarray((np.array(block.size) - 2 * self.margin) / self.cells)

    def radius(self, block: Block) -> float:
        """Return the radius of the largest ball round a displaced pair that stays in its cell, m."""
        return float(self.sizes(block).min() * (0.5 - self.jitter))


def pair_lattice(
    separation: float,
    *,
    grid: PairGrid | None = None,
    block: Block | None = None,
    share: float = SUPERLATTICE_SHARE,
    soft: float = 5e-9,
    voxel_size: float = 2.5e-9,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Make a block with pairs of hedgehogs of charge +1 and -1.

    Parameters
    ----------
    separation : float
        Of the two cores of every pair, m.
    grid : PairGrid, optional
        Default 2 x 5 x 5 cells, 50 pairs.
    block : Block, optional
        Default the standard block, 480 x 480 x 150 nm.
    share : float
        Of nickel inside the block; the rest is silica.
    soft : float
        Width over which the shares fall to 0 at the faces, m.
    voxel_size : float
        m.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        With the shares ``nickel`` and ``silica``. Its features: ``pairs``, of each pair ``plus`` and ``minus`` (z, y, x
        in m, as asked for), ``separation``, ``axis`` (x, y, z) and ``spins`` (rotation vector of the spins); ``found``,
        ``plus`` and ``minus``, charges in the block; ``block``, ``share``.

    Raises
    ------
    ValueError
        If the pairs do not fit into their cells or between the voxels.
    """
    grid, block = grid or PairGrid(), block or Block()
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; allowed: above 0, up to 1")
    if not (np.isfinite(soft) and soft >= 0):
        raise ValueError(f"soft is {soft} m; allowed: 0 or more")
    _check_fits(separation, grid, block, voxel_size)
    axes = _axes(block, soft, voxel_size)
    inside = _inside(axes, block, soft)
    spins = np.zeros((3, *inside.shape), np.float32)
    spins[2] = 1
    pairs = [
        _written(spins, axes, middle, separation=separation, grid=grid, block=block, rng=rng)
        for middle in _middles(grid, block)
    ]
    occupied = inside > 0
    spins *= occupied
    charges = cell_charges(spins, magnet=occupied)
    return _assembled(
        spins,
        inside,
        share=share,
        voxel_size=voxel_size,
        features={
            "state": "analytic texture, not an equilibrium state",
            "separation": separation,
            "pairs": pairs,
            "found": {"plus": int(charges[charges > 0].sum()), "minus": int(-charges[charges < 0].sum())},
            "block": asdict(block) | {"size": list(block.size), "centre": [0.0, 0.0, 0.0]},
            "grid": asdict(grid) | {"cells": list(grid.cells)},
            "share": share,
        },
    )


def _check_fits(separation: float, grid: PairGrid, block: Block, voxel_size: float) -> None:
    if not (np.isfinite(voxel_size) and voxel_size > 0):
        raise ValueError(f"voxel_size is {voxel_size} m; allowed: above 0")
    low, high = _CLOSEST * voxel_size, grid.radius(block) / _TIGHT
    if not low * (1 - 1e-9) <= separation <= high:
        cells = " x ".join(str(n) for n in grid.cells)
        raise ValueError(f"separation is {separation} m; allowed in {cells} cells: {low:.3g} to {high:.3g} m")


def _axes(block: Block, soft: float, voxel_size: float) -> tuple[Array, Array, Array]:
    """Return voxel centres along z, y, x: an odd number each, the block, its soft faces and a voxel more."""
    halves = (int(np.ceil((size + soft) / (2 * voxel_size))) + 1 for size in block.size)
    z, y, x = (positions(2 * half + 1, voxel_size) for half in halves)
    return z, y, x


def _inside(axes: tuple[Array, Array, Array], block: Block, soft: float) -> Array:
    """Return how much of each voxel counts as the block, 0 to 1: a smooth step of width `soft` about its faces."""
    z, y, x = axes
    width = max(soft, float(z[1] - z[0]))
    inside = np.empty((z.size, y.size, x.size), np.float32)
    for layer, height in zip(inside, z, strict=True):
        points = np.stack(np.broadcast_arrays(height, y[:, None], x), axis=-1).reshape(-1, 3)
        rise = np.clip(depth(block.planes, block.edge_radius, points) / width + 0.5, 0, 1)
        layer[:] = (rise * rise * (3 - 2 * rise)).reshape(layer.shape)
    return inside


def _middles(grid: PairGrid, block: Block) -> list[Array]:
    """Return the middles of all cells, (z, y, x) in m."""
    sizes = grid.sizes(block)
    return [(np.array(cell) - (np.array(grid.cells) - 1) / 2) * sizes for cell in np.ndindex(*grid.cells)]


def _written(
    spins: Array,
    axes: tuple[Array, Array, Array],
    middle: Array,
    *,
    separation: float,
    grid: PairGrid,
    block: Block,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Write one pair into `spins`, drawn until the grid shows its two charges where they are, and no other."""
    radius = grid.radius(block)
    for _ in range(_TRIES):
        centre = middle + grid.jitter * grid.sizes(block) * rng.uniform(-1, 1, 3)
        window = tuple(_near(line, place, radius) for line, place in zip(axes, centre, strict=True))
        local = np.ix_(*(line[part] for line, part in zip(axes, window, strict=True)))
        axis = _direction(rng)
        turn = _spin_turn(axis, rng)
        texture, reached = confined_pair(local, centre, axis, separation=separation, radius=radius)
        texture = np.tensordot(turn, texture, axes=1)
        cores = centre + separation / 2 * np.stack([axis[::-1], -axis[::-1]])
        if _shown(texture, local, cores):
            break
    else:
        raise ValueError(f"separation is {separation} m; allowed: what the voxels show as two charges")
    spins[(slice(None), *window)] = np.where(reached, texture, spins[(slice(None), *window)])
    plus, minus = np.round(cores, 14).tolist()
    spun = Rotation.from_matrix(turn).as_rotvec()
    return {
        "plus": plus,
        "minus": minus,
        "separation": separation,
        "axis": np.round(axis, 9).tolist(),
        "spins": np.round(spun, 9).tolist(),
    }


def _near(line: Array, place: float, radius: float) -> slice:
    """Return which voxel centres of an axis lie within `radius` of a place, and one more on either side."""
    low, high = np.searchsorted(line, (place - radius, place + radius))
    return slice(max(int(low) - 1, 0), int(high) + 1)


def _direction(rng: np.random.Generator) -> Array:
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def _spin_turn(axis: Array, rng: np.random.Generator) -> Array:
    """Return a rotation of the spins that takes the texture's direction far away, `axis`, to +z; drawn about it."""
    spun = Rotation.from_rotvec(rng.uniform(0, 2 * np.pi) * np.array([0.0, 0.0, 1.0])).as_matrix()
    return np.asarray(spun @ frame("axis", axis).T)


def confined_pair(
    axes: tuple[Array, ...], centre: Array, axis: Array, *, separation: float, radius: float
) -> tuple[Array, Array]:
    """Return the texture of an opposite pair that is exactly uniform beyond a radius.

    The angle between a spin and the pair's axis, at which the place is seen from the two cores, is multiplied by a
    smooth step that is 1 in a ball round both cores and 0 beyond `radius`. No new charge appears, for the azimuth is
    undefined only where the angle is 0 or, between the cores and inside of the ball, pi.

    Parameters
    ----------
    axes : tuple of arrays
        Coordinates z, y, x, m, that broadcast.
    centre : (3,) array
        Middle of the pair (z, y, x), m.
    axis : (3,) array
        Unit vector (x, y, z) from the negative to the positive core.
    separation, radius : float
        m; the radius from 0.8 separations.

    Returns
    -------
    texture : (3, ...) float64 array
        Unit vectors, along `axis` beyond the radius.
    reached : (...) bool array
        Within the radius.
    """
    z, y, x = axes
    place = (float(centre[0]), float(centre[1]), float(centre[2]))
    full = hedgehog_pair(z, y, x, separation=separation, axis=axis, centre=place)
    distance = np.sqrt((z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2)
    free = _FREE * separation
    rise = np.clip((radius - distance) / (radius - free), 0, 1)
    weight = rise * rise * (3 - 2 * rise)
    along = np.clip(np.tensordot(axis, full, axes=1), -1, 1)
    across = full - axis[:, None, None, None] * along
    sine = np.sqrt(np.einsum("c...,c...->...", across, across))
    angle = np.arctan2(sine, along) * weight
    texture = axis[:, None, None, None] * np.cos(angle) + across * (np.sin(angle) / np.maximum(sine, 1e-12))
    untouched = weight == 1
    return np.where(untouched, full, texture), distance <= radius


def _shown(texture: Array, axes: tuple[Array, ...], cores: Array) -> bool:
    """Say whether the cubes show the two charges within `_OFF` voxels of the cores, and no others."""
    charges = cell_charges(texture, magnet=np.ones(texture.shape[1:]))
    index = np.argwhere(charges)
    if len(index) != 2:
        return False
    lines = [axis.ravel() for axis in axes]
    step = float(lines[0][1] - lines[0][0])
    found = np.stack([line[column] for line, column in zip(lines, index.T, strict=True)], axis=-1) + step / 2
    signs = charges[tuple(index.T)]
    if signs[0] * signs[1] != -1:
        return False
    ordered = found if signs[0] == 1 else found[::-1]
    return bool(np.abs(ordered - cores).max() <= _OFF * step)


def _assembled(spins: Array, inside: Array, *, share: float, voxel_size: float, features: dict[str, Any]) -> xr.Dataset:
    made = sample.make(
        magnetization=spins,
        magnet=share * inside,
        saturation_magnetization=float(np.asarray(NICKEL.saturation)),
        voxel_size=voxel_size,
        origin="analytic",
        features=features,
    )
    shares = {"nickel": share * inside, "silica": (1 - share) * inside}
    grid = ("z", "y", "x")
    return made.assign({name: (grid, part.astype(np.float32), {"units": "1"}) for name, part in shares.items()})
