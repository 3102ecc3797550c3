"""The frames of a problem, batch by batch, for any engine.

- `Batches`: a kernel and the frames in its order, in memory or on disk;
- `Placed`, `place`: where frames lie, as the kernels take it;
- `random_batches`: the batches of an epoch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstructors.ptychography.kernels import placing
from reconstructors.ptychography.kernels.choice import Kernel, make_kernel
from reconstructors.ptychography.kernels.sums import Sums
from reconstructors.ptychography.problem import FramesInMemory, Problem
from reconstructors.ptychography.state import State
from reconstructors.ptychography.stream import parts, read_ahead

Array = NDArray[Any]


@dataclass(frozen=True)
class Placed:
    """Where some frames lie, as the kernels take it.

    Attributes
    ----------
    corners : (frames, 2) int64 array
    factors : pair of complex64 arrays, or None
    scale : (frames,) float32 array or None
    """

    corners: Array
    factors: tuple[Array, Array] | None
    scale: Array | None

    @property
    def scales(self) -> Array:
        """The scale of each frame, ones where there is none."""
        return np.ones(len(self.corners), np.float32) if self.scale is None else self.scale


def place(problem: Problem, state: State, indices: Array) -> Placed:
    """Return where frames of a problem lie in the present state."""
    shape, optics = problem.frames.shape, problem.optics
    places = state.positions[indices]
    corners = placing.corners(places, problem.object_shape, shape)
    factors = placing.factors(
        places,
        corners,
        shape,
        defocus=state.defocus[indices],
        wavelength=optics.wavelength,
        pixel_size=optics.pixel_size,
    )
    flux = state.flux[indices]
    return Placed(corners, factors, None if np.all(flux == 1) else np.sqrt(flux).astype(np.float32))


class Batches:
    """The frames of a problem, and the kernel for them.

    Parameters
    ----------
    problem : Problem
    kernel : Kernel, optional
        The fastest that can do it.
    """

    def __init__(self, problem: Problem, *, kernel: Kernel | None = None) -> None:
        self.problem = problem
        self.kernel = kernel or make_kernel(
            problem.frames.shape,
            len(problem.probe),
            problem.object_shape,
            valid=problem.valid,
            background=problem.background,
            transfer=problem.optics.transfer,
        )
        self._frames = problem.frames.packed(self.kernel)
        self._whole = self._frames.amplitudes if isinstance(self._frames, FramesInMemory) else None

    def placed(self, state: State, indices: Array) -> Placed:
        """Return where frames lie in the present state."""
        return place(self.problem, state, indices)

    def accumulate(self, state: State, indices: Array, packed: Array, sums: Sums, **wanted: Any) -> Placed:
        """Add what some frames say to `sums` and keep their errors in `state`; return where they lie.

        Parameters
        ----------
        state : State
        indices : (frames,) int array
        packed : array
            The frames, from `read`; or all of them.
        sums : Sums
            Added to, in place.
        **wanted
            ``want_object``, ``want_probe``, ``moments`` and ``likelihood``, as `LibraryKernel.accumulate` takes them.
        """
        placed = self.placed(state, indices)
        state.frame_errors[indices] = self.kernel.accumulate(
            state.object,
            state.probe,
            packed,
            placed.corners,
            sums,
            factors=placed.factors,
            scale=placed.scale,
            places=indices if packed is self._whole else None,
            **wanted,
        )
        return placed

    def read(self, batches: Sequence[Array], *, gathered: bool = False) -> Iterator[Iterator[tuple[Array, Array]]]:
        """Yield for each batch its pieces: indices and frames as the kernel takes them, read ahead.

        A batch of any size costs the memory of two pieces. Take all pieces of a batch before the next one. Frames in
        memory come all at once, not copied, for `accumulate` to pick from, unless they are asked for `gathered`.
        """
        cut = [parts(indices, self._frames) for indices in batches]
        if self._whole is not None and not gathered:
            for pieces in cut:
                yield ((piece, self._whole) for piece in pieces)
            return
        reader = read_ahead(self._frames, (piece for pieces in cut for piece in pieces))
        for pieces in cut:
            yield (next(reader) for _ in pieces)

    def error(self, state: State) -> float:
        """Return the Fourier error: rms amplitude difference over the rms amplitude."""
        return float(np.sqrt(state.frame_errors[state.used].mean() / self.problem.photons))


def random_batches(used: NDArray[np.bool_], batch: int, *, seed: int, epoch: int) -> list[Array]:
    """Return the batches of an epoch in an order that the seed and the epoch tell alone."""
    order = np.random.default_rng((seed, epoch)).permutation(np.flatnonzero(used))
    return [order[first : first + batch] for first in range(0, len(order), batch)]


def seed_of(rng: np.random.Generator) -> int:
    """Return a seed for `random_batches`, the first number that `rng` gives."""
    return int(rng.integers(2**63))
