"""A slab with fcc voids of unequal sizes: exact line integrals at any pose, and the volume that they belong to.

The density is 1 a voxel in the slab and 0 in its voids, balls that are cut where they leave it. Radii and centres are
drawn, so that neither a period nor a half turn maps the sample onto itself.
"""

from dataclasses import dataclass

import numpy as np

from reconstructors.tomography.geometry import Geometry, RigidTransform, nominal_geometry, small_rotation

DEGREE = np.deg2rad(1.0)


@dataclass(frozen=True, eq=False)
class Slab:
    """Edges (x, y, z), centres (k, 3) and radii (k,) of the voids, and where the middle lies; voxels."""

    edges: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    middle: np.ndarray


def slab(rng, *, edges=(38, 38, 18), constant=13.0, radius=4.2, middle=(0.0, 0.0, 0.0)):
    """Return a slab with voids on fcc sites; radii vary by a third, centres by half a voxel rms along each axis."""
    edges = np.asarray(edges, float)
    counts = [int(np.ceil(edge / constant)) + 1 for edge in edges]
    corners = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in counts), indexing="ij"), -1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    sites = (corners + basis).reshape(-1, 3) * constant + rng.uniform(-0.5, 0.5, 3) * constant
    sites = sites[(np.abs(sites) < edges / 2 + 0.8 * radius).all(-1)]
    sites = sites + rng.normal(scale=0.5, size=sites.shape)
    return Slab(edges, sites, radius * rng.uniform(0.7, 1.05, len(sites)), np.asarray(middle, float))


def exact_projections(sample, geometry, *, detector, fine=2):
    """Return the line integrals (n, y, x), means over `fine` squared rays a pixel, in float32."""
    return np.stack(
        [
            _image(sample, turn, shift, detector, fine)
            for turn, shift in zip(geometry.rotations, geometry.shifts, strict=True)
        ]
    ).astype(np.float32)


def _image(sample, turn, shift, detector, fine):
    middle = turn @ sample.middle
    v, u = (
        (np.arange(n * fine) + 0.5) / fine - 0.5 - n // 2 - s - m
        for n, s, m in zip(detector, shift, middle[[1, 0]], strict=True)
    )
    entry, leave = _box(turn, sample.edges / 2, v[:, None], u[None, :])
    image = np.maximum(leave - entry, 0)
    for site, radius in zip(sample.centres, sample.radii, strict=True):
        centre = turn @ site
        rows = slice(*np.searchsorted(v, [centre[1] - radius, centre[1] + radius]))
        columns = slice(*np.searchsorted(u, [centre[0] - radius, centre[0] + radius]))
        half = radius**2 - (v[rows, None] - centre[1]) ** 2 - (u[None, columns] - centre[0]) ** 2
        half = np.sqrt(np.maximum(half, 0))
        first = np.maximum(centre[2] - half, entry[rows, columns])
        last = np.minimum(centre[2] + half, leave[rows, columns])
        image[rows, columns] -= np.maximum(last - first, 0)
    return image.reshape(detector[0], fine, detector[1], fine).mean((1, 3))


def _box(turn, half, v, u):
    """Return where rays along w enter and leave a turned box."""
    entry, leave = np.full(np.broadcast(u, v).shape, -np.inf), np.full(np.broadcast(u, v).shape, np.inf)
    for axis in range(3):
        place = turn[0, axis] * u + turn[1, axis] * v
        slope = turn[2, axis]
        if abs(slope) < 1e-12:
            leave = np.where(np.abs(place) > half[axis], entry, leave)
            continue
        ends = np.sort(np.stack([(-half[axis] - place) / slope, (half[axis] - place) / slope]), axis=0)
        entry, leave = np.maximum(entry, ends[0]), np.minimum(leave, ends[1])
    return entry, leave


def fill(sample, shape, *, fine=2):
    """Return the part of each voxel (z, y, x) that is filled, from `fine` cubed points."""
    z, y, x = (
        (np.arange(n * fine) + 0.5) / fine - 0.5 - n // 2 - m for n, m in zip(shape, sample.middle[::-1], strict=True)
    )
    inside = np.ones((len(z), len(y), len(x)), bool)
    for axis, along in enumerate((x, y, z)):
        inside &= (np.abs(along) < sample.edges[axis] / 2).reshape([-1 if axis == 2 - j else 1 for j in range(3)])
    for (cx, cy, cz), radius in zip(sample.centres, sample.radii, strict=True):
        part = tuple(slice(*np.searchsorted(a, [c - radius, c + radius])) for a, c in ((z, cz), (y, cy), (x, cx)))
        square = (z[part[0], None, None] - cz) ** 2 + (y[part[1], None] - cy) ** 2 + (x[part[2]] - cx) ** 2
        inside[part] &= square > radius**2
    nz, ny, nx = shape
    return inside.reshape(nz, fine, ny, fine, nx, fine).mean((1, 3, 5), dtype=np.float64).astype(np.float32)


def published_angles(*, in_plane=(0, 120, 240), highest=62, step=4):
    """Return the in-plane angles and tilts of the published series, rad, (n,) each."""
    tilts = np.arange(-highest, highest + 1, step)
    return np.repeat(np.asarray(in_plane, float), len(tilts)) * DEGREE, np.tile(tilts, len(in_plane)) * DEGREE


def published_geometry(**angles):
    in_plane, tilt = published_angles(**angles)
    return nominal_geometry(in_plane=in_plane, tilt=tilt)


def disturbed(geometry, *, rng, shift, angle):
    """Return `geometry` with uniform shifts and normal turns about the beam's axes, of that rms each, px and rad."""
    turns = small_rotation(rng.normal(scale=angle, size=(len(geometry), 3)))
    moved = np.sqrt(3) * shift * rng.uniform(-1, 1, (len(geometry), 2))
    return Geometry(turns @ geometry.rotations, geometry.shifts + moved)


def noisy(images, *, rng, relative=0.01):
    """Return `images` with normal noise of `relative` their root mean square."""
    scale = relative * np.sqrt(np.mean(np.square(images, dtype=np.float64)))
    return images + rng.normal(scale=scale, size=images.shape).astype(images.dtype)


def off_by(transform: RigidTransform, other: RigidTransform):
    """Return the angle, rad, and the distance, voxels, between two transforms."""
    turn = transform.rotation @ other.rotation.T
    angle = np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))
    return angle, float(np.linalg.norm(transform.shift - other.shift))
