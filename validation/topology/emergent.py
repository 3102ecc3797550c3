"""The emergent magnetic field of a magnetization, as fluxes through the faces of its lattice.

- `emergent_field`: fluxes whose divergence is the topological charge, cell by cell.
"""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from numerics import fourier
from validation.topology.charge import FEW_PLANES, flux_of_planes
from validation.topology.lattices import magnet_lattice, spin_lattice, whole_cells


def emergent_field(m: ArrayLike, *, magnet: ArrayLike | None = None) -> xr.Dataset:
    """Return the flux of the emergent field through every face of the lattice.

    The field is B_i = (1/8 pi) eps_ijk m.(d_j m x d_k m); its flux through a face is the solid angle over 4 pi of the
    face's two triangles of spins. What flows out of a cell is then its charge, and interpolated linearly between
    opposite faces the field has no other sources.

    Parameters
    ----------
    m : (3, nz, ny, nx) real array
        Spins, component (x, y, z); lengths do not matter.
    magnet : (nz, ny, nx) array, optional
        As for `cell_charges`; a face with a corner outside carries no flux.

    Returns
    -------
    Dataset
        ``flux_z (z, y_cell, x_cell)``, ``flux_y (z_cell, y, x_cell)``, ``flux_x (z_cell, y_cell, x)``: float64, towards
        higher indices; ``divergence (z_cell, y_cell, x_cell)``: float64, their sum out of each cell, equal to
        `cell_charges` to rounding and 0 where a corner is outside; ``counted`` (the same dimensions): whether none is.
        Coordinates are in voxels, those of the spins ``z, y, x`` with index ``n//2`` the origin, those of the cells'
        centres ``z_cell, y_cell, x_cell`` half a voxel further.

    Raises
    ------
    ValueError
        As `cell_charges`.

    References
    ----------
    Volovik, J. Phys. C 20, L83 (1987), doi 10.1088/0022-3719/20/7/003; Berg and Luescher, Nucl. Phys. B 190, 412
    (1981), doi 10.1016/0550-3213(81)90568-X.
    """
    spins = spin_lattice(m)
    solid = magnet_lattice(spins, magnet)
    nz, ny, nx = solid.shape
    flux_z, flux_y = np.zeros((nz, ny - 1, nx - 1)), np.zeros((nz - 1, ny, nx - 1))
    flux_x, divergence = np.zeros((nz - 1, ny - 1, nx)), np.zeros((nz - 1, ny - 1, nx - 1))

    def change(first: int, last: int) -> None:
        cells = slice(first, min(last, nz - 1))
        z, flux_y[cells], flux_x[cells], divergence[cells] = flux_of_planes(spins, solid, first, cells.stop)
        flux_z[first:last] = z[: last - first]

    fourier.in_blocks(change, nz, FEW_PLANES)
    return xr.Dataset(
        {
            "flux_z": (("z", "y_cell", "x_cell"), flux_z),
            "flux_y": (("z_cell", "y", "x_cell"), flux_y),
            "flux_x": (("z_cell", "y_cell", "x"), flux_x),
            "divergence": (("z_cell", "y_cell", "x_cell"), divergence),
            "counted": (("z_cell", "y_cell", "x_cell"), whole_cells(solid)),
        },
        coords=_coordinates(solid.shape),
        attrs={"long_name": "flux of the emergent field over 4 pi", "units": "1"},
    )


def _coordinates(shape: tuple[int, ...]) -> dict[str, xr.Variable]:
    """Return the places of spins and of cells along each axis, in voxels."""
    found = {}
    for name, n in zip("zyx", shape, strict=True):
        places = np.arange(n) - float(n // 2)
        found[name] = xr.Variable(name, places, {"units": "voxel"})
        found[f"{name}_cell"] = xr.Variable(f"{name}_cell", places[:-1] + 0.5, {"units": "voxel"})
    return found
