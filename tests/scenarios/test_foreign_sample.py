import numpy as np
import pytest

from records import sample as samples
from scenarios.foreign_sample import embed, has_m_z, remarks

PIXEL = 2e-9


def flat(cell, n, direction=(0, 0, 1)):
    magnetization = np.zeros((3, 1, n, n), np.float32)
    magnetization[:] = np.reshape(direction, (3, 1, 1, 1))
    return samples.make(magnetization=magnetization, voxel_size=(10e-9, cell, cell))


@pytest.mark.parametrize(("cell", "n"), [(5e-9, 20), (5e-9, 21), (0.7e-9, 143), (2e-9, 50), (100e-9, 1)])
def test_area_and_middle_are_kept(cell, n):
    result = embed(flat(cell, n), extent=400e-9, pixel_size=PIXEL)
    fill = result["magnet"].values[0]
    assert fill.sum() * PIXEL**2 == pytest.approx((n * cell) ** 2, rel=0.03)
    y, x = result["y"].values, result["x"].values
    assert (fill.sum(axis=1) * y).sum() / fill.sum() == pytest.approx(0, abs=0.1e-9)
    assert (fill.sum(axis=0) * x).sum() / fill.sum() == pytest.approx(0, abs=0.1e-9)
    outside = np.hypot(*np.meshgrid(y, x)) > n * cell
    assert fill[outside].max() == 0
    samples.check(result)


def test_orientation_is_kept():
    record = flat(5e-9, 20)
    record["magnetization"][2, 0, :, :10] = -1
    record["magnet"][0, :5] = 0
    record["magnetization"][:, 0, :5] = 0
    result = embed(record, extent=200e-9, pixel_size=PIXEL)
    m_z, y, x = result["magnetization"].values[2, 0], result["y"].values, result["x"].values
    assert m_z[np.abs(y - 20e-9).argmin(), np.abs(x + 30e-9).argmin()] == -1
    assert m_z[np.abs(y - 20e-9).argmin(), np.abs(x - 30e-9).argmin()] == 1
    assert m_z[np.abs(y + 40e-9).argmin(), np.abs(x - 30e-9).argmin()] == 0


def test_wall_of_a_coarse_sample_stays_in_place_and_turns():
    n, cell, delta = 64, 4e-9, 15e-9
    place = (np.arange(n) - (n - 1) / 2) * cell
    magnetization = np.zeros((3, 1, n, n), np.float32)
    magnetization[2] = np.tanh(place / delta)[None, None, :]
    magnetization[1] = 1 / np.cosh(place / delta)[None, None, :]
    result = embed(
        samples.make(magnetization=magnetization, voxel_size=(10e-9, cell, cell)), extent=300e-9, pixel_size=PIXEL
    )
    row = result.sizes["y"] // 2
    inside = np.abs(result["x"].values) < 100e-9
    m_z = result["magnetization"].values[2, 0, row, inside]
    np.testing.assert_allclose(m_z, np.tanh(result["x"].values[inside] / delta), atol=0.01)


def test_layers_stay_apart():
    magnetization = np.zeros((3, 2, 10, 10), np.float32)
    magnetization[2, 0], magnetization[2, 1] = 1, -1
    record = samples.make(magnetization=magnetization, voxel_size=5e-9)
    result = embed(record, extent=100e-9, pixel_size=PIXEL)["magnetization"].values[2]
    assert (result[0].max(), result[1].min()) == (1, -1)
    assert not has_m_z(record)


def test_has_m_z():
    assert has_m_z(flat(5e-9, 4))
    assert not has_m_z(flat(5e-9, 4, direction=(1, 0, 0)))


def test_remarks():
    coarse, large = remarks(flat(5e-9, 200), hole_diameter=600e-9, pixel_size=PIXEL)
    assert "5 nm" in coarse
    assert "interpolated" in coarse
    assert "larger than the hole" in large
    assert remarks(flat(1e-9, 100), hole_diameter=600e-9, pixel_size=PIXEL) == []


def test_weaker_cells_give_less_contrast():
    record = flat(2e-9, 100)
    moments = np.full((1, 100, 100), 3e5)
    moments[0, :, :50] = 2.1e5
    damaged = record.assign(saturation_magnetization=(("z", "y", "x"), moments, {"units": "A/m"}))
    result = embed(damaged, extent=300e-9, pixel_size=PIXEL)
    seen = (result["magnetization"].values[2] * result["magnet"].values)[0, result.sizes["y"] // 2]
    x = result["x"].values
    assert seen[np.abs(x + 50e-9).argmin()] == pytest.approx(0.7, abs=1e-3)
    assert seen[np.abs(x - 50e-9).argmin()] == pytest.approx(1.0, abs=1e-3)
    assert seen[np.abs(x - 120e-9).argmin()] == 0
    uniform = record.assign(saturation_magnetization=((), 3e5, {"units": "A/m"}))
    assert embed(uniform, extent=300e-9, pixel_size=PIXEL).identical(embed(record, extent=300e-9, pixel_size=PIXEL))
