"""Read the run directory of an experiment done at every point of a sweep, and what it has to say on its page.

Contents: :func:`is_series`, :func:`load_series` and what it gives, :class:`SeriesResults`; :func:`point_text`, a point
in words; :class:`SeriesStory`, the words and figures that one such experiment brings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from records import scorecard as scorecards
from records import store
from records.errors import RecordError
from records.scorecard import Scorecard, Status
from reports.drawings import Drawing
from reports.metrics import MINUS, Metric, plain, words
from reports.results import CONTROLS, Case, Results, Spread, in_table_order, load_resources, stored_cases
from reports.summary import Grouped, Headline, key_parameters

_SCHEMA = 1

AT_POINTS: Sequence[tuple[str, str, str]] = (
    ("frc_truth.half_period", "frc_truth.full_period", "FRC with truth"),
    ("frc_halves.half_period", "frc_halves.full_period", "FRC of halves"),
    ("wall_width", "", "Wall width \u03b4"),
    ("contrast", "", "Contrast"),
    ("correlation", "", "Correlation"),
)

Point = Mapping[str, Any]
"""Names and values of the swept parameters of one point."""


@dataclass(frozen=True)
class SeriesResults:
    """Everything that a report shows of an experiment with a sweep.

    Attributes
    ----------
    scorecard : Scorecard
    resources : mapping
        Content of ``resources.json``; empty where the file is missing.
    cases : tuple of Case
        What was found in all points together: the record ``pooled`` of each method, seed and draw.
    """

    scorecard: Scorecard
    resources: Mapping[str, Any]
    cases: tuple[Case, ...]

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        return self.scorecard.config

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return str(self.table("run").get("scenario", "run"))

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of the sweep, in its order."""
        return tuple(self.table("run").get("points", ()))

    @property
    def lead(self) -> str:
        """The method that figures and headlines show; empty where none has a result."""
        return self.pool.lead

    @property
    def shown(self) -> Case | None:
        """The case of the figures: the leading method's in the seed and draw with most methods."""
        return self.pool.gallery().get(self.lead)

    @property
    def tried(self) -> tuple[str, ...]:
        """All methods but the controls, in the order of the tables."""
        return tuple(method for method in self.pool.methods if method not in CONTROLS)

    @property
    def unfinished(self) -> tuple[Status, ...]:
        """What is not done: points, and what looks at all of them."""
        return tuple(status for status in self.scorecard.status if status.state != "done")

    @cached_property
    def pool(self) -> Results:
        """What all points tell together, as results of a run; with the flags of every point.

        A key of the configuration that the sweep replaces reads as the range of its values.
        """
        rows = tuple(row for row in self.scorecard.rows if not row.sweep or row.metric.startswith("flag"))
        config = {name: self._ranged(table) for name, table in self.config.items()}
        return Results(replace(self.scorecard, rows=rows, config=config), self.resources, self.cases)

    def _ranged(self, table: Any) -> Any:
        if not isinstance(table, Mapping) or not self.points:
            return table
        first, last = self.points[0], self.points[-1]
        swept = {key: f"{plain(first[key])} to {plain(last[key])}" for key in table if key in first and key in last}
        return {**table, **swept}

    def truth(self, metric: str) -> Spread | None:
        """Give the true value of a metric of all points together where the leading method was scored.

        Each method has its own: what it leaves out of its image is left out of the truth.
        """
        return self.pool.spread(self.lead, f"{metric}.truth")

    def at(self, point: Point) -> Results:
        """Give one point's rows, statuses and times as the results of a run; the images stay in their files."""
        rows = tuple(row for row in self.scorecard.rows if row.sweep == point)
        status = tuple(status for status in self.scorecard.status if status.sweep == point)
        cells = [cell for cell in self.resources.get("cells", []) if cell.get("point") == point]
        return Results(replace(self.scorecard, rows=rows, status=status), {**self.resources, "cells": cells}, ())

    def along(self, method: str, metric: str, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and standard deviation of a metric of a method at every point, times a scale.

        Parameters
        ----------
        method, metric : str
        scale : float

        Returns
        -------
        means, deviations : (points,) arrays
            The former NaN where there is no value, the latter 0 where there is no scatter.
        """
        spreads = [self.at(point).spread(method, metric) for point in self.points]
        pairs = [(np.nan, np.nan) if one is None else (one.mean * scale, one.deviation * scale) for one in spreads]
        means, deviations = np.array(pairs, dtype=float).T
        return means, np.nan_to_num(deviations)

    def table(self, name: str) -> Mapping[str, Any]:
        """Give a table of the configuration, empty where there is none."""
        table = self.config.get(name)
        return table if isinstance(table, Mapping) else {}


@dataclass(frozen=True)
class SeriesStory:
    """What one experiment with a sweep shows.

    Attributes
    ----------
    lead : callable
        Of the results: a paragraph on what was simulated.
    headlines : callable
        Of the results: the large numbers, those of the leading method.
    finding : callable
        Of the results: a paragraph on what came of it; may be empty.
    drawings : tuple of Drawing
    columns : tuple of (str, str)
        Metrics of all points together with their headings in the table of methods.
    metrics : mapping
        How metrics of its own are printed.
    at_points : sequence of (metric, metric of the full period or empty, heading), optional
        Columns of the table of all points; by default those of holography.
    key_parameters : callable, optional
        Of the pooled results: the most telling parameters by group; by default those of holography.
    """

    lead: Callable[[SeriesResults], str]
    headlines: Callable[[SeriesResults], tuple[Headline, ...]]
    finding: Callable[[SeriesResults], str]
    drawings: tuple[Drawing[SeriesResults], ...]
    columns: tuple[tuple[str, str], ...]
    metrics: Mapping[str, Metric]
    at_points: Sequence[tuple[str, str, str]] = AT_POINTS
    key_parameters: Callable[[Results], Grouped] = key_parameters


def is_series(scorecard: Scorecard) -> bool:
    """Tell whether a scorecard is that of an experiment with a sweep.

    Parameters
    ----------
    scorecard : Scorecard

    Returns
    -------
    bool
    """
    run = scorecard.config.get("run")
    return isinstance(run, Mapping) and bool(run.get("points")) and run.get("sort") != "study"


def load_series(directory: str | Path) -> SeriesResults:
    """Read the run directory of an experiment with a sweep.

    Parameters
    ----------
    directory : path

    Returns
    -------
    SeriesResults

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    base = Path(directory)
    scorecard = scorecards.load(base / "scorecard.json")
    if not is_series(scorecard):
        raise RecordError(f"{base / 'scorecard.json'}: names no points; expected an experiment with a sweep")
    if not all(isinstance(point, Mapping) and point for point in scorecard.config["run"]["points"]):
        raise RecordError(f"{base / 'scorecard.json'}: config.run.points: expected tables of swept parameters")
    resources = _labelled(load_resources(base / "resources.json"))
    cases = [_case(*place) for place in stored_cases(base, scorecard, "pooled")]
    return SeriesResults(scorecard, resources, in_table_order(cases, scorecard))


def _labelled(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give every cell a name that tells its point."""
    cells = [cell for cell in resources.get("cells", []) if isinstance(cell, Mapping)]
    named = [{"cell": _label(cell), **cell} for cell in cells]
    return {**resources, "cells": named} if cells else resources


def _label(cell: Mapping[str, Any]) -> str:
    at = ", all points" if cell.get("pooled") else "".join(f", {point_text(p)}" for p in [cell.get("point")] if p)
    return f"{cell.get('method')}, seed {cell.get('seed')}, draw {cell.get('draw')}{at}"


def _case(method: str, seed: int, draw: int, path: Path) -> Case:
    pooled = store.load(path)
    if pooled.attrs.get("record") != "pooled":
        raise RecordError(f"{path}: holds record {pooled.attrs.get('record')!r}; expected 'pooled'")
    if pooled.attrs.get("schema") != _SCHEMA:
        raise RecordError(f"{path}: has schema {pooled.attrs.get('schema')!r}; expected {_SCHEMA}; run it again")
    return Case(method, seed, draw, pooled)


def point_text(point: Point) -> str:
    """Write a point as a person reads it, such as ``"210 mT"`` or ``"1·10⁸ photons"``.

    Parameters
    ----------
    point : mapping

    Returns
    -------
    str
        Values with a true minus sign; the names of those that are plain numbers stay.
    """
    text = ", ".join(
        value if isinstance(value, str) else f"{plain(value)} {words(name)}" for name, value in point.items()
    )
    return re.sub(r"(?<!\w)-(?=\d)", MINUS, text)
