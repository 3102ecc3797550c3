"""Relax a magnet: minimise its energy, or quench it.

- `minimise`, `quench`: drive a method to its end; `Relaxation`: what came of it;
- `random_start`: directions drawn at random.

Long runs write a checkpoint every twenty seconds and when they are interrupted, and go on from it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numerics.iterate import Watcher, iterate
from simulators.micromagnetics.barzilai_borwein import BarzilaiBorwein
from simulators.micromagnetics.checkpoints import load_checkpoint, save_checkpoint
from simulators.micromagnetics.descent import Descent
from simulators.micromagnetics.effective_field import Energies
from simulators.micromagnetics.interruption import Interruptions
from simulators.micromagnetics.lbfgs import LBFGS, LBFGSState
from simulators.micromagnetics.problem import Problem
from simulators.micromagnetics.quench_state import Quench, QuenchState

Array = NDArray[Any]

_CHECKPOINT_SECONDS = 20.0
_DEFAULT_LIMIT = 200_000


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The end of a relaxation.

    Attributes
    ----------
    m : (3, nz, ny, nx) array
        Unit vectors, 0 in the void.
    energies : Energies
        J.
    torque : float
        Largest ``|m x H_eff|/max(Ms)`` of the free spins.
    held_torque : float
        The same of the held ones.
    evaluations : int
        Of the effective field.
    status : str
        ``"converged"``, ``"limit"`` (of evaluations) or ``"stalled"`` (no step lowers the energy any more).
    time : float
        Of a quench, see `QuenchState.time`; 0 of a minimisation.
    history : (steps, 3) array
        Evaluations, total energy in J and torque at the start and after each step; of a resumed run, from there on.
    """

    m: Array
    energies: Energies
    torque: float
    held_torque: float
    evaluations: int
    status: str
    time: float
    history: NDArray[np.float64]


def minimise(
    problem: Problem,
    m: ArrayLike | Descent,
    *,
    method: LBFGS | BarzilaiBorwein | None = None,
    torque: float = 1e-3,
    held: ArrayLike | None = None,
    limit: int | None = None,
    watch: Sequence[Watcher] = (),
    checkpoint: str | Path | None = None,
) -> Relaxation:
    """Minimise the energy.

    Parameters
    ----------
    problem : Problem
    m : (3, nz, ny, nx) array or state
        Where to start: directions of any length, or what `load_checkpoint` gave, which is changed then.
    method : LBFGS or BarzilaiBorwein, optional
        ``LBFGS(history=8)`` if left out.
    torque : float
        Stop once the largest ``|m x H_eff|/max(Ms)`` of the free spins is below.
    held : (nz, ny, nx) bool array, optional
        Spins that never move.
    limit : int, optional
        Stop after so many evaluations of the field, 200 000 if left out.
    watch : sequence of callable
        Each called with (step, torque) after each step.
    checkpoint : path, optional
        Written every twenty seconds and on interruption, removed at the end; where it exists, the run goes on from it.

    Returns
    -------
    Relaxation
        A run that stopped short says so in its `status`.

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    RecordError
        If the checkpoint is damaged or belongs to another problem.
    """
    if not torque > 0:
        raise ValueError(f"torque is {torque}; allowed: above 0")
    solver = method if method is not None else LBFGS(history=8)
    if not isinstance(solver, LBFGS | BarzilaiBorwein):
        raise ValueError(f"method is {solver!r}; allowed: LBFGS(...) or BarzilaiBorwein()")

    def ended(state: Descent) -> str:
        if state.torque < torque:
            return "converged"
        return "stalled" if getattr(state, "stalled", False) else ""

    return _drive(problem, m, solver, ended, held=held, limit=limit, watch=watch, checkpoint=checkpoint)


def quench(
    problem: Problem,
    m: ArrayLike | Descent,
    *,
    stop: Callable[[QuenchState], bool],
    step: float | None = None,
    held: ArrayLike | None = None,
    limit: int | None = None,
    watch: Sequence[Watcher] = (),
    checkpoint: str | Path | None = None,
) -> Relaxation:
    """Follow the overdamped dynamics ``dm/dt = -m x (m x h)``, ``h = H/max(Ms)``, until told to stop.

    Parameters
    ----------
    problem, m, held, limit, watch, checkpoint
        As of `minimise`.
    stop : callable
        Of the state, after each step: true ends the run. It must not change the state.
    step : float, optional
        Of time, in units of ``1/(gamma mu0 max(Ms))`` times ``(1 + alpha^2)/alpha``; half of the largest stable one if
        left out.

    Returns
    -------
    Relaxation
        Its `status` is ``"converged"`` where `stop` said so.

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    RecordError
        If the checkpoint is damaged or belongs to another problem.
    """

    def ended(state: QuenchState) -> str:
        return "converged" if stop(state) else ""

    return _drive(problem, m, Quench(step), ended, held=held, limit=limit, watch=watch, checkpoint=checkpoint)


def _drive(
    problem: Problem,
    m: ArrayLike | Descent,
    solver: Any,
    ended: Callable[[Any], str],
    *,
    held: ArrayLike | None,
    limit: int | None,
    watch: Sequence[Watcher],
    checkpoint: str | Path | None,
) -> Relaxation:
    most = _DEFAULT_LIMIT if limit is None else limit
    if most % 1 or most < 1:
        raise ValueError(f"limit is {limit}; allowed: a whole number from 1")
    path = Path(checkpoint) if checkpoint is not None else None
    state = _begin(problem, m, solver, held, path)
    history = [(float(state.evaluations), state.energies.total, state.torque)]
    status = ended(state)
    written = time.monotonic()

    def stop(_: Sequence[float]) -> bool:
        return bool(status) or state.evaluations >= most

    interruptions = Interruptions()
    try:
        # Without a checkpoint nothing is to be saved, and nothing waits.
        with interruptions if path is not None else nullcontext():
            if not stop([]):
                # The status is known before the driver asks for it: it yields first.
                for now, torque in iterate(solver, state, steps=most, watch=watch):
                    history.append((float(now.evaluations), now.energies.total, torque))
                    status = ended(now)
                    if stop([]):
                        break
                    interruptions.pass_on()
                    if path is not None and time.monotonic() - written > _CHECKPOINT_SECONDS:
                        save_checkpoint(path, now)
                        written = time.monotonic()
    except (KeyboardInterrupt, SystemExit):
        if path is not None and not interruptions.forced:
            save_checkpoint(path, state)
        raise
    if path is not None:
        path.unlink(missing_ok=True)
    return Relaxation(
        m=state.spins,
        energies=state.energies,
        torque=state.torque,
        held_torque=state.held_torque,
        evaluations=state.evaluations,
        status=status or "limit",
        time=getattr(state, "time", 0.0),
        history=np.array(history),
    )


def _begin(problem: Problem, m: ArrayLike | Descent, solver: Any, held: ArrayLike | None, path: Path | None) -> Any:
    """Return the state to start from: the checkpoint's where there is one."""
    state = load_checkpoint(path, problem) if path is not None and path.is_file() else m
    if not isinstance(state, Descent):
        return solver.init(problem, state, held=held)
    wanted = type(solver).__name__ + "State"
    if type(state).__name__ != wanted:
        raise ValueError(f"m is a {type(state).__name__}; allowed: a {wanted}, or directions")
    if state.problem.content != problem.content:
        raise ValueError("m is the state of another problem; allowed: one of the same mesh and material")
    _check_same(state, solver, held)
    return state


def _check_same(state: Descent, solver: Any, held: ArrayLike | None) -> None:
    """Raise unless a state goes on as it began."""
    if isinstance(state, LBFGSState) and len(state.pairs) != solver.history:
        raise ValueError(f"history is {solver.history}; allowed: {len(state.pairs)}, with which the state began")
    if isinstance(state, QuenchState) and solver.step_size not in (None, state.step):
        raise ValueError(f"step is {solver.step_size:g}; allowed: {state.step:g}, with which the state began")
    if held is not None and not np.array_equal(np.flatnonzero(np.asarray(held)), np.flatnonzero(state.held)):
        raise ValueError("held holds other spins than the state does; allowed: the same, or None")


def random_start(problem: Problem, *, rng: np.random.Generator) -> Array:
    """Draw directions evenly over the sphere; 0 in the void.

    Returns
    -------
    (3, nz, ny, nx) array
        Of the problem's dtype; the draws do not depend on where the magnet is.
    """
    return problem.unit_vectors(rng.standard_normal((3, *problem.mesh.shape)))
