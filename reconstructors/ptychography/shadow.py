"""Where the focus is, from the frames alone: inside its cone a defocused beam casts shadows of the sample.

- `find_defocus`: the defocus at which the shadows of all frames fall on one another; `Shadows`: what it compares.

A detector pixel of frequency f inside of the cone looks at the sample at the frame's position plus ``wavelength z f``
(geometrical optics), so frames show the same features at places that move with the scan, the slower the larger the
defocus z. For the right z, sign included, what falls on one place of the sample agrees between frames.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.ptychography.problem import Frames

Array = NDArray[Any]

_FRAMES = 400
_STEPS = 41
_BIN = 2.0  # px
_LEAST = 3.0  # px, radius of a beam that is out of focus
_CLEAR = 2.0
"""Ratio to the trial of opposite sign from which a maximum is a focus. Measured: 3 to 12 on sound scans of 25 to 256
frames, 1e4 to 1e6 photons each; 1.0 to 1.15 with the frames in a wrong order."""

_AS_GOOD = 0.9
"""Agreement over the best from which a nominal distance is kept: a narrow cone has a broad maximum."""


@dataclass(frozen=True)
class Shadows:
    """Frames inside of the cone.

    Attributes
    ----------
    brightness : (frames, pixels) float32 array
        Over the mean frame, mean 0.
    positions : (frames, 2) float64 array
        Object pixels (y, x).
    frequency : (pixels, 2) float64 array
        Of the pixels, in steps of the pattern's grid.
    """

    brightness: Array
    positions: Array
    frequency: Array

    def agreement(self, slope: float) -> float:
        """Return the variance between places over that within them, with `slope` object pixels per step of frequency.

        1 is what noise gives (an F statistic).
        """
        y = self.positions[:, :1] + slope * self.frequency[:, 0]
        x = self.positions[:, 1:] + slope * self.frequency[:, 1]
        rows, columns = (np.floor((place - place.min()) / _BIN).astype(np.int32) for place in (y, x))
        return float(
            _ratio(rows.ravel(), columns.ravel(), self.brightness.ravel(), int(rows.max()) + 1, int(columns.max()) + 1)
        )


@njit(cache=True)
def _ratio(rows: Array, columns: Array, values: Array, ny: int, nx: int) -> float:
    sums, counts = np.zeros((ny, nx)), np.zeros((ny, nx))
    squares = 0.0
    for k in range(len(values)):
        sums[rows[k], columns[k]] += values[k]
        counts[rows[k], columns[k]] += 1
        squares += values[k] * values[k]
    between, bins = 0.0, 0
    for y in range(ny):
        for x in range(nx):
            if counts[y, x] > 1:
                between += sums[y, x] ** 2 / counts[y, x]
                bins += 1
    within = (squares - between) / max(len(values) - bins, 1)
    return between / max(bins, 1) / within if within > 0 else 0.0


def find_defocus(
    frames: Frames,
    positions: Array,
    cone: NDArray[np.bool_],
    *,
    used: NDArray[np.bool_],
    wavelength: float,
    pixel_size: float,
    nominal: float | None = None,
) -> float | None:
    """Return the distance in m from the focus down to the sample, None where the frames do not tell better.

    Parameters
    ----------
    frames : Frames
    positions : (frames, 2) array
        First object pixels.
    cone : (ny, nx) bool array
        Valid pixels inside of the lens's cone, zero frequency in the centre.
    used : (frames,) bool array
        Frames that can be used; those nearest to the middle of the scan are taken.
    wavelength, pixel_size : float
        m; the pixel is that of the object.
    nominal : float, optional
        Distance that is right unless the frames say clearly otherwise.
    """
    shadows = _shadows(frames, positions, cone, used)
    if shadows is None:
        return None
    n = min(frames.shape)
    reach = float(np.abs(shadows.frequency).max())
    most = 0.4 * n / max(reach, 1.0)  # the beam fills four fifths of a frame
    trials = np.linspace(_LEAST / max(reach, 1.0), most, _STEPS)
    trials = np.concatenate([-trials[::-1], trials])
    found = np.array([shadows.agreement(slope) for slope in trials])
    found[found < _CLEAR * np.maximum(found[::-1], 1.0)] = 0.0
    best = int(found.argmax())
    if found[best] == 0 or best in (0, _STEPS - 1, _STEPS, 2 * _STEPS - 1):
        return None
    unit = n * pixel_size**2 / wavelength
    if nominal is not None and shadows.agreement(nominal / unit) > _AS_GOOD * found[best]:
        return None
    fine = np.linspace(trials[best - 1], trials[best + 1], 9)
    values = np.array([shadows.agreement(slope) for slope in fine])
    return float(fine[int(values.argmax())]) * unit


def _shadows(frames: Frames, positions: Array, cone: NDArray[np.bool_], used: NDArray[np.bool_]) -> Shadows | None:
    usable = np.flatnonzero(used)
    if len(usable) < 4 or cone.sum() < 16:
        return None
    middle = np.median(positions[usable], axis=0)
    order = np.argsort(np.sum((positions[usable] - middle) ** 2, -1), kind="stable")
    chosen = np.sort(usable[order[:_FRAMES]])
    inside = fourier.from_centre(cone)
    light = np.stack([frames.read(chosen[j : j + 1])[0][inside] ** 2 for j in range(len(chosen))])
    mean = light.mean(0)
    bright = mean > 0.1 * mean.max()
    frequency = [np.rint(fourier.unshifted_frequencies(n, 1.0) * n) for n in frames.shape]
    grid = np.stack(np.meshgrid(*frequency, indexing="ij"), -1)[inside][bright]
    relative = light[:, bright] / mean[bright]
    relative /= np.maximum(relative.mean(1, keepdims=True), 1e-12)
    return Shadows((relative - 1).astype(np.float32), positions[chosen], grid)
