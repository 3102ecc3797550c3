"""Multilayers with labyrinth domains, as samples.

- `labyrinth_multilayer`: a film of perpendicular domains.
"""

import numpy as np
import xarray as xr

from optics.grids import samples_for
from records import sample
from simulators.samples.textures import labyrinth


def labyrinth_multilayer(
    *,
    extent: float,
    pixel_size: float,
    period: float = 150e-9,
    wall_width: float = 5.1e-9,
    thickness: float = 47e-9,
    saturation_magnetization: float = 1.0e6,
    wall_angle: float = np.pi / 2,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Make a film of worm domains with walls of known width.

    Parameters
    ----------
    extent : float
        Least side of the square film, m; rounded up to a fast length of the transform.
    pixel_size : float
        m; a third of the reconstruction's pixel keeps clear of an inverse crime.
    period, wall_width : float
        Mean distance of like walls, and delta of ``m_z = tanh(s/delta)``, m.
    thickness : float
        From the first to the last magnetic layer, m: one cell.
    saturation_magnetization : float
        A/m.
    wall_angle : float
        In-plane magnetization of a wall against its normal, rad.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        One layer; periodic in x and y.
    """
    n = samples_for(extent, pixel_size)
    texture = labyrinth(
        (n, n), pixel_size=pixel_size, period=period, wall_width=wall_width, rng=rng, wall_angle=wall_angle
    )
    return sample.make(
        magnetization=texture[:, None],
        magnet=np.ones((1, n, n), np.float32),
        saturation_magnetization=saturation_magnetization,
        voxel_size=(thickness, pixel_size, pixel_size),
        origin="analytic",
        features={"wall_width": wall_width, "period": period, "wall_angle": wall_angle},
    )
