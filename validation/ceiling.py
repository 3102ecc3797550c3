"""What a perfect method could show: the truth through the detector's band and the thickness of the film.

- `ceiling_image`: the image;
- `thick_film_transfer`: sin(u)/u, what a column of the film's thickness keeps.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.matching import checked_length
from validation.resolution.rings import Size, sizes
from validation.walls.transfers import thick_film_transfer

__all__ = ["ceiling_image", "thick_film_transfer"]

Array = NDArray[Any]

_BLOCK = 2**16  # samples
_TIE = 1e-9  # share by which the edge of the band may be passed, so that rounding does not decide


def ceiling_image(
    m_z: Array, *, pixel_size: Size, wavelength: float, thickness: float = 0.0, half_period: float | None = None
) -> NDArray[np.float64]:
    """Pass an image through a square detector's band and a film of uniform columns.

    Parameters
    ----------
    m_z : (ny, nx) real array
        Column mean on the image's grid, whose own sampling is a band already.
    pixel_size : float or sequence
        In metres.
    wavelength : float
        In metres.
    thickness : float
        From the first to the last magnetic layer, metres; 0 for a thin film.
    half_period : float, optional
        Edge of the detector's square band, metres; default that of the grid.

    Raises
    ------
    ValueError
        On a thickness, pixel, wavelength or half period that is no length in metres, or an image that is not 2D, real
        and finite.
    """
    image = np.asarray(m_z)
    if image.dtype.kind not in "biuf" or image.ndim != 2:
        raise ValueError(f"m_z of shape {image.shape}, {image.dtype}; allowed: 2D and real")
    if not np.all(np.isfinite(image)):
        raise ValueError(f"m_z holds {image[~np.isfinite(image)].flat[0]}; allowed: finite numbers")
    wavelength = checked_length("wavelength", wavelength)
    thickness = 0.0 if thickness == 0 else checked_length("thickness", thickness)
    edge = math.inf if half_period is None else 0.5 / checked_length("half_period", half_period) * (1 + _TIE)
    dy, dx = (checked_length("pixel_size", d) for d in sizes(pixel_size, 2))
    rows, columns = image.shape
    fy, fx = fourier.unshifted_frequencies(rows, dy), fourier.half_frequencies(columns, dx)
    spectrum = fourier.rfft2(image.astype(np.float64, copy=False))
    # In blocks of rows: with a transfer function for the whole plane, memory would be half as much again.
    size = max(1, _BLOCK // columns)
    for start in range(0, rows, size):
        part = fy[start : start + size, None]
        passed = thick_film_transfer(np.hypot(part, fx), thickness=thickness, wavelength=wavelength)
        passed[(np.abs(part) > edge) | (fx > edge)] = 0.0
        spectrum[start : start + size] *= passed
    return np.asarray(fourier.irfft2(spectrum, (rows, columns)), np.float64)
