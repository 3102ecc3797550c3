"""The frame in which a ptychographic reconstruction is compared with the truth.

- `Frame`, `build_frame`: truth and reconstruction in the box of the probe's centres, on the truth's pixels;
- `power_gauge`: the factor that gives the truth the gauge of a method which knows its probe's power from frames only.

Objects lie where their coordinates say, so a common shift of the result is a number of its own and no convention. The
headline gauge is found without the truth but for ONE rigid shift and a phase; what is ``fitted`` has ramp and scale
removed too.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.scoring_settings import ScoringSettings
from validation.registration.alignment import moved
from validation.windows import soft_edged

Array = NDArray[Any]
Floats = NDArray[np.float64]

_PAD = 24  # px round the box, so that sub-pixel shifts have surroundings
HEADLINE, FITTED = ("phase", "shift"), ("phase", "scale", "shift", "ramp")


@dataclass(frozen=True)
class Frame:
    """The window that is scored, with its surroundings.

    Attributes
    ----------
    pixel_size : float
        m.
    y, x : arrays
        Coordinates of the window, m.
    mask : (ny, nx) bool array
        Where is scored.
    soft : (ny, nx) float64 array
        The same with a soft edge, for spectra.
    largest_shift : float
        px.
    """

    pixel_size: float
    y: Floats
    x: Floats
    mask: NDArray[np.bool_]
    soft: Floats
    largest_shift: float

    def window(self, image: xr.DataArray) -> Array:
        """Return the part of an image (y, x) in the window, moved by the fraction of a pixel that its grid is off.

        Raises
        ------
        ValueError
            If the image's pixel differs.
        """
        whole, rest = [], []
        for dim, wanted in (("y", self.y), ("x", self.x)):
            own = image[dim].values
            step = float(own[1] - own[0])
            if abs(step - self.pixel_size) > 1e-3 * self.pixel_size:
                raise ValueError(f"pixel of the image along {dim} is {step:.4g} m; allowed: {self.pixel_size:.4g} m")
            place = (wanted[0] - own[0]) / step
            whole.append(int(np.rint(place)))
            rest.append(float(whole[-1] - place))
        cut = _cut(image.values, (whole[0], whole[1]), (len(self.y), len(self.x)))
        return moved(cut, rest) if max(map(abs, rest)) > 1e-6 else cut

    def align(self, image: Array, truth: Array, gauge: tuple[str, ...]) -> validation.Registration:
        """Remove a gauge of `image`, both in the window; of an image without contrast, nothing but its mean phase."""
        if not validation.varies(image, mask=self.soft):
            turn = np.exp(1j * (np.angle(truth[self.mask].mean()) - np.angle(image[self.mask].mean())))
            return validation.Registration(image * turn, removed=("phase",))
        return validation.register(image, truth, gauge=gauge, mask=self.soft, bound=max(1.0, self.largest_shift))


def build_frame(truth: xr.Dataset, settings: ScoringSettings) -> Frame:
    """Make the window from the true positions of the probe.

    Raises
    ------
    ValueError
        If the scan is too small for the margin.
    """
    grid = truth["object"]
    pixel = float(grid["y"][1] - grid["y"][0])
    sides, inner = [], []
    for dim in ("y", "x"):
        places, own = truth[f"position_{dim}"].values, grid[dim].values
        low, high = places.min() + settings.margin, places.max() - settings.margin
        if high - low < 16 * pixel:
            raise ValueError(
                f"scoring.margin is {settings.margin:.4g} m, and the scan is {np.ptp(places):.4g} m along {dim}; "
                "allowed: a margin that leaves 16 pixels"
            )
        first, last = np.searchsorted(own, (low, high - 0.5 * pixel))
        start, stop = max(0, first - _PAD), min(len(own), last + _PAD)
        sides.append(own[start:stop])
        inner.append((first - start, last - start))
    mask = np.zeros((len(sides[0]), len(sides[1])), bool)
    mask[inner[0][0] : inner[0][1], inner[1][0] : inner[1][1]] = True
    soft = soft_edged(mask, settings.taper / pixel)
    return Frame(pixel, sides[0], sides[1], mask, soft, settings.largest_shift / pixel)


def power_gauge(truth: xr.Dataset, *, photons: float) -> float:
    """Return c of (c O, P/c) that gives the true probe the power `photons` of the mean frame."""
    probe = truth["probe"].values
    own = float(np.sum(np.abs(probe) ** 2)) / (probe.shape[0] if probe.ndim == 4 else 1)
    return math.sqrt(own / photons)


def _cut(values: Array, origin: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Return a window that may reach beyond the array; zero there."""
    out = np.zeros(shape, values.dtype)
    source, target = [], []
    for first, size, length in zip(origin, shape, values.shape, strict=True):
        low, high = max(first, 0), min(first + size, length)
        source.append(slice(low, max(low, high)))
        target.append(slice(low - first, max(low, high) - first))
    out[tuple(target)] = values[tuple(source)]
    return out
