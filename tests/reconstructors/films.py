"""A magnetic film in a round hole, its exit waves free of noise."""

import numpy as np

from numerics.streams import stream
from optics.units import wavelength
from reconstructors.supports import Circle, Holes
from simulators.samples.textures import labyrinth

N, PIXEL = 256, 5.3e-9
LENGTH = wavelength(778.25)
MAGNETIC = 0.07 + 0.02j  # k P_c (beta_m + i delta_m) t
HOLES = Holes(N, (Circle(0.0, 0.0, 45.0),), ())
INNER = HOLES.object_mask(-8)


def film(seed=0, magnetic=MAGNETIC):
    """Return m_z and both waves behind a thin film in a hole with a soft edge, complex128, centred."""
    m_z = labyrinth((N, N), pixel_size=PIXEL, period=150e-9, wall_width=8e-9, rng=stream(seed, "sample"))[2]
    index = np.arange(N) - N // 2
    radius = np.hypot(index[:, None], index[None, :])
    hole = 1 / (1 + np.exp(np.clip((radius - 45) / 1.5, -60, 60)))
    return m_z, [hole * 0.6 * np.exp(0.3j) * np.exp(-sign * magnetic * m_z) for sign in (1, -1)]
