"""The report of a run: one HTML page that needs nothing else.

Contents: :func:`write_report` (reads a run directory, writes ``report.html`` into it), :func:`render` (the text of a
run that measures and reconstructs; that of a study is in `reports.study_page`, that of a sweep in
`reports.series_page`, that of a ptychographic one in `reports.ptychography_page`, that of vector tomography in
`reports.superlattice_page`).

Images and the style sheet are part of the page. Nothing on it depends on when or where it is made.
"""

from __future__ import annotations

from pathlib import Path

from records import scorecard as scorecards
from records import store
from reports import grids, ptychography_page, run_page, series_page, study_page, summary, superlattice_page, tables
from reports.figures import pictures
from reports.results import Results, load
from reports.series import is_series, load_series
from reports.studies import is_study, load_study
from reports.templating import fill

_NAME = "report.html"


def write_report(directory: str | Path) -> Path:
    """Write the report of a run directory, whole or not at all.

    Parameters
    ----------
    directory : path
        What a run wrote.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RecordError
        In one line: a file that is missing or damaged.
    OSError
        If the page cannot be written.
    """
    page = Path(directory) / _NAME
    store.write_text(page, _text(directory))
    return page


def _text(directory: str | Path) -> str:
    """Make the page of the sort of run that the directory holds."""
    scorecard = scorecards.load(Path(directory) / "scorecard.json")
    if is_study(scorecard):
        return study_page.render(load_study(directory))
    if is_series(scorecard):
        return series_page.render(load_series(directory))
    results = load(directory)
    return _PAGES.get(str(results.config.get("run", {}).get("scenario", "")), render)(results)


def render(results: Results) -> str:
    """Make the text of the page.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
        HTML; the same results give the same text.
    """
    drawn = {picture.name: picture for picture in pictures(results)}
    return fill(
        "report.html.j2",
        lead=summary.lead_paragraph(results),
        key_parameters=summary.key_parameters(results),
        headlines=summary.headlines(results),
        table=tables.method_table(results),
        pair=grids.pair_table(results, "hapre", "hapre+"),
        **run_page.parts(results, drawn),
    )


_PAGES = {"ptychography": ptychography_page.render, "superlattice": superlattice_page.render}
"""Scenarios with a page of their own; the others are holography's."""
