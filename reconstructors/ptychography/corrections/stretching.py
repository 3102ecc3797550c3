"""The affine part of wrong positions: a stretch, shear or turn of the whole scan, refined with the object.

- `StretchRefinement`: a listener; `stretch`: positions and object moved together.

An object reconstructed on a stretched scan is stretched too, and within each frame that is all that shows: with
positions ``q' = c + (1+A)(q-c)`` and the object resampled likewise, the patch under the probe is ``O(q + (1+A)^-1 s)``,
s the distance from the centre of the frame. Steps of single frames hardly see it, so the four numbers of A come from
all frames at once, as a step of Fisher scoring on ``-P (s grad) O``.

Scoring counts photons, ``(n - lambda) / (lambda + 3/8)``, and not their square roots: the root of a few photons is
too small in the mean, the object pays for it in high frequencies and the scan comes out 0.15 % too wide on a common
problem at a million photons a frame, thirty times its uncertainty.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier
from reconstructors.ptychography.corrections.positions import PositionParameters
from reconstructors.ptychography.engines.batches import place
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.kernels.library_kernel import LibraryKernel
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_WAVES = 5  # the exit wave and its four slopes
_BLOCK_BYTES = 8 << 20
_FRAMES = 512  # of a step, at most: four numbers need no more
_RELAXATION = 1.5  # the object follows a step only in part,
_MOMENTUM = 0.5  # least in a common scale, for which the probe makes up by its curvature
_SMALL = 5e-4  # of a step, below which it has no momentum: a settled scan is not to swing
_VELOCITY = "stretch_velocity"
_LIMIT = 0.02  # of a step
_SPLINE = 5
_FLOOR = 10.0  # photons


class StretchRefinement(Quiet):
    """Stretch positions and object together every few epochs, in place.

    Parameters
    ----------
    problem : Problem
    parameters : PositionParameters
        ``stretch_from`` and ``stretch_every`` count.
    """

    def __init__(self, problem: Problem, parameters: PositionParameters | None = None) -> None:
        self.problem, self.parameters = problem, parameters or PositionParameters()
        shape, modes = problem.frames.shape, len(problem.probe)
        self._probes = LibraryKernel(shape, modes, problem.object_shape, valid=problem.valid).shifted_probes
        self._block = max(1, _BLOCK_BYTES // (8 * _WAVES * modes * shape[0] * shape[1]))
        empty = np.zeros(shape, np.float32)
        self._background = empty if problem.background is None else problem.background

    def after_epoch(self, state: State) -> None:
        """Refine, if it is time."""
        if state.used.sum() < 3 or not self.parameters.stretches(state.epoch):
            return
        before, affine = state.memory.get(_VELOCITY, np.zeros((2, 2))), self.step(state)
        if np.sum(before * affine) > 0 and np.abs(affine).max() > _SMALL:
            affine += _MOMENTUM * before
        affine = np.clip(affine, -_LIMIT, _LIMIT)
        state.memory[_VELOCITY] = affine
        stretch(state, affine, np.array(self.problem.frames.shape) // 2)

    def step(self, state: State) -> Array:
        """Return the (2, 2) affine step that the used frames ask for."""
        slope, weight = np.zeros(4), np.zeros((4, 4))
        used = np.flatnonzero(state.used)
        chosen = used[:: -(-len(used) // _FRAMES)]
        for first in range(0, len(chosen), self._block):
            self._add(state, chosen[first : first + self._block], slope, weight)
        ridge = (1e-6 * np.trace(weight) + np.finfo(np.float64).tiny) * np.eye(4)
        return np.asarray(_RELAXATION * np.linalg.solve(weight + ridge, slope).reshape(2, 2))

    def _add(self, state: State, indices: Array, slope: Array, weight: Array) -> None:
        placed = place(self.problem, state, indices)
        probes = self._probes(state.probe, placed.factors)
        waves = np.empty((len(indices), _WAVES, *state.probe.shape), np.complex64)
        _stretched_waves(state.object, probes, placed.corners, placed.scales, waves)
        field = _at_detector(waves, self.problem.optics.transfer)
        _add_scores(
            field, self.problem.frames.read(indices), self.problem.valid, self._background, _FLOOR, slope, weight
        )


def stretch(state: State, affine: Array, centre: Array) -> None:
    """Stretch the scan about its mean by ``1 + affine`` and the object with it, in place.

    Parameters
    ----------
    state : State
    affine : (2, 2) array
    centre : (2,) array
        Of the probe in a frame, pixels.
    """
    about = state.positions[state.used].mean(0)
    whole = np.eye(2) + affine
    state.positions[:] = about + (state.positions - about) @ whole.T
    back = np.linalg.inv(whole)
    offset = (np.eye(2) - back) @ (about + centre)
    for part in (state.object.real, state.object.imag):
        part[...] = ndimage.affine_transform(part.copy(), back, offset, order=_SPLINE, mode="nearest")


def _at_detector(waves: Array, transfer: Array | None) -> Array:
    field = fourier.fft2(waves, overwrite=True)
    if transfer is None:
        return field
    field *= transfer
    return fourier.ifft2(field, overwrite=True)


@njit(cache=True, nogil=True, error_model="numpy")
def _stretched_waves(object_: Array, probes: Array, corners: Array, scales: Array, out: Array) -> None:
    """Write exit waves and their slopes by the entries yy, yx, xy, xx: (frames, 5, modes, ny, nx)."""
    frames, _, modes, ny, nx = out.shape
    own = np.int64(len(probes) > 1)
    last_y, last_x = object_.shape[0] - 1, object_.shape[1] - 1
    for j in range(frames):
        cy, cx, of = corners[j, 0], corners[j, 1], np.int64(j) * own
        for y in range(ny):
            oy = cy + y
            above, below = max(oy - 1, 0), min(oy + 1, last_y)
            for x in range(nx):
                ox = cx + x
                left, right = max(ox - 1, 0), min(ox + 1, last_x)
                slope_y = (object_[below, ox] - object_[above, ox]) / np.float32(below - above)
                slope_x = (object_[oy, right] - object_[oy, left]) / np.float32(right - left)
                from_y, from_x = np.float32(ny // 2 - y), np.float32(nx // 2 - x)
                for mode in range(modes):
                    wave = scales[j] * probes[of, mode, y, x]
                    out[j, 0, mode, y, x] = wave * object_[oy, ox]
                    out[j, 1, mode, y, x] = wave * slope_y * from_y
                    out[j, 2, mode, y, x] = wave * slope_y * from_x
                    out[j, 3, mode, y, x] = wave * slope_x * from_y
                    out[j, 4, mode, y, x] = wave * slope_x * from_x


@njit(cache=True, nogil=True, error_model="numpy")
def _add_scores(
    field: Array, amplitudes: Array, valid: Array, background: Array, floor: float, slope: Array, weight: Array
) -> None:  # fmt: skip
    """Add score and Fisher information of the four entries."""
    frames, _, modes, ny, nx = field.shape
    change = np.zeros(4, np.float32)
    for j in range(frames):
        for y in range(ny):
            for x in range(nx):
                if not valid[y, x]:
                    continue
                model = background[y, x]
                change[:] = 0
                for mode in range(modes):
                    wave = field[j, 0, mode, y, x]
                    model += wave.real * wave.real + wave.imag * wave.imag
                    for a in range(4):
                        other = field[j, 1 + a, mode, y, x]
                        change[a] += 2 * (wave.real * other.real + wave.imag * other.imag)
                rest, spread = amplitudes[j, y, x] * amplitudes[j, y, x] - model, model + floor
                for a in range(4):
                    part = change[a] / spread
                    slope[a] += part * rest
                    for b in range(4):
                        weight[a, b] += part * change[b]
