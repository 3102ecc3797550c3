"""Passes over the directions of the magnet's voxels, packed as (voxel, component), for `spins`.

- `gather_field`, `scatter_field`: between a volume and its packed voxels;
- `neighbours_of`: the bonds of each voxel;
- `tangent_gradient`, `exchange_energy`: of data and exchange, across the directions;
- `misalignment`, `add_misalignment_gradient`: how far from rest spins are, in the field of their neighbours;
- `moved`: along a tangent, back onto the sphere;
- `dot`, `subtract_along`, `to_tangent`, `carry`: what the two loops of L-BFGS do.

All of it runs on one thread: the voxels of a magnet are few against the points of its projections.
"""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def gather_field(volume: Any, sites: Any, weight: Any, out: Any) -> None:
    """Write ``weight volume`` of the voxels `sites` into `out`, (n, 3), from (3, voxels)."""
    for c in range(3):
        for i in range(len(sites)):
            out[i, c] = weight[i] * volume[c, sites[i]]


@njit(cache=True, nogil=True)
def scatter_field(packed: Any, sites: Any, weight: Any, out: Any) -> None:
    """Write ``weight packed`` to the voxels `sites` of `out`, (3, voxels); others stay."""
    for c in range(3):
        for i in range(len(sites)):
            out[c, sites[i]] = weight[i] * packed[i, c]


@njit(cache=True, nogil=True)
def neighbours_of(place: Any, sites: Any, shape: Any, neighbours: Any) -> None:
    """Write the packed index of the six neighbours of each voxel, -1 where there is none.

    `place` holds the packed index of every voxel of the volume, -1 outside of the magnet.
    """
    depth, height, width = shape
    for i in range(len(sites)):
        x = sites[i] % width
        y = (sites[i] // width) % height
        z = sites[i] // (width * height)
        neighbours[i, 0] = place[sites[i] - width * height] if z > 0 else -1
        neighbours[i, 1] = place[sites[i] + width * height] if z < depth - 1 else -1
        neighbours[i, 2] = place[sites[i] - width] if y > 0 else -1
        neighbours[i, 3] = place[sites[i] + width] if y < height - 1 else -1
        neighbours[i, 4] = place[sites[i] - 1] if x > 0 else -1
        neighbours[i, 5] = place[sites[i] + 1] if x < width - 1 else -1


@njit(cache=True, nogil=True)
def exchange_energy(n: Any, weight: Any, neighbours: Any) -> float:
    """Return ``1/2 sum min(w_i, w_j) |n_i - n_j|^2`` over bonds."""
    total = 0.0
    for i in range(len(n)):
        for k in range(1, 6, 2):
            j = neighbours[i, k]
            if j >= 0:
                bond = min(weight[i], weight[j])
                for c in range(3):
                    total += bond * (n[i, c] - n[j, c]) ** 2
    return 0.5 * total


@njit(cache=True, nogil=True)
def tangent_gradient(n: Any, data: Any, exchange: Any, weight: Any, neighbours: Any, out: Any) -> None:
    """Write the part of ``data + exchange d(exchange_energy)/dn`` across `n` into `out`."""
    for i in range(len(n)):
        x, y, z = data[i, 0], data[i, 1], data[i, 2]
        for k in range(6):
            j = neighbours[i, k]
            if j >= 0:
                bond = exchange * min(weight[i], weight[j])
                x += bond * (n[i, 0] - n[j, 0])
                y += bond * (n[i, 1] - n[j, 1])
                z += bond * (n[i, 2] - n[j, 2])
        along = x * n[i, 0] + y * n[i, 1] + z * n[i, 2]
        out[i, 0] = x - along * n[i, 0]
        out[i, 1] = y - along * n[i, 1]
        out[i, 2] = z - along * n[i, 2]


@njit(cache=True, nogil=True)
def misalignment(n: Any, weight: Any, neighbours: Any, pull: Any, push: Any) -> float:
    """Return ``sum (|h|^2 - |h| (h n)) / w`` and write what its gradient is made of.

    The field is ``h_i = sum min(w_i, w_j) n_j``. Where its angle with `n` is small that is half the torque's square; it
    is most where a spin points against the field, at rest as well but not for long. `pull` is the derivative by the
    field, `push` that by the direction itself, (n, 3) both.
    """
    total = 0.0
    for i in range(len(n)):
        x = y = z = np.float32(0)
        for k in range(6):
            j = neighbours[i, k]
            if j >= 0:
                bond = min(weight[i], weight[j])
                x += bond * n[j, 0]
                y += bond * n[j, 1]
                z += bond * n[j, 2]
        along = x * n[i, 0] + y * n[i, 1] + z * n[i, 2]
        length = np.sqrt(x * x + y * y + z * z)
        total += length * (length - along) / weight[i]
        cosine = along / length if length > 0 else np.float32(0)
        share, back = (2 - cosine) / weight[i], length / weight[i]
        pull[i, 0], pull[i, 1], pull[i, 2] = (
            share * x - back * n[i, 0],
            share * y - back * n[i, 1],
            share * z - back * n[i, 2],
        )
        push[i, 0], push[i, 1], push[i, 2] = -back * x, -back * y, -back * z
    return total


@njit(cache=True, nogil=True)
def add_misalignment_gradient(
    n: Any, pull: Any, push: Any, factor: Any, weight: Any, neighbours: Any, out: Any
) -> None:
    """Add the part of ``factor d(misalignment)/dn`` across `n` to `out`, of what `misalignment` wrote."""
    for i in range(len(n)):
        x, y, z = push[i, 0], push[i, 1], push[i, 2]
        for k in range(6):
            j = neighbours[i, k]
            if j >= 0:
                bond = min(weight[i], weight[j])
                x += bond * pull[j, 0]
                y += bond * pull[j, 1]
                z += bond * pull[j, 2]
        along = x * n[i, 0] + y * n[i, 1] + z * n[i, 2]
        out[i, 0] += factor * (x - along * n[i, 0])
        out[i, 1] += factor * (y - along * n[i, 1])
        out[i, 2] += factor * (z - along * n[i, 2])


@njit(cache=True, nogil=True)
def moved(n: Any, length: Any, direction: Any, out: Any) -> None:
    """Write ``n + length direction``, made unit vectors again, into `out`."""
    for i in range(len(n)):
        x = n[i, 0] + length * direction[i, 0]
        y = n[i, 1] + length * direction[i, 1]
        z = n[i, 2] + length * direction[i, 2]
        scale = 1 / np.sqrt(x * x + y * y + z * z)
        out[i, 0], out[i, 1], out[i, 2] = x * scale, y * scale, z * scale


@njit(cache=True, nogil=True)
def dot(a: Any, b: Any) -> float:
    """Return ``<a, b>`` in double precision."""
    total = 0.0
    for i in range(len(a)):
        # products of a triple in the arrays' precision
        total += a[i, 0] * b[i, 0] + a[i, 1] * b[i, 1] + a[i, 2] * b[i, 2]
    return total


@njit(cache=True, nogil=True)
def subtract_along(q: Any, share: Any, other: Any) -> None:
    """Take ``share other`` from `q`."""
    for i in range(len(q)):
        for c in range(3):
            q[i, c] -= share * other[i, c]


@njit(cache=True, nogil=True)
def to_tangent(v: Any, n: Any, factor: Any) -> float:
    """Replace `v` by `factor` times its part across `n`; return the largest squared length."""
    largest = 0.0
    for i in range(len(v)):
        along = v[i, 0] * n[i, 0] + v[i, 1] * n[i, 1] + v[i, 2] * n[i, 2]
        squared = 0.0
        for c in range(3):
            v[i, c] = factor * (v[i, c] - along * n[i, c])
            squared += v[i, c] * v[i, c]
        largest = max(largest, squared)
    return largest


@njit(cache=True, nogil=True)
def carry(old: Any, new: Any, old_gradient: Any, new_gradient: Any, s: Any, y: Any) -> None:
    """Write the last move and the change of the gradient, both across the `new` directions, into `s` and `y`."""
    for i in range(len(new)):
        move = turned = 0.0
        for c in range(3):
            move += (new[i, c] - old[i, c]) * new[i, c]
            turned += old_gradient[i, c] * new[i, c]
        for c in range(3):
            s[i, c] = new[i, c] - old[i, c] - move * new[i, c]
            y[i, c] = new_gradient[i, c] - old_gradient[i, c] + turned * new[i, c]
