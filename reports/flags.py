"""Flags: what each method, or the scoring, distrusts of a result.

Contents: :func:`flags` (counts), :func:`flag_sentences`, :func:`flag_table`, :func:`disagreements` (half sets against
the truth).
"""

from __future__ import annotations

from reports.grids import Grid
from reports.metrics import number, words
from reports.results import CONTROLS, Results


def flags(results: Results, method: str) -> dict[str, tuple[int, int]]:
    """Count a method's flags.

    Parameters
    ----------
    results : Results
    method : str

    Returns
    -------
    dict
        Name -> (cells that raise it, cells that report it).
    """
    counts: dict[str, tuple[int, int]] = {}
    for row in results.scorecard.rows:
        if row.method == method and row.metric.startswith("flag.") and row.value is not None:
            name = row.metric.removeprefix("flag.")
            raised, total = counts.get(name, (0, 0))
            counts[name] = (raised + (row.value >= 0.5), total + 1)
    return counts


def flag_sentences(results: Results) -> tuple[tuple[str, str], ...]:
    """Say in a few words which flags each method raised.

    Parameters
    ----------
    results : Results

    Returns
    -------
    tuple of (method, text)
    """
    sentences = []
    for method in results.methods:
        counts = flags(results, method)
        raised = [f"{words(name)} ({n} of {total})" for name, (n, total) in counts.items() if n]
        if counts and method not in CONTROLS:
            sentences.append((method, "raised " + ", ".join(raised) if raised else "no flag raised"))
    return tuple(sentences)


def flag_table(results: Results) -> Grid:
    """Make the table of flags: the number behind each flag, and how often it was raised.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
    """
    counts = {method: flags(results, method) for method in results.methods}
    methods = [method for method in results.methods if counts[method]]
    names = dict.fromkeys(name for method in methods for name in counts[method])
    rows = tuple(
        (words(name), *(_flag_cell(results, method, name, counts[method]) for method in methods)) for name in names
    )
    return Grid(("flag", *methods), rows)


def _flag_cell(results: Results, method: str, name: str, counts: dict[str, tuple[int, int]]) -> str:
    if name not in counts:
        return ""
    raised, total = counts[name]
    value = results.spread(method, f"flag_value.{name}")
    text = number(value.mean, 3) if value is not None and value.count else ""
    return f"{text} \u2014 raised {raised} of {total}" if raised else text or "not raised"


def disagreements(results: Results) -> tuple[str, ...]:
    """Name the methods whose half sets and truth give resolutions that differ too much.

    Parameters
    ----------
    results : Results

    Returns
    -------
    tuple of str
        One sentence each.
    """
    found = []
    for method in results.methods:
        raised, total = flags(results, method).get("halves_disagree", (0, 0))
        halves = results.spread(method, "frc_halves.half_period")
        shown = results.spread(method, "frc_truth.half_period.of_halves")
        truth = shown or results.spread(method, "frc_truth.half_period")
        if raised and halves is not None and truth is not None and method not in CONTROLS:
            found.append(
                f"{method}: the half sets promise {number(halves.mean * 1e9, 2)} nm, the truth shows "
                f"{number(truth.mean * 1e9, 2)} nm half period ({number(halves.mean * 2e9, 2)} and "
                f"{number(truth.mean * 2e9, 2)} nm full period), in {raised} of {total} cells."
            )
    return tuple(found)
