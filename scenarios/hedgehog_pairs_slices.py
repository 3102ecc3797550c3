"""What a pair of hedgehogs looks like in a plane through both.

- `Pairs`: places and directions of the pairs of a sample; `pairs_of`: from its features;
- `pair_slice`: directions in that plane, in the pair's own frame: all pairs look alike there.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

Array = NDArray[Any]
Floats = NDArray[np.float64]

STEP = 1e-9
"""Between points of the plane, m."""

_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Pairs:
    """Known pairs.

    Attributes
    ----------
    plus, minus : (pairs, 3) float64 arrays
        Places (z, y, x), m.
    axis : (pairs, 3) float64 array
        Unit vectors (x, y, z) from the negative to the positive one.
    spins : (pairs, 3) float64 array
        Rotation vectors that the spins of each were turned by.
    """

    plus: Floats
    minus: Floats
    axis: Floats
    spins: Floats

    @property
    def middlemost(self) -> int:
        """The pair nearest to the origin."""
        return int(np.argmin(np.linalg.norm(self.plus + self.minus, axis=1)))


def pairs_of(sample: xr.Dataset) -> Pairs:
    """Return the pairs of a sample made by `pair_lattice`."""
    listed = json.loads(sample.attrs["features"])["pairs"]
    return Pairs(*(np.array([pair[name] for pair in listed], float) for name in ("plus", "minus", "axis", "spins")))


def pair_slice(
    m: Array, pairs: Pairs, index: int, *, voxel_size: float, extent: tuple[float, float], shift: Floats | None = None
) -> Array:
    """Sample a magnetization in a plane through both hedgehogs of a pair, between voxels by linear interpolation.

    Parameters
    ----------
    m : (3, z, y, x) array
        Component (x, y, z); index ``n//2`` is the origin.
    pairs : Pairs
    index : int
    voxel_size : float
        m.
    extent : tuple of float
        Of the plane across and along the pair's axis, m.
    shift : (3,) array, optional
        Where the origin of the pairs' coordinates lies in the volume, (z, y, x) in m.

    Returns
    -------
    (3, across, along) float32 array
        Unit vectors: along the plane's first axis, normal to it, along the pair's axis; 0 where nothing is known.
    """
    along = pairs.axis[index]
    across = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    across /= np.linalg.norm(across)
    normal = np.cross(along, across)
    rows, columns = (STEP * (np.arange(n) - n // 2) for n in (2 * round(e / (2 * STEP)) + 1 for e in extent))
    offsets = across[:, None, None] * rows[:, None] + along[:, None, None] * columns
    middle = (pairs.plus[index] + pairs.minus[index]) / 2 + (0 if shift is None else shift)
    places = (offsets[::-1] + middle[:, None, None]) / voxel_size + np.array(m.shape[1:])[:, None, None] // 2
    found = np.stack([ndimage.map_coordinates(part, places, order=1, mode="constant") for part in np.asarray(m, float)])
    turned = np.tensordot(Rotation.from_rotvec(pairs.spins[index]).as_matrix().T, found, axes=1)
    own = np.tensordot(np.stack([across, normal, along]), turned, axes=1)
    length = np.linalg.norm(own, axis=0)
    return np.asarray(np.where(length > _LEAST, own / np.maximum(length, _LEAST), 0), np.float32)
