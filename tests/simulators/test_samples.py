"""The multilayer's record; imported samples on the fine grid."""

import warnings

import numpy as np
import pytest

from numerics.streams import stream
from records import sample as record
from simulators.samples.imported import NoOutOfPlane, centred_in_film
from simulators.samples.multilayer import labyrinth_multilayer

PIXEL = 5.3e-9 / 3


def test_multilayer_record() -> None:
    film = labyrinth_multilayer(extent=700e-9, pixel_size=PIXEL, rng=stream(0, "sample"))
    record.check(film)
    assert film.sizes["y"] * PIXEL >= 700e-9
    assert "5.1e-09" in film.attrs["features"]


def foreign(cell: float, *, n: int = 60, nz: int = 3, wall: float = 8e-9):
    x = (np.arange(n) - n // 2) * cell
    m_z = np.broadcast_to(np.tanh(x / wall), (nz, n, n))
    m = np.stack([np.sqrt(1 - m_z**2), np.zeros_like(m_z), m_z])
    return record.make(magnetization=m.astype(np.float32), voxel_size=(4e-9, cell, cell), origin="file")


@pytest.mark.parametrize("cell", [1e-9, 4e-9])
def test_imported_sample_keeps_its_place_and_its_walls(cell: float) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        film = centred_in_film(foreign(cell), extent=300e-9, pixel_size=PIXEL)
    assert len(caught) == (cell > PIXEL)
    assert film.sizes["z"] == 3
    m_z = film["magnetization"].sel(component="z").values[0]
    x = film["x"].values
    inside = film["magnet"].values[0] > 0.999
    expected = np.broadcast_to(np.tanh(x / 8e-9), m_z.shape)
    assert np.max(np.abs(m_z - expected)[inside]) < 0.02
    assert inside.sum() * PIXEL**2 == pytest.approx((60 * cell) ** 2, rel=0.08)
    assert film["magnet"].values[:, 0, 0].max() == 0


def test_imported_voids_keep_their_fill() -> None:
    source = foreign(PIXEL)
    magnet = source["magnet"].values.copy()
    magnet[:, 20:30, 20:30] = 0
    m = source["magnetization"].values * (magnet > 0)
    film = centred_in_film(
        record.make(magnetization=m, magnet=magnet, voxel_size=(4e-9, PIXEL, PIXEL)), extent=300e-9, pixel_size=PIXEL
    )
    assert film["magnet"].values.sum() == pytest.approx(magnet.sum(), rel=1e-5)


def test_imported_samples_that_cannot_be_imaged() -> None:
    flat = np.zeros((3, 1, 8, 8), np.float32)
    flat[0] = 1
    with pytest.raises(NoOutOfPlane, match="no m_z"):
        centred_in_film(record.make(magnetization=flat, voxel_size=2e-9), extent=1e-7, pixel_size=2e-9)
    bad = record.make(magnetization=flat, voxel_size=2e-9)
    bad["magnetization"].values[2, 0, 3, 3] = np.nan
    with pytest.raises(ValueError, match="not finite in 1 cells"):
        centred_in_film(bad, extent=1e-7, pixel_size=2e-9)
