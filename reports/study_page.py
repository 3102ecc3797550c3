"""The page of a study: what was simulated, what came of it, every result, what is not done.

Contents: :func:`render`; :data:`STORIES`, the words and figures of each study by its name. A study without a story
gets its numbers and nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from records.scorecard import Row
from reports import hedgehog_pairs, pinning, summary, survival
from reports.drawings import Picture, drawn
from reports.grids import Grid
from reports.metrics import Metric, describe, number, plain
from reports.studies import Story, StudyResults
from reports.templating import fill

STORIES: Final[Mapping[str, Story]] = {
    "pinning-map": pinning.STORY,
    "hedgehog-survival": survival.STORY,
    "hedgehog-pairs": hedgehog_pairs.STORY,
}
_LISTED = 20
"""Points that are not done, listed one by one."""


def render(results: StudyResults) -> str:
    """Make the text of the page.

    Parameters
    ----------
    results : StudyResults

    Returns
    -------
    str
        HTML; the same results give the same text.
    """
    story = STORIES.get(results.name) if results.study is not None else None
    run = results.table("run")
    points = int(run.get("points", 0))
    seed = plain(run.get("seeds", []))
    return fill(
        "study.html.j2",
        title=summary.title(results),
        subtitle=f"profile {run.get('profile', 'unknown')}, seed {seed}, {points} points",
        lead=story.lead(results) if story else "Simulation alone: nothing is measured, nothing reconstructed.",
        headlines=story.headlines(results) if story else (),
        finding=story.finding(results) if story else "",
        figures=_pictures(results, story),
        results=_results(results, story.metrics if story else {}),
        unfinished=_unfinished(results),
        done=points - sum(bool(status.sweep) for status in results.unfinished),
        points=points,
        settings=summary.settings(results),
        environment=summary.environment(results),
    )


def _pictures(results: StudyResults, story: Story | None) -> list[Picture]:
    return drawn(story.drawings, results.study) if story and results.study is not None else []


def _results(results: StudyResults, known: Mapping[str, Metric]) -> Grid:
    rows = []
    for row in results.rows:
        how = known.get(row.metric) or describe(row.metric, row.unit)
        rows.append((how.label, *_shown(row, how), row.criterion))
    return Grid(("result", "value", "unit", "how it is found"), tuple(rows))


def _shown(row: Row, how: Metric) -> tuple[str, str]:
    value = math.nan if row.value is None else row.value * how.scale
    text = number(value, how.decimals)
    if row.uncertainty is not None:
        text += f" \u00b1 {number(row.uncertainty * how.scale, how.decimals)}"
    return text, how.unit or "1"


def _unfinished(results: StudyResults) -> Grid:
    rows = [
        (
            ", ".join(f"{name} {plain(value)}" for name, value in status.sweep.items()) or "the whole study",
            status.state,
            status.reason,
        )
        for status in results.unfinished
    ]
    if len(rows) > _LISTED:
        rows[_LISTED:] = [(f"{len(rows) - _LISTED} more", "", "")]
    return Grid(("point", "state", "reason"), tuple(rows))
