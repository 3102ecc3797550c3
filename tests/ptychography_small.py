"""A small problem of 64² frames in the manner of the common one, for tests of anything but quality.

- `small_problem`: its truth and its data; `assembled`: what engines take; `nrmse`; `node`: as a measurement.
"""

from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.streams import stream
from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography.engines import modes
from tests.ptychography_measurement import measured
from tests.ptychography_problem import ENERGY, PIXEL, Problem, annular_probe, expected_frame, textured_object
from tests.ptychography_score import fitted

Array = NDArray[Any]

N, GRID, STEP, MARGIN = 64, 7, 8, 8
DEFOCUS, START_DEFOCUS = 0.69e-6, 0.48e-6


@cache
def small_problem(seed: int = 0, *, photons: float = 1e6, grid: int = GRID) -> Problem:
    """Draw a small problem."""
    object_ = textured_object(2 * MARGIN + (grid - 1) * STEP + N, stream(seed, "object"))
    probe = annular_probe(N, DEFOCUS)
    nodes = MARGIN + STEP * np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), -1).reshape(-1, 2)
    corners = nodes + stream(seed, "positions").integers(-2, 3, nodes.shape)
    frames = np.stack([expected_frame(object_, probe, *at) for at in corners])
    scale = photons / frames.sum((1, 2)).mean()
    counts = stream(seed, "noise").poisson(frames * scale)
    beginning = annular_probe(N, START_DEFOCUS) * np.sqrt(counts.sum((1, 2)).mean())
    return Problem(object_, probe * np.sqrt(scale), corners, counts, beginning.astype(np.complex64))


def assembled(drawn: Problem, *, count: int = 1, **more: Any) -> problems.Problem:
    """Return the problem that engines take, started with `count` modes."""
    return problems.from_arrays(
        drawn.counts,
        drawn.corners,
        modes.start_modes(drawn.start_probe, count),
        optics=problems.Optics(wavelength(ENERGY), PIXEL),
        object_shape=drawn.object.shape,
        **more,
    )


def nrmse(object_: Array, drawn: Problem) -> float:
    return fitted(object_, drawn.object, drawn.corners, (N, N)).nrmse


def node(seed: int = 0, *, counts: Array | None = None, **more: Any) -> xr.Dataset:
    """Return a measurement of both helicities, equal but for their noise."""
    drawn = small_problem(seed)
    if counts is None:
        counts = np.stack([drawn.counts, stream(seed, "other noise").poisson(drawn.counts)])
    helicity = (1, -1) if counts.ndim == 4 else (1,)
    scalars = {"defocus": START_DEFOCUS} | more.pop("scalars", {})
    return measured(counts, drawn.corners, helicity=helicity, scalars=scalars, **more)
