"""Which frames and pixels of a measurement take part.

- `judge`: why each frame does not, and the pixels that do; `usable`: the frames that are left, two or more;
- `REASONS`: why a frame is not used.

Single bad frames are left out and marked; a pixel that is saturated again and again is left out of all frames.
"""

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from reconstructors.ptychography.reading import Statistics, still_saturated

Array = NDArray[Any]

REASONS: Final = {0: "used", 1: "left out by the measurement", 2: "empty", 3: "saturated", 4: "misplaced"}
"""Why a frame is not used, by the number in ``corrupt``."""

_MOST_SATURATED = 0.01  # of the frames, above which a pixel is left out of all
_EMPTY = 1e-3  # of the median frame's photons
_PHOTONS = 1.0, 1e15  # of the median frame


def judge(
    node: xr.Dataset, helicity_index: int, found: Statistics, placed: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """Return why each frame is not used, and the pixels that are."""
    valid = node["valid"].values & (found.saturations <= max(3, _MOST_SATURATED * len(placed)))
    if not valid.any():
        raise ValueError("counts are saturated on every valid pixel; allowed: below saturation in most frames")
    corrupt = np.zeros(len(placed), np.int8)
    corrupt[still_saturated(node, helicity_index, found, valid)] = 3
    typical = np.median(found.photons[placed])
    if not typical > 0:
        raise ValueError("counts hold no photons above the dark offset in most frames; allowed: some")
    if not _PHOTONS[0] <= typical <= _PHOTONS[1]:
        raise ValueError(
            f"counts hold {typical:.3g} photons in the median frame, at {float(node['gain']):.3g} ADU a photon (gain); "
            f"allowed: {_PHOTONS[0]:g} to {_PHOTONS[1]:g}"
        )
    corrupt[found.photons < _EMPTY * typical] = 2
    corrupt[~placed] = 4
    if "used" in node:
        corrupt[~node["used"].values[helicity_index]] = 1
    return corrupt, valid


def usable(corrupt: Array, left_out: Array | None) -> NDArray[np.bool_]:
    """Return which frames take part, two or more."""
    bad = np.zeros(len(corrupt), np.bool_) if left_out is None else left_out & (corrupt == 0)
    used = (corrupt == 0) & ~bad
    left = int(used.sum())
    if left < 2:
        reasons, numbers = np.unique(corrupt[corrupt > 0], return_counts=True)
        why = [f"{number} {REASONS[int(key)]}" for key, number in zip(reasons, numbers, strict=True)]
        why += [f"{bad.sum()} found corrupt"] if bad.any() else []
        raise ValueError(
            f"counts have {left} usable frame{'' if left == 1 else 's'} of {len(corrupt)} ({', '.join(why)}); "
            "allowed: two or more"
        )
    return np.asarray(used)
