"""Kernels that follow the lines of a field given by its fluxes through the faces of a lattice.

- `follow_lines`: many lines, each from its seed to its end;
- `RUNNING`, `CHARGE`, `BORDER`, `STILL`: how a line ends.

Inside a cell every component is linear along its own axis and constant along the others, so that a line is an
exponential along each axis, and the time at which it leaves is exact: no step, no line that jumps a face. The
divergence is the same all over a cell, so that a line can end only where there is charge: D. W. Pollock, Ground Water
26, 743 (1988), doi 10.1111/j.1745-6584.1988.tb00425.x.
"""

import math

import numpy as np
from numba import njit

RUNNING, CHARGE, BORDER, STILL = 0, 1, 2, 3
"""Not within the length allowed, as closed lines; in a charged cell; where cells stop counting; without a field."""

_SERIES = 1e-5  # below this, three terms are exact
_DOUBLINGS = 2000  # of a speed, from the smallest number to the largest
_LENGTH = 100  # cells crossed, over the edges of the array, all three
# Round a lattice edge the field may turn. Next to a charge a line then winds closer and closer to a point of the edge
# and never gets there: it has ended once it came back to charge this often without going further than this, voxels.
_TURNS, _TURN = 50, 0.05


@njit(nogil=True, cache=True)
def follow_lines(  # type: ignore[no-untyped-def]
    flux_z, flux_y, flux_x, counted, charge, direction, budget, step, cells, places, ends, first, points
):
    """Follow lines until they end.

    `flux_*` and `counted` as of `emergent_field`, `charge` (nz-1, ny-1, nx-1) int8. Per line: `direction` 1 or -1;
    `budget`: how much the logarithm of its flux may fall in charged cells before it ends there; `cells` (n, 3), changed
    from the seed's to the last one; `places` (n, 3) from 0 to 1 in it, changed too; `ends` (n,) is filled. Points at
    most `step` voxels apart go to `points`, as indices of the lattice, from `first` (n,) on as far as there is room;
    `first` is changed to the index after the line's last point.
    """
    limit = _LENGTH * (counted.shape[0] + counted.shape[1] + counted.shape[2])
    low, high, start = np.empty(3), np.empty(3), np.empty(3)
    for line in range(len(ends)):
        cell, place = cells[line], places[line]
        left = budget[line]
        ends[line] = RUNNING
        turns, way = 0, math.inf
        for _ in range(limit):
            k, j, i = cell[0], cell[1], cell[2]
            sign = direction[line]
            low[0], high[0] = sign * flux_z[k, j, i], sign * flux_z[k + 1, j, i]
            low[1], high[1] = sign * flux_y[k, j, i], sign * flux_y[k, j + 1, i]
            low[2], high[2] = sign * flux_x[k, j, i], sign * flux_x[k, j, i + 1]
            axis, time = _first_exit(low, high, place)
            loss = max(-sign * charge[k, j, i], 0.0)
            if loss > 0:
                turns = turns + 1 if way < _TURN else 0
                way = 0.0
                if turns > _TURNS:
                    ends[line] = CHARGE
                    break
            ended = loss > 0 and axis >= 0 and left <= loss * time
            if ended:
                time = left / loss
                axis = -1
            elif axis < 0:
                ends[line] = CHARGE if loss > 0 else STILL
                first[line] = _walk(low, high, cell, place, time, step, points, first[line])
                break
            side = 1 if not ended and _speed(low, high, place, axis) > 0 else 0
            start[:] = place
            first[line] = _walk(low, high, cell, place, time, step, points, first[line])
            way += math.sqrt((place[0] - start[0]) ** 2 + (place[1] - start[1]) ** 2 + (place[2] - start[2]) ** 2)
            if ended:
                ends[line] = CHARGE
                break
            left -= loss * time
            place[axis] = side
            target = cell[axis] + (1 if side else -1)
            if target < 0 or target >= counted.shape[axis]:
                ends[line] = BORDER
                break
            cell[axis] = target
            if not counted[cell[0], cell[1], cell[2]]:
                cell[axis] = target + (-1 if side else 1)
                ends[line] = BORDER
                break
            place[axis] = 1 - side


@njit(nogil=True, cache=True)
def _first_exit(low, high, place):  # type: ignore[no-untyped-def]
    """Return the axis along which a line leaves its cell and the time until then; -1 and infinity if it never does."""
    best, axis = math.inf, -1
    for a in range(3):
        speed = low[a] + (high[a] - low[a]) * place[a]
        if speed > 0 and high[a] > 0:
            way = 1 - place[a]
        elif speed < 0 and low[a] < 0:
            way = -place[a]
        else:
            continue
        gain = (high[a] - low[a]) * way / speed
        if gain < -0.5:
            # The speed at the end itself: 1 + gain would lose it.
            time = way / speed * math.log((high[a] if speed > 0 else low[a]) / speed) / gain
        else:
            time = way / speed * _log_ratio(gain)
        if time < best:
            best, axis = time, a
    return axis, best


@njit(nogil=True, cache=True)
def _walk(low, high, cell, place, time, step, points, index):  # type: ignore[no-untyped-def]
    """Move `place` on by `time`, store points on the way, and return the index after the last."""
    last = min(time, 1e300)
    # A line is at most three voxels long in a cell. It moves by about a step at a time, or doubles its speed.
    for _ in range(int(10 / step) + _DOUBLINGS if step < math.inf else 0):
        speed, growth, rest = 0.0, 0.0, 0.0
        for a in range(3):
            along, slope = _speed(low, high, place, a), high[a] - low[a]
            speed += along**2
            if along != 0:
                growth = max(growth, slope)
                rest += (along / slope) ** 2 if slope < 0 else math.inf
        speed = math.sqrt(speed)
        # In this time no line gets further than a step, however its speed grows.
        part = math.inf if speed == 0 else step / speed * _log_ratio(growth * step / speed)
        # In infinite time it goes where the speed along every axis has fallen to zero.
        if part >= last or (time == math.inf and rest <= step**2):
            break
        _move(low, high, place, part)
        last -= part
        index = _store(cell, place, points, index)
    _move(low, high, place, last)
    return _store(cell, place, points, index)


@njit(nogil=True, cache=True)
def _move(low, high, place, time):  # type: ignore[no-untyped-def]
    """Move `place` on by `time` inside of a cell."""
    for a in range(3):
        slope, speed = high[a] - low[a], _speed(low, high, place, a)
        if speed == 0:
            continue
        if time > 1e200:
            # Only along axes whose speed falls to zero on the way.
            place[a] = low[a] / -slope
        elif abs(slope * time) < _SERIES:
            gain = slope * time
            place[a] += speed * time * (1 + gain / 2 * (1 + gain / 3))
        else:
            place[a] += speed * math.expm1(slope * time) / slope
        place[a] = min(max(place[a], 0.0), 1.0)


@njit(nogil=True, cache=True)
def _store(cell, place, points, index):  # type: ignore[no-untyped-def]
    if index < len(points):
        for a in range(3):
            points[index, a] = cell[a] + place[a]
    return index + 1


@njit(nogil=True, cache=True)
def _speed(low, high, place, axis):  # type: ignore[no-untyped-def]
    return low[axis] + (high[axis] - low[axis]) * place[axis]


@njit(nogil=True, cache=True)
def _log_ratio(gain):  # type: ignore[no-untyped-def]
    """Return log(1 + gain)/gain."""
    if abs(gain) < _SERIES:
        return 1 - gain / 2 * (1 - 2 * gain / 3)
    return math.log1p(gain) / gain
