"""A sample whose magnetization is another in one place, as after a remount.

- `changed_patch`: new smooth spins in a ball, blended into the old ones.
"""

import json
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optics.grids import positions
from records import sample as sample_record
from records.checks import json_text
from simulators.samples.superlattice_slab import smooth_spins

Array = NDArray[Any]

_CORE = 0.8  # of the radius: within it all spins are new


def changed_patch(sample: xr.Dataset, *, diameter: float, period: float, rng: np.random.Generator) -> xr.Dataset:
    """Return a sample with other spins in a ball, whose middle is drawn.

    Parameters
    ----------
    sample : Dataset
        `Sample`.
    diameter : float
        Of the ball, m.
    period : float
        Mean period of the new spins, m.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        With the feature ``changed``: ``z``, ``y``, ``x`` and ``diameter`` of the ball, m.

    Raises
    ------
    ValueError
        If a length is impossible.
    """
    sizes = sample_record.voxel_size(sample)
    if not diameter >= 4 * max(sizes):
        raise ValueError(f"diameter is {diameter} m; allowed: from four voxels, {4 * max(sizes):.3g} m")
    if not period >= 4 * max(sizes):
        raise ValueError(f"period is {period} m; allowed: from four voxels, {4 * max(sizes):.3g} m")
    inside = sample["magnet"].values > 0
    shape = (inside.shape[0], inside.shape[1], inside.shape[2])
    axes = [positions(n, size) for n, size in zip(shape, sizes, strict=True)]
    centre = _middle(axes, inside, diameter, rng)
    z, y, x = (axis - c for axis, c in zip(np.ix_(*axes), centre, strict=True))
    distance = np.sqrt(z**2 + y**2 + x**2) / (diameter / 2)
    rise = np.clip((1 - distance) / (1 - _CORE), 0, 1)
    weight = (rise * rise * (3 - 2 * rise) * inside).astype(np.float32)
    old = sample["magnetization"].values
    new = smooth_spins(shape, voxel_size=min(sizes), period=period, rng=rng)
    spins = old + weight * (new - old)
    length = np.sqrt(np.einsum("c...,c...->...", spins, spins))
    spins = np.where((weight > 0) & (length > 1e-3), spins / np.maximum(length, 1e-3), old)
    changed = dict(zip("zyx", (float(c) for c in centre), strict=True)) | {"diameter": diameter}
    made = sample.copy()
    made["magnetization"] = sample["magnetization"].copy(data=np.asarray(spins * inside, np.float32))
    made.attrs["features"] = json_text(json.loads(sample.attrs["features"]) | {"changed": changed})
    return made


def _middle(axes: list[Array], inside: Array, diameter: float, rng: np.random.Generator) -> Array:
    """Draw a place (z, y, x), m, a radius from the ends of what is magnetic, or in its middle where it is too small."""
    place = []
    for axis, values in enumerate(axes):
        line = values[inside.any(axis=tuple({0, 1, 2} - {axis}))]
        low, high = line[0] + diameter / 2, line[-1] - diameter / 2
        place.append(rng.uniform(low, high) if low < high else (line[0] + line[-1]) / 2)
    return np.array(place)
