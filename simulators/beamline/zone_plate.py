"""The focus of a Fresnel zone plate with a central stop and an order-sorting aperture.

- `ZonePlate`: the optic; `ZonePlate.check` refuses one whose zero order reaches the sample;
- `zone_plate_probe`: the coherent probe at a defocus;
- `zone_plate_modes`: what bandwidth and other orders add to it, as incoherent modes;
- `pupil`: the annulus on a grid of spatial frequencies.

The probe is ``P(r) = F⁻¹{A(f) exp(i z sqrt(k² - (2 pi f)²))}`` with A = 1 between the stop's and the outer zone's
frequency ``NA/wavelength = 1/(2 outer_zone)``. Positive defocus: the sample is down the beam of the focus.

References
----------
D. Attwood, *Soft X-Rays and Extreme Ultraviolet Radiation* (1999), chapter 9 (focal length, orders, chromatic blur).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from optics.propagation import transfer_function
from optics.units import wavelength
from simulators.beamline.coherence_modes import orthogonal_modes

Array = NDArray[Any]

_PADDING = 4  # the probe's far wings and the pupil's rim want a larger field than the frame's
_ENERGIES = 7


@dataclass(frozen=True)
class ZonePlate:
    """A zone plate in its first order.

    Attributes
    ----------
    outer_zone : float
        Width of the outermost zone, m: ``NA = wavelength/(2 outer_zone)``.
    diameter : float
        m.
    stop_fraction : float
        Diameter of the central stop over that of the plate.
    order_sorting_radius : float
        Of the order-sorting aperture, m: it must lie in the stop's shadow.
    rim : float
        Softness of both rims: rms width over the plate's radius; 0 is hard.
    astigmatism : float
        Distance of the two focal lines, m: the focus along y comes first if positive.
    """

    outer_zone: float = 45e-9
    diameter: float = 240e-6
    stop_fraction: float = 0.4
    order_sorting_radius: float = 40e-6
    rim: float = 0.0
    astigmatism: float = 0.0

    def numerical_aperture(self, energy: float) -> float:
        """Return ``wavelength/(2 outer_zone)``."""
        return wavelength(energy) / (2 * self.outer_zone)

    def focal_length(self, energy: float) -> float:
        """Return ``diameter outer_zone/wavelength``, m."""
        return self.diameter * self.outer_zone / wavelength(energy)

    def check(self) -> None:
        """Refuse lengths that are none, and a stop that leaves the zero order a way through the aperture.

        Raises
        ------
        ValueError
            In one line.
        """
        for name in ("outer_zone", "diameter", "order_sorting_radius"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} is {getattr(self, name)} m; allowed: above 0")
        if not 0 <= self.stop_fraction < 1:
            raise ValueError(f"stop_fraction is {self.stop_fraction}; allowed: 0 to below 1")
        if not 0 <= self.rim < 0.5:
            raise ValueError(f"rim is {self.rim}; allowed: 0 to below 0.5 of the radius")
        least = 2 * self.order_sorting_radius / self.diameter
        if self.stop_fraction < least:
            raise ValueError(
                f"stop_fraction is {self.stop_fraction}; allowed: from {least:.4g}, the shadow over the order-sorting "
                f"aperture of radius {self.order_sorting_radius:.3g} m, or the zero order passes"
            )


def zone_plate_probe(
    *,
    energy: float,
    outer_zone: float,
    diameter: float,
    stop_fraction: float,
    order_sorting_radius: float,
    defocus: float,
    astigmatism: float = 0.0,
    pixel_size: float,
    shape: tuple[int, int],
    rim: float = 0.0,
) -> Array:
    """Return the coherent probe of a zone plate.

    Parameters
    ----------
    energy : float
        eV.
    outer_zone, diameter, stop_fraction, order_sorting_radius, astigmatism, rim
        As in `ZonePlate`.
    defocus : float
        From the focus down the beam to the sample, m.
    pixel_size : float
        m.
    shape : tuple of int
        Pixels (y, x); the axis meets index ``n//2``.

    Returns
    -------
    (ny, nx) complex64 array
        ``|.|²`` sums to 1.

    Raises
    ------
    ValueError
        If the zero order passes, or the pixels are too coarse for the aperture or the field too small for the disc.
    """
    plate = ZonePlate(outer_zone, diameter, stop_fraction, order_sorting_radius, rim, astigmatism)
    return probe_of(plate, energy=energy, defocus=defocus, pixel_size=pixel_size, shape=shape)


def probe_of(plate: ZonePlate, *, energy: float, defocus: float, pixel_size: float, shape: tuple[int, int]) -> Array:
    """Return the coherent probe of a `ZonePlate`; see `zone_plate_probe`."""
    plate.check()
    _check_sampling(plate, energy, defocus, pixel_size, shape)
    large = (fourier.good_size(_PADDING * shape[0]), fourier.good_size(_PADDING * shape[1]))
    spectrum = pupil(plate, pixel_size=pixel_size, shape=large) * fourier.to_centre(
        transfer_function(large, defocus, wavelength=wavelength(energy), pixel_size=pixel_size, carrier=False)
    )
    if plate.astigmatism:
        f_y, f_x = (fourier.frequencies(n, pixel_size) for n in large)
        difference = f_y[:, None] ** 2 - f_x[None, :] ** 2
        spectrum = spectrum * np.exp(-0.5j * np.pi * wavelength(energy) * plate.astigmatism * difference)
    field = fourier.centred_ifft2(spectrum)
    first = [big // 2 - small // 2 for big, small in zip(large, shape, strict=True)]
    probe = field[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]]
    return np.asarray(probe / np.linalg.norm(probe), np.complex64)


def pupil(plate: ZonePlate, *, pixel_size: float, shape: tuple[int, int]) -> Array:
    """Return the pupil's amplitude, 0 to 1, on centred frequencies; a hard rim is soft over one sample."""
    f_y, f_x = (fourier.frequencies(n, pixel_size) for n in shape)
    radius = np.hypot(f_y[:, None], f_x[None, :])
    sample = max(1 / (n * pixel_size) for n in shape)
    edge = 1 / (2 * plate.outer_zone)
    inside = [_rim(limit - radius, plate.rim * edge, sample) for limit in (edge, plate.stop_fraction * edge)]
    return np.asarray(inside[0] - inside[1] if plate.stop_fraction > 0 else inside[0])


def zone_plate_modes(
    plate: ZonePlate,
    *,
    energy: float,
    defocus: float,
    pixel_size: float,
    shape: tuple[int, int],
    bandwidth: float = 0.0,
    leaks: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """Return the probe of a beam with a bandwidth and leaking orders as incoherent modes.

    Parameters
    ----------
    plate, energy, defocus, pixel_size, shape
        As in `zone_plate_probe`.
    bandwidth : float
        Full width at half maximum of a Gaussian spectrum over the energy. The focal length goes with the energy; the
        changes of the wavelength itself, of the bandwidth's own size, are left out.
    leaks : tuple of float
        Power of the orders 0 and 3 in the field over that of the first. Near the axis the zero order is a plane wave
        and the third a wave from its own focus at a third of the distance; their paths differ from the first order's
        by far more than a coherence length.

    Returns
    -------
    (modes, ny, nx) complex64 array
        Orthogonal, strongest first; all ``|.|²`` together sum to 1.

    Raises
    ------
    ValueError
        As `zone_plate_probe`, or if the bandwidth or a leak is negative.
    """
    if not 0 <= bandwidth < 0.1:
        raise ValueError(f"bandwidth is {bandwidth}; allowed: 0 to below 0.1")
    if len(leaks) != 2 or min(leaks) < 0:
        raise ValueError(f"leaks is {leaks}; allowed: two shares, of the orders 0 and 3, from 0")
    offsets, weights = np.zeros(1), np.ones(1)
    if bandwidth > 0:
        nodes, weights = np.polynomial.hermite_e.hermegauss(_ENERGIES)
        offsets, weights = nodes * bandwidth / np.sqrt(8 * np.log(2)), weights / weights.sum()
    focal = plate.focal_length(energy)
    fields = [
        np.sqrt(weight) * probe_of(
            plate, energy=energy, defocus=defocus - offset * focal, pixel_size=pixel_size, shape=shape
        )
        for offset, weight in zip(offsets, weights, strict=True)
    ]  # fmt: skip
    for leak, curvature in zip(leaks, (0.0, 1 / (2 / 3 * focal + defocus)), strict=True):
        if leak > 0:
            fields.append(np.sqrt(leak) * _leak(curvature, energy, pixel_size, shape))
    modes = orthogonal_modes(np.stack(fields), keep=1.0)
    return np.asarray(modes / np.linalg.norm(modes), np.complex64)


def _leak(curvature: float, energy: float, pixel_size: float, shape: tuple[int, int]) -> Array:
    y, x = ((np.arange(n) - n // 2) * pixel_size for n in shape)
    radius2 = y[:, None] ** 2 + x[None, :] ** 2
    return np.asarray(np.exp(1j * np.pi * curvature / wavelength(energy) * radius2) / np.sqrt(shape[0] * shape[1]))


def _rim(inside: Array, width: float, sample: float) -> Array:
    if width == 0:
        return np.asarray(np.clip(inside / sample + 0.5, 0, 1))
    return np.asarray(0.5 * (1 + np.tanh(inside / (np.sqrt(12) / np.pi * width))))


def _check_sampling(plate: ZonePlate, energy: float, defocus: float, pixel_size: float, shape: tuple[int, int]) -> None:
    if not (np.isfinite(pixel_size) and 0 < pixel_size < plate.outer_zone):
        raise ValueError(
            f"pixel_size is {pixel_size} m; allowed: above 0, below the outer zone of {plate.outer_zone} m"
        )
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape is {shape}; allowed: two numbers of pixels (y, x) from 1")
    field = min(shape) * pixel_size
    reach = abs(defocus) + abs(plate.astigmatism) / 2
    disc = 2 * plate.numerical_aperture(energy) * reach
    if not disc < field:
        raise ValueError(
            f"defocus is {defocus} m; allowed: a disc of {disc:.3g} m inside of the field of {field:.3g} m"
        )
