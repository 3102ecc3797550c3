"""The words at the head of a ptychographic page, and those of a sweep.

Contents: :func:`lead_paragraph`, :func:`key_parameters`; :data:`COLUMNS`, the table of methods;
:data:`STORY`, the page of a sweep over dose, overlap, coherence or corrupt frames.
"""

from __future__ import annotations

import math
from typing import Final

from reports.figure_scan_sweep import draw_curves, draw_images
from reports.metrics import Metric, describe, number, plain, value_text
from reports.results import Results
from reports.series import SeriesResults, SeriesStory, point_text
from reports.summary import Grouped, Headline, config_table, grouped

COLUMNS: Final = (
    ("nrmse", "", "Object error"),
    ("frc_truth.half_period", "frc_truth.full_period", "FRC with truth"),
    ("frc_halves.half_period", "frc_halves.full_period", "FRC of halves"),
    ("magnetic.nrmse", "", "Magnetic error"),
    ("magnetic.frc_truth.half_period", "magnetic.frc_truth.full_period", "Magnetic FRC"),
    ("magnetic.contrast", "", "Magnetic contrast"),
    ("probe_nrmse", "", "Probe error"),
    ("position_error", "", "Positions"),
    ("shift", "", "Shift"),
    ("faults.precision", "", "Faults: precision"),
    ("faults.recall", "", "Faults: recall"),
)
_KEYS: Final = (
    ("Sample", "sample", ("kind", "extent_nm", "thickness_nm", "texture_nm", "period_nm", "wall_width_nm", "repeats")),
    (
        "Optics",
        "optics",
        ("energy_ev", "polarization", "outer_zone_nm", "defocus_um", "defocus_error_um", "first_mode", "tilt_deg"),
    ),
    ("Scan", "scan", ("rows", "columns", "step_nm", "jitter_nm", "error_nm", "drift_nm")),
    ("Detector", "detector", ("photons", "pixels", "background_photons", "flux_walk")),
    ("Faults", "faults", ("corrupt_fraction",)),
)
_LABELS: Final = {
    "photons": "photons per frame at the sample",
    "pixels": "pixels a side",
    "first_mode": "first coherent mode",
    "corrupt_fraction": "share of corrupt frames",
    "error_nm": "unknown position error, rms",
    "texture_nm": "texture period",
}
_OF_KIND: Final = {
    "superlattice": ("period_nm", "wall_width_nm", "repeats"),
    "multilayer": ("extent_nm", "thickness_nm", "texture_nm"),
}


def lead_paragraph(results: Results) -> str:
    """Say in one paragraph what was simulated.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
    """
    sample, optics, scan, detector = (config_table(results, name) for name in ("sample", "optics", "scan", "detector"))
    what = (
        f"A block of nickel cast between silica spheres, {plain(sample.get('extent_nm'))} nm wide and "
        f"{plain(sample.get('thickness_nm'))} nm thick, magnetised at random,"
        if sample.get("kind") == "superlattice"
        else f"A Co/Pt multilayer with labyrinth domains of {plain(sample.get('period_nm'))} nm period"
    )
    photons, pixels = plain(detector.get("photons")), plain(detector.get("pixels"))
    return (
        f"{what} is scanned behind the focus of a zone plate ({plain(optics.get('outer_zone_nm'))} nm outer zones) "
        f"with soft x-rays of both helicities: {plain(scan.get('rows'))} \u00d7 {plain(scan.get('columns'))} "
        f"positions, {plain(scan.get('step_nm'))} nm apart, {photons} photons each at the sample. A detector of "
        f"{pixels} \u00d7 {pixels} pixels counts what is scattered; one pixel "
        f"of the reconstruction is {plain(optics.get('pixel_nm'))} nm. Each method receives these frames and what an "
        "experimenter would know, nothing else. Its images are then scored against the sample that was put in, in "
        "projection."
    )


def key_parameters(results: Results) -> Grouped:
    """Give the most telling parameters, by group.

    Parameters
    ----------
    results : Results

    Returns
    -------
    tuple of (group, pairs of label and value)
    """
    unused = _OF_KIND.get(str(config_table(results, "sample").get("kind")), ())
    return grouped(results, _KEYS, _LABELS, unused=unused)


_COLUMNS: Final = (
    ("nrmse", "object error"),
    ("frc_truth.half_period", "half period"),
    ("magnetic.nrmse", "magnetic error"),
    ("magnetic.frc_truth.half_period", "magnetic half period"),
    ("faults.recall", "recall of corrupt frames"),
)


def _metrics() -> dict[str, Metric]:
    found = {}
    for name, label in _COLUMNS:
        for end in ("best", "worst"):
            known = describe(name)
            found[f"sweep.{end}.{name}"] = Metric(f"{end} {label}", known.unit, known.scale, known.decimals)
    return found


def _lead(results: SeriesResults) -> str:
    swept = ", ".join(dict.fromkeys(name.replace("_", " ") for point in results.points for name in point))
    return f"{lead_paragraph(results.pool)} The experiment is repeated at {len(results.points)} values of: {swept}."


def _headlines(results: SeriesResults) -> tuple[Headline, ...]:
    found = []
    for point in (results.points[0], results.points[-1]):
        spread = results.at(point).spread(results.lead, "nrmse")
        if spread is not None and spread.count:
            value = value_text(spread, describe("nrmse"))
            found.append(Headline("object error", value, "", f"at {point_text(point)}"))
    return tuple(found)


def _finding(results: SeriesResults) -> str:
    values = results.along(results.lead, "nrmse", 1.0)[0].tolist()
    finite = [(value, point) for value, point in zip(values, results.points, strict=True) if math.isfinite(value)]
    if not finite:
        return ""
    best, worst = min(finite, key=lambda pair: pair[0]), max(finite, key=lambda pair: pair[0])
    return (
        f"{results.lead}: object error from {number(best[0], 3)} at {point_text(best[1])} to {number(worst[0], 3)} at "
        f"{point_text(worst[1])}."
    )


STORY: Final = SeriesStory(
    lead=_lead,
    headlines=_headlines,
    finding=_finding,
    drawings=(
        (
            "curves",
            "Fig. 1",
            draw_curves,
            "Errors and resolutions at every point, by method; bars: standard deviation over seeds and draws.",
            "Curves of the object error, the magnetic error and the resolutions against the swept parameter.",
        ),
        (
            "images",
            "Fig. 2",
            draw_images,
            "The magnetic image (the phase, where there is one helicity) in the middle of the scan at every point, by "
            "the leading method, on one scale.",
            "A row of images, one for each point of the sweep.",
        ),
    ),
    columns=tuple((f"sweep.{end}.{name}", f"{end} {label}") for name, label in _COLUMNS for end in ("best", "worst")),
    metrics=_metrics(),
    at_points=COLUMNS,
    key_parameters=key_parameters,
)
