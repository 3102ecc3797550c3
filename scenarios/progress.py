"""What a run says while it works, and the table at its end.

- `Progress`: on a terminal one live line (which cell, how long), off a terminal one line per finished cell.
- `summary`: the methods with their key metrics, of a sweep: what all points tell together, then point by point;
- `study_summary`: the results of a study.
"""

import math
import statistics
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from records.scorecard import Scorecard
    from scenarios.cells import Outcome

_COLUMNS = (
    ("frc_truth.half_period", "to truth\nnm", 2),
    ("frc_halves.half_period", "by halves\nnm", 2),
    ("prtf.half_period", "PRTF\nnm", 2),
    ("wall_width", "wall \u03b4\nnm", 2),
    ("contrast", "\ncontrast", 3),
    ("correlation", "\ncorrelation", 3),
)
_SCAN_COLUMNS = (
    ("nrmse", "object\nerror", 4),
    ("frc_truth.half_period", "to truth\nnm", 2),
    ("frc_halves.half_period", "by halves\nnm", 2),
    ("magnetic.nrmse", "magnetic\nerror", 3),
    ("magnetic.frc_truth.half_period", "magnetic\nnm", 2),
    ("magnetic.contrast", "magnetic\ncontrast", 3),
    ("probe_nrmse", "probe\nerror", 4),
    ("position_error", "positions\nnm", 2),
    ("shift", "shift\nnm", 2),
    ("faults.precision", "faults\nprecision", 2),
    ("faults.recall", "faults\nrecall", 2),
)
"""Of a scan: a `faults` row is there only where frames went wrong."""
_VOLUME_COLUMNS = (
    ("hedgehogs.found", "hedgehogs\nfound", 0),
    ("hedgehogs.recall", "\nrecall", 2),
    ("hedgehogs.precision", "\nprecision", 2),
    ("vector.error", "vector\nerror", 3),
    ("vector.error_longitudinal", "longi-\ntudinal", 3),
    ("vector.error_transverse", "trans-\nverse", 3),
    ("fsc.full_period", "halves\nnm", 1),
    ("fsc_truth.full_period", "to truth\nnm", 1),
    ("pairs.opposite", "nearest +-\nnm", 1),
    ("pairs.plus", "nearest ++\nnm", 1),
    ("pairs.minus", "nearest --\nnm", 1),
)
"""Of a volume: full periods, as published."""
_BY_SCENARIO = {"ptychography": _SCAN_COLUMNS, "superlattice": _VOLUME_COLUMNS}
_LEGEND = "Resolutions are half periods, against the truth and between half data sets."
_VOLUME_LEGEND = "Hedgehogs at the border are left out; resolutions of the charge volume are full periods."


class Progress(AbstractContextManager["Progress"]):
    """Follow a run; everything goes to the standard error stream.

    Parameters
    ----------
    total : int
        Number of cells.
    console : rich.console.Console, optional
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._live = self._console.is_terminal
        self._bar = Bar(
            SpinnerColumn(),
            BarColumn(20),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("", total=total)
        self._running: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def start(self, label: str) -> None:
        """Name a cell that starts."""
        self.tick(label, 0.0)

    def tick(self, label: str, seconds: float) -> None:
        """Show how long a cell has been running."""
        with self._lock:
            self._running[label] = seconds
            self._show()

    def finish(self, label: str, outcome: "Outcome") -> None:
        """Report the end of a cell."""
        with self._lock:
            self._running.pop(label, None)
            self._bar.advance(self._task)
            self._show()
        how = "from the cache" if outcome.cached else f"{outcome.seconds:.1f} s"
        text = f"{label}: {outcome.state}" + (f" ({how})" if outcome.state == "done" else f": {outcome.reason}")
        if not self._live or outcome.state != "done":
            self._console.print(text, markup=False, soft_wrap=True)

    def _show(self) -> None:
        cells = "; ".join(f"{label} ({seconds:.0f} s)" for label, seconds in self._running.items())
        self._bar.update(self._task, description=cells)


def summary(scorecard: "Scorecard", methods: Sequence[str]) -> Group:
    """Return the table of methods with their key metrics, mean and spread over seeds and draws, and what is amiss."""
    points = [dict(point) for point in scorecard.config.get("run", {}).get("points", ())]
    if points:
        tables = Group(_pooled_table(scorecard, methods), "", _points_table(scorecard, methods, points))
    else:
        tables = Group(_methods_table(_values(scorecard), ("truth", *methods), _columns(scorecard)))
    remarks = [
        Text(f"{method}: {what}")
        for method in methods
        for what in (_states(scorecard, method), _flags(scorecard, method))
        if what
    ]
    legend = _VOLUME_LEGEND if _columns(scorecard) is _VOLUME_COLUMNS else _LEGEND
    return Group(tables, Text(legend, style="dim"), *remarks)


def _columns(scorecard: "Scorecard") -> tuple[tuple[str, str, int], ...]:
    return _BY_SCENARIO.get(scorecard.config.get("run", {}).get("scenario", ""), _COLUMNS)


Values = dict[tuple[str, str], list[float]]
"""Finite values by method and metric, lengths in nm."""


def _values(scorecard: "Scorecard", point: Mapping[str, Any] | None = None) -> Values:
    """Return the values of all cells, or those of one point of a sweep; ``{}`` is what all points tell together."""
    values: Values = {}
    for row in scorecard.rows:
        if point is None or dict(row.sweep) == point:
            kept = values.setdefault((row.method, row.metric), [])
            if row.value is not None and math.isfinite(row.value):
                kept.append(row.value * (1e9 if row.unit == "m" else 1.0))
    return values


def _table(*titles: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, title in enumerate(titles):
        table.add_column(title, justify="left" if position < left else "right", no_wrap=position < left)
    return table


def _methods_table(values: Values, methods: Sequence[str], columns: Sequence[tuple[str, str, int]]) -> Table:
    shown = [column for column in columns if any((method, column[0]) in values for method in methods[1:])]
    table = _table("\nmethod", *(title for _, title, _ in shown))
    for method in methods:
        table.add_row(method, *(_spread(values.get((method, metric), ()), digits) for metric, _, digits in shown))
    return table


def _pooled_table(scorecard: "Scorecard", methods: Sequence[str]) -> Table:
    """Return what all points tell together: a line for each metric, a column for each method.

    True values depend on what of the image is scored; those shown are the last method's.
    """
    values = _values(scorecard, {})
    units = {row.metric: row.unit for row in scorecard.rows if not (row.sweep or row.metric.endswith(".truth"))}
    table = _table("all points together", "unit", "truth", *methods, left=2)
    for metric, unit in units.items():
        found = [(methods[-1], f"{metric}.truth"), *((method, metric) for method in methods)]
        cells = [_significant(values.get(place, ())) for place in found]
        table.add_row(metric, {"1": "", "m": "nm"}.get(unit, unit), *cells)
    return table


def _points_table(scorecard: "Scorecard", methods: Sequence[str], points: Sequence[Mapping[str, Any]]) -> Table:
    """Return the main numbers at every point, with the true wall width; of the controls only the ceiling."""
    by_point = [_values(scorecard, point) for point in points]
    told = sorted((method for method in methods if method != "floor"), key=lambda method: method == "ceiling")
    metrics = dict.fromkeys(key[1] for values in by_point for key in values if key[0] in told)
    columns = _columns(scorecard)
    shown = [column for column in (columns[:4] if columns is _COLUMNS else columns) if column[0] in metrics]
    walls = any(("truth", "wall_width") in values for values in by_point)
    swept = ", ".join(dict.fromkeys(name for point in points for name in point))
    table = _table(f"\n{swept}", "\nmethod", *(title for _, title, _ in shown), *["true \u03b4\nnm"] * walls, left=2)
    for point, values in zip(points, by_point, strict=True):
        name = ", ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in point.values())
        truth = _spread(values.get(("truth", "wall_width"), ()), 2)
        for place, method in enumerate(told):
            cells = [_spread(values.get((method, metric), ()), digits) for metric, _, digits in shown]
            table.add_row("" if place else name, method, *cells, *["" if place else truth] * walls)
    return table


def study_summary(scorecard: "Scorecard") -> Group:
    """Return the table of the rows that speak of a whole study, and what is amiss."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("result")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("criterion", style="dim")
    for row in scorecard.rows:
        if not row.sweep:
            value = "" if row.value is None else f"{row.value:.4g}"
            if value and row.uncertainty is not None:
                value += f" \u00b1 {row.uncertainty:.2g}"
            table.add_row(row.metric, value, "" if row.unit == "1" else row.unit, row.criterion)
    bad = [status for status in scorecard.status if status.state != "done"]
    reasons = dict.fromkeys(f"{status.state}: {status.reason}" for status in bad)
    points = sum(bool(status.sweep) for status in bad)
    remarks = [Text(f"{points} points not done")] if points else []
    return Group(table, *remarks, *(Text(reason) for reason in reasons))


def _significant(values: Sequence[float]) -> str:
    """Return mean and spread to three digits, whatever their size."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.3g}"
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{mean} \u00b1 {spread:.2g}" if spread else mean


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    digits = max(digits - (abs(statistics.fmean(values)) >= 100), 0)
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def _flags(scorecard: "Scorecard", method: str) -> str:
    raised: dict[str, int] = {}
    for row in scorecard.rows:
        if row.method == method and row.metric.startswith("flag.") and row.value == 1:
            name = row.metric.removeprefix("flag.")
            raised[name] = raised.get(name, 0) + 1
    named = [f"{name} ({count})" if count > 1 else name for name, count in raised.items()]
    return f"flags {', '.join(named)}" if named else ""


def _states(scorecard: "Scorecard", method: str) -> str:
    """Say how the cells of a method ended, where not all are done."""
    states = [status.state for status in scorecard.status if status.method == method]
    if all(state == "done" for state in states):
        return ""
    return ", ".join(f"{states.count(s)} {s}" if len(states) > 1 else s for s in dict.fromkeys(states))
