"""The wave through a hole in a thick mask, by multislice.

- `Walls`: the shape of a hole's wall: taper, roughness, edge width;
- `through_hole`: the exit wave of one hole;
- `fill`: how much of each pixel is hole.

Reference holes are waveguides a few modes wide; what they send to a full period of 10 nm comes from the roughness of
their walls and from material boundaries. The method is that of Li, Wojcik and Jacobsen, Opt. Express 25, 1831 (2017).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from numerics import fourier
from optics import scattering
from optics.grids import positions
from optics.propagation import transfer_function
from optics.units import wavelength, wavenumber

Array = NDArray[Any]
KINDS = ("multislice", "sharp_disc", "smooth", "none")


@dataclass(frozen=True)
class Walls:
    """The wall of a hole.

    Attributes
    ----------
    taper : float
        The entrance is wider than the exit by this fraction.
    taper_depth : float
        Fraction of the thickness over which the hole narrows.
    roughness : float
        rms deviation of the wall, m.
    correlation : tuple of float
        Correlation lengths (along the beam, round the hole), m.
    edge_width : float
        Width w of the logistic edge of the material, m.
    """

    taper: float = 0.0
    taper_depth: float = 0.25
    roughness: float = 1.5e-9
    correlation: tuple[float, float] = (30e-9, 8e-9)
    edge_width: float = 2.6e-9


@dataclass(frozen=True)
class Slab:
    """The mask's material: layers of (material, thickness in m) in the order of the beam, cut in slices of `slice`."""

    layers: tuple[tuple[str, float], ...]
    slice: float = 10e-9

    @property
    def thickness(self) -> float:
        """Whole thickness, m."""
        return sum(t for _, t in self.layers)

    def slices(self) -> list[tuple[str, float]]:
        """Return (material, thickness) of every slice."""
        result = []
        for material, thickness in self.layers:
            count = max(1, round(thickness / self.slice))
            result += [(material, thickness / count)] * count
        return result


def wall_radii(radius: float, depths: Array, walls: Walls, *, angles: int, rng: np.random.Generator) -> Array:
    """Return the wall's radius, m, at every depth (fractions of the thickness are `depths` over the last) and angle.

    Parameters
    ----------
    radius : float
        At the exit, m.
    depths : (slices,) array
        Depth of every slice's middle, m, counted from the entrance.
    walls : Walls
    angles : int
        Samples round the hole.
    rng : numpy.random.Generator

    Returns
    -------
    (slices, angles) float64 array
    """
    thickness = depths[-1] + depths[0]
    nominal = radius * (1 + walls.taper * np.clip(1 - depths / max(walls.taper_depth * thickness, 1e-12), 0, None))
    rough = np.zeros((len(depths), angles))
    if walls.roughness > 0:
        rough = _correlated(len(depths), angles, thickness / len(depths), 2 * np.pi * radius / angles, walls, rng)
    return np.asarray(nominal[:, None] + rough)


def _correlated(n_z: int, n_s: int, step_z: float, step_s: float, walls: Walls, rng: np.random.Generator) -> Array:
    """Gaussian noise with Gaussian correlation along the beam and round the hole, of the walls' rms."""
    f_z = fourier.unshifted_frequencies(2 * n_z, step_z)
    f_s = fourier.unshifted_frequencies(n_s, step_s)
    # the filter's autocorrelation exp(-s²/(2 l²)) has the spectrum exp(-2 (pi l f)²); its root shapes the amplitudes
    shape = np.exp(-((np.pi * walls.correlation[0] * f_z[:, None]) ** 2 + (np.pi * walls.correlation[1] * f_s) ** 2))
    noise = fourier.ifft2(fourier.fft2(rng.standard_normal(shape.shape)) * shape).real
    return np.asarray(noise[:n_z] * (walls.roughness / np.sqrt(np.mean(shape**2))))


def through_hole(
    field: Array,
    *,
    radius: float,
    centre: tuple[float, float],
    slab: Slab,
    walls: Walls,
    energy: float,
    pixel_size: float,
    rng: np.random.Generator,
) -> Array:
    """Send waves through a hole in a slab.

    Parameters
    ----------
    field : (waves, ny, nx) complex64 array
        At the entrance; overwritten.
    radius : float
        Of the hole at the exit, m.
    centre : tuple of float
        (y, x) of its axis from sample ``n//2``, m.
    slab, walls
        Material and shape.
    energy, pixel_size : float
        eV, m.
    rng : numpy.random.Generator
        Source of the roughness; the same generator state gives the same hole at another energy.

    Returns
    -------
    (waves, ny, nx) complex64 array
        At the exit plane, phases relative to vacuum.
    """
    slices = slab.slices()
    thickness = np.array([t for _, t in slices])
    angles = _angles(radius, pixel_size)
    radii = wall_radii(radius, np.cumsum(thickness) - thickness / 2, walls, angles=angles, rng=rng)
    y = positions(field.shape[1], pixel_size) - centre[0]
    x = positions(field.shape[2], pixel_size) - centre[1]
    distance = np.hypot(y[:, None], x[None, :]).astype(np.float32)
    turn = (np.arctan2(y[:, None], x[None, :]) / (2 * np.pi) % 1.0 * angles).astype(np.float32)
    k, width = wavenumber(energy), walls.edge_width
    steps: dict[float, Array] = {}
    for (material, step), wall in zip(slices, radii.astype(np.float32), strict=True):
        delta, beta = scattering.refractive_index(material, energy)
        if step not in steps:
            steps[step] = transfer_function(
                (field.shape[1], field.shape[2]),
                step,
                wavelength=wavelength(energy),
                pixel_size=pixel_size,
                carrier=False,
            ).astype(np.complex64)
        _absorb(field, distance, turn, wall, np.float32(1 / width), np.complex64(-k * step * complex(beta, delta)))
        field = _advance(field, steps[step])
    return field


def _advance(field: Array, step: Array) -> Array:
    spectrum = fourier.fft2(field, overwrite=True)
    _multiply(spectrum, step)
    return fourier.ifft2(spectrum, overwrite=True)


@njit(cache=True, parallel=True)
def _multiply(field, factor):  # type: ignore[no-untyped-def]
    for row in prange(field.shape[1]):
        for wave in range(field.shape[0]):
            for column in range(field.shape[2]):
                field[wave, row, column] *= factor[row, column]


@njit(cache=True, parallel=True)
def _absorb(field, distance, turn, wall, inverse_width, exponent):  # type: ignore[no-untyped-def]
    """Multiply `field` by ``exp(exponent * (1 - fill))``, the fill a logistic edge round the rough wall."""
    angles = wall.size
    solid = np.exp(exponent)
    for row in prange(field.shape[1]):
        for column in range(field.shape[2]):
            position = turn[row, column]
            index = int(position)
            fraction = position - np.float32(index)
            radius = wall[index % angles] * (np.float32(1) - fraction) + wall[(index + 1) % angles] * fraction
            u = (distance[row, column] - radius) * inverse_width
            if u < np.float32(-16):
                continue
            factor = solid
            if u < np.float32(16):
                factor = np.exp(exponent / (np.float32(1) + np.exp(-u)))
            for wave in range(field.shape[0]):
                field[wave, row, column] *= factor


def fill(
    shape: tuple[int, int],
    *,
    radius: float | Array,
    centre: tuple[float, float],
    edge_width: float,
    pixel_size: float,
) -> Array:
    """Return the fraction of hole in every pixel: a disc with a logistic edge, float32, 0 to 1.

    `radius` is one number or one for every pixel, m.
    """
    y = positions(shape[0], pixel_size) - centre[0]
    x = positions(shape[1], pixel_size) - centre[1]
    u = (np.hypot(y[:, None], x[None, :]) - radius) / edge_width
    return np.asarray(1 / (1 + np.exp(np.clip(u, -60, 60))), dtype=np.float32)


def thin_hole(
    shape: tuple[int, int],
    *,
    radius: float,
    centre: tuple[float, float],
    walls: Walls,
    pixel_size: float,
    rng: np.random.Generator,
) -> Array:
    """Return the transmission of a thin opaque mask with a hole: logistic edge of width w, rough wall; complex64."""
    angles = _angles(radius, pixel_size)
    wall = wall_radii(radius, np.array([1e-9]), walls, angles=angles, rng=rng)[0]
    y = positions(shape[0], pixel_size) - centre[0]
    x = positions(shape[1], pixel_size) - centre[1]
    turn = np.arctan2(y[:, None], x[None, :]) / (2 * np.pi) % 1.0 * angles
    edge = np.interp(turn, np.arange(angles + 1), np.append(wall, wall[0]))
    disc = fill(shape, radius=edge, centre=centre, edge_width=walls.edge_width, pixel_size=pixel_size)
    return disc.astype(np.complex64)


def _angles(radius: float, pixel_size: float) -> int:
    """Return how many samples round a hole make steps of half a pixel."""
    return fourier.good_size(max(64, int(np.ceil(4 * np.pi * radius / pixel_size))))
