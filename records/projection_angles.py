"""Angles of projections, from the file of the images or from a text of their own.

- `Angles`: tilt, in-plane angle and series of each projection, in radians;
- `angles_in`: from datasets; `read_angles`: from a text or CSV file;
- `series_of`: which images belong together where nobody says it.

A unit is never guessed: a text is in degrees unless said otherwise, a dataset says its own unit. Values that the stated
unit cannot explain are refused.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from records.checks import require
from records.errors import RecordError
from records.projection_members import Member, named, only, real_numbers, units_of
from records.projections import numbered_series

Array = NDArray[Any]

UNITS: Final = ("deg", "rad")

TILT: Final = ("tilt", "theta", "angles")
IN_PLANE: Final = ("in_plane", "phi", "azimuth")
SERIES: Final = ("series",)

_FULL: Final = {"deg": 360.0, "rad": 2 * np.pi}
_RADIANS: Final = 1.6
"""Three tilts or more, none beyond this, are no series in degrees."""

_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class Angles:
    """Where each projection was taken from.

    Attributes
    ----------
    tilt, in_plane : (projections,) float64 arrays
        rad.
    series : (projections,) int64 array
        From 0, without gaps.
    """

    tilt: NDArray[np.float64]
    in_plane: NDArray[np.float64]
    series: NDArray[np.int64]

    def of(self, projections: int, name: str) -> dict[str, ArrayLike]:
        """Return what `records.projections.make` takes.

        Raises
        ------
        RecordError
            If there are not as many angles as `projections`; `name` is where they come from.
        """
        found = f"{self.tilt.size} angles for {projections} projections"
        require(self.tilt.size == projections, name, found, "one tilt and in-plane angle for each")
        return {"tilt": self.tilt, "in_plane": self.in_plane, "series": self.series}


def angles_in(found: Sequence[Member], units: str | None, file: str) -> Angles | None:
    """Return the angles among the members of a file, None where it holds none.

    Parameters
    ----------
    found : sequence of Member
        ``tilt``, ``theta`` or ``angles`` and ``in_plane``, ``phi`` or ``azimuth``, with ``_deg`` or ``_rad`` behind or
        without, or ``angles`` of two or three columns; ``series`` where there is one.
    units : str, optional
        ``"deg"`` or ``"rad"``, in place of what the members state.
    file : str
        For messages.

    Raises
    ------
    RecordError
        If one of the two is missing, they differ in number, state no unit, or are beyond what it allows.
    """
    tilt = only(named(found, *_spellings(TILT)), "tilt angles")
    if tilt is None:
        return None
    values, unit = real_numbers(tilt), _unit(tilt, units)
    if values.ndim == 2 and values.shape[1] in (2, 3):
        return _angles(values.T, (unit, unit), (tilt.where, tilt.where, tilt.where))
    in_plane = only(named(found, *_spellings(IN_PLANE)), "in-plane angles")
    if in_plane is None:
        raise RecordError(f"{file}: no in-plane angles; expected a dataset {', '.join(IN_PLANE)} beside {tilt.path}")
    series = only(named(found, *SERIES), "series")
    columns = [values, real_numbers(in_plane), *([real_numbers(series)] if series is not None else [])]
    for column, member in zip(columns, (tilt, in_plane, series), strict=False):
        fits = column.ndim == 1 and column.shape == values.shape
        require(fits or member is None, member.where if member else file, f"shape {column.shape}", f"({values.size},)")
    where = (tilt.where, in_plane.where, series.where if series is not None else "")
    return _angles(columns, (unit, _unit(in_plane, units)), where)


def _spellings(names: Sequence[str]) -> list[str]:
    return [spelling for name in names for spelling in (name, f"{name}_deg", f"{name}_rad")]


def _unit(member: Member, units: str | None) -> str:
    unit = units or units_of(member, UNITS)
    expected = "an attribute units, 'deg' or 'rad', or to be told (angle_units)"
    require(unit in UNITS, member.where, "no unit" if not unit else f"unit {unit!r}", expected)
    return unit


def read_angles(path: str | os.PathLike[str], units: str | None = None) -> Angles:
    """Read the angles of projections from a text.

    Parameters
    ----------
    path : path
        A line for each projection: tilt, in-plane angle and, where there is one, the series, separated by commas,
        semicolons or blanks. What follows ``#`` is left out. A first line of names says another order of the columns.
    units : str, optional
        ``"deg"`` or ``"rad"``; degrees where neither this nor the line of names says so.

    Raises
    ------
    RecordError
        In one line: the file, the line in it, and what is wrong.
    """
    name = os.fspath(path)
    rows, order, said = _table(name, _text(path))
    require(len(rows) > 0, name, "no angles", "a line of tilt and in-plane angle for each projection")
    columns = order or ["tilt", "in_plane", "series"][: len(rows[0][1])]
    for number, row in rows:
        fits = len(row) == len(columns) and len(row) in (2, 3)
        require(
            fits, f"{name}: line {number}", f"{len(row)} columns", "tilt, in_plane and perhaps series, in each line"
        )
    values = np.array([row for _, row in rows]).T
    finite = np.isfinite(values).all(axis=0)
    bad = [rows[index][0] for index in np.flatnonzero(~finite)]
    require(not bad, f"{name}: line {bad[0] if bad else 0}", "not finite", "finite numbers")
    unit = units or said or "deg"
    require(unit in UNITS, "angle_units", f"found {unit!r}", str(UNITS))
    ordered = [values[columns.index(key)] for key in ("tilt", "in_plane", "series") if key in columns]
    return _angles(ordered, (unit, unit), (f"{name}: tilt", f"{name}: in_plane", f"{name}: series"))


def _text(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected a text of angles") from error
    except UnicodeDecodeError:
        raise RecordError(f"{name}: no text; expected a text of angles") from None


def _table(name: str, content: str) -> tuple[list[tuple[int, list[float]]], list[str], str]:
    """Return the lines of numbers with their place, the order of the columns and the unit that a line of names says."""
    rows: list[tuple[int, list[float]]] = []
    order: list[str] = []
    said = ""
    for number, line in enumerate(content.splitlines(), start=1):
        plain, _, remark = line.partition("#")
        cells = [cell for cell in re.split(r"\s*[,;\t]\s*|\s+", plain.strip()) if cell]
        try:
            row = [float(cell) for cell in cells]
        except ValueError:
            where = f"{name}: line {number}"
            require(not rows and not order, where, f"{line.strip()[:40]!r}", "numbers")
            order, said = _header(where, plain)
            continue
        if row:
            rows.append((number, row))
        elif not rows and not order and set(_words(remark)) and all(map(_is_known, _words(remark))):
            order, said = _header(f"{name}: line {number}", remark)
    return rows, order, said


def _words(line: str) -> list[str]:
    return re.findall(r"[a-z_]+", line.lower().replace("in-plane", "in_plane"))


def _is_known(word: str) -> bool:
    """Return whether a word of a remark is one that a line of names has; other remarks are for people."""
    return word.startswith((*_ALL_COLUMNS, *UNITS, "angle"))


def _header(where: str, line: str) -> tuple[list[str], str]:
    """Return the columns and the unit that a line of names says."""
    words = _words(line)
    order = [key for word in words for key, names in _COLUMNS.items() if word.startswith(names)]
    require(order in _ORDERS, where, f"names {line.strip()[:40]!r}", "tilt and in_plane, perhaps series")
    said = {unit for word in words for unit in UNITS if re.search(rf"(^|_){unit}", word)}
    require(len(said) < 2, where, "degrees and radians", "one unit")
    return order, said.pop() if said else ""


_COLUMNS: Final = {"tilt": ("tilt", "theta"), "in_plane": (*IN_PLANE, "inplane"), "series": SERIES}
_ALL_COLUMNS: Final = tuple(name for names in _COLUMNS.values() for name in names)
_ORDERS: Final = (
    ["tilt", "in_plane"],
    ["in_plane", "tilt"],
    ["tilt", "in_plane", "series"],
    ["in_plane", "tilt", "series"],
    ["series", "tilt", "in_plane"],
    ["series", "in_plane", "tilt"],
)


def _angles(columns: Sequence[Array] | Array, units: tuple[str, str], where: tuple[str, ...]) -> Angles:
    """Return columns of tilt, in-plane angle and, perhaps, series as `Angles`, checked against their units."""
    tilt = _in_radians(columns[0], units[0], where[0], _FULL[units[0]] / 4)
    in_plane = _in_radians(columns[1], units[1], where[1], _FULL[units[1]])
    steep = float(np.abs(columns[0]).max())
    radians = units[0] == "deg" and np.unique(columns[0]).size >= 3 and steep < _RADIANS
    require(not radians, where[0], f"angles look like radians, up to {steep:.6g} degrees", "the unit to be said")
    if len(columns) == 2:
        return Angles(tilt, in_plane, series_of(in_plane))
    labels = np.asarray(columns[2])
    whole = bool((labels == np.round(labels)).all())
    require(whole, where[2], "fractions", "whole numbers, one for each mounting of the sample")
    return Angles(tilt, in_plane, numbered_series(labels))


def _in_radians(values: Array, unit: str, where: str, most: float) -> NDArray[np.float64]:
    """Return angles in radians.

    Raises
    ------
    RecordError
        If one is beyond `most`.
    """
    index = int(np.argmax(np.abs(values)))
    fits = abs(values[index]) <= most * (1 + _ROUNDING)
    doubt = "; are these degrees?" if unit == "rad" else ""
    require(fits, where, f"{values[index]:.6g} {unit} in projection {index}", f"up to {most:.6g} {unit}{doubt}")
    return np.asarray(np.radians(values) if unit == "deg" else values, dtype=np.float64)


def series_of(in_plane: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the series of images of which only the angles are known.

    Images of one in-plane angle are one series, numbered in the order in which they come; where most images have an
    in-plane angle of their own, all are one.
    """
    places = np.round(np.exp(1j * in_plane), 6) + 0  # the zero that is added makes -0 equal to 0
    _, first, labels = np.unique(places, return_index=True, return_inverse=True)
    if first.size > in_plane.size // 2:
        return np.zeros(in_plane.size, dtype=np.int64)
    return np.asarray(np.argsort(np.argsort(first))[labels.reshape(-1)], dtype=np.int64)
