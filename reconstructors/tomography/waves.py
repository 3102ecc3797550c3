"""Complex images under the face of a projector to real ones: the real part of each above its imaginary part.

- `plan_waves`: a `Projector` by curved slices whose images are (2 y, x); `WaveSlices`: its engine;
- `part_of`: some of the projections of one, or of a flat one; `stacked`: complex images as it has them;
  `apart`: its images, or those of a flat one, with real and imaginary parts as images of their own;
- `project_index`, `project_index_adjoint`: absorption and delay together, as `project` and its adjoint;
- `project_moment`: their first moments along the beam.

Real solvers, weights and misfits need to know nothing of it, and what is held out of a projection is all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.tomography.curved_slices import CurvedSlices, plan_curved
from reconstructors.tomography.geometry import Geometry, beam_directions
from reconstructors.tomography.projector import Projector, plan_projector

Array = NDArray[Any]

INDEX = (1.0, 1.0j)
"""Weights of absorption and delay in the negative logarithm of a wave."""


def stacked(images: Array) -> Array:
    """Return complex images (n, y, x) as real ones (n, 2 y, x): the real parts above the imaginary ones."""
    return np.concatenate([images.real, images.imag], axis=1)


def apart(images: Array, plan: Projector) -> Array:
    """Return the images (n, rows, x) of a projector as (n, y, x), or of waves as (2 n, y, x)."""
    n, rows, columns = images.shape
    return images.reshape(2 * n, rows // 2, columns) if isinstance(plan.engine, WaveSlices) else images


@dataclass(frozen=True, eq=False)
class WaveSlices:
    """The engine of curved slices with real images.

    Attributes
    ----------
    curved : CurvedSlices
    curvature : float
        Wavelength over voxel.
    """

    curved: CurvedSlices
    curvature: float

    def forward(self, volumes: Array, weights: Array) -> Array:
        """Return the images (n, 2 y, x) of several volumes together; `weights` (n, m) may be complex."""
        return stacked(self.curved.forward(volumes, weights))

    def adjoint(self, images: Array, weights: Array) -> Array:
        """Apply the adjoint of `forward`: (n, 2 y, x) to (m, z, y, x)."""
        half = images.shape[1] // 2
        waves = np.empty((len(images), half, images.shape[2]), self.curved.phases[0].dtype)
        waves.real, waves.imag = images[:, :half], images[:, half:]
        return self.curved.adjoint(waves, weights)


def plan_waves(
    shape: tuple[int, int, int],
    geometry: Geometry,
    *,
    detector: tuple[int, int],
    curvature: float,
    padding: float = 1.5,
    footprint: str | None = None,
    dtype: Any = np.float32,
) -> Projector:
    """Plan the logarithms of waves behind volumes of `shape`; the arguments are those of `curved_slices.plan_curved`.

    Parameters
    ----------
    detector : tuple of int
        Pixels (y, x); the images of the projector have twice as many rows.
    """
    curved = plan_curved(
        shape, geometry, detector=detector, curvature=curvature, padding=padding, footprint=footprint, dtype=dtype
    )
    engine = WaveSlices(curved, curvature)
    return Projector(shape, (2 * detector[0], detector[1]), geometry, engine, np.dtype(dtype))


def project_index(volumes: Array, plan: Projector) -> Array:
    """Return the images (n, 2 y, x) of absorption and delay, (2, z, y, x)."""
    return plan.engine.forward(volumes.astype(plan.dtype, copy=False), np.tile(INDEX, (len(plan), 1)))


def project_index_adjoint(images: Array, plan: Projector) -> Array:
    """Apply the adjoint of `project_index`, (n, 2 y, x) to (2, z, y, x)."""
    return plan.engine.adjoint(images.astype(plan.dtype, copy=False), np.tile(INDEX, (len(plan), 1)))


def project_moment(moments: Sequence[Array], plan: Projector) -> Array:
    """Return the images (n, 2 y, x) of absorption and delay times the way along the beam.

    Parameters
    ----------
    moments : two (3, z, y, x) arrays
        Absorption and delay, each times x, y, z.
    plan : Projector
    """
    along = beam_directions(plan.geometry.rotations)
    weights = np.concatenate([factor * along for factor in INDEX], axis=1)
    return plan.engine.forward(np.concatenate(moments).astype(plan.dtype, copy=False), weights)


def part_of(plan: Projector, chosen: Array) -> Projector:
    """Return a projector of the projections `chosen` by the same slices, flat or curved, and of voxels as points."""
    geometry = plan.geometry.of(chosen)
    if isinstance(plan.engine, WaveSlices):
        own = plan.engine
        return plan_waves(plan.shape, geometry, detector=own.curved.detector, curvature=own.curvature)
    return plan_projector(plan.shape, geometry, detector=plan.detector)
