"""Read the run directory of a study, and what a study has to say on its page.

Contents: :func:`is_study`, :func:`load_study` and what it gives, :class:`StudyResults`; :class:`Story`, the words and
figures that one sort of study brings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from records import scorecard as scorecards
from records import store
from records.errors import RecordError
from records.scorecard import Row, Scorecard, Status
from reports.drawings import Drawing
from reports.metrics import Metric
from reports.results import load_resources
from reports.summary import Headline


@dataclass(frozen=True)
class StudyResults:
    """Everything that a report shows of a study.

    Attributes
    ----------
    scorecard : Scorecard
    resources : mapping
        Content of ``resources.json``; empty where the file is missing.
    study : Dataset or None
        Content of ``study.nc``; None where the study failed.
    """

    scorecard: Scorecard
    resources: Mapping[str, Any]
    study: xr.Dataset | None

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        return self.scorecard.config

    @property
    def name(self) -> str:
        """Name of the study."""
        return str(self.config["run"].get("scenario", "study"))

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that speak of the whole study."""
        return tuple(row for row in self.scorecard.rows if not row.sweep)

    @property
    def unfinished(self) -> tuple[Status, ...]:
        """What is not done, points and the study itself."""
        return tuple(status for status in self.scorecard.status if status.state != "done")

    def row(self, metric: str) -> Row | None:
        """Give the row of a metric of the whole study."""
        return next((row for row in self.rows if row.metric == metric), None)

    def value(self, metric: str) -> float:
        """Give a metric of the whole study, NaN where it has none."""
        row = self.row(metric)
        return math.nan if row is None or row.value is None else float(row.value)

    def table(self, name: str) -> Mapping[str, Any]:
        """Give a table of the configuration, empty where there is none."""
        table = self.config.get(name)
        return table if isinstance(table, Mapping) else {}


@dataclass(frozen=True)
class Story:
    """What one sort of study shows.

    Attributes
    ----------
    lead : callable
        Of the results: a paragraph on what was simulated.
    headlines : callable
        Of the results: the large numbers.
    finding : callable
        Of the results: a paragraph on what came of it.
    drawings : tuple of Drawing
    metrics : mapping
        How metrics of its own are printed.
    """

    lead: Callable[[StudyResults], str]
    headlines: Callable[[StudyResults], tuple[Headline, ...]]
    finding: Callable[[StudyResults], str]
    drawings: tuple[Drawing[xr.Dataset], ...]
    metrics: Mapping[str, Metric]


def is_study(scorecard: Scorecard) -> bool:
    """Tell whether a scorecard is that of a study.

    Parameters
    ----------
    scorecard : Scorecard

    Returns
    -------
    bool
    """
    run = scorecard.config.get("run")
    return isinstance(run, Mapping) and run.get("sort") == "study"


def load_study(directory: str | Path) -> StudyResults:
    """Read the run directory of a study.

    Parameters
    ----------
    directory : path

    Returns
    -------
    StudyResults

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    base = Path(directory)
    scorecard = scorecards.load(base / "scorecard.json")
    if not is_study(scorecard):
        raise RecordError(f"{base / 'scorecard.json'}: is that of an experiment; expected a study")
    path = base / "study.nc"
    study = store.load(path) if path.is_file() else None
    if study is not None and study.attrs.get("record") != "study":
        raise RecordError(f"{path}: holds record {study.attrs.get('record')!r}; expected 'study'")
    return StudyResults(scorecard, load_resources(base / "resources.json"), study)
