"""The report of a run: one HTML page that needs nothing else.

Contents: :func:`write_report` (reads a run directory, writes ``report.html`` into it), :func:`render` (its text).

Images and the style sheet are part of the page. Nothing on it depends on when or where it is made.
"""

from __future__ import annotations

import re
import urllib.parse
from collections import Counter
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from records import store
from reports import flags, grids, summary, tables
from reports.figures import Picture, pictures
from reports.results import CONTROLS, Results, load

_NAME = "report.html"
# What may stand in a quoted address as it is; quoting less keeps the page small.
_SAFE = " =:/;,()!*'+-._~@$[]{}|"


def write_report(directory: str | Path) -> Path:
    """Write the report of a run directory, whole or not at all.

    Parameters
    ----------
    directory : path
        What a run wrote.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RecordError
        In one line: a file that is missing or damaged.
    OSError
        If the page cannot be written.
    """
    results = load(directory)
    page = Path(directory) / _NAME
    store.write_text(page, render(results))
    return page


def render(results: Results) -> str:
    """Make the text of the page.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
        HTML; the same results give the same text.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": inline, "symbols": symbols}
    drawn = {picture.name: picture for picture in pictures(results)}
    seed, draw = results.shown
    states = Counter(status.state for status in results.scorecard.status)
    style = (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        style=Markup(style),
        title=summary.title(results),
        subtitle=summary.subtitle(results),
        lead=summary.lead_paragraph(results),
        key_parameters=summary.key_parameters(results),
        headlines=summary.headlines(results),
        leading=results.lead,
        table=tables.method_table(results),
        cells=len(results.places),
        controls=CONTROLS,
        states=dict(states),
        sentences=flags.flag_sentences(results),
        disagreements=flags.disagreements(results),
        flags=flags.flag_table(results),
        pair=grids.pair_table(results, "hapre", "hapre+"),
        gauge=grids.gauge_table(results),
        full=grids.full_table(results),
        settings=summary.settings(results),
        environment=summary.environment(results),
        figures=drawn,
        seed=seed,
        draw=draw,
    )


def inline(picture: Picture) -> Markup:
    """Give a figure as the address of an image that carries its own data.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    Markup
        Safe inside double quotes.
    """
    return Markup("data:image/svg+xml," + urllib.parse.quote(picture.svg, safe=_SAFE))


def symbols(text: str) -> Markup:
    """Set the symbol m_z with its index below the line.

    Parameters
    ----------
    text : str
        Plain text.

    Returns
    -------
    Markup
        Escaped but for the symbol.
    """
    return Markup(re.sub(r"\bm_z\b", "<i>m</i><sub>z</sub>", str(escape(text))))
