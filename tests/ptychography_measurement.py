"""The common problem as a measurement: what a detector would have recorded of it.

- `header_of`: positions and what an experimenter knows; `measured`: with counts of any helicities as a node;
- `detected`: photons to raw ADU.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optics.units import wavelength
from records import ptychography
from tests.ptychography_problem import ENERGY, PIXEL, PUPIL_RADIUS, START_DEFOCUS, STOP

Array = NDArray[Any]

PITCH, GAIN, DARK = 11e-6, 10.0, 100


def header_of(
    corners: Array,
    n: int,
    *,
    helicity: tuple[int, ...] = (1,),
    valid: Array | None = None,
    optics: bool = True,
    scalars: dict[str, float] | None = None,
    frames: dict[str, Array] | None = None,
) -> xr.Dataset:
    """Return all but the frames of `n` pixels a side at first pixels `corners`, (helicities, frames, 2)."""
    centres = (corners + n // 2) * PIXEL
    values: dict[str, float] = {
        "energy": ENERGY,
        "distance": PIXEL * n * PITCH / wavelength(ENERGY),
        "pixel_pitch": PITCH,
        "gain": GAIN,
        "saturation": 60000.0,
        "read_noise": 0.0,
        "tilt": 0.0,
        "in_plane_angle": 0.0,
    }
    if optics:
        values |= {
            "outer_zone": n * PIXEL / (2 * PUPIL_RADIUS),
            "stop_fraction": STOP,
            "defocus": START_DEFOCUS,
        }
    return ptychography.header(
        dark=np.full((n, n), DARK, np.float32),
        valid=np.ones((n, n), bool) if valid is None else valid,
        frames={"position_y": centres[..., 0], "position_x": centres[..., 1]} | (frames or {}),
        scalars=values | (scalars or {}),
        helicity=helicity,
    )


def measured(counts: Array, corners: Array, *, helicity: tuple[int, ...] = (1,), **words: Any) -> xr.Dataset:
    """Return the node of photons `counts`, (helicities, frames, n, n) or (frames, n, n), at first pixels `corners`.

    `words` are those of `header_of`.
    """
    photons = counts.reshape(len(helicity), -1, *counts.shape[-2:])
    places = np.broadcast_to(np.asarray(corners, float), (*photons.shape[:2], 2))
    return ptychography.make(header_of(places, photons.shape[-1], helicity=helicity, **words), detected(photons))


def detected(photons: Array) -> Array:
    """Return whole photons as ADU with the dark offset."""
    return np.asarray(np.minimum(photons * int(GAIN) + DARK, 60000), np.uint16)
