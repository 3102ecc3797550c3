"""A micromagnetic problem: mesh, material, applied field, and what the kernels need of them.

- `Problem`: checked and ready to be evaluated.

Energy density ``A |grad m|^2 + Ku (1 - (m.u)^2) + D [m_z div m - (m.grad) m_z] - Ms m.B - (mu0/2) Ms m.H_d``.
"""

import hashlib
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from simulators.micromagnetics.demag import DemagOperator
from simulators.micromagnetics.material import Material, exchange_length, wall_width
from simulators.micromagnetics.mesh import Mesh
from simulators.micromagnetics.row_table import RowTable, row_table
from simulators.micromagnetics.smoother import Smoother

Array = NDArray[Any]

_RESOLVED = 1.001  # cells may be this much of the exchange length before a warning


@dataclass(frozen=True, eq=False)
class Problem:
    """A magnet on a mesh in an applied field.

    Parameters
    ----------
    mesh : Mesh
    material : Material
        Numbers or fields over the mesh.
    field : (3,) or (3, nz, ny, nx) array
        Applied field mu0 H, T, components (x, y, z).
    demag : bool
        Whether the magnet feels its own field.
    dtype : float32 or float64
        Of the spins and fields; energies are always summed in float64.

    Raises
    ------
    ValueError
        If a parameter does not fit the mesh, nothing is magnetic, or the dtype is another one.

    Notes
    -----
    A problem keeps scratch memory: two Python threads must not evaluate the same one at once.

    Warns
    -----
    UserWarning
        If the cells are larger than the exchange length or the wall width: walls and vortices are then not resolved.
    """

    mesh: Mesh
    material: Material
    field: ArrayLike = (0.0, 0.0, 0.0)
    demag: bool = True
    dtype: DTypeLike = np.float64

    def __post_init__(self) -> None:
        """Check the values."""
        try:
            dtype = np.dtype(self.dtype)
        except TypeError as error:
            raise ValueError(f"dtype is {self.dtype!r}; allowed: float32, float64") from error
        if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"dtype is {dtype}; allowed: float32, float64")
        object.__setattr__(self, "dtype", dtype)
        values = np.asarray(self.field, np.float64)
        if values.shape not in ((3,), (3, *self.mesh.shape)):
            raise ValueError(f"field has shape {values.shape}; allowed: (3,) or {(3, *self.mesh.shape)}")
        if not np.isfinite(values).all():
            raise ValueError("field is not finite; allowed: finite numbers of tesla")
        object.__setattr__(self, "field", values)
        for name in ("saturation", "exchange", "anisotropy", "axis", "dmi"):
            self.material.field(name, self.mesh.shape)
        if not self.magnet.any():
            raise ValueError("saturation is 0 everywhere; allowed: a magnet in at least one cell")
        self._warn_of_large_cells()

    def _warn_of_large_cells(self) -> None:
        sizes = [size for size, n in zip(self.mesh.cell, self.mesh.shape, strict=True) if n > 1]
        largest = max(sizes, default=0.0)
        limits = {"exchange length": exchange_length(self.material), "wall width sqrt(A/Ku)": wall_width(self.material)}
        name = min(limits, key=lambda key: limits[key])
        if largest > _RESOLVED * limits[name]:
            size, limit = 1e9 * largest, 1e9 * limits[name]
            warnings.warn(
                f"cell is {size:.3g} nm, more than the {name} of {limit:.3g} nm: walls and vortices are not resolved",
                stacklevel=4,
            )

    @cached_property
    def magnet(self) -> NDArray[np.bool_]:
        """Where the cells are magnetic."""
        return np.asarray(self.material.field("saturation", self.mesh.shape) > 0)

    @cached_property
    def largest_saturation(self) -> float:
        """The largest Ms, A/m, by which torques are measured."""
        return float(np.asarray(self.material.saturation).max())

    @cached_property
    def coefficients(self) -> RowTable:
        """Coefficients of the local terms."""
        return row_table(
            self.mesh, self.material, field=np.asarray(self.field), magnet=self.magnet, dtype=np.dtype(self.dtype)
        )

    @cached_property
    def moment_rows(self) -> Array | None:
        """Ms of all rows of cells, (rows, nx), A/m, of the problem's dtype; None where the magnet has but one."""
        table = self.coefficients
        values = table.saturation[table.saturation > 0]
        return None if (values == values[0]).all() else table.saturation[table.sort]

    @cached_property
    def operator(self) -> DemagOperator | None:
        """The demagnetising operator; None where the magnet does not feel its own field."""
        return DemagOperator(self.mesh, dtype=self.dtype) if self.demag else None

    @cached_property
    def smoother(self) -> Smoother:
        """The preconditioner of minimisers."""
        return Smoother(self.mesh, self.material, dtype=self.dtype)

    @cached_property
    def content(self) -> str:
        """A hash of everything that the result of a relaxation depends on but the start."""
        digest = hashlib.sha256(repr((self.mesh, self.demag, str(self.dtype))).encode())
        for name in ("saturation", "exchange", "anisotropy", "axis", "dmi"):
            values = np.ascontiguousarray(getattr(self.material, name))
            digest.update(repr(values.shape).encode() + values.tobytes())
        digest.update(np.ascontiguousarray(self.field).tobytes())
        return digest.hexdigest()

    def unit_vectors(self, m: ArrayLike) -> Array:
        """Return `m` as (3, nz, ny, nx) unit vectors of the problem's dtype, 0 in the void; a new array.

        Raises
        ------
        ValueError
            If the shape differs, or a spin of the magnet is not finite or without direction.
        """
        given = np.asarray(m)
        if given.shape != (3, *self.mesh.shape):
            raise ValueError(f"m has shape {given.shape}; allowed: {(3, *self.mesh.shape)}")
        values = given.astype(np.float64)
        inside = values[:, self.magnet]
        if not np.isfinite(inside).all():
            raise ValueError("m is not finite in the magnet; allowed: finite numbers")
        length = np.sqrt((inside**2).sum(axis=0))
        if not (length > 0).all():
            raise ValueError(f"m is 0 in {np.count_nonzero(length == 0)} cells of the magnet; allowed: a direction")
        result = np.zeros(values.shape, self.dtype)
        result[:, self.magnet] = inside / length
        return result
