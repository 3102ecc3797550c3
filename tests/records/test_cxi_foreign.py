"""A measured CXI file of another program: near field at P25 of PETRA III, written by cdtools."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from numerics import fourier
from records import cxi, frames, ptychography
from records.describe import describe

FILE = Path(os.environ.get("TRUESPIN_FOREIGN_FILES", "")) / "cxi" / "PETRAIII_P25_Near_Field_Ptycho.cxi"
FOCUS_DISTANCE = 3.65e-3
"""m; it is not in the file."""

pytestmark = pytest.mark.skipif(
    not (os.environ.get("TRUESPIN_FOREIGN_FILES") and FILE.is_file()),
    reason="TRUESPIN_FOREIGN_FILES does not point to a folder with cxi/ files of other software",
)


@pytest.fixture(scope="module")
def node() -> xr.Dataset:
    with cxi.open_node(FILE, focus_distance=FOCUS_DISTANCE) as found:
        return found.load()


def test_what_it_holds(node: xr.Dataset) -> None:
    assert dict(node.sizes) == {"helicity": 1, "position": 200, "y": 100, "x": 100}
    assert node.attrs["propagation"] == "near_field"
    assert float(node["energy"]) == pytest.approx(12658, abs=1)
    assert (node["counts"].dtype, int(node["counts"].max())) == (np.uint32, 29176)
    assert int((~node["valid"]).sum()) == 5
    assert ptychography.magnification(node) == pytest.approx(1 + 1.12 / FOCUS_DISTANCE, rel=1e-6)
    assert ptychography.pixel_size(node) == pytest.approx(1.7866e-7, rel=1e-4)


def test_shadows_move_as_signs_and_pixel_say(node: xr.Dataset) -> None:
    """Where the probe goes by d on the sample, the sample's shadow goes by -d / pixel on the detector."""
    images = node["counts"].values[0].astype(float)
    images = np.where(node["valid"].values, images / np.maximum(images.mean(axis=0), 1), 1.0)
    window = np.hanning(100)[:, np.newaxis] * np.hanning(100)
    images = (images / images.mean(axis=(1, 2), keepdims=True) - 1) * window
    places = np.stack([node["position_y"].values[0], node["position_x"].values[0]], axis=1)
    steps = np.diff(places, axis=0) / ptychography.pixel_size(node)
    spectra = fourier.centred_fft2(images)
    product = spectra[1:] * spectra[:-1].conj()
    correlation = fourier.centred_ifft2(product / np.sqrt(np.abs(product) + 1e-12)).real
    peaks = np.stack(np.unravel_index(correlation.reshape(199, -1).argmax(axis=1), (100, 100)), axis=1) - 50
    assert np.mean(np.abs(peaks + steps).max(axis=1) < 3) > 0.95
    slope = -(peaks * steps).sum() / (steps * steps).sum()
    assert slope == pytest.approx(1, abs=0.05)  # a focus distance wrong by 5 % shows


def test_through_our_own_files(node: xr.Dataset, tmp_path: Path) -> None:
    with cxi.open_node(FILE, focus_distance=FOCUS_DISTANCE) as lazy:
        assert not isinstance(lazy["counts"].variable._data, np.ndarray)
        frames.write_nodes(lazy, tmp_path / "p25.nc")
    with frames.open_node(tmp_path / "p25.nc") as back:
        xr.testing.assert_identical(back.load(), node)
    cxi.write_nodes(node, tmp_path / "p25.cxi")
    with cxi.open_node(tmp_path / "p25.cxi") as back:
        xr.testing.assert_identical(back.load(), node)


def test_it_is_described() -> None:
    lines = dict(describe(FILE))
    assert (lines["file"], lines["check"], lines["frames"]) == ("CXI", "sound", "1 x 200 of 100 x 100 uint32")
