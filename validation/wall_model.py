"""The profile of a domain wall and its fit, for one profile or ten thousand at once.

- `WallModel`: tanh(x/delta), or what a transfer function makes of it, with slopes, from a table;
- `fit_profiles`: Levenberg-Marquardt over a batch.

Through M(q), q = 2 pi f: ``m(x) = (2/pi) int_0^inf S M sin(q x)/q dq``, ``S = (pi delta q/2)/sinh(pi delta q/2)``.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from validation.transfers import Transfer, transfer_limit

Floats = NDArray[np.float64]

# Widths (m) that a fit may return, and the sampling of the table of blurred walls.
SMALLEST, LARGEST = 0.3e-9, 100e-9
_WIDTHS, _POSITIONS = 80, 241


class WallModel:
    """Wall profiles of unit amplitude, odd in the position, for any delta from `SMALLEST` to `LARGEST`.

    Parameters
    ----------
    transfer : callable, optional
        M(f); none gives the bare tanh.
    reach : float
        Largest distance from the wall's centre that is asked for, metres.
    """

    def __init__(self, transfer: Transfer | None, reach: float) -> None:
        self.transfer, self._reach = transfer, reach
        if transfer is None:
            return
        self._logs = np.linspace(math.log(SMALLEST), math.log(LARGEST), _WIDTHS)
        position = np.linspace(-reach, reach, _POSITIONS)
        half = position[_POSITIONS // 2 :]
        rows = [blurred_wall(half, math.exp(log), transfer) for log in self._logs]
        table = np.array([np.concatenate([-row[:0:-1], row]) for row in rows])
        self._table = ndimage.spline_filter(table, order=5, mode="mirror")

    def __call__(self, x: Floats, delta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the profile at `x`, its slope along x, and its slope along log(delta); shapes broadcast."""
        if self.transfer is None:
            value = np.tanh(x / delta)
            slope = (1 - value**2) / delta
            return value, slope, -x * slope
        x, log = np.broadcast_arrays(x, np.log(delta))
        step_x, step_log = 2e-11, 1e-3
        value, ahead, behind = (self._look_up(x + d, log) for d in (0.0, step_x, -step_x))
        wider, narrower = (self._look_up(x, log + d) for d in (step_log, -step_log))
        return value, (ahead - behind) / (2 * step_x), (wider - narrower) / (2 * step_log)

    def _look_up(self, x: Floats, log: Floats) -> Floats:
        row = (log - self._logs[0]) / (self._logs[1] - self._logs[0])
        column = (x / self._reach + 1) * (_POSITIONS - 1) / 2
        return np.asarray(ndimage.map_coordinates(self._table, [row, column], order=5, mode="nearest", prefilter=False))


def blurred_wall(x: Floats, delta: float, transfer: Transfer) -> Floats:
    """Integrate the profile of a wall of width `delta` seen through `transfer`, by Gauss-Legendre quadrature."""
    last = min(2 * math.pi * transfer_limit(transfer), 40 / (math.pi * delta))
    # A bare tanh is taken out first, so that the integrand fades where the transfer is 1, not where the wall ends.
    band_limited = last < 40 / (math.pi * delta)
    nodes = int(64 + last * float(np.abs(x).max()) / 1.2)
    node, weight = np.polynomial.legendre.leggauss(min(nodes, 1500))
    q = (node + 1) * last / 2
    u = math.pi * delta * q / 2
    passed = np.asarray(transfer(q / (2 * math.pi)), np.float64)
    spectrum = weight * last / 2 * (u / np.sinh(u)) * (passed if band_limited else passed - 1) / q
    result = 2 / math.pi * (np.sin(np.multiply.outer(x, q)) @ spectrum)
    return result if band_limited else result + np.tanh(x / delta)


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
        return np.asarray(self.delta * np.sqrt(np.einsum("ns,st,nt->n", response, noise_covariance, response)))


def fit_profiles(position: Floats, profiles: Floats, *, model: WallModel, delta: float = 5e-9) -> ProfileFits:
    """Fit walls to `profiles` (n, samples), all at the same `position` (samples,), by Levenberg-Marquardt.

    `delta` is where the fits start. The widths stay within `SMALLEST` and `LARGEST`, the centres within the positions.
    """
    count, samples = profiles.shape
    low, high = profiles.min(axis=1), profiles.max(axis=1)
    rising = profiles @ (position - position.mean()) >= 0
    parameters = np.stack(
        [
            np.full(count, math.log(delta)),
            np.zeros(count),
            np.where(rising, 1, -1) * (high - low) / 2,
            (low + high) / 2,
        ],
        axis=1,
    )
    span = (position[0], position[-1])
    # Positions are fitted in units of the start width: all four parameters are then of order one.
    scale = np.array([1.0, delta, 1.0, 1.0])
    damping = np.full(count, 1e-3)
    misfit, jacobian, rest = _linearised(position, profiles, parameters, model, scale)
    converged = np.zeros(count, bool)
    for _ in range(60):
        normal = np.einsum("nsi,nsj->nij", jacobian, jacobian)
        diagonal = np.einsum("nii->ni", normal)
        ridge = damping[:, None] * diagonal + 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300
        damped = normal + np.eye(4) * ridge[:, None, :]
        step = np.linalg.solve(damped, np.einsum("nsi,ns->ni", jacobian, rest)[..., None])[..., 0]
        trial = parameters + step * scale
        trial[:, 0] = np.clip(trial[:, 0], math.log(SMALLEST), math.log(LARGEST))
        trial[:, 1] = np.clip(trial[:, 1], *span)
        new_misfit, new_jacobian, new_rest = _linearised(position, profiles, trial, model, scale)
        better = new_misfit <= misfit
        moved = np.abs((trial - parameters) / scale).max(axis=1)
        converged |= moved < 1e-7 * (1 + np.abs(parameters / scale).max(axis=1))
        parameters = np.where(better[:, None], trial, parameters)
        jacobian = np.where(better[:, None, None], new_jacobian, jacobian)
        rest = np.where(better[:, None], new_rest, rest)
        misfit = np.where(better, new_misfit, misfit)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-12, 1e12)
        if converged.all():
            break
    normal = np.einsum("nsi,nsj->nij", jacobian, jacobian)
    gain = np.linalg.pinv(normal, hermitian=True) @ jacobian.transpose(0, 2, 1) * scale[:, None]
    residual = np.sqrt(misfit / max(samples - 4, 1))
    log_delta, centre, amplitude, offset = parameters.T
    return ProfileFits(np.exp(log_delta), centre, amplitude, offset, residual, converged, gain, profiles - rest)


def _linearised(position: Floats, profiles: Floats, parameters: Floats, model: WallModel, scale: Floats) -> Any:
    log_delta, centre, amplitude, offset = (p[:, None] for p in parameters.T)
    value, slope, slope_log = model(position[None, :] - centre, np.exp(log_delta))
    jacobian = np.stack([amplitude * slope_log, -amplitude * slope, value, np.ones_like(value)], axis=2) * scale
    rest = profiles - amplitude * value - offset
    return np.einsum("ns,ns->n", rest, rest), jacobian, rest
