"""The course of a reconstruction of both helicities: which problem goes on when, and what holds them together.

- `Course`: the stages of a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import iterate
from reconstructors.projections.helicity_pair import PairRegistration, register_pair
from reconstructors.ptychography.checkpoint import Checkpoint, Keeper, put_back
from reconstructors.ptychography.dichroic import joint, priors
from reconstructors.ptychography.dichroic.shared_positions import anchor, lock, tie
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.dichroic.stage import Coupling, Part, Stage, Until, position_listeners
from reconstructors.ptychography.engines.listeners import Listener
from reconstructors.ptychography.engines.momentum import Momentum
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State, start

Array = NDArray[Any]
Problems = tuple[Problem, Problem]
States = tuple[State, State]
Arrays = tuple[Array, Array]

_BOUND = 5.0  # px, of the shift between the helicities
_ALIKE = 0.8  # correlation of their images, from which they are believed


class Course:
    """The stages of a run: each helicity on its own, both on one object, an object for each; or one after the other.

    Parameters
    ----------
    problems : pair of Problem
    parameters : DichroicParameters
    rng : numpy.random.Generator
    listeners, watch, kept
        As of `coupling.run`.

    Attributes
    ----------
    errors : list of float
        Of every epoch done.
    """

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
        self.errors: list[float] = []
        self._settled = False

    def go(self) -> tuple[State, State, Array]:
        """Reconstruct; return the states of + and -, and the shift (y, x) in pixels between them."""
        parameters, shift = self._parameters, np.zeros(2)
        states = (start(self._problems[0]), start(self._problems[1]))
        if parameters.following:
            return *states, self._one_after_the_other(states)
        if parameters.epochs_alone:
            self._side_by_side(states, parameters.epochs_alone, alone=True)
            states, shift = self._registered(states)
        if parameters.shared_charge:
            states = self._on_one_object(states, parameters.epochs_alone + parameters.shared_charge)
        if parameters.shared_probe:
            states = self._above_one_another(states)
        else:
            self._side_by_side(states, parameters.engine.epochs)
        return states[0], states[1], shift

    def _one_after_the_other(self, states: States) -> Array:
        """Reconstruct helicity +, then both from there, in place; return the shift between them.

        Both take the same steps at the end: what + had still to settle moves alike in both. Where the two images have
        too little in common, - goes on by itself.
        """
        plus, minus = states
        first, second = self._problems
        epochs, following = self._parameters.engine.epochs, self._parameters.following
        done = epochs - following
        self._drive([self._part(first, plus, self._moving(first))], done, [])
        _take_probe(minus, plus, self._problems)
        done += self._parameters.alone
        self._drive([self._part(second, minus, self._moving(second))], done, [])
        found = self._found(states)
        if found is None:
            self._drive([self._part(first, plus, self._moving(first))], done + following, [])
            self._drive([self._part(second, minus, self._moving(second))], 2 * epochs, [])
            return np.zeros(2)
        minus.object[...] = plus.object
        minus.flux[...] = second.flux
        _take_probe(minus, plus, self._problems)
        minus.epoch = plus.epoch
        for state in states:
            Momentum(state, 1).forget()
        shift = self._moved_where_it_fits(minus, found[1])
        self._side_by_side(states, done + following)
        return shift

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
        found = self._found(states)
        if found is None:
            return (start(self._problems[0]), start(self._problems[1])), np.zeros(2)
        moved, registration = found
        self._move_back(states[1], moved, registration)
        return states, registration.shift

    def _found(self, states: States) -> tuple[Array, PairRegistration] | None:
        """Return the second object moved onto the first, and how; None where they have too little in common."""
        mask = np.zeros(self._problems[0].object_shape, np.bool_)
        mask[self._seen()] = True
        parameters = self._parameters
        model = "shift" if parameters.positions is None or parameters.shared_positions else "affine"
        moved, found = register_pair(states[0].object, states[1].object, mask=mask, model=model, bound=_BOUND)
        return None if found.correlation < _ALIKE else (moved, found)

    def _moved_where_it_fits(self, minus: State, found: PairRegistration) -> Array:
        """Move the second scan back, if its frames then fit the object of the first better; return the shift, 0 if not.

        An image of few epochs may lie a pixel off by itself.
        """
        error, problem = self._misfit(minus), self._problems[1]
        nominal = minus.positions.copy()
        self._move_back(minus, minus.object, found)
        if self._misfit(minus) < error:
            return found.shift
        minus.positions[:] = nominal
        self._problems = self._problems[0], problem
        return np.zeros(2)

    def _misfit(self, minus: State) -> float:
        """Return the Fourier error of the second scan as it stands; nothing is changed."""
        rng = np.random.default_rng(0)
        return Part(self._problems[1], minus.copy(), self._parameters.engine, rng=rng).step()

    def _move_back(self, minus: State, moved: Array, found: PairRegistration) -> None:
        """Give the second scan, in place, the coordinates of the first."""
        first, second = self._problems
        minus.object[...] = moved
        centre = np.array(second.frames.shape) // 2
        minus.positions[:] = found.back(minus.positions + centre) - centre
        self._problems = first, replace(second, positions=found.back(second.positions + centre) - centre)

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
        self.errors += before
        done = len(self.errors)
        watch = [_later(watcher, done) for watcher in self._watch]
        keepers = () if self._kept is None else (Keeper(self._kept, states, before),)
        _, errors = iterate.run(stage, parts, steps=last - done, watch=(*watch, *keepers))
        for keeper in keepers:
            keeper.keep()
        stage.finish()
        self.errors += errors

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


def _take_probe(minus: State, plus: State, problems: Problems) -> None:
    """Give the second helicity the probe of the first, of its own power."""
    minus.probe[...] = plus.probe * np.float32(np.sqrt(problems[1].photons / problems[0].photons))


def _later(watcher: iterate.Watcher, done: int) -> iterate.Watcher:
    return lambda step, error: watcher(done + step, error)
