"""Whether all series saw one magnetization: the sample is remounted between them, and hours pass.

- `compare_series`: the residual of each series in the joint volume against that in a volume of its own; `SeriesFits`.

A volume that has to explain two states explains neither where they differ. What is wrong with all series alike, the
projector or the fill, is in the volume of a single series too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics.iterate import run
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.projector import Projector, project, project_adjoint
from reconstructors.tomography.solvers import ConjugateGradient
from reconstructors.tomography.waves import part_of

Array = NDArray[Any]

_STEPS: Final = 8  # of conjugate gradients, on the images of one series
_PLACE: Final = 4.0  # voxels, standard deviation of the window that is a place
_LEAST: Final = 8  # images of a series, from which its own volume does not explain just anything
_PATH: Final = 1.0  # voxels of magnet that a ray must cross to count
_SHARE: Final = 0.1  # of the signal: residuals far below it come from the projector, and uneven without any change
_SEEN: Final = 0.1  # of the median place's signal, below which a place is not judged: a stray voxel that few rays cross
_TINY: Final = 1e-6


@dataclass(frozen=True, eq=False)
class SeriesFits:
    """How well series fit together.

    Attributes
    ----------
    residual : (series,) float64 array
        Misfit of each in the joint volume over that in a volume of its own; 0 of a series without images.
    worst : float
        The same of squared residuals of the rays through one place, over that through the median place: the worst
        place of the worst series of 8 images or more. 1 for a single series.
    """

    residual: NDArray[np.float64]
    worst: float


def compare_series(term: DataTerm, m: Array, fill: Array, series: NDArray[np.int64], *, count: int) -> SeriesFits:
    """Compare the fit of each series in the joint volume with that in a volume of its own.

    Parameters
    ----------
    term : DataTerm
        Of all series together.
    m : (3, z, y, x) array
        The joint volume.
    fill : (z, y, x) array
    series : (n,) int array
        Of each projection.
    count : int
        Of series, with those that have no projection.
    """
    residual, worst = np.zeros(count), 1.0
    joint = term.forward(m) - term.data
    labels = np.unique(series)
    for label in labels:
        place = np.flatnonzero(series == label)
        own = _part(term, place)
        solver = ConjugateGradient(fill.astype(np.float32))
        state, errors = run(solver, solver.init(own), steps=_STEPS)
        together = own.relative(own.squared(joint[place]))
        residual[label] = together / max(errors[-1], _TINY)
        if labels.size > 1 and place.size >= _LEAST:
            alone = own.forward(state.x) - own.data
            squares = [own.weighted(images**2) for images in (joint[place], alone, own.data)]
            worst = max(worst, _unevenness(squares, own.plan, fill))
    return SeriesFits(residual, worst)


def _part(term: DataTerm, place: Array) -> DataTerm:
    """Return some projections of a data term, with a projector of the default footprint."""
    weights = None if term.weights is None else term.weights[place]
    return DataTerm(part_of(term.plan, place), term.data[place], weights, term.components)


def _unevenness(squares: Sequence[Array], plan: Projector, fill: Array) -> float:
    """Return the largest over the median ratio of squared residuals of the rays through each place of the magnet.

    `squares` are those of the residual in the joint volume, of that in the series' own, and of the data.
    """
    magnet = fill > 0
    crossing = project(magnet.astype(np.float32), plan) > _PATH
    seen = []
    for one in squares:
        back = project_adjoint(np.where(crossing, one, 0).astype(np.float32), plan)
        seen.append(np.maximum(ndimage.gaussian_filter(back, _PLACE, mode="nearest")[magnet], 0))
    judged = seen[2] >= _SEEN * np.median(seen[2])
    together, alone, signal = (one[judged] for one in seen)
    least = _SHARE**2 * signal + _TINY * float(alone.max()) + _TINY
    ratio = (together + least) / (alone + least)
    return float(ratio.max() / max(float(np.median(ratio)), _TINY))
