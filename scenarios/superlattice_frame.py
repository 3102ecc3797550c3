"""The frame in which a volume of vectors is compared with the truth: the truth's voxels round its magnet.

- `SuperlatticeSettings`: margins, radii and draws of the scoring;
- `Volumes`: magnetization, fill and charge on one grid;
- `Frame`, `build_frame`: the grid, what is scored there, and how a reconstruction gets there;
- `cut`: an array about its origin;
- `geometry_errors`, `GeometryErrors`: of shifts and angles, one rigid motion being free.

Every grid has its origin at index ``n//2``, so that boxes of any size are brought together by whole voxels. Then ONE
rigid shift is gauge, found on the charge, never on the vectors that are scored; the rotation is fixed by the nominal
angles and stays, but in what is ``fitted``.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import validation
from validation.windows import soft_edged

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_FILL = 0.1
"""Fill fraction of the truth from which errors of vectors count."""

_RIM = 2  # voxels round the magnet in what is shown
_TAPER = 4  # voxels of the soft edge round it
_TURN = 0.1  # rad that the fitted rows may remove; a grid of orientations must hold one within it


@dataclass(frozen=True)
class SuperlatticeSettings:
    """How a volume is scored. Lengths in metres.

    Attributes
    ----------
    largest_shift : float
        Bound of the rigid shift; below half the distance of neighbouring spheres.
    match : float
        Largest distance of a hedgehog from the true one that it is.
    interval_draws : int
        Redraws for the intervals of resolutions and fits.
    null_draws : int
        Draws of charges at random.
    halves_disagree : float
        Relative difference of half-set and truth resolution that raises the flag.
    """

    largest_shift: float = 20e-9
    match: float = 10e-9
    interval_draws: int = 100
    null_draws: int = 200
    halves_disagree: float = 0.15

    def __post_init__(self) -> None:
        """Check the values."""
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value!r}; allowed: from 0")


@dataclass(frozen=True, eq=False)
class Volumes:
    """One sample on one grid: ``magnetization`` (3, z, y, x) weighted by ``fill``, and ``charge``, all float32."""

    magnetization: Array
    fill: Array
    charge: Array


@dataclass(frozen=True, eq=False)
class Frame:
    """The voxels that are compared.

    Attributes
    ----------
    voxel_size : float
        m.
    axes : tuple of arrays
        Coordinates (z, y, x), m.
    true : Volumes
    mask : (z, y, x) bool array
        Where errors of vectors count.
    soft : (z, y, x) float64 array
        The magnet's box with a soft edge outside of it, for spectra.
    shown : tuple of slices
        The magnet's box and a rim.
    bound : float
        Largest shift, voxels.
    """

    voxel_size: float
    axes: tuple[Floats, Floats, Floats]
    true: Volumes
    mask: Bools
    soft: Floats
    shown: tuple[slice, slice, slice]
    bound: float

    def place(self, record: xr.Dataset) -> Volumes:
        """Return the volumes of a record on the frame's voxels; zero where it holds none.

        Raises
        ------
        ValueError
            If its voxels differ in size.
        """
        found = float(record["voxel_size"])
        if abs(found - self.voxel_size) > 1e-3 * self.voxel_size:
            raise ValueError(f"voxel_size of the reconstruction is {found:.4g} m; allowed: {self.voxel_size:.4g} m")
        return _on_grid(record, self.axes)

    def align(self, found: Volumes, to: Volumes, *, turned: bool = False) -> validation.Registration | None:
        """Return the rigid shift, and turn, that brings volumes onto others; None where neither has any contrast."""
        for name in ("charge", "fill"):
            first, second = getattr(found, name), getattr(to, name)
            if np.ptp(first) > 0 and np.ptp(second) > 0:
                return validation.register_volume(
                    first, second, voxel_size=self.voxel_size, rotation=_TURN if turned else False, bound=self.bound
                )
        return None


def moved(volumes: Volumes, registration: validation.Registration | None) -> Volumes:
    """Return volumes with a rigid motion removed; vectors turn with their places."""
    if registration is None:
        return volumes
    parts = [
        np.asarray(validation.apply_registration(part, registration), np.float32)
        for part in (volumes.magnetization, volumes.fill, volumes.charge)
    ]
    return Volumes(parts[0], np.clip(parts[1], 0, 1), parts[2])


def build_frame(truth: xr.Dataset, settings: SuperlatticeSettings) -> Frame:
    """Make the frame: the box of the true magnet, with room for the largest shift.

    Raises
    ------
    ValueError
        If the truth holds no magnet.
    """
    size = float(truth["voxel_size"])
    fill = truth["fill"].values
    if not (fill > 0).any():
        raise ValueError("fill of the truth is 0 everywhere; allowed: a magnet")
    room = math.ceil(settings.largest_shift / size) + _RIM + _TAPER
    axes: list[Floats] = []
    box = []
    for axis in range(3):
        line = np.flatnonzero(fill.any(axis=tuple({0, 1, 2} - {axis}))) - fill.shape[axis] // 2
        reach = max(-int(line[0]), int(line[-1])) + room
        axes.append(np.arange(-reach, reach + 1, dtype=np.float64) * size)
        box.append((int(line[0]) + reach, int(line[-1]) + reach + 1))
    z, y, x = axes
    true = _on_grid(truth, (z, y, x))
    inner, shown = np.zeros(true.fill.shape, bool), []
    inner[tuple(slice(low - _RIM - _TAPER, high + _RIM + _TAPER) for low, high in box)] = True
    shown = [slice(low - _RIM, high + _RIM) for low, high in box]
    return Frame(
        voxel_size=size,
        axes=(z, y, x),
        true=true,
        mask=true.fill > LEAST_FILL,
        soft=soft_edged(inner, _TAPER),
        shown=(shown[0], shown[1], shown[2]),
        bound=max(1.0, settings.largest_shift / size),
    )


def _on_grid(record: xr.Dataset, axes: tuple[Floats, Floats, Floats]) -> Volumes:
    """Cut or pad the volumes of a record to a grid whose origin is at index n//2 too."""
    shape = tuple(len(axis) for axis in axes)
    parts = [cut(record[name].values.astype(np.float32), shape) for name in ("magnetization", "fill", "charge")]
    return Volumes(*parts)


def cut(values: Array, shape: tuple[int, ...]) -> Array:
    """Cut or pad the last three axes of an array to `shape`, index ``n//2`` of each staying ``n//2``."""
    source, target = [], []
    for n, wanted in zip(values.shape[-3:], shape, strict=True):
        first = n // 2 - wanted // 2
        low, high = max(first, 0), min(first + wanted, n)
        source.append(slice(low, high))
        target.append(slice(low - first, high - first))
    whole = np.zeros((*values.shape[:-3], *shape), values.dtype)
    whole[..., target[0], target[1], target[2]] = values[..., source[0], source[1], source[2]]
    return whole


@dataclass(frozen=True, eq=False)
class GeometryErrors:
    """How far shifts and rotations are from the true ones.

    Attributes
    ----------
    shift : (projections, 2) float64 array
        px, (y, x), without those that a common motion of the sample makes; NaN for a projection that was left out.
    angle, angle_fitted : (projections,) float64 arrays
        rad, as they are and without a common rotation.
    """

    shift: Floats
    angle: Floats
    angle_fitted: Floats


def geometry_errors(reconstruction: xr.Dataset, truth: xr.Dataset) -> GeometryErrors | None:
    """Compare shifts and rotations of the projections used; None where the projections are not the truth's."""
    if reconstruction.sizes["projection"] != truth.sizes["projection"]:
        return None
    used = reconstruction["used"].values > 0
    turns, true = reconstruction["rotation"].values, truth["rotation"].values
    off = reconstruction["shift"].values - truth["shift"].values
    if not used.any():
        nothing = np.full(len(used), np.nan)
        return GeometryErrors(np.full(off.shape, np.nan), nothing, nothing)
    # A sample moved by t = (x, y, z) voxels moves image i by rows v, u of R_i t; its turn G makes R_i to R_i G.
    rows = true[:, [1, 0], :]
    motion = np.linalg.lstsq(rows[used].reshape(-1, 3), off[used].ravel(), rcond=None)[0]
    left = off - rows @ motion
    common = Rotation.from_matrix(np.swapaxes(true, 1, 2)[used] @ turns[used]).mean().as_matrix()
    angles = [
        np.where(used, Rotation.from_matrix(np.swapaxes(true, 1, 2) @ turns @ extra.T).magnitude(), np.nan)
        for extra in (np.eye(3), common)
    ]
    return GeometryErrors(np.where(used[:, None], left, np.nan), angles[0], angles[1])
