"""What the positions of two scans have to do with one another; all functions change the positions in place.

- `tie`: the offsets of paired frames are one and the same, but for a shift;
- `lock`: one scan keeps the shift and the affine part against the other that it has;
- `anchor`: of two scans on one object the first keeps its mean.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.corrections.positions import split

Array = NDArray[Any]
Pair = tuple[Array, Array]


def tie(positions: Pair, nominal: Pair, used: Pair) -> None:
    """Give both frames of a pair one offset from their nominal places, and each helicity a shift.

    The offset is the mean of what the two have, or that of the one that takes part.

    Parameters
    ----------
    positions, nominal : pair of (frames, 2) float64 arrays
    used : pair of (frames,) bool arrays
    """
    offsets = [now - before for now, before in zip(positions, nominal, strict=True)]
    shifts = [offset[chosen].mean(0) for offset, chosen in zip(offsets, used, strict=True)]
    weights = [np.where(chosen, 1.0, 1e-9)[:, None] for chosen in used]
    common = sum(w * (offset - shift) for w, offset, shift in zip(weights, offsets, shifts, strict=True))
    common /= weights[0] + weights[1]
    for now, before, shift in zip(positions, nominal, shifts, strict=True):
        now[:] = before + shift + common


def lock(positions: Pair, settled: Pair, used: Pair) -> None:
    """Take from both scans, half each, what shift and affine part one has won against the other since `settled`.

    Objects of their own hardly hold these: they drift apart as the object drifts with them, and the charge image then
    does not cancel in the difference. The steps of single frames stay.

    Parameters
    ----------
    positions, settled : pair of (frames, 2) float64 arrays
        Now, and when both scans lay on one object.
    used : pair of (frames,) bool arrays
    """
    parts = [split(now, before, chosen) for now, before, chosen in zip(positions, settled, used, strict=True)]
    shift, affine = parts[1].shift - parts[0].shift, parts[1].affine - parts[0].affine
    for now, before, chosen, sign in zip(positions, settled, used, (0.5, -0.5), strict=True):
        now += sign * (shift + (before - before[chosen].mean(0)) @ affine.T)


def anchor(positions: Pair, nominal: Pair, used: Pair) -> None:
    """Move both scans together so that the first keeps its mean: a shift between them belongs to the second.

    Whole nominal pixels stay whole: detail beyond the band is wrapped into it, and so comes out of the difference only
    where most frames of a scan lie near whole pixels.

    Parameters
    ----------
    positions, nominal : pair of (frames, 2) float64 arrays
    used : pair of (frames,) bool arrays
    """
    moved = (positions[0] - nominal[0])[used[0]].mean(0)
    for now in positions:
        now -= moved
