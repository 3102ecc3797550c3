"""The effective field and the energies of a state.

- `Energies`: joule, by term;
- `effective_field`: all terms at once.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from simulators.micromagnetics.local_terms import add_local_terms
from simulators.micromagnetics.problem import Problem

Array = NDArray[Any]

_ROW_BYTES = 40  # arrays of a row that a block of local terms reads or writes, about


@dataclass(frozen=True)
class Energies:
    """Energies of a state, J.

    Attributes
    ----------
    exchange, anisotropy, dmi, zeeman, demag : float
        Anisotropy is ``Ku (1 - (m.u)^2)``: zero along the axis.
    """

    exchange: float = 0.0
    anisotropy: float = 0.0
    dmi: float = 0.0
    zeeman: float = 0.0
    demag: float = 0.0

    @property
    def total(self) -> float:
        """Sum of all terms."""
        return self.exchange + self.anisotropy + self.dmi + self.zeeman + self.demag


def effective_field(problem: Problem, m: Array, out: Array) -> Energies:
    """Compute the effective field, the negative gradient of the energy over the moment of each cell.

    Parameters
    ----------
    problem : Problem
    m : (3, nz, ny, nx) array
        Unit vectors of the problem's dtype, 0 in the void.
    out : (3, nz, ny, nx) array
        Changed: mu0 H_eff, T; 0 in the void.

    Returns
    -------
    Energies
        Summed in float64.

    Raises
    ------
    ValueError
        If a shape or a dtype is not the problem's, or an array is not contiguous.
    """
    for name, values in (("m", m), ("out", out)):
        if values.shape != (3, *problem.mesh.shape) or values.dtype != problem.dtype or not values.flags.c_contiguous:
            allowed = f"contiguous {(3, *problem.mesh.shape)} {problem.dtype}"
            raise ValueError(f"{name} is {values.shape} {values.dtype}; allowed: {allowed}")
    nz, ny, nx = problem.mesh.shape
    spins, field, table = m.reshape(3, -1), out.reshape(3, -1), problem.coefficients
    rows = spins.reshape(3, -1, nx)
    uniform = (table.axis.shape[1] == 1, table.field.shape[1] == 1)
    energies = np.empty((nz * ny, 5))

    moment = problem.moment_rows
    # One saturation for the whole magnet is a factor at the end; spins of the void are 0 in any case.
    scale = m.dtype.type(problem.largest_saturation if moment is None else 1)

    def finish(first: int, last: int, demag: Array) -> None:
        add_local_terms(
            spins, (nz, ny, nx), table.sort, table.arrays, uniform, demag, scale, field, energies, first, last
        )

    operator = problem.operator
    if operator is None:
        nothing = np.empty((3, 0, nx), problem.dtype)
        size = fourier.block_size(_ROW_BYTES * nx, m.itemsize)
        fourier.in_blocks(lambda first, last: finish(first, last, nothing), nz * ny, size)
    elif moment is None:
        operator.convolve(lambda first, last: rows[:, first:last], finish)
    else:
        operator.convolve(lambda first, last: rows[:, first:last] * moment[first:last], finish)
    sums = [math.fsum(energies[:, term]) * problem.mesh.volume for term in range(5)]
    return Energies(exchange=sums[0], anisotropy=sums[1], dmi=sums[2], zeeman=sums[3], demag=sums[4])
