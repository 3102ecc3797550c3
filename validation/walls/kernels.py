"""Fits of one wall profile after the other, compiled; each on its own, so that no result depends on the others.

`fit_block` runs Levenberg-Marquardt on a block of profiles. Parameters are log(delta), centre, amplitude, offset.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

_STEPS = 60
_CONVERGED = 1e-7


@njit(nogil=True, cache=True)
def _spline_weights(t: float, values: Array, slopes: Array) -> None:
    """Write the six weights of a quintic B-spline at the share `t` of a step, and their slopes per step."""
    t2, t3 = t * t, t * t * t
    t4, t5 = t2 * t2, t2 * t3
    r = 1.0 - t
    r4 = r * r * r * r
    values[0] = r4 * r / 120
    values[1] = (26 - 50 * t + 20 * t2 + 20 * t3 - 20 * t4 + 5 * t5) / 120
    values[2] = (66 - 60 * t2 + 30 * t4 - 10 * t5) / 120
    values[3] = (26 + 50 * t + 20 * t2 - 20 * t3 - 20 * t4 + 10 * t5) / 120
    values[4] = (1 + 5 * t + 10 * t2 + 10 * t3 + 5 * t4 - 5 * t5) / 120
    values[5] = t5 / 120
    slopes[0] = -r4 / 24
    slopes[1] = (-10 + 8 * t + 12 * t2 - 16 * t3 + 5 * t4) / 24
    slopes[2] = (-24 * t + 24 * t3 - 10 * t4) / 24
    slopes[3] = (10 + 8 * t - 12 * t2 - 16 * t3 + 10 * t4) / 24
    slopes[4] = (1 + 4 * t + 6 * t2 + 4 * t3 - 5 * t4) / 24
    slopes[5] = t4 / 24


@njit(nogil=True, cache=True)
def _at_width(table: Array, row: float, rows: Array, weights: Array) -> None:
    """Write the position splines of one width, and their slopes per row of the table, to `rows` (2, positions)."""
    place = min(max(row, 0.0), table.shape[0] - 7.0)
    first = min(int(place), table.shape[0] - 8)
    _spline_weights(place - first, weights[0], weights[1])
    for p in range(table.shape[1]):
        value, slope = 0.0, 0.0
        for k in range(6):
            coefficient = table[first + 1 + k, p]
            value += weights[0, k] * coefficient
            slope += weights[1, k] * coefficient
        rows[0, p] = value
        rows[1, p] = slope


@njit(nogil=True, cache=True)
def _linearise(position, profile, parameters, model, jacobian, rest, work) -> float:  # type: ignore[no-untyped-def]
    """Write jacobian (samples, 4) and misfit (samples,) of one profile; return the sum of its squares."""
    table, first_log, log_step, first_position, position_step = model
    rows, weights = work
    log_delta, centre, amplitude, offset = parameters
    delta = np.exp(log_delta)
    if table.size:
        _at_width(table, (log_delta - first_log) / log_step, rows, weights)
    total = 0.0
    for s in range(position.size):
        x = position[s] - centre
        if table.size:
            place = min(max((x - first_position) / position_step, 0.0), table.shape[1] - 7.0)
            first = min(int(place), table.shape[1] - 8)
            _spline_weights(place - first, weights[0], weights[1])
            value, slope, slope_log = 0.0, 0.0, 0.0
            for k in range(6):
                value += weights[0, k] * rows[0, first + 1 + k]
                slope += weights[1, k] * rows[0, first + 1 + k]
                slope_log += weights[0, k] * rows[1, first + 1 + k]
            slope /= position_step
            slope_log /= log_step
        else:
            value = np.tanh(x / delta)
            slope = (1 - value * value) / delta
            slope_log = -x * slope
        jacobian[s, 0] = amplitude * slope_log
        jacobian[s, 1] = -amplitude * slope
        jacobian[s, 2] = value
        jacobian[s, 3] = 1.0
        rest[s] = profile[s] - amplitude * value - offset
        total += rest[s] * rest[s]
    return total


@njit(nogil=True, cache=True)
def _normal_equations(jacobian, rest, scale, normal, right) -> None:  # type: ignore[no-untyped-def]
    """Write J^T J and J^T r, the parameters in units of `scale`."""
    for i in range(4):
        total = 0.0
        for s in range(rest.size):
            total += jacobian[s, i] * rest[s]
        right[i] = total * scale[i]
        for j in range(i + 1):
            total = 0.0
            for s in range(rest.size):
                total += jacobian[s, i] * jacobian[s, j]
            normal[i, j] = normal[j, i] = total * scale[i] * scale[j]


@njit(nogil=True, cache=True)
def _factorise(normal, damping, lower) -> None:  # type: ignore[no-untyped-def]
    """Write the Cholesky factor of the matrix with a damped diagonal; the ridge keeps it positive where it is not."""
    largest = max(normal[0, 0], normal[1, 1], normal[2, 2], normal[3, 3])
    for i in range(4):
        for j in range(i + 1):
            total = normal[i, j]
            if i == j:
                total += damping * normal[i, i] + 1e-12 * largest + 1e-300
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(max(total, 1e-300)) if i == j else total / lower[j, j]


@njit(nogil=True, cache=True)
def _solve(lower, right) -> None:  # type: ignore[no-untyped-def]
    """Solve in place with the factor of `_factorise`."""
    for i in range(4):
        for k in range(i):
            right[i] -= lower[i, k] * right[k]
        right[i] /= lower[i, i]
    for i in range(3, -1, -1):
        for k in range(i + 1, 4):
            right[i] -= lower[k, i] * right[k]
        right[i] /= lower[i, i]


@njit(nogil=True, cache=True)
def _descend(position, profile, parameters, scale, limits, model, work) -> bool:  # type: ignore[no-untyped-def]
    """Fit one profile: `parameters`, and jacobian and misfit in `work`, end at the minimum; return if it is reached."""
    jacobian, rest, new_jacobian, new_rest, scratch = work
    normal, lower, right, trial = np.empty((4, 4)), np.empty((4, 4)), np.empty(4), np.empty(4)
    misfit = _linearise(position, profile, parameters, model, jacobian, rest, scratch)
    damping, converged = 1e-3, False
    for _ in range(_STEPS):
        _normal_equations(jacobian, rest, scale, normal, right)
        _factorise(normal, damping, lower)
        _solve(lower, right)
        moved, size = 0.0, 0.0
        for i in range(4):
            trial[i] = parameters[i] + right[i] * scale[i]
            if i < 2:
                trial[i] = min(max(trial[i], limits[i, 0]), limits[i, 1])
            moved = max(moved, abs(trial[i] - parameters[i]) / scale[i])
            size = max(size, abs(parameters[i]) / scale[i])
        converged = moved < _CONVERGED * (1 + size)
        new_misfit = _linearise(position, profile, trial, model, new_jacobian, new_rest, scratch)
        if new_misfit <= misfit:
            misfit = new_misfit
            parameters[:] = trial
            jacobian[:], rest[:] = new_jacobian, new_rest
            damping = max(damping / 5, 1e-12)
        else:
            damping = min(damping * 4, 1e12)
        if converged:
            break
    return converged


@njit(nogil=True, cache=True)
def _gains(jacobian, scale, gain) -> None:  # type: ignore[no-untyped-def]
    """Write the first rows of (J^T J)^-1 J^T (up to 4, samples): what a change of a sample does to the parameters."""
    normal, lower, inverse, right = np.empty((4, 4)), np.empty((4, 4)), np.zeros((4, 4)), np.empty(4)
    _normal_equations(jacobian, jacobian[:, 0], scale, normal, right)
    _factorise(normal, 0.0, lower)
    for i in range(4):
        inverse[i, i] = 1.0
        _solve(lower, inverse[i])
    for i in range(gain.shape[0]):
        for s in range(jacobian.shape[0]):
            total = 0.0
            for j in range(4):
                total += inverse[i, j] * jacobian[s, j] * scale[j]
            gain[i, s] = total * scale[i]


@njit(nogil=True, cache=True)
def fit_block(position, profiles, parameters, scale, limits, model, out) -> None:  # type: ignore[no-untyped-def]
    """Fit the profiles (n, samples) from `parameters` (n, 4), which change; write (gain, rest, converged)."""
    gain, rest, converged = out
    samples = position.size
    scratch = (np.empty((2, model[0].shape[1])), np.empty((2, 6)))
    jacobian, new_jacobian, new_rest = np.empty((samples, 4)), np.empty((samples, 4)), np.empty(samples)
    for n in range(len(profiles)):
        work = (jacobian, rest[n], new_jacobian, new_rest, scratch)
        converged[n] = _descend(position, profiles[n], parameters[n], scale, limits, model, work)
        if gain.size:
            _gains(jacobian, scale, gain[n])
