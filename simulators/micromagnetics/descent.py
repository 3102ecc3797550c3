"""What every relaxation shares: the state of the spins, its evaluation, and passes over blocks of cells.

- `Descent`: spins, field, gradient, energies and torque;
- `over_cells`: call a kernel on fixed blocks of cells and collect their sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics import fourier
from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import tangent_kernels as kernels
from simulators.micromagnetics.effective_field import Energies, effective_field
from simulators.micromagnetics.problem import Problem

Array = NDArray[Any]

_BLOCK = 32768  # cells; smaller problems are faster on one thread


def over_cells(cells: int, sums: tuple[int, ...], call: Callable[[Array, int, int], None]) -> Array:
    """Call ``call(sums, first, last)`` on fixed blocks of cells, on all threads.

    Returns
    -------
    (blocks, *sums) float64 array
        What each block filled in.
    """
    found = np.zeros((-(-cells // _BLOCK), *sums))
    fourier.in_blocks(lambda first, last: call(found[first // _BLOCK], first, last), cells, _BLOCK)
    return found


@dataclass
class Descent:
    """Spins on their way down.

    Attributes
    ----------
    problem : Problem
    held : (cells,) bool array
        Spins that never move; size 0 for none.
    spins : (3, nz, ny, nx) array
        Unit vectors, 0 in the void.
    field : (3, nz, ny, nx) array
        mu0 H_eff, T.
    gradient : (3, nz, ny, nx) array
        ``(m.B) m - B``, T, 0 for held spins.
    weight : (cells,) array
        Ms over its largest value.
    energies : Energies
    torque, held_torque : float
        Largest ``|m x H_eff|/max(Ms)`` of the free and of the held spins.
    evaluations : int
        Of the effective field so far.
    """

    problem: Problem
    held: NDArray[np.bool_]
    spins: Array
    field: Array
    gradient: Array
    weight: Array
    energies: Energies
    torque: float
    held_torque: float
    evaluations: int

    @property
    def m(self) -> Array:
        """The spins, (3, nz, ny, nx)."""
        return self.spins

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.problem.mesh.cells

    def evaluate(self) -> None:
        """Compute field, energies, gradient and torques of the spins as they are."""
        self.energies = effective_field(self.problem, self.spins, self.field)
        self.evaluations += 1
        self.project()

    def project(self) -> None:
        """Compute gradient and torques from the field."""
        m, field, gradient = flat(self.spins), flat(self.field), flat(self.gradient)
        sums = over_cells(
            self.cells,
            (3,),
            lambda found, first, last: kernels.gradient(m, field, self.weight, self.held, gradient, found, first, last),
        )
        unit = VACUUM_PERMEABILITY * self.problem.largest_saturation
        self.torque = float(np.sqrt(sums[:, kernels.FREE].max())) / unit
        self.held_torque = float(np.sqrt(sums[:, kernels.HELD].max())) / unit


def flat(values: Array) -> Array:
    """Return a contiguous (3, nz, ny, nx) array as (3, cells), a view."""
    return values.reshape(3, -1)


def started(problem: Problem, m: ArrayLike, held: ArrayLike | None) -> dict[str, Any]:
    """Return the fields of a `Descent` at `m`, evaluated.

    Raises
    ------
    ValueError
        If `m` or `held` does not fit the problem, or every spin is held.
    """
    spins = problem.unit_vectors(m)
    mask = np.zeros(0, np.bool_)
    if held is not None:
        given = np.asarray(held)
        if given.shape != problem.mesh.shape or given.dtype != np.bool_:
            raise ValueError(f"held is {given.shape} {given.dtype}; allowed: {problem.mesh.shape} bool")
        if not (problem.magnet & ~given).any():
            raise ValueError("held holds every spin of the magnet; allowed: at least one free spin")
        mask = np.ascontiguousarray(given).reshape(-1)
    saturation = problem.material.field("saturation", problem.mesh.shape) / problem.largest_saturation
    state = Descent(
        problem=problem,
        held=mask,
        spins=spins,
        field=np.empty_like(spins),
        gradient=np.empty_like(spins),
        weight=np.ascontiguousarray(saturation, dtype=problem.dtype).reshape(-1),
        energies=Energies(),
        torque=np.inf,
        held_torque=0.0,
        evaluations=0,
    )
    state.evaluate()
    return vars(state)
