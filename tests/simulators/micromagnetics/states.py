"""States and problems that several tests share."""

import warnings
from contextlib import contextmanager

import numpy as np

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import Material, Mesh, Problem, effective_field

SHARE = 8 / 33
"""Share of cobalt in a period of the multilayer, 0.8 nm of 3.3 nm."""


def smooth_state(shape):
    """Return the smooth state of the chapter's section 6 (E1), (3, z, y, x): the same function on any mesh."""
    w, v, u = np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij")
    theta = np.pi * (0.5 + 0.45 * np.sin(2 * np.pi * (2 * u + v)) * np.cos(2 * np.pi * (v - w / 2)))
    phi = 2 * np.pi * (u - 1.5 * v + w)
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])


def multilayer():
    """Return the effective medium of the Co/Pt film (E1)."""
    saturation = 1.2e6 * SHARE
    shape_term = VACUUM_PERMEABILITY * saturation**2 / 2
    anisotropy = SHARE * 1e-11 / (5.1e-9) ** 2 + shape_term
    return Material(saturation, 1e-11 * SHARE, anisotropy=anisotropy, dmi=1.5e-3 * SHARE)


def nickel(*, dmi=1e-3, anisotropy=5e4):
    """Return nickel with an anisotropy and a DMI that real nickel lacks (E2)."""
    return Material(490e3, 9e-12, anisotropy=anisotropy, dmi=dmi)


def evaluated(problem, m):
    """Return energies and effective field, T, of directions `m`."""
    spins = problem.unit_vectors(m)
    field = np.empty_like(spins)
    return effective_field(problem, spins, field), field


def random_spins(rng, *shape):
    """Return directions drawn evenly over the sphere, (3, z, y, x)."""
    m = rng.standard_normal((3, *shape))
    return m / np.linalg.norm(m, axis=0)


def random_problem(rng, *, shape=(5, 7, 8), periodic=(False, False), dtype=np.float64, terms=None):
    """Return a problem whose every parameter varies at random, with voids and DMI of both signs.

    `terms` names those that are on; all of them if left out.
    """

    def on(name):
        return terms is None or name in terms

    def field(low, high):
        return rng.uniform(low, high, shape)

    saturation = np.where(rng.random(shape) < 0.25, 0.0, field(0.3e6, 1.2e6))
    saturation.flat[rng.integers(saturation.size)] = 8e5
    material = Material(
        saturation,
        field(0.2e-11, 2e-11) if on("exchange") else 0.0,
        anisotropy=field(-5e5, 1e6) if on("anisotropy") else 0.0,
        axis=random_spins(rng, *shape) if rng.random() < 0.5 else rng.standard_normal(3),
        dmi=field(-4e-3, 4e-3) if on("dmi") else 0.0,
    )
    applied = rng.standard_normal((3, *shape)) if rng.random() < 0.5 else rng.standard_normal(3)
    cell = tuple(rng.uniform(1e-9, 3e-9, 3))
    with coarse():
        return Problem(
            Mesh(shape, cell, periodic),
            material,
            field=applied if on("zeeman") else (0, 0, 0),
            demag=on("demag"),
            dtype=dtype,
        )


@contextmanager
def coarse():
    """Let cells be larger than they should, as a standard prescribes or a random draw gives."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="cell is", category=UserWarning)
        yield
