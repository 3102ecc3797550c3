"""A thin sample at high tilt: every frame has the probe at its own height.

- `TiltProblem`, `tilt_problem`: truth and data; `regions`: middle and rim of what is scored; `errors`: in both.

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
