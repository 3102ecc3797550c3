"""A thin sample at high tilt: every frame has the probe at its own height.

- `TiltProblem`, `tilt_problem`: truth and data;
- `errors`, `RegionErrors`: of a reconstruction, in the middle and at the rim of what is scored.

Made on pixels half as large as those of the reconstruction, at positions between the pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from optics.units import wavelength
from tests.ptychography_problem import ENERGY, PIXEL, _texture
from tests.ptychography_score import _without_ramp

Array = NDArray[Any]

APERTURE = wavelength(ENERGY) / 90e-9  # of a zone plate with an outer zone of 45 nm
FINE = 2  # pixels of the simulation along one of the reconstruction
STEP = 8.0  # px


@dataclass(frozen=True)
class TiltProblem:
    """Truth and data.

    Attributes
    ----------
    object : complex array
        On the pixels of the reconstruction.
    positions : (frames, 2) float array
        First object pixel of each frame.
    counts : (frames, n, n) int array
    start_probe : complex array
        That of the nominal defocus.
    defocus : (frames,) float array
        True, m, against the middle of the scan.
    lengths : pair of int
        Height and width of what is scored, px.
    """

    object: Array
    positions: Array
    counts: Array
    start_probe: Array
    defocus: Array
    lengths: tuple[int, int]


def tilt_problem(
    seed: int,
    *,
    n: int = 64,
    tilt: float = np.deg2rad(62),
    length: float = 2.6e-6,
    width: int = 72,
    film: bool = False,
    defocus: float = 4e-6,
    nominal: float = 4e-6,
    photons: float = 1e6,
) -> TiltProblem:
    """Draw a block of a `length` along the tilt, or a film that fills as much of the laboratory's y axis.

    `width` is that of the scan along the axis of tilt, px; the sample is in focus `defocus` before its middle.
    """
    height = round(length * (1 if film else np.cos(tilt)) / PIXEL)
    over = 0 if film else 16
    rows, columns = int((height + 2 * over) // STEP) + 1, int(width // STEP) + 1
    margin = 8
    shape = tuple(int(2 * margin + (count - 1) * STEP + n) for count in (rows, columns))
    fine = _sample((FINE * shape[0], FINE * shape[1]), None if film else FINE * height, stream(seed, "object"))
    nodes = margin + STEP * np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1)
    fractions = stream(seed, "positions").uniform(-2, 2, (rows * columns, 2))
    positions = np.rint(FINE * (nodes.reshape(-1, 2) + fractions)) / FINE
    heights = (positions[:, 0] - positions[:, 0].mean()) * PIXEL * np.tan(tilt)
    frames = np.stack([_frame(fine, p, defocus + z, n) for p, z in zip(positions, heights, strict=True)])
    frames *= photons / frames.sum((1, 2)).mean()
    counts = stream(seed, "noise").poisson(frames)
    start = probe(n, PIXEL, nominal) * np.sqrt(counts.mean(0).sum())
    coarse = fourier.fourier_resample(fine, shape)
    # the resampling keeps index n//2, the middle of the array, in its place: so do the positions
    return TiltProblem(coarse, positions, counts, start.astype(np.complex64), heights, (height, width))


def _sample(shape: tuple[int, int], height: int | None, rng: np.random.Generator) -> Array:
    size = max(shape)
    thickness = 1 + 0.35 * np.tanh(1.5 * _texture(size, 24.0, rng)) + 0.1 * _texture(size, 10.0, rng)
    thickness = thickness[: shape[0], : shape[1]]
    if height is not None:
        y = np.abs(np.arange(shape[0]) - shape[0] / 2)[:, None]
        thickness = thickness * 0.5 * (1 + np.tanh((height / 2 - y) / 2))
    return np.asarray(np.exp(thickness * (-0.3 + 0.5j)))


def probe(n: int, pixel: float, defocus: float) -> Array:
    """Return the probe of power 1 at a defocus, m."""
    f = fourier.frequencies(n, pixel)
    f2 = f[:, None] ** 2 + f[None, :] ** 2
    radius = np.sqrt(f2) * wavelength(ENERGY) / APERTURE
    lens = 0.25 * (1 + np.tanh((1 - radius) / 0.05)) * (1 + np.tanh((radius - 0.4) / 0.05))
    wave = fourier.centred_ifft2(lens * np.exp(-1j * np.pi * wavelength(ENERGY) * defocus * f2))
    return np.asarray(wave / np.sqrt(np.sum(np.abs(wave) ** 2)))


def _frame(fine: Array, position: Array, defocus: float, n: int) -> Array:
    y, x = np.rint(FINE * position).astype(int)
    wave = probe(FINE * n, PIXEL / FINE, defocus) * fine[y : y + FINE * n, x : x + FINE * n]
    whole = np.abs(fourier.centred_fft2(wave)) ** 2
    low = (FINE - 1) * n // 2
    return np.asarray(whole[low : low + n, low : low + n])


@dataclass(frozen=True)
class RegionErrors:
    """Normalised errors of the object in the middle third of what is scored, and in the sixths at its ends.

    Shift, ramp and one complex factor are removed against the truth, the same everywhere.
    """

    whole: float
    middle: float
    rim: float


def errors(reconstruction: Array, problem: TiltProblem) -> RegionErrors:
    """Return the errors of a reconstructed object."""
    (rows, columns), (height, width) = problem.object.shape, problem.lengths
    half = min(width, columns - 16) // 2 - 8
    here = (
        slice(rows // 2 - height // 2, rows // 2 + height // 2),
        slice(columns // 2 - half, columns // 2 + half),
    )
    model, target = _aligned(reconstruction, problem.object, here)
    sixth = height // 6
    middle = np.arange(2 * sixth, height // 2 * 2 - 2 * sixth)
    rim = np.r_[0:sixth, height // 2 * 2 - sixth : height // 2 * 2]
    parts = (np.arange(height // 2 * 2), middle, rim)
    return RegionErrors(*(float(np.linalg.norm((model - target)[p]) / np.linalg.norm(target[p])) for p in parts))


def _aligned(reconstruction: Array, truth: Array, here: tuple[slice, slice]) -> tuple[Array, Array]:
    """Return the reconstruction on the truth, by Gauss-Newton steps on shift, ramp and factor, and the truth."""
    spectrum = fourier.fft2(_without_ramp(reconstruction, truth, here).astype(np.complex128))
    f = np.meshgrid(*(fourier.unshifted_frequencies(n, 1.0) for n in truth.shape), indexing="ij")
    target = truth[here]
    grids = [2 * np.pi * (grid - grid.mean()) / max(grid.shape) for grid in np.indices(target.shape)]
    found = np.zeros(4)  # shift and ramp
    for _ in range(8):
        moved = spectrum * np.exp(2j * np.pi * (found[0] * f[0] + found[1] * f[1]))
        lever = np.exp(1j * (found[2] * grids[0] + found[3] * grids[1]))
        plain = fourier.ifft2(moved)[here] * lever
        factor = np.vdot(plain, target) / np.vdot(plain, plain).real
        model = factor * plain
        slopes = [factor * fourier.ifft2(2j * np.pi * f[axis] * moved)[here] * lever for axis in (0, 1)]
        columns = [*slopes, *(1j * grid * model for grid in grids), model, 1j * model]
        matrix, rest = np.stack([column.ravel() for column in columns], 1), (target - model).ravel()
        joined = np.concatenate([matrix.real, matrix.imag]), np.concatenate([rest.real, rest.imag])
        found += np.linalg.lstsq(*joined, rcond=None)[0][:4]
    return model, target
