"""A small slab with voids, few projections: what solvers are tested on."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.geometry import nominal_geometry
from reconstructors.tomography.projector import plan_projector, project, project_vector
from reconstructors.tomography.stopping import noise_misfit
from tests.reconstructors.tomography.vector_phantoms import slab

SHAPE, DETECTOR = (20, 24, 24), (24, 24)


@dataclass(frozen=True)
class Problem:
    """`term` and `scalar` are of noisy data of `m` and `fill`, whose length is `fill`."""

    term: DataTerm
    scalar: DataTerm
    m: np.ndarray
    fill: np.ndarray
    noise: float


def geometry(step=8):
    tilt = np.deg2rad(np.tile(np.arange(-62, 63, step), 3))
    return nominal_geometry(in_plane=np.repeat(np.deg2rad([0, 120, 240]), len(tilt) // 3), tilt=tilt)


@cache
def problem(noise=0.01, seed=0):
    s = slab(seed=seed, n=24, finer=1, texture=2.0, size=(12, 18, 18))
    fill, fine = s.fill[2:-2], s.fine[:, 2:-2]
    length = np.linalg.norm(fine, axis=0)
    m = np.where(length > 0, fine / np.maximum(length, 1e-9) * fill, 0).astype(np.float32)
    plan = plan_projector(SHAPE, geometry(), detector=DETECTOR)
    rng = np.random.default_rng(seed)
    data, charge = project_vector(m, plan), project(fill, plan)
    deviation, grain = (noise * np.sqrt(np.mean(a**2)) for a in (data, charge))
    data = (data + deviation * rng.standard_normal(data.shape)).astype(np.float32)
    charge = (charge + grain * rng.standard_normal(charge.shape)).astype(np.float32)
    term = DataTerm(plan, data)
    return Problem(term, DataTerm(plan, charge, components=1), m, fill, noise_misfit(term, float(deviation) ** 2))


def error(m, p):
    return float(np.linalg.norm(m - p.m) / np.linalg.norm(p.m))
