"""Coefficients of the local terms, bond by bond, as the kernels read them.

- `RowTable`, `row_table`: rows of cells that are made alike share their coefficients, which then stay in cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.micromagnetics.material import Material
from simulators.micromagnetics.mesh import Mesh

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RowTable:
    """Coefficients of sorts of rows; a row y of layer z has number ``z ny + y``.

    A bond belongs to its lower cell; at the last cell it is the one that wraps round, or 0. All arrays but `sort` have
    the problem's dtype; (sorts, nx) unless stated.

    Attributes
    ----------
    sort : (rows,) int64 array
        Sort of each row.
    exchange : tuple of array
        ``2 A_ij / h^2``, J/m3, along (z, y, x), A_ij the harmonic mean.
    dmi : tuple of array
        ``D_ij / h``, J/m3, along (y, x); size 0 without DMI.
    anisotropy : array
        Ku, J/m3; size 0 without.
    saturation, inverse : array
        Ms in A/m and 1/Ms, 0 in the void.
    axis : (3, cells) array
        Direction of the anisotropy; (3, 1) where it is uniform.
    field : (3, cells) array
        Applied field, T; (3, 1) where it is uniform.
    """

    sort: NDArray[np.int64]
    exchange: tuple[Array, Array, Array]
    dmi: tuple[Array, Array]
    anisotropy: Array
    saturation: Array
    inverse: Array
    axis: Array
    field: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All of them in the order in which `local_terms.add_local_terms` takes them."""
        return (*self.exchange, *self.dmi, self.anisotropy, self.saturation, self.inverse, self.axis, self.field)


def row_table(mesh: Mesh, material: Material, *, field: Array, magnet: Array, dtype: np.dtype[Any]) -> RowTable:
    """Make the table of a material on a mesh.

    Parameters
    ----------
    mesh : Mesh
    material : Material
    field : (3,) or (3, nz, ny, nx) array
        Applied field, T.
    magnet : (nz, ny, nx) bool array
    dtype : dtype
        Of the coefficients.
    """
    dz, dy, dx = mesh.cell
    wraps = (False, *mesh.periodic)
    stiffness, dmi = material.field("exchange", mesh.shape), material.field("dmi", mesh.shape)
    saturation = np.where(magnet, material.field("saturation", mesh.shape), 0.0)
    anisotropy = np.where(magnet, material.field("anisotropy", mesh.shape), 0.0)
    twisted, easy = bool(np.any(dmi[magnet])), bool(np.any(anisotropy))

    def cells() -> Iterator[Array]:
        for axis, h in enumerate((dz, dy, dx)):
            yield _bonds(axis, wraps[axis], magnet, _harmonic, stiffness) * (2 / h**2)
        for axis, h in ((1, dy), (2, dx)) if twisted else ():
            yield _bonds(axis, wraps[axis], magnet, _dmi_mean, dmi, stiffness) / h
        if easy:
            yield anisotropy
        yield saturation
        yield np.divide(1.0, saturation, out=np.zeros(mesh.shape), where=magnet)

    rows = np.stack([np.asarray(values, dtype).reshape(-1, mesh.shape[2]) for values in cells()], axis=1)
    sort, first = _sorts(rows)
    found = list(np.ascontiguousarray(rows[first].transpose(1, 0, 2)))
    empty = np.zeros((0, mesh.shape[2]), dtype)
    twists = (found[3], found[4]) if twisted else (empty, empty)
    return RowTable(
        sort=sort,
        exchange=(found[0], found[1], found[2]),
        dmi=twists,
        anisotropy=found[-3] if easy else empty,
        saturation=found[-2],
        inverse=found[-1],
        axis=np.ascontiguousarray(np.asarray(material.axis).reshape(3, -1), dtype),
        field=np.ascontiguousarray(field.reshape(3, -1), dtype),
    )


def _sorts(rows: Array) -> tuple[NDArray[np.int64], list[int]]:
    """Return the sort of each row and the first row of each sort."""
    known: dict[bytes, int] = {}
    first: list[int] = []
    sort = np.empty(len(rows), np.int64)
    for index, row in enumerate(rows):
        number = known.setdefault(row.tobytes(), len(first))
        if number == len(first):
            first.append(index)
        sort[index] = number
    return sort, first


def _bonds(axis: int, wrap: bool, magnet: Array, rule: Any, *values: Array) -> Array:
    """Return ``rule`` of each cell and its upper neighbour along `axis`; 0 where either is void or missing."""
    n = magnet.shape[axis]
    both = magnet & np.roll(magnet, -1, axis)
    # A direction of one cell has no bond, and two cells that repeat have two.
    if not wrap or n == 1:
        last = [slice(None)] * 3
        last[axis] = slice(n - 1, n)
        both[tuple(last)] = False
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = rule(*values, *(np.roll(field, -1, axis) for field in values))
    return np.where(both, np.nan_to_num(mean, nan=0.0, posinf=0.0, neginf=0.0), 0.0)


def _harmonic(a: Array, b: Array) -> Array:
    return np.asarray(2 * a * b / (a + b))


def _dmi_mean(d: Array, a: Array, other_d: Array, other_a: Array) -> Array:
    """Weigh D by the other cell's A: the gradient of each half bond is inversely proportional to its own A.

    Regular for any signs, unlike the harmonic mean; the arithmetic mean where A is uniform.
    """
    total = a + other_a
    return np.asarray(np.where(total > 0, (d * other_a + other_d * a) / total, (d + other_d) / 2))
