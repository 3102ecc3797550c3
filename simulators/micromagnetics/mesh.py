"""The grid of a micromagnetic problem.

- `Mesh`: cells (z, y, x), their size, and which of the film's directions repeat.
"""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mesh:
    """A rectangular grid of equal cells.

    Parameters
    ----------
    shape : tuple of int
        Cells (nz, ny, nx).
    cell : tuple of float
        Cell sizes (dz, dy, dx), m.
    periodic : tuple of bool
        Whether the sample repeats along (y, x); never along z.

    Raises
    ------
    ValueError
        If a number of cells is not a whole number from 1, or a size not positive.
    """

    shape: tuple[int, int, int]
    cell: tuple[float, float, float]
    periodic: tuple[bool, bool] = (False, False)

    def __post_init__(self) -> None:
        """Check the values."""
        shape, cell, periodic = _numbers(self.shape, 3), _numbers(self.cell, 3), _numbers(self.periodic, 2)
        if shape is None or any(n % 1 or n < 1 for n in shape):
            raise ValueError(f"shape is {self.shape}; allowed: three whole numbers (nz, ny, nx) from 1")
        if cell is None or min(cell) <= 0:
            raise ValueError(f"cell is {self.cell} m; allowed: three positive lengths (dz, dy, dx) in metres")
        if max(cell) > 1e-3:
            raise ValueError(f"cell is {self.cell} m; allowed: lengths in metres, below a millimetre")
        if periodic is None:
            raise ValueError(f"periodic is {self.periodic}; allowed: two truth values (y, x)")
        object.__setattr__(self, "shape", tuple(int(n) for n in shape))
        object.__setattr__(self, "cell", cell)
        object.__setattr__(self, "periodic", tuple(bool(flag) for flag in periodic))

    @property
    def volume(self) -> float:
        """Volume of a cell, m3."""
        return math.prod(self.cell)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)


def _numbers(values: Any, count: int) -> tuple[float, ...] | None:
    """Return `values` as so many finite numbers; None if they are not."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(math.isfinite(number) for number in numbers) else None
