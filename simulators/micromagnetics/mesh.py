"""The grid of a micromagnetic problem.

- `Mesh`: cells (z, y, x), their size, and which of the film's directions repeat.
"""

import math
from dataclasses import dataclass


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
        shape, cell, periodic = tuple(self.shape), tuple(self.cell), tuple(self.periodic)
        if len(shape) != 3 or any(int(n) != n or n < 1 for n in shape):
            raise ValueError(f"shape is {self.shape}; allowed: three whole numbers (nz, ny, nx) from 1")
        if len(cell) != 3 or not all(math.isfinite(size) and size > 0 for size in cell):
            raise ValueError(f"cell is {self.cell} m; allowed: three positive lengths (dz, dy, dx) in metres")
        if max(cell) > 1e-3:
            raise ValueError(f"cell is {self.cell} m; allowed: lengths in metres, below a millimetre")
        if len(periodic) != 2:
            raise ValueError(f"periodic is {self.periodic}; allowed: two truth values (y, x)")
        object.__setattr__(self, "shape", tuple(int(n) for n in shape))
        object.__setattr__(self, "cell", tuple(float(size) for size in cell))
        object.__setattr__(self, "periodic", tuple(bool(flag) for flag in periodic))

    @property
    def volume(self) -> float:
        """Volume of a cell, m3."""
        return math.prod(self.cell)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)
