"""Compiled loops of the multislice simulation.

- `mean_over_slice`: voxels to the mean over the pixels of one slice;
- `multiply_box`, `multiply`, `start_field`: factors on a field;
- `add_intensity`, `pixel_means`: a spectrum on half-pixel steps to photons of whole pixels; `bin_pixels`.
"""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def mean_over_slice(  # type: ignore[no-untyped-def]
    values, back, start, along, across, step, first, pixel_size, periodic, out
):
    """Write the mean of voxel values over the pixels of a slice into `out`, (height, width, 3) float32.

    `back` maps (z, y, x) in m to voxel indices, `start` is the index of the first layer of points on the axis; `along`
    and `across` count points per slice and per pixel's edge, `step` is their distance along the beam and `first` the
    first pixel, counted from the origin. Along the volume's z the voxels are boxes, of which a point takes the share
    that its step covers; along y and x values are interpolated.
    """
    nz, ny, nx = values.shape[0], values.shape[1], values.shape[2]
    width = max(abs(back[0, 0]) * step, 1e-6)
    norm = np.float32(1.0 / (along * across * across))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            a = b = c = np.float32(0)
            for part in range(across * across):
                y = (first[0] + row + (part // across + 0.5) / across - 0.5) * pixel_size
                x = (first[1] + column + (part % across + 0.5) / across - 0.5) * pixel_size
                w0 = start[0] + back[0, 1] * y + back[0, 2] * x
                v0 = start[1] + back[1, 1] * y + back[1, 2] * x
                u0 = start[2] + back[2, 1] * y + back[2, 2] * x
                for i in range(along):
                    w = w0 + i * step * back[0, 0]
                    if w < -1.0 or w > nz:
                        continue
                    k0 = int(np.floor(w - 0.5 * width + 0.5))
                    upper = np.float32(min(max((w + 0.5 * width - k0 - 0.5) / width, 0.0), 1.0))
                    v = v0 + i * step * back[1, 0]
                    u = u0 + i * step * back[2, 0]
                    j0 = int(np.floor(v))
                    i0 = int(np.floor(u))
                    if not periodic and (j0 < -1 or j0 >= ny or i0 < -1 or i0 >= nx):
                        continue
                    fy = np.float32(v - j0)
                    fx = np.float32(u - i0)
                    for dk in range(2):
                        k = k0 + dk
                        wk = upper if dk == 1 else np.float32(1) - upper
                        if k < 0 or k >= nz or wk == 0:
                            continue
                        for dj in range(2):
                            j = j0 + dj
                            wj = wk * (fy if dj == 1 else np.float32(1) - fy)
                            if periodic:
                                j %= ny
                            elif j < 0 or j >= ny:
                                continue
                            for di in range(2):
                                i1 = i0 + di
                                wi = wj * (fx if di == 1 else np.float32(1) - fx)
                                if periodic:
                                    i1 %= nx
                                elif i1 < 0 or i1 >= nx:
                                    continue
                                a += wi * values[k, j, i1, 0]
                                b += wi * values[k, j, i1, 1]
                                c += wi * values[k, j, i1, 2]
            out[row, column, 0] = a * norm
            out[row, column, 1] = b * norm
            out[row, column, 2] = c * norm


@njit(cache=True, nogil=True, fastmath=True)
def multiply(field: Any, factor: Any) -> None:
    """Multiply a contiguous field by a contiguous factor of its shape in place."""
    flat, by = field.reshape(-1), factor.reshape(-1)
    for i in range(flat.size):
        flat[i] *= by[i]


@njit(cache=True, nogil=True, fastmath=True)
def multiply_box(field: Any, part: Any, y: int, x: int) -> None:
    """Multiply `field` in place by `part`, whose first pixel lies at (y, x) of the field, where they overlap."""
    ny, nx = field.shape
    for row in range(max(0, -y), min(part.shape[0], ny - y)):
        for column in range(max(0, -x), min(part.shape[1], nx - x)):
            field[y + row, x + column] *= part[row, column]


@njit(cache=True, nogil=True, fastmath=True)
def start_field(spectrum: Any, transfer: Any, along_y: Any, along_x: Any, out: Any) -> None:
    """Write a probe's spectrum times a transfer function and a shift's two factors into `out`."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            shift = along_y[row] * along_x[column]
            out[row, column] = spectrum[row, column] * transfer[row, column] * shift


@njit(cache=True, nogil=True, fastmath=True)
def add_intensity(spectrum: Any, out: Any) -> None:
    """Add ``|spectrum|²`` to `out`."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            value = spectrum[row, column]
            out[row, column] += value.real * value.real + value.imag * value.imag


@njit(cache=True, nogil=True, fastmath=True)
def pixel_means(fine: Any, weights: Any, step: int, scale: float, out: Any) -> None:
    """Write weighted sums over `weights.size` samples a side, `step` samples apart from pixel to pixel, to `out`."""
    n, size = out.shape[0], weights.size
    for row in range(n):
        for column in range(out.shape[1]):
            total = 0.0
            for i in range(size):
                line = 0.0
                for j in range(size):
                    line += weights[j] * fine[row * step + i, column * step + j]
                total += weights[i] * line
            out[row, column] = total * scale


@njit(cache=True, nogil=True, fastmath=True)
def bin_pixels(fine: Any, size: int, out: Any) -> None:
    """Write sums over squares of `size` fine pixels a side to `out`."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            total = 0.0
            for i in range(size):
                for j in range(size):
                    total += fine[row * size + i, column * size + j]
            out[row, column] = total
