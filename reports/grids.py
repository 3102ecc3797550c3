"""Plain tables of a page: headings and rows of text.

Contents: :class:`Grid`, :func:`gauge_table` (what was known, found, removed), :func:`pair_table` (two methods beside
the right value), :func:`full_table` (every metric of every method) and :func:`target` (the right value of a metric).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.metrics import describe, number, plain, spread_text, words
from reports.results import TRUTH, Results, Spread


@dataclass(frozen=True)
class Grid:
    """A plain table: headings and rows of text, the first cell of each row its heading."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def target(results: Results, metric: str) -> float:
    """Give the right value of a metric.

    Parameters
    ----------
    results : Results
    metric : str

    Returns
    -------
    float
        In the stored unit, NaN where none is known.
    """
    constant = describe(metric).target
    if constant is not None:
        return constant
    truth = results.truth(metric)
    return truth.mean if truth is not None else math.nan


def gauge_table(results: Results) -> Grid:
    """Make the table of what each method was told, what it found itself and what the scoring removed.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
    """
    rows = []
    for method, case in results.gallery().items():
        headline = results.spread(method, "frc_truth.half_period")
        removed = headline.gauge if headline is not None else ""
        told = "the truth" if method == "ceiling" else ", ".join(case.knowledge) or "nothing"
        rows.append((method, told, ", ".join(case.gauge) or "\u2013", removed or "\u2013", _shift(results, method)))
    return Grid(
        ("method", "told beforehand", "found from its own data", "registered to the truth", "shift (nm)"), tuple(rows)
    )


def _shift(results: Results, method: str) -> str:
    shift = results.gallery()[method].scored.attrs.get("shift")
    if shift is None or len(shift) != 2:
        return "\u2013"
    return f"y {number(float(shift[0]) * 1e9, 1)}, x {number(float(shift[1]) * 1e9, 1)}"


def pair_table(results: Results, first: str, second: str) -> Grid:
    """Set two methods beside the truth: metrics that both have, then the parameters in which they differ.

    Parameters
    ----------
    results : Results
    first, second : str
        Methods.

    Returns
    -------
    Grid
        Without rows where one of the methods has no result.
    """
    rows = []
    for metric in results.metrics():
        a, b = results.spread(first, metric), results.spread(second, metric)
        if (a is None and b is None) or not _telling(metric):
            continue
        shown = describe(metric, (a or b).unit if (a or b) else "1")  # type: ignore[union-attr]
        goal = target(results, metric)
        truth = number(goal * shown.scale, shown.decimals) if math.isfinite(goal) else "\u2013"
        unit = f" ({shown.unit})" if shown.unit else ""
        rows.append((shown.label + unit, _value(a, metric), _value(b, metric), truth))
    gallery = results.gallery()
    if first not in gallery or second not in gallery or not rows:
        return Grid((), ())
    one, other = gallery[first].parameters, gallery[second].parameters
    for key in dict.fromkeys((*one, *other)):
        if one.get(key) != other.get(key):
            rows.append((f"{words(key)} (setting)", plain(one.get(key)), plain(other.get(key)), ""))
    return Grid(("", first, second, "right value"), tuple(rows))


def _telling(metric: str) -> bool:
    headline = metric in {
        "frc_truth.half_period",
        "frc_truth.full_period",
        "wall_width",
        "contrast",
        "correlation",
        "nrmse",
        "visibility",
    }
    return headline or "second_helicity" in metric or "after_" in metric or "seeded" in metric


def _value(spread: Spread | None, metric: str) -> str:
    if spread is None:
        return "\u2013"
    mean, deviation = spread_text(spread, describe(metric, spread.unit))
    return f"{mean} \u00b1 {deviation}" if deviation else mean


def full_table(results: Results) -> Grid:
    """Make the table of every metric of every method, for the end of the page.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
    """
    methods = [m for m in (TRUTH, *results.methods) if any(row.method == m for row in results.scorecard.rows)]
    rows = []
    for metric in results.metrics():
        spreads = [results.spread(method, metric) for method in methods]
        unit = describe(metric, next(s.unit for s in spreads if s is not None)).unit
        criterion = next((s.criterion for s in spreads if s is not None and s.criterion), "")
        cells = tuple("" if spread is None else _value(spread, metric) for spread in spreads)
        rows.append((metric, unit or "1", *cells, criterion))
    return Grid(("metric", "unit", *methods, "criterion"), tuple(rows))
