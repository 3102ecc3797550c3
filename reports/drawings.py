"""Finished figures with their words, for any page.

Contents: :class:`Picture` (a figure as it stands on a page), :data:`Drawing` (how it is made) and :func:`drawn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.figure import Figure

from reports.style import context, to_svg


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes
    ----------
    name : str
        Anchor on the page.
    label : str
        Such as ``"Fig. 1"``.
    caption : str
        What a reader sees under it.
    alternative : str
        What a reader hears who does not see it.
    svg : bytes
        The image.
    """

    name: str
    label: str
    caption: str
    alternative: str
    svg: bytes


Subject = TypeVar("Subject")

Drawing = tuple[str, str, Callable[[Subject], Figure | None], str, str]
"""Name, label, function that draws, caption and alternative text of a figure."""


def drawn(plan: Iterable[Drawing[Subject]], subject: Subject) -> list[Picture]:
    """Draw every figure of a plan for which there is something to show.

    Parameters
    ----------
    plan : iterable of Drawing
    subject
        What the functions draw: the results of a run, of a sweep or of a study.

    Returns
    -------
    list of Picture
    """
    found = []
    with context():
        for name, label, draw, caption, alternative in plan:
            figure = draw(subject)
            if figure is not None:
                found.append(Picture(name, label, caption, alternative, to_svg(figure)))
    return found
