"""Parameters that every texture allows, and grids in metres."""

import numpy as np

NM = 1e-9
PARAMETERS = {
    "wall": {"wall_width": 5 * NM, "wall_angle": 0.3, "direction": 0.4},
    "kittel_wall": {"wall_width": 5 * NM, "thickness": 20 * NM},
    "stripes": {"period": 40 * NM, "wall_width": 5 * NM},
    "kittel_stripes": {"period": 40 * NM, "wall_width": 5 * NM, "thickness": 20 * NM},
    "helix": {"period": 40 * NM, "axis": (1, 2, -3), "cone": 1.1},
    "skyrmion": {"radius": 20 * NM, "wall_width": 5 * NM, "helicity": 0.2},
    "vortex": {"core_radius": 10 * NM},
    "hopfion": {"radius": 15 * NM},
    "hedgehog": {},
    "hedgehog_pair": {"separation": 12 * NM},
    "bobber": {"radius": 12 * NM, "wall_width": 4 * NM, "length": 12 * NM},
}


def grid(*shape: int, step: float = NM):
    return np.ix_(*((np.arange(n) - n // 2) * step for n in shape))
