"""Exit waves and expected frames against analytic results, and against one another."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from numerics.threads import use_threads
from optics.grids import positions
from optics.propagation import propagate
from optics.scattering import refractive_index
from optics.units import wavelength, wavenumber
from simulators.beamline.exit_wave import (
    exit_waves,
    expected_frames,
    expected_near_field,
    find_slice_thickness,
    multislice_exit_wave,
    projection_exit_wave,
)
from simulators.beamline.tilted_slices import TiltedSlices, Volume, one_slice, slice_volume, volume_of_shares

ENERGY = 852.76
FINE = 2.5e-9
N, M = 48, 96  # detector pixels, fine pixels
STEEP = np.deg2rad(62)
Waves = NDArray[np.complex64]


def _volume(delta: NDArray[np.floating], beta: NDArray[np.floating], height: float = FINE) -> Volume:
    parts = np.asarray(delta, np.float32), np.asarray(beta, np.float32)
    return Volume(*parts, None, 0.0, 0.0, (height, FINE, FINE), ENERGY)


def _probe(photons: float = 1e5, width: float = 9.0, m: int = M) -> Waves:
    r = positions(m, 1.0)
    field = np.exp(-(r[:, None] ** 2 + r**2) / (4 * width**2)) * np.exp(0.004j * (r[:, None] ** 2 + r**2))
    return (np.sqrt(photons) * field / np.linalg.norm(field)).astype(np.complex64)[None]


def _nrmse(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _smooth(shape: tuple[int, ...], seed: int, width: float) -> NDArray[np.float64]:
    noise = stream(seed, "smooth").standard_normal(shape)
    f = sum(
        (fourier.unshifted_frequencies(n, 1.0) ** 2).reshape(-1, *[1] * (len(shape) - 1 - i))
        for i, n in enumerate(shape)
    )
    field = fourier.ifftn(fourier.fftn(noise + 0j) * np.exp(-2 * np.pi**2 * width**2 * f)).real
    return np.asarray(field / np.abs(field).max())


def _waves(seed: int, size: int = 160) -> TiltedSlices:
    waves = np.exp(1j * np.stack([_smooth((size, size), seed + i, 3.0) for i in range(2)]))
    return one_slice(waves.astype(np.complex64), pixel_size=FINE, energy=ENERGY)


@pytest.mark.parametrize("multiple", [1, 2])
def test_photons_are_kept_through_slices_and_pixels(multiple: int) -> None:
    delta = 2e-3 * _smooth((40, 64, 64), 1, 1.0)
    slices = slice_volume(_volume(delta, 0 * delta), tilt=0.5, pixel_size=FINE, shape=(128, 128), slice_thickness=10e-9)
    modes = np.concatenate([_probe(7e4), _probe(3e4)[:, ::-1] * np.exp(0.4j * positions(M, 1.0))])
    n = M // multiple
    frames = expected_frames(
        slices, modes.astype(np.complex64), np.array([[3e-9, -21e-9], [0, 0]]), helicity=1, n=n, pixel_size=FINE
    )
    # all angles of the fine grid are on the detector
    assert frames.sum(axis=(1, 2)) == pytest.approx([1e5, 1e5], rel=1e-5)
    assert frames.min() >= 0


def test_an_empty_window_shows_the_probe_alone() -> None:
    probe = _probe()
    away = expected_frames(_waves(3), probe, np.array([[2e-6, 0]]), helicity=1, n=N, pixel_size=2 * FINE)[0]
    spectrum = np.abs(fourier.centred_fft2(probe[0])) ** 2
    # a smooth pattern: the mean over a pixel is its middle and a share of its curvature
    assert _nrmse(away, spectrum[24:72, 24:72]) < 0.05
    assert np.unravel_index(np.argmax(away), away.shape) == (N // 2, N // 2)


def test_pixels_of_finite_width_lower_fringes_by_their_sinc() -> None:
    # two narrow beams s apart make fringes of visibility one
    for separation in (8, 20):
        field = np.zeros((1, M, M), np.complex64)
        for place in (-separation // 2, separation // 2):
            field[0, M // 2, M // 2 + place] = 1
        frame = expected_frames(_waves(3), field, np.array([[2e-6, 0]]), helicity=1, n=N, pixel_size=2 * FINE)[0]
        f = fourier.frequencies(N, 1 / N)
        fringes = np.cos(2 * np.pi * f * separation / M)
        loss = (frame.mean(0) / frame.mean() - 1) @ fringes / (fringes @ fringes)
        assert loss == pytest.approx(np.sinc(separation / M), abs=2e-3)


def test_a_larger_window_gives_the_same_frames() -> None:
    slices = _waves(3)
    places = np.array([[11e-9, -7e-9]])
    wide = np.zeros((1, 2 * M, 2 * M), np.complex64)
    wide[:, M // 2 : M // 2 + M, M // 2 : M // 2 + M] = _probe()
    one = expected_frames(slices, _probe(), places, helicity=1, n=N, pixel_size=2 * FINE)
    two = expected_frames(slices, wide, places, helicity=1, n=N, pixel_size=2 * FINE)
    assert _nrmse(one, two) < 1e-3


@pytest.mark.parametrize("shift", [(4, -6), (0.37, 2.61)])
def test_moving_the_probe_is_moving_the_object_back(shift: tuple[float, float]) -> None:
    slices = _waves(5)
    f = fourier.unshifted_frequencies(160, 1.0)
    ramp = np.exp(2j * np.pi * (f[:, None] * shift[0] + f * shift[1]))
    moved = fourier.ifft2(fourier.fft2(slices.transmissions[0]) * ramp).astype(np.complex64)
    back = one_slice(moved, pixel_size=FINE, energy=ENERGY)
    start = np.array([[10.0, -8.0]])
    by_probe = expected_frames(slices, _probe(), (start + shift) * FINE, helicity=-1, n=N, pixel_size=2 * FINE)
    by_object = expected_frames(back, _probe(), start * FINE, helicity=-1, n=N, pixel_size=2 * FINE)
    assert _nrmse(by_probe, by_object) < 1e-4
    other = expected_frames(slices, _probe(), start * FINE, helicity=-1, n=N, pixel_size=2 * FINE)
    assert _nrmse(by_probe, other) > 0.02


def test_a_thin_slab_is_its_projection_and_a_thick_one_is_not() -> None:
    pattern = _smooth((M, M), 6, 4.0)
    probe = _probe()[0]
    errors = []
    for height in (8e-9, 16e-9, 32e-9):
        # always the same path, through ten layers of growing height
        layers = np.broadcast_to(pattern, (11, M, M)) * (0.4 / wavenumber(ENERGY) / (11 * height))
        volume = _volume(layers, 0.5 * (layers + layers.max()), height)
        common = {"tilt": 0.0, "helicity": 1, "pixel_size": FINE}
        thin = projection_exit_wave(volume, probe, **common)
        errors.append(_nrmse(multislice_exit_wave(volume, probe, slice_thickness=height, **common), thin))
    assert errors[0] < 1e-3
    # about the middle plane the first order in the thickness cancels
    assert np.all(np.diff(np.log2(errors)) > 1.5)
    assert errors[-1] > 3e-3


def test_a_thick_weak_grating_scatters_as_the_sinc_of_its_fresnel_phase() -> None:
    cycles, height, layers = 10, 6e-9, 41
    wave = 1e-4 * np.cos(2 * np.pi * cycles * np.arange(M) / M)
    volume = _volume(np.zeros((layers, M, M)), np.broadcast_to(1e-4 + wave, (layers, M, M)), height)
    flat = np.ones((M, M), np.complex64)
    wave_out = multislice_exit_wave(volume, flat, tilt=0.0, slice_thickness=2 * height, helicity=1, pixel_size=FINE)
    side = fourier.fft2(wave_out)[0, cycles] / fourier.fft2(wave_out)[0, 0]
    total = layers * height
    u = np.pi * wavelength(ENERGY) * total * (cycles / (M * FINE)) ** 2 / 2
    expected = -wavenumber(ENERGY) * 0.5e-4 * total * np.sin(u) / u
    assert u > 0.8
    assert side.real == pytest.approx(expected, rel=0.02)
    assert abs(side.imag) < 0.02 * abs(expected)


def test_multislice_returns_the_probe_to_its_plane() -> None:
    speck = np.zeros((40, M, M))
    speck[39, 0, 0] = speck[0, -1, -1] = 1e-9
    probe = _probe()[0]
    out = multislice_exit_wave(
        _volume(speck, speck), probe, tilt=0.3, slice_thickness=10e-9, helicity=1, pixel_size=FINE
    )
    assert _nrmse(out, probe) < 1e-5


def test_the_defocus_varies_over_a_tilted_film_as_its_height() -> None:
    # a film tilted steeply is lit, at y, by the probe z = y tan(tilt) further down: find that height by trying
    sharp, shares = _probe(width=3.0), np.array([0, 0.5, 0.75, 1, 1.25, 1.5, 2])
    where = {"wavelength": wavelength(ENERGY), "pixel_size": FINE}
    found = []
    for seed in (9, 10, 11):
        beta = np.zeros((7, 320, M))
        beta[1:-1] = 6e-3 * (1 + _smooth((320, M), seed, 3.0))
        cut = {"tilt": STEEP, "pixel_size": FINE, "shape": (240, 160)}
        slices, flat = (slice_volume(_volume(0.5 * beta, beta), slice_thickness=t, **cut) for t in (5e-9, np.inf))
        for place in (-120e-9, 90e-9):
            at = np.array([[place, 0.0]])
            frame = np.sqrt(expected_frames(slices, sharp, at, helicity=1, n=N, pixel_size=2 * FINE))
            errors = [
                _nrmse(np.sqrt(expected_frames(flat, probe, at, helicity=1, n=N, pixel_size=2 * FINE)), frame)
                for probe in (propagate(sharp, share * place * np.tan(STEEP), **where) for share in shares)
            ]
            curve = np.polyfit(shares, np.square(errors), 2)
            found.append(-curve[1] / (2 * curve[0]))
            assert errors[3] < 0.6 * min(errors[0], errors[-1])
    # each place alone weighs the beam by what is bright there
    assert np.mean(found) == pytest.approx(1, abs=0.1)
    assert found == pytest.approx(np.ones(6), abs=0.3)


def test_a_tilted_film_lets_through_its_dose() -> None:
    share = np.full((4, 32, 32), 0.2595, np.float32)
    up = np.zeros((3, 4, 32, 32), np.float32)
    volume = volume_of_shares({"Ni": share}, up, voxel_size=(37.5e-9, FINE, FINE), energy=ENERGY, periodic=True)
    passed = {}
    for tilt in (0.0, STEEP):
        slices = slice_volume(volume, tilt=tilt, pixel_size=FINE, shape=(160, 160), slice_thickness=15e-9)
        frames = expected_frames(slices, _probe(1e6), np.zeros((1, 2)), helicity=1, n=N, pixel_size=2 * FINE)
        passed[tilt] = frames.sum() / 1e6
    depth = 2 * wavenumber(ENERGY) * 0.2595 * refractive_index("Ni", ENERGY)[1] * 150e-9
    assert passed[0.0] == pytest.approx(np.exp(-depth), rel=0.005)
    assert passed[STEEP] == pytest.approx(np.exp(-depth / np.cos(STEEP)), rel=0.02)
    # the published block: 3 to 6 % at 62 degrees, 4 to 6 times less than upright
    assert 0.03 < passed[STEEP] < 0.06
    assert 4 < passed[0.0] / passed[STEEP] < 6


def test_frames_stop_changing_at_the_slice_that_is_found() -> None:
    structure = 3e-3 * np.abs(_smooth((60, 64, 64), 8, 3.0))
    volume = _volume(0.3 * structure, structure)
    places = np.array([[0, 0], [30e-9, -20e-9]])
    thickness, tried = find_slice_thickness(volume, _probe(), places, tilt=0.8, pixel_size=FINE, n=N)
    assert tried[-1] == (thickness, min(error for _, error in tried))
    assert tried[-1][1] < 1e-3 <= tried[-2][1]
    assert thickness < 80e-9
    # second order: once it converges, half the slice leaves a quarter of the error or less
    assert tried[-1][1] < tried[-2][1] / 3
    with pytest.raises(ValueError, match="tolerance is 0; allowed: above"):
        find_slice_thickness(volume, _probe(), places[:1], tilt=0.8, pixel_size=FINE, n=N, tolerance=0)


def test_near_field_frames_are_the_propagated_wave_on_binned_pixels() -> None:
    slices = _waves(5)
    distance = 4e-6
    frames = expected_near_field(
        slices, _probe(), np.array([[8 * FINE, -4 * FINE]]), helicity=1, distance=distance, binning=2
    )
    window = slices.transmissions[0][0, 80 + 8 - 48 : 80 + 8 + 48, 80 - 4 - 48 : 80 - 4 + 48]
    wave = propagate(_probe()[0] * window, distance, wavelength=wavelength(ENERGY), pixel_size=FINE)
    expected = (np.abs(wave) ** 2).reshape(48, 2, 48, 2).sum(axis=(1, 3))
    assert _nrmse(frames[0], expected) < 1e-4
    assert frames.sum() == pytest.approx(1e5, rel=1e-4)
    # of a volume: the same as its exit wave, wherever its last slice lies
    delta = 2e-3 * _smooth((40, 64, 64), 1, 1.0)
    cut = slice_volume(_volume(delta, 0 * delta), tilt=0.5, pixel_size=FINE, shape=(128, 128), slice_thickness=9e-9)
    near = expected_near_field(cut, _probe(), np.zeros((1, 2)), helicity=1, distance=distance, binning=1)[0]
    wave = exit_waves(cut, _probe(), (0.0, 0.0), helicity=1, height=distance)[0]
    assert _nrmse(near, np.abs(wave) ** 2) < 1e-4
    with pytest.raises(ValueError, match="binning is 5; allowed: a divisor of the modes' 96 pixels"):
        expected_near_field(slices, _probe(), np.zeros((1, 2)), helicity=1, distance=distance, binning=5)


def test_frames_do_not_depend_on_threads_nor_on_the_batch() -> None:
    delta = 2e-3 * _smooth((40, 64, 64), 1, 1.0)
    slices = slice_volume(_volume(delta, delta), tilt=0.5, pixel_size=FINE, shape=(128, 128), slice_thickness=20e-9)
    places = 100e-9 * (stream(4, "scan").random((7, 2)) - 0.5)
    modes = np.concatenate([_probe(), _probe()])

    def frames(which: slice) -> NDArray[np.float32]:
        return expected_frames(slices, modes, places[which], helicity=1, n=N, pixel_size=2 * FINE)

    with use_threads(1):
        one = frames(slice(None))
        parts = np.concatenate([frames(slice(0, 3)), frames(slice(3, None))])
    with use_threads(3):
        assert np.array_equal(frames(slice(None)), one)
    assert np.array_equal(parts, one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 40}, "modes have a field of 1.2 frames; allowed: a whole number of n pixel_size"),
        ({"n": 192, "pixel_size": FINE / 2}, "n is 192; allowed: up to 96"),
        ({"helicity": 2}, "helicity is 2; allowed: one of (1, -1)"),
        ({"modes": _probe()[0]}, "modes has shape (96, 96); allowed: (modes, m, m)"),
        ({"positions": np.zeros(2)}, "positions has shape (2,); allowed: (frames, 2)"),
        ({"positions": np.full((1, 2), np.nan)}, "positions has shape (1, 2); allowed: (frames, 2), finite"),
    ],
)
def test_grids_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    parts = {"modes": _probe(), "positions": np.zeros((1, 2)), "helicity": 1, "n": N, "pixel_size": 2 * FINE}
    with pytest.raises(ValueError, match=re.escape(message)):
        expected_frames(_waves(3), **(parts | changes))  # type: ignore[arg-type]
