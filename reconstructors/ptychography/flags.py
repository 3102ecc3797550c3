"""When a result is not to be trusted, and by what number.

- `of_states`: the flags of a run, each a number and the limit above which it is raised; `LIMITS`: those limits.

============================  =========================================================================================
flag                          number
============================  =========================================================================================
``frames_left_out``           share of the frames that took no part
``misfit``                    squared amplitude error over what photon noise makes: positions, distance, bad pixels
``below_noise``               photon noise over that error: the gain is wrong, or the frames are no counts
``unexplained``               Fourier error: 1 is what no model at all has
``few_data``                  unknown values of object and probe over measured ones
``little_overlap``            distance of neighbouring positions over the diameter of the probe
``unseen_light``              share of the probe's light that falls on masked pixels
``guessed_optics``            1 where a far field began without optics and without a focus found from the frames
``saturated_pixels``          pixels left out because they are saturated again and again
============================  =========================================================================================
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from numerics import fourier
from reconstructors.ptychography.preparation import Prepared
from reconstructors.ptychography.state import State

Array = NDArray[Any]

LIMITS: Final[Mapping[str, float]] = {
    "frames_left_out": 0.1,
    "misfit": 2.0,
    "below_noise": 3.0,
    "unexplained": 1.0,
    "few_data": 0.5,
    "little_overlap": 0.7,
    "unseen_light": 0.3,
    "guessed_optics": 0.5,
    "saturated_pixels": 0.5,
}
"""Number above which a flag is raised.

Measured: a misfit up to 1.1 on sound data, thick samples included, from 2.8 with positions wrong by a pixel and bad
frames that nothing was done about; noise over misfit up to 1.6 on sound data of 1e3 to 3e6 photons, above 1000 with a
gain that is wrong by as much; an error of the object of 0.16, 0.28 and 0.40 with 0.39, 0.64 and 2.2 unknown values to a
measured one, where a whole scan has 0.03."""


def of_states(prepared: Sequence[Prepared], states: Sequence[State], corrupt: Array) -> dict[str, tuple[float, float]]:
    """Return (number, limit) of each flag, the worst of the helicities.

    Parameters
    ----------
    prepared, states : sequences
        One of each helicity.
    corrupt : (helicities, frames) int8 array
        Why frames took no part.
    """
    numbers = [_of_one(p, s) for p, s in zip(prepared, states, strict=True)]
    worst = {name: max(found[name] for found in numbers) for name in numbers[0]}
    worst["frames_left_out"] = float(np.mean(corrupt != 0))
    return {name: (worst[name], limit) for name, limit in LIMITS.items()}


def _of_one(prepared: Prepared, state: State) -> dict[str, float]:
    error = float(state.frame_errors[state.used].mean())
    misfit = error / max(prepared.noise, 1e-30)
    few = _unknown(prepared, state)
    return {
        "misfit": misfit,
        "below_noise": max(1 - few, 0.0) / max(misfit, 1e-30),
        "unexplained": float(np.sqrt(max(error, 0.0) / prepared.problem.photons)),
        "few_data": few,
        "little_overlap": _spacing(state),
        "unseen_light": _unseen(prepared, state),
        "guessed_optics": float(_is_guessed(prepared)),
        "saturated_pixels": float(prepared.masked),
    }


def _unknown(prepared: Prepared, state: State) -> float:
    """Return the unknown values, object pixels in some frame and probe, over the measured ones."""
    problem = prepared.problem
    ny, nx = problem.frames.shape
    seen = np.zeros(problem.object_shape, np.bool_)
    for y, x in np.rint(state.positions[state.used]).astype(int):
        seen[max(y, 0) : y + ny, max(x, 0) : x + nx] = True
    measured = int(state.used.sum()) * int(problem.valid.sum())
    return 2 * float(seen.sum() + state.probe.size) / max(measured, 1)


def _spacing(state: State) -> float:
    """Return the median distance of nearest neighbours over the probe's diameter: a disc of equal half-light radius."""
    light = np.sum(np.abs(state.probe) ** 2, axis=0, dtype=np.float64)
    y, x = np.indices(light.shape)
    total, places = light.sum(), state.positions[state.used]
    if not total > 0 or len(places) < 2:
        return 0.0
    radius = np.hypot(y - (y * light).sum() / total, x - (x * light).sum() / total).ravel()
    order = np.argsort(radius)
    half = float(radius[order][np.searchsorted(np.cumsum(light.ravel()[order]), total / 2)])
    nearest = float(np.median(KDTree(places).query(places, k=2)[0][:, 1]))
    return nearest / max(float(np.sqrt(8)) * half, 1.0)


def _unseen(prepared: Prepared, state: State) -> float:
    """Return the share of the empty beam's light on the detector that falls on pixels that are left out."""
    problem = prepared.problem
    if problem.optics.transfer is not None:
        return 1 - float(problem.valid.mean())
    light = np.sum(np.abs(fourier.fft2(state.probe)) ** 2, axis=0)
    return 1 - float(light[problem.valid].sum() / max(float(light.sum()), 1e-30))


def _is_guessed(prepared: Prepared) -> bool:
    return prepared.problem.optics.transfer is None and not prepared.known_optics and not prepared.focused
