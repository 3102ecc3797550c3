"""The phantom family of the targets of vector tomography, its data and scores; TRUESPIN_SEEDS=101,102 chooses seeds.

- `case`: truth, fill and data of a seed, on the volume's own grid or from a grid twice finer; `Case`, `noisy`;
- `solved`: a recipe on a case, kept; `PARAMETERS`: of the recipes, their defaults;
- `scores`, `error`: of a volume against the truth; `tell`: one row of a table over the seeds.
"""

import os
from dataclasses import dataclass
from functools import cache

import numpy as np

import validation
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.projector import plan_projector, project_vector
from reconstructors.tomography.scalar import charge_volume, fill_fraction
from reconstructors.tomography.stopping import noise_misfit
from reconstructors.tomography.vector import RECIPES, BallParameters, CglsParameters, ResireParameters
from reconstructors.tomography.vector_plus import VectorPlusParameters
from tests.reconstructors.tomography.vector_phantoms import projections, published_geometry, slab

SEEDS = tuple(int(seed) for seed in os.environ.get("TRUESPIN_SEEDS", "101,102,103,104,105").split(","))
VOXEL, RADIUS = 5e-9, 9e-9
PARAMETERS = {
    "resire": ResireParameters(),
    "cgls": CglsParameters(),
    "ball": BallParameters(),
    "vector_plus": VectorPlusParameters(),
}


@dataclass(frozen=True, eq=False)
class Case:
    """`m` and `true_fill` are the truth at voxels, `fill` is what a method gets, `clean` its data without noise."""

    m: np.ndarray
    true_fill: np.ndarray
    fill: np.ndarray
    clean: np.ndarray
    term: DataTerm
    noise: float


@cache
def case(seed, kind, noise):
    """Return the case of a seed: `kind` "same" has the grid and the fill of the data, "finer" neither."""
    phantom, geometry, rng = slab(seed=seed), published_geometry(), np.random.default_rng(100 + seed)
    plan = plan_projector(phantom.fill.shape, geometry, detector=phantom.fill.shape[1:])
    if kind == "same":
        length = np.linalg.norm(phantom.m, axis=0)
        m = np.where(length > 0, phantom.m / np.maximum(length, 1e-6) * phantom.fill, 0).astype(np.float32)
        clean, fill = project_vector(m, plan), np.where(phantom.fill > 0.02, phantom.fill, 0).astype(np.float32)
    else:
        m, clean = phantom.m, projections(phantom.fine, geometry)
        ones = np.ones((len(geometry), 1))
        charge = noisy(projections(phantom.fine_fill[None], geometry, weights=ones), noise, rng)[0]
        term = DataTerm(plan, charge, components=1)
        fill = fill_fraction(charge_volume(term, top=1.0, rng=rng)[0], beta_magnet=1.0, beta_matrix=0.0)
    data, deviation = noisy(clean, noise, rng)
    term = DataTerm(plan, data)
    return Case(m, phantom.fill, fill, clean, term, noise_misfit(term, deviation**2))


def noisy(data, noise, rng):
    """Return data with noise of a share of their root mean square in the sample's shadow, and its deviation."""
    seen = np.abs(data) > 1e-3 * np.abs(data).max()
    deviation = float(noise * np.sqrt(np.mean(data[seen] ** 2)))
    return (data + deviation * rng.standard_normal(data.shape)).astype(np.float32), deviation


@cache
def solved(seed, kind, noise, name):
    """Return the solution of the recipe `name`."""
    own = case(seed, kind, noise)
    rng = np.random.default_rng(seed)
    return RECIPES[name](own.term, own.fill, noise=own.noise, parameters=PARAMETERS[name], rng=rng)


def error(m, own):
    """Return the relative error of `m` in the magnet."""
    inside = own.true_fill > 0.1
    return float(np.linalg.norm((m - own.m)[:, inside]) / np.linalg.norm(own.m[:, inside]))


def scores(m, own, fill):
    """Return errors of `m`, and recall and precision of the hedgehogs found in `fill`."""
    inside = own.true_fill > 0.1
    both = np.where(np.any(m != 0, axis=0), own.true_fill, 0)  # noise leaves holes in a fill
    parts = validation.helmholtz_error(m, own.m, voxel_size=VOXEL, magnet=both)
    found = validation.find_hedgehogs(m, voxel_size=VOXEL, magnet=fill)
    true = validation.find_hedgehogs(own.m, voxel_size=VOXEL, magnet=own.true_fill)
    labels = (np.sign(found.charge.values), np.sign(true.charge.values))
    pairs = validation.match_points(found.position.values, true.position.values, radius=RADIUS, labels=labels)
    return {
        "err": error(m, own),
        **{f"err {axis}": _component(m, own, inside, c) for c, axis in enumerate("xyz")},
        "longitudinal": parts.longitudinal,
        "transverse": parts.transverse,
        "recall": pairs.recall,
        "precision": pairs.precision,
    }


def _component(m, own, inside, c):
    return float(np.linalg.norm((m - own.m)[c, inside]) / np.linalg.norm(own.m[c, inside]))


def tell(title, rows):
    """Print mean and spread of each number of `rows`, dicts of one key each for every seed; return the means."""
    columns = {key: np.array([row[key] for row in rows], float) for key in rows[0]}
    spread = " ".join(f"{key} {values.mean():.3f}±{values.std():.3f}" for key, values in columns.items())
    print(f"\n{title}, {len(rows)} seeds: {spread}", flush=True)
    return {key: float(values.mean()) for key, values in columns.items()}
