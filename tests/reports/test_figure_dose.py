"""Pictures of the dose: lines at the means of all seeds, the same patch, curves that cross where they should."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from records import store
from reports.figure_dose import draw_correlations, draw_curves, draw_patches
from reports.series import SeriesResults, load_series
from reports.style import context
from tests.reports.run_directory import PIXEL
from tests.reports.series_directory import DOSES, write_dose

SEEDS = (5, 6, 7)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> SeriesResults:
    return load_series(write_dose(tmp_path_factory.mktemp("run"), seeds=SEEDS, methods=("fth", "hapre+")))


def drawn(draw, results: SeriesResults) -> Figure:
    with context():
        figure = draw(results)
    assert isinstance(figure, Figure)
    return figure


def stored(results: SeriesResults, method: str, metric: str) -> np.ndarray:
    """Values by dose and seed, nm, straight from the rows."""
    rows = {
        (r.sweep.get("photons"), r.seed): r.value
        for r in results.scorecard.rows
        if (r.method, r.metric) == (method, metric)
    }
    return 1e9 * np.array([[rows[dose, seed] for seed in SEEDS] for dose in DOSES])


@pytest.mark.parametrize("method", ["fth", "hapre+"])
@pytest.mark.parametrize(
    ("panel", "metric", "ending"),
    [(0, "frc_truth.half_period", ""), (0, "frc_halves.half_period", ", half sets"), (1, "wall_width", None)],
)
def test_lines_are_means_over_seeds_with_their_spread(
    results: SeriesResults, method: str, panel: int, metric: str, ending: str | None
) -> None:
    axes = drawn(draw_curves, results).axes[panel]
    values = stored(results, method, metric)
    bars = [each for each in axes.containers if ending is None or each.get_label() == method + ending]
    matching = [bar for bar in bars if np.allclose(bar.lines[0].get_ydata(), values.mean(axis=1))]
    assert len(matching) == 1
    assert np.allclose(matching[0].lines[0].get_xdata(), DOSES)
    heights = np.array([segment[:, 1] for segment in matching[0].lines[2][0].get_segments()])
    assert np.allclose(np.diff(heights, axis=1)[:, 0], 2 * values.std(axis=1, ddof=1))


def test_axes_are_logarithmic_with_the_edge_of_the_band_and_the_truth(results: SeriesResults) -> None:
    resolution, width = drawn(draw_curves, results).axes[:2]
    assert resolution.get_xscale() == resolution.get_yscale() == width.get_xscale() == "log"
    levels = [line.get_ydata()[0] for line in resolution.lines if len(set(line.get_ydata())) == 1]
    assert any(np.isclose(level, 1e9 * PIXEL) for level in levels)
    levels = [line.get_ydata()[0] for line in width.lines if len(set(line.get_ydata())) == 1]
    assert any(np.isclose(level, 5.11) for level in levels)
    assert any("5.11 nm" in text.get_text() for text in width.texts)


def test_a_dose_without_a_resolution_is_left_out(tmp_path: Path) -> None:
    whole = load_series(write_dose(tmp_path, failed=[({"photons": DOSES[1]}, "hapre+")]))
    bars = [bar for bar in drawn(draw_curves, whole).axes[0].containers if bar.get_label() == "hapre+"]
    assert list(bars[0].lines[0].get_xdata()) == [DOSES[0], DOSES[2]]


def test_patches_show_the_same_place_at_every_dose_and_in_truth(results: SeriesResults) -> None:
    panels = [axes for axes in drawn(draw_patches, results).axes if axes.images]
    assert len(panels) == 2 * (len(DOSES) + 1)
    assert len({(*axes.get_xlim(), *axes.get_ylim()) for axes in panels}) == 1
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    assert [axes.get_title("left") for axes in panels[:4]] == ["3·10⁷", "1·10⁹", "2·10¹⁰", "truth"]
    case = results.pool.gallery()["fth"].scored
    mask = case["score_mask"].values.astype(bool)
    for axes, image in zip(panels, (*case["images"].values, case["truth_m_z"].values), strict=False):
        assert np.array_equal(np.asarray(axes.images[0].get_array())[mask], image[mask])


def test_a_dose_without_an_image_leaves_its_place_empty(tmp_path: Path) -> None:
    folder = write_dose(tmp_path)
    path = folder / "pooled" / "hapre+" / "0.nc"
    store.save(store.load(path).isel(photons=[0, 2]), path)
    results = load_series(folder)
    axes = drawn(draw_patches, results).axes[: len(DOSES) + 1]
    assert [bool(panel.images) for panel in axes] == [True, False, True, True]
    assert len(drawn(draw_correlations, results).axes[0].lines) == 1 + 2 * 2 + 1


def test_dots_lie_on_the_threshold_at_the_half_period(results: SeriesResults) -> None:
    figure = drawn(draw_correlations, results)
    case = results.shown.scored
    panel = next(axes for axes in figure.axes if axes.get_title("left").endswith("hapre+"))
    dots = [line for line in panel.lines if line.get_marker() == "o"]
    assert len(dots) == len(DOSES)
    frequency, threshold = case["frequency"].values, case["threshold_1bit"].values
    for dot, half in zip(dots, case["frc_truth.half_period"].values, strict=True):
        assert dot.get_xdata()[0] == pytest.approx(0.5e-6 / half)
        assert dot.get_ydata()[0] == pytest.approx(np.interp(0.5 / half, frequency, threshold))


def test_without_results_nothing_is_drawn(tmp_path: Path) -> None:
    points = [({"photons": dose}, method) for dose in DOSES for method in ("floor", "hapre+", "ceiling")]
    results = load_series(write_dose(tmp_path, failed=points, unpooled=("floor", "hapre+", "ceiling")))
    with context():
        assert draw_curves(results) is None
        assert draw_patches(results) is None
        assert draw_correlations(results) is None
