"""Figures: fair colours, the right cells, and the picture for elsewhere."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from records import store
from records.errors import RecordError
from reports import style
from reports.figures import pictures, save_overview
from reports.panels import Window, round_length
from reports.results import CONTROL_PLACE, load
from tests.reports.run_directory import write_run


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB colours."""
    rgb = colours[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.asarray(np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance))


def test_signed_colours_are_balanced_and_lightest_at_zero() -> None:
    levels = lightness(style.SIGNED(np.linspace(0, 1, 257)))
    assert np.argmax(levels) == 128
    assert np.abs(levels - levels[::-1]).max() < 8
    assert np.all(np.diff(levels[:129]) > 0)
    assert np.all(np.diff(levels[128:]) < 0)


@pytest.mark.parametrize(
    "names",
    [
        ["fth", "hapre", "hapre+", "one", "two"],
        ["epie", "lsqml", "hapre+", "one", "two", "three"],
        [*CONTROL_PLACE, "rpie+/vector+", "rpie+/resire", "rpie+/ball", "rpie+/cgls", "rpie+/theirs"],
    ],
)
def test_methods_keep_their_look_and_differ(names: list[str]) -> None:
    colours = [style.method_style(name, names).colour for name in names]
    assert len(set(colours)) == len(names)
    assert style.method_style("hapre+").colour == style.method_style("hapre+", names).colour


@pytest.mark.parametrize(("extent", "length"), [(640.0, 100.0), (1100.0, 200.0), (90.0, 20.0), (4.0, 1.0)])
def test_scale_bars_are_round(extent: float, length: float) -> None:
    assert round_length(extent) == pytest.approx(length)


def test_window_is_centred_and_masks_the_opaque_part() -> None:
    axis = 2e-7 + np.arange(10) * 1e-9
    visible = np.zeros((10, 10))
    visible[3:6, 2:8] = 1
    scored = xr.Dataset(
        {"visible": (("wy", "wx"), visible), "truth_m_z": (("wy", "wx"), visible)}, coords={"wy": axis, "wx": axis}
    )
    window = Window.of(scored)
    assert window.extent == pytest.approx((-5.0, 5.0, -5.0, 5.0))
    assert np.array_equal(np.isnan(window.lit(visible)), visible == 0)


def test_figures_show_the_cell_with_most_methods(tmp_path: Path) -> None:
    run = write_run(tmp_path, seeds=(1, 2))
    (run / "seed-1" / "scored" / "fth" / "0.nc").unlink()
    assert load(run).shown == (2, 0)


def test_every_figure_is_drawn_once(tmp_path: Path) -> None:
    names = [picture.name for picture in pictures(load(write_run(tmp_path)))]
    assert names == ["overview", "patterns", "images", "resolution", "walls", "comparison"]


def test_overview_is_one_png_and_the_same_twice(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    for name in ("a.png", "b.png"):
        save_overview(run, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > 1500
        assert not {"Software", "Creation Time"} & set(image.info)


def test_overview_without_a_result_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scorecard.json").write_text('{"schema": 1, "config": {}, "rows": [], "status": []}')
    with pytest.raises(RecordError, match="no scored reconstruction"):
        save_overview(tmp_path, tmp_path / "a.png")


def test_maps_of_the_heterodyne_term_are_drawn_where_stored(tmp_path: Path) -> None:
    run = write_run(tmp_path, methods=["hapre+"])
    path = run / "scored" / "hapre+" / "0.nc"
    scored = store.load(path)
    plain = {picture.name: picture.svg for picture in pictures(load(run))}
    for name in ("with", "without"):
        scored[f"heterodyne_map_{name}"] = (("py", "px"), np.random.default_rng(1).random((128, 128)))
    store.save(scored, path)
    mapped = {picture.name: picture.svg for picture in pictures(load(run))}
    assert mapped["resolution"].count(b"<image") == plain["resolution"].count(b"<image") + 3
    assert mapped["walls"] == plain["walls"]


def test_maps_of_the_heterodyne_term_are_those_of_the_leading_method(tmp_path: Path) -> None:
    run = write_run(tmp_path, methods=["hapre", "hapre+"])
    for method in ("floor", "hapre", "hapre+"):
        path = run / "scored" / method / "0.nc"
        scored = store.load(path)
        for name in ("with", "without"):
            scored[f"heterodyne_map_{name}"] = (("py", "px"), np.ones((128, 128)))
        store.save(scored, path)
    drawn = {picture.name: picture.svg for picture in pictures(load(run))}["resolution"].decode()
    assert "with references, hapre+" in drawn
    assert "with references, floor" not in drawn
