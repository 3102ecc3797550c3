"""Images into the layouts of `fused_steps` and back.

- `packed`, `unpacked`: amplitudes in the order in which the kernel meets them;
- `packed_factors`: factors on the spectrum of the probe;
- `strips_from_images`, `add_strips_to_images`, `add_weights_to_image`: the probe and its sums;
- `spectra_from_strips`, `strips_from_spectra`.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics.lanes import LANES, aligned
from numerics.line_fft import LAST, PAIR, forward16, forward_passes, inverse16, inverse_passes, spectrum_order
from reconstructors.ptychography.kernels import fused_steps as steps

Array = NDArray[Any]
Arrays = tuple[Any, ...]


def packed(images: Array, valid: Array) -> Array:
    """Return images in the order of the transforms, sixteen rows in a vector, scaled to transforms without factors.

    Parameters
    ----------
    images : (frames, ny, nx) float32 array
        Unshifted.
    valid : (ny, nx) bool array
        Where not, the result is -1.

    Returns
    -------
    (frames, ny / 16, nx, 16) float32 array
    """
    frames, ny, nx = images.shape
    out = aligned((frames, ny // LANES, nx, LANES))
    _pack(images, valid, spectrum_order(ny), spectrum_order(nx), float(np.sqrt(ny * nx)), out)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _pack(images: Array, valid: Array, order_y: Array, order_x: Array, scale: float, out: Array) -> None:
    for j in range(out.shape[0]):
        for g in range(out.shape[1]):
            for lane in range(LANES):
                row = order_y[LANES * g + lane]
                for x in range(out.shape[2]):
                    column = order_x[x]
                    value = images[j, row, column] * scale
                    out[j, g, x, lane] = value if valid[row, column] else np.float32(-1)


def packed_factors(factors: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return factors of rows (frames, ny) and columns (frames, nx), flat, in the order of the transforms.

    The factors of columns are divided by the number of pixels: one transform there and back.
    """
    tall, wide = factors
    rows, columns = aligned((2 * tall.size,)), aligned((2 * wide.size,))
    share = 1.0 / (tall.shape[1] * wide.shape[1])
    _pack_factors(tall, spectrum_order(tall.shape[1]), LANES, 1.0, rows)
    _pack_factors(wide, spectrum_order(wide.shape[1]), 1, share, columns)
    return rows, columns


@njit(cache=True, nogil=True, error_model="numpy")
def _pack_factors(factors: Array, order: Array, lanes: int, scale: float, out: Array) -> None:
    """Write `lanes` real parts, then as many imaginary ones, and so on."""
    for j in range(factors.shape[0]):
        for k in range(factors.shape[1]):
            at = 2 * (j * factors.shape[1] + k - k % lanes) + k % lanes
            out[at] = factors[j, order[k]].real * scale
            out[at + lanes] = factors[j, order[k]].imag * scale


@njit(cache=True, nogil=True, error_model="numpy")
def strips_from_images(images: Array, strips: Array, ny: int, nx: int) -> None:
    """Write complex images (modes, ny, nx), seen as flat float32, as strips."""
    at = 0
    for first in range(0, images.size, 2 * ny * nx):
        for c in range(nx // LANES):
            for y in range(ny):
                steps.read_image(images, first + 2 * (nx * y + LANES * c), strips, at)
                at += PAIR


@njit(cache=True, nogil=True, error_model="numpy")
def add_strips_to_images(strips: Array, images: Array, ny: int, nx: int) -> None:
    """Add strips to complex images (modes, ny, nx), seen as flat float32."""
    at = 0
    for first in range(0, images.size, 2 * ny * nx):
        for c in range(nx // LANES):
            for y in range(ny):
                steps.add_to_image(strips, at, images, first + 2 * (nx * y + LANES * c))
                at += PAIR


@njit(cache=True, nogil=True, error_model="numpy")
def add_weights_to_image(strips: Array, image: Array, ny: int, nx: int) -> None:
    """Add strips of real numbers to an image (ny, nx), flat."""
    at = 0
    for c in range(nx // LANES):
        for y in range(ny):
            steps.add_numbers_to_image(strips, at, image, nx * y + LANES * c)
            at += LANES


@njit(cache=True, nogil=True, error_model="numpy")
def spectra_from_strips(strips: Array, rows: Array, plan: Arrays) -> None:
    """Transform strips of all modes into spectra, as rows; the strips are lost."""
    radices_y, factors_y, radices_x, factors_x, ny, nx, _ = plan
    for first in range(0, strips.size, 2 * ny * nx):
        for c in range(nx // LANES):
            strip = first + PAIR * ny * c
            forward_passes(strips, strip, ny, radices_y, factors_y, 0)
            for g in range(ny // LAST):
                steps.to_rows(strips, strip + PAIR * LAST * g, rows, first + PAIR * (nx * g + LANES * c))
        for line in range(first, first + 2 * ny * nx, PAIR * nx):
            forward_passes(rows, line, nx, radices_x, factors_x, 0)
            for place in range(line, line + PAIR * nx, PAIR * LAST):
                forward16(rows, place)


@njit(cache=True, nogil=True, error_model="numpy")
def strips_from_spectra(rows: Array, strips: Array, plan: Arrays) -> None:
    """Undo `spectra_from_strips`, but for a factor; the spectra are lost."""
    radices_y, factors_y, radices_x, factors_x, ny, nx, _ = plan
    for first in range(0, strips.size, 2 * ny * nx):
        for line in range(first, first + 2 * ny * nx, PAIR * nx):
            for place in range(line, line + PAIR * nx, PAIR * LAST):
                inverse16(rows, place)
            inverse_passes(rows, line, nx, radices_x, factors_x)
        for c in range(nx // LANES):
            strip = first + PAIR * ny * c
            for g in range(ny // LAST):
                steps.to_strip(rows, first + PAIR * (nx * g + LANES * c), strips, strip + PAIR * LAST * g)
            inverse_passes(strips, strip, ny, radices_y, factors_y)
