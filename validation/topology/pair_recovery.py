"""Whether pairs of opposite hedgehogs whose places are known come back as two.

- `pair_recovery`: charges round each pair and round either of its hedgehogs; `PairRecovery`.

After the resolution test of the published vector tomography, a pair at 10 nm (Rana et al., Nat. Nanotechnol. 18, 227
(2023), Fig. S4), here for many pairs at once: the charge of a set of cells is that of the closed surface round them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.matching import checked_length
from validation.topology.charge import cell_charges
from validation.topology.lattices import spin_lattice
from validation.topology.refined import refined_lattice

Array = NDArray[Any]
Floats = NDArray[np.float64]

FACTOR = 3
"""Fine cells along the edge of a voxel: two hedgehogs one voxel apart are to lie in different cells."""

_SLACK = 1e-9  # of a length, so that rounding moves no cell across a surface


@dataclass(frozen=True, eq=False)
class PairRecovery:
    """Charges on closed surfaces, one of each for every pair.

    Attributes
    ----------
    whole : (pairs,) int64 array
        Round both hedgehogs; 0 is right.
    plus, minus : (pairs,) int64 array
        Round the place of the positive one, 1 is right, and of the negative one, -1 is right.
    """

    whole: NDArray[np.int64]
    plus: NDArray[np.int64]
    minus: NDArray[np.int64]

    @property
    def recovered(self) -> NDArray[np.bool_]:
        """Whether all three charges of a pair are right."""
        return np.asarray((self.whole == 0) & (self.plus == 1) & (self.minus == -1))


def pair_recovery(
    m: ArrayLike,
    fill: ArrayLike,
    *,
    plus: ArrayLike,
    minus: ArrayLike,
    voxel_size: float,
    medium: float = 1.0,
    factor: int = FACTOR,
) -> PairRecovery:
    """Count the charges round known pairs of hedgehogs.

    Round both: a box from one voxel below to one voxel above the two places, along each axis. Round either: the cells
    within half the distance of the two, at least a voxel, that are nearer to it than to its partner. Cells belong where
    their middles are.

    Parameters
    ----------
    m : (3, nz, ny, nx) array
        Magnetization, component (x, y, z), weighted by the fill; index ``n//2`` is the origin.
    fill : (nz, ny, nx) array
        Fill fraction, 0..1.
    plus, minus : (pairs, 3) array
        Places (z, y, x) of the positive and of the negative hedgehogs, m.
    voxel_size : float
        m.
    medium : float
        Fill fraction of solid sample: where the magnet is spread evenly, its share. What has less than half of it is
        outside.
    factor : int
        Cells are those of a lattice refined by this, see `refined_lattice`.

    Returns
    -------
    PairRecovery

    Raises
    ------
    ValueError
        On shapes that do not fit, places that are not finite, or a medium or voxel size that can be none.
    """
    size = checked_length("voxel_size", voxel_size)
    if not 0 < medium <= 1:
        raise ValueError(f"medium is {medium!r}; allowed: a fill fraction, above 0 up to 1")
    first, second = _places("plus", plus), _places("minus", minus)
    if first.shape != second.shape:
        raise ValueError(f"minus is of shape {second.shape}; allowed: that of plus, {first.shape}")
    spins = spin_lattice(m)
    solid = np.clip(np.asarray(fill, np.float32) / medium, 0, 1)
    fine = refined_lattice(spins / np.float32(medium), solid, factor=factor)
    if not fine.magnet.any():
        nothing = np.zeros(len(first), np.int64)
        return PairRecovery(nothing, nothing, nothing)
    charges = cell_charges(fine.m, magnet=fine.magnet)
    cells = np.argwhere(charges)
    # A cell's middle is half a step from its corner of lowest indices.
    middles = (cells + 0.5 - np.array(fine.magnet.shape) // 2) * size / factor
    return _counted(middles, charges[tuple(cells.T)].astype(np.int64), first, second, size)


def _places(name: str, places: ArrayLike) -> Floats:
    found = np.asarray(places, np.float64)
    if found.ndim != 2 or found.shape[1] != 3 or not np.isfinite(found).all():
        raise ValueError(f"{name} is of shape {found.shape}; allowed: (pairs, 3), finite lengths in m")
    return found


def _counted(middles: Floats, charges: NDArray[np.int64], plus: Floats, minus: Floats, size: float) -> PairRecovery:
    """Add up the charges of the cells that belong to each pair."""
    sums = np.zeros((3, len(plus)), np.int64)
    for index, (first, second) in enumerate(zip(plus, minus, strict=True)):
        low, high = np.minimum(first, second) - size, np.maximum(first, second) + size
        boxed = ((middles >= low - _SLACK * size) & (middles <= high + _SLACK * size)).all(axis=1)
        to_first, to_second = (np.linalg.norm(middles - place, axis=1) for place in (first, second))
        radius = max(size, float(np.linalg.norm(first - second)) / 2) * (1 + _SLACK)
        sums[0, index] = charges[boxed].sum()
        sums[1, index] = charges[(to_first <= radius) & (to_first < to_second)].sum()
        sums[2, index] = charges[(to_second <= radius) & (to_second < to_first)].sum()
    return PairRecovery(*sums)
