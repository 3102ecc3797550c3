"""The record `Scorecard`: rows, statuses and the resolved configuration of a run, as plain JSON.

- `Row`: one number with its unit, direction, criterion and gauge;
- `Status`: what became of one cell;
- `Scorecard`: both, with `Scorecard.to_json` and `Scorecard.from_json`; the same content gives the same bytes;
- `save`, `load`: the file ``scorecard.json``.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np

from records.checks import SCHEMA, one_line, require
from records.errors import RecordError
from records.store import write_text

DIRECTIONS: Final = ("lower", "higher", "match", "none")
"""What is better: a lower value, a higher one, one that matches the truth's, or nothing of the sort."""

STATES: Final = ("done", "failed", "unsupported", "time limit", "memory limit")
"""What can become of a cell."""

DIGITS: Final = 9
"""Significant digits kept of every number."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric of one cell; `value` is None where the metric is not defined."""

    scenario: str
    profile: str
    seed: int
    draw: int
    method: str
    metric: str
    value: float | None
    unit: str = "1"
    uncertainty: float | None = None
    direction: str = "none"
    criterion: str = ""
    gauge: str = ""
    sweep: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the direction and the metric's name."""
        require(self.direction in DIRECTIONS, "Row.direction", f"found {self.direction!r}", f"one of {DIRECTIONS}")
        require(bool(self.metric), "Row.metric", "is empty", "the name of a metric")


@dataclass(frozen=True, kw_only=True)
class Status:
    """What became of one cell, and why."""

    scenario: str
    profile: str
    seed: int
    draw: int
    method: str
    state: str
    reason: str = ""
    sweep: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the state."""
        require(self.state in STATES, "Status.state", f"found {self.state!r}", f"one of {STATES}")


_Entry = TypeVar("_Entry", Row, Status)


@dataclass(frozen=True)
class Scorecard:
    """All rows and statuses of a run with its configuration."""

    config: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    status: tuple[Status, ...] = ()

    def to_json(self) -> str:
        """Return the JSON text: sorted keys, numbers rounded to `DIGITS`, what is not finite as null."""
        content = {
            "schema": SCHEMA,
            "config": dict(self.config),
            "rows": [asdict(row) for row in self.rows],
            "status": [asdict(status) for status in self.status],
        }
        return json.dumps(_plain(content), sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the scorecard of a JSON text.

        Raises
        ------
        RecordError
            If the text is not a scorecard.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise RecordError(f"Scorecard: not JSON: {one_line(error)}") from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise RecordError(f"Scorecard.schema: missing or unknown; expected {SCHEMA}")
        parts = {name: content.get(name) for name in ("rows", "status")}
        for name, part in parts.items():
            require(isinstance(part, list), f"Scorecard.{name}", f"found {type(part).__name__}", "a list")
        config = content.get("config")
        require(isinstance(config, dict), "Scorecard.config", f"found {type(config).__name__}", "a table")
        rows = tuple(_entry(Row, entry) for entry in content["rows"])
        return cls(content["config"], rows, tuple(_entry(Status, entry) for entry in content["status"]))


def _entry(kind: type[_Entry], entry: object) -> _Entry:
    """Build a row or a status from a table of a JSON text."""
    name = kind.__name__
    if not isinstance(entry, dict):
        raise RecordError(f"{name}: found {type(entry).__name__}; expected a table")
    allowed = {part.name for part in fields(kind)}
    unknown = sorted(set(entry) - allowed)
    require(not unknown, name, f"unknown keys {unknown}", f"keys among {sorted(allowed)}")
    try:
        return kind(**entry)
    except TypeError as error:
        raise RecordError(f"{name}: {one_line(error)}") from error


def _plain(value: Any) -> Any:
    """Return `value` in types that JSON knows, numbers rounded."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def save(scorecard: Scorecard, path: str | os.PathLike[str]) -> None:
    """Write ``scorecard.json``, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    write_text(path, scorecard.to_json())


def load(path: str | os.PathLike[str]) -> Scorecard:
    """Read ``scorecard.json``.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    try:
        return Scorecard.from_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{os.fspath(path)}: {error.strerror}; expected a scorecard") from error
    except ValueError as error:
        raise RecordError(f"{os.fspath(path)}: {one_line(error)}") from error
