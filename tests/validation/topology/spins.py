"""Spins on lattices: random, smooth, aligned with the lattice or nearly opposite; the lattice's coordinates."""

from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation


def coordinates(*shape):
    """Return (x, y, z) in voxels, index n//2 the origin."""
    z, y, x = np.meshgrid(*(np.arange(n) - float(n // 2) for n in shape), indexing="ij")
    return np.stack([x, y, z])


def random_spins(rng, *shape):
    m = rng.standard_normal((3, *shape))
    return m / np.linalg.norm(m, axis=0)


def smooth_spins(rng, n, length):
    """Return a periodic Gaussian random field whose components correlate as exp(-r^2/4 length^2)."""
    noise = rng.standard_normal((3, n, n, n), dtype=np.float32)
    return np.stack([gaussian_filter(component, length, mode="wrap") for component in noise])


def aligned_spins(rng, *shape):
    """Return spins along edges, face diagonals and space diagonals of the lattice: opposite ones, great circles."""
    directions = np.array([step for step in product((-1.0, 0.0, 1.0), repeat=3) if any(step)])
    return np.moveaxis(directions[rng.integers(0, len(directions), shape)], -1, 0)


def nearly_opposite_spins(rng, *shape, least=-16):
    """Return spins up and down, each off by a tilt from 10^least to 0.01."""
    m = np.zeros((3, *shape))
    m[2] = rng.choice([-1.0, 1.0], shape)
    return m + 10.0 ** rng.uniform(least, -2, shape) * rng.standard_normal((3, *shape))


def random_orthogonal(rng):
    """Return a matrix of O(3), of either determinant."""
    return Rotation.random(random_state=rng).as_matrix() * rng.choice([-1, 1])
