"""One face for all projectors: plan once, then project scalar volumes and magnetizations, forward and back.

- `plan_projector`: choose and plan a `Projector`;
- `project`, `project_adjoint`: line integrals of a scalar volume along every beam;
- `project_vector`, `project_vector_adjoint`: of the component of a magnetization along the beam.

Lengths are in voxels: the image of a volume of ones is the path of the beam in voxels. Index ``n//2`` of volume and
detector is the origin at every angle.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from reconstructors.tomography.fourier_slice import plan_slices
from reconstructors.tomography.geometry import Geometry, beam_directions

Array = NDArray[Any]

KINDS = ("fourier", "splat")
FOOTPRINTS = {"fourier": (None, "box"), "splat": (None, "box")}


class Engine(Protocol):
    """What computes line integrals of several volumes with weights, and the adjoint."""

    def forward(self, volumes: Array, weights: Array) -> Array:
        """Return ``sum_m weights[i, m] P_i(volumes[m])``: (m, z, y, x) and (n, m) to (n, y, x)."""
        ...

    def adjoint(self, images: Array, weights: Array) -> Array:
        """Apply the adjoint of `forward`: (n, y, x) to (m, z, y, x)."""
        ...


@dataclass(frozen=True, eq=False)
class Projector:
    """Line integrals in a geometry.

    Attributes
    ----------
    shape : tuple of int
        Of volumes (z, y, x).
    detector : tuple of int
        Of images (y, x).
    geometry : Geometry
    engine : Engine
    dtype : dtype
        Of volumes and images.
    """

    shape: tuple[int, int, int]
    detector: tuple[int, int]
    geometry: Geometry
    engine: Engine
    dtype: Any = np.float32

    def __len__(self) -> int:
        return len(self.geometry)


def plan_projector(
    shape: tuple[int, int, int],
    geometry: Geometry,
    *,
    detector: tuple[int, int],
    kind: str = "fourier",
    footprint: str | None = None,
    padding: float = 1.5,
    accuracy: float = 1e-3,
    dtype: Any = np.float32,
) -> Projector:
    """Plan the projections of volumes of `shape`.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x), not necessarily a cube.
    geometry : Geometry
    detector : tuple of int
        Pixels (y, x); the pixel is the voxel.
    kind : {"fourier", "splat"}
        Slices of the spectrum, for band-limited volumes; sub-voxels spread onto pixels, for hard edges.
    footprint : {None, "box"}
        Shape of a voxel: a point of a band-limited field, or a box of constant value.
    padding : float
        Detector on which slices are sampled, over `detector`; from 1.5 a full box of the detector's width is right.
    accuracy : float
        Relative, of the spectrum; below 1e-6 only in double precision. The default is a fast one.
    dtype : float32 or float64

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """
    _check(shape, detector, kind, footprint, padding, dtype)
    if kind == "splat":
        from reconstructors.tomography.splat import plan_splat

        engine: Engine = plan_splat(shape, geometry, detector=detector, footprint=footprint, dtype=dtype)
    else:
        engine = plan_slices(
            shape,
            geometry,
            detector=detector,
            padding=padding,
            accuracy=accuracy,
            footprint=footprint,
            dtype=dtype,
        )
    return Projector(shape, detector, geometry, engine, np.dtype(dtype))


def project(volume: Array, plan: Projector) -> Array:
    """Return the line integrals of `volume`, (z, y, x) to (n, y, x)."""
    _check_shape("volume", volume, plan.shape)
    return plan.engine.forward(volume[None].astype(plan.dtype, copy=False), np.ones((len(plan), 1)))


def project_adjoint(images: Array, plan: Projector) -> Array:
    """Apply the adjoint of `project`, (n, y, x) to (z, y, x)."""
    _check_shape("images", images, (len(plan), *plan.detector))
    return np.asarray(plan.engine.adjoint(images.astype(plan.dtype, copy=False), np.ones((len(plan), 1)))[0])


def project_vector(m: Array, plan: Projector) -> Array:
    """Return the line integrals of the component of `m` along the beam, (3, z, y, x) to (n, y, x)."""
    _check_shape("m", m, (3, *plan.shape))
    return plan.engine.forward(m.astype(plan.dtype, copy=False), beam_directions(plan.geometry.rotations))


def project_vector_adjoint(images: Array, plan: Projector) -> Array:
    """Apply the adjoint of `project_vector`, (n, y, x) to (3, z, y, x)."""
    _check_shape("images", images, (len(plan), *plan.detector))
    return plan.engine.adjoint(images.astype(plan.dtype, copy=False), beam_directions(plan.geometry.rotations))


def _check(
    shape: tuple[int, ...], detector: tuple[int, ...], kind: str, footprint: str | None, padding: float, dtype: Any
) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed: {', '.join(KINDS)}")
    if footprint not in FOOTPRINTS[kind]:
        raise ValueError(f"footprint is {footprint!r}; allowed: None, 'box'")
    for name, sizes, count in (("shape", shape, 3), ("detector", detector, 2)):
        if len(sizes) != count or not all(n == int(n) and n >= 1 for n in sizes):
            raise ValueError(f"{name} is {sizes}; allowed: {count} whole numbers from 1")
    if not 1 <= padding <= 8:
        raise ValueError(f"padding is {padding}; allowed: 1 to 8")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype is {np.dtype(dtype).name}; allowed: float32, float64")


def _check_shape(name: str, array: Array, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise ValueError(f"{name} has shape {array.shape}; allowed: {wanted}")
