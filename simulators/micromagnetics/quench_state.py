"""One step of overdamped dynamics, and its state.

- `QuenchState`, `Quench`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics.descent import Descent, flat, over_cells, started
from simulators.micromagnetics.problem import Problem
from simulators.micromagnetics.tangent_kernels import midpoint


@dataclass
class QuenchState(Descent):
    """State of a quench.

    Attributes
    ----------
    time : float
        Since the start, in units of ``1/(gamma mu0 max(Ms))`` times ``(1 + alpha^2)/alpha`` of the damping alpha.
    step : float
        Of time.
    """

    time: float
    step: float


@dataclass(frozen=True)
class Quench:
    """Overdamped Landau-Lifshitz dynamics ``dm/dt = -m x (m x h)``, ``h = H/max(Ms)``, at a fixed step.

    Parameters
    ----------
    step_size : float, optional
        Of time; `stable_step` if left out.
    """

    step_size: float | None = None

    def init(self, problem: Problem, m: ArrayLike, *, held: ArrayLike | None = None) -> QuenchState:
        """Return the state at `m`.

        Raises
        ------
        ValueError
            If the step is not positive, or twice the stable one or more.
        """
        stable = stable_step(problem)
        step = stable if self.step_size is None else self.step_size
        if not 0 < step < 2 * stable:
            raise ValueError(
                f"step is {step:g}; allowed: above 0, below {2 * stable:.4g}, where exchange gets unstable"
            )
        return QuenchState(**started(problem, m, held), time=0.0, step=step)

    def step(self, state: QuenchState) -> QuenchState:
        """Take one step by the midpoint rule; changes `state`."""
        length = state.step / (VACUUM_PERMEABILITY * state.problem.largest_saturation)
        start, gradient = state.spins.copy(), state.gradient.copy()
        m, g, new = flat(start), flat(gradient), flat(state.spins)
        over_cells(state.cells, (1,), lambda _, first, last: midpoint(m, g, length, new, first, last))
        state.evaluate()
        state.time += state.step
        return state

    def error(self, state: QuenchState) -> float:
        """Return the torque."""
        return state.torque


def stable_step(problem: Problem) -> float:
    """Return one over the largest rate of the linear terms, half of what keeps the explicit rule stable.

    Exchange has ``(8 A/Ms) sum 1/h^2`` tesla over the directions with more than one cell.
    """
    table, mesh = problem.coefficients, problem.mesh
    stiffness = sum(
        float((bond * table.inverse).max()) * 4 for bond, n in zip(table.exchange, mesh.shape, strict=True) if n > 1
    )
    easy = 2 * float(np.abs(table.anisotropy * table.inverse).max()) if table.anisotropy.size else 0.0
    twist = sum(float(np.abs(bond * table.inverse).max()) * 2 for bond in table.dmi if bond.size)
    applied = float(np.abs(np.asarray(problem.field)).max())
    unit = VACUUM_PERMEABILITY * problem.largest_saturation
    return unit / (stiffness + easy + twist + applied + unit)
