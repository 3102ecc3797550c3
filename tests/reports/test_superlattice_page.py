"""The page of vector tomography: what is on it, and that it holds up where something is missing."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from records import scorecard as scorecards
from records import store
from reports import (
    figure_superlattice_geometry,
    figure_superlattice_lines,
    figure_superlattice_voids,
    figure_superlattice_volumes,
    lattice_view,
    superlattice_words,
    tables,
    volume_view,
)
from reports.mesh_view import spanned
from reports.page import write_report
from reports.results import Results, load
from reports.style import method_style
from reports.superlattice_scored import Grid3, Hedgehogs
from tests.reports import superlattice_directory

_METHODS = ("floor", "cgls", "vector+")
_NEEDED = ("magnetization", "fill", "wz", "wy", "wx")


@pytest.fixture(scope="module", autouse=True)
def _small_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (lattice_view, volume_view, figure_superlattice_voids):
            patch.setattr(module, "_PIXELS", 60)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return superlattice_directory.write(folder, methods=_METHODS, size_nm=(50.0, 80.0, 80.0))


@pytest.fixture(scope="module")
def results(run: Path) -> Results:
    return load(run)


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture
def bare(run: Path, tmp_path: Path) -> Path:
    """The run, of whose scored volumes nothing but the estimates is left."""
    folder = Path(shutil.copytree(run, tmp_path / "bare"))
    for path in folder.glob("scored/*/0.nc"):
        scored = store.load(path)
        store.save(scored.drop_vars([name for name in scored.variables if name not in _NEEDED]), path)
    return folder


@pytest.mark.parametrize(("start", "series"), [("photons", False), ("projections", True)])
def test_parameters_are_of_what_was_simulated(start: str, series: bool) -> None:
    config = {"series": {"from": start, "photons": 1e4}, "scan": {"rows": 11}, "detector": {"photons": 2e6}}
    told = dict(superlattice_words.key_parameters(SimpleNamespace(config=config)))
    assert ("photons" in dict(told["Projections"])) == series
    assert ("Detector" in told) == ("Scan" in told) == (not series)


def test_page_shows_every_part(page: str) -> None:
    for name in ("overview", "methods", "directions", "differences", "fill", "charge", "components", "pairs", "voids"):
        assert f'<figure id="{name}">' in page, name
    assert '<figure id="geometry">' in page
    for text in ("Recall", "Error of m", "FSC, halves", "octahedral", "told beforehand", "Soft x-rays of both"):
        assert text in page, text
    assert not re.search(r"\bnan\b", re.sub(r"data:image[^\"]*", "", page))


def test_page_needs_nothing_else(page: str) -> None:
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)


def test_the_best_method_leads(results: Results) -> None:
    assert results.lead == "vector+"


def test_chain_leads_by_its_last_part(run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run, tmp_path / "chains"))
    for part in ("scored", "reconstructions"):
        (folder / part / "rpie+").mkdir()
        for method in ("cgls", "vector+"):
            (folder / part / method).rename(folder / part / "rpie+" / method)
    path = folder / "scorecard.json"
    text = re.sub(r'"method": ?"(cgls|vector\+)"', r'"method": "rpie+/\1"', path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    results = load(folder)
    assert results.lead == "rpie+/vector+"
    assert method_style("rpie+/vector+", results.methods) == method_style("vector+")


def test_failed_method_stays_in_the_table(run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run, tmp_path / "failed"))
    for part in ("scored", "reconstructions"):
        shutil.rmtree(folder / part / "vector+")
    card = scorecards.load(folder / "scorecard.json")
    for status in card.status:
        if status.method == "vector+":
            object.__setattr__(status, "state", "failed")
            object.__setattr__(status, "reason", "it was told to")
    rows = tuple(row for row in card.rows if row.method != "vector+")
    store.write_text(folder / "scorecard.json", scorecards.Scorecard(card.config, rows, card.status).to_json())
    results = load(folder)
    assert results.lead == "cgls"
    row = next(row for row in tables.method_table(results, superlattice_words.COLUMNS).rows if row.method == "vector+")
    assert row.trouble == ("failed: it was told to",)


def test_page_says_what_is_missing(bare: Path) -> None:
    text = write_report(bare).read_text(encoding="utf-8")
    assert "Nothing stored of:" in text
    for what in ("distances of pairs", "surfaces of voids", "errors of the geometry", "field lines"):
        assert what in text
    assert '<figure id="overview">' in text


def test_page_without_any_result(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    shutil.copy(run / "scorecard.json", folder)
    assert "there is no volume to show" in write_report(folder).read_text(encoding="utf-8")


def test_hedgehogs_at_the_border_are_neither_missed_nor_false() -> None:
    border, matched = [True, False, False], [False, False, True]
    lists = {f"{p}hedgehog_{n}": (f"{p}hedgehog", v) for p in ("", "true_") for n, v in _columns(border, matched)}
    places = {f"{p}hedgehog_position": ((f"{p}hedgehog", "axis"), 5e-9 * np.eye(3)) for p in ("", "true_")}
    marks = Hedgehogs.of(xr.Dataset(lists | places))
    assert marks.missed.tolist() == marks.false.tolist() == [False, True, False]
    np.testing.assert_allclose(marks.found, 5 * np.eye(3))
    assert not marks.truth.missed.any()
    assert not marks.truth.false.any()


def _columns(border: list[bool], matched: list[bool]) -> list[tuple[str, list[bool] | list[int]]]:
    return [("charge", [1, -1, 1]), ("border", border), ("matched", matched)]


def test_no_list_is_an_empty_list() -> None:
    marks = Hedgehogs.of(xr.Dataset())
    assert marks.found.shape == marks.true.shape == (0, 3)
    assert marks.false.shape == (0,)


def test_grid_is_that_of_the_volume(results: Results) -> None:
    scored = results.gallery()["cgls"].scored
    grid = Grid3.of(scored)
    np.testing.assert_allclose(grid.steps, 5.0)
    np.testing.assert_allclose((grid.high - grid.low) / 5.0, scored["fill"].shape)


def test_sites_and_pairs_of_every_method(results: Results) -> None:
    sites = superlattice_words.sites_table(results)
    assert [row[0] for row in sites.rows] == ["truth", *_METHODS]
    case = results.gallery()["cgls"].scored
    assert sites.rows[2][-1].endswith(f"/ {int(case['site_count'].sel(source='found').sum())}")
    assert [row[0] for row in superlattice_words.pairs_table(results).rows] == [row[0] for row in sites.rows]


def test_notes_of_the_fits_name_their_pairs() -> None:
    notes = ["few", "few; off", "distances is of shape (1,)"]
    one = xr.Dataset({"pair_note": ("pair_kind", notes)}, coords={"pair_kind": ["minus", "opposite", "plus"]})
    assert superlattice_words._notes(one) == "+ \u2212, \u2212 \u2212: few; + \u2212: off"
    ends = [f"the {name} is at the shape bound, xi = -0.95, in 7% of 100" for name in ("bootstrap", "null")]
    one["pair_note"] = ("pair_kind", ["", "; ".join(ends), ends[0]])
    assert superlattice_words._notes(one) == "+ \u2212, + +: the shape is at its bound in some redraws"


def test_figures_of_a_run_without_methods(tmp_path: Path, run: Path) -> None:
    shutil.copy(run / "scorecard.json", tmp_path)
    results = load(tmp_path)
    for draw in (
        figure_superlattice_geometry.draw,
        figure_superlattice_lines.draw,
        figure_superlattice_voids.draw,
        figure_superlattice_volumes.draw_sides,
        figure_superlattice_volumes.draw_methods,
    ):
        assert draw(results) is None


def test_spins_of_an_octant_span_an_eighth_of_the_sphere() -> None:
    x, y, z = np.eye(3)[:, None]
    np.testing.assert_allclose(spanned(x, y, z), 4 * np.pi / 8)
    np.testing.assert_allclose(spanned(y, x, z), -4 * np.pi / 8)
