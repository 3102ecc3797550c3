"""The wave behind a magnetic multilayer.

- `Film`: the stack;
- `transmit`: multislice through the repeats, for both helicities;
- `mean_amplitude`: what a non-magnetic film passes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from optics import scattering
from optics.propagation import transfer_function
from optics.units import wavelength, wavenumber

Array = NDArray[Any]


@dataclass(frozen=True)
class Film:
    """A multilayer ``buffer | [spacers | magnetic] x repeats | cap``; thicknesses in m.

    Attributes
    ----------
    element : str
        The magnetic element, Co or Ni, at its L3 line.
    thickness : float
        Of the magnetic layer in one repeat.
    repeats : int
    spacers : tuple of (material, thickness)
        Non-magnetic layers of one repeat.
    caps : tuple of (material, thickness)
        Buffer and cap, once.
    polarization : float
        Degree of circular polarisation P_c.
    white_line : float
        Scales the resonant absorption.
    beta_m_scale : float
        Scales the magnetic parts, delta_m and beta_m alike.
    in_plane : bool
        Add the in-plane part that waves scattered by q see, ``m_q q/(2 k)``.
    """

    element: str = "Co"
    thickness: float = 0.8e-9
    repeats: int = 15
    spacers: tuple[tuple[str, float], ...] = (("Pt", 2e-9), ("Cu", 0.5e-9))
    caps: tuple[tuple[str, float], ...] = (("Pt", 3e-9), ("Pt", 2e-9))
    polarization: float = 0.9
    white_line: float = 1.0
    beta_m_scale: float = 1.0
    in_plane: bool = False

    @property
    def repeat_thickness(self) -> float:
        """Thickness of one repeat, m."""
        return self.thickness + sum(t for _, t in self.spacers)

    @property
    def magnetic_thickness(self) -> float:
        """All magnetic layers together, m."""
        return self.thickness * self.repeats

    @property
    def extent(self) -> float:
        """From the first to the last magnetic layer, both included, m."""
        return self.repeat_thickness * (self.repeats - 1) + self.thickness

    def magnetic_index(self, energy: float) -> tuple[float, float]:
        """Return delta_m and beta_m at `energy`, scaled, without P_c."""
        delta, beta = scattering.magnetic_index(self.element, energy)
        return delta * self.beta_m_scale, beta * self.beta_m_scale


def mean_amplitude(film: Film, energy: float) -> complex:
    """Return the amplitude that the film passes where it is not magnetised, ``exp(-k ∫ (beta_c + i delta_c) dz)``."""
    delta, beta = scattering.refractive_index(film.element, energy, white_line=film.white_line)
    exponent = complex(beta, delta) * film.magnetic_thickness
    for layers, times in ((film.spacers, film.repeats), (film.caps, 1)):
        for material, thickness in layers:
            delta, beta = scattering.refractive_index(material, energy)
            exponent += complex(beta, delta) * thickness * times
    return complex(np.exp(-wavenumber(energy) * exponent))


def transmit(magnetization: Array, film: Film, *, energy: float, pixel_size: float) -> Array:
    """Return the waves behind the film for a unit plane wave of either helicity.

    Parameters
    ----------
    magnetization : (3, nz, ny, nx) float array
        m times the magnet's fill fraction, component (x, y, z), periodic in y and x; its nz layers are spread evenly
        over the repeats.
    film : Film
    energy, pixel_size : float
        eV, m.

    Returns
    -------
    (2, ny, nx) complex64 array
        Helicity +1, -1, in the plane of the last repeat; vacuum between the repeats' magnetic layers.
    """
    k = wavenumber(energy)
    delta_m, beta_m = film.magnetic_index(energy)
    exponent = k * film.polarization * film.thickness * complex(beta_m, delta_m)
    shape = magnetization.shape[-2:]
    step = transfer_function(
        shape, film.repeat_thickness, wavelength=wavelength(energy), pixel_size=pixel_size, carrier=False
    ).astype(np.complex64)
    field = np.full((2, *shape), mean_amplitude(film, energy), np.complex64)
    weights = _shares(film.repeats, magnetization.shape[1])
    factor = np.empty(0, np.complex64)
    for repeat in range(film.repeats):
        if repeat == 0 or not np.array_equal(weights[repeat], weights[repeat - 1]):
            layers = np.flatnonzero(weights[repeat])
            mean = np.tensordot(weights[repeat, layers], magnetization[:, layers], axes=(0, 1))
            seen = _seen(mean.astype(np.float32), film, k, pixel_size)
            factor = np.exp(-exponent * np.stack([seen, -seen])).astype(np.complex64)
        field *= factor
        if repeat < film.repeats - 1:
            spectrum = fourier.fft2(field, overwrite=True)
            spectrum *= step
            field = fourier.ifft2(spectrum, overwrite=True)
    return field


def _shares(repeats: int, layers: int) -> Array:
    """Return the share of every sample layer in every repeat, both spread evenly over one thickness."""
    repeat, layer = np.arange(repeats)[:, None] / repeats, np.arange(layers)[None, :] / layers
    overlap = np.minimum(repeat + 1 / repeats, layer + 1 / layers) - np.maximum(repeat, layer)
    return np.asarray(np.where(overlap > 1e-9, overlap, 0) * repeats)


def _seen(magnetization: Array, film: Film, k: float, pixel_size: float) -> Array:
    """Return m.khat of one layer; with `in_plane` also ``m_q.q/(2k)``, half the scattered direction (complex)."""
    if not film.in_plane:
        return np.asarray(magnetization[2])
    q_y = 2 * np.pi * fourier.unshifted_frequencies(magnetization.shape[1], pixel_size)
    q_x = 2 * np.pi * fourier.unshifted_frequencies(magnetization.shape[2], pixel_size)
    spectrum = q_x[None, :] * fourier.fft2(magnetization[0]) + q_y[:, None] * fourier.fft2(magnetization[1])
    return np.asarray(magnetization[2] + fourier.ifft2(spectrum) / (2 * k))
