"""Centred grids, and the flat detector against the Ewald sphere.

- `positions`: centred coordinates, index ``n//2`` the origin; `samples_for`: how many cover a length;
- `pixel_size`, `distance_for_pixel`: sampling of the exit wave by a flat detector;
- `detector_frequencies`: spatial frequency that each detector pixel sees;
- `detector_position`: the inverse, where a spatial frequency meets the detector;
- `ewald_displacement`: how far the sphere moves a pixel against the small-angle mapping;
- `solid_angle_factor`: photons per detector pixel against the squared spectrum of the exit wave.

A plane wave of direction (x, y, z)/r with r = sqrt(x² + y² + z²) has the spatial frequency (x, y)/(r wavelength). The
small-angle mapping takes (x, y)/(z wavelength) instead; at an angle of 8.5° the two differ by 1.1 %.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics.fourier import good_size

Array = NDArray[np.float64]


def positions(n: int, step: float) -> Array:
    """Return the centred coordinates of `n` samples of spacing `step`, in its unit; zero at index ``n//2``."""
    return np.asarray((np.arange(n) - n // 2) * float(step), dtype=np.float64)


def samples_for(extent: float, step: float) -> int:
    """Return the number of samples of a grid that covers `extent` with spacing `step` and transforms fast.

    It is a multiple of 16: transforms work on so many lines at once, and a rest of lines would be rounded otherwise,
    depending on how many threads share them.
    """
    return 16 * good_size(int(np.ceil(extent / step / 16)))


def pixel_size(wavelength: float, distance: float, n: int, pitch: float) -> float:
    """Return the exit wave's sampling ``wavelength distance / (n pitch)``, m, of a detector of `n` pixels a side."""
    return wavelength * distance / (n * pitch)


def distance_for_pixel(wavelength: float, pixel: float, n: int, pitch: float) -> float:
    """Return the distance, m, at which `n` detector pixels of `pitch` sample the exit wave by `pixel`."""
    return pixel * n * pitch / wavelength


def detector_frequencies(
    n: int, *, pitch: float, distance: float, wavelength: float, ewald: bool = True
) -> tuple[Array, Array]:
    """Return the spatial frequencies (f_y, f_x), cycles/m, at the centres of the pixels of a square flat detector.

    Parameters
    ----------
    n : int
        Pixels a side; pixel ``n//2`` lies on the optical axis.
    pitch, distance, wavelength : float
        In m.
    ewald : bool
        On the Ewald sphere (true directions), else the small-angle mapping.

    Returns
    -------
    tuple of two (n, n) float64 arrays
    """
    y, x = np.meshgrid(positions(n, pitch), positions(n, pitch), indexing="ij")
    radius = np.sqrt(x * x + y * y + distance * distance) if ewald else np.full_like(x, distance)
    return y / (radius * wavelength), x / (radius * wavelength)


def detector_position(
    frequency_y: ArrayLike, frequency_x: ArrayLike, *, distance: float, wavelength: float
) -> tuple[Array, Array]:
    """Return where, (y, x) in m, waves of given spatial frequencies meet a flat detector; inverse of the Ewald mapping.

    Raises
    ------
    ValueError
        If a frequency is beyond one over the wavelength, so that the wave is evanescent.
    """
    sine_y, sine_x = np.asarray(frequency_y) * wavelength, np.asarray(frequency_x) * wavelength
    cosine2 = 1 - sine_y**2 - sine_x**2
    if np.any(cosine2 <= 0):
        raise ValueError(f"spatial frequency beyond 1/wavelength = {1 / wavelength:.4g} 1/m; such a wave is evanescent")
    scale = distance / np.sqrt(cosine2)
    return sine_y * scale, sine_x * scale


def ewald_displacement(y: ArrayLike, x: ArrayLike, *, distance: float) -> Array:
    """Return how far, in the unit of (y, x), the sphere draws a detector point towards the centre.

    The uniform grid of spatial frequencies sees the point at ``z (x, y)/sqrt(x² + y² + z²)`` instead of (x, y).
    """
    radius = np.hypot(np.asarray(y, np.float64), np.asarray(x, np.float64))
    return np.asarray(radius * (1 - distance / np.hypot(radius, distance)), dtype=np.float64)


def solid_angle_factor(n: int, *, pitch: float, distance: float, power: int = 5) -> Array:
    """Return ``cos(angle)**power`` at the pixel centres, 1 on the axis.

    Photons per pixel of a flat detector are this factor times the squared spectrum. A pixel's area in spatial frequency
    falls as cos⁴ (solid angle cos³, obliquity of the sphere's projection cos); the power per area of the spectrum of
    an exit *field* carries one more cosine, the flux through the exit plane: `power` 5, the convention of all records.

    Returns
    -------
    (n, n) float64 array
    """
    y, x = np.meshgrid(positions(n, pitch), positions(n, pitch), indexing="ij")
    cosine = distance / np.sqrt(x * x + y * y + distance * distance)
    return np.asarray(cosine**power, dtype=np.float64)


def radius_grid(shape: tuple[int, int], step: float = 1.0, centre: tuple[float, float] = (0.0, 0.0)) -> NDArray[Any]:
    """Return the distance of every sample from `centre` (y, x), both in the unit of `step`; origin at ``n//2``."""
    y = positions(shape[0], step) - centre[0]
    x = positions(shape[1], step) - centre[1]
    return np.asarray(np.hypot(y[:, None], x[None, :]))
