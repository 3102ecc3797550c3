"""A ptychographic data set as plain arrays.

- `Problem`: what every engine works on; `Optics`: what is known of the probe's making;
- `from_arrays`: assemble one from frames and positions, checked; `preparation` makes one from a measurement.

Inside, frames and all that belongs to their pixels are unshifted: the zero frequency comes first.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]


class Packer(Protocol):
    """What of a kernel says how it takes frames; those of equal `packing` take them alike."""

    packing: str

    def pack(self, amplitudes: Array) -> Array:
        """Return amplitudes (frames, ny, nx) in the kernel's own order, first axis as it was."""
        ...


class Frames(Protocol):
    """Measured frames, wherever they are."""

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    shape: tuple[int, int]

    def read(self, indices: Array) -> Array:
        """Return the square roots of the photons of some frames: (len(indices), ny, nx) float32, unshifted."""
        ...

    def packed(self, kernel: Packer) -> "Frames":
        """Return the frames whose `read` gives them as `kernel` takes them; packed once."""
        ...


class FramesInMemory:
    """Frames as one array of amplitudes.

    Parameters
    ----------
    amplitudes : (frames, ny, nx) float32 array
        Unshifted; or the same frames in the order of a kernel, (frames, ...).
    shape : tuple of int, optional
        Pixels (ny, nx) of a frame, where the array does not have them.
    """

    def __init__(self, amplitudes: Array, shape: tuple[int, int] | None = None) -> None:
        self.amplitudes = amplitudes
        self.shape = (amplitudes.shape[1], amplitudes.shape[2]) if shape is None else shape
        self._packed: dict[str, Frames] = {}

    def __len__(self) -> int:
        return len(self.amplitudes)

    def read(self, indices: Array) -> Array:
        """Return some frames."""
        return np.asarray(self.amplitudes[indices])

    def packed(self, kernel: Packer) -> Frames:
        """Return the frames as `kernel` takes them."""
        if kernel.packing not in self._packed:
            packed = kernel.pack(self.amplitudes)
            self._packed[kernel.packing] = self if packed is self.amplitudes else FramesInMemory(packed, self.shape)
        return self._packed[kernel.packing]


@dataclass(frozen=True)
class Optics:
    """What an experimenter knows of the probe's making.

    Attributes
    ----------
    wavelength, pixel_size : float
        m; the pixel is that of the object.
    numerical_aperture : float or None
        Of the lens.
    stop_fraction : float
        Radius of the central stop over that of the lens.
    defocus : float
        Nominal, m down the beam from the focus.
    transfer : (ny, nx) complex64 array or None
        Unshifted, from the sample to the detector in the near field.
    """

    wavelength: float
    pixel_size: float
    numerical_aperture: float | None = None
    stop_fraction: float = 0.0
    defocus: float = 0.0
    transfer: Array | None = None


@dataclass(frozen=True)
class Problem:
    """What every engine works on.

    Attributes
    ----------
    frames : Frames
    valid : (ny, nx) bool array
        Pixels that can be used, unshifted.
    background : (ny, nx) float32 array or None
        Photons per pixel that do not come from the sample plane, unshifted.
    positions : (frames, 2) float64 array
        First object pixel (y, x) of each frame, nominal.
    flux : (frames,) float64 array
        Nominal, relative to the mean.
    used : (frames,) bool array
        Frames that may take part.
    object_shape : tuple of int
    probe : (modes, ny, nx) complex64 array
        Start, ``|probe|²`` in photons of a frame.
    photons : float
        Mean sum of a frame's photons.
    optics : Optics
    defocus : (frames,) float64 array or None
        Of the probe in each frame against `probe`, m: the height of the sample there. None is none.
    """

    frames: Frames
    valid: Array
    background: Array | None
    positions: Array
    flux: Array
    used: Array
    object_shape: tuple[int, int]
    probe: Array
    photons: float
    optics: Optics
    defocus: Array | None = None


def from_arrays(
    counts: Array,
    positions: Array,
    probe: Array,
    *,
    optics: Optics,
    object_shape: tuple[int, int],
    valid: Array | None = None,
    background: Array | None = None,
    offset: float = 0.0,
) -> Problem:
    """Assemble a problem from arrays as a detector sees them, the zero frequency in the centre.

    Parameters
    ----------
    counts : (frames, ny, nx) array
        Photons.
    positions : (frames, 2) array
        First object pixel (y, x) of each frame.
    probe : (ny, nx) or (modes, ny, nx) complex array
    optics : Optics
    object_shape : tuple of int
    valid : (ny, nx) bool array, optional
    background : (ny, nx) array, optional
        Photons.
    offset : float
        Photons added to every pixel of both frames and background. Roots of few photons are biased, and the Poisson
        likelihood's weight 1/model has no bound; both are healed by a part of a photon (Anscombe, Biometrika 35, 246
        (1948), takes 3/8 for the root).

    Raises
    ------
    ValueError
        If the shapes do not fit or a position lies outside of the object.
    """
    frames, *shape = counts.shape
    start = np.array(probe, np.complex64, copy=True, order="C").reshape(-1, *probe.shape[-2:])
    if list(start.shape[1:]) != shape:
        raise ValueError(f"probe has {start.shape[1:]} pixels; allowed: those of a frame, {tuple(shape)}")
    places = np.array(positions, np.float64, copy=True)
    if places.shape != (frames, 2):
        raise ValueError(f"positions has shape {places.shape}; allowed: {(frames, 2)}, one pair for each frame")
    low, high = places.min(0), places.max(0)
    if low.min() < 0 or (high + shape > object_shape).any():
        raise ValueError(f"positions go from {low} to {high}; allowed: frames inside of the object {object_shape}")
    amplitudes = fourier.from_centre(np.sqrt(np.maximum(counts, 0) + offset).astype(np.float32))
    stray = with_offset(background, offset, (shape[0], shape[1]))
    used = np.ones((shape[0], shape[1]), np.bool_) if valid is None else fourier.from_centre(valid)
    return Problem(
        frames=FramesInMemory(np.ascontiguousarray(amplitudes)),
        valid=used,
        background=None if stray is None else fourier.from_centre(stray).astype(np.float32),
        positions=places,
        flux=np.ones(frames),
        used=np.ones(frames, np.bool_),
        object_shape=object_shape,
        probe=start,
        photons=float(counts.reshape(frames, -1).sum(1).mean()),
        optics=optics,
    )


def with_offset(background: Array | None, offset: float, shape: tuple[int, int]) -> Array | None:
    """Return a background with `offset` photons more in every pixel; None where there is neither."""
    if background is None:
        return np.full(shape, offset, np.float32) if offset > 0 else None
    return np.asarray(background + np.float32(offset), np.float32)
