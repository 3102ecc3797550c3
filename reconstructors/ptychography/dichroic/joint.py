"""Two data sets of one sample as one problem, for any engine.

- `JointFrames`: the frames of both, plus first;
- `overlaid`: both on one object and one probe: the charge image that they share;
- `stacked`: an object for each, one above the other, under one probe;
- `laid_over`, `joined`, `raised`, `parted`: from states of the two problems to those of the joint ones, and back;
- `halves`: what belongs to each helicity.

What two helicities share is then what the frames of one problem share, and no engine needs to know of helicities.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.problem import Frames, Packer, Problem
from reconstructors.ptychography.state import State, start

Array = NDArray[Any]
Problems = tuple[Problem, Problem]


class JointFrames:
    """The frames of two sets, one after the other.

    Parameters
    ----------
    first, second : Frames
    """

    def __init__(self, first: Frames, second: Frames) -> None:
        self.first, self.second, self.shape = first, second, first.shape
        self._packed: dict[str, Frames] = {}

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def read(self, indices: Array) -> Array:
        """Return some frames."""
        early = indices < len(self.first)
        pieces = (self.first.read(indices[early]), self.second.read(indices[~early] - len(self.first)))
        if not len(pieces[0]) or not len(pieces[1]):
            return pieces[0] if len(pieces[0]) else pieces[1]
        values = np.empty((len(indices), *pieces[0].shape[1:]), np.float32)
        values[early], values[~early] = pieces
        return values

    def packed(self, kernel: Packer) -> Frames:
        """Return the frames as `kernel` takes them."""
        if kernel.packing not in self._packed:
            self._packed[kernel.packing] = JointFrames(self.first.packed(kernel), self.second.packed(kernel))
        return self._packed[kernel.packing]


def check_pair(problems: Problems) -> None:
    """Raise a ValueError of one line if two problems cannot be of one sample and one instrument."""
    plus, minus = problems
    for name, first, second in (
        ("frame", plus.frames.shape, minus.frames.shape),
        ("object_shape", plus.object_shape, minus.object_shape),
        ("probe", plus.probe.shape, minus.probe.shape),
        ("pixel_size", plus.optics.pixel_size, minus.optics.pixel_size),
        ("wavelength", plus.optics.wavelength, minus.optics.wavelength),
    ):
        if first != second:
            raise ValueError(f"{name} is {first} for helicity + and {second} for -; allowed: the same for both")


def overlaid(problems: Problems) -> Problem:
    """Return the problem of both sets of frames on one object.

    The flux of the second set counts as what its photons are over those of the first. A pixel is valid where it is in
    both sets; the background is the mean of both.
    """
    check_pair(problems)
    plus, minus = problems
    ratio = minus.photons / plus.photons
    backgrounds = [problem.background for problem in problems if problem.background is not None]
    return replace(
        plus,
        frames=JointFrames(plus.frames, minus.frames),
        valid=plus.valid & minus.valid,
        background=sum(backgrounds[1:], start=backgrounds[0]) / np.float32(2) if backgrounds else None,
        positions=np.concatenate([plus.positions, minus.positions]),
        flux=np.concatenate([plus.flux, ratio * minus.flux]),
        used=np.concatenate([plus.used, minus.used]),
        photons=_mean_photons(plus, minus),
        defocus=np.concatenate([start(problem).defocus for problem in problems]),
    )


def stacked(problems: Problems) -> Problem:
    """Return the problem of both sets of frames on an object for each, that of the second below that of the first."""
    both = overlaid(problems)
    rows, columns = both.object_shape
    positions = both.positions.copy()
    positions[len(problems[0].positions) :, 0] += rows
    return replace(both, positions=positions, object_shape=(2 * rows, columns))


def halves(values: Array, problems: Problems) -> tuple[Array, Array]:
    """Return the parts of an array over all frames that belong to each helicity, not copied."""
    first = len(problems[0].positions)
    return values[:first], values[first:]


def laid_over(states: tuple[State, State], problems: Problems) -> State:
    """Return the state of the overlaid problem from one for each; object and probe are those of the first."""
    plus, minus = states
    ratio = problems[1].photons / problems[0].photons
    return State(
        object=plus.object.copy(),
        probe=plus.probe.copy(),
        positions=np.concatenate([plus.positions, minus.positions]),
        flux=np.concatenate([plus.flux, ratio * minus.flux]),
        defocus=np.concatenate([plus.defocus, minus.defocus]),
        used=np.concatenate([plus.used, minus.used]),
        epoch=plus.epoch,
        frame_errors=np.concatenate([plus.frame_errors, minus.frame_errors]),
    )


def raised(state: State, problems: Problems) -> State:
    """Return the state of the stacked problem in which both objects are the one of an overlaid `state`."""
    return _on(np.concatenate([state.object, state.object]), state, problems)


def joined(states: tuple[State, State], problems: Problems) -> State:
    """Return the state of the stacked problem from one for each; the probe is that of the first."""
    return _on(np.concatenate([states[0].object, states[1].object]), laid_over(states, problems), problems)


def _on(objects: Array, state: State, problems: Problems) -> State:
    result = replace(state, object=objects, positions=state.positions.copy(), memory={})
    halves(result.positions, problems)[1][:, 0] += problems[0].object_shape[0]
    return result


def parted(state: State, problems: Problems) -> tuple[State, State]:
    """Return a state for each helicity from that of the stacked problem; they share nothing."""
    rows, first = problems[0].object_shape[0], len(problems[0].positions)
    ratio = problems[1].photons / problems[0].photons
    parts = []
    for index, frames in enumerate((slice(0, first), slice(first, None))):
        positions = state.positions[frames] - np.array([index * rows, 0.0])
        parts.append(
            State(
                object=state.object[index * rows : (index + 1) * rows].copy(),
                probe=state.probe * np.float32(np.sqrt(ratio) if index else 1.0),
                positions=positions,
                flux=state.flux[frames] / (ratio if index else 1.0),
                defocus=state.defocus[frames].copy(),
                used=state.used[frames].copy(),
                epoch=state.epoch,
                frame_errors=state.frame_errors[frames].copy(),
            )
        )
    return parts[0], parts[1]


def _mean_photons(plus: Problem, minus: Problem) -> float:
    counts = np.array([len(plus.positions), len(minus.positions)])
    return float(counts @ [plus.photons, minus.photons] / counts.sum())
