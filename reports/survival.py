"""The words of a survival study's page.

Contents: :data:`STORY`.
"""

from __future__ import annotations

import math

from reports.figure_survival import draw
from reports.metrics import Metric, number, plain
from reports.studies import Story, StudyResults
from reports.summary import Headline

_METRICS = {
    "charges.first": Metric("hedgehogs of the random state", decimals=0),
    "time_to_100": Metric("time to 100 hedgehogs", "reduced", 1.0, 3),
    "time_to_10": Metric("time to 10 hedgehogs", "reduced", 1.0, 3),
    "time_to_none": Metric("time until none is left", "reduced", 1.0, 3),
    "time_to_published_density": Metric("time to the published density", "reduced", 1.0, 3),
    "survivors.plus": Metric("hedgehogs at the end", decimals=2),
    "survivors.minus": Metric("anti-hedgehogs at the end", decimals=2),
    "starts_with_survivors": Metric("starts with any left", "%", 100, 0),
    "decay_exponent": Metric("exponent of the decay", decimals=2),
    "largest_imbalance": Metric("largest imbalance of the signs", decimals=0),
    "time_unit": Metric("unit of time without damping factor", "ps", 1e12, 2),
    "nickel_share": Metric("share of nickel", "%", 100, 1),
}


def _lead(results: StudyResults) -> str:
    lattice, sweep = results.table("lattice"), results.table("sweep")
    block = " \u00d7 ".join(plain(length) for length in lattice.get("block_nm", []))
    return (
        f"Nickel fills the holes between close-packed silica spheres of {plain(lattice.get('diameter_nm'))}\u00a0nm; a "
        f"block of {block}\u00a0nm (z, y, x) starts from {plain(sweep.get('starts'))} random states. They relax by "
        "overdamped dynamics without temperature and without field. Hedgehogs and anti-hedgehogs annihilate or leave "
        "through surfaces; the number of both is counted on the way."
    )


def _headlines(results: StudyResults) -> tuple[Headline, ...]:
    shown = []
    for metric, label, note in (
        ("charges.first", "in the random state", "both signs, mean over the starts"),
        ("time_to_100", "time to 100", "reduced time"),
        ("time_to_10", "time to 10", "reduced time"),
        ("time_to_none", "time until none is left", "reduced time, of the starts that come there"),
        ("starts_with_survivors", "starts with any left", "at the end"),
    ):
        how = _METRICS[metric]
        text = number(results.value(metric) * how.scale, how.decimals if how.decimals < 3 else 2)
        if text != "\u2013":
            shown.append(Headline(label, text, how.unit if how.unit == "%" else "", note))
    return tuple(shown)


def _finding(results: StudyResults) -> str:
    share = results.value("starts_with_survivors")
    if math.isnan(share):
        return ""
    until = plain(results.table("relaxation").get("until"))
    if share == 0:
        left = f"None survives: at reduced time {until} every start has lost all of its hedgehogs."
    else:
        both = results.value("survivors.plus") + results.value("survivors.minus")
        left = (
            f"At reduced time {until} {number(100 * share, 0)}\u00a0% of the starts still hold any; "
            f"{number(both, 2)} are left in the mean, and their number still falls."
        )
    exponent = results.value("decay_exponent")
    law = "" if math.isnan(exponent) else f" Their number falls about as t to the power \u2212{number(exponent, 1)}."
    return (
        f"{left}{law} A relaxed superlattice of this geometry is not where hedgehogs are found: a sample with many "
        "of them is stopped on the way or holds them by force, and is no equilibrium state. The reduced time is in "
        f"units of (1 + \u03b1\u00b2)/\u03b1 times {number(1e12 * results.value('time_unit'), 1)}\u00a0ps for the "
        "damping \u03b1."
    )


STORY = Story(
    lead=_lead,
    headlines=_headlines,
    finding=_finding,
    drawings=(
        (
            "survival",
            "Fig. 1",
            draw,
            "(a) Hedgehogs (charge +1, red) and anti-hedgehogs (\u22121, blue) of each start against time, and the "
            "mean of both together with its standard deviation (band). A curve ends where its last charge goes. "
            "Dashed: the density of the published block, 138 charges in 480 \u00d7 480 \u00d7 150\u00a0nm. (b) "
            "Share of the starts in which any charge is left.",
            "Number of hedgehogs against time on logarithmic axes, falling to none, and the share of starts with "
            "any left.",
        ),
    ),
    metrics=_METRICS,
)
