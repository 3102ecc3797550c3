"""The page of a ptychographic run: probe, object, magnetic image, positions, error curves.

Contents: :func:`render`; :data:`HEADLINES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from matplotlib.figure import Figure

from reports import figure_convergence, figure_object, figure_probe, figure_scan, flags, grids, summary, tables
from reports.figures import Picture
from reports.ptychography_words import COLUMNS, key_parameters, lead_paragraph
from reports.results import CONTROLS, Results
from reports.style import context, to_svg
from reports.templating import fill

HEADLINES: Final = (
    ("nrmse", "object error"),
    ("frc_truth.half_period", "resolution, half period"),
    ("magnetic.frc_truth.half_period", "of the magnetic image"),
    ("magnetic.contrast", "magnetic contrast"),
    ("probe_nrmse", "probe error"),
    ("position_error", "error of the positions"),
)

_PLAN: Final[tuple[tuple[str, str, str, Callable[[Results], Figure | None], str, str], ...]] = (
    (
        "",
        "overview",
        "Overview",
        figure_object.draw_overview,
        "Phase of the object and half the difference of the optical densities of both helicities, which is "
        "proportional to the magnetization along the beam; truth beside the leading method. Over the magnetic image: "
        "half period of its correlation with the truth at the 1-bit threshold.",
        "Phase and magnetic image, truth beside the leading method.",
    ),
    (
        "The object",
        "objects",
        "Fig. 1",
        figure_object.draw_objects,
        "Amplitude and phase of the object of the first helicity in the scored box, truth first, and the modulus of "
        "the difference, after one rigid shift and a phase.",
        "Amplitude, phase and error of the object for each method.",
    ),
    (
        "The magnetic image",
        "magnetic",
        "Fig. 2",
        figure_object.draw_magnetic,
        "Half the difference of the optical densities of the two helicities on the truth's own scale, and its "
        "difference from the truth.",
        "Magnetic image and its difference from the truth for each method.",
    ),
    (
        "Probe, positions, frames",
        "probe",
        "Fig. 3",
        figure_probe.draw,
        "Orthogonal modes of the probe: lightness is amplitude, hue is phase; with their shares of the power.",
        "Modes of the probe, truth and methods.",
    ),
    (
        "Probe, positions, frames",
        "scan",
        "Fig. 4",
        figure_scan.draw,
        "(a) Errors of the positions as given and as found, enlarged, their common shift removed. (b) What the model "
        "leaves of each frame at its place, and the frames that were left out: rightly, missed, or for nothing. "
        "(c) Incident flux of each frame as found.",
        "Map of the errors of positions, map of the errors of frames, and flux.",
    ),
    (
        "Convergence and resolution",
        "convergence",
        "Fig. 5",
        figure_convergence.draw,
        "Fourier error of every epoch, and ring correlations with the truth (solid) and between odd and even frames "
        "(dotted), with the 1-bit threshold.",
        "Curves of error against epoch and of ring correlation against spatial frequency.",
    ),
)


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
    drawn = {picture.name: picture for picture in _pictures(results)}
    seed, draw = results.shown
    headings = dict.fromkeys(heading for heading, *_ in _PLAN if heading)
    sections = [
        (title, [name for heading, name, *_ in _PLAN if heading == title and name in drawn]) for title in headings
    ]
    return fill(
        "ptychography.html.j2",
        title=summary.title(results),
        subtitle=summary.subtitle(results),
        lead=lead_paragraph(results),
        key_parameters=key_parameters(results),
        headlines=summary.headlines(results, HEADLINES),
        leading=results.lead,
        table=tables.method_table(results, COLUMNS),
        cells=len(results.places),
        controls=CONTROLS,
        states=dict(Counter(status.state for status in results.scorecard.status)),
        sentences=flags.flag_sentences(results),
        disagreements=flags.disagreements(results),
        flags=flags.flag_table(results),
        gauge=grids.gauge_table(results),
        full=grids.full_table(results),
        settings=summary.settings(results),
        environment=summary.environment(results),
        figures=drawn,
        sections=sections,
        seed=seed,
        draw=draw,
    )


def _pictures(results: Results) -> list[Picture]:
    found = []
    with context():
        for _, name, label, draw, caption, alternative in _PLAN:
            figure = draw(results)
            if figure is not None:
                found.append(Picture(name, label, caption, alternative, to_svg(figure)))
    return found
