"""Passes over images and volumes that solvers make, each one sweep through memory.

- `residual`, `residual_squares`, `weighted_squares`: A x - b with its weights, and norms; `subtract`: of conjugate
  gradients;
- `scaled_square`, `turn`: gradient and direction of conjugate gradients;
- `descend`, `reversal`, `extrapolate`: the gradient step, the test for a restart, and momentum.

Arrays come as (rows, n). A row belongs to one thread and sums are taken row by row, in double precision: no bit depends
on the number of threads.
"""

from typing import Any

import numpy as np
from numba import njit, prange


@njit(cache=True, nogil=True, parallel=True)
def residual(projected: Any, data: Any, weights: Any, out: Any) -> float:
    """Write ``w (A x - b)`` into `out` and return ``sum w (A x - b)^2``; no rows of weights: all 1."""
    sums = np.zeros(len(data))
    for i in prange(len(data)):
        total = 0.0
        for j in range(data.shape[1]):
            difference = projected[i, j] - data[i, j]
            value = difference * weights[i, j] if len(weights) > 0 else difference
            total += value * difference
            out[i, j] = value
        sums[i] = total
    return sums.sum()


@njit(cache=True, nogil=True, parallel=True)
def residual_squares(projected: Any, data: Any, weights: Any) -> float:
    """Return ``sum w (A x - b)^2``; no rows of weights: all 1."""
    sums = np.zeros(len(data))
    for i in prange(len(data)):
        total = 0.0
        for j in range(data.shape[1]):
            value = (projected[i, j] - data[i, j]) ** 2
            total += value * weights[i, j] if len(weights) > 0 else value
        sums[i] = total
    return sums.sum()


@njit(cache=True, nogil=True, parallel=True)
def weighted_squares(images: Any, weights: Any) -> float:
    """Return ``sum w r^2``; no rows of weights: all 1."""
    sums = np.zeros(len(images))
    for i in prange(len(images)):
        total = 0.0
        for j in range(images.shape[1]):
            value = images[i, j] * images[i, j]
            total += value * weights[i, j] if len(weights) > 0 else value
        sums[i] = total
    return sums.sum()


@njit(cache=True, nogil=True, parallel=True)
def subtract(rest: Any, images: Any, length: Any, weights: Any, out: Any) -> float:
    """Take ``length images`` from `rest` in place, write ``w rest`` into `out` and return ``sum w rest^2``."""
    sums = np.zeros(len(rest))
    for i in prange(len(rest)):
        total = 0.0
        for j in range(rest.shape[1]):
            left = rest[i, j] - length * images[i, j]
            value = left * weights[i, j] if len(weights) > 0 else left
            total += value * left
            rest[i, j] = left
            out[i, j] = value
        sums[i] = total
    return sums.sum()


@njit(cache=True, nogil=True, parallel=True)
def scaled_square(gradient: Any, scale: Any) -> float:
    """Return ``|scale gradient|^2``; `scale` has as many rows as one component."""
    sums = np.zeros(len(gradient))
    for i in prange(len(gradient)):
        total = 0.0
        for j in range(gradient.shape[1]):
            value = gradient[i, j] * scale[i % len(scale), j]
            total += value * value
        sums[i] = total
    return sums.sum()


@njit(cache=True, nogil=True, parallel=True)
def advance(x: Any, length: Any, direction: Any) -> None:
    """Add ``length direction`` to `x`."""
    for i in prange(len(x)):
        for j in range(x.shape[1]):
            x[i, j] += length * direction[i, j]


@njit(cache=True, nogil=True, parallel=True)
def turn(direction: Any, share: Any, gradient: Any, scale: Any) -> None:
    """Replace `direction` by ``scale^2 gradient + share direction``."""
    for i in prange(len(direction)):
        for j in range(direction.shape[1]):
            factor = scale[i % len(scale), j]
            direction[i, j] = factor * factor * gradient[i, j] + share * direction[i, j]


@njit(cache=True, nogil=True, parallel=True)
def descend(start: Any, length: Any, scale: Any, gradient: Any, out: Any) -> None:
    """Write ``start - length scale gradient`` into `out`; `scale` has the rows of one component, or none: all 1."""
    for i in prange(len(start)):
        for j in range(start.shape[1]):
            step = length * scale[i % len(scale), j] if len(scale) > 0 else length
            out[i, j] = start[i, j] - step * gradient[i, j]


@njit(cache=True, nogil=True, parallel=True)
def reversal(ahead: Any, new: Any, old: Any) -> float:
    """Return ``<ahead - new, new - old>``: above 0 the momentum points uphill."""
    sums = np.zeros(len(new))
    for i in prange(len(new)):
        total = 0.0
        for j in range(new.shape[1]):
            total += (ahead[i, j] - new[i, j]) * (new[i, j] - old[i, j])
        sums[i] = total
    return sums.sum()


@njit(cache=True, nogil=True, parallel=True)
def extrapolate(new: Any, old: Any, momentum: Any, out: Any) -> None:
    """Write ``new + momentum (new - old)`` into `out`."""
    for i in prange(len(new)):
        for j in range(new.shape[1]):
            out[i, j] = new[i, j] + momentum * (new[i, j] - old[i, j])
