"""Exchange, anisotropy, DMI and applied field: one fused pass over rows of cells, with all energies.

- `add_local_terms`: to rows of the demagnetising field, which are then the effective field.

A row's neighbours are reached by wrapping round; where nothing wraps, the bond there is zero. Each term is a loop of
its own over a row that sits in the first-level cache, which the compiler vectorises. Energies are summed in float64, a
row at a time, so no sum depends on the number of threads.
"""

import numpy as np
from numba import njit

_FAST = {"contract", "arcp", "nsz", "reassoc"}

EXCHANGE, ANISOTROPY, DMI, ZEEMAN, DEMAG = range(5)
"""Columns of the energies of rows, J/m3."""


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def add_local_terms(m, shape, sort, table, uniform, demag, scale, out, energies, first, last):  # type: ignore[no-untyped-def]
    """Write rows `first` to `last` of the effective field, T, and their energies.

    Parameters
    ----------
    m, out : (3, cells) arrays
        Spins, and the field to write.
    shape : tuple of int
        Cells (nz, ny, nx).
    sort, table
        `RowTable.sort` and `RowTable.arrays`.
    uniform : tuple of bool
        Whether axis and applied field are the same everywhere (n = 1).
    demag : (3, rows, nx) array
        Demagnetising field of these rows; size 0 for none.
    scale : float
        Factor on it.
    energies : (rows of the mesh, 5) float64 array
        Changed: `EXCHANGE`, `ANISOTROPY`, `DMI`, `ZEEMAN`, `DEMAG` of each row, sums of J/m3 over its cells.
    """
    nz, ny, nx = shape
    bond_z, bond_y, bond_x, twist_y, twist_x, anisotropy, saturation, inverse, axis, applied = table
    pull = np.empty(nx, m.dtype)
    for row in range(first, last):
        z, y = row // ny, row % ny
        here = row * nx
        up_y, down_y = z * ny + (y + 1) % ny, z * ny + (y - 1) % ny
        up_z, down_z = (z + 1) % nz * ny + y, (z - 1) % nz * ny + y
        own, kind = slice(here, here + nx), sort[row]
        above_y, below_y = slice(up_y * nx, up_y * nx + nx), slice(down_y * nx, down_y * nx + nx)
        above_z, below_z = slice(up_z * nx, up_z * nx + nx), slice(down_z * nx, down_z * nx + nx)
        energies[row] = 0.0
        for c in range(3):
            spins, field = m[c], out[c, own]
            total = _bonds_x(spins[own], field, bond_x[kind])
            if ny > 1:
                total += _bonds(spins[own], spins[above_y], spins[below_y], field, bond_y[kind], bond_y[sort[down_y]])
            if nz > 1:
                total += _bonds(spins[own], spins[above_z], spins[below_z], field, bond_z[kind], bond_z[sort[down_z]])
            energies[row, EXCHANGE] += 0.5 * total
        if twist_x.size > 0:
            along, normal, bond = m[0, own], m[2, own], twist_x[kind]
            _twist_x(normal, out[0, own], bond, 1)
            _twist_x(along, out[2, own], bond, -1)
            energies[row, DMI] = _twist_energy_x(along, normal, bond)
        if twist_x.size > 0 and ny > 1:
            bond, below = twist_y[kind], twist_y[sort[down_y]]
            _twist(m[2, above_y], m[2, below_y], out[1, own], bond, below, 1)
            _twist(m[1, above_y], m[1, below_y], out[2, own], bond, below, -1)
            energies[row, DMI] += _twist_energy(m[1, own], m[2, own], m[1, above_y], m[2, above_y], bond)
        m_x, m_y, m_z = m[0, own], m[1, own], m[2, own]
        if anisotropy.size > 0:
            u = axis[:, :1] if uniform[0] else axis[:, own]
            strength = anisotropy[kind]
            energies[row, ANISOTROPY] = _easy_axis(m_x, m_y, m_z, u[0], u[1], u[2], strength, pull)
            for c in range(3):
                _add_product(out[c, own], pull, u[c])
        magnetic, factor = saturation[kind], inverse[kind]
        for c in range(3):
            b = applied[c, :1] if uniform[1] else applied[c, own]
            energies[row, ZEEMAN] += _scale_and_add(out[c, own], m[c, own], factor, magnetic, b)
            if demag.size > 0:
                energies[row, DEMAG] += _add_demag(out[c, own], m[c, own], magnetic, demag[c, row - first], scale)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _bonds_x(spins, field, bond):  # type: ignore[no-untyped-def]
    """Write ``sum bond (m_j - m_i)`` of both neighbours; return ``sum bond (m_j - m_i)^2`` of the upper ones."""
    n = spins.size
    total = 0.0
    # The bond that wraps round is zero where the sample ends.
    step = spins[0] - spins[n - 1]
    total += bond[n - 1] * step * step
    field[0] = -bond[n - 1] * step
    round_trip = bond[n - 1] * step
    for x in range(1, n):
        field[x] = bond[x - 1] * (spins[x - 1] - spins[x])
    field[n - 1] += round_trip
    for x in range(n - 1):
        step = spins[x + 1] - spins[x]
        field[x] += bond[x] * step
        total += bond[x] * step * step
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _bonds(spins, above, below, field, bond, bond_below):  # type: ignore[no-untyped-def]
    """Add what `_bonds_x` writes, of neighbours in other rows."""
    total = 0.0
    for x in range(spins.size):
        ahead, behind = above[x] - spins[x], below[x] - spins[x]
        field[x] += bond[x] * ahead + bond_below[x] * behind
        total += bond[x] * ahead * ahead
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _twist_x(spins, field, bond, sign):  # type: ignore[no-untyped-def]
    """Add the field of bonds ``D (n_i a_j - a_i n_j)`` along x: `spins` of n on that of a, or, negative, a on n."""
    n = spins.size
    s = field.dtype.type(sign)
    for x in range(1, n):
        field[x] -= s * bond[x - 1] * spins[x - 1]
    for x in range(n - 1):
        field[x] += s * bond[x] * spins[x + 1]
    field[n - 1] += s * bond[n - 1] * spins[0]
    field[0] -= s * bond[n - 1] * spins[n - 1]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _twist(above, below, field, bond, bond_below, sign):  # type: ignore[no-untyped-def]
    """Add what `_twist_x` adds, of neighbours in other rows."""
    s = field.dtype.type(sign)
    for x in range(field.size):
        field[x] += s * (bond[x] * above[x] - bond_below[x] * below[x])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _twist_energy_x(along, normal, bond):  # type: ignore[no-untyped-def]
    n = along.size
    total = 0.0
    for x in range(n - 1):
        total += bond[x] * (normal[x] * along[x + 1] - along[x] * normal[x + 1])
    return total + bond[n - 1] * (normal[n - 1] * along[0] - along[n - 1] * normal[0])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _twist_energy(along, normal, along_above, normal_above, bond):  # type: ignore[no-untyped-def]
    total = 0.0
    for x in range(along.size):
        total += bond[x] * (normal[x] * along_above[x] - along[x] * normal_above[x])
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _easy_axis(m_x, m_y, m_z, u, v, w, strength, pull):  # type: ignore[no-untyped-def]
    """Write ``2 Ku (m.u)``; return the sum of ``Ku (1 - (m.u)^2)``, as ``Ku |m x u|^2``, which does not cancel."""
    total = 0.0
    two = pull.dtype.type(2)
    if u.size == 1:
        a, b, c = u[0], v[0], w[0]
        for x in range(pull.size):
            pull[x] = two * strength[x] * (m_x[x] * a + m_y[x] * b + m_z[x] * c)
        for x in range(pull.size):
            p, q, r = m_y[x] * c - m_z[x] * b, m_z[x] * a - m_x[x] * c, m_x[x] * b - m_y[x] * a
            total += strength[x] * (p * p + q * q + r * r)
        return total
    for x in range(pull.size):
        pull[x] = two * strength[x] * (m_x[x] * u[x] + m_y[x] * v[x] + m_z[x] * w[x])
        p, q = m_y[x] * w[x] - m_z[x] * v[x], m_z[x] * u[x] - m_x[x] * w[x]
        r = m_x[x] * v[x] - m_y[x] * u[x]
        total += strength[x] * (p * p + q * q + r * r)
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _add_product(field, pull, direction):  # type: ignore[no-untyped-def]
    if direction.size == 1:
        value = direction[0]
        for x in range(field.size):
            field[x] += pull[x] * value
        return
    for x in range(field.size):
        field[x] += pull[x] * direction[x]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _scale_and_add(field, spins, inverse, saturation, applied):  # type: ignore[no-untyped-def]
    """Turn J/m3 into tesla and add the applied field, in the magnet only; return the Zeeman energy."""
    total = 0.0
    if applied.size == 1:
        value = applied[0]
        if value == 0.0:
            for x in range(field.size):
                field[x] *= inverse[x]
            return total
        for x in range(field.size):
            field[x] = field[x] * inverse[x] + value * saturation[x] * inverse[x]
            total -= saturation[x] * spins[x] * value
        return total
    for x in range(field.size):
        field[x] = field[x] * inverse[x] + applied[x] * saturation[x] * inverse[x]
        total -= saturation[x] * spins[x] * applied[x]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _add_demag(field, spins, saturation, demag, scale):  # type: ignore[no-untyped-def]
    total = 0.0
    zero = field.dtype.type(0)
    for x in range(field.size):
        value = scale * demag[x] if saturation[x] > zero else zero
        field[x] += value
        total -= 0.5 * saturation[x] * spins[x] * value
    return total
