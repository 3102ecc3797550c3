"""Probes that are not in the same focus everywhere: samples at high tilt.

- `ProbeUnwrapping`: the published constraint, a smooth phase of the pupil, a listener;
- `TiltedProbe`: the probe of each frame at the height of the sample there, a listener; `heights`.

The constraint of Rana et al. (published in one sentence, supplement fig. S3) in our reading: the probe is taken to the
lens, its phase unwrapped where the lens is bright and moved towards its smooth part, defocus first. Vortices and wraps
by which a probe absorbs what belongs to the height of the sample cannot form.

The tilted probe removes the cause. A sample tilted about x by an angle t lies at ``z = (y - y_c) tan(t)``, and one
defocus for each frame is enough: within one illuminated disc the height changes by much less than the depth of focus.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.ptychography.corrections import pupil
from reconstructors.ptychography.engines.batches import Batches
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.limits import shares
from reconstructors.ptychography.problem import Problem
from reconstructors.ptychography.state import State

Array = NDArray[Any]

_BLOCK_BYTES = 8 << 20
_FRAMES = 512
_FLOOR = 10.0  # photons; see `stretching`
_STEEPEST = np.deg2rad(85)


@dataclass(frozen=True)
class UnwrappingParameters:
    """How the phase of the pupil is kept smooth.

    Parameters
    ----------
    every : int
        Epochs between two constraints.
    until : int or None
        Last epoch after which it acts.
    relaxation : float
        Share of the way to the smooth phase, above 0 to 1.
    degree : int
        Of the polynomial in both frequencies, from 2, which holds defocus and astigmatism.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    every: int = 1
    until: int | None = None
    relaxation: float = 0.5
    degree: int = 4

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}; allowed: epochs from 1")
        shares(self, "relaxation")
        if not 2 <= self.degree <= 10:
            raise ValueError(f"degree is {self.degree}; allowed: 2 to 10")


class ProbeUnwrapping(Quiet):
    """Move the phase of the first mode's pupil towards its smooth part, in place; far field.

    Parameters
    ----------
    problem : Problem
    parameters : UnwrappingParameters

    Raises
    ------
    ValueError
        In the near field, where a probe has no pupil on the detector.
    """

    def __init__(self, problem: Problem, parameters: UnwrappingParameters | None = None) -> None:
        if problem.optics.transfer is not None:
            raise ValueError("transfer is that of a near field; allowed: the far field, where a probe has a pupil")
        self._optics, self.parameters = problem.optics, parameters or UnwrappingParameters()

    def after_epoch(self, state: State) -> None:
        """Constrain, if it is time."""
        late = self.parameters.until is not None and state.epoch > self.parameters.until
        if state.epoch % self.parameters.every == 0 and not late:
            self.apply(state)

    def apply(self, state: State) -> None:
        """Constrain the probe, in place."""
        seen = pupil.to_pupil(state.probe[0])
        smooth, _, _ = pupil.smooth_phase(
            seen,
            self.parameters.degree,
            wavelength=self._optics.wavelength,
            pixel_size=self._optics.pixel_size,
        )
        bright = np.abs(seen) >= pupil.BRIGHT * np.abs(seen).max()
        away = np.angle(seen * np.exp(-1j * smooth))
        turn = np.exp(-1j * self.parameters.relaxation * away * bright)
        state.probe[0] = pupil.from_pupil(seen * turn)


def heights(positions: Array, used: Array, slope: float, pixel_size: float) -> Array:
    """Return the defocus (frames,) in m of frames at `positions`, pixels, against that in the middle of the scan.

    `slope` is the height of the sample per length along y, the tangent of the tilt.
    """
    along = (positions[:, 0] - positions[used, 0].mean()) * pixel_size
    return np.asarray(slope * along)


@dataclass(frozen=True)
class TiltParameters:
    """How the tilt is known.

    Parameters
    ----------
    tilt : float
        About x, rad.
    refine_from : int or None
        Epochs before its tangent is refined; None keeps it.
    refine_every : int
        Epochs between two refinements.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    tilt: float = 0.0
    refine_from: int | None = None
    refine_every: int = 5

    def __post_init__(self) -> None:
        if not abs(self.tilt) <= _STEEPEST:
            raise ValueError(f"tilt is {self.tilt} rad; allowed: up to {_STEEPEST:.4f} either way")
        if self.refine_from is not None and self.refine_from < 1:
            raise ValueError(f"refine_from is {self.refine_from}; allowed: None, or epochs from 1")
        if self.refine_every < 1:
            raise ValueError(f"refine_every is {self.refine_every}; allowed: epochs from 1")


class TiltedProbe(Quiet):
    """Give each frame the probe at the height of the sample there, in place.

    `begin` must be called before the first epoch.

    Parameters
    ----------
    problem : Problem
    parameters : TiltParameters

    Raises
    ------
    ValueError
        In the near field, where the height changes the magnification too.
    """

    def __init__(self, problem: Problem, parameters: TiltParameters) -> None:
        if problem.optics.transfer is not None:
            raise ValueError("transfer is that of a near field; allowed: the far field")
        self.problem, self.parameters = problem, parameters
        self._batches = Batches(problem)
        ny, nx = problem.frames.shape
        self._block = max(1, _BLOCK_BYTES // (16 * len(problem.probe) * ny * nx))
        empty = np.zeros((ny, nx), np.float32)
        self._background = empty if problem.background is None else problem.background

    def slope(self, state: State) -> float:
        """Return the height per length along y that the state holds."""
        return float(state.memory[_SLOPE]) if _SLOPE in state.memory else float(np.tan(self.parameters.tilt))

    def begin(self, state: State) -> None:
        """Set the defocus of all frames, in place."""
        pixel = self.problem.optics.pixel_size
        state.defocus[:] = heights(state.positions, state.used, self.slope(state), pixel)

    def after_epoch(self, state: State) -> None:
        """Refine the slope, if it is time; positions may have moved in any case."""
        first = self.parameters.refine_from
        if first is not None and state.epoch >= first and (state.epoch - first) % self.parameters.refine_every == 0:
            state.memory[_SLOPE] = np.array(self.slope(state) + self.step(state))
        self.begin(state)

    def step(self, state: State) -> float:
        """Return the change of the slope that the used frames ask for, by Fisher scoring."""
        score = np.zeros(2)
        used = np.flatnonzero(state.used)
        chosen = used[:: -(-len(used) // _FRAMES)]
        along = heights(state.positions, state.used, 1.0, self.problem.optics.pixel_size)
        for first in range(0, len(chosen), self._block):
            indices = chosen[first : first + self._block]
            self._add(state, indices, along[indices], score)
        return float(score[0] / score[1]) if score[1] > 0 else 0.0

    def _add(self, state: State, indices: Array, along: Array, score: Array) -> None:
        placed, optics = self._batches.placed(state, indices), self.problem.optics
        probes = self._batches.kernel.shifted_probes(state.probe, placed.factors)
        f_y, f_x = (fourier.unshifted_frequencies(n, optics.pixel_size) for n in self.problem.frames.shape)
        f2 = f_y[:, None] ** 2 + f_x[None, :] ** 2
        turned = fourier.fft2(probes) * (-1j * np.pi * optics.wavelength * f2).astype(np.complex64)
        slopes = fourier.ifft2(turned, overwrite=True)
        ny, nx = self.problem.frames.shape
        boxes = np.stack([state.object[y : y + ny, x : x + nx] for y, x in placed.corners])[:, None]
        scale = np.float32(1) if placed.scale is None else placed.scale[:, None, None, None]
        waves = fourier.fft2(scale * probes * boxes, overwrite=True)
        bends = fourier.fft2(scale * slopes * boxes * along[:, None, None, None].astype(np.float32), overwrite=True)
        read = self.problem.frames.read(indices)
        _add_score(waves, bends, read, self.problem.valid, self._background, _FLOOR, score)


_SLOPE = "tilt_slope"


@njit(cache=True, nogil=True, error_model="numpy")
def _add_score(
    waves: Array, bends: Array, amplitudes: Array, valid: Array, background: Array, floor: float, score: Array
) -> None:  # fmt: skip
    """Add score and Fisher information of one parameter, `bends` the derivative of `waves` by it."""
    frames, modes, ny, nx = waves.shape
    for j in range(frames):
        for y in range(ny):
            for x in range(nx):
                if not valid[y, x]:
                    continue
                model, change = background[y, x], np.float32(0)
                for mode in range(modes):
                    wave, bend = waves[j, mode, y, x], bends[j, mode, y, x]
                    model += wave.real * wave.real + wave.imag * wave.imag
                    change += 2 * (wave.real * bend.real + wave.imag * bend.imag)
                part = change / (model + floor)
                score[0] += part * (amplitudes[j, y, x] * amplitudes[j, y, x] - model)
                score[1] += part * change
