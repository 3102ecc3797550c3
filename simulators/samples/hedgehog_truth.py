"""What a magnetization of the superlattice holds, for the features of its sample: found, never what was asked for.

- `charge_truth`: charges with sites, their distances, the flux through the outer surface and out of every sphere;
- `pair_distances`: from each charge to the nearest one of the other and of its own sign;
- `smoothness`: angles between neighbouring spins, so that a report can say how far from equilibrium they are;
- `void_labels`: which sphere a voxel without magnet belongs to.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from optics.grids import positions
from simulators.samples.block import depth
from simulators.samples.charges import cell_charges, charge_list, flux_balance
from simulators.samples.metalattice import Metalattice

Array = NDArray[Any]

STEEP = np.pi / 3
"""Angle in rad between neighbouring spins above which a bond is no smooth texture."""

_NEAREST = 4  # spheres looked at for the nearest surface: unequal ones differ by less than their neighbours' distance


def charge_truth(lattice: Metalattice, m: Array) -> dict[str, Any]:
    """Return the charges of `m`, their distances and the balance of their flux.

    Parameters
    ----------
    lattice : Metalattice
    m : (3, z, y, x) array
        Unit vectors in the lattice's `magnet`.

    Returns
    -------
    dict
        ``charges`` (see `charge_list`), ``found`` (``plus``, ``minus``: sums of the charges of either sign),
        ``pair_distances``, and ``flux``: ``outer`` through the outer surface, ``voids``, one entry for every sphere
        with its place, flux and whether nickel surrounds it on all sides, in units of 4 pi. Spheres touch each other
        and the block's faces, so that the flux out of most is that of an open surface and no whole number.
    """
    magnet = lattice.magnet
    charges = charge_list(m, magnet, lattice.voxel_size, lattice.sites.columns())
    balance = flux_balance(m, magnet, voxel_size=lattice.voxel_size, labels=void_labels(lattice))
    return {
        "charges": charges,
        "found": {"plus": balance.positive, "minus": balance.negative},
        "pair_distances": pair_distances(charges),
        "flux": {"outer": balance.outer, "voids": [asdict(void) for void in balance.voids]},
    }


def pair_distances(charges: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for every charge the distance to the nearest of the other sign, and to the nearest of its own, m.

    Parameters
    ----------
    charges : list of dict
        With ``z``, ``y``, ``x`` in m and ``q``.

    Returns
    -------
    dict
        ``opposite`` (from each positive charge to a negative one, and from each negative one), ``plus``, ``minus``:
        each ``values``, in the order of the list, and their ``median``; left out where there are none.
    """
    places = np.array([[charge[axis] for axis in "zyx"] for charge in charges]).reshape(-1, 3)
    signs = np.sign(np.array([charge["q"] for charge in charges], np.int64))
    plus, minus = places[signs > 0], places[signs < 0]
    found: dict[str, dict[str, Any]] = {}
    if len(plus) and len(minus):
        across = np.empty(len(places))
        across[signs > 0], across[signs < 0] = cKDTree(minus).query(plus)[0], cKDTree(plus).query(minus)[0]
        found["opposite"] = _distances(across)
    for name, alike in (("plus", plus), ("minus", minus)):
        if len(alike) > 1:
            found[name] = _distances(cKDTree(alike).query(alike, 2)[0][:, 1])
    return found


def _distances(values: Array) -> dict[str, Any]:
    return {"values": np.round(values, 13).tolist(), "median": float(np.round(np.median(values), 13))}


def smoothness(m: Array, magnet: NDArray[np.bool_]) -> dict[str, float]:
    """Return how much neighbouring spins differ.

    Parameters
    ----------
    m : (3, z, y, x) array
        Unit vectors.
    magnet : (z, y, x) bool array

    Returns
    -------
    dict
        ``median``, ``percentile_95``, ``percentile_99_9``: of the angle between neighbours, rad; ``steep``: share of
        the bonds above `STEEP` that are no edge of a charged cell, among all that are none.
    """
    charged = cell_charges(m, magnet=magnet) != 0
    near = np.zeros(magnet.shape, bool)
    for corner in np.ndindex(2, 2, 2):
        near[tuple(slice(c, c + n) for c, n in zip(corner, charged.shape, strict=True))] |= charged
    angles, apart = [], []
    for axis in range(3):
        n = magnet.shape[axis]
        low, high = (tuple(np.s_[s : n - 1 + s] if a == axis else np.s_[:] for a in range(3)) for s in (0, 1))
        bonds = magnet[low] & magnet[high]
        first, second = (m[(slice(None), *side)][:, bonds].astype(np.float64) for side in (low, high))
        # Of unit vectors: more exact than the arc cosine at small angles.
        half = np.linalg.norm(second - first, axis=0) / 2
        angles.append(2 * np.arcsin(np.minimum(half, 1)))
        apart.append(~(near[low] & near[high])[bonds])
    angle, outside = np.concatenate(angles), np.concatenate(apart)
    if angle.size == 0:
        raise ValueError("magnet has no two neighbouring cells; allowed: a connected magnet")
    middle, high_angle, highest = np.quantile(angle, np.array((0.5, 0.95, 0.999)))
    steep = np.mean(angle[outside] > STEEP) if outside.any() else 0.0
    return {
        "median": float(middle),
        "percentile_95": float(high_angle),
        "percentile_99_9": float(highest),
        "steep": float(steep),
    }


def void_labels(lattice: Metalattice) -> NDArray[np.int32]:
    """Return the number of the sphere, from 1, whose surface is nearest to each voxel without magnet in the block.

    0 in the magnet, outside of the block and in its cap. Empty holes and dead layers belong to the spheres round them.
    """
    axes = [positions(n, size) for n, size in zip(lattice.magnet.shape, lattice.voxel_size, strict=True)]
    index = np.argwhere(~lattice.magnet)
    points = np.stack([axis[column] for axis, column in zip(axes, index.T, strict=True)], axis=-1)
    inside = depth(lattice.block.planes, lattice.block.edge_radius, points - np.asarray(lattice.centre)) > 0
    index, points = index[inside], points[inside]
    labels = np.zeros(lattice.magnet.shape, np.int32)
    if len(points):
        distance, sphere = cKDTree(lattice.packing.centres).query(points, _NEAREST)
        nearest = np.argmin(distance - lattice.packing.radii[sphere], axis=1)
        labels[tuple(index.T)] = np.take_along_axis(sphere, nearest[:, None], 1)[:, 0] + 1
    return labels
