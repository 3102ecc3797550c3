"""Templates of pages: filled with text, pictures carried inside.

Contents: :func:`fill`, and the filters of the templates: :func:`inline` (a picture), :func:`symbols` (m_z).
"""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from reports.drawings import Picture

# What may stand in a quoted address as it is; quoting less keeps the page small.
_SAFE = " =:/;,()!*'+-._~@$[]{}|"


def fill(template: str, **values: Any) -> str:
    """Fill a template of this room, with the style sheet at hand as ``style``.

    Parameters
    ----------
    template : str
        File in ``templates``.
    **values
        What the template names; all of them.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"inline": inline, "symbols": symbols}
    style = (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(style=Markup(style), **values)


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
