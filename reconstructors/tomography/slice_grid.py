"""From volumes to a fine grid of their spectrum, between whose nodes slices are read, and the adjoint.

- `SliceGrid`: `spectrum` and, below it, `adjoint`; the weights of the nodes round a point (`kernel`, `wide`);
- `plan_grid`: for an accuracy, in single precision.

The method is that of every non-uniform transform: zeros round the volume make the spectrum's grid finer, a kernel of
five nodes interpolates, and the volume is divided by the kernel's transform beforehand (Kaiser-Bessel, Jackson et al.,
IEEE Trans. Med. Imaging 10, 473 (1991); its width as of Beatty et al., ibid. 24, 799 (2005)). Faster than a library
here, for the volumes are real, so that half of the spectrum is enough; lines of zeros are not transformed; and the
components of a magnetization are interpolated together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0

from numerics import fourier
from numerics.lanes import LANES
from reconstructors.tomography.slice_kernels import RIM, mirror, unmirror
from reconstructors.tomography.slice_steps import DEGREE, WIDTH

Array = NDArray[Any]

FINENESS = ((1e-3, 1.3), (4e-4, 1.5), (8e-5, 2.0))
"""Accuracy, measured on white noise, and how much finer than the volume's own the grid must be for it."""
_SLACK = 3
"""Nodes behind the last rim along x that vectors reach into."""
_LEAST = 16


@dataclass(frozen=True, eq=False)
class SliceGrid:
    """A fine grid of frequencies.

    Attributes
    ----------
    shape : tuple of int
        Of volumes (z, y, x).
    sizes : (3,) int array
        Nodes of a period (z, y, x).
    corrections : tuple of float32 arrays
        One over the kernel's transform, along z, y, x.
    coefficients : (DEGREE + 1, WIDTH) array
        Of the polynomials that give the weights of five nodes, the highest power first.
    """

    shape: tuple[int, int, int]
    sizes: NDArray[np.int64]
    corrections: tuple[Array, Array, Array]
    coefficients: Array

    def spectrum(self, volumes: Array) -> Array:
        """Return the spectrum of `volumes` (m, z, y, x) with its rims: (z, y, x, m) complex64."""
        (nz, ny, nx), half = self.sizes, self.sizes[2] // 2 + 1
        grid = self.empty(len(volumes))
        own = grid[RIM : RIM + nz, RIM : RIM + ny, RIM : RIM + half]

        def planes(first: int, last: int) -> None:
            for z in range(first, last):
                for c, volume in enumerate(volumes):
                    rows = volume[z] * self.corrections[1][:, None] * self.corrections[2]
                    rows *= self.corrections[0][z]
                    lines = np.zeros((ny, half), np.complex64)
                    _wrap(lines, 0, fourier.rfft_rows(_wrapped(rows, 1, nx)))
                    fourier.transform_axis(lines, 0)
                    own[(z - self.shape[0] // 2) % nz, :, :, c] = lines

        def columns(first: int, last: int) -> None:
            for y in range(first, last):
                fourier.transform_axis(own[:, y], 0)

        def rims(first: int, last: int) -> None:
            for z in range(first, last):
                mirror(grid, self.sizes, z)

        fourier.in_blocks(planes, self.shape[0], 2)
        fourier.in_blocks(columns, ny, 1)
        fourier.in_blocks(rims, nz, 4)
        grid[:, :RIM], grid[:, RIM + ny :] = grid[:, ny : RIM + ny], grid[:, RIM : 2 * RIM + 1]
        grid[:RIM], grid[RIM + nz :] = grid[nz : RIM + nz], grid[RIM : 2 * RIM + 1]
        return grid

    def adjoint(self, grid: Array) -> Array:
        """Apply the adjoint of `spectrum`: (z, y, x, m) to (m, z, y, x); the grid's memory is used up."""
        (nz, ny, nx), half = self.sizes, self.sizes[2] // 2 + 1
        grid[nz : RIM + nz] += grid[:RIM]
        grid[RIM : 2 * RIM + 1] += grid[RIM + nz :]
        grid[:, ny : RIM + ny] += grid[:, :RIM]
        grid[:, RIM : 2 * RIM + 1] += grid[:, RIM + ny :]
        own = grid[RIM : RIM + nz, RIM : RIM + ny, RIM : RIM + half]
        volumes = np.empty((grid.shape[3], *self.shape), np.float32)

        def rims(first: int, last: int) -> None:
            for z in range(first, last):
                unmirror(grid, self.sizes, z)

        def columns(first: int, last: int) -> None:
            for y in range(first, last):
                fourier.transform_axis(own[:, y], 0, inverse=True)

        def planes(first: int, last: int) -> None:
            for z in range(first, last):
                for c, volume in enumerate(volumes):
                    lines = np.ascontiguousarray(own[(z - self.shape[0] // 2) % nz, :, :, c])
                    fourier.transform_axis(lines, 0, inverse=True)
                    rows = fourier.irfft_rows(_unwrapped(lines, 0, self.shape[1]), nx)
                    volume[z] = _unwrapped(rows, 1, self.shape[2]) * self.corrections[2]
                    volume[z] *= self.corrections[1][:, None] * self.corrections[0][z]

        fourier.in_blocks(rims, nz, 4)
        fourier.in_blocks(columns, ny, 1)
        fourier.in_blocks(planes, self.shape[0], 2)
        return volumes

    def empty(self, count: int) -> Array:
        """Return a grid of zeros for `count` volumes."""
        nz, ny, nx = self.sizes
        extra = 2 * RIM + 1
        return np.zeros((nz + extra, ny + extra, nx // 2 + 1 + 2 * RIM + _SLACK, count), np.complex64)

    def kernel(self) -> Array:
        """Return the coefficients of the weights along a line, as vectors, the highest power first."""
        return self._vectors(self.coefficients)

    def wide(self, count: int) -> Array:
        """Return those of each number in five nodes of `count` volumes."""
        return self._vectors(np.repeat(self.coefficients, 2 * count, axis=1))

    def directions(self, weights: Array) -> Array:
        """Return the weights (n, m) of volumes for each number in five nodes: of real parts, then of imaginary ones."""
        n, m = weights.shape
        parts = np.zeros((n, 2, -(-WIDTH * 2 * m // LANES) * LANES), np.float32)
        for part in (0, 1):
            numbers = np.zeros((n, WIDTH, m, 2))
            numbers[..., part] = weights[:, None]
            parts[:, part, : WIDTH * 2 * m] = numbers.reshape(n, -1)
        return parts.reshape(n, -1)

    @staticmethod
    def _vectors(coefficients: Array) -> Array:
        count = coefficients.shape[1]
        result = np.zeros((len(coefficients), -(-count // LANES) * LANES), np.float32)
        result[:, :count] = coefficients
        return result.ravel()


def _wrap(target: Array, axis: int, values: Array) -> None:
    """Write `values` into zeros, their index ``n//2`` at the beginning."""
    n, to, source = values.shape[axis], np.moveaxis(target, axis, 0), np.moveaxis(values, axis, 0)
    to[: n - n // 2] = source[n // 2 :]
    to[len(to) - n // 2 :] = source[: n // 2]


def _wrapped(values: Array, axis: int, length: int) -> Array:
    shape = list(values.shape)
    shape[axis] = length
    result = np.zeros(shape, values.dtype)
    _wrap(result, axis, values)
    return result


def _unwrapped(values: Array, axis: int, count: int) -> Array:
    """Return the `count` values that `_wrap` wrote."""
    source = np.moveaxis(values, axis, 0)
    parts = [source[len(source) - count // 2 :], source[: count - count // 2]]
    return np.ascontiguousarray(np.moveaxis(np.concatenate(parts), 0, axis))


def plan_grid(shape: tuple[int, int, int], accuracy: float) -> SliceGrid | None:
    """Plan the grid for volumes of `shape`; None if single precision with five nodes does not reach the accuracy."""
    fineness = next((finer for reached, finer in FINENESS if reached <= accuracy), None)
    if fineness is None:
        return None
    sizes = [_even_size(max(_LEAST, fineness * n)) for n in shape]
    beta = np.pi * np.sqrt((WIDTH * (1 - 0.5 / fineness)) ** 2 - 0.8)
    coefficients = _coefficients(beta)
    corrections = tuple(
        (np.sqrt(size) / _transform(coefficients, (np.arange(n) - n // 2) / size)).astype(np.float32)
        for size, n in zip(sizes, shape, strict=True)
    )
    return SliceGrid(shape, np.array(sizes), corrections, coefficients)


def _even_size(least: float) -> int:
    """Return the first even length from `least` that transforms fast."""
    size = fourier.good_size(int(np.ceil(least)))
    while size % 2:
        size = fourier.good_size(size + 1)
    return size


def _coefficients(beta: float) -> Array:
    """Fit polynomials to the kernel between nodes: (DEGREE + 1, WIDTH)."""
    t = 0.5 - 0.5 * np.cos(np.pi * (np.arange(4 * DEGREE) + 0.5) / (4 * DEGREE))
    distance = t[:, None] + (WIDTH / 2 - 1) - np.arange(WIDTH)
    values = i0(beta * np.sqrt(np.maximum(1 - (2 * distance / WIDTH) ** 2, 0))) / i0(beta)
    return np.polyfit(t, values, DEGREE)


def _transform(coefficients: Array, frequency: Array) -> Array:
    """Return the kernel's transform at frequencies in cycles per node."""
    nodes, shares = np.polynomial.legendre.leggauss(32)
    t = (nodes + 1) / 2
    distance = t[:, None] + (WIDTH / 2 - 1) - np.arange(WIDTH)
    values = np.stack([np.polyval(column, t) for column in coefficients.T], axis=1) * shares[:, None] / 2
    phases = np.cos(2 * np.pi * distance.ravel() * frequency[:, None])
    return np.asarray(phases @ values.ravel())
