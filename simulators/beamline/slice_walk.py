"""Waves on their way through slices, one window of the sample per frame.

- `SliceWalk`: takes each mode of each frame through the slices that its window meets;
- `free_space`, `propagate_in_place`: from slice to slice.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from optics.propagation import transfer_function
from optics.units import wavelength
from simulators.beamline.slice_kernels import multiply, multiply_box, start_field
from simulators.beamline.slice_lanes import LaneSteps, fits
from simulators.beamline.tilted_slices import TiltedSlices

Array = NDArray[Any]


class SliceWalk:
    """Modes of a probe at many positions, ready to go through the slices.

    Parameters
    ----------
    slices : TiltedSlices
    modes : (modes, ny, nx) complex array
        In the plane of the sample's origin.
    positions : (frames, 2) array
        Where the modes' pixel ``n//2`` lies from the sample's origin, (y, x) in m.
    helicity : int
    """

    def __init__(self, slices: TiltedSlices, modes: Array, positions: Array, helicity: int) -> None:
        if modes.ndim != 3:
            raise ValueError(f"modes has shape {modes.shape}; allowed: (modes, y, x)")
        if np.ndim(positions) != 2 or np.shape(positions)[1] != 2 or not np.all(np.isfinite(positions)):
            raise ValueError(f"positions has shape {np.shape(positions)}; allowed: (frames, 2), finite, in m")
        self.shape = (modes.shape[1], modes.shape[2])
        self._slices = slices
        row = slices.index(helicity)
        self._parts = [part[row] for part in slices.transmissions]
        self._spectra = fourier.fft2(np.asarray(modes, np.complex64))
        places = np.asarray(positions) / slices.pixel_size + (np.array(slices.shape) // 2 - np.array(self.shape) // 2)
        self._corners = np.rint(places).astype(np.int64)
        self._shifts = self._shift_factors(places - self._corners)
        self._met = [self._slices_met(corner) for corner in self._corners]
        gaps = {self._gap(met, i) for met in self._met for i in range(len(met) - 1)}
        self._steps = {gap: self.step(gap * slices.thickness) for gap in sorted(gaps)}
        self._lanes = LaneSteps(self.shape, self._steps) if fits(self.shape) else None

    def exit(self, frame: int, mode: int) -> tuple[Array, Array]:
        """Return the wave just behind the last slice, (ny, nx) complex64, and a scratch array of its shape."""
        met, slices = self._met[frame], self._slices
        field = np.empty(self.shape, np.complex64)
        start = self.step(slices.heights[met[0]] if len(met) else 0.0)
        start_field(self._spectra[mode], start, self._shifts[0][frame], self._shifts[1][frame], field)
        _inverse(field)
        y, x = self._corners[frame]
        path = [
            (
                self._parts[index],
                int(slices.corners[index, 0] - y),
                int(slices.corners[index, 1] - x),
                self._gap(met, i) if i + 1 < len(met) else None,
            )
            for i, index in enumerate(met)
        ]
        if self._lanes is not None:
            self._lanes.through(field, path)
        else:
            self._go(field, path)
        return field, np.empty_like(field)

    def _go(self, field: Array, path: list[tuple[Array, int, int, int | None]]) -> None:
        """Do what `LaneSteps.through` does, for fields of any lengths."""
        for part, y, x, gap in path:
            multiply_box(field, part, y, x)
            if gap is not None:
                propagate_in_place(field, self._steps[gap])

    def step(self, distance: float) -> Array:
        """Return the transfer function of free space, unshifted."""
        return free_space(self.shape, float(distance), self._slices.pixel_size, self._slices.energy)

    def last_height(self, frame: int) -> float:
        """Return the height at which a frame's wave leaves, m."""
        met = self._met[frame]
        return float(self._slices.heights[met[-1]]) if len(met) else 0.0

    def last_heights(self) -> set[float]:
        """Return `last_height` of all frames."""
        return {self.last_height(frame) for frame in range(len(self._met))}

    def _gap(self, met: Array, i: int) -> int:
        heights, thickness = self._slices.heights, self._slices.thickness
        return round(float((heights[met[i + 1]] - heights[met[i]]) / thickness))

    def _slices_met(self, corner: Array) -> Array:
        first = self._slices.corners - corner
        sizes = np.array([part.shape for part in self._parts]).reshape(-1, 2)
        return np.flatnonzero(np.all((first < self.shape) & (first + sizes > 0), axis=1))

    def _shift_factors(self, rest: Array) -> list[Array]:
        phases = []
        for axis, n in enumerate(self.shape):
            f = fourier.unshifted_frequencies(n, 1.0)
            phases.append(np.exp(-2j * np.pi * rest[:, axis, None] * f).astype(np.complex64))
        return phases


@lru_cache(maxsize=16)
def free_space(shape: tuple[int, int], distance: float, pixel_size: float, energy: float) -> Array:
    """Return the transfer function over a distance, m; unshifted complex64, shared, not to be written to."""
    transfer = transfer_function(
        shape, distance, wavelength=wavelength(energy), pixel_size=pixel_size, carrier=False
    ).astype(np.complex64)
    transfer.flags.writeable = False
    return transfer


def propagate_in_place(field: Array, transfer: Array) -> None:
    """Propagate one field, on the calling thread."""
    fourier.transform_axis(field, 1)
    fourier.transform_axis(field, 0)
    multiply(field, transfer)
    _inverse(field)


def _inverse(field: Array) -> None:
    fourier.transform_axis(field, 0, inverse=True)
    fourier.transform_axis(field, 1, inverse=True)
