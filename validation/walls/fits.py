"""Fits of a wall to many profiles at once.

- `fit_profiles`: Levenberg-Marquardt over a batch; `ProfileFits`: what it returns, with what noise does to it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.walls.kernels import fit_block
from validation.walls.model import LARGEST, SMALLEST, WallModel

Floats = NDArray[np.float64]

# A fit whose relative error of delta is larger than this is called ill-conditioned.
_ILL_CONDITIONED = 0.3
# Where fits start, metres; also the unit of their centres, so that all four parameters are of order one.
_START = 5e-9
_BLOCK = 256


@dataclass(frozen=True)
class ProfileFits:
    """Fits of ``amplitude * model(x - centre, delta) + offset`` to many profiles.

    Arrays of length n: `delta`, `centre` (m), `amplitude`, `offset`, `residual` (rms over the degrees of freedom),
    `converged`. `gain` (n, 4, samples) is what noise on the samples does to log(delta), centre, amplitude and offset;
    `fitted` (n, samples) are the fitted profiles.
    """

    delta: Floats
    centre: Floats
    amplitude: Floats
    offset: Floats
    residual: Floats
    converged: NDArray[np.bool_]
    gain: Floats
    fitted: Floats

    def delta_error(self, noise_covariance: Floats) -> Floats:
        """Return the standard error of `delta` under noise of the given covariance (samples, samples)."""
        response = self.gain[:, 0, :]
        variance = np.einsum("ns,ns->n", response @ noise_covariance, response)
        return np.asarray(self.delta * np.sqrt(np.maximum(variance, 0.0)))

    def ill_conditioned(self, error: Floats) -> NDArray[np.bool_]:
        """Return where delta is not determined: an error above 30 %, a width at a limit, or no convergence."""
        at_limit = (self.delta <= SMALLEST * 1.001) | (self.delta >= LARGEST * 0.999)
        at_limit |= ~(np.abs(self.amplitude) > 1e-12)
        return np.asarray(~self.converged | at_limit | ~(error < _ILL_CONDITIONED * self.delta))


def fit_profiles(
    position: Floats, profiles: Floats, *, model: WallModel, start: ProfileFits | None = None, gains: bool = True
) -> ProfileFits:
    """Fit walls to `profiles` (n, samples), all at the same `position` (samples,), by Levenberg-Marquardt.

    The widths stay within `SMALLEST` and `LARGEST`, the centres within the positions. Fits begin at 5 nm, or at those
    of `start`; without `gains` the gain is left out, (0, 4, samples).
    """
    count, samples = profiles.shape
    parameters = _start(position, profiles) if start is None else _parameters(start)
    scale = np.array([1.0, _START, 1.0, 1.0])
    limits = np.array([[math.log(SMALLEST), math.log(LARGEST)], [position[0], position[-1]]])
    gain = np.empty((count if gains else 0, 4, samples))
    rest, converged = np.empty((count, samples)), np.empty(count, bool)
    geometry = (model.table, model.first_log, model.log_step, model.first_position, model.position_step)
    data = np.ascontiguousarray(profiles, np.float64)
    place = np.ascontiguousarray(position, np.float64)

    def work(first: int, last: int) -> None:
        part = slice(first, last)
        out = (gain[part], rest[part], converged[part])
        fit_block(place, data[part], parameters[part], scale, limits, geometry, out)

    fourier.in_blocks(work, count, _BLOCK)
    residual = np.sqrt(np.einsum("ns,ns->n", rest, rest) / max(samples - 4, 1))
    log_delta, centre, amplitude, offset = parameters.T
    return ProfileFits(np.exp(log_delta), centre, amplitude, offset, residual, converged, gain, data - rest)


def _start(position: Floats, profiles: Floats) -> Floats:
    low, high = profiles.min(axis=1), profiles.max(axis=1)
    sign = np.where(profiles @ (position - position.mean()) >= 0, 1.0, -1.0)
    parameters = [np.full(len(profiles), math.log(_START)), np.zeros(len(profiles)), sign * (high - low) / 2]
    return np.stack([*parameters, (low + high) / 2], axis=1)


def _parameters(fits: ProfileFits) -> Floats:
    return np.stack([np.log(fits.delta), fits.centre, fits.amplitude, fits.offset], axis=1)
