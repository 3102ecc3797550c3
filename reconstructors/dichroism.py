"""From two exit waves to the magnetization.

- `log_ratio`: the complex logarithm of phi+/phi-, its uniform part removed;
- `collinearity`: how far its points (log modulus, phase) are from a line;
- `Refocus`, `find_focus`: the plane in which they lie on one, found from the data alone;
- `out_of_plane`: absolute m_z.

One element has one ratio of magnetic dispersion to magnetic absorption, so in the plane of the film all pixels of
``ln(phi+/phi-) = -2 k P_c (beta_m + i delta_m) t m_z`` lie on a line; out of focus they do not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from numerics import fourier
from optics.propagation import transfer_function

Array = NDArray[Any]


def log_ratio(plus: Array, minus: Array, mask: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return log modulus and phase of plus/minus in the `mask`, the mean phase removed.

    Parameters
    ----------
    plus, minus : (n, n) complex arrays
    mask : (n, n) bool

    Returns
    -------
    tuple of two 1D float64 arrays
    """
    product = plus[mask].astype(np.complex128) * np.conj(minus[mask])
    floor = np.finfo(np.float64).tiny
    modulus = np.log(np.maximum(np.abs(plus[mask]), floor) / np.maximum(np.abs(minus[mask]), floor), dtype=np.float64)
    unit = product / np.maximum(np.abs(product), floor)
    return modulus, np.angle(unit * np.exp(-1j * np.angle(unit.sum())))


def collinearity(plus: Array, minus: Array, mask: NDArray[np.bool_]) -> float:
    """Return the small over the large eigenvalue of the covariance of (log modulus, phase); 0 is a line."""
    small, large = np.linalg.eigvalsh(np.cov(np.stack(log_ratio(plus, minus, mask))))
    return float(small / large) if large > 0 else 1.0


class Refocus:
    """Both exit waves cut out round the object and brought to other planes.

    Parameters
    ----------
    waves : sequence of two (n, n) complex arrays
        Unshifted.
    mask : (n, n) bool
        Centred; the interior of the object.
    support : (n, n) bool
        Centred; the object's support.
    wavelength, pixel_size : float
        m.
    """

    def __init__(
        self,
        waves: Sequence[Array],
        mask: NDArray[np.bool_],
        support: NDArray[np.bool_],
        *,
        wavelength: float,
        pixel_size: float,
    ) -> None:
        rows, columns = np.flatnonzero(support.any(axis=1)), np.flatnonzero(support.any(axis=0))
        # Multiples of 64, so that single-precision transforms can be shared by threads.
        side = -(-(int(max(np.ptp(rows), np.ptp(columns))) + 129) // 64) * 64
        side = min(side, support.shape[0])
        middle = (int(rows.mean()), int(columns.mean()))
        start = [int(np.clip(m - side // 2, 0, n - side)) for m, n in zip(middle, support.shape, strict=True)]
        cut = (slice(start[0], start[0] + side), slice(start[1], start[1] + side))
        self.mask = np.ascontiguousarray(mask[cut])
        inside = support[cut]
        self._spectra = [fourier.fft2(fourier.to_centre(wave)[cut] * inside) for wave in waves]
        self._grid = ((side, side), wavelength, pixel_size)
        self._cut = cut

    def at(self, distance: float) -> list[Array]:
        """Return both waves on the cut after propagation by `distance`, m."""
        shape, wavelength, pixel_size = self._grid
        transfer = transfer_function(shape, distance, wavelength=wavelength, pixel_size=pixel_size)
        factor = transfer.astype(self._spectra[0].dtype)
        return [fourier.ifft2(spectrum * factor) for spectrum in self._spectra]

    def whole(self, piece: Array, n: int) -> Array:
        """Return a `piece` that `at` gave in its place on the whole (n, n) grid, zero elsewhere."""
        field = np.zeros((n, n), piece.dtype)
        field[self._cut] = piece
        return field

    def collinearity(self, distance: float) -> float:
        """Return the collinearity in the plane at `distance`."""
        plus, minus = self.at(distance)
        return collinearity(plus, minus, self.mask)


def find_focus(
    refocus: Refocus, *, search: float, centre: float = 0.0, step: float = 25e-9
) -> tuple[float, float, float]:
    """Find the film's plane: the propagation distance of least collinearity.

    Parameters
    ----------
    refocus : Refocus
    search : float
        Largest distance tried to either side of `centre`, m.
    centre : float
        Distance to begin with, m.
    step : float
        Of the first scan, m; below the depth of focus.

    Returns
    -------
    tuple of float
        Distance, m; the collinearity there; the largest met.
    """
    count = max(int(np.ceil(search / step)), 2)
    distances = centre + step * np.arange(-count, count + 1)
    values = np.array([refocus.collinearity(distance) for distance in distances])
    best = int(np.clip(np.argmin(values), 1, 2 * count - 1))
    found = optimize.minimize_scalar(
        refocus.collinearity,
        bounds=(distances[best - 1], distances[best + 1]),
        method="bounded",
        options={"xatol": 0.2e-9},
    )
    return float(found.x), float(found.fun), float(values.max())


def out_of_plane(plus: Array, minus: Array, *, wavelength: float, polarization: float, beta_m_t: float) -> Array:
    """Return absolute ``m_z = -log|phi+/phi-| / (2 k P_c beta_m t)``, float32; 0 where a wave vanishes."""
    scale = -wavelength / (4 * np.pi * polarization * beta_m_t)
    a, b = np.abs(plus).astype(np.float64), np.abs(minus).astype(np.float64)
    ratio = np.divide(a, b, out=np.ones_like(a), where=(a > 0) & (b > 0))
    return (scale * np.log(np.where(ratio > 0, ratio, 1.0))).astype(np.float32)
