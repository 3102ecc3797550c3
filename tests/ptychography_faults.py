"""A scan over a finite block with its rim in view, and frames that go wrong in known ways.

- `Scan`: photons, positions and truth; `block_scan`: draws one, with drifting flux and irregular positions;
- `KINDS`, `plant`: faults of frames, on a copy of the photons.

Faster than it is true: one thin object, one coherent probe, whole-pixel positions.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from tests.ptychography_problem import _texture

Array = NDArray[Any]

KINDS = ("row_band", "column_band", "shifted", "duplicated", "quadrant", "pattern", "flux_jump")
PERIOD = 14.0  # px, of the voids


@dataclass(frozen=True)
class Scan:
    """A scan and its truth.

    Attributes
    ----------
    object, probe : complex arrays
    corners : (frames, 2) int array
    expected : (frames, n, n) float32 array
        Photons without noise at the flux of each frame, zero frequency in the centre.
    counts : (frames, n, n) uint16 array
        Photons.
    faulty : (frames,) bool array
    """

    object: Array
    probe: Array
    corners: Array
    expected: Array
    counts: Array
    faulty: Array


STEP, DISC, OPTICAL_DENSITY = 8, 30.0, 1.45  # px, px, at the peak of nickel's L3 edge


def block_scan(
    seed: int, *, n: int = 64, grid: int = 64, photons: float = 1e5, turn: float = 0.35, background: float = 0.0
) -> Scan:
    """Draw a raster over a block that fills the middle two thirds of it, flux drifting by some per cent.

    `photons` are those of a frame beside the block, `turn` that of the block in rad, `background` flat photons a pixel.
    """
    step = STEP
    size = n + (grid - 1) * step + 16
    object_ = block(size, stream(seed, "object"), n=n, turn=turn)
    probe = zone_plate(n, DISC)
    jitter = stream(seed, "positions").integers(-2, 3, (grid * grid, 2))
    nodes = 8 + step * np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), -1).reshape(-1, 2)
    corners = nodes + jitter
    flux = drifting_flux(len(corners), stream(seed, "flux"))
    expected = np.empty((len(corners), n, n), np.float32)
    for j, (y, x) in enumerate(corners):
        wave = fourier.centred_fft2((probe * object_[y : y + n, x : x + n]).astype(np.complex64))
        expected[j] = flux[j] * np.abs(wave) ** 2
    expected *= photons / expected.sum((1, 2)).max()
    expected += np.float32(background)
    counts = np.minimum(stream(seed, "noise").poisson(expected), 65535).astype(np.uint16)
    return Scan(object_, probe, corners, expected, counts, np.zeros(len(corners), bool))


def block(size: int, rng: np.random.Generator, *, n: int, turn: float) -> Array:
    """Return the transmission of a block with voids, its surroundings empty."""
    axis = np.arange(size) - size / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    along, across = np.cos(turn) * y + np.sin(turn) * x, np.cos(turn) * x - np.sin(turn) * y
    turned = np.maximum(np.abs(along), np.abs(across))
    inside = 0.5 * (1 + np.tanh((0.33 * (size - n) - turned) / 1.5))
    fill = np.clip(1 + 0.35 * np.tanh(_texture(size, PERIOD, rng)) + 0.1 * _texture(size, 7.0, rng), 0.2, 1.8)
    return np.asarray(np.exp(inside * fill * (-OPTICAL_DENSITY / 2 + 0.4j)).astype(np.complex64))


def zone_plate(n: int, disc: float) -> Array:
    """Return the probe of a 45 nm zone plate on pixels of 5 nm, defocused to a disc of some pixels."""
    f = fourier.frequencies(n, 1.0)
    radius = np.hypot(f[:, None], f[None, :]) * 18  # of the pupil's edge, 1/18 of a pixel
    pupil = 0.25 * (1 + np.tanh((1 - radius) / 0.03)) * (1 + np.tanh((radius - 0.4) / 0.03))
    lens = pupil * np.exp(-1j * np.pi * disc / 2 / 18 * radius**2)
    probe = fourier.centred_ifft2(lens)
    return np.asarray(probe / np.sqrt(np.sum(np.abs(probe) ** 2)))


def drifting_flux(frames: int, rng: np.random.Generator) -> Array:
    """Return a random walk of 3 % and a sawtooth of 2 % every 500 frames."""
    walk = np.cumsum(rng.standard_normal(frames)) * 0.03 / np.sqrt(frames)
    age = (np.arange(frames) / 500 + rng.random()) % 1.0
    return np.asarray(np.exp(walk) * (1 - 0.02 * age))


def plant(scan: Scan, kinds: tuple[str, ...], share: float, *, rng: np.random.Generator) -> Scan:
    """Return the scan with a share of its frames spoiled, the kinds taking turns."""
    counts, faulty = scan.counts.copy(), np.zeros(len(scan.counts), bool)
    places = 1 + rng.choice(len(counts) - 1, round(share * len(counts)), replace=False)
    for index, j in enumerate(places):
        kind = kinds[index % len(kinds)]
        if kind == "duplicated":
            counts[j] = scan.counts[j - 1] if not faulty[j - 1] else counts[j - 1]
        elif kind == "flux_jump":
            counts[j] = rng.poisson(jump(rng) * scan.expected[j])
        else:
            counts[j] = spoiled(scan.counts[j], kind, rng)
        faulty[j] = True
    return replace(scan, counts=counts, faulty=faulty)


def jump(rng: np.random.Generator) -> float:
    """Return a factor of 0.2 to 3, at least 20 % from 1."""
    while True:
        factor = float(np.exp(rng.uniform(np.log(0.2), np.log(3))))
        if abs(factor - 1) >= 0.2:
            return factor


def spoiled(frame: Array, kind: str, rng: np.random.Generator) -> Array:
    """Return what a glitch of the readout leaves of a frame; its levels are 2 to 20 photons a pixel."""
    n = len(frame)
    level = float(np.exp(rng.uniform(np.log(2), np.log(20))))
    if kind in ("row_band", "column_band"):
        first, width = rng.integers(0, n - n // 8), rng.integers(2, n // 8 + 1)
        added = np.zeros((n, n))
        added[first : first + width] = level
        return np.asarray(np.rint(frame + (added if kind == "row_band" else added.T)), np.uint16)
    if kind == "shifted":
        steps = rng.integers(3, n // 4, 2) * rng.choice((-1, 1), 2)
        return np.roll(frame, steps * [(1, 0), (0, 1), (1, 1)][rng.integers(3)], axis=(0, 1))
    if kind == "quadrant":
        left = frame.copy()
        y, x = rng.integers(0, 2, 2) * (n // 2)
        left[y : y + n // 2, x : x + n // 2] = 0
        return left
    y, x = np.indices((n, n)) * 2 * np.pi / np.exp(rng.uniform(np.log(4), np.log(32)))
    turn = rng.uniform(0, np.pi)
    wave = np.cos(y * np.sin(turn) + x * np.cos(turn) + rng.uniform(0, 2 * np.pi))
    return np.asarray(np.clip(np.rint(frame + level * wave), 0, None), np.uint16)
