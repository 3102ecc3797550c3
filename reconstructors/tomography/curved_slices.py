"""Line integrals with the light's propagation inside of the sample: curved slices of the spectrum, and the adjoint.

- `CurvedSlices`: a planned projector to complex images: `forward` and, below it, `adjoint`;
- `plan_curved`: plan one for a geometry.

What a weak object at the height h along the beam adds to the logarithm of the exit wave, brought back to the plane of
the origin, is its flat image propagated by -h (Rytov approximation): in the volume's spectrum, ``u r1 + v r2`` is bent
along the beam to ``u r1 + v r2 + w r3``, ``w = -curvature (u² + v²) / 2`` in cycles per voxel. The images of real
volumes are then complex, and need the whole plane (u, v): its other half is no longer the conjugate one. A frequency of
one half of an even length has no partner, and is left out.

References
----------
A. J. Devaney, Opt. Lett. 6, 374 (1981); A. C. Kak and M. Slaney, *Principles of Computerized Tomographic Imaging*
(1988), chapter 6: there with the whole sphere, here with its paraxial part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.nonuniform import check_accuracy
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.slice_spectra import TOGETHER, Spectra, box_shapes, plan_fused, plan_library

Array = NDArray[Any]

MOST_CURVED = 2.0
"""At which the corners of a slice leave the volume's band along the beam."""


@dataclass(frozen=True, eq=False)
class CurvedSlices:
    """A projector by curved slices.

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
        Of the shifts and of the detector's origin; 0 at frequencies that are left out.
    shapes : (n, v, u) real array or None
        The transform of a voxel's footprint; None stands for ones.
    """

    shape: tuple[int, int, int]
    detector: tuple[int, int]
    padded: tuple[int, int]
    spectra: Spectra
    phases: tuple[Array, Array]
    shapes: Array | None = None

    def forward(self, volumes: Array, weights: Array) -> Array:
        """Return the images of several volumes together.

        Parameters
        ----------
        volumes : (m, z, y, x) real array
        weights : (n, m) real or complex array
            Of each volume in each projection: 1, the direction of the beam, or 1 and 1j for the two parts of an index.

        Returns
        -------
        (n, y, x) complex array

        Raises
        ------
        ValueError
            If a shape does not fit.
        """
        self._check("volumes", volumes, (len(volumes), *self.shape))
        self._check("weights", weights, (len(self.phases[0]), len(volumes)))
        images = np.zeros((len(weights), *self.detector), self.phases[0].dtype)
        volumes = volumes.astype(images.real.dtype, copy=False)
        for factor, columns, shares in _passes(weights):

            def use(i: int, values: Array, factor: complex = factor) -> None:
                values *= self._factors(i)
                fourier.transform_axis(values, 0, inverse=True)
                rows = values[: self.detector[0]]
                fourier.transform_axis(rows, 1, inverse=True)
                own = rows[:, : self.detector[1]]
                images[i] += own if factor == 1 else own * images.dtype.type(factor)

            self.spectra.read(volumes[columns], shares, use)
        return images

    def adjoint(self, images: Array, weights: Array) -> Array:
        """Apply the adjoint of `forward` for the product Re<., .>: (n, y, x) complex to (m, z, y, x) real."""
        self._check("images", images, (len(self.phases[0]), *self.detector))
        self._check("weights", weights, (len(images), weights.shape[-1]))
        slices = np.zeros((len(images), *self.padded), self.phases[0].dtype)

        def turn(first: int, last: int) -> None:
            for i in range(first, last):
                rows = slices[i, : self.detector[0]]
                rows[:, : self.detector[1]] = images[i]
                fourier.transform_axis(rows, 1)
                fourier.transform_axis(slices[i], 0)
                slices[i] *= np.conj(self._factors(i))

        fourier.in_blocks(turn, len(images), 1)
        volumes = np.zeros((weights.shape[1], *self.shape), slices.real.dtype)
        turned = 1.0 + 0.0j
        for factor, columns, shares in _passes(weights):
            if factor != turned:
                slices *= slices.dtype.type(np.conj(factor / turned))
                turned = factor
            volumes[columns] += self.spectra.spread(slices, shares)
        return volumes

    def _factors(self, i: int) -> Array:
        factors = self.phases[0][i, :, None] * self.phases[1][i]
        return np.asarray(factors if self.shapes is None else factors * self.shapes[i])

    @staticmethod
    def _check(name: str, array: Array, wanted: tuple[int, ...]) -> None:
        if array.shape != wanted:
            raise ValueError(f"{name} has shape {array.shape}; allowed: {wanted}")


def _passes(weights: Array) -> Iterator[tuple[complex, list[int], Array]]:
    """Yield factors, 1 or 1j, with the volumes that are read together and their real weights."""
    for factor, part in ((1.0 + 0.0j, weights.real), (1.0j, weights.imag)):
        columns = [m for m in range(part.shape[1]) if part[:, m].any()]
        for group in [columns] if len(columns) in TOGETHER else [[m] for m in columns]:
            yield factor, group, np.ascontiguousarray(part[:, group])


def plan_curved(
    shape: tuple[int, int, int],
    geometry: Geometry,
    *,
    detector: tuple[int, int],
    curvature: float,
    padding: float = 1.5,
    accuracy: float = 1e-3,
    footprint: str | None = None,
    dtype: Any = np.float32,
) -> CurvedSlices:
    """Plan a projector to complex images.

    Parameters
    ----------
    shape : tuple of int
        Of volumes (z, y, x).
    geometry : Geometry
    detector : tuple of int
        Pixels (y, x); the pixel is the voxel.
    curvature : float
        Wavelength over voxel; 0: flat slices.
    padding : float
        Detector on which slices are sampled, over `detector`.
    accuracy : float
        Relative, of the spectrum; below 1e-6 only in double precision.
    footprint : {None, "box"}
        Shape of a voxel: a point of a band-limited field, or a box of constant value.
    dtype : float32 or float64
        Of volumes; images are complex64 or complex128.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """
    _check(shape, detector, curvature, padding, footprint, dtype)
    complex_ = np.dtype(np.complex64 if np.dtype(dtype) == np.float32 else np.complex128)
    check_accuracy(accuracy, complex_)
    ny, nx = (fourier.good_size(round(padding * n)) for n in detector)
    f_v, f_u = fourier.unshifted_frequencies(ny, 1.0), fourier.unshifted_frequencies(nx, 1.0)
    turns, bent = geometry.rotations, float(curvature)
    spectra: Spectra | None = None
    if complex_ == np.complex64:
        spectra = plan_fused(shape, turns, f_v, f_u, accuracy=accuracy, curvature=bent)
    if spectra is None:
        spectra = plan_library(shape, turns, f_v, f_u, accuracy=accuracy, curvature=bent, dtype=complex_)
    origin = geometry.shifts + np.array([n // 2 for n in detector])
    along_v, along_u = (np.exp(-2j * np.pi * f * origin[:, [axis]]) for axis, f in enumerate((f_v, f_u)))
    along_v[:, f_v <= -0.5], along_u[:, f_u <= -0.5] = 0, 0
    phases = ((along_v / np.sqrt(ny * nx)).astype(complex_), along_u.astype(complex_))
    shapes = box_shapes(turns, f_v, f_u, curvature=bent, dtype=dtype) if footprint == "box" else None
    return CurvedSlices(shape, detector, (ny, nx), spectra, phases, shapes)


def _check(
    shape: tuple[int, ...],
    detector: tuple[int, ...],
    curvature: float,
    padding: float,
    footprint: str | None,
    dtype: Any,
) -> None:
    for name, sizes, count in (("shape", shape, 3), ("detector", detector, 2)):
        if len(sizes) != count or not all(n == int(n) and n >= 1 for n in sizes):
            raise ValueError(f"{name} is {sizes}; allowed: {count} whole numbers from 1")
    if not 0 <= curvature <= MOST_CURVED:
        raise ValueError(f"curvature is {curvature}; allowed: 0 to {MOST_CURVED:g}")
    if not 1 <= padding <= 8:
        raise ValueError(f"padding is {padding}; allowed: 1 to 8")
    if footprint not in (None, "box"):
        raise ValueError(f"footprint is {footprint!r}; allowed: None, 'box'")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype is {np.dtype(dtype).name}; allowed: float32, float64")
