"""The nickel superlattice as an imaging experiment sees it: partly filled voxels, silica between, smooth spins.

- `superlattice_slab`: a slab with an analytic texture, in seconds;
- `with_materials`: any sample of a lattice, a quenched one too, with the lattice's shares of the voxels.

The spins are a smooth random field: they have the scale of soft nickel's, but they are no equilibrium, and nothing is
known of hedgehogs in them.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from records import sample
from simulators.samples.block import Block
from simulators.samples.hedgehogs import NICKEL
from simulators.samples.metalattice import Infiltration, Metalattice, metalattice
from simulators.samples.sphere_packing import Template

Array = NDArray[Any]


def superlattice_slab(
    *,
    template: Template | None = None,
    block: Block | None = None,
    infiltration: Infiltration | None = None,
    voxel_size: float = 2.5e-9,
    texture_period: float = 120e-9,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Make a slab of nickel cast into silica spheres, magnetised at random on one length.

    Parameters
    ----------
    template, block, infiltration : optional
        As for `metalattice`; default the standard block, 480 x 480 x 150 nm.
    voxel_size : float
        m; half the reconstruction's pixel or less keeps clear of an inverse crime.
    texture_period : float
        Mean period of the magnetization, m.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        With ``magnet`` between 0 and 1 in voxels that a surface crosses, and the shares ``nickel`` and
        ``silica`` (z, y, x).

    Raises
    ------
    ValueError
        If a length is impossible.
    """
    if not texture_period >= 4 * voxel_size:
        raise ValueError(f"texture_period is {texture_period} m; allowed: from four voxels, {4 * voxel_size:.3g} m")
    lattice = metalattice(template, block, infiltration, voxel_size=voxel_size, rng=rng)
    depth, height, width = lattice.fill.shape
    spins = smooth_spins((depth, height, width), voxel_size=voxel_size, period=texture_period, rng=rng)
    spins *= lattice.fill > 0
    made = sample.make(
        magnetization=spins,
        magnet=np.clip(lattice.fill, 0, 1),
        saturation_magnetization=float(np.asarray(NICKEL.saturation)),
        voxel_size=lattice.voxel_size,
        origin="analytic",
        features=lattice.features() | {"texture_period": texture_period},
    )
    return with_materials(made, lattice)


def with_materials(dataset: xr.Dataset, lattice: Metalattice) -> xr.Dataset:
    """Return a sample of `lattice` with the shares of nickel, magnetic or not, and of silica in every voxel.

    Parameters
    ----------
    dataset : Sample
        On the grid of the lattice.
    lattice : Metalattice

    Returns
    -------
    Sample
        With ``nickel`` and ``silica``, (z, y, x) float32.

    Raises
    ------
    ValueError
        If the grids differ.
    """
    if dataset["magnet"].shape != lattice.silica.shape:
        raise ValueError(f"sample has {dataset['magnet'].shape} voxels; allowed: the lattice's, {lattice.silica.shape}")
    shares = {"nickel": lattice.nickel, "silica": lattice.silica}
    grid = ("z", "y", "x")
    return dataset.assign({name: (grid, share.astype(np.float32), {"units": "1"}) for name, share in shares.items()})


def smooth_spins(shape: tuple[int, int, int], *, voxel_size: float, period: float, rng: np.random.Generator) -> Array:
    """Return unit vectors that vary at random with a mean `period`, m: (3, z, y, x) float32, periodic.

    Three independent Gaussian fields, filtered to a shell of spatial frequencies around one over the period, are
    scaled to unit length together.
    """
    frequencies = [fourier.unshifted_frequencies(n, voxel_size) for n in shape]
    half = frequencies[2][: shape[2] // 2 + 1]
    squared = frequencies[0][:, None, None] ** 2 + frequencies[1][None, :, None] ** 2 + half**2
    shell = np.exp(-0.5 * ((np.sqrt(squared) * period - 1) / 0.4) ** 2).astype(np.float32)
    spins = np.empty((3, *shape), np.float32)
    for component in spins:
        spectrum = fourier.rfftn(rng.standard_normal(shape, dtype=np.float32))
        component[:] = fourier.irfftn(spectrum * shell, shape)
    spins /= np.maximum(np.sqrt(np.einsum("c...,c...->...", spins, spins)), np.finfo(np.float32).tiny)
    return spins
