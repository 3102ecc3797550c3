"""The fill without the blur of the images it came from, as far as the magnetic projections tell.

- `unblurred`: a fill whose blur has a known width;
- `least_blurred`: the width with which the projections are explained best; `Unblurred`.

A fill from blurred images is too low inside of an edge and too high outside. What bounds or sets the length of vectors
by it, `vector.ball` and `vector.vector_plus`, then cannot explain the projections: with a blur of one voxel the error
is twice to three times that of the true fill. Edges themselves are sharp, for a magnet ends at its surface.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics.iterate import run
from reconstructors.tomography.constraints import onto_ball
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.solvers import Accelerated

Array = NDArray[Any]

WIDTHS: Final = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
"""Standard deviations of the blur that are tried, voxels, rising."""

_STEPS: Final = 14
"""Of accelerated descent, after which misfits are compared."""
_ROUNDS: Final = 60
_POWER: Final = 10
_BETTER: Final = 0.99
"""Of the misfit as given, below which a width is believed."""


@dataclass(frozen=True, eq=False)
class Unblurred:
    """A fill (z, y, x), the `width` of the blur taken off it, 0 for none, and the `pairs` of projections spent."""

    fill: Array
    width: float
    pairs: int


def unblurred(fill: Array, width: float) -> Array:
    """Return the fill within 0 to 1 that a Gaussian blurs to `fill`, by projected descent.

    Parameters
    ----------
    fill : (z, y, x) float array
        Where it is 0 it stays 0, and counts as unknown: the feet of the blur were cut off.
    width : float
        Standard deviation of the blur, voxels.

    Raises
    ------
    ValueError
        If the width is not positive.
    """
    if not 0 < width < np.inf:
        raise ValueError(f"width is {width} voxels; allowed: above 0")
    known = fill > 0
    blur = partial(ndimage.gaussian_filter, sigma=width)
    found = fill.astype(np.float32)
    for _ in range(_ROUNDS):
        found = np.clip(found + 1.8 * blur(known * (fill - blur(found))), 0, 1) * known
    return np.asarray(found, np.float32)


def least_blurred(term: DataTerm, fill: Array, *, rng: np.random.Generator) -> Unblurred:
    """Take blur off the fill, the wider the longer this explains the magnetic projections better.

    Parameters
    ----------
    term : DataTerm
        Of three components.
    fill : (z, y, x) float32 array
    rng : numpy.random.Generator
        Of the power iteration.

    Returns
    -------
    Unblurred
        With the fill itself where no width lowers the misfit by a hundredth.

    Raises
    ------
    ValueError
        If the term is not of a magnetization.
    """
    if term.components != 3:
        raise ValueError(f"components is {term.components}; allowed: 3, of a magnetization")
    step = 1 / (MARGIN * operator_norm(term, scale=fill > 0, rng=rng, iterations=_POWER))
    best, least, pairs = Unblurred(fill, 0.0, 0), _misfit(term, fill, step), _POWER + _STEPS
    wanted = _BETTER * least
    for width in WIDTHS:
        sharper = unblurred(fill, width)
        misfit = _misfit(term, sharper, step)
        pairs += _STEPS
        if misfit > min(wanted, least):
            break
        best, least = Unblurred(sharper, width, pairs), misfit
    return Unblurred(best.fill, best.width, pairs)


def _misfit(term: DataTerm, fill: Array, step: float) -> float:
    """Return the misfit of vectors no longer than the fill, after a few steps."""
    solver = Accelerated(step, partial(onto_ball, radius=fill.astype(np.float32)))
    return run(solver, solver.init(term), steps=_STEPS)[1][-1]
