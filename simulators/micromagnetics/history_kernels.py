"""The history of a quasi-Newton method: pairs, their inner products, and their sums, each in one pass.

- `add_member`: of a pair: the move s, the change y of the gradient or z of the smoothed one, in the new tangent space;
- `products`: of the newest pair and the gradients with all pairs;
- `combine`: the sum of pairs and gradient that is the direction; `product`: of two fields.

Inner products are weighted with the moments of the cells and summed in float64. Rooms as in `tangent_kernels`.
"""

import numpy as np
from numba import njit

_FAST = {"contract", "arcp", "nsz", "reassoc"}
_CHUNK = 512
_S, _Y, _Z = range(3)

LARGEST, SLOPE = range(2)
"""What `combine` returns for a block: largest squared move, and the product with the gradient."""


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def add_member(m, now, before, factor, out, first, last):  # type: ignore[no-untyped-def]
    """Write ``now - factor before``, the latter projected onto the tangent space of `m`; `now` may be of size 0."""
    alpha = m.dtype.type(factor)
    along = np.empty(_CHUNK, m.dtype)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        m_x, m_y, m_z = m[0, part], m[1, part], m[2, part]
        a, b, c = before[0, part], before[1, part], before[2, part]
        for i in range(n):
            along[i] = m_x[i] * a[i] + m_y[i] * b[i] + m_z[i] * c[i]
        for k in range(3):
            spins, old, new = m[k, part], before[k, part], out[k, part]
            for i in range(n):
                new[i] = alpha * (along[i] * spins[i] - old[i])
            if now.size > 0:
                later = now[k, part]
                for i in range(n):
                    new[i] += later[i]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def products(pairs, newest, gradient, smooth, weight, sums, first, last):  # type: ignore[no-untyped-def]
    """Fill `sums` (number, 6) with weighted products of every pair (s, y, z) with the newest and the gradients.

    In order: ``s.y_new``, ``y.s_new``, ``y.z_new``, ``z.y_new``, ``s.gradient``, ``y.smooth``. `pairs` is
    (number, 3, 3, cells): s, y and z of each.
    """
    sums[:] = 0.0
    others = np.empty((5, 3, _CHUNK), pairs.dtype)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        w = weight[part]
        for k in range(3):
            _weigh(pairs[newest, _S, k, part], w, others[0, k])
            _weigh(pairs[newest, _Y, k, part], w, others[1, k])
            _weigh(pairs[newest, _Z, k, part], w, others[2, k])
            _weigh(gradient[k, part], w, others[3, k])
            _weigh(smooth[k, part], w, others[4, k])
        for j in range(pairs.shape[0]):
            for k in range(3):
                s, y, z = pairs[j, _S, k, part], pairs[j, _Y, k, part], pairs[j, _Z, k, part]
                sums[j, 0] += _dot(s, others[1, k], n)
                sums[j, 1] += _dot(y, others[0, k], n)
                sums[j, 2] += _dot(y, others[2, k], n)
                sums[j, 3] += _dot(z, others[1, k], n)
                sums[j, 4] += _dot(s, others[3, k], n)
                sums[j, 5] += _dot(y, others[4, k], n)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _dot(a, b, n):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(n):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _weigh(values, weight, out):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        out[i] = values[i] * weight[i]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def combine(pairs, factors, smooth, factor, gradient, m, weight, out, sums, first, last):  # type: ignore[no-untyped-def]
    """Write ``sum factors pair + factor smooth``, projected; fill `sums` as `LARGEST`, `SLOPE`.

    `factors` is (number, 2), for s and z of each of `pairs`.
    """
    sums[:] = 0.0
    along, size = np.empty(_CHUNK, m.dtype), np.empty(_CHUNK, m.dtype)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        for k in range(3):
            new, g, f = out[k, part], smooth[k, part], m.dtype.type(factor)
            for i in range(n):
                new[i] = f * g[i]
            for j in range(factors.shape[0]):
                a, b = m.dtype.type(factors[j, 0]), m.dtype.type(factors[j, 1])
                s, z = pairs[j, _S, k, part], pairs[j, _Z, k, part]
                for i in range(n):
                    new[i] += a * s[i] + b * z[i]
        x, y, z = out[0, part], out[1, part], out[2, part]
        m_x, m_y, m_z = m[0, part], m[1, part], m[2, part]
        for i in range(n):
            along[i] = m_x[i] * x[i] + m_y[i] * y[i] + m_z[i] * z[i]
        for k in range(3):
            new, spins = out[k, part], m[k, part]
            for i in range(n):
                new[i] -= along[i] * spins[i]
        for i in range(n):
            size[i] = x[i] * x[i] + y[i] * y[i] + z[i] * z[i]
        largest = m.dtype.type(0)
        for i in range(n):
            largest = max(largest, size[i])
        sums[LARGEST] = max(sums[LARGEST], float(largest))
        sums[SLOPE] += _product(out, gradient, weight, part)


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _product(a, b, weight, part):  # type: ignore[no-untyped-def]
    total = 0.0
    w = weight[part]
    for k in range(3):
        p, q = a[k, part], b[k, part]
        for i in range(w.size):
            total += w[i] * p[i] * q[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def product(a, b, weight, sums, first, last):  # type: ignore[no-untyped-def]
    """Fill `sums` (1,) with the weighted product of two (3, cells) arrays."""
    sums[0] = 0.0
    for start in range(first, last, _CHUNK):
        sums[0] += _product(a, b, weight, slice(start, min(start + _CHUNK, last)))
