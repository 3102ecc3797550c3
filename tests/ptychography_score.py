"""How far a reconstructed object of the common problem lies from the truth.

- `fitted`: shift, phase ramp and one complex factor removed against the truth;
- `headline`: power, ramp and mean phase as found without the truth, then one rigid shift;
- `box`: the pixels that count, those of the probe's centres less a rim; `Score`: error and shift.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]

RIM = 10  # px
_ROUNDS = 6


@dataclass(frozen=True)
class Score:
    """What a comparison finds.

    Attributes
    ----------
    nrmse : float
        ``|reconstruction - truth| / |truth|`` inside of the box.
    shift : (2,) array
        Of the reconstruction against the truth, px (y, x).
    """

    nrmse: float
    shift: Array


def box(corners: Array, shape: tuple[int, int], rim: int = RIM) -> tuple[slice, slice]:
    """Return the object pixels between the probe's outermost centres, less `rim`."""
    centres = np.asarray(corners) + np.array(shape) // 2
    low, high = np.ceil(centres.min(0)).astype(int) + rim, np.floor(centres.max(0)).astype(int) - rim
    return slice(low[0], high[0]), slice(low[1], high[1])


def fitted(reconstruction: Array, truth: Array, corners: Array, shape: tuple[int, int]) -> Score:
    """Return the error after shift, ramp and one complex factor are removed against the truth."""
    here = box(corners, shape)
    return _register(_without_ramp(reconstruction, truth, here), truth, here, gauges="all")


def headline(
    reconstruction: Array,
    truth: Array,
    corners: Array,
    shape: tuple[int, int],
    *,
    scale: float = 1.0,
) -> Score:
    """Return the error after one rigid shift alone.

    `scale` takes the truth to the reconstruction's gauge: root of the power that the true probe has over the power that
    the method was to give it. The mean phase in the box is set to zero in both.
    """
    here = box(corners, shape)
    phased = [array * np.exp(-1j * np.angle(array[here].mean())) for array in (reconstruction, truth)]
    return _register(phased[0], phased[1] * scale, here, gauges="shift")


def _without_ramp(reconstruction: Array, truth: Array, here: tuple[slice, slice]) -> Array:
    """Remove the coarse ramp, the greatest peak of the padded spectrum of the phase difference."""
    quotient = reconstruction[here] * truth[here].conj()
    n = 4 * max(quotient.shape)
    padded = np.zeros((n, n), np.complex128)
    padded[: quotient.shape[0], : quotient.shape[1]] = quotient
    peak = np.unravel_index(np.abs(fourier.fft2(padded)).argmax(), padded.shape)
    slope = [(p - n if p > n // 2 else p) / n for p in peak]
    y, x = np.indices(reconstruction.shape)
    return np.asarray(reconstruction * np.exp(-2j * np.pi * (slope[0] * y + slope[1] * x)))


def _register(reconstruction: Array, truth: Array, here: tuple[slice, slice], *, gauges: str) -> Score:
    """Move the reconstruction onto the truth by Gauss-Newton steps on what may move."""
    y, x = np.indices(truth[here].shape)
    grids = [2 * np.pi * (grid - grid.mean()) / max(grid.shape) for grid in (y, x)]
    target = truth[here].astype(np.complex128)
    spectrum = fourier.fft2(reconstruction.astype(np.complex128))
    f = np.meshgrid(*(fourier.unshifted_frequencies(n, 1.0) for n in reconstruction.shape), indexing="ij")
    shift, ramp, factor = np.zeros(2), np.zeros(2), 1.0 + 0j
    for _ in range(_ROUNDS):
        lever = np.exp(1j * (ramp[0] * grids[0] + ramp[1] * grids[1]))
        moved = spectrum * np.exp(2j * np.pi * (shift[0] * f[0] + shift[1] * f[1]))
        plain = fourier.ifft2(moved)[here] * lever
        if gauges == "all":
            factor = np.vdot(plain, target) / np.vdot(plain, plain).real
        model = factor * plain
        columns = [factor * fourier.ifft2(2j * np.pi * f[axis] * moved)[here] * lever for axis in (0, 1)]
        if gauges == "all":
            columns += [1j * grid * model for grid in grids] + [model, 1j * model]
        matrix = np.stack([column.ravel() for column in columns], 1)
        rest = (target - model).ravel()
        step = np.linalg.lstsq(
            np.concatenate([matrix.real, matrix.imag]), np.concatenate([rest.real, rest.imag]), rcond=None
        )[0]
        shift += step[:2]
        if gauges == "all":
            ramp += step[2:4]
            factor *= 1 + step[4] + 1j * step[5]
    return Score(float(np.linalg.norm(rest) / np.linalg.norm(target)), shift)
