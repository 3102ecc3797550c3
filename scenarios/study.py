"""What a study is: a sample followed by simulation alone over a sweep; nothing is measured, nothing reconstructed.

- `Study`: what the runner and the command line need to know of one; `Point`: one point of its sweep.
- `StudyConfiguration`, `Limits`: the table every study has.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from scenarios.configuration import Table, shipped

ASSEMBLE = "assemble"
"""The stage that makes one study of all points."""

Value = str | int | float


class Limits(Table):
    """How the points are shared out, and within which limits; no result depends on it."""

    points_per_cell: int = Field(ge=1)
    time_limit_s: float = Field(gt=0)
    memory_limit_gb: float = Field(gt=0)


class StudyConfiguration(Table):
    """The tables of a study; each study adds its own."""

    study: Limits


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Parameters
    ----------
    kind : str
        The stage that computes it.
    values : mapping of str to str, int or float
        The swept parameters, as they stand in the rows.
    """

    kind: str
    values: Mapping[str, Value]

    @property
    def label(self) -> str:
        """What a person reads."""
        swept = ", ".join(
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.values.items()
        )
        return f"{self.kind}: {swept}" if swept else self.kind


@dataclass(frozen=True)
class Study:
    """A named study.

    Parameters
    ----------
    name : str
        As on the command line.
    summary : str
        One line.
    configuration : type
        The model of the tables.
    points : callable
        Of the configuration: the points of the sweep, each once.
    work : mapping of str to callable
        The stage ``assemble`` and one for every kind of point: functions of (arguments, input folders, folder to
        fill). A point is told ``configuration``, ``seed`` and ``point``; it writes `stages.POINT` and `stages.ROWS`.
        ``assemble`` is told ``configuration``, ``seed`` and ``points`` (of those that are done: ``kind`` and
        ``values``); its inputs are their folders, named by their place in that list; it writes `stages.STUDY` and
        `stages.ROWS`.
    rooms : mapping of str to tuple of str
        Modules whose sources each of these stages uses.
    tables : mapping of str to tuple of str
        Tables that each of these stages reads.
    """

    name: str
    summary: str
    configuration: type[StudyConfiguration]
    points: Callable[[Any], Sequence[Point]]
    work: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Path], Path], None]]
    rooms: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, tuple[str, ...]]

    @property
    def text(self) -> str:
        """The TOML text with the defaults and the profiles."""
        return shipped(self.name)
