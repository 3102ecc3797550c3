"""The words of the page on pairs of hedgehogs.

Contents: :data:`STORY`.
"""

from __future__ import annotations

import math

from records.scorecard import Row
from reports.figure_hedgehog_pairs import draw_curves, draw_pairs
from reports.metrics import Metric, number, plain
from reports.studies import Story, StudyResults
from reports.summary import Headline

_SOURCES = {"truth": "truth at the voxel", "projections": "projections", "frames": "frames of photons"}
_PER = {"projections": "per pixel", "frames": "per frame"}


class _Metrics(dict[str, Metric]):
    """Metrics whose names end in that of a curve, such as ``separation_95.projections.1e4``."""

    def get(self, name: str, default: Metric | None = None) -> Metric | None:  # type: ignore[override]
        """Give how a metric is printed, `default` where its first word is unknown."""
        first, _, curve = name.partition(".")
        if first.startswith("separation_"):
            return Metric(f"{first.removeprefix('separation_')} % told apart, {_words(curve)}", "nm", 1e9, 2)
        if first == "success":
            place, _, curve = curve.partition(".")
            return Metric(f"told apart at {place.removesuffix('nm')} nm, {_words(curve)}", "%", 100, 0)
        return default


def _words(curve: str) -> str:
    source, _, photons = curve.partition(".")
    return f"{_SOURCES.get(source, source)}, {photons} photons {_PER.get(source, '')}" if photons else _SOURCES[source]


def _lead(results: StudyResults) -> str:
    sample, wide, optics = (results.table(name) for name in ("sample", "wide", "optics"))
    block, wide_block = (" \u00d7 ".join(plain(length) for length in t.get("block_nm", [])) for t in (sample, wide))
    count, wide_count = (math.prod(table.get("cells", [0])) for table in (sample, wide))
    return (
        f"{count} pairs of a hedgehog and an anti-hedgehog at one separation, turned at random, lie in a block of "
        f"{block}\u00a0nm (z, y, x) of nickel spread evenly, a share of {plain(sample.get('share'))}; "
        f"{wide_count} in one of {wide_block}\u00a0nm where they are too far apart for that. A pair is told apart "
        "where the charge on a closed surface round both is 0, round the place of each alone +1 and \u22121. "
        f"It is looked for in the truth averaged to voxels of {plain(optics.get('pixel_nm'))}\u00a0nm, in what "
        f"{results.table('reconstruction').get('method')} makes of projections with noise, and of frames of photons "
        "where those were simulated."
    )


def _headlines(results: StudyResults) -> tuple[Headline, ...]:
    shown = []
    for row in results.rows:
        if row.metric.startswith("separation_"):
            share = row.metric.partition(".")[0].removeprefix("separation_")
            text = "\u2013" if row.value is None else number(row.value * 1e9, 1)
            note = _note(row)
            shown.append(Headline(f"{share} % told apart, {_words(row.metric.partition('.')[2])}", text, "nm", note))
    return tuple(shown)


def _note(row: Row) -> str:
    return row.criterion.partition("; ")[2]


def _finding(results: StudyResults) -> str:
    if results.study is None:
        return ""
    said = []
    for row in results.rows:
        if row.metric.startswith("success.") and row.value is not None:
            curve = row.metric.split(".", 2)[2]
            said.append(f"{number(100 * row.value, 0)}\u00a0% in {_words(curve)}")
    if not said:
        return ""
    return (
        f"At 10\u00a0nm, where the published test shows one pair, told apart are {'; '.join(said)}. The least "
        "separation is that of the fitted curve; its interval holds the statistics of the pairs and the step between "
        "the separations that were tried. Each volume has its own noise, all pairs of a volume share it."
    )


STORY = Story(
    lead=_lead,
    headlines=_headlines,
    finding=_finding,
    drawings=(
        (
            "curves",
            "Fig. 1",
            draw_curves,
            "(a) Pairs told apart against their separation, with 95 % intervals (Wilson) and fitted curves, logistic "
            "in the logarithm of the separation, whose upper end is free. Dashed: the share asked for; dotted: a "
            "voxel. (b) The least separation at which that share is reached, with its interval; where there is none, "
            "up to where it is not reached.",
            "Share of pairs recovered, rising with separation, for each source and noise level.",
        ),
        (
            "pairs",
            "Fig. 2",
            draw_pairs,
            "One pair of each volume in a plane through both hedgehogs, turned into one frame: spins far away point "
            "to the right and are white, those against them black, hue is the angle about the pair's axis. Circles: "
            "true places, positive red, negative blue. Where a pair is not told apart: the charges found round the "
            "positive, the negative and both.",
            "Slices through a pair of hedgehogs at several separations: sample, truth at the voxel, reconstructions.",
        ),
    ),
    metrics=_Metrics(),
)
