"""Volumes whose line integrals are known, for the tests and benchmarks of projectors.

- `published_angles`: 96 projections, three in-plane angles by 32 tilts;
- `places`: random centres within a ball; `gaussians`, `balls`: volumes, and their exact images;
- `box_paths`: how far each ray runs inside the box of all voxels.
"""

import numpy as np

from reconstructors.tomography.geometry import Geometry, nominal_geometry


def published_angles():
    tilt, in_plane = np.tile(np.arange(-62.0, 63.0, 4.0), 3), np.repeat([0.0, 120.0, 240.0], 32)
    return nominal_geometry(in_plane=np.deg2rad(in_plane), tilt=np.deg2rad(tilt))


def places(count, radius, rng):
    """Return centres (count, 3), (x, y, z) against the origin, in voxels."""
    direction = rng.normal(size=(count, 3))
    return radius * rng.random((count, 1)) ** (1 / 3) * direction / np.linalg.norm(direction, axis=1, keepdims=True)


def axes(shape, dtype=float):
    return [(np.arange(n) - n // 2).astype(dtype) for n in shape]


def gaussians(shape, centres, sigma):
    z, y, x = axes(shape)
    parts = (
        [np.exp(-((r - c) ** 2) / (2 * sigma**2)) for r, c in zip((x, y, z), centre, strict=True)] for centre in centres
    )
    return sum(pz[:, None, None] * py[:, None] * px for px, py, pz in parts)


def seen_from(centre, geometry, detector):
    """Return the squared distance of all pixels from where `centre` is seen: (n, y, x)."""
    v, u = axes(detector)
    at_u, at_v = geometry.rotations[:, 0] @ centre, geometry.rotations[:, 1] @ centre
    at_v, at_u = at_v + geometry.shifts[:, 0], at_u + geometry.shifts[:, 1]
    return (v[None, :, None] - at_v[:, None, None]) ** 2 + (u - at_u[:, None, None]) ** 2


def gaussian_images(geometry, detector, centres, sigma):
    height = sigma * np.sqrt(2 * np.pi)
    return sum(height * np.exp(-seen_from(c, geometry, detector) / (2 * sigma**2)) for c in centres)


def balls(shape, centres, radii, finer=4):
    """Return how much of each voxel lies in balls that do not touch."""
    result = np.zeros(shape)
    inside = (np.arange(finer) + 0.5) / finer - 0.5
    for centre, radius in zip(centres, radii, strict=True):
        low = [int(np.floor(c - radius)) - 1 for c in centre]
        width = int(2 * radius) + 4
        x, y, z = ((np.arange(a, a + width)[:, None] + inside).ravel() - c for a, c in zip(low, centre, strict=True))
        full = (z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius**2).astype(float)
        part = full.reshape(width, finer, width, finer, width, finer).mean((1, 3, 5))
        z0, y0, x0 = (n // 2 + a for n, a in zip(shape, low[::-1], strict=True))
        result[z0 : z0 + width, y0 : y0 + width, x0 : x0 + width] += part
    return result


def ball_images(geometry, detector, centres, radii, finer=1):
    """Return the images, of rays through the middle of the pixels, or the mean over `finer` squared rays a pixel."""
    inside = (np.arange(finer) + 0.5) / finer - 0.5
    result = np.zeros((len(geometry), *detector))
    for moved in (Geometry(geometry.rotations, geometry.shifts + np.array([a, b])) for a in inside for b in inside):
        for centre, radius in zip(centres, radii, strict=True):
            result += 2 * np.sqrt(np.maximum(radius**2 - seen_from(centre, moved, detector), 0))
    return result / finer**2


def box_paths(shape, geometry, detector):
    """Return the path of each ray inside a full box, by cutting it with the three pairs of faces: (n, y, x) voxels."""
    v, u = axes(detector)
    result = np.empty((len(geometry), *detector))
    for i, (turn, shift) in enumerate(zip(geometry.rotations, geometry.shifts, strict=True)):
        start = (u - shift[1])[None, :, None] * turn[0] + (v - shift[0])[:, None, None] * turn[1]
        enter, leave = np.full(detector, -np.inf), np.full(detector, np.inf)
        for axis, n in enumerate(shape[::-1]):
            low, high, along, at = -(n // 2) - 0.5, n - n // 2 - 0.5, turn[2, axis], start[..., axis]
            if abs(along) < 1e-12:
                leave = np.where((at > low) & (at < high), leave, -np.inf)
                continue
            ends = np.sort(np.stack([(low - at) / along, (high - at) / along]), axis=0)
            enter, leave = np.maximum(enter, ends[0]), np.minimum(leave, ends[1])
        result[i] = np.maximum(leave - enter, 0)
    return result


def error(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
