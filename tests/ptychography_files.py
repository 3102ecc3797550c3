"""A small ptychographic scan as a file, as a user would bring it."""

from pathlib import Path

import numpy as np
import xarray as xr

from optics.units import wavelength
from records import cxi, ptychography
from tests.ptychography_problem import DEFOCUS, ENERGY, PIXEL, PUPIL_RADIUS, STOP, common_problem

N, GRID, PITCH = 128, 4, 100e-6


def small_scan(seed: int = 5) -> xr.Dataset:
    """Return a measurement of one helicity, 16 frames, its optics known."""
    drawn = common_problem(seed, n=N, grid=GRID, photons=2e5)
    centres = PIXEL * (drawn.corners + N // 2)
    header = ptychography.header(
        dark=np.zeros((N, N)),
        valid=np.ones((N, N), bool),
        frames={"position_y": centres[None, :, 0], "position_x": centres[None, :, 1]},
        scalars={
            "energy": ENERGY,
            "distance": N * PITCH * PIXEL / wavelength(ENERGY),
            "pixel_pitch": PITCH,
            "gain": 1.0,
            "saturation": 60000.0,
            "read_noise": 0.0,
            "tilt": 0.0,
            "in_plane_angle": 0.0,
            "outer_zone": N * PIXEL / (2 * PUPIL_RADIUS),
            "stop_fraction": STOP,
            "defocus": DEFOCUS,
        },
        helicity=[1],
    )
    return ptychography.make(header, drawn.counts[None].astype(np.uint16))


def write_small_scan(path: Path) -> Path:
    """Write it as CXI."""
    cxi.write_nodes(small_scan(), path)
    return path
