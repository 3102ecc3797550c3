"""Ptychography of a tilted sheet: every frame's probe has the defocus of the place it looks at.

- `tilted_sheet`: a film or a block under a 45 nm zone plate, drawn on pixels twice as fine as the reconstruction's;
- `assembled`: the problem that engines take; `rim_and_centre`: where along the tilt a reconstruction is wrong.

The sheet is thin: its height over the scan is there, its thickness is not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography import start_probe
from tests.ptychography_problem import ENERGY, textured_object
from tests.ptychography_score import box, fitted

Array = NDArray[Any]

TILT = np.deg2rad(62.0)
OUTER_ZONE, STOP, DEFOCUS = 45e-9, 0.4, 7e-6
FINE = 2
_SOFT, _ROUNDS = 0.08, 4


@dataclass(frozen=True)
class TiltedSheet:
    """Truth and data.

    Attributes
    ----------
    object, probe : complex arrays
        At the reconstruction's pixel; the probe in the plane of the scan's middle, ``|probe|²`` in photons.
    corners : (frames, 2) float array
        First object pixel of each frame.
    defocus : (frames,) array
        Of each frame against the middle, m.
    counts : (frames, n, n) int array
        Zero frequency in the centre.
    pixel, tilt : float
        m, rad.
    focus : float
        From the focus to the middle of the scan, m.
    """

    object: Array
    probe: Array
    corners: Array
    defocus: Array
    counts: Array
    pixel: float
    tilt: float
    focus: float = DEFOCUS


def tilted_sheet(
    seed: int,
    *,
    n: int = 128,
    pixel: float = 5e-9,
    reach: tuple[float, float] = (2.6e-6, 0.4e-6),
    step: float = 40e-9,
    tilt: float = TILT,
    block: float | None = None,
    photons: float = 1e6,
    focus: float = DEFOCUS,
    between: bool = False,
) -> TiltedSheet:
    """Draw a scan of `reach` (y, x), m; with `block` the sheet is so long before it is tilted, with nothing around.

    `between` puts the frames between the pixels of the reconstruction too, on those of the drawing.
    """
    rows, columns = (round(length / step) + 1 for length in reach)
    nodes = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    stride, margin = step / pixel, 4
    spread = round(stride / 5)
    parts = FINE if between else 1
    jitter = stream(seed, "positions").integers(-parts * spread, parts * spread + 1, nodes.shape) / parts
    corners = np.rint(margin + spread + stride * nodes) + jitter
    height, width = np.ceil(corners.max(0) + n + margin).astype(int).tolist()
    object_ = _sheet(seed, (height, width), None if block is None else block * np.cos(tilt) / pixel)
    defocus = (corners[:, 0] - corners[:, 0].mean()) * pixel * np.tan(tilt)
    fine = fourier.fourier_resample(object_, (FINE * height, FINE * width))
    frames = np.empty((len(corners), n, n))
    for index, (first, z) in enumerate(zip(np.rint(FINE * corners).astype(int), focus + defocus, strict=True)):
        frames[index] = _frame(fine, annulus(n * FINE, pixel / FINE, z), first)
    counts = stream(seed, "noise").poisson(frames * photons)
    probe = annulus(n, pixel, focus) * np.sqrt(photons)
    return TiltedSheet(object_, probe, corners, defocus, counts, pixel, tilt, focus)


def assembled(drawn: TiltedSheet, *, defocus_error: float = 0.0, offset: float = 0.0) -> problems.Problem:
    """Return the problem that engines take; the start probe is a hard-rimmed one whose defocus is off by an error."""
    n, length = drawn.counts.shape[-1], wavelength(ENERGY)
    aperture, nominal = length / (2 * OUTER_ZONE), drawn.focus + defocus_error
    start = start_probe.zone_plate(
        (n, n),
        wavelength=length,
        pixel_size=drawn.pixel,
        numerical_aperture=aperture,
        stop_fraction=STOP,
        defocus=nominal,
    )
    return problems.from_arrays(
        drawn.counts,
        drawn.corners,
        start * np.float32(np.linalg.norm(drawn.probe)),
        optics=problems.Optics(length, drawn.pixel, aperture, STOP, nominal),
        object_shape=(drawn.object.shape[0], drawn.object.shape[1]),
        offset=offset,
    )


def rim_and_centre(reconstruction: Array, drawn: TiltedSheet) -> tuple[float, float, float]:
    """Return nrmse in all, of the outer sixths along the tilt and of the middle third.

    Shift, ramp and one complex factor are removed from the whole.
    """
    shape = (drawn.counts.shape[-2], drawn.counts.shape[-1])
    here = box(drawn.corners, shape)
    truth = drawn.object[here]
    moved = _registered(reconstruction, drawn, here, shape)
    wrong, right = np.sum(np.abs(moved - truth) ** 2, 1), np.sum(np.abs(truth) ** 2, 1)
    away = np.abs(np.arange(len(truth)) - (len(truth) - 1) / 2) / len(truth)
    parts = (away >= 0, away > 1 / 3, away < 1 / 6)
    whole, rim, centre = (float(np.sqrt(wrong[part].sum() / right[part].sum())) for part in parts)
    return whole, rim, centre


def annulus(n: int, pixel: float, defocus: float) -> Array:
    """Return the image (n, n) of the annular pupil with soft rims at a defocus, m; of power 1."""
    f = fourier.frequencies(n, pixel)
    square = f[:, None] ** 2 + f**2
    radius = np.sqrt(square) * 2 * OUTER_ZONE
    pupil = _rim(1 - radius) * _rim(radius - STOP)
    lens = pupil * np.exp(-1j * np.pi * wavelength(ENERGY) * defocus * square)
    return np.asarray(fourier.centred_ifft2(lens.astype(np.complex64)) / np.linalg.norm(pupil))


def _rim(inside: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(inside / _SOFT)))


def _sheet(seed: int, shape: tuple[int, int], length: float | None) -> Array:
    """Return a textured film, or one that ends `length` pixels apart along y, softly enough for the pixels."""
    film = textured_object(max(shape), stream(seed, "object"))[: shape[0], : shape[1]]
    if length is None:
        return film
    inside = length / 2 - np.abs(np.arange(shape[0]) - (shape[0] - 1) / 2)
    return np.asarray(film ** (0.5 * (1 + np.tanh(inside / 1.5))[:, None]))


def _frame(fine: Array, probe: Array, first: Array) -> Array:
    """Return the expected frame: the middle of the fine pattern, as far as the detector goes."""
    m = probe.shape[-1]
    rows, columns = (slice(start, start + m) for start in first)
    pattern = np.abs(fourier.centred_fft2(probe * fine[rows, columns])) ** 2
    middle = slice(m // 2 - m // (2 * FINE), m // 2 + m // (2 * FINE))
    return np.asarray(pattern[middle, middle])


def _registered(reconstruction: Array, drawn: TiltedSheet, here: tuple[slice, slice], shape: tuple[int, int]) -> Array:
    """Return the box of a reconstruction on the truth: shifted, its ramp and one complex factor removed."""
    shift = fitted(reconstruction, drawn.object, drawn.corners, shape).shift
    f_y, f_x = (fourier.unshifted_frequencies(n, 1.0) for n in reconstruction.shape)
    turn = np.exp(2j * np.pi * (shift[0] * f_y[:, None] + shift[1] * f_x))
    moved = fourier.ifft2(fourier.fft2(reconstruction.astype(np.complex128)) * turn)[here]
    truth = drawn.object[here]
    grids = [grid - grid.mean() for grid in np.indices(truth.shape)]
    for _ in range(_ROUNDS):
        columns = np.stack([part.ravel() for part in (moved, 1j * moved, *(1j * grid * moved for grid in grids))], 1)
        rest = (truth - moved).ravel()
        matrix, values = (np.concatenate([part.real, part.imag]) for part in (columns, rest))
        step = np.linalg.lstsq(matrix, values, rcond=None)[0]
        moved = moved * (1 + step[0] + 1j * step[1]) * np.exp(1j * (step[2] * grids[0] + step[3] * grids[1]))
    return np.asarray(moved)
