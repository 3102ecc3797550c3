"""The table of methods as plain cells: text is made here, markup in the templates.

Contents: :func:`method_table` (truth, floor, methods, ceiling; the headline metrics) and what it is made of:
:class:`MethodTable`, :class:`MethodRow`, :class:`Column`, :class:`Cell`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.flags import flags
from reports.grids import target
from reports.metrics import describe, number, spread_text, words
from reports.results import CONTROLS, TRUTH, Results

_ARROWS = {"lower": "\u2193", "higher": "\u2191", "match": "\u2192"}
_MEANING = {"lower": "lower is better", "higher": "higher is better", "match": "should match the truth"}

_HEADLINES: tuple[tuple[str, str, str], ...] = (
    ("frc_truth.half_period", "frc_truth.full_period", "FRC with truth"),
    ("frc_halves.half_period", "frc_halves.full_period", "FRC of halves"),
    ("prtf.half_period", "prtf.full_period", "PRTF"),
    ("wall_width", "", "Wall width \u03b4"),
    ("contrast", "", "Contrast"),
    ("correlation", "", "Correlation"),
    ("nrmse", "", "Wave error"),
    ("visibility", "", "Visibility"),
    ("coherence_length", "", "Coherence length \u03be"),
    ("focus_error", "", "Focus error"),
)


@dataclass(frozen=True)
class Column:
    """A column: the metric, its heading, unit and what is better."""

    metric: str
    label: str
    unit: str
    arrow: str
    meaning: str
    paired: bool


@dataclass(frozen=True)
class Cell:
    """A value, what follows its plus-minus sign, and the full period of a resolution."""

    mean: str = ""
    deviation: str = ""
    full_period: str = ""
    limited: bool = False
    best: bool = False


@dataclass(frozen=True)
class MethodRow:
    """A method in the table.

    Attributes
    ----------
    method : str
    kind : str
        ``"truth"``, ``"control"`` or ``"method"``.
    cells : tuple of Cell
    flags : tuple of str
        Names of raised flags.
    done, total : int
        Cells that have a result, all cells.
    trouble : tuple of str
        State and reason of every cell without a result, each sort once.
    seconds : str
        Mean time of a reconstruction.
    """

    method: str
    kind: str
    cells: tuple[Cell, ...]
    flags: tuple[str, ...] = ()
    done: int = 0
    total: int = 0
    trouble: tuple[str, ...] = ()
    seconds: str = ""


@dataclass(frozen=True)
class MethodTable:
    """The table of methods."""

    columns: tuple[Column, ...]
    rows: tuple[MethodRow, ...]


def method_table(results: Results, headlines: Sequence[tuple[str, str, str]] = _HEADLINES) -> MethodTable:
    """Make the table of methods: truth, floor, methods, ceiling.

    Parameters
    ----------
    results : Results
    headlines : sequence of (metric, metric of the full period or empty, heading), optional
        The columns; by default those of holography.

    Returns
    -------
    MethodTable
        Columns without a single value are left out; methods without a result stay with their reason.
    """
    columns = tuple(_column(results, *entry) for entry in headlines if _present(results, entry[0]))
    best = {column.metric: _best(results, column) for column in columns}
    rows = [_method_row(results, method, columns, best) for method in results.methods]
    truth = tuple(_truth_cell(results, column) for column in columns)
    if any(cell.mean for cell in truth):
        rows.insert(0, MethodRow(TRUTH, "truth", truth))
    return MethodTable(columns, tuple(rows))


def _present(results: Results, metric: str) -> bool:
    found = [results.spread(method, metric) for method in results.methods]
    return any(spread is not None and spread.count for spread in found)


def _column(results: Results, metric: str, full: str, label: str) -> Column:
    spreads = [found for method in results.methods if (found := results.spread(method, metric))]
    direction = spreads[0].direction if spreads else "none"
    return Column(
        metric,
        label,
        describe(metric).unit,
        _ARROWS.get(direction, ""),
        _MEANING.get(direction, ""),
        bool(full),
    )


def _best(results: Results, column: Column) -> float:
    """Find the best mean among the methods, NaN where fewer than two can be compared."""
    spreads = [
        results.spread(method, column.metric) for method in results.methods if _competes(results, method, column)
    ]
    values = [spread.mean for spread in spreads if spread is not None and spread.count]
    shown = describe(column.metric)
    if len({number(value * shown.scale, shown.decimals) for value in values}) < 2:
        return math.nan
    if column.arrow == _ARROWS["lower"]:
        return min(values)
    if column.arrow == _ARROWS["higher"]:
        return max(values)
    goal = target(results, column.metric)
    return math.nan if math.isnan(goal) else min(values, key=lambda value: abs(value - goal))


def _competes(results: Results, method: str, column: Column) -> bool:
    """Say whether a method can be the best of a column: a control cannot, nor can halves that the truth contradicts."""
    raised, _ = flags(results, method).get("halves_disagree", (0, 0))
    return method not in CONTROLS and not (raised and column.metric.startswith("frc_halves."))


def _method_row(results: Results, method: str, columns: Sequence[Column], best: dict[str, float]) -> MethodRow:
    control = method in CONTROLS
    marks = [best[column.metric] if _competes(results, method, column) else math.nan for column in columns]
    states = results.statuses(method)
    trouble = dict.fromkeys(
        f"{status.state}: {status.reason}" if status.reason else status.state
        for status in states
        if status.state != "done"
    )
    seconds = results.seconds(method)
    return MethodRow(
        method=method,
        kind="control" if control else "method",
        cells=tuple(_cell(results, method, column, mark) for column, mark in zip(columns, marks, strict=True)),
        flags=tuple(words(name) for name, (raised, _) in flags(results, method).items() if raised),
        done=sum(status.state == "done" for status in states),
        total=len(states),
        trouble=tuple(trouble),
        seconds="" if control or math.isnan(seconds) else number(seconds, 0 if seconds >= 10 else 1),
    )


def _cell(results: Results, method: str, column: Column, best: float) -> Cell:
    spread = results.spread(method, column.metric)
    if spread is None or not spread.count:
        return Cell()
    metric = describe(column.metric)
    mean, deviation = spread_text(spread, metric)
    full = results.spread(method, column.metric.replace("half_period", "full_period")) if column.paired else None
    return Cell(
        mean=mean,
        deviation=deviation,
        full_period=spread_text(full, metric)[0] if full is not None else "",
        limited=spread.limited,
        best=math.isfinite(best) and mean == number(best * metric.scale, metric.decimals),
    )


def _truth_cell(results: Results, column: Column) -> Cell:
    if column.paired:
        return Cell()
    goal = target(results, column.metric)
    spread = results.truth(column.metric)
    if spread is not None and spread.count:
        return Cell(*spread_text(spread, describe(column.metric)))
    return Cell(mean=number(goal, 0)) if math.isfinite(goal) else Cell()
