"""What each voxel of a metalattice holds: nickel, live or damaged, silica, nothing.

- `Solids`: the shapes: block, cap, spheres, empty pores;
- `voxel_shares`: the shares of every voxel, by subsampling the voxels that a surface crosses.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from numerics import fourier
from simulators.samples.block import plane_distance

Array = NDArray[Any]

_BIN = 8  # voxels along the edge of a bin, within which the spheres nearby are the same
_STEEP = 1.5  # bound on the slope of the distance from a block whose tilted faces meet


@dataclass(frozen=True, eq=False)
class Solids:
    """Shapes in the coordinates of the grid, (z, y, x) in m.

    Attributes
    ----------
    planes : (6, 4) array
        Faces of the block with its cap: rows (normal, offset).
    edge_radius : float
        m.
    top : (4,) array
        Plane above which there are no spheres: only solid nickel, the cap.
    centres, radii : (n, 3), (n,) array
        Spheres.
    empty : (m, 8, 4) array
        Empty pores as planes (normal, offset), padded with planes that hold everywhere.
    pore_centres : (m, 3) array
    pore_reach : float
        Largest distance from a pore's centre to its corners, m.
    dead_layer : float
        m.
    """

    planes: Array
    edge_radius: float
    top: Array
    centres: Array
    radii: Array
    empty: Array
    pore_centres: Array
    pore_reach: float
    dead_layer: float


@dataclass(frozen=True, eq=False)
class VoxelShares:
    """What each voxel holds, as shares 0..1: (z, y, x) float32 arrays.

    Attributes
    ----------
    nickel, live, silica, block : array
        All nickel; nickel that is not damaged; silica; all that lies inside the block and its cap.
    """

    nickel: Array
    live: Array
    silica: Array
    block: Array


def voxel_shares(solids: Solids, axes: tuple[Array, Array, Array], *, subsampling: int) -> VoxelShares:
    """Return what each voxel holds; the same bytes for any number of threads.

    A voxel that no surface reaches is decided at once; the others are sampled at ``subsampling**3`` points.

    Parameters
    ----------
    solids : Solids
    axes : tuple of (n,) float64 array
        Voxel centres along z, y, x, m, at equal steps.
    subsampling : int
        Points along the edge of a voxel.

    Returns
    -------
    VoxelShares
    """
    shape = tuple(axis.size for axis in axes)
    cell = np.array([axis[1] - axis[0] if axis.size > 1 else 1.0 for axis in axes])
    # A bin's lists hold all that can be nearer to one of its points than the dead layer and a voxel's half diagonal.
    reach = solids.dead_layer + (_BIN + 1) * float(np.linalg.norm(cell))
    bins = tuple(-(-n // _BIN) for n in shape)
    middles = [
        axis[0] + step * (np.arange(n) * _BIN + (_BIN - 1) / 2) for axis, step, n in zip(axes, cell, bins, strict=True)
    ]
    points = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, 3)
    spheres = _near(points, solids.centres, reach + float(solids.radii.max(initial=0)))
    pores = _near(points, solids.pore_centres, reach + solids.pore_reach)
    out = tuple(np.zeros(shape, np.float32) for _ in range(4))

    def fill(first: int, last: int) -> None:
        _fill_slab(
            first, last, *axes, cell, subsampling, solids.planes, solids.edge_radius, solids.top, solids.centres,
            solids.radii, *spheres, solids.empty, *pores, bins[1], bins[2], solids.dead_layer, *out,
        )  # fmt: skip

    fourier.in_blocks(fill, shape[0], 4)
    return VoxelShares(*out)


def _near(points: Array, centres: Array, reach: float) -> tuple[Array, Array]:
    """Return, for all points, the rows of the centres within reach: where each point's rows start, and the rows."""
    if len(centres) == 0:
        return np.zeros(len(points) + 1, np.int64), np.zeros(0, np.int64)
    lists = cKDTree(centres).query_ball_point(points, reach, return_sorted=True)
    starts = np.concatenate(([0], np.cumsum([len(rows) for rows in lists])))
    return starts.astype(np.int64), np.array([row for rows in lists for row in rows], np.int64)


@njit(cache=True, nogil=True)
def _sphere_distance(z, y, x, centres, radii, rows):  # type: ignore[no-untyped-def]
    """Signed distance from the nearest sphere, negative inside."""
    nearest = np.inf
    for index in rows:
        dz, dy, dx = z - centres[index, 0], y - centres[index, 1], x - centres[index, 2]
        nearest = min(nearest, np.sqrt(dz * dz + dy * dy + dx * dx) - radii[index])
    return nearest


@njit(cache=True, nogil=True)
def _pore_distance(z, y, x, empty, rows):  # type: ignore[no-untyped-def]
    """Signed distance from the nearest empty pore, at least: negative inside."""
    nearest = np.inf
    for index in rows:
        inside = -np.inf
        for face in range(empty.shape[1]):
            plane = empty[index, face]
            inside = max(inside, plane[0] * z + plane[1] * y + plane[2] * x - plane[3])
        nearest = min(nearest, inside)
    return nearest


@njit(cache=True, nogil=True)
def _fill_slab(  # type: ignore[no-untyped-def]
    first, last, axis_z, axis_y, axis_x, cell, subsampling, planes, edge_radius, top, centres, radii, sphere_starts,
    sphere_rows, empty, pore_starts, pore_rows, bins_y, bins_x, dead, nickel, live, silica, block,
):  # fmt: skip
    half = 0.5 * np.sqrt(cell[0] ** 2 + cell[1] ** 2 + cell[2] ** 2)
    steps = (np.arange(subsampling) + 0.5) / subsampling - 0.5
    share = 1.0 / subsampling**3
    for iz in range(first, last):
        for iy in range(axis_y.size):
            for ix in range(axis_x.size):
                z, y, x = axis_z[iz], axis_y[iy], axis_x[ix]
                outer = plane_distance(planes, edge_radius, z, y, x)
                if outer >= _STEEP * half:
                    continue
                place = ((iz // _BIN) * bins_y + iy // _BIN) * bins_x + ix // _BIN
                rows = sphere_rows[sphere_starts[place] : sphere_starts[place + 1]]
                pores = pore_rows[pore_starts[place] : pore_starts[place + 1]]
                above = top[0] * z + top[1] * y + top[2] * x - top[3]
                sphere = max(_sphere_distance(z, y, x, centres, radii, rows), above)
                pore = max(_pore_distance(z, y, x, empty, pores), above)
                if outer <= -_STEEP * half - dead and (sphere <= -half or min(sphere, pore) >= half + dead):
                    block[iz, iy, ix] = 1
                    if sphere > 0:
                        nickel[iz, iy, ix] = live[iz, iy, ix] = 1
                    else:
                        silica[iz, iy, ix] = 1
                    continue
                in_nickel = in_live = in_silica = in_block = 0
                for dz in steps:
                    for dy in steps:
                        for dx in steps:
                            pz, py, px = z + dz * cell[0], y + dy * cell[1], x + dx * cell[2]
                            outer = plane_distance(planes, edge_radius, pz, py, px)
                            if outer >= 0:
                                continue
                            in_block += 1
                            above = top[0] * pz + top[1] * py + top[2] * px - top[3]
                            sphere = max(_sphere_distance(pz, py, px, centres, radii, rows), above)
                            if sphere <= 0:
                                in_silica += 1
                                continue
                            solid = min(sphere, max(_pore_distance(pz, py, px, empty, pores), above))
                            if solid > 0:
                                in_nickel += 1
                                if solid > dead and outer < -dead:
                                    in_live += 1
                nickel[iz, iy, ix] = in_nickel * share
                live[iz, iy, ix] = in_live * share
                silica[iz, iy, ix] = in_silica * share
                block[iz, iy, ix] = in_block * share
