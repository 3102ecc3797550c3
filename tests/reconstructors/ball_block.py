"""Exact line integrals through a block of nickel with an fcc lattice of silica balls, at any angle."""

import numpy as np

NICKEL, SILICA = 0.05, 0.01  # optical density per voxel: 1.5 and 0.3 through 30


def rotation(tilt, in_plane=0.0):
    c, s = np.cos(tilt), np.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(in_plane), np.sin(in_plane)
    return about_x @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def fcc(block, constant, offset=(0.0, 0.0, 0.0)):
    """Return the sites (n, 3) whose balls may reach into the block."""
    counts = [int(np.ceil(edge / constant)) + 1 for edge in block]
    corners = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in counts), indexing="ij"), -1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    sites = (corners + basis).reshape(-1, 3) * constant + np.asarray(offset)
    return sites[(np.abs(sites) < np.asarray(block) / 2 + 0.4 * constant).all(-1)]


def density(matrix, *, shift=(0.0, 0.0), size=128, block=(96, 96, 30), constant=20.0, offset=(0.0, 0.0, 0.0), fine=2):
    """Return the optical density (size, size) of the block, averaged over `fine` squared rays a pixel."""
    half = np.asarray(block) / 2
    along = (np.arange(size * fine) + 0.5) / fine - 0.5 - size // 2
    v, u = (along - part for part in shift)
    entry, leave = box(matrix, half, v[:, None], u[None, :])
    image = NICKEL * np.maximum(leave - entry, 0)
    radius = 0.3 * constant
    for site in fcc(block, constant, offset):
        centre = matrix @ site
        rows, columns = (
            slice(*np.searchsorted(a, [c - radius, c + radius])) for a, c in ((v, centre[1]), (u, centre[0]))
        )
        chord = radius**2 - (v[rows, None] - centre[1]) ** 2 - (u[None, columns] - centre[0]) ** 2
        chord = np.sqrt(np.maximum(chord, 0))
        first = np.maximum(centre[2] - chord, entry[rows, columns])
        last = np.minimum(centre[2] + chord, leave[rows, columns])
        image[rows, columns] -= (NICKEL - SILICA) * np.maximum(last - first, 0)
    return image.reshape(size, fine, size, fine).mean((1, 3))


def box(matrix, half, v, u):
    """Return where rays along w enter and leave a box that is turned by `matrix`."""
    entry, leave = np.full(np.broadcast(u, v).shape, -np.inf), np.full(np.broadcast(u, v).shape, np.inf)
    for axis in range(3):
        place = matrix[0, axis] * u + matrix[1, axis] * v
        slope = matrix[2, axis]
        if abs(slope) < 1e-12:
            leave = np.where(np.abs(place) > half[axis], entry, leave)
            continue
        ends = np.sort(np.stack([(-half[axis] - place) / slope, (half[axis] - place) / slope]), axis=0)
        entry, leave = np.maximum(entry, ends[0]), np.minimum(leave, ends[1])
    return entry, leave


def series(tilts, shifts, in_plane=0.0, **kind):
    pairs = zip(tilts, shifts, strict=True)
    return np.stack([density(rotation(tilt, in_plane), shift=shift, **kind) for tilt, shift in pairs])
