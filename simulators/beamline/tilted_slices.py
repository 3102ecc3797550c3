"""A magnetic volume as thin slices across the beam, for any pose of the sample.

- `Volume`: what the light sees of a sample; `volume_of_shares`: from shares of materials and a magnetization;
- `rotation`: from the sample's axes to the beam's;
- `TiltedSlices`: transmissions of thin slices; `slice_volume`, `slice_turned`, `one_slice` make them;
- `box_corners`: how far a turned volume reaches;
- `transmission`: all slices in one plane, the projection approximation.

The sample is turned about z by the in-plane angle, then tilted about x, ``r_beam = R_x(tilt) R_z(angle) r_sample``,
both turns right-handed; `slice_turned` takes any other rotation. A film tilted like that lies at the height
``z = y tan(tilt)`` over the plane of its centre.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from optics import scattering
from optics.units import wavenumber
from simulators.beamline.slab_boxes import slab_box, slab_points
from simulators.beamline.slice_kernels import mean_over_slice

Array = NDArray[Any]

_STEEPEST = np.deg2rad(80)
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Volume:
    """What light of one energy sees of a sample: ``n = 1 - delta + i beta``, index ``n//2`` of each axis the origin.

    Attributes
    ----------
    delta, beta : (z, y, x) float32 arrays
        Charge parts.
    magnetization : (3, z, y, x) float32 array or None
        Components (x, y, z) of the magnetization times the share of the magnet.
    delta_m, beta_m : float
        Magnetic parts where the magnetization is one and along the beam.
    voxel_size : tuple of float
        (z, y, x), m.
    energy : float
        eV.
    polarization : float
        Degree of circular polarisation P_c.
    periodic : bool
        Repeat the volume along y and x: a film without end.
    """

    delta: Array
    beta: Array
    magnetization: Array | None
    delta_m: float
    beta_m: float
    voxel_size: tuple[float, float, float]
    energy: float
    polarization: float = 1.0
    periodic: bool = False

    def __post_init__(self) -> None:
        shape = self.delta.shape
        if len(shape) != 3 or self.beta.shape != shape:
            raise ValueError(f"beta has shape {self.beta.shape}; allowed: that of delta, {shape}, with axes (z, y, x)")
        if self.magnetization is not None and self.magnetization.shape != (3, *shape):
            raise ValueError(f"magnetization has shape {self.magnetization.shape}; allowed: {(3, *shape)}")
        if len(self.voxel_size) != 3 or not all(np.isfinite(size) and size > 0 for size in self.voxel_size):
            raise ValueError(f"voxel_size is {self.voxel_size} m; allowed: three lengths (z, y, x) above 0")
        if not -1 <= self.polarization <= 1:
            raise ValueError(f"polarization is {self.polarization}; allowed: -1 to 1")


def volume_of_shares(
    shares: Mapping[str, Array],
    magnetization: Array | None = None,
    *,
    voxel_size: tuple[float, float, float],
    energy: float,
    polarization: float = 1.0,
    white_line: float = 1.0,
    periodic: bool = False,
) -> Volume:
    """Return the volume of a mixture of materials, of which the resonant one, Co or Ni, carries the magnetization.

    Parameters
    ----------
    shares : mapping of str to (z, y, x) arrays
        Share of each voxel by material of `optics.scattering`.
    magnetization : (3, z, y, x) array, optional
        Components (x, y, z) of the magnetization of the magnet, unit vectors; the share is multiplied in here.
    voxel_size : tuple of float
        (z, y, x), m.
    energy : float
        eV.
    polarization, white_line : float
        Degree of circular polarisation; factor on the resonant absorption.
    periodic : bool
        A film without end.

    Raises
    ------
    ValueError
        If there is a magnetization and not exactly one resonant material, or the magnet would amplify light.
    """
    shape = next(iter(shares.values())).shape
    delta, beta = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for material, share in shares.items():
        parts = scattering.refractive_index(material, energy, white_line=white_line)
        delta += np.float32(parts[0]) * share
        beta += np.float32(parts[1]) * share
    seen, delta_m, beta_m = None, 0.0, 0.0
    if magnetization is not None:
        magnets = [material for material in shares if material in scattering.RESONANCES]
        if len(magnets) != 1:
            raise ValueError(f"shares has the magnets {magnets}; allowed: one of {', '.join(scattering.RESONANCES)}")
        scattering.check(magnets[0], white_line=white_line)
        delta_m, beta_m = scattering.magnetic_index(magnets[0], energy)
        seen = np.asarray(magnetization * shares[magnets[0]], np.float32)
    return Volume(delta, beta, seen, delta_m, beta_m, voxel_size, energy, polarization, periodic)


def rotation(tilt: float, in_plane_angle: float = 0.0) -> Array:
    """Return R, (3, 3) float64 on (x, y, z), from the sample's axes to the beam's; the beam's direction is ``R[2]``."""
    c, s = np.cos(tilt), np.sin(tilt)
    turned, side = np.cos(in_plane_angle), np.sin(in_plane_angle)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    about_z = np.array([[turned, -side, 0.0], [side, turned, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about_x @ about_z)


@dataclass(frozen=True, eq=False)
class TiltedSlices:
    """Thin slices across the beam, each thinned to the box that is not empty.

    Attributes
    ----------
    heights : (slices,) float64 array
        Middle of each slice along the beam, m, ascending; zero through the sample's origin.
    corners : (slices, 2) int64 array
        First object pixel (y, x) of each box.
    transmissions : tuple of (helicity, height, width) complex64 arrays
        Of the boxes; 1 beyond.
    shape : tuple of int
        Pixels (y, x) of the object; the sample's origin is at index ``n//2``.
    pixel_size, energy : float
        m, eV.
    thickness : float
        Of a slice, m.
    helicities : tuple of int
        In the order of the transmissions.
    """

    heights: Array
    corners: Array
    transmissions: tuple[Array, ...]
    shape: tuple[int, int]
    pixel_size: float
    energy: float
    thickness: float
    helicities: tuple[int, ...] = (1, -1)

    def index(self, helicity: int) -> int:
        """Return where `helicity` lies in the transmissions."""
        if helicity not in self.helicities:
            raise ValueError(f"helicity is {helicity}; allowed: one of {self.helicities}")
        return self.helicities.index(helicity)


def slice_volume(
    volume: Volume,
    *,
    tilt: float,
    in_plane_angle: float = 0.0,
    pixel_size: float,
    shape: tuple[int, int],
    slice_thickness: float,
    helicities: tuple[int, ...] = (1, -1),
) -> TiltedSlices:
    """Cut a tilted volume into slices across the beam.

    Parameters
    ----------
    volume : Volume
    tilt, in_plane_angle : float
        rad.
    pixel_size, shape, slice_thickness, helicities
        As of `slice_turned`.

    Returns
    -------
    TiltedSlices

    Raises
    ------
    ValueError
        If an angle, a size or a helicity is impossible.
    """
    if not abs(tilt) <= _STEEPEST:
        raise ValueError(f"tilt is {tilt} rad; allowed: up to {_STEEPEST:.4f} either way")
    return slice_turned(
        volume,
        rotation(tilt, in_plane_angle),
        pixel_size=pixel_size,
        shape=shape,
        slice_thickness=slice_thickness,
        helicities=helicities,
    )


def slice_turned(
    volume: Volume,
    turn: Array,
    *,
    pixel_size: float,
    shape: tuple[int, int],
    slice_thickness: float,
    helicities: tuple[int, ...] = (1, -1),
) -> TiltedSlices:
    """Cut a volume in any pose into slices across the beam.

    Parameters
    ----------
    volume : Volume
    turn : (3, 3) array
        The rotation from the sample's axes (x, y, z) to the beam's.
    pixel_size : float
        Of the object, m; at least twice finer than the pixel of a reconstruction.
    shape : tuple of int
        Pixels (y, x) of the object; what lies beyond is not seen.
    slice_thickness : float
        At most, m: the volume's height along the beam is shared evenly. Infinite makes one slice.
    helicities : tuple of int
        Of +1 and -1.

    Returns
    -------
    TiltedSlices

    Notes
    -----
    Every value is the mean over the pixel and the slice of the voxels, interpolated between neighbours in the film
    plane and taken as boxes along the sample's own z, so that line integrals through layers are exact.

    Raises
    ------
    ValueError
        If the rotation, a size or a helicity is impossible.
    """
    _check_cut(turn, pixel_size, shape, slice_thickness, helicities)
    corners = box_corners(volume, turn, pixel_size=pixel_size, shape=shape)
    low, high = float(corners[:, 2].min()), float(corners[:, 2].max())
    count = max(1, int(np.ceil((high - low) / slice_thickness - _SLACK)))
    thickness = (high - low) / count
    values = _seen(volume, turn)
    margin = max(volume.voxel_size[1:]) + pixel_size  # interpolation reaches half a voxel beyond the faces
    boxes = [
        slab_box(corners, low + i * thickness, thickness, margin=margin, pixel_size=pixel_size, shape=shape)
        for i in range(count)
    ]
    kept = [i for i, (first, last) in enumerate(boxes) if np.all(last > first)]
    made: list[Array] = [np.empty(0)] * len(kept)
    size: dict[str, Any] = {"voxels": volume.delta.shape, "voxel_size": volume.voxel_size, "pixel_size": pixel_size}

    def cut(begin: int, end: int) -> None:
        for j in range(begin, end):
            first, last = boxes[kept[j]]
            seen = np.empty((*(last - first), 3), np.float32)
            plan = slab_points(turn, low=low + kept[j] * thickness, thickness=thickness, **size)
            mean_over_slice(values, *plan, first - np.array(shape) // 2, pixel_size, volume.periodic, seen)
            made[j] = _transmit(seen, volume, thickness, helicities)

    fourier.in_blocks(cut, len(kept), 1)
    return TiltedSlices(
        heights=np.array([low + (i + 0.5) * thickness for i in kept]),
        corners=np.array([boxes[i][0] for i in kept], np.int64).reshape(-1, 2),
        transmissions=tuple(made),
        shape=shape,
        pixel_size=pixel_size,
        energy=volume.energy,
        thickness=thickness,
        helicities=tuple(helicities),
    )


def one_slice(
    transmission: Array, *, pixel_size: float, energy: float, helicities: tuple[int, ...] = (1, -1)
) -> TiltedSlices:
    """Return a thin object, (helicity, y, x) complex transmissions, as one slice in the plane of the origin."""
    if transmission.ndim != 3 or len(transmission) != len(helicities):
        raise ValueError(f"transmission has shape {transmission.shape}; allowed: ({len(helicities)}, y, x)")
    return TiltedSlices(
        heights=np.zeros(1),
        corners=np.zeros((1, 2), np.int64),
        transmissions=(np.ascontiguousarray(transmission, np.complex64),),
        shape=(transmission.shape[1], transmission.shape[2]),
        pixel_size=pixel_size,
        energy=energy,
        thickness=0.0,
        helicities=tuple(helicities),
    )


def transmission(slices: TiltedSlices) -> Array:
    """Return the product of all slices, (helicity, y, x) complex64: the projection approximation of the object."""
    result = np.ones((len(slices.helicities), *slices.shape), np.complex64)
    for (y, x), part in zip(slices.corners, slices.transmissions, strict=True):
        result[:, y : y + part.shape[1], x : x + part.shape[2]] *= part
    return result


def _check_cut(
    turn: Array, pixel_size: float, shape: tuple[int, int], thickness: float, helicities: tuple[int, ...]
) -> None:
    if np.shape(turn) != (3, 3) or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-9) or np.linalg.det(turn) < 0:
        raise ValueError(f"turn is {np.asarray(turn).tolist()}; allowed: a (3, 3) rotation matrix")
    if not turn[2, 2] >= np.cos(_STEEPEST) - _SLACK:
        angle = float(np.rad2deg(np.arccos(np.clip(turn[2, 2], -1, 1))))
        raise ValueError(f"beam is {angle:.4g} degrees off the sample's z; allowed: up to {np.rad2deg(_STEEPEST):.0f}")
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise ValueError(f"pixel_size is {pixel_size} m; allowed: above 0")
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape is {shape}; allowed: two numbers of pixels (y, x) from 1")
    if not thickness > 0:
        raise ValueError(f"slice_thickness is {thickness} m; allowed: above 0")
    if not helicities or len(set(helicities)) != len(helicities) or not set(helicities) <= {1, -1}:
        raise ValueError(f"helicities is {helicities}; allowed: 1, -1 or both")


def _seen(volume: Volume, turn: Array) -> Array:
    """Return (z, y, x, 3) float32: delta, beta, and the magnetization along the beam."""
    values = np.zeros((*volume.delta.shape, 3), np.float32)
    values[..., 0], values[..., 1] = volume.delta, volume.beta
    if volume.magnetization is not None:
        values[..., 2] = np.tensordot(turn[2].astype(np.float32), volume.magnetization, axes=(0, 0))
    return values


def _transmit(seen: Array, volume: Volume, thickness: float, helicities: tuple[int, ...]) -> Array:
    k = wavenumber(volume.energy)
    charge = -k * thickness * (seen[..., 1] + 1j * seen[..., 0])
    magnetic = -k * thickness * volume.polarization * complex(volume.beta_m, volume.delta_m) * seen[..., 2]
    return np.stack([np.exp(charge + helicity * magnetic).astype(np.complex64) for helicity in helicities])


def box_corners(volume: Volume, turn: Array, *, pixel_size: float, shape: tuple[int, int]) -> Array:
    """Return the corners, (8, 3) in the beam's (x, y, z) in m, of the box that is not empty.

    Parameters
    ----------
    volume : Volume
    turn : (3, 3) array
        From the sample's axes (x, y, z) to the beam's.
    pixel_size, shape
        Of the view, (y, x) pixels: a periodic volume fills it.

    Raises
    ------
    ValueError
        If the volume is empty.
    """
    occupied = (volume.delta != 0) | (volume.beta != 0)
    if volume.magnetization is not None:
        occupied |= np.any(volume.magnetization != 0, axis=0)
    if not occupied.any():
        raise ValueError("volume is empty; allowed: one with something in it")
    edges = []
    for axis, size in enumerate(volume.voxel_size):
        line = np.flatnonzero(occupied.any(axis=tuple({0, 1, 2} - {axis}))) - occupied.shape[axis] // 2
        edges.append(((line[0] - 0.5) * size, (line[-1] + 0.5) * size))
    if volume.periodic:
        height = max(abs(edge) for edge in edges[0])
        reach = (max(shape) * pixel_size + height * float(np.hypot(turn[0, 2], turn[1, 2]))) / turn[2, 2]
        edges[1:] = [(-reach, reach)] * 2
    points = np.array([(x, y, z) for z, y, x in product(*edges)])
    return np.asarray(points @ turn.T)
