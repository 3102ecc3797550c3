"""The probe of a zone plate and its modes, against analytic optics."""

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import j1

from numerics import fourier
from numerics.streams import stream
from optics.propagation import propagate
from optics.units import wavelength
from simulators.beamline.coherence_modes import (
    coherence_on_pupil,
    first_share,
    orthogonal_modes,
    schell_modes,
    shifted_modes,
    spread_for_share,
)
from simulators.beamline.zone_plate import ZonePlate, probe_of, zone_plate_modes, zone_plate_probe

ENERGY = 856.0
PIXEL = 5e-9
PLATE = ZonePlate()
SHAPE = (128, 128)


def _probe(defocus: float, **changes: float) -> NDArray[np.complex64]:
    return probe_of(replace(PLATE, **changes), energy=ENERGY, defocus=defocus, pixel_size=PIXEL, shape=SHAPE)


def _widths(intensity: NDArray[np.float32]) -> tuple[float, float]:
    y, x = (fourier.frequencies(n, 1 / n) for n in intensity.shape)
    total = intensity.sum()
    return float(np.sqrt((intensity.sum(1) @ y**2) / total)), float(np.sqrt((intensity.sum(0) @ x**2) / total))


@pytest.mark.parametrize("stop", [0.34, 0.6])
def test_first_dark_ring_is_that_of_an_annular_aperture(stop: float) -> None:
    def amplitude(v: float) -> float:
        return float(2 * j1(v) / v - stop**2 * 2 * j1(stop * v) / (stop * v))

    # v = 2 pi r/(2 outer_zone); without a stop the ring lies at 1.22 outer zones
    expected = brentq(amplitude, 1.5, 3.8317) * PLATE.outer_zone / np.pi
    probe = zone_plate_probe(
        energy=ENERGY,
        outer_zone=PLATE.outer_zone,
        diameter=PLATE.diameter,
        stop_fraction=stop,
        order_sorting_radius=PLATE.order_sorting_radius,
        defocus=0.0,
        pixel_size=PIXEL,
        shape=(256, 256),
    )
    line = probe[128, 128:].real
    first = int(np.flatnonzero(np.sign(line) != np.sign(line[0]))[0])
    found = first - 1 + line[first - 1] / (line[first - 1] - line[first])
    assert found * PIXEL == pytest.approx(expected, rel=0.01)


def _variances(**changes: float) -> NDArray[np.float64]:
    plate = replace(PLATE, rim=0.04, **{name: value for name, value in changes.items() if name != "defocus"})
    probe = probe_of(plate, energy=ENERGY, defocus=changes["defocus"], pixel_size=PIXEL, shape=(256, 256))
    return (np.array(_widths(np.abs(probe) ** 2)) * PIXEL) ** 2


def test_probe_has_unit_power_and_spreads_as_its_cone_of_rays() -> None:
    assert np.sum(np.abs(_probe(7.8e-6)) ** 2) == pytest.approx(1, abs=1e-5)
    aperture = PLATE.numerical_aperture(ENERGY)
    assert aperture == pytest.approx(0.01609, abs=2e-5)
    # second moments grow by those of the angles, an evenly lit annulus, exactly
    angles = aperture**2 * (1 + PLATE.stop_fraction**2) / 4
    focus = _variances(defocus=0.0)
    for defocus in (-7.8e-6, 7.8e-6):
        grown = _variances(defocus=defocus) - focus
        assert grown / (angles * defocus**2) == pytest.approx([1, 1], abs=0.05)


def test_positive_defocus_is_down_the_beam() -> None:
    wide = {"wavelength": wavelength(ENERGY), "pixel_size": PIXEL}
    further = propagate(_probe(3e-6), 2e-6, **wide)
    assert abs(np.vdot(further, _probe(5e-6))) > 0.99
    assert abs(np.vdot(further, _probe(1e-6))) < 0.9


def test_astigmatism_puts_the_focus_along_y_first() -> None:
    defocus, length = 3e-6, 4e-6
    y, x = _variances(defocus=defocus, astigmatism=length)
    angles = PLATE.numerical_aperture(ENERGY) ** 2 * (1 + PLATE.stop_fraction**2) / 4
    # one axis is length/2 further from its focus, the other as much nearer
    assert (y - x) / (angles * 2 * defocus * length) == pytest.approx(1, abs=0.05)


def test_soft_rims_weaken_the_rings() -> None:
    grid = np.hypot(*np.meshgrid(np.arange(-64, 64), np.arange(-64, 64)))
    far = grid * PIXEL > 150e-9
    hard, soft = (np.abs(_probe(0.0, rim=rim)) ** 2 for rim in (0.0, 0.08))
    assert soft[far].sum() < 0.5 * hard[far].sum()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop_fraction": 0.3}, "stop_fraction is 0.3; allowed: from 0.3333, the shadow over the order-sorting"),
        ({"stop_fraction": 1.0}, "stop_fraction is 1.0; allowed: 0 to below 1"),
        ({"outer_zone": 0.0}, "outer_zone is 0.0 m; allowed: above 0"),
        ({"diameter": np.nan}, "diameter is nan m; allowed: above 0"),
        ({"rim": 0.7}, "rim is 0.7; allowed: 0 to below 0.5"),
        ({"outer_zone": 4e-9}, "pixel_size is 5e-09 m; allowed: above 0, below the outer zone"),
    ],
)
def test_impossible_plates_are_refused_in_one_line(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        _probe(1e-6, **changes)
    assert "\n" not in str(error.value)


def test_a_disc_larger_than_the_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"defocus is 2.5e-05 m; allowed: a disc of 8.05e-07 m"):
        _probe(2.5e-5)


def test_bandwidth_averages_the_intensities_of_the_focal_lengths() -> None:
    modes = zone_plate_modes(PLATE, energy=ENERGY, defocus=3e-6, pixel_size=PIXEL, shape=SHAPE, bandwidth=1 / 1000)
    assert PLATE.focal_length(ENERGY) == pytest.approx(7.456e-3, rel=1e-3)
    # eV by eV: a Gaussian spectrum shifts the focus by f dE/E
    offsets = np.linspace(-4, 4, 41)
    weights = np.exp(-0.5 * offsets**2)
    shifts = offsets * 1e-3 / np.sqrt(8 * np.log(2)) * PLATE.focal_length(ENERGY)
    parts = [np.abs(_probe(3e-6 - shift)) ** 2 for shift in shifts]
    expected = np.tensordot(weights / weights.sum(), parts, axes=1)
    found = np.sum(np.abs(modes) ** 2, axis=0)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)
    assert np.linalg.norm(np.abs(_probe(3e-6)) ** 2 - expected) > 0.05 * np.linalg.norm(expected)


def test_leaking_orders_add_their_share_as_a_wide_beam() -> None:
    clean = zone_plate_modes(PLATE, energy=ENERGY, defocus=3e-6, pixel_size=PIXEL, shape=SHAPE)
    leaky = zone_plate_modes(PLATE, energy=ENERGY, defocus=3e-6, pixel_size=PIXEL, shape=SHAPE, leaks=(0.05, 0.05))
    assert len(clean) == 1
    assert len(leaky) == 3
    total = np.sum(np.abs(leaky) ** 2, axis=0)
    assert total.sum() == pytest.approx(1, abs=1e-5)
    corner = total[:8, :8].mean() * total.size
    assert corner == pytest.approx(0.1 / 1.1, rel=0.2)


def _overlaps(modes: NDArray[np.complex64]) -> NDArray[np.float64]:
    flat = modes.reshape(len(modes), -1).astype(np.complex128)
    return np.abs(flat.conj() @ flat.T)


def test_modes_are_orthogonal_ordered_and_keep_the_flux() -> None:
    probe = 1e3 * _probe(5e-6)
    for keep in (0.9, 0.999):
        modes = shifted_modes(probe, spread=(10e-9, 25e-9), pixel_size=PIXEL, keep=keep)
        overlaps = _overlaps(modes)
        powers = np.diag(overlaps)
        assert np.sum(powers) == pytest.approx(1e6, rel=1e-5)
        assert np.all(np.diff(powers) <= 0)
        assert np.abs(overlaps - np.diag(powers)).max() < 1e-6 * powers[0]


def test_modes_together_are_the_probe_smeared_over_the_source() -> None:
    probe = _probe(5e-6)
    spread = (12e-9, 20e-9)
    modes = shifted_modes(probe, spread=spread, pixel_size=PIXEL, keep=1.0)
    f = fourier.unshifted_frequencies(128, PIXEL)
    blur = np.exp(-2 * np.pi**2 * ((f[:, None] * spread[0]) ** 2 + (f * spread[1]) ** 2))
    expected = fourier.ifft2(fourier.fft2(np.abs(probe) ** 2) * blur).real
    found = np.sum(np.abs(modes) ** 2, axis=0)
    assert np.abs(found - expected).max() < 1e-3 * expected.max()


def test_powers_follow_starikov_and_wolf_for_a_gaussian() -> None:
    # in the mode plane, here the pupil in pixels: |A|² of rms width sigma_s, mu of rms width sigma_g
    n, sigma_s, sigma_g = 128, 6.0, 9.0
    f = fourier.unshifted_frequencies(n, 1 / n)
    amplitude = np.exp(-(f[:, None] ** 2 + f**2) / (4 * sigma_s**2))
    probe = fourier.ifft2(amplitude.astype(np.complex128))
    modes = shifted_modes(probe, spread=n / (2 * np.pi * sigma_g), pixel_size=1.0, keep=0.99999)
    a, b = 1 / (4 * sigma_s**2), 1 / (2 * sigma_g**2)
    ratio = b / (a + b + np.sqrt(a * a + 2 * a * b))
    powers = np.array([np.sum(np.abs(mode) ** 2) for mode in modes])
    # two axes: the next two modes share one power, the three after those another
    expected = (1 - ratio) ** 2 * ratio ** np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    assert powers[:10] / np.sum(np.abs(probe) ** 2) == pytest.approx(expected, rel=2e-3)


def test_length_and_source_say_the_same_and_a_far_one_is_coherent() -> None:
    probe = _probe(5e-6)
    where = {"wavelength": wavelength(ENERGY), "focal_length": PLATE.focal_length(ENERGY), "pixel_size": PIXEL}
    length = (60e-6, 30e-6)
    source = tuple(wavelength(ENERGY) / (2 * np.pi * part) for part in length)
    by_length = schell_modes(probe, coherence_length=length, **where)
    by_source = schell_modes(probe, coherence_length=None, source_size=source, **where)
    assert np.allclose(np.abs(by_length), np.abs(by_source), atol=1e-6)
    assert len(by_length) > 4
    assert np.allclose(schell_modes(probe, coherence_length=np.inf, **where), probe[None], atol=1e-6)
    with pytest.raises(ValueError, match="coherence_length is None, source_size is None; allowed: one given"):
        schell_modes(probe, coherence_length=None, **where)
    with pytest.raises(ValueError, match=r"coherence_length is 0.0 m; allowed: above 0"):
        schell_modes(probe, coherence_length=0.0, **where)


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_the_spread_for_a_share_gives_it(share: float) -> None:
    probe = _probe(5e-6)
    spread = spread_for_share(probe, share, pixel_size=PIXEL, ratio=(1.0, 2.0))
    assert spread[1] == pytest.approx(2 * spread[0])
    assert first_share(probe, spread=spread, pixel_size=PIXEL) == pytest.approx(share, abs=1e-4)
    modes = shifted_modes(probe, spread=spread, pixel_size=PIXEL, keep=1.0)
    assert np.sum(np.abs(modes[0]) ** 2) == pytest.approx(share, abs=1e-3)
    lens = {"wavelength": wavelength(ENERGY), "focal_length": PLATE.focal_length(ENERGY)}
    length = coherence_on_pupil(spread, **lens)
    same = schell_modes(probe, coherence_length=length, pixel_size=PIXEL, keep=1.0, **lens)
    assert np.sum(np.abs(same[0]) ** 2) == pytest.approx(share, abs=1e-3)
    with pytest.raises(ValueError, match=r"share is 1\.2; allowed"):
        spread_for_share(probe, 1.2, pixel_size=PIXEL)


def test_any_fields_become_orthogonal_modes_of_the_same_intensity() -> None:
    rng = stream(5, "fields")
    fields = rng.standard_normal((4, 16, 16)) + 1j * rng.standard_normal((4, 16, 16))
    fields[3] = 0.5j * fields[0]
    modes = orthogonal_modes(fields, keep=1.0)
    assert len(modes) == 3
    assert np.allclose(np.sum(np.abs(modes) ** 2, 0), np.sum(np.abs(fields) ** 2, 0), rtol=1e-4)
    overlaps = _overlaps(modes)
    assert np.abs(overlaps - np.diag(np.diag(overlaps))).max() < 1e-5 * overlaps.max()
