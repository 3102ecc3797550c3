"""Line integrals by spreading every voxel onto the detector, and their adjoint: for hard edges and second opinions.

- `Splat`: a planned projector: `forward` and, below it, `adjoint`;
- `plan_splat`: plan one for a geometry.

A voxel is shared by the four pixels round its place, bilinearly; of the "box", eight sub-voxels are. What falls beside
the detector is lost in both directions. One thread makes one image, or one plane of the volume, so that the bytes do
not depend on the number of threads.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.splat_kernels import gather, row_spans, spread

Array = NDArray[Any]

_PARTS = {None: np.zeros((1, 3)), "box": np.array(list(product((-0.25, 0.25), repeat=3)))}
"""Where the parts of a voxel lie against its centre, (z, y, x)."""


@dataclass(frozen=True, eq=False)
class Splat:
    """A projector by spreading.

    Attributes
    ----------
    shape : tuple of int
        Of volumes (z, y, x).
    detector : tuple of int
        Of images (y, x).
    poses : (n, 4, 2) float64 array
        Pixel (y, x) of voxel (0, 0, 0), counted from the first of a rim of one pixel; steps along z, y, x.
    parts : (n, p, 2) float64 array
        Pixels (y, x) of the parts of a voxel against its centre.
    dtype : float32 or float64
    """

    shape: tuple[int, int, int]
    detector: tuple[int, int]
    poses: Array
    parts: Array
    dtype: Any

    def forward(self, volumes: Array, weights: Array) -> Array:
        """Return the images of several volumes together.

        Parameters
        ----------
        volumes : (m, z, y, x) real array
        weights : (n, m) array
            Of each volume in each projection: 1, or the direction of the beam.

        Returns
        -------
        (n, y, x) real array
        """
        volumes = np.ascontiguousarray(volumes, self.dtype)
        spans = np.empty((*self.shape[:2], 2), np.int64)
        row_spans(volumes, spans)
        shares, limits, ramp = self._constants(weights)
        height, width = (n + 2 for n in self.detector)
        images = np.empty((len(self.poses), *self.detector), self.dtype)

        def project(first: int, last: int) -> None:
            for i in range(first, last):
                corners = np.zeros((height * width + 1) * 4, self.dtype)
                spread(volumes, spans, shares[i], self.poses[i], self.parts[i], limits, ramp, corners)
                own, x, y, both = np.moveaxis(corners[:-4].reshape(height, width, 4), 2, 0)
                images[i] = own[1:-1, 1:-1] + x[1:-1, :-2] + y[:-2, 1:-1] + both[:-2, :-2]

        fourier.in_blocks(project, len(images), 1)
        return images

    def adjoint(self, images: Array, weights: Array) -> Array:
        """Apply the adjoint of `forward`: (n, y, x) to (m, z, y, x)."""
        shares, limits, ramp = self._constants(weights)
        height, width = (n + 2 for n in self.detector)
        pixels = np.zeros((len(images), height * width + width + 2), self.dtype)
        pixels[:, : height * width].reshape(-1, height, width)[:, 1:-1, 1:-1] = images
        volumes = np.zeros((weights.shape[1], *self.shape), self.dtype)

        def collect(first: int, last: int) -> None:
            for z in range(first, last):
                gather(pixels, shares, self.poses, self.parts, limits, ramp, z, volumes[:, z])

        fourier.in_blocks(collect, self.shape[0], 1)
        return volumes

    def _constants(self, weights: Array) -> tuple[Array, Array, Array]:
        shares = np.ascontiguousarray(weights / self.parts.shape[1], self.dtype)
        limits = np.array([n + 1 for n in self.detector], self.dtype)
        return shares, limits, np.arange(self.shape[2]).astype(self.dtype)


def plan_splat(
    shape: tuple[int, int, int],
    geometry: Geometry,
    *,
    detector: tuple[int, int],
    footprint: str | None = None,
    dtype: Any = np.float32,
) -> Splat:
    """Plan a projector; see `reconstructors.tomography.projector.plan_projector`."""
    onto = geometry.rotations[:, [1, 0], ::-1]
    origin = np.array([n // 2 for n in detector]) + geometry.shifts
    corner = origin - onto @ np.array([n // 2 for n in shape], float)
    poses = np.concatenate([corner[:, None] + 1, np.swapaxes(onto, 1, 2)], axis=1)
    parts = np.einsum("iab,pb->ipa", onto, _PARTS[footprint])
    return Splat(shape, detector, np.ascontiguousarray(poses), np.ascontiguousarray(parts), np.dtype(dtype))
