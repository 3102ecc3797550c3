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
# A wall lower than this share of a profile's half range does not show above the rounding of the fit, nor does a width.
_FLAT = 1e-6
_BLOCK = 256


@dataclass(frozen=True)
class ProfileFits:
    """Fits of ``amplitude * model(x - centre, delta) + offset`` to many profiles.

    Arrays of length n: `delta`, `centre` (m), `amplitude`, `offset`, `residual` (rms over the degrees of freedom),
    `converged`. `gain` (n, 4 or 1, samples) is what noise on the samples does to log(delta), centre, amplitude and
    offset; `fitted` (n, samples) are the fitted profiles.
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
        return np.asarray(~self.converged | at_limit | ~(error < _ILL_CONDITIONED * self.delta))


def fit_profiles(
    position: Floats,
    profiles: Floats,
    *,
    model: WallModel,
    start: ProfileFits | None = None,
    gains: bool = True,
    width_only: bool = False,
) -> ProfileFits:
    """Fit walls to `profiles` (n, samples), all at the same `position` (samples,), by Levenberg-Marquardt.

    The widths stay within `SMALLEST` and `LARGEST`, the centres within the positions. Fits begin at 5 nm, or at those
    of `start`. Without `gains` the gain is left out, (0, 4, samples); with `width_only` it is that of log(delta) alone,
    (n, 1, samples). Each profile is fitted in units of its own half range about its own middle, so that no width
    depends on the unit of the image; one without height has not converged.
    """
    count, samples = profiles.shape
    middle, half = _middle_and_half_range(profiles)
    data = np.subtract(profiles, middle[:, None], dtype=np.float64)
    data /= half[:, None]
    parameters = _start(position, data) if start is None else _parameters(start, middle, half)
    scale = np.array([1.0, _START, 1.0, 1.0])
    limits = np.array([[math.log(SMALLEST), math.log(LARGEST)], [position[0], position[-1]]])
    gain = np.empty((count if gains else 0, 1 if width_only else 4, samples))
    rest, converged = np.empty((count, samples)), np.empty(count, bool)
    geometry = (model.table, model.first_log, model.log_step, model.first_position, model.position_step)
    place = np.ascontiguousarray(position, np.float64)

    def work(first: int, last: int) -> None:
        part = slice(first, last)
        out = (gain[part], rest[part], converged[part])
        fit_block(place, data[part], parameters[part], scale, limits, geometry, out)

    fourier.in_blocks(work, count, _BLOCK)
    residual = half * np.sqrt(np.einsum("ns,ns->n", rest, rest) / max(samples - 4, 1))
    log_delta, centre, amplitude, offset = parameters.T
    converged &= np.abs(amplitude) > _FLAT
    if gains:
        gain[:, :2] /= half[:, None, None]
    fitted = np.subtract(data, rest, out=data)
    fitted *= half[:, None]
    fitted += middle[:, None]
    return ProfileFits(
        np.exp(log_delta), centre, amplitude * half, offset * half + middle, residual, converged, gain, fitted
    )


def _middle_and_half_range(profiles: Floats) -> tuple[Floats, Floats]:
    """Return the middle of each profile and half of what it spans, 1 where it is the same everywhere."""
    low, high = (np.asarray(end, np.float64) for end in (profiles.min(axis=1), profiles.max(axis=1)))
    half = high / 2 - low / 2
    return low / 2 + high / 2, np.where(half > 0, half, 1.0)


def _start(position: Floats, profiles: Floats) -> Floats:
    """Return where the fits of profiles from -1 to 1 begin."""
    sign = np.where(profiles @ (position - position.mean()) >= 0, 1.0, -1.0)
    nothing = np.zeros(len(profiles))
    return np.stack([nothing + math.log(_START), nothing, sign * profiles.max(axis=1), nothing], axis=1)


def _parameters(fits: ProfileFits, middle: Floats, half: Floats) -> Floats:
    return np.stack([np.log(fits.delta), fits.centre, fits.amplitude / half, (fits.offset - middle) / half], axis=1)
