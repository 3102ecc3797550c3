"""The page of an experiment with a sweep: complete, the same twice, every point apart, honest about what is missing."""

import json
from pathlib import Path

import numpy as np
import pytest

from records import scorecard as scorecards
from records import store
from records.errors import RecordError
from records.scorecard import Row, Scorecard, Status
from reports.metrics import Metric, number
from reports.page import write_report
from reports.series import SeriesResults, is_series, load_series, point_text
from reports.series_page import points_table, pooled_table
from tests.reports.run_directory import write_run
from tests.reports.series_directory import DOSES, STATES, point_entries, write_dose, write_pinning
from tests.reports.test_page import Page, read

FAILED = [({"state": "210 mT"}, "hapre")]


@pytest.fixture(scope="module")
def pinning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pinning")
    return write_report(
        write_pinning(folder, seeds=(1, 2), methods=("hapre", "hapre+"), failed=FAILED, unpooled=("floor",))
    )


@pytest.fixture(scope="module")
def dose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_dose(tmp_path_factory.mktemp("dose"), methods=("fth", "hapre+")))


@pytest.fixture(scope="module")
def page(pinning: Path) -> Page:
    return read(pinning)


def plain(page: Page) -> str:
    return " ".join(page.text.split())


def test_page_of_pinning_has_figures_numbers_and_counts(page: Page) -> None:
    assert page.names == ["states", "walls", "damage", "kinds"]
    assert all(len(image["alt"] or "") > 20 for image in page.images)
    text = plain(page)
    for part in (
        "profile quick, 2 seeds (1, 2), 1 noise draw each, 5 points",
        "3 states (remanence; 210 mT; partial demagnetisation)",
        "of 6 sites that an image can show",
        "of 10 sites found",
        "of 8 sites found that are true",
        "2 of the sites found are where no site is.",
        "Found sites lie 3.2 nm from the true ones",
        "Figures show seed 1, draw 0; numbers and tables hold all 2 pairs",
    ):
        assert part in text, part
    assert "nan" not in text.lower()


def test_page_needs_nothing_else_and_is_the_same_twice(pinning: Path, page: Page, tmp_path: Path) -> None:
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert all(header.get("scope") in ("col", "row") for header in page.headers)
    write_pinning(tmp_path, seeds=(1, 2), methods=("hapre", "hapre+"), failed=FAILED, unpooled=("floor",))
    assert write_report(tmp_path).read_bytes() == pinning.read_bytes()


def test_what_failed_stays_with_its_reason(page: Page) -> None:
    text = plain(page)
    assert "38 of 42 cells are done." in text
    assert "all points togetherfloorseed 1, draw 0failedno walls" in text
    assert "210 mThapreseed 2, draw 0failedexit code 9" in text
    assert text.count("failed: exit code 9") == 2, "in the table of methods and in that of points"
    assert "floorcontrol10 of 12 done" in text
    assert "hapre+, seed 1, draw 0, partial demagnetisation" in text, "with the times"


def test_page_of_dose_names_the_range_instead_of_the_replaced_number(dose: Path) -> None:
    page = read(dose)
    assert page.names == ["curves", "patches", "correlations"]
    text = plain(page)
    assert text.count("3·10⁷ to 2·10¹⁰") == 2, "in the lead and among the parameters"
    assert "dose that suffices1·10⁹photons" in text
    assert "at 2·10¹⁰ photons; truth 5.11 nm" in text
    assert "No dose resolves less than a smaller one." in text


def test_a_dose_that_never_suffices_is_said(tmp_path: Path) -> None:
    assert "none of them" in plain(read(write_report(write_dose(tmp_path, enough=None))))


def test_page_of_doses_says_by_how_much_more_photons_resolve_less(tmp_path):
    text = plain(read(write_report(write_dose(tmp_path, rise=0.034))))
    assert "some dose resolves less than a smaller one, by 3.4 % at most." in text


def test_points_are_kept_apart(tmp_path: Path) -> None:
    results = load_series(write_dose(tmp_path, seeds=(1, 2)))
    for photons in DOSES:
        shown = min(1.0, 0.3 + 0.07 * np.log(photons / 1e7))
        entries = [point_entries(0.97 * (1 - 0.01 * seed) * shown) for seed in (1, 2)]
        widths = [value for each in entries for metric, value, *_ in each if metric == "wall_width"]
        spread = results.at({"photons": photons}).spread("hapre+", "wall_width")
        assert spread is not None
        assert spread.count == 2
        assert spread.mean == pytest.approx(np.mean(widths), rel=1e-7)
        assert spread.deviation == pytest.approx(np.std(widths, ddof=1), rel=1e-5)
    assert results.pool.spread("hapre+", "wall_width") is None
    assert results.at({"photons": 1e9}).seconds("hapre+") == 9.5


def test_table_of_points_has_every_point_by_every_method(tmp_path: Path) -> None:
    results = load_series(write_pinning(tmp_path, methods=("hapre", "hapre+"), damaged=False, failed=FAILED))
    table = points_table(results)
    assert [row[:2] for row in table.rows] == [
        (state, method) for state in STATES for method in ("truth", "floor", "hapre", "hapre+", "ceiling")
    ]
    failed = next(row for row in table.rows if row[:2] == ("210 mT", "hapre"))
    assert set(failed[2:-1]) == {""}
    assert failed[-1] == "failed: exit code 9"
    assert table.headings[2] == "FRC with truth, half period (nm)"
    assert {row[-1] for row in table.rows if row[1] == "hapre+"} == {"done"}


def pooled(values: dict[str, float], direction: str, truths: dict[str, float]) -> SeriesResults:
    place = {"scenario": "s", "profile": "p", "seed": 0, "draw": 0}
    rows = [Row(**place, method=m, metric="size", value=v, direction=direction) for m, v in values.items()]
    rows += [Row(**place, method=m, metric="size.truth", value=v) for m, v in truths.items()]
    status = [Status(**place, method=m, state="done", sweep={"a": 1}) for m in values]
    card = Scorecard({"run": {"scenario": "s", "points": [{"a": 1}]}}, tuple(rows), tuple(status))
    return SeriesResults(card, {}, ())


@pytest.mark.parametrize("direction", ["lower", "higher", "none"])
@pytest.mark.parametrize("seed", range(4))
def test_best_of_a_column_is_marked_and_never_a_control(direction: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = {
        name: float(value) for name, value in zip(("floor", "a", "b", "c", "ceiling"), rng.random(5), strict=True)
    }
    how = {"size": Metric("size", decimals=2)}
    table = pooled_table(pooled(values, direction, {}), (("size", "Size"),), how)
    tried = {name: number(values[name], 2) for name in "abc"}
    best = {"lower": min(tried.values()), "higher": max(tried.values()), "none": ""}[direction]
    marked = {row.method for row in table.rows if row.cells[0].best}
    assert marked == {name for name, text in tried.items() if text == best}


def test_table_of_methods_leaves_out_empty_columns_and_unlike_truths(tmp_path: Path) -> None:
    results = load_series(write_pinning(tmp_path))
    columns = (("walls.coverage", "Cover"), ("damage.growth", "Growth"), ("nothing", "Nothing"))
    table = pooled_table(results, columns, {})
    assert [column.label for column in table.columns] == ["Growth"]
    assert [row.method for row in table.rows] == ["truth", "floor", "hapre+", "ceiling"]
    truth = results.truth("damage.growth")
    assert truth is not None
    assert truth.mean == pytest.approx(1.05 * 1.3)
    card = results.scorecard
    rows = [row for row in card.rows if not (row.method == "floor" and row.metric == "damage.growth.truth")]
    other = Row(
        scenario="pinning", profile="quick", seed=0, draw=0, method="floor", metric="damage.growth.truth", value=9.0
    )
    again = SeriesResults(Scorecard(card.config, (*rows, other), card.status), {}, results.cases)
    assert again.truth("damage.growth").mean == truth.mean, "the floor's mask has nothing to say"


@pytest.mark.parametrize(
    ("parts", "figures"),
    [
        ({"damaged": False}, ["states", "walls", "kinds"]),
        ({"sites": False}, ["states", "walls", "damage"]),
        ({"walls": False}, ["states", "damage", "kinds"]),
        ({"unpooled": ("floor", "hapre+", "ceiling")}, []),
        ({"unpooled": ("hapre+",)}, []),
    ],
    ids=str,
)
def test_parts_that_are_missing(tmp_path: Path, parts: dict[str, object], figures: list[str]) -> None:
    page = read(write_report(write_pinning(tmp_path, **parts)))  # type: ignore[arg-type]
    assert page.names == figures
    assert ("No method has a result over all points" in page.text) == (not figures)
    assert "hapre+" in page.text


def test_an_experiment_without_a_story_has_its_numbers(tmp_path: Path) -> None:
    folder = write_pinning(tmp_path)
    text = (folder / "scorecard.json").read_text().replace('"pinning"', '"another"')
    (folder / "scorecard.json").write_text(text)
    page = read(write_report(folder))
    assert page.images == []
    assert "sites, recall" in page.text
    assert "There is no figure of this experiment." in page.text


def test_an_experiment_without_a_sweep_keeps_its_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path, methods=["fth"])
    assert not is_series(scorecards.load(folder / "scorecard.json"))
    assert "overview" in read(write_report(folder)).names
    with pytest.raises(RecordError, match=r"scorecard\.json: names no points; expected"):
        load_series(folder)


def test_damaged_and_foreign_files_are_one_line(tmp_path: Path) -> None:
    path = write_dose(tmp_path) / "pooled" / "hapre+" / "0.nc"
    content = path.read_bytes()
    store.save(store.load(path).assign_attrs(record="scored"), path)
    with pytest.raises(RecordError, match=r"0\.nc: holds record 'scored'; expected 'pooled'"):
        write_report(tmp_path)
    path.write_bytes(content)
    store.save(store.load(path).assign_attrs(schema=9), path)
    with pytest.raises(RecordError, match=r"0\.nc: has schema 9; expected 1"):
        write_report(tmp_path)
    path.write_bytes(content[: len(content) // 3])
    with pytest.raises(RecordError, match=r"0\.nc: cannot be read"):
        write_report(tmp_path)
    path.rename(path.with_name("first.nc"))
    with pytest.raises(RecordError, match="expected pooled/METHOD/DRAW"):
        write_report(tmp_path)
    card = json.loads((tmp_path / "scorecard.json").read_text())
    card["config"]["run"]["points"] = [3]
    (tmp_path / "scorecard.json").write_text(json.dumps(card))
    with pytest.raises(RecordError, match=r"config\.run\.points: expected tables"):
        write_report(tmp_path)


def test_nothing_foreign_becomes_markup(tmp_path: Path) -> None:
    folder = write_pinning(tmp_path, methods=("hapre+", "<b>"), damaged=False, unpooled=("<b>",))
    text = (folder / "scorecard.json").read_text().replace("no walls", "<script>alert(1)</script>")
    (folder / "scorecard.json").write_text(text)
    html = write_report(folder).read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<b></b>" not in html
    assert "&lt;script&gt;" in html


def test_points_in_words() -> None:
    assert point_text({"photons": 1e8}) == "1·10⁸ photons"
    assert point_text({"state": "-210 mT"}) == "\u2212210 mT"
    assert point_text({"state": "field-free", "defocus_px": 2}) == "field-free, 2 defocus px"
    assert point_text({}) == ""
