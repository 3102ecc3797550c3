"""The page of a ptychographic run: probe, object, magnetic image, positions, error curves.

Contents: :func:`render`; :data:`HEADLINES`.
"""

from __future__ import annotations

from typing import Final

from reports import figure_convergence, figure_object, figure_probe, figure_scan, run_page, summary, tables
from reports.drawings import Drawing, drawn
from reports.ptychography_words import COLUMNS, key_parameters, lead_paragraph
from reports.results import Results
from reports.templating import fill

HEADLINES: Final = (
    ("nrmse", "object error"),
    ("frc_truth.half_period", "resolution, half period"),
    ("magnetic.frc_truth.half_period", "of the magnetic image"),
    ("magnetic.contrast", "magnetic contrast"),
    ("probe_nrmse", "probe error"),
    ("position_error", "error of the positions"),
)

_PLAN: Final[tuple[Drawing[Results], ...]] = (
    (
        "overview",
        "Overview",
        figure_object.draw_overview,
        "Phase of the object and half the difference of the optical densities of both helicities, which is "
        "proportional to the magnetization along the beam; truth beside the leading method. Over the magnetic image: "
        "half period of its correlation with the truth at the 1-bit threshold.",
        "Phase and magnetic image, truth beside the leading method.",
    ),
    (
        "objects",
        "Fig. 1",
        figure_object.draw_objects,
        "Amplitude and phase of the object of the first helicity in the scored box, truth first, and the modulus of "
        "the difference, after one rigid shift and a phase.",
        "Amplitude, phase and error of the object for each method.",
    ),
    (
        "magnetic",
        "Fig. 2",
        figure_object.draw_magnetic,
        "Half the difference of the optical densities of the two helicities on the truth's own scale, and its "
        "difference from the truth.",
        "Magnetic image and its difference from the truth for each method.",
    ),
    (
        "probe",
        "Fig. 3",
        figure_probe.draw,
        "Orthogonal modes of the probe: lightness is amplitude, hue is phase; with their shares of the power.",
        "Modes of the probe, truth and methods.",
    ),
    (
        "scan",
        "Fig. 4",
        figure_scan.draw,
        "(a) Errors of the positions as given and as found, enlarged, their common shift removed. (b) What the model "
        "leaves of each frame at its place, and the frames that were left out: rightly, missed, or for nothing. "
        "(c) Incident flux of each frame as found.",
        "Map of the errors of positions, map of the errors of frames, and flux.",
    ),
    (
        "convergence",
        "Fig. 5",
        figure_convergence.draw,
        "Fourier error of every epoch, and ring correlations with the truth (solid) and between odd and even frames "
        "(dotted), with the 1-bit threshold.",
        "Curves of error against epoch and of ring correlation against spatial frequency.",
    ),
)

_SECTIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("The object", ("objects",)),
    ("The magnetic image", ("magnetic",)),
    ("Probe, positions, frames", ("probe", "scan")),
    ("Convergence and resolution", ("convergence",)),
)
"""Headings and the figures below them."""


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
    figures = {picture.name: picture for picture in drawn(_PLAN, results)}
    return fill(
        "ptychography.html.j2",
        lead=lead_paragraph(results),
        key_parameters=key_parameters(results),
        headlines=summary.headlines(results, HEADLINES),
        table=tables.method_table(results, COLUMNS),
        sections=[(heading, [name for name in names if name in figures]) for heading, names in _SECTIONS],
        **run_page.parts(results, figures),
    )
