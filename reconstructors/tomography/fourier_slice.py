"""Line integrals of a band-limited volume by the Fourier slice theorem, and their adjoint.

- `FourierSlices`: a planned projector: `forward` and, below it, `adjoint`;
- `plan_slices`: plan one for a geometry.

Each projection is the inverse transform of a plane through the volume's spectrum, which is zero beyond the band of the
voxels, where a slice's corners would read the next period. Real volumes need half of the plane. A slice sampled too
coarsely is a periodic sum, hence the padded detector. Shifts are phases on the slice.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.nonuniform import check_accuracy
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.slice_spectra import TOGETHER, Spectra, box_shapes, plan_fused, plan_library

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class FourierSlices:
    """A projector by slices.

    Attributes
    ----------
    shape : tuple of int
        Of volumes (z, y, x).
    detector : tuple of int
        Of images (y, x).
    padded : tuple of int
        Of the images on which slices are sampled.
    spectra : Spectra
    phases : ((n, v) array, (n, u) array)
        Of the shifts and of the detector's origin.
    shapes : (n, v, u) real array or None
        The transform of a voxel's footprint; None stands for ones.
    """

    shape: tuple[int, int, int]
    detector: tuple[int, int]
    padded: tuple[int, int]
    spectra: Spectra
    phases: tuple[Array, Array]
    shapes: Array | None

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
        if len(volumes) not in TOGETHER:
            return np.sum([self.forward(volumes[[m]], weights[:, [m]]) for m in range(len(volumes))], axis=0)
        images = np.empty((len(self.phases[0]), *self.detector), self.phases[0].real.dtype)

        def use(i: int, values: Array) -> None:
            values *= self._factors(i)
            images[i] = fourier.irfft2(values, self.padded)[: self.detector[0], : self.detector[1]]

        self.spectra.read(volumes.astype(images.dtype, copy=False), weights, use)
        return images

    def adjoint(self, images: Array, weights: Array) -> Array:
        """Apply the adjoint of `forward`: (n, y, x) to (m, z, y, x)."""
        real, count = self.phases[0].real.dtype, weights.shape[1]
        if count not in TOGETHER:
            return np.concatenate([self.adjoint(images, weights[:, [m]]) for m in range(count)])
        slices = np.empty((len(images), *(part.shape[1] for part in self.phases)), self.phases[0].dtype)

        def turn(first: int, last: int) -> None:
            for i in range(first, last):
                whole = np.zeros(self.padded, real)
                whole[: self.detector[0], : self.detector[1]] = images[i]
                np.multiply(fourier.rfft2(whole), np.conj(self._factors(i)), out=slices[i])
                slices[i, :, 1 : (self.padded[1] + 1) // 2] *= 2

        fourier.in_blocks(turn, len(images), 1)
        return self.spectra.spread(slices, weights)

    def _factors(self, i: int) -> Array:
        factors = self.phases[0][i, :, None] * self.phases[1][i]
        return np.asarray(factors if self.shapes is None else factors * self.shapes[i])


def plan_slices(
    shape: tuple[int, int, int],
    geometry: Geometry,
    *,
    detector: tuple[int, int],
    padding: float = 1.5,
    accuracy: float = 1e-3,
    footprint: str | None = None,
    dtype: Any = np.float32,
) -> FourierSlices:
    """Plan a projector; see `reconstructors.tomography.projector.plan_projector`."""
    complex_ = np.dtype(np.complex64 if np.dtype(dtype) == np.float32 else np.complex128)
    check_accuracy(accuracy, complex_)
    ny, nx = (fourier.good_size(round(padding * n)) for n in detector)
    f_v, f_u = fourier.unshifted_frequencies(ny, 1.0), fourier.half_frequencies(nx, 1.0)
    spectra: Spectra | None = None
    if complex_ == np.complex64:
        spectra = plan_fused(shape, geometry.rotations, f_v, f_u, accuracy=accuracy)
    if spectra is None:
        spectra = plan_library(shape, geometry.rotations, f_v, f_u, accuracy=accuracy, dtype=complex_)
    origin = geometry.shifts + np.array([n // 2 for n in detector])
    along_v, along_u = (np.exp(-2j * np.pi * f * origin[:, [axis]]) for axis, f in enumerate((f_v, f_u)))
    phases = ((along_v / np.sqrt(ny * nx)).astype(complex_), along_u.astype(complex_))
    shapes = box_shapes(geometry.rotations, f_v, f_u, dtype=dtype) if footprint == "box" else None
    return FourierSlices(shape, detector, (ny, nx), spectra, phases, shapes)
