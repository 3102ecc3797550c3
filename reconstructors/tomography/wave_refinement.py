"""Refinement of poses by complex images: the phases behind a thick sample tell its turns, which its shadows do not.

- `refine_by_waves`: reconstruct absorption and delay, reproject, step, again.

Line integrals leave poses where their own error leads them; the waves' model is the better one, and its volume is known
to consist of known materials.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.tomography.composition import Materials
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.pose_equations import wave_equations
from reconstructors.tomography.refinement import KINDS, best_step, fitted_motion, rms_step, stepped
from reconstructors.tomography.scalar import index_volume

Array = NDArray[Any]

_FIRST, _LATER = 60, 15
"""Steps of the volume in the first round and in those that start from it."""
_SMOOTH = 1.0
"""Low-pass of the first round, px."""
_LAST_TURN = float(np.deg2rad(0.03))
"""Rms turn of a round, rad, that ends the refinement."""


def refine_by_waves(
    term_at: Callable[[Geometry], DataTerm],
    geometry: Geometry,
    *,
    materials: Materials,
    rounds: int,
    what: Sequence[str] = KINDS,
    rng: np.random.Generator,
) -> tuple[Geometry, Array | None]:
    """Return the geometry after at most so many rounds, and absorption and delay, (2, z, y, x), of the last one.

    As a whole it has no rigid motion against `geometry`. Without a round there is no volume.

    Parameters
    ----------
    term_at : callable
        From a geometry to the data term, of two components, of the images there.
    geometry : Geometry
        Where to start from; turns are drawn to it by their spread of a degree.
    materials : Materials
    rounds : int
    what : sequence of {"shift", "angle"}
    rng : numpy.random.Generator
        Of the starts of power iterations.
    """
    now, index, norm = geometry, None, None
    for number in range(rounds):
        term = term_at(now)
        steps = _FIRST if index is None else _LATER
        index, info = index_volume(term, materials=materials, rng=rng, steps=steps, start=index, norm=norm)
        norm = info.operator_norm  # turns of a degree leave it within the margin
        system = wave_equations(term, index, smooth=None if number else _SMOOTH, turns=KINDS[1] in what)
        step = best_step(system, now, what=what, nominal=geometry)
        now = stepped(now, step)
        now = now.moved(fitted_motion(now, geometry))
        if number and rms_step(step)[1] < _LAST_TURN:
            break
    return now, index
