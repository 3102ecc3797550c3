"""A gauge: what may be removed from a result before it is compared, and how that is applied.

- `Registration`: the gauge found; `apply_registration`: to another image or volume on its grid;
- `moved_by`: twin, ramp, focus and shift of it, without scale, phase and offset.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from optics.propagation import propagate
from validation.registration import alignment

Array = NDArray[Any]


@dataclass(frozen=True)
class Registration:
    """A gauge: ``scale exp(i phase) moved(propagated(ramped(twin(image)))) + offset`` matches the reference.

    Attributes
    ----------
    image : (ny, nx) array
        The registered image, or volume (of `register_volume`).
    phase : float
        In radian.
    scale, offset : float, float or complex
    shift : tuple of float
        Displacement (y, x) given to the image, px; (z, y, x) of a volume, voxels.
    ramp : tuple of float
        Phase ramp (y, x) multiplied to the image, cycles per px.
    focus : float
        Distance of propagation, metres.
    twin : bool
        Whether the image was replaced by ``conj(image(-r))``.
    correlation : float
        Normalised correlation with the reference under the mask, after all.
    removed : tuple of str
        Names of the gauges that were free, for a scorecard.
    optics : tuple, optional
        Wavelength and pixel size in metres, where the focus was free.
    rotation : tuple of float, optional
        Rotation vector (x, y, z; radian, right-handed) by which a volume was turned about index ``n//2`` before its
        shift, a vector's components with it; none where no rotation was free.
    voxel_size : tuple of float, optional
        Of a volume, (z, y, x) in metres.
    """

    image: Array
    phase: float = 0.0
    scale: float = 1.0
    offset: complex = 0.0
    shift: tuple[float, ...] = (0.0, 0.0)
    ramp: tuple[float, float] = (0.0, 0.0)
    focus: float = 0.0
    twin: bool = False
    correlation: float = 0.0
    removed: tuple[str, ...] = ()
    optics: tuple[float, float] | None = None
    rotation: tuple[float, float, float] | None = None
    voxel_size: tuple[float, ...] | None = None


def apply_registration(image: Array, registration: Registration) -> Array:
    """Apply a gauge found on one image to another of the same shape, such as that of the other helicity.

    What was found on a scalar volume may be applied to a vector field on its grid, and the reverse.
    """
    grid = registration.image.shape[-len(registration.shift) :]
    is_vector = len(grid) == 3 and image.shape == (3, *grid)
    if image.shape != grid and not is_vector:
        raise ValueError(f"image has shape {image.shape}; allowed: that registered, {grid}")
    if registration.rotation is not None and registration.voxel_size is not None:
        turn = Rotation.from_rotvec(registration.rotation).as_matrix()
        return alignment.turned(image, turn, shift=registration.shift, spacing=registration.voxel_size)
    result = moved_by(image, registration)
    factor = registration.scale * (np.exp(1j * registration.phase) if registration.phase else 1.0)
    return np.asarray(result * factor + registration.offset)


def moved_by(image: Array, found: Registration) -> Array:
    """Return the image with twin, ramp, focus and shift removed."""
    result = alignment.twin(image) if found.twin else image
    result = alignment.ramped(result, found.ramp)
    if found.optics is not None:
        result = propagate(result, found.focus, wavelength=found.optics[0], pixel_size=found.optics[1])
    return alignment.moved(result, found.shift)
