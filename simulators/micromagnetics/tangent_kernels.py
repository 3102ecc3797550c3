"""Passes over all spins, fused: gradient and torque, moves along the sphere.

- `gradient`: the part of the field across the spins, and the largest torques;
- `project`: a vector field onto the tangent spaces;
- `retract`: move and normalise; `midpoint`: the norm-preserving step of descent and damping.

Kernels take flat (3, cells) arrays and a range of cells, so that blocks can be dealt out to threads; each sum belongs
to a block. Loops that write do so to one array at a time, through scratch of a few hundred cells, which lets the
compiler vectorise them.
"""

import math

import numpy as np
from numba import njit

_FAST = {"contract", "arcp", "nsz", "reassoc"}
_CHUNK = 512

FREE, HELD, SQUARE = range(3)
"""What `gradient` returns for a block: largest squared torque of free and of held spins, T2; weighted sum of g^2."""


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def gradient(m, field, weight, held, out, sums, first, last):  # type: ignore[no-untyped-def]
    """Write the gradient ``(m.B) m - B``, T, of free spins, 0 of held ones; fill `sums` as `FREE`, `HELD`, `SQUARE`."""
    along, size = np.empty(_CHUNK, m.dtype), np.empty(_CHUNK, m.dtype)
    sums[:] = 0.0
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        m_x, m_y, m_z = m[0, part], m[1, part], m[2, part]
        b_x, b_y, b_z = field[0, part], field[1, part], field[2, part]
        for i in range(n):
            along[i] = m_x[i] * b_x[i] + m_y[i] * b_y[i] + m_z[i] * b_z[i]
        for c in range(3):
            spins, b, g = m[c, part], field[c, part], out[c, part]
            for i in range(n):
                g[i] = along[i] * spins[i] - b[i]
        g_x, g_y, g_z = out[0, part], out[1, part], out[2, part]
        for i in range(n):
            size[i] = g_x[i] * g_x[i] + g_y[i] * g_y[i] + g_z[i] * g_z[i]
        if held.size > 0:
            for i in range(n):
                if held[start + i]:
                    sums[HELD] = max(sums[HELD], float(size[i]))
                    g_x[i] = g_y[i] = g_z[i] = size[i] = m.dtype.type(0)
        largest = m.dtype.type(0)
        for i in range(n):
            largest = max(largest, size[i])
        sums[FREE] = max(sums[FREE], float(largest))
        w = weight[part]
        for i in range(n):
            sums[SQUARE] += w[i] * size[i]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def project(m, weight, held, values, first, last):  # type: ignore[no-untyped-def]
    """Remove from `values` what lies along the spins, and all of it where spins are held or absent."""
    along, zero = np.empty(_CHUNK, m.dtype), m.dtype.type(0)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        m_x, m_y, m_z, w = m[0, part], m[1, part], m[2, part], weight[part]
        v_x, v_y, v_z = values[0, part], values[1, part], values[2, part]
        for i in range(n):
            along[i] = m_x[i] * v_x[i] + m_y[i] * v_y[i] + m_z[i] * v_z[i]
        for c in range(3):
            spins, v = m[c, part], values[c, part]
            for i in range(n):
                v[i] = v[i] - along[i] * spins[i] if w[i] > zero else zero
        if held.size > 0:
            for i in range(n):
                if held[start + i]:
                    v_x[i] = v_y[i] = v_z[i] = zero


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def retract(m, direction, step, out, first, last):  # type: ignore[no-untyped-def]
    """Write the unit vectors of ``m + step direction``; 0 where m is 0."""
    scale = np.empty(_CHUNK, m.dtype)
    alpha = m.dtype.type(step)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        for c in range(3):
            spins, d, new = m[c, part], direction[c, part], out[c, part]
            for i in range(n):
                new[i] = spins[i] + alpha * d[i]
        _normalise(out, scale, start, n)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def _normalise(out, scale, start, n):  # type: ignore[no-untyped-def]
    zero, one = out.dtype.type(0), out.dtype.type(1)
    part = slice(start, start + n)
    x, y, z = out[0, part], out[1, part], out[2, part]
    for i in range(n):
        square = x[i] * x[i] + y[i] * y[i] + z[i] * z[i]
        scale[i] = one / math.sqrt(square) if square > zero else zero
    for c in range(3):
        new = out[c, part]
        for i in range(n):
            new[i] *= scale[i]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def midpoint(m, gradient, step, out, first, last):  # type: ignore[no-untyped-def]
    """Write the step of ``dm/dt = -gradient`` by the midpoint rule, which keeps lengths (Exl et al. 2014, eq. 9).

    With the rotation ``w = m x B``, of length |gradient|: ``((1 - s^2 w^2/4) m - s gradient)/(1 + s^2 w^2/4)``.
    """
    quarter, one, s = m.dtype.type(0.25), m.dtype.type(1), m.dtype.type(step)
    keep, move = np.empty(_CHUNK, m.dtype), np.empty(_CHUNK, m.dtype)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        x, y, z = gradient[0, part], gradient[1, part], gradient[2, part]
        for i in range(n):
            square = quarter * s * s * (x[i] * x[i] + y[i] * y[i] + z[i] * z[i])
            keep[i] = (one - square) / (one + square)
        for i in range(n):
            move[i] = -s * (one + keep[i]) / (one + one)
        for c in range(3):
            spins, g, new = m[c, part], gradient[c, part], out[c, part]
            for i in range(n):
                new[i] = keep[i] * spins[i] + move[i] * g[i]
        # The rule keeps lengths only where the gradient is exactly across; left alone, rounding grows.
        _normalise(out, keep, start, n)
