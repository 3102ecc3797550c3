"""The charge volume, and how much of each voxel is magnet.

- `charge_volume`: accelerated projected gradient between 0 and the most that a voxel can hold;
- `index_volume`: absorption and delay of mixtures of known materials, from waves;
- `even_steps`: the steps with which voxels seen little settle as soon as others;
- `fill_fraction`: the share of the magnet from a volume of two materials and vacuum;
- `material_levels`: what magnet and matrix absorb, from the histogram of a volume.

Volumes are in units of their data: line integrals in voxels give absorption per voxel.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics.iterate import run
from reconstructors.tomography.composition import Materials
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.solvers import Accelerated, Constraint
from reconstructors.tomography.stopping import Discrepancy, ended_by

Array = NDArray[Any]

THRESHOLD = 0.1
"""Fill below which a voxel counts as empty."""

_POWER = 15
"""Iterations for the operator norm, beside the curvature of a volume of ones, which is nearly the largest."""

_LEAST_SEEN = 0.1
"""Of the most that a voxel is seen, what `even_steps` gives every voxel credit for."""

_FAINT, _FEWEST = 0.03, 27
"""Of the magnet's level, below which all is vacuum; voxels within a material that are needed to call it one."""

_CUBE = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class ScalarInfo:
    """How a charge volume was found.

    Attributes
    ----------
    history : tuple of float
        Weighted misfit after each step.
    ended : str
        The rule that ended the run, "discrepancy" or "steps".
    step : float
        Length of a step.
    operator_norm : float
        Largest curvature of the data term in steps of `even_steps`.
    """

    history: tuple[float, ...]
    ended: str
    step: float
    operator_norm: float


def charge_volume(
    term: DataTerm, *, top: float | None, rng: np.random.Generator, steps: int = 120, stop: Discrepancy | None = None
) -> tuple[Array, ScalarInfo]:
    """Return the volume between 0 and `top` whose line integrals explain the data best.

    Of absorption and delay only the first is bounded, and returned: the delay of a magnet at resonance may have any
    sign.

    Parameters
    ----------
    term : DataTerm
        Of one component, or of two.
    top : float or None
        The most that a voxel can hold, in units of the data: absorption of the magnet, or 1 for fill. None: no limit.
    rng : numpy.random.Generator
        Of the start of the power iteration.
    steps : int
        At most.
    stop : Discrepancy, optional

    Returns
    -------
    ((z, y, x) float32 array, ScalarInfo)

    Raises
    ------
    ValueError
        If the term is of vectors, or `top` or `steps` is impossible.
    """
    if term.components not in (1, 2):
        raise ValueError(f"components is {term.components}; allowed: 1 or 2, of a scalar volume")
    if top is not None and not 0 < top < np.inf:
        raise ValueError(f"top is {top}; allowed: above 0, or None")
    if steps < 1:
        raise ValueError(f"steps is {steps}; allowed: from 1")
    x, info = _solved(term, partial(_between, top=top), rng=rng, steps=steps, stop=stop)
    return x[0], info


def index_volume(
    term: DataTerm,
    *,
    materials: Materials,
    rng: np.random.Generator,
    steps: int = 120,
    start: Array | None = None,
    norm: float | None = None,
) -> tuple[Array, ScalarInfo]:
    """Return absorption and delay, (2, z, y, x) float32, of mixtures that explain the waves best.

    Parameters
    ----------
    term : DataTerm
        Of two components.
    materials : Materials
    rng, steps
        As of `charge_volume`.
    start : (2, z, y, x) array, optional
        Where to start from; default 0.
    norm : float, optional
        `ScalarInfo.operator_norm` of nearly the same term; found by power iteration where it is not given.

    Raises
    ------
    ValueError
        If the term is not of two components, or `steps` is impossible.
    """
    if term.components != 2:
        raise ValueError(f"components is {term.components}; allowed: 2, absorption and delay")
    if steps < 1:
        raise ValueError(f"steps is {steps}; allowed: from 1")
    return _solved(term, materials.onto_mixtures, rng=rng, steps=steps, start=start, norm=norm)


def _solved(
    term: DataTerm,
    constraint: Constraint,
    *,
    rng: np.random.Generator,
    steps: int,
    stop: Discrepancy | None = None,
    start: Array | None = None,
    norm: float | None = None,
) -> tuple[Array, ScalarInfo]:
    scale, least = even_steps(term)
    if norm is None:
        norm = MARGIN * max(least, operator_norm(term, scale=scale, rng=rng, iterations=_POWER))
    solver = Accelerated(1 / norm, constraint, scale=scale)
    state, errors = run(solver, solver.init(term, start), steps=steps, stop=stop)
    return state.x, ScalarInfo(tuple(errors), ended_by(errors, stop), 1 / norm, norm)


def even_steps(term: DataTerm) -> tuple[Array, float]:
    """Return the steps of voxels, (z, y, x) float32 from 1, for `solvers.Accelerated`, and what curvature they leave.

    That is the curvature of a volume of ones in these steps: of a projector without negative values the largest one. A
    voxel's step is one over what it would get back of a volume of ones, its row of the curvature summed. Images weigh
    what their photons do: behind the thick of a tilted sample few are left, and with equal steps a voxel in the middle
    takes several times as many as one at the rim.

    Parameters
    ----------
    term : DataTerm
        Of one component, or of two.

    References
    ----------
    Pock and Chambolle, doi 10.1109/ICCV.2011.6126441, lemma 2 with alpha = 1.
    """
    ones = np.zeros(term.shape, np.float32)
    ones[0] = 1
    seen = term.adjoint(term.weighted(term.forward(ones)))[0]
    most = seen.max()
    return np.asarray(most / np.maximum(seen, _LEAST_SEEN * most), np.float32), float(most)


def _between(x: Array, *, top: float | None) -> Array:
    np.clip(x[0], 0, top, out=x[0])
    return x


def fill_fraction(charge: Array, *, beta_magnet: float | None = None, beta_matrix: float | None = None) -> Array:
    """Return the share of the magnet in each voxel.

    Inside of the sample ``v = fill beta_magnet + (1 - fill) beta_matrix``. Vacuum lies below the matrix and becomes 0
    with it, so that no outline is needed; a voxel of which the share s is outside is ``s beta_matrix / (beta_magnet -
    beta_matrix)`` too low, a few hundredths for silica round nickel.

    Parameters
    ----------
    charge : (z, y, x) array
        Of `charge_volume`.
    beta_magnet, beta_matrix : float, optional
        Levels of the two materials in units of `charge`; what is not given is taken from the histogram. A matrix of 0
        is vacuum.

    Returns
    -------
    (z, y, x) float32 array
        0 to 1; below `THRESHOLD` set to 0.

    Raises
    ------
    ValueError
        If a level is impossible, or the volume holds nothing.
    """
    found = material_levels(charge) if beta_magnet is None or beta_matrix is None else (0.0, 0.0)
    magnet = found[0] if beta_magnet is None else beta_magnet
    matrix = found[1] if beta_matrix is None else beta_matrix
    if not 0 <= matrix < magnet < np.inf:
        raise ValueError(f"beta_magnet is {magnet:.4g}, beta_matrix {matrix:.4g}; allowed: magnet above matrix, from 0")
    fill = np.clip((charge - matrix) / (magnet - matrix), 0, 1)
    fill[fill < THRESHOLD] = 0
    return fill.astype(np.float32)


def material_levels(charge: Array) -> tuple[float, float]:
    """Return the absorption of magnet and matrix, from voxels whose neighbours are of the same material.

    The matrix is 0 where no material but the magnet is found.

    Raises
    ------
    ValueError
        If the volume holds nothing.
    """
    top = float(np.quantile(charge[charge > 0], 0.99)) if np.any(charge > 0) else 0.0
    if not top > 0:
        raise ValueError("charge is nowhere above 0; allowed: a volume with a sample in it")
    dense = charge > top / 2
    core = ndimage.binary_erosion(dense, _CUBE)
    magnet = float(np.median(charge[core])) if core.any() else top
    between = (charge > _FAINT * magnet) & ~dense
    body = ndimage.binary_erosion(between, _CUBE)
    return magnet, float(np.median(charge[body])) if body.sum() >= _FEWEST else 0.0
