"""What the experimenter knows of a ptychographic projection, and nothing else.

- `header`: the record `Measurement` without its frames;
- `known_scalars`: nominal beam, geometry and magnet; `title`.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optics import scattering
from records import ptychography
from simulators.beamline.frame_detector import valid_pixels
from simulators.experiments.frame_detection import Detection
from simulators.experiments.ptychography_setups import PtychographySetup

Array = NDArray[Any]


def header(plan: Detection, nominal: Array) -> xr.Dataset:
    """Return everything of a measurement but its frames.

    Parameters
    ----------
    plan : Detection
    nominal : (helicity, position, 2) array
        Positions (y, x) that the experimenter knows, m.
    """
    setup, sensor = plan.setup, plan.sensor
    positions = {"position_y": nominal[..., 0], "position_x": nominal[..., 1]}
    return ptychography.header(
        dark=plan.measured_dark(),
        valid=valid_pixels(sensor),
        frames=positions | plan.measured(),
        scalars=known_scalars(setup)
        | {
            "gain": sensor.detector.chip.gain,
            "saturation": float(sensor.saturation),
            "read_noise": sensor.read_noise,
        },
        helicity=setup.helicities,
        title=title(setup),
    )


def known_scalars(setup: PtychographySetup) -> dict[str, float]:
    """Return what the experimenter knows of beam, geometry and magnet."""
    optics = setup.optics
    constants = {"beta_c": 0.0, "delta_c": 0.0}
    for material, share in setup.material.shares.items():
        delta, beta = scattering.refractive_index(material, optics.energy, white_line=setup.material.white_line)
        constants["beta_c"] += share * beta
        constants["delta_c"] += share * delta
    magnet = setup.material.magnet
    delta_m, beta_m = scattering.magnetic_index(magnet, optics.energy)
    share = setup.material.shares[magnet]
    return constants | {
        "beta_m": share * beta_m,
        "delta_m": share * delta_m,
        "energy": optics.energy,
        "distance": setup.distance,
        "pixel_pitch": setup.detector.pitch,
        "tilt": setup.tilt,
        "in_plane_angle": setup.in_plane_angle,
        "outer_zone": optics.plate.outer_zone,
        "stop_fraction": optics.plate.stop_fraction,
        "defocus": optics.defocus + optics.defocus_error,
        "polarization": optics.polarization,
    }


def title(setup: PtychographySetup) -> str:
    """Return one line for people."""
    n, tilt, turn = setup.detector.n, np.rad2deg(setup.tilt), np.rad2deg(setup.in_plane_angle)
    frames = f"{setup.scan.frames} frames of {n} x {n} pixels"
    return f"ptychography, {frames} per helicity, tilt {tilt:.4g} deg, in-plane angle {turn:.4g} deg"
