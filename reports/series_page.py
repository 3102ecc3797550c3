"""The page of an experiment with a sweep: what all points tell together, each point, what is not done.

Contents: :func:`render`; :data:`STORIES`, the words and figures of each experiment by its name. One without a story
gets its numbers and nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from reports import dose_words, flags, grids, ptychography_words, site_words, summary, tables
from reports.drawings import Picture, drawn
from reports.grids import Grid
from reports.metrics import Metric, describe, number, spread_text
from reports.results import TRUTH, Results, Spread
from reports.series import AT_POINTS, Point, SeriesResults, SeriesStory, point_text
from reports.tables import Cell, Column, MethodRow, MethodTable
from reports.templating import fill

STORIES: Final[Mapping[str, SeriesStory]] = {
    "pinning": site_words.STORY,
    "dose": dose_words.STORY,
    "ptychography": ptychography_words.STORY,
}

_LISTED = 20
"""Cells that are not done, listed one by one."""
_BETTER = {
    "lower": ("\u2193", "lower is better"),
    "higher": ("\u2191", "higher is better"),
    "match": ("\u2192", "should match the truth"),
}


def render(results: SeriesResults) -> str:
    """Make the text of the page.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    str
        HTML; the same results give the same text.
    """
    story, pool = STORIES.get(results.name), results.pool
    shown = results.shown
    return fill(
        "series.html.j2",
        title=summary.title(results),
        subtitle=f"{summary.subtitle(pool)}, {len(results.points)} points",
        lead=story.lead(results) if story else summary.lead_paragraph(pool),
        headlines=story.headlines(results) if story and shown else (),
        leading=results.lead,
        finding=story.finding(results) if story and shown else "",
        figures=_pictures(results, story),
        table=pooled_table(results, _columns(results, story), story.metrics if story else {}),
        cells=len(pool.places),
        points=points_table(results, story.at_points if story else AT_POINTS),
        sentences=flags.flag_sentences(pool),
        flags=flags.flag_table(pool),
        done=sum(status.state == "done" for status in pool.scorecard.status),
        total=len(pool.scorecard.status),
        unfinished=_unfinished(results),
        key_parameters=story.key_parameters(pool) if story else summary.key_parameters(pool),
        shown=(shown.seed, shown.draw) if shown else None,
        full=grids.full_table(pool),
        full_points=[(point_text(point), grids.full_table(results.at(point))) for point in results.points],
        settings=summary.settings(results),
        environment=summary.environment(results),
    )


def _pictures(results: SeriesResults, story: SeriesStory | None) -> list[Picture]:
    return drawn(story.drawings if story and results.shown else (), results)


def _columns(results: SeriesResults, story: SeriesStory | None) -> tuple[tuple[str, str], ...]:
    if story:
        return story.columns
    metrics = dict.fromkeys(row.metric for row in results.scorecard.rows if not row.sweep)
    return tuple((metric, describe(metric).label) for metric in metrics if not metric.endswith(".truth"))


def pooled_table(
    results: SeriesResults, columns: tuple[tuple[str, str], ...], known: Mapping[str, Metric]
) -> MethodTable:
    """Make the table of methods with what all points tell together.

    Parameters
    ----------
    results : SeriesResults
    columns : tuple of (str, str)
        Metrics and their headings.
    known : mapping
        How metrics are printed that have no name elsewhere.

    Returns
    -------
    MethodTable
        Columns without a single value are left out; methods without a result stay with their reason.
    """
    pool = results.pool
    shown = [(metric, label, _metric(metric, known)) for metric, label in columns if _present(pool, metric)]
    headed = tuple(_column(pool, metric, label, how) for metric, label, how in shown)
    best = {metric: _best(results, metric, how) for metric, _, how in shown}
    truth = tuple(_cell(results.truth(metric), how) for metric, _, how in shown)
    rows = [MethodRow(TRUTH, "truth", truth)] if any(cell.mean for cell in truth) else []
    for row in tables.method_table(pool).rows:
        cells = [_cell(pool.spread(row.method, metric), how, row.method in best[metric]) for metric, _, how in shown]
        rows.append(replace(row, cells=tuple(cells)))
    return MethodTable(headed, tuple(rows))


def _metric(metric: str, known: Mapping[str, Metric]) -> Metric:
    return known.get(metric) or describe(metric)


def _present(pool: Results, metric: str) -> bool:
    spreads = [pool.spread(method, metric) for method in pool.methods]
    return any(spread is not None and spread.count for spread in spreads)


def _column(pool: Results, metric: str, label: str, how: Metric) -> Column:
    direction = next(row.direction for row in pool.scorecard.rows if row.metric == metric)
    arrow, meaning = _BETTER.get(direction, ("", ""))
    return Column(metric, label, how.unit, arrow, meaning, paired=False)


def _best(results: SeriesResults, metric: str, how: Metric) -> set[str]:
    """Name the methods that are the best of a column as it is printed; none where fewer than two can be compared."""
    spreads = {m: s for m in results.tried if (s := results.pool.spread(m, metric)) is not None and s.count}
    printed = {method: number(spread.mean * how.scale, how.decimals) for method, spread in spreads.items()}
    direction = next((spread.direction for spread in spreads.values()), "none")
    truth = results.truth(metric)
    goal = {"lower": -math.inf, "higher": math.inf}.get(direction, truth.mean if truth else math.nan)
    if len(set(printed.values())) < 2 or direction == "none" or math.isnan(goal):
        return set()
    sign = -1 if direction == "higher" else 1
    away = {m: sign * s.mean if math.isinf(goal) else abs(s.mean - goal) for m, s in spreads.items()}
    return {method for method, text in printed.items() if text == printed[min(away, key=lambda m: away[m])]}


def _cell(spread: Spread | None, how: Metric, best: bool = False) -> Cell:
    if spread is None or not spread.count:
        return Cell()
    mean, deviation = spread_text(spread, how)
    return Cell(mean=mean, deviation=deviation, best=best)


def points_table(results: SeriesResults, headlines: Sequence[tuple[str, str, str]] = AT_POINTS) -> Grid:
    """Make the table of every point by method.

    Parameters
    ----------
    results : SeriesResults
    headlines : sequence of (metric, metric of the full period or empty, heading)

    Returns
    -------
    Grid
    """
    found = {point_text(point): tables.method_table(results.at(point), headlines) for point in results.points}
    named = {column.metric: column for table in found.values() for column in table.columns}
    columns = [named[metric] for metric, *_ in headlines if metric in named]
    rows = []
    for point, table in found.items():
        place = {column.metric: index for index, column in enumerate(table.columns)}
        for row in table.rows:
            cells = [row.cells[place[c.metric]] if c.metric in place else Cell() for c in columns]
            rows.append((point, row.method, *(_text(cell) for cell in cells), _state(row)))
    headings = [f"{column.label}{_unit(column)}" for column in columns]
    return Grid((_swept(results), "method", *headings, "outcome"), tuple(rows))


def _swept(results: SeriesResults) -> str:
    return ", ".join(dict.fromkeys(name for point in results.points for name in point)) or "point"


def _unit(column: Column) -> str:
    period = ", half period" if column.paired else ""
    return f"{period} ({column.unit})" if column.unit else period


def _text(cell: Cell) -> str:
    limit = "\u2264\u2009" if cell.limited else ""
    return f"{limit}{cell.mean} \u00b1 {cell.deviation}" if cell.deviation else f"{limit}{cell.mean}"


def _state(row: MethodRow) -> str:
    if row.kind == "truth":
        return ""
    return "; ".join(row.trouble) or "done"


def _unfinished(results: SeriesResults) -> Grid:
    rows = [
        (
            _place(status.sweep),
            status.method,
            f"seed {status.seed}, draw {status.draw}",
            status.state,
            status.reason,
        )
        for status in results.unfinished
    ]
    if len(rows) > _LISTED:
        rows[_LISTED:] = [(f"{len(rows) - _LISTED} more", "", "", "", "")]
    return Grid((_swept(results), "method", "sample and noise", "outcome", "reason"), tuple(rows))


def _place(sweep: Point) -> str:
    return point_text(sweep) or "all points together"
