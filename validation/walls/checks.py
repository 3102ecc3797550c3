"""What the numbers and masks of a measurement must be; whoever asks writes the message.

- `is_number`, `is_whole`: one finite real number, one integer; strings, tuples and complex numbers are none;
- `checked_mask`: a mask as booleans.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_number(value: Any) -> bool:
    """Return whether a value is one finite real number."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf" and bool(np.isfinite(value))


def is_whole(value: Any) -> bool:
    """Return whether a value is one integer."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iu"


def checked_mask(mask: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask as booleans, true everywhere for none.

    Raises
    ------
    ValueError
        If it has another shape than `shape`, or values that are complex or not finite, which would all count as true.
    """
    if mask is None:
        return np.ones(shape, bool)
    given = np.asarray(mask)
    if given.shape != shape or given.dtype.kind not in "biuf" or not np.all(np.isfinite(given)):
        raise ValueError(f"mask has shape {given.shape}, {given.dtype}; allowed: real, finite, of the shape {shape}")
    return np.asarray(given, bool)
