"""The picture of a vector reconstruction: the same bytes for the same data, whatever of the record there is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from records import projections
from reports import figure_vector_reconstruction as figure_module
from reports.figure_vector_reconstruction import draw, picture
from reports.volume_view import NEGATIVE
from tests.records.projections_builders import a_measurement, a_reconstruction

PLACES = np.array([[0.0, 0.0, -10.0], [5.0, 5.0, 10.0], [-10.0, -10.0, -5.0]]) * 1e-9
ROOM = {"magnetization", "fill", "charge", "voxel_size", "rotation", "shift", "used"}


def some_charges(places: np.ndarray = PLACES, charge: Sequence[int] = (1, -1, 1)) -> xr.Dataset:
    """Of each sign one inside and a positive one at the border."""
    n = len(places)
    return xr.Dataset(
        {
            "position": (("hedgehog", "axis"), places),
            "charge": ("hedgehog", np.array(charge[:n], int)),
            "at_border": ("hedgehog", np.arange(n) == 2),
        }
    )


def wide(shape: tuple[int, int, int] = (7, 9, 11), **results: Any) -> xr.Dataset:
    """A filled block with m along x, in a margin of two voxels."""
    fill = np.zeros(tuple(n + 8 for n in shape), np.float32)
    fill[4:-4, 4:-4, 4:-4] = 1.0
    volumes = {"magnetization": np.stack([fill, 0 * fill, 0 * fill]), "fill": fill, "charge": fill * 4e-3}
    return a_reconstruction(results=volumes | {"coverage": None, "spread": None} | results)


def extent_of(figure: Figure, panel: int) -> list[float]:
    axes = figure.axes[panel]
    return [*axes.get_xlim(), *axes.get_ylim()]


def titles(figure: Figure) -> list[str]:
    """With the settings of the style at the left, else in the middle."""
    return [text for axes in figure.axes for text in (axes.get_title(), axes.get_title("left")) if text]


@pytest.fixture(autouse=True)
def _few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    from reports import lattice_view

    monkeypatch.setattr(lattice_view, "_PIXELS", 60)


def test_panels_show_the_magnet_with_a_rim_in_nm() -> None:
    figure = draw(wide(), a_measurement(), some_charges())
    # Voxels of 5 nm, 7 x 9 x 11 filled, index n//2 = 7 + 4 of 15 at 0, two more at each side.
    z, y, x = ([-5 * (n // 2 + 2.5), 5 * (n - n // 2 + 1.5)] for n in (7, 9, 11))
    for first in (0, 4):
        np.testing.assert_allclose(extent_of(figure, first), [*x, *y])
        np.testing.assert_allclose(extent_of(figure, first + 1), [*x, *z])
        np.testing.assert_allclose(extent_of(figure, first + 2), [*y, *z])
    words = titles(figure)
    assert words[0].endswith("m in the middle cuts")
    assert words[1].endswith("1 positive, 1 negative hedgehogs, 1 at the border")
    assert [word[0] for word in words] == list("abcde")


def test_a_cut_has_the_colour_of_its_direction() -> None:
    from reports.direction_colours import direction_colours

    figure = draw(wide(), a_measurement(), some_charges())
    (shown,) = figure.axes[0].get_images()
    cut = np.asarray(shown.get_array())
    np.testing.assert_allclose(cut[6, 7], direction_colours(np.array([1.0, 0.0, 0.0])), atol=1e-6)
    assert np.ptp(cut[0], axis=0).max() == 0  # the rim is empty


def test_charges_at_the_border_are_hollow_at_their_place() -> None:
    figure = draw(wide(), a_measurement(), some_charges(charge=(1, -1, -1)))
    for panel, place in ((4, (-5, -10)), (5, (-5, -10)), (6, (-10, -10))):
        hollow = [line for line in figure.axes[panel].get_lines() if line.get_markerfacecolor() == "none"]
        (found,) = [line for line in hollow if len(np.asarray(line.get_xydata()))]
        assert found.get_markeredgecolor() == NEGATIVE
        np.testing.assert_allclose(np.asarray(found.get_xydata())[0], place, atol=1e-9)


def test_projections_left_out_are_crosses_in_the_colour_of_their_series() -> None:
    figure = draw(wide(), a_measurement(), some_charges())
    axes = figure.axes[7]
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    crosses = [line for line in axes.get_lines() if line.get_marker() == "x"]
    assert [line.get_label() for line in dots] == ["0\u00b0", "120\u00b0", "240\u00b0"]
    assert [len(np.asarray(line.get_xydata())) for line in dots] == [3, 3, 3]
    assert [len(np.asarray(line.get_xydata())) for line in crosses] == [1, 1, 1]
    assert len({line.get_color() for line in dots}) == 3
    assert [line.get_color() for line in dots] == [line.get_color() for line in crosses]


def test_only_what_is_needed_and_no_hedgehogs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_reconstruction(complete=False)
    found["used"][:] = 0
    figure = draw(found, a_measurement(), some_charges(np.zeros((0, 3))))
    assert [word[0] for word in titles(figure)] == list("abc")
    empty = wide(fill=np.zeros((15, 17, 19)), magnetization=np.zeros((3, 15, 17, 19)))
    assert picture(empty, a_measurement(), some_charges(), suffix=".svg").startswith(b"<?xml")
    monkeypatch.setattr(figure_module, "_LEAST", 2.0)
    np.testing.assert_allclose(extent_of(draw(wide(), a_measurement(), some_charges()), 0)[:2], [-47.5, 47.5])


@pytest.mark.parametrize("shape", [(1, 30, 30), (20, 4, 30), (30, 20, 4)])
def test_panels_stay_apart_and_on_the_page(shape: tuple[int, int, int]) -> None:
    figure = draw(wide(shape), a_measurement(), some_charges(PLACES * 0))
    boxes = [axes.get_position() for axes in figure.axes]
    for index, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= 1
        assert 0 <= box.y0 < box.y1 <= 1
        assert not any(box.overlaps(other) for other in boxes[:index])


def test_the_same_data_give_the_same_bytes() -> None:
    parts = wide(), a_measurement(), some_charges()
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        first = picture(*parts, suffix=suffix)
        assert first.startswith(start)
        assert picture(*parts, suffix=suffix) == first


def test_series_whose_images_turn_are_numbered() -> None:
    turns = np.radians(np.arange(12) * 30.0)
    measured = projections.select(a_measurement(angles={"in_plane": turns}), np.arange(12))
    figure = draw(wide(), measured, some_charges())
    labels = [line.get_label() for line in figure.axes[7].get_lines() if line.get_marker() == "o"]
    assert labels == ["series 0", "series 1", "series 2"]
