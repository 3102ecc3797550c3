"""The difference of the helicities' frames: nothing but noise without a signal, and as far as the signal with one."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from records import ptychography
from scenarios.superlattice_signal import frame_difference, frame_signal, summed
from tests.records.ptychography_builders import a_node

N, FRAMES, EDGE = 64, 60, 12


def radius() -> np.ndarray:
    axis = np.arange(N) - N // 2
    return np.hypot(axis[:, None], axis)


def a_scan(*, contrast: float, flux: float = 1.0, seed: int = 1) -> xr.Dataset:
    """Return frames of both helicities, which differ by `contrast` of their amplitude up to `EDGE` pixels."""
    rng = np.random.default_rng(seed)
    node = a_node(FRAMES, N)
    mean = 200.0 / (1 + (radius() / 4) ** 2) ** 1.5
    part = contrast * rng.standard_normal((FRAMES, N, N)) * (radius() < EDGE)
    expected = np.stack([mean * (1 + part), flux * mean * (1 - part)])
    photons = rng.poisson(np.maximum(expected, 0))
    gain, read_out = float(node["gain"]), float(node["read_noise"])
    counts = node["dark"].values + gain * photons + read_out * rng.standard_normal(photons.shape)
    node["counts"] = (node["counts"].dims, np.clip(np.rint(counts), 0, 65535).astype(np.uint16))
    return node


@pytest.mark.parametrize("flux", [1.0, 0.8])
def test_without_a_signal_the_difference_is_its_noise(flux: float) -> None:
    difference = frame_difference(a_scan(contrast=0.0, flux=flux))
    inside = difference["frames"].values > 0
    square, noise = (difference[name].values[inside].sum() for name in ("square", "noise"))
    assert square == pytest.approx(noise, rel=0.03)
    found = frame_signal(difference)
    assert found.unit == "photon2"
    assert np.isnan(found.extent.full_period)


def test_the_signal_reaches_as_far_as_the_frames_differ() -> None:
    node = a_scan(contrast=0.2)
    found = frame_signal(frame_difference(node))
    step = 1 / (N * ptychography.pixel_size(node))
    assert found.extent.full_period == pytest.approx(1 / (EDGE * step), rel=0.1)
    beyond = found.density.frequency > 1.1 * EDGE * step
    assert found.density.mean[beyond].sum() == pytest.approx(found.noise[beyond].sum(), rel=0.03)


def test_projections_add_up_and_invalid_pixels_do_not() -> None:
    scans = [a_scan(contrast=0.1, seed=seed) for seed in (1, 2)]
    dead = (5, 7)
    for scan in scans:
        scan["valid"][dead] = False
        scan["counts"][..., dead[0], dead[1]] = 65535
    both = summed([frame_difference(scan) for scan in scans])
    assert both["frames"].values.max() == 2 * FRAMES
    assert all(both[name].values[dead] == 0 for name in both)
    alone = frame_signal(frame_difference(scans[0]))
    spectrum = frame_signal(both)
    assert spectrum.density.mean[1:5] == pytest.approx(alone.density.mean[1:5], rel=0.2)
    assert dataclasses.asdict(spectrum.extent)["crossed"]
