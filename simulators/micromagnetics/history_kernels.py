"""The history of a quasi-Newton method: pairs, their inner products, and their sums, each in one pass.

- `add_pair`: the move and the change of the gradient, in the new tangent space;
- `products`: of the newest pair and the gradient with all pairs;
- `combine`: the sum of pairs and gradient that is the direction.

Inner products are weighted with the moments of the cells and summed in float64. Rooms as in `tangent_kernels`.
"""

import numpy as np
from numba import njit

_FAST = {"contract", "arcp", "nsz", "reassoc"}
_CHUNK = 512

LARGEST, SLOPE = range(2)
"""What `combine` returns for a block: largest squared move, and the product with the gradient."""


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def add_pair(m, move, step, gradient, before, s, y, first, last):  # type: ignore[no-untyped-def]
    """Write ``s``, the projected ``step move``, and ``y``, the gradient less the projected one of `before`."""
    alpha = m.dtype.type(step)
    along = np.empty(_CHUNK, m.dtype)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        m_x, m_y, m_z = m[0, part], m[1, part], m[2, part]
        a, b, c = move[0, part], move[1, part], move[2, part]
        for i in range(n):
            along[i] = m_x[i] * a[i] + m_y[i] * b[i] + m_z[i] * c[i]
        for k in range(3):
            spins, d, new = m[k, part], move[k, part], s[k, part]
            for i in range(n):
                new[i] = alpha * (d[i] - along[i] * spins[i])
        a, b, c = before[0, part], before[1, part], before[2, part]
        for i in range(n):
            along[i] = m_x[i] * a[i] + m_y[i] * b[i] + m_z[i] * c[i]
        for k in range(3):
            spins, old, now, new = m[k, part], before[k, part], gradient[k, part], y[k, part]
            for i in range(n):
                new[i] = now[i] - (old[i] - along[i] * spins[i])


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def products(pairs, newest, gradient, weight, sums, first, last):  # type: ignore[no-untyped-def]
    """Fill `sums` (pairs, 2, 3): product of each s and y with the newest s, the newest y and the gradient.

    `pairs` is (number, 2, 3, cells): s and y of each.
    """
    sums[:] = 0.0
    s, y, g = (
        np.empty((3, _CHUNK), weight.dtype),
        np.empty((3, _CHUNK), weight.dtype),
        np.empty((3, _CHUNK), weight.dtype),
    )
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        w = weight[part]
        for k in range(3):
            _weigh(pairs[newest, 0, k, part], w, s[k])
            _weigh(pairs[newest, 1, k, part], w, y[k])
            _weigh(gradient[k, part], w, g[k])
        for j in range(pairs.shape[0]):
            for which in range(2):
                with_s, with_y, with_g = 0.0, 0.0, 0.0
                for k in range(3):
                    v, s_k, y_k, g_k = pairs[j, which, k, part], s[k], y[k], g[k]
                    for i in range(n):
                        with_s += v[i] * s_k[i]
                        with_y += v[i] * y_k[i]
                        with_g += v[i] * g_k[i]
                sums[j, which, 0] += with_s
                sums[j, which, 1] += with_y
                sums[j, which, 2] += with_g


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _weigh(values, weight, out):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        out[i] = values[i] * weight[i]


@njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def combine(pairs, factors, gradient, factor, m, weight, out, sums, first, last):  # type: ignore[no-untyped-def]
    """Write ``sum factors pair + factor gradient``, projected; fill `sums` as `LARGEST`, `SLOPE`.

    `factors` is (number, 2), for s and y of each of `pairs`.
    """
    sums[:] = 0.0
    along, size = np.empty(_CHUNK, m.dtype), np.empty(_CHUNK, m.dtype)
    for start in range(first, last, _CHUNK):
        n = min(_CHUNK, last - start)
        part = slice(start, start + n)
        for k in range(3):
            new, g, f = out[k, part], gradient[k, part], m.dtype.type(factor)
            for i in range(n):
                new[i] = f * g[i]
            for j in range(factors.shape[0]):
                a, b = m.dtype.type(factors[j, 0]), m.dtype.type(factors[j, 1])
                s, y = pairs[j, 0, k, part], pairs[j, 1, k, part]
                for i in range(n):
                    new[i] += a * s[i] + b * y[i]
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
