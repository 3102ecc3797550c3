"""One magnetic sample scanned with both helicities: its truth and its data.

- `Setting`: what may vary; `Pair`: truth and data; `dichroic_pair`: draws them;
- `problems`: the two data sets as the engines take them.

A thin film of nickel round disordered spheres, near the optical density of the published metalattice, with worm
domains of period 22 px and a finer texture. Waves are made on a grid twice as fine as that of any reconstruction, from
one probe and one set of true positions unless the setting says otherwise.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from optics.units import wavelength
from reconstructors.ptychography.problem import Optics, Problem, from_arrays
from tests.ptychography_problem import DEFOCUS, ENERGY, PIXEL, PUPIL_RADIUS, RIM, START_DEFOCUS, STOP

Array = NDArray[Any]

WAVELENGTH = wavelength(ENERGY)
K = 2 * np.pi / WAVELENGTH
BETA_C, DELTA_C = 4.3e-3, 1.5e-3
BETA_M, DELTA_M = 7.8e-4, 3.9e-4
POLARIZATION = 0.9
PITCH, LAYERS = 69e-9, 3  # m, of the spheres and their layers in the film below
THICKNESS = 165e-9
FINE = 2


@dataclass(frozen=True)
class Setting:
    """What may vary.

    Attributes
    ----------
    n : int
        Pixels of a frame.
    grid : int
        Positions along a side.
    step : float
        Between them, px.
    photons : float
        Mean of a detected frame.
    jitter : float
        Greatest known offset of a position from its node, px.
    position_error : float
        Unknown offset, px rms, common to the helicities.
    own_position_error : float
        The same, drawn for each helicity.
    own_walk : float
        Unknown slow drift of each scan, px rms: a random walk from frame to frame.
    interleaved : bool
        Whether the second helicity's scan lies half a step beside the first, with its own jitter.
    drift : (float, float)
        Unknown shift (y, x) of the second helicity, px.
    flux_ratio : float
        Of the second helicity to the first, known to nobody.
    defocus, start_defocus : float
        m.
    probe_tilt : float
        Pointing of the second helicity's beam: shift of its pupil against the lens, px.
    block : float or None
        Side of the magnet over that of the field; None fills it.
    """

    n: int = 128
    grid: int = 10
    step: float = 16.0
    photons: float = 1e5
    jitter: float = 4.0
    position_error: float = 0.0
    own_position_error: float = 0.0
    own_walk: float = 0.0
    interleaved: bool = False
    drift: tuple[float, float] = (0.0, 0.0)
    flux_ratio: float = 1.0
    defocus: float = DEFOCUS
    start_defocus: float = START_DEFOCUS
    probe_tilt: float = 0.0
    block: float | None = None


@dataclass(frozen=True)
class Pair:
    """Truth and data of both helicities, plus first.

    Attributes
    ----------
    objects : (2, Y, X) complex array
        Transmission at the pixel of the reconstruction, band-limited.
    probe : (n, n) complex array
        That of the first helicity, photons.
    corners, nominal : (2, frames, 2) arrays
        True and nominal first pixels.
    counts : (2, frames, n, n) array
        Photons, zero frequency in the centre.
    start_probe : (n, n) complex array
    magnet : (Y, X) bool array
    setting : Setting
    """

    objects: Array
    probe: Array
    corners: Array
    nominal: Array
    counts: Array
    start_probe: Array
    magnet: Array
    setting: Setting

    @property
    def magnetic(self) -> Array:
        """Half the difference of the optical densities, (Y, X)."""
        return np.asarray(np.log(np.abs(self.objects[1])) - np.log(np.abs(self.objects[0])))

    @property
    def charge(self) -> Array:
        """Half the sum of the optical densities, (Y, X)."""
        return np.asarray(-np.log(np.abs(self.objects[1])) - np.log(np.abs(self.objects[0])))

    @property
    def seen(self) -> tuple[slice, slice]:
        """The box of the probe's centres less 10 px."""
        centres = self.corners + self.setting.n // 2
        low, high = centres.min(1).max(0), centres.max(1).min(0)
        low, high = np.ceil(low).astype(int) + 10, np.floor(high).astype(int) - 10
        return slice(low[0], high[0]), slice(low[1], high[1])


def dichroic_pair(seed: int, setting: Setting | None = None) -> Pair:
    """Draw a sample, its scan and its noise."""
    s = Setting() if setting is None else setting
    margin = (
        8
        + int(np.ceil(4 * (s.position_error + s.own_position_error) + 3 * s.own_walk))
        + int(np.ceil(np.abs(s.drift).max()))
    )
    size = 2 * margin + round((s.grid - 1 + 0.5 * s.interleaved) * s.step) + s.n
    size += size % 2
    fine, magnet = _transmissions(size, s.block, stream(seed, "object"))
    nominal, corners = _positions(s, margin, seed)
    probes = _probes(s)
    seen = [_frames(fine[h], probes[h], corners[h], s.n) for h in range(2)]
    power = s.photons / np.mean(np.sum(seen[0], axis=(1, 2)))
    rng = stream(seed, "noise")
    counts = np.stack([rng.poisson(power * seen[0]), rng.poisson(power * s.flux_ratio * seen[1])])
    probe = np.sqrt(power) * probes[0]
    # |probe|² holds the photons of an empty frame; nobody knows them better than by the flux monitor's calibration.
    start = _probe(s.n, s.start_defocus) * np.linalg.norm(probe)
    objects = np.stack([fourier.fourier_resample(wave, (size, size)) for wave in fine])
    return Pair(
        objects.astype(np.complex64),
        _coarse(probe, s.n).astype(np.complex64),
        corners,
        nominal,
        counts,
        start.astype(np.complex64),
        magnet,
        s,
    )


def problems(pair: Pair) -> tuple[Problem, Problem]:
    """Return the two data sets as the engines take them."""
    optics = Optics(WAVELENGTH, PIXEL)
    shape = (pair.objects.shape[1], pair.objects.shape[2])
    first, second = (
        from_arrays(counts, places, pair.start_probe, optics=optics, object_shape=shape)
        for counts, places in zip(pair.counts, pair.nominal, strict=True)
    )
    return first, second


def with_known_probe(pair: Pair) -> Pair:
    """Return the pair with the true probe as its start."""
    return replace(pair, start_probe=pair.probe)


def _transmissions(size: int, block: float | None, rng: np.random.Generator) -> tuple[Array, Array]:
    n, pixel = FINE * size, PIXEL / FINE
    inside = np.ones((n, n))
    if block is not None:
        x = np.abs(fourier.frequencies(n, 1 / n)) * pixel
        edge = 0.5 * (1 - np.tanh((x - 0.5 * block * n * pixel) / PIXEL))
        inside = edge[:, None] * edge[None, :]
    nickel = inside * _nickel(n, pixel, rng)
    domains = np.tanh(2.5 * _texture(n, FINE * 22.0, rng))
    m = 0.7 * np.tanh(0.9 * domains + 0.7 * _texture(n, FINE * 8.0, rng))
    charge = -K * (BETA_C + 1j * DELTA_C) * nickel
    magnetic = -K * POLARIZATION * (BETA_M + 1j * DELTA_M) * nickel * m
    magnet = fourier.fourier_resample(inside, (size, size)) > 0.5
    return np.stack([np.exp(charge + magnetic), np.exp(charge - magnetic)]), magnet


def _nickel(n: int, pixel: float, rng: np.random.Generator) -> Array:
    """Return the nickel (m) left by layers of spheres of 5 % disorder."""
    angle = rng.uniform(0, np.pi / 3)
    side, count = n * pixel, int(1.5 * n * pixel / PITCH) + 2
    i, j = np.meshgrid(np.arange(-count, count + 1), np.arange(-count, count + 1), indexing="ij")
    lattice = PITCH * np.stack([np.sqrt(0.75) * i.ravel(), j.ravel() + 0.5 * i.ravel()], -1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    left = np.full((n, n), THICKNESS)
    for layer in range(LAYERS):
        offset = np.array([PITCH / np.sqrt(12), PITCH / 2]) * layer
        centres = (lattice + offset) @ turn.T + side / 2 + rng.normal(0, 0.05 * PITCH, lattice.shape)
        for y, x in centres:
            _dig(left, y, x, PITCH / 2 * (1 + 0.03 * rng.standard_normal()), pixel)
    return np.maximum(left, 0)


def _dig(left: Array, y: float, x: float, radius: float, pixel: float) -> None:
    n = len(left)
    y0, y1 = max(int((y - radius) / pixel), 0), min(int((y + radius) / pixel) + 2, n)
    x0, x1 = max(int((x - radius) / pixel), 0), min(int((x + radius) / pixel) + 2, n)
    if y0 >= y1 or x0 >= x1:
        return
    dy, dx = np.arange(y0, y1) * pixel - y, np.arange(x0, x1) * pixel - x
    left[y0:y1, x0:x1] -= 2 * np.sqrt(np.maximum(radius**2 - dy[:, None] ** 2 - dx[None, :] ** 2, 0))


def _texture(n: int, period: float, rng: np.random.Generator) -> Array:
    """Return band-filtered noise of unit spread around `period` pixels."""
    f = fourier.unshifted_frequencies(n, 1.0)
    band = np.exp(-0.5 * ((np.hypot(f[:, None], f[None, :]) * period - 1) / 0.2) ** 2)
    noise = np.real(fourier.ifft2(fourier.fft2(rng.standard_normal((n, n)) + 0j) * band))
    return np.asarray((noise - noise.mean()) / noise.std())


def _positions(s: Setting, margin: int, seed: int) -> tuple[Array, Array]:
    """Return the nominal and the true first pixels of both scans."""
    rng = stream(seed, "positions")
    axis = margin + s.step * np.arange(s.grid)
    nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    nominal = np.rint(nodes + rng.uniform(-s.jitter, s.jitter, (2, *nodes.shape)))
    nominal[1] = nominal[1] + round(s.step / 2) if s.interleaved else nominal[0]
    error = s.position_error * rng.standard_normal(nodes.shape)
    own = s.own_position_error * rng.standard_normal((2, *nodes.shape))
    walk = np.cumsum(rng.standard_normal((2, *nodes.shape)), axis=1)
    walk -= walk.mean(1, keepdims=True)
    own += s.own_walk * walk / walk.std(1, keepdims=True)
    drift = np.stack([np.zeros(2), np.array(s.drift)])[:, None]
    return nominal, nominal + error + own + drift


def _probes(s: Setting) -> tuple[Array, Array]:
    """Return the fine probes of both helicities, unit power."""
    first = _fine(_probe(s.n, s.defocus))
    return first, _fine(_probe(s.n, s.defocus, offset=s.probe_tilt)) if s.probe_tilt else first


def _probe(n: int, defocus: float, offset: float = 0.0) -> Array:
    f = fourier.frequencies(n, 1 / n)
    scale = n / 128
    radius = np.hypot(f[:, None], f[None, :])
    shifted = np.hypot(f[:, None], f[None, :] - offset)
    outer, inner = PUPIL_RADIUS * scale, STOP * PUPIL_RADIUS * scale
    pupil = 0.25 * (1 + np.tanh((outer - shifted) / RIM)) * (1 + np.tanh((shifted - inner) / RIM))
    lens = pupil * np.exp(-1j * np.pi * WAVELENGTH * defocus * (radius / (n * PIXEL)) ** 2)
    probe = fourier.centred_ifft2(lens)
    return np.asarray(probe / np.linalg.norm(probe))


def _fine(probe: Array) -> Array:
    n = len(probe)
    pad = (FINE - 1) * n // 2
    return fourier.centred_ifft2(np.pad(fourier.centred_fft2(probe), pad))


def _coarse(probe: Array, n: int) -> Array:
    pad = (len(probe) - n) // 2
    return fourier.centred_ifft2(fourier.centred_fft2(probe)[pad : pad + n, pad : pad + n])


def _frames(fine: Array, probe: Array, corners: Array, n: int) -> Array:
    """Return the relative intensities of the frames: fine waves, and of their spectra what a detector of n sees."""
    size, pad = FINE * n, (FINE - 1) * n // 2
    spectrum, f = fourier.fft2(probe), fourier.unshifted_frequencies(size, 1.0)
    result = np.empty((len(corners), n, n))
    for i, (y, x) in enumerate(FINE * corners):
        y0, x0 = int(np.rint(y)), int(np.rint(x))
        move = np.exp(-2j * np.pi * (f[:, None] * (y - y0) + f[None, :] * (x - x0)))
        wave = fourier.ifft2(spectrum * move) * fine[y0 : y0 + size, x0 : x0 + size]
        result[i] = np.abs(fourier.centred_fft2(wave)[pad : pad + n, pad : pad + n]) ** 2
    return result
