"""Read a run directory: scorecard, resources and what was scored.

Contents: :func:`load` and what it gives: :class:`Results` with one :class:`Case` per scored reconstruction, and
:class:`Spread`, the mean and the scatter of a metric over seeds and draws; :func:`load_resources`,
:func:`stored_cases`, :func:`in_table_order`, which other sorts of runs share.

A run of several seeds keeps them in folders ``seed-S``; a single seed lies in the run directory itself.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from records import scorecard as scorecards
from records import store
from records.errors import RecordError
from records.scorecard import Row, Scorecard, Status

TRUTH = "truth"
CONTROL_PLACE = {"floor": 0, "transverse": 2, "projection-ceiling": 3, "integral-ceiling": 4, "ceiling": 5}
"""Where the controls stand in a table; methods have place 1."""

CONTROLS = tuple(CONTROL_PLACE)
"""Methods that stand in a table for comparison only."""

BEST = ("hapre+", "rpie+", "vector+")
"""Our best methods; each kind of measurement has one."""

_IMAGES = (("object", "truth_object"), ("magnetization", "fill", "wz"), ("m_z", "truth_m_z", "difference"))
"""What a scored reconstruction must hold, by kind of measurement; the first name tells the kind."""

_SEED_FOLDER = re.compile(r"seed-(\d+)")


@dataclass(frozen=True)
class Spread:
    """A metric over all cells of one method.

    Attributes
    ----------
    mean : float
        NaN where no cell has a finite value.
    deviation : float
        Sample standard deviation over the cells, NaN for fewer than two.
    count : int
        Number of finite values.
    uncertainty : float
        Mean of the uncertainties stored with the rows, NaN where there are none.
    unit, direction, criterion, gauge : str
        As stored with the first row.
    limited : bool
        Whether a resolution of any cell ends at the edge of the band instead of at a crossing.
    """

    mean: float
    deviation: float
    count: int
    uncertainty: float
    unit: str
    direction: str
    criterion: str
    gauge: str
    limited: bool = False


@dataclass(frozen=True)
class Case:
    """One scored reconstruction with what its method says of itself."""

    method: str
    seed: int
    draw: int
    scored: xr.Dataset
    knowledge: tuple[str, ...] = ()
    gauge: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """Everything that a report shows of a run.

    Attributes
    ----------
    scorecard : Scorecard
    resources : mapping
        Content of ``resources.json``; empty where the file is missing.
    cases : tuple of Case
        In the order of methods, seeds, draws.
    """

    scorecard: Scorecard
    resources: Mapping[str, Any]
    cases: tuple[Case, ...]

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        return self.scorecard.config

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods in the order of the statuses and rows, without the truth; controls last but for the floor."""
        names = dict.fromkeys([status.method for status in self.scorecard.status])
        names |= dict.fromkeys([row.method for row in self.scorecard.rows if row.method != TRUTH])
        return tuple(sorted(names, key=lambda name: CONTROL_PLACE.get(name, 1)))

    @property
    def shown(self) -> tuple[int, int]:
        """The (seed, draw) of the figures: that with most methods, the first of equals."""
        counts: dict[tuple[int, int], int] = {}
        for case in self.cases:
            counts[case.seed, case.draw] = counts.get((case.seed, case.draw), 0) + 1
        return max(counts, key=lambda place: (counts[place], -place[0], -place[1])) if counts else (0, 0)

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """All pairs (seed, draw) of the run, sorted."""
        return tuple(sorted({(status.seed, status.draw) for status in self.scorecard.status}))

    def gallery(self) -> dict[str, Case]:
        """Give the cases of the figures by method, in the order of the tables."""
        found = {case.method: case for case in self.cases if (case.seed, case.draw) == self.shown}
        return {method: found[method] for method in self.methods if method in found}

    def compared(self) -> dict[str, Case]:
        """Give the cases of the figures that are no controls, by method."""
        return {method: case for method, case in self.gallery().items() if method not in CONTROLS}

    @property
    def lead(self) -> str:
        """The method that the figures put first: our best where it has a result, else the last that is no control."""
        gallery = list(self.compared())
        ours = (name for best in BEST for name in gallery if name.rpartition("/")[2] == best)
        return next(ours, next(reversed(gallery), ""))

    def value(self, case: Case, metric: str) -> float:
        """Give a metric of one scored reconstruction, NaN where it has none."""
        place = (case.method, case.seed, case.draw, metric)
        for row in self.scorecard.rows:
            if (row.method, row.seed, row.draw, row.metric) == place and row.value is not None:
                return float(row.value)
        return math.nan

    def spread(self, method: str, metric: str) -> Spread | None:
        """Give a metric's mean and scatter over the cells of a method.

        Parameters
        ----------
        method, metric : str

        Returns
        -------
        Spread or None
            None where no row exists.
        """
        rows = [row for row in self.scorecard.rows if row.method == method and row.metric == metric]
        return _spread(rows) if rows else None

    def truth(self, metric: str) -> Spread | None:
        """Give the true value of a metric: the row of the truth, else ``METRIC.truth`` of any row."""
        direct = self.spread(TRUTH, metric)
        if direct is not None:
            return direct
        rows = [row for row in self.scorecard.rows if row.metric == f"{metric}.truth"]
        return _spread(rows) if rows else None

    def metrics(self) -> tuple[str, ...]:
        """Give the names of all metrics, in the order in which they first appear."""
        return tuple(dict.fromkeys(row.metric for row in self.scorecard.rows))

    def statuses(self, method: str) -> tuple[Status, ...]:
        """Give what became of the cells of a method."""
        return tuple(status for status in self.scorecard.status if status.method == method)

    def seconds(self, method: str) -> float:
        """Give the mean time in seconds that a reconstruction took, NaN where it is not known."""
        times = []
        for cell in self.resources.get("cells", []):
            if isinstance(cell, Mapping) and cell.get("method") == method and cell.get("state") == "done":
                stages = cell.get("stages")
                times.append(stages.get("reconstruct") if isinstance(stages, Mapping) else None)
        finite = [float(value) for value in times if isinstance(value, int | float)]
        return statistics.fmean(finite) if finite else math.nan


def load(directory: str | Path) -> Results:
    """Read a run directory.

    Parameters
    ----------
    directory : path

    Returns
    -------
    Results

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    base = Path(directory)
    scorecard = scorecards.load(base / "scorecard.json")
    resources = load_resources(base / "resources.json")
    cases = [_case(*place) for place in stored_cases(base, scorecard, "scored")]
    return Results(scorecard, resources, in_table_order(cases, scorecard))


def stored_cases(base: Path, scorecard: Scorecard, part: str) -> Iterator[tuple[str, int, int, Path]]:
    """Give the files of a part of a run directory, ``PART/METHOD/DRAW.nc``, of every seed.

    Parameters
    ----------
    base : Path
        The run directory.
    scorecard : Scorecard
    part : str
        Such as ``"scored"``.

    Yields
    ------
    method, seed, draw, path

    Raises
    ------
    RecordError
        If a file's name is no number.
    """
    run = scorecard.config.get("run", {})
    seeds = run.get("seeds", []) if isinstance(run, Mapping) else []
    single = int(seeds[0]) if seeds else min((status.seed for status in scorecard.status), default=0)
    for folder, seed in _folders(base, single, part):
        for path in sorted((folder / part).rglob("*.nc")):
            relative = path.relative_to(folder / part)
            if not relative.stem.isdigit():
                raise RecordError(f"{path}: the name is not the number of a draw; expected {part}/METHOD/DRAW.nc")
            yield relative.parent.as_posix(), seed, int(relative.stem), path


def in_table_order(cases: Iterable[Case], scorecard: Scorecard) -> tuple[Case, ...]:
    """Sort cases by method as in the tables, seed and draw.

    Parameters
    ----------
    cases : iterable of Case
    scorecard : Scorecard

    Returns
    -------
    tuple of Case
    """
    order = {name: position for position, name in enumerate(Results(scorecard, {}, ()).methods)}
    return tuple(
        sorted(cases, key=lambda case: (order.get(case.method, len(order)), case.method, case.seed, case.draw))
    )


def _folders(base: Path, single: int, part: str) -> Iterator[tuple[Path, int]]:
    if (base / part).is_dir():
        yield base, single
    for folder in sorted(base.glob("seed-*")):
        match = _SEED_FOLDER.fullmatch(folder.name)
        if match and folder.is_dir():
            yield folder, int(match[1])


def _case(method: str, seed: int, draw: int, path: Path) -> Case:
    folder = path.parents[method.count("/") + 2]
    told = _attributes(folder / "reconstructions" / method / path.name)
    return Case(
        method=method,
        seed=seed,
        draw=draw,
        scored=_scored(path),
        knowledge=_names(told.get("knowledge")),
        gauge=_names(told.get("gauge")),
        parameters=_table(told.get("parameters")),
    )


def _scored(path: Path) -> xr.Dataset:
    dataset = store.load(path)
    if dataset.attrs.get("record") != "scored":
        raise RecordError(f"{path}: holds record {dataset.attrs.get('record')!r}; expected 'scored'")
    images = next((names for names in _IMAGES if names[0] in dataset.variables), _IMAGES[-1])
    missing = [name for name in (*images, "wy", "wx") if name not in dataset.variables]
    if missing:
        raise RecordError(f"{path}: scored.{missing[0]} is missing; expected the images of a scored reconstruction")
    return dataset


def _attributes(path: Path) -> Mapping[str, Any]:
    """Read a reconstruction's attributes and none of its images."""
    if not path.is_file():
        return {}
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False, mask_and_scale=False) as dataset:
            return dict(dataset.attrs)
    except Exception as error:  # h5py and xarray raise many sorts on damaged files
        raise RecordError(f"{path}: cannot be read as netCDF4: {' '.join(str(error).split())}") from error


def load_resources(path: Path) -> Mapping[str, Any]:
    """Read ``resources.json``; nothing where there is none.

    Parameters
    ----------
    path : Path

    Returns
    -------
    mapping

    Raises
    ------
    RecordError
        If the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise RecordError(f"{path}: holds {type(content).__name__}; expected a table")
    return content


def _names(text: Any) -> tuple[str, ...]:
    try:
        content = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return ()
    return tuple(str(item) for item in content) if isinstance(content, list) else ()


def _table(text: Any) -> Mapping[str, Any]:
    try:
        content = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _spread(rows: Sequence[Row]) -> Spread:
    values = [float(row.value) for row in rows if row.value is not None and math.isfinite(row.value)]
    errors = [float(row.uncertainty) for row in rows if row.uncertainty is not None]
    return Spread(
        mean=statistics.fmean(values) if values else math.nan,
        deviation=statistics.stdev(values) if len(values) > 1 else math.nan,
        count=len(values),
        uncertainty=statistics.fmean(errors) if errors else math.nan,
        unit=rows[0].unit,
        direction=rows[0].direction,
        criterion=rows[0].criterion,
        gauge=rows[0].gauge,
        limited=any("limited by sampling" in row.criterion for row in rows),
    )
