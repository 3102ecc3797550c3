"""The words at the head of a page: what was simulated, with which parameters, and what came of it.

Contents: :func:`title`, :func:`lead_paragraph`, :func:`key_parameters`, :func:`headlines`, :func:`settings` (the whole
configuration) and :func:`environment` (versions, machine, times); :func:`config_table` and :func:`grouped`, for the
words of other kinds of measurement.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reports.grids import target
from reports.metrics import describe, number, plain, setting, spread_text, value_text, words
from reports.results import Results

Group = tuple[str, str, tuple[str, ...]]
"""Heading of a group of parameters, name of their table, their keys."""

Grouped = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Groups of pairs of label and value."""

_KEYS: tuple[Group, ...] = (
    ("Sample", "sample", ("period_nm", "wall_width_nm", "repeats", "cobalt_nm", "platinum_nm", "copper_nm")),
    (
        "Optics",
        "optics",
        ("energy_ev", "polarization", "hole_nm", "references", "edge_width_nm", "visibility", "resolving_power"),
    ),
    (
        "Detector",
        "detector",
        ("photons", "pixels", "pitch_um", "stops_speckles", "read_noise_electrons", "full_well_electrons"),
    ),
)
_LABELS = {
    "photons": "photons per helicity",
    "pixels": "pixels a side",
    "repeats": "repeats of Pt | Co | Cu",
    "visibility": "visibility at the references",
    "stops_speckles": "radii of the beam stops",
    "resolving_power": "resolving power E/\u0394E",
}
_HEADLINES = (
    ("frc_truth.half_period", "resolution, half period"),
    ("wall_width", "wall width \u03b4"),
    ("contrast", "contrast of m_z"),
    ("visibility", "visibility"),
    ("focus_error", "error of the focus"),
)
_DRAWN = ("period_nm",)  # of drawn domains; relaxed ones find their own
_FROM_FILM = ("wall_width_nm",)  # where a table of the film's own says the anisotropy instead
_SPECIAL: dict[tuple[str, float], str] = {("resolving_power", 0): "a single energy"}


class Run(Protocol):
    """What a run of any sort has stored."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""

    @property
    def resources(self) -> Mapping[str, Any]:
        """Content of ``resources.json``."""


@dataclass(frozen=True)
class Headline:
    """A large number at the head of the page."""

    label: str
    value: str
    unit: str
    note: str


def title(results: Run) -> str:
    """Give the title of the page.

    Parameters
    ----------
    results : Run

    Returns
    -------
    str
    """
    name = words(str(_run(results).get("scenario", "run"))).replace("-", " ")
    return name[:1].upper() + name[1:]


def subtitle(results: Results) -> str:
    """Say which run of the scenario this is: profile, seeds and draws.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
    """
    run = _run(results)
    seeds = list(run.get("seeds", [])) or sorted({status.seed for status in results.scorecard.status})
    draws = int(run.get("draws", 1) or 1)
    seen = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({plain(seeds)})"
    noise = f"{draws} noise {'draw' if draws == 1 else 'draws'}{' each' if len(seeds) > 1 else ''}"
    return f"profile {run.get('profile', 'unknown')}, {seen}, {noise}"


def lead_paragraph(results: Results) -> str:
    """Say in one paragraph what was simulated.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
    """
    sample, optics, detector = (config_table(results, name) for name in ("sample", "optics", "detector"))
    origin = _run(results).get("sample")
    what = (
        f"A magnetization from {origin}"
        if origin
        else f"A Co/Pt multilayer with labyrinth domains ({_domains(sample)})"
    )
    holes = (
        f"{plain(optics.get('references'))} reference holes of {plain(optics.get('reference_min_nm'))}\u2013"
        f"{_nm(optics, 'reference_max_nm')}"
    )
    if optics.get("reference_kind") == "none" or optics.get("references") == 0:
        holes = "no reference hole"
    photons, pixels = (plain(detector.get(key)) for key in ("photons", "pixels"))
    return (
        f"{what} behind an opaque mask with a {_nm(optics, 'hole_nm')} object hole and {holes} is lit with soft "
        f"x-rays of both helicities at the Co L\u2083 edge. A detector of {pixels} \u00d7 "
        f"{pixels} pixels counts {photons} photons per helicity; one pixel of the reconstruction "
        f"is {_nm(optics, 'pixel_nm')}. Each method receives these counts and what an experimenter would know, "
        "nothing else. Its image is then scored against the magnetization that was put in."
    )


def _domains(sample: Mapping[str, Any]) -> str:
    width = f"\u03b4 = {_nm(sample, 'wall_width_nm')}"
    if sample.get("kind") == "relaxed":
        return f"relaxed by micromagnetism from a random state, for walls of {width}"
    return f"period {_nm(sample, 'period_nm')}, Kittel walls m_z = tanh(x/\u03b4), {width}"


def _nm(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if isinstance(value, int | float) and value >= 1000:
        return f"{value / 1000:g}\u00a0\u00b5m"
    return f"{plain(value)}\u00a0nm"


def key_parameters(results: Results) -> Grouped:
    """Give the most telling parameters, by group.

    Parameters
    ----------
    results : Results

    Returns
    -------
    tuple of (group, pairs of label and value)
    """
    drawn = _DRAWN if config_table(results, "sample").get("kind") == "relaxed" else ()
    unused = {*drawn, *(_FROM_FILM if "film" in results.config else ())}
    return grouped(results, _KEYS, _LABELS, unused=unused, special=_SPECIAL)


def grouped(
    results: Results,
    keys: Sequence[Group],
    labels: Mapping[str, str],
    *,
    unused: Collection[str] = (),
    special: Mapping[tuple[str, float], str] | None = None,
) -> Grouped:
    """Give those of some parameters that the configuration holds.

    Parameters
    ----------
    results : Results
    keys : sequence of Group
    labels : mapping
        Of keys that their names do not label well.
    unused : collection of str
        Keys that mean nothing in this run.
    special : mapping, optional
        Words for values of keys.

    Returns
    -------
    tuple of (group, pairs of label and value)
    """
    groups = []
    for heading, name, wanted in keys:
        own = config_table(results, name)
        pairs = tuple(
            _parameter(key, own[key], labels, special or {}) for key in wanted if key in own and key not in unused
        )
        if pairs:
            groups.append((heading, pairs))
    return tuple(groups)


def _parameter(
    key: str, value: Any, labels: Mapping[str, str], special: Mapping[tuple[str, float], str]
) -> tuple[str, str]:
    label, text = setting(key, value)
    words_for = special.get((key, value)) if isinstance(value, int | float) else None
    return labels.get(key, label), words_for or text


def headlines(results: Results, metrics: Sequence[tuple[str, str]] = _HEADLINES) -> tuple[Headline, ...]:
    """Give the leading method's numbers, each with the right value beside it.

    Parameters
    ----------
    results : Results
    metrics : sequence of (metric, label), optional
        By default those of holography.

    Returns
    -------
    tuple of Headline
    """
    found = []
    for metric, label in metrics:
        spread = results.spread(results.lead, metric)
        if spread is None or not spread.count:
            continue
        shown = describe(metric)
        found.append(Headline(label, value_text(spread, shown), shown.unit, _note(results, metric)))
    return tuple(found)


def _note(results: Results, metric: str) -> str:
    shown = describe(metric)
    if metric.endswith("half_period"):
        full = results.spread(results.lead, metric.replace("half", "full"))
        return f"full period {spread_text(full, shown)[0]} {shown.unit}" if full is not None else ""
    goal = target(results, metric)
    if not math.isfinite(goal):
        return ""
    return f"truth {number(goal * shown.scale, shown.decimals if shown.target is None else 0)} {shown.unit}".strip()


def settings(results: Run) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Give the whole configuration by table, with the keys as they are written in the file.

    Parameters
    ----------
    results : Run

    Returns
    -------
    tuple of (table, pairs of key and value)
    """
    return tuple(
        (name, tuple((str(key), plain(value)) for key, value in table.items()))
        for name, table in results.config.items()
        if isinstance(table, Mapping) and table
    )


def environment(results: Run) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Give command, machine, versions and times as stored by the run.

    Parameters
    ----------
    results : Run

    Returns
    -------
    tuple of (group, pairs of label and value)
    """
    stored = results.resources
    groups: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    command = stored.get("command")
    about = [("command", " ".join(str(part) for part in command))] if isinstance(command, list) and command else []
    about += [("date of the run", str(stored["date"]))] if "date" in stored else []
    if about:
        groups.append(("Run", tuple(about)))
    for heading, name in (("Machine", "machine"), ("Versions", "versions")):
        table = stored.get(name)
        if isinstance(table, Mapping) and table:
            groups.append((heading, tuple((words(str(key)), plain(value)) for key, value in sorted(table.items()))))
    cells = [cell for cell in stored.get("cells", []) if isinstance(cell, Mapping)]
    if cells:
        groups.append(("Time and peak memory of each cell", tuple(_effort(cell) for cell in cells)))
    return tuple(groups)


def _effort(cell: Mapping[str, Any]) -> tuple[str, str]:
    label = str(cell.get("cell") or f"{cell.get('method')}, seed {cell.get('seed')}, draw {cell.get('draw')}")
    seconds, peak = cell.get("seconds"), cell.get("peak_bytes")
    parts = [f"{number(float(seconds), 1)} s"] if isinstance(seconds, int | float) else []
    parts += [f"{number(peak / 1e9, 2)} GB"] if isinstance(peak, int | float) and peak else []
    return label, ", ".join([str(cell.get("state", "")), *parts])


def _run(results: Run) -> Mapping[str, Any]:
    return config_table(results, "run")


def config_table(results: Run, name: str) -> Mapping[str, Any]:
    """Give a table of the configuration, empty where there is none.

    Parameters
    ----------
    results : Run
    name : str

    Returns
    -------
    mapping
    """
    found = results.config.get(name)
    return found if isinstance(found, Mapping) else {}
