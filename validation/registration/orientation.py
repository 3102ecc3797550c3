"""Orientations in which one volume may match another, wherever each of them lies.

- `likely_rotations`: a few candidates from the moduli of the spectra, which do not know of shifts;
- `rotation_grid`: rotations spread evenly.

A spectrum's modulus turns with the volume. It is compared on spheres of spatial frequency, coarse to fine.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from numerics import fourier
from validation.resolution.binning import outer_sum

Array = NDArray[Any]
Floats = NDArray[np.float64]

_GRID_STEP = np.radians(14.0)
_DIRECTIONS, _BATCH = 240, 128
_STARTS, _CANDIDATES = 16, 6
# Spheres at these numbers of cycles per diameter of the field of view; finer ones once the angle is nearly right.
_COARSE, _FINE = (2.0, 3.0, 4.0, 5.0), (3.0, 4.5, 6.0, 7.5, 9.0)
_TAPER = 0.3
# Root of the conjugate pair that spreads points on the sphere of rotations: psi^4 = psi + 4.
_SPREAD = 1.533751168755204288118041


def likely_rotations(volume: Array, reference: Array, spacing: tuple[float, ...], limit: float) -> list[Floats]:
    """Return proper rotations (3, 3) of (x, y, z) that may turn `volume` into `reference`, best first.

    Parameters
    ----------
    volume, reference : (z, y, x) or (component, z, y, x) arrays
        Small ones do: about 32 voxels a side.
    spacing : tuple of float
        Voxel size along (z, y, x), metres.
    limit : float
        Largest angle, radian.
    """
    moduli = _Moduli(volume, spacing)
    coarse, fine = (_spheres(r, reference, spacing) for r in (_COARSE, _FINE))
    grid = rotation_grid(_GRID_STEP)
    grid = grid[grid.magnitude() <= limit]
    if len(grid) == 0:  # a small limit: the identity is near enough
        return [np.eye(3)]
    batches = np.array_split(grid.as_matrix(), max(1, -(-len(grid) // _BATCH)))
    scores = np.concatenate([moduli.match(batch, *coarse) for batch in batches])
    found: list[tuple[float, Floats]] = []
    for start in grid[np.argsort(-scores, kind="stable")[:_STARTS]]:
        best = minimize(
            lambda v, s=start: -moduli.match((Rotation.from_rotvec(v) * s).as_matrix()[None], *fine)[0],
            np.zeros(3),
            method="Nelder-Mead",
            options={"initial_simplex": 0.1 * np.vstack([np.zeros(3), np.eye(3)]), "xatol": 5e-3, "fatol": 1e-4},
        )
        found.append((float(best.fun), (Rotation.from_rotvec(best.x) * start).as_matrix()))
    found.sort(key=lambda pair: pair[0])
    distinct: list[Floats] = []
    for _, matrix in found:
        if all(angle_between(matrix, other) > _GRID_STEP / 2 for other in distinct):
            distinct.append(matrix)
    return distinct[:_CANDIDATES]


def rotation_grid(step: float) -> Rotation:
    """Return rotations about `step` radian apart, everywhere alike.

    References
    ----------
    Alexa, Super-Fibonacci spirals: fast, low-discrepancy sampling of SO(3), CVPR 2022.
    """
    count = int(np.ceil(8 * np.pi**2 / step**3))
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / np.sqrt(2), 2 * np.pi * s / _SPREAD
    quaternions = (inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta))
    return Rotation.from_quat(np.stack(quaternions, axis=1))


def angle_between(first: Floats, second: Floats) -> float:
    """Return the angle in radian of the rotation that takes one rotation matrix to another."""
    return float(Rotation.from_matrix(first.T @ second).magnitude())


class _Moduli:
    """Modulus of a volume's spectrum, finely sampled, to be read anywhere."""

    def __init__(self, volume: Array, spacing: tuple[float, ...]) -> None:
        shape = volume.shape[-3:]
        extent = np.array([n * d for n, d in zip(shape, spacing, strict=True)])
        self.unit = 1 / float(extent.max())
        # Cubic in physical size and twice the field, so that the modulus is smooth from sample to sample.
        self.shape = tuple(2 * max(n, round(extent.max() / d)) for n, d in zip(shape, spacing, strict=True))
        self.scale = np.array([n * d for n, d in zip(self.shape, spacing, strict=True)])
        window = _window(shape, spacing)
        power = np.zeros(self.shape)
        for part in volume.reshape(-1, *shape):
            padded = np.zeros(self.shape)
            padded[tuple(slice(n) for n in shape)] = window * (part - (window * part).sum() / window.sum())
            power += np.abs(fourier.fftn(padded)) ** 2
        self.modulus = fourier.to_centre(np.sqrt(power), axes=(0, 1, 2))

    def at(self, points: Floats) -> Floats:
        """Return the modulus at frequencies (..., 3), axis order (z, y, x), in cycles per largest extent."""
        index = points * self.unit * self.scale + np.array([n // 2 for n in self.shape])
        return np.asarray(ndimage.map_coordinates(self.modulus, np.moveaxis(index, -1, 0), order=1))

    def match(self, rotations: Floats, points: Floats, reference: Floats) -> Floats:
        """Return for each rotation (n, 3, 3) the mean correlation over spheres with the reference at `points`."""
        values = self.at(points @ rotations[:, ::-1, ::-1]).reshape(-1, *reference.shape)
        return np.asarray((_standard(values) * reference).mean(axis=(1, 2)))


def _spheres(radii: tuple[float, ...], reference: Array, spacing: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return points on half spheres (moduli are even), and the reference's standardised moduli on each."""
    k = np.arange(_DIRECTIONS) + 0.5
    height, angle = k / _DIRECTIONS, np.pi * (1 + np.sqrt(5)) * k
    ring = np.sqrt(1 - height**2)
    sphere = np.stack([height, ring * np.sin(angle), ring * np.cos(angle)], axis=1)
    points = np.concatenate([r * sphere for r in radii])
    values = _Moduli(reference, spacing).at(points).reshape(len(radii), _DIRECTIONS)
    return points, _standard(values)


def _standard(values: Floats) -> Floats:
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=-1, keepdims=True), 1e-300))


def _window(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Floats:
    """Return an ellipsoid in the field, soft over its outer part: a box's corners would not turn with the volume."""
    r2 = outer_sum([((np.arange(n) - n // 2) / (n / 2)) ** 2 for n in shape])
    share = np.clip((1 - np.sqrt(r2)) / _TAPER, 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * share))
