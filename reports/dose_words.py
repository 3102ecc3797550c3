"""The words of the page of ``dose``: resolution and wall width against photons.

Contents: :data:`STORY`.
"""

from __future__ import annotations

import math

from reports.figure_dose import draw_correlations, draw_curves, draw_patches
from reports.metrics import Metric, describe, number, plain, value_text
from reports.series import SeriesResults, SeriesStory, point_text
from reports.summary import Headline, lead_paragraph

_METRICS = {
    "dose.enough": Metric("dose that suffices", "photons", decimals=0),
    "dose.monotone": Metric("never worse with more photons", "%", 100, 0),
    "dose.largest_rise": Metric("largest rise of the half period", "%", 100, 1),
}


def _lead(results: SeriesResults) -> str:
    return (
        f"{lead_paragraph(results.pool)} The same light is detected {len(results.points)} times with rising dose, each "
        "time with noise of its own. After HAPRE, Optica 11, 234 (2024), Fig.\u00a02d."
    )


def _headlines(results: SeriesResults) -> tuple[Headline, ...]:
    last = results.at(results.points[-1])
    at_most = f"at {point_text(results.points[-1])}"
    found = [_enough(results)]
    for metric, label in (("frc_truth.half_period", "resolution, half period"), ("wall_width", "wall width \u03b4")):
        spread = last.spread(results.lead, metric)
        if spread is None or not spread.count:
            continue
        shown = describe(metric)
        truth = last.truth(metric)
        note = f"{at_most}; truth {number(truth.mean * shown.scale, shown.decimals)} nm" if truth else at_most
        found.append(Headline(label, value_text(spread, shown), shown.unit, note))
    return tuple(found)


def _enough(results: SeriesResults) -> Headline:
    rows = [row for row in results.pool.scorecard.rows if (row.method, row.metric) == (results.lead, "dose.enough")]
    reached = sorted(row.value for row in rows if row.value is not None and math.isfinite(row.value))
    value = "\u2013".join(dict.fromkeys(plain(dose) for dose in (reached[:1] + reached[-1:]))) or "none of them"
    note = rows[0].criterion if rows else ""
    if reached and len(reached) < len(rows):
        note = f"in {len(reached)} of {len(rows)} seeds and draws; {note}"
    return Headline("dose that suffices", value, "photons" if reached else "", note)


def _finding(results: SeriesResults) -> str:
    monotone = results.pool.spread(results.lead, "dose.monotone")
    if monotone is None or not monotone.count:
        return ""
    if monotone.mean == 1:
        return "No dose resolves less than a smaller one."
    rows = results.pool.scorecard.rows
    rises = [row.value for row in rows if (row.method, row.metric) == (results.lead, "dose.largest_rise")]
    largest = max((rise for rise in rises if rise is not None), default=math.nan)
    by = f", by {number(100 * largest, 1)}\u00a0% at most" if math.isfinite(largest) else ""
    return (
        f"In {number(100 * (1 - monotone.mean), 0)}\u00a0% of the seeds and draws some dose resolves less than a "
        f"smaller one{by}."
    )


STORY = SeriesStory(
    lead=_lead,
    headlines=_headlines,
    finding=_finding,
    drawings=(
        (
            "curves",
            "Fig. 1",
            draw_curves,
            "(a) Half period where the correlation with the truth (filled, solid) and between half sets (open, dashed) "
            "crosses the 1-bit threshold, against the photons detected. (b) Wall width from the mean profile of all "
            "walls; line: truth by the same estimator. Bars: standard deviation over seeds and draws.",
            "Resolution falling to the edge of the band and wall width against the number of photons, by method.",
        ),
        (
            "patches",
            "Fig. 2",
            draw_patches,
            "The middle of the object hole at every dose (detected photons per helicity above), each on the absolute "
            "scale of m_z, beside the truth.",
            "The same patch of the magnetization at rising dose, from noise to sharp domain walls, and the truth.",
        ),
        (
            "correlations",
            "Fig. 3",
            draw_correlations,
            "Correlation with the truth over rings of spatial frequency at every dose, dark to light from few to many "
            "photons; dots: crossing of the 1-bit threshold.",
            "Curves of the ring correlation with the truth over spatial frequency, one for each dose.",
        ),
    ),
    columns=(("dose.enough", "Dose that suffices"), ("dose.monotone", "Never worse")),
    metrics=_METRICS,
)
