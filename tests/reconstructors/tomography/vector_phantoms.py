"""Phantoms of vector tomography: a slab with fcc voids and a smooth unit texture, projected on a finer grid.

- `slab`: fill fraction and magnetization on a grid `finer` times finer, and averaged to voxels;
- `projections`: of the fine field, averaged to pixels.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from reconstructors.tomography.geometry import Geometry, beam_directions, nominal_geometry

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Slab:
    """`fine` has unit vectors times `fine_fill`; `m` and `fill` are its means over voxels."""

    fine: Array
    fine_fill: Array
    m: Array
    fill: Array
    finer: int


def published_geometry() -> Geometry:
    tilt = np.deg2rad(np.tile(np.arange(-62, 63, 4), 3))
    return nominal_geometry(in_plane=np.deg2rad(np.repeat([0, 120, 240], 32)), tilt=tilt)


def slab(
    *, seed: int, n: int = 64, finer: int = 2, texture: float = 2.5, size: tuple[int, int, int] = (30, 52, 52)
) -> Slab:
    """Nickel between fcc spheres of 24 voxels; `texture` is the Gaussian that smooths white noise, voxels."""
    rng = np.random.default_rng(seed)
    fine_n = n * finer
    spins = np.stack(
        [ndimage.gaussian_filter(rng.standard_normal((fine_n,) * 3), texture * finer, mode="wrap") for _ in range(3)]
    )
    spins /= np.linalg.norm(spins, axis=0)
    sub = 2 if finer > 1 else 4
    fill = _fill(n, finer, sub, size, rng)
    fine = (spins * fill).astype(np.float32)
    return Slab(fine, fill, averaged(fine, finer), averaged(fill[None], finer)[0], finer)


def _fill(n: int, finer: int, sub: int, size: tuple[int, int, int], rng: np.random.Generator) -> Array:
    count = n * finer * sub
    at = ((np.arange(count) + 0.5) / (finer * sub) - 0.5 - n // 2).astype(np.float32)
    a = 24 * np.sqrt(2)
    start = rng.uniform(0, a, 3)
    base = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) * a
    block = np.ones((count,) * 3, bool)
    for axis, length in enumerate(size):
        shape = [1, 1, 1]
        shape[axis] = count
        block &= (np.abs(at) <= length / 2).reshape(shape)
    cells = range(-int(n / a) - 1, int(n / a) + 2)
    half = 24 / 2
    for i in cells:
        for j in cells:
            for k in cells:
                for offset in base:
                    centre = np.array([i, j, k]) * a + offset + start
                    if np.any(np.abs(centre) > n / 2 + half):
                        continue
                    low = np.searchsorted(at, centre - half)
                    high = np.searchsorted(at, centre + half)
                    z, y, x = (at[a:b] - c for a, b, c in zip(low, high, centre, strict=True))
                    inside = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x**2 < half**2
                    block[low[0] : high[0], low[1] : high[1], low[2] : high[2]] &= ~inside
    m = n * finer
    return block.reshape(m, sub, m, sub, m, sub).mean((1, 3, 5), dtype=np.float32)


def averaged(fields: Array, finer: int) -> Array:
    c, n = len(fields), fields.shape[1] // finer
    return fields.reshape(c, n, finer, n, finer, n, finer).mean((2, 4, 6), dtype=np.float32)


def projections(
    fine: Array, geometry: Geometry, *, weights: NDArray[np.float64] | None = None, finer: int = 2, parts: int = 3
) -> Array:
    """Project (c, z, y, x) on a grid `finer` times finer: `parts`^3 points of each fine voxel fall into pixels.

    To (n, y, x). `weights`, (n, c), of the components; default the direction of the beam. Lengths in coarse voxels.
    """
    along = beam_directions(geometry.rotations) if weights is None else weights
    n = fine.shape[1] // finer
    out = np.zeros((len(geometry), n, n))
    _drop(fine, geometry.rotations, along, finer, parts, out)
    return out.astype(np.float32)


@njit(cache=True, nogil=True)
def _drop(fine, rotations, along, finer, parts, out):  # type: ignore[no-untyped-def]
    middle = out.shape[1] // 2
    size = fine.shape[1]
    share = 1.0 / (parts**3 * finer**3)
    for z in range(size):
        for y in range(size):
            for x in range(size):
                empty = True
                for c in range(len(fine)):
                    empty = empty and fine[c, z, y, x] == 0
                if empty:
                    continue
                for i in range(len(out)):
                    value = 0.0
                    for c in range(len(fine)):
                        value += along[i, c] * fine[c, z, y, x]
                    for part in range(parts**3):
                        px = (x + (part % parts + 0.5) / parts) / finer - 0.5 - middle
                        py = (y + (part // parts % parts + 0.5) / parts) / finer - 0.5 - middle
                        pz = (z + (part // parts**2 + 0.5) / parts) / finer - 0.5 - middle
                        turn = rotations[i]
                        u = int(np.floor(turn[0, 0] * px + turn[0, 1] * py + turn[0, 2] * pz + middle + 0.5))
                        v = int(np.floor(turn[1, 0] * px + turn[1, 1] * py + turn[1, 2] * pz + middle + 0.5))
                        if 0 <= u < out.shape[2] and 0 <= v < out.shape[1]:
                            out[i, v, u] += value * share
