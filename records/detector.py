"""What a measurement of any kind says of beam and detector.

- `SCALARS`: their layout; `check_square`: as many pixels across as down;
- `far_field_pixel`: the pixel of the object that they set.
"""

from typing import Final

import xarray as xr

from optics.units import wavelength
from records.checks import Variable, number, require

SCALARS: Final[dict[str, Variable]] = {
    "energy": number("eV", positive=True),
    "distance": number("m", positive=True),
    "pixel_pitch": number("m", positive=True),
    "gain": number("ADU/photon", positive=True),
    "saturation": number("ADU", positive=True),
    "read_noise": Variable(((),), units="ADU", minimum=0.0),
}


def check_square(name: str, shape: tuple[int, ...]) -> None:
    """Check that frames of (y, x) pixels are square and have more than one.

    Raises
    ------
    RecordError
        If they are not.
    """
    require(shape[0] == shape[1] and shape[0] > 1, name, f"{shape} pixels", "a square detector")


def far_field_pixel(measurement: xr.Dataset) -> float:
    """Return the pixel of the object, m: wavelength times distance over the detector's width."""
    width = measurement.sizes["x"] * float(measurement["pixel_pitch"])
    return wavelength(float(measurement["energy"])) * float(measurement["distance"]) / width
