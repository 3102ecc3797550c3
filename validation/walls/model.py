"""The profile of a domain wall, bare or seen through a transfer function.

- `WallModel`: tanh(x/delta), or what a transfer function makes of it, as a table of spline coefficients;
- `blurred_wall`: one such profile, integrated.

Through M(q), q = 2 pi f: ``m(x) = (2/pi) int_0^inf S M sin(q x)/q dq``, ``S = (pi delta q/2)/sinh(pi delta q/2)``.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import roots_legendre

from validation.walls.transfers import Transfer, transfer_limit

Floats = NDArray[np.float64]

# Widths (m) that a fit may return, and the sampling of the table of blurred walls.
SMALLEST, LARGEST = 0.3e-9, 100e-9
_WIDTHS, _POSITIONS = 80, 241
# A quintic spline reaches so many samples beyond the table.
MARGIN = 3
_MOST_NODES = 1536


class WallModel:
    """Wall profiles of unit amplitude, odd in the position, for any delta from `SMALLEST` to `LARGEST`.

    Parameters
    ----------
    transfer : callable, optional
        M(f); none gives the bare tanh.
    reach : float
        Largest distance from the wall's centre that is asked for, metres.

    Attributes
    ----------
    table : (widths + 6, positions + 6) float64 array
        Quintic spline coefficients over log(delta) and position, three more on every side; empty for the bare tanh.
    first_log, log_step : float
        log(delta) of the first width, and what one row adds.
    first_position, position_step : float
        Metres.
    """

    def __init__(self, transfer: Transfer | None, reach: float) -> None:
        self.transfer = transfer
        self.table = np.empty((0, 0)) if transfer is None else _spline_table(transfer, reach)
        self.first_log, self.log_step = math.log(SMALLEST), math.log(LARGEST / SMALLEST) / (_WIDTHS - 1)
        self.first_position, self.position_step = -reach, 2 * reach / (_POSITIONS - 1)


def blurred_wall(x: Floats, delta: float, transfer: Transfer) -> Floats:
    """Integrate the profile of a wall of width `delta` seen through `transfer`, by Gauss-Legendre quadrature.

    Raises
    ------
    ValueError
        If the transfer function is not real and finite.
    """
    last = min(2 * math.pi * transfer_limit(transfer), 40 / (math.pi * delta))
    # A bare tanh is taken out first, so that the integrand fades where the transfer is 1, not where the wall ends.
    band_limited = last < 40 / (math.pi * delta)
    node, weight = _quadrature(64 + last * float(np.abs(x).max()) / 1.2)
    q = (node + 1) * last / 2
    u = math.pi * delta * q / 2
    passed = np.asarray(transfer(q / (2 * math.pi)))
    if passed.shape != q.shape or np.iscomplexobj(passed) or not np.all(np.isfinite(passed)):
        raise ValueError(f"transfer gives {passed.dtype} of shape {passed.shape}; allowed: finite real, {q.shape}")
    kernel = u / np.sinh(u) * (passed if band_limited else passed - 1) / q * weight
    result = np.sin(np.multiply.outer(x, q)) @ kernel * (last / math.pi)
    return np.asarray(result if band_limited else result + np.tanh(x / delta))


def _spline_table(transfer: Transfer, reach: float) -> Floats:
    try:
        return _cached_table(transfer, reach)
    except TypeError:  # a transfer function without a hash
        return _cached_table.__wrapped__(transfer, reach)


@lru_cache(maxsize=8)
def _cached_table(transfer: Transfer, reach: float) -> Floats:
    half = np.linspace(-reach, reach, _POSITIONS)[_POSITIONS // 2 :]
    logs = np.linspace(math.log(SMALLEST), math.log(LARGEST), _WIDTHS)
    rows = [blurred_wall(half, math.exp(log), transfer) for log in logs]
    table = np.array([np.concatenate([-row[:0:-1], row]) for row in rows])
    filtered = ndimage.spline_filter(table, order=5, mode="mirror")
    return np.ascontiguousarray(np.pad(filtered, MARGIN, mode="reflect"), np.float64)


def _quadrature(wanted: float) -> tuple[Floats, Floats]:
    """Return nodes and weights of at least so many nodes, up to a limit; few sizes, for they are kept."""
    return _nodes(min(-(-int(wanted) // 64) * 64, _MOST_NODES))


@lru_cache(maxsize=_MOST_NODES // 64)
def _nodes(count: int) -> tuple[Floats, Floats]:
    node, weight = roots_legendre(count)
    return np.asarray(node, np.float64), np.asarray(weight, np.float64)
