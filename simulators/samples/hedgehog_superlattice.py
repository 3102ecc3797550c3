"""Hedgehogs in the nickel superlattice as an imaging experiment sees them: partly filled voxels, silica between.

- `hedgehog_superlattice`: a quenched superlattice of the published density of charges;
- `with_partial_voxels`: any relaxed state of a lattice, quenched or imprinted, with spins in voxels that a surface
  crosses, and with the shares of nickel and silica;
- `DENSITY`: charges per m3 of nickel.
"""

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from records import sample as sample_record
from simulators.samples.block import Block
from simulators.samples.hedgehogs import quench_metalattice
from simulators.samples.metalattice import Infiltration, Metalattice, metalattice
from simulators.samples.sphere_packing import Template
from simulators.samples.superlattice_slab import with_materials

Array = NDArray[Any]

DENSITY: Final = 1.52e22
"""1/m3 of nickel: 138 charges, 68 + 70 as published, in the standard block of 480 x 480 x 150 nm."""

_NEAR = ndimage.generate_binary_structure(3, 3)
_REACH = 8  # voxels that spins are carried on beyond the solver's magnet, at most


def hedgehog_superlattice(
    *,
    template: Template | None = None,
    block: Block | None = None,
    infiltration: Infiltration | None = None,
    voxel_size: float = 2.5e-9,
    charges: int | None = None,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Quench nickel cast into silica spheres, and stop while it still holds hedgehogs.

    Parameters
    ----------
    template, block, infiltration : optional
        As for `metalattice`; default the standard block, 480 x 480 x 150 nm.
    voxel_size : float
        m; half the reconstruction's pixel or less keeps clear of an inverse crime.
    charges : int, optional
        Of both signs, to within a tenth; default as many as `DENSITY` says.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        As of `quench_metalattice`, but with ``magnet`` between 0 and 1 in voxels that a surface crosses, and the
        shares ``nickel`` and ``silica``. No equilibrium: see `hedgehogs`.

    Raises
    ------
    ValueError
        If a length is impossible, or so many charges are not to be had.
    """
    lattice = metalattice(template, block, infiltration, voxel_size=voxel_size, rng=rng)
    goal: dict[str, Any] = {"density": DENSITY} if charges is None else {"charges": charges}
    return with_partial_voxels(quench_metalattice(lattice, **goal, rng=rng), lattice)


def with_partial_voxels(dataset: xr.Dataset, lattice: Metalattice) -> xr.Dataset:
    """Return a state of a lattice with the lattice's own shares of nickel, magnet and silica in every voxel.

    The solver's magnet are the half-full voxels; spins of the others that hold some are carried on from their
    neighbours, and of unit length too. Its half-full voxels are left as they are, and so are its charges.

    Parameters
    ----------
    dataset : Sample
        On the grid of the lattice.
    lattice : Metalattice

    Returns
    -------
    Sample

    Raises
    ------
    ValueError
        If the grids differ.
    """
    filled = np.clip(lattice.fill, 0, 1)
    if dataset["magnet"].shape != filled.shape:
        raise ValueError(f"sample has {dataset['magnet'].shape} voxels; allowed: the lattice's, {filled.shape}")
    spins = carried_on(dataset["magnetization"].values, dataset["magnet"].values > 0, filled > 0)
    made = dataset.drop_vars("saturation_magnetization", errors="ignore").copy()
    if "saturation_magnetization" in dataset:
        moments = dataset["saturation_magnetization"]
        made["saturation_magnetization"] = xr.DataArray(float(moments.max()), attrs=moments.attrs)
    made["magnetization"] = dataset["magnetization"].copy(data=spins)
    made["magnet"] = dataset["magnet"].copy(data=_moment(filled, lattice).astype(np.float32))
    sample_record.check(made)
    return with_materials(made, lattice)


def _moment(filled: Array, lattice: Metalattice) -> Array:
    """Return the share of each voxel that is magnet, a weakened one by what is left of its moment."""
    return np.asarray(filled * np.where(filled > 0, lattice.saturation, 0))


def carried_on(spins: Array, known: Array, wanted: Array) -> Array:
    """Carry unit vectors on into voxels beside those where they are known.

    Parameters
    ----------
    spins : (3, z, y, x) array
    known, wanted : (z, y, x) bool arrays
        Where the spins are known, and where they should be.

    Returns
    -------
    (3, z, y, x) float32 array
        Unit vectors in `wanted`, of `spins` where they are known, else the direction of the mean of the known
        neighbours, nearest first, or of those of the nearest known voxel; 0 elsewhere.
    """
    found = np.where(known, spins, 0).astype(np.float32)
    done = known.copy()
    for _ in range(_REACH):
        rim = ndimage.binary_dilation(done, _NEAR) & wanted & ~done
        if not rim.any():
            break
        where = np.argwhere(rim)
        total = np.zeros((3, len(where)), np.float32)
        padded = np.pad(found, ((0, 0), (1, 1), (1, 1), (1, 1)))
        for offset in np.ndindex(3, 3, 3):
            total += padded[(slice(None), *(where + offset).T)]
        length = np.sqrt(np.sum(total**2, axis=0))
        nearest = _nearest(found, done, where) if np.any(length < 1e-3) else total
        total = np.where(length < 1e-3, nearest, total / np.maximum(length, 1e-3))
        found[:, *where.T] = total
        done |= rim
    left = np.argwhere(wanted & ~done)
    if len(left):
        found[:, *left.T] = _nearest(found, done, left)
    return found * wanted


def _nearest(spins: Array, known: Array, where: Array) -> Array:
    """Return the spin, (3, n), of the nearest known voxel to each of `where`, (n, 3) indices."""
    index = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(spins[:, *index[:, *where.T]])
