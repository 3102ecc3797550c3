"""Both helicities at once.

- `DichroicParameters`: the engine, and what the helicities share, each a switch that is off by default;
- `DichroicState`: what comes out; `run`: reconstruct.

``O+- = exp(C +- M)``. Shared are, where switched on: the probe, up to its power; the positions, up to a shift; the
charge image, for some epochs in which one object stands for both (M = 0) and both scans settle on it; after those each
has its own object again and M is free. The change of variables alone gains nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import iterate
from reconstructors.projections.helicity_pair import register_pair
from reconstructors.projections.optical_density import charge_and_magnetic
from reconstructors.ptychography.checkpoint import Checkpoint, Keeper, put_back
from reconstructors.ptychography.corrections.positions import PositionParameters
from reconstructors.ptychography.dichroic import joint, priors
from reconstructors.ptychography.dichroic.priors import MagneticPrior
from reconstructors.ptychography.dichroic.shared_positions import anchor, lock, tie
from reconstructors.ptychography.dichroic.stage import Coupling, Engine, Part, Stage, Until, position_listeners
from reconstructors.ptychography.engines.listeners import Listener
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State, start

Array = NDArray[Any]
Problems = tuple[Problem, Problem]

States = tuple[State, State]
Arrays = tuple[Array, Array]

_BOUND = 5.0  # px, of the shift between the helicities
_ALIKE = 0.8  # correlation of their images, from which they are believed


@dataclass(frozen=True)
class DichroicParameters:
    """What the helicities share; nothing unless asked for.

    Parameters
    ----------
    engine : PieParameters or RpiePlusParameters
        For all epochs together.
    positions : PositionParameters or None
        Refine the positions; None keeps the nominal ones.
    positions_until : int or None
        Last epoch that moves them; None is the end.
    alone : int
        Epochs at the start in which each helicity is on its own, to find the shift between them where they share
        positions or the charge image.
    shared_charge : int
        Epochs after those in which one object and one probe stand for both helicities. Shift and affine part of one
        scan against the other settle then and stay; single frames go on, each with its own object.
    shared_probe, shared_positions : bool
    shared_faults : bool
        A frame left out of one scan is left out of the other.
    prior : MagneticPrior
        In the epochs in which M is free.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    engine: Engine = field(default_factory=RpiePlusParameters)
    positions: PositionParameters | None = None
    positions_until: int | None = None
    alone: int = 20
    shared_charge: int = 0
    shared_probe: bool = False
    shared_positions: bool = False
    shared_faults: bool = False
    prior: MagneticPrior = field(default_factory=MagneticPrior)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in ("alone", "shared_charge"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: whole numbers of epochs from 0")
        if self.epochs_alone + self.shared_charge >= self.engine.epochs:
            raise ValueError(
                f"alone and shared_charge take {self.epochs_alone + self.shared_charge} epochs; allowed: less than "
                f"epochs, {self.engine.epochs}"
            )

    @property
    def epochs_alone(self) -> int:
        """Epochs at the start in which each helicity is on its own."""
        return self.alone if self.shared_charge or self.shared_positions else 0


@dataclass
class DichroicState:
    """What comes out of both helicities.

    Attributes
    ----------
    plus, minus : State
        In the coordinates of the first helicity's nominal positions; what is shared is equal in both.
    shift : (2,) float64 array
        (y, x) in pixels by which the second scan was found to see the sample further on, and was moved back.
    """

    plus: State
    minus: State
    shift: Array

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.plus.epoch

    @property
    def charge(self) -> Array:
        """Half the sum of the optical densities, (Y, X) float32."""
        return charge_and_magnetic(self.plus.object, self.minus.object)[0]

    @property
    def magnetic(self) -> Array:
        """Half the difference of the optical densities, (Y, X) float32."""
        return charge_and_magnetic(self.plus.object, self.minus.object)[1]


def run(
    problems: Problems,
    parameters: DichroicParameters,
    *,
    rng: np.random.Generator,
    listeners: Sequence[Listener] = (),
    watch: Sequence[iterate.Watcher] = (),
    kept: Checkpoint | None = None,
) -> tuple[DichroicState, list[float]]:
    """Reconstruct both helicities; return the last state and the mean Fourier error of every epoch.

    Parameters
    ----------
    problems : pair of Problem
        Helicity + and -, of one object shape; the start probe is that of the first where it is shared.
    parameters : DichroicParameters
    rng : numpy.random.Generator
        Of the order of the frames.
    listeners : sequence of Listener
        Called with the state of whatever problem is at hand: one helicity's, or both with the frames of + first.
    watch : sequence of callable
        Each called with (step, error) after each epoch.
    kept : Checkpoint, optional
        Keeps the states every few epochs; the run goes on from what it holds.

    Raises
    ------
    ValueError
        If the problems do not fit together.
    """
    joint.check_pair(problems)
    if parameters.shared_positions or parameters.shared_faults:
        _check_paired(problems)
    if parameters.shared_faults:
        used = problems[0].used & problems[1].used
        problems = (replace(problems[0], used=used), replace(problems[1], used=used))
    return _Run(problems, parameters, rng, listeners, watch, kept).go()


def _check_paired(problems: Problems) -> None:
    counts = [len(problem.positions) for problem in problems]
    if counts[0] != counts[1]:
        raise ValueError(f"helicities have {counts[0]} and {counts[1]} frames; allowed: as many, to share by frame")


class _Run:
    """The stages of a run: each helicity on its own, both on one object, an object for each."""

    def __init__(
        self,
        problems: Problems,
        parameters: DichroicParameters,
        rng: np.random.Generator,
        listeners: Sequence[Listener],
        watch: Sequence[iterate.Watcher],
        kept: Checkpoint | None,
    ) -> None:
        self._problems, self._parameters, self._rng = problems, parameters, rng
        self._listeners, self._watch, self._kept = tuple(listeners), watch, kept
        self._errors: list[float] = []
        self._settled = False

    def go(self) -> tuple[DichroicState, list[float]]:
        parameters, shift = self._parameters, np.zeros(2)
        states = (start(self._problems[0]), start(self._problems[1]))
        if parameters.epochs_alone:
            self._side_by_side(states, parameters.epochs_alone, alone=True)
            states, shift = self._registered(states)
        if parameters.shared_charge:
            states = self._on_one_object(states, parameters.epochs_alone + parameters.shared_charge)
        if parameters.shared_probe:
            states = self._above_one_another(states)
        else:
            self._side_by_side(states, parameters.engine.epochs)
        return DichroicState(states[0], states[1], shift), self._errors

    def _side_by_side(self, states: States, last: int, *, alone: bool = False) -> None:
        parts = []
        for problem, state in zip(self._problems, states, strict=True):
            parts.append(self._part(problem, state, self._moving(problem)))
        couplings = (
            []
            if alone
            else self._couplings((states[0].positions, states[1].positions), (states[0].object, states[1].object))
        )
        self._drive(parts, last, couplings)

    def _registered(self, states: States) -> tuple[States, Array]:
        """Return the states with the second scan and its object moved onto the first, and the shift.

        Two images with too little in common are given up: both helicities start anew, from epoch 0 for the engine.
        """
        (plus, minus), (first, second) = states, self._problems
        mask = np.zeros(first.object_shape, np.bool_)
        mask[self._seen()] = True
        parameters = self._parameters
        model = "shift" if parameters.positions is None or parameters.shared_positions else "affine"
        moved, found = register_pair(plus.object, minus.object, mask=mask, model=model, bound=_BOUND)
        if found.correlation < _ALIKE:
            return (start(first), start(second)), np.zeros(2)
        minus.object[...] = moved
        centre = np.array(second.frames.shape) // 2
        minus.positions[:] = found.back(minus.positions + centre) - centre
        self._problems = first, replace(second, positions=found.back(second.positions + centre) - centre)
        return states, found.shift

    def _on_one_object(self, states: States, last: int) -> States:
        problem, state = joint.overlaid(self._problems), joint.laid_over(states, self._problems)
        couplings = self._ties(joint.halves(state.positions, self._problems), on_one_object=True)
        self._drive([self._part(problem, state, self._moving(problem))], last, couplings)
        self._settled = True
        return joint.parted(joint.raised(state, self._problems), self._problems)

    def _above_one_another(self, states: States) -> States:
        problem, state = joint.stacked(self._problems), joint.joined(states, self._problems)
        rows = self._problems[0].object_shape[0]
        objects = (state.object[:rows], state.object[rows:])
        self._drive(
            [self._part(problem, state, self._moving(problem, stretch=False))],
            self._parameters.engine.epochs,
            self._couplings(joint.halves(state.positions, self._problems), objects),
        )
        return joint.parted(state, self._problems)

    def _part(self, problem: Problem, state: State, moving: Sequence[Listener]) -> Part:
        listeners = (*(Until(one, self._parameters.positions_until) for one in moving), *self._listeners)
        return Part(problem, state, self._parameters.engine, rng=self._rng, listeners=listeners)

    def _moving(self, problem: Problem, *, stretch: bool = True) -> Sequence[Listener]:
        """Return what refines the positions; once the charge image has settled the affine part, only frame by frame."""
        positions = self._parameters.positions
        if positions is None:
            return ()
        if not stretch or self._settled:
            positions = replace(positions, stretch_from=None)
        return position_listeners(problem, positions)

    def _couplings(self, positions: Arrays, objects: Arrays) -> list[Coupling]:
        prior, box = self._parameters.prior, self._seen()
        return [*self._ties(positions), *([lambda: priors.apply(prior, *objects, box)] if prior else [])]

    def _ties(self, positions: Arrays, *, on_one_object: bool = False) -> list[Coupling]:
        """Return what holds one scan to the other."""
        if self._parameters.positions is None:
            return []
        before = (positions[0].copy(), positions[1].copy())
        used = (self._problems[0].used, self._problems[1].used)
        ties: list[Coupling] = []
        if self._parameters.shared_positions:
            nominal = (self._problems[0].positions, self._problems[1].positions)
            ties.append(lambda: tie(positions, nominal, used))
        if on_one_object:
            ties.append(lambda: anchor(positions, before, used))
        elif self._settled:
            ties.append(lambda: lock(positions, before, used))
        return ties

    def _drive(self, parts: list[Part], last: int, couplings: list[Coupling]) -> None:
        stage, states = Stage(parts, couplings), {f"until {last}, {i}": part.state for i, part in enumerate(parts)}
        before = self._resumed(states)
        self._errors += before
        done = len(self._errors)
        watch = [_later(watcher, done) for watcher in self._watch]
        keepers = () if self._kept is None else (Keeper(self._kept, states, before),)
        _, errors = iterate.run(stage, parts, steps=last - done, watch=(*watch, *keepers))
        for keeper in keepers:
            keeper.keep()
        stage.finish()
        self._errors += errors

    def _resumed(self, states: Mapping[str, State]) -> list[float]:
        """Put back what was kept of a stage; return the errors of its epochs."""
        before: list[float] = []
        for name, state in states.items():
            found = None if self._kept is None else self._kept.load(name)
            if found is not None:
                put_back(found[0], state)
                before = found[1]
        return before

    def _seen(self) -> tuple[slice, slice]:
        """Return the box of the probe's centres."""
        problem = self._problems[0]
        centres = problem.positions[problem.used] + np.array(problem.frames.shape) // 2
        low, high = np.floor(centres.min(0)).astype(int), np.ceil(centres.max(0)).astype(int) + 1
        return slice(low[0], high[0]), slice(low[1], high[1])


def _later(watcher: iterate.Watcher, done: int) -> iterate.Watcher:
    return lambda step, error: watcher(done + step, error)
