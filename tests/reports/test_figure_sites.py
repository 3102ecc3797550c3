"""Pictures of pinning sites: what is drawn lies where it was found and means what was stored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from reports import figure_damage
from reports.figure_site_kinds import draw_kinds
from reports.figure_sites import Sites, draw_states, draw_walls, places
from reports.series import SeriesResults, load_series
from reports.style import context, to_svg
from tests.reports.series_directory import FOUND_KINDS, FOUND_TRUE, STATES, N, pinning_pool, write_pinning


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> SeriesResults:
    return load_series(write_pinning(tmp_path_factory.mktemp("run"), methods=("hapre", "hapre+")))


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_site_is_drawn_in_the_pixel_where_it_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pooled = pinning_pool(1.0, seed, damaged=False, sites=True, walls=False)
    row, column = rng.integers(0, N, (2, 5))
    pooled["found_y"], pooled["found_x"] = (
        ("found_site", pooled[f"w{axis}"].values[index]) for axis, index in (("y", row), ("x", column))
    )
    left, right, bottom, top = Sites.of(pooled, 30.0).window.extent
    x, y = places(pooled, "found").T
    assert np.array_equal(np.floor((x - left) / (right - left) * N), column)
    assert np.array_equal(np.floor((y - bottom) / (top - bottom) * N), row)


def test_every_state_has_all_rings_and_the_truth_all_marks(results: SeriesResults) -> None:
    with context():
        figure = draw_states(results)
    assert figure is not None
    panels = figure.axes[: 2 * len(STATES)]
    for panel in panels[: len(STATES)]:
        rings = [patch for patch in panel.patches if isinstance(patch, Circle)]
        assert len(rings) == len(FOUND_KINDS)
        solid = [ring.get_linestyle() == "-" for ring in rings]
        assert solid == [kind in ("raised DMI", "undecided") for kind in FOUND_KINDS]
        assert len({to_hex(ring.get_edgecolor()) for ring in rings}) == 2, "undecided is grey"
        assert len({str(ring.get_linestyle()) for ring in rings}) == 3
    for panel in panels[len(STATES) :]:
        assert [line.get_marker() for line in panel.lines] == ["^", "v", "^", "v", "v"]
        open_marks = [line.get_fillstyle() == "none" for line in panel.lines]
        assert open_marks == [False, False, False, True, True]
        assert not any(isinstance(patch, Circle) for patch in panel.patches)


def _lines(panel) -> LineCollection:
    return next(part for part in panel.collections if isinstance(part, LineCollection))


def test_lines_across_walls_are_as_long_and_coloured_as_delta(results: SeriesResults) -> None:
    pooled = results.shown.scored
    with context():
        figure = draw_walls(results)
    sure = ~pooled["wall_ill_conditioned"].values.astype(bool)
    counts = [np.sum(sure & (pooled["wall_state"].values == state)) for state in range(len(STATES))]
    shown = max(range(len(STATES)), key=lambda state: (counts[state], state))
    good = sure & (pooled["wall_state"].values == shown)
    assert 0 < good.sum() < np.sum(pooled["wall_state"].values == shown)
    for panel, name in zip(figure.axes, ("wall_delta", "wall_truth"), strict=False):
        delta = 1e9 * pooled[name].values[good]
        normal = np.stack([pooled[f"wall_normal_{axis}"].values[good] for axis in "xy"], axis=1)[np.isfinite(delta)]
        delta = delta[np.isfinite(delta)]
        lines = _lines(panel)
        ends = np.array(lines.get_segments())
        assert np.allclose(ends[:, 1] - ends[:, 0], 2 * delta[:, None] * normal)
        assert np.allclose(
            ends.mean(axis=1), places(pooled, "wall")[good][np.isfinite(1e9 * pooled[name].values[good])]
        )
        assert np.allclose(lines.get_array(), delta)
        assert lines.get_clim() == (0.0, 20.0)


def test_medians_are_those_of_the_points_that_can_be_compared(results: SeriesResults) -> None:
    pooled = results.shown.scored
    with context():
        figure = draw_walls(results)
    kept = np.isfinite(pooled["wall_truth"].values)
    texts = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert texts[1].endswith(f"median {1e9 * np.median(pooled['wall_delta'].values[kept]):.2f}")
    assert texts[0].endswith("median 5.00")


def test_bands_and_marks_of_the_kinds(results: SeriesResults) -> None:
    with context():
        figure = draw_kinds(results)
    widths, seen = figure.axes[:2]
    bands = sorted((patch.get_y(), patch.get_y() + patch.get_height()) for patch in widths.patches)
    assert np.allclose(bands[0], (0, 5.2 * 1.1))
    assert np.allclose(bands[1], (5.2 * 1.2, 20))
    assert bands[2][0] == 20
    assert bands[2][1] == pytest.approx(widths.get_ylim()[1])
    texts = [text.get_text() for text in widths.get_legend().get_texts()]
    assert texts[1:] == ["truly raised DMI", "truly lowered anisotropy", "no site there"]
    found = [line.get_fillstyle() == "full" for line in seen.lines[:5]]
    assert found == [site in FOUND_TRUE for site in range(5)], "the SNR falls with the number of the site"


@pytest.mark.parametrize("reference", [5.2e-9, np.inf])
def test_sites_without_any_wall_are_drawn(results: SeriesResults, reference: float) -> None:
    none = ("found_site", np.full(5, np.nan))
    changed = {"found_delta": none, "found_delta_error": none, "found_reference_width": reference}
    cases = tuple(replace(case, scored=case.scored.assign(changed)) for case in results.cases)
    with context():
        figure = draw_kinds(replace(results, cases=cases))
        assert to_svg(figure)
    widths = figure.axes[0]
    assert widths.get_ylim()[1] == pytest.approx(23.0)
    assert len(widths.patches) == (3 if np.isfinite(reference) else 0)
    assert sum(len(line.get_xdata()) for line in widths.lines if line.get_linestyle() == "None") == 5


def test_damaged_area_is_outlined_and_ratios_are_at_their_values(results: SeriesResults) -> None:
    with context():
        figure = figure_damage.draw(results)
    ratios = figure.axes[-1] if figure.axes[-1].get_yticks().size == 3 else figure.axes[4]
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 4
    assert [panel.get_title("left") for panel in panels] == ["a\u200388 mT", "truth", "b\u2003field removed", "truth"]
    for panel in panels:
        outline = [part for part in panel.collections if np.concatenate([p.vertices for p in part.get_paths()]).size]
        assert outline, "the area is closed in the image"
    drawn = {round(float(np.mean(line.get_xdata())), 4) for line in ratios.lines}
    assert {0.61, 0.72, 1.3, round(1.05 * 0.61, 4), round(1.05 * 0.72, 4), round(1.05 * 1.3, 4)} <= drawn


def test_nothing_is_drawn_of_what_was_not_measured(tmp_path: Path) -> None:
    results = load_series(write_pinning(tmp_path, damaged=False, sites=False, walls=False))
    with context():
        assert figure_damage.draw(results) is None
        assert draw_kinds(results) is None
        assert draw_walls(results) is None
        assert draw_states(results) is not None


def test_walls_are_shown_where_there_are_most(results: SeriesResults) -> None:
    changed = {"wall_state": ("wall_point", np.ones(results.shown.scored.sizes["wall_point"], int))}
    cases = tuple(replace(case, scored=case.scored.assign(changed)) for case in results.cases)
    with context():
        figure = draw_walls(replace(results, cases=cases))
    assert figure.axes[0].get_title("left") == f"a\u2003{STATES[1]}, hapre+"
