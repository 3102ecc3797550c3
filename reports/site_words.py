"""The words of the page of ``pinning``: sites in several field states, and a damaged area.

Contents: :data:`STORY`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from reports.figure_damage import draw as draw_damage
from reports.figure_site_kinds import draw_kinds
from reports.figure_sites import draw_states, draw_walls
from reports.metrics import Metric, number, plain, value_text
from reports.series import SeriesResults, SeriesStory, point_text
from reports.summary import Headline

_METRICS = {
    "sites.found": Metric("sites found", decimals=0),
    "sites.visible": Metric("visible true sites", decimals=0),
    "sites.recall": Metric("recall of visible sites", "%", 100, 0),
    "sites.recall.all": Metric("recall of all sites", "%", 100, 0),
    "sites.precision": Metric("precision", "%", 100, 0),
    "sites.position_error": Metric("position error", "nm", 1e9, 1),
    "kinds.accuracy": Metric("kinds right", "%", 100, 0),
    "kinds.undecided": Metric("kinds undecided", "%", 100, 0),
    "walls.median_error": Metric("local \u03b4, median error", "%", 100, 1),
    "walls.coverage": Metric("coverage of 68 % intervals", "%", 100, 0),
    "states.shift_error": Metric("registration error", "nm", 1e9, 2),
    "damage.period_ratio": Metric("period, damaged / beside", decimals=2),
    "damage.period_ratio.removed": Metric("period, damaged / beside, field removed", decimals=2),
    "damage.contrast_ratio": Metric("contrast, damaged / beside", decimals=2),
    "damage.growth": Metric("growth of the reversed domains", decimals=2),
}
_COLUMNS = (
    ("sites.found", "Sites found"),
    ("sites.recall", "Recall"),
    ("sites.precision", "Precision"),
    ("sites.position_error", "Position error"),
    ("kinds.accuracy", "Kinds right"),
    ("kinds.undecided", "Undecided"),
    ("walls.median_error", "Local \u03b4, error"),
    ("walls.coverage", "68 % cover"),
    ("damage.period_ratio", "Period, damage"),
    ("damage.contrast_ratio", "Contrast, damage"),
    ("damage.growth", "Growth"),
)


def _lead(results: SeriesResults) -> str:
    defects, damage, optics = (results.table(name) for name in ("defects", "damage", "optics"))
    states = [point_text(point) for point in results.points if not point_text(point).startswith("damaged")]
    text = (
        f"A Co/Pt film has {plain(defects.get('per_square_um'))} pinning sites per \u00b5m\u00b2, discs of "
        f"{plain(defects.get('diameter_nm'))}\u00a0nm in which every other one has a lowered anisotropy, the others a "
        f"raised DMI. Micromagnetism takes it through fields; {len(states)} states ({'; '.join(states)}) are imaged "
        f"through a {plain(optics.get('hole_nm'))}\u00a0nm hole with both helicities. Each method receives the counts "
        "of one state at a time. Its images are registered to one another by the hole, sites are looked for in all of "
        "them together and told apart by the walls\u2019 width there, all without the truth; then they are compared "
        "with the sites that were put in."
    )
    if damage.get("imaged"):
        text += (
            f" Another region holds an area of {plain(damage.get('diameter_nm'))}\u00a0nm as laser pulses damage it, "
            f"imaged in {plain(damage.get('field_mt'))}\u00a0mT and after the field is removed."
        )
    return text + " After HAPRE, Optica 11, 234 (2024), Fig.\u00a03."


def _headlines(results: SeriesResults) -> tuple[Headline, ...]:
    visible = _total(results, lambda pooled: pooled["true_visible"].values)
    found = _total(results, lambda pooled: pooled["found_true_site"].values >= -1)
    matched = _total(results, lambda pooled: pooled["found_true_site"].values >= 0)
    compared = _total(results, _compared)
    return tuple(
        Headline(label, value, _METRICS[metric].unit, note)
        for metric, label, note in (
            ("sites.recall", "recall", f"of {_sites(visible)} that an image can show"),
            ("sites.precision", "precision", f"of {_sites(found)} found"),
            ("kinds.accuracy", "kinds told right", f"of {_sites(matched)} found that {_are(matched)} true"),
            ("walls.median_error", "error of the local \u03b4", f"median over {compared} points of wall"),
        )
        if (value := _value(results, metric))
    )


def _total(results: SeriesResults, which: Callable[[xr.Dataset], Any]) -> int:
    """Count what is true in the records of all seeds and draws of the leading method."""
    return sum(int(np.sum(which(case.scored))) for case in results.cases if case.method == results.lead)


def _compared(pooled: xr.Dataset) -> Any:
    return np.isfinite(pooled["wall_truth"].values)


def _value(results: SeriesResults, metric: str) -> str:
    spread = results.pool.spread(results.lead, metric)
    if spread is None or not spread.count:
        return ""
    return value_text(spread, _METRICS[metric])


def _finding(results: SeriesResults) -> str:
    sentences = []
    cases = [case for case in results.cases if case.method == results.lead]
    false = _total(results, lambda pooled: pooled["found_true_site"].values == -1)
    if cases:
        beyond = "None of the sites found is" if not false else f"{false} of the sites found {_are(false)}"
        sentences.append(f"{beyond} where no site is.")
    undecided, position = (_value(results, metric) for metric in ("kinds.undecided", "sites.position_error"))
    if position:
        sentences.append(f"Found sites lie {position}\u00a0nm from the true ones on average.")
    if undecided not in ("", "0"):
        sentences.append(
            f"{undecided}\u00a0% of the kinds stay undecided, because no wall passes the site or its width is not "
            "known well enough; undecided does not count as right."
        )
    ratio, truth = results.pool.spread(results.lead, "damage.period_ratio"), results.truth("damage.period_ratio")
    if ratio is not None and ratio.count and truth is not None:
        sentences.append(
            f"In the damaged area the domains\u2019 period is {number(ratio.mean, 2)} of that beside it "
            f"(truth {number(truth.mean, 2)})."
        )
    return " ".join(sentences)


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


STORY = SeriesStory(
    lead=_lead,
    headlines=_headlines,
    finding=_finding,
    drawings=(
        (
            "states",
            "Fig. 1",
            draw_states,
            "Out-of-plane magnetization m_z of every state where sites are looked for. Above: the images, with the "
            "sites found in all of them together. Rings as in Fig. 3g of the paper: solid where the walls are as wide "
            "as elsewhere, dashed where they are wider, dotted above 20 nm; thin grey: undecided. Below: the truth "
            "with the sites that were put in; open marks lower |m_z| too little or in too few states to be seen.",
            "Images of the magnetization in several fields with rings at the pinning sites found, above the true "
            "images with marks at the true sites.",
        ),
        (
            "walls",
            "Fig. 2",
            draw_walls,
            "Local width of the walls of the state with most of them, as Fig. 3g of the paper: each line is centred on "
            "a wall, perpendicular to it, reaches \u03b4 to either side and has the colour of \u03b4. (a) Image with "
            "the sites found. (b) Truth at the same points, with the true sites. (c) Distribution of \u03b4 along the "
            "walls of all states; dashed: medians.",
            "One state in grey with coloured lines across its domain walls, the same of the truth, and a "
            "histogram of the local wall width.",
        ),
        (
            "damage",
            "Fig. 3",
            draw_damage,
            "The damaged area (dashed: where domains are measured in it) in the field in which its domains formed, "
            "and after the field is removed; image beside truth. Ratios: domain period and contrast inside over "
            "those beside, in the field, and how what is magnetized against it grows when it goes; dots: methods, "
            "lines: truth.",
            "Images of a laser-damaged area in a field and after it, beside the truth, and ratios of domain periods.",
        ),
        (
            "kinds",
            "Fig. 4",
            draw_kinds,
            "(a) Width of the walls at each site found, with its error; marks by the true kind, bands by the kind that "
            "it is taken for; white: undecided. (b) Local signal-to-noise ratio of each true site in the image; those "
            "above the dashed line count as visible.",
            "Wall width at each site with error bars and bands that tell the kinds apart, and the signal-to-noise "
            "ratio of the true sites, found and missed.",
        ),
    ),
    columns=_COLUMNS,
    metrics=_METRICS,
)
