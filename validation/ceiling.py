"""What a perfect method could show: the truth through the detector's band and the thickness of the film.

- `ceiling_image`: the image;
- `thick_film_transfer`: sin(u)/u, what a column of the film's thickness keeps.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.resolution.rings import Size, sizes
from validation.walls.transfers import thick_film_transfer

__all__ = ["ceiling_image", "thick_film_transfer"]

Array = NDArray[Any]


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
        On a negative thickness, a wavelength or half period not above 0, or a complex image.
    """
    if np.iscomplexobj(m_z) or m_z.ndim != 2:
        raise ValueError(f"m_z of shape {m_z.shape}, {m_z.dtype}; allowed: 2D and real")
    for name, value, good in (
        ("thickness", thickness, thickness >= 0),
        ("wavelength", wavelength, wavelength > 0),
        ("half_period", half_period, half_period is None or half_period > 0),
    ):
        if not good:
            raise ValueError(f"{name} is {value!r}; allowed: metres above 0")
    spacing = sizes(pixel_size, 2)
    fy, fx = (fourier.frequencies(n, d) for n, d in zip(m_z.shape, spacing, strict=True))
    transfer = thick_film_transfer(np.hypot(fy[:, None], fx[None, :]), thickness=thickness, wavelength=wavelength)
    if half_period is not None:
        edge = 0.5 / half_period * (1 + 1e-9)
        transfer = transfer * (np.abs(fy) <= edge)[:, None] * (np.abs(fx) <= edge)[None, :]
    return np.asarray(fourier.centred_ifft2(fourier.centred_fft2(m_z.astype(np.float64)) * transfer).real)
