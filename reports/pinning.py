"""The words of a pinning map's page.

Contents: :data:`STORY`.
"""

from __future__ import annotations

import math

from reports.figure_pinning import draw_lines, draw_map
from reports.metrics import Metric, number, plain
from reports.studies import Story, StudyResults
from reports.summary import Headline

_BAR, _CORRELATED = 0.98, 0.8


def _lead(results: StudyResults) -> str:
    film, defect, relaxation = (results.table(name) for name in ("film", "defect", "relaxation"))
    return (
        f"A Co/Pt film as an effective medium ({plain(film.get('extent_nm'))}\u00a0nm, periodic, "
        f"{plain(film.get('thickness_nm'))}\u00a0nm thick) has a disc of {plain(defect.get('diameter_nm'))}\u00a0nm in "
        f"which the effective anisotropy and the DMI differ. From {plain(relaxation.get('starts'))} random states it "
        f"is relaxed in {plain(relaxation.get('field_mt'))}\u00a0mT. The film saturates; the map shows m_z at the "
        "defect\u2019s centre, as Fig.\u00a04b of the holography paper (Optica 11, 234 (2024)) does."
    )


def _headlines(results: StudyResults) -> tuple[Headline, ...]:
    starts = plain(results.table("relaxation").get("starts"))
    shown = (
        Headline(
            "m_z without a defect", number(results.value("star.m_z"), 4), "", f"median of {starts} starts; bar {_BAR}"
        ),
        Headline(
            "rank correlation with Keff",
            _signed(results.value("rank_correlation.keff")),
            "",
            "mean of the starts, at the film\u2019s D",
        ),
        Headline(
            "rank correlation with D",
            _signed(results.value("rank_correlation.dmi")),
            "",
            "mean of the starts, at the film\u2019s Keff",
        ),
        Headline(
            "wall width \u03b4", number(1e9 * results.value("wall_width"), 2), "nm", "measured, film without a defect"
        ),
        Headline("points with lowered m_z", number(100 * results.value("lowered_share"), 0), "%", "median below 0.98"),
    )
    return tuple(item for item in shown if item.value != "\u2013")


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value, 2)


def _finding(results: StudyResults) -> str:
    value = results.value
    sentences = []
    if not math.isnan(value("star.m_z")):
        kept = "saturates" if value("star.m_z.lowest") > _BAR else "does not saturate from every start"
        sentences.append(f"The film without a defect {kept}: its lowest m_z is {number(value('star.m_z.lowest'), 4)}.")
    keff, dmi = value("keff.lowering"), value("dmi.lowering")
    if not math.isnan(keff):
        sentences.append(
            f"At the film\u2019s D the centre is lowered from Keff = {number(1e-3 * keff, 0)}\u00a0kJ/m\u00b3 down"
            + (
                ": the disc has then lost its easy axis, and a weaker anisotropy alone does not hold a texture."
                if keff < 0
                else "."
            )
        )
    if not math.isnan(dmi):
        sentences.append(f"At the film\u2019s Keff it is lowered from D = {number(1e3 * dmi, 2)}\u00a0mJ/m\u00b2 up.")
    follows = value("rank_correlation.keff") > _CORRELATED and value("rank_correlation.dmi") < -_CORRELATED
    sentences.append(
        "m_z falls with lower Keff and with higher D, each altered alone."
        if follows
        else f"The rank correlations along the two lines through the star are not both beyond {_CORRELATED}."
    )
    if not math.isnan(value("multistable_share")):
        sentences.append(
            f"At {number(100 * value('multistable_share'), 0)}\u00a0% of the points the starts end in different "
            "textures: there the median stands beside its spread."
        )
    if not math.isnan(value("wall_width.dmi_deviation")):
        sentences.append(
            "The width of walls depends on D by at most "
            f"{number(100 * value('wall_width.dmi_deviation.neel'), 1)}\u00a0% as long as they are Neel walls; over "
            "all walls, with those that a weak D leaves partly Bloch, by "
            f"{number(100 * value('wall_width.dmi_deviation'), 1)}\u00a0%."
        )
    return " ".join(sentences)


_PARTS = (
    ("", ""),
    (".median", ", medians"),
    (".lines", ", all lines"),
    (".whole", ", whole map"),
    (".partial", ", partial"),
)
_METRICS = {
    "star.m_z": Metric("m_z without a defect", decimals=4),
    "star.m_z.lowest": Metric("m_z without a defect, lowest", decimals=4),
    "keff.lowering": Metric("Keff that lowers m_z", "kJ/m\u00b3", 1e-3, 1),
    "dmi.lowering": Metric("D that lowers m_z", "mJ/m\u00b2", 1e3, 3),
    "lowered_share": Metric("points with lowered m_z", "%", 100, 1),
    "multistable_share": Metric("points of several textures", "%", 100, 1),
    "wall_width": Metric("wall width \u03b4", "nm", 1e9, 2),
    "wall_width.formula": Metric("wall width \u03b4, formula", "nm", 1e9, 2),
    "wall_width.dmi_deviation": Metric("effect of D on \u03b4", "%", 100, 1),
    "wall_width.dmi_deviation.neel": Metric("effect of D on \u03b4, Neel walls", "%", 100, 1),
    "evaluations": Metric("field evaluations", decimals=0),
    "torque.largest": Metric("largest torque", decimals=4),
} | {
    f"rank_correlation.{name}{part}": Metric(f"rank correlation with {symbol}{words}", decimals=2)
    for name, symbol in (("keff", "Keff"), ("dmi", "D"))
    for part, words in _PARTS
}

STORY = Story(
    lead=_lead,
    headlines=_headlines,
    finding=_finding,
    drawings=(
        (
            "map",
            "Fig. 1",
            draw_map,
            "(a) m_z at the centre of the defect (mean over 3 \u00d7 3 cells), median over the random starts, "
            "against Keff and D inside it. Star: the film itself, no defect. Light lines: measured wall width "
            "\u03b4 of a uniform film of that material, where it has walls between perpendicular domains. Dashed: "
            "Keff = 0. (b) Standard deviation over the starts. (c\u2013f) States of the marked points whose centre "
            "is the median; dashed circle: the defect.",
            "Map of m_z at the defect's centre over anisotropy and DMI with contours of the wall width and a star "
            "at the defect-free film, a map of its spread, and images of m_z at four points.",
        ),
        (
            "lines",
            "Fig. 2",
            draw_lines,
            "(a, b) m_z at the centre along the two lines of the map through the star: one parameter altered, the "
            "other the film\u2019s; vertical line: the film. (c) Measured width of straight walls in uniform films "
            "for the D of the map (dark to light: low to high), and the formula.",
            "Curves of m_z at the defect's centre against anisotropy and against DMI, and wall widths against "
            "anisotropy.",
        ),
    ),
    metrics=_METRICS,
)
