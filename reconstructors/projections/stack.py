"""Images of many projections as one measurement for tomography.

- `ImagedProjection`: what one projection's reconstruction says; `imaged`: taken from it and from its scan;
- `projections_of`: all of them as a `Measurement` of kind ``"projections"``.

Images are cut to the window round the origin of the sample and moved by the fraction of a pixel that their
grids are off; nothing else is done to them: levels, backgrounds and shifts are left to what reads the measurement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from optics import scattering
from reconstructors.projections.optical_density import optical_density
from records import projections

Array = NDArray[Any]

_PIXEL_DIFFERS = 1e-3
_NOTHING = 1e-6


@dataclass(frozen=True, eq=False)
class ImagedProjection:
    """Both helicities of one projection.

    Attributes
    ----------
    transmission : (2, n, n) complex64 array
        Of helicity +1 and -1, index ``n//2`` the origin of the sample's coordinates.
    seen : (n, n) bool array
        Where a probe has been: inside the box of the probe's centres.
    tilt, in_plane : float
        Nominal, rad.
    pixel_size : float
        m.
    """

    transmission: Array
    seen: Array
    tilt: float
    in_plane: float
    pixel_size: float


def imaged(reconstruction: xr.Dataset, scan: xr.Dataset, *, n: int) -> ImagedProjection:
    """Take the images of a projection out of its `Reconstruction`.

    Parameters
    ----------
    reconstruction : Dataset
        Of kind ``"ptychography"``, both helicities.
    scan : Dataset
        Header of the `Measurement`, for its angles.
    n : int
        Pixels along the edge of the window.

    Raises
    ------
    ValueError
        If a helicity is missing.
    """
    helicities = [int(h) for h in reconstruction["helicity"].values]
    if sorted(helicities) != [-1, 1]:
        raise ValueError(f"helicity is {helicities}; allowed: both, 1 and -1")
    order = [helicities.index(1), helicities.index(-1)]
    pixel = float(reconstruction["pixel_size"])
    images, axes = reconstruction["object"].values[order], []
    boxes = []
    for dim in ("y", "x"):
        own = reconstruction[dim].values
        axes.append(-float(own[0]) / pixel)
        places = reconstruction[f"position_{dim}"].values
        line = (np.arange(n) - n // 2) * pixel
        boxes.append((line >= places.min()) & (line <= places.max()))
    return ImagedProjection(
        transmission=np.stack([_window(image, (axes[0], axes[1]), n) for image in images]),
        seen=boxes[0][:, None] & boxes[1][None, :],
        tilt=float(scan["tilt"]),
        in_plane=float(scan["in_plane_angle"]),
        pixel_size=pixel,
    )


def _window(image: Array, origin: tuple[float, float], n: int) -> Array:
    """Return the n pixels round a place, fractions of a pixel by a Fourier shift; 1 beyond the image."""
    whole = [int(np.rint(place)) for place in origin]
    rest = [place - index for place, index in zip(origin, whole, strict=True)]
    if max(map(abs, rest)) > _NOTHING:
        f = [fourier.unshifted_frequencies(size, 1.0) for size in image.shape]
        phases = [np.exp(2j * np.pi * frequency * part) for frequency, part in zip(f, rest, strict=True)]
        image = fourier.ifft2(fourier.fft2(image.astype(np.complex128)) * phases[0][:, None] * phases[1])
    out = np.ones((n, n), np.complex64)
    source, target = [], []
    for index, size in zip(whole, image.shape, strict=True):
        first = index - n // 2
        low, high = max(first, 0), min(first + n, size)
        source.append(slice(low, high))
        target.append(slice(low - first, high - first))
    out[tuple(target)] = image[tuple(source)]
    return out


def projections_of(
    found: Sequence[ImagedProjection],
    *,
    scalars: Mapping[str, float],
    box: tuple[float, float, float] | None = None,
    title: str = "projections",
) -> xr.Dataset:
    """Make one `Measurement` of kind ``"projections"`` of the images of all projections.

    Parameters
    ----------
    found : sequence of ImagedProjection
        Those of one in-plane angle are one series.
    scalars : mapping
        ``energy`` (eV) and ``polarization``; the indices of nickel and silica at that energy are added from
        `optics.scattering`.
    box : tuple of float, optional
        Nominal size (z, y, x) of the sample, m.
    title : str

    Raises
    ------
    ValueError
        If there is nothing, or the pixels differ.
    """
    if not found:
        raise ValueError("found is empty; allowed: one projection or more")
    pixels = np.array([each.pixel_size for each in found])
    if np.ptp(pixels) > _PIXEL_DIFFERS * pixels[0]:
        raise ValueError(f"pixel_size is {pixels.min():.4g} to {pixels.max():.4g} m; allowed: one for all projections")
    waves = np.stack([each.transmission for each in found], axis=1)
    magnet, matrix = (scattering.refractive_index(name, scalars["energy"]) for name in ("Ni", "SiO2"))
    _, beta_m = scattering.magnetic_index("Ni", scalars["energy"])
    turns = np.array([each.in_plane for each in found])
    return projections.make(
        images={
            "optical_density": optical_density(waves),
            "phase": np.angle(waves),
            "valid": np.stack([each.seen for each in found]),
        },
        angles={
            "tilt": np.array([each.tilt for each in found]),
            "in_plane": turns,
            "series": projections.numbered_series(np.round(np.rad2deg(turns), 3)),
        },
        scalars={
            "pixel_size": float(pixels[0]),
            "energy": float(scalars["energy"]),
            "polarization": float(scalars["polarization"]),
            "beta_m": float(abs(beta_m)),
            "beta_magnet": float(magnet[1]),
            "beta_matrix": float(matrix[1]),
            "delta_magnet": float(magnet[0]),
            "delta_matrix": float(matrix[0]),
        },
        box=box,
        title=title,
    )
