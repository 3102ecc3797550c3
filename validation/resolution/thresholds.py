"""Threshold curves for correlations by rings.

- `CRITERIA`: their names;
- `threshold_curve`: half-bit, 1-bit, 1/7, 0.5 and 3-sigma, for half and full data sets.

van Heel & Schatz, J. Struct. Biol. 151, 250 (2005), doi:10.1016/j.jsb.2005.05.009.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

# Signal-to-noise ratio S of each criterion for half data sets; a full set holds twice of it.
_SIGNAL_TO_NOISE = {"half-bit": (math.sqrt(2.0) - 1.0) / 2.0, "1-bit": 0.5}
_CONSTANT = {"1/7": 1.0 / 7.0, "0.5": 0.5}
CRITERIA = (*_SIGNAL_TO_NOISE, *_CONSTANT, "3-sigma")


def threshold_curve(
    n: Array | float,
    *,
    kind: str,
    data_set: str = "half",
    n_convention: str = "full",
    object_ratio: float | None = None,
    symmetry: int = 1,
) -> Floats:
    """Return the threshold for rings of `n` samples.

    ``T(n; S) = (S + (2 sqrt(S) + 1)/sqrt(n)) / (1 + S + 2 sqrt(S)/sqrt(n))``, 1 at n = 1.

    Parameters
    ----------
    n : array or float
        Samples of the full plane on each ring; 0 gives NaN (constants stay).
    kind : {"half-bit", "1-bit", "1/7", "0.5", "3-sigma"}
        Half-bit has S = 0.2071, 1-bit S = 0.5 (for half sets). 3-sigma is ``3 sqrt(symmetry)/sqrt(n/2)``.
    data_set : {"half", "full"}
        Whether the two images hold half of the data each, or all of it (S doubles).
    n_convention : {"full", "hermitian"}
        Enter the formula with n, as most codes do, or with n/2. 3-sigma and the constants do not depend on it.
    object_ratio : float, optional
        Object's size over the field's, up to 1; multiplies n by ``(1.5 object_ratio)^2``.
    symmetry : int
        Number of asymmetric units; divides n.

    Raises
    ------
    ValueError
        On an unknown kind, data set or convention; on a count, ratio or symmetry that is not possible.
    """
    for name, value, allowed in (
        ("kind", kind, CRITERIA),
        ("data_set", data_set, ("half", "full")),
        ("n_convention", n_convention, ("full", "hermitian")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
    count = np.asarray(n, np.float64)
    if not np.all(count >= 0):
        raise ValueError(f"n is {np.min(count):g} at least once; allowed: from 0 samples")
    if object_ratio is not None and not 0 < object_ratio <= 1:
        raise ValueError(f"object_ratio is {object_ratio!r}; allowed: above 0, up to 1")
    if symmetry < 1:
        raise ValueError(f"symmetry is {symmetry!r}; allowed: from 1")
    if kind in _CONSTANT:
        return np.full(count.shape, _CONSTANT[kind])
    effective = count * (1.0 if object_ratio is None else (1.5 * object_ratio) ** 2) / symmetry
    root = np.sqrt(np.where(effective > 0, effective, np.nan))
    if kind == "3-sigma":
        return np.asarray(3.0 * math.sqrt(2.0) / root)
    if n_convention == "hermitian":
        root = root / math.sqrt(2.0)
    ratio = _SIGNAL_TO_NOISE[kind] * (2.0 if data_set == "full" else 1.0)
    amplitude = 2.0 * math.sqrt(ratio)
    return np.asarray((ratio + (amplitude + 1.0) / root) / (1.0 + ratio + amplitude / root))
