"""Where the sample stood in every projection: each series for itself, all series in one frame, all images together.

- `find_poses`: from nominal angles, and images whose shifts are unknown, to a `Geometry`;
- `PoseParameters`: how much of that is done; `Poses`: what came out;
- `poses_of`: those of another reconstruction that saw the same projections; `box_shape`: voxels that hold the sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from reconstructors.projections.alignment import align_series
from reconstructors.tomography.geometry import Geometry, nominal_geometry
from reconstructors.tomography.preparation import Prepared
from reconstructors.tomography.projector import plan_projector
from reconstructors.tomography.refinement import KINDS, reconstructed, refine
from reconstructors.tomography.series import register_series

Array = NDArray[Any]
Shape = tuple[int, int, int]
Tell = Callable[[str], None]

LEAST_IMAGES: Final = 3
"""Of a series that is aligned for itself."""
NOMINAL: Final = ("nominal_tilt", "nominal_in_plane", "nominal_series")
"""Variables of a `Reconstruction` that say which projections its poses belong to."""

_RIM = 6  # voxels above and below the sample
_FILLED = 0.2  # of the largest mean square over a layer, from where it holds sample: a missing wedge smears
_STEPS_UNBOUNDED = ("correlation", "common-line")  # no mass where the sample leaves the view


@dataclass(frozen=True)
class PoseParameters:
    """How poses are found.

    Parameters
    ----------
    align : bool
        Find the shifts of every series from its images; else they start at 0.
    refine : bool
        Better shifts and angles by reprojection, and find the motion of each series.
    rounds : int
        Of the refinement of one series, at most.
    joint_rounds : int
        Of the refinement of all images together, at most; 0 for none.
    angles : bool
        Whether angles are refined too.
    wave_rounds : int
        Of the refinement by complex images that follows where volumes explain waves, at most; 0 for none.

    Raises
    ------
    ValueError
        If a number is impossible.
    """

    align: bool = True
    refine: bool = True
    rounds: int = 10
    joint_rounds: int = 6
    angles: bool = True
    wave_rounds: int = 6

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the unknowns of a projection that are refined."""
        return KINDS if self.angles else KINDS[:1]

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.joint_rounds < 0:
            raise ValueError(f"rounds and joint_rounds are {self.rounds}, {self.joint_rounds}; allowed: from 1, from 0")
        if self.wave_rounds < 0:
            raise ValueError(f"wave_rounds is {self.wave_rounds}; allowed: from 0")


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of the projections that are used.

    Attributes
    ----------
    used : (n,) bool array
        Of all projections.
    geometry : Geometry
        Of those that are used, in their order.
    shape : tuple of int
        Voxels (z, y, x) that hold the sample.
    found : tuple of str
        What was found from the data.
    index : (2, z, y, x) float32 array or None
        Absorption and delay that go with the poses, where waves bettered them.
    """

    used: NDArray[np.bool_]
    geometry: Geometry
    shape: Shape
    found: tuple[str, ...]
    index: Array | None = None


def find_poses(
    prepared: Prepared, parameters: PoseParameters, *, depth: int | None, tell: Tell = lambda _word: None
) -> Poses:
    """Find the pose of every projection.

    Parameters
    ----------
    prepared : Prepared
    parameters : PoseParameters
    depth : int, optional
        Voxels of the volume along z; found from the images where it is not given.
    tell : callable
        Called with a word at each stage.

    Returns
    -------
    Poses
        In the frame of the first series, its origin in the sample's centre of mass. A series of one image has no
        place in it and is left out.

    Raises
    ------
    ValueError
        If a series is too short to be aligned, or shows nothing.
    """
    nominal = nominal_geometry(in_plane=prepared.in_plane, tilt=prepared.tilt)
    used = _used(prepared, parameters)
    places = [np.flatnonzero(used & (prepared.series == label)) for label in np.unique(prepared.series[used])]
    geometries = [nominal.of(place) for place in places]
    if parameters.align:
        tell("alignment")
        geometries = [_aligned(prepared, own, place) for own, place in zip(geometries, places, strict=True)]
    shape = box_shape(prepared, places[0], geometries[0], depth=depth)
    if not parameters.refine:
        shifts = ("shifts of the projections",) if parameters.align else ()
        return Poses(used, _joined(geometries, places, used), shape, shifts)
    geometries = _refined(prepared, places, geometries, shape=shape, parameters=parameters, tell=tell)
    geometry = _joined(geometries, places, used)
    if parameters.joint_rounds and len(places) > 1:
        tell("refinement")
        here = np.flatnonzero(used)
        geometry = refine(
            prepared.charge[here],
            geometry=geometry,
            shape=shape,
            weights=charge_weights(prepared, here),
            rounds=parameters.joint_rounds,
            what=parameters.kinds,
        ).geometry
    turns = ("rotations of the projections", "rotation of each series but the first")
    found = ("shifts of the projections", "shift of each series", *(turns if parameters.angles else turns[1:]))
    return Poses(used, geometry, shape, found)


def _refined(
    prepared: Prepared,
    places: list[Array],
    geometries: list[Geometry],
    *,
    shape: Shape,
    parameters: PoseParameters,
    tell: Tell,
) -> list[Geometry]:
    """Refine each series for itself and bring all into the frame of the first."""
    volumes, own = [], []
    weights = [charge_weights(prepared, place) for place in places]
    images = [prepared.charge[place] for place in places]
    for number, geometry in enumerate(geometries):
        tell(f"series {number}")
        found = refine(
            images[number],
            geometry=geometry,
            shape=shape,
            weights=weights[number],
            rounds=parameters.rounds,
            what=parameters.kinds,
        )
        own.append(found.geometry)
        volumes.append(found.volume)
    tell("registration")
    motions = register_series(volumes, own, images=images, weights=weights)
    return [geometry.moved(motion) for geometry, motion in zip(own, motions, strict=True)]


def charge_weights(prepared: Prepared, index: Array) -> Array:
    """Return one over the variance of charge images, mean 1; 0 in pixels that do not count."""
    weights = np.where(prepared.valid[index], 1 / prepared.charge_variance[index], 0)
    return np.asarray(weights / weights.mean(dtype=np.float64), np.float32)


def poses_of(prepared: Prepared, given: xr.Dataset) -> Poses | None:
    """Return the poses that `given` found for these projections, by their nominal angles; None if it cannot tell."""
    if any(name not in given for name in NOMINAL):
        return None
    theirs = np.stack([given[name].values for name in NOMINAL], -1)
    own = np.stack([prepared.tilt, prepared.in_plane, prepared.series], -1)
    same = np.isclose(own[:, None, :2], theirs[None, :, :2], atol=1e-7).all(-1)
    if not np.all(same.sum(axis=1) == 1):
        return None
    place = np.argmax(same, axis=1)
    used = prepared.usable & (given["used"].values[place] > 0)
    if not used.any():
        return None
    geometry = Geometry(given["rotation"].values[place][used], given["shift"].values[place][used])
    shape = tuple(given.sizes[axis] for axis in "zyx")
    return Poses(used, geometry, (shape[0], shape[1], shape[2]), ("geometry: from all projections together",))


def box_shape(prepared: Prepared, index: Array, geometry: Geometry, *, depth: int | None) -> Shape:
    """Return the voxels (z, y, x): as wide as the detector, and as deep as `depth` or the sample with a rim."""
    height, width = prepared.charge.shape[1:]
    if depth is not None:
        return depth, height, width
    shape = (min(height, width), height, width)
    plan = plan_projector(shape, geometry, detector=(height, width))
    volume = reconstructed(
        prepared.charge[index], plan, np.zeros(shape, np.float32), charge_weights(prepared, np.asarray(index))
    )
    layers = np.mean(np.square(volume), axis=(1, 2))
    filled = np.flatnonzero(layers > _FILLED * layers.max()) - shape[0] // 2
    reach = max(abs(int(filled[0])), abs(int(filled[-1])))
    return min(2 * (reach + _RIM), shape[0]), height, width


def _used(prepared: Prepared, parameters: PoseParameters) -> NDArray[np.bool_]:
    """Return which projections take part; a series of one image cannot be placed among others."""
    used = prepared.usable.copy()
    if not (parameters.align or parameters.refine):
        return used
    counts = {int(label): int((used & (prepared.series == label)).sum()) for label in np.unique(prepared.series)}
    for label, count in counts.items():
        if count == 1 and len(counts) > 1:
            used[prepared.series == label] = False
        elif 0 < count < LEAST_IMAGES:
            noun = "projection" if count == 1 else "projections"
            raise ValueError(f"series {label} has {count} {noun}; allowed: from {LEAST_IMAGES} to be aligned")
    if not used.any():
        raise ValueError(f"every series has one projection; allowed: from {LEAST_IMAGES} to be aligned")
    return used


def _aligned(prepared: Prepared, geometry: Geometry, place: Array) -> Geometry:
    """Return the geometry of one series with the shifts of its images."""
    steps = {} if prepared.bounded[place].all() else {"steps": _STEPS_UNBOUNDED}
    shifts = align_series(prepared.charge[place], tilt=prepared.tilt[place], **steps)
    return Geometry(geometry.rotations, shifts)


def _joined(geometries: list[Geometry], places: list[Array], used: NDArray[np.bool_]) -> Geometry:
    """Return the geometries of all series as one, in the order of the projections."""
    rotations, shifts = np.zeros((len(used), 3, 3)), np.zeros((len(used), 2))
    for geometry, place in zip(geometries, places, strict=True):
        rotations[place], shifts[place] = geometry.rotations, geometry.shifts
    return Geometry(rotations[used], shifts[used])
